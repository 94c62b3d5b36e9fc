//! The store of a running job: two threads, one for the log and one for checkpoints, so that an upload holds no epoch back.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::path::Path;
use sloth_types::clock::Mono;
use sloth_types::journal::{Asked, Checkpoint, Continued, OperatorState, Recovered};
use sloth_types::source::Waker;
use sloth_types::threads::{self, JoinHandle, Receiver, RecvTimeoutError, Sender, channel};
use sloth_types::{Epoch, EpochEntry, Error, JobStore, Result};

use crate::ahead::{self, Ahead, Backlog};
use crate::before::{Before, Parts};
use crate::clean::{Begins, Cleaning};
use crate::manifest::{Manifest, StateFile};
use crate::objects::Objects;
use crate::plans::Plan;
use crate::recover::{Claim, claims_stand, is_superseded};
use crate::request::{self, Heard};
use crate::{layout, log, merge};

/// How often a run without work shows that it lives, and looks whether another one has taken over.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked whether somebody asks for something.
const LISTEN_EVERY: Duration = Duration::from_millis(250);

/// Keeps the log and the checkpoints of one run.
pub struct Keeper {
    shared: Arc<Shared>,
    log: Mutex<Option<Sender<(Epoch, EpochEntry)>>>,
    checkpoints: Mutex<Option<Sender<Work>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What the first checkpoint may go on with, by operator and worker.
    continued: Parts,
    /// Given back at the end: who stands by takes over then.
    lock: Mutex<Option<File>>,
}

/// A run that begins to keep what its job does.
pub(crate) struct Beginning {
    pub(crate) objects: Objects,
    pub(crate) job: Arc<str>,
    pub(crate) generation: u64,
    pub(crate) plan: Plan,
    /// The next segment of the log.
    pub(crate) segment: u64,
    /// As in [`Claim`].
    pub(crate) since: Mono,
    pub(crate) lock: Option<File>,
    /// Epochs below these are in the log, and in the newest checkpoint.
    pub(crate) durable: u64,
    pub(crate) published: u64,
}

struct Shared {
    objects: Objects,
    job: Arc<str>,
    generation: u64,
    plan: Plan,
    durable: AtomicU64,
    /// What it was at first.
    inherited: u64,
    published: AtomicU64,
    heard: Heard,
    backlog: Backlog,
    failure: Mutex<Option<Error>>,
    waker: Mutex<Waker>,
    /// Since when the claim of this run stands, at least.
    begun: Mono,
    /// With which epochs its segments begin.
    begins: Begins,
}

enum Work {
    Ahead(Epoch, OperatorState),
    Upload(Checkpoint),
    Publish(Epoch),
}

/// What the thread of checkpoints has made.
#[derive(Default)]
struct Made {
    ahead: Ahead,
    uploaded: Option<Manifest>,
    /// The newest manifest: what changes continue.
    newest: Option<Manifest>,
}

impl Keeper {
    /// Starts to keep what the claimed job does; `retained` published checkpoints are kept (at least one).
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(claim: Claim, retained: usize) -> Result<(Arc<Keeper>, Recovered)> {
        let Claim { objects, job, generation, plan, segment, since, lock, recovered, newest, damaged } = claim;
        let before = Before::of(newest, &damaged, recovered.checkpoint.as_ref());
        let first = recovered.first_epoch();
        let durable = first.0 + recovered.log.len() as u64;
        let published = if recovered.checkpoint.is_some() { first.0 } else { 0 };
        let job = job.into();
        let beginning = Beginning { objects, job, generation, plan, segment, since, lock, durable, published };
        Ok((Keeper::after(beginning, before, retained)?, recovered))
    }

    /// As [`Keeper::start`]; its first checkpoint has everything.
    pub(crate) fn begin(beginning: Beginning, retained: usize) -> Result<Arc<Keeper>> {
        Keeper::after(beginning, Before::default(), retained)
    }

