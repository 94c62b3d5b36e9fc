//! The `debezium-json` format: change events of a database. Reading takes inserts only for now; writing takes all changes.
//!
//! ```text
//!   {"before": null, "after": {"id": 1, …}, "op": "c", …}                    as it is
//!   {"schema": {…}, "payload": {"before": null, "after": {…}, "op": "c"}}    with 'debezium-json.schema-include' = 'true'
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use sloth_types::{ChangeBatch, Options, Result, TableSpec};

use super::json::{JsonDecoder, JsonRows, JsonStyle};
use super::{Decoded, Decoder, Encoder};

const PREFIX: &str = "debezium-json";
const KNOWN: [&str; 8] = [
    "debezium-json.schema-include",
    "debezium-json.ignore-parse-errors",
    "debezium-json.fail-on-missing-field",
    "debezium-json.timestamp-format.standard",
    "debezium-json.map-null-key.mode",
    "debezium-json.map-null-key.literal",
    "debezium-json.encode.decimal-as-plain-number",
    "debezium-json.encode.ignore-null-fields",
];

/// Takes the rows out of insert events.
pub(super) struct DebeziumDecoder {
    schema: SchemaRef,
    envelope: JsonDecoder,
    with_schema: bool,
}

impl DebeziumDecoder {
    /// A decoder for rows of `schema`.
    pub(super) fn new(options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        super::check_prefixed(PREFIX, options, &KNOWN)?;
        let with_schema = options.parse_or("debezium-json.schema-include", "true or false", false)?;
        let after = DataType::Struct(schema.fields().clone());
        let event = Fields::from(vec![Field::new("op", DataType::Utf8, true), Field::new("after", after, true)]);
        let fields =
            if with_schema { Fields::from(vec![Field::new("payload", DataType::Struct(event), true)]) } else { event };
        let envelope = JsonDecoder::new(PREFIX, options, table, Arc::new(Schema::new(fields)))?;
        Ok(DebeziumDecoder { schema, envelope, with_schema })
    }

    fn unwrap(&self, events: Decoded) -> Result<Decoded> {
        let Decoded { batch, record_of_row, mut bad } = events;
        let columns: Vec<ArrayRef> =
            if self.with_schema { batch.column(0).as_struct().columns().to_vec() } else { batch.columns().to_vec() };
        let [op, after] = columns.as_slice() else {
            return Err(sloth_types::Error::internal("an envelope has two columns"));
        };
        let (op, after) = (op.as_string::<i32>(), after.as_struct());
        let record = |row: usize| record_of_row.as_ref().and_then(|r| r.get(row).copied()).unwrap_or(row as u32);
        let mut keep = Vec::with_capacity(after.len());
        let mut kept = Vec::new();
        for row in 0..after.len() {
            let fault = self.fault(op.is_valid(row).then(|| op.value(row)), after.is_valid(row));
            keep.push(fault.is_none());
            match fault {
                None => kept.push(record(row)),
                Some(why) => bad.push((record(row), why)),
            }
        }
        let all = bad.is_empty();
        let rows = rows_of(after, &self.schema, &BooleanArray::from(keep))?;
        bad.sort_by_key(|(record, _)| *record);
        let record_of_row = if all && record_of_row.is_none() { None } else { Some(kept) };
        Ok(Decoded { batch: rows, record_of_row, bad })
    }

    /// Why an event gives no row.
    fn fault(&self, op: Option<&str>, has_after: bool) -> Option<String> {
        match op {
            Some("c" | "r") if has_after => None,
            Some("c" | "r") => Some("the event is an insert, but has no 'after'".into()),
            Some(op @ ("u" | "d")) => {
                let what = if op == "u" { "an update" } else { "a delete" };
                Some(format!("the event is {what}; sources that update rows come with incremental SQL"))
            }
            Some(op) => Some(format!("the operation '{op}' is not known")),
            None if self.with_schema => {
                Some("there is no 'payload' with an 'op'; is 'debezium-json.schema-include' right?".into())
            }
            None => Some("there is no 'op'; does the event need 'debezium-json.schema-include' = 'true'?".into()),
        }
    }
}

/// The kept rows; NOT NULL columns hold values there, whatever stands in the others.
fn rows_of(after: &StructArray, schema: &SchemaRef, keep: &BooleanArray) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(after.len()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), after.columns().to_vec(), &options)?;
    Ok(if keep.true_count() == keep.len() { batch } else { filter_record_batch(&batch, keep)? })
}

impl Decoder for DebeziumDecoder {
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded> {
        // After a delete Debezium sends a tombstone, an empty message, for Kafka's sake: it says nothing.
        if !records.iter().any(|record| record.is_empty()) {
            let events = self.envelope.decode(records)?;
            return self.unwrap(events);
        }
        let full: Vec<(u32, &[u8])> = (0u32..).zip(records.iter().copied()).filter(|(_, r)| !r.is_empty()).collect();
        let events = self.envelope.decode(&full.iter().map(|(_, record)| *record).collect::<Vec<_>>())?;
        let decoded = self.unwrap(events)?;
        let index = |inner: u32| full.get(inner as usize).map_or(inner, |(index, _)| *index);
        let rows = 0..decoded.batch.num_rows() as u32;
        let record_of_row = decoded.record_of_row.unwrap_or_else(|| rows.collect()).into_iter().map(index).collect();
        let bad = decoded.bad.into_iter().map(|(record, why)| (index(record), why)).collect();
        Ok(Decoded { batch: decoded.batch, record_of_row: Some(record_of_row), bad })
    }

