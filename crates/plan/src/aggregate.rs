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
    /// `ORDER BY` inside the call.
    pub order: Vec<CallOrder>,
    /// Rows of a group have no order of their own (they went through an exchange): functions that depend on one get
    /// them in the order of their content.
    pub by_content: bool,
    /// `IGNORE NULLS`: rows whose first argument is NULL do not count.
    pub ignore_nulls: bool,
}

/// A column that the rows of a call are sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOrder {
    /// Column of the input.
    pub column: usize,
    /// Its type.
    pub data_type: DataType,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST`.
    pub nulls_first: bool,
}

impl AggregateCall {
    /// True when the result depends on the order of the rows. Statistics are among them: their floating-point state
    /// rounds differently when rows come in another order.
    pub fn order_matters(&self) -> bool {
        let name = self.function.name();
        matches!(
            name,
            "array_agg"
                | "string_agg"
                | "listagg"
                | "first_value"
                | "last_value"
                | "nth_value"
                | "any_value"
                | "var"
                | "var_pop"
        ) || ["stddev", "covar_", "corr", "regr_", "approx_percentile_cont_with_weight", "approx_top_k", "approx_heavy"]
            .iter()
            .any(|family| name.starts_with(family))
    }

    /// True when the rows have to be put in order by the accumulator: by `ORDER BY`, or by content.
    pub fn sorts(&self) -> bool {
        // A percentile's order only says from which end it counts.
        let ordered = !self.order.is_empty() && self.function.name() != "approx_percentile_cont";
        ordered || (self.by_content && self.order_matters())
    }

    /// True when the result depends on the order in which rows arrive, so that rows must be brought into the canonical
    /// order first and cannot be aggregated before the exchange.
    pub fn order_sensitive(&self) -> bool {
        self.order_matters() && !self.sorts()
    }

    /// True for `COUNT(*)`.
    pub fn counts_rows(&self) -> bool {
        self.function.name() == "count" && self.args.is_empty() && self.filter.is_none() && !self.distinct
    }

    /// True when it pays to aggregate the rows of a worker before the exchange: the state is small whatever the number
    /// of rows. `retracts` tells that rows may be taken back.
    pub fn two_phase(&self, retracts: bool) -> bool {
        if retracts {
            return !self.distinct
                && matches!(
                    self.function.name(),
                    "count" | "sum" | "avg" | "bool_and" | "bool_or" | "approx_percentile_cont" | "approx_median"
                );
        }
        !self.order_sensitive() && !self.sorts()
    }

    /// The result's type.
    pub fn output_type(&self) -> &DataType {
        self.output.data_type()
    }
}
