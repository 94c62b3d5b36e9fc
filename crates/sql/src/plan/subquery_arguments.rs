//! Subqueries in the arguments of aggregates, in keys of groups and in orders: they become columns of a projection below,
//! where subqueries as values have joins that carry them out.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::{GroupingSet, Sort as SortExpr};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, Sort};
use std::sync::Arc;

/// Puts columns in the place of subqueries.
pub(crate) fn with_subquery_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut made = 0;
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) => of_aggregate(aggregate, &mut made),
        LogicalPlan::Sort(sort) => of_sort(sort, &mut made),
        other => Ok(Transformed::no(other)),
    })
    .map(|t| t.data)
}

fn of_aggregate(aggregate: Aggregate, made: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let mut taken = vec![];
    let mut all = |exprs: &[Expr]| exprs.iter().map(|expr| column(expr, &mut taken, made)).collect::<Result<Vec<_>>>();
    let (group, calls) = (all(&aggregate.group_expr)?, all(&aggregate.aggr_expr)?);
    if taken.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let input = beside(aggregate.input.as_ref(), taken)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), group, calls)?)))
}

fn of_sort(sort: Sort, made: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let mut taken = vec![];
    let order = sort.expr.iter().map(|by| Ok(SortExpr { expr: column(&by.expr, &mut taken, made)?, ..by.clone() }));
    let order = order.collect::<Result<Vec<_>>>()?;
    if taken.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    }
    let columns = sort.input.schema().columns().into_iter().map(Expr::Column);
    let input = beside(sort.input.as_ref(), taken)?;
    let sorted = LogicalPlan::Sort(Sort { expr: order, input: Arc::new(input), fetch: sort.fetch });
    Ok(Transformed::yes(LogicalPlanBuilder::from(sorted).project(columns)?.build()?))
}

/// An expression with columns in the place of its subqueries, under the same name.
fn column(expr: &Expr, taken: &mut Vec<Expr>, made: &mut usize) -> Result<Expr> {
    let subquery = |e: &Expr| {
        matches!(e, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_))
    };
    if matches!(expr, Expr::GroupingSet(GroupingSet::GroupingSets(_) | GroupingSet::Cube(_) | GroupingSet::Rollup(_)))
        || !expr.exists(|e| Ok(subquery(e)))?
    {
        return Ok(expr.clone());
    }
    let name = NamePreserver::new_for_projection().save(expr);
    let plain = expr.clone().transform_down(|e| {
        if !subquery(&e) {
            return Ok(Transformed::no(e));
        }
        *made += 1;
        let name = format!("$subquery{made}");
        taken.push(e.alias(name.as_str()));
        Ok(Transformed::new(Expr::Column(Column::new_unqualified(name)), true, TreeNodeRecursion::Jump))
    })?;
    Ok(name.restore(plain.data))
}

/// The columns of a plan and some more.
fn beside(plan: &LogicalPlan, more: Vec<Expr>) -> Result<LogicalPlan> {
    let columns = plan.schema().columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(plan.clone()).project(columns.chain(more))?.build()
}
