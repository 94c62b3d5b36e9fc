//! From plan to dataflow: one match from node to operator, on every worker alike.

mod joins;
mod picks;

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use sloth_plan::recursive::Way;
use sloth_plan::{JobPlan, NodeId, NodeKind, OverEmission, WindowSource};
use sloth_types::{ChangelogMode, Error, Guarantee, Result};
use timely::dataflow::Scope;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::Concatenate;

use crate::context::JobContext;
use crate::coordinator::Coordinator;
use crate::dataflow::{Call, Edge, Floor, listening, read_source, stateful, stateless, tick_source, watch_end};
use crate::epoch::{EpochTable, TimeDomain};
use crate::fields;
use crate::io::reader::SourceReader;
use crate::io::writer::Writer;
use crate::lookups::OpenLookups;
use crate::operators::group::{GroupAggregateOperator, GroupParts};
use crate::operators::linear_recursion::LinearRecursion;
use crate::operators::local::LocalAggregate;
use crate::operators::materialize::MaterializeOperator;
use crate::operators::normalize::NormalizeOperator;
use crate::operators::over::OverOperator;
use crate::operators::over::timed::TimedOver;
use crate::operators::panes::PaneRule;
use crate::operators::pattern::MatchOperator;
use crate::operators::rank::{RankOperator, RankParts};
use crate::operators::recursive::RecursiveOperator;
use crate::operators::session::{SessionOperator, SessionParts};
use crate::operators::session_changes::SessionChangesOperator;
use crate::operators::session_updates::SessionUpdatesOperator;
use crate::operators::set_operation::SetOperator;
use crate::operators::sink::{Exact, Held, Pending, SinkOperator};
use crate::operators::stages;
use crate::operators::throttle::ThrottleOperator;
use crate::operators::window::{WindowAggregateOperator, WindowParts};
use crate::operators::window_assign::{Panes, assign, late_rows};
use crate::operators::window_updates::WindowUpdatesOperator;
use crate::pact;
use crate::state::groups::GroupsSpec;

pub use joins::MULTI_JOIN;
pub(crate) use joins::{keeps_side, kept};

/// Writers opened before the start, by (sink ordinal, writer number).
pub(crate) type OpenWriters = HashMap<(usize, usize), Writer>;

/// What a worker needs to render the plan.
pub(crate) struct Rendering {
    pub(crate) plan: JobPlan,
    pub(crate) context: Arc<JobContext>,
    pub(crate) writers: Mutex<OpenWriters>,
    /// For each sink whether its rows must be put in order (one writer).
    pub(crate) ordered: Vec<bool>,
    pub(crate) coordinator: Mutex<Option<Coordinator>>,
    /// The job keeps an epoch log.
    pub(crate) logged: bool,
    /// Connections to tables that are asked.
    pub(crate) lookups: Mutex<OpenLookups>,
}

