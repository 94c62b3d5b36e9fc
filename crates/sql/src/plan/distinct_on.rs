//! `SELECT DISTINCT ON (keys) … ORDER BY keys, rest`: of the rows of each key the first in the order. It becomes a ranking,
//! `ROW_NUMBER() OVER (PARTITION BY keys ORDER BY rest) = 1`, so that all columns come from the same row.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, plan_err};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Distinct, DistinctOn, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, WindowFunctionDefinition, WindowUDF,
    lit,
};

/// Puts rankings in the place of `DISTINCT ON`. `row_number` is the function of that name.
pub(crate) fn with_rankings(plan: LogicalPlan, row_number: &Arc<WindowUDF>) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Distinct(Distinct::On(on)) => ranking(on, row_number).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })
    .map(|t| t.data)
}

fn ranking(on: DistinctOn, row_number: &Arc<WindowUDF>) -> Result<LogicalPlan> {
    let DistinctOn { on_expr, select_expr, sort_expr, input, .. } = on;
    let mut order = sort_expr.unwrap_or_default();
    // The keys themselves are the same for all rows of a key.
    order.retain(|sort| !on_expr.contains(&sort.expr));
    if order.is_empty() {
        return plan_err!(
            "DISTINCT ON needs an order that says which row of a key stays|Write ORDER BY keys, and behind them the columns \
             that decide."
        );
    }
    let number = WindowFunction::new(WindowFunctionDefinition::WindowUDF(Arc::clone(row_number)), vec![]);
    let number = Expr::from(number).partition_by(on_expr).order_by(order).build()?;
    let columns = input.schema().fields().len();
    let ranked = LogicalPlanBuilder::from(Arc::unwrap_or_clone(input)).window(vec![number])?.build()?;
    let number = Column::from(ranked.schema().qualified_field(columns));
    LogicalPlanBuilder::from(ranked).filter(Expr::Column(number).lt_eq(lit(1_i64)))?.project(select_expr)?.build()
}
