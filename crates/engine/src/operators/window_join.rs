//! Joins of two windowed inputs: the rows of a window wait until the watermark closes it, and are joined then, once.

use arrow::datatypes::SchemaRef;
use sloth_plan::WindowJoin;
use sloth_types::{Result, Watermark};

use super::Operator;
use super::join::{SIDES, owners};
use super::join_once::JoinOnce;
use super::window_assign::millis;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::snapshot::{Owner, Section, number, take_newest_number};
use crate::state::timed::TimedRows;
use std::sync::Arc;

/// Windows of all keys that this worker owns.
pub(crate) struct WindowJoinOperator {
    once: JoinOnce,
    /// Column of the window's end, by side.
    ends: [usize; 2],
    /// The time that judges the rows of each side.
    times: [TimeDomain; 2],
    waiting: [TimedRows; 2],
    /// Who owns the rows of each side.
    owners: [Owner; 2],
    /// Windows that end at or before this have been joined.
    fired: i64,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

impl WindowJoinOperator {
    /// No rows yet.
    pub(crate) fn new(
        window: &WindowJoin,
        inputs: [SchemaRef; 2],
        times: [TimeDomain; 2],
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let waiting = [TimedRows::new(&inputs[0])?, TimedRows::new(&inputs[1])?];
        let owners = owners(&window.join, inputs.each_ref().map(|schema| schema.fields().len()));
        Ok(WindowJoinOperator {
            owners,
            once: JoinOnce::new(&window.join, inputs, schema)?,
            ends: window.ends,
            times,
            waiting,
            fired: i64::MIN,
            gauge: StateGauge::new(Arc::clone(&context)),
            context,
        })
    }

    fn measure(&mut self) {
        let [left, right] = &self.waiting;
        self.gauge.set(left.len() + right.len(), left.bytes() + right.bytes());
    }

    fn fire(&mut self, watermark: Watermark, out: &mut Vec<Batch>) -> Result<()> {
        let upto = watermark.0.saturating_add(1);
        if upto <= self.fired {
            return Ok(());
        }
        let [left, right] = &mut self.waiting;
        let (left, right) = (left.take(upto)?, right.take(upto)?);
        self.once.run(left, right, out)?;
        self.fired = upto;
        Ok(())
    }
}

impl Operator for WindowJoinOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        let side = usize::from(batch.port);
        let (Some(column), Some(time), Some(waiting)) =
            (self.ends.get(side), self.times.get(side), self.waiting.get_mut(side))
        else {
            return Ok(());
        };
        let watermark = time.late_watermark(epoch);
        let ends = millis(batch.rows.column(*column))?;
        let (mut rows, mut times) = (vec![], vec![]);
        for (row, end) in ends.iter().enumerate() {
            match end {
                Some(end) if !watermark.completes(end) => {
                    rows.push(row as u32);
                    times.push(end);
                }
                _ => {}
            }
        }
        self.context.figures.late_rows.add((ends.len() - rows.len()) as u64);
        waiting.add(&batch.rows, &rows, &times)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.fire(self.times[0].watermark(epoch), out)?;
        self.measure();
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let mut sections = vec![number("fired", self.fired)?];
        for ((name, owner), waiting) in SIDES.into_iter().zip(&self.owners).zip(&mut self.waiting) {
            sections.extend(waiting.save_whole(name, owner)?);
        }
        Ok(sections)
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.waiting.iter().all(TimedRows::knows_changes) {
            return Ok(None);
        }
        let mut sections = vec![number("fired", self.fired)?];
        for ((name, owner), waiting) in SIDES.into_iter().zip(&self.owners).zip(&mut self.waiting) {
            sections.extend(waiting.save_changes(name, owner)?);
        }
        Ok(Some(sections))
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.waiting.iter_mut().for_each(TimedRows::begin_changes);
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        self.fired = take_newest_number(&mut state, "fired")?.unwrap_or(self.fired);
        for (name, waiting) in SIDES.into_iter().zip(&mut self.waiting) {
            waiting.restore_all(&mut state, name)?;
        }
        self.measure();
        Ok(())
    }
}

#[cfg(test)]
#[path = "window_join/tests.rs"]
mod tests;
