//! Records of an `upsert-kafka` table to changes: a record with a value replaces the row of its key (+1), a record
//! without one deletes it (-1; only the key's columns are known then).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{Schema, SchemaRef};
use sloth_types::{BadRecord, Error, Result, TableSpec};

use super::assemble::{Assembled, Assembler, bad_record, decode_keys};
use super::columns::{Columns, Origin, Projection};
use super::envelope::{self, Record};
use crate::format::{self, Decoder};

/// How the records of a table become rows.
pub(super) enum Assembly {
    /// Each record with a value is a row, or as many changes as its format says.
    Records(Box<Assembler>),
    /// Records are upserts by key.
    Upserts(Box<UpsertAssembler>),
}

impl Assembly {
    /// Makes rows of `records`, in order.
    ///
    /// # Errors
    /// Only for bugs.
    pub(super) fn assemble(&mut self, records: &[Record<'_>]) -> Result<Assembled> {
        match self {
            Assembly::Records(assembler) => assembler.assemble(records),
            Assembly::Upserts(assembler) => assembler.assemble(records),
        }
    }
}

/// Turns records into upserts of one schema. One per reader.
pub(super) struct UpsertAssembler {
    projection: Projection,
    value: Box<dyn Decoder>,
    key: Box<dyn Decoder>,
    /// For each column of the schema its place in the record's key, if it stands there.
    of_key: Vec<Option<usize>>,
    zone: String,
}

/// A change: its record, and its row among the values unless it is a deletion.
struct Change {
    record: usize,
    value: Option<usize>,
}

impl UpsertAssembler {
    /// An assembler for the columns `schema` of a table.
    ///
    /// # Errors
    /// When a format is not known, refuses its options, or tells changes itself.
    pub(super) fn new(columns: &Columns, table: &TableSpec, schema: &SchemaRef) -> Result<Self> {
        let projection = columns.project(schema)?;
        let (key_schema, places) = columns.project_key(schema);
        let key = columns.key.as_ref().ok_or_else(|| Error::internal("upserts without a key"))?;
        for format in [&columns.value.format, &key.format] {
            if format::writes_changes(format) {
                return Err(Error::invalid(format!("connector 'upsert-kafka' does not take the format '{format}'"))
                    .hint("Its records are upserts already: use 'json', 'csv' or 'raw'; or the connector 'kafka'."));
            }
        }
        // Values are whole rows: what the table declares NOT NULL must be there, whatever deletions lack.
        let declared = |name: &String| columns.value.table.schema.field_with_name(name).is_ok_and(|f| f.is_nullable());
        let strict = projection.value.fields().iter();
        let strict = strict.map(|f| f.as_ref().clone().with_nullable(declared(f.name()))).collect::<Vec<_>>();
        let value = &columns.value;
        let value = format::decoder(&value.format, &value.options, &value.table, Arc::new(Schema::new(strict)))?;
        let key = format::decoder(&key.format, &key.options, &key.table, key_schema)?;
        let of_key = (0..schema.fields().len()).map(|place| places.iter().position(|p| *p == place)).collect();
        Ok(UpsertAssembler { projection, value, key, of_key, zone: table.time_zone.clone() })
    }

    fn assemble(&mut self, records: &[Record<'_>]) -> Result<Assembled> {
        let all: Vec<&Record<'_>> = records.iter().collect();
        let live: Vec<u32> =
            (0u32..).zip(records).filter(|(_, r)| r.value().is_some()).map(|(index, _)| index).collect();
        let values: Vec<&[u8]> = records.iter().filter_map(|r| r.value()).collect();
        let decoded = self.value.decode(&values)?;
        let keys = decode_keys(self.key.as_mut(), &all, false)?;
        let record = |value: u32| live.get(value as usize).copied().unwrap_or(0);
        let mut bad: Vec<(u32, BadRecord)> = vec![];
        let of_values = decoded.bad.iter().map(|(index, error)| (record(*index), error, false));
        for (index, error, of_key) in of_values.chain(keys.bad.iter().map(|(index, error)| (*index, error, true))) {
            if let (Some(found), false) = (all.get(index as usize), bad.iter().any(|b| b.0 == index)) {
                let raw = if of_key { found.key() } else { found.value() };
                bad.push((index, bad_record(found, raw, error)));
            }
        }
        bad.sort_by_key(|b| b.0);
        let is_bad = |index: usize| bad.binary_search_by_key(&(index as u32), |b| b.0).is_ok();
        let value_rows = decoded.batch.num_rows();
        let record_of_row = |row: usize| record(decoded.record_of_row.as_ref().map_or(row as u32, |r| r[row])) as usize;
        let mut changes: Vec<Change> = Vec::with_capacity(records.len());
        let mut row = 0;
        for (index, found) in records.iter().enumerate() {
            if found.value().is_none() && !is_bad(index) {
                changes.push(Change { record: index, value: None });
            }
            while row < value_rows && record_of_row(row) == index {
                if !is_bad(index) {
                    changes.push(Change { record: index, value: Some(row) });
                }
                row += 1;
            }
        }
        let key_row = |record: usize| keys.row(record);
        let batch = self.batch(&changes, &decoded.batch, (&keys.batch, &key_row), &all)?;
        let deletes = changes.iter().any(|c| c.value.is_none());
        let diffs = || Int64Array::from_iter_values(changes.iter().map(|c| if c.value.is_some() { 1 } else { -1 }));
        Ok(Assembled { batch, diffs: deletes.then(diffs), bad: bad.into_iter().map(|(_, bad)| bad).collect() })
    }

    fn batch(
        &self,
        changes: &[Change],
        values: &RecordBatch,
        (keys, key_row): (&RecordBatch, &dyn Fn(usize) -> usize),
        records: &[&Record<'_>],
    ) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.of_key.len());
        let fields = self.projection.schema.fields();
        for ((origin, of_key), field) in self.projection.origins.iter().zip(&self.of_key).zip(fields) {
            // A column that stands in both is taken from the value, as Flink does.
            let value: Option<&ArrayRef> = match origin {
                Origin::Value(index) => Some(values.column(*index)),
                Origin::Key(_) => None,
                Origin::Meta(meta) => {
                    let of = changes.iter().filter_map(|c| records.get(c.record).copied()).collect::<Vec<_>>();
                    columns.push(envelope::column(*meta, &of, field.data_type(), &self.zone)?);
                    continue;
                }
            };
            let nothing = new_null_array(field.data_type(), 1);
            let other = of_key.map_or(&nothing, |column| keys.column(column));
            let pick = |change: &Change| match (change.value, of_key) {
                (Some(row), _) if value.is_some() => (0, row),
                (_, Some(_)) => (1, key_row(change.record)),
                _ => (1, 0),
            };
            let picks: Vec<(usize, usize)> = changes.iter().map(pick).collect();
            let sides: [&dyn Array; 2] = [value.unwrap_or(&nothing).as_ref(), other.as_ref()];
            columns.push(interleave(&sides, &picks)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(changes.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.projection.schema), columns, &options)?)
    }
}
