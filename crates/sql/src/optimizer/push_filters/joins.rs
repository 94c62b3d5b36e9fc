//! Filters and joins: a condition goes to the side it speaks of, or to the join that brings its sides together.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::utils::{
    conjunction, disjunction, split_binary, split_conjunction, split_conjunction_owned,
};
use datafusion::logical_expr::{BinaryExpr, Expr, Join, JoinType, LogicalPlan, Operator};

use super::{filtered, movable};
use crate::plan::Versioned;

/// Where a condition may go.
#[derive(Clone, Copy)]
struct Ways {
    /// Conditions above the join, about the left or the right side alone.
    above: [bool; 2],
    /// Conditions of the join itself, about the left or the right side alone.
    within: [bool; 2],
}

impl Ways {
    fn of(join_type: JoinType) -> Ways {
        let (above, within) = match join_type {
            JoinType::Inner => ([true, true], [true, true]),
            JoinType::Left | JoinType::LeftMark | JoinType::LeftAnti => ([true, false], [false, true]),
            JoinType::Right | JoinType::RightMark | JoinType::RightAnti => ([false, true], [true, false]),
            JoinType::LeftSemi => ([true, false], [true, true]),
            JoinType::RightSemi => ([false, true], [true, true]),
            JoinType::Full => ([false, false], [false, false]),
        };
        Ways { above, within }
    }
}

/// A filter over a join (`conditions` are the filter's), or a join by itself.
pub(super) fn through_join(
    unchanged: LogicalPlan,
    join: &Join,
    conditions: Vec<Expr>,
) -> Result<Transformed<LogicalPlan>> {
    let mut ways = Ways::of(join.join_type);
    if Versioned::below(&join.right).is_some() {
        // Which version counts is decided by its time alone; conditions look at that version.
        (ways.above[1], ways.within[1]) = (false, false);
    }
    let schemas = [join.left.schema().as_ref(), join.right.schema().as_ref()];
    let (mut sides, mut stay, mut within) = ([vec![], vec![]], vec![], vec![]);
    let mut moved = false;
    for condition in conditions {
        match side_of(&condition, schemas) {
            _ if !movable(&condition) => stay.push(condition),
            Some(side) if ways.above[side] => {
                moved = true;
                sides[side].push(condition);
            }
            _ if join.join_type == JoinType::Inner => {
                moved = true;
                push_implied(&condition, schemas, &mut sides, ways);
                within.push(condition);
            }
            _ => stay.push(condition),
        }
    }
    for condition in join.filter.clone().map(split_conjunction_owned).unwrap_or_default() {
        match side_of(&condition, schemas) {
            Some(side) if ways.within[side] && movable(&condition) => {
                moved = true;
                sides[side].push(condition);
            }
            _ => within.push(condition),
        }
    }
    if !moved {
        return Ok(Transformed::no(unchanged));
    }
    let [left, right] = sides;
    let mut join = join.clone();
    join.left = Arc::new(filtered(left, Arc::clone(&join.left))?);
    join.right = Arc::new(filtered(right, Arc::clone(&join.right))?);
    join.filter = conjunction(within);
    Ok(Transformed::yes(filtered(stay, Arc::new(LogicalPlan::Join(join)))?))
}

/// The side whose columns alone a condition uses; `None` when it uses both, or none at all.
fn side_of(condition: &Expr, schemas: [&DFSchema; 2]) -> Option<usize> {
    let columns = condition.column_refs();
    if columns.is_empty() {
        return None;
    }
    (0..2).find(|side| columns.iter().all(|column| schemas[*side].has_column(column)))
}

/// `(a AND x) OR (b AND y)`, where a and b speak of one side, implies `a OR b` of that side.
fn push_implied(condition: &Expr, schemas: [&DFSchema; 2], sides: &mut [Vec<Expr>; 2], ways: Ways) {
    if !matches!(condition, Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. })) {
        return;
    }
    let branches = split_binary(condition, Operator::Or);
    for (side, conditions) in sides.iter_mut().enumerate().filter(|(side, _)| ways.above[*side]) {
        let parts = branches.iter().map(|branch| {
            let own = split_conjunction(branch).into_iter().filter(|c| side_of(c, schemas) == Some(side)).cloned();
            conjunction(own)
        });
        if let Some(parts) = parts.collect::<Option<Vec<Expr>>>()
            && let Some(implied) = disjunction(parts)
        {
            conditions.push(implied);
        }
    }
}
