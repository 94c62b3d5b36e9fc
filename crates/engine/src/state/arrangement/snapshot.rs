//! An arrangement as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::Arrangement;
use crate::state::keys::{EncodedKeys, RowSet};
use crate::state::snapshot::{CHANGES_MIN, ROWS_MAX, column_of, numbers, split, table};

/// The order in which the rows of a key are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// As they lie in memory: the fastest.
    Anyhow,
    /// The oldest first, so that their lists come back as they were.
    OldestFirst,
}

/// Changes as they were applied, kept by pointer.
#[derive(Default)]
pub(crate) struct Changes {
    batches: Vec<(RecordBatch, Option<Int64Array>)>,
    /// Rows since the last checkpoint, those that were given ahead among them.
    rows: usize,
    /// Rows in all that has been given since the changes began, those that were there then among them.
    given: usize,
    /// Weights of rows that come, as many as any batch has had.
    ones: Option<Int64Array>,
}

impl Changes {
    /// The batches, each with its weights.
    fn take(&mut self) -> Result<Vec<RecordBatch>> {
        let mut taken = Vec::with_capacity(self.batches.len());
        for (rows, diffs) in std::mem::take(&mut self.batches) {
            let weights = diffs.unwrap_or_else(|| self.ones(rows.num_rows()));
            let mut columns = rows.columns().to_vec();
            columns.push(Arc::new(weights));
            taken.push(table(columns)?);
        }
        Ok(taken)
    }

    fn ones(&mut self, count: usize) -> Int64Array {
        let ones = self.ones.take().filter(|ones| ones.len() >= count);
        self.ones.insert(ones.unwrap_or_else(|| Int64Array::from(vec![1; count]))).slice(0, count)
    }
}

impl Arrangement {
    /// Notes changes that are about to be applied. When they are more than all rows, they are forgotten: writing everything
    /// costs no more then, and memory is bounded. Rows that only come are never so many.
    pub(crate) fn note(&mut self, rows: &RecordBatch, diffs: Option<&Int64Array>) {
        let most = CHANGES_MIN.max(self.len() + rows.num_rows());
        let Some(changes) = &mut self.changes else { return };
        changes.rows += rows.num_rows();
        changes.batches.push((rows.clone(), diffs.cloned()));
        if changes.rows > most {
            self.changes = None;
        }
    }

    /// From now on changes are noted, for [`Arrangement::take_changes`].
    pub(crate) fn begin_changes(&mut self) {
        self.changes = Some(Changes { given: self.len(), ..Changes::default() });
    }

    /// From now on changes are not noted.
    pub(crate) fn forget_changes(&mut self) {
        self.changes = None;
    }

    /// Rows in all that a checkpoint keeps when it is given the changes, too. Those above [`Arrangement::len`] are waste.
    pub(crate) fn kept_rows(&self) -> usize {
        self.changes.as_ref().map_or(0, |changes| changes.given + changes.rows)
    }

    /// True when all changes since [`Arrangement::begin_changes`] are noted.
    pub(crate) fn knows_changes(&self) -> bool {
        self.changes.is_some()
    }

    /// The changes noted since the last call: rows and their weights. To be applied one after the other.
    pub(crate) fn take_changes(&mut self) -> Result<Vec<RecordBatch>> {
        let mut changes = self.changes.take().unwrap_or_default();
        let given = changes.given + std::mem::take(&mut changes.rows);
        let batches = changes.take()?;
        self.changes = Some(Changes { given, ..changes });
        Ok(batches)
    }

    /// A first part of what [`Arrangement::take_changes`] would give: that gives the rest then. Their memory is free as soon
    /// as they are written.
    pub(crate) fn take_changes_ahead(&mut self) -> Result<Vec<RecordBatch>> {
        self.changes.as_mut().map_or(Ok(vec![]), Changes::take)
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
