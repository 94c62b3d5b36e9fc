//! Changes as events, as Flink writes them: an update is a delete and an insert.

use sloth_types::{ChangeBatch, Error, Options, Result};

use super::super::Encoder;
use super::super::json::{JsonRows, JsonStyle};

/// What stands before and after a row.
type Frame = (&'static str, &'static str);

/// Writes each change as one event.
pub(in crate::format) struct ChangeEncoder {
    style: JsonStyle,
    null_literal: String,
    insert: Frame,
    delete: Frame,
    record: Vec<u8>,
}

impl ChangeEncoder {
    /// An encoder for any rows.
    pub(super) fn new(format: &str, options: &Options) -> Result<Self> {
        let (insert, delete, own): (Frame, Frame, &[&str]) = match format {
            "debezium-json" => (
                (r#"{"before":null,"after":"#, r#","op":"c"}"#),
                (r#"{"before":"#, r#","after":null,"op":"d"}"#),
                &["schema-include"],
            ),
            "canal-json" => (
                (r#"{"data":["#, r#"],"type":"INSERT"}"#),
                (r#"{"data":["#, r#"],"type":"DELETE"}"#),
                &["database.include", "table.include"],
            ),
            _ => ((r#"{"data":"#, r#","type":"insert"}"#), (r#"{"data":"#, r#","type":"delete"}"#), &[]),
        };
        super::check_options(format, options, own)?;
        if options.get("debezium-json.schema-include").is_some_and(|v| v == "true") {
            return Err(Error::unsupported("events with their schema are not written")
                .hint("Leave 'debezium-json.schema-include' out of a table that is written."));
        }
        let literal = options.get(&format!("{format}.map-null-key.literal")).unwrap_or("null").to_owned();
        let style = JsonStyle::new(format, options)?;
        Ok(ChangeEncoder { style, null_literal: literal, insert, delete, record: Vec::new() })
    }
}

impl Encoder for ChangeEncoder {
    fn encode(&mut self, batch: &ChangeBatch, emit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let rows = JsonRows::new(&batch.rows, self.style, &self.null_literal)?;
        for row in 0..batch.len() {
            let (before, after) = if batch.diff(row) > 0 { self.insert } else { self.delete };
            self.record.clear();
            self.record.extend_from_slice(before.as_bytes());
            rows.write(row, &mut self.record)?;
            self.record.extend_from_slice(after.as_bytes());
            emit(&self.record)?;
        }
        Ok(())
    }
}
