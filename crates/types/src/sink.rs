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

    /// What the outside sees of a durable job's rows when the job is killed and resumed.
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce("the sink has no transactions")
    }

    /// Opens a writer.
    ///
    /// # Errors
    /// When the outside does not answer.
    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>>;
}

/// What the outside sees of each row, whatever happens to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// Each row once.
    ExactlyOnce,
    /// Each row, and after a crash the last ones perhaps again; the text says why.
    AtLeastOnce(&'static str),
    /// The sink lives and dies with the job, and what it was given dies, too.
    WithTheJob,
    /// The sink lives and dies with the job, and shows the rows it was given: a resumed job gives it all of them again, of
    /// a result that only grows the newest, so many.
    Shown(usize),
}

/// What a writer is opened with.
#[derive(Clone, Debug)]
pub struct OpenSink {
    /// The columns of its rows.
    pub schema: SchemaRef,
    /// What changes it is given.
    pub mode: ChangelogMode,
    /// Its number; an ordered sink has only number 0.
    pub writer: usize,
    /// Present when the job can be resumed: then rows must become visible by [`SinkWriter::commit`] only, as far as the
    /// sink's guarantee says.
    pub durable: Option<DurableSink>,
}

impl OpenSink {
    /// The only writer of a job that cannot be resumed.
    pub fn plain(schema: SchemaRef, mode: ChangelogMode) -> Self {
        OpenSink { schema, mode, writer: 0, durable: None }
    }
}

/// Who writes, in the eyes of the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableSink {
    /// Name of the writer: the same in every run of the job, different from that of any other writer.
    pub name: String,
    /// Number of the run: a writer with a smaller one must not succeed any more.
    pub generation: u64,
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

    /// The last epoch whose rows the outside has for good, asked once after opening. Rows of epochs up to it are not
    /// given again.
    ///
    /// # Errors
    /// When the outside does not answer.
    fn committed(&mut self) -> Result<Option<Epoch>> {
        Ok(None)
    }

    /// The epochs up to `epoch` are in the log for good: after a crash their rows would be made again, the same. Makes
    /// them visible, together with the number of the epoch. A sink that would rather gather more may leave it, unless
    /// `now`: then a checkpoint waits for it, after which these epochs are not made again. Called in durable jobs only,
    /// not for every epoch.
    ///
    /// # Errors
    /// As `write`.
    fn commit(&mut self, epoch: Epoch, now: bool) -> Result<()> {
        let _ = (epoch, now);
        Ok(())
    }

    /// The job ends: finish files, flush, say goodbye. Not called when the job failed.
    ///
    /// # Errors
    /// As `write`.
    fn close(&mut self) -> Result<()>;
}
