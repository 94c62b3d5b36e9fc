//! When results are told: after every epoch what `EMIT CHANGES` has told adds up to the batch answer over the rows so far,
//! and what is told on close to the part of it whose windows are closed.

use std::collections::BTreeMap;

use sloth_engine::EpochEntry;
use sloth_testkit::random::{Call, Shape, Window, rows};
use sloth_testkit::run::{Outcome, Setup, run};
use sloth_types::Epoch;
use sloth_types::rng::Rng;

use super::{Table, batch_rows, for_seeds, ok, plan, same_bytes, texts};

/// Rows with weights.
type Bag = BTreeMap<Vec<String>, i64>;

/// A query within windows as two texts; the batch one gives the window's end as its second column, too.
struct Question {
    engine: String,
    batch: String,
}

impl Question {
    fn random(rng: &mut Rng) -> Question {
        let window = match rng.below(3) {
            0 => Window::Tumble(rng.between(1, 30), 0),
            1 => Window::Tumble(10, rng.between(-9, 9)),
            _ => Window::Hop(5, 10),
        };
        let function = window.function(&[]);
        let from = "(SELECT * FROM r0 WHERE tm IS NOT NULL)";
        let (rows, expanded) = (format!("TABLE({function})"), format!("({}) AS e", window.expansion(from, &[])));
        match rng.below(4) {
            0 => Question::aggregated(rng, &rows, &expanded),
            1 => Question::ranked(rng, "k2, x", &rows, &expanded),
            2 => Question::ranked_groups(rng, &rows, &expanded),
            _ => Question::joined(rng, &rows, &expanded),
        }
    }

    fn aggregated(rng: &mut Rng, rows: &str, expanded: &str) -> Question {
        let call = loop {
            let call = Call::random(rng);
            if !call.inexact {
                break call;
            }
        };
        Question {
            engine: format!(
                "SELECT window_start, window_end, k1, COUNT(*) AS n, {} AS a FROM {rows} GROUP BY window_start, window_end, k1",
                call.engine
            ),
            batch: format!("SELECT ws, we, k1, COUNT(*) AS n, {} AS a FROM {expanded} GROUP BY ws, we, k1", call.batch),
        }
    }

    /// The first rows of each window; equal ones are all among them, so that there is one answer.
    fn ranked(rng: &mut Rng, columns: &str, rows: &str, expanded: &str) -> Question {
        let function = ["RANK", "DENSE_RANK"][rng.below(2) as usize];
        let (direction, to) = (["ASC", "DESC"][rng.below(2) as usize], rng.between(1, 3));
        let by = columns.rsplit(", ").next().unwrap();
        let rank = |from: &str, start: &str, end: &str| {
            format!(
                "SELECT {start}, {end}, {columns}, rn FROM (SELECT *, {function}() OVER (PARTITION BY {start}, {end} \
                 ORDER BY {by} {direction} NULLS LAST) AS rn FROM {from}) AS w WHERE rn <= {to}"
            )
        };
        Question { engine: rank(rows, "window_start", "window_end"), batch: rank(expanded, "ws", "we") }
    }

    fn ranked_groups(rng: &mut Rng, rows: &str, expanded: &str) -> Question {
        let counted = |from: &str, start: &str, end: &str| {
            format!("(SELECT {start}, {end}, k1, COUNT(*) AS n FROM {from} GROUP BY {start}, {end}, k1) AS c")
        };
        let (rows, expanded) = (counted(rows, "window_start", "window_end"), counted(expanded, "ws", "we"));
        Question::ranked(rng, "k1, n", &rows, &expanded)
    }

    fn joined(rng: &mut Rng, rows: &str, expanded: &str) -> Question {
        let kind = ["JOIN", "LEFT JOIN", "FULL JOIN"][rng.below(3) as usize];
        let condition = ["", " AND l.x < r.x"][rng.below(2) as usize];
        let join = |left: &str, right: &str, start: &str, end: &str| {
            format!(
                "SELECT COALESCE(l.{start}, r.{start}) AS s, COALESCE(l.{end}, r.{end}) AS e, l.k1, l.x, r.x AS other \
                 FROM {left} l {kind} {right} r ON l.k1 = r.k1 AND l.{start} = r.{start} AND l.{end} = r.{end}{condition}"
            )
        };
        let side = |from: &str, condition: &str| format!("(SELECT * FROM {from} WHERE {condition})");
        Question {
            engine: join(&side(rows, "k2 > 0"), &side(rows, "k2 <= 1"), "window_start", "window_end"),
            batch: join(&side(expanded, "k2 > 0"), &side(expanded, "k2 <= 1"), "ws", "we"),
        }
    }
}

/// What the outside has been told up to an epoch.
fn told(outcome: &Outcome, epoch: Epoch) -> Bag {
    let mut bag = Bag::new();
    for (_, changes) in outcome.sinks[0].changes.iter().filter(|(at, _)| *at <= epoch) {
        for (row, texts) in texts(&changes.rows).into_iter().enumerate() {
            *bag.entry(texts).or_default() += changes.diff(row);
        }
    }
    bag.retain(|_, weight| *weight != 0);
    bag
}

/// The table as far as it was read at the end of an epoch.
fn until(table: &Table, entry: &EpochEntry, read: &mut [usize]) -> Table {
    let mut splits = table.splits.clone();
    for (split, rows) in splits.iter_mut().enumerate() {
        read[split] = entry.ends[0].get(split).map_or(read[split], |end| *end as usize);
        rows.truncate(read[split]);
    }
    Table { name: String::new(), splits }
}

#[test]
fn what_is_told_adds_up_after_every_epoch() {
    for_seeds(40, |seed| {
        let mut rng = Rng::new(seed);
        let disorder_ms = rng.between(0, 10_000);
        let shape =
            Shape { rows: 1 + rng.below(80), splits: 1 + rng.below(2), disorder_ms, step_ms: rng.between(10, 2_000) };
        let table = Table::publish("emission", seed, rows(&mut rng, &shape));
        let question = Question::random(&mut rng);
        let early = rng.chance(0.6);
        let lateness = if rng.chance(0.4) { " ALLOW LATENESS INTERVAL '3' SECOND" } else { "" };
        let emit = if early { "CHANGES" } else { "ON WINDOW CLOSE" };
        let script = format!(
            "{}CREATE VIEW t AS SELECT * FROM raw;\n{} EMIT {emit}{lateness};",
            table.ddl(disorder_ms),
            question.engine
        );
        let plan = plan(&script);
        let setup = Setup { one_in_flight: true, ..Setup::cut(1, 1 + rng.below(20) as usize, rng.next_u64()) };
        let outcome = ok(run(&plan, &setup), &script);
        let mut read = vec![0; table.splits.len()];
        for (number, entry) in outcome.log.iter().enumerate() {
            let so_far = until(&table, entry, &mut read);
            let watermark = entry.watermarks[0];
            let mut expected = Bag::new();
            for row in batch_rows(so_far.batch(), &question.batch) {
                let end: i64 = row[1].parse().unwrap();
                if early || watermark.completes(end) {
                    *expected.entry(row).or_default() += 1;
                }
            }
            let told = told(&outcome, Epoch(number as u64));
            assert_eq!(told, expected, "epoch {number}, watermark {watermark:?}\n{script}\n{}", question.batch);
        }
        same_bytes(&plan, &outcome, &script);
    });
}
