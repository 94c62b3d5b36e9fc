//! From plan to dataflow: one match from node to operator, on every worker alike.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sloth_plan::{JobPlan, JobSettings, NodeId, NodeKind, WindowSource};
use sloth_types::metrics::JobFigures;
use sloth_types::{Error, Result};
use timely::communication::Pull;
use timely::dataflow::channels::Message as Envelope;
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::core::Concatenate;
use timely::dataflow::operators::generic::Operator as _;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};

use crate::coordinator::{Completion, Coordinator, Step};
use crate::epoch::{EpochInfo, EpochTable, TimeDomain};
use crate::failure::Failure;
use crate::io::board::Board;
use crate::io::reader::{Polled, Read, SourceReader};
use crate::io::writer::Writer;
use crate::message::{Batch, Builder, Message};
use crate::operators::Operator;
use crate::operators::group::GroupAggregateOperator;
use crate::operators::local::LocalAggregate;
use crate::operators::panes::PaneRule;
use crate::operators::session::{SessionOperator, SessionParts};
use crate::operators::sink::SinkOperator;
use crate::operators::stages;
use crate::operators::window::{WindowAggregateOperator, WindowParts};
use crate::operators::window_assign::{Panes, assign, late_rows};
use crate::pact;
use crate::state::groups::GroupsSpec;

/// Shared by all threads of a job.
pub(crate) struct JobContext {
    pub(crate) settings: JobSettings,
    pub(crate) board: Arc<Board>,
    pub(crate) failure: Arc<Failure>,
    pub(crate) figures: Arc<JobFigures>,
    pub(crate) completion: Arc<Completion>,
}

/// An operator's share in the job's state figures.
pub(crate) struct StateGauge {
    context: Arc<JobContext>,
    rows: u64,
    bytes: u64,
}

impl StateGauge {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        StateGauge { context, rows: 0, bytes: 0 }
    }
    /// The operator holds so much now. The figures are sums over operators, kept by adding differences.
    pub(crate) fn set(&mut self, rows: usize, bytes: usize) {
        let (rows, bytes) = (rows as u64, bytes as u64);
        if rows != self.rows || bytes != self.bytes {
            self.context.figures.state_rows.add(rows.wrapping_sub(self.rows));
            self.context.figures.state_bytes.add(bytes.wrapping_sub(self.bytes));
            (self.rows, self.bytes) = (rows, bytes);
        }
    }
}

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
}

type Edge<'s> = Stream<'s, u64, Message>;

/// What the nodes of one worker share.
struct Floor<'s> {
    scope: Scope<'s, u64>,
    epochs: EpochTable,
    context: Arc<JobContext>,
    worker: (usize, usize),
}

