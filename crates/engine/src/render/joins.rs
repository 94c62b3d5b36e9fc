//! Joins and what belongs to them, put into the dataflow.

mod sharing;

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{Schema, SchemaRef};
use sloth_plan::{
    IntervalJoin, JobPlan, Join, JoinExchange, LookupJoin, MultiJoin, Node, TemporalAt, TemporalJoin, WindowJoin,
};
use sloth_types::{Error, Result};

use crate::dataflow::{Edge, Floor, deferred, stateful, stateless};
use crate::epoch::TimeDomain;
use crate::lookups::OpenLookup;
use crate::message::{Batch, Place};
use crate::operators::interval_join::IntervalJoinOperator;
use crate::operators::join::JoinOperator;
use crate::operators::live_lookup::LiveLookup;
use crate::operators::lookup_join::LookupJoinOperator;
use crate::operators::multi_join::MultiJoinOperator;
use crate::operators::single_row::SingleRowOperator;
use crate::operators::temporal_join::TemporalJoinOperator;
use crate::operators::window_join::WindowJoinOperator;
use crate::pact::{self, Route};

pub use sharing::MULTI_JOIN;
pub(super) use sharing::Sharing;
pub(crate) use sharing::{keeps_side, kept};

/// A join of windows. `domain` gives the time of an input, by whether another window makes it.
pub(super) fn window_join<'s>(
    floor: &Floor<'s>,
    plan: &JobPlan,
    node: &Node,
    window: &WindowJoin,
    inputs: &[Edge<'s>],
    domain: impl Fn(bool) -> TimeDomain,
) -> Result<Edge<'s>> {
    let schemas = input_schemas(plan, node)?;
    let routes = routes(&window.join, &schemas);
    let both = side_by_side(floor, inputs, &routes);
    let times = window.cascaded.map(domain);
    let retracts = [0, 1].map(|i| node.inputs.get(i).is_some_and(|id| super::changes(plan, *id)));
    if retracts != [false; 2] || !window.emission.is_final() {
        let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
        let operator = JoinOperator::new(&window.join, schemas, retracts, schema, Arc::clone(&context))?;
        let operator = operator.within_windows(window, times, context)?;
        return Ok(stateful(floor, both, "window join changes", pact::by_route(routes.to_vec()), operator));
    }
    let operator =
        WindowJoinOperator::new(window, schemas, times, Arc::clone(&node.schema), Arc::clone(&floor.context))?;
    Ok(stateful(floor, both, "window join", pact::by_route(routes.to_vec()), operator))
}

/// A join of rows whose times lie within bounds of each other. `domain` as for [`window_join`].
pub(super) fn interval_join<'s>(
    floor: &Floor<'s>,
    plan: &JobPlan,
    node: &Node,
    interval: &IntervalJoin,
    inputs: &[Edge<'s>],
    domain: impl Fn(bool) -> TimeDomain,
) -> Result<Edge<'s>> {
    let schemas = input_schemas(plan, node)?;
    let routes = routes(&interval.join, &schemas);
    let both = side_by_side(floor, inputs, &routes);
    let domains = interval.cascaded.map(domain);
    let operator =
        IntervalJoinOperator::new(interval, schemas, domains, Arc::clone(&node.schema), Arc::clone(&floor.context))?;
    Ok(stateful(floor, both, "interval join", pact::by_route(routes.to_vec()), operator))
}

/// Joins by one key, carried out together.
pub(super) fn multi_join<'s>(
    floor: &Floor<'s>,
    plan: &JobPlan,
    node: &Node,
    multi: &MultiJoin,
    inputs: &[Edge<'s>],
) -> Result<Edge<'s>> {
    let schema = |id: &usize| Some((Arc::clone(&plan.nodes.get(*id)?.schema), super::changes(plan, *id)));
    let schemas: Option<Vec<_>> = node.inputs.iter().map(schema).collect();
    let schemas = schemas.ok_or_else(|| Error::internal("an input of a join is missing"))?;
    let routes: Vec<Route> = multi.keys.iter().cloned().map(Route::Key).collect();
    let all = side_by_side(floor, inputs, &routes);
    let operator = MultiJoinOperator::new(multi, &schemas, Arc::clone(&node.schema), Arc::clone(&floor.context))?;
    Ok(stateful(floor, all, sharing::MULTI_JOIN, pact::by_route(routes), operator))
}