    fn after(beginning: Beginning, before: Before, retained: usize) -> Result<Arc<Keeper>> {
        let Beginning { objects, job, generation, plan, segment, since, lock, durable, published } = beginning;
        let shared = Arc::new(Shared {
            objects,
            job,
            generation,
            plan,
            durable: AtomicU64::new(durable),
            inherited: durable,
            published: AtomicU64::new(published),
            heard: Heard::default(),
            backlog: Backlog::default(),
            failure: Mutex::default(),
            waker: Mutex::new(Waker::noop()),
            begun: Mono::now(),
            begins: Begins::default(),
        });
        let (log_sender, entries) = channel();
        let (work_sender, work) = channel();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = threads::spawn(name, run);
            thread.map_err(|e| Error::unavailable(format!("cannot start a thread: {e}")))
        };
        let (writer, uploader) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            spawn("epoch log", Box::new(move || writer.write_log(&entries, segment, since)))?,
            spawn("checkpoints", Box::new(move || uploader.keep_checkpoints(&work, before.manifest, retained.max(1))))?,
        ];
        let keeper = Keeper {
            shared,
            log: Mutex::new(Some(log_sender)),
            checkpoints: Mutex::new(Some(work_sender)),
            threads: Mutex::new(threads),
            continued: before.parts,
            lock: Mutex::new(lock),
        };
        Ok(Arc::new(keeper))
    }

    fn send(&self, work: Work) {
        // A thread that is gone has noted why.
        if let Some(sender) = lock(&self.checkpoints).as_ref() {
            let _ = sender.send(work);
        }
    }
}

impl JobStore for Keeper {
    fn watch(&self, waker: Waker) {
        *lock(&self.shared.waker) = waker;
    }

    fn generation(&self) -> u64 {
        self.shared.generation
    }

    fn job(&self) -> Arc<str> {
        Arc::clone(&self.shared.job)
    }

    fn append(&self, epoch: Epoch, entry: EpochEntry) {
        let _ = lock(&self.log).as_ref().map(|sender| sender.send((epoch, entry)));
    }

    fn durable(&self) -> Epoch {
        Epoch(self.shared.durable.load(Ordering::SeqCst))
    }

    fn inherited(&self) -> Epoch {
        Epoch(self.shared.inherited)
    }

    fn continued(&self, operator: u64, worker: usize) -> Option<Continued> {
        self.continued.get(&(operator, worker)).copied()
    }

    fn give_ahead(&self, since: Epoch, changes: OperatorState) {
        let bytes = ahead::weight_of(&changes);
        self.send(Work::Ahead(since, changes));
        self.shared.backlog.add(bytes);
    }

    fn upload(&self, checkpoint: Checkpoint) {
        self.send(Work::Upload(checkpoint));
    }

    fn publish(&self, epoch: Epoch) {
        self.send(Work::Publish(epoch));
    }

    fn published(&self) -> Epoch {
        Epoch(self.shared.published.load(Ordering::SeqCst))
    }

    fn asked(&self) -> Asked {
        self.shared.heard.asked()
    }

    fn answer_with(&self, epoch: Epoch) {
        self.shared.heard.answer_with(epoch);
    }

    fn failure(&self) -> Option<Error> {
        lock(&self.shared.failure).clone()
    }

    fn close(&self) -> Result<()> {
        lock(&self.log).take();
        lock(&self.checkpoints).take();
        for thread in lock(&self.threads).drain(..) {
            if thread.join().is_err() {
                return Err(Error::internal("a thread of the state store has panicked"));
            }
        }
        lock(&self.lock).take();
        self.failure().map_or(Ok(()), Err)
    }
}

