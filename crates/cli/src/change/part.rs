//! Statements that have changed, or are new, of which a part goes on: operators that are as they were keep their state.
//!
//! An operator is the same when it does the same to the same, all the way down to the tables. So the operators of a statement
//! that are known stand below those that are not. The new ones above them begin in one of two ways.
//!
//! - **On.** They are functions of each row, and the result only grows: rows that come from now on go through them. What was
//!   written stays as it was.
//! - **Told.** The operators that go on know all rows that their output consists of (groups, rankings, pairs of a join, the
//!   table behind upserts). They tell these in the first epoch to the new ones, which take them as if they came at once, and
//!   to nobody else; from then on they tell changes, as ever. The result is as if the statement had stood there always.
//!
//! Where neither is possible the statement begins anew: what a source or a window has given out is not known any more.

use std::collections::{BTreeSet, HashSet};

use sloth_engine::MULTI_JOIN;
use sloth_plan::{JobPlan, NodeId};
use sloth_store::{PlanOperator, PlanSink};

use super::compose::operator_of;
use super::{Begin, Change, Past};

/// A part of a statement goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partly {
    /// The instance of its sources.
    pub(crate) instance: u32,
    /// The sink of the plan so far in whose stead it stands.
    pub(crate) replaces: Option<usize>,
    /// What stands is told to what is new.
    pub(crate) told: bool,
}

/// What is known of the plan so far.
struct Known<'a> {
    plan: &'a JobPlan,
    identities: &'a [u64],
    operators: HashSet<(String, u32)>,
}

impl Known<'_> {
    fn has(&self, id: NodeId, instance: u32) -> bool {
        let query = self.identities.get(id).map(|i| format!("{i:016x}"));
        query.is_some_and(|query| self.operators.contains(&(query, instance)))
    }

    /// The nodes of a statement that are new, for somebody in this instance. What lies below a known node is not looked at.
    fn new_of(&self, sink: NodeId, instance: u32) -> BTreeSet<NodeId> {
        let (mut new, mut open) = (BTreeSet::new(), vec![sink]);
        while let Some(id) = open.pop() {
            if !self.has(id, instance) && new.insert(id) {
                open.extend(self.plan.nodes.get(id).map_or(&[][..], |node| &node.inputs));
            }
        }
        new
    }

    /// The edges from what goes on to what is new, by what goes on.
    fn seams(&self, new: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let inputs = new.iter().filter_map(|id| self.plan.nodes.get(*id)).flat_map(|node| &node.inputs);
        inputs.copied().filter(|input| !new.contains(input)).collect()
    }
}

impl Change {
    /// What a statement that is neither kept nor restored begins with. `replaces` is the sink in whose stead it stands.
    pub(super) fn begin_of(&self, sink: NodeId, replaces: Option<usize>) -> Begin {
        let Some(current) = self.current.as_ref().filter(|_| self.savepoint.is_none()) else { return Begin::New };
        let known = self.known(current);
        let hidden = self.hidden(current);
        let own = replaces.and_then(|sink| current.plan.sinks.get(sink)).map(|sink: &PlanSink| sink.instance);
        let others: BTreeSet<u32> = current.plan.sources.iter().map(|source| source.instance).collect();
        for instance in own.into_iter().chain(others) {
            let new = known.new_of(sink, instance);
            let seams = known.seams(&new);
            let sources = known.plan.source_ids();
            let hidden = |id: &NodeId| hidden.contains(&(*id, instance));
            if seams.is_empty() || seams.iter().any(hidden) || new.iter().any(|id| sources.contains(id)) {
                continue;
            }
            let passed_on = new.iter().all(|id| *id == sink || known.plan.passes_on(*id));
            if replaces.is_some() && passed_on && known.plan.only_grows(sink) && !current.at.ended {
                return Begin::Partly(Partly { instance, replaces, told: false });
            }
            if new.iter().all(|id| known.plan.takes_all_at_once(*id))
                && seams.iter().all(|id| known.plan.knows_all(*id))
            {
                return Begin::Partly(Partly { instance, replaces, told: true });
            }
        }
        Begin::New
    }

    /// Nodes of the script that have nothing to go on from: they are within joins whose state is written as one.
    fn hidden(&self, current: &Past) -> HashSet<(NodeId, u32)> {
        let files = current.at.state.iter().filter(|file| file.name == MULTI_JOIN);
        let joins = files.filter_map(|file| operator_of(&current.plan, file));
        let within = |join: &PlanOperator| {
            let is = |identity: &u64| format!("{identity:016x}") == join.query;
            let id = self.script.1.iter().position(is);
            let within = id.map(|id| self.script.0.within_gathered(id)).unwrap_or_default();
            let instance = join.instance;
            within.into_iter().map(move |id| (id, instance))
        };
        joins.flat_map(within).collect()
    }

    /// The nodes of the script that are told all, and in which instance. What passes rows on passes on what is told.
    pub(super) fn listeners(&self) -> Vec<(NodeId, u32)> {
        let Some(current) = &self.current else { return vec![] };
        let known = self.known(current);
        let listen = |(sink, part): (NodeId, Partly)| {
            let new = known.new_of(sink, part.instance).into_iter().filter(|id| !known.plan.passes_on(*id));
            new.map(|id| (id, part.instance)).collect::<Vec<_>>()
        };
        self.told().flat_map(listen).collect()
    }

    /// The nodes of the script that tell all, and in which instance.
    pub(super) fn tellers(&self) -> Vec<(NodeId, u32)> {
        let Some(current) = &self.current else { return vec![] };
        let known = self.known(current);
        let tellers = |(sink, part): (NodeId, Partly)| {
            let seams = known.seams(&known.new_of(sink, part.instance));
            let tellers: Vec<NodeId> = seams.iter().flat_map(|id| known.plan.tellers(*id)).collect();
            tellers.into_iter().map(move |id| (id, part.instance))
        };
        self.told().flat_map(tellers).collect()
    }

    fn told(&self) -> impl Iterator<Item = (NodeId, Partly)> + '_ {
        self.script.0.sink_ids().into_iter().zip(&self.begins).filter_map(|(sink, begin)| match begin {
            Begin::Partly(part) if part.told => Some((sink, *part)),
            _ => None,
        })
    }

    fn known<'a>(&'a self, current: &'a Past) -> Known<'a> {
        // What is still to be told has nothing yet that others could go on from.
        let operators = current.plan.operators.iter().filter(|o| !current.at.retold.to.contains(&o.identity));
        let operators = operators.map(|o| (o.query.clone(), o.instance)).collect();
        Known { plan: &self.script.0, identities: &self.script.1, operators }
    }
}
