//! The `csv` format: one line a record; columns by position, or by name when files have a header.

mod encode;
mod fields;
mod quoted;
mod separators;

#[cfg(test)]
mod tests;

use arrow::datatypes::SchemaRef;
use sloth_types::{Error, Options, Result, TableSpec};

use self::fields::{Layout, nest};
use super::shred::{Found, LENGTH_MAX, Text, Token, ValueStyle, finish_rows};
use super::{Decoded, Decoder, check_block, physical_columns, zone_of};
pub(super) use encode::CsvEncoder;

/// Options under `csv.`; `header` and `multiline` are ours, the others Flink's.
const KNOWN: [&str; 11] = [
    "csv.field-delimiter",
    "csv.quote-character",
    "csv.disable-quote-character",
    "csv.escape-character",
    "csv.allow-comments",
    "csv.ignore-parse-errors",
    "csv.null-literal",
    "csv.array-element-delimiter",
    "csv.header",
    "csv.multiline",
    "csv.write-bigdecimal-in-scientific-notation",
];

/// How a table's lines are written.
#[derive(Clone, Debug)]
pub(super) struct CsvStyle {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    comments: bool,
    null: Option<Vec<u8>>,
    element_delimiter: Vec<u8>,
    header: bool,
    multiline: bool,
}

impl CsvStyle {
    /// Reads and checks the options.
    pub(super) fn new(options: &Options) -> Result<Self> {
        super::check_prefixed("csv", options, &KNOWN)?;
        let flag = |name: &str| options.parse_or(name, "true or false", false);
        let quote = byte_option(options, "csv.quote-character")?.unwrap_or(b'"');
        let quote = if flag("csv.disable-quote-character")? { None } else { Some(quote) };
        let style = CsvStyle {
            delimiter: byte_option(options, "csv.field-delimiter")?.unwrap_or(b','),
            quote,
            escape: byte_option(options, "csv.escape-character")?,
            comments: flag("csv.allow-comments")?,
            null: options.get("csv.null-literal").map(|text| text.as_bytes().to_vec()),
            element_delimiter: options.get("csv.array-element-delimiter").unwrap_or(";").as_bytes().to_vec(),
            header: flag("csv.header")?,
            multiline: flag("csv.multiline")?,
        };
        if Some(style.delimiter) == style.quote || Some(style.delimiter) == style.escape {
            return Err(Error::invalid("option 'csv.field-delimiter' equals the quote or the escape character"));
        }
        if style.element_delimiter.is_empty() {
            return Err(Error::invalid("option 'csv.array-element-delimiter' is empty"));
        }
        Ok(style)
    }
}

/// A one-byte option; `\t` and the like may be written as escapes.
fn byte_option(options: &Options, key: &str) -> Result<Option<u8>> {
    let Some(text) = options.get(key) else { return Ok(None) };
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(Some(*byte)),
        b"\\t" => Ok(Some(b'\t')),
        b"\\u0001" | b"\\001" => Ok(Some(1)),
        _ => Err(Error::invalid(format!("option '{key}' = '{text}': expected one ASCII character"))),
    }
}

/// Decodes lines of fields. Only the projected columns are looked at, but the number of fields of each line is checked.
pub(super) struct CsvDecoder {
    style: CsvStyle,
    values: ValueStyle,
    schema: SchemaRef,
    table: SchemaRef,
    layout: Layout,
    /// Tokens of the projected columns.
    cells: Vec<Vec<Token>>,
    scratch: Vec<u8>,
    joined: Vec<u8>,
    /// Positions of delimiters and newlines of the block at hand.
    separators: Vec<u32>,
}

