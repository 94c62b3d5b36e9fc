//! A fetched record, and the metadata columns made of its envelope.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, Int32Array, Int64Array, MapArray, StringArray, StringBuilder, StructArray,
    TimestampMillisecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};
use chrono::DateTime;
use chrono_tz::Tz;
use rdkafka::Timestamp;
use rdkafka::message::{BorrowedMessage, Headers, Message, OwnedMessage};
use sloth_types::{Error, Result};

use super::columns::Meta;

/// A record that was fetched.
pub(super) enum Record<'a> {
    /// In the client's memory.
    Fetched(BorrowedMessage<'a>),
    /// A copy: it was fetched by a read that had to stop before it.
    Kept(OwnedMessage),
}

macro_rules! each {
    ($record:expr, $message:ident => $body:expr) => {
        match $record {
            Record::Fetched($message) => $body,
            Record::Kept($message) => $body,
        }
    };
}

impl Record<'_> {
    /// The value; `None` for a deletion.
    pub(super) fn value(&self) -> Option<&[u8]> {
        each!(self, m => m.payload())
    }
    /// The key.
    pub(super) fn key(&self) -> Option<&[u8]> {
        each!(self, m => m.key())
    }
    /// Name of the topic.
    pub(super) fn topic(&self) -> &str {
        each!(self, m => m.topic())
    }
    /// Number of the partition.
    pub(super) fn partition(&self) -> i32 {
        each!(self, m => m.partition())
    }
    /// The offset.
    pub(super) fn offset(&self) -> i64 {
        each!(self, m => m.offset())
    }
    /// Bytes of key and value.
    pub(super) fn size(&self) -> usize {
        self.key().map_or(0, <[u8]>::len) + self.value().map_or(0, <[u8]>::len)
    }
    fn timestamp(&self) -> Timestamp {
        each!(self, m => m.timestamp())
    }
    /// The headers, of equal names only the last, in the order of their last appearance.
    fn headers(&self) -> Vec<(String, Option<Vec<u8>>)> {
        each!(self, m => m.headers().map(distinct).unwrap_or_default())
    }
}

fn distinct<H: Headers>(headers: &H) -> Vec<(String, Option<Vec<u8>>)> {
    let mut out: Vec<(String, Option<Vec<u8>>)> = Vec::with_capacity(headers.count());
    for header in headers.iter() {
        out.retain(|(name, _)| name != header.key);
        out.push((header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
    }
    out
}

/// A column of envelope values in the declared type.
///
/// # Errors
/// When the value cannot be had in this type.
pub(super) fn column(meta: Meta, records: &[&Record<'_>], wanted: &DataType, zone: &str) -> Result<ArrayRef> {
    let array: ArrayRef = match meta {
        Meta::Topic => Arc::new(StringArray::from_iter_values(records.iter().map(|r| r.topic()))),
        Meta::Partition => Arc::new(records.iter().map(|r| Some(r.partition())).collect::<Int32Array>()),
        Meta::Offset => Arc::new(records.iter().map(|r| Some(r.offset())).collect::<Int64Array>()),
        Meta::TimestampType => Arc::new(StringArray::from_iter_values(records.iter().map(|r| match r.timestamp() {
            Timestamp::NotAvailable => "NoTimestampType",
            Timestamp::CreateTime(_) => "CreateTime",
            Timestamp::LogAppendTime(_) => "LogAppendTime",
        }))),
        Meta::LeaderEpoch => new_null_array(&DataType::Int32, records.len()),
        Meta::Timestamp => {
            // Kafka's own mark for "no timestamp" is -1, and Flink shows it.
            let millis = records.iter().map(|r| r.timestamp().to_millis().unwrap_or(-1));
            match wanted {
                DataType::Timestamp(_, None) => Arc::new(local_times(millis, zone)?),
                _ => Arc::new(TimestampMillisecondArray::from_iter_values(millis).with_timezone("UTC")),
            }
        }
        Meta::Headers => return headers(records, wanted),
    };
    if array.data_type() == wanted {
        return Ok(array);
    }
    cast(&array, wanted).map_err(|e| {
        Error::invalid(format!("metadata of type {} cannot be read as {wanted}", array.data_type()))
            .detail(e.to_string())
            .hint("Declare the column with the type that the documentation of the connector names.")
    })
}

/// What a clock in `zone` shows at these times.
fn local_times(millis: impl Iterator<Item = i64>, zone: &str) -> Result<TimestampMillisecondArray> {
    let zone: Tz = zone.parse().map_err(|_| Error::invalid(format!("'{zone}' is not the name of a time zone")))?;
    Ok(TimestampMillisecondArray::from_iter_values(millis.map(|utc| match DateTime::from_timestamp_millis(utc) {
        Some(time) => time.with_timezone(&zone).naive_local().and_utc().timestamp_millis(),
        None => utc,
    })))
}

fn headers(records: &[&Record<'_>], wanted: &DataType) -> Result<ArrayRef> {
    let (entry, key_field, value_field) = map_fields(wanted).ok_or_else(|| {
        Error::invalid(format!("metadata 'headers' cannot be read as {wanted}"))
            .hint("Declare it as MAP<STRING NOT NULL, BYTES>.")
    })?;
    let mut names = StringBuilder::new();
    let mut values = BinaryBuilder::new();
    let mut lengths = Vec::with_capacity(records.len());
    for record in records {
        let all = record.headers();
        lengths.push(all.len());
        for (name, value) in all {
            names.append_value(name);
            values.append_option(value);
        }
    }
    let names = cast(&names.finish(), key_field.data_type())?;
    let values = cast(&values.finish(), value_field.data_type())?;
    let entries = StructArray::try_new(vec![key_field, value_field].into(), vec![names, values], None)?;
    Ok(Arc::new(MapArray::try_new(entry, OffsetBuffer::from_lengths(lengths), entries, None, false)?))
}

/// The fields of a map type: the entry, its key and its value.
fn map_fields(map: &DataType) -> Option<(FieldRef, FieldRef, FieldRef)> {
    let DataType::Map(entry, _) = map else { return None };
    let DataType::Struct(fields) = entry.data_type() else { return None };
    match fields.as_ref() {
        [key, value] => Some((Arc::clone(entry), Arc::clone(key), Arc::clone(value))),
        _ => None,
    }
}
