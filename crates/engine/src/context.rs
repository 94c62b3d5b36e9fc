//! What all threads of a job share.

use std::sync::Arc;

use sloth_plan::JobSettings;
use sloth_types::Epoch;
use sloth_types::metrics::JobFigures;

use crate::completion::Completion;
use crate::durable::{Durable, Restored};
use crate::epoch::TimeDomain;
use crate::failure::Failure;
use crate::io::board::Board;

/// Shared by all threads of a job.
pub(crate) struct JobContext {
    pub(crate) settings: JobSettings,
    pub(crate) board: Arc<Board>,
    pub(crate) failure: Arc<Failure>,
    pub(crate) figures: Arc<JobFigures>,
    pub(crate) completion: Arc<Completion>,
    /// The first epoch of this run.
    pub(crate) first_epoch: Epoch,
    /// Present when the job can be resumed.
    pub(crate) durable: Option<Arc<Durable>>,
    /// What operators begin with.
    pub(crate) restored: Arc<Restored>,
}

impl JobContext {
    /// True when an operator that goes by `time` tells its results at the end of the input and not before. A job that can
    /// be resumed tells them as they come: what is gathered would have to be kept.
    pub(crate) fn tells_once(&self, time: &TimeDomain) -> bool {
        self.settings.batch && self.durable.is_none() && !time.sources.is_empty()
    }
}

#[cfg(test)]
impl JobContext {
    /// The surroundings of an operator that is tested alone.
    pub(crate) fn alone() -> Arc<JobContext> {
        Arc::new(JobContext {
            settings: JobSettings::default(),
            board: Board::new(0, 1, Epoch(0)),
            failure: Arc::new(Failure::default()),
            figures: Arc::new(JobFigures::default()),
            completion: Arc::new(Completion::new(Epoch(0), 0)),
            first_epoch: Epoch(0),
            durable: None,
            restored: Arc::default(),
        })
    }
}

/// An operator's share in the job's state figures.
pub(crate) struct StateGauge {
    context: Arc<JobContext>,
    rows: u64,
    bytes: u64,
}

impl StateGauge {
    pub(crate) fn new(context: Arc<JobContext>) -> Self {
        StateGauge { context, rows: 0, bytes: 0 }
    }

    /// The operator's surroundings.
    pub(crate) fn context(&self) -> Arc<JobContext> {
        Arc::clone(&self.context)
    }

    /// The operator holds so much now. The figures are sums over operators, kept by adding differences.
    pub(crate) fn set(&mut self, rows: usize, bytes: usize) {
        let (rows, bytes) = (rows as u64, bytes as u64);
        if rows != self.rows || bytes != self.bytes {
            self.context.figures.state_rows.add(rows.wrapping_sub(self.rows));
            self.context.figures.state_bytes.add(bytes.wrapping_sub(self.bytes));
            (self.rows, self.bytes) = (rows, bytes);
        }
    }
}
