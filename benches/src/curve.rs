//! What a change costs as state grows: a state of N rows is loaded, then changes hit it at random.
//!
//! Both are one job's input, one behind the other. While the job runs, the rows that have been read and the processor time
//! of its threads are noted again and again: the slope over the changes is their cost. So neither loading counts, nor what it
//! has to touch for the first time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;
use sloth_connectors::memory::publish;
use sloth_types::metrics::JobFigures;
use sloth_types::rng::Rng;

use crate::meter::Meter;
use crate::{Outcome, streaming};

const CHANGES: usize = 4_000_000;
/// The first of the changes do not count: the epochs that the state came in may still be at work.
const SKIPPED: usize = 500_000;
/// Runs of each kind, behind one that is not counted: it brings the memory that all use.
const ROUNDS: usize = 5;
const BATCH: usize = 16_384;
const SPLITS: usize = 2;
/// Rows that a split gives to an epoch, about what 20 ms bring when they are decoded from text.
const EPOCH_ROWS: usize = 4 * BATCH;
/// Between two looks at a running job.
const LOOK: Duration = Duration::from_millis(2);

/// What is kept up to date: a group for each key, pairs of a table's two kinds of rows, the best row of each key.
const QUERIES: [(&str, &str); 3] = [
    ("aggregate", "SELECT k, COUNT(*) AS n, SUM(v) AS total FROM t GROUP BY k"),
    (
        "join",
        "SELECT a.k, a.v AS av, b.v AS bv \
         FROM (SELECT k, v FROM t WHERE v < 1000000) AS a JOIN (SELECT k, v FROM t WHERE v >= 1000000) AS b ON a.k = b.k",
    ),
    (
        "top-n",
        "SELECT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS place FROM t) \
         WHERE place <= 1",
    ),
];

/// The values of the state are below this.
const STATE_VALUES: i64 = 1_000_000;

type Splits = Vec<Vec<RecordBatch>>;

/// Batches of `k, v`, in turn for each split.
fn batches(count: usize, mut row: impl FnMut(usize) -> (i64, i64)) -> Outcome<Splits> {
    let schema =
        Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]));
    let mut lists = vec![vec![]; SPLITS];
    for (batch, from) in (0..count).step_by(BATCH).enumerate() {
        let (keys, values): (Vec<i64>, Vec<i64>) = (from..(from + BATCH).min(count)).map(&mut row).unzip();
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys)), Arc::new(Int64Array::from(values))];
        if let Some(list) = lists.get_mut(batch % SPLITS) {
            list.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
        }
    }
    Ok(lists)
}

/// Each key once, in a shuffled order.
fn state(keys: usize) -> Outcome<Splits> {
    // An odd multiplier visits all residues of a power of two; those out of range are passed over.
    let space = keys.next_power_of_two();
    let mut place = 0usize;
    batches(keys, |index| {
        loop {
            place = (place + 0x9E37_79B1) & (space - 1);
            if place < keys {
                break (place as i64, Rng::at(7, index as u64).below(STATE_VALUES as u64) as i64);
            }
        }
    })
}

/// Keys drawn at random. Every second row is better than all before it (the others are worse than all), however many rows a
/// key has; what is joined are rows of the other kind.
fn changes(name: &str, keys: usize) -> Outcome<Splits> {
    batches(CHANGES, |index| {
        let better = name == "join" || index % 2 == 0;
        let value = if better { STATE_VALUES + index as i64 } else { -1 - index as i64 };
        (Rng::at(3, index as u64).below(keys as u64) as i64, value)
    })
}

fn script(query: &str) -> String {
    format!(
        "SET 'sloth.epoch.max-rows' = '{EPOCH_ROWS}';\n\
         CREATE TABLE t (k BIGINT, v BIGINT) WITH ('connector' = 'memory', 'name' = 't');\n\
         CREATE TABLE results WITH ('connector' = 'blackhole') AS {query};"
    )
}

/// Processor nanoseconds of a thread.
fn spent(thread: &Path) -> f64 {
    let text = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0.0)
}

/// Notes how many rows have been read and the processor nanoseconds of all threads but this one, until told to stop.
fn watch(figures: &JobFigures, over: &AtomicBool) -> Vec<(f64, f64)> {
    let mut looks = vec![];
    // Those of threads that have ended count on.
    let mut threads: HashMap<PathBuf, f64> = HashMap::new();
    while !over.load(Ordering::Relaxed) {
        let read: u64 = figures.sources.iter().map(|source| source.rows.get()).sum();
        for thread in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let (path, before) = (thread.path(), threads.get(&thread.path()).copied().unwrap_or(0.0));
            threads.insert(path, spent(&thread.path()).max(before));
        }
        // A table that is read twice is two sources.
        let rows = read as f64 / figures.sources.len().max(1) as f64;
        looks.push((rows, threads.values().sum::<f64>() - spent(Path::new("/proc/thread-self"))));
        std::thread::sleep(LOOK);
    }
    looks
}

/// Processor time when so many rows had been read.
fn at(looks: &[(f64, f64)], rows: f64) -> Option<f64> {
    let behind = looks.partition_point(|(read, _)| *read < rows);
    let ((from, before), (to, after)) = (looks.get(behind.checked_sub(1)?)?, looks.get(behind)?);
    Some(before + (after - before) * (rows - from) / (to - from))
}

/// Runs a query over what is published until a run could be watched: nanoseconds a change, and bytes of state.
fn run(query: &str, keys: usize) -> Outcome<(f64, f64)> {
    for _ in 0..ROUNDS {
        if let Some(figures) = try_run(query, keys)? {
            return Ok(figures);
        }
    }
    Err("the jobs were over too soon to be watched".into())
}

fn try_run(query: &str, keys: usize) -> Outcome<Option<(f64, f64)>> {
    let (job, _) = streaming::start(&script(query), &sloth_connectors::registry(), &Meter::start())?;
    let figures = job.figures();
    let over = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&figures, &over));
        let done = job.wait();
        over.store(true, Ordering::Relaxed);
        let looks = watcher.join().map_err(|_| "the watching thread failed".to_owned())?;
        done.map(|()| looks).map_err(|e| e.to_string())
    })?;
    let (first, last) = ((keys + SKIPPED) as f64, (keys + CHANGES) as f64);
    let cost = at(&looks, last).zip(at(&looks, first)).map(|(last, first)| last - first);
    Ok(cost.map(|cost| (cost / (CHANGES - SKIPPED) as f64, figures.state_bytes.get() as f64)))
}

/// Prints a line of figures for each query and size; words that are no sizes name the queries.
pub(crate) fn measure(words: &[&str]) -> Outcome<()> {
    let (sizes, names): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.parse::<usize>().is_ok());
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    };
    for (name, query) in QUERIES.into_iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        for size in &sizes {
            let keys: usize = size.parse()?;
            let (state, changes) = (state(keys)?, changes(name, keys)?);
            let both = state.iter().zip(&changes).map(|(state, changes)| [state.clone(), changes.clone()].concat());
            publish("t", both.collect());
            run(query, keys)?;
            let (costs, bytes): (Vec<f64>, Vec<f64>) =
                (0..ROUNDS).map(|_| run(query, keys)).collect::<Outcome<Vec<_>>>()?.into_iter().unzip();
            let rows = keys + if name == "join" { CHANGES } else { 0 };
            let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
            println!(
                "{}",
                json!({
                    "what": name,
                    "rows": keys,
                    "ns": median(costs),
                    "least": least,
                    "bytes": median(bytes) / rows as f64,
                })
            );
        }
    }
    Ok(())
}
