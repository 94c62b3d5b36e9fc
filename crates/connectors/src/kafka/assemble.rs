//! Records to rows: decodes values and keys, adds the columns of the envelope.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use sloth_types::source::BadRecord;
use sloth_types::{Result, TableSpec};

use super::columns::{Columns, Origin, Projection};
use super::envelope::{self, Record};
use crate::format::{self, Decoded, Decoder};

/// Longest piece of a bad record that is kept.
const RAW_MAX: usize = 64 * 1024;

/// Turns records into batches of one schema. One per reader.
pub(super) struct Assembler {
    projection: Projection,
    value: Box<dyn Decoder>,
    key: Option<Box<dyn Decoder>>,
    /// Whether a record without a key can be a row: all key columns asked for may be NULL.
    key_optional: bool,
    zone: String,
}

/// Rows made of records.
pub(super) struct Assembled {
    /// The rows.
    pub(super) batch: RecordBatch,
    /// Their weights, where records are changes.
    pub(super) diffs: Option<Int64Array>,
    /// The records that gave none because they are broken.
    pub(super) bad: Vec<BadRecord>,
}

impl Assembler {
    /// An assembler for the columns `schema` of a table.
    ///
    /// # Errors
    /// When a format is not known or refuses its options.
    pub(super) fn new(columns: &Columns, table: &TableSpec, schema: &SchemaRef) -> Result<Self> {
        let projection = columns.project(schema)?;
        let value = &columns.value;
        let decoder = format::decoder(&value.format, &value.options, &value.table, Arc::clone(&projection.value))?;
        let key = match (&projection.key, &columns.key) {
            (Some(schema), Some(key)) => {
                Some(format::decoder(&key.format, &key.options, &key.table, Arc::clone(schema))?)
            }
            _ => None,
        };
        let key_optional = projection.key.as_ref().is_none_or(|k| k.fields().iter().all(|f| f.is_nullable()));
        Ok(Assembler { projection, value: decoder, key, key_optional, zone: table.time_zone.clone() })
    }

    /// Makes rows of `records`, in order. Records without a value (deletions in a compacted topic) give no row.
    ///
    /// # Errors
    /// Only for bugs.
    pub(super) fn assemble(&mut self, records: &[Record<'_>]) -> Result<Assembled> {
        let mut live: Vec<&Record<'_>> = Vec::with_capacity(records.len());
        let mut values: Vec<&[u8]> = Vec::with_capacity(records.len());
        for record in records {
            if let Some(value) = record.value() {
                live.push(record);
                values.push(value);
            }
        }
        let decoded = self.value.decode(&values)?;
        let mut bad: Vec<(u32, BadRecord)> = decoded
            .bad
            .iter()
            .filter_map(|(index, error)| {
                let record = live.get(*index as usize)?;
                Some((*index, bad_record(record, record.value(), error)))
            })
            .collect();
        let keys = match &mut self.key {
            Some(decoder) => Some(decode_keys(decoder.as_mut(), &live, self.key_optional)?),
            None => None,
        };
        let mut rows = Rows { batch: decoded.batch, diffs: decoded.diffs, record_of_row: decoded.record_of_row };
        if let Some(keys) = keys.as_ref().filter(|keys| !keys.bad.is_empty()) {
            rows = rows.without(&keys.bad)?;
            // A record whose value is bad, too, is reported once.
            let values = bad.len();
            for (index, error) in &keys.bad {
                let known = bad.get(..values).is_some_and(|bad| bad.binary_search_by_key(index, |b| b.0).is_ok());
                if let (Some(record), false) = (live.get(*index as usize), known) {
                    bad.push((*index, bad_record(record, record.key(), error)));
                }
            }
            bad.sort_by_key(|b| b.0);
        }
        let batch = self.batch(&rows, &live, keys.as_ref())?;
        Ok(Assembled { batch, diffs: rows.diffs, bad: bad.into_iter().map(|(_, bad)| bad).collect() })
    }

    fn batch(&self, rows: &Rows, live: &[&Record<'_>], keys: Option<&Keys>) -> Result<RecordBatch> {
        let picked: Vec<&Record<'_>> = match &rows.record_of_row {
            _ if !self.projection.origins.iter().any(|o| matches!(o, Origin::Meta(_))) => Vec::new(),
            None => live.to_vec(),
            Some(records) => records.iter().filter_map(|r| live.get(*r as usize).copied()).collect(),
        };
        let key_rows = keys.and_then(|keys| keys.rows(rows.record_of_row.as_deref()));
        let columns = self
            .projection
            .origins
            .iter()
            .zip(self.projection.schema.fields())
            .map(|(origin, field)| match (origin, keys) {
                (Origin::Value(index), _) => Ok(Arc::clone(rows.batch.column(*index))),
                (Origin::Key(index), Some(keys)) => match &key_rows {
                    None => Ok(Arc::clone(keys.batch.column(*index))),
                    Some(key_rows) => Ok(take(keys.batch.column(*index), key_rows, None)?),
                },
                (Origin::Key(_), None) => Err(sloth_types::Error::internal("a key column without a key decoder")),
                (Origin::Meta(meta), _) => envelope::column(*meta, &picked, field.data_type(), &self.zone),
            })
            .collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.projection.schema), columns, &options)?)
    }
}

