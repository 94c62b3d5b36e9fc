//! A store in memory: keeps every checkpoint of a run, as bytes, so that a test can go on from any of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_types::journal::{Checkpoint, Continued, OperatorState};
use sloth_types::{Epoch, EpochEntry, Error, JobStore, Result, Waker};

/// The store. Clones share what they keep.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// What was given ahead, each with the epoch behind which its checkpoint is.
    ahead: Vec<(Epoch, OperatorState)>,
    checkpoints: Vec<Checkpoint>,
    /// The first of them is of an earlier run.
    begun_with: bool,
    published: Epoch,
    waker: Option<Waker>,
    failure: Option<Error>,
}

impl MemoryStore {
    /// A store whose checkpoints go on with the files of this one, if there is one.
    pub fn after(checkpoint: Option<Checkpoint>) -> Self {
        let begun_with = checkpoint.is_some();
        let checkpoints = checkpoint.into_iter().collect();
        MemoryStore(Arc::new(Mutex::new(Kept { checkpoints, begun_with, ..Kept::default() })))
    }

    /// The checkpoints so far. Their state has been written and read as in a file.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        let kept = self.lock();
        kept.checkpoints.iter().skip(usize::from(kept.begun_with)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let waker = self.lock().waker.clone();
        waker.iter().for_each(Waker::wake);
    }
}

/// A part of a checkpoint with what was given of it ahead.
fn with_ahead(part: &OperatorState, ahead: &[(Epoch, OperatorState)]) -> OperatorState {
    let mut ahead = ahead.iter().map(|(_, changes)| changes).filter(|changes| changes.is_beside(part)).cloned();
    let Some(mut all) = ahead.next() else { return part.clone() };
    ahead.for_each(|changes| all.go_on_with(changes));
    all.go_on_with(part.clone());
    all
}

fn through_bytes(state: &OperatorState) -> Result<OperatorState> {
    sloth_store::decode_state(&sloth_store::encode_state(state)?.concat().into(), "a file in memory")
}

impl JobStore for MemoryStore {
    fn watch(&self, waker: Waker) {
        self.lock().waker = Some(waker);
    }

    fn generation(&self) -> u64 {
        1
    }

    fn job(&self) -> Arc<str> {
        "test".into()
    }

    fn append(&self, _: Epoch, _: EpochEntry) {}

    fn durable(&self) -> Epoch {
        // What is replayed is in the log that it comes from.
        Epoch(u64::MAX)
    }

    fn continued(&self, operator: u64, worker: usize) -> Option<Continued> {
        let kept = self.lock();
        let first = kept.checkpoints.first().filter(|_| kept.begun_with)?;
        let of = |part: &&OperatorState| (part.operator, part.worker) == (operator, worker);
        let mut known: Option<Continued> = None;
        for part in first.state.iter().filter(of) {
            let bytes =
                part.sections.iter().flat_map(|s| &s.rows).map(|rows| rows.get_array_memory_size()).sum::<usize>();
            let known = known.get_or_insert_default();
            match part.continues {
                true => *known = Continued { changes: known.changes + bytes, times: known.times + 1, ..*known },
                false => known.whole += bytes,
            }
        }
        known
    }

    fn give_ahead(&self, since: Epoch, changes: OperatorState) {
        self.lock().ahead.push((since, changes));
    }

    fn upload(&self, checkpoint: Checkpoint) {
        let mut kept = self.lock();
        let (ahead, later) = std::mem::take(&mut kept.ahead).into_iter().partition(|(s, _)| *s < checkpoint.cut.epoch);
        kept.ahead = later;
        let state = checkpoint.state.iter().map(|part| through_bytes(&with_ahead(part, &ahead)));
        let state: Result<Vec<_>> = state.collect();
        match state {
            Ok(state) => {
                let mut checkpoint = Checkpoint { state, ..checkpoint };
                if let Some(before) = kept.checkpoints.last() {
                    checkpoint.complete_with(before);
                }
                kept.checkpoints.push(checkpoint);
            }
            Err(error) => kept.failure = Some(error),
        }
    }

    fn publish(&self, epoch: Epoch) {
        self.lock().published = epoch;
        self.wake();
    }

    fn published(&self) -> Epoch {
        self.lock().published
    }

    fn failure(&self) -> Option<Error> {
        self.lock().failure.clone()
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}
