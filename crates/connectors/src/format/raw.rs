//! The `raw` format: the whole record is the value of the only column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use sloth_types::{ChangeBatch, Error, Options, Result, TableSpec};

use super::cells::{Cells, TimeStyle};
use super::shred::{Found, Kind, LENGTH_MAX, Node, Text, Token, ValueStyle, Values, finish_rows};
use super::{Decoded, Decoder, Encoder, check_block, physical_columns, zone_of};

fn check(options: &Options, table: &TableSpec) -> Result<()> {
    super::check_prefixed("raw", options, &["raw.charset", "raw.endianness"])?;
    if let Some(charset) = options.get("raw.charset").filter(|c| !c.eq_ignore_ascii_case("UTF-8")) {
        return Err(Error::unsupported(format!("option 'raw.charset' = '{charset}': only UTF-8 is offered")));
    }
    let columns = physical_columns(table).fields().len();
    if columns != 1 {
        return Err(Error::invalid(format!(
            "format 'raw' needs exactly one column, but '{}' has {columns}",
            table.name
        ))
        .hint("Declare one STRING or BYTES column, or use the format 'csv' or 'json'."));
    }
    Ok(())
}

/// Takes records as they are: STRING and BYTES without a look inside, other scalars from their text.
pub(super) struct RawDecoder {
    schema: SchemaRef,
    style: ValueStyle,
    joined: Vec<u8>,
}

impl RawDecoder {
    /// A decoder for the one column of the table (or none).
    pub(super) fn new(options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        check(options, table)?;
        for field in schema.fields() {
            if !matches!(Values::default().node(field.data_type(), false)?, Node::Leaf(_)) {
                return Err(Error::unsupported(format!("format 'raw' has no type {}", field.data_type())));
            }
        }
        let style = ValueStyle { errors_are_null: false, empty_is_null: false, zone: zone_of(table)? };
        Ok(RawDecoder { schema, style, joined: Vec::new() })
    }
}

impl Decoder for RawDecoder {
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded> {
        let Some(field) = self.schema.fields().first() else {
            let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
            let batch = RecordBatch::try_new_with_options(self.schema.clone(), Vec::new(), &options)?;
            return Ok(Decoded { batch, diffs: None, record_of_row: None, bad: Vec::new() });
        };
        if matches!(field.data_type(), DataType::Binary | DataType::LargeBinary | DataType::BinaryView) {
            let array: ArrayRef = Arc::new(BinaryArray::from_iter_values(records));
            let batch = RecordBatch::try_new(self.schema.clone(), vec![cast(&array, field.data_type())?])?;
            return Ok(Decoded { batch, diffs: None, record_of_row: None, bad: Vec::new() });
        }
        self.joined.clear();
        let mut values = Values::default();
        let columns = values.columns(self.schema.fields(), true)?;
        let mut found = Found::default();
        for (index, record) in (0u32..).zip(records) {
            if record.len() > LENGTH_MAX {
                found.bad(index, "the record is larger than 256 MiB".to_owned());
                continue;
            }
            let start = self.joined.len();
            self.joined.extend_from_slice(record);
            values.push_token(0, Token::new(start, self.joined.len(), Kind::Text), record);
            found.good(index, 1);
        }
        check_block(&self.joined)?;
        let text = Text { block: &self.joined, scratch: &[] };
        finish_rows(found, (&columns, &mut values), text, &self.schema, &self.style)
    }
}

/// Writes the value of the only column; NULL is an empty record.
pub(super) struct RawEncoder {
    schema: SchemaRef,
    record: Vec<u8>,
}

impl RawEncoder {
    /// An encoder for the one column of the table.
    pub(super) fn new(options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        check(options, table)?;
        Ok(RawEncoder { schema, record: Vec::new() })
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, batch: &ChangeBatch, emit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        super::refuse_retractions("raw", batch)?;
        let column = batch.rows.column(0);
        match self.schema.field(0).data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let column = cast(column, &DataType::Utf8)?;
                let texts: &StringArray = column.as_string();
                texts.iter().try_for_each(|text| emit(text.unwrap_or_default().as_bytes()))
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                let column = cast(column, &DataType::Binary)?;
                let bytes: &BinaryArray = column.as_binary();
                bytes.iter().try_for_each(|bytes| emit(bytes.unwrap_or_default()))
            }
            _ => {
                let cells = Cells::of(column)?;
                (0..column.len()).try_for_each(|row| {
                    self.record.clear();
                    cells.write_scalar(row, TimeStyle::SQL, &mut self.record);
                    emit(&self.record)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Int32Type;

    use super::*;
    use crate::format::{decoder, encoder};
    use crate::testing::{nullable, table};

    fn round_trip(data_type: DataType, records: &[&[u8]]) -> (Decoded, Vec<Vec<u8>>) {
        let table = table("t", vec![nullable("v", data_type)], &[]);
        let schema = table.schema.clone();
        let decoded = decoder("raw", &table.options, &table, schema.clone()).unwrap().decode(records).unwrap();
        let mut out = Vec::new();
        let batch = ChangeBatch::append(decoded.batch.clone());
        let mut encoder = encoder("raw", &table.options, &table, schema).unwrap();
        let mut emit = |record: &[u8]| {
            out.push(record.to_vec());
            Ok(())
        };
        encoder.encode(&batch, &mut emit).unwrap();
        (decoded, out)
    }

    #[test]
    fn text_and_bytes_are_taken_as_they_are() {
        let records: [&[u8]; 3] = [b"a,\"b\"", b"", b"\xff\x00"];
        for bytes in [DataType::Binary, DataType::BinaryView] {
            assert_eq!(round_trip(bytes, &records).1, records);
        }
        for text in [DataType::Utf8, DataType::Utf8View] {
            let (decoded, out) = round_trip(text, &records);
            assert_eq!(out, records[..2]);
            assert_eq!(decoded.bad.iter().map(|(r, _)| *r).collect::<Vec<_>>(), [2]);
            assert_eq!(decoded.record_of_row, Some(vec![0, 1]));
        }
    }

    #[test]
    fn numbers_come_from_their_text() {
        let (decoded, out) = round_trip(DataType::Int32, &[b"7", b"x", b"-1"]);
        assert_eq!(decoded.batch.column(0).as_primitive::<Int32Type>().values(), &[7, -1]);
        assert_eq!(out, [b"7".to_vec(), b"-1".to_vec()]);
        assert_eq!(decoded.bad, [(1, "column 'v': 'x' is not a valid INT".to_owned())]);
    }

    #[test]
    fn a_table_has_one_column() {
        let two = table("t", vec![nullable("a", DataType::Utf8), nullable("b", DataType::Utf8)], &[]);
        let error = decoder("raw", &two.options, &two, two.schema.clone()).err().unwrap().to_string();
        assert!(error.contains("exactly one column"), "{error}");
    }
}
