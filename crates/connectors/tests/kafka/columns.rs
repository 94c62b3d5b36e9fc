//! Keys, metadata, deletions and broken records.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use sloth_types::TableSpec;

use crate::broker::{Put, Topic, broker};
use crate::table::{Read, Tap, metadata, numbers, read_all, source, table};

const EARLIEST: (&str, &str) = ("scan.startup.mode", "earliest-offset");
const TO_LATEST: (&str, &str) = ("scan.bounded.mode", "latest-offset");

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

/// `MAP<STRING, BYTES>`, with the field names of the SQL types.
fn headers_type() -> DataType {
    let entry =
        Fields::from(vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Binary, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
}

fn read_columns(table: &TableSpec, columns: &[&str]) -> Read {
    let mut asked = table.clone();
    let fields: Vec<Field> = columns.iter().map(|c| table.schema.field_with_name(c).unwrap().clone()).collect();
    asked.schema = Arc::new(Schema::new(fields));
    let source = source(table).unwrap();
    let splits = source.splits().unwrap();
    Tap::open(&*source, &asked, &splits[0], None).unwrap().read_to_end()
}

#[test]
fn metadata_columns_show_the_envelope() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "envelope", 2);
    let headers = [("trace", Some("a")), ("empty", None), ("trace", Some("b"))];
    topic.put(&Put { partition: 1, value: Some("{\"n\":1}"), timestamp: Some(1_000), headers: &headers, key: None });
    topic.put(&Put { partition: 1, value: Some("{\"n\":2}"), timestamp: Some(2_000), ..Put::default() });
    let fields = vec![
        number("n"),
        text("topic"),
        Field::new("p", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false),
        Field::new("local", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        text("timestamp-type"),
        Field::new("leader-epoch", DataType::Int32, true),
        Field::new("headers", headers_type(), false),
    ];
    let mut table = table(&topic, fields, &[EARLIEST, TO_LATEST]);
    for (column, key) in [
        ("topic", "topic"),
        ("p", "partition"),
        ("offset", "offset"),
        ("ts", "timestamp"),
        ("local", "timestamp"),
        ("timestamp-type", "timestamp-type"),
        ("leader-epoch", "leader-epoch"),
        ("headers", "headers"),
    ] {
        metadata(&mut table, column, key, true);
    }
    let source = source(&table).unwrap();
    let splits = source.splits().unwrap();
    let read = Tap::open(&*source, &table, &splits[1], None).unwrap().read_to_end();
    let name = &topic.name;
    assert_eq!(
        read.texts(),
        [
            // Of equal headers the last counts; 'local' is the clock in the session's zone, eight hours ahead.
            format!("1|{name}|1|0|1970-01-01T00:00:01Z|1970-01-01T08:00:01|CreateTime|NULL|{{empty: NULL, trace: 62}}"),
            format!("2|{name}|1|1|1970-01-01T00:00:02Z|1970-01-01T08:00:02|CreateTime|NULL|{{}}"),
        ]
    );
    // Any subset in any order, metadata alone included.
    let mut asked = table.clone();
    let pick = |c: &str| table.schema.field_with_name(c).unwrap().clone();
    asked.schema = Arc::new(Schema::new(vec![pick("offset"), pick("n")]));
    assert_eq!(Tap::open(&*source, &asked, &splits[1], None).unwrap().read_to_end().texts(), ["0|1", "1|2"]);
    asked.schema = Arc::new(Schema::new(vec![pick("p")]));
    assert_eq!(Tap::open(&*source, &asked, &splits[1], None).unwrap().read_to_end().texts(), ["1", "1"]);
    asked.schema = Arc::new(Schema::empty());
    assert_eq!(Tap::open(&*source, &asked, &splits[1], None).unwrap().read_to_end().rows(), 2);
}

