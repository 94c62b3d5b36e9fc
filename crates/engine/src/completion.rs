//! How far the dataflow and the writers are, counted in epochs.

use std::sync::atomic::{AtomicU64, Ordering};

use sloth_types::Epoch;

/// How far the sinks are.
#[derive(Debug)]
pub(crate) struct Completion {
    /// Epochs below this are finished by the dataflow (the frontier behind all sinks).
    pub(crate) dataflow: AtomicU64,
    /// The writers with threads of their own.
    pub(crate) writers: Vec<WriterProgress>,
}

/// How far a writer is: epochs below these are handed over, and visible for good.
#[derive(Debug)]
pub(crate) struct WriterProgress {
    pub(crate) handed: AtomicU64,
    pub(crate) committed: AtomicU64,
}

impl Completion {
    /// Of a job with so many threaded writers that begins with epoch `first`.
    pub(crate) fn new(first: Epoch, writers: usize) -> Self {
        let at = || AtomicU64::new(first.0);
        let writer = |_| WriterProgress { handed: at(), committed: at() };
        Completion { dataflow: at(), writers: (0..writers).map(writer).collect() }
    }

    /// Epochs below this are complete: all sinks have them.
    pub(crate) fn epochs(&self) -> u64 {
        self.least(|w| &w.handed)
    }

    /// Epochs below this are visible outside for good.
    pub(crate) fn committed(&self) -> u64 {
        self.least(|w| &w.committed)
    }

    fn least(&self, of: impl Fn(&WriterProgress) -> &AtomicU64) -> u64 {
        let dataflow = self.dataflow.load(Ordering::SeqCst);
        self.writers.iter().map(|w| of(w).load(Ordering::SeqCst)).min().unwrap_or(u64::MAX).min(dataflow)
    }
}
