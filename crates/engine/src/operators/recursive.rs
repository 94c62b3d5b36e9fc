//! Recursive queries whose changes cannot be followed: keeps the tables that the recursion reads, computes the fixpoint
//! anew in each epoch that changes them, and gives the difference. That is right for any recursion.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_plan::recursive::Fixpoint;
use sloth_types::Result;

use super::Operator;
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::snapshot::{Owner, Section, batches_of};
use crate::state::tally::Tally;

/// The whole recursion, on one worker.
pub(crate) struct RecursiveOperator {
    fixpoint: Arc<dyn Fixpoint>,
    tables: Vec<Table>,
    result: Tally,
    schema: SchemaRef,
    /// The inputs have changed, or nothing was computed yet.
    due: bool,
    gauge: StateGauge,
}

struct Table {
    schema: SchemaRef,
    rows: Tally,
    /// Slots that the epoch has touched.
    touched: Vec<u32>,
}

impl RecursiveOperator {
    /// Empty tables of these columns. `owner`: this worker computes.
    pub(crate) fn new(
        fixpoint: Arc<dyn Fixpoint>,
        inputs: Vec<SchemaRef>,
        schema: SchemaRef,
        owner: bool,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let table = |schema: SchemaRef| Ok(Table { rows: Tally::new(&schema)?, schema, touched: vec![] });
        Ok(RecursiveOperator {
            fixpoint,
            tables: inputs.into_iter().map(table).collect::<Result<_>>()?,
            result: Tally::new(&schema)?,
            schema,
            due: owner,
            gauge: StateGauge::new(context),
        })
    }
}

impl RecursiveOperator {
    /// Computes the whole result, and gives how it differs from the one before.
    fn anew(&mut self, tables: &[RecordBatch], out: &mut Vec<Batch>) -> Result<()> {
        let rows = self.fixpoint.compute(tables)?;
        // On one side of the tally the rows so far, on the other those of now.
        self.result.add(&rows, None, 1, |_, _| ())?;
        let (mut slots, mut diffs) = (vec![], vec![]);
        for slot in 0..self.result.slots() as u32 {
            let [before, now] = self.result.counts(slot);
            if now != before {
                slots.push(slot);
                diffs.push(now - before);
            }
        }
        if !slots.is_empty() {
            let rows = fit(&self.schema, self.result.gather(&slots)?)?;
            out.push(Batch::changes(rows, Some(Int64Array::from(diffs))));
        }
        self.result.turn();
        Ok(())
    }

    fn measure(&mut self) {
        let inputs: usize = self.tables.iter().map(|t| t.rows.bytes()).sum();
        let rows: usize = self.tables.iter().map(|t| t.rows.len()).sum();
        self.gauge.set(rows + self.result.len(), inputs + self.result.bytes());
    }
}

impl Table {
    fn add(&mut self, batch: &Batch) -> Result<()> {
        let touched = &mut self.touched;
        self.rows.add(&batch.rows, batch.diffs.as_ref(), 0, |slot, _| touched.push(slot))
    }

    /// Forgets the rows that have gone.
    fn clear(&mut self) {
        self.touched.sort_unstable();
        self.touched.dedup();
        for slot in self.touched.drain(..) {
            if self.rows.counts(slot) == [0, 0] {
                self.rows.remove(slot);
            }
        }
    }

    /// The rows of some slots.
    fn rows(&self, slots: &[u32]) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), self.rows.gather(slots)?, &options)?)
    }

    /// All rows, each as often as it is there.
    fn contents(&self) -> Result<RecordBatch> {
        let times = |slot: u32| usize::try_from(self.rows.counts(slot)[0]).unwrap_or(0);
        let slots = 0..self.rows.slots() as u32;
        let slots: Vec<u32> = slots.flat_map(|slot| std::iter::repeat_n(slot, times(slot))).collect();
        self.rows(&slots)
    }
}

impl Operator for RecursiveOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.due = true;
        match self.tables.get_mut(usize::from(batch.port)) {
            Some(table) => table.add(&batch),
            None => Ok(()),
        }
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        if !std::mem::take(&mut self.due) {
            return Ok(());
        }
        self.tables.iter_mut().for_each(Table::clear);
        let tables: Vec<RecordBatch> = self.tables.iter().map(Table::contents).collect::<Result<_>>()?;
        self.anew(&tables, out)?;
        self.measure();
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let first = || Owner::Key(vec![]);
        let mut sections = vec![Section::new("result", first(), self.result.save(|_| vec![])?)];
        for (i, table) in self.tables.iter().enumerate() {
            sections.push(Section::new(&format!("table {i}"), first(), table.rows.save(|_| vec![])?));
        }
        Ok(sections)
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, "result") {
            self.result.restore(&rows)?;
            self.due = false;
        }
        for (i, table) in self.tables.iter_mut().enumerate() {
            for rows in batches_of(&mut state, &format!("table {i}")) {
                table.rows.restore(&rows)?;
            }
        }
        // Where there is no result, it is computed once more, and says nothing new.
        self.measure();
        Ok(())
    }
}

#[cfg(test)]
#[path = "recursive/tests.rs"]
mod tests;