/// Builds the dataflow of a job on one worker.
pub(crate) fn render(rendering: &Rendering, scope: Scope<'_, u64>, worker: (usize, usize)) -> Result<()> {
    let plan = &rendering.plan;
    let context = Arc::clone(&rendering.context);
    let floor = Floor { scope, epochs: EpochTable::default(), context, worker, node: Cell::new(0) };
    let identities = plan.identities();
    let logged = rendering.logged;
    let call: Call = Rc::default();
    let coordinator = rendering.coordinator.lock().unwrap_or_else(PoisonError::into_inner);
    let coordinator = if worker.0 == 0 { Some(coordinator) } else { None }.and_then(|mut c| c.take());
    let ticks = tick_source(&floor, coordinator, &call);
    let source_ids = plan.source_ids();
    let ordinals = |ids: &[NodeId]| -> Vec<usize> {
        ids.iter().filter_map(|id| source_ids.iter().position(|s| s == id)).collect()
    };
    let mut edges: Vec<Edge<'_>> = vec![];
    let mut bad_edges: HashMap<NodeId, Edge<'_>> = HashMap::new();
    let mut ends: Vec<Edge<'_>> = vec![];
    let mut sinks = 0;
    let mut shared = joins::Sharing::new(plan, &identities);
    let told = rendering.context.restored.retelling();
    let picking = picks::picking(plan);
    for (id, node) in plan.nodes.iter().enumerate() {
        floor.node.set(identities.get(id).copied().unwrap_or_default());
        let new = |id: NodeId| identities.get(id).is_some_and(|identity| told.listeners.contains(identity));
        let listens = |input: &NodeId| new(id) && !new(*input);
        let input = |i: &NodeId| edges.get(*i).cloned().map(|edge| if listens(i) { listening(edge) } else { edge });
        let inputs: Vec<Edge<'_>> = node.inputs.iter().filter_map(input).collect();
        let first = || inputs.first().cloned().ok_or_else(|| Error::internal("a node has no input"));
        let lag_ms = node.inputs.iter().map(|i| plan.lag_ms(*i)).max().unwrap_or(0);
        let domain = |clock, cascaded| TimeDomain { sources: ordinals(&node.sources), clock, cascaded, lag_ms };
        let input_schema = || {
            let input = node.inputs.first().and_then(|i| plan.nodes.get(*i));
            input.map(|n| Arc::clone(&n.schema)).ok_or_else(|| Error::internal("a node has no input"))
        };
        let edge = match &node.kind {
            NodeKind::Source(source) => {
                let ordinal = source_ids.iter().position(|s| *s == id).unwrap_or(0);
                let mut source = (**source).clone();
                fields::take_out_of(&mut source);
                let reader =
                    SourceReader::new(source, ordinal, worker, Arc::clone(&rendering.context), (logged, picking[id]));
                let (rows, bad) = read_source(&floor, ticks.clone(), reader);
                bad_edges.insert(id, bad);
                rows
            }
            NodeKind::Map(list) => {
                let mut list = list.clone();
                fields::take_out(&mut list, input_schema()?);
                match picking[id] {
                    true => {
                        stateless(&floor, first()?, "map", move |_, batch, out| stages::run_and_pick(&list, batch, out))
                    }
                    false => stateless(&floor, first()?, "map", move |_, batch, out| stages::run(&list, batch, out)),
                }
            }
            NodeKind::Union => floor.scope.concatenate(inputs.clone()),
            NodeKind::WindowAssign(window) => {
                let (window, schema) = (window.clone(), Arc::clone(&node.schema));
                let context = Arc::clone(&floor.context);
                stateless(&floor, first()?, "window assign", move |_, batch, out| {
                    let (batch, without_time) = assign(&window, &batch, &schema)?;
                    context.figures.late_rows.add(without_time as u64);
                    if batch.rows.num_rows() > 0 {
                        out.push(batch);
                    }
                    Ok(())
                })
            }
            NodeKind::LateRows(window, lateness_ms) => {
                let (window, time) = (window.clone(), domain(false, false).behind(*lateness_ms));
                stateless(&floor, first()?, "late rows", move |epoch, batch, out| {
                    out.extend(late_rows(&window, &batch, time.late_watermark(epoch))?);
                    Ok(())
                })
            }
            NodeKind::BadRecords => node
                .inputs
                .first()
                .and_then(|i| bad_edges.get(i).cloned())
                .ok_or_else(|| Error::internal("bad records of something that is not a source"))?,
            NodeKind::WindowAggregate(window) => {
                let (rule, keys) = match &window.source {
                    WindowSource::Time { window: spec, column } => {
                        (PaneRule::Time { panes: Panes::new(*spec)?, column: *column }, window.keys.clone())
                    }
                    // The start travels as the first key.
                    WindowSource::Columns { start, end } => (
                        PaneRule::End { column: *end },
                        std::iter::once(*start).chain(window.keys.iter().copied()).collect(),
                    ),
                };
                let retracts = node.inputs.first().is_some_and(|i| changes(plan, *i));
                let spec = || GroupsSpec::new(&*input_schema()?, &keys, &window.calls, retracts);
                let time = domain(window.proctime, window.cascaded);
                let late = time.behind(window.emission.lateness_ms);
                let exchanged = two_phase(&floor, first()?, rule, spec()?, late);
                let parts = WindowParts { spec: spec()?, rule, time, schema: Arc::clone(&node.schema) };
                let context = Arc::clone(&floor.context);
                if window.emission.is_final() {
                    let operator = WindowAggregateOperator::new(parts, context)?;
                    stateful(&floor, exchanged, "window aggregate", by_key_of(&keys), operator)
                } else {
                    let operator = WindowUpdatesOperator::new(parts, window.emission, context);
                    stateful(&floor, exchanged, "window updates", by_key_of(&keys), operator)
                }
            }
            NodeKind::SessionAggregate(session) => {
                let retracts = node.inputs.first().is_some_and(|i| changes(plan, *i));
                let parts = SessionParts {
                    spec: GroupsSpec::new(&*input_schema()?, &session.keys, &session.calls, retracts)?,
                    time: session.time,
                    gap_ms: session.gap_ms,
                    domain: domain(session.proctime, session.cascaded),
                    schema: Arc::clone(&node.schema),
                };
                let (context, pact) = (Arc::clone(&floor.context), by_key_of(&session.keys));
                if !session.emission.is_final() {
                    // Rows are kept and counted by weight, whatever the input.
                    let spec = || GroupsSpec::new(&*input_schema()?, &session.keys, &session.calls, true);
                    let parts = SessionParts { spec: spec()?, ..parts };
                    let input = input_schema()?;
                    let operator = SessionUpdatesOperator::new(parts, spec()?, &input, session.emission, context)?;
                    stateful(&floor, first()?, "session updates", pact, operator)
                } else if retracts {
                    let operator = SessionChangesOperator::new(parts, input_schema()?, context)?;
                    stateful(&floor, first()?, "session aggregate", pact, operator)
                } else {
                    let operator = SessionOperator::new(parts, context)?;
                    stateful(&floor, first()?, "session aggregate", pact, operator)
                }
            }
            NodeKind::GroupAggregate(group) => {
                let retracts = node.inputs.first().is_some_and(|i| changes(plan, *i));
                let spec = || GroupsSpec::new(&*input_schema()?, &group.keys, &group.calls, retracts);
                let exchanged = two_phase(&floor, first()?, PaneRule::Whole, spec()?, domain(false, false));
                let parts = GroupParts {
                    spec: spec()?,
                    schema: Arc::clone(&node.schema),
                    mode: node.mode.clone(),
                    totals: group.totals.clone(),
                    worker,
                    every: group.every,
                    time: domain(false, false),
                    ttl_ms: group.ttl_ms,
                };
                let operator = GroupAggregateOperator::new(parts, Arc::clone(&floor.context))?;
                stateful(&floor, exchanged, "group aggregate", by_key_of(&group.keys), operator)
            }
            NodeKind::Arrange(arrange) => shared.arrange(&floor, id, node, arrange, first()?)?,
            NodeKind::Join(join) => shared.join(&floor, (id, node), join, &inputs, domain(false, false))?,
            NodeKind::WindowJoin(window) => {
                let domain = |cascaded| domain(window.proctime, cascaded);
                joins::window_join(&floor, plan, node, window, &inputs, domain)?
            }
            NodeKind::Match(matching) => {
                let time = domain(matching.proctime, matching.cascaded);
                let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
                let operator = MatchOperator::new(matching, &input_schema()?, time, schema, context)?;
                stateful(&floor, first()?, "match", by_key_of(&matching.partition), operator)
            }
            NodeKind::Over(over) => {
                let (input, schema, context) = (input_schema()?, Arc::clone(&node.schema), Arc::clone(&floor.context));
                let pact = pact::by_key(vec![over.partition.clone()], vec![]);
                let time = match over.emission {
                    OverEmission::Changes => domain(false, false),
                    OverEmission::Watermark { cascaded, .. } | OverEmission::Early { cascaded, .. } => {
                        domain(false, cascaded)
                    }
                    OverEmission::Arrival { .. } => domain(true, false),
                };
                match over.emission {
                    OverEmission::Changes | OverEmission::Early { .. } => {
                        let operator = OverOperator::new(over, input, schema, time, context)?;
                        stateful(&floor, first()?, "over", pact, operator)
                    }
                    _ => {
                        let operator = TimedOver::new(over, input, schema, time, context)?;
                        stateful(&floor, first()?, "over", pact, operator)
                    }
                }
            }
            NodeKind::Rank(rank) => {
                let parts = RankParts {
                    rank: rank.clone(),
                    input: input_schema()?,
                    schema: Arc::clone(&node.schema),
                    mode: node.mode.clone(),
                    retracts: node.inputs.first().is_some_and(|i| changes(plan, *i)),
                    time: domain(rank.proctime, rank.cascaded),
                };
                let ahead = picks::ahead_of_rank(&floor, first()?, &parts)?;
                let operator = RankOperator::new(parts, Arc::clone(&floor.context))?;
                stateful(&floor, ahead, "rank", pact::by_key(vec![rank.partition.clone()], vec![]), operator)
            }
            NodeKind::SetOperation { operation, ttl_ms } => {
                let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
                let appends = node.mode == ChangelogMode::Append;
                let operator = SetOperator::new((*operation, *ttl_ms), schema, appends, context)?;
                let ports = inputs.iter().enumerate().map(|(port, edge)| at_port(&floor, edge.clone(), port as u8));
                let both = floor.scope.concatenate(ports.collect::<Vec<_>>());
                let all: Vec<usize> = (0..node.schema.fields().len()).collect();
                stateful(&floor, both, "set operation", pact::by_key(vec![all.clone(), all], vec![]), operator)
            }
            NodeKind::Recursive(recursive) => {
                let of = |id: &NodeId| plan.nodes.get(*id).map(|n| Arc::clone(&n.schema));
                let schemas: Option<Vec<_>> = node.inputs.iter().map(of).collect();
                let schemas = schemas.ok_or_else(|| Error::internal("an input of a recursion is missing"))?;
                let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
                let ports = inputs.iter().enumerate().map(|(port, edge)| at_port(&floor, edge.clone(), port as u8));
                let all = floor.scope.concatenate(ports.collect::<Vec<_>>());
                match recursive.way.clone() {
                    Way::Anew(fixpoint) => {
                        let operator = RecursiveOperator::new(fixpoint, schemas, schema, worker.0 == 0, context)?;
                        stateful(&floor, all, "recursive", pact::to_first(), operator)
                    }
                    Way::Follow(linear) => {
                        let named = (recursive.name.clone(), linear);
                        let operator = LinearRecursion::new(named, &schemas, schema, context)?;
                        stateful(&floor, all, "recursive", pact::to_first(), operator)
                    }
                }
            }
            NodeKind::Normalize(normalize) => {
                let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
                let operator = NormalizeOperator::new(schema, &normalize.key, context)?;
                let operator = if normalize.versions { operator.with_versions() } else { operator };
                stateful(&floor, first()?, "normalize", by_key_of(&normalize.key), operator)
            }
            NodeKind::Materialize(made) => {
                let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
                let operator = MaterializeOperator::new(schema, &made.key, made.by_content, context)?;
                stateful(&floor, first()?, "materialize", by_key_of(&made.key), operator)
            }
            NodeKind::MultiJoin(multi) => joins::multi_join(&floor, plan, node, multi, &inputs)?,
            NodeKind::IntervalJoin(interval) => {
                joins::interval_join(&floor, plan, node, interval, &inputs, |cascaded| domain(false, cascaded))?
            }
            NodeKind::TemporalJoin(temporal) => {
                let right =
                    node.inputs.get(1).and_then(|i| plan.nodes.get(*i)).map_or(vec![], |n| ordinals(&n.sources));
                let domain = |cascaded| domain(false, cascaded);
                joins::temporal_join(&floor, plan, node, temporal, &inputs, right, domain)?
            }
            NodeKind::LookupJoin(lookup) => {
                let mut open = rendering.lookups.lock().unwrap_or_else(PoisonError::into_inner);
                let connection = open.remove(&(id, worker.0));
                joins::lookup_join(&floor, node, lookup, first()?, input_schema()?, connection)?
            }
            NodeKind::Throttle(every) => {
                let (schema, context) = (Arc::clone(&node.schema), Arc::clone(&floor.context));
                let operator = ThrottleOperator::new(schema, *every, domain(false, false), context)?;
                let all: Vec<usize> = (0..node.schema.fields().len()).collect();
                stateful(&floor, first()?, "throttle", pact::by_key(vec![all], vec![]), operator)
            }
            NodeKind::SingleRow => joins::single_row(&floor, first()?),
            NodeKind::Sink(sink) => {
                let ordinal = sinks;
                sinks += 1;
                let ordered = rendering.ordered.get(ordinal).copied().unwrap_or(true);
                let mut writers = rendering.writers.lock().unwrap_or_else(PoisonError::into_inner);
                let exact = match ordered && changes(plan, node.inputs.first().copied().unwrap_or(id)) {
                    true => Some(Exact::new(&node.schema, &sink.mode, node.key.as_deref())?),
                    false => None,
                };

                let held = match sink.guarantee {
                    Some(Guarantee::Shown(rows)) if floor.context.durable.is_some() && ordered => {
                        Some(Held::new(&node.schema, exact.is_some(), rows)?)
                    }
                    _ => None,
                };
                let operator = SinkOperator {
                    writer: writers.remove(&(ordinal, worker.0)),
                    held,
                    pending: plan
                        .commits_late(id)
                        .filter(|_| floor.context.durable.is_some())
                        .map(|_| Pending::new(&node.schema)),
                    sink: ordinal,
                    ordered,
                    by_content: sink.by_content,
                    exact,
                    waiting: vec![],
                    context: Arc::clone(&floor.context),
                };
                let end = if ordered {
                    stateful(&floor, first()?, "sink", pact::to_first(), operator)
                } else {
                    stateful(&floor, first()?, "sink", Pipeline, operator)
                };
                ends.push(end.clone());
                end
            }
        };
        edges.push(edge);
    }
    // Outputs that nobody reads (a dead-letter edge without a table) must be drained all the same: timely drops them.
    watch_end(&floor, ends, &call);
    Ok(())
}

