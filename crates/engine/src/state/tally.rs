//! How often each row is in each of two inputs.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Schema;
use sloth_types::Result;

use super::keys::{KeyEncoder, KeyTable, RowSet};
use super::snapshot::{ROWS_MAX, column_of, numbers, split, table};

/// Counts by row and input.
pub(crate) struct Tally {
    encoder: KeyEncoder,
    rows: KeyTable,
    counts: Vec<[i64; 2]>,
    width: usize,
}

impl Tally {
    /// No rows of these columns.
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        let encoder = KeyEncoder::new(schema.fields().iter().map(|f| f.data_type().clone()).collect())?;
        Ok(Tally { rows: KeyTable::new(&encoder), encoder, counts: vec![], width: schema.fields().len() })
    }

    /// Counts the rows of a batch for one input. `each` is told the slot of every row and its counts before.
    pub(crate) fn add(
        &mut self,
        rows: &RecordBatch,
        diffs: Option<&Int64Array>,
        input: usize,
        mut each: impl FnMut(u32, [i64; 2]),
    ) -> Result<()> {
        let keys = self.encoder.encode(rows.columns())?;
        let mut slots = vec![];
        self.rows.intern(&keys, &RowSet::Range(0..rows.num_rows()), &mut slots);
        self.counts.resize(self.rows.slots(), [0; 2]);
        for (row, slot) in slots.iter().enumerate() {
            let counts = &mut self.counts[*slot as usize];
            each(*slot, *counts);
            if let Some(count) = counts.get_mut(input) {
                *count += diffs.map_or(1, |d| d.value(row));
            }
        }
        Ok(())
    }

    /// Counts of a slot.
    pub(crate) fn counts(&self, slot: u32) -> [i64; 2] {
        self.counts.get(slot as usize).copied().unwrap_or_default()
    }

    /// The slots that hold a row.
    pub(crate) fn live(&self) -> Vec<u32> {
        self.rows.live()
    }

    /// Highest slot plus one.
    pub(crate) fn slots(&self) -> usize {
        self.rows.slots()
    }

    /// The rows of some slots.
    pub(crate) fn gather(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.encoder.decode(&self.rows, slots)
    }

    /// Sets the counts of a slot.
    pub(crate) fn set(&mut self, slot: u32, counts: [i64; 2]) {
        if let Some(there) = self.counts.get_mut(slot as usize) {
            *there = counts;
        }
    }

    /// Forgets a row that is in neither input.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.rows.remove(slot);
    }

    /// All rows with their counts, for a checkpoint; `beside` gives what else is known of some slots.
    pub(crate) fn save(&self, beside: impl Fn(&[u32]) -> Vec<ArrayRef>) -> Result<Vec<RecordBatch>> {
        self.save_some(&self.rows.live(), beside)
    }

    /// As [`Tally::save`], for some slots.
    pub(crate) fn save_some(
        &self,
        slots: &[u32],
        beside: impl Fn(&[u32]) -> Vec<ArrayRef>,
    ) -> Result<Vec<RecordBatch>> {
        let batch = |slots: &[u32]| {
            let mut columns = self.gather(slots)?;
            columns.extend([0, 1].map(|input| column_of(slots.iter().map(|slot| self.counts(*slot)[input]))));
            columns.extend(beside(slots));
            table(columns)
        };
        slots.chunks(ROWS_MAX).map(batch).collect()
    }

    /// Takes up rows that [`Tally::save`] gave. Returns their slots, and what was given beside them.
    pub(crate) fn restore<'r>(&mut self, rows: &'r RecordBatch) -> Result<(Vec<u32>, &'r [ArrayRef])> {
        let width = self.width;
        let keys = self.encoder.encode(split(rows, width)?.0)?;
        let counts = [numbers(rows, width)?, numbers(rows, width + 1)?];
        let mut slots = vec![];
        self.rows.intern(&keys, &RowSet::Range(0..rows.num_rows()), &mut slots);
        self.counts.resize(self.rows.slots(), [0; 2]);
        for (row, slot) in slots.iter().enumerate() {
            self.counts[*slot as usize] = counts.map(|counts| counts.value(row));
        }
        Ok((slots, split(rows, width + 2)?.1))
    }

    /// The second counts become the first ones, and all second ones 0; rows that are nowhere are forgotten.
    pub(crate) fn turn(&mut self) {
        for slot in 0..self.rows.slots() as u32 {
            let counts = &mut self.counts[slot as usize];
            let before = std::mem::replace(counts, [counts[1], 0]);
            if *counts == [0, 0] && before != [0, 0] {
                self.rows.remove(slot);
            }
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes() + self.counts.capacity() * 16
    }
}
