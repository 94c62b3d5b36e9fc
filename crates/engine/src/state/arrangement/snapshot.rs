//! An arrangement as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use sloth_types::Result;

use super::{ABSENT, Arrangement};
use crate::state::keys::{EncodedKeys, RowSet};
use crate::state::snapshot::{ROWS_MAX, column_of, numbers, split, table};

/// The order in which the rows of a key are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// As they lie in memory: the fastest.
    Anyhow,
    /// The oldest first, so that their lists come back as they were.
    OldestFirst,
}

impl Arrangement {
    /// All rows with their weights; behind them what `beside` gives for their slots. Of keys alone, where only their
    /// weights are kept.
    pub(crate) fn save(
        &self,
        order: Written,
        mut beside: impl FnMut(&[u32]) -> Result<Vec<ArrayRef>>,
    ) -> Result<Vec<RecordBatch>> {
        if self.bare {
            return self.save_weights();
        }
        let slots = match order {
            Written::Anyhow => self.stored(),
            Written::OldestFirst => self.oldest_first(),
        };
        let batch = |slots: &[u32]| {
            let mut columns = self.rows.gather_all(slots)?;
            columns.push(Arc::new(slots.iter().map(|s| self.weight(*s)).collect::<Int64Array>()));
            columns.extend(beside(slots)?);
            table(columns)
        };
        slots.chunks(ROWS_MAX).map(batch).collect()
    }

    fn stored(&self) -> Vec<u32> {
        (0u32..).zip(&self.weights).filter(|(_, weight)| **weight != 0).map(|(slot, _)| slot).collect()
    }

    fn oldest_first(&self) -> Vec<u32> {
        let keys = 0..self.heads.len() as u32;
        let mut slots: Vec<u32> = keys.flat_map(|key| self.rows_of(key)).collect();
        slots.reverse();
        slots
    }

    fn save_weights(&self) -> Result<Vec<RecordBatch>> {
        let keys: Vec<u32> = self.keys.live().into_iter().filter(|key| self.total(*key) != 0).collect();
        let batch = |keys: &[u32]| {
            let mut columns = self.encoder.decode(&self.keys, keys)?;
            columns.push(column_of(keys.iter().map(|key| self.total(*key))));
            table(columns)
        };
        keys.chunks(ROWS_MAX).map(batch).collect()
    }

    /// Takes up rows that [`Arrangement::save`] gave and that are not here. Returns their slots (none where only the
    /// weights of keys are kept) and the columns that were beside them.
    pub(crate) fn restore<'r>(&mut self, rows: &'r RecordBatch) -> Result<(Vec<u32>, &'r [ArrayRef])> {
        let count = rows.num_rows();
        let width = if self.bare { self.key_columns.len() } else { self.rows.width() };
        let (columns, _) = split(rows, width)?;
        let weights = numbers(rows, width)?;
        let keys = match self.bare {
            true => self.encoder.encode(columns)?,
            false => self.encode(rows)?,
        };
        let mut key_slots = vec![];
        if matches!(keys, EncodedKeys::None) {
            self.keys.intern(&keys, &RowSet::Range(0..1), &mut key_slots);
            key_slots.resize(count, 0);
        } else {
            self.keys.intern(&keys, &RowSet::Range(0..count), &mut key_slots);
        }
        self.totals.resize(self.keys.slots(), 0);
        for (key, weight) in key_slots.iter().zip(weights.values()) {
            self.totals[*key as usize] += weight;
        }
        let (_, beside) = split(rows, width + 1)?;
        if self.bare {
            return Ok((vec![], beside));
        }
        self.heads.resize(self.keys.slots(), ABSENT);
        if let Some(index) = &mut self.index {
            self.hasher.hash(&columns.iter().collect::<Vec<_>>(), count);
            let hashes = &self.hashes;
            index.reserve(count, |slot| hashes[*slot as usize]);
        }
        let slots = self.rows.store_all(columns, count)?;
        for (row, ((slot, key), weight)) in slots.iter().zip(&key_slots).zip(weights.values()).enumerate() {
            self.link(*slot, *key, row);
            self.weights[*slot as usize] = *weight;
        }
        Ok((slots, beside))
    }
}
