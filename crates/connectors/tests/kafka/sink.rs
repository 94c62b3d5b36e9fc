//! Writing: delivery, keys, partitions, deletions, envelope.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use rdkafka::message::Message;
use sloth_types::{ChangeBatch, ChangelogMode, Epoch, OpenSink, SinkWriter, TableSpec};

use crate::broker::{Topic, broker, header_texts, text};
use crate::table::{metadata, numbers, sink, table};

const APPEND: ChangelogMode = ChangelogMode::Append;

fn open(table: &TableSpec, mode: ChangelogMode) -> Box<dyn SinkWriter> {
    let sink = sink(table).unwrap();
    assert!(sink.accepts(&mode) && sink.blocking() && sink.ordered());
    sink.open(OpenSink::plain(table.schema.clone(), mode)).unwrap()
}

fn rows(table: &TableSpec, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(table.schema.clone(), columns).unwrap()
}

fn number_batch(table: &TableSpec, numbers: std::ops::Range<i64>) -> ChangeBatch {
    ChangeBatch::append(rows(table, vec![Arc::new(Int64Array::from_iter_values(numbers))]))
}

#[test]
fn an_ended_epoch_is_at_the_broker() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "written", 1);
    let table = numbers(&topic, &[("sink.delivery-guarantee", "at-least-once")]);
    let mut writer = open(&table, APPEND);
    for epoch in 0..20 {
        let first = epoch * 500;
        writer.write(Epoch(epoch as u64), &number_batch(&table, first..first + 250)).unwrap();
        writer.write(Epoch(epoch as u64), &number_batch(&table, first + 250..first + 500)).unwrap();
        writer.end_epoch(Epoch(epoch as u64)).unwrap();
        if epoch % 10 == 0 {
            assert_eq!(topic.records(1).len() as i64, first + 500);
        }
    }
    // Epochs without rows cost nothing and are no error.
    writer.end_epoch(Epoch(20)).unwrap();
    writer.close().unwrap();
    let records = topic.records(1);
    assert_eq!(records.len(), 10_000);
    for (n, record) in records.iter().enumerate() {
        assert_eq!(text(record), (None, Some(format!("{{\"n\":{n}}}").as_str())));
    }
}

#[test]
fn partitions_are_chosen_as_the_option_says() {
    let Some(servers) = broker() else { return };
    let partitions = |option: Option<&str>| {
        let topic = Topic::new(&servers, "spread", 3);
        let mut table = numbers(&topic, &[]);
        if let Some(option) = option {
            table.options.set("sink.partitioner", option);
        }
        let mut writer = open(&table, APPEND);
        for epoch in 0..4 {
            let first = epoch * 2;
            writer.write(Epoch(epoch as u64), &number_batch(&table, first..first + 2)).unwrap();
            writer.end_epoch(Epoch(epoch as u64)).unwrap();
        }
        writer.close().unwrap();
        let mut counts = [0; 3];
        for record in topic.records(3) {
            counts[record.partition() as usize] += 1;
        }
        counts
    };
    assert_eq!(partitions(Some("fixed")), [8, 0, 0]);
    assert_eq!(partitions(Some("round-robin")), [3, 3, 2]);
    // Records without a key change the partition with the epoch.
    assert_eq!(partitions(None), [4, 2, 2]);
}

#[test]
fn equal_keys_meet_where_the_java_client_puts_them() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "hashed", 4);
    let fields = vec![Field::new("id", DataType::Utf8, true), Field::new("n", DataType::Int64, true)];
    let table =
        table(&topic, fields, &[("key.format", "raw"), ("key.fields", "id"), ("value.fields-include", "EXCEPT_KEY")]);
    let mut writer = open(&table, APPEND);
    let ids = StringArray::from(vec!["a", "b", "c", "d", "a", "b", "c", "d"]);
    let batch = rows(&table, vec![Arc::new(ids), Arc::new(Int64Array::from_iter_values(0..8))]);
    writer.write(Epoch(0), &ChangeBatch::append(batch)).unwrap();
    writer.close().unwrap();
    let mut found: Vec<(String, i32, String)> = topic
        .records(4)
        .iter()
        .map(|r| (text(r).0.unwrap().to_owned(), r.partition(), text(r).1.unwrap().to_owned()))
        .collect();
    found.sort();
    // murmur2 of the key, positive, modulo 4.
    let expected: Vec<(String, i32, String)> = [("a", 0), ("b", 1), ("c", 2), ("d", 3)]
        .into_iter()
        .flat_map(|(key, n)| [n, n + 4].map(|n| (key.to_owned(), murmur2_partition(key, 4), format!("{{\"n\":{n}}}"))))
        .collect();
    assert_eq!(found, expected);
}

/// The partition that the Java client's default partitioner gives a key.
fn murmur2_partition(key: &str, partitions: i32) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let data = key.as_bytes();
    let mut h: u32 = 0x9747_b28c ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes(chunk.try_into().unwrap()).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    ((h & 0x7fff_ffff) % partitions as u32) as i32
}

