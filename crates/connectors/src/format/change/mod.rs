//! Formats whose records are change events of a database: `debezium-json`, `canal-json`, `maxwell-json`.
//!
//! An event becomes up to two rows, the old image (-1) and behind it the new one (+1):
//!
//! ```text
//!   insert: +new        update: -old +new        delete: -old
//! ```
//!
//! A table without PRIMARY KEY is told exact changes, so that an event without the image that it must take back is a bad
//! record. With a PRIMARY KEY the engine keeps the last row of each key and works out itself what is taken back: then old
//! images need not be complete, and only their key counts.

mod binlog;
mod debezium;
mod encode;
mod metadata;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{Field, FieldRef, Fields, SchemaRef};
use sloth_types::{Error, Options, Result, TableSpec};

use self::metadata::Source;
use super::{Decoded, Decoder, Encoder};

pub(super) use self::encode::ChangeEncoder;

/// Options after `<format>.` that all of them have.
const KNOWN: [&str; 7] = [
    "ignore-parse-errors",
    "fail-on-missing-field",
    "timestamp-format.standard",
    "map-null-key.mode",
    "map-null-key.literal",
    "encode.decimal-as-plain-number",
    "encode.ignore-null-fields",
];

/// Refuses unknown options; `own` are those of this format alone.
fn check_options(format: &str, options: &Options, own: &[&str]) -> Result<()> {
    let known: Vec<String> = KNOWN.iter().chain(own).map(|key| format!("{format}.{key}")).collect();
    super::check_prefixed(format, options, &known.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A decoder of change events.
pub(super) fn decoder(
    format: &str,
    options: &Options,
    table: &TableSpec,
    schema: SchemaRef,
) -> Result<Box<dyn Decoder>> {
    Ok(match format {
        "debezium-json" => Box::new(debezium::DebeziumDecoder::new(options, table, schema)?),
        "canal-json" => Box::new(binlog::BinlogDecoder::new(binlog::Dialect::Canal, options, table, schema)?),
        _ => Box::new(binlog::BinlogDecoder::new(binlog::Dialect::Maxwell, options, table, schema)?),
    })
}

/// An encoder of change events.
pub(super) fn encoder(format: &str, options: &Options) -> Result<Box<dyn Encoder>> {
    Ok(Box::new(ChangeEncoder::new(format, options)?))
}

/// True when the format has a metadata column of this name (without Kafka's prefix `value.`).
pub(super) fn has_metadata(format: &str, key: &str) -> bool {
    metadata::source(format, key).is_some()
}

/// What the table asks of an event.
struct Wanted {
    schema: SchemaRef,
    /// The columns of a row, which may be NULL as the table declares.
    new: Fields,
    /// The same columns where they need not be complete.
    old: Fields,
    /// The place of each column of a row in the schema.
    places: Vec<usize>,
    /// The columns of the envelope: place in the schema, and what to read there.
    metadata: Vec<(usize, Source)>,
    /// The key's columns, as places among the row's; `None` when the table has no key.
    key: Option<Vec<usize>>,
}

impl Wanted {
    fn new(format: &str, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        let (mut new, mut old, mut places, mut metadata) = (vec![], vec![], vec![], vec![]);
        for (place, field) in schema.fields().iter().enumerate() {
            if let Some(declared) = table.metadata.iter().find(|m| m.column == *field.name()) {
                let known = metadata::source(format, &declared.key);
                metadata.push((place, known.ok_or_else(|| metadata::unknown(format, &declared.key))?));
                continue;
            }
            let nullable = table.schema.field_with_name(field.name()).map_or(true, Field::is_nullable);
            new.push(nullable_as(field, nullable));
            old.push(FieldRef::clone(field));
            places.push(place);
        }
        let key = (!table.primary_key.is_empty()).then(|| {
            let place = |name: &String| new.iter().position(|f: &FieldRef| f.name() == name);
            table.primary_key.iter().filter_map(place).collect()
        });
        Ok(Wanted { schema, new: new.into(), old: old.into(), places, metadata, key })
    }

    /// The batch of these images; metadata is given a row per event.
    fn batch(&self, images: Images, columns: Vec<ArrayRef>, metadata: &[ArrayRef], faults: Faults) -> Result<Decoded> {
        let mut all: Vec<Option<ArrayRef>> = vec![None; self.schema.fields().len()];
        let mut put = |place: usize, column: ArrayRef| {
            if let Some(slot) = all.get_mut(place) {
                *slot = Some(column);
            }
        };
        self.places.iter().zip(columns).for_each(|(place, column)| put(*place, column));
        if !metadata.is_empty() {
            let events = UInt32Array::from(images.events);
            for ((place, _), column) in self.metadata.iter().zip(metadata) {
                put(*place, take(column, &events, None)?);
            }
        }
        let columns: Option<Vec<ArrayRef>> = all.into_iter().collect();
        let columns = columns.ok_or_else(|| Error::internal("a column of an event is missing"))?;
        let options = RecordBatchOptions::new().with_row_count(Some(images.diffs.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let diffs = images.diffs.iter().any(|d| *d < 0).then(|| Int64Array::from(images.diffs));
        Ok(Decoded { batch, diffs, record_of_row: Some(images.records), bad: faults.0.into_iter().collect() })
    }
}

fn nullable_as(field: &FieldRef, nullable: bool) -> FieldRef {
    match field.is_nullable() == nullable {
        true => FieldRef::clone(field),
        false => Arc::new(field.as_ref().clone().with_nullable(nullable)),
    }
}

/// Bad records with the first thing that is wrong with each.
#[derive(Default)]
struct Faults(BTreeMap<u32, String>);

impl Faults {
    fn add(&mut self, record: u32, why: impl Into<String>) {
        self.0.entry(record).or_insert_with(|| why.into());
    }

    fn has(&self, record: u32) -> bool {
        self.0.contains_key(&record)
    }
}

/// Which rows the events give, in order.
#[derive(Default)]
struct Images {
    /// The event of each row.
    events: Vec<u32>,
    /// The record of each row.
    records: Vec<u32>,
    diffs: Vec<i64>,
}

impl Images {
    fn push(&mut self, event: usize, record: u32, diff: i64) {
        self.events.push(event as u32);
        self.records.push(record);
        self.diffs.push(diff);
    }
}

/// The picked rows of two arrays of one type.
fn pick(old: &ArrayRef, new: &ArrayRef, picks: &[(usize, usize)]) -> Result<ArrayRef> {
    Ok(interleave(&[old.as_ref() as &dyn Array, new.as_ref()], picks)?)
}

/// Index of the old image's array in a pick.
const OLD: usize = 0;
/// Index of the new image's array in a pick.
const NEW: usize = 1;
