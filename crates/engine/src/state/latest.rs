//! The last row of each key: a table as upserts describe it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::changed::Changed;
use super::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};
use super::rows::Rows;
use super::snapshot::{ROWS_MAX, Section, split, table};

/// One row a key.
pub(crate) struct Latest {
    schema: SchemaRef,
    key_columns: Vec<usize>,
    encoder: KeyEncoder,
    keys: KeyTable,
    /// The row of each key's slot.
    row_of: Vec<u32>,
    rows: Rows,
    /// Since the last checkpoint.
    changed: Changed,
}

impl Latest {
    /// An empty table of rows of `schema` by the columns `keys`.
    pub(crate) fn new(schema: &SchemaRef, keys: &[usize]) -> Result<Self> {
        let encoder = KeyEncoder::new(keys.iter().map(|k| schema.field(*k).data_type().clone()).collect())?;
        Ok(Latest {
            schema: Arc::clone(schema),
            key_columns: keys.to_vec(),
            keys: KeyTable::new(&encoder),
            encoder,
            row_of: vec![],
            rows: Rows::new(schema)?,
            changed: Changed::default(),
        })
    }

    /// The keys of some rows.
    pub(crate) fn encode(&mut self, rows: &RecordBatch) -> Result<EncodedKeys> {
        let columns: Vec<ArrayRef> = self.key_columns.iter().map(|k| ArrayRef::clone(rows.column(*k))).collect();
        self.encoder.encode(&columns)
    }

    /// The keys of these rows by the order in which they are first met.
    pub(crate) fn numbers(&self, keys: &EncodedKeys, rows: usize) -> Vec<u32> {
        let mut slots = vec![];
        KeyTable::new(&self.encoder).intern(keys, &RowSet::Range(0..rows), &mut slots);
        slots
    }

    /// The last of these rows for each key, in the order in which the keys are first met.
    pub(crate) fn last_of_each(&self, keys: &EncodedKeys, rows: usize) -> Vec<u32> {
        let slots = self.numbers(keys, rows);
        let mut last = vec![0; slots.iter().max().map_or(0, |last| *last as usize + 1)];
        for (row, slot) in slots.iter().enumerate() {
            last[*slot as usize] = row as u32;
        }
        last
    }

    /// The stored rows of the keys, each with its place in the batch given back; `None` for keys that have none.
    pub(crate) fn get(&self, keys: &EncodedKeys, rows: usize) -> Result<(RecordBatch, Vec<Option<u32>>)> {
        let mut slots = vec![];
        self.keys.find(keys, &mut slots, rows);
        let mut stored = vec![];
        let places = slots
            .iter()
            .map(|slot| {
                let row = self.row_of.get(*slot as usize).copied().filter(|row| *slot != ABSENT && *row != ABSENT)?;
                stored.push(row);
                Some(stored.len() as u32 - 1)
            })
            .collect();
        let columns = (0..self.schema.fields().len()).map(|c| self.rows.gather(c, &stored)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(stored.len()));
        Ok((RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?, places))
    }

    /// Stores the rows that `stay`, and removes the keys of the others. No key may come twice.
    pub(crate) fn set(&mut self, rows: &RecordBatch, keys: &EncodedKeys, stay: &[bool]) -> Result<()> {
        let kept: Vec<u32> = (0u32..).zip(stay).filter(|(_, stay)| **stay).map(|(row, _)| row).collect();
        let gone: Vec<u32> = (0u32..).zip(stay).filter(|(_, stay)| !**stay).map(|(row, _)| row).collect();
        let mut found = vec![];
        self.keys.find(keys, &mut found, rows.num_rows());
        if self.changed.begun() {
            let left: Vec<u32> = gone.iter().map(|row| found[*row as usize]).filter(|slot| *slot != ABSENT).collect();
            self.changed.note_gone(&left, || self.encoder.decode(&self.keys, &left))?;
        }
        for row in gone {
            let slot = found[row as usize];
            if slot != ABSENT {
                let stored = std::mem::replace(&mut self.row_of[slot as usize], ABSENT);
                self.rows.remove(stored);
                self.keys.remove(slot);
            }
        }
        let mut slots = vec![];
        self.keys.intern(keys, &RowSet::List(&kept), &mut slots);
        self.changed.note(&slots);
        self.row_of.resize(self.keys.slots(), ABSENT);
        let mut places = Vec::with_capacity(kept.len());
        for slot in slots {
            let place = &mut self.row_of[slot as usize];
            if *place != ABSENT {
                // Its texts make room; the slot itself comes back at once.
                self.rows.remove(*place);
            }
            *place = self.rows.allot();
            places.push(*place);
        }
        self.rows.store(rows.columns(), &kept, &places)
    }

    /// All rows, for a checkpoint.
    pub(crate) fn save(&mut self) -> Result<Vec<RecordBatch>> {
        self.changed.begin();
        self.all()
    }

    /// As [`Changed::go_on`].
    pub(crate) fn go_on(&mut self, newest: i64) {
        self.changed.go_on(newest);
    }

    /// All rows.
    pub(crate) fn all(&self) -> Result<Vec<RecordBatch>> {
        self.rows_of(&self.keys.live())
    }

    /// The rows of keys.
    fn rows_of(&self, keys: &[u32]) -> Result<Vec<RecordBatch>> {
        let slots: Vec<u32> = keys.iter().filter_map(|key| self.row_of.get(*key as usize).copied()).collect();
        slots.chunks(ROWS_MAX).map(|slots| table(self.rows.gather_all(slots)?)).collect()
    }

    /// What has changed in section `name` since it was written by [`Latest::save`]; `None` when it is too much.
    pub(crate) fn save_changes(&mut self, name: &str) -> Result<Option<Vec<Section>>> {
        let Some(keys) = self.changed.take(self.rows.len() / 2) else { return Ok(None) };
        let rows = self.rows_of(&keys)?;
        self.changed.sections(name, &self.key_columns, rows).map(Some)
    }

    /// Takes up rows that [`Latest::save`] gave.
    pub(crate) fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        split(rows, self.rows.width())?;
        let keys = self.encode(rows)?;
        self.set(rows, &keys, &vec![true; rows.num_rows()])
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.rows.bytes() + self.row_of.capacity() * 4
    }
}