#[test]
fn an_upsert_writes_the_key_and_a_deletion_no_value() {
    let Some(servers) = broker() else { return };
    let topic = Topic::named(&servers, &crate::broker::unique("upsert"), 1, &[("cleanup.policy", "compact")]);
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("total", DataType::Int64, true)];
    let mut table =
        table(&topic, fields, &[("connector", "upsert-kafka"), ("key.format", "json"), ("value.format", "json")]);
    table.primary_key = vec!["id".into()];
    let accepts = |mode| sink(&table).unwrap().accepts(&mode);
    assert!(!accepts(ChangelogMode::Retract));
    assert!(!accepts(ChangelogMode::Upsert { key: vec![1] }));
    assert!(!accepts(ChangelogMode::Upsert { key: vec![] }));
    let mode = ChangelogMode::Upsert { key: vec![0] };
    let mut writer = open(&table, mode);
    let rows = rows(
        &table,
        vec![
            Arc::new(Int64Array::from(vec![1, 2, 1, 2])),
            Arc::new(Int64Array::from(vec![Some(10), Some(20), Some(11), None])),
        ],
    );
    let diffs = Some(Int64Array::from(vec![1, 1, 1, -1]));
    writer.write(Epoch(0), &ChangeBatch::changes(rows, diffs)).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    writer.close().unwrap();
    let records = topic.records(1);
    let found: Vec<_> = records.iter().map(text).collect();
    assert_eq!(
        found,
        [
            (Some("{\"id\":1}"), Some("{\"id\":1,\"total\":10}")),
            (Some("{\"id\":2}"), Some("{\"id\":2,\"total\":20}")),
            (Some("{\"id\":1}"), Some("{\"id\":1,\"total\":11}")),
            (Some("{\"id\":2}"), None),
        ]
    );
    let append = numbers(&topic, &[]);
    assert!(!sink(&append).unwrap().accepts(&ChangelogMode::Upsert { key: vec![0] }));
}

#[test]
fn a_format_that_tells_changes_takes_them_all() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "changes", 1);
    let table = numbers(&topic, &[("format", "debezium-json")]);
    assert!(!sink(&table).unwrap().accepts(&ChangelogMode::Upsert { key: vec![0] }));
    let mut writer = open(&table, ChangelogMode::Retract);
    let rows = rows(&table, vec![Arc::new(Int64Array::from(vec![7, 7]))]);
    writer.write(Epoch(0), &ChangeBatch::changes(rows, Some(Int64Array::from(vec![1, -1])))).unwrap();
    writer.close().unwrap();
    let records = topic.records(1);
    let found: Vec<_> = records.iter().map(|r| text(r).1.unwrap()).collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("\"op\":\"c\"") && found[1].contains("\"op\":\"d\""), "{found:?}");
}

#[test]
fn time_and_headers_can_be_written() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "stamped", 1);
    let names = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
    let mut headers = MapBuilder::new(Some(names), StringBuilder::new(), BinaryBuilder::new());
    headers.keys().append_value("trace");
    headers.values().append_value(b"a");
    headers.keys().append_value("none");
    headers.values().append_null();
    headers.append(true).unwrap();
    headers.append(false).unwrap();
    let headers: ArrayRef = Arc::new(headers.finish());
    // 08:00:05 in Shanghai is five seconds after 1970 began in Greenwich.
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![Some(8 * 3_600_000 + 5_000), Some(0)]));
    let fields = vec![
        Field::new("n", DataType::Int64, true),
        Field::new("ts", times.data_type().clone(), true),
        Field::new("h", headers.data_type().clone(), true),
        Field::new("offset", DataType::Int64, true),
    ];
    let mut whole = table(&topic, fields, &[]);
    metadata(&mut whole, "ts", "timestamp", false);
    metadata(&mut whole, "h", "headers", false);
    metadata(&mut whole, "offset", "offset", true);
    // A query gives no values for columns that are read only.
    let mut given = whole.clone();
    given.schema = Arc::new(Schema::new(whole.schema.fields()[..3].to_vec()));
    let sink = sink(&whole).unwrap();
    let mut writer = sink.open(OpenSink::plain(given.schema.clone(), APPEND)).unwrap();
    let n: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let later: ArrayRef =
        Arc::new(TimestampMillisecondArray::from(vec![Some(8 * 3_600_000 + 5_000), Some(8 * 3_600_000 + 1)]));
    drop(times);
    writer.write(Epoch(0), &ChangeBatch::append(rows(&given, vec![n, later, headers]))).unwrap();
    writer.close().unwrap();
    let records = topic.records(1);
    assert_eq!(text(&records[0]), (None, Some("{\"n\":1}")));
    assert_eq!(records[0].timestamp().to_millis(), Some(5_000));
    assert_eq!(records[1].timestamp().to_millis(), Some(1));
    assert_eq!(header_texts(&records[0]), [("trace".to_owned(), Some("a".to_owned())), ("none".to_owned(), None)]);
    assert_eq!(header_texts(&records[1]), []);
    let mut wrong = whole.clone();
    metadata(&mut wrong, "n", "partition", false);
    assert!(crate::table::sink(&wrong).err().unwrap().to_string().contains("cannot be written"));
}

#[test]
fn a_record_that_the_broker_refuses_fails_the_epoch() {
    let Some(servers) = broker() else { return };
    let small = [("max.message.bytes", "1000")];
    let topic = Topic::named(&servers, &crate::broker::unique("small"), 1, &small);
    let fields = vec![Field::new("s", DataType::Utf8, true)];
    let table = table(&topic, fields, &[("format", "raw"), ("properties.compression.type", "none")]);
    let mut writer = open(&table, APPEND);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(5_000)]));
    let written = writer.write(Epoch(0), &ChangeBatch::append(rows(&table, vec![text])));
    let error = written.and_then(|()| writer.end_epoch(Epoch(0))).unwrap_err().to_string();
    assert!(error.contains("larger than the topic allows"), "{error}");
    assert!(error.contains("max.message.bytes"), "{error}");
}

#[test]
fn without_a_guarantee_the_end_of_the_job_still_flushes() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "loose", 1);
    let table = numbers(&topic, &[("sink.delivery-guarantee", "none")]);
    let mut writer = open(&table, APPEND);
    writer.write(Epoch(0), &number_batch(&table, 0..1_000)).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    writer.close().unwrap();
    assert_eq!(topic.records(1).len(), 1_000);
}
