//! The Nexmark queries give Flink's answers on the fixed data that stands beside the project.
//!
//! Every query runs alone at parallelism 1; all together, as one job over one source, they run at parallelism 3 with epochs
//! cut at random.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sloth_connectors::format::encoder;
use sloth_plan::JobPlan;
use sloth_sql::{Effect, Query, Session, lower, render_error, substitute};
use sloth_testkit::capture::Captured;
use sloth_testkit::paths;
use sloth_testkit::run::{NOW_MS, Setup, run};
use sloth_types::{Clock, Options, TableSpec};

/// Queries whose answers are Flink's own.
const GOLDEN: [&str; 8] = ["q0", "q1", "q2", "q10", "q11", "q14", "q21", "q22"];

fn reference() -> Option<PathBuf> {
    Some(paths::shared()?.join("nexmark"))
}

fn example(name: &str) -> String {
    std::fs::read_to_string(paths::root().join("examples/nexmark").join(format!("{name}.sql"))).unwrap()
}

/// One job out of a script.
fn plan(name: &str, script: &str, data: &Path) -> JobPlan {
    let file = data.join("datasetB.json.gz").display().to_string();
    let variables: BTreeMap<&str, &str> = [("NEXMARK_FILE", file.as_str()), ("SINK", "print")].into();
    let script = substitute(script, |name| variables.get(name).copied());
    let show = |e| panic!("{}", render_error(&script, name, &e));
    let mut session = Session::new();
    let mut queries: Vec<Query> = vec![];
    for statement in session.parse(&script).unwrap_or_else(show) {
        if let Effect::Run(more) =
            session.execute(&statement).unwrap_or_else(|e| panic!("{}", render_error(&script, name, &e)))
        {
            queries.extend(more);
        }
    }
    lower(&session, &queries).unwrap_or_else(|e| panic!("{}", render_error(&script, name, &e)))
}

fn script_of(queries: &[&str]) -> String {
    let parts = ["ddl-file", "views"].iter().chain(queries).map(|name| example(name));
    parts.collect::<Vec<_>>().join("\n")
}

/// The rows as JSON objects in one text each, keys in the sink's order, sorted.
fn rows(sink: &Captured) -> Vec<String> {
    let schema = sink.schema.clone().unwrap();
    let spec = TableSpec { schema: schema.clone(), options: Options::default(), ..sink.table.clone() };
    let options = Options::new([("json.encode.decimal-as-plain-number".to_owned(), "true".to_owned())]);
    let mut json = encoder("json", &options, &spec, schema).unwrap();
    let mut rows = vec![];
    for (_, batch) in &sink.changes {
        json.encode(batch, &mut |bytes| {
            rows.push(canonical(std::str::from_utf8(bytes).unwrap()));
            Ok(())
        })
        .unwrap();
    }
    rows.sort();
    rows
}

/// The same text for the same row: numbers by value, times with three digits of fraction.
fn canonical(line: &str) -> String {
    let Value::Object(fields) = serde_json::from_str(line).unwrap() else { panic!("no object: {line}") };
    let field = |(key, value): (String, Value)| {
        let value = match value {
            Value::Number(n) => n.as_f64().unwrap().to_string(),
            Value::String(s) if key.to_lowercase().ends_with("time") && s.len() == 19 => format!("{s}.000"),
            Value::String(s) if key.to_lowercase().ends_with("time") && s.contains('.') => format!("{s:0<23}"),
            Value::String(s) => s,
            other => other.to_string(),
        };
        format!("{key}={value}")
    };
    fields.into_iter().map(field).collect::<Vec<_>>().join(" ")
}

fn golden(data: &Path, query: &str) -> Vec<String> {
    let plain = data.join(format!("B/{query}.jsonl"));
    let mut text = String::new();
    match std::fs::read_to_string(&plain) {
        Ok(read) => text = read,
        Err(_) => {
            let file = std::fs::File::open(plain.with_extension("jsonl.gz")).unwrap();
            flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        }
    }
    let mut rows: Vec<String> = text.lines().map(canonical).collect();
    rows.sort();
    rows
}

fn same(what: &str, expected: &[String], actual: &[String]) {
    if expected == actual {
        return;
    }
    let difference = expected.iter().zip(actual).find(|(e, a)| e != a);
    panic!("{what}: {} rows instead of {}; first difference: {difference:#?}", actual.len(), expected.len());
}

