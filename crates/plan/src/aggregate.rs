//! One aggregate function call of an aggregation.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::logical_expr::AggregateUDF;

/// A call such as `SUM(DISTINCT a) FILTER (WHERE b)`, with its arguments already columns of the input.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// The function. The engine has kernels of its own for `count`, `sum`, `avg`, `min`, `max` and runs the rest through
    /// DataFusion's accumulators.
    pub function: Arc<AggregateUDF>,
    /// Argument columns of the input.
    pub args: Vec<usize>,
    /// True for `DISTINCT`: equal argument values count once.
    pub distinct: bool,
    /// Boolean column of the input: rows where it is not true do not count.
    pub filter: Option<usize>,
    /// Name and type of the result.
    pub output: FieldRef,
    /// The call as SQL, for EXPLAIN.
    pub sql: String,
    /// Argument expressions over the input, for functions that look at literals (a percentile, a separator).
    pub arg_exprs: Vec<Arc<dyn datafusion::physical_plan::PhysicalExpr>>,
    /// Types of the arguments.
    pub arg_fields: Vec<Field>,
}

impl AggregateCall {
    /// True when the result depends on the order in which rows arrive, so that rows must be brought into the canonical
    /// order first and cannot be aggregated before the exchange. Statistics are among them: their floating-point state
    /// rounds differently when it is merged from parts.
    pub fn order_sensitive(&self) -> bool {
        let name = self.function.name();
        matches!(
            name,
            "array_agg" | "string_agg" | "listagg" | "first_value" | "last_value" | "nth_value" | "var" | "var_pop"
        ) || ["stddev", "covar_", "corr", "regr_", "approx_percentile_cont", "approx_median"]
            .iter()
            .any(|family| name.starts_with(family))
    }

    /// The result's type.
    pub fn output_type(&self) -> &DataType {
        self.output.data_type()
    }
}