/// Builds the dataflow of a job on one worker.
pub(crate) fn render(rendering: &Rendering, scope: Scope<'_, u64>, worker: (usize, usize)) -> Result<()> {
    let plan = &rendering.plan;
    let floor = Floor { scope, epochs: EpochTable::default(), context: Arc::clone(&rendering.context), worker };
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
    for (id, node) in plan.nodes.iter().enumerate() {
        let inputs: Vec<Edge<'_>> = node.inputs.iter().filter_map(|i| edges.get(*i).cloned()).collect();
        let first = || inputs.first().cloned().ok_or_else(|| Error::internal("a node has no input"));
        let domain = |clock, cascaded| TimeDomain { sources: ordinals(&node.sources), clock, cascaded };
        let input_schema = || {
            let input = node.inputs.first().and_then(|i| plan.nodes.get(*i));
            input.map(|n| Arc::clone(&n.schema)).ok_or_else(|| Error::internal("a node has no input"))
        };
        let edge = match &node.kind {
            NodeKind::Source(source) => {
                let ordinal = source_ids.iter().position(|s| *s == id).unwrap_or(0);
                let reader = SourceReader::new((**source).clone(), ordinal, worker, Arc::clone(&rendering.context));
                let (rows, bad) = read_source(&floor, ticks.clone(), reader);
                bad_edges.insert(id, bad);
                rows
            }
            NodeKind::Map(list) => {
                let list = list.clone();
                stateless(&floor, first()?, "map", move |_, batch, out| stages::run(&list, batch, out))
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
            NodeKind::LateRows(window) => {
                let (window, time) = (window.clone(), domain(false, false));
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
                let spec = || GroupsSpec::new(&*input_schema()?, &keys, &window.calls);
                let time = domain(window.proctime, window.cascaded);
                let exchanged = two_phase(&floor, first()?, rule, spec()?, time.clone());
                let parts = WindowParts { spec: spec()?, rule, time, schema: Arc::clone(&node.schema) };
                let operator = WindowAggregateOperator::new(parts, Arc::clone(&floor.context));
                stateful(&floor, exchanged, "window aggregate", by_key_of(&keys), operator)
            }
            NodeKind::SessionAggregate(session) => {
                let parts = SessionParts {
                    spec: GroupsSpec::new(&*input_schema()?, &session.keys, &session.calls)?,
                    time: session.time,
                    gap_ms: session.gap_ms,
                    domain: domain(session.proctime, session.cascaded),
                    schema: Arc::clone(&node.schema),
                };
                let operator = SessionOperator::new(parts, Arc::clone(&floor.context))?;
                stateful(&floor, first()?, "session aggregate", by_key_of(&session.keys), operator)
            }
            NodeKind::GroupAggregate(group) => {
                let spec = || GroupsSpec::new(&*input_schema()?, &group.keys, &group.calls);
                let exchanged = two_phase(&floor, first()?, PaneRule::Whole, spec()?, domain(false, false));
                let operator =
                    GroupAggregateOperator::new(spec()?, Arc::clone(&node.schema), Arc::clone(&floor.context))?;
                stateful(&floor, exchanged, "group aggregate", by_key_of(&group.keys), operator)
            }
            NodeKind::Sink(sink) => {
                let ordinal = sinks;
                sinks += 1;
                let ordered = rendering.ordered.get(ordinal).copied().unwrap_or(true);
                let mut writers = rendering.writers.lock().unwrap_or_else(PoisonError::into_inner);
                let operator = SinkOperator {
                    writer: writers.remove(&(ordinal, worker.0)),
                    sink: ordinal,
                    ordered,
                    by_content: sink.by_content,
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
    pact::by_key(keys.to_vec(), (1..=keys.len()).collect())
}

/// Puts the first phase of an aggregation before the exchange, where there is one and the functions allow it.
fn two_phase<'s>(floor: &Floor<'s>, input: Edge<'s>, rule: PaneRule, spec: GroupsSpec, time: TimeDomain) -> Edge<'s> {
    let ordered = spec.calls.iter().any(sloth_plan::AggregateCall::order_sensitive);
    if floor.worker.1 == 1 || ordered {
        return input;
    }
    let operator = LocalAggregate::new(spec, rule, time, Arc::clone(&floor.context));
    stateful(floor, input, "local aggregate", Pipeline, operator)
}

/// Wakes the coordinator's operator on worker 0.
type Call = Rc<RefCell<Option<timely::scheduling::Activator>>>;

/// The coordinator's operator: ticks to all workers. On other workers it gives its capability up at once.
fn tick_source<'s>(floor: &Floor<'s>, coordinator: Option<Coordinator>, call: &Call) -> Edge<'s> {
    let mut builder = OperatorBuilder::new("ticks".to_owned(), floor.scope);
    let (output, stream) = builder.new_output::<Message>();
    let mut output = OutputBuilder::<u64, Builder>::from(output);
    let info = builder.operator_info();
    let again = floor.scope.activator_for(Rc::clone(&info.address));
    if let Some(coordinator) = &coordinator {
        coordinator.board.set_bell(floor.scope.worker().sync_activator_for(info.address.to_vec()));
        *call.borrow_mut() = Some(floor.scope.activator_for(info.address));
    }
    let peers = floor.worker.1 as u32;
    let failure = Arc::clone(&floor.context.failure);
    builder.build(move |capabilities| {
        let mut state = coordinator.zip(capabilities.into_iter().next());
        move |_| {
            loop {
                let Some((coordinator, capability)) = &mut state else { return };
                if failure.is_set() {
                    state = None;
                    return;
                }
                match coordinator.step() {
                    Step::Open(info) => {
                        let next = info.epoch.0 + 1;
                        let mut handle = output.activate();
                        let mut session = handle.session_with_builder(&*capability);
                        session.give_container(&mut Message::Tick { info, copies: peers });
                        drop(session);
                        capability.downgrade(&next);
                    }
                    Step::Wait(time) => {
                        if let Some(time) = time {
                            again.activate_after(time.max(Duration::from_micros(100)));
                        }
                        return;
                    }
                    Step::Finish => state = None,
                }
            }
        }
    });
    stream
}

/// Reads a source: ticks in; rows and bad records out.
fn read_source<'s>(floor: &Floor<'s>, ticks: Edge<'s>, mut reader: SourceReader) -> (Edge<'s>, Edge<'s>) {
    let mut builder = OperatorBuilder::new("source".to_owned(), floor.scope);
    let mut input = builder.new_input(ticks, pact::to_all());
    let (rows_output, rows_stream) = builder.new_output::<Message>();
    let (bad_output, bad_stream) = builder.new_output::<Message>();
    let mut rows_output = OutputBuilder::<u64, Builder>::from(rows_output);
    let mut bad_output = OutputBuilder::<u64, Builder>::from(bad_output);
    let again = floor.scope.activator_for(builder.operator_info().address);
    let epochs = floor.epochs.clone();
    let failure = Arc::clone(&floor.context.failure);
    builder.build(move |capabilities| {
        drop(capabilities);
        let mut open: VecDeque<(Arc<EpochInfo>, Capability<u64>, Capability<u64>)> = VecDeque::new();
        let mut begun = false;
        move |_| {
            input.for_each(|capability, message| {
                if let Message::Tick { info, .. } = std::mem::take(message) {
                    epochs.note(&info);
                    if let Some((rows, bad)) = capability.retain_least(0).zip(capability.retain_least(1)) {
                        open.push_back((info, rows, bad));
                    }
                }
            });
            if failure.is_set() {
                open.clear();
                return;
            }
            let Some((info, rows_capability, bad_capability)) = open.front() else { return };
            if !begun {
                reader.begin(info);
                begun = true;
            }
            let mut read = Read::default();
            let polled = match reader.poll(info, &mut read) {
                Ok(polled) => polled,
                Err(error) => {
                    failure.fail(error);
                    open.clear();
                    return;
                }
            };
            give(&mut rows_output, rows_capability, read.rows);
            give(&mut bad_output, bad_capability, read.bad);
            match polled {
                Polled::More => again.activate(),
                Polled::Blocked => again.activate_after(Duration::from_millis(1)),
                Polled::Done => {
                    open.pop_front();
                    begun = false;
                    if !open.is_empty() {
                        again.activate();
                    }
                }
            }
        }
    });
    (rows_stream, bad_stream)
}

fn give(output: &mut OutputBuilder<u64, Builder>, capability: &Capability<u64>, batches: Vec<Batch>) {
    if batches.is_empty() {
        return;
    }
    let mut handle = output.activate();
    let mut session = handle.session_with_builder(capability);
    for batch in batches {
        session.give_container(&mut Message::Batch(batch));
    }
}

/// An operator without state: a function from batch to batches.
fn stateless<'s>(
    floor: &Floor<'s>,
    input: Edge<'s>,
    name: &str,
    mut apply: impl FnMut(&EpochInfo, Batch, &mut Vec<Batch>) -> Result<()> + 'static,
) -> Edge<'s> {
    let epochs = floor.epochs.clone();
    let failure = Arc::clone(&floor.context.failure);
    input.unary::<Builder, _, _, _>(Pipeline, name, move |_, _| {
        let mut out = vec![];
        move |input, output| {
            input.for_each(|capability, message| {
                let Message::Batch(batch) = std::mem::take(message) else { return };
                let Some(info) = capability.least().and_then(|epoch| epochs.get(*epoch)) else { return };
                if failure.is_set() {
                    return;
                }
                sloth_types::clock::set_epoch_now_ms(info.now_ms);
                if let Err(error) = apply(&info, batch, &mut out) {
                    failure.fail(error);
                    return;
                }
                let mut session = output.session_with_builder(&capability);
                for batch in out.drain(..) {
                    session.give_container(&mut Message::Batch(batch));
                }
            });
        }
    })
}

