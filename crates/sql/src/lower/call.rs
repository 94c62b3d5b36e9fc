//! Aggregate calls, and the columns that an aggregation reads.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use sloth_plan::guard::only_where;
use sloth_plan::{AggregateCall, CallOrder};
use sloth_types::{Error, Result};

use super::relation::Relation;
use super::{Lowering, internal, strip_alias};
use crate::functions::frequent_wish;

/// The columns that the aggregation reads, computed before it.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) exprs: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) fields: Vec<Field>,
    /// Which of them are the keys.
    pub(super) keys: Vec<usize>,
    /// Grouping sets put NULL in the place of keys: what else is read needs a column of its own.
    pub(super) keys_vary: bool,
}

impl Columns {
    pub(super) fn add(&mut self, expr: Arc<dyn PhysicalExpr>, data_type: DataType) -> usize {
        // The same expression serves several calls.
        let text = expr.to_string();
        let free = |column: &usize| !(self.keys_vary && self.keys.contains(column));
        let equal = |column: &usize| {
            self.exprs.get(*column).is_some_and(|e| e.to_string() == text && e.as_ref() == expr.as_ref())
        };
        let same = (0..self.exprs.len()).filter(free).find(equal);
        same.unwrap_or_else(|| {
            self.fields.push(Field::new(format!("c{}", self.fields.len()), data_type, true));
            self.exprs.push(expr);
            self.exprs.len() - 1
        })
    }
}

impl Lowering<'_> {
    /// A call over `input`; its arguments are added to `columns`.
    pub(super) fn call(
        &self,
        input: &Relation,
        expr: &Expr,
        output: &Field,
        columns: &mut Columns,
    ) -> Result<AggregateCall> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = strip_alias(expr) else {
            return Err(Error::unsupported(format!("{expr} is not an aggregate function")));
        };
        self.check_sketch(input, func.name(), &params.args)?;
        let schema = self.schema_of(input.node);
        let mut call = AggregateCall {
            function: Arc::clone(func),
            args: vec![],
            distinct: params.distinct,
            filter: None,
            output: Arc::new(output.clone()),
            sql: strip_alias(expr).to_string(),
            arg_exprs: vec![],
            arg_fields: vec![],
            order: vec![],
            by_content: input.exchanged,
            ignore_nulls: params.null_treatment == Some(NullTreatment::IgnoreNulls),
        };
        let counts_rows = func.name() == "count"
            && !params.distinct
            && matches!(params.args.as_slice(), [] | [Expr::Literal(_, _)])
            && !params.args.iter().any(|a| matches!(a, Expr::Literal(v, _) if v.is_null()));
        let filter = params.filter.as_ref().map(|filter| self.compile(input, filter)).transpose()?;
        if !counts_rows {
            for (i, arg) in params.args.iter().enumerate() {
                let compiled = only_where(filter.as_ref(), self.compile(input, arg)?, &schema).map_err(internal)?;
                let data_type = compiled.data_type(&schema).map_err(internal)?;
                let name = format!("a{i}");
                call.arg_exprs.push(match arg {
                    Expr::Literal(_, _) => Arc::clone(&compiled),
                    _ => Arc::new(ColumnExpr::new(&name, i)),
                });
                call.arg_fields.push(Field::new(&name, data_type.clone(), true));
                call.args.push(columns.add(compiled, data_type));
            }
        }
        for sort in &params.order_by {
            let compiled = self.compile(input, &sort.expr)?;
            let data_type = compiled.data_type(&schema).map_err(internal)?;
            call.order.push(CallOrder {
                column: columns.add(compiled, data_type.clone()),
                data_type,
                descending: !sort.asc,
                nulls_first: sort.nulls_first,
            });
        }
        call.filter = filter.map(|filter| columns.add(filter, DataType::Boolean));
        Ok(call)
    }

    /// A sketch cannot forget what it has seen, and has its size from a literal.
    fn check_sketch(&self, input: &Relation, function: &str, args: &[Expr]) -> Result<()> {
        let exact = match function {
            "approx_distinct" => "COUNT(DISTINCT x)",
            "approx_percentile_cont_with_weight" => "PERCENTILE_CONT(p) WITHIN GROUP (ORDER BY x)",
            "approx_top_k" | "approx_heavy_hitters" => {
                if let Err(usage) = frequent_wish(function, args.get(1)) {
                    let what = format!("the second argument of '{}' is out of its range", function.to_uppercase());
                    return Err(self.refuse_text(&what, function, usage));
                }
                "GROUP BY x with COUNT(*) AS n, and ROW_NUMBER() OVER (ORDER BY n DESC) <= k"
            }
            "approx_percentile_cont" => {
                let share = args.get(1).map(strip_alias);
                let within = match share {
                    Some(Expr::Literal(value, _)) => match value.cast_to(&DataType::Float64) {
                        Ok(ScalarValue::Float64(Some(share))) => (0.0..=1.0).contains(&share),
                        _ => false,
                    },
                    _ => false,
                };
                return match within {
                    true => Ok(()),
                    false => Err(self.refuse_text(
                        "the percentile is not a number from 0 to 1",
                        function,
                        "Write APPROX_PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY x).",
                    )),
                };
            }
            _ => return Ok(()),
        };
        if !input.changes() {
            return Ok(());
        }
        Err(self.refuse_text(
            &format!("{} over rows that change: a sketch cannot take back what it has seen", function.to_uppercase()),
            function,
            &format!("Write {exact}, which is exact."),
        ))
    }
}
