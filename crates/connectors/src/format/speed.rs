//! How fast the decoders are. Not a test of anything: run it in a release build on a quiet machine.
//!
//! `cargo test --release -p sloth-connectors format::speed -- --ignored --nocapture --test-threads 1`

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::json::ReaderBuilder;
use sloth_types::rng::Rng;
use sloth_types::{Connector, ReadLimit};

use super::decoder;
use crate::testing::{TempDir, drain, nullable, open, table};

const ROUNDS: usize = 7;

/// Best processor time of some rounds, in nanoseconds a row: neighbours on the machine disturb it least.
fn best(rows: usize, mut work: impl FnMut() -> usize) -> f64 {
    let time = (0..ROUNDS).map(|_| {
        let start = processor_nanos();
        assert_eq!(work(), rows);
        processor_nanos() - start
    });
    time.min().unwrap() as f64 / rows as f64
}

/// Nanoseconds this thread has spent on a processor (Linux).
fn processor_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn tell(what: &str, nanos: f64, bytes: usize, rows: usize) {
    let width = bytes as f64 / rows as f64;
    println!("{what:<55} {nanos:>7.1} ns/row {:>7.2} M rows/s {:>6.0} MB/s", 1e3 / nanos, width / nanos * 1e3);
}

fn orders() -> Vec<Field> {
    vec![
        nullable("order_id", DataType::Int64),
        nullable("category", DataType::Utf8),
        nullable("user_id", DataType::Int64),
        nullable("amount", DataType::Decimal128(10, 2)),
        nullable("event_time", DataType::Timestamp(TimeUnit::Millisecond, None)),
    ]
}

fn order(rng: &mut Rng, id: usize) -> [String; 5] {
    let category = ["books", "electronics", "fashion", "food", "home"][rng.below(5) as usize];
    let time =
        format!("2024-11-11 {:02}:{:02}:{:02}.{:03}", id / 3_600_000 % 24, id / 60_000 % 60, id / 1000 % 60, id % 1000);
    let amount = format!("{}.{:02}", rng.below(5000), rng.below(100));
    [id.to_string(), category.into(), rng.below(1_000_000).to_string(), amount, time]
}

fn csv_orders(rows: usize) -> String {
    let mut rng = Rng::new(1);
    (0..rows).map(|id| order(&mut rng, id).join(",") + "\n").collect()
}

fn json_orders(rows: usize) -> String {
    let mut rng = Rng::new(1);
    let line = |id| {
        let [order, category, user, amount, time] = order(&mut rng, id);
        format!(
            "{{\"order_id\":{order},\"category\":\"{category}\",\"user_id\":{user},\"amount\":{amount},\"event_time\":\"{time}\"}}\n"
        )
    };
    (0..rows).map(line).collect()
}

fn nexmark() -> Vec<Field> {
    let time = || nullable("dateTime", DataType::Timestamp(TimeUnit::Millisecond, None));
    let row = |name: &str, fields: Vec<Field>| nullable(name, DataType::Struct(Fields::from(fields)));
    let (long, text) = (|n: &str| nullable(n, DataType::Int64), |n: &str| nullable(n, DataType::Utf8));
    let bid = vec![long("auction"), long("bidder"), long("price"), text("channel"), text("url"), time(), text("extra")];
    let person = vec![long("id"), text("name"), text("emailAddress"), text("city"), time(), text("extra")];
    vec![nullable("event_type", DataType::Int32), row("person", person), row("bid", bid)]
}

fn json_bids(rows: usize) -> String {
    let mut rng = Rng::new(2);
    let line = |id: usize| {
        format!(
            "{{\"event_type\":2,\"person\":null,\"auction\":null,\"bid\":{{\"auction\":{},\"bidder\":{},\"price\":{},\
             \"channel\":\"channel-{}\",\"url\":\"https://www.nexmark.com/abc/def/item.htm?query=1&channel_id={}\",\
             \"dateTime\":\"2015-07-15 18:{:02}:{:02}.{:03}\",\"extra\":\"{}\"}}}}\n",
            rng.below(2000),
            rng.below(3000),
            rng.below(1_000_000),
            rng.below(9999),
            rng.below(1 << 28),
            id / 60_000 % 60,
            id / 1000 % 60,
            id % 1000,
            "abc^`\\\\Zx".repeat(4)
        )
    };
    (0..rows).map(line).collect()
}

fn subset(fields: &[Field], names: &[&str]) -> SchemaRef {
    let asked: Vec<Field> = fields.iter().filter(|f| names.contains(&f.name().as_str())).cloned().collect();
    Arc::new(Schema::new(asked))
}

