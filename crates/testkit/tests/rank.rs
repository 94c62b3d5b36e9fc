//! Rankings and OVER over random changelogs against naive models: a sort of what is left.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use sloth_plan::JobPlan;
use sloth_sql::{Effect, Session, lower, render_error, substitute};
use sloth_testkit::run::{Setup, run};
use sloth_types::Clock;
use sloth_types::rng::Rng;

/// Columns k, a, b of the table; NULL is the smallest value.
type Row = (Option<i64>, Option<i64>, i64);

/// Some changes; a row is only taken back when it is there.
fn changes(rng: &mut Rng, retracts: bool) -> Vec<(Row, i64)> {
    let (keys, values) = (1 + rng.below(4), 1 + rng.below(12));
    let mut present: Vec<Row> = vec![];
    let mut out = vec![];
    for _ in 0..rng.below(120) {
        if retracts && !present.is_empty() && rng.chance(0.4) {
            let row = present.swap_remove(rng.below(present.len() as u64) as usize);
            out.push((row, -1));
            continue;
        }
        let cell = |rng: &mut Rng, bound| (!rng.chance(0.1)).then(|| rng.below(bound) as i64);
        let row = (cell(rng, keys), cell(rng, values), rng.below(3) as i64);
        present.push(row);
        out.push((row, 1));
    }
    out
}

fn cell(value: Option<i64>) -> String {
    value.map_or_else(|| "null".to_owned(), |v| v.to_string())
}

fn table(changes: &[(Row, i64)], retracts: bool) -> String {
    let mut data = String::new();
    for ((k, a, b), diff) in changes {
        let sign = if !retracts {
            ""
        } else if *diff > 0 {
            "+"
        } else {
            "-"
        };
        writeln!(data, "{sign}{},{},{b}", cell(*k), cell(*a)).unwrap();
    }
    let mode = if retracts { "'scan.changelog' = 'retract', " } else { "" };
    format!(
        "CREATE TABLE t (k BIGINT, a BIGINT, b BIGINT) WITH ('connector' = 'inline', 'format' = 'csv', \
         'csv.null-literal' = 'null', {mode}'data' = '\n{data}');\n"
    )
}

fn plan(script: &str) -> JobPlan {
    let text = substitute(script, |_| None);
    let show = |e: sloth_types::Error| -> ! { panic!("{}\n{script}", render_error(&text, "case", &e)) };
    let mut session = Session::new();
    let mut queries = vec![];
    for statement in session.parse(&text).unwrap_or_else(|e| show(e)) {
        if let Effect::Run(more) = session.execute(&statement).unwrap_or_else(|e| show(e)) {
            queries.extend(more);
        }
    }
    lower(&session, &queries).unwrap_or_else(|e| show(e))
}

/// The rows of each key that are left, in the order `a` then the other columns.
fn partitions(changes: &[(Row, i64)], by_key: bool, descending: bool) -> Vec<Vec<Row>> {
    let mut left: BTreeMap<Row, i64> = BTreeMap::new();
    for (row, diff) in changes {
        *left.entry(*row).or_default() += diff;
    }
    let mut parts: BTreeMap<Option<i64>, Vec<Row>> = BTreeMap::new();
    for (row, count) in left {
        let key = if by_key { row.0 } else { None };
        parts.entry(key).or_default().extend(std::iter::repeat_n(row, count as usize));
    }
    let order = |x: &Row, y: &Row| -> Ordering {
        let by_a = if descending { y.1.cmp(&x.1) } else { x.1.cmp(&y.1) };
        by_a.then((x.0, x.2).cmp(&(y.0, y.2)))
    };
    let mut parts: Vec<Vec<Row>> = parts.into_values().collect();
    parts.iter_mut().for_each(|rows| rows.sort_by(order));
    parts
}

fn ranks(rows: &[Row], function: &str) -> Vec<i64> {
    let mut out: Vec<i64> = vec![];
    for (i, row) in rows.iter().enumerate() {
        let before = i.checked_sub(1).map(|p| (rows[p].1 == row.1, out[p]));
        out.push(match (function, before) {
            ("ROW_NUMBER", _) => i as i64 + 1,
            (_, Some((true, rank))) => rank,
            ("RANK", _) => i as i64 + 1,
            (_, before) => before.map_or(1, |(_, rank)| rank + 1),
        });
    }
    out
}

