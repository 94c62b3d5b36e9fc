//! When results are given out: whether what a query asks for makes sense for it.

use std::collections::HashSet;

use datafusion::logical_expr::LogicalPlan;
use sloth_plan::{Emission, Every, Node, NodeId, NodeKind};
use sloth_types::{ChangelogMode, Error, Result};

use super::Lowering;
use super::relation::{Relation, Role};
use crate::parse::emit::EmitForm;
use crate::session::Query;

impl Lowering<'_> {
    /// Refuses an EMIT clause that has nothing to decide.
    pub(super) fn check_emission(&self, query: &Query, relation: &Relation) -> Result<()> {
        let Some(clause) = &query.emit else { return Ok(()) };
        let refuse = |message: &str, hint: &str| Err(Error::invalid(message).hint(hint).at(clause.span.clone()));
        let windows = self.windows_below(relation.node);
        if clause.form == EmitForm::Close && windows.is_empty() {
            return refuse(
                "the query has no window that could close",
                "Leave EMIT out, or group by a window such as TUMBLE(ts, INTERVAL '1' MINUTE).",
            );
        }
        if clause.emission.lateness_ms > 0 && windows.iter().all(|proctime| *proctime) {
            return refuse(
                "ALLOW LATENESS needs a window over event time: nothing else knows late rows",
                "Leave it out, or group by a window over a column with a WATERMARK.",
            );
        }
        if clause.form == EmitForm::Every && !relation.changes() {
            return refuse(
                "the rows of this query are given out once and never change: there is nothing to hold back",
                "Leave EMIT out.",
            );
        }
        Ok(())
    }

    /// Holds a query's changes back where its last step does not do so itself.
    pub(super) fn throttled(&mut self, relation: Relation) -> Relation {
        let every = self.emission.updates;
        if !relation.changes() || every == Every::Epoch || self.holds_back(relation.node) {
            return relation;
        }
        let node = self.plan.add(Node {
            kind: NodeKind::Throttle(every),
            inputs: vec![relation.node],
            schema: self.schema_of(relation.node),
            mode: ChangelogMode::Retract,
            key: relation.key.clone(),
            sources: relation.sources.clone(),
        });
        Relation { node, exclusive: false, exchanged: true, lineage: None, ..relation }
    }

    /// An input whose rows must not be taken back: where rows can wait for the watermark, they do.
    pub(super) fn settled_relation(&mut self, plan: &LogicalPlan) -> Result<Relation> {
        let emission = Emission { waits_for_none: false, ..self.emission };
        let emission = std::mem::replace(&mut self.emission, emission);
        let relation = self.relation(plan);
        self.emission = emission;
        relation
    }

    /// True for an aggregation that speaks now and then only, and for what is computed of its rows alone.
    fn holds_back(&self, node: NodeId) -> bool {
        let Some(node) = self.plan.nodes.get(node) else { return false };
        match &node.kind {
            NodeKind::GroupAggregate(group) => group.every != Every::Epoch,
            NodeKind::WindowAggregate(window) => window.emission.by_clock(),
            NodeKind::SessionAggregate(session) => session.emission.by_clock(),
            NodeKind::Map(_) => node.inputs.iter().all(|input| self.holds_back(*input)),
            _ => false,
        }
    }

    /// When the results of a window are given out.
    pub(super) fn emission_of(&self, proctime: bool) -> Emission {
        if proctime { self.emission.of_clock() } else { self.emission }
    }

    /// The columns that tell the windows of a key apart as well as this column of a window's bounds does.
    pub(super) fn other_bounds(&self, relation: &Relation, column: usize) -> Vec<usize> {
        let Some(Role::WindowEnd(id)) = relation.roles.get(column).copied().filter(|_| relation.pending.is_none())
        else {
            return vec![];
        };
        let same = |role: &Role| match role {
            Role::WindowEnd(other) | Role::WindowTime(other) => *other == id,
            Role::WindowStart(other) => *other == id && !self.growing.contains(&id),
            _ => false,
        };
        (0..relation.roles.len()).filter(|c| relation.roles.get(*c).is_some_and(same)).collect()
    }

    /// The windows that a node's rows come from: for each whether it goes by the wall clock.
    fn windows_below(&self, node: NodeId) -> Vec<bool> {
        let (mut open, mut seen, mut windows) = (vec![node], HashSet::new(), vec![]);
        while let Some(id) = open.pop() {
            let Some(node) = self.plan.nodes.get(id).filter(|_| seen.insert(id)) else { continue };
            match &node.kind {
                NodeKind::WindowAggregate(window) => windows.push(window.proctime),
                NodeKind::SessionAggregate(session) => windows.push(session.proctime),
                NodeKind::Rank(rank) if rank.window_end.is_some() => windows.push(rank.proctime),
                NodeKind::WindowJoin(window) => windows.push(window.proctime),
                _ => {}
            }
            open.extend(&node.inputs);
        }
        windows
    }
}
