//! What a change costs as state grows: a state of N rows is loaded, then a number of changes hit it at random.
//!
//! Every figure is the difference of the medians of several runs, with the changes and without them in turn.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;
use sloth_connectors::memory::publish;
use sloth_types::rng::Rng;

use crate::{Outcome, streaming};

const CHANGES: usize = 1_000_000;
/// Runs of each kind, behind one that is not counted: it brings the memory that all use.
const ROUNDS: usize = 5;
const BATCH: usize = 16_384;
const SPLITS: usize = 2;

/// What is kept up to date: a group for each key, pairs of two tables, the best row of each key.
const QUERIES: [(&str, &str); 3] = [
    ("aggregate", "SELECT k, COUNT(*) AS n, SUM(v) AS total FROM a GROUP BY k"),
    ("join", "SELECT a.k, a.v AS av, b.v AS bv FROM a JOIN b ON a.k = b.k"),
    (
        "top-n",
        "SELECT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS place FROM a) \
         WHERE place <= 1",
    ),
];

/// Rows `k, v`: each key once in a shuffled order, or keys drawn at random.
fn rows(count: usize, keys: usize, seed: Option<u64>) -> Outcome<Vec<Vec<RecordBatch>>> {
    let schema =
        Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]));
    // An odd multiplier visits all residues of a power of two; those out of range are passed over.
    let space = keys.next_power_of_two();
    let mut place = 0usize;
    let mut next = |index: usize| match seed {
        Some(seed) => Rng::at(seed, index as u64).below(keys as u64) as i64,
        None => loop {
            place = (place + 0x9E37_79B1) & (space - 1);
            if place < keys {
                break place as i64;
            }
        },
    };
    let mut lists = vec![vec![]; SPLITS];
    for (batch, from) in (0..count).step_by(BATCH).enumerate() {
        let range = from..(from + BATCH).min(count);
        let keys: Int64Array = range.clone().map(&mut next).collect();
        let values: Int64Array = range.map(|i| Rng::at(7, i as u64).below(1_000_000) as i64).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(values)];
        if let Some(list) = lists.get_mut(batch % SPLITS) {
            list.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
        }
    }
    Ok(lists)
}

fn script(query: &str) -> String {
    let table = |name: &str| {
        format!("CREATE TABLE {name} (k BIGINT, v BIGINT) WITH ('connector' = 'memory', 'name' = '{name}');\n")
    };
    format!("{}{}CREATE TABLE results WITH ('connector' = 'blackhole') AS {query};", table("a"), table("b"))
}

/// Prints a line of figures for each query and size.
pub(crate) fn measure(sizes: &[&str]) -> Outcome<()> {
    let connectors = sloth_connectors::registry();
    let tally = crate::tally::TallyTable::default();
    let run = |query: &str| streaming::run(&script(query), &connectors, &tally);
    let figure = |reply: &serde_json::Value, key: &str| reply.get(key).and_then(serde_json::Value::as_f64);
    for (name, query) in QUERIES {
        for size in sizes {
            let keys: usize = size.parse()?;
            let state = rows(keys, keys, None)?;
            let changes = rows(CHANGES, keys, Some(3))?;
            let none = || vec![vec![]; SPLITS];
            let both = || state.iter().zip(&changes).map(|(state, changes)| [state.clone(), changes.clone()].concat());
            let (mut loaded, mut changed) = (vec![], vec![]);
            for round in 0..=ROUNDS {
                publish("a", state.clone());
                publish("b", none());
                let without = run(query)?;
                match name {
                    "join" => publish("b", changes.clone()),
                    _ => publish("a", both().collect()),
                }
                let with = run(query)?;
                if round > 0 {
                    loaded.push(without);
                    changed.push(with);
                }
            }
            let median = |replies: &[serde_json::Value], key: &str| {
                let mut all: Vec<f64> = replies.iter().filter_map(|reply| figure(reply, key)).collect();
                all.sort_by(f64::total_cmp);
                all.get(all.len() / 2).copied()
            };
            let cost = |key| {
                let both = median(&changed, key).zip(median(&loaded, key));
                both.map(|(with, without)| (with - without) * 1e9 / CHANGES as f64)
            };
            let bytes = median(&loaded, "state_bytes").map(|b| b / keys as f64);
            println!(
                "{}",
                json!({ "what": name, "rows": keys, "ns": cost("cpu"), "wall_ns": cost("wall"), "bytes": bytes })
            );
        }
    }
    Ok(())
}
