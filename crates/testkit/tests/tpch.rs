//! The 22 queries of TPC-H, kept up to date over tables that are loaded and then changed by inserts, updates and deletes:
//! after every epoch they equal DataFusion's batch answer.
//!
//! `SCALE=0.01` runs with more rows, `SEED=n` repeats a run, `QUERY=n` runs one query alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use sloth_testkit::changes::Kind;
use sloth_testkit::differential::{Asked, Verdict, Ways, examine};
use sloth_testkit::paths;
use sloth_testkit::tpch::{Shape, tables};
use sloth_types::rng::Rng;

/// Queries that are refused today, each with what the refusal says.
const REFUSED: [(usize, &str); 0] = [];

fn text(query: usize) -> String {
    std::fs::read_to_string(paths::root().join(format!("tests/tpch/q{query}.sql"))).unwrap()
}

#[test]
fn all_queries_follow_the_changes() {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().expect("a number"));
    let scale = std::env::var("SCALE").ok().map_or(0.0005, |v| v.parse::<f64>().expect("a number"));
    let seed = number("SEED").unwrap_or(11);
    println!("SEED={seed} SCALE={scale}");
    let queries: Vec<usize> = number("QUERY").map_or((1..=22).collect(), |q| vec![q as usize]);
    let shape = Shape { scale, load_epochs: 1, change_epochs: 2, changes: 60 };
    let tables = Arc::new(tables(&mut Rng::new(seed), &shape));
    let asked: Vec<Asked> = queries
        .iter()
        .map(|query| {
            let engine = text(*query);
            // Averages of decimals, and quotients, have more digits in one dialect than in the other.
            let kinds = vec![if [1, 8, 14, 17].contains(query) { Kind::Approx } else { Kind::Str }; 12];
            Asked { batch: engine.trim_end().trim_end_matches(';').to_owned(), engine, kinds }
        })
        .collect();
    let verdicts = examine(&tables, &asked, Ways::default());
    let mut failures = vec![];
    for (query, verdict) in queries.iter().zip(verdicts) {
        let refused = REFUSED.iter().find(|(of, _)| of == query);
        match (verdict, refused) {
            (Verdict::Right, None) => println!("q{query}: right"),
            (Verdict::Right, Some(_)) => println!("q{query}: right, no longer refused: take it off the list"),
            (Verdict::Refused(why), Some((_, known))) if why.contains(known) => println!("q{query}: refused: {why}"),
            (verdict, _) => failures.push(format!("q{query}: {verdict:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n").replace("\\n", "\n"));
}
