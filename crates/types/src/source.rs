//! What a source connector implements.
//!
//! A [`Source`] names its splits and opens a [`SplitReader`] for each. Readers are polled by the engine's worker threads
//! and never block: a connector that waits for a network keeps a thread of its own, hands over through a bounded queue,
//! and calls the [`Waker`] when something has come.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::SchemaRef;

use crate::clock::{Clock, Mono};
use crate::error::Result;

/// Name of a split, unique within its source and stable over restarts: `topic-3`, `lane-0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SplitId(pub Arc<str>);

impl SplitId {
    /// A split with this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        SplitId(name.into())
    }
}

impl fmt::Display for SplitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Position in a split: everything before it has been read. Grows as the split is read; what the number counts is the
/// connector's affair (Kafka offset, event number, block and byte).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// How much one call of [`SplitReader::read`] may return.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// At most so many records (at least 1). A reader may return fewer at any time; a good batch has 4 to 64 thousand.
    pub rows: usize,
    /// Do not read past this offset (set in a replay of the epoch log).
    pub until: Option<Offset>,
}

/// A record that could not be decoded. The engine counts it and applies the table's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// The raw bytes (cut to 64 KiB).
    pub raw: Vec<u8>,
    /// Where it stood, for a person: `offset 4711`, `file a.json line 17`.
    pub place: String,
    /// What is wrong with it.
    pub error: String,
}

/// What a read gave.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Decoded rows, exactly in the schema asked for at [`Source::open`]. May be empty when all records were bad.
    pub batch: RecordBatch,
    /// One weight a row (+1 or -1), where the source gives changes; absent when every row is an insert.
    pub diffs: Option<Int64Array>,
    /// Records that could not be decoded.
    pub bad: Vec<BadRecord>,
    /// Bytes consumed from outside, for the metrics; 0 when unknown.
    pub bytes: u64,
}

/// Outcome of [`SplitReader::read`].
#[derive(Debug)]
pub enum ReadOutcome {
    /// Some records were consumed.
    Rows(Rows),
    /// Nothing to read just now.
    Pending(Readiness),
    /// The split is exhausted; the reader is not called again.
    End,
}

/// When a pending reader wants to be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// At this time (rate-limited generators).
    At(Mono),
    /// When the waker is called. `caught_up` tells that the outside has nothing more at the moment: only then may the
    /// split be taken for idle and stop holding the watermark back.
    OnWake {
        /// Everything that exists outside has been read.
        caught_up: bool,
    },
}

/// Called by a connector's own thread when a pending reader has something to read. Cheap, callable from any thread.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// A waker that calls `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Waker(Arc::new(wake))
    }
    /// A waker that does nothing, for tests that poll.
    pub fn noop() -> Self {
        Waker::new(|| ())
    }
    /// Wakes.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// What a reader is opened with.
#[derive(Clone, Debug)]
pub struct OpenSplit {
    /// The split.
    pub split: SplitId,
    /// Where to go on; `None` to start as the table's options say.
    pub from: Option<Offset>,
    /// The job has looked for splits of this source before, in this run or an earlier one, and this one was not there: its
    /// rows have all come since the job began, and are read whatever the table's options say about its start.
    pub appeared: bool,
    /// The columns the query needs, by name: a subset of the table's schema; a `Struct` may have fewer children than
    /// declared. Batches must have exactly this schema. It can be empty (`COUNT(*)`): batches then only have a length.
    pub schema: SchemaRef,
    /// To be called when a pending reader has something.
    pub waker: Waker,
    /// Wall clock, for rates and default start-up modes.
    pub clock: Clock,
}

/// One split being read. Owned by one worker thread.
pub trait SplitReader: Send {
    /// Reads some records. Never blocks.
    ///
    /// # Errors
    /// When the split cannot be read any more. A record that cannot be decoded is no error: see [`Rows::bad`].
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome>;

    /// The position after everything that `read` has returned.
    fn offset(&self) -> Offset;
}

/// A table that can be read.
pub trait Source: Send + Sync {
    /// The splits that exist now, in a stable order that does not depend on the number of workers. Called again every
    /// now and then when [`Source::discovers`] says so; splits found later come after those known.
    ///
    /// # Errors
    /// When the outside cannot be asked.
    fn splits(&self) -> Result<Vec<SplitId>>;

    /// As [`Source::splits`], for a table whose rows depend on when it was read first: that is part of its splits' names then,
    /// which a job keeps.
    ///
    /// # Errors
    /// As [`Source::splits`].
    fn splits_at(&self, _clock: &Clock) -> Result<Vec<SplitId>> {
        self.splits()
    }

    /// True when new splits may appear while the job runs.
    fn discovers(&self) -> bool {
        false
    }

    /// What the meaning of offsets rests on and is not in them (which file a number stands for), as far as it has become known
    /// since the last call: each note is given once, oldest first. A job with a log keeps a note at the latest with the first
    /// epoch whose offsets may rest on it.
    fn new_notes(&self) -> Vec<String> {
        vec![]
    }

    /// Gives back notes of earlier runs, in their order, before a split is opened that rests on them; then, while another run is
    /// followed, what that one notes. A note may come twice.
    ///
    /// # Errors
    /// When a note cannot be understood.
    fn recall(&self, _notes: &[String]) -> Result<()> {
        Ok(())
    }

    /// True when every split ends by itself.
    fn bounded(&self) -> bool;

    /// Opens a split.
    ///
    /// # Errors
    /// When the outside does not answer or the offset is gone.
    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>>;
}
