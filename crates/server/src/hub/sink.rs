//! The sink side: writers hand batches of an epoch over by pointer.

use std::sync::Arc;

use sloth_types::{ChangeBatch, ChangelogMode, Epoch, Guarantee, OpenSink, Result, Sink, SinkWriter};

use super::{Shared, lock};

/// A table of the screen as a sink. Ordered: one writer, so that the rows of an append table keep the canonical order
/// and the changes of a key arrive one after the other.
pub(crate) struct ScreenSink {
    shared: Arc<Shared>,
    slot: usize,
    /// How many rows an append table shows.
    rows_max: usize,
}

impl ScreenSink {
    pub(crate) fn new(shared: Arc<Shared>, slot: usize, rows_max: usize) -> Self {
        ScreenSink { shared, slot, rows_max }
    }
}

impl Sink for ScreenSink {
    fn accepts(&self, _: &ChangelogMode) -> bool {
        // Upserts come where a key is declared or known; retractions make a table without one.
        true
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Shown(self.rows_max)
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        lock(&self.shared.inbox).open(self.slot, open.schema, open.mode)?;
        self.shared.wake.notify_one();
        Ok(Box::new(ScreenWriter { shared: Arc::clone(&self.shared), slot: self.slot, staged: Vec::new() }))
    }
}

struct ScreenWriter {
    shared: Arc<Shared>,
    slot: usize,
    staged: Vec<ChangeBatch>,
}

impl SinkWriter for ScreenWriter {
    fn write(&mut self, _epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        if !batch.is_empty() {
            self.staged.push(batch.clone());
        }
        Ok(())
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        if !self.staged.is_empty() {
            lock(&self.shared.inbox).push(self.slot, epoch, &mut self.staged);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
