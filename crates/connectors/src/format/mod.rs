//! Formats: bytes to rows and rows to bytes.

mod adapt;
pub(crate) mod cells;
mod change;
mod csv;
mod json;
mod raw;
mod shred;
#[cfg(test)]
mod speed;
mod value;

pub(crate) use adapt::{Unfit, adapt_batch};
pub(crate) use json::write_text as write_json_text;

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use sloth_types::{ChangeBatch, Error, Options, Result, TableSpec};

/// What a decoder made of some records.
#[derive(Debug)]
pub struct Decoded {
    /// The rows, exactly in the schema asked for.
    pub batch: RecordBatch,
    /// One weight a row (+1 or -1), where the records are changes; absent when every row is an insert.
    pub diffs: Option<Int64Array>,
    /// For each row the index of the record it came from; `None` when record `i` gave row `i`.
    pub record_of_row: Option<Vec<u32>>,
    /// Index and error of each record that could not be decoded (it gave no row).
    pub bad: Vec<(u32, String)>,
}

/// Bytes to rows. One per split; keeps no state between calls but buffers.
pub trait Decoder: Send {
    /// Decodes messages: each slice is one record (a Kafka value, a line).
    ///
    /// # Errors
    /// Only for bugs: a record that cannot be decoded goes to [`Decoded::bad`].
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded>;

    /// Decodes a block of newline-terminated records at full speed. The default splits it and calls `decode`.
    /// Records are counted as non-empty lines, whether they give a row or not.
    ///
    /// # Errors
    /// As `decode`.
    fn decode_block(&mut self, block: &[u8]) -> Result<Decoded> {
        let records: Vec<&[u8]> = block
            .split(|b| *b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.is_empty())
            .collect();
        self.decode(&records)
    }

    /// True when the first line of a file is a header for [`Decoder::set_header`].
    fn has_header(&self) -> bool {
        false
    }

    /// Tells the header line of the file that the next blocks come from.
    ///
    /// # Errors
    /// When a column is missing there.
    fn set_header(&mut self, line: &[u8]) -> Result<()> {
        let _ = line;
        Ok(())
    }

    /// Length of the first complete records of `block`, at most `records_max` of them (0 when there is none): where a
    /// block read from a file may be cut. By default a record ends at a newline.
    fn cut(&self, block: &[u8], records_max: usize) -> usize {
        cut_lines(block, records_max)
    }
}

/// Rows to bytes. One per writer.
pub trait Encoder: Send {
    /// Encodes each change as one record, in order; `emit` gets the bytes of each (without a separator).
    ///
    /// # Errors
    /// When a value cannot be represented.
    fn encode(&mut self, batch: &ChangeBatch, emit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

    /// The first line of a file, for formats that have one.
    fn header(&self, schema: &SchemaRef) -> Option<Vec<u8>> {
        let _ = schema;
        None
    }
}

/// The decoder of `format`, with options under `<format>.`; the rows have exactly `schema`, a projection by name of the
/// table's physical columns and of those metadata columns that the format has (a struct may have fewer children).
///
/// # Errors
/// When the format is not known or an option is wrong.
pub fn decoder(format: &str, options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Box<dyn Decoder>> {
    Ok(match format {
        "json" => {
            json::check_options(options)?;
            Box::new(json::JsonDecoder::new("json", options, table, schema)?)
        }
        "csv" => Box::new(csv::CsvDecoder::new(options, table, schema)?),
        "raw" => Box::new(raw::RawDecoder::new(options, table, schema)?),
        changes if writes_changes(changes) => change::decoder(changes, options, table, schema)?,
        other => return Err(unknown(other)),
    })
}

/// The encoder of `format` for rows of `schema`.
///
/// # Errors
/// As [`decoder`].
pub fn encoder(format: &str, options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        "json" => Box::new(json::JsonEncoder::new(options, table, schema)?),
        "csv" => Box::new(csv::CsvEncoder::new(options, table, schema)?),
        "raw" => Box::new(raw::RawEncoder::new(options, table, schema)?),
        changes if writes_changes(changes) => change::encoder(changes, options)?,
        other => return Err(unknown(other)),
    })
}

/// True when records of the format carry metadata of this name (a column with `METADATA FROM 'key'`).
pub(crate) fn has_metadata(format: &str, key: &str) -> bool {
    change::has_metadata(format, key)
}

/// True for formats whose records say what kind of change they are.
pub fn writes_changes(format: &str) -> bool {
    matches!(format, "debezium-json" | "canal-json" | "maxwell-json")
}

fn unknown(format: &str) -> Error {
    Error::invalid(format!("format '{format}' is not known"))
        .hint("Known formats: json, csv, raw, debezium-json, canal-json, maxwell-json.")
}

/// The table's columns without the metadata columns: what a record holds.
pub(crate) fn physical_columns(table: &TableSpec) -> SchemaRef {
    let is_metadata = |name: &str| table.metadata.iter().any(|m| m.column == name);
    let fields: Vec<_> = table.schema.fields().iter().filter(|f| !is_metadata(f.name())).cloned().collect();
    Arc::new(Schema::new(fields))
}

/// The zone for local times of the table.
fn zone_of(table: &TableSpec) -> Result<chrono_tz::Tz> {
    table.time_zone.parse().map_err(|_| Error::invalid(format!("'{}' is not the name of a time zone", table.time_zone)))
}

/// Refuses an option under `<format>.` that is not known.
fn check_prefixed(format: &str, options: &Options, known: &[&str]) -> Result<()> {
    let prefix = format!("{format}.");
    let own = options.iter().filter(|(key, _)| key.starts_with(&prefix));
    Options::new(own.map(|(k, v)| (k.to_owned(), v.to_owned()))).check_known(format, known, &[])
}

/// Length of the first `lines_max` complete lines, or of all when there are fewer.
fn cut_lines(block: &[u8], lines_max: usize) -> usize {
    const STEP: usize = 16 << 10;
    // Counting is much faster than finding, so only the step in which the last line ends is searched.
    let mut left = lines_max;
    let mut at = 0;
    for step in block.chunks(STEP) {
        let lines = memchr::memchr_iter(b'\n', step).count();
        if lines >= left {
            let end = left.checked_sub(1).and_then(|last| memchr::memchr_iter(b'\n', step).nth(last));
            return end.map_or(0, |end| at + end + 1);
        }
        left -= lines;
        at += step.len();
    }
    memchr::memrchr(b'\n', block).map_or(0, |last| last + 1)
}

/// Decoders count positions in 31 bits.
fn check_block(block: &[u8]) -> Result<()> {
    if i32::try_from(block.len()).is_err() {
        return Err(Error::internal("more than 2 GiB of records in one call of a decoder"));
    }
    Ok(())
}

/// For formats that can only say "insert".
pub(crate) fn refuse_retractions(format: &str, batch: &ChangeBatch) -> Result<()> {
    if batch.diffs.as_ref().is_some_and(|diffs| diffs.values().iter().any(|diff| *diff < 0)) {
        return Err(Error::unsupported(format!("format '{format}' cannot write deletions"))
            .hint("Use the format 'debezium-json', or a sink that takes changes."));
    }
    Ok(())
}
