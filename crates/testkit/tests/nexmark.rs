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
use sloth_testkit::twin::texts;
use sloth_types::{ChangeBatch, ChangelogMode, Clock, Error, Options, TableSpec};

/// Queries whose answers are Flink's own.
const GOLDEN: [&str; 23] = [
    "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11", "q13", "q14", "q15", "q16", "q17", "q18",
    "q19", "q20", "q21", "q22", "q23",
];

/// Queries that are refused today, with a word of the refusal.
const REFUSED: [(&str, &str); 0] = [];

fn reference() -> Option<PathBuf> {
    Some(paths::shared()?.join("nexmark"))
}

fn example(name: &str) -> String {
    std::fs::read_to_string(paths::root().join("examples/nexmark").join(format!("{name}.sql"))).unwrap()
}

/// The side table of q13, which its readme describes: the lines `i,i`.
fn side_file() -> String {
    let file = std::env::temp_dir().join(format!("sloth-nexmark-side-{}.csv", std::process::id()));
    if !file.exists() {
        // Two tests may want it at once: it appears whole.
        let part = file.with_extension(format!("{:?}", std::thread::current().id()));
        std::fs::write(&part, (0..10_000).map(|i| format!("{i},{i}\n")).collect::<String>()).unwrap();
        std::fs::rename(part, &file).unwrap();
    }
    file.display().to_string()
}

/// One job out of a script, or why it is refused.
fn try_plan(script: &str, data: &Path) -> Result<JobPlan, Error> {
    let (file, side) = (data.join("datasetB.json.gz").display().to_string(), side_file());
    let variables: BTreeMap<&str, &str> =
        [("NEXMARK_FILE", file.as_str()), ("SINK", "print"), ("SIDE_FILE", side.as_str())].into();
    let script = substitute(script, |name| variables.get(name).copied());
    let mut session = Session::new();
    let mut queries: Vec<Query> = vec![];
    for statement in session.parse(&script)? {
        if let Effect::Run(more) = session.execute(&statement)? {
            queries.extend(more);
        }
    }
    lower(&session, &queries)
}

fn plan(name: &str, script: &str, data: &Path) -> JobPlan {
    try_plan(script, data).unwrap_or_else(|e| panic!("{}", render_error(script, name, &e)))
}

fn script_of(queries: &[&str]) -> String {
    let parts = ["ddl-file", "views"].iter().chain(queries).map(|name| example(name));
    parts.collect::<Vec<_>>().join("\n")
}

/// The rows that are left at the end, as JSON objects in one text each, keys in the sink's order, sorted.
fn rows(sink: &Captured) -> Vec<String> {
    let schema = sink.schema.clone().unwrap();
    let spec = TableSpec { schema: schema.clone(), options: Options::default(), ..sink.table.clone() };
    let options = Options::new([("json.encode.decimal-as-plain-number".to_owned(), "true".to_owned())]);
    let mut json = encoder("json", &options, &spec, schema).unwrap();
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    let mut last: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for (_, batch) in &sink.changes {
        let mut lines = vec![];
        json.encode(&ChangeBatch::append(batch.rows.clone()), &mut |bytes| {
            lines.push(canonical(std::str::from_utf8(bytes).unwrap()));
            Ok(())
        })
        .unwrap();
        let keys = match &sink.mode {
            ChangelogMode::Upsert { key } => texts(&batch.rows.project(key).unwrap()),
            _ => vec![],
        };
        for (row, line) in lines.into_iter().enumerate() {
            match (keys.get(row), batch.diff(row)) {
                (None, diff) => *left.entry(line).or_default() += diff,
                (Some(key), 1..) => drop(last.insert(key.clone(), line)),
                (Some(key), _) => drop(last.remove(key)),
            }
        }
    }
    assert!(left.values().all(|n| *n >= 0), "{}: more is taken back than was there", sink.table.name);
    let times = |(line, n): (String, i64)| std::iter::repeat_n(line, n as usize);
    let mut rows: Vec<String> = left.into_iter().flat_map(times).chain(last.into_values()).collect();
    rows.sort();
    rows
}

