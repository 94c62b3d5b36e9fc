//! EXISTS as a value in a SELECT list becomes a mark join: a column that says whether a partner exists.
//!
//! DataFusion's own rule does the same for WHERE only.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, lit};
use datafusion::optimizer::decorrelate::PullUpCorrelatedExpr;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct ProjectedExists;

impl OptimizerRule for ProjectedExists {
    fn name(&self) -> &str {
        "projected_exists"
    }
    fn supports_rewrite(&self) -> bool {
        true
    }
    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }
    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = plan else { return Ok(Transformed::no(plan)) };
        if !projection.expr.iter().any(holds_exists) {
            return Ok(Transformed::no(LogicalPlan::Projection(projection)));
        }
        let names = NamePreserver::new_for_projection();
        let mut input = projection.input.as_ref().clone();
        let mut exprs = Vec::with_capacity(projection.expr.len());
        for expr in &projection.expr {
            let name = names.save(expr);
            let marked = expr.clone().transform_down(|e| match e {
                Expr::Exists(exists) => {
                    let alias = config.alias_generator().next("__exists");
                    match mark(&input, &exists, &alias)? {
                        Some((joined, mark)) => {
                            input = joined;
                            Ok(Transformed::new(mark, true, TreeNodeRecursion::Jump))
                        }
                        None => Ok(Transformed::new(Expr::Exists(exists), false, TreeNodeRecursion::Jump)),
                    }
                }
                other => Ok(Transformed::no(other)),
            })?;
            exprs.push(name.restore(marked.data));
        }
        Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?)))
    }
}

fn holds_exists(expr: &Expr) -> bool {
    expr.exists(|e| Ok(matches!(e, Expr::Exists(_)))).unwrap_or(false)
}

/// The outer plan with a mark, and the expression that reads it; `None` when the subquery cannot be unnested.
fn mark(outer: &LogicalPlan, exists: &Exists, alias: &str) -> Result<Option<(LogicalPlan, Expr)>> {
    let mut pull_up = PullUpCorrelatedExpr::new().with_exists_sub_query(true);
    let inner = exists.subquery.subquery.as_ref().clone().rewrite(&mut pull_up)?.data;
    if !pull_up.can_pull_up {
        return Ok(None);
    }
    let inner_columns: BTreeSet<Column> = pull_up.correlated_subquery_cols_map.values().flatten().cloned().collect();
    let condition = conjunction(pull_up.join_filters).unwrap_or_else(|| lit(true));
    let mut needed = vec![];
    let condition = condition.transform_up(|e| match e {
        Expr::Column(column) if inner_columns.contains(&column) => {
            let column = Expr::Column(Column::new(Some(alias), column.name));
            if !needed.contains(&column) {
                needed.push(column.clone());
            }
            Ok(Transformed::yes(column))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let mut right = LogicalPlanBuilder::from(inner).alias(alias)?;
    if !needed.is_empty() {
        right = right.project(needed)?;
    }
    let joined = LogicalPlanBuilder::from(outer.clone())
        .join_on(right.build()?, JoinType::LeftMark, Some(condition.data))?
        .build()?;
    let mark = Expr::Column(Column::new(Some(alias), "mark"));
    Ok(Some((joined, if exists.negated { Expr::Not(Box::new(mark)) } else { mark })))
}