/// An operator with state: it sees epoch after epoch, each first its batches, then its end. Batches that come early
/// (a later epoch of the few in flight) wait. It holds the capability of the epoch it is in, so that it can speak at the
/// epoch's end even when no row came.
fn stateful<'s, P>(
    floor: &Floor<'s>,
    input: Edge<'s>,
    name: &str,
    pact: P,
    mut operator: impl Operator + 'static,
) -> Edge<'s>
where
    P: ParallelizationContract<u64, Message>,
    P::Puller: Pull<Envelope<u64, Message>> + 'static,
{
    let epochs = floor.epochs.clone();
    let failure = Arc::clone(&floor.context.failure);
    input.unary_frontier::<Builder, _, _, _>(pact, name, move |capability, _| {
        let mut state = Some((capability, BTreeMap::<u64, Vec<Batch>>::new()));
        move |(input, frontier), output| {
            let Some((capability, early)) = &mut state else {
                input.for_each(|_, message| drop(std::mem::take(message)));
                return;
            };
            let mut out = vec![];
            let result = (|| -> Result<bool> {
                let mut failed = Ok(());
                input.for_each(|stamp, message| {
                    let Message::Batch(batch) = std::mem::take(message) else { return };
                    let Some(epoch) = stamp.least().copied() else { return };
                    if epoch > *capability.time() {
                        early.entry(epoch).or_default().push(batch);
                    } else if failed.is_ok() {
                        failed = on_batch(&mut operator, &epochs, epoch, batch, &mut out);
                    }
                });
                failed?;
                loop {
                    let epoch = *capability.time();
                    if !out.is_empty() {
                        let mut session = output.session_with_builder(&*capability);
                        for batch in out.drain(..) {
                            session.give_container(&mut Message::Batch(batch));
                        }
                    }
                    if frontier.frontier().less_equal(&epoch) {
                        return Ok(false);
                    }
                    let Some(info) = epochs.get(epoch) else {
                        // The frontier is empty and this epoch was never opened: the job is over.
                        operator.on_end()?;
                        return Ok(true);
                    };
                    sloth_types::clock::set_epoch_now_ms(info.now_ms);
                    operator.on_epoch_end(&info, &mut out)?;
                    if !out.is_empty() {
                        let mut session = output.session_with_builder(&*capability);
                        for batch in out.drain(..) {
                            session.give_container(&mut Message::Batch(batch));
                        }
                    }
                    capability.downgrade(&(epoch + 1));
                    for batch in early.remove(&(epoch + 1)).unwrap_or_default() {
                        on_batch(&mut operator, &epochs, epoch + 1, batch, &mut out)?;
                    }
                }
            })();
            match result {
                _ if failure.is_set() => state = None,
                Ok(false) => {}
                Ok(true) => state = None,
                Err(error) => {
                    failure.fail(error);
                    state = None;
                }
            }
        }
    })
}

