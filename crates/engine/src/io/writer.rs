//! Feeds a sink writer, on the worker itself or, when the sink may wait, on a thread of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sloth_types::clock::Mono;
use sloth_types::threads::{self, JoinHandle, Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use sloth_types::{ChangeBatch, Epoch, Error, Result, SinkWriter};

use crate::completion::WriterProgress;
use crate::context::JobContext;

/// Messages waiting for a writer's thread; the epochs in flight bound what they hold.
const QUEUE: usize = 256;

pub(crate) enum Work {
    Write(Epoch, ChangeBatch),
    /// All rows of the epoch have been given; the flag tells that it ends in a checkpoint.
    EndEpoch(Epoch, bool),
    Close,
}

/// A writer that is open, or that is opened by its thread, when this run is in charge.
pub(crate) enum Opening {
    Now(Box<dyn SinkWriter>),
    Later(Box<dyn FnOnce() -> Result<Box<dyn SinkWriter>> + Send>),
}

impl Opening {
    /// The open writer.
    ///
    /// # Errors
    /// When it is opened only now and cannot be.
    pub(crate) fn now(self) -> Result<Box<dyn SinkWriter>> {
        match self {
            Opening::Now(writer) => Ok(writer),
            Opening::Later(open) => open(),
        }
    }
}

/// Where a sink operator writes to.
pub(crate) enum Writer {
    /// Called directly.
    Inline(Box<dyn SinkWriter>),
    /// Behind a queue.
    Threaded(SyncSender<Work>),
}

/// The thread of a writer; joined when the job ends.
pub(crate) type WriterThread = JoinHandle<()>;

impl Writer {
    /// Starts a thread for a writer that may wait, and that gets rows late (when a checkpoint has them) or not. `slot` is its
    /// place in the completion's list.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn threaded(
        writer: Opening,
        (table, late): (&str, bool),
        slot: usize,
        context: &Arc<JobContext>,
    ) -> Result<(Writer, WriterThread)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let context = Arc::clone(context);
        let run = move || write_all(writer, &receiver, (slot, late), &context);
        let thread = threads::spawn(&format!("sink {table}"), run)
            .map_err(|e| Error::unavailable(format!("cannot start a thread for sink '{table}': {e}")))?;
        Ok((Writer::Threaded(sender), thread))
    }

    pub(crate) fn write(&mut self, epoch: Epoch, batch: ChangeBatch) -> Result<()> {
        match self {
            Writer::Inline(writer) => writer.write(epoch, &batch),
            Writer::Threaded(sender) => send(sender, Work::Write(epoch, batch)),
        }
    }

    pub(crate) fn end_epoch(&mut self, epoch: Epoch, checkpoint: bool) -> Result<()> {
        match self {
            Writer::Inline(writer) => writer.end_epoch(epoch),
            Writer::Threaded(sender) => send(sender, Work::EndEpoch(epoch, checkpoint)),
        }
    }

    pub(crate) fn close(&mut self) -> Result<()> {
        match self {
            Writer::Inline(writer) => writer.close(),
            Writer::Threaded(sender) => send(sender, Work::Close),
        }
    }
}

fn send(sender: &SyncSender<Work>, work: Work) -> Result<()> {
    // The thread only goes away after it has noted its own error, which is the one that will be shown.
    sender.send(work).map_err(|_| Error::internal("the sink's thread has ended"))
}

fn write_all(writer: Opening, work: &Receiver<Work>, (slot, late): (usize, bool), context: &JobContext) {
    let run = || -> Result<()> {
        let mut thread = WriterWork::new((slot, late), context);
        let mut writer = match writer {
            Opening::Now(writer) => writer,
            Opening::Later(open) => match thread.stand_by(work) {
                // Who has failed since must not take the table from a run that has taken over.
                Standby::InCharge if context.failure.is_set() => return Ok(()),
                Standby::InCharge => {
                    let begun = Mono::now();
                    let writer = open()?;
                    tracing::debug!("a writer has opened after {:?}", begun.elapsed());
                    writer
                }
                Standby::Over => return Ok(()),
            },
        };
        thread.run(writer.as_mut(), work)
    };
    if let Err(error) = run() {
        context.failure.fail(error);
    }
}

/// The outside has rows of epochs that the log does not know: going on would lose others in their place.
fn log_is_short(epoch: Epoch, end: Epoch) -> Error {
    Error::data(format!("the table has rows up to epoch {epoch}, but the epoch log ends before epoch {end}"))
        .hint("Segments of the log are missing, or the state directory is an old copy: restore the newest one.")
}

