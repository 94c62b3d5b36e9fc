//! Topics whose records are changes: upserts by key, and change events, written and read again.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use sloth_types::{ChangeBatch, ChangelogMode, Epoch, OpenSink, TableSpec};

use crate::broker::{Put, Topic, broker};
use crate::table::{metadata, read_all, sink, source, table};

const EARLIEST: (&str, &str) = ("scan.startup.mode", "earliest-offset");
const TO_LATEST: (&str, &str) = ("scan.bounded.mode", "latest-offset");

fn users(topic: &Topic, options: &[(&str, &str)]) -> TableSpec {
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, false)];
    let mut all = vec![("connector", "upsert-kafka"), ("key.format", "json"), ("value.format", "json"), TO_LATEST];
    all.extend(options);
    let mut table = table(topic, fields, &all);
    table.primary_key = vec!["id".into()];
    table
}

/// The table as the planner asks for it: of a deleted row only the key is known.
fn relaxed(mut table: TableSpec) -> TableSpec {
    let fields = table.schema.fields().iter().map(|f| {
        let of_key = table.primary_key.contains(f.name());
        f.as_ref().clone().with_nullable(!of_key)
    });
    table.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    table
}

/// Reads a table of one partition, asking for its columns as the planner does.
fn read_relaxed(table: &TableSpec) -> crate::table::Read {
    let source = source(table).unwrap();
    let mut tap = crate::table::Tap::only(&*source, &relaxed(table.clone()));
    tap.read_to_end()
}

#[test]
fn a_value_replaces_and_a_tombstone_deletes() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "upserts", 1);
    let puts = [
        (Some("{\"id\":1}"), Some("{\"id\":1,\"name\":\"ann\"}")),
        (Some("{\"id\":2}"), Some("{\"id\":2,\"name\":\"bob\"}")),
        (Some("{\"id\":1}"), None),
        (Some("{\"id\":3}"), Some("{\"id\":3}")),
        (Some("{\"id\":\"x\"}"), None),
        (None, Some("{\"id\":4,\"name\":\"eve\"}")),
        (Some("{\"id\":2}"), Some("{\"id\":2,\"name\":\"rob\"}")),
    ];
    for (key, value) in puts {
        topic.put(&Put { key, value, ..Put::default() });
    }
    let read = read_relaxed(&users(&topic, &[]));
    assert_eq!(read.changes(), ["+1|ann", "+2|bob", "-1|NULL", "+2|rob"]);
    let bad: Vec<&str> = read.bad.iter().map(|b| b.place.as_str()).collect();
    assert_eq!(bad, ["offset 3", "offset 4", "offset 5"], "no name, a broken key, no key: {:?}", read.bad);
}

#[test]
fn a_key_that_is_not_in_the_value_and_metadata_are_read() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "upserts", 1);
    topic.put(&Put { key: Some("{\"id\":1}"), value: Some("{\"name\":\"ann\"}"), ..Put::default() });
    topic.put(&Put { key: Some("{\"id\":1}"), value: None, ..Put::default() });
    let mut table = users(&topic, &[("value.fields-include", "EXCEPT_KEY")]);
    let mut fields: Vec<Field> = table.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new("at", DataType::Int64, true));
    table.schema = Arc::new(Schema::new(fields));
    metadata(&mut table, "at", "offset", true);
    assert_eq!(read_relaxed(&table).changes(), ["+1|ann|0", "-1|NULL|1"]);
}

#[test]
fn what_an_upsert_sink_writes_is_read_as_the_same_upserts() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "upserts", 1);
    let table = users(&topic, &[]);
    let mode = ChangelogMode::Upsert { key: vec![0] };
    let mut writer = sink(&table).unwrap().open(OpenSink::plain(table.schema.clone(), mode)).unwrap();
    writer.write(Epoch(0), &batch(&table, &[(1, "ann", 1), (2, "bob", 1)])).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    writer.write(Epoch(1), &batch(&table, &[(1, "ann", -1), (2, "rob", 1)])).unwrap();
    writer.end_epoch(Epoch(1)).unwrap();
    writer.close().unwrap();
    assert_eq!(read_relaxed(&table).changes(), ["+1|ann", "+2|bob", "-1|NULL", "+2|rob"]);
}

#[test]
fn change_events_come_back_as_they_were_written() {
    let Some(servers) = broker() else { return };
    for format in ["debezium-json", "canal-json", "maxwell-json"] {
        let topic = Topic::new(&servers, "events", 1);
        let fields = vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true)];
        let table = table(&topic, fields, &[("format", format), EARLIEST, TO_LATEST]);
        let sink = sink(&table).unwrap();
        assert!(sink.accepts(&ChangelogMode::Retract) && !sink.accepts(&ChangelogMode::Upsert { key: vec![0] }));
        let mut writer = sink.open(OpenSink::plain(table.schema.clone(), ChangelogMode::Retract)).unwrap();
        writer.write(Epoch(0), &batch(&table, &[(1, "ann", 1), (2, "bob", 1)])).unwrap();
        writer.write(Epoch(0), &batch(&table, &[(1, "ann", -1), (1, "eve", 1), (2, "bob", -1)])).unwrap();
        writer.end_epoch(Epoch(0)).unwrap();
        writer.close().unwrap();
        let read = read_all(&table);
        assert_eq!(read.changes(), ["+1|ann", "+2|bob", "-1|ann", "+1|eve", "-2|bob"], "{format}");
        assert!(read.bad.is_empty());
    }
}

#[test]
fn events_with_tombstones_and_metadata_are_read() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "events", 1);
    let puts = [
        Some(r#"{"before":null,"after":{"id":1,"name":"ann"},"op":"c","source":{"db":"shop"}}"#),
        Some(r#"{"before":{"id":1},"after":null,"op":"d","source":{"db":"shop"}}"#),
        None,
    ];
    for value in puts {
        topic.put(&Put { key: Some("{\"id\":1}"), value, ..Put::default() });
    }
    let fields = vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("db", DataType::Utf8, true),
        Field::new("at", DataType::Int64, true),
    ];
    let mut table = table(&topic, fields, &[("format", "debezium-json"), EARLIEST, TO_LATEST]);
    table.primary_key = vec!["id".into()];
    metadata(&mut table, "db", "value.source.database", true);
    metadata(&mut table, "at", "offset", true);
    let read = read_all(&table);
    assert_eq!(read.changes(), ["+1|ann|shop|0", "-1|NULL|shop|1"]);
    assert!(read.bad.is_empty());
}

#[test]
fn an_upsert_table_refuses_formats_that_tell_changes() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "upserts", 1);
    let error = source(&users(&topic, &[("value.format", "debezium-json")])).err().unwrap().to_string();
    assert!(error.contains("does not take the format 'debezium-json'"), "{error}");
}

fn batch(table: &TableSpec, rows: &[(i64, &str, i64)]) -> ChangeBatch {
    let ids = Int64Array::from_iter_values(rows.iter().map(|r| r.0));
    let names = StringArray::from_iter_values(rows.iter().map(|r| r.1));
    let diffs = Int64Array::from_iter_values(rows.iter().map(|r| r.2));
    let rows = RecordBatch::try_new(table.schema.clone(), vec![Arc::new(ids), Arc::new(names)]).unwrap();
    ChangeBatch::changes(rows, Some(diffs))
}