fn line(row: &Row, more: &[String]) -> String {
    let mut cells = vec![cell(row.0), cell(row.1), row.2.to_string()];
    cells.extend_from_slice(more);
    format!("+I[{}]", cells.join(", "))
}

/// Runs a query at several parallelisms and cuts and compares what is left.
fn check(seed: u64, script: &str, mut expected: Vec<String>) {
    expected.sort();
    let plan = plan(script);
    let most = 1 + Rng::new(seed).below(20) as usize;
    for setup in [Setup::workers(1), Setup::cut(1, most, seed), Setup::cut(3, most, seed + 1)] {
        let outcome = run(&plan, &setup);
        assert!(outcome.error.is_none(), "SEED={seed}: {:?}\n{script}", outcome.error);
        let actual = outcome.sinks[0].rows().unwrap();
        assert_eq!(actual, expected, "SEED={seed} at {}\n{script}", setup.parallelism);
        for (epoch, batch) in &outcome.sinks[0].changes {
            let row = |row: usize| (format!("{:?}", batch.rows.slice(row, 1)), batch.diff(row) > 0);
            let signs: BTreeSet<(String, bool)> = (0..batch.len()).map(row).collect();
            let rows: BTreeSet<&String> = signs.iter().map(|(row, _)| row).collect();
            assert_eq!(rows.len(), signs.len(), "SEED={seed}: a row comes and goes in epoch {epoch:?}\n{script}");
        }
    }
}

fn for_seeds(default: u64, check: impl Fn(u64)) {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().unwrap());
    let first = number("SEED").unwrap_or_else(|| Clock::System.now_ms() as u64);
    println!("SEED={first}");
    (0..number("CASES").unwrap_or(default)).for_each(|case| check(first.wrapping_add(case)));
}

#[test]
fn rankings_equal_a_sort() {
    for_seeds(60, |seed| {
        let mut rng = Rng::new(seed);
        let retracts = rng.chance(0.7);
        let changes = changes(&mut rng, retracts);
        let function = ["ROW_NUMBER", "RANK", "DENSE_RANK"][rng.below(3) as usize];
        let (by_key, descending, shown) = (rng.chance(0.8), rng.chance(0.5), rng.chance(0.5));
        let from = if rng.chance(0.3) { 1 + rng.below(3) as i64 } else { 1 };
        let to = from + rng.below(5) as i64;
        let partition = if by_key { "PARTITION BY k " } else { "" };
        let order = if descending { "a DESC" } else { "a" };
        let columns = if shown { "k, a, b, n" } else { "k, a, b" };
        let query = format!(
            "SELECT {columns} FROM (SELECT *, {function}() OVER ({partition}ORDER BY {order}) AS n FROM t) \
             WHERE n BETWEEN {from} AND {to};"
        );
        let mut expected = vec![];
        for rows in partitions(&changes, by_key, descending) {
            for (row, rank) in rows.iter().zip(ranks(&rows, function)) {
                if (from..=to).contains(&rank) {
                    let rank = if shown { vec![rank.to_string()] } else { vec![] };
                    expected.push(line(row, &rank));
                }
            }
        }
        check(seed, &(table(&changes, retracts) + &query), expected);
    });
}

#[test]
fn limits_equal_a_sort() {
    for_seeds(30, |seed| {
        let mut rng = Rng::new(seed);
        let retracts = rng.chance(0.7);
        let changes = changes(&mut rng, retracts);
        let (skip, fetch) = (rng.below(4) as usize, rng.below(8) as usize);
        let query = format!("SELECT k, a, b FROM t ORDER BY a DESC, k, b LIMIT {fetch} OFFSET {skip};");
        let rows = partitions(&changes, false, true).into_iter().next().unwrap_or_default();
        let expected = rows.iter().skip(skip).take(fetch).map(|row| line(row, &[])).collect();
        check(seed, &(table(&changes, retracts) + &query), expected);
    });
}

