//! Rows as JSON objects, laid out as Flink does: members in column order, NULL written out.

use arrow::datatypes::{DataType, SchemaRef};
use sloth_types::{ChangeBatch, Error, Options, Result, TableSpec};

use super::super::cells::{Cells, TimeStyle, Values};
use super::super::{Encoder, refuse_retractions};

/// How rows are written.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct JsonStyle {
    times: TimeStyle,
    skip_nulls: bool,
    null_key: NullKey,
}

/// What to do with a NULL key of a MAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NullKey {
    Fail,
    Drop,
    Literal,
}

impl JsonStyle {
    /// The style that the options `<prefix>.…` ask for.
    pub(in crate::format) fn new(prefix: &str, options: &Options) -> Result<JsonStyle> {
        let key = format!("{prefix}.timestamp-format.standard");
        let times = match options.get(&key).map(str::to_ascii_uppercase).as_deref() {
            None | Some("SQL") => TimeStyle::SQL,
            Some("ISO-8601") => TimeStyle::ISO,
            Some(other) => {
                return Err(Error::invalid(format!("option '{key}' = '{other}': expected SQL or ISO-8601")));
            }
        };
        let key = format!("{prefix}.map-null-key.mode");
        let null_key = match options.get(&key).map(str::to_ascii_uppercase).as_deref() {
            None | Some("FAIL") => NullKey::Fail,
            Some("DROP") => NullKey::Drop,
            Some("LITERAL") => NullKey::Literal,
            Some(other) => {
                return Err(Error::invalid(format!("option '{key}' = '{other}': expected FAIL, DROP or LITERAL")));
            }
        };
        let skip_nulls = options.parse_or(&format!("{prefix}.encode.ignore-null-fields"), "true or false", false)?;
        Ok(JsonStyle { times, skip_nulls, null_key })
    }
}

/// One JSON object a row.
pub(in crate::format) struct JsonEncoder {
    style: JsonStyle,
    null_literal: String,
    record: Vec<u8>,
}

impl JsonEncoder {
    /// An encoder for rows of `schema`.
    pub(in crate::format) fn new(options: &Options, _: &TableSpec, schema: SchemaRef) -> Result<Self> {
        super::check_options(options)?;
        check_types(schema.fields().iter().map(|f| f.data_type()))?;
        let null_literal = options.get("json.map-null-key.literal").unwrap_or("null").to_owned();
        Ok(JsonEncoder { style: JsonStyle::new("json", options)?, null_literal, record: Vec::new() })
    }
}

fn check_types<'a>(types: impl Iterator<Item = &'a DataType>) -> Result<()> {
    for data_type in types {
        if matches!(data_type, DataType::Interval(_) | DataType::Duration(_) | DataType::Union(..)) {
            return Err(Error::unsupported(format!("format 'json' has no type {data_type}")));
        }
    }
    Ok(())
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &ChangeBatch, emit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        refuse_retractions("json", batch)?;
        let rows = JsonRows::new(&batch.rows, self.style, &self.null_literal)?;
        (0..batch.len()).try_for_each(|row| {
            self.record.clear();
            rows.write(row, &mut self.record)?;
            emit(&self.record)
        })
    }
}

/// A batch opened for writing objects.
pub(in crate::format) struct JsonRows<'a> {
    /// Columns with their quoted keys.
    members: Vec<(Vec<u8>, Cells)>,
    style: JsonStyle,
    null_literal: &'a str,
}

impl<'a> JsonRows<'a> {
    /// Opens a batch.
    pub(in crate::format) fn new(
        batch: &arrow::array::RecordBatch,
        style: JsonStyle,
        null_literal: &'a str,
    ) -> Result<Self> {
        let schema = batch.schema();
        let keys = schema.fields().iter().map(|field| {
            let mut key = Vec::new();
            write_text(field.name(), &mut key);
            key.push(b':');
            key
        });
        Ok(JsonRows { members: keys.zip(Cells::of_batch(batch)?).collect(), style, null_literal })
    }

    /// Appends the object of `row`.
    pub(in crate::format) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'{');
        let mut first = true;
        for (key, cells) in &self.members {
            let null = cells.is_null(row);
            if null && self.style.skip_nulls {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(key);
            self.value(cells, row, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn value(&self, cells: &Cells, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if cells.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match &cells.values {
            Values::Null => out.extend_from_slice(b"null"),
            Values::Text(texts) => write_text(texts.value(row), out),
            Values::Bytes(_) | Values::Date(_) | Values::Time(_) | Values::Timestamp(..) => {
                out.push(b'"');
                cells.write_scalar(row, self.style.times, out);
                out.push(b'"');
            }
            Values::Double(values) if !values.value(row).is_finite() => {
                quoted_scalar(cells, row, out);
            }
            Values::Float(values) if !values.value(row).is_finite() => {
                quoted_scalar(cells, row, out);
            }
            Values::Row(children) => self.object(children, row, out)?,
            Values::List(offsets, items) => {
                out.push(b'[');
                for (index, item) in span(offsets, row).enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.value(items, item, out)?;
                }
                out.push(b']');
            }
            Values::Map(offsets, pair) => self.map(span(offsets, row), pair, out)?,
            _ => {
                cells.write_scalar(row, self.style.times, out);
            }
        }
        Ok(())
    }

    fn object(&self, children: &[(arrow::datatypes::FieldRef, Cells)], row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'{');
        let mut first = true;
        for (field, cells) in children {
            if self.style.skip_nulls && cells.is_null(row) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_text(field.name(), out);
            out.push(b':');
            self.value(cells, row, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn map(&self, span: std::ops::Range<usize>, pair: &[Cells; 2], out: &mut Vec<u8>) -> Result<()> {
        let [keys, values] = pair;
        out.push(b'{');
        let mut first = true;
        for entry in span {
            let null = keys.is_null(entry);
            if null && self.style.null_key == NullKey::Drop {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            match &keys.values {
                _ if null && self.style.null_key == NullKey::Literal => write_text(self.null_literal, out),
                _ if null => {
                    return Err(Error::data("a MAP with a NULL key cannot be written as JSON")
                        .hint("Set 'json.map-null-key.mode' to 'DROP' or 'LITERAL'."));
                }
                Values::Text(texts) => write_text(texts.value(entry), out),
                _ => quoted_scalar(keys, entry, out),
            }
            out.push(b':');
            self.value(values, entry, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

fn quoted_scalar(cells: &Cells, row: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    cells.write_scalar(row, TimeStyle::SQL, out);
    out.push(b'"');
}

fn span(offsets: &[usize], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| offsets.get(index).copied().unwrap_or(0);
    at(row)..at(row + 1)
}

/// Writes a text in quotes with the escapes that JSON demands.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    use std::io::Write;
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut from = 0;
    loop {
        let at = super::escape::find_special(bytes, from);
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        let Some(byte) = bytes.get(at) else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                // Writing to a Vec cannot fail.
                let _ = write!(out, "\\u{other:04x}");
            }
        }
        from = at + 1;
    }
    out.push(b'"');
}
