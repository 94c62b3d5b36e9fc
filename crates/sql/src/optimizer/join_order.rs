//! The order of inner joins: one that keeps what lies between the joins small, because a join of streams keeps its inputs.
//!
//! A tree of inner joins is taken apart into its inputs and conditions. What is between the joins is estimated from what is
//! known without looking at rows: unique keys (a join on a key does not grow), which input refers to the key of which other
//! (so it has more rows), filters, and row counts of `VALUES` and single rows. The orders are searched as in Selinger et al.,
//! "Access Path Selection in a Relational Database Management System" (1979): for each set of inputs the cheapest way to it.
//! The written order stays when no other is clearly better, so it stays where nothing is known. Conditions on times stay
//! where they are: they may bound a window or an interval join.

mod leaf;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, ExprSchema, JoinType, NullEquality, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Join, JoinConstraint, LogicalPlan, Operator, Projection};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use self::leaf::Leaf;
use crate::plan::Versioned;

/// See the module.
#[derive(Debug)]
pub struct JoinOrder;

/// Of more inputs all orders are too many: the written one stays.
const INPUTS_MAX: usize = 12;
/// Another order must promise to keep this part of what the written one keeps, or less.
const CLEARLY: f64 = 0.7;
/// Pairs without a condition are the last resort.
const CROSS: f64 = 1e6;

impl OptimizerRule for JoinOrder {
    fn name(&self) -> &str {
        "join_order"
    }
    fn supports_rewrite(&self) -> bool {
        true
    }
    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }
    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !config.options().optimizer.join_reordering {
            return Ok(Transformed::no(plan));
        }
        let mut tree = Tree::default();
        match &plan {
            LogicalPlan::Join(join) if movable(join) => tree.take(&plan),
            _ => return Ok(Transformed::no(plan)),
        }
        let count = tree.leaves.len();
        if !(3..=INPUTS_MAX).contains(&count) || tree.conditions.iter().any(|c| c.expr.is_volatile()) {
            return Ok(Transformed::no(plan));
        }
        tree.refer();
        let written: Vec<usize> = (0..count).collect();
        let best = tree.best();
        if tree.cost(&best) > CLEARLY * tree.cost(&written) {
            return Ok(Transformed::no(plan));
        }
        let ordered = tree.joined(&best)?;
        let schema = Arc::clone(plan.schema());
        Ok(Transformed::yes(LogicalPlan::Projection(Projection::new_from_schema(Arc::new(ordered), schema))))
    }
}

/// A condition of the joins.
struct Condition {
    expr: Expr,
    /// The inputs that it reads, as bits.
    reads: u32,
    /// The inputs that either side of an equality reads.
    split: Option<(u32, u32)>,
    /// Both sides, where it is an equality of two columns of two inputs: input and column.
    equal: Option<[(usize, Column); 2]>,
}

/// A tree of joins, taken apart.
#[derive(Default)]
struct Tree {
    leaves: Vec<Leaf>,
    conditions: Vec<Condition>,
}

/// A join that has no place of its own.
fn movable(join: &Join) -> bool {
    let of_time = |expr: &Expr| {
        let schemas = [join.left.schema(), join.right.schema()];
        let is_time = |c: &&Column| {
            let field = schemas.iter().find_map(|s| s.field_from_column(c).ok());
            field.is_none_or(|f| matches!(f.data_type(), DataType::Timestamp(..)))
        };
        expr.column_refs().iter().any(is_time)
    };
    let mut exprs = join.on.iter().flat_map(|(l, r)| [l, r]).chain(&join.filter);
    join.join_type == JoinType::Inner
        && join.null_equality == NullEquality::NullEqualsNothing
        && Versioned::below(&join.right).is_none()
        && !exprs.any(of_time)
}

