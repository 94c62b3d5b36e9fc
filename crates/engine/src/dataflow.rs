//! The adapters between operators and timely: ticks, sources, operators with and without state, the end.

mod deferred;
mod gate;
mod keeper;
pub(crate) mod later;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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

use crate::context::JobContext;
use crate::coordinator::{Coordinator, Step};
use crate::epoch::{EpochInfo, EpochTable};
use crate::failure::Failure;
use crate::hash::hash_bytes;
use crate::io::reader::{Polled, Read, SourceReader};
use crate::message::{Batch, Builder, Message};
use crate::operators::Operator;
use crate::pact;

pub(crate) use self::deferred::deferred;
pub(crate) use self::gate::{Gate, SharedState};
use self::keeper::Keeper;

/// A stream of messages.
pub(crate) type Edge<'s> = Stream<'s, u64, Message>;

/// What the nodes of one worker share.
pub(crate) struct Floor<'s> {
    pub(crate) scope: Scope<'s, u64>,
    pub(crate) epochs: EpochTable,
    pub(crate) context: Arc<JobContext>,
    pub(crate) worker: (usize, usize),
    /// Identity of the node being rendered.
    pub(crate) node: Cell<u64>,
}

/// Wakes the coordinator's operator on worker 0.
pub(crate) type Call = Rc<RefCell<Option<timely::scheduling::Activator>>>;

/// The coordinator's operator: ticks to all workers. On other workers it gives its capability up at once.
pub(crate) fn tick_source<'s>(floor: &Floor<'s>, coordinator: Option<Coordinator>, call: &Call) -> Edge<'s> {
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
    let first = floor.context.first_epoch.0;
    builder.build(move |capabilities| {
        let capability = capabilities.into_iter().next().map(|mut capability| {
            capability.downgrade(&first);
            capability
        });
        let mut state = coordinator.zip(capability);
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
                            later::call_after(&again, time.max(Duration::from_micros(100)));
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
pub(crate) fn read_source<'s>(floor: &Floor<'s>, ticks: Edge<'s>, mut reader: SourceReader) -> (Edge<'s>, Edge<'s>) {
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
                Polled::Blocked => later::call_after(&again, Duration::from_millis(1)),
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
pub(crate) fn stateless<'s>(
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
                let (batch, stands) = match std::mem::take(message) {
                    Message::Batch(batch) => (batch, false),
                    Message::Standing(batch) => (batch, true),
                    Message::Empty | Message::Tick { .. } => return,
                };
                let Some(epoch) = capability.least().copied() else { return };
                if failure.is_set() {
                    return;
                }
                let applied = open_epoch(&epochs, epoch).and_then(|info| {
                    sloth_types::clock::set_epoch_now_ms(info.now_ms);
                    apply(&info, batch, &mut out)
                });
                if let Err(error) = applied {
                    failure.fail(error);
                    return;
                }
                let mut session = output.session_with_builder(&capability);
                for batch in out.drain(..) {
                    session.give_container(&mut if stands { Message::Standing(batch) } else { Message::Batch(batch) });
                }
            });
        }
    })
}

/// An input of an operator that is new in a job that goes on: what stands comes to it like what changes.
pub(crate) fn listening<'s>(input: Edge<'s>) -> Edge<'s> {
    input.unary::<Builder, _, _, _>(Pipeline, "listening", move |_, _| {
        move |input, output| {
            input.for_each(|capability, message| {
                let mut message = match std::mem::take(message) {
                    Message::Standing(batch) => Message::Batch(batch),
                    other => other,
                };
                output.session_with_builder(&capability).give_container(&mut message);
            });
        }
    })
}

/// True when an operator has nothing more to do: it has come to its end, or the job has failed.
fn is_over(result: Result<bool>, failure: &Failure) -> bool {
    let ended = result.unwrap_or_else(|error| {
        if !failure.is_set() {
            failure.fail(error);
        }
        true
    });
    ended || failure.is_set()
}

/// An operator with state: it sees epoch after epoch, each first its batches, then its end. Batches that come early
/// (a later epoch of the few in flight) wait. It holds the capability of the epoch it is in, so that it can speak at the
/// epoch's end even when no row came.
pub(crate) fn stateful<'s, P>(
    floor: &Floor<'s>,
    input: Edge<'s>,
    name: &str,
    pact: P,
    operator: impl Operator + 'static,
) -> Edge<'s>
where
    P: ParallelizationContract<u64, Message>,
    P::Puller: Pull<Envelope<u64, Message>> + 'static,
{
    gated(floor, input, name, pact, operator, vec![])
}

