//! The `print` sink: changes as lines on standard output, the way Flink writes them: `+I[1, abc, 2024-11-11T00:00]`.

use std::io::Write;
use std::sync::Arc;

use sloth_types::{ChangeBatch, ChangelogMode, Connector, Epoch, OpenSink, Result, Sink, SinkWriter, TableSpec};

use crate::format::cells::{Cells, TimeStyle, Values};

/// Lines are handed over at the latest when so many bytes have gathered.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// The connector.
#[derive(Debug)]
pub struct Print;

impl Connector for Print {
    fn name(&self) -> &'static str {
        "print"
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        let options = &table.options;
        options.check_known("print", &["connector", "print-identifier", "standard-error", "sink.parallelism"], &[])?;
        let prefix = options.get("print-identifier").map(|p| format!("{p}> ")).unwrap_or_default();
        let to_stderr = options.parse_or("standard-error", "true or false", false)?;
        Ok(Arc::new(PrintSink { prefix, to_stderr }))
    }
}

#[derive(Debug)]
struct PrintSink {
    prefix: String,
    to_stderr: bool,
}

impl Sink for PrintSink {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        // A line for the old row, too: whoever reads the lines sees what was taken back.
        !matches!(mode, ChangelogMode::Upsert { .. })
    }

    fn open(&self, _: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let out: Box<dyn Write + Send> =
            if self.to_stderr { Box::new(std::io::stderr()) } else { Box::new(std::io::stdout()) };
        Ok(Box::new(PrintWriter { prefix: self.prefix.clone(), out, buffer: Vec::new() }))
    }
}

struct PrintWriter {
    prefix: String,
    out: Box<dyn Write + Send>,
    buffer: Vec<u8>,
}

impl PrintWriter {
    fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            // One write a flush: lines of other writers do not fall between.
            self.out.write_all(&self.buffer)?;
            self.out.flush()?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl SinkWriter for PrintWriter {
    fn write(&mut self, _: Epoch, batch: &ChangeBatch) -> Result<()> {
        let columns = Cells::of_batch(&batch.rows)?;
        for row in 0..batch.len() {
            self.buffer.extend_from_slice(self.prefix.as_bytes());
            write_change(&columns, batch, row, &mut self.buffer);
            self.buffer.push(b'\n');
            if self.buffer.len() >= BUFFER_BYTES_MAX {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        self.flush()
    }

    fn close(&mut self) -> Result<()> {
        self.flush()
    }
}

/// The changes of a batch as this sink writes them, one text each.
///
/// # Errors
/// When a column has a type that cannot be printed.
pub fn lines(batch: &ChangeBatch) -> Result<Vec<String>> {
    let columns = Cells::of_batch(&batch.rows)?;
    let line = |row| {
        let mut out = Vec::new();
        write_change(&columns, batch, row, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    Ok((0..batch.len()).map(line).collect())
}

/// What kind of change a row of a batch is, in Flink's signs.
pub(crate) fn kind(batch: &ChangeBatch, row: usize) -> &'static str {
    match (batch.is_update(row), batch.diff(row) > 0) {
        (false, true) => "+I",
        (false, false) => "-D",
        (true, false) => "-U",
        (true, true) => "+U",
    }
}

fn write_change(columns: &[Cells], batch: &ChangeBatch, row: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(kind(batch, row).as_bytes());
    write_row(columns.iter(), row, out);
}

fn write_row<'a>(columns: impl Iterator<Item = &'a Cells>, row: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, cells) in columns.enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        write_value(cells, row, out);
    }
    out.push(b']');
}

fn write_value(cells: &Cells, row: usize, out: &mut Vec<u8>) {
    if cells.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    match &cells.values {
        Values::Null => out.extend_from_slice(b"null"),
        Values::Time(_) | Values::Timestamp(..) => write_time(cells, row, out),
        Values::Row(children) => {
            out.extend_from_slice(b"+I");
            write_row(children.iter().map(|(_, child)| child), row, out);
        }
        Values::List(offsets, items) => {
            out.push(b'[');
            for (index, item) in span(offsets, row).enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                write_value(items, item, out);
            }
            out.push(b']');
        }
        Values::Map(offsets, pair) => {
            let [keys, values] = pair.as_ref();
            out.push(b'{');
            for (index, entry) in span(offsets, row).enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                write_value(keys, entry, out);
                out.push(b'=');
                write_value(values, entry, out);
            }
            out.push(b'}');
        }
        Values::Bytes(values) => {
            // As Java shows a byte array: signed numbers.
            let bytes: Vec<String> = values.value(row).iter().map(|b| b.cast_signed().to_string()).collect();
            out.extend_from_slice(format!("[{}]", bytes.join(", ")).as_bytes());
        }
        _ => {
            cells.write_scalar(row, TimeStyle::ISO, out);
        }
    }
}

