//! An arrangement as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::Arrangement;
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
    /// Notes changes that are about to be applied. Rows that only come are never more than there are.
    pub(crate) fn note(&mut self, rows: &RecordBatch, diffs: Option<&Int64Array>) {
        let len = self.len() + rows.num_rows();
        self.changes.note(rows, diffs, len);
    }

    /// From now on changes are noted, for [`Arrangement::take_changes`].
    pub(crate) fn begin_changes(&mut self) {
        self.changes.begin(self.len());
    }

    /// Rows in all that a checkpoint keeps when it is given the changes, too. Those above [`Arrangement::len`] are waste.
    pub(crate) fn kept_rows(&self) -> usize {
        self.changes.kept_rows()
    }

    /// True when all changes since [`Arrangement::begin_changes`] are noted.
    pub(crate) fn knows_changes(&self) -> bool {
        self.changes.known()
    }

    /// The changes noted since the last call: rows and their weights. To be applied one after the other.
    pub(crate) fn take_changes(&mut self) -> Result<Vec<RecordBatch>> {
        self.changes.take()
    }

    /// A first part of what [`Arrangement::take_changes`] would give: that gives the rest then. Their memory is free as soon
    /// as they are written.
    pub(crate) fn take_changes_ahead(&mut self) -> Result<Vec<RecordBatch>> {
        self.changes.take_ahead()
    }

    /// Takes up rows of `schema` that [`Arrangement::take_changes`] gave. Returns their slots, of rows that are gone, too.
    pub(crate) fn restore_changes(&mut self, schema: &SchemaRef, rows: &RecordBatch) -> Result<Vec<u32>> {
        let width = schema.fields().len();
        let (columns, _) = split(rows, width)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns.to_vec(), &options)?;
        let (keys, mut slots) = (self.encode(&batch)?, vec![]);
        self.apply(&batch, Some(numbers(rows, width)?), &keys, &mut slots)?;
        Ok(slots)
    }

    /// All rows with their weights; behind them what `beside` gives for their slots. Of keys alone, where only their
    /// weights are kept.
    pub(crate) fn save(
        &self,
        order: Written,
        beside: impl FnMut(&[u32]) -> Result<Vec<ArrayRef>>,
    ) -> Result<Vec<RecordBatch>> {
        if self.bare {
            return self.save_weights();
        }
        let slots = match order {
            Written::Anyhow => self.stored(),
            Written::OldestFirst => self.oldest_first(),
        };
        self.save_some(&slots, beside)
    }

    /// As [`Arrangement::save`], for some rows.
    pub(crate) fn save_some(
        &self,
        slots: &[u32],
        mut beside: impl FnMut(&[u32]) -> Result<Vec<ArrayRef>>,
    ) -> Result<Vec<RecordBatch>> {
        let batch = |slots: &[u32]| {
            let mut columns = self.rows.gather_all(slots)?;
            columns.push(Arc::new(slots.iter().map(|s| self.weight(*s)).collect::<Int64Array>()));
            columns.extend(beside(slots)?);
            table(columns)
        };
        slots.chunks(ROWS_MAX).map(batch).collect()
    }

    /// The slots of all rows.
    pub(crate) fn stored(&self) -> Vec<u32> {
        (0u32..).zip(self.links.iter()).filter(|(_, link)| link.weight != 0).map(|(slot, _)| slot).collect()
    }

    fn oldest_first(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = self.keys().flat_map(|key| self.rows_of(key)).collect();
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
        self.keys.records.grow(self.keys.slots());
        for (key, weight) in key_slots.iter().zip(weights.values()) {
            self.add_to_total(*key, *weight);
        }
        let (_, beside) = split(rows, width + 1)?;
        if self.bare {
            return Ok((vec![], beside));
        }
        if let Some(index) = &mut self.index {
            self.hasher.hash(&columns.iter().collect::<Vec<_>>(), count);
            index.reserve(count);
        }
        let slots = self.rows.store_all(columns, count)?;
        for (row, ((slot, key), weight)) in slots.iter().zip(&key_slots).zip(weights.values()).enumerate() {
            self.link(*slot, *key, row);
            self.links[*slot as usize].weight = *weight;
        }
        Ok((slots, beside))
    }
}
