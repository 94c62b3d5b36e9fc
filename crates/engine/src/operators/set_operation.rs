//! INTERSECT and EXCEPT of two changing inputs, by counting: how often a row is in the result follows from how often it is
//! in each input (ISO 9075-2, 7.13). NULL equals NULL.
//!
//! | | times in the result, for l times left and r times right |
//! |---|---|
//! | `INTERSECT` | 1 if l > 0 and r > 0 |
//! | `INTERSECT ALL` | min(l, r) |
//! | `EXCEPT` | 1 if l > 0 and r = 0 |
//! | `EXCEPT ALL` | max(l - r, 0) |

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use sloth_plan::SetOperation;
use sloth_types::Result;

use super::Operator;
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::ages::Ages;
use crate::state::changed::{Changed, standing};
use crate::state::snapshot::{Owner, ROWS_MAX, Section, column_of};
use crate::state::tally::Tally;

/// The rows whose hash this worker owns.
pub(crate) struct SetOperator {
    operation: SetOperation,
    tally: Tally,
    /// When rows were last changed, where they are forgotten at some time.
    ages: Option<Ages>,
    /// Slots that the epoch has touched, with their counts before it.
    touched: Vec<(u32, [i64; 2])>,
    marks: Vec<bool>,
    /// Rows whose counts have changed since the last checkpoint.
    changed: Changed,
    /// No row of the output is ever taken back.
    appends: bool,
    schema: SchemaRef,
    gauge: StateGauge,
}

impl SetOperator {
    /// No rows yet. `appends`: the planner has found that no row of the output is taken back.
    pub(crate) fn new(
        (operation, ttl_ms): (SetOperation, Option<i64>),
        schema: SchemaRef,
        appends: bool,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let ages = ttl_ms.map(Ages::new);
        let tally = Tally::new(&schema)?;
        let gauge = StateGauge::new(context);
        let (touched, marks, changed) = (vec![], vec![], Changed::default());
        Ok(SetOperator { operation, tally, ages, touched, marks, changed, appends, schema, gauge })
    }
}

impl SetOperator {
    /// Forgets the rows that have not changed for long enough. What was told of them stays.
    fn forget(&mut self, now_ms: i64) -> Result<()> {
        let Some(ages) = &mut self.ages else { return Ok(()) };
        let expired = ages.expired(now_ms);
        expired.iter().for_each(|slot| self.tally.set(*slot, [0, 0]));
        self.remove(&expired)
    }

    /// Forgets rows that are in neither input.
    fn remove(&mut self, slots: &[u32]) -> Result<()> {
        self.changed.note_gone(slots, || self.tally.gather(slots))?;
        slots.iter().for_each(|slot| self.tally.remove(*slot));
        Ok(())
    }

    /// When the rows of some slots were last changed.
    fn stamps(&self, slots: &[u32]) -> Vec<ArrayRef> {
        self.ages.iter().map(|ages| column_of(slots.iter().map(|slot| ages.stamp(*slot)))).collect()
    }

    /// The columns that say which row it is.
    fn row(&self) -> Vec<usize> {
        (0..self.schema.fields().len()).collect()
    }

    /// The counts of a row that the epoch has touched. Retractions of what is forgotten do not count.
    fn settled(&mut self, slot: u32, now_ms: i64) -> [i64; 2] {
        let counts = self.tally.counts(slot);
        let Some(ages) = &mut self.ages else { return counts };
        let counts = counts.map(|count| count.max(0));
        self.tally.set(slot, counts);
        match counts {
            [0, 0] => ages.forget(slot),
            _ => ages.touch(slot, now_ms),
        }
        counts
    }
}

/// How often a row is in the result.
fn times(operation: SetOperation, [left, right]: [i64; 2]) -> i64 {
    let (left, right) = (left.max(0), right.max(0));
    match operation {
        SetOperation::Intersect => left.min(right).min(1),
        SetOperation::IntersectAll => left.min(right),
        SetOperation::Except => i64::from(left > 0 && right == 0),
        SetOperation::ExceptAll => (left - right).max(0),
    }
}

