//! The `json` format: one object a record.

mod encode;
mod escape;
mod scan;
mod shape;

#[cfg(test)]
mod tests;

use arrow::datatypes::SchemaRef;
use sloth_types::{Error, Options, Result, TableSpec};

use self::scan::Scanner;
use self::shape::Shape;
use super::shred::{Child, LENGTH_MAX, Rows, Text, ValueStyle, finish_rows};
use super::{Decoded, Decoder, check_block, zone_of};
pub(crate) use encode::write_text;
pub(super) use encode::{JsonEncoder, JsonRows, JsonStyle};

/// Options under `json.`; unknown ones are refused so that a typing error does not change meaning in silence.
const KNOWN: [&str; 7] = [
    "json.ignore-parse-errors",
    "json.fail-on-missing-field",
    "json.timestamp-format.standard",
    "json.map-null-key.mode",
    "json.map-null-key.literal",
    "json.encode.decimal-as-plain-number",
    "json.encode.ignore-null-fields",
];

/// Refuses unknown options of the format.
pub(super) fn check_options(options: &Options) -> Result<()> {
    super::check_prefixed("json", options, &KNOWN)
}

/// Decodes JSON objects. Missing members are NULL, unknown ones are checked and skipped.
pub(super) struct JsonDecoder {
    schema: SchemaRef,
    columns: Vec<Child>,
    shape: Shape,
    scratch: Vec<u8>,
    joined: Vec<u8>,
    style: ValueStyle,
    fail_on_missing: bool,
}

impl JsonDecoder {
    /// A decoder for rows of `schema`, with the options `<prefix>.…`.
    pub(super) fn new(prefix: &str, options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        let flag = |name: &str| options.parse_or(&format!("{prefix}.{name}"), "true or false", false);
        let (errors_are_null, fail_on_missing) = (flag("ignore-parse-errors")?, flag("fail-on-missing-field")?);
        if errors_are_null && fail_on_missing {
            return Err(Error::invalid(format!(
                "options '{prefix}.ignore-parse-errors' and '{prefix}.fail-on-missing-field' exclude each other"
            )));
        }
        let style = ValueStyle { errors_are_null, empty_is_null: false, zone: zone_of(table)? };
        let columns = Child::of(schema.fields())?;
        let shape = Shape::default();
        Ok(JsonDecoder { schema, columns, shape, scratch: Vec::new(), joined: Vec::new(), style, fail_on_missing })
    }

    fn begin(&mut self) {
        self.columns.iter_mut().for_each(|column| column.node.truncate(0));
        self.scratch.clear();
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded> {
        self.begin();
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        let mut gathered = Gathered::default();
        for (index, record) in (0u32..).zip(records) {
            if record.len() > LENGTH_MAX {
                gathered.bad.push((index, "the record is larger than 256 MiB".into()));
                continue;
            }
            let at = joined.len();
            joined.extend_from_slice(record);
            gathered.record(self, (&joined, at, at + record.len(), false), index);
        }
        let decoded = self.finish(gathered, &joined);
        self.joined = joined;
        decoded
    }

    fn decode_block(&mut self, block: &[u8]) -> Result<Decoded> {
        self.begin();
        let mut gathered = Gathered::default();
        let (mut at, mut index) = (0, 0);
        while let Some(byte) = block.get(at) {
            if *byte == b'\n' || (*byte == b'\r' && block.get(at + 1).is_none_or(|b| *b == b'\n')) {
                at += 1;
                continue;
            }
            let stopped = gathered.record(self, (block, at, block.len(), true), index);
            index += 1;
            at = match block.get(stopped) {
                Some(b'\n') => stopped + 1,
                _ => memchr::memchr(b'\n', block.get(stopped..).unwrap_or_default())
                    .map_or(block.len(), |length| stopped + length + 1),
            };
        }
        self.finish(gathered, block)
    }
}

impl JsonDecoder {
    fn finish(&mut self, gathered: Gathered, block: &[u8]) -> Result<Decoded> {
        check_block(block)?;
        let Gathered { count, record_of_row, bad, one_to_one } = gathered;
        let record_of_row = if one_to_one && bad.is_empty() { Vec::new() } else { record_of_row };
        let rows = Rows { columns: &self.columns, count, record_of_row, bad };
        finish_rows(rows, Text { block, scratch: &self.scratch }, &self.schema, &self.style)
    }
}

/// Rows scanned so far.
struct Gathered {
    count: usize,
    record_of_row: Vec<u32>,
    bad: Vec<(u32, String)>,
    one_to_one: bool,
}

impl Default for Gathered {
    fn default() -> Self {
        Gathered { count: 0, record_of_row: Vec::new(), bad: Vec::new(), one_to_one: true }
    }
}

impl Gathered {
    /// Scans the record at `at`; says where the scanner stopped (not past the record's newline in a block of lines).
    fn record(
        &mut self,
        decoder: &mut JsonDecoder,
        (block, at, end, lines): (&[u8], usize, usize, bool),
        index: u32,
    ) -> usize {
        let fail_on_missing = decoder.fail_on_missing;
        let block = block.get(..end).unwrap_or(block);
        let mut scanner = Scanner { block, at, lines, scratch: &mut decoder.scratch, fail_on_missing };
        let scanned = scan(&mut scanner, &mut decoder.columns, &mut decoder.shape);
        // A broken text may have swallowed nothing beyond its line: the scanner stops at newlines.
        let stopped = scanner.at;
        match scanned {
            Ok(rows) => {
                self.one_to_one &= rows == 1;
                self.count += rows;
                self.record_of_row.extend(std::iter::repeat_n(index, rows));
            }
            Err(why) => {
                decoder.columns.iter_mut().for_each(|column| column.node.truncate(self.count));
                self.bad.push((index, why));
            }
        }
        stopped
    }
}

/// One record: an object, or an array of objects, each of which is a row.
fn scan(scanner: &mut Scanner<'_>, columns: &mut [Child], shape: &mut Shape) -> Result<usize, String> {
    let mut rows = 0;
    if scanner.next_token() == b'[' {
        scanner.at += 1;
        if scanner.next_token() == b']' {
            scanner.at += 1;
        } else {
            loop {
                scanner.row(columns, shape)?;
                rows += 1;
                match scanner.next_token() {
                    b',' => scanner.at += 1,
                    b']' => {
                        scanner.at += 1;
                        break;
                    }
                    _ => return Err("broken JSON: the array of rows is not closed".into()),
                }
            }
        }
    } else {
        scanner.row(columns, shape)?;
        rows = 1;
    }
    match scanner.next_token() {
        0 if scanner.at >= scanner.block.len() => Ok(rows),
        b'\n' if scanner.lines => Ok(rows),
        _ => Err("broken JSON: something follows the end of the object".into()),
    }
}