/// A join with a table as of some time. `right` are the sources of the table, `domain` as for [`window_join`].
#[expect(clippy::too_many_arguments, reason = "the parts of one step, handed on together")]
pub(super) fn temporal_join<'s>(
    floor: &Floor<'s>,
    plan: &JobPlan,
    node: &Node,
    temporal: &TemporalJoin,
    inputs: &[Edge<'s>],
    right: Vec<usize>,
    domain: impl Fn(bool) -> TimeDomain,
) -> Result<Edge<'s>> {
    let schemas = input_schemas(plan, node)?;
    let routes = routes(&temporal.join, &schemas);
    let both = side_by_side(floor, inputs, &routes);
    let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
    let pact = pact::by_route(routes.to_vec());
    match temporal.at {
        TemporalAt::Event { left, right } => {
            let time = domain(temporal.cascaded[0]);
            let join = &temporal.join;
            let operator = TemporalJoinOperator::new(join, (left, right), schemas, time, schema, context)?;
            Ok(stateful(floor, both, "temporal join", pact, operator))
        }
        TemporalAt::Now { hold } => {
            let retracts = node.inputs.get(1).is_some_and(|id| super::changes(plan, *id));
            let hold = hold.then(|| TimeDomain { sources: right, ..domain(false) });
            let operator = LookupJoinOperator::new(&temporal.join, schemas, retracts, hold, schema, context)?;
            Ok(stateful(floor, both, "lookup join", pact, operator))
        }
    }
}

/// A join with a table that is asked.
pub(super) fn lookup_join<'s>(
    floor: &Floor<'s>,
    node: &Node,
    lookup: &LookupJoin,
    input: Edge<'s>,
    left: SchemaRef,
    connection: Option<OpenLookup>,
) -> Result<Edge<'s>> {
    let connection = connection.ok_or_else(|| Error::internal("a lookup that was not opened"))?;
    // The columns of the table stand behind those of the input.
    let right = node.schema.fields().iter().skip(left.fields().len()).cloned().collect::<Vec<_>>();
    let schemas = [left, Arc::new(Schema::new(right))];
    let bell = Arc::new(OnceLock::new());
    let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
    let operator = LiveLookup::new(lookup, schemas, schema, connection, Arc::clone(&bell), context)?;
    let pact = pact::by_key(vec![lookup.join.left_keys.clone()], vec![]);
    Ok(deferred(floor, input, "live lookup", pact, operator, bell))
}

/// All rows of a subquery meet on one worker, to be counted.
pub(super) fn single_row<'s>(floor: &Floor<'s>, input: Edge<'s>) -> Edge<'s> {
    stateful(floor, input, "single row", pact::to_first(), SingleRowOperator::default())
}

fn input_schemas(plan: &JobPlan, node: &Node) -> Result<[SchemaRef; 2]> {
    let schema = |i: usize| node.inputs.get(i).and_then(|id| plan.nodes.get(*id)).map(|n| Arc::clone(&n.schema));
    schema(0).zip(schema(1)).map(|(l, r)| [l, r]).ok_or_else(|| Error::internal("a join without two inputs"))
}

fn routes(join: &Join, schemas: &[SchemaRef; 2]) -> [Route; 2] {
    // Spread by the whole row, so that a row and its retraction meet.
    let whole = |side: usize| Route::Key((0..schemas[side].fields().len()).collect());
    match join.exchange {
        JoinExchange::ByKey => [Route::Key(join.left_keys.clone()), Route::Key(join.right_keys.clone())],
        JoinExchange::CopyRight => [whole(0), Route::Named],
        JoinExchange::CopyLeft => [Route::Named, whole(1)],
    }
}

/// One stream of all inputs, each batch with the number of its input; copies are made where every worker needs all.
fn side_by_side<'s>(floor: &Floor<'s>, inputs: &[Edge<'s>], routes: &[Route]) -> Edge<'s> {
    use timely::dataflow::operators::core::Concatenate;
    let peers = floor.worker.1 as u32;
    let ports = inputs.iter().zip(routes).enumerate().map(|(port, (edge, route))| {
        let named = matches!(route, Route::Named);
        let copies = if named { peers } else { 1 };
        stateless(floor, edge.clone(), "port", move |_, batch, out| {
            for worker in 1..copies {
                out.push(Batch { port: port as u8, place: Place { split: 0, seq: worker }, ..batch.clone() });
            }
            let place = if named { Place::default() } else { batch.place };
            out.push(Batch { port: port as u8, place, ..batch });
            Ok(())
        })
    });
    floor.scope.concatenate(ports.collect::<Vec<_>>())
}
