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

use arrow::array::Int64Array;
use arrow::datatypes::SchemaRef;
use sloth_plan::SetOperation;
use sloth_types::Result;

use super::Operator;
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::snapshot::{Owner, Section, batches_of};
use crate::state::tally::Tally;

/// The rows whose hash this worker owns.
pub(crate) struct SetOperator {
    operation: SetOperation,
    tally: Tally,
    /// Slots that the epoch has touched, with their counts before it.
    touched: Vec<(u32, [i64; 2])>,
    marks: Vec<bool>,
    /// No row of the output is ever taken back.
    appends: bool,
    schema: SchemaRef,
    gauge: StateGauge,
}

impl SetOperator {
    /// No rows yet. `appends`: the planner has found that no row of the output is taken back.
    pub(crate) fn new(
        operation: SetOperation,
        schema: SchemaRef,
        appends: bool,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let tally = Tally::new(&schema)?;
        let gauge = StateGauge::new(context);
        Ok(SetOperator { operation, tally, touched: vec![], marks: vec![], appends, schema, gauge })
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
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
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

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let (mut slots, mut diffs, mut empty) = (vec![], vec![], vec![]);
        for (slot, before) in std::mem::take(&mut self.touched) {
            self.marks[slot as usize] = false;
            let counts = self.tally.counts(slot);
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
        empty.into_iter().for_each(|slot| self.tally.remove(slot));
        self.gauge.set(self.tally.len(), self.tally.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let whole = Owner::Key((0..self.schema.fields().len()).collect());
        Ok(vec![Section::new("rows", whole, self.tally.save()?)])
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, "rows") {
            self.tally.restore(&rows)?;
        }
        self.gauge.set(self.tally.len(), self.tally.bytes());
        Ok(())
    }
}

#[cfg(test)]
#[path = "set_operation/tests.rs"]
mod tests;
