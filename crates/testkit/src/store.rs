//! A store in memory: keeps every checkpoint of a run, as bytes, so that a test can go on from any of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_types::journal::{Checkpoint, OperatorState};
use sloth_types::{Epoch, EpochEntry, Error, JobStore, Result, Waker};

/// The store. Clones share what they keep.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    checkpoints: Vec<Checkpoint>,
    published: Epoch,
    waker: Option<Waker>,
    failure: Option<Error>,
}

impl MemoryStore {
    /// The checkpoints so far. Their state has been written and read as in a file.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.lock().checkpoints.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let waker = self.lock().waker.clone();
        waker.iter().for_each(Waker::wake);
    }
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

    fn upload(&self, checkpoint: Checkpoint) {
        let state: Result<Vec<_>> = checkpoint.state.iter().map(through_bytes).collect();
        let mut kept = self.lock();
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
