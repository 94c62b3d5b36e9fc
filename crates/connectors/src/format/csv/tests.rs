//! CSV in and out: quotes, options, projection, nested values, bad lines, and mutated inputs.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Fields, Int64Type, Schema, TimeUnit, TimestampMillisecondType,
};
use sloth_types::rng::Rng;
use sloth_types::{ChangeBatch, TableSpec};

use crate::format::{Decoder, decoder, encoder};
use crate::testing::{nullable, table};

fn orders(options: &[(&str, &str)]) -> TableSpec {
    let fields = vec![
        Field::new("order_id", DataType::Int64, false),
        nullable("category", DataType::Utf8),
        nullable("user_id", DataType::Int64),
        nullable("amount", DataType::Decimal128(10, 2)),
        nullable("event_time", DataType::Timestamp(TimeUnit::Millisecond, None)),
    ];
    table("orders", fields, options)
}

fn csv(table: &TableSpec) -> Box<dyn Decoder> {
    decoder("csv", &table.options, table, table.schema.clone()).unwrap()
}

fn encode(batch: &RecordBatch, options: &[(&str, &str)]) -> Vec<String> {
    let mut table = table("t", Vec::new(), options);
    table.schema = batch.schema();
    let mut lines = Vec::new();
    encoder("csv", &table.options, &table, batch.schema())
        .unwrap()
        .encode(&ChangeBatch::append(batch.clone()), &mut |line| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
    lines
}

#[test]
fn lines_round_trip_with_and_without_quotes() {
    let table = orders(&[]);
    let lines = [
        "1,books,17,12.34,2024-11-11 00:00:00.123",
        "2,\"a, \"\"b\"\"\",,-0.50,2024-11-11 00:00:00",
        "3,,,,",
        "4,ünïcödé €,9223372036854775807,99999999.99,1969-12-31 23:59:59.999",
    ];
    let block = format!("{}\r\n\n{}\n", lines[..2].join("\n"), lines[2..].join("\n"));
    let decoded = csv(&table).decode_block(block.as_bytes()).unwrap();
    assert_eq!(decoded.bad, []);
    assert_eq!(encode(&decoded.batch, &[]), lines);
    assert_eq!(decoded.batch.column(1).as_string::<i32>().value(1), "a, \"b\"");
    assert_eq!(decoded.batch.column(1).as_string::<i32>().value(2), "", "empty text is a text, as in Flink");
    assert!(decoded.batch.column(3).is_null(2));
    let records: Vec<&[u8]> = lines.iter().map(|l| l.as_bytes()).collect();
    assert_eq!(csv(&table).decode(&records).unwrap().batch, decoded.batch);
}

#[test]
fn a_narrow_projection_reads_the_same_values() {
    let table = orders(&[]);
    let fields = table.schema.fields();
    let asked = Arc::new(Schema::new(vec![fields[4].clone(), fields[3].clone()]));
    let mut narrow = decoder("csv", &table.options, &table, asked.clone()).unwrap();
    for quote in ["", "\""] {
        let block = format!(
            "1,{quote}b{quote},2,3.5,2024-11-11 00:00:01\nx,y,z,4,2024-11-11 00:00:02\n1,2,3,4\n5,6,7,8,9,10\n"
        );
        let decoded = narrow.decode_block(block.as_bytes()).unwrap();
        assert_eq!(decoded.batch.schema(), asked);
        assert_eq!(decoded.batch.column(1).as_primitive::<Decimal128Type>().values(), &[350, 400]);
        let times = decoded.batch.column(0).as_primitive::<TimestampMillisecondType>();
        assert_eq!(times.values(), &[1_731_283_201_000, 1_731_283_202_000]);
        assert_eq!(decoded.bad.iter().map(|(r, _)| *r).collect::<Vec<_>>(), [2, 3]);
    }
    let mut counting = decoder("csv", &table.options, &table, Arc::new(Schema::empty())).unwrap();
    assert_eq!(counting.decode_block(b"1,2,3,4,5\n1,2\n1,2,3,4,5").unwrap().batch.num_rows(), 2);
}

#[test]
fn options_change_the_syntax() {
    let options = [
        ("csv.field-delimiter", "\\t"),
        ("csv.quote-character", "'"),
        ("csv.escape-character", "\\"),
        ("csv.allow-comments", "true"),
        ("csv.null-literal", "n/a"),
    ];
    let table = orders(&options);
    let block =
        "# a comment\n1\t'x\ty'\tn/a\t1\t2024-11-11\n2\ta\\\tb\t2\t2\t2024-11-11 10:00\n# another\n3\tn/a\tx\t3\t\n";
    let decoded = csv(&table).decode_block(block.as_bytes()).unwrap();
    let category = decoded.batch.column(1).as_string::<i32>();
    assert_eq!((category.value(0), category.value(1)), ("x\ty", "a\tb"));
    assert!(decoded.batch.column(2).is_null(0));
    assert_eq!(decoded.record_of_row, Some(vec![1, 2]));
    assert_eq!(decoded.bad, [(4, "column 'user_id': 'x' is not a valid BIGINT".to_owned())]);
    let lenient = orders(&[("csv.ignore-parse-errors", "true"), ("csv.disable-quote-character", "true")]);
    let decoded = csv(&lenient).decode_block(b"1,\"a,x,y,z\n").unwrap();
    assert_eq!(decoded.batch.column(1).as_string::<i32>().value(0), "\"a");
    assert!(decoded.batch.column(2).is_null(0) && decoded.batch.column(4).is_null(0));
}

#[test]
fn arrays_and_rows_have_their_own_delimiter() {
    let row = DataType::Struct(Fields::from(vec![nullable("x", DataType::Int64), nullable("y", DataType::Utf8)]));
    let fields = vec![
        nullable("a", DataType::List(Arc::new(nullable("item", DataType::Int64)))),
        nullable("r", row),
        nullable("bytes", DataType::Binary),
    ];
    let table = table("t", fields, &[]);
    let block = "1;2;3,7;seven,AAE=\n,,\n\"4\",8,\nx,1;a,\n";
    let decoded = csv(&table).decode_block(block.as_bytes()).unwrap();
    assert_eq!(encode(&decoded.batch, &[]), ["1;2;3,7;seven,AAE=", ",,", "4,8;,"]);
    assert_eq!(decoded.bad, [(3, "column 'a.item': 'x' is not a valid BIGINT".to_owned())]);
    let deep = DataType::List(Arc::new(nullable("item", DataType::List(Arc::new(nullable("item", DataType::Int64))))));
    let table = crate::testing::table("t", vec![nullable("deep", deep)], &[]);
    assert!(decoder("csv", &table.options, &table, table.schema.clone()).is_err());
}

#[test]
fn broken_quotes_are_bad_lines() {
    let table = orders(&[]);
    let block = "1,\"open,2,3,\n2,\"a\"b,2,3,\n3,a\"b,4,5,\n";
    let decoded = csv(&table).decode_block(block.as_bytes()).unwrap();
    assert_eq!(decoded.batch.column(0).as_primitive::<Int64Type>().values(), &[3]);
    assert_eq!(decoded.bad.iter().map(|(r, _)| *r).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn wrong_options_are_refused() {
    for options in [[("csv.field-delimiter", ";;")], [("csv.field-delimiter", "\"")], [("csv.header", "yes")]] {
        let table = orders(&options);
        assert!(decoder("csv", &table.options, &table, table.schema.clone()).is_err(), "{options:?}");
    }
}

/// The separators found 64 bytes at a time against a search byte by byte.
#[test]
fn wide_lines_of_any_length_are_cut_right() {
    let mut rng = Rng::new(11);
    for width in 1..40usize {
        let fields = (0..width).map(|i| nullable(&format!("c{i}"), DataType::Utf8)).collect();
        let table = table("t", fields, &[]);
        let rows: Vec<Vec<String>> = (0..rng.between(1, 20))
            .map(|_| {
                (0..width)
                    .map(|i| "z".repeat(rng.below(if i == 0 { 9 } else { 90 }) as usize + usize::from(width == 1)))
                    .collect()
            })
            .collect();
        let text = rows.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n");
        let batch = csv(&table).decode_block(text.as_bytes()).unwrap().batch;
        assert_eq!(batch.num_rows(), rows.len());
        for (column, array) in batch.columns().iter().enumerate() {
            for (row, value) in array.as_string::<i32>().iter().enumerate() {
                assert_eq!(value, Some(rows[row][column].as_str()));
            }
        }
    }
}

#[test]
fn random_lines_are_decoded_as_arrow_csv_does() {
    let table = orders(&[]);
    let mut rng = Rng::new(5);
    let mut block = String::new();
    for _ in 0..500 {
        let category = ["a", "\"b, c\"", "\"say \"\"hi\"\"\"", "ü"][rng.below(4) as usize];
        let amount = format!("{}.{:02}", rng.between(-99_999, 99_999), rng.below(100));
        let time = format!(
            "2024-{:02}-{:02} 12:{:02}:01.{:03}",
            rng.between(1, 12),
            rng.between(1, 28),
            rng.below(60),
            rng.below(1000)
        );
        let user = if rng.chance(0.2) { String::new() } else { (rng.next_u64() as i64).to_string() };
        block.push_str(&format!("{},{category},{user},{amount},{time}\n", rng.next_u64() >> 1));
    }
    let mut reader =
        arrow::csv::ReaderBuilder::new(table.schema.clone()).with_batch_size(1000).build(block.as_bytes()).unwrap();
    let theirs = reader.next().unwrap().unwrap();
    let ours = csv(&table).decode_block(block.as_bytes()).unwrap();
    assert_eq!(ours.bad, []);
    assert_eq!(ours.batch, theirs);
}

#[test]
fn mutated_lines_never_panic_and_never_hurt_their_neighbours() {
    let table = orders(&[]);
    let mut decoder = csv(&table);
    let mut bad = 0;
    for seed in 0..4000 {
        let mut rng = Rng::at(7, seed);
        let line = |id: u64| format!("{id},\"c,{id}\",{id},{id}.25,2024-11-11 00:00:00.{id:03}").into_bytes();
        let (first, mut mutated, last) = (line(1), line(2), line(3));
        for _ in 0..=rng.below(3) {
            let at = rng.below(mutated.len().max(1) as u64) as usize;
            if mutated.is_empty() {
                break;
            }
            match rng.below(4) {
                0 => mutated[at] = rng.next_u64() as u8,
                1 => drop(mutated.remove(at)),
                2 => mutated.insert(at, b"\",\n\r\0\xff-:.9"[rng.below(10) as usize]),
                _ => mutated.truncate(at.max(1)),
            }
        }
        let block = [first.as_slice(), &mutated, &last].join(&b'\n');
        let decoded = decoder.decode_block(&block).unwrap();
        let ids = decoded.batch.column(0).as_primitive::<Int64Type>().values();
        assert!(ids.first() == Some(&1) && ids.last() == Some(&3), "seed {seed}: {ids:?}");
        let lines = block.split(|b| *b == b'\n').filter(|l| !matches!(l, [] | [b'\r'])).count();
        assert_eq!(decoded.batch.num_rows() + decoded.bad.len(), lines, "seed {seed}");
        bad += decoded.bad.len();
        let messages = decoder.decode(&[&first, &mutated, &last]).unwrap();
        assert_eq!(messages.batch.num_rows() + messages.bad.len(), 3, "seed {seed}");
    }
    assert!(bad > 1000, "{bad}");
}
