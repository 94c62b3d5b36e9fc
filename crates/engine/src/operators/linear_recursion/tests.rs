//! Ways through a graph whose edges come and go, against a naive twin that computes all rounds anew.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::physical_expr::expressions::Column;
use sloth_plan::Stage;
use sloth_plan::recursive::{Chain, Hop, Met};
use sloth_types::rng::Rng;

use super::*;
use crate::operators::restart::Restarting;

const ROUNDS_MAX: usize = 12;

type Bag = BTreeMap<Vec<i64>, i64>;

fn columns(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect::<Vec<_>>()))
}

fn batch(schema: &SchemaRef, rows: &[(Vec<i64>, i64)], port: u8) -> Batch {
    let column = |at: usize| column_of(rows.iter().map(|(row, _)| row[at]));
    let columns = (0..schema.fields().len()).map(column).collect();
    let diffs = rows.iter().map(|(_, diff)| *diff).collect::<Vec<_>>();
    Batch { port, ..Batch::changes(RecordBatch::try_new(Arc::clone(schema), columns).unwrap(), Some(diffs.into())) }
}

fn pick(places: &[usize], names: &[&str]) -> Stage {
    let exprs = places.iter().map(|at| Arc::new(Column::new("c", *at)) as _).collect();
    Stage::Project { exprs, schema: columns(names) }
}

/// From (a, b) by an edge (b, c) to (a, c); with `marks` only where c is marked: a second join, the table in front.
fn linear(distinct: bool, marks: bool) -> Linear {
    let edge = Hop { stages: vec![], schema: columns(&["a", "b", "$"]), keys: vec![1], table: 0, table_first: false };
    let mark = Hop {
        stages: vec![pick(&[0, 3, 4], &["a", "c", "$"])],
        schema: columns(&["a", "c", "$"]),
        keys: vec![1],
        table: 1,
        table_first: true,
    };
    let chain = match marks {
        true => Chain { hops: vec![edge, mark], stages: vec![pick(&[1, 2, 3], &["a", "b", "$"])] },
        false => Chain { hops: vec![edge], stages: vec![pick(&[0, 3, 4], &["a", "b", "$"])] },
    };
    let met = || Met { keys: vec![0], null_equal: false };
    let tables = if marks { vec![met(), met()] } else { vec![met()] };
    Linear { distinct, chains: vec![chain], tables, rounds_max: ROUNDS_MAX, text: String::new() }
}

/// All rounds; `None` when they do not end.
fn naive(distinct: bool, first: &Bag, edges: &Bag, marks: Option<&Bag>) -> Option<Bag> {
    let once = |bag: Bag, seen: &Bag| match distinct {
        true => bag.into_keys().filter(|row| !seen.contains_key(row)).map(|row| (row, 1)).collect(),
        false => bag,
    };
    let mut all = Bag::new();
    let mut round = once(first.clone(), &all);
    for _ in 0..ROUNDS_MAX {
        if round.is_empty() {
            return Some(all);
        }
        let mut next = Bag::new();
        for (row, times) in &round {
            *all.entry(row.clone()).or_default() += times;
            for (edge, often) in edges.iter().filter(|(edge, _)| edge[0] == row[1]) {
                let marked = marks.map_or(1, |marks| marks.get(&vec![edge[1]]).copied().unwrap_or(0));
                if marked > 0 {
                    *next.entry(vec![row[0], edge[1]]).or_default() += times * often * marked;
                }
            }
        }
        round = once(next, &all);
    }
    None
}

fn change(rng: &mut Rng, bag: &mut Bag, row: Vec<i64>, most: i64) -> (Vec<i64>, i64) {
    let have = bag.entry(row.clone()).or_default();
    let diff = if *have >= most || (*have > 0 && rng.chance(0.6)) { -1 } else { 1 };
    *have += diff;
    bag.retain(|_, n| *n != 0);
    (row, diff)
}

fn follow(seed: u64, distinct: bool, marked: bool) -> (usize, bool) {
    let mut rng = Rng::new(seed);
    let schemas = [columns(&["a", "b"]), columns(&["a", "b"]), columns(&["m"])];
    let inputs: Vec<SchemaRef> = schemas.iter().take(if marked { 3 } else { 2 }).cloned().collect();
    let routes = inputs.iter().map(|_| crate::pact::Route::Key(vec![])).collect();
    let made = inputs.clone();
    let mut operator = Restarting::new(seed, routes, move |_| {
        let named = ("walk".to_owned(), linear(distinct, marked));
        LinearRecursion::new(named, &made, columns(&["a", "b"]), JobContext::alone()).unwrap()
    })
    .knowing_all(distinct);
    let nodes = 3 + rng.below(5);
    // Where ways are counted, most graphs have cycles only where no way begins.
    let cycles = distinct || rng.chance(0.3);
    let (mut bags, mut shown) = ([Bag::new(), Bag::new(), Bag::new()], Bag::new());
    for number in 0..14 {
        let epoch = EpochInfo::alone(number);
        let mut out = vec![];
        for port in 0..inputs.len() {
            let mut changes = vec![];
            for _ in 0..rng.below(4) {
                let (a, b) = (rng.below(nodes) as i64, rng.below(nodes) as i64);
                let row = match port {
                    0 if cycles => vec![a, b],
                    0 => vec![a, 1 + b / 2],
                    1 if cycles || a < b || (a == 0 && b == 0) => vec![a, b],
                    1 => vec![b, a + 1],
                    _ => vec![a],
                };
                changes.push(change(&mut rng, &mut bags[port], row, 2));
            }
            operator.on_batch(&epoch, batch(&inputs[port], &changes, port as u8), &mut out).unwrap();
        }
        let marks = marked.then_some(&bags[2]);
        let done = operator.on_epoch_end(&epoch, &mut out);
        let Some(expected) = naive(distinct, &bags[0], &bags[1], marks) else {
            assert!(done.is_err(), "seed {seed}");
            return (number as usize, true);
        };
        done.unwrap();
        for batch in &out {
            let column = |at: usize| batch.rows.column(at).as_primitive::<Int64Type>();
            for row in 0..batch.rows.num_rows() {
                let pair = vec![column(0).value(row), column(1).value(row)];
                *shown.entry(pair).or_default() += batch.diffs.as_ref().unwrap().value(row);
            }
        }
        shown.retain(|_, n| *n != 0);
        assert_eq!(shown, expected, "seed {seed} epoch {number}");
        let derived = operator.workers[0].derived.as_ref();
        assert!(derived.is_none_or(|d| d.len() == shown.len()), "seed {seed}: nothing else is kept");
    }
    (14, false)
}

#[test]
fn sets_follow_edges_that_come_and_go() {
    for seed in 0..200 {
        follow(seed, true, seed % 2 == 0);
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn ways_are_counted_round_by_round() {
    let (mut epochs, mut endless) = (0, 0);
    for seed in 0..300 {
        let (followed, never) = follow(seed, false, seed % 2 == 0);
        epochs += followed;
        endless += usize::from(never);
    }
    assert!(epochs > 2000 && endless > 20, "{epochs} epochs, {endless} did not end");
}
