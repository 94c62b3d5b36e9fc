//! What a job keeps so that it can be resumed: the epoch log and checkpoints, and the store that holds them.

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::epoch::{Epoch, Watermark};
use crate::error::Result;
use crate::source::{Offset, SplitId, Waker};

/// One line of the epoch log: with it, the epoch can be made again exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochEntry {
    /// The wall clock of the epoch (ms).
    pub now_ms: i64,
    /// The watermark of each source in effect.
    pub watermarks: Vec<Watermark>,
    /// For each source the offset after the epoch of each of its splits.
    pub ends: Vec<Vec<u64>>,
    /// Splits that were read for the first time in this epoch, in the order of their numbers within each source.
    pub opened: Vec<OpenedSplit>,
    /// It is the last one: the job was asked to come to its end although its input had not.
    pub drained: bool,
    /// What sources have noted since the epoch before: offsets of this epoch and later ones may rest on it.
    pub notes: Vec<SourceNote>,
}

/// A split that has come into the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedSplit {
    /// Number of the source.
    pub source: usize,
    /// The split.
    pub split: SplitId,
    /// Where its reading began.
    pub from: Offset,
}

/// What a source must be told again when the job goes on (see [`crate::Source::new_notes`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceNote {
    /// Number of the source.
    pub source: usize,
    /// The note; what it says is the connector's affair.
    pub note: String,
}

/// Who owns the rows of a section after a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The worker that owns the values of these columns, as in an exchange by them; worker 0 when there are none.
    Key(Vec<usize>),
    /// Every worker holds the same rows: each is given those of the first worker that wrote any.
    Everyone,
}

/// One table of an operator's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Which table of the operator this is.
    pub name: String,
    /// Who owns its rows.
    pub owner: Owner,
    /// The rows, all of one schema. Their order is part of the state where it matters to the operator.
    pub rows: Vec<RecordBatch>,
}

impl Section {
    /// A section; batches without rows are left out.
    pub fn new(name: &str, owner: Owner, rows: Vec<RecordBatch>) -> Self {
        let rows = rows.into_iter().filter(|batch| batch.num_rows() > 0).collect();
        Section { name: name.to_owned(), owner, rows }
    }
}

/// The state of one operator on one worker.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorState {
    /// The operator's identity: a hash of the structure of its query, the same in every run of the same script.
    pub operator: u64,
    /// Its name, for people.
    pub name: String,
    /// The worker that wrote it.
    pub worker: usize,
    /// It holds changes only: what the checkpoint before had of this operator and worker comes first.
    pub continues: bool,
    /// Its tables.
    pub sections: Vec<Section>,
}

impl OperatorState {
    /// Puts what comes next of the same operator and worker behind this. What continues nothing stands in its place.
    pub fn go_on_with(&mut self, next: OperatorState) {
        if !next.continues {
            *self = next;
            return;
        }
        for section in next.sections {
            match self.sections.iter_mut().find(|s| s.name == section.name) {
                Some(known) => known.rows.extend(section.rows),
                None => self.sections.push(section),
            }
        }
    }

    /// True when the other one is of the same operator and worker.
    pub fn is_beside(&self, other: &OperatorState) -> bool {
        (self.operator, self.worker) == (other.operator, other.worker)
    }
}

/// Where a split stood at a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitCut {
    /// The split.
    pub split: SplitId,
    /// The position after the last epoch.
    pub offset: Offset,
    /// What its rows have promised so far.
    pub watermark: Watermark,
}

/// Where a job stood at a checkpoint, beside the state of its operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The first epoch that is not contained.
    pub epoch: Epoch,
    /// Number of workers that wrote the state.
    pub workers: usize,
    /// The wall clock of the last epoch (ms).
    pub now_ms: i64,
    /// The watermark of each source in the last epoch.
    pub watermarks: Vec<Watermark>,
    /// The splits of each source.
    pub splits: Vec<Vec<SplitCut>>,
    /// What each source has noted so far, oldest first; shared, since every epoch has a cut and notes are many and seldom new.
    pub notes: Vec<Arc<Vec<String>>>,
    /// The input had ended, and every window has fired.
    pub ended: bool,
    /// Every window has fired although the input had not ended, because somebody wanted it so.
    pub drained: bool,
}

/// A checkpoint: all that is needed to go on after its cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Where the job stood.
    pub cut: Cut,
    /// The state of all operators on all workers.
    pub state: Vec<OperatorState>,
    /// What has to be told once more in the first epoch after it.
    pub retelling: Retelling,
}

/// Operators that have come into a job beside others that go on: they have not seen what these have told. It is told to them
/// in the first epoch after the checkpoint, all at once. By their identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retelling {
    /// Those that tell all rows that their output consists of.
    pub tellers: Vec<u64>,
    /// Those that are new: what is told is for them alone.
    pub listeners: Vec<u64>,
}

impl Checkpoint {
    /// Puts what is continued here behind what `before`, the checkpoint before, had of it.
    pub fn complete_with(&mut self, before: &Checkpoint) {
        let mut state = vec![];
        for part in std::mem::take(&mut self.state) {
            let same = |s: &&OperatorState| (s.operator, s.worker) == (part.operator, part.worker);
            state.extend(before.state.iter().filter(|s| part.continues && same(s)).cloned());
            state.push(part);
        }
        self.state = state;
    }
}

