//! Columns from the envelope of a change event (`METADATA` in the DDL).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, MapArray, StringArray, TimestampMillisecondArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use sloth_types::{Error, Result};

/// Where a metadata column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A text beside the row.
    Text(&'static str),
    /// A time in milliseconds beside the row.
    Millis(&'static str),
    /// A time in seconds beside the row.
    Seconds(&'static str),
    /// Anything beside the row, as declared.
    Any(&'static str),
    /// An entry of `source`.
    Entry(&'static str),
    /// A time in milliseconds in `source`.
    EntryMillis(&'static str),
    /// All of `source`.
    Entries,
    /// The description of the row that some events carry.
    Description,
}

const DEBEZIUM: [(&str, Source); 7] = [
    ("schema", Source::Description),
    ("ingestion-timestamp", Source::Millis("ts_ms")),
    ("source.timestamp", Source::EntryMillis("ts_ms")),
    ("source.database", Source::Entry("db")),
    ("source.schema", Source::Entry("schema")),
    ("source.table", Source::Entry("table")),
    ("source.properties", Source::Entries),
];
const CANAL: [(&str, Source); 6] = [
    ("database", Source::Text("database")),
    ("table", Source::Text("table")),
    ("sql-type", Source::Any("sqlType")),
    ("pk-names", Source::Any("pkNames")),
    ("ingestion-timestamp", Source::Millis("ts")),
    ("event-timestamp", Source::Millis("es")),
];
const MAXWELL: [(&str, Source); 4] = [
    ("database", Source::Text("database")),
    ("table", Source::Text("table")),
    ("primary-key-columns", Source::Any("primary_key_columns")),
    ("ingestion-timestamp", Source::Seconds("ts")),
];

fn known(format: &str) -> &'static [(&'static str, Source)] {
    match format {
        "debezium-json" => &DEBEZIUM,
        "canal-json" => &CANAL,
        "maxwell-json" => &MAXWELL,
        _ => &[],
    }
}

/// Where a format has this metadata.
pub(super) fn source(format: &str, key: &str) -> Option<Source> {
    // Kafka's connector tells the value's metadata from its own by a prefix.
    let key = key.strip_prefix("value.").unwrap_or(key);
    known(format).iter().find(|(name, _)| *name == key).map(|(_, source)| *source)
}

pub(super) fn unknown(format: &str, key: &str) -> Error {
    let names: Vec<&str> = known(format).iter().map(|(name, _)| *name).collect();
    Error::invalid(format!("format '{format}' has no metadata '{key}'")).hint(format!("It has {}.", names.join(", ")))
}

/// A map from text to text.
pub(super) fn text_map() -> DataType {
    let entry = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
}

impl Source {
    /// The member of the envelope that it needs, with the type to read it as.
    pub(super) fn member(self, declared: &FieldRef) -> Option<Field> {
        let (name, data_type) = match self {
            Source::Text(name) => (name, DataType::Utf8),
            Source::Millis(name) | Source::Seconds(name) => (name, DataType::Int64),
            Source::Any(name) => (name, declared.data_type().clone()),
            Source::Entry(_) | Source::EntryMillis(_) | Source::Entries => ("source", text_map()),
            Source::Description => return None,
        };
        Some(Field::new(name, data_type, true))
    }

    /// The column as declared, from its member.
    pub(super) fn column(self, member: Option<&ArrayRef>, declared: &FieldRef, events: usize) -> Result<ArrayRef> {
        let Some(member) = member else { return Ok(new_null_array(declared.data_type(), events)) };
        let array: ArrayRef = match self {
            Source::Text(_) | Source::Any(_) | Source::Entries | Source::Description => Arc::clone(member),
            Source::Millis(_) => times(member.as_primitive::<Int64Type>(), 1),
            Source::Seconds(_) => times(member.as_primitive::<Int64Type>(), 1000),
            Source::Entry(key) => Arc::new(entries(member.as_map(), key)),
            Source::EntryMillis(key) => {
                let texts = entries(member.as_map(), key);
                times(&texts.iter().map(|t| t.and_then(|t| t.parse().ok())).collect(), 1)
            }
        };
        if array.data_type() == declared.data_type() {
            return Ok(array);
        }
        cast(&array, declared.data_type()).map_err(|e| {
            Error::invalid(format!("metadata of type {} cannot be read as {}", array.data_type(), declared.data_type()))
                .detail(e.to_string())
                .hint("Declare the column with the type that the documentation of the format names.")
        })
    }
}

fn times(values: &Int64Array, scale: i64) -> ArrayRef {
    let millis: TimestampMillisecondArray = values.iter().map(|v| v.map(|v| v.saturating_mul(scale))).collect();
    Arc::new(millis.with_timezone("UTC"))
}

/// The value of one key in each map.
fn entries(maps: &MapArray, key: &str) -> StringArray {
    let (keys, values) = (maps.keys().as_string::<i32>(), maps.values().as_string::<i32>());
    let offsets = maps.value_offsets();
    let entry = |row: usize| {
        let range = *offsets.get(row)? as usize..*offsets.get(row + 1)? as usize;
        range.into_iter().find(|at| keys.value(*at) == key).filter(|at| values.is_valid(*at)).map(|at| values.value(at))
    };
    (0..maps.len()).map(|row| if maps.is_valid(row) { entry(row) } else { None }).collect()
}
