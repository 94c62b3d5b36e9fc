//! Plain vectors into the Arrow types that a schema asks for.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use sloth_types::{Error, Result};

/// Casts `array` to `to` unless it is that already.
pub(super) fn fit(array: ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to { Ok(array) } else { Ok(cast(&array, to)?) }
}

/// 64-bit integers.
pub(super) fn integers(values: Vec<i64>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    fit(Arc::new(Int64Array::new(values.into(), nulls)), to)
}

/// 32-bit integers.
pub(super) fn small_integers(values: Vec<i32>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    fit(Arc::new(Int32Array::new(values.into(), nulls)), to)
}

/// Milliseconds since 1970 (UTC) as a timestamp. A time zone in the type only labels the column.
pub(super) fn timestamps(ms: Vec<i64>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    let DataType::Timestamp(unit, zone) = to else {
        return fit(Arc::new(TimestampMillisecondArray::new(ms.into(), nulls)), to);
    };
    let zone = zone.clone();
    let scaled = |factor: i64| -> ScalarBuffer<i64> { ms.iter().map(|v| v.saturating_mul(factor)).collect() };
    Ok(match unit {
        TimeUnit::Second => {
            let seconds = ms.iter().map(|v| v.div_euclid(1000)).collect();
            Arc::new(TimestampSecondArray::new(seconds, nulls).with_timezone_opt(zone))
        }
        TimeUnit::Millisecond => Arc::new(TimestampMillisecondArray::new(ms.into(), nulls).with_timezone_opt(zone)),
        TimeUnit::Microsecond => Arc::new(TimestampMicrosecondArray::new(scaled(1000), nulls).with_timezone_opt(zone)),
        TimeUnit::Nanosecond => {
            Arc::new(TimestampNanosecondArray::new(scaled(1_000_000), nulls).with_timezone_opt(zone))
        }
    })
}

/// The batch of these columns; `schema` may have none, the batch then only has a length.
pub(super) fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// A column of text under construction.
#[derive(Debug)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
}

impl Texts {
    /// For about `rows` texts of `length` bytes.
    pub(super) fn with_capacity(rows: usize, length: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Texts { bytes: Vec::with_capacity(rows * length), offsets }
    }

    /// One text, whole.
    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.end();
    }

    /// The bytes so far: append to them, then call [`Texts::end`].
    #[inline]
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the current text.
    #[inline]
    pub(super) fn end(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }

    /// The raw parts: text `i` is `bytes[offsets[i]..offsets[i + 1]]`.
    pub(super) fn into_parts(self) -> (OffsetBuffer<i32>, Buffer) {
        (OffsetBuffer::new(ScalarBuffer::from(self.offsets)), Buffer::from_vec(self.bytes))
    }

    /// The column.
    pub(super) fn finish(self, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
        let (offsets, bytes) = self.into_parts();
        fit(Arc::new(StringArray::try_new(offsets, bytes, nulls)?), to)
    }
}

/// Some texts, to be chosen from by index.
#[derive(Debug)]
pub(super) struct TextTable {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl TextTable {
    /// The texts in order.
    pub(super) fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut table = TextTable { bytes: Vec::new(), ends: vec![0] };
        for text in texts {
            table.bytes.extend_from_slice(text.as_ref().as_bytes());
            table.ends.push(table.bytes.len() as u32);
        }
        table
    }

    /// Text `index`.
    #[inline]
    pub(super) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.ends[index] as usize..self.ends[index + 1] as usize]
    }
}

/// Refuses a table with a column that the connector does not have; `known` are the names it has.
pub(super) fn check_columns(table: &str, schema: &Schema, connector: &str, known: &[&str]) -> Result<()> {
    match schema.fields().iter().find(|f| !known.contains(&f.name().as_str())) {
        None => Ok(()),
        Some(field) => Err(Error::invalid(format!(
            "column '{}' of table '{table}' is not known to connector '{connector}'",
            field.name()
        ))
        .hint(format!("It has these columns: {}.", known.join(", ")))),
    }
}