/// Blocks of whole lines of about 512 KiB, as the file reader gives them.
fn blocks(text: &str) -> Vec<&[u8]> {
    let (mut rest, mut blocks) = (text.as_bytes(), Vec::new());
    while !rest.is_empty() {
        let end = rest.get(..512 << 10).and_then(|b| memchr::memrchr(b'\n', b)).map_or(rest.len(), |end| end + 1);
        let (block, more) = rest.split_at(end);
        blocks.push(block);
        rest = more;
    }
    blocks
}

fn ours(format: &str, fields: &[Field], asked: &SchemaRef, text: &str, rows: usize) -> f64 {
    let table = table("t", fields.to_vec(), &[]);
    let mut decoder = decoder(format, &table.options, &table, asked.clone()).unwrap();
    let blocks = blocks(text);
    best(rows, || blocks.iter().map(|b| decoder.decode_block(b).unwrap().batch.num_rows()).sum())
}

fn arrow_json(asked: &SchemaRef, text: &str, rows: usize) -> f64 {
    let mut decoder = ReaderBuilder::new(asked.clone()).with_batch_size(8192).build_decoder().unwrap();
    best(rows, || {
        let (mut rest, mut count) = (text.as_bytes(), 0);
        while !rest.is_empty() {
            let read = decoder.decode(rest).unwrap();
            rest = &rest[read..];
            count += decoder.flush().unwrap().map_or(0, |batch| batch.num_rows());
        }
        count
    })
}

#[test]
#[ignore = "prints figures; only a release build on a quiet machine says something"]
fn speed() {
    let rows = 400_000;
    let fields = orders();
    let text = csv_orders(rows);
    for names in [&["amount", "event_time"][..], &["order_id", "category", "user_id", "amount", "event_time"], &[]] {
        let nanos = ours("csv", &fields, &subset(&fields, names), &text, rows);
        tell(&format!("csv orders, {} of 5 columns", names.len()), nanos, text.len(), rows);
    }
    let quoted = text.replace(",books,", ",\"books\",");
    let asked = subset(&fields, &["amount", "event_time"]);
    tell("csv orders, some quotes, 2 of 5 columns", ours("csv", &fields, &asked, &quoted, rows), quoted.len(), rows);
    let text = json_orders(rows);
    for names in [&["amount", "event_time"][..], &["order_id", "category", "user_id", "amount", "event_time"]] {
        let asked = subset(&fields, names);
        let nanos = ours("json", &fields, &asked, &text, rows);
        tell(&format!("json orders, {} of 5 columns", names.len()), nanos, text.len(), rows);
        tell("    the same by arrow-json", arrow_json(&asked, &text, rows), text.len(), rows);
    }
    let fields = nexmark();
    let text = json_bids(rows / 4);
    let narrow =
        DataType::Struct(Fields::from(vec![nullable("auction", DataType::Int64), nullable("price", DataType::Int64)]));
    for (what, asked) in [
        ("json nexmark, 2 fields", Arc::new(Schema::new(vec![nullable("bid", narrow)]))),
        ("json nexmark, all fields", subset(&fields, &["event_type", "person", "bid"])),
    ] {
        tell(what, ours("json", &fields, &asked, &text, rows / 4), text.len(), rows / 4);
        tell("    the same by arrow-json", arrow_json(&asked, &text, rows / 4), text.len(), rows / 4);
    }
}

#[test]
#[ignore = "prints figures; only a release build on a quiet machine says something"]
fn speed_from_files() {
    let rows = 2_000_000;
    let dir = TempDir::new("speed");
    let text = csv_orders(rows);
    let path = dir.write("orders.csv", &text);
    let spec = table("t", orders(), &[("connector", "filesystem"), ("path", &path), ("format", "csv")]);
    let asked = subset(&orders(), &["amount", "event_time"]);
    let source = crate::filesystem::Filesystem.source(&spec).unwrap();
    for limit in [4096, 8192, 65_536] {
        let nanos = best(rows, || {
            let read = |split| {
                let (batches, ..) =
                    drain(open(&*source, &split, &asked, None).as_mut(), ReadLimit { rows: limit, until: None });
                batches.iter().map(|b| b.num_rows()).sum::<usize>()
            };
            source.splits().unwrap().into_iter().map(read).sum()
        });
        tell(&format!("csv file, 2 of 5 columns, {limit} rows a read"), nanos, text.len(), rows);
    }
}