/// A window function by its text, and naively: from the rows of the partition and the place of one.
type Function = (&'static str, fn(&[Row], usize) -> Option<i64>);

const FUNCTIONS: &[Function] = &[
    ("ROW_NUMBER() OVER (PARTITION BY k ORDER BY a, b)", |_, i| Some(i as i64 + 1)),
    ("SUM(a) OVER (PARTITION BY k ORDER BY a, b ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)", |rows, i| {
        total(&rows[i.saturating_sub(2)..(i + 2).min(rows.len())])
    }),
    ("SUM(a) OVER (PARTITION BY k ORDER BY a, b ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)", |rows, i| {
        total(&rows[..=i])
    }),
    ("SUM(a) OVER (PARTITION BY k ORDER BY a, b)", |rows, i| {
        let end = rows.iter().rposition(|r| (r.1, r.2) == (rows[i].1, rows[i].2)).unwrap();
        total(&rows[..=end])
    }),
    ("COUNT(a) OVER (PARTITION BY k)", |rows, _| Some(rows.iter().filter(|r| r.1.is_some()).count() as i64)),
    ("LAG(b) OVER (PARTITION BY k ORDER BY a, b)", |rows, i| i.checked_sub(1).map(|p| rows[p].2)),
    ("LEAD(b, 2, -1) OVER (PARTITION BY k ORDER BY a, b)", |rows, i| rows.get(i + 2).map_or(Some(-1), |r| Some(r.2))),
    ("FIRST_VALUE(b) OVER (PARTITION BY k ORDER BY a, b)", |rows, _| rows.first().map(|r| r.2)),
    ("MAX(b) OVER (PARTITION BY k ORDER BY a, b ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING)", |rows, i| {
        rows[i.saturating_sub(3)..i].iter().map(|r| r.2).max()
    }),
    ("COUNT(DISTINCT b) OVER (PARTITION BY k ORDER BY a, b ROWS 4 PRECEDING)", |rows, i| {
        let kinds: BTreeSet<i64> = rows[i.saturating_sub(4)..=i].iter().map(|r| r.2).collect();
        Some(kinds.len() as i64)
    }),
];

fn total(rows: &[Row]) -> Option<i64> {
    rows.iter().filter_map(|r| r.1).reduce(|x, y| x + y)
}

#[test]
fn window_functions_equal_a_loop() {
    for_seeds(60, |seed| {
        let mut rng = Rng::new(seed);
        let retracts = rng.chance(0.7);
        let changes = changes(&mut rng, retracts);
        let chosen: Vec<&Function> =
            (0..1 + rng.below(3)).map(|_| &FUNCTIONS[rng.below(FUNCTIONS.len() as u64) as usize]).collect();
        let calls: Vec<String> = chosen.iter().enumerate().map(|(i, (sql, _))| format!("{sql} AS f{i}")).collect();
        let query = format!("SELECT k, a, b, {} FROM t;", calls.join(", "));
        let mut expected = vec![];
        for rows in partitions(&changes, true, false) {
            for (i, row) in rows.iter().enumerate() {
                let results: Vec<String> = chosen.iter().map(|(_, naive)| cell(naive(&rows, i))).collect();
                expected.push(line(row, &results));
            }
        }
        check(seed, &(table(&changes, retracts) + &query), expected);
    });
}

/// Rows in the order of their times, some at the same time; the same functions, given out once.
#[test]
fn window_functions_by_event_time_equal_a_loop() {
    for_seeds(40, |seed| {
        let mut rng = Rng::new(seed);
        let mut now = 0;
        let mut data = String::new();
        let mut left: Vec<(Row, i64)> = vec![];
        for _ in 0..rng.below(100) {
            now += rng.below(3) as i64;
            let row = (Some(rng.below(3) as i64), Some(now), rng.below(3) as i64);
            let (k, b) = (row.0.unwrap(), row.2);
            writeln!(data, "{k},{now},{b},2024-11-11 00:{:02}:{:02}", now / 60, now % 60).unwrap();
            left.push((row, 1));
        }
        let looks_back = [0, 2, 3, 5, 7, 8, 9];
        let chosen: Vec<&Function> =
            (0..1 + rng.below(3)).map(|_| &FUNCTIONS[looks_back[rng.below(7) as usize]]).collect();
        let calls: Vec<String> = chosen
            .iter()
            .enumerate()
            .map(|(i, (sql, _))| format!("{} AS f{i}", sql.replace("ORDER BY a, b", "ORDER BY ts, b")))
            .collect();
        let script = format!(
            "CREATE TABLE t (k BIGINT, a BIGINT, b BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) \
             WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '\n{data}');\nSELECT k, a, b, {} FROM t;",
            calls.join(", ")
        );
        let mut expected = vec![];
        for rows in partitions(&left, true, false) {
            for (i, row) in rows.iter().enumerate() {
                let results: Vec<String> = chosen.iter().map(|(_, naive)| cell(naive(&rows, i))).collect();
                expected.push(line(row, &results));
            }
        }
        check(seed, &script, expected);
    });
}
