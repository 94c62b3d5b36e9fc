//! The first phase of an aggregation: groups the rows of one worker and epoch before the exchange.
//!
//! Worth it when keys repeat, and with `DISTINCT` the values, too: partial states carry these. When the first rows of an epoch, or
//! all of them, show that they do not, rows go through as they are for a while.

use sloth_types::Result;
use std::sync::Arc;

use super::Operator;
use super::panes::{PaneMap, PaneRule};
use crate::context::JobContext;
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::{Batch, Place};
use crate::state::groups::GroupsSpec;
use crate::state::snapshot::Section;

/// Epochs for which rows go through before it is tried again.
const BYPASS_EPOCHS: u32 = 64;
/// Fewer rows do not tell.
const SAMPLE_ROWS_MIN: usize = 8192;

/// Pre-aggregation by pane and key.
pub(crate) struct LocalAggregate {
    spec: GroupsSpec,
    rule: PaneRule,
    time: TimeDomain,
    panes: PaneMap,
    rows: usize,
    bypass: u32,
    context: Arc<JobContext>,
}

impl LocalAggregate {
    /// Pre-aggregation for the operator that has the same spec and rule.
    pub(crate) fn new(spec: GroupsSpec, rule: PaneRule, time: TimeDomain, context: Arc<JobContext>) -> Self {
        LocalAggregate { spec, rule, time, panes: PaneMap::default(), rows: 0, bypass: 0, context }
    }

    /// Hands on what has been gathered, and decides whether to go on gathering.
    fn flush(&mut self, out: &mut Vec<Batch>) -> Result<()> {
        let spread = self.panes.spread();
        for rows in self.panes.drain_partials(&self.spec)? {
            out.push(Batch { rows, diffs: None, place: Place::default(), port: 0, partial: true, picked: None });
        }
        if self.seldom_repeats(spread) {
            self.bypass = BYPASS_EPOCHS;
        }
        self.rows = 0;
        Ok(())
    }

    fn seldom_repeats(&self, spread: usize) -> bool {
        self.rows >= SAMPLE_ROWS_MIN && spread * 2 > self.rows
    }
}

impl Operator for LocalAggregate {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()> {
        if self.bypass > 0 {
            out.push(batch);
            return Ok(());
        }
        let sampled = self.rows >= SAMPLE_ROWS_MIN;
        self.rows += batch.rows.num_rows();
        let watermark = self.time.late_watermark(epoch);
        let late = self.panes.add(&mut self.spec, &self.rule, &batch, watermark)?;
        self.context.figures.late_rows.add(late as u64);
        if !sampled && self.seldom_repeats(self.panes.spread()) {
            return self.flush(out);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        if self.bypass > 0 {
            self.bypass -= 1;
            return Ok(());
        }
        self.flush(out)
    }

    /// Between epochs nothing is gathered; whether rows go through changes no result.
    fn save(&mut self) -> Result<Vec<Section>> {
        Ok(vec![])
    }

    fn restore(&mut self, _: Vec<Section>) -> Result<()> {
        Ok(())
    }

    /// The second phase tells it.
    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        Ok(Some(vec![]))
    }
}
