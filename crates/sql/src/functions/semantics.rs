//! Casts and operators where Flink differs from DataFusion, rewritten after types are known.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::{FunctionRewrite, NamePreserver};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Cast, Expr, ExprSchemable, GroupingSet, LogicalPlan, Operator, ScalarUDF, TryCast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::SessionContext;

use super::{comparisons, text_casts};

/// The rule. It holds the functions that it writes.
#[derive(Debug)]
pub(crate) struct FlinkSemantics {
    text: Arc<ScalarUDF>,
    whole_part: Arc<ScalarUDF>,
    to_local: Arc<ScalarUDF>,
    to_instant: Arc<ScalarUDF>,
}

impl FlinkSemantics {
    /// The rule over the functions of a session.
    pub(crate) fn new(context: &SessionContext) -> Result<Self> {
        Ok(FlinkSemantics {
            text: context.udf("$text")?,
            whole_part: context.udf("$whole_part")?,
            to_local: context.udf("$to_local")?,
            to_instant: context.udf("$to_instant")?,
        })
    }

    /// Rewrites an expression whose types are coerced.
    pub(crate) fn rewrite_expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        expr.transform_up(|expr| match &expr {
            Expr::Cast(cast) => {
                let from = cast.expr.get_type(schema)?;
                let to = cast.field.data_type().clone();
                Ok(match self.cast(cast, &from, &to) {
                    Some(new) => Transformed::yes(new),
                    None => Transformed::no(expr),
                })
            }
            Expr::TryCast(cast) if cast.field.data_type().is_signed_integer() && !self.is_whole_part(&cast.expr) => {
                Ok(match cast.expr.get_type(schema)? {
                    DataType::Utf8 => {
                        let whole = Box::new(call(&self.whole_part, vec![cast.expr.as_ref().clone()]));
                        Transformed::yes(Expr::TryCast(TryCast::new(whole, cast.field.data_type().clone())))
                    }
                    _ => Transformed::no(expr),
                })
            }
            // The smallest whole number has no opposite: as in every other operation, it wraps.
            Expr::Negative(value) => Ok(match value.get_type(schema)? {
                t if t.is_signed_integer() && !matches!(value.as_ref(), Expr::Literal(..)) => {
                    let zero = Box::new(Expr::Literal(ScalarValue::new_zero(&t)?, None));
                    Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(zero, Operator::Minus, value.clone())))
                }
                _ => Transformed::no(expr),
            }),
            _ => Ok(match comparisons::without_sign_of_zero(&expr, schema)? {
                Some(new) => Transformed::yes(new),
                None => Transformed::no(expr),
            }),
        })
    }

    /// The rule may see what it has written.
    fn is_whole_part(&self, value: &Expr) -> bool {
        matches!(value, Expr::ScalarFunction(f) if f.func == self.whole_part)
    }

    fn cast(&self, cast: &Cast, from: &DataType, to: &DataType) -> Option<Expr> {
        let value = cast.expr.as_ref();
        match (from, to) {
            (from, DataType::Utf8) if text_casts::writes(from) => Some(call(&self.text, vec![value.clone()])),
            (DataType::Utf8, to) if to.is_signed_integer() && !self.is_whole_part(value) => {
                Some(recast(call(&self.whole_part, vec![value.clone()]), to))
            }
            (DataType::Boolean, DataType::Utf8) => Some(Expr::Case(datafusion::logical_expr::Case {
                expr: None,
                when_then_expr: vec![
                    (Box::new(value.clone()), Box::new(lit("TRUE"))),
                    (Box::new(Expr::Not(Box::new(value.clone()))), Box::new(lit("FALSE"))),
                ],
                else_expr: Some(Box::new(Expr::Literal(ScalarValue::Utf8(None), None))),
            })),
            (DataType::Struct(from), DataType::Struct(to)) if from.len() == to.len() => Some(row_cast(value, from, to)),
            (DataType::Timestamp(_, Some(_)), DataType::Timestamp(..) | DataType::Date32 | DataType::Time32(_))
                if !matches!(to, DataType::Timestamp(_, Some(_))) =>
            {
                Some(recast(call(&self.to_local, vec![value.clone()]), to))
            }
            (DataType::Timestamp(_, None) | DataType::Date32, DataType::Timestamp(unit, Some(_))) => {
                let local = recast(value.clone(), &DataType::Timestamp(*unit, None));
                Some(call(&self.to_instant, vec![local]))
            }
            (DataType::Utf8, DataType::Timestamp(unit, Some(_))) if *unit != TimeUnit::Second => {
                let local = recast(value.clone(), &DataType::Timestamp(*unit, None));
                Some(call(&self.to_instant, vec![local]))
            }
            _ => None,
        }
    }
}

fn call(function: &Arc<ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), args))
}

fn recast(value: Expr, to: &DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(value), to.clone()))
}