impl Shared {
    /// Who writes the log.
    fn by(&self) -> log::By<'_> {
        log::By { job: &self.job, generation: self.generation, plan: self.plan.number }
    }

    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        waker.wake();
    }

    fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.wake();
    }

    /// Writes entries as they come; those that come while a segment is written share the next one. `in_charge` is when this
    /// run was last known to be the newest.
    fn write_log(&self, entries: &Receiver<(Epoch, EpochEntry)>, mut segment: u64, mut in_charge: Mono) {
        let mut beats = 0;
        loop {
            let first = match entries.recv_timeout(BEAT_EVERY) {
                Ok(first) => first,
                // A run that has nothing to log shows that it lives, and notices when it is no longer in charge.
                Err(RecvTimeoutError::Timeout) => {
                    beats += 1;
                    let text = format!("run {}: {beats} of segment {segment}\n", self.generation);
                    let now = Mono::now();
                    let free = self.objects.exists(&layout::segment(segment)).map(|exists| !exists);
                    match free.and_then(|free| Ok(free && self.is_newest(segment, in_charge)?)) {
                        Ok(false) => return self.fail(fenced()),
                        Ok(true) => {
                            in_charge = now;
                            if let Err(error) = self.objects.beat(text) {
                                tracing::warn!("the sign of life cannot be written: {error}");
                            }
                        }
                        Err(error) => tracing::warn!("the epoch log cannot be looked at: {error}"),
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return self.note_stop(segment),
            };
            let mut group = vec![first];
            group.extend(entries.try_iter());
            let now = Mono::now();
            let written = log::encode(segment, self.by(), &group)
                .and_then(|object| self.objects.create(&layout::segment(segment), object))
                .and_then(|created| Ok(created && self.is_newest(segment, in_charge)?));
            match written {
                Ok(true) => {
                    in_charge = now;
                    let next = group.last().map_or(0, |(epoch, _)| epoch.0 + 1);
                    self.begins.note(segment, group.first().map(|(epoch, _)| epoch.0));
                    self.durable.store(next, Ordering::SeqCst);
                    segment += 1;
                    self.wake();
                }
                Ok(false) => return self.fail(fenced()),
                Err(error) => return self.fail(error.context("the epoch log")),
            }
        }
    }

    /// True when no other run can have claimed the job behind this segment, which was free a moment ago. A claim is found
    /// by its number; but a run that has slept may find the number free again, when who took over has cleaned up since.
    fn is_newest(&self, segment: u64, in_charge: Mono) -> Result<bool> {
        Ok(in_charge.elapsed() < claims_stand() / 2
            || newest_segment(&self.objects)?.is_none_or(|last| last <= segment))
    }

    /// Tells those who stand by when the job ends because it was asked to. One that fails meanwhile has logged epochs that no
    /// checkpoint contains, or made none since: it starts again, or another process takes over.
    fn note_stop(&self, segment: u64) {
        let is_whole = self.published.load(Ordering::SeqCst) == self.durable.load(Ordering::SeqCst);
        if !self.heard.has_stopped() || !is_whole || lock(&self.failure).is_some() {
            return;
        }
        let noted = log::encode_stop(segment, self.by())
            .and_then(|object| self.objects.create(&layout::segment(segment), object));
        if let Err(error) = noted {
            tracing::warn!("the stop could not be noted, a process that stands by may take over: {error}");
        }
    }

    fn keep_checkpoints(&self, work: &Receiver<Work>, newest: Option<Manifest>, retained: usize) {
        let mut made = Made { newest, ..Made::default() };
        let ending = self.backlog.ends();
        let mut listened = Mono::now();
        if let Err(error) = request::forget_answers(&self.objects) {
            tracing::warn!("old answers could not be removed: {error}");
        }
        let failed = loop {
            let work = work.recv_timeout(LISTEN_EVERY);
            if listened.elapsed() >= LISTEN_EVERY {
                self.listen();
                listened = Mono::now();
            }
            let done = match work {
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break false,
                Ok(work) => self.work(work, &mut made, retained),
            };
            if let Err(error) = done {
                self.fail(error.context("a checkpoint"));
                break true;
            }
        };
        drop(ending);
        if let Err(error) = self.heard.end(&self.objects) {
            tracing::warn!("a request could not be answered: {error}");
        }
        let unfinished = failed || made.uploaded.is_some() || !made.ahead.is_empty();
        drop(made);
        if unfinished && let Err(error) = self.cleaning(retained).remove_unfinished() {
            tracing::warn!("what belongs to no checkpoint could not be removed: {error}");
        }
    }

    fn cleaning(&self, retained: usize) -> Cleaning<'_> {
        Cleaning {
            objects: &self.objects,
            job: &self.job,
            generation: self.generation,
            plan: &self.plan,
            begun: self.begun,
            retained,
            begins: &self.begins,
        }
    }

    fn work(&self, work: Work, made: &mut Made, retained: usize) -> Result<()> {
        match work {
            Work::Ahead(since, changes) => {
                let bytes = ahead::weight_of(&changes);
                let taken = made.ahead.take_in(&self.objects, self.generation, since, changes);
                self.backlog.remove(bytes);
                taken
            }
            Work::Upload(checkpoint) => {
                made.uploaded = Some(self.upload(checkpoint, made)?);
                Ok(())
            }
            Work::Publish(epoch) => {
                let Some(manifest) = made.uploaded.take().filter(|m| m.epoch == epoch.0) else {
                    return Err(Error::internal(format!("checkpoint {epoch} is published without an upload")));
                };
                self.publish(&manifest, &made.ahead, retained)?;
                made.newest = Some(manifest);
                Ok(())
            }
        }
    }

    /// Hears what is asked for. That it cannot be heard is no reason to end.
    fn listen(&self) {
        match self.heard.listen(&self.objects) {
            Ok(true) => self.wake(),
            Ok(false) => {}
            Err(error) => tracing::warn!("requests cannot be looked for: {error}"),
        }
    }

    fn upload(&self, checkpoint: Checkpoint, made: &mut Made) -> Result<Manifest> {
        let mut files: Vec<StateFile> = vec![];
        let Checkpoint { cut, state, .. } = checkpoint;
        for (number, part) in state.into_iter().enumerate() {
            let (written, part) = made.ahead.finish(&self.objects, cut.epoch, part)?;
            let operator = format!("{:016x}", part.operator);
            let before = made.newest.iter().flat_map(|m| &m.state);
            let known = before.filter(|f| part.continues && f.worker == part.worker && f.operator == operator);
            let mut known: Vec<StateFile> = known.cloned().collect();
            if part.continues && known.is_empty() {
                let OperatorState { name, worker, .. } = &part;
                return Err(Error::internal(format!("changes of {name} {operator} on worker {worker} follow nothing")));
            }
            merge::small_files(&self.objects, &mut known, &layout::state_merged(self.generation, cut.epoch.0, number))?;
            files.extend(known);
            let rows = part.sections.iter().any(|s| !s.rows.is_empty());
            let superfluous = !rows && (part.continues || !written.is_empty());
            files.extend(written);
            if !superfluous {
                let path = layout::state(self.generation, cut.epoch.0, number);
                files.push(ahead::create(&self.objects, &path, &part)?);
            }
        }
        made.ahead.check(cut.epoch)?;
        Ok(Manifest::new(&cut, self.generation, &self.plan, files))
    }

    fn publish(&self, manifest: &Manifest, ahead: &Ahead, retained: usize) -> Result<()> {
        if !self.objects.exists(&Path::from(layout::JOB))? {
            return Err(Error::data(format!("the state of the job has been removed while it ran: '{}' is missing", layout::JOB))
                .hint("Restore the directory from a copy, or begin anew with another one: what a run keeps without it is of no use."));
        }
        // What a run that has taken over does not know of it has removed: this checkpoint could not be gone back to.
        if is_superseded(&self.objects, self.generation)? {
            return Err(fenced());
        }
        // A manifest has an epoch that was logged, and the log is fenced: an older run cannot come here with a new one.
        if !self.objects.create(&layout::manifest(manifest.epoch), manifest.encode()?)? {
            return Err(fenced());
        }
        // Before the coordinator knows: the last checkpoint of a job that was asked to stop is answered, too.
        if let Err(error) = self.heard.answer(&self.objects, manifest) {
            tracing::warn!("a request could not be answered: {error}");
        }
        self.published.store(manifest.epoch, Ordering::SeqCst);
        self.wake();
        // What is superfluous costs room and nothing else: the job does not end over it.
        if let Err(error) = self.cleaning(retained).clean(ahead) {
            tracing::warn!("old checkpoints could not be removed: {error}");
        }
        Ok(())
    }
}

/// Number of the last segment of the log: of all that were there when it was asked for.
///
/// # Errors
/// When the store does not answer.
pub(crate) fn newest_segment(objects: &Objects) -> Result<Option<u64>> {
    loop {
        let newest = objects.list(layout::LOG)?.iter().filter_map(layout::number_of).max();
        // Segments are removed in their order: while this one stands, none behind it has been overlooked. In a bucket many go
        // at once; but there names are listed in their order, and those that stay come behind them.
        match newest {
            Some(number) if !objects.exists(&layout::segment(number))? => {}
            newest => return Ok(newest),
        }
    }
}

pub(crate) fn fenced() -> Error {
    Error::invalid("another run of this job has taken over: this one ends")
        .hint("Only one process can run a job. If you did not start another one, look for a supervisor that did.")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
