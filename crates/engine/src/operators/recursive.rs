//! Recursive queries: keeps the tables that the recursion reads, and gives at an epoch's end how the result has changed.
//!
//! Where rows only came, and the recursion only grows with them, it goes on from the result so far: with what follows from
//! the new rows, then round after round with what follows from that. In all other cases the fixpoint is computed anew and
//! compared with the one before, which is right for any recursion and any change, deletes in cycles included.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_plan::recursive::{Growth, Recursive};
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
    /// There is a result to go on from.
    computed: bool,
    gauge: StateGauge,
}

struct Table {
    schema: SchemaRef,
    rows: Tally,
    /// Slots that the epoch has touched, with how often their rows were there before.
    touched: Vec<(u32, i64)>,
}

/// What an epoch has made of a table.
#[derive(Default)]
struct Changes {
    /// Rows that were not there.
    added: Vec<u32>,
    /// A row has gone.
    lost: bool,
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
            computed: false,
            gauge: StateGauge::new(context),
        })
    }
}

impl RecursiveOperator {
    /// Computes the whole result, and gives how it differs from the one before.
    fn anew(&mut self, tables: &[RecordBatch], out: &mut Vec<Batch>) -> Result<()> {
        let rows = self.recursive.fixpoint.compute(tables)?;
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
        self.computed = true;
        Ok(())
    }

    /// Goes on from the result so far with the rows that have come.
    fn grow(
        &mut self,
        growth: &dyn Growth,
        tables: &[RecordBatch],
        changes: &[Changes],
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        if changes.iter().all(|c| c.added.is_empty()) {
            return Ok(());
        }
        let added = self.tables.iter().zip(changes).map(|(table, c)| table.rows(&c.added));
        let added: Vec<RecordBatch> = added.collect::<Result<_>>()?;
        let known = fit(&self.schema, self.result.gather(&self.result.live())?)?;
        let mut found = growth.begin(tables, &added, &known)?;
        let (rounds_max, endless) = growth.endless();
        let mut all: Vec<u32> = vec![];
        for _ in 0..rounds_max {
            let (mut fresh, mut touched) = (vec![], vec![]);
            self.result.add(&found, None, 1, |slot, before| {
                touched.push(slot);
                if before == [0, 0] {
                    fresh.push(slot);
                }
            })?;
            // Whoever is there is there once.
            touched.into_iter().for_each(|slot| self.result.set(slot, [1, 0]));
            if fresh.is_empty() {
                if !all.is_empty() {
                    let rows = fit(&self.schema, self.result.gather(&all)?)?;
                    out.push(Batch::changes(rows, Some(Int64Array::from(vec![1; all.len()]))));
                }
                return Ok(());
            }
            found = growth.step(tables, &fit(&self.schema, self.result.gather(&fresh)?)?)?;
            all.extend(fresh);
        }
        Err(endless)
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
        self.rows.add(&batch.rows, batch.diffs.as_ref(), 0, |slot, before| touched.push((slot, before[0])))
    }

    /// Which rows have come and whether some have gone since the last call; those are forgotten.
    fn changes(&mut self) -> Changes {
        // The first note of a slot tells how it was before the epoch.
        self.touched.sort_by_key(|(slot, _)| *slot);
        self.touched.dedup_by_key(|(slot, _)| *slot);
        let mut changes = Changes::default();
        for (slot, before) in self.touched.drain(..) {
            let counts = self.rows.counts(slot);
            match (before > 0, counts[0] > 0) {
                (false, true) => changes.added.push(slot),
                (true, false) => changes.lost = true,
                _ => {}
            }
            if counts == [0, 0] {
                self.rows.remove(slot);
            }
        }
        changes
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
        let changes: Vec<Changes> = self.tables.iter_mut().map(Table::changes).collect();
        let tables: Vec<RecordBatch> = self.tables.iter().map(Table::contents).collect::<Result<_>>()?;
        let recursive = self.recursive.clone();
        match recursive.fixpoint.growth().filter(|_| self.computed && !changes.iter().any(|c| c.lost)) {
            Some(growth) => self.grow(growth, &tables, &changes, out)?,
            None => self.anew(&tables, out)?,
        }
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
            (self.due, self.computed) = (false, true);
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
