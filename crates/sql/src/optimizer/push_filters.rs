//! Filters move towards the scans, but never across a node that keeps state.

mod joins;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Extension, Filter, LogicalPlan, Projection, SubqueryAlias, Union};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use sloth_plan::WindowSpec;

use crate::plan::WindowTvf;

/// Moves filters through projections, aliases, unions, joins and the assignment to windows (not to sessions: a
/// filter after it leaves the sessions as they are, before it would change them).
#[derive(Debug)]
pub struct PushFilters;

impl OptimizerRule for PushFilters {
    fn name(&self) -> &str {
        "push_filters"
    }
    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }
    fn supports_rewrite(&self) -> bool {
        true
    }
    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if let LogicalPlan::Join(join) = &plan
            && join.filter.is_some()
        {
            return joins::through_join(plan.clone(), join, vec![]);
        }
        let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
        if matches!(filter.predicate, Expr::Literal(ScalarValue::Boolean(Some(true)), _)) {
            return Ok(Transformed::yes(Arc::unwrap_or_clone(filter.input)));
        }
        let conditions = split_conjunction_owned(filter.predicate.clone());
        match filter.input.as_ref() {
            LogicalPlan::Filter(inner) => {
                let mut all = split_conjunction_owned(inner.predicate.clone());
                for condition in conditions {
                    if !all.contains(&condition) {
                        all.push(condition);
                    }
                }
                Ok(Transformed::yes(filtered(all, Arc::clone(&inner.input))?))
            }
            LogicalPlan::Projection(inner) => through_projection(&filter, inner, conditions),
            LogicalPlan::SubqueryAlias(inner) => through_alias(inner, conditions),
            LogicalPlan::Union(inner) => through_union(&filter, inner, conditions),
            LogicalPlan::Join(inner) => joins::through_join(LogicalPlan::Filter(filter.clone()), inner, conditions),
            LogicalPlan::Extension(inner) => match inner.node.as_any().downcast_ref::<WindowTvf>() {
                Some(window) if !matches!(window.spec, WindowSpec::Session { .. }) => {
                    through_window(&filter, window, conditions)
                }
                _ => Ok(Transformed::no(LogicalPlan::Filter(filter))),
            },
            _ => Ok(Transformed::no(LogicalPlan::Filter(filter))),
        }
    }
}

fn filtered(conditions: Vec<Expr>, input: Arc<LogicalPlan>) -> Result<LogicalPlan> {
    match conjunction(conditions) {
        Some(predicate) => Ok(LogicalPlan::Filter(Filter::try_new(predicate, input)?)),
        None => Ok(Arc::unwrap_or_clone(input)),
    }
}

/// Replaces each column by what `replacement` says for its index in `schema`.
fn replace(expr: Expr, schema: &DFSchema, replacement: impl Fn(usize) -> Expr) -> Result<Expr> {
    let replaced = expr.transform_up(|e| match e {
        Expr::Column(column) => Ok(Transformed::yes(replacement(schema.index_of_column(&column)?))),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(replaced.data)
}

fn column_of(schema: &DFSchema, index: usize) -> Expr {
    Expr::Column(Column::from(schema.qualified_field(index)))
}

/// Conditions that may move: they hold no subquery, nothing volatile, and (inside a subquery that is still to be unnested)
/// nothing of the outer query.
fn movable(expr: &Expr) -> bool {
    let subquery = expr
        .exists(|e| {
            Ok(matches!(e, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)))
        })
        .unwrap_or(true);
    !subquery && !expr.is_volatile() && !expr.contains_outer()
}

/// The output of a split: `Ok` moves, `Err` stays.
fn split(conditions: Vec<Expr>, moves: impl Fn(&Expr) -> bool) -> (Vec<Expr>, Vec<Expr>) {
    conditions.into_iter().partition(|c| movable(c) && moves(c))
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

fn through_projection(filter: &Filter, inner: &Projection, conditions: Vec<Expr>) -> Result<Transformed<LogicalPlan>> {
    let schema = inner.schema.as_ref();
    let plain = |index: usize| inner.expr.get(index).is_some_and(|e| movable(e) && !has_window_function(e));
    let (down, stay) = split(conditions, |c| {
        c.column_refs().into_iter().all(|column| schema.index_of_column(column).is_ok_and(plain))
    });
    if down.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Filter(filter.clone())));
    }
    let definition = |i: usize| inner.expr.get(i).map_or_else(|| column_of(schema, i), |e| unaliased(e).clone());
    let down = down.into_iter().map(|c| replace(c, schema, definition)).collect::<Result<Vec<_>>>()?;
    let input = Arc::new(filtered(down, Arc::clone(&inner.input))?);
    let projection = Projection::try_new_with_schema(inner.expr.clone(), input, Arc::clone(&inner.schema))?;
    Ok(Transformed::yes(filtered(stay, Arc::new(LogicalPlan::Projection(projection)))?))
}

fn has_window_function(expr: &Expr) -> bool {
    expr.exists(|e| Ok(matches!(e, Expr::WindowFunction(_) | Expr::Unnest(_)))).unwrap_or(true)
}

fn through_alias(inner: &SubqueryAlias, conditions: Vec<Expr>) -> Result<Transformed<LogicalPlan>> {
    let below = inner.input.schema();
    let down = conditions
        .into_iter()
        .map(|c| replace(c, &inner.schema, |i| column_of(below, i)))
        .collect::<Result<Vec<_>>>()?;
    let input = filtered(down, Arc::clone(&inner.input))?;
    let alias = SubqueryAlias::try_new(Arc::new(input), inner.alias.clone())?;
    Ok(Transformed::yes(LogicalPlan::SubqueryAlias(alias)))
}

fn through_union(filter: &Filter, inner: &Union, conditions: Vec<Expr>) -> Result<Transformed<LogicalPlan>> {
    let (down, stay) = split(conditions, |_| true);
    if down.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Filter(filter.clone())));
    }
    let mut inputs = Vec::with_capacity(inner.inputs.len());
    for input in &inner.inputs {
        let below = input.schema();
        let down = down.iter().map(|c| replace(c.clone(), &inner.schema, |i| column_of(below, i)));
        inputs.push(Arc::new(filtered(down.collect::<Result<Vec<_>>>()?, Arc::clone(input))?));
    }
    let union = LogicalPlan::Union(Union { inputs, schema: Arc::clone(&inner.schema) });
    Ok(Transformed::yes(filtered(stay, Arc::new(union))?))
}

fn through_window(filter: &Filter, window: &WindowTvf, conditions: Vec<Expr>) -> Result<Transformed<LogicalPlan>> {
    let width = window.input.schema().fields().len();
    let (down, stay) = split(conditions, |c| {
        c.column_refs().into_iter().all(|column| window.schema.index_of_column(column).is_ok_and(|i| i < width))
    });
    if down.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Filter(filter.clone())));
    }
    let input = filtered(down, Arc::new(window.input.clone()))?;
    let moved = WindowTvf::new(input, window.time.clone(), window.spec, window.partition_by.clone())?;
    let node = LogicalPlan::Extension(Extension { node: Arc::new(moved) });
    Ok(Transformed::yes(filtered(stay, Arc::new(node))?))
}
