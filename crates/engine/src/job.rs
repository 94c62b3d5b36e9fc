//! A running job: opens the connectors, starts the workers, watches over them, ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sloth_plan::{Every, JobPlan, NodeKind, SinkNode, SourceNode, SourceOrigin};
use sloth_types::metrics::{JobFigures, SinkFigures, SourceFigures};
use sloth_types::threads::{self, Expected, JoinHandle};
use sloth_types::{Clock, ConnectorRegistry, Epoch, EpochListener, Error, JobStore, Result, Sink, Waker};

use crate::checkpoint::Durability;
use crate::completion::Completion;
use crate::context::JobContext;
use crate::coordinator::{Coordinator, Progress};
use crate::dataflow::later;
use crate::discovery::open_sources;
use crate::durable::{Durable, Restored};
use crate::epoch::EpochLog;
use crate::failure::Failure;
use crate::io::board::Board;
use crate::io::writer::{Writer, WriterThread};
use crate::render::{OpenWriters, Rendering, render};
use crate::replay::{Followed, Replay, Replaying};
use crate::sinks::{OpenedSink, open_sinks};

/// How to start a job beyond what its plan says.
#[derive(Clone)]
pub struct JobOptions {
    /// The wall clock.
    pub clock: Clock,
    /// Told of completed epochs.
    pub listeners: Vec<Arc<dyn EpochListener>>,
    /// Records the epoch log; epochs are then read one at a time.
    pub record: Option<EpochLog>,
    /// Goes on from an earlier run instead of beginning anew.
    pub replay: Option<Replay>,
    /// Keeps the epoch log and checkpoints, so that the job can be resumed.
    pub store: Option<Arc<dyn JobStore>>,
}

impl Default for JobOptions {
    fn default() -> Self {
        JobOptions { clock: Clock::System, listeners: vec![], record: None, replay: None, store: None }
    }
}

/// A job that has been started.
pub struct Job {
    context: Arc<JobContext>,
    listeners: Vec<Arc<dyn EpochListener>>,
    workers: Option<Workers>,
    writers: Vec<WriterThread>,
    discovery: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
}

/// How often a worker that has nothing to do looks whether the job has failed elsewhere.
const FAILURE_CHECK: Duration = Duration::from_millis(100);

impl Job {
    /// Opens all tables and starts the workers.
    ///
    /// # Errors
    /// When a table cannot be opened or the plan cannot be rendered.
    pub fn start(mut plan: JobPlan, connectors: &ConnectorRegistry, options: JobOptions) -> Result<Job> {
        let tables = settle_sinks(&mut plan, connectors)?;
        crate::dictionaries::mark(&mut plan, connectors);
        let mut settings = plan.settings.clone();
        if options.record.is_some() || options.replay.as_ref().is_some_and(|r| !r.then_live) {
            settings.epochs_in_flight_max = 1;
        }
        let recovered = options.replay.as_ref().map(|r| r.recovered.clone()).unwrap_or_default();
        let cut = recovered.checkpoint.as_ref().map(|c| c.cut.clone()).unwrap_or_default();
        let restored = Restored::new(recovered.checkpoint.clone());
        // State stays where it has been written, whatever the plan would choose now; a join that is told all has none yet.
        let plan = plan.gathered(&|joins| crate::render::kept(&restored, joins));
        let plan = plan.arranged(&|join, side| {
            restored.retelling().listeners.contains(&join) || crate::render::keeps_side(&restored, join, side)
        });
        let first = cut.epoch;
        let sources = source_nodes(&plan);
        let board = Board::new(sources.len(), settings.parallelism, first);
        let figures = Arc::new(figures_of(&plan));
        let following = options.store.as_ref().is_some_and(|store| !store.in_charge());
        figures.standing_by.set(following.into());
        let begun = recovered.first_epoch() > Epoch(0) || !recovered.log.is_empty();
        let (sinks, blocking_writers) = open_sinks(&plan, tables, settings.parallelism, options.store.as_ref(), begun)?;
        let completion = Completion::new(first, blocking_writers);
        let shared = options.store.clone().map(Durable::new);
        let context = Arc::new(JobContext {
            first_epoch: first,
            durable: shared.clone(),
            restored,
            settings: settings.clone(),
            board: Arc::clone(&board),
            failure: Arc::new(Failure::default()),
            figures: Arc::clone(&figures),
            completion: Arc::new(completion),
        });
        if let Some(store) = &options.store {
            let (board, shared) = (Arc::downgrade(&board), shared.as_ref().map(Arc::downgrade));
            store.watch(Waker::new(move || {
                // Writers wait for the log: they are let go at once, not when the coordinator comes to it.
                if let Some(shared) = shared.as_ref().and_then(std::sync::Weak::upgrade) {
                    let _ = shared.look();
                }
                board.upgrade().into_iter().for_each(|board| board.ring());
            }));
        }
        let over = Arc::new(AtomicBool::new(false));
        let mut job = Job {
            context: Arc::clone(&context),
            listeners: options.listeners.clone(),
            workers: None,
            writers: vec![],
            discovery: None,
            over,
        };
        let (ordered, writers) = job.start_writers(sinks)?;
        let opened = open_sources(&sources, connectors, &context, &options.clock, &recovered, following)?;
        if settings.batch && !opened.bounded {
            return Err(Error::invalid("execution.runtime-mode is 'batch', and a source never ends")
                .hint("Leave the setting out, or give the source an end."));
        }
        let followed = following.then(Arc::<Followed>::default);
        let coordinator = Coordinator {
            board: Arc::clone(&board),
            clock: options.clock.clone(),
            completion: Arc::clone(&context.completion),
            figures,
            failure: Arc::clone(&context.failure),
            listeners: options.listeners,
            idle_timeouts: sources.iter().map(|s| s.idle_timeout.unwrap_or(settings.idle_timeout)).collect(),
            clock_driven: plan.nodes.iter().any(by_clock),
            bounded: opened.bounded,
            record: options.record,
            durable: shared.map(|shared| Durability::new(shared, settings.checkpoint_interval)),
            replay: options.replay.map(|replay| Replaying::new(replay, followed.clone())),
            progress: Progress::new(sources.len(), &settings, &cut),
            settings,
        };
        let lookups = crate::lookups::open(&plan, connectors)?;
        job.discovery = opened.watch(followed, &context, &job.over)?;
        let logged = coordinator.record.is_some() || coordinator.durable.is_some();
        let rendering = Rendering {
            plan,
            context: Arc::clone(&job.context),
            writers: Mutex::new(writers),
            ordered,
            coordinator: Mutex::new(Some(coordinator)),
            logged,
            lookups: Mutex::new(lookups),
        };
        job.workers = Some(start_workers(rendering)?);
        Ok(job)
    }