/// Times as Java prints them: no seconds when they are zero, and the fraction in groups of three digits.
fn write_time(cells: &Cells, row: usize, out: &mut Vec<u8>) {
    let start = out.len();
    cells.write_scalar(row, TimeStyle::ISO, out);
    let instant = out.last() == Some(&b'Z');
    if instant {
        out.pop();
    }
    let point = out.iter().skip(start).rposition(|b| *b == b'.');
    match point {
        Some(point) => {
            let digits = out.len() - (start + point + 1);
            out.extend(std::iter::repeat_n(b'0', digits.next_multiple_of(3) - digits));
        }
        // An Instant keeps its seconds.
        None if !instant && out.ends_with(b":00") => out.truncate(out.len() - 3),
        None => (),
    }
    if instant {
        out.push(b'Z');
    }
}

fn span(offsets: &[usize], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| offsets.get(index).copied().unwrap_or(0);
    at(row)..at(row + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

    use super::*;
    use crate::format::decoder;
    use crate::testing::{nullable, table};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(diffs: Option<Vec<i64>>, updates: Option<Vec<bool>>) -> String {
        let row = DataType::Struct(Fields::from(vec![nullable("x", DataType::Int32), nullable("y", DataType::Utf8)]));
        let fields = vec![
            Field::new("id", DataType::Int64, false),
            nullable("s", DataType::Utf8),
            nullable("ts", DataType::Timestamp(TimeUnit::Millisecond, None)),
            nullable("ltz", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
            nullable("r", row),
            nullable("a", DataType::List(Arc::new(nullable("item", DataType::Float64)))),
        ];
        let spec = table("t", fields, &[]);
        let mut json = decoder("json", &spec.options, &spec, spec.schema.clone()).unwrap();
        let records: [&[u8]; 2] = [
            br#"{"id":1,"s":"abc","ts":"2024-01-01 00:00:00","ltz":"2024-01-01 00:00:00Z","r":{"x":1},"a":[1,null]}"#,
            br#"{"id":2,"ts":"2024-01-01 00:00:00.5"}"#,
        ];
        let rows = json.decode(&records).unwrap().batch;
        let shared = Shared::default();
        let mut writer = PrintWriter { prefix: "p> ".into(), out: Box::new(shared.clone()), buffer: Vec::new() };
        let (diffs, updates) = (diffs.map(Int64Array::from), updates.map(Into::into));
        writer.write(Epoch(1), &ChangeBatch { rows, diffs, updates }).unwrap();
        assert!(shared.0.lock().unwrap().is_empty(), "lines wait for the end of the epoch");
        writer.end_epoch(Epoch(1)).unwrap();
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_look_like_those_of_flink() {
        let text = printed(None, None);
        assert_eq!(
            text,
            "p> +I[1, abc, 2024-01-01T00:00, 2024-01-01T00:00:00Z, +I[1, null], [1.0, null]]\n\
             p> +I[2, null, 2024-01-01T00:00:00.500, null, null, null]\n"
        );
    }

    #[test]
    fn halves_of_updates_are_told_from_inserts_and_deletes() {
        let kinds = |updates: Option<Vec<bool>>| {
            let text = printed(Some(vec![-1, 1]), updates);
            text.lines().map(|line| line[3..5].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(None), ["-D", "+I"]);
        assert_eq!(kinds(Some(vec![true, true])), ["-U", "+U"]);
    }
}
