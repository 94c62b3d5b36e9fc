//! A plan whose statements stand at different places of the same sources.
//!
//! A script reads each table once, whoever needs it. When a statement is added to a job that runs, it has to see its tables
//! from their beginning, while the others go on where they are: then it has sources, and all operators behind them, of its
//! own. Which statements stand together is a number, the instance of their sources.

use std::collections::{BTreeSet, HashMap};

use crate::node::{JobPlan, NodeId, NodeKind};

/// What a sink is in a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkPart {
    /// The instance of its sources.
    pub instance: u32,
    /// Which of the job's writers of its table it is.
    pub place: usize,
}

impl JobPlan {
    /// The plan in which the sinks, in their order, have these parts. For each of its nodes also the node of this plan that
    /// it was made of.
    pub fn apart(&self, parts: &[SinkPart]) -> (JobPlan, Vec<NodeId>) {
        let mut wanted: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); self.nodes.len()];
        for (sink, part) in self.sink_ids().into_iter().zip(parts) {
            self.want(sink, part.instance, &mut wanted);
        }
        let mut plan = JobPlan { nodes: vec![], settings: self.settings.clone() };
        let mut origins = vec![];
        let mut made: HashMap<(NodeId, u32), NodeId> = HashMap::new();
        let mut parts = parts.iter();
        for (id, node) in self.nodes.iter().enumerate() {
            for instance in wanted.get(id).into_iter().flatten() {
                let mut node = node.clone();
                for other in node.inputs.iter_mut().chain(&mut node.sources) {
                    // A source is among its own sources, and a node stands behind its inputs.
                    *other = made.get(&(*other, *instance)).copied().unwrap_or(plan.nodes.len());
                }
                match &mut node.kind {
                    NodeKind::Source(source) => source.instance = *instance,
                    NodeKind::Sink(sink) => sink.place = parts.next().map(|part| part.place),
                    _ => {}
                }
                made.insert((id, *instance), plan.add(node));
                origins.push(id);
            }
        }
        (plan, origins)
    }

    /// Notes that a node and all below it are wanted in an instance.
    fn want(&self, id: NodeId, instance: u32, wanted: &mut [BTreeSet<u32>]) {
        let (Some(node), Some(known)) = (self.nodes.get(id), wanted.get_mut(id)) else { return };
        if known.insert(instance) {
            node.inputs.iter().for_each(|input| self.want(*input, instance, wanted));
        }
    }

    /// The instance of a node's sources; `None` for a node that is below none.
    pub fn instance(&self, id: NodeId) -> Option<u32> {
        let node = self.nodes.get(id)?;
        match &node.kind {
            NodeKind::Source(source) => Some(source.instance),
            _ => node.inputs.iter().find_map(|input| self.instance(*input)),
        }
    }

    /// A node and all below it, each once.
    pub fn below(&self, id: NodeId) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::from([id]);
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let inputs = self.nodes.get(id).map_or(&[][..], |node| &node.inputs);
            open.extend(inputs.iter().filter(|input| found.insert(**input)));
        }
        found
    }
}
