//! Which operators can tell all that they have told, and which can begin with it: so that what is new in a script can be put
//! onto what goes on.

use sloth_types::ChangelogMode;

use crate::emission::Every;
use crate::node::{JobPlan, Join, JoinExchange, JoinKind, NodeId, NodeKind};
use crate::over::OverEmission;
use crate::rank::{Rank, Ties};

impl JobPlan {
    /// True when a node is a function of each batch, whatever came before it.
    pub fn passes_on(&self, id: NodeId) -> bool {
        matches!(
            self.nodes.get(id).map(|n| &n.kind),
            Some(
                NodeKind::Map(_)
                    | NodeKind::Union
                    | NodeKind::WindowAssign(_)
                    | NodeKind::LateRows(..)
                    | NodeKind::BadRecords
            )
        )
    }

    /// True when what a sink is given only grows.
    pub fn only_grows(&self, id: NodeId) -> bool {
        let input = self.nodes.get(id).and_then(|n| n.inputs.first()).and_then(|input| self.nodes.get(*input));
        input.is_some_and(|input| input.mode == ChangelogMode::Append)
    }

    /// True when the state of a node, or of those that it passes on, has all rows that its output consists of. Sources, windows
    /// and what forgets rows have told more than they know.
    pub fn knows_all(&self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get(id) else { return false };
        match &node.kind {
            NodeKind::Map(_) | NodeKind::Union => {
                !node.inputs.is_empty() && node.inputs.iter().all(|input| self.knows_all(*input))
            }
            NodeKind::GroupAggregate(group) => group.ttl_ms.is_none() && group.every == Every::Epoch,
            NodeKind::Rank(rank) => is_timeless(rank),
            NodeKind::SetOperation { ttl_ms, .. } => ttl_ms.is_none(),
            NodeKind::Join(join) => self.join_knows_all(id, join),
            NodeKind::Normalize(_) | NodeKind::Materialize(_) => true,
            _ => false,
        }
    }

    /// Rows with a NULL key are not kept by a join, and come out of it where their side comes out alone.
    fn join_knows_all(&self, id: NodeId, join: &Join) -> bool {
        let keeps_keys = |side: usize| {
            let input = self.nodes.get(id).and_then(|n| n.inputs.get(side)).and_then(|input| self.nodes.get(*input));
            let never_null = |key: &usize| input.is_some_and(|i| !i.schema.field(*key).is_nullable());
            join.null_equal || !join.kind.keeps_alone(side) || join.keys(side).iter().all(never_null)
        };
        join.kind.pairs()
            && join.exchange == JoinExchange::ByKey
            && join.ttl_ms == [None; 2]
            && (join.kind == JoinKind::Inner || (keeps_keys(0) && keeps_keys(1)))
    }

    /// The nodes that tell all that `id` has told: itself, or those that it passes on.
    pub fn tellers(&self, id: NodeId) -> Vec<NodeId> {
        match self.nodes.get(id).map(|n| &n.kind) {
            Some(NodeKind::Map(_) | NodeKind::Union) => {
                let inputs = self.nodes.get(id).map_or(&[][..], |n| &n.inputs);
                inputs.iter().flat_map(|input| self.tellers(*input)).collect()
            }
            _ => vec![id],
        }
    }

    /// True when a node makes the same of rows that come at once as of rows that have come one after the other: it goes by
    /// what the rows are, not by when they come.
    pub fn takes_all_at_once(&self, id: NodeId) -> bool {
        match self.nodes.get(id).map(|n| &n.kind) {
            Some(
                NodeKind::Map(_) | NodeKind::Union | NodeKind::SingleRow | NodeKind::Throttle(_) | NodeKind::Sink(_),
            ) => true,
            Some(NodeKind::GroupAggregate(group)) => {
                group.ttl_ms.is_none() && !group.calls.iter().any(crate::AggregateCall::order_sensitive)
            }
            Some(NodeKind::Rank(rank)) => is_timeless(rank) && rank.ties == Ties::Content,
            Some(NodeKind::SetOperation { ttl_ms, .. }) => ttl_ms.is_none(),
            Some(NodeKind::Join(join)) => join.ttl_ms == [None; 2],
            Some(NodeKind::Over(over)) => matches!(over.emission, OverEmission::Changes),
            _ => false,
        }
    }
}

fn is_timeless(rank: &Rank) -> bool {
    rank.window_end.is_none() && !rank.proctime && rank.ttl_ms.is_none()
}
