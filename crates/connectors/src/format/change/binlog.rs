//! `canal-json` and `maxwell-json`: events of MySQL's binary log, whose old images hold only what has changed.
//!
//! ```text
//!   {"data": [{"id": "1", "n": "8"}], "old": [{"n": "7"}], "type": "UPDATE", "isDdl": false, …}     canal
//!   {"data": {"id": 1, "n": 8}, "old": {"n": 7}, "type": "update", …}                               maxwell
//! ```
//!
//! A field that `old` does not have is as in `data`. One that it has as NULL was NULL, which the decoded column does not
//! tell from one that is missing: then the members of `old` are read once more, as a map.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use regex::Regex;
use sloth_types::{Error, Options, Result, TableSpec};

use super::{Faults, Images, NEW, OLD, Wanted, metadata, pick};
use crate::format::json::JsonDecoder;
use crate::format::{Decoded, Decoder};

/// Whose events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Canal,
    Maxwell,
}

impl Dialect {
    fn format(self) -> &'static str {
        match self {
            Dialect::Canal => "canal-json",
            Dialect::Maxwell => "maxwell-json",
        }
    }

    /// The member type for rows: canal has several in an event.
    fn rows(self, row: DataType) -> DataType {
        match self {
            Dialect::Canal => DataType::List(Arc::new(Field::new("item", row, true))),
            Dialect::Maxwell => row,
        }
    }

    /// What an event does.
    fn change(self, kind: Option<&str>, ddl: bool) -> Result<Change, String> {
        let Some(kind) = kind else { return Err("there is no 'type'".into()) };
        Ok(match (self, kind) {
            _ if ddl => Change::Nothing,
            (Dialect::Canal, "INSERT") | (Dialect::Maxwell, "insert" | "bootstrap-insert") => Change::Insert,
            (Dialect::Canal, "UPDATE") | (Dialect::Maxwell, "update") => Change::Update,
            (Dialect::Canal, "DELETE") | (Dialect::Maxwell, "delete") => Change::Delete,
            // Of the table's making, or of an index: no row changes.
            (Dialect::Canal, "CREATE" | "QUERY" | "CINDEX" | "DINDEX") => Change::Nothing,
            (Dialect::Maxwell, "bootstrap-start" | "bootstrap-complete") => Change::Nothing,
            (Dialect::Maxwell, "table-create" | "database-create" | "database-alter") => Change::Nothing,
            (_, other) => return Err(format!("the type '{other}' cannot be followed")),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Nothing,
    Insert,
    Update,
    Delete,
}

/// Events to rows.
pub(super) struct BinlogDecoder {
    dialect: Dialect,
    wanted: Wanted,
    envelope: JsonDecoder,
    members: Vec<String>,
    /// Reads the members of `old`.
    partial: JsonDecoder,
    /// Only events of these databases and tables count.
    include: Vec<(&'static str, Regex)>,
}

/// Rows of one member, of all events one behind the other.
struct Side {
    rows: StructArray,
    /// Where each event's rows begin; one more than there are events.
    starts: Vec<usize>,
    /// For each event whether it has the member.
    present: Vec<bool>,
}

impl Side {
    fn new(dialect: Dialect, column: &ArrayRef) -> Result<Side> {
        let present = (0..column.len()).map(|row| column.is_valid(row)).collect();
        let (rows, starts): (&ArrayRef, Vec<usize>) = match dialect {
            Dialect::Maxwell => (column, (0..=column.len()).collect()),
            Dialect::Canal => {
                let list = column.as_list::<i32>();
                (list.values(), list.value_offsets().iter().map(|o| *o as usize).collect())
            }
        };
        let rows = rows.as_struct_opt().ok_or_else(|| Error::internal("the rows of an event are no rows"))?;
        Ok(Side { rows: rows.clone(), starts, present })
    }

    /// The rows of an event.
    fn of(&self, event: usize) -> std::ops::Range<usize> {
        match (self.present.get(event), self.starts.get(event), self.starts.get(event + 1)) {
            (Some(true), Some(start), Some(end)) => *start..*end,
            _ => 0..0,
        }
    }
}

/// The events of some records.
struct Events {
    kind: StringArray,
    ddl: Option<BooleanArray>,
    data: Side,
    old: Side,
    record_of_row: Option<Vec<u32>>,
}

impl Events {
    fn record(&self, event: usize) -> u32 {
        self.record_of_row.as_ref().and_then(|r| r.get(event).copied()).unwrap_or(event as u32)
    }
}

impl BinlogDecoder {
    /// A decoder for rows of `schema`.
    pub(super) fn new(dialect: Dialect, options: &Options, table: &TableSpec, schema: SchemaRef) -> Result<Self> {
        let format = dialect.format();
        let own: &[&str] = if dialect == Dialect::Canal { &["database.include", "table.include"] } else { &[] };
        super::check_options(format, options, own)?;
        let wanted = Wanted::new(format, table, schema)?;
        // Events that change nothing come with an empty row: what must not be NULL is looked at later.
        let row: Fields = wanted.new.iter().map(|f| super::nullable_as(f, true)).collect();
        let rows = dialect.rows(DataType::Struct(row));
        let mut event = vec![
            Field::new("type", DataType::Utf8, true),
            Field::new("data", rows.clone(), true),
            Field::new("old", rows, true),
        ];
        let mut include = vec![];
        if dialect == Dialect::Canal {
            event.push(Field::new("isDdl", DataType::Boolean, true));
            for member in ["database", "table"] {
                let key = format!("canal-json.{member}.include");
                let Some(pattern) = options.get(&key) else { continue };
                let regex = Regex::new(&format!("^(?:{pattern})$"))
                    .map_err(|e| Error::invalid(format!("option '{key}' = '{pattern}': {e}")))?;
                include.push((member, regex));
                event.push(Field::new(member, DataType::Utf8, true));
            }
        }
        for (place, source) in &wanted.metadata {
            let member = source.member(&Arc::new(wanted.schema.field(*place).clone()));
            event.extend(member.filter(|m| event.iter().all(|e| e.name() != m.name())));
        }
        let members = event.iter().map(|f| f.name().clone()).collect();
        let envelope = JsonDecoder::new(format, options, table, Arc::new(Schema::new(event)))?;
        let map = Field::new("old", dialect.rows(metadata::text_map()), true);
        let partial = JsonDecoder::new(format, &Options::default(), table, Arc::new(Schema::new(vec![map])))?;
        Ok(BinlogDecoder { dialect, wanted, envelope, members, partial, include })
    }

    fn rows(&mut self, decoded: Decoded, records: &[&[u8]]) -> Result<Decoded> {
        let Decoded { batch, record_of_row, bad, .. } = decoded;
        let mut faults = Faults(bad.into_iter().collect());
        let member = |name: &str| self.members.iter().position(|m| m == name).map(|at| batch.column(at));
        let (Some(kind), Some(data), Some(old)) = (member("type"), member("data"), member("old")) else {
            return Err(Error::internal("an event has 'type', 'data' and 'old'"));
        };
        let events = Events {
            kind: kind.as_string::<i32>().clone(),
            ddl: member("isDdl").map(|c| c.as_boolean().clone()),
            data: Side::new(self.dialect, data)?,
            old: Side::new(self.dialect, old)?,
            record_of_row,
        };
        let filters: Vec<(StringArray, &Regex)> = self
            .include
            .iter()
            .filter_map(|(name, regex)| Some((member(name)?.as_string::<i32>().clone(), regex)))
            .collect();
        let counts = |event: usize| {
            filters.iter().all(|(names, regex)| names.is_valid(event) && regex.is_match(names.value(event)))
        };
        let changes = self.changes(&events, &counts, &mut faults);
        let mut metadata = vec![];
        for (place, source) in &self.wanted.metadata {
            let declared: FieldRef = Arc::new(self.wanted.schema.field(*place).clone());
            let array = source.member(&declared).and_then(|m| member(m.name()));
            metadata.push(source.column(array, &declared, batch.num_rows())?);
        }
        let given = self.given(&events, &changes, records)?;
        self.images(&events, &changes, &given, &metadata, faults)
    }

    fn changes(&self, events: &Events, counts: &dyn Fn(usize) -> bool, faults: &mut Faults) -> Vec<Change> {
        let columns = events.data.rows.columns().iter().zip(self.wanted.new.iter());
        let required: Vec<(&ArrayRef, &FieldRef)> = columns.filter(|(_, field)| !field.is_nullable()).collect();
        let change = |event: usize| {
            let kind = events.kind.is_valid(event).then(|| events.kind.value(event));
            let ddl = events.ddl.as_ref().is_some_and(|d| d.is_valid(event) && d.value(event));
            let change = self.dialect.change(kind, ddl)?;
            let (rows, olds) = (events.data.of(event), events.old.of(event));
            if change != Change::Nothing && rows.is_empty() {
                return Err("the event has no 'data'".to_owned());
            }
            if rows.clone().any(|row| events.data.rows.is_null(row)) {
                return Err("a row of 'data' is NULL".to_owned());
            }
            if change != Change::Nothing
                && let Some((_, field)) = required.iter().find(|(c, _)| rows.clone().any(|r| c.is_null(r)))
            {
                return Err(format!("column '{}': is missing or NULL, but declared NOT NULL", field.name()));
            }
            if change == Change::Update && rows.len() != olds.len() {
                return Err(format!("the update has {} rows, but {} in 'old'", rows.len(), olds.len()));
            }
            Ok(change)
        };
        let mut all = Vec::with_capacity(events.kind.len());
        for event in 0..events.kind.len() {
            if !counts(event) {
                all.push(Change::Nothing);
                continue;
            }
            all.push(change(event).unwrap_or_else(|why| {
                faults.add(events.record(event), why);
                Change::Nothing
            }));
        }
        all
    }

    /// The members of `old` in events where a column of it is NULL.
    fn given(&mut self, events: &Events, changes: &[Change], records: &[&[u8]]) -> Result<Given> {
        let nullable: Vec<usize> =
            (0..self.wanted.new.len()).filter(|c| self.wanted.new.get(*c).is_some_and(|f| f.is_nullable())).collect();
        let open = |event: usize| {
            changes.get(event) == Some(&Change::Update)
                && events.old.of(event).any(|row| nullable.iter().any(|c| events.old.rows.column(*c).is_null(row)))
        };
        let mut wanted: Vec<u32> = vec![];
        for event in (0..changes.len()).filter(|e| open(*e)) {
            let record = events.record(event);
            if wanted.last() != Some(&record) {
                wanted.push(record);
            }
        }
        if wanted.is_empty() {
            return Ok(Given::default());
        }
        let slices: Vec<&[u8]> = wanted.iter().filter_map(|r| records.get(*r as usize).copied()).collect();
        let decoded = self.partial.decode(&slices)?;
        let column = decoded.batch.column(0);
        let (maps, starts): (&MapArray, Vec<usize>) = match self.dialect {
            Dialect::Maxwell => (column.as_map(), (0..=column.len()).collect()),
            Dialect::Canal => {
                let list = column.as_list::<i32>();
                (list.values().as_map(), list.value_offsets().iter().map(|o| *o as usize).collect())
            }
        };
        // The n-th event of a record here is its n-th event there.
        let mut next: HashMap<u32, Vec<usize>> = HashMap::new();
        for (place, start) in starts.iter().enumerate().take(column.len()) {
            let slice = decoded.record_of_row.as_ref().map_or(place as u32, |r| r.get(place).copied().unwrap_or(0));
            if let Some(record) = wanted.get(slice as usize) {
                next.entry(*record).or_default().push(*start);
            }
        }
        let mut rows = HashMap::new();
        let mut seen: HashMap<u32, usize> = HashMap::new();
        for event in 0..changes.len() {
            let record = events.record(event);
            let number = seen.entry(record).or_default();
            if let Some(start) = next.get(&record).and_then(|starts| starts.get(*number)) {
                rows.extend(events.old.of(event).enumerate().map(|(index, row)| (row, start + index)));
            }
            *number += 1;
        }
        Ok(Given { maps: Some(maps.clone()), rows })
    }

    fn images(
        &self,
        events: &Events,
        changes: &[Change],
        given: &Given,
        metadata: &[ArrayRef],
        faults: Faults,
    ) -> Result<Decoded> {
        let mut images = Images::default();
        // For each row its place in `data`, and in `old` when it is an old image.
        let mut rows: Vec<(usize, Option<usize>)> = vec![];
        for (event, change) in changes.iter().enumerate() {
            let record = events.record(event);
            if faults.has(record) || *change == Change::Nothing {
                continue;
            }
            let (first, first_old) = (events.data.of(event).start, events.old.of(event).start);
            for row in events.data.of(event) {
                match change {
                    Change::Insert => images.push(event, record, 1),
                    Change::Delete => images.push(event, record, -1),
                    _ => {
                        images.push(event, record, -1);
                        rows.push((row, Some(first_old + row - first)));
                        images.push(event, record, 1);
                    }
                }
                rows.push((row, None));
            }
        }
        let mut columns = vec![];
        for (column, field) in self.wanted.new.iter().enumerate() {
            let (old, new) = (events.old.rows.column(column), events.data.rows.column(column));
            let picks: Vec<(usize, usize)> = rows
                .iter()
                .map(|(row, of_old)| match of_old {
                    Some(of_old) if old.is_valid(*of_old) => (OLD, *of_old),
                    Some(of_old) if field.is_nullable() && given.has(*of_old, field.name()) => (OLD, *of_old),
                    _ => (NEW, *row),
                })
                .collect();
            columns.push(pick(old, new, &picks)?);
        }
        self.wanted.batch(images, columns, metadata, faults)
    }
}

/// Which members some old images have.
#[derive(Default)]
struct Given {
    maps: Option<MapArray>,
    /// From a row of `old` to its map.
    rows: HashMap<usize, usize>,
}

impl Given {
    fn has(&self, row: usize, name: &str) -> bool {
        let (Some(maps), Some(map)) = (&self.maps, self.rows.get(&row)) else { return false };
        let offsets = maps.value_offsets();
        let (Some(start), Some(end)) = (offsets.get(*map), offsets.get(map + 1)) else { return false };
        let keys = maps.keys().as_string::<i32>();
        (*start..*end).any(|at| keys.value(at as usize) == name)
    }
}

impl Decoder for BinlogDecoder {
    fn decode(&mut self, records: &[&[u8]]) -> Result<Decoded> {
        // An empty message is a tombstone of a compacted topic: it says nothing.
        let full: Vec<u32> = (0u32..).zip(records).filter(|(_, r)| !r.is_empty()).map(|(index, _)| index).collect();
        if full.len() == records.len() {
            let decoded = self.envelope.decode(records)?;
            return self.rows(decoded, records);
        }
        let some: Vec<&[u8]> = records.iter().copied().filter(|r| !r.is_empty()).collect();
        let decoded = self.envelope.decode(&some)?;
        let mut decoded = self.rows(decoded, &some)?;
        let index = |inner: u32| full.get(inner as usize).copied().unwrap_or(inner);
        decoded.record_of_row.iter_mut().flatten().for_each(|record| *record = index(*record));
        decoded.bad.iter_mut().for_each(|(record, _)| *record = index(*record));
        Ok(decoded)
    }
}
