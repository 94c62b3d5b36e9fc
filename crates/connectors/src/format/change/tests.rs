//! Change events to rows and back; broken ones are bad records and nothing else.

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use sloth_types::ChangeBatch;
use sloth_types::rng::Rng;
use sloth_types::table::MetadataColumn;

use super::*;
use crate::format;
use crate::testing::{nullable, table};

fn spec(keyed: bool, options: &[(&str, &str)]) -> TableSpec {
    let id = Field::new("id", DataType::Int64, false);
    let mut table = table("t", vec![id, nullable("s", DataType::Utf8), nullable("n", DataType::Int64)], options);
    if keyed {
        table.primary_key = vec!["id".into()];
    }
    table
}

/// Rows with their signs and records, and the numbers of bad records.
fn decode(name: &str, table: &TableSpec, records: &[&[u8]]) -> (Vec<String>, Vec<u32>) {
    let mut decoder = format::decoder(name, &table.options, table, table.schema.clone()).unwrap();
    let decoded = decoder.decode(records).unwrap();
    let block = records.iter().filter(|r| !r.is_empty()).copied().collect::<Vec<_>>().join(&b'\n');
    let again = decoder.decode_block(&block).unwrap();
    assert_eq!((&decoded.batch, &decoded.diffs), (&again.batch, &again.diffs), "a block of lines is the same");
    (rows_of(&decoded), decoded.bad.iter().map(|(r, _)| *r).collect())
}

fn rows_of(decoded: &Decoded) -> Vec<String> {
    let changes = ChangeBatch::changes(decoded.batch.clone(), decoded.diffs.clone());
    let lines = crate::print::lines(&changes).unwrap();
    let record = |row: usize| decoded.record_of_row.as_ref().map_or(row as u32, |r| r[row]);
    lines.iter().enumerate().map(|(row, line)| format!("{} {line}", record(row))).collect()
}

const DEBEZIUM: [&[u8]; 9] = [
    br#"{"before":null,"after":{"id":1,"s":"a","n":1},"source":{"db":"x"},"op":"c","ts_ms":1}"#,
    br#"{"after":{"id":2},"op":"r"}"#,
    br#"{"before":{"id":1,"s":"a","n":1},"after":{"id":1,"s":null,"n":2},"op":"u"}"#,
    br#"{"before":{"id":2},"after":null,"op":"d"}"#,
    b"",
    br#"{"before":null,"after":{"id":3},"op":"u"}"#,
    br#"{"before":{"id":3},"after":{"id":4},"op":"u"}"#,
    br#"{"payload":{"after":{"id":3},"op":"c"}}"#,
    br#"{"before":null,"after":null,"op":"d"}"#,
];

#[test]
fn debezium_events_are_exact_changes() {
    let (rows, bad) = decode("debezium-json", &spec(false, &[]), &DEBEZIUM);
    let expected = [
        "0 +I[1, a, 1]",
        "1 +I[2, null, null]",
        "2 -D[1, a, 1]",
        "2 +I[1, null, 2]",
        "3 -D[2, null, null]",
        "6 -D[3, null, null]",
        "6 +I[4, null, null]",
    ];
    assert_eq!(rows, expected);
    assert_eq!(bad, [5, 7, 8], "an update without its old image, an envelope, a delete of nothing");
}

#[test]
fn with_a_key_old_images_are_needed_only_where_the_key_changes() {
    let (rows, bad) = decode("debezium-json", &spec(true, &[]), &DEBEZIUM);
    let expected = [
        "0 +I[1, a, 1]",
        "1 +I[2, null, null]",
        "2 +I[1, null, 2]",
        "3 -D[2, null, null]",
        "5 +I[3, null, null]",
        "6 -D[3, null, null]",
        "6 +I[4, null, null]",
    ];
    assert_eq!(rows, expected);
    assert_eq!(bad, [7, 8]);
}

#[test]
fn a_debezium_envelope_with_schema_is_opened() {
    let records: [&[u8]; 3] = [
        br#"{"schema":{"type":"struct","fields":[]},"payload":{"before":null,"after":{"id":1},"op":"c"}}"#,
        br#"{"after":{"id":1},"op":"c"}"#,
        br#"{"payload":{"after":{"id":"x"},"op":"c"}}"#,
    ];
    let (rows, bad) = decode("debezium-json", &spec(false, &[("debezium-json.schema-include", "true")]), &records);
    assert_eq!(rows, ["0 +I[1, null, null]"]);
    assert_eq!(bad, [1, 2]);
}

