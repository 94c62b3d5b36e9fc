//! Recursive queries: keeps the tables that the recursion reads, computes the fixpoint anew at the end of an epoch that has
//! changed them, and gives how the result differs from the one before.
//!
//! This is right for any recursion and any change, deletes in cycles included. Its work is that of a fresh computation for
//! each epoch that changes an input.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_plan::recursive::Recursive;
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
    recursive: Recursive,
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
    touched: Vec<u32>,
}

impl RecursiveOperator {
    /// Empty tables of these columns. `owner`: this worker computes.
    pub(crate) fn new(
        recursive: Recursive,
        inputs: Vec<SchemaRef>,
        schema: SchemaRef,
        owner: bool,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let table = |schema: SchemaRef| Ok(Table { rows: Tally::new(&schema)?, schema, touched: vec![] });
        Ok(RecursiveOperator {
            recursive,
            tables: inputs.into_iter().map(table).collect::<Result<_>>()?,
            result: Tally::new(&schema)?,
            schema,
            due: owner,
            gauge: StateGauge::new(context),
        })
    }
}

impl RecursiveOperator {
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

    /// All rows, each as often as it is there.
    fn contents(&mut self) -> Result<RecordBatch> {
        self.touched.sort_unstable();
        self.touched.dedup();
        for slot in self.touched.drain(..) {
            if self.rows.counts(slot) == [0, 0] {
                self.rows.remove(slot);
            }
        }
        let times = |slot: u32| usize::try_from(self.rows.counts(slot)[0]).unwrap_or(0);
        let slots = 0..self.rows.slots() as u32;
        let slots: Vec<u32> = slots.flat_map(|slot| std::iter::repeat_n(slot, times(slot))).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        let columns = self.rows.gather(&slots)?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
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
        let tables: Vec<RecordBatch> = self.tables.iter_mut().map(Table::contents).collect::<Result<_>>()?;
        let rows = self.recursive.fixpoint.compute(&tables)?;
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
        self.measure();
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let first = || Owner::Key(vec![]);
        let mut sections = vec![Section::new("result", first(), self.result.save()?)];
        for (i, table) in self.tables.iter().enumerate() {
            sections.push(Section::new(&format!("table {i}"), first(), table.rows.save()?));
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