/// A ROW as another one, field by field in order: names do not matter.
fn row_cast(value: &Expr, from: &Fields, to: &Fields) -> Expr {
    let parts: Vec<Expr> = match value {
        Expr::ScalarFunction(f) if f.name() == "struct" => f.args.clone(),
        _ => from.iter().map(|f| get_field(value.clone(), f.name().clone())).collect(),
    };
    let constructed = matches!(value, Expr::ScalarFunction(f) if f.name() == "struct");
    let mut args = Vec::with_capacity(2 * to.len());
    for ((part, from), to) in parts.into_iter().zip(from).zip(to) {
        args.push(lit(to.name().clone()));
        args.push(match (from.data_type(), to.data_type()) {
            (a, b) if a == b => part,
            (DataType::Struct(a), DataType::Struct(b)) => row_cast(&part, a, b),
            (_, b) => recast(part, b),
        });
    }
    let row = named_struct(args);
    if constructed {
        return row;
    }
    Expr::Case(datafusion::logical_expr::Case {
        expr: None,
        when_then_expr: vec![(Box::new(value.clone().is_not_null()), Box::new(row))],
        else_expr: None,
    })
}

/// Decimal division, rewritten before operands are widened to a common type, which would widen the quotient too; and
/// comparisons of times that are apart by an interval, which would have to be a number of months, days and the rest.
#[derive(Debug)]
pub(crate) struct DecimalDivision {
    function: Arc<ScalarUDF>,
}

impl DecimalDivision {
    /// The rewrite over the functions of a session.
    pub(crate) fn new(context: &SessionContext) -> Result<Self> {
        Ok(DecimalDivision { function: context.udf("$decimal_div")? })
    }
}

impl FunctionRewrite for DecimalDivision {
    fn name(&self) -> &str {
        "decimal_division"
    }
    fn rewrite(&self, expr: Expr, schema: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        if let Some(compared) = comparisons::of_times(&expr, schema) {
            return Ok(Transformed::yes(compared));
        }
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right }) = &expr else {
            return Ok(Transformed::no(expr));
        };
        let (Ok(l), Ok(r)) = (left.get_type(schema), right.get_type(schema)) else { return Ok(Transformed::no(expr)) };
        let decimal = |t: &DataType| matches!(t, DataType::Decimal128(..));
        if !decimal(&l) && !decimal(&r) {
            return Ok(Transformed::no(expr));
        }
        match (as_decimal(left, &l), as_decimal(right, &r)) {
            (Some(left), Some(right)) => Ok(Transformed::yes(call(&self.function, vec![left, right]))),
            _ => Ok(Transformed::no(expr)),
        }
    }
}

/// Whole numbers become decimals of their own width.
fn as_decimal(expr: &Expr, data_type: &DataType) -> Option<Expr> {
    let digits = match data_type {
        DataType::Decimal128(..) => return Some(expr.clone()),
        DataType::Int8 => 3,
        DataType::Int16 => 5,
        DataType::Int32 => 10,
        // A literal that fits is an INT in Flink.
        DataType::Int64 => match expr {
            Expr::Literal(ScalarValue::Int64(Some(v)), _) if i32::try_from(*v).is_ok() => 10,
            _ => 19,
        },
        _ => return None,
    };
    Some(recast(expr.clone(), &DataType::Decimal128(digits, 0)))
}

/// ROLLUP and CUBE as the grouping sets that they stand for, so that the lowering knows one form.
fn plain_grouping_sets(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(plan) };
    let sets: Vec<Vec<Expr>> = match aggregate.group_expr.as_slice() {
        [Expr::GroupingSet(GroupingSet::Rollup(keys))] => {
            (0..=keys.len()).map(|n| keys.iter().take(n).cloned().collect()).collect()
        }
        [Expr::GroupingSet(GroupingSet::Cube(keys))] if keys.len() < 16 => (0..1_usize << keys.len())
            .map(|set| keys.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, k)| k.clone()).collect())
            .collect(),
        _ => return Ok(LogicalPlan::Aggregate(aggregate)),
    };
    let groups = vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))];
    Ok(LogicalPlan::Aggregate(Aggregate::try_new(aggregate.input, groups, aggregate.aggr_expr)?))
}

impl AnalyzerRule for FlinkSemantics {
    fn name(&self) -> &str {
        "flink_semantics"
    }
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let plan = plain_grouping_sets(plan)?;
            // Names are what the plans above refer to: they must not change with the expression.
            let names = NamePreserver::new(&plan);
            let schema = match &plan {
                LogicalPlan::TableScan(scan) => {
                    DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?
                }
                plan => merge_schema(&plan.inputs()),
            };
            let rewritten = plan.map_expressions(|expr| {
                let saved = names.save(&expr);
                let new = self.rewrite_expr(expr, &schema)?;
                Ok(new.update_data(|e| saved.restore(e)))
            })?;
            rewritten.map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }
}
