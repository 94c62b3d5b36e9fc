//! The `json` format: one object a record.

mod encode;
mod escape;
mod rows;
mod scan;
mod template;

#[cfg(test)]
mod tests;

use arrow::datatypes::SchemaRef;
use sloth_types::{Error, Options, Result, TableSpec};

use self::rows::{Lists, lists_of};
use self::scan::Scanner;
use self::template::{Template, Trace};
use super::shred::{Child, Found, LENGTH_MAX, Text, ValueStyle, Values, finish_rows};
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
    style: ValueStyle,
    fail_on_missing: bool,
    joined: Vec<u8>,
    buffers: Buffers,
}

/// What scanning fills and learns.
#[derive(Default)]
struct Buffers {
    values: Values,
    scratch: Vec<u8>,
    template: Template,
    trace: Trace,
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
        let mut buffers = Buffers::default();
        let columns = buffers.values.columns(schema.fields(), true)?;
        Ok(JsonDecoder { schema, columns, style, fail_on_missing, joined: Vec::new(), buffers })
    }

    fn begin(&mut self) {
        self.buffers.values.clear();
        self.buffers.scratch.clear();
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded> {
        self.begin();
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        let mut found = Found::default();
        let mut records_of = Records::new(&self.columns, &mut self.buffers, self.fail_on_missing);
        for (index, record) in (0u32..).zip(records) {
            if record.len() > LENGTH_MAX {
                found.bad(index, "the record is larger than 256 MiB".into());
                continue;
            }
            let at = joined.len();
            joined.extend_from_slice(record);
            records_of.record((&joined, at, false), index, &mut found);
        }
        let decoded = self.finish(found, &joined);
        self.joined = joined;
        decoded
    }

    fn decode_block(&mut self, block: &[u8]) -> Result<Decoded> {
        self.begin();
        let mut found = Found::default();
        let mut records = Records::new(&self.columns, &mut self.buffers, self.fail_on_missing);
        let (mut at, mut index) = (0, 0);
        while let Some(byte) = block.get(at) {
            if *byte == b'\n' || (*byte == b'\r' && block.get(at + 1).is_none_or(|b| *b == b'\n')) {
                at += 1;
                continue;
            }
            let stopped = records.record((block, at, true), index, &mut found);
            index += 1;
            at = match block.get(stopped) {
                Some(b'\n') => stopped + 1,
                _ => memchr::memchr(b'\n', block.get(stopped..).unwrap_or_default())
                    .map_or(block.len(), |length| stopped + length + 1),
            };
        }
        self.finish(found, block)
    }
}

impl JsonDecoder {
    fn finish(&mut self, found: Found, block: &[u8]) -> Result<Decoded> {
        check_block(block)?;
        let text = Text { block, scratch: &self.buffers.scratch };
        finish_rows(found, (&self.columns, &mut self.buffers.values), text, &self.schema, &self.style)
    }
}

/// Scans one record after another.
struct Records<'a> {
    columns: &'a [Child],
    lists: Lists<'a>,
    buffers: &'a mut Buffers,
    fail_on_missing: bool,
}

impl<'a> Records<'a> {
    fn new(columns: &'a [Child], buffers: &'a mut Buffers, fail_on_missing: bool) -> Self {
        let mut lists = Lists::new();
        lists_of(columns, &mut lists);
        Records { columns, lists, buffers, fail_on_missing }
    }

    /// Scans the record at `at`; says where the scanner stopped (not past the record's newline in a block of lines).
    #[inline]
    fn record(&mut self, (block, at, lines): (&[u8], usize, bool), index: u32, found: &mut Found) -> usize {
        let Buffers { values, scratch, template, trace } = &mut *self.buffers;
        let mut scanner = Scanner {
            block,
            at,
            lines,
            fail_on_missing: self.fail_on_missing,
            columns: self.columns,
            lists: &self.lists,
            values,
            scratch,
            template,
            trace,
            tracing: false,
        };
        let scanned = scan(&mut scanner);
        // A broken text may have swallowed nothing beyond its line: the scanner stops at newlines.
        let stopped = scanner.at;
        match scanned {
            Ok(rows) => found.good(index, rows),
            Err(why) => {
                self.columns.iter().for_each(|column| values.truncate(&column.node, found.count));
                found.bad(index, why);
            }
        }
        stopped
    }
}

/// One record: an object, or an array of objects, each of which is a row.
#[inline]
fn scan(scanner: &mut Scanner<'_>) -> Result<usize, String> {
    let mut rows = 0;
    if scanner.next_token() == b'[' {
        scanner.at += 1;
        if scanner.next_token() == b']' {
            scanner.at += 1;
        } else {
            loop {
                scanner.row()?;
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
        scanner.row()?;
        rows = 1;
    }
    match scanner.next_token() {
        0 if scanner.at >= scanner.block.len() => Ok(rows),
        b'\n' if scanner.lines => Ok(rows),
        _ => Err("broken JSON: something follows the end of the object".into()),
    }
}