    fn start_writers(&mut self, sinks: Vec<OpenedSink>) -> Result<(Vec<bool>, OpenWriters)> {
        let mut writers = OpenWriters::new();
        let mut ordered = vec![];
        let mut slot = 0;
        for (ordinal, sink) in sinks.into_iter().enumerate() {
            ordered.push(sink.ordered);
            for (number, writer) in sink.writers.into_iter().enumerate() {
                let writer = if sink.blocking {
                    let (writer, thread) = Writer::threaded(writer, (&sink.table, sink.late), slot, &self.context)?;
                    self.writers.push(thread);
                    slot += 1;
                    writer
                } else {
                    Writer::Inline(writer.now()?)
                };
                writers.insert((ordinal, number), writer);
            }
        }
        Ok((ordered, writers))
    }

    /// Live figures.
    pub fn figures(&self) -> Arc<JobFigures> {
        Arc::clone(&self.context.figures)
    }

    /// A handle that can ask the job to stop, from any thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.context))
    }

    /// Waits for the job to end: because its sources are bounded, because it was asked to stop, or because it failed.
    ///
    /// # Errors
    /// The first error of any part of the job.
    pub fn wait(mut self) -> Result<()> {
        let joined = self.workers.take().map(Workers::join);
        for result in joined.into_iter().flatten() {
            if let Err(panic) = result {
                self.context.failure.fail(Error::internal(format!("a worker has ended: {panic}")));
            }
        }
        if let Some(durable) = self.context.durable.as_ref().filter(|_| self.context.failure.is_set()) {
            durable.give_up();
        }
        for writer in self.writers.drain(..) {
            if writer.join().is_err() {
                self.context.failure.fail(Error::internal("a sink's thread has panicked"));
            }
        }
        self.over.store(true, Ordering::SeqCst);
        if let Some(durable) = &self.context.durable
            && let Err(error) = durable.store.close()
        {
            self.context.failure.fail(error);
        }
        if let Some(discovery) = self.discovery.take() {
            discovery.unpark();
            let _ = discovery.join();
        }
        let result = match self.context.failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        };
        let message = result.as_ref().err().map(ToString::to_string);
        for listener in &self.listeners {
            listener.job_done(message.as_deref());
        }
        result
    }
}

/// A job that nobody waits for is stopped at once: joining its workers would take for ever otherwise.
impl Drop for Job {
    fn drop(&mut self) {
        if self.workers.is_some() {
            self.context.failure.fail(Error::internal("the job was abandoned"));
        }
        self.over.store(true, Ordering::SeqCst);
        self.workers.iter().flat_map(|workers| &workers.expected).for_each(Expected::wait_for_end);
        // Of a job that could not be started: its sinks must not be taken over after those of the next run.
        for writer in self.writers.drain(..).filter(|_| self.workers.is_none()) {
            let _ = writer.join();
        }
    }
}

/// Asks a job to stop.
#[derive(Clone)]
pub struct Stopper(Arc<JobContext>);