/// Decoded values.
struct Rows {
    batch: RecordBatch,
    diffs: Option<Int64Array>,
    record_of_row: Option<Vec<u32>>,
}

impl Rows {
    /// The rows of all records but these.
    fn without(self, records: &[(u32, String)]) -> Result<Rows> {
        let record_of_row = self.record_of_row.unwrap_or_else(|| (0..self.batch.num_rows() as u32).collect());
        let keep: Vec<bool> =
            record_of_row.iter().map(|record| records.binary_search_by_key(record, |r| r.0).is_err()).collect();
        let kept = record_of_row.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(record, _)| *record).collect();
        let diffs =
            self.diffs.map(|d| d.values().iter().zip(&keep).filter(|(_, keep)| **keep).map(|(d, _)| *d).collect());
        let diffs = diffs.map(|kept: Vec<i64>| Int64Array::from(kept));
        let batch = filter_record_batch(&self.batch, &BooleanArray::from(keep))?;
        Ok(Rows { batch, diffs, record_of_row: Some(kept) })
    }
}

/// Decoded keys.
pub(super) struct Keys {
    pub(super) batch: RecordBatch,
    /// For each record the row of its key; `None` when record `i` has row `i`.
    row_of_record: Option<Vec<Option<u32>>>,
    /// Records whose key is broken, in order.
    pub(super) bad: Vec<(u32, String)>,
}

impl Keys {
    /// The key row of a record that has one.
    pub(super) fn row(&self, record: usize) -> usize {
        match &self.row_of_record {
            None => record,
            Some(rows) => rows.get(record).copied().flatten().map_or(0, |row| row as usize),
        }
    }

    /// The key row for each row of values; `None` when they are the same.
    fn rows(&self, record_of_row: Option<&[u32]>) -> Option<UInt32Array> {
        match (&self.row_of_record, record_of_row) {
            (None, None) => None,
            (None, Some(records)) => Some(UInt32Array::from(records.to_vec())),
            (Some(rows), None) => Some(rows.iter().copied().collect()),
            (Some(rows), Some(records)) => {
                Some(records.iter().map(|r| rows.get(*r as usize).copied().flatten()).collect())
            }
        }
    }
}

pub(super) fn decode_keys(decoder: &mut dyn Decoder, records: &[&Record<'_>], optional: bool) -> Result<Keys> {
    let mut bytes: Vec<&[u8]> = Vec::with_capacity(records.len());
    let mut record_of_key: Vec<u32> = Vec::with_capacity(records.len());
    let mut bad = Vec::new();
    for (index, record) in records.iter().enumerate() {
        match record.key() {
            Some(key) => {
                bytes.push(key);
                record_of_key.push(index as u32);
            }
            None if optional => {}
            None => bad.push((index as u32, "the record has no key, but the key column is NOT NULL".to_owned())),
        }
    }
    let Decoded { batch, record_of_row, bad: broken, .. } = decoder.decode(&bytes)?;
    if record_of_key.len() == records.len() && record_of_row.is_none() && broken.is_empty() {
        return Ok(Keys { batch, row_of_record: None, bad });
    }
    let record = |key: u32| record_of_key.get(key as usize).copied();
    bad.extend(broken.into_iter().filter_map(|(key, error)| Some((record(key)?, format!("key: {error}")))));
    bad.sort_by_key(|b| b.0);
    let key_of_row = record_of_row.unwrap_or_else(|| (0..batch.num_rows() as u32).collect());
    let mut row_of_record = vec![None; records.len()];
    for (row, key) in key_of_row.into_iter().enumerate() {
        // A key is one row; of several the first counts.
        if let Some(slot) = record(key).and_then(|r| row_of_record.get_mut(r as usize)).filter(|s| s.is_none()) {
            *slot = Some(row as u32);
        }
    }
    Ok(Keys { batch, row_of_record: Some(row_of_record), bad })
}

pub(super) fn bad_record(record: &Record<'_>, raw: Option<&[u8]>, error: &str) -> BadRecord {
    let raw = raw.unwrap_or_default();
    BadRecord {
        raw: raw.get(..RAW_MAX).unwrap_or(raw).to_vec(),
        place: format!("offset {}", record.offset()),
        error: error.to_owned(),
    }
}