/// What is left of an earlier run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovered {
    /// The newest checkpoint that is whole.
    pub checkpoint: Option<Checkpoint>,
    /// The log after it, epoch by epoch (from the first epoch when there is no checkpoint).
    pub log: Vec<EpochEntry>,
}

impl Recovered {
    /// The first epoch that is not in the checkpoint.
    pub fn first_epoch(&self) -> Epoch {
        self.checkpoint.as_ref().map_or(Epoch(0), |c| c.cut.epoch)
    }

    /// The splits of a source in the order of their numbers, each with the offset to go on from.
    pub fn splits(&self, source: usize) -> Vec<(SplitId, Offset, Watermark)> {
        let kept = self.checkpoint.iter().filter_map(|c| c.cut.splits.get(source)).flatten();
        let kept = kept.map(|s| (s.split.clone(), s.offset, s.watermark));
        let opened = self.log.iter().flat_map(|entry| &entry.opened).filter(|o| o.source == source);
        kept.chain(opened.map(|o| (o.split.clone(), o.from, Watermark::NONE))).collect()
    }

    /// What a source has noted, oldest first.
    pub fn notes(&self, source: usize) -> Vec<String> {
        let kept = self.checkpoint.iter().filter_map(|c| c.cut.notes.get(source)).flat_map(|notes| notes.iter());
        let logged = self.log.iter().flat_map(|entry| &entry.notes).filter(|note| note.source == source);
        kept.chain(logged.map(|note| &note.note)).cloned().collect()
    }
}

/// What checkpoints have of an operator on a worker so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Continued {
    /// Bytes of the state that was written whole.
    pub whole: usize,
    /// Bytes of the changes that continue it.
    pub changes: usize,
    /// How often checkpoints have continued it, about.
    pub times: usize,
}

/// What somebody outside has asked a running job for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// A checkpoint, at once.
    pub checkpoint: bool,
    /// To stop.
    pub stop: Option<Stop>,
}

/// How a job stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Windows stay open: it can go on.
    AsItIs,
    /// As if the input had ended: everything that waits for the watermark comes out.
    Drained,
}

/// Where a running job keeps its epoch log and its checkpoints. Nothing but
/// [`JobStore::give_ahead`] blocks; what is asked for happens on a
/// thread of the store, in the order of the calls.
pub trait JobStore: Send + Sync {
    /// Tells who is to be called when [`JobStore::durable`], [`JobStore::published`] or [`JobStore::failure`] change.
    fn watch(&self, waker: Waker);

    /// Number of this run; grows with every run of the job. A run with a smaller number can write no more. Zero while
    /// another run is in charge.
    fn generation(&self) -> u64;

    /// False while another run is in charge, and this one follows its log to take over when it is gone. Once true it stays
    /// so, and nothing but this run has been logged since the entries that [`JobStore::followed`] gives.
    fn in_charge(&self) -> bool {
        true
    }

    /// What the run in charge has logged since the last call (at first since the job was recovered), epoch by epoch.
    fn followed(&self) -> Vec<EpochEntry> {
        vec![]
    }

    /// Name of the job, the same in all its runs and different from that of every other job.
    fn job(&self) -> Arc<str>;

    /// Appends the entry of an epoch to the log; epochs come in order, without gaps.
    fn append(&self, epoch: Epoch, entry: EpochEntry);

    /// All epochs below this one are in the log for good.
    fn durable(&self) -> Epoch;

    /// All epochs below this one were in the log when this run took charge: earlier runs may have told the outside of them,
    /// and of no others. Before that as [`JobStore::durable`].
    fn inherited(&self) -> Epoch {
        self.durable()
    }

    /// What the checkpoint that the job was recovered with has of an operator and worker, where the next one may go on with
    /// it: what it is given then of them can be changes. `None` when it must be given all of the state.
    fn continued(&self, operator: u64, worker: usize) -> Option<Continued> {
        let _ = (operator, worker);
        None
    }

    /// Takes changes of an operator's state ahead of the checkpoint that they belong to, the first one behind epoch `since`:
    /// what [`JobStore::upload`] gives then of this operator and worker goes on with them. This may wait for a while when
    /// more is given than can be written.
    fn give_ahead(&self, since: Epoch, changes: OperatorState);

    /// Uploads a checkpoint. It counts only after [`JobStore::publish`].
    fn upload(&self, checkpoint: Checkpoint);

    /// All sinks have committed the epochs of the uploaded checkpoint: makes it the newest one, and gives up what it
    /// makes superfluous.
    fn publish(&self, epoch: Epoch);

    /// The cut of the newest published checkpoint.
    fn published(&self) -> Epoch;

    /// What somebody outside asks for. Tells who is called by [`JobStore::watch`] when it changes.
    fn asked(&self) -> Asked {
        Asked::default()
    }

    /// The checkpoint before `epoch` was begun after all that [`JobStore::asked`] has told so far: it is the answer.
    fn answer_with(&self, epoch: Epoch) {
        let _ = epoch;
    }

    /// Why nothing more is kept, when something has gone wrong: the job must end then.
    fn failure(&self) -> Option<crate::error::Error>;

    /// Ends the work and waits for it.
    ///
    /// # Errors
    /// When something that was asked for could not be kept.
    fn close(&self) -> Result<()>;
}
