//! A run that stands by: it follows the log of the run in charge, segment by segment, and takes over when that is gone.
//!
//! Gone is a run whose lock the system has given back (its process has ended: known at once, on one machine), or that has
//! for a while neither logged nor shown a sign of life (stopped, hung, or on another machine). Taking over is a claim like
//! any other: the next segment of the log, created by one run only. A run that was only slow is fenced by it.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use sloth_types::clock::Mono;
use sloth_types::journal::{Asked, Checkpoint, OperatorState, Recovered, Stop};
use sloth_types::source::Waker;
use sloth_types::threads::{self, JoinHandle, Unparker};
use sloth_types::{Epoch, EpochEntry, Error, JobStore, Result};

use crate::keeper::{Beginning, Keeper};
use crate::objects::Objects;
use crate::plans::{Plan, current_plan};
use crate::recover::{Claimed, Found, changed, claim_segment, last_segment, lock_of_run, read_job, recover_newest};
use crate::{layout, log};

/// How often the next segment of the log is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// How often other things are looked at: signs of life, checkpoints.
const LOOK_AROUND_EVERY: Duration = Duration::from_millis(200);
/// How often the start is tried while the run in charge removes what is being read.
const TRIES: usize = 20;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How to stand by.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// So long a run may be silent before it counts as gone.
    pub silence: Duration,
    /// How many checkpoints are kept once this run is in charge.
    pub retained: usize,
}

/// Follows the run in charge, and keeps the log and the checkpoints afterwards.
pub struct Follower {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    objects: Objects,
    job: Arc<str>,
    plan: Plan,
    patience: Patience,
    entries: Mutex<Vec<EpochEntry>>,
    durable: AtomicU64,
    published: AtomicU64,
    failure: Mutex<Option<Error>>,
    waker: Mutex<Waker>,
    over: AtomicBool,
    /// The job was asked to stop, and has.
    stopped: AtomicBool,
    keeper: OnceLock<Arc<Keeper>>,
}

/// Begins to follow a job; `None` when it has not begun, or was asked to stop: then there is nobody to follow.
///
/// # Errors
/// When the store does not answer, belongs to another query, or is damaged.
pub fn stand_by(objects: &Objects, plan: &str, patience: Patience) -> Result<Option<(Arc<Follower>, Recovered)>> {
    if last_segment(objects)?.is_none_or(|(_, segment)| segment.stopped) {
        return Ok(None);
    }
    let job = read_job(objects)?;
    let plan = current_plan(objects)?.filter(|now| now.fingerprint == plan).ok_or_else(changed)?;
    plan.is_of(&job)?;
    let (recovered, segment, generation) = begin(objects, &job.name)?;
    let first = recovered.first_epoch().0;
    let shared = Arc::new(Shared {
        objects: objects.clone(),
        job: job.name.into(),
        plan,
        patience,
        entries: Mutex::default(),
        durable: AtomicU64::new(first + recovered.log.len() as u64),
        published: AtomicU64::new(if recovered.checkpoint.is_some() { first } else { 0 }),
        failure: Mutex::default(),
        waker: Mutex::new(Waker::noop()),
        over: AtomicBool::new(false),
        stopped: AtomicBool::new(false),
        keeper: OnceLock::new(),
    });
    let following = Arc::clone(&shared);
    let run = move || Watch::new(&following, segment, generation).follow();
    let thread = threads::spawn("epoch log", run);
    let thread = thread.map_err(|e| Error::unavailable(format!("cannot start a thread: {e}")))?;
    Ok(Some((Arc::new(Follower { shared, thread: Mutex::new(Some(thread)) }), recovered)))
}

