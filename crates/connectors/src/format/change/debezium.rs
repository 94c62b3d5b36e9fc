//! `debezium-json`.
//!
//! ```text
//!   {"before": null, "after": {"id": 1, …}, "op": "c", …}                    as it is
//!   {"schema": {…}, "payload": {"before": null, "after": {…}, "op": "c"}}    with 'debezium-json.schema-include' = 'true'
//! ```

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StructArray, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use sloth_types::{Error, Options, Result, TableSpec};

use super::metadata::Source;
use super::{Faults, Images, NEW, OLD, Wanted, pick};
use crate::format::json::JsonDecoder;
use crate::format::{Decoded, Decoder};

const FORMAT: &str = "debezium-json";

/// Events to rows.
pub(super) struct DebeziumDecoder {
    wanted: Wanted,
    envelope: JsonDecoder,
    /// Names of the members of an event, in the order in which they are decoded.
    members: Vec<String>,
    with_schema: bool,
}

/// The events of some records.
struct Events {
    op: StringArray,
    before: StructArray,
    after: StructArray,
    record_of_row: Option<Vec<u32>>,
}

/// What an event does to the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Insert,
    Update,
    /// An update that needs no old image: the key stays.
    Upsert,
    Delete,
}

impl DebeziumDecoder {
    /// A decoder for rows of `schema`.
    pub(super) fn new(options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        super::check_options(FORMAT, options, &["schema-include"])?;
        let with_schema = options.parse_or("debezium-json.schema-include", "true or false", false)?;
        let wanted = Wanted::new(FORMAT, table, schema)?;
        let row = |name: &str, fields: &Fields| Field::new(name, DataType::Struct(fields.clone()), true);
        let mut event =
            vec![Field::new("op", DataType::Utf8, true), row("before", &wanted.old), row("after", &wanted.new)];
        for (place, source) in &wanted.metadata {
            let member = source.member(&Arc::new(wanted.schema.field(*place).clone()));
            event.extend(member.filter(|m| event.iter().all(|e| e.name() != m.name())));
        }
        let members = event.iter().map(|f| f.name().clone()).collect();
        let fields = if with_schema {
            let payload = Field::new("payload", DataType::Struct(event.into()), true);
            Fields::from(vec![payload, Field::new("schema", DataType::Utf8, true)])
        } else {
            Fields::from(event)
        };
        let envelope = JsonDecoder::new(FORMAT, options, table, Arc::new(Schema::new(fields)))?;
        Ok(DebeziumDecoder { wanted, envelope, members, with_schema })
    }

    fn rows(&self, decoded: Decoded) -> Result<Decoded> {
        let Decoded { batch, record_of_row, bad, .. } = decoded;
        let mut faults = Faults(bad.into_iter().collect());
        let columns = if self.with_schema { batch.column(0).as_struct().columns() } else { batch.columns() };
        let member = |name: &str| self.members.iter().position(|m| m == name).and_then(|at| columns.get(at));
        let (Some(op), Some(before), Some(after)) = (member("op"), member("before"), member("after")) else {
            return Err(Error::internal("an event has 'op', 'before' and 'after'"));
        };
        let events = Events {
            op: op.as_string::<i32>().clone(),
            before: before.as_struct().clone(),
            after: after.as_struct().clone(),
            record_of_row,
        };
        let mut metadata = vec![];
        for (place, source) in &self.wanted.metadata {
            let declared = Arc::new(self.wanted.schema.field(*place).clone());
            let array = match source {
                Source::Description => self.with_schema.then(|| batch.column(1)),
                source => source.member(&declared).and_then(|m| member(m.name())),
            };
            metadata.push(source.column(array, &declared, batch.num_rows())?);
        }
        let changes = self.changes(&events, &mut faults)?;
        self.images(&events, &changes, &metadata, faults)
    }

    /// What each event does; those that cannot be followed are bad.
    fn changes(&self, events: &Events, faults: &mut Faults) -> Result<Vec<Change>> {
        let Events { op, before, after, .. } = events;
        let same_key = self.same_key(before, after)?;
        let mut changes = Vec::with_capacity(op.len());
        for row in 0..op.len() {
            let op = op.is_valid(row).then(|| op.value(row));
            let change = self.change(op, before.is_valid(row), after.is_valid(row));
            changes.push(match change {
                Ok(Change::Update) if same_key(row) => Change::Upsert,
                Ok(change) => change,
                Err(why) => {
                    faults.add(events.record(row), why);
                    Change::Nothing
                }
            });
        }
        Ok(changes)
    }

