//! Random upserts against a naive twin: a map from keys to rows.

use std::collections::BTreeMap;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use sloth_types::rng::Rng;

use super::*;
use crate::message::Place;
use crate::operators::restart::Restarting;

fn schema(nullable: bool) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, false),
        Field::new("t", DataType::Utf8, nullable),
        Field::new("n", DataType::Int64, true),
    ]))
}

type Row = (i64, String, Option<i64>);

/// A key, and its new row; none for a delete.
type Upsert = (i64, Option<(String, Option<i64>)>);

/// Upserts and deletes (which know only their key) as the sources give them.
fn upserts(changes: &[Upsert], place: Place) -> Batch {
    let keys: Int64Array = changes.iter().map(|c| Some(c.0)).collect();
    let texts: StringArray = changes.iter().map(|c| c.1.as_ref().map(|r| r.0.clone())).collect();
    let numbers: Int64Array = changes.iter().map(|c| c.1.as_ref().and_then(|r| r.1)).collect();
    let diffs = changes.iter().map(|c| Some(if c.1.is_some() { 1 } else { -1 })).collect();
    let rows = RecordBatch::try_new(schema(true), vec![Arc::new(keys), Arc::new(texts), Arc::new(numbers)]).unwrap();
    Batch { diffs: Some(diffs), ..Batch::insert(rows, place) }
}

fn rows_of(batch: &Batch) -> Vec<(Row, i64)> {
    let (keys, texts) = (batch.rows.column(0).as_primitive::<Int64Type>(), batch.rows.column(1).as_string::<i32>());
    let numbers = batch.rows.column(2).as_primitive::<Int64Type>();
    let row = |i: usize| (keys.value(i), texts.value(i).to_owned(), numbers.iter().nth(i).flatten());
    (0..batch.rows.num_rows()).map(|i| (row(i), batch.diffs.as_ref().map_or(1, |d| d.value(i)))).collect()
}

#[test]
fn random_upserts_give_the_exact_changes_of_the_table() {
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let mut operator = Restarting::by_key(seed, &[0], |_| {
            NormalizeOperator::new(schema(false), &[0], JobContext::alone()).unwrap()
        })
        .knowing_all(true);
        let mut table: BTreeMap<i64, Row> = BTreeMap::new();
        for number in 0..20 {
            let before = table.clone();
            let info = EpochInfo::alone(number);
            let mut batches = vec![];
            for seq in 0..rng.below(4) as u32 {
                let mut changes = vec![];
                for _ in 0..rng.below(8) {
                    let key = rng.below(6) as i64;
                    let row = rng.chance(0.7).then(|| {
                        let number = rng.chance(0.8).then(|| rng.below(2) as i64);
                        (format!("text {}", rng.below(2)), number)
                    });
                    match &row {
                        Some((text, number)) => table.insert(key, (key, text.clone(), *number)),
                        None => table.remove(&key),
                    };
                    changes.push((key, row));
                }
                batches.push(upserts(&changes, Place { split: 0, seq }));
            }
            // Batches of other workers may come in any order; their places tell.
            batches.reverse();
            let mut out = vec![];
            for batch in batches {
                operator.on_batch(&info, batch, &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            let mut expected: BTreeMap<Row, i64> = BTreeMap::new();
            before.into_values().for_each(|row| *expected.entry(row).or_default() -= 1);
            table.values().for_each(|row| *expected.entry(row.clone()).or_default() += 1);
            expected.retain(|_, w| *w != 0);
            let given: Vec<(Row, i64)> = out.iter().flat_map(rows_of).collect();
            let count = given.len();
            let given: BTreeMap<Row, i64> = given.into_iter().collect();
            assert_eq!(count, given.len(), "a row changes once an epoch, seed {seed}");
            assert_eq!(given, expected, "seed {seed}, epoch {number}");
            let kept: usize = operator.workers.iter().map(|w| w.table.len()).sum();
            assert_eq!(kept, table.len(), "seed {seed}");
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn every_change_is_given_where_versions_are_asked_for() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut operator = NormalizeOperator::new(schema(false), &[0], JobContext::alone()).unwrap().with_versions();
        let mut table: BTreeMap<i64, Row> = BTreeMap::new();
        for number in 0..10 {
            let (mut out, mut expected) = (vec![], vec![]);
            for seq in 0..3 {
                let mut changes = vec![];
                for _ in 0..rng.below(5) {
                    let key = rng.below(3) as i64;
                    let row = rng.chance(0.7).then(|| (format!("text {}", rng.below(4)), None));
                    let new = row.clone().map(|(text, number)| (key, text, number));
                    let old = match &new {
                        Some(new) => table.insert(key, new.clone()),
                        None => table.remove(&key),
                    };
                    expected.extend(old.map(|row| (row, -1)));
                    expected.extend(new.map(|row| (row, 1)));
                    changes.push((key, row));
                }
                let batch = upserts(&changes, Place { split: 0, seq });
                operator.on_batch(&EpochInfo::alone(number), batch, &mut out).unwrap();
            }
            operator.on_epoch_end(&EpochInfo::alone(number), &mut out).unwrap();
            assert_eq!(out.iter().flat_map(rows_of).collect::<Vec<_>>(), expected, "seed {seed}, epoch {number}");
        }
    }
}

#[test]
fn what_is_delivered_again_changes_nothing() {
    let mut operator = NormalizeOperator::new(schema(false), &[0], JobContext::alone()).unwrap();
    let changes = [(1, Some(("a".to_owned(), None))), (2, None), (3, Some(("b".to_owned(), Some(1))))];
    for (number, expected) in [(0, 2), (1, 0)] {
        let mut out = vec![];
        operator.on_batch(&EpochInfo::alone(number), upserts(&changes, Place::default()), &mut out).unwrap();
        operator.on_epoch_end(&EpochInfo::alone(number), &mut out).unwrap();
        assert_eq!(out.iter().map(|b| b.rows.num_rows()).sum::<usize>(), expected);
    }
}