/// What is there, the number of the segment after it, and the run in charge. The run in charge removes old files meanwhile:
/// then once more.
fn begin(objects: &Objects, job: &str) -> Result<(Recovered, u64, u64)> {
    let mut tries = 0;
    loop {
        tries += 1;
        let attempt = || -> Result<(Recovered, u64, u64)> {
            // The log first: what is logged meanwhile is followed afterwards.
            let Some((last, log::Segment { generation, .. })) = last_segment(objects)? else {
                return Err(Error::unavailable("the epoch log is gone"));
            };
            let Found { mut recovered, damaged, .. } = recover_newest(objects)?;
            if let Some(error) = damaged.into_iter().next().filter(|_| tries < TRIES) {
                return Err(error);
            }
            // Epochs of segments that have come since would be given twice.
            let known = match log_end(objects, job, last)? {
                Some(end) => end,
                None if recovered.log.is_empty() => recovered.first_epoch().0,
                None => return Err(Error::unavailable("the epoch log has gone on while it was read")),
            };
            recovered.log.truncate(known.saturating_sub(recovered.first_epoch().0) as usize);
            Ok((recovered, last + 1, generation))
        };
        match attempt() {
            Err(_) if tries < TRIES => threads::sleep(TRY_AGAIN_AFTER),
            done => return done,
        }
    }
}

/// Segments that have not been followed are gone.
fn gone_on() -> Error {
    Error::unavailable("the log has gone on too far while this process slept")
}

/// The epoch after the last one in the segments up to this one; `None` when none of them that is left has any.
fn log_end(objects: &Objects, job: &str, last: u64) -> Result<Option<u64>> {
    for number in (0..=last).rev() {
        let path = layout::segment(number);
        let Some(object) = objects.find(&path)? else { return Ok(None) };
        if let Some((epoch, _)) = log::decode(&object, &path, job)?.entries.last() {
            return Ok(Some(epoch.0 + 1));
        }
    }
    Ok(None)
}

/// The thread that follows.
struct Watch<'a> {
    shared: &'a Shared,
    /// The next segment.
    segment: u64,
    /// The run in charge.
    generation: u64,
    /// Set when the lock of the run that it was made for is free.
    freed: Option<(u64, Arc<AtomicBool>)>,
    /// For how long nothing has been heard, counted only while this thread has run itself.
    silent: Duration,
    looked: Mono,
    looked_around: Mono,
    sign: Option<Bytes>,
}

impl<'a> Watch<'a> {
    fn new(shared: &'a Shared, segment: u64, generation: u64) -> Self {
        let (looked, looked_around) = (Mono::now(), Mono::now());
        let mut watch = Watch {
            shared,
            segment,
            generation,
            freed: None,
            silent: Duration::ZERO,
            looked,
            looked_around,
            sign: None,
        };
        watch.wait_for_lock();
        watch
    }

    fn follow(&mut self) {
        while !self.shared.over.load(Ordering::SeqCst) {
            match self.step() {
                Ok(true) => return,
                Ok(false) => threads::park_timeout(LOOK_EVERY),
                Err(error) => return self.shared.fail(error.context("standing by")),
            }
        }
    }

    /// Reads what is new, and takes over when the run in charge is gone: then true.
    fn step(&mut self) -> Result<bool> {
        // Asked before the log is read to its end.
        let freed =
            self.freed.as_ref().is_some_and(|(of, freed)| *of == self.generation && freed.load(Ordering::SeqCst));
        let before = self.segment;
        loop {
            if self.shared.over.load(Ordering::SeqCst) || !self.read_segment()? {
                break;
            }
        }
        if self.segment > before {
            self.heard();
            self.wait_for_lock();
            return Ok(false);
        }
        let since = self.looked.elapsed();
        self.looked = Mono::now();
        self.silent += since.min(LOOK_AROUND_EVERY);
        if self.looked_around.elapsed() >= LOOK_AROUND_EVERY {
            self.look_around()?;
        }
        if freed {
            return self.take_over("its process has ended");
        }
        if self.silent >= self.shared.patience.silence {
            return self.take_over("nothing has been heard of it");
        }
        Ok(false)
    }

