//! What makes a job durable, as far as its threads share it: the gate that opens with the log, the state that operators
//! give for a checkpoint, and the state that they take from one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_types::journal::{Checkpoint, OperatorState, Retelling, Section};
use sloth_types::threads::Condvar;
use sloth_types::{Epoch, Error, JobStore, Result};

/// Shared by the threads of a durable job.
pub(crate) struct Durable {
    pub(crate) store: Arc<dyn JobStore>,
    gate: Mutex<Gate>,
    opened: Condvar,
    parts: Mutex<Vec<OperatorState>>,
}

/// State of an earlier run, by operator. A replay without a store has it, too.
#[derive(Default)]
pub(crate) struct Restored {
    states: HashMap<u64, Vec<OperatorState>>,
    retelling: Retelling,
}

#[derive(Default)]
struct Gate {
    durable: Epoch,
    closed: bool,
}

impl Durable {
    /// Of a job with this store.
    pub(crate) fn new(store: Arc<dyn JobStore>) -> Arc<Self> {
        let gate = Gate { durable: store.durable(), closed: false };
        Arc::new(Durable { store, gate: Mutex::new(gate), opened: Condvar::default(), parts: Mutex::default() })
    }

    /// Looks at the store again: how far the log is, and whether it has failed.
    pub(crate) fn look(&self) -> Result<()> {
        let mut gate = lock(&self.gate);
        gate.durable = gate.durable.max(self.store.durable());
        self.opened.notify_all();
        match self.store.failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Lets everybody go who waits: the job is failing.
    pub(crate) fn give_up(&self) {
        lock(&self.gate).closed = true;
        self.opened.notify_all();
    }

    /// Waits until `epoch` is in the log for good.
    pub(crate) fn wait_for(&self, epoch: Epoch) -> Result<()> {
        let mut gate = lock(&self.gate);
        while gate.durable <= epoch {
            if gate.closed {
                return Err(Error::internal("the job has failed before its log was written"));
            }
            gate = self.opened.wait(&self.gate, gate);
        }
        Ok(())
    }

    /// Takes what an operator gives for the checkpoint being made.
    pub(crate) fn add(&self, part: OperatorState) {
        lock(&self.parts).push(part);
    }

    /// The state given by all operators since the last call.
    pub(crate) fn take_parts(&self) -> Vec<OperatorState> {
        let mut parts = std::mem::take(&mut *lock(&self.parts));
        parts.sort_by_key(|p| (p.operator, p.worker));
        parts
    }
}

impl Restored {
    /// Of a job that goes on from a checkpoint, if there is one.
    pub(crate) fn new(checkpoint: Option<Checkpoint>) -> Arc<Self> {
        let mut states: HashMap<u64, Vec<OperatorState>> = HashMap::new();
        let Checkpoint { state, retelling, .. } = checkpoint.unwrap_or_default();
        for state in state {
            states.entry(state.operator).or_default().push(state);
        }
        for states in states.values_mut() {
            states.sort_by_key(|s| s.worker);
        }
        Arc::new(Restored { states, retelling })
    }

    /// Which operators tell what stands to which others, in the first epoch.
    pub(crate) fn retelling(&self) -> &Retelling {
        &self.retelling
    }

    /// What the workers of an earlier run have written of an operator, in their order.
    pub(crate) fn written(&self, operator: u64) -> Vec<Vec<Section>> {
        let mut workers: Vec<(usize, Vec<Section>)> = vec![];
        for state in self.states.get(&operator).into_iter().flatten() {
            if workers.last().is_none_or(|(worker, _)| *worker != state.worker) {
                workers.push((state.worker, vec![]));
            }
            let Some((_, sections)) = workers.last_mut() else { continue };
            for section in &state.sections {
                match sections.iter_mut().find(|s| s.name == section.name) {
                    Some(known) => known.rows.extend(section.rows.iter().cloned()),
                    None => sections.push(section.clone()),
                }
            }
        }
        workers.into_iter().map(|(_, sections)| sections).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