#[test]
fn canal_fills_the_old_image_up_from_the_new_one() {
    let records: [&[u8]; 8] = [
        br#"{"data":[{"id":"1","s":"a","n":"1"},{"id":"2","s":"b","n":null}],"old":null,"type":"INSERT","isDdl":false}"#,
        br#"{"data":[{"id":"1","s":"x","n":"1"},{"id":"2","s":"b","n":"7"}],"old":[{"s":"a"},{"n":null}],"type":"UPDATE"}"#,
        br#"{"data":[{"id":"3","s":"x","n":"1"}],"old":[{"id":"1"}],"type":"UPDATE"}"#,
        br#"{"data":[{"id":"2","s":"b","n":"7"}],"type":"DELETE"}"#,
        br#"{"data":null,"isDdl":true,"sql":"ALTER TABLE t ADD x INT","type":"ALTER"}"#,
        br#"{"data":[{"id":"2","s":"b","n":"7"}],"old":[],"type":"UPDATE"}"#,
        br#"{"type":"TRUNCATE"}"#,
        br#"{"data":null,"type":"INSERT"}"#,
    ];
    let (rows, bad) = decode("canal-json", &spec(false, &[]), &records);
    let expected = [
        "0 +I[1, a, 1]",
        "0 +I[2, b, null]",
        "1 -D[1, a, 1]",
        "1 +I[1, x, 1]",
        "1 -D[2, b, null]",
        "1 +I[2, b, 7]",
        "2 -D[1, x, 1]",
        "2 +I[3, x, 1]",
        "3 -D[2, b, 7]",
    ];
    assert_eq!(rows, expected);
    assert_eq!(bad, [5, 6, 7]);
}

#[test]
fn canal_events_of_other_tables_do_not_count() {
    let records: [&[u8]; 3] = [
        br#"{"data":[{"id":"1"}],"type":"INSERT","database":"shop","table":"orders_1"}"#,
        br#"{"data":[{"id":"2"}],"type":"INSERT","database":"shop","table":"users"}"#,
        br#"{"data":[{"id":"3"}],"type":"INSERT","database":"workshop","table":"orders_1"}"#,
    ];
    let options = [("canal-json.database.include", "shop"), ("canal-json.table.include", "orders_.*")];
    let (rows, bad) = decode("canal-json", &spec(false, &options), &records);
    assert_eq!((rows, bad), (vec!["0 +I[1, null, null]".to_owned()], vec![]));
}

#[test]
fn maxwell_events_are_exact_changes() {
    let records: [&[u8]; 7] = [
        br#"{"database":"d","table":"t","type":"insert","ts":1477053217,"data":{"id":1,"s":"a","n":null}}"#,
        br#"{"type":"update","data":{"id":1,"s":"b","n":2},"old":{"s":"a","n":null}}"#,
        br#"{"type":"update","data":{"id":1,"s":"c","n":2},"old":{"s":"b"}}"#,
        br#"{"type":"bootstrap-start","data":{}}"#,
        br#"{"type":"delete","data":{"id":1,"s":"c","n":2}}"#,
        br#"{"type":"table-drop"}"#,
        br#"{"type":"update","data":{"id":1,"s":"c","n":2}}"#,
    ];
    let (rows, bad) = decode("maxwell-json", &spec(false, &[]), &records);
    let expected =
        ["0 +I[1, a, null]", "1 -D[1, a, null]", "1 +I[1, b, 2]", "2 -D[1, b, 2]", "2 +I[1, c, 2]", "4 -D[1, c, 2]"];
    assert_eq!(rows, expected);
    assert_eq!(bad, [5, 6]);
}