fn is_time(column: &str) -> bool {
    column == "expires" || column.to_lowercase().ends_with("time")
}

/// The same text for the same row: numbers by value, times with three digits of fraction.
fn canonical(line: &str) -> String {
    let Value::Object(fields) = serde_json::from_str(line).unwrap() else { panic!("no object: {line}") };
    let field = |(key, value): (String, Value)| {
        let value = match value {
            Value::Number(n) => n.as_f64().unwrap().to_string(),
            Value::String(s) if is_time(&key) && s.len() == 19 => format!("{s}.000"),
            Value::String(s) if is_time(&key) && s.contains('.') => format!("{s:0<23}"),
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

/// What is wrong, if anything.
fn difference(what: &str, expected: &[String], actual: &[String]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let first = expected.iter().zip(actual).find(|(e, a)| e != a);
    let missing = expected.iter().filter(|e| actual.binary_search(e).is_err()).count();
    Some(format!(
        "{what}: {} rows instead of {}, {missing} are missing; first difference: {first:#?}",
        actual.len(),
        expected.len()
    ))
}

fn same(what: &str, expected: &[String], actual: &[String]) {
    if let Some(wrong) = difference(what, expected, actual) {
        panic!("{wrong}");
    }
}

#[test]
fn each_query_equals_flink() {
    let Some(data) = reference() else { return };
    let only = std::env::var("QUERY").ok();
    let mut wrong = vec![];
    for query in GOLDEN.into_iter().filter(|q| only.as_deref().is_none_or(|only| only == *q)) {
        let refused = REFUSED.iter().find(|(of, _)| *of == query);
        let script = script_of(&[query]);
        match (try_plan(&script, &data), refused) {
            (Err(error), Some((_, word))) if error.message().contains(word) => println!("{query}: refused: {error}"),
            (Err(error), _) => wrong.push(render_error(&script, query, &error)),
            (Ok(plan), refused) => {
                if refused.is_some() {
                    println!("{query} is no longer refused: take it off the list");
                }
                let outcome = run(&plan, &Setup::workers(1));
                match &outcome.error {
                    Some(error) => wrong.push(format!("{query}: {error}")),
                    None => wrong.extend(difference(query, &golden(&data, query), &rows(&outcome.sinks[0]))),
                }
                if outcome.late_rows > 0 {
                    wrong.push(format!("{query}: {} late rows", outcome.late_rows));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_queries_as_one_job_equal_flink() {
    let Some(data) = reference() else { return };
    let queries: Vec<&str> = GOLDEN.into_iter().filter(|q| REFUSED.iter().all(|(of, _)| of != q)).collect();
    let plan = plan("all", &script_of(&queries), &data);
    let outcome = run(&plan, &Setup::cut(3, 2000, 7));
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    let pairs = queries.iter().zip(&outcome.sinks);
    let wrong: Vec<String> = pairs.filter_map(|(q, sink)| difference(q, &golden(&data, q), &rows(sink))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The public files of the project, unmodified: `NEXMARK_QUERIES` names their folder (with `q0.sql`, …), which is no part
/// of this project.
#[test]
#[ignore = "needs the public query files at NEXMARK_QUERIES"]
fn public_files_equal_flink() {
    let Some(data) = reference() else { return };
    let folder = PathBuf::from(std::env::var("NEXMARK_QUERIES").expect("NEXMARK_QUERIES names a folder"));
    let head = [example("ddl-file"), example("views")].concat();
    let mut wrong = vec![];
    for query in GOLDEN {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{query}.sql"))) else { continue };
        // Their tables are made for a benchmark: what is written to them goes nowhere.
        let text = text.replace("'blackhole'", "'print'").replace("'filesystem'", "'print'");
        match try_plan(&format!("{head}\n{text}"), &data) {
            Err(error) => wrong.push(format!("{query}: {error}")),
            Ok(plan) => {
                let outcome = run(&plan, &Setup::workers(1));
                match &outcome.error {
                    Some(error) => wrong.push(format!("{query}: {error}")),
                    None => wrong.extend(difference(query, &golden(&data, query), &rows(&outcome.sinks[0]))),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