fn by_key_of(
    keys: &[usize],
) -> timely::dataflow::channels::pact::DistributorPact<impl FnOnce(usize) -> pact::ByKey + use<>> {
    // Partials are laid out as pane, keys, states.
    pact::by_key(vec![keys.to_vec()], (1..=keys.len()).collect())
}

/// True when the rows of a node may be taken back.
fn changes(plan: &JobPlan, node: NodeId) -> bool {
    plan.nodes.get(node).is_some_and(|n| n.mode != ChangelogMode::Append)
}

/// Says for which input of the next operator an edge's batches are.
fn at_port<'s>(floor: &Floor<'s>, input: Edge<'s>, port: u8) -> Edge<'s> {
    stateless(floor, input, "port", move |_, batch, out| {
        out.push(crate::message::Batch { port, ..batch });
        Ok(())
    })
}

/// Puts the first phase of an aggregation before the exchange, where there is one and the functions allow it.
fn two_phase<'s>(floor: &Floor<'s>, input: Edge<'s>, rule: PaneRule, spec: GroupsSpec, time: TimeDomain) -> Edge<'s> {
    if floor.worker.1 == 1 || !spec.calls.iter().all(|call| call.two_phase(spec.retracts())) {
        return input;
    }
    let operator = LocalAggregate::new(spec, rule, time, Arc::clone(&floor.context));
    stateful(floor, input, "local aggregate", Pipeline, operator)
}