    fn decode_block(&mut self, block: &[u8]) -> Result<Decoded> {
        let events = self.envelope.decode_block(block)?;
        self.unwrap(events)
    }
}

/// Writes inserts and deletes as Flink does: `c` with `after`, `d` with `before`.
pub(super) struct DebeziumEncoder {
    style: JsonStyle,
    null_literal: String,
    record: Vec<u8>,
}

impl DebeziumEncoder {
    /// An encoder for any rows.
    pub(super) fn new(options: &Options, _: &TableSpec, _: SchemaRef) -> Result<Self> {
        super::check_prefixed(PREFIX, options, &KNOWN)?;
        let null_literal = options.get("debezium-json.map-null-key.literal").unwrap_or("null").to_owned();
        Ok(DebeziumEncoder { style: JsonStyle::new(PREFIX, options)?, null_literal, record: Vec::new() })
    }
}

impl Encoder for DebeziumEncoder {
    fn encode(&mut self, batch: &ChangeBatch, emit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let rows = JsonRows::new(&batch.rows, self.style, &self.null_literal)?;
        for row in 0..batch.len() {
            let insert = batch.diff(row) > 0;
            self.record.clear();
            self.record.extend_from_slice(if insert { b"{\"before\":null,\"after\":" } else { b"{\"before\":" });
            rows.write(row, &mut self.record)?;
            self.record.extend_from_slice(if insert { b",\"op\":\"c\"}" } else { b",\"after\":null,\"op\":\"d\"}" });
            emit(&self.record)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::format::{decoder, encoder};
    use crate::testing::{nullable, table};

    fn spec(options: &[(&str, &str)]) -> TableSpec {
        table("t", vec![Field::new("id", DataType::Int64, false), nullable("s", DataType::Utf8)], options)
    }

    fn decode(options: &[(&str, &str)], records: &[&[u8]]) -> Decoded {
        let table = spec(options);
        decoder("debezium-json", &table.options, &table, table.schema.clone()).unwrap().decode(records).unwrap()
    }

    #[test]
    fn inserts_are_rows_and_other_events_are_told() {
        let records: [&[u8]; 7] = [
            br#"{"before":null,"after":{"id":1,"s":"a"},"source":{"db":"x"},"op":"c","ts_ms":1}"#,
            br#"{"after":{"id":2},"op":"r"}"#,
            br#"{"before":{"id":2},"after":{"id":2,"s":"b"},"op":"u"}"#,
            br#"{"before":{"id":2},"after":null,"op":"d"}"#,
            b"",
            br#"{"payload":{"after":{"id":3},"op":"c"}}"#,
            br#"{"after":{"id":4},"op":"c"}"#,
        ];
        let decoded = decode(&[], &records);
        assert_eq!(decoded.batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 4]);
        assert_eq!(decoded.record_of_row, Some(vec![0, 1, 6]));
        let bad: Vec<_> = decoded.bad.iter().map(|(r, _)| *r).collect();
        assert_eq!(bad, [2, 3, 5]);
        assert!(decoded.bad[0].1.contains("an update; sources that update rows come with incremental SQL"));
        assert!(decoded.bad[2].1.contains("schema-include"));
    }

    #[test]
    fn an_envelope_with_schema_is_opened() {
        let options = [("debezium-json.schema-include", "true")];
        let records: [&[u8]; 3] = [
            br#"{"schema":{"type":"struct","fields":[]},"payload":{"before":null,"after":{"id":1},"op":"c"}}"#,
            br#"{"after":{"id":1},"op":"c"}"#,
            br#"{"payload":{"after":{"id":"x"},"op":"c"}}"#,
        ];
        let decoded = decode(&options, &records);
        assert_eq!(decoded.batch.column(0).as_primitive::<Int64Type>().values(), &[1]);
        assert_eq!(decoded.bad.iter().map(|(r, _)| *r).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn all_changes_are_written() {
        let table = spec(&[]);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![1, 1])), Arc::new(arrow::array::StringArray::from(vec!["a", "a"]))];
        let rows = RecordBatch::try_new(table.schema.clone(), columns).unwrap();
        let batch = ChangeBatch { rows, diffs: Some(Int64Array::from(vec![1, -1])) };
        let mut lines = Vec::new();
        let mut encoder = encoder("debezium-json", &table.options, &table, table.schema.clone()).unwrap();
        let mut emit = |line: &[u8]| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        };
        encoder.encode(&batch, &mut emit).unwrap();
        assert_eq!(lines[0], r#"{"before":null,"after":{"id":1,"s":"a"},"op":"c"}"#);
        assert_eq!(lines[1], r#"{"before":{"id":1,"s":"a"},"after":null,"op":"d"}"#);
        let mut plain = crate::format::encoder("json", &table.options, &table, table.schema.clone()).unwrap();
        assert!(plain.encode(&batch, &mut |_| Ok(())).unwrap_err().to_string().contains("debezium-json"));
    }
}
