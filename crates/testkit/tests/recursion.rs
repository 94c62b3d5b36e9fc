//! Recursive queries over random graphs whose edges come and go: after every epoch the answer equals DataFusion's.
//!
//! `CASES=n` runs more than the default number of scripts, `SEED=n` repeats a run.

use std::sync::Arc;

use sloth_testkit::changes::{Change, Kind, Row, Table};
use sloth_testkit::differential::{Asked, Verdict, Ways, examine};
use sloth_types::rng::Rng;

/// What stands before and behind a recursion `r`, and the types of its columns.
const QUERIES: &[(&str, &str, &[Kind])] = &[
    (
        "r (a, b) AS (SELECT a, b FROM e UNION SELECT r.a, e.b FROM r JOIN e ON r.b = e.a)",
        "a, b",
        &[Kind::Int, Kind::Int],
    ),
    (
        "r (a, b) AS (SELECT a, b FROM e UNION SELECT e.a, r.b FROM e JOIN r ON e.b = r.a)",
        "a, b",
        &[Kind::Int, Kind::Int],
    ),
    ("r (n) AS (SELECT a FROM s UNION SELECT e.b FROM r JOIN e ON e.a = r.n)", "n", &[Kind::Int]),
    (
        "r (n, v) AS (SELECT a, b FROM s UNION SELECT e.b, r.v FROM r JOIN e ON e.a = r.n JOIN s ON s.a = e.b WHERE e.b <> 2)",
        "n, v",
        &[Kind::Int, Kind::Int],
    ),
    (
        "r (n, d) AS (SELECT a, CAST(0 AS INT) FROM s UNION SELECT e.b, CAST(r.d + 1 AS INT) FROM r JOIN e ON e.a = r.n WHERE r.d < 3)",
        "n, d",
        &[Kind::Int, Kind::Int],
    ),
    (
        "r (n, d) AS (SELECT a, CAST(0 AS INT) FROM s UNION ALL SELECT e.b, CAST(r.d + 1 AS INT) FROM r JOIN e ON e.a = r.n WHERE r.d < 2)",
        "n, d",
        &[Kind::Int, Kind::Int],
    ),
    (
        "r (b, a) AS (SELECT b, a FROM e WHERE a > 1 UNION SELECT e.b, r.a FROM r JOIN e ON r.b = e.a AND e.b <> r.a)",
        "a, b",
        &[Kind::Int, Kind::Int],
    ),
];

/// Pairs of small numbers that come and go.
fn table(rng: &mut Rng, name: &str, epochs: usize, nodes: u64) -> Table {
    let mut there: Vec<Row> = vec![];
    let nulls = if rng.chance(0.3) { 0.1 } else { 0.0 };
    let epochs = (0..epochs).map(|_| {
        let mut changes = vec![];
        for _ in 0..rng.below(6) {
            let goes = !there.is_empty() && rng.chance(0.4);
            let (row, diff) = match goes {
                true => (there.swap_remove(rng.below(there.len() as u64) as usize), -1),
                false => {
                    let mut cell = || (!rng.chance(nulls)).then(|| rng.below(nodes).to_string());
                    let row: Row = vec![cell(), cell()];
                    there.push(row.clone());
                    (row, 1)
                }
            };
            changes.push(Change { row, diff, split: 0 });
        }
        changes
    });
    let epochs = epochs.collect();
    let columns = ["a", "b"].map(|name| (name.to_owned(), Kind::Int)).to_vec();
    Table { name: name.to_owned(), columns, append_only: false, splits: 1, epochs }
}

#[test]
fn recursions_follow_edges_that_come_and_go() {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().expect("a number"));
    let (first, cases) = (number("SEED").unwrap_or(0), number("CASES").unwrap_or(12));
    let mut right = 0;
    for seed in first..first + cases {
        let mut rng = Rng::new(seed);
        let (epochs, nodes) = (rng.between(4, 9) as usize, 3 + rng.below(5));
        let tables = Arc::new(vec![table(&mut rng, "e", epochs, nodes), table(&mut rng, "s", epochs, nodes)]);
        let asked: Vec<Asked> = QUERIES
            .iter()
            .map(|(recursion, columns, kinds)| {
                let text = format!("WITH RECURSIVE {recursion} SELECT {columns} FROM r");
                Asked { engine: format!("{text};"), batch: text, kinds: kinds.to_vec() }
            })
            .collect();
        for (asked, verdict) in asked.iter().zip(examine(&tables, &asked, Ways::default())) {
            match verdict {
                Verdict::Right => right += 1,
                Verdict::NoTwin(_) => {}
                wrong => panic!("SEED={seed} {}: {wrong:?}", asked.engine),
            }
        }
    }
    assert!(right as u64 >= cases * 4, "only {right} had a second opinion");
}