#[test]
fn metadata_comes_from_the_envelope() {
    type Column<'a> = (&'a str, &'a str, &'a [(&'a str, DataType)], &'a [u8], &'a str);
    let columns: [Column<'_>; 3] = [
        (
            "debezium-json",
            "",
            &[
                ("source.database", DataType::Utf8),
                ("source.timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
                ("source.properties", metadata::text_map()),
            ],
            br#"{"after":{"id":1},"op":"c","ts_ms":5,"source":{"db":"x","ts_ms":1589362330000,"file":null}}"#,
            "+I[1, x, 2020-05-13T09:32:10Z, {db=x, ts_ms=1589362330000, file=null}]",
        ),
        (
            "canal-json",
            "value.",
            &[
                ("database", DataType::Utf8),
                ("ingestion-timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
                ("pk-names", DataType::List(Arc::new(nullable("item", DataType::Utf8)))),
            ],
            br#"{"data":[{"id":1}],"type":"INSERT","database":"d","ts":1589362330000,"pkNames":["id"]}"#,
            "+I[1, d, 2020-05-13T09:32:10Z, [id]]",
        ),
        (
            "maxwell-json",
            "",
            &[
                ("table", DataType::Utf8),
                ("ingestion-timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
            ],
            br#"{"data":{"id":1},"type":"insert","table":"t","ts":1589362330}"#,
            "+I[1, t, 2020-05-13T09:32:10Z]",
        ),
    ];
    for (name, prefix, metadata, record, expected) in columns {
        let mut fields = vec![Field::new("id", DataType::Int64, false)];
        fields.extend(metadata.iter().map(|(key, data_type)| nullable(&format!("m {key}"), data_type.clone())));
        let mut table = table("t", fields, &[]);
        let declared = metadata.iter().map(|(key, _)| MetadataColumn {
            column: format!("m {key}"),
            key: format!("{prefix}{key}"),
            read_only: true,
        });
        table.metadata = declared.collect();
        let (rows, bad) = decode(name, &table, &[record]);
        assert_eq!((rows, bad), (vec![format!("0 {expected}")], vec![]), "{name}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let schema = spec(false, &[]).schema;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 1, 2])),
        Arc::new(StringArray::from(vec![Some("a"), Some("a\"b"), None])),
        Arc::new(Int64Array::from(vec![None, Some(-1), Some(3)])),
    ];
    let rows = RecordBatch::try_new(schema, columns).unwrap();
    let batch = ChangeBatch::changes(rows, Some(Int64Array::from(vec![-1, 1, 1])));
    for name in ["debezium-json", "canal-json", "maxwell-json"] {
        let table = spec(false, &[]);
        let mut encoder = format::encoder(name, &table.options, &table, table.schema.clone()).unwrap();
        let mut records: Vec<Vec<u8>> = vec![];
        encoder
            .encode(&batch, &mut |record| {
                records.push(record.to_vec());
                Ok(())
            })
            .unwrap();
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let (rows, bad) = decode(name, &table, &slices);
        assert_eq!(rows, ["0 -D[1, a, null]", "1 +I[1, a\"b, -1]", "2 +I[2, null, 3]"], "{name}");
        assert!(bad.is_empty());
    }
    let with_schema = spec(false, &[("debezium-json.schema-include", "true")]);
    assert!(format::encoder("debezium-json", &with_schema.options, &with_schema, with_schema.schema.clone()).is_err());
}

#[test]
fn broken_events_are_bad_records_and_nothing_else() {
    let whole: [(&str, &[u8]); 3] = [
        ("debezium-json", br#"{"before":{"id":1,"s":"a"},"after":{"id":1,"s":"b","n":2},"op":"u","ts_ms":7}"#),
        ("canal-json", br#"{"data":[{"id":1,"s":"b"},{"id":2}],"old":[{"s":null},{}],"type":"UPDATE"}"#),
        ("maxwell-json", br#"{"data":{"id":1,"s":"b"},"old":{"s":null,"n":3},"type":"update"}"#),
    ];
    for (name, whole) in whole {
        for keyed in [false, true] {
            let table = spec(keyed, &[]);
            let mut decoder = format::decoder(name, &table.options, &table, table.schema.clone()).unwrap();
            for seed in 0..400 {
                let mut rng = Rng::new(seed);
                let mut broken = whole.to_vec();
                for _ in 0..1 + rng.below(3) {
                    let at = rng.below(broken.len() as u64) as usize;
                    match rng.below(3) {
                        0 => broken.truncate(at.max(1)),
                        1 => broken[at] = b" {}[]\",:0n"[rng.below(10) as usize],
                        _ => drop(broken.remove(at)),
                    }
                    if broken.is_empty() {
                        broken.push(b'{');
                    }
                }
                // The neighbours come through, whatever stands between them.
                let decoded = decoder.decode(&[whole, &broken, whole]).unwrap();
                let of = |record: u32| {
                    let records = decoded.record_of_row.as_ref().unwrap();
                    (0..records.len()).filter(|row| records[*row] == record).collect::<Vec<_>>()
                };
                assert!(!of(0).is_empty() && of(0).len() == of(2).len(), "{name} seed {seed}");
                let bad: Vec<u32> = decoded.bad.iter().map(|(r, _)| *r).collect();
                assert!(bad.is_empty() || (bad == [1] && of(1).is_empty()), "{name} seed {seed}: {bad:?}");
                assert_eq!(decoded.batch.num_rows(), decoded.record_of_row.as_ref().unwrap().len());
                let ids = decoded.batch.column(0).as_primitive::<Int64Type>();
                assert_eq!(ids.null_count(), 0);
            }
        }
    }
}

#[test]
fn unknown_metadata_and_options_are_refused() {
    let mut table = spec(false, &[("canal-json.schema-include", "true")]);
    assert!(format::decoder("canal-json", &table.options, &table, table.schema.clone()).is_err());
    table.options = Options::default();
    table.metadata = vec![MetadataColumn { column: "n".into(), key: "source.db".into(), read_only: true }];
    let error = format::decoder("debezium-json", &table.options, &table, table.schema.clone()).err().unwrap();
    assert!(error.hint_text().is_some_and(|h| h.contains("source.database")), "{error}");
}