impl CsvDecoder {
    /// A decoder for rows of `schema`, by position among the table's physical columns.
    pub(super) fn new(options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        let style = CsvStyle::new(options)?;
        let errors_are_null = options.parse_or("csv.ignore-parse-errors", "true or false", false)?;
        let values = ValueStyle { errors_are_null, empty_is_null: true, zone: zone_of(table)? };
        let columns = physical_columns(table);
        for field in schema.fields() {
            fields::check_type(field.data_type())
                .map_err(|e| e.context(format_args!("column '{}' in format 'csv'", field.name())))?;
        }
        let layout = Layout::by_name(columns.fields().iter().map(|f| f.name().as_bytes()), &schema)?;
        let cells = vec![Vec::new(); schema.fields().len()];
        Ok(CsvDecoder {
            style,
            values,
            schema,
            table: columns,
            layout,
            cells,
            scratch: Vec::new(),
            joined: Vec::new(),
            separators: Vec::new(),
        })
    }

    fn begin(&mut self) {
        self.cells.iter_mut().for_each(Vec::clear);
        self.scratch.clear();
    }

    fn finish(&mut self, found: Found, block: &[u8]) -> Result<Decoded> {
        if let Some(null) = &self.style.null {
            let text = Text { block, scratch: &self.scratch };
            for token in self.cells.iter_mut().flatten().filter(|t| text.of(**t) == null.as_slice()) {
                *token = Token::NULL;
            }
        }
        let (columns, mut values) = nest(&mut self.cells, &self.schema, block, &mut self.scratch, &self.style)?;
        let text = Text { block, scratch: &self.scratch };
        let decoded = finish_rows(found, (&columns, &mut values), text, &self.schema, &self.values);
        fields::take_back(&columns, values, &mut self.cells);
        decoded
    }
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded> {
        self.begin();
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        records.iter().for_each(|record| joined.extend_from_slice(record));
        check_block(&joined)?;
        let mut found = Found::default();
        let mut at = 0;
        for (index, record) in (0u32..).zip(records) {
            let end = at + record.len();
            self.one_message(&joined, at..end, index, &mut found);
            at = end;
        }
        let decoded = self.finish(found, &joined);
        self.joined = joined;
        decoded
    }

    fn decode_block(&mut self, block: &[u8]) -> Result<Decoded> {
        check_block(block)?;
        self.begin();
        let mut found = Found::default();
        let quotes = self.style.quote.is_some_and(|quote| memchr::memchr(quote, block).is_some());
        if quotes || self.style.escape.is_some() {
            self.quoted_lines(block, &mut found);
        } else {
            self.plain_lines(block, &mut found);
        }
        self.finish(found, block)
    }

    fn has_header(&self) -> bool {
        self.style.header
    }

    fn set_header(&mut self, line: &[u8]) -> Result<()> {
        let names = quoted::split(line, &self.style)
            .map_err(|why| Error::data(format!("the header line cannot be read: {why}")))?;
        let names: Vec<&[u8]> = names.iter().map(|name| name.trim_ascii()).collect();
        self.layout = Layout::by_name(names.into_iter(), &self.schema)?;
        Ok(())
    }

    fn cut(&self, block: &[u8], records_max: usize) -> usize {
        if !self.style.multiline || self.style.quote.is_none() {
            return super::cut_lines(block, records_max);
        }
        let mut length = 0;
        for _ in 0..records_max {
            match quoted::record_end(block, length, &self.style) {
                Some(newline) => length = newline + 1,
                None => break,
            }
        }
        length
    }
}

impl CsvDecoder {
    fn one_message(&mut self, block: &[u8], range: std::ops::Range<usize>, index: u32, found: &mut Found) {
        let record = block.get(range.clone()).unwrap_or_default();
        if record.len() > LENGTH_MAX {
            return found.bad(index, "the record is larger than 256 MiB".into());
        }
        let body = record.strip_suffix(b"\n").unwrap_or(record);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        if body.is_empty() {
            return found.bad(index, "the record is empty".into());
        }
        self.quoted_record(block, range.start, range.start + body.len(), index, found);
    }

    /// The types of the table, for messages.
    fn width_error(&self, fields: usize) -> String {
        let what = if self.style.header { "the header" } else { "the table" };
        let names: Vec<&str> = self.table.fields().iter().map(|f| f.name().as_str()).collect();
        let columns = names.join(", ");
        format!("the line has {fields} fields, but {what} has {} columns ({columns})", self.layout.width())
    }
}