impl Tree {
    /// Takes joins apart, the inputs in the order in which they are written.
    fn take(&mut self, plan: &LogicalPlan) {
        let join = match plan {
            LogicalPlan::Join(join) if movable(join) => join,
            _ => return self.leaves.push(Leaf::of(plan)),
        };
        let first = self.leaves.len();
        self.take(&join.left);
        self.take(&join.right);
        let equalities = join.on.iter().map(|(l, r)| l.clone().eq(r.clone()));
        let others = join.filter.iter().flat_map(|filter| split_conjunction(filter)).cloned();
        for expr in equalities.chain(others) {
            let place = |c: &Column| (first..self.leaves.len()).find(|l| self.leaves[*l].plan.schema().has_column(c));
            let reads =
                |e: &Expr| e.column_refs().iter().filter_map(|c| place(c)).fold(0_u32, |reads, leaf| reads | 1 << leaf);
            let (mut split, mut equal) = (None, None);
            if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = &expr {
                split = Some((reads(left), reads(right)));
                if let (Expr::Column(l), Expr::Column(r)) = (left.as_ref(), right.as_ref()) {
                    equal = place(l).zip(place(r)).map(|(a, b)| [(a, l.clone()), (b, r.clone())]);
                }
            }
            let equal = equal.filter(|[(a, _), (b, _)]| a != b);
            let reads = reads(&expr);
            self.conditions.push(Condition { expr, reads, split, equal });
        }
    }

    /// An input that refers to the key of another has more rows than that.
    fn refer(&mut self) {
        let count = self.leaves.len();
        let refers = |from: usize, to: usize| self.covers_key(to, |leaf| leaf == from);
        let edges: Vec<(usize, usize)> = (0..count)
            .flat_map(|from| (0..count).map(move |to| (from, to)))
            .filter(|(from, to)| from != to && refers(*from, *to) && !refers(*to, *from))
            .collect();
        let mut depths = vec![0; count];
        for _ in 0..count {
            for (from, to) in &edges {
                depths[*from] = depths[*from].max((depths[*to] + 1).min(count));
            }
        }
        for (leaf, depth) in self.leaves.iter_mut().zip(depths) {
            leaf.grow(depth);
        }
    }

    /// True when equalities with the chosen inputs cover a unique key of an input.
    fn covers_key(&self, of: usize, with: impl Fn(usize) -> bool) -> bool {
        let equal = |column: &Column| {
            self.conditions.iter().filter_map(|c| c.equal.as_ref()).any(|[a, b]| {
                let matches = |own: &(usize, Column), other: &(usize, Column)| {
                    own.0 == of && own.1.name == column.name && own.1.relation == column.relation && with(other.0)
                };
                matches(a, b) || matches(b, a)
            })
        };
        self.leaves[of].keys.iter().any(|key| key.iter().all(equal))
    }

    /// The rows that there are when `next` is joined to the inputs in `set`, of which there are `rows`; whether they have
    /// a condition in common.
    fn step(&self, set: u32, rows: f64, next: usize) -> (f64, bool) {
        let leaf = &self.leaves[next];
        let within = |leaf: usize| set >> leaf & 1 == 1;
        if self.covers_key(next, within) {
            return ((rows * leaf.share()).min(rows), true);
        }
        let both = |c: &&Condition| c.reads >> next & 1 == 1 && c.reads & set != 0 && c.reads & !(set | 1 << next) == 0;
        let referred = (0..self.leaves.len()).filter(|l| within(*l) && self.covers_key(*l, |other| other == next));
        if let Some(most) = referred.map(|l| self.leaves[l].whole).reduce(f64::max) {
            return (rows * leaf.rows / most, true);
        }
        let equalities = self.conditions.iter().filter(both).filter(|c| c.equal.is_some()).count();
        if equalities > 0 {
            // How many values a column has that is no key is not known: the root of the rows.
            return (rows * leaf.rows / leaf.whole.sqrt().powi(equalities as i32).min(leaf.whole), true);
        }
        (rows * leaf.rows, leaf.rows <= 1.0 || rows <= 1.0)
    }

