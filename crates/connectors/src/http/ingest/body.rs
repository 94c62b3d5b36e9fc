//! The body of a request made into records: checked before anything is accepted.

use std::io::{Cursor, Read};

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Fields, SchemaRef};
use arrow::ipc::reader::StreamReader;
use serde::de::IgnoredAny;

use super::frame::Kind;
use crate::format::{Unfit, adapt_batch};

/// Media type of Arrow IPC streams.
pub(super) const ARROW: &str = "application/vnd.apache.arrow.stream";

/// Records as a frame holds them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) kind: Kind,
    pub(super) count: u32,
    pub(super) bytes: Vec<u8>,
}

/// What is wrong with a body.
pub(super) type Fault = String;

/// Takes the body out of its `Content-Encoding`, up to `max` bytes; absent when it is longer.
pub(super) fn unpack(body: Vec<u8>, encoding: &str, max: usize) -> Result<Option<Vec<u8>>, Fault> {
    let mut out = Vec::new();
    let read = match encoding {
        "" | "identity" => return Ok((body.len() <= max).then_some(body)),
        "gzip" => flate2::read::MultiGzDecoder::new(Cursor::new(body)).take(max as u64 + 1).read_to_end(&mut out),
        "zstd" => zstd::Decoder::new(Cursor::new(body)).and_then(|d| d.take(max as u64 + 1).read_to_end(&mut out)),
        other => return Err(format!("Content-Encoding '{other}' is not known; use gzip or zstd")),
    };
    read.map_err(|e| format!("the body is not {encoding}: {e}"))?;
    Ok((out.len() <= max).then_some(out))
}

/// The records of a body in the table's format; of an Arrow stream when the request says so.
pub(super) fn records(body: Vec<u8>, media: &str, format: &str, schema: &SchemaRef) -> Result<Records, Fault> {
    if media.starts_with(ARROW) {
        return arrow_stream(body, schema);
    }
    match format {
        "raw" => Ok(Records { kind: Kind::Whole, count: 1, bytes: body }),
        "csv" => lines(&body),
        _ => json(&body),
    }
}

fn arrow_stream(body: Vec<u8>, schema: &SchemaRef) -> Result<Records, Fault> {
    let reader = StreamReader::try_new(Cursor::new(&body), None).map_err(|e| format!("no Arrow stream: {e}"))?;
    fits(reader.schema().fields(), schema.fields())?;
    let mut count = 0;
    for batch in reader {
        let batch = batch.map_err(|e| format!("the Arrow stream is damaged: {e}"))?;
        // What is accepted must be readable for good: a job would end over it again and again.
        adapt_batch(&batch, schema, Unfit::Error).map_err(|e| e.message().to_owned())?;
        count += batch.num_rows();
    }
    let count = u32::try_from(count).map_err(|_| "more than 4 billion rows in one request".to_owned())?;
    Ok(Records { kind: Kind::Arrow, count, bytes: body })
}

/// Checks that columns of these names and types can be made into the table's.
fn fits(have: &Fields, wanted: &Fields) -> Result<(), Fault> {
    for field in wanted {
        match have.iter().find(|f| f.name() == field.name()).map(|f| (f.data_type(), field.data_type())) {
            None if field.is_nullable() => {}
            None => return Err(format!("column '{}' is missing, but declared NOT NULL", field.name())),
            Some((DataType::Struct(have), DataType::Struct(wanted))) => {
                fits(have, wanted).map_err(|e| format!("in column '{}': {e}", field.name()))?;
            }
            Some((have, wanted)) if have == wanted || can_cast_types(have, wanted) => {}
            Some((have, wanted)) => {
                return Err(format!("column '{}' is {have}, which cannot be made {wanted}", field.name()));
            }
        }
    }
    Ok(())
}

fn lines(body: &[u8]) -> Result<Records, Fault> {
    std::str::from_utf8(body).map_err(|e| format!("the text is not UTF-8: {e}"))?;
    let mut out = Builder::default();
    for line in body.split(|b| *b == b'\n') {
        out.push(line.strip_suffix(b"\r").unwrap_or(line));
    }
    out.records()
}

/// Objects one behind the other (a line each, or not), or arrays of them.
fn json(body: &[u8]) -> Result<Records, Fault> {
    let mut out = Builder::default();
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
    let mut from = 0;
    while let Some(value) = values.next() {
        value.map_err(|e| format!("broken JSON: {e}"))?;
        let value = body.get(from..values.byte_offset()).unwrap_or_default().trim_ascii();
        from = values.byte_offset();
        match value.strip_prefix(b"[").and_then(|v| v.strip_suffix(b"]")) {
            Some(elements) => split(elements).for_each(|element| out.push(element.trim_ascii())),
            None => out.push(value),
        }
    }
    out.records()
}

/// The elements of what stands in the brackets of an array that is well-formed.
fn split(elements: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut depth, mut text, mut escaped) = (0usize, false, false);
    elements.split(move |byte| {
        if text {
            (text, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
            return false;
        }
        match byte {
            b'"' => text = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b',' => return depth == 0,
            _ => {}
        }
        false
    })
}

#[derive(Default)]
struct Builder {
    bytes: Vec<u8>,
    count: u32,
}

impl Builder {
    /// Adds a record; line ends in it can only be blanks between its parts.
    fn push(&mut self, record: &[u8]) {
        if record.is_empty() {
            return;
        }
        self.bytes.extend(record.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
        self.bytes.push(b'\n');
        self.count += 1;
    }

    fn records(self) -> Result<Records, Fault> {
        Ok(Records { kind: Kind::Lines, count: self.count, bytes: self.bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(body: &str) -> Result<Vec<String>, Fault> {
        let records = json(body.as_bytes())?;
        let lines: Vec<String> = String::from_utf8(records.bytes).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len() as u32, records.count);
        Ok(lines)
    }

    #[test]
    fn objects_come_in_lines_in_arrays_and_over_several_lines() {
        assert_eq!(lines_of("{\"a\":1}\n{\"a\":2}\n\n"), Ok(vec!["{\"a\":1}".into(), "{\"a\":2}".into()]));
        assert_eq!(lines_of("[{\"a\":1}, {\"a\":[2,3]}]"), Ok(vec!["{\"a\":1}".into(), "{\"a\":[2,3]}".into()]));
        assert_eq!(lines_of("{\"a\":\n 1}[]"), Ok(vec!["{\"a\":  1}".into()]));
        let tricky = r#"[{"a":"],\"{"},{"b":"\\"},{"c":",}"}]"#;
        let elements: Vec<String> = vec![r#"{"a":"],\"{"}"#.into(), r#"{"b":"\\"}"#.into(), r#"{"c":",}"}"#.into()];
        assert_eq!(lines_of(tricky), Ok(elements));
        assert_eq!(lines_of(""), Ok(vec![]));
    }

    #[test]
    fn broken_json_is_refused_with_its_place() {
        assert!(lines_of("{\"a\":1}\n{\"a\":").unwrap_err().contains("line 2"));
        assert!(lines_of("[1,2").is_err());
    }

    #[test]
    fn bodies_are_unpacked_up_to_their_bound() {
        let packed = zstd::encode_all(&[7u8; 1000][..], 1).unwrap();
        assert_eq!(unpack(packed.clone(), "zstd", 1000), Ok(Some(vec![7; 1000])));
        assert_eq!(unpack(packed, "zstd", 999), Ok(None));
        assert!(unpack(vec![1, 2, 3], "gzip", 10).is_err());
        assert!(unpack(vec![], "br", 10).is_err());
    }
}