    /// Reads the next segment, if it is there.
    fn read_segment(&mut self) -> Result<bool> {
        let path = layout::segment(self.segment);
        let Some(object) = self.shared.objects.find(&path)? else { return Ok(false) };
        let segment = log::decode(&object, &path, &self.shared.job)?;
        if segment.generation > self.generation {
            tracing::info!("standing by: run {} of the job is in charge now", segment.generation);
        }
        if segment.plan != self.shared.plan.number {
            return Err(changed());
        }
        self.generation = self.generation.max(segment.generation);
        self.segment += 1;
        if segment.stopped {
            tracing::info!("standing by: the job was asked to stop, and has");
            self.shared.stopped.store(true, Ordering::SeqCst);
            self.shared.over.store(true, Ordering::SeqCst);
            self.shared.wake();
        }
        let known = self.shared.durable.load(Ordering::SeqCst);
        let mut durable = known;
        let mut entries = lock(&self.shared.entries);
        // The checkpoint that this run began with may contain some.
        for (epoch, entry) in segment.entries.into_iter().filter(|(epoch, _)| epoch.0 >= known) {
            if epoch.0 != durable {
                return Err(Error::data(format!("'{path}' goes on with epoch {epoch} where {durable} is expected")));
            }
            durable += 1;
            entries.push(entry);
        }
        drop(entries);
        self.shared.durable.store(durable, Ordering::SeqCst);
        self.shared.wake();
        Ok(true)
    }

    fn heard(&mut self) {
        self.silent = Duration::ZERO;
        self.looked = Mono::now();
    }

    /// Looks at the signs of life and the newest checkpoint, and whether the log has gone on without this run.
    fn look_around(&mut self) -> Result<()> {
        let objects = &self.shared.objects;
        let sign = objects.find(&Path::from(layout::ALIVE))?;
        if sign != self.sign {
            self.sign = sign;
            self.silent = Duration::ZERO;
        }
        let checkpoints = objects.list(layout::CHECKPOINTS)?;
        if let Some(epoch) = checkpoints.last().and_then(layout::number_of) {
            self.shared.published.fetch_max(epoch, Ordering::SeqCst);
            if epoch > self.shared.durable.load(Ordering::SeqCst) && !objects.exists(&layout::segment(self.segment))? {
                return Err(gone_on());
            }
        }
        self.looked_around = Mono::now();
        Ok(())
    }

    /// Waits for the lock of the run in charge, on a thread of its own: that wait cannot be ended.
    fn wait_for_lock(&mut self) {
        if self.freed.as_ref().is_some_and(|(of, _)| *of == self.generation) {
            return;
        }
        self.freed = None;
        let held = self.shared.objects.local().and_then(|directory| directory.lock_of(self.generation));
        let Some(held) = held else { return };
        let freed = Arc::new(AtomicBool::new(false));
        let (told, follower) = (Arc::downgrade(&freed), Unparker::of_current());
        let wait = move || wait_for(&held, &told, &follower);
        // Without the thread the silence of the run in charge tells, later.
        if threads::spawn("run in charge", wait).is_ok() {
            self.freed = Some((self.generation, freed));
        }
    }

    /// Claims the job, if nobody else does.
    fn take_over(&mut self, why: &str) -> Result<bool> {
        let (shared, generation) = (self.shared, self.generation + 1);
        let lock = lock_of_run(&shared.objects, generation)?;
        let by = log::By { job: &shared.job, generation, plan: shared.plan.number };
        let since = Mono::now();
        match claim_segment(&shared.objects, self.segment, by)? {
            Claimed::Ours => {}
            Claimed::Taken => return Ok(false),
            Claimed::Late => return Err(gone_on()),
        }
        let durable = shared.durable.load(Ordering::SeqCst);
        tracing::info!(
            "taking over job {} from run {} at epoch {durable}: {why}; this is run {generation}",
            shared.job,
            self.generation
        );
        shared.objects.tidy();
        shared.objects.local().into_iter().for_each(|directory| directory.remove_locks(generation));
        let beginning = Beginning {
            objects: shared.objects.clone(),
            job: Arc::clone(&shared.job),
            generation,
            plan: shared.plan.clone(),
            segment: self.segment + 1,
            since,
            lock,
            durable,
            published: shared.published.load(Ordering::SeqCst),
        };
        let keeper = Keeper::begin(beginning, shared.patience.retained)?;
        keeper.watch(lock_waker(shared));
        let _ = shared.keeper.set(keeper);
        shared.wake();
        Ok(true)
    }
}

