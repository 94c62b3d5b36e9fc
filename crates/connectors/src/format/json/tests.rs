//! JSON in and out: types, bad records, projection, Flink's layout, and mutated inputs.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, Schema, TimeUnit};
use arrow::util::pretty::pretty_format_batches;
use sloth_types::rng::Rng;
use sloth_types::{ChangeBatch, Options, TableSpec};

use crate::format::{Decoded, Decoder, decoder, encoder};

fn spec(fields: Vec<Field>, options: &[(&str, &str)]) -> TableSpec {
    TableSpec {
        name: "t".into(),
        schema: Arc::new(Schema::new(fields)),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        options: Options::new(options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))),
        time_zone: "Asia/Shanghai".into(),
        partition_by: vec![],
    }
}

fn json(fields: Vec<Field>, options: &[(&str, &str)]) -> Box<dyn Decoder> {
    let table = spec(fields, options);
    decoder("json", &table.options, &table, table.schema.clone()).unwrap()
}

fn nullable(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn row(fields: Vec<Field>) -> DataType {
    DataType::Struct(Fields::from(fields))
}

fn map(key: DataType, value: DataType) -> DataType {
    let entries = row(vec![Field::new("key", key, false), nullable("value", value)]);
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

fn all_types() -> Vec<Field> {
    vec![
        nullable("b", DataType::Boolean),
        nullable("i8", DataType::Int8),
        nullable("i16", DataType::Int16),
        nullable("i32", DataType::Int32),
        nullable("i64", DataType::Int64),
        nullable("f32", DataType::Float32),
        nullable("f64", DataType::Float64),
        nullable("d", DataType::Decimal128(10, 2)),
        nullable("s", DataType::Utf8),
        nullable("sv", DataType::Utf8View),
        nullable("by", DataType::Binary),
        nullable("fb", DataType::FixedSizeBinary(2)),
        nullable("date", DataType::Date32),
        nullable("time", DataType::Time32(TimeUnit::Millisecond)),
        nullable("ts", DataType::Timestamp(TimeUnit::Millisecond, None)),
        nullable("ltz", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        nullable("r", row(vec![nullable("x", DataType::Int32), nullable("y", DataType::Utf8)])),
        nullable("a", DataType::List(Arc::new(nullable("item", DataType::Int64)))),
        nullable("m", map(DataType::Utf8, DataType::Int32)),
        nullable(
            "deep",
            DataType::List(Arc::new(nullable("item", row(vec![nullable("m", map(DataType::Utf8, DataType::Utf8))])))),
        ),
    ]
}

const FULL: &str = r#"{"b":true,"i8":-8,"i16":16,"i32":32,"i64":-64,"f32":1.5,"f64":-2.5e100,"d":12.34,"s":"a\"\\\nü€😀","sv":"a view longer than twelve","by":"AAEC","fb":"AAE=","date":"2024-02-29","time":"23:59:59.999","ts":"2024-11-11 00:00:00.123","ltz":"2024-11-11 00:00:00.123456Z","r":{"x":1,"y":null},"a":[1,null,3],"m":{"k":1,"l":null},"deep":[{"m":{"a":"b"}},null,{"m":null}]}"#;
const EMPTY: &str = r#"{"b":null,"i8":null,"i16":null,"i32":null,"i64":null,"f32":null,"f64":null,"d":null,"s":null,"sv":null,"by":null,"fb":null,"date":null,"time":null,"ts":null,"ltz":null,"r":null,"a":null,"m":null,"deep":null}"#;

fn encode(batch: &RecordBatch, options: &[(&str, &str)]) -> Vec<String> {
    let mut table = spec(Vec::new(), options);
    table.schema = batch.schema();
    let mut encoder = encoder("json", &table.options, &table, batch.schema()).unwrap();
    let mut lines = Vec::new();
    encoder
        .encode(&ChangeBatch::append(batch.clone()), &mut |bytes| {
            lines.push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
    lines
}

#[test]
fn every_type_round_trips() {
    let mut decoder = json(all_types(), &[]);
    let decoded = decoder.decode(&[FULL.as_bytes(), EMPTY.as_bytes(), b"{}"]).unwrap();
    assert!(decoded.bad.is_empty(), "{:?}", decoded.bad);
    assert_eq!(decoded.record_of_row, None);
    assert_eq!(encode(&decoded.batch, &[]), [FULL, EMPTY, EMPTY]);
    let block = format!("{FULL}\n{EMPTY}\r\n\n{{}}");
    let again = decoder.decode_block(block.as_bytes()).unwrap();
    assert_eq!(again.batch, decoded.batch);
}

#[test]
fn iso_times_and_left_out_nulls() {
    let mut decoder = json(all_types(), &[]);
    let decoded = decoder.decode(&[FULL.as_bytes()]).unwrap();
    let schema_part = decoded.batch.project(&[14, 15, 16]).unwrap();
    let options = [("json.timestamp-format.standard", "ISO-8601"), ("json.encode.ignore-null-fields", "true")];
    assert_eq!(
        encode(&schema_part, &options),
        [r#"{"ts":"2024-11-11T00:00:00.123","ltz":"2024-11-11T00:00:00.123456Z","r":{"x":1}}"#]
    );
}

#[test]
fn values_are_converted_as_flink_does() {
    let fields = vec![
        nullable("b", DataType::Boolean),
        nullable("i", DataType::Int32),
        nullable("d", DataType::Decimal128(5, 1)),
        nullable("s", DataType::Utf8),
        nullable("ltz", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
    ];
    let mut decoder = json(fields, &[]);
    let records: [&[u8]; 4] = [
        br#" { "b" : "TRUE" , "i" : "12" , "d" : "1.25" , "s" : 1.50 , "ltz":"1970-01-01 08:00:00" } "#,
        br#"{"b":false,"i":12.9,"d":1e2,"s":{"a": [1]},"ltz":"1970-01-01T01:00:00+01:00"}"#,
        br#"{"s":true,"u":{"x":[{}]},"s":"twice","i":1,"i":2}"#,
        br#"{"\u0073":"escaped key"}"#,
    ];
    let decoded = decoder.decode(&records).unwrap();
    assert!(decoded.bad.is_empty(), "{:?}", decoded.bad);
    assert_eq!(
        encode(&decoded.batch, &[]),
        [
            r#"{"b":true,"i":12,"d":1.3,"s":"1.50","ltz":"1970-01-01 00:00:00Z"}"#,
            r#"{"b":false,"i":12,"d":100.0,"s":"{\"a\": [1]}","ltz":"1970-01-01 00:00:00Z"}"#,
            r#"{"b":null,"i":2,"d":null,"s":"twice","ltz":null}"#,
            r#"{"b":null,"i":null,"d":null,"s":"escaped key","ltz":null}"#,
        ]
    );
}

fn bids() -> Vec<Field> {
    vec![
        Field::new("id", DataType::Int64, false),
        nullable("bid", row(vec![Field::new("price", DataType::Int64, false), nullable("url", DataType::Utf8)])),
        nullable("tags", DataType::List(Arc::new(nullable("item", DataType::Int32)))),
    ]
}

#[test]
fn bad_records_are_told_and_the_others_kept() {
    let records: Vec<&[u8]> = vec![
        br#"{"id":1,"bid":{"price":5,"url":"u"},"tags":[1]}"#,
        br#"{"id":"x"}"#,
        br#"{"id":2"#,
        br#"{"id":3} trailing"#,
        b"",
        br#"{"bid":null}"#,
        br#"{"id":4,"bid":{"url":"u"}}"#,
        br#"{"id":5,"bid":{"price":"five"}}"#,
        br#"{"id":6,"tags":[1,2,"three"]}"#,
        br#"{"id":7,"tags":{"a":1}}"#,
        b"[1]",
        b"{\"id\":8,\"bid\":{\"price\":1,\"url\":\"\xff\"}}",
        br#"{"id":9,"x":"\q"}"#,
        br#"{"id":10,"x":01}"#,
        br#"{"id":11,"x":[1,]}"#,
        br#"{"id":12,"tags":[2,3]}"#,
    ];
    let mut decoder = json(bids(), &[]);
    let check = |decoded: &Decoded, index: &dyn Fn(u32) -> u32| {
        let bad: Vec<u32> = decoded.bad.iter().map(|(record, _)| *record).collect();
        let expected: Vec<u32> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map(index).into_iter().collect();
        let why: Vec<_> = decoded.bad.iter().map(|(r, e)| format!("{r}: {e}")).collect();
        assert_eq!(bad, expected, "{}", why.join("\n"));
        let ids = decoded.batch.column(0).as_primitive::<Int64Type>();
        assert_eq!(ids.values(), &[1, 12]);
        assert_eq!(decoded.batch.column(2).as_list::<i32>().value(1).as_primitive::<Int32Type>().values(), &[2, 3]);
        assert_eq!(decoded.record_of_row, Some(vec![index(0), index(15)]));
        why
    };
    // `\q` stands in a value that nobody asked for; its escapes are not looked at. So that it counts as bad here, ask.
    let mut fields = bids();
    fields.push(nullable("x", DataType::Utf8));
    let mut asking = json(fields, &[]);
    let decoded = asking.decode(&records).unwrap();
    let why = check(&decoded, &|i| i);
    assert!(why.iter().any(|w| w == "7: column 'bid.price': 'five' is not a valid BIGINT"), "{why:?}");
    assert!(why.iter().any(|w| w == "6: column 'bid.price': is missing or NULL, but declared NOT NULL"), "{why:?}");
    assert!(why.iter().any(|w| w == "8: column 'tags.item': 'three' is not a valid INT"), "{why:?}");
    assert_eq!(decoder.decode(&records).unwrap().batch.num_rows(), 3);
}

#[test]
fn lines_recover_at_the_next_newline() {
    let block = b"{\"id\":1}\n{\"id\":\"unclosed}\n{\"id\":3}\r\n\nnonsense\n{\"id\":\n4}\n{\"id\":5}";
    let mut decoder = json(vec![Field::new("id", DataType::Int64, false)], &[]);
    let decoded = decoder.decode_block(block).unwrap();
    assert_eq!(decoded.batch.column(0).as_primitive::<Int64Type>().values(), &[1, 3, 5]);
    assert_eq!(decoded.record_of_row, Some(vec![0, 2, 6]));
    assert_eq!(decoded.bad.iter().map(|(r, _)| *r).collect::<Vec<_>>(), [1, 3, 4, 5]);
}

#[test]
fn an_array_of_objects_is_a_row_each() {
    let mut decoder = json(vec![Field::new("id", DataType::Int64, false)], &[]);
    let records: [&[u8]; 4] = [br#"[{"id":1},{"id":2}]"#, br#"{"id":3}"#, br#"[{"id":4},{"id":"x"}]"#, b"[]"];
    let decoded = decoder.decode(&records).unwrap();
    assert_eq!(decoded.batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
    assert_eq!(decoded.record_of_row, Some(vec![0, 0, 1]));
    assert_eq!(decoded.bad.len(), 1);
}

#[test]
fn a_projection_decodes_only_what_is_asked() {
    let table = spec(all_types(), &[]);
    let asked = Arc::new(Schema::new(vec![
        nullable("deep", all_types()[19].data_type().clone()),
        nullable("r", row(vec![nullable("y", DataType::Utf8)])),
        nullable("i32", DataType::Int32),
    ]));
    let mut decoder = decoder("json", &table.options, &table, asked.clone()).unwrap();
    // i8 is wrong, but nobody asked.
    let record = FULL.replace("\"i8\":-8", "\"i8\":\"wrong\"");
    let decoded = decoder.decode(&[record.as_bytes()]).unwrap();
    assert_eq!(decoded.batch.schema(), asked);
    assert_eq!(encode(&decoded.batch, &[]), [r#"{"deep":[{"m":{"a":"b"}},null,{"m":null}],"r":{"y":null},"i32":32}"#]);
    let mut counting = super::super::decoder("json", &table.options, &table, Arc::new(Schema::empty())).unwrap();
    assert_eq!(counting.decode_block(format!("{FULL}\n{{}}\n{{\n").as_bytes()).unwrap().batch.num_rows(), 2);
}

#[test]
fn options_change_what_counts_as_bad() {
    let fields = || vec![nullable("a", DataType::Int32), nullable("b", DataType::Int32)];
    let records: [&[u8]; 2] = [br#"{"a":1}"#, br#"{"a":"x","b":2}"#];
    let mut strict = json(fields(), &[("json.fail-on-missing-field", "true")]);
    assert_eq!(strict.decode(&records).unwrap().bad.len(), 2);
    let mut lenient = json(fields(), &[("json.ignore-parse-errors", "true")]);
    let decoded = lenient.decode(&records).unwrap();
    assert!(decoded.bad.is_empty());
    assert_eq!(encode(&decoded.batch, &[]), [r#"{"a":1,"b":null}"#, r#"{"a":null,"b":2}"#]);
    let table = spec(fields(), &[("json.ignore-parse-error", "true")]);
    let error = decoder("json", &table.options, &table, table.schema.clone()).err().unwrap();
    assert!(error.to_string().contains("json.ignore-parse-errors"), "{error}");
}

/// A valid record of random shape and its value of `id`.
fn random_record(rng: &mut Rng, id: i64) -> Vec<u8> {
    let tags: Vec<String> = (0..rng.below(4)).map(|_| rng.between(-9, 9).to_string()).collect();
    let url: String =
        (0..rng.below(12)).map(|_| ['a', '"', '\\', 'ü', '\n', '😀', '/'][rng.below(7) as usize]).collect();
    let mut out = Vec::new();
    out.extend_from_slice(format!("{{\"id\":{id},\"bid\":").as_bytes());
    if rng.chance(0.3) {
        out.extend_from_slice(b"null");
    } else {
        out.extend_from_slice(b"{\"url\":");
        super::encode::write_text(&url, &mut out);
        out.extend_from_slice(format!(",\"price\":{}}}", rng.next_u64() >> 20).as_bytes());
    }
    out.extend_from_slice(format!(",\"tags\":[{}]}}", tags.join(",")).as_bytes());
    out
}

#[test]
fn random_records_are_decoded_as_arrow_json_does() {
    let mut rng = Rng::new(77);
    let table = spec(bids(), &[]);
    for asked in [table.schema.clone(), Arc::new(table.schema.project(&[1]).unwrap())] {
        let mut block = Vec::new();
        for id in 0..500 {
            block.extend(random_record(&mut rng, id));
            block.extend_from_slice(if rng.chance(0.2) { b" \r\n" } else { b"\n" });
        }
        let mut reader =
            arrow::json::ReaderBuilder::new(asked.clone()).with_batch_size(1000).build(block.as_slice()).unwrap();
        let theirs = reader.next().unwrap().unwrap();
        let ours = decoder("json", &table.options, &table, asked).unwrap().decode_block(&block).unwrap();
        assert_eq!(ours.bad, []);
        assert_eq!(ours.batch, theirs);
    }
}

#[test]
fn mutated_records_never_panic_and_never_hurt_their_neighbours() {
    let mut decoder = json(bids(), &[]);
    let mut broken = 0;
    for seed in 0..3000 {
        let mut rng = Rng::at(42, seed);
        let good = random_record(&mut rng, 1);
        let mut mutated = random_record(&mut rng, 2);
        for _ in 0..=rng.below(3) {
            let at = rng.below(mutated.len().max(1) as u64) as usize;
            if mutated.is_empty() {
                break;
            }
            match rng.below(4) {
                0 => mutated[at] = rng.next_u64() as u8,
                1 => drop(mutated.remove(at)),
                2 => mutated.insert(at, b"\"\\{}[]:,-0e\x00\xff\n"[rng.below(14) as usize]),
                _ => mutated.truncate(at.max(1)),
            }
        }
        let last = random_record(&mut rng, 3);
        let decoded = decoder.decode(&[&good, &mutated, &last]).unwrap();
        let serde: Result<serde_json::Value, _> = serde_json::from_slice(&mutated);
        let expected: Vec<&[u8]> =
            if decoded.bad.is_empty() { vec![&good, &mutated, &last] } else { vec![&good, &last] };
        let alone = json(bids(), &[]).decode(&expected).unwrap();
        assert_eq!(pretty_format_batches(&[alone.batch]).unwrap().to_string(), {
            pretty_format_batches(&[decoded.batch]).unwrap().to_string()
        });
        if serde.is_err() {
            // What serde_json refuses we may accept only for bytes in keys or values that nobody asked for.
            broken += usize::from(!decoded.bad.is_empty());
        }
        let block = [good.as_slice(), &mutated, &last].join(&b'\n');
        let lines = decoder.decode_block(&block).unwrap();
        let ids = lines.batch.column(0).as_primitive::<Int64Type>();
        assert!(ids.values().first() == Some(&1) && ids.values().last() == Some(&3), "seed {seed}: {ids:?}");
        assert_eq!(ids.null_count(), 0);
    }
    assert!(broken > 1000, "{broken}");
}

#[test]
fn columns_of_numbers_are_read_as_value_by_value() {
    let mut rng = Rng::new(5);
    let table = spec(vec![nullable("n", DataType::Int32), nullable("d", DataType::Decimal128(10, 2))], &[]);
    let mut fast = decoder("json", &table.options, &table, table.schema.clone()).unwrap();
    for round in 0..300 {
        // Blocks of the usual kind, and blocks in which everything comes.
        let odd = round % 3 == 0;
        let whole = |rng: &mut Rng| {
            let digits = rng.below(9) as u32;
            rng.below(10u64.pow(digits)).to_string()
        };
        let values: Vec<(String, String)> = (0..1 + rng.below(20))
            .map(|_| {
                let sign = if odd && rng.chance(0.3) { "-" } else { "" };
                let number = if odd && rng.chance(0.2) { "12.0".to_owned() } else { whole(&mut rng) };
                let fraction = format!("{:02}", rng.below(100));
                let fraction = if odd {
                    fraction.repeat(1 + rng.below(2) as usize)[rng.below(2) as usize..].into()
                } else {
                    fraction
                };
                let quote = if odd && rng.chance(0.3) { "\"" } else { "" };
                (format!("{sign}{number}"), format!("{quote}{sign}{}.{fraction}{quote}", &whole(&mut rng)))
            })
            .collect();
        let line = |(n, d): &(String, String)| format!("{{\"n\":{n},\"d\":{d}}}\n");
        let block: String = values.iter().map(line).collect();
        let together = fast.decode_block(block.as_bytes()).unwrap();
        assert_eq!(together.bad, []);
        for (row, value) in values.iter().enumerate() {
            // A record that says NULL too is read one by one.
            let alone = format!("{}{{\"n\":null,\"d\":null}}\n", line(value));
            let alone = fast.decode_block(alone.as_bytes()).unwrap().batch;
            assert_eq!(together.batch.slice(row, 1), alone.slice(0, 1), "{value:?}");
        }
    }
}

/// A record with keys of `all_kinds` in some order, missing and unknown ones, and values as people write them; sometimes broken.
fn any_record(rng: &mut Rng, layouts: &[Vec<usize>]) -> Vec<u8> {
    fn one(rng: &mut Rng, of: &[&str]) -> String {
        of[rng.below(of.len() as u64) as usize].to_owned()
    }
    let layout = &layouts[rng.below(layouts.len() as u64) as usize];
    let text = |rng: &mut Rng| match rng.below(4) {
        0 => one(rng, &[r#""\\""#, r#""a\"b\u00fc\n""#, r#""\ud83d\ude00""#, r#""\x""#, "\"\u{1}\"", "\"\\\""]),
        1 => one(rng, &["null", "17", "true", r#"{"a":[1,"}"]}"#, "[]"]),
        _ => format!("\"{}\"", "häufig/".repeat(rng.below(12) as usize)),
    };
    let number = |rng: &mut Rng| match rng.below(5) {
        0 => one(
            rng,
            &["-3", "0", "007", "-0", "12.0", "1e3", "99999999999999999999", "12345678", "9223372036854775807"],
        ),
        1 => one(rng, &["null", "\" 12 \"", "\"x\"", "true", "[1]", "1.", "-", "300"]),
        _ => {
            let digits = rng.below(9) as u32;
            rng.below(10u64.pow(digits)).to_string()
        }
    };
    let time = |rng: &mut Rng| match rng.below(3) {
        0 => one(rng, &["null", "\"2024-02-30 00:00:00\"", "\"2024-11-11T10:00:00Z\"", "\"2024-11-11\"", "12", "\"\""]),
        1 => one(rng, &["\"2024-11-11 10:00:00.1\"", "\"2024-11-11 10:00:00.12x\"", "\"2024-11-11 10:00:00+01:00\""]),
        _ => format!("\"2024-11-11 10:00:{:02}.{:03}\"", 10 + rng.below(3), rng.below(1000)),
    };
    let mut members = Vec::new();
    for key in layout {
        let value = match key {
            0 => number(rng),
            1 => text(rng),
            2 => time(rng),
            3 if rng.chance(0.2) => one(rng, &["null", "{}", "7"]),
            3 => format!("{{\"price\":{},\"url\":{}}}", number(rng), text(rng)),
            4 => one(rng, &["null", "[]", "[1,2]", "[null]", "[1,", "{}"]),
            5 => one(rng, &["null", "{}", r#"{"k":1}"#, r#"{"k":null,"l":2}"#]),
            _ => one(rng, &["null", "1.5", r#""t""#, r#"{"n":[{}]}"#, "nil"]),
        };
        members.push(format!("\"{}\":{value}", ["n", "s", "t", "row", "list", "map", "other", "more"][*key]));
    }
    let mut record = format!("{{{}}}", members.join(if rng.chance(0.05) { " , " } else { "," })).into_bytes();
    if rng.chance(0.03) {
        let at = rng.below(record.len() as u64) as usize;
        record.insert(at, 0xff);
    }
    record
}

#[test]
fn what_came_before_does_not_matter() {
    let bid = row(vec![nullable("price", DataType::Int32), nullable("url", DataType::Utf8)]);
    let fields = vec![
        nullable("n", DataType::Int16),
        nullable("s", DataType::Utf8),
        nullable("t", DataType::Timestamp(TimeUnit::Millisecond, None)),
        nullable("row", bid),
        nullable("list", DataType::List(Arc::new(nullable("item", DataType::Int64)))),
        nullable("map", map(DataType::Utf8, DataType::Int64)),
    ];
    let (mut good, mut bad) = (0, 0);
    for seed in 0..150 {
        let mut rng = Rng::at(11, seed);
        let options: &[_] = match rng.below(3) {
            0 => &[("json.ignore-parse-errors", "true")],
            1 => &[("json.fail-on-missing-field", "true")],
            _ => &[],
        };
        let layouts: Vec<Vec<usize>> = (0..1 + rng.below(4))
            .map(|_| (0..rng.below(9)).map(|_| rng.below(8) as usize).collect())
            .chain([vec![0, 1, 2, 3, 4, 5]])
            .collect();
        let records: Vec<Vec<u8>> = (0..100).map(|_| any_record(&mut rng, &layouts)).collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let mut together = json(fields.clone(), options);
        let alone: Vec<Decoded> =
            records.iter().map(|record| json(fields.clone(), options).decode(&[record]).unwrap()).collect();
        let wanted = arrow::compute::concat_batches(&alone[0].batch.schema(), alone.iter().map(|d| &d.batch)).unwrap();
        let wanted_bad: Vec<(u32, String)> =
            (0..).zip(&alone).flat_map(|(at, d)| d.bad.iter().map(move |(_, why)| (at, why.clone()))).collect();
        let lines = [records.join(&b'\n').as_slice(), b"\n"].concat();
        // The second time everything has been seen before.
        for round in 0..4 {
            let decoded =
                if round < 2 { together.decode(&records).unwrap() } else { together.decode_block(&lines).unwrap() };
            assert_eq!(decoded.bad, wanted_bad, "seed {seed}");
            assert_eq!(decoded.batch, wanted, "seed {seed}");
        }
        good += wanted.num_rows();
        bad += wanted_bad.len();
    }
    assert!(good > 3000 && bad > 3000, "{good} {bad}");
}
