//! Feeds a sink writer, on the worker itself or, when the sink may wait, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use sloth_types::{ChangeBatch, Epoch, Error, Result, SinkWriter};

use crate::context::JobContext;

/// Messages waiting for a writer's thread; the epochs in flight bound what they hold.
const QUEUE: usize = 256;

pub(crate) enum Work {
    Write(Epoch, ChangeBatch),
    EndEpoch(Epoch),
    Close,
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
    /// Starts a thread for a writer that may wait. `slot` is its place in the completion's list.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn threaded(
        writer: Box<dyn SinkWriter>,
        table: &str,
        slot: usize,
        context: &Arc<JobContext>,
    ) -> Result<(Writer, WriterThread)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let context = Arc::clone(context);
        let name = format!("sink {table}");
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || write_all(writer, &receiver, slot, &context))
            .map_err(|e| Error::unavailable(format!("cannot start a thread for sink '{table}': {e}")))?;
        Ok((Writer::Threaded(sender), thread))
    }

    pub(crate) fn write(&mut self, epoch: Epoch, batch: ChangeBatch) -> Result<()> {
        match self {
            Writer::Inline(writer) => writer.write(epoch, &batch),
            Writer::Threaded(sender) => send(sender, Work::Write(epoch, batch)),
        }
    }

    pub(crate) fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        match self {
            Writer::Inline(writer) => writer.end_epoch(epoch),
            Writer::Threaded(sender) => send(sender, Work::EndEpoch(epoch)),
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

fn write_all(mut writer: Box<dyn SinkWriter>, work: &Receiver<Work>, slot: usize, context: &JobContext) {
    while let Ok(work) = work.recv() {
        let result = match work {
            Work::Write(epoch, batch) => writer.write(epoch, &batch),
            Work::EndEpoch(epoch) => writer.end_epoch(epoch).map(|()| {
                if let Some(done) = context.completion.writers.get(slot) {
                    done.store(epoch.0 + 1, Ordering::SeqCst);
                }
                context.board.ring();
            }),
            Work::Close => {
                if let Err(error) = writer.close() {
                    context.failure.fail(error);
                }
                return;
            }
        };
        if let Err(error) = result {
            context.failure.fail(error);
            return;
        }
    }
}