fn on_batch(
    operator: &mut impl Operator,
    epochs: &EpochTable,
    epoch: u64,
    batch: Batch,
    out: &mut Vec<Batch>,
) -> Result<()> {
    let info = epochs.get(epoch).ok_or_else(|| Error::internal(format!("rows of epoch {epoch}, which is not open")))?;
    sloth_types::clock::set_epoch_now_ms(info.now_ms);
    operator.on_batch(&info, batch, out)
}

/// Behind all sinks: notes which epochs the dataflow has finished and calls the coordinator.
fn watch_end<'s>(floor: &Floor<'s>, ends: Vec<Edge<'s>>, call: &Call) {
    let end = floor.scope.concatenate(ends);
    let completion = Arc::clone(&floor.context.completion);
    let first = floor.worker.0 == 0;
    let call = Rc::clone(call);
    let _ = end.unary_frontier::<Builder, _, _, _>(Pipeline, "end", move |_, _| {
        move |(input, frontier), _| {
            input.for_each(|_, message| drop(std::mem::take(message)));
            if first {
                let epochs = frontier.frontier().first().copied().unwrap_or(u64::MAX);
                completion.dataflow.store(epochs, Ordering::SeqCst);
                if let Some(activator) = call.borrow().as_ref() {
                    activator.activate();
                }
            }
        }
    });
}