impl Stopper {
    /// No more epochs are opened; what has been read is finished, sinks are closed, open windows do not fire.
    pub fn stop(&self) {
        self.0.board.request_stop();
    }
}

/// The threads of the workers, which timely starts.
struct Workers {
    guards: timely::communication::WorkerGuards<()>,
    expected: Vec<Expected>,
}

impl Workers {
    /// Waits for all of them; those that have panicked in timely itself tell of it.
    fn join(self) -> Vec<std::result::Result<(), String>> {
        self.expected.iter().for_each(Expected::wait_for_end);
        self.guards.join()
    }
}

fn start_workers(rendering: Rendering) -> Result<Workers> {
    let workers = rendering.context.settings.parallelism;
    let expected: Vec<Expected> = (0..workers).map(|number| threads::expect(&format!("worker {number}"))).collect();
    let places = expected.clone();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let _entered = places.get(worker.index()).map(Expected::enter);
        let failure = Arc::clone(&rendering.context.failure);
        // timely leaves the siblings of a panicking worker hanging, so a panic is caught here, noted, and seen by all.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let share = (worker.index(), worker.peers());
            let rendered = worker.dataflow::<u64, _, _>(|scope| render(&rendering, scope, share));
            if let Err(error) = rendered {
                failure.fail(error);
            }
            while worker.has_dataflows() && !failure.is_set() {
                later::step_or_wait(worker, FAILURE_CHECK);
            }
        }));
        if let Err(panic) = outcome {
            failure.fail(Error::internal(format!("a worker panicked: {}", panic_text(panic.as_ref()))).hint(
                "This is a bug in Sloth. Please report it with the SQL script and, if you can, the input that caused it.",
            ));
        }
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
        later::forget();
    });
    let guards = guards.map_err(|e| Error::internal(format!("cannot start the workers: {e}")))?;
    Ok(Workers { guards, expected })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown cause")
}

fn by_clock(node: &sloth_plan::Node) -> bool {
    match &node.kind {
        NodeKind::WindowAggregate(window) => window.proctime || window.emission.by_clock(),
        NodeKind::SessionAggregate(session) => session.proctime || session.emission.by_clock(),
        NodeKind::GroupAggregate(group) => matches!(group.every, Every::Millis(_)),
        NodeKind::Match(matching) => matching.proctime,
        NodeKind::WindowJoin(window) => window.proctime,
        NodeKind::Rank(rank) => rank.proctime,
        NodeKind::Throttle(every) => matches!(every, Every::Millis(_)),
        _ => false,
    }
}

fn source_nodes(plan: &JobPlan) -> Vec<&SourceNode> {
    plan.nodes.iter().filter_map(|n| if let NodeKind::Source(s) = &n.kind { Some(s.as_ref()) } else { None }).collect()
}

fn figures_of(plan: &JobPlan) -> JobFigures {
    let mut figures = JobFigures::default();
    for node in &plan.nodes {
        match &node.kind {
            NodeKind::Source(source) => figures.sources.push(SourceFigures::new(match &source.origin {
                SourceOrigin::Table(spec) => spec.name.as_str(),
                SourceOrigin::Rows(_) => "VALUES",
            })),
            NodeKind::Sink(sink) => figures.sinks.push(SinkFigures::new(sink.table.name.as_str())),
            _ => {}
        }
    }
    figures
}

/// Chooses what every sink is given, by what its connector accepts.
///
/// # Errors
/// When a table cannot be written, or takes no form of what the query gives it.
pub fn settle(plan: &mut JobPlan, connectors: &ConnectorRegistry) -> Result<()> {
    settle_sinks(plan, connectors).map(|_| ())
}

/// As [`settle`]; gives the sinks, in the order of the plan.
fn settle_sinks(plan: &mut JobPlan, connectors: &ConnectorRegistry) -> Result<Vec<Arc<dyn Sink>>> {
    let mut sinks: Vec<Arc<dyn Sink>> = vec![];
    for node in &plan.nodes {
        if let NodeKind::Sink(SinkNode { table, .. }) = &node.kind {
            sinks.push(connectors.of(table)?.sink(table).map_err(|e| name_table(e, &table.name))?);
        }
    }
    let guarantees = sinks.iter().map(|sink| sink.guarantee());
    let nodes = plan.nodes.iter_mut().filter_map(|n| if let NodeKind::Sink(s) = &mut n.kind { Some(s) } else { None });
    nodes.zip(guarantees).for_each(|(node, guarantee)| node.guarantee = Some(guarantee));
    sloth_plan::changelog::settle(plan, &|ordinal, mode| sinks.get(ordinal).is_some_and(|sink| sink.accepts(mode)))?;
    Ok(sinks)
}

/// Puts the table before a connector's message, unless it is named there.
pub(crate) fn name_table(error: Error, table: &str) -> Error {
    let prefix = format!("table '{table}'");
    if error.message().starts_with(&prefix) { error } else { error.context(prefix) }
}
