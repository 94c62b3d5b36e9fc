//! Live figures of a job: written by the engine with relaxed atomics, read by the status line and `/metrics`.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A counter or gauge.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
    /// Replaces the value.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
    /// Reads the value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Figures of one source table.
#[derive(Debug)]
pub struct SourceFigures {
    /// The table.
    pub table: String,
    /// Rows decoded.
    pub rows: Figure,
    /// Bytes read from outside.
    pub bytes: Figure,
    /// Records that could not be decoded.
    pub bad_rows: Figure,
    /// Splits being read.
    pub splits: Figure,
    /// Splits left out of the watermark because they are idle.
    pub idle_splits: Figure,
    /// The source's watermark (ms; `i64::MIN` before the first, `i64::MAX` at the end).
    pub watermark_ms: AtomicI64,
}

/// Figures of one sink table.
#[derive(Debug)]
pub struct SinkFigures {
    /// The table.
    pub table: String,
    /// Changes written.
    pub rows: Figure,
}

/// Figures of one job.
#[derive(Debug, Default)]
pub struct JobFigures {
    /// By source table.
    pub sources: Vec<SourceFigures>,
    /// By sink table.
    pub sinks: Vec<SinkFigures>,
    /// Rows that came behind the watermark and were not counted in a window.
    pub late_rows: Figure,
    /// Epochs completed.
    pub epochs: Figure,
    /// Groups or windows held in state over all operators.
    pub state_rows: Figure,
    /// Estimated bytes of state over all operators.
    pub state_bytes: Figure,
    /// Wall clock of the last completed epoch (ms).
    pub epoch_now_ms: AtomicI64,
    /// 1 while another run is in charge and this one stands by.
    pub standing_by: Figure,
}

impl SourceFigures {
    /// Figures of `table`, all zero.
    pub fn new(table: impl Into<String>) -> Self {
        SourceFigures {
            table: table.into(),
            rows: Figure::default(),
            bytes: Figure::default(),
            bad_rows: Figure::default(),
            splits: Figure::default(),
            idle_splits: Figure::default(),
            watermark_ms: AtomicI64::new(i64::MIN),
        }
    }
}

impl SinkFigures {
    /// Figures of `table`, all zero.
    pub fn new(table: impl Into<String>) -> Self {
        SinkFigures { table: table.into(), rows: Figure::default() }
    }
}