/// Rows wait so long at most for their commit while more keep coming: what is gathered is committed at once.
const COMMIT_AFTER: Duration = Duration::from_millis(20);

/// How often a writer that stands by looks whether its run is in charge.
const STANDBY_LOOK: Duration = Duration::from_millis(5);

/// How often a writer looks whether the checkpoint stands that has its rows.
const CHECKPOINT_LOOK: Duration = Duration::from_millis(2);

fn bytes_of(batch: &ChangeBatch) -> usize {
    batch.rows.get_array_memory_size()
}

/// How the time of a writer that stands by has ended.
enum Standby {
    InCharge,
    Over,
}

/// What a writer's thread works on.
struct WriterWork<'a> {
    slot: usize,
    /// Rows come with the checkpoint that has them, and are written when it stands.
    late: bool,
    /// Those rows.
    rows: Vec<ChangeBatch>,
    context: &'a JobContext,
    /// What has come while another run was in charge, and may not have come through there.
    waiting: VecDeque<Work>,
    /// Bytes of the rows among it, and how many there may be.
    kept: (usize, usize),
    /// The last epoch of which rows have not been kept, as they were too many.
    lost: Option<Epoch>,
    /// The last epoch that the outside had before this run: replayed rows up to it are not written again.
    committed: Option<Epoch>,
    /// The last epoch handed over and not yet committed, and when the first of these was.
    open: Option<(Epoch, Mono)>,
    /// The writer has rows of an epoch whose end has not come: what is committed now would have them, too.
    within: bool,
}

/// So many bytes of rows a writer keeps that stands by.
const KEPT_MAX: usize = 256 << 20;

/// A run that stood by has not kept all that its sink may want.
fn not_kept(epoch: Epoch) -> Error {
    Error::unavailable(format!(
        "rows up to epoch {epoch} were too many to be kept while standing by; they are made again from the newest checkpoint"
    ))
    .hint("Shorter checkpoint intervals leave less to be kept: 'execution.checkpointing.interval'.")
}

impl<'a> WriterWork<'a> {
    fn new((slot, late): (usize, bool), context: &'a JobContext) -> Self {
        let (waiting, rows) = (VecDeque::new(), vec![]);
        WriterWork {
            slot,
            late,
            rows,
            context,
            waiting,
            kept: (0, KEPT_MAX),
            lost: None,
            committed: None,
            open: None,
            within: false,
        }
    }

    /// Keeps what comes, as long as it is not too much: then this run has to begin again with the newest checkpoint, should it
    /// be in charge before another one stands.
    fn keep(&mut self, work: Work) {
        if let Work::Write(epoch, batch) = &work {
            self.kept.0 += bytes_of(batch);
            if self.kept.0 > self.kept.1 {
                self.lost = Some(*epoch);
                self.kept.0 = 0;
                self.waiting.retain(|work| !matches!(work, Work::Write(..)));
                return;
            }
        }
        self.waiting.push_back(work);
    }

    /// Keeps what comes until this run is in charge. A checkpoint of the run in charge stands only when its sinks have
    /// committed what it contains, so that need not be kept.
    fn stand_by(&mut self, work: &Receiver<Work>) -> Standby {
        let Some(durable) = &self.context.durable else { return Standby::InCharge };
        while !durable.store.in_charge() {
            match work.recv_timeout(STANDBY_LOOK) {
                Ok(Work::Close) | Err(RecvTimeoutError::Disconnected) => return Standby::Over,
                Err(RecvTimeoutError::Timeout) => {}
                Ok(work) => {
                    if let Work::EndEpoch(epoch, _) = &work {
                        self.tell(|progress| &progress.handed, *epoch);
                    }
                    self.keep(work);
                }
            }
            let kept_from = durable.store.published();
            self.lost = self.lost.filter(|lost| *lost >= kept_from);
            while let Some(Work::Write(epoch, _) | Work::EndEpoch(epoch, _)) = self.waiting.front()
                && *epoch < kept_from
            {
                if let Some(Work::Write(_, batch)) = self.waiting.pop_front() {
                    self.kept.0 = self.kept.0.saturating_sub(bytes_of(&batch));
                }
            }
        }
        Standby::InCharge
    }

    /// The next piece of work; `None` when it does not come at once and must not be waited for.
    fn next(&mut self, work: &Receiver<Work>, wait: bool) -> std::result::Result<Work, TryRecvError> {
        match self.waiting.pop_front() {
            Some(work) => Ok(work),
            None if wait => work.recv().map_err(|_| TryRecvError::Disconnected),
            None => work.try_recv(),
        }
    }

