//! Joins of changing inputs, and the rows that several of them read.

use std::collections::HashMap;
use std::sync::Arc;

use sloth_plan::{Arrange, Arranged, Gathering, JobPlan, Join, Kept, Node, NodeId};
use sloth_types::Result;

use super::{input_schemas, routes, side_by_side};
use crate::context::StateGauge;
use crate::dataflow::{Edge, Floor, SharedState, gated, operator_id, stateful};
use crate::durable::Restored;
use crate::epoch::TimeDomain;
use crate::operators::arrange::ArrangeOperator;
use crate::operators::batch_join::BatchJoinOperator;
use crate::operators::join::{CHANGES, JoinOperator, SIDES};
use crate::pact::{self, Route};
use crate::state::arrangement::Arrangement;
use crate::state::shared::SharedRows;
use crate::state::snapshot::share_of;

const ARRANGE: &str = "arrange";
const JOIN: &str = "join";
/// The name under which joins by one key are kept that are carried out as one operator.
pub const MULTI_JOIN: &str = "multi join";

/// True when the rows of a join's side have been kept with the join.
pub(crate) fn keeps_side(restored: &Restored, join: u64, side: usize) -> bool {
    let names = [SIDES[side], CHANGES[side]];
    let written = restored.written(operator_id(join, JOIN));
    written.iter().flatten().any(|s| names.contains(&s.name.as_str()) && s.rows.iter().any(|rows| rows.num_rows() > 0))
}

/// How the state of joins that could be carried out together was written.
pub(crate) fn kept(restored: &Restored, joins: &Gathering) -> Kept {
    let written = |identity: &u64, name: &str| {
        let sections = restored.written(operator_id(*identity, name));
        sections.iter().flatten().any(|s| s.rows.iter().any(|rows| rows.num_rows() > 0))
    };
    if written(&joins.identity, MULTI_JOIN) {
        Kept::Together
    } else if joins.joins.iter().any(|id| written(id, JOIN) || written(id, MULTI_JOIN))
        || joins.sides.iter().any(|id| written(id, ARRANGE))
    {
        Kept::Apart
    } else {
        Kept::Nowhere
    }
}

/// The arrangements of a worker.
pub(in crate::render) struct Sharing<'p> {
    plan: &'p JobPlan,
    identities: &'p [u64],
    /// What the sides of joins keep.
    sides: Vec<Arranged>,
    states: HashMap<NodeId, SharedState>,
}

impl<'p> Sharing<'p> {
    pub(in crate::render) fn new(plan: &'p JobPlan, identities: &'p [u64]) -> Self {
        Sharing { plan, identities, sides: plan.arrangements(), states: HashMap::new() }
    }

    /// Keeps rows for the joins behind.
    pub(in crate::render) fn arrange<'s>(
        &mut self,
        floor: &Floor<'s>,
        id: NodeId,
        node: &Node,
        arrange: &Arrange,
        input: Edge<'s>,
    ) -> Result<Edge<'s>> {
        let (schema, retracts) = (&node.schema, super::super::changes(self.plan, id));
        let rows = match arrange.weights {
            true => Arrangement::of_weights(schema, &arrange.keys, retracts)?,
            false => Arrangement::new(schema, &arrange.keys, retracts)?,
        };
        let (context, first) = (&floor.context, floor.context.first_epoch.0);
        let gauge = StateGauge::new(Arc::clone(context));
        let rows = SharedRows::new(rows, &arrange.keys, &arrange.columns, first, gauge);
        let state = SharedState::new(rows);
        let operator = ArrangeOperator::new(arrange, schema, std::rc::Rc::clone(&state.rows))?;
        self.states.insert(id, state);
        Ok(stateful(floor, input, ARRANGE, super::super::by_key_of(&arrange.keys), operator))
    }

    /// A join of changing inputs. `time` tells when they have ended.
    pub(in crate::render) fn join<'s>(
        &mut self,
        floor: &Floor<'s>,
        (id, node): (NodeId, &Node),
        join: &Join,
        inputs: &[Edge<'s>],
        time: TimeDomain,
    ) -> Result<Edge<'s>> {
        let plan = self.plan;
        let schemas = input_schemas(plan, node)?;
        let retracts = [0, 1].map(|i| node.inputs.get(i).is_some_and(|id| super::super::changes(plan, *id)));
        let mut routes = routes(join, &schemas);
        let context = Arc::clone(&floor.context);
        let alone = [0, 1].iter().all(|side| plan.reads(id, *side).is_none());
        if alone && join.ttl_ms == [None, None] && context.tells_once(&time) {
            let both = side_by_side(floor, inputs, &routes);
            let operator =
                BatchJoinOperator::new(join, schemas, retracts, Arc::clone(&node.schema), time, Arc::clone(&context))?;
            return Ok(stateful(floor, both, JOIN, pact::by_route(routes.to_vec()), operator));
        }
        let mut operator = JoinOperator::new(join, schemas, retracts, Arc::clone(&node.schema), context)?;
        let mut gates = vec![];
        for (side, route) in routes.iter_mut().enumerate() {
            let read = plan.reads(id, side).and_then(|(at, columns)| Some((self.states.get(&at)?, columns)));
            match read {
                Some((state, columns)) => {
                    operator.read_elsewhere(side, state.rows.borrow().rows(), columns);
                    gates.push(state.gate());
                    *route = Route::To(floor.worker.0);
                }
                None => self.take_over(floor, id, side, &mut operator)?,
            }
        }
        let both = side_by_side(floor, inputs, &routes);
        Ok(gated(floor, both, JOIN, pact::by_route(routes.to_vec()), operator, gates))
    }

    /// The rows of a side that was read with others before, and is not any more.
    fn take_over(&self, floor: &Floor<'_>, id: NodeId, side: usize, operator: &mut JoinOperator) -> Result<()> {
        let restored = &floor.context.restored;
        let (Some(known), Some(join)) =
            (self.sides.iter().find(|s| (s.join, s.side) == (id, side)), self.identities.get(id))
        else {
            return Ok(());
        };
        let written = restored.written(operator_id(known.identity, ARRANGE));
        let told = restored.retelling().listeners.contains(join);
        if told || written.is_empty() || keeps_side(restored, *join, side) {
            return Ok(());
        }
        operator.take_over(side, &known.columns, share_of(&written, floor.worker)?)
    }
}
