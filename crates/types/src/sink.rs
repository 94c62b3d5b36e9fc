//! What a sink connector implements.

use arrow::datatypes::SchemaRef;

use crate::change::{ChangeBatch, ChangelogMode};
use crate::epoch::Epoch;
use crate::error::Result;

/// A table that can be written.
pub trait Sink: Send + Sync {
    /// Whether the sink takes changes of this mode; asked before anything runs. What it is given is settled by its
    /// answers: of an updating result upserts by the declared key (or one that the query proves) if it takes them,
    /// retractions otherwise. It gets exactly that: at most one net change a row and epoch, deletes before inserts for
    /// each key, and with retractions of rows with a known key, which of them are updates ([`ChangeBatch::updates`]).
    fn accepts(&self, mode: &ChangelogMode) -> bool;

    /// True when the order of rows is visible outside (files, print, Kafka): the engine then brings each epoch's rows
    /// into the canonical order, the same at any parallelism, and uses one writer. False lets every worker write.
    fn ordered(&self) -> bool {
        true
    }

    /// True when `write` or `end_epoch` may wait for the outside: the engine then gives the writer a thread of its own
    /// behind a bounded queue.
    fn blocking(&self) -> bool {
        false
    }

    /// Opens a writer. `writer` counts from 0; an ordered sink has only writer 0.
    ///
    /// # Errors
    /// When the outside does not answer.
    fn open(&self, schema: SchemaRef, mode: ChangelogMode, writer: usize) -> Result<Box<dyn SinkWriter>>;
}

/// One writer of a sink. Calls come in epoch order: any number of `write`, then `end_epoch`, …, at last `close`.
pub trait SinkWriter: Send {
    /// Takes a batch of an epoch.
    ///
    /// # Errors
    /// When the rows cannot be written; the job fails.
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()>;

    /// All rows of `epoch` have been given: hand them over (flush), so that they survive the end of the process.
    /// Called for every epoch, also for one without rows, so it must cost nothing then.
    ///
    /// # Errors
    /// As `write`.
    fn end_epoch(&mut self, epoch: Epoch) -> Result<()>;

    /// The job ends: finish files, flush, say goodbye. Not called when the job failed.
    ///
    /// # Errors
    /// As `write`.
    fn close(&mut self) -> Result<()>;
}