/// As [`stateful`], for an operator that reads what others keep: it comes to an epoch's end when all its gates are open.
pub(crate) fn gated<'s, P>(
    floor: &Floor<'s>,
    input: Edge<'s>,
    name: &str,
    pact: P,
    mut operator: impl Operator + 'static,
    gates: Vec<Gate>,
) -> Edge<'s>
where
    P: ParallelizationContract<u64, Message>,
    P::Puller: Pull<Envelope<u64, Message>> + 'static,
{
    let epochs = floor.epochs.clone();
    let failure = Arc::clone(&floor.context.failure);
    let mut keeper = Keeper::new(floor, name);
    let restored = keeper.restore(&mut operator).and_then(|()| standing(floor, name, &mut operator));
    let mut standing = restored.unwrap_or_else(|error| {
        failure.fail(error);
        vec![]
    });
    let first = floor.context.first_epoch.0;
    let scope = floor.scope;
    input.unary_frontier::<Builder, _, _, _>(pact, name, move |mut capability, about| {
        capability.downgrade(&first);
        gates.iter().for_each(|gate| gate.call(scope.activator_for(Rc::clone(&about.address))));
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
                    // Rows of another worker may come before this worker's share of the epoch's tick.
                    if epoch > *capability.time() || epochs.get(epoch).is_none() {
                        early.entry(epoch).or_default().push(batch);
                    } else if failed.is_ok() {
                        failed = on_batch(&mut operator, &epochs, epoch, batch, &mut out);
                    }
                });
                failed?;
                loop {
                    let epoch = *capability.time();
                    if epochs.get(epoch).is_some() {
                        for batch in std::mem::take(&mut standing) {
                            let mut session = output.session_with_builder(&*capability);
                            session.give_container(&mut Message::Standing(batch));
                        }
                        for batch in early.remove(&epoch).unwrap_or_default() {
                            on_batch(&mut operator, &epochs, epoch, batch, &mut out)?;
                        }
                    }
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
                    if !gates.iter().all(|gate| gate.is_open(epoch)) {
                        return Ok(false);
                    }
                    sloth_types::clock::set_epoch_now_ms(info.now_ms);
                    operator.on_epoch_end(&info, &mut out)?;
                    keeper.keep(&mut operator, &info)?;
                    if !out.is_empty() {
                        let mut session = output.session_with_builder(&*capability);
                        for batch in out.drain(..) {
                            session.give_container(&mut Message::Batch(batch));
                        }
                    }
                    gates.iter().try_for_each(|gate| gate.leave(epoch))?;
                    capability.downgrade(&(epoch + 1));
                }
            })();
            if is_over(result, &failure) {
                state = None;
            }
        }
    })
}

/// What the state of an operator is found by: a node of the plan may be made of several operators, which their names tell
/// apart.
pub fn operator_id(node: u64, name: &str) -> u64 {
    hash_bytes(format!("{node:016x} {name}").as_bytes())
}

/// What an operator has told before, where others have come that have not seen it.
fn standing(floor: &Floor<'_>, name: &str, operator: &mut impl Operator) -> Result<Vec<Batch>> {
    if !floor.context.restored.retelling().tellers.contains(&floor.node.get()) {
        return Ok(vec![]);
    }
    let mut all =
        operator.tell_all()?.ok_or_else(|| Error::internal(format!("a {name} does not know what it has told")))?;
    all.retain(|batch| batch.rows.num_rows() > 0);
    Ok(all)
}

fn on_batch(
    operator: &mut impl Operator,
    epochs: &EpochTable,
    epoch: u64,
    batch: Batch,
    out: &mut Vec<Batch>,
) -> Result<()> {
    let info = open_epoch(epochs, epoch)?;
    sloth_types::clock::set_epoch_now_ms(info.now_ms);
    // On a single worker nothing is exchanged.
    operator.on_batch(&info, pact::settled(batch), out)
}

/// The epoch of rows that have come: it must be known on this worker.
fn open_epoch(epochs: &EpochTable, epoch: u64) -> Result<Arc<EpochInfo>> {
    epochs.get(epoch).ok_or_else(|| Error::internal(format!("rows of epoch {epoch}, which is not open")))
}

/// Behind all sinks: notes which epochs the dataflow has finished and calls the coordinator.
pub(crate) fn watch_end<'s>(floor: &Floor<'s>, ends: Vec<Edge<'s>>, call: &Call) {
    let end = floor.scope.concatenate(ends);
    let completion = Arc::clone(&floor.context.completion);
    let first = floor.worker.0 == 0;
    let call = Rc::clone(call);
    let _ = end.unary_frontier::<Builder, _, _, _>(Pipeline, "end", move |_, _| {
        move |(input, frontier), _| {
            input.for_each(|_, message| drop(std::mem::take(message)));
            if first {
                let epochs = frontier.frontier().first().copied().unwrap_or(u64::MAX);
                completion.dataflow.fetch_max(epochs, Ordering::SeqCst);
                if let Some(activator) = call.borrow().as_ref() {
                    activator.activate();
                }
            }
        }
    });
}
