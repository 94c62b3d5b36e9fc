//! Formats: bytes to rows and rows to bytes.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use sloth_types::{ChangeBatch, Error, Options, Result, TableSpec};

/// What a decoder made of some records.
#[derive(Debug)]
pub struct Decoded {
    /// The rows, exactly in the schema asked for.
    pub batch: RecordBatch,
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
}

/// Rows to bytes. One per writer.
pub trait Encoder: Send {
    /// Encodes each change as one record, in order; `emit` gets the bytes of each (without a separator).
    ///
    /// # Errors
    /// When a value cannot be represented.
    fn encode(&mut self, batch: &ChangeBatch, emit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;
}

/// The decoder of `format` (`json`, `csv`, `raw`, `debezium-json`), with options under `<format>.`; the rows have exactly
/// `schema`, a projection of the table's physical columns by name (a struct may have fewer children).
///
/// # Errors
/// When the format is not known or an option is wrong.
pub fn decoder(format: &str, options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Box<dyn Decoder>> {
    let _ = (options, table, schema);
    Err(Error::invalid(format!("format '{format}' is not known")))
}

/// The encoder of `format` for rows of `schema`.
///
/// # Errors
/// As [`decoder`].
pub fn encoder(format: &str, options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Box<dyn Encoder>> {
    let _ = (options, table, schema);
    Err(Error::invalid(format!("format '{format}' is not known")))
}