fn wait_for(held: &File, told: &Weak<AtomicBool>, follower: &Unparker) {
    if held.lock().is_ok()
        && let Some(freed) = told.upgrade()
    {
        freed.store(true, Ordering::SeqCst);
        follower.unpark();
    }
}

impl Shared {
    fn wake(&self) {
        lock_waker(self).wake();
    }

    fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.wake();
    }
}

impl Follower {
    /// The plan of the job.
    pub fn plan(&self) -> Plan {
        self.shared.plan.clone()
    }
}

impl JobStore for Follower {
    fn watch(&self, waker: Waker) {
        *lock(&self.shared.waker) = waker.clone();
        if let Some(keeper) = self.shared.keeper.get() {
            keeper.watch(waker);
        }
    }

    fn generation(&self) -> u64 {
        self.shared.keeper.get().map_or(0, |keeper| keeper.generation())
    }

    fn in_charge(&self) -> bool {
        self.shared.keeper.get().is_some()
    }

    fn followed(&self) -> Vec<EpochEntry> {
        std::mem::take(&mut *lock(&self.shared.entries))
    }

    fn job(&self) -> Arc<str> {
        Arc::clone(&self.shared.job)
    }

    fn append(&self, epoch: Epoch, entry: EpochEntry) {
        self.shared.keeper.get().into_iter().for_each(|keeper| keeper.append(epoch, entry.clone()));
    }

    fn durable(&self) -> Epoch {
        let followed = || Epoch(self.shared.durable.load(Ordering::SeqCst));
        self.shared.keeper.get().map_or_else(followed, |keeper| keeper.durable())
    }

    fn inherited(&self) -> Epoch {
        self.shared.keeper.get().map_or_else(|| self.durable(), |keeper| keeper.inherited())
    }

    fn give_ahead(&self, since: Epoch, changes: OperatorState) {
        if let Some(keeper) = self.shared.keeper.get() {
            keeper.give_ahead(since, changes);
        }
    }

    fn upload(&self, checkpoint: Checkpoint) {
        if let Some(keeper) = self.shared.keeper.get() {
            keeper.upload(checkpoint);
        }
    }

    fn publish(&self, epoch: Epoch) {
        if let Some(keeper) = self.shared.keeper.get() {
            keeper.publish(epoch);
        }
    }

    fn published(&self) -> Epoch {
        let followed = || Epoch(self.shared.published.load(Ordering::SeqCst));
        self.shared.keeper.get().map_or_else(followed, |keeper| keeper.published())
    }

    fn asked(&self) -> Asked {
        match self.shared.stopped.load(Ordering::SeqCst) {
            true => Asked { stop: Some(Stop::AsItIs), ..Asked::default() },
            false => self.shared.keeper.get().map_or_else(Asked::default, |keeper| keeper.asked()),
        }
    }

    fn answer_with(&self, epoch: Epoch) {
        if let Some(keeper) = self.shared.keeper.get() {
            keeper.answer_with(epoch);
        }
    }

    fn failure(&self) -> Option<Error> {
        let own = lock(&self.shared.failure).clone();
        own.or_else(|| self.shared.keeper.get().and_then(|keeper| keeper.failure()))
    }

    fn close(&self) -> Result<()> {
        self.shared.over.store(true, Ordering::SeqCst);
        if let Some(thread) = lock(&self.thread).take() {
            thread.unpark();
            if thread.join().is_err() {
                return Err(Error::internal("the thread that follows the epoch log has panicked"));
            }
        }
        match self.shared.keeper.get() {
            Some(keeper) => keeper.close(),
            None => self.failure().map_or(Ok(()), Err),
        }
    }
}

fn lock_waker(shared: &Shared) -> Waker {
    lock(&shared.waker).clone()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
