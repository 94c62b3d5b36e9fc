//! Rows as lines of fields; quotes only where the reader would need them.

use arrow::datatypes::SchemaRef;
use sloth_types::{ChangeBatch, Options, Result, TableSpec};

use super::super::cells::{Cells, TimeStyle, Values};
use super::super::{Encoder, refuse_retractions};
use super::CsvStyle;

/// One line a row.
pub(in crate::format) struct CsvEncoder {
    style: CsvStyle,
    record: Vec<u8>,
    field: Vec<u8>,
}

impl CsvEncoder {
    /// An encoder for rows of `schema`.
    pub(in crate::format) fn new(options: &Options, _: &TableSpec, schema: SchemaRef) -> Result<Self> {
        let style = CsvStyle::new(options)?;
        for field in schema.fields() {
            super::fields::check_type(field.data_type())?;
        }
        Ok(CsvEncoder { style, record: Vec::new(), field: Vec::new() })
    }
}

impl Encoder for CsvEncoder {
    fn encode(&mut self, batch: &ChangeBatch, emit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        refuse_retractions("csv", batch)?;
        let columns = Cells::of_batch(&batch.rows)?;
        for row in 0..batch.len() {
            self.record.clear();
            for (index, cells) in columns.iter().enumerate() {
                if index > 0 {
                    self.record.push(self.style.delimiter);
                }
                self.push(cells, row);
            }
            emit(&self.record)?;
        }
        Ok(())
    }

    fn header(&self, schema: &SchemaRef) -> Option<Vec<u8>> {
        if !self.style.header {
            return None;
        }
        let mut line = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                line.push(self.style.delimiter);
            }
            quote(field.name().as_bytes(), &self.style, &mut line);
        }
        Some(line)
    }
}

impl CsvEncoder {
    fn push(&mut self, cells: &Cells, row: usize) {
        let CsvEncoder { style, record, field } = self;
        if cells.is_null(row) {
            record.extend_from_slice(style.null.as_deref().unwrap_or_default());
            return;
        }
        field.clear();
        match &cells.values {
            Values::Row(children) => {
                for (index, (_, child)) in children.iter().enumerate() {
                    element(child, row, index, style, field);
                }
            }
            Values::List(offsets, items) => {
                let at = |index: usize| offsets.get(index).copied().unwrap_or(0);
                for (index, item) in (at(row)..at(row + 1)).enumerate() {
                    element(items, item, index, style, field);
                }
            }
            _ => {
                cells.write_scalar(row, TimeStyle::SQL, field);
            }
        }
        quote(field, style, record);
    }
}

fn element(cells: &Cells, row: usize, index: usize, style: &CsvStyle, out: &mut Vec<u8>) {
    if index > 0 {
        out.extend_from_slice(&style.element_delimiter);
    }
    if cells.is_null(row) {
        out.extend_from_slice(style.null.as_deref().unwrap_or_default());
    } else {
        cells.write_scalar(row, TimeStyle::SQL, out);
    }
}

/// Writes a field, in quotes when it has a delimiter, a quote, a newline or looks like a comment.
fn quote(field: &[u8], style: &CsvStyle, out: &mut Vec<u8>) {
    let special = |byte: &u8| {
        *byte == style.delimiter
            || Some(*byte) == style.quote
            || matches!(byte, b'\n' | b'\r')
            || Some(*byte) == style.escape
    };
    let comment = style.comments && field.first() == Some(&b'#');
    match style.quote {
        Some(quote) if comment || field.iter().any(special) => {
            out.push(quote);
            for byte in field {
                if *byte == quote || Some(*byte) == style.escape {
                    out.push(*byte);
                }
                out.push(*byte);
            }
            out.push(quote);
        }
        _ => out.extend_from_slice(field),
    }
}
