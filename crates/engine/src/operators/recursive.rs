//! Recursive queries: keeps the tables that the recursion reads, and gives at an epoch's end how the result has changed.
//!
//! A recursion whose result is a set that only grows with its tables goes on from the result so far: with what follows
//! from new rows, then round after round with what follows from that. Where rows have gone, all that may stand on them is
//! taken out first, round after round, and what still stands is put back: so cycles that hold each other up go, too. In all
//! other cases the fixpoint is computed anew and compared with the one before, which is right for any recursion.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
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
struct Changes {
    /// Rows that were not there.
    added: Vec<u32>,
    /// Rows that are not there any more.
    lost: RecordBatch,
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

    /// Goes on from the result so far: takes back what may stand on rows that have gone, puts back what still stands, and
    /// adds what follows from the rows that have come. (Delete and rederive; see Gupta, Mumick and Subrahmanian,
    /// "Maintaining Views Incrementally", 1993.)
    fn go_on(
        &mut self,
        growth: &dyn Growth,
        tables: &[RecordBatch],
        changes: &[Changes],
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        if changes.iter().all(|c| c.added.is_empty() && c.lost.num_rows() == 0) {
            return Ok(());
        }
        let mut found = vec![];
        let doubted = match changes.iter().any(|c| c.lost.num_rows() > 0) {
            true => self.doubt(growth, tables, changes)?,
            false => vec![],
        };
        let known = self.rows(|counts| counts[0] > 0)?;
        if !doubted.is_empty() {
            found.push(growth.again(tables, &known, &self.gathered(&doubted)?)?);
        }
        if changes.iter().any(|c| !c.added.is_empty()) {
            let added = self.tables.iter().zip(changes).map(|(table, c)| table.rows(&c.added));
            let added: Vec<RecordBatch> = added.collect::<Result<_>>()?;
            found.push(growth.begin(tables, &added, &known)?);
        }
        self.settle(growth, tables, (found, doubted), out)
    }

    /// Takes the rows out of the result that may stand on rows which have gone. (They are in the second count then.)
    fn doubt(&mut self, growth: &dyn Growth, tables: &[RecordBatch], changes: &[Changes]) -> Result<Vec<u32>> {
        let lost: Vec<RecordBatch> = changes.iter().map(|c| c.lost.clone()).collect();
        let before = |(now, lost): (&RecordBatch, &RecordBatch)| concat_batches(&now.schema(), [now, lost]);
        let before = tables.iter().zip(&lost).map(before).collect::<std::result::Result<Vec<_>, _>>()?;
        let known = self.rows(|counts| counts[0] > 0)?;
        let mut found = growth.begin(&before, &lost, &known)?;
        let mut all: Vec<u32> = vec![];
        // Each round takes at least one row out.
        loop {
            let mut fresh = vec![];
            for (slot, counts) in self.tallied(&found, 1)? {
                match counts {
                    [0, 0] => {
                        self.result.set(slot, [0, 0]);
                        self.result.remove(slot);
                    }
                    [now, _] => {
                        fresh.extend((now > 0).then_some(slot));
                        self.result.set(slot, [0, 1]);
                    }
                }
            }
            if fresh.is_empty() {
                return Ok(all);
            }
            found = growth.step(&before, &self.gathered(&fresh)?)?;
            all.extend(fresh);
        }
    }

    /// Adds rows and what follows from them, until nothing does, and gives the difference; `doubted` are those that were
    /// there before.
    fn settle(
        &mut self,
        growth: &dyn Growth,
        tables: &[RecordBatch],
        (mut found, doubted): (Vec<RecordBatch>, Vec<u32>),
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let (rounds_max, endless) = growth.endless();
        let (mut slots, mut diffs) = (vec![], vec![]);
        let mut ended = false;
        for _ in 0..rounds_max {
            let mut fresh = vec![];
            for rows in std::mem::take(&mut found) {
                for (slot, counts) in self.tallied(&rows, 0)? {
                    fresh.extend((counts[0] == 0).then_some(slot));
                    slots.extend((counts == [0, 0]).then_some(slot));
                    // Whoever is there is there once.
                    self.result.set(slot, [1, counts[1]]);
                }
            }
            if fresh.is_empty() {
                ended = true;
                break;
            }
            found.push(growth.step(tables, &self.gathered(&fresh)?)?);
        }
        if !ended {
            return Err(endless);
        }
        diffs.resize(slots.len(), 1);
        let gone = doubted.iter().copied().filter(|slot| self.result.counts(*slot)[0] == 0).collect::<Vec<_>>();
        slots.extend(&gone);
        diffs.resize(slots.len(), -1);
        if !slots.is_empty() {
            out.push(Batch::changes(self.gathered(&slots)?, Some(Int64Array::from(diffs))));
        }
        for slot in doubted {
            let [now, _] = self.result.counts(slot);
            self.result.set(slot, [now, 0]);
        }
        gone.into_iter().for_each(|slot| self.result.remove(slot));
        Ok(())
    }

    /// Counts rows; gives the slot of each once, with its counts before.
    fn tallied(&mut self, rows: &RecordBatch, side: usize) -> Result<Vec<(u32, [i64; 2])>> {
        let mut touched = vec![];
        self.result.add(rows, None, side, |slot, before| touched.push((slot, before)))?;
        touched.sort_by_key(|(slot, _)| *slot);
        touched.dedup_by_key(|(slot, _)| *slot);
        Ok(touched)
    }

    fn gathered(&self, slots: &[u32]) -> Result<RecordBatch> {
        fit(&self.schema, self.result.gather(slots)?)
    }

    fn rows(&self, which: impl Fn([i64; 2]) -> bool) -> Result<RecordBatch> {
        let mut slots = self.result.live();
        slots.retain(|slot| which(self.result.counts(*slot)));
        self.gathered(&slots)
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

    /// Which rows have come and which have gone since the last call; those are forgotten.
    fn changes(&mut self) -> Result<Changes> {
        // The first note of a slot tells how it was before the epoch.
        self.touched.sort_by_key(|(slot, _)| *slot);
        self.touched.dedup_by_key(|(slot, _)| *slot);
        let (mut added, mut lost, mut empty) = (vec![], vec![], vec![]);
        for (slot, before) in self.touched.drain(..) {
            let counts = self.rows.counts(slot);
            match (before > 0, counts[0] > 0) {
                (false, true) => added.push(slot),
                (true, false) => lost.push(slot),
                _ => {}
            }
            if counts == [0, 0] {
                empty.push(slot);
            }
        }
        let changes = Changes { added, lost: self.rows(&lost)? };
        empty.into_iter().for_each(|slot| self.rows.remove(slot));
        Ok(changes)
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
        let changes: Vec<Changes> = self.tables.iter_mut().map(Table::changes).collect::<Result<_>>()?;
        let tables: Vec<RecordBatch> = self.tables.iter().map(Table::contents).collect::<Result<_>>()?;
        let recursive = self.recursive.clone();
        match recursive.fixpoint.growth().filter(|_| self.computed) {
            Some(growth) => self.go_on(growth, &tables, &changes, out)?,
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