impl Operator for SetOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.forget(epoch.now_ms)?;
        let (touched, marks) = (&mut self.touched, &mut self.marks);
        self.tally.add(&batch.rows, batch.diffs.as_ref(), usize::from(batch.port), |slot, before| {
            if marks.len() <= slot as usize {
                marks.resize(slot as usize + 1, false);
            }
            if !std::mem::replace(&mut marks[slot as usize], true) {
                touched.push((slot, before));
            }
        })
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.forget(epoch.now_ms)?;
        if self.touched.is_empty() {
            return Ok(());
        }
        let (mut slots, mut diffs, mut empty) = (vec![], vec![], vec![]);
        let touched = std::mem::take(&mut self.touched);
        self.changed.note(&touched.iter().map(|(slot, _)| *slot).collect::<Vec<_>>());
        for (slot, before) in touched {
            self.marks[slot as usize] = false;
            let counts = self.settled(slot, epoch.now_ms);
            let diff = times(self.operation, counts) - times(self.operation, before);
            if diff != 0 {
                slots.push(slot);
                diffs.push(diff);
            }
            if counts == [0, 0] {
                empty.push(slot);
            }
        }
        if !slots.is_empty() {
            if self.appends {
                // Weights of inserts are not told: a row comes as often as it is.
                let times = diffs.iter().map(|d| usize::try_from(*d).unwrap_or(0));
                slots = slots.iter().zip(times).flat_map(|(slot, n)| std::iter::repeat_n(*slot, n)).collect();
            }
            let rows = fit(&self.schema, self.tally.gather(&slots)?)?;
            out.push(Batch::changes(rows, (!self.appends).then(|| Int64Array::from(diffs))));
        }
        self.remove(&empty)?;
        self.gauge.set(self.tally.len(), self.tally.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.changed.begin();
        let rows = self.tally.save(|slots| self.stamps(slots))?;
        Ok(vec![Section::new("rows", Owner::Key(self.row()), rows)])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let Some(slots) = self.changed.take(self.tally.len() / 2) else { return Ok(None) };
        let rows = self.tally.save_some(&slots, |slots| self.stamps(slots))?;
        self.changed.sections("rows", &self.row(), rows).map(Some)
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.changed.go_on(newest);
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in standing(&mut state, "rows", &self.row())? {
            let (slots, beside) = self.tally.restore(&rows)?;
            if let (Some(ages), Some(stamps)) = (&mut self.ages, beside.first()) {
                let stamps = super::stages::weights(stamps);
                let mut order: Vec<(i64, u32)> = stamps.values().iter().copied().zip(slots).collect();
                order.sort_unstable();
                order.iter().for_each(|(at, slot)| ages.touch(*slot, *at));
            }
        }
        self.gauge.set(self.tally.len(), self.tally.bytes());
        Ok(())
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        if self.ages.is_some() {
            return Ok(None);
        }
        let slots = self.tally.live().into_iter();
        let often = slots.map(|slot| (slot, times(self.operation, self.tally.counts(slot))));
        let often: Vec<(u32, i64)> = often.filter(|(_, times)| *times > 0).collect();
        let (slots, mut diffs): (Vec<u32>, Vec<i64>) = match self.appends {
            true => often.iter().flat_map(|(slot, times)| (0..*times).map(|_| (*slot, 1))).unzip(),
            false => often.into_iter().unzip(),
        };
        let mut batches = vec![];
        for slots in slots.chunks(ROWS_MAX) {
            let rows = fit(&self.schema, self.tally.gather(slots)?)?;
            let rest = diffs.split_off(slots.len());
            let diffs = std::mem::replace(&mut diffs, rest);
            batches.push(Batch::changes(rows, (!self.appends).then(|| Int64Array::from(diffs))));
        }
        Ok(Some(batches))
    }
}

#[cfg(test)]
#[path = "set_operation/tests.rs"]
mod tests;