    fn change(&self, op: Option<&str>, before: bool, after: bool) -> Result<Change, String> {
        let keyed = self.wanted.key.is_some();
        let hint = "set REPLICA IDENTITY FULL in the database";
        match op {
            Some("c" | "r") if after => Ok(Change::Insert),
            Some("c" | "r") => Err("the event is an insert, but has no 'after'".into()),
            Some("u") if after && before => Ok(Change::Update),
            Some("u") if after && keyed => Ok(Change::Upsert),
            Some("u") if after => {
                Err(format!("the event is an update, but has no 'before': declare a PRIMARY KEY, or {hint}"))
            }
            Some("u") => Err("the event is an update, but has no 'after'".into()),
            Some("d") if before => Ok(Change::Delete),
            Some("d") => Err(format!("the event is a delete, but has no 'before': {hint}")),
            // A message that an application has put into the log.
            Some("m") => Ok(Change::Nothing),
            Some("t") => Err("the event empties the table, which cannot be followed".into()),
            Some(op) => Err(format!("the operation '{op}' is not known")),
            None if self.with_schema => {
                Err("there is no 'payload' with an 'op'; is 'debezium-json.schema-include' right?".into())
            }
            None => Err("there is no 'op'; does the event need 'debezium-json.schema-include' = 'true'?".into()),
        }
    }

    /// Tells whether the key of a row stays the same: then the engine needs no old image. Never without a key.
    fn same_key(&self, before: &StructArray, after: &StructArray) -> Result<Box<dyn Fn(usize) -> bool>> {
        let Some(key) = self.wanted.key.as_ref().filter(|key| !key.is_empty()) else { return Ok(Box::new(|_| false)) };
        let compare = |column: &usize| {
            let (old, new) = (before.column(*column), after.column(*column));
            Ok(make_comparator(old, new, SortOptions::default())?)
        };
        let comparators = key.iter().map(compare).collect::<Result<Vec<_>>>()?;
        Ok(Box::new(move |row| comparators.iter().all(|c| c(row, row) == Ordering::Equal)))
    }

    fn images(&self, events: &Events, changes: &[Change], metadata: &[ArrayRef], faults: Faults) -> Result<Decoded> {
        let mut images = Images::default();
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(changes.len());
        let plain = changes.iter().all(|c| matches!(c, Change::Insert | Change::Upsert)) && faults.0.is_empty();
        for (event, change) in changes.iter().enumerate() {
            let record = events.record(event);
            if faults.has(record) {
                continue;
            }
            if matches!(change, Change::Update | Change::Delete) {
                images.push(event, record, -1);
                picks.push((OLD, event));
            }
            if matches!(change, Change::Insert | Change::Update | Change::Upsert) {
                images.push(event, record, 1);
                picks.push((NEW, event));
            }
        }
        let both = events.before.columns().iter().zip(events.after.columns());
        let columns = match plain {
            true => events.after.columns().to_vec(),
            false => both.map(|(old, new)| pick(old, new, &picks)).collect::<Result<_>>()?,
        };
        self.wanted.batch(images, columns, metadata, faults)
    }
}

impl Events {
    fn record(&self, row: usize) -> u32 {
        self.record_of_row.as_ref().and_then(|r| r.get(row).copied()).unwrap_or(row as u32)
    }
}

impl Decoder for DebeziumDecoder {
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded> {
        // After a delete Debezium sends a tombstone, an empty message, for Kafka's sake: it says nothing.
        if !records.iter().any(|record| record.is_empty()) {
            let events = self.envelope.decode(records)?;
            return self.rows(events);
        }
        let full: Vec<(u32, &[u8])> = (0u32..).zip(records.iter().copied()).filter(|(_, r)| !r.is_empty()).collect();
        let events = self.envelope.decode(&full.iter().map(|(_, record)| *record).collect::<Vec<_>>())?;
        let mut decoded = self.rows(events)?;
        let index = |inner: u32| full.get(inner as usize).map_or(inner, |(index, _)| *index);
        decoded.record_of_row.iter_mut().flatten().for_each(|record| *record = index(*record));
        decoded.bad.iter_mut().for_each(|(record, _)| *record = index(*record));
        Ok(decoded)
    }

    fn decode_block(&mut self, block: &[u8]) -> Result<Decoded> {
        let events = self.envelope.decode_block(block)?;
        self.rows(events)
    }
}