#[test]
fn each_query_equals_flink() {
    let Some(data) = reference() else { return };
    for query in GOLDEN {
        let outcome = run(&plan(query, &script_of(&[query]), &data), &Setup::workers(1));
        assert!(outcome.error.is_none(), "{query}: {:?}", outcome.error);
        assert_eq!(outcome.late_rows, 0);
        same(query, &golden(&data, query), &rows(&outcome.sinks[0]));
    }
}

#[test]
fn all_queries_as_one_job_equal_flink() {
    let Some(data) = reference() else { return };
    let plan = plan("all", &script_of(&GOLDEN), &data);
    let outcome = run(&plan, &Setup::cut(3, 2000, 7));
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    for (query, sink) in GOLDEN.iter().zip(&outcome.sinks) {
        same(query, &golden(&data, query), &rows(sink));
    }
}

/// A bid of the data: auction, bidder, price, time in milliseconds.
struct Bid {
    auction: i64,
    bidder: i64,
    price: i64,
    time_ms: i64,
}

/// The bids, read without any of the engine.
fn bids(data: &Path) -> Vec<Bid> {
    let mut text = String::new();
    let file = std::fs::File::open(data.join("datasetB.json.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let bids = events.filter(|event| event["event_type"] == 2).map(|event| {
        let bid = &event["bid"];
        let number = |key: &str| bid[key].as_i64().unwrap();
        let time = chrono::NaiveDateTime::parse_from_str(bid["dateTime"].as_str().unwrap(), "%Y-%m-%d %H:%M:%S%.f");
        let time_ms = time.unwrap().and_utc().timestamp_millis();
        Bid { auction: number("auction"), bidder: number("bidder"), price: number("price"), time_ms }
    });
    bids.collect()
}

fn stamp(time_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(time_ms).unwrap();
    time.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

#[test]
fn the_window_aggregates_of_q5_and_q7_equal_plain_rust() {
    let Some(data) = reference() else { return };
    let (mut counts, mut highest): (HashMap<(i64, i64), i64>, BTreeMap<i64, i64>) = Default::default();
    for bid in bids(&data) {
        let last_start = bid.time_ms.div_euclid(2000) * 2000;
        for back in 0..5 {
            *counts.entry((bid.auction, last_start - back * 2000)).or_default() += 1;
        }
        let end = bid.time_ms.div_euclid(10_000) * 10_000 + 10_000;
        let price = highest.entry(end).or_insert(bid.price);
        *price = bid.price.max(*price);
    }
    let hop = |((auction, start), num): (&(i64, i64), &i64)| {
        format!("auction={auction} num={num} starttime={} endtime={}", stamp(*start), stamp(start + 10_000))
    };
    let mut expected_q5: Vec<String> = counts.iter().map(hop).collect();
    expected_q5.sort();
    let tumble = |(end, price): (&i64, &i64)| format!("maxprice={price} dateTime={}", stamp(*end));
    let mut expected_q7: Vec<String> = highest.iter().map(tumble).collect();
    expected_q7.sort();
    let plan = plan("q5_inner + q7_inner", &script_of(&["q5_inner", "q7_inner"]), &data);
    for setup in [Setup::workers(1), Setup::cut(3, 3000, 11)] {
        let outcome = run(&plan, &setup);
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        same("q5_inner", &expected_q5, &rows(&outcome.sinks[0]));
        same("q7_inner", &expected_q7, &rows(&outcome.sinks[1]));
    }
}

#[test]
fn q12_counts_by_the_clock() {
    let Some(data) = reference() else { return };
    // The clock stands still: every bid is read in the same ten seconds.
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for bid in bids(&data) {
        *counts.entry(bid.bidder).or_default() += 1;
    }
    let start = NOW_MS.div_euclid(10_000) * 10_000;
    let row = |(bidder, count): (&i64, &i64)| {
        let (start, end) = (stamp(start), stamp(start + 10_000));
        format!("bidder={bidder} bid_count={count} starttime={start} endtime={end}")
    };
    let mut expected: Vec<String> = counts.iter().map(row).collect();
    expected.sort();
    let plan = plan("q12", &script_of(&["q12"]), &data);
    for workers in [1, 3] {
        let clock = Clock::manual(NOW_MS);
        let outcome = run(&plan, &Setup { clock: Some(clock), ..Setup::workers(workers) });
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        same("q12", &expected, &rows(&outcome.sinks[0]));
    }
}