#[test]
fn key_columns_come_from_the_key() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "keyed", 1);
    for (key, value) in [
        (Some("{\"id\":7,\"region\":\"east\"}"), "{\"n\":1}"),
        (None, "{\"n\":2}"),
        (Some("not json"), "{\"n\":3}"),
        (Some("{\"id\":8,\"region\":\"west\"}"), "{\"n\":4}"),
        (Some("broken"), "broken"),
        (Some("{\"id\":9}"), "{\"n\":5}"),
    ] {
        topic.put(&Put { key, value: Some(value), ..Put::default() });
    }
    let fields = vec![text("k_region"), number("n"), number("k_id"), number("offset")];
    let mut table = table(
        &topic,
        fields,
        &[
            EARLIEST,
            TO_LATEST,
            ("value.format", "json"),
            ("key.format", "json"),
            ("key.fields", "k_id;k_region"),
            ("key.fields-prefix", "k_"),
            ("value.fields-include", "EXCEPT_KEY"),
        ],
    );
    metadata(&mut table, "offset", "offset", true);
    let read = read_columns(&table, &["k_region", "n", "k_id", "offset"]);
    assert_eq!(read.texts(), ["east|1|7|0", "NULL|2|NULL|1", "west|4|8|3", "NULL|5|9|5"]);
    let places: Vec<&str> = read.bad.iter().map(|b| b.place.as_str()).collect();
    assert_eq!(places, ["offset 2", "offset 4"]);
    assert_eq!(read.bad[0].raw, b"not json");
    assert!(read.bad[0].error.starts_with("key: "), "{}", read.bad[0].error);
    // What is bad does not depend on the columns asked for.
    let only = read_columns(&table, &["n"]);
    assert_eq!((only.texts().join(","), only.bad.len()), ("1,2,4,5".to_owned(), 2));
}

#[test]
fn a_raw_key_may_stand_in_the_value_too() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "rawkey", 1);
    topic.put(&Put { key: Some("k"), value: Some("{\"id\":\"v\",\"n\":1}"), ..Put::default() });
    let key = [("key.format", "raw"), ("key.fields", "id")];
    // By default the value holds all columns, and it wins, as in Flink.
    let all = table(&topic, vec![text("id"), number("n")], &[EARLIEST, TO_LATEST, key[0], key[1]]);
    assert_eq!(read_all(&all).texts(), ["v|1"]);
    let except = ("value.fields-include", "EXCEPT_KEY");
    let except = table(&topic, vec![text("id"), number("n")], &[EARLIEST, TO_LATEST, key[0], key[1], except]);
    assert_eq!(read_all(&except).texts(), ["k|1"]);
}

#[test]
fn a_missing_key_is_bad_when_the_column_is_not_null() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "nokey", 1);
    topic.put(&Put { value: Some("{\"n\":1}"), ..Put::default() });
    topic.put(&Put { key: Some("k"), value: Some("{\"n\":2}"), ..Put::default() });
    let id = Field::new("id", DataType::Utf8, false);
    let except = ("value.fields-include", "EXCEPT_KEY");
    let options = [EARLIEST, TO_LATEST, ("key.format", "raw"), ("key.fields", "id"), except];
    let read = read_all(&table(&topic, vec![id, number("n")], &options));
    assert_eq!(read.texts(), ["k|2"]);
    assert_eq!(read.bad.len(), 1);
    assert!(read.bad[0].error.contains("has no key"));
}

#[test]
fn broken_records_are_reported_and_deletions_left_out() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "broken", 1);
    let long = format!("\"{}", "x".repeat(100_000));
    for value in [Some("{\"n\":1}"), Some("{oops"), None, Some("{\"n\":2}"), Some(long.as_str()), Some("{\"n\":\"x\"}")]
    {
        topic.put(&Put { key: Some("k"), value, ..Put::default() });
    }
    let read = read_all(&numbers(&topic, &[EARLIEST, TO_LATEST]));
    assert_eq!(read.numbers(), [1, 2]);
    let places: Vec<&str> = read.bad.iter().map(|b| b.place.as_str()).collect();
    assert_eq!(places, ["offset 1", "offset 4", "offset 5"]);
    assert_eq!(read.bad[0].raw, b"{oops");
    assert_eq!(read.bad[1].raw.len(), 64 * 1024);
    assert!(read.bad.iter().all(|b| !b.error.is_empty()));
}
