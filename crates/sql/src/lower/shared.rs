//! Plans that occur several times in a script are carried out once: their state is there once, whoever reads it.

use std::collections::{HashMap, HashSet};

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use sloth_plan::Emission;

use super::lifetime::Lifetimes;
use super::relation::Relation;
use crate::session::Query;

/// What else a query's operators depend on: when results are given out, and how long state is kept.
pub(super) type Way = (Emission, Lifetimes);

/// The plans that are worth it, with what they have become.
#[derive(Default)]
pub(super) struct Shared {
    relations: HashMap<LogicalPlan, HashMap<Way, (Relation, HashSet<String>)>>,
}

/// Nodes that keep state.
fn keeps_state(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Join(_) | LogicalPlan::Window(_) | LogicalPlan::Distinct(_))
}

/// A plan that gives other values each time it is evaluated is not shared.
fn volatile(plan: &LogicalPlan) -> bool {
    plan.apply_with_subqueries(|node| {
        let volatile = node.expressions().iter().any(datafusion::logical_expr::Expr::is_volatile);
        Ok(if volatile { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })
    .is_ok_and(|r| r == TreeNodeRecursion::Stop)
}

impl Shared {
    /// Finds what occurs more than once in the queries.
    pub(super) fn of(queries: &[Query]) -> Shared {
        let mut counts: HashMap<(&LogicalPlan, Way), usize> = HashMap::new();
        let mut open: Vec<(&LogicalPlan, Way)> =
            queries.iter().map(|q| (&q.plan, (q.emission, Lifetimes::of(q)))).collect();
        while let Some((plan, way)) = open.pop() {
            if keeps_state(plan) {
                *counts.entry((plan, way.clone())).or_default() += 1;
            }
            open.extend(plan.inputs().into_iter().map(|input| (input, way.clone())));
        }
        let several = counts.into_iter().filter(|((plan, _), count)| *count > 1 && !volatile(plan));
        Shared { relations: several.map(|((plan, _), _)| (plan.clone(), HashMap::new())).collect() }
    }

    /// What a plan has become already in a query of this way, with the hints that were followed.
    pub(super) fn get(&self, plan: &LogicalPlan, way: &Way) -> Option<(Relation, HashSet<String>)> {
        if self.relations.is_empty() || !keeps_state(plan) {
            return None;
        }
        self.relations.get(plan)?.get(way).cloned()
    }

    /// Keeps what a plan has become, if it will be asked for again. Several readers may not add to its node.
    pub(super) fn keep(
        &mut self,
        plan: &LogicalPlan,
        way: Way,
        hints: &HashSet<String>,
        relation: Relation,
    ) -> Relation {
        match self.relations.get_mut(plan).filter(|_| keeps_state(plan)) {
            Some(kept) => {
                let relation = Relation { exclusive: false, ..relation };
                kept.insert(way, (relation.clone(), hints.clone()));
                relation
            }
            None => relation,
        }
    }
}