    /// What an order keeps between the joins.
    fn cost(&self, order: &[usize]) -> f64 {
        let Some((first, rest)) = order.split_first() else { return 0.0 };
        let (mut set, mut rows, mut cost) = (1 << first, self.leaves[*first].rows, 0.0);
        for (place, next) in rest.iter().enumerate() {
            let (more, meets) = self.step(set, rows, *next);
            cost += self.kept(more, meets, place + 1 == rest.len());
            (set, rows) = (set | 1 << next, more);
        }
        cost
    }

    /// What the last join gives is not kept, but the work of a cross join is there.
    fn kept(&self, rows: f64, meets: bool, last: bool) -> f64 {
        if meets { if last { 0.0 } else { rows } } else { rows * CROSS }
    }

    /// The cheapest order: for each set of inputs the cheapest way to it. Among equals the one that is written.
    fn best(&self) -> Vec<usize> {
        let count = self.leaves.len();
        let mut ways: Vec<Option<(f64, f64, Vec<usize>)>> = vec![None; 1 << count];
        for (leaf, of) in self.leaves.iter().enumerate() {
            ways[1 << leaf] = Some((0.0, of.rows, vec![leaf]));
        }
        for set in 1..ways.len() as u32 {
            let Some((cost, rows, order)) = ways[set as usize].clone() else { continue };
            for next in (0..count).filter(|l| set >> l & 1 == 0) {
                let (more, meets) = self.step(set, rows, next);
                let cost = cost + self.kept(more, meets, order.len() + 1 == count);
                let way = &mut ways[(set | 1 << next) as usize];
                let better = |known: &(f64, f64, Vec<usize>)| {
                    cost < known.0 || (cost == known.0 && order.iter().chain([&next]).lt(known.2.iter()))
                };
                if way.as_ref().is_none_or(better) {
                    let order = order.iter().copied().chain([next]).collect();
                    *way = Some((cost, more, order));
                }
            }
        }
        ways.pop().flatten().map_or_else(|| (0..count).collect(), |(_, _, order)| order)
    }

    /// The joins in an order.
    fn joined(&self, order: &[usize]) -> Result<LogicalPlan> {
        let mut set = 0_u32;
        let mut done: HashSet<usize> = HashSet::new();
        let mut plan: Option<LogicalPlan> = None;
        for next in order {
            let right = self.leaves[*next].plan.clone();
            let Some(left) = plan.take() else {
                (plan, set) = (Some(right), 1 << next);
                continue;
            };
            let before = set;
            set |= 1 << next;
            let (mut on, mut others) = (vec![], vec![]);
            for (at, condition) in self.conditions.iter().enumerate() {
                if condition.reads & !set != 0 || !done.insert(at) {
                    continue;
                }
                match sides(condition, before, 1 << next) {
                    Some(pair) => on.push(pair),
                    None => others.push(condition.expr.clone()),
                }
            }
            plan = Some(LogicalPlan::Join(Join::try_new(
                Arc::new(left),
                Arc::new(right),
                on,
                conjunction(others),
                JoinType::Inner,
                JoinConstraint::On,
                NullEquality::NullEqualsNothing,
                false,
            )?));
        }
        plan.ok_or_else(|| datafusion::error::DataFusionError::Internal("joins without inputs".to_owned()))
    }
}

/// Both sides of an equality between what is there and what comes.
fn sides(condition: &Condition, left: u32, right: u32) -> Option<(Expr, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Eq, right: b }) = &condition.expr else { return None };
    let (one, other) = condition.split?;
    let (a, b) = (a.as_ref().clone(), b.as_ref().clone());
    let within = |reads: u32, side: u32| reads != 0 && reads & !side == 0;
    if within(one, left) && within(other, right) {
        return Some((a, b));
    }
    (within(one, right) && within(other, left)).then_some((b, a))
}