    fn run(&mut self, writer: &mut dyn SinkWriter, work: &Receiver<Work>) -> Result<()> {
        if let Some(durable) = &self.context.durable {
            self.committed = writer.committed()?;
            // Rows become visible after their epoch is in the log, never before.
            // By now this run may have logged epochs of its own.
            let end = durable.store.inherited();
            if let Some(epoch) = self.committed.filter(|epoch| *epoch >= end) {
                return Err(log_is_short(epoch, end));
            }
            // What the run before has committed nobody misses.
            if let Some(lost) = self.lost.filter(|lost| self.committed < Some(*lost)) {
                return Err(not_kept(lost));
            }
        }
        loop {
            match self.next(work, self.open.is_none() || self.within) {
                Ok(Work::Write(_, batch)) if self.late => self.rows.push(batch),
                Ok(Work::EndEpoch(epoch, checkpoint)) if self.late => {
                    self.tell(|progress| &progress.handed, epoch);
                    if checkpoint && !self.end_late(writer, epoch, work)? {
                        return Ok(());
                    }
                }
                Ok(Work::Write(epoch, batch)) if self.committed < Some(epoch) => {
                    self.within = true;
                    writer.write(epoch, &batch)?;
                }
                Ok(Work::Write(..)) => {}
                Ok(Work::EndEpoch(epoch, checkpoint)) => self.end_epoch(writer, epoch, checkpoint)?,
                Ok(Work::Close) => {
                    self.commit(writer, true)?;
                    return writer.close();
                }
                Err(TryRecvError::Empty) => self.commit(writer, false)?,
                // The job has failed: what is not committed is made again by the next run.
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Writes the rows that a checkpoint has when it stands, and commits them with the number of its last epoch. All before
    /// are committed: the checkpoint needs to wait for nothing. False when the job has failed meanwhile.
    fn end_late(&mut self, writer: &mut dyn SinkWriter, epoch: Epoch, work: &Receiver<Work>) -> Result<bool> {
        self.tell(|progress| &progress.committed, epoch);
        let rows = std::mem::take(&mut self.rows);
        let Some(durable) = &self.context.durable else { return Ok(false) };
        let mut closing = self.waiting.iter().any(|work| matches!(work, Work::Close));
        while durable.store.published() <= epoch {
            if self.context.failure.is_set() {
                return Ok(false);
            }
            if closing {
                threads::sleep(CHECKPOINT_LOOK);
                continue;
            }
            // The queue must not fill up meanwhile: who fills it makes the checkpoint.
            match work.recv_timeout(CHECKPOINT_LOOK) {
                Ok(more) => {
                    closing = matches!(more, Work::Close);
                    self.waiting.push_back(more);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
        }
        if self.committed < Some(epoch) {
            rows.iter().try_for_each(|batch| writer.write(epoch, batch))?;
            writer.end_epoch(epoch)?;
            durable.wait_for(epoch)?;
            writer.commit(epoch, true)?;
        }
        self.context.board.ring();
        Ok(true)
    }

    fn end_epoch(&mut self, writer: &mut dyn SinkWriter, epoch: Epoch, checkpoint: bool) -> Result<()> {
        self.within = false;
        if self.committed < Some(epoch) {
            writer.end_epoch(epoch)?;
        }
        self.tell(|progress| &progress.handed, epoch);
        if self.context.durable.is_none() || self.committed >= Some(epoch) {
            self.tell(|progress| &progress.committed, epoch);
            return Ok(());
        }
        let since = self.open.map_or_else(Mono::now, |(_, since)| since);
        self.open = Some((epoch, since));
        if checkpoint || since.elapsed() >= COMMIT_AFTER { self.commit(writer, checkpoint) } else { Ok(()) }
    }

    /// Commits what has been handed over, as soon as its epochs are in the log for good.
    fn commit(&mut self, writer: &mut dyn SinkWriter, now: bool) -> Result<()> {
        let (Some((epoch, _)), Some(durable)) = (self.open.take(), &self.context.durable) else { return Ok(()) };
        durable.wait_for(epoch)?;
        writer.commit(epoch, now)?;
        if now {
            self.tell(|progress| &progress.committed, epoch);
        }
        Ok(())
    }

    fn tell(&self, which: impl Fn(&WriterProgress) -> &AtomicU64, epoch: Epoch) {
        if let Some(progress) = self.context.completion.writers.get(self.slot) {
            which(progress).fetch_max(epoch.0 + 1, Ordering::SeqCst);
        }
        self.context.board.ring();
    }
}

#[cfg(test)]
#[path = "writer/tests.rs"]
mod tests;
