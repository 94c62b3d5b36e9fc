//! Random changes of both inputs against naive multisets.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use sloth_types::rng::Rng;

use super::*;
use crate::operators::restart::Restarting;
use crate::pact::Route;

type Row = (Option<i64>, String);
type Rows = BTreeMap<Row, i64>;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)]))
}

fn batch(changes: &[(Row, i64)], port: u8) -> Batch {
    let numbers: Int64Array = changes.iter().map(|c| c.0.0).collect();
    let texts: StringArray = changes.iter().map(|c| Some(c.0.1.clone())).collect();
    let diffs = changes.iter().map(|c| Some(c.1)).collect();
    let rows = RecordBatch::try_new(schema(), vec![Arc::new(numbers), Arc::new(texts)]).unwrap();
    Batch { port, ..Batch::changes(rows, Some(diffs)) }
}

/// By removing and keeping rows one by one, as the words of the standard say it.
fn naive(operation: SetOperation, left: &Rows, right: &Rows) -> Rows {
    let list = |rows: &Rows| -> Vec<Row> {
        rows.iter().flat_map(|(row, n)| std::iter::repeat_n(row.clone(), *n as usize)).collect()
    };
    let (mut left, mut right) = (list(left), list(right));
    if matches!(operation, SetOperation::Intersect | SetOperation::Except) {
        left.dedup();
        right.dedup();
    }
    let mut out = Rows::new();
    for row in left {
        let partner = right.iter().position(|r| *r == row);
        partner.map(|at| right.remove(at));
        if partner.is_some() == matches!(operation, SetOperation::Intersect | SetOperation::IntersectAll) {
            *out.entry(row).or_default() += 1;
        }
    }
    out
}

#[test]
fn results_are_those_of_the_naive_multisets() {
    for operation in
        [SetOperation::Intersect, SetOperation::IntersectAll, SetOperation::Except, SetOperation::ExceptAll]
    {
        for seed in 0..60 {
            let mut rng = Rng::new(seed);
            let mut operator = Restarting::new(seed, vec![Route::Key(vec![0, 1]); 2], move |_| {
                SetOperator::new((operation, None), schema(), false, JobContext::alone()).unwrap()
            })
            .knowing_all(true);
            let mut inputs = [Rows::new(), Rows::new()];
            let mut result = Rows::new();
            for number in 0..15 {
                let mut out = vec![];
                for _ in 0..rng.below(4) {
                    let port = rng.below(2) as usize;
                    let mut changes = vec![];
                    for _ in 0..rng.below(6) {
                        let row = (rng.chance(0.8).then(|| rng.below(2) as i64), format!("t{}", rng.below(2)));
                        let have = inputs[port].entry(row.clone()).or_default();
                        let diff = if *have > 0 && rng.chance(0.5) { -1 } else { 1 };
                        *have += diff;
                        changes.push((row, diff));
                    }
                    operator.on_batch(&EpochInfo::alone(number), batch(&changes, port as u8), &mut out).unwrap();
                }
                operator.on_epoch_end(&EpochInfo::alone(number), &mut out).unwrap();
                for batch in &out {
                    let numbers = batch.rows.column(0).as_primitive::<Int64Type>();
                    let texts = batch.rows.column(1).as_string::<i32>();
                    let diffs = batch.diffs.as_ref().unwrap();
                    for row in 0..batch.rows.num_rows() {
                        assert_ne!(diffs.value(row), 0);
                        let key = (numbers.iter().nth(row).flatten(), texts.value(row).to_owned());
                        *result.entry(key).or_default() += diffs.value(row);
                    }
                }
                result.retain(|_, n| *n != 0);
                inputs.iter_mut().for_each(|rows| rows.retain(|_, n| *n != 0));
                assert_eq!(result, naive(operation, &inputs[0], &inputs[1]), "{operation:?} seed {seed}");
                let kept: std::collections::BTreeSet<_> = inputs.iter().flat_map(|rows| rows.keys()).collect();
                assert_eq!(
                    operator.workers.iter().map(|w| w.tally.len()).sum::<usize>(),
                    kept.len(),
                    "{operation:?} seed {seed}"
                );
            }
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn what_was_told_of_forgotten_rows_stays() {
    for seed in 0..160 {
        let mut rng = Rng::new(seed);
        let operation =
            [SetOperation::Intersect, SetOperation::IntersectAll, SetOperation::Except, SetOperation::ExceptAll]
                [(seed % 4) as usize];
        let ttl = rng.between(1, 20);
        let mut operator = Restarting::new(seed, vec![Route::Key(vec![0, 1]); 2], move |_| {
            SetOperator::new((operation, Some(ttl)), schema(), false, JobContext::alone()).unwrap()
        });
        // Remembered counts with the time of the last change; what there is whether remembered or not; what was told.
        let mut kept: BTreeMap<Row, ([i64; 2], i64)> = BTreeMap::new();
        let mut there: BTreeMap<(Row, usize), i64> = BTreeMap::new();
        let (mut told, mut given) = (Rows::new(), Rows::new());
        let mut now = 100;
        for number in 0..40 {
            now += rng.between(0, 6);
            kept.retain(|_, (_, at)| *at + ttl > now);
            let info = EpochInfo { now_ms: now, ..EpochInfo::alone(number) };
            let (mut out, mut net) = (vec![], BTreeMap::<(Row, usize), i64>::new());
            for _ in 0..rng.below(4) {
                let port = rng.below(2) as usize;
                let mut changes = vec![];
                for _ in 0..rng.below(5) {
                    let row = (rng.chance(0.8).then(|| rng.below(2) as i64), format!("t{}", rng.below(2)));
                    let have = there.entry((row.clone(), port)).or_default();
                    let diff = if *have > 0 && rng.chance(0.5) { -1 } else { 1 };
                    *have += diff;
                    *net.entry((row.clone(), port)).or_default() += diff;
                    changes.push((row, diff));
                }
                operator.on_batch(&info, batch(&changes, port as u8), &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            let rows: std::collections::BTreeSet<Row> = net.keys().map(|(row, _)| row.clone()).collect();
            for row in rows {
                let before = kept.get(&row).map_or([0, 0], |(counts, _)| *counts);
                let diff = |port| net.get(&(row.clone(), port)).copied().unwrap_or(0);
                let after = [0, 1].map(|port| (before[port] + diff(port)).max(0));
                let of = |counts: [i64; 2]| {
                    let [left, right] = counts.map(|n| Rows::from([(row.clone(), n)]));
                    naive(operation, &left, &right).get(&row).copied().unwrap_or(0)
                };
                *told.entry(row.clone()).or_default() += of(after) - of(before);
                match after {
                    [0, 0] => drop(kept.remove(&row)),
                    _ => drop(kept.insert(row, (after, now))),
                }
            }
            for batch in &out {
                let numbers = batch.rows.column(0).as_primitive::<Int64Type>();
                let texts = batch.rows.column(1).as_string::<i32>();
                for (row, diff) in batch.diffs.as_ref().unwrap().values().iter().enumerate() {
                    let number = numbers.iter().nth(row).flatten();
                    *given.entry((number, texts.value(row).to_owned())).or_default() += diff;
                }
            }
            for rows in [&mut told, &mut given] {
                rows.retain(|_, n| *n != 0);
            }
            assert_eq!(given, told, "{operation:?} seed {seed} epoch {number}");
            assert!(given.values().all(|n| *n > 0), "{operation:?} seed {seed} epoch {number}");
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

/// Rows in all sections.
fn written(sections: &[Section]) -> usize {
    sections.iter().flat_map(|s| &s.rows).map(RecordBatch::num_rows).sum()
}

#[test]
fn a_checkpoint_has_what_has_changed_since_the_last_one() {
    let mut operator = SetOperator::new((SetOperation::Except, None), schema(), false, JobContext::alone()).unwrap();
    let rows = |numbers: std::ops::Range<i64>, diff: i64| -> Vec<(Row, i64)> {
        numbers.map(|n| ((Some(n), format!("row {n}")), diff)).collect()
    };
    let epoch = |operator: &mut SetOperator, changes: &[(Row, i64)], number: u64| {
        let (info, mut out) = (EpochInfo::alone(number), vec![]);
        operator.on_batch(&info, batch(changes, 0), &mut out).unwrap();
        operator.on_epoch_end(&info, &mut out).unwrap();
    };
    epoch(&mut operator, &rows(0..1000, 1), 0);
    assert_eq!(written(&operator.save().unwrap()), 1000);
    epoch(&mut operator, &[rows(1000..1007, 1), rows(0..3, -1)].concat(), 1);
    assert_eq!(written(&operator.save_changes().unwrap().unwrap()), 10);
    assert_eq!(written(&operator.save_changes().unwrap().unwrap()), 0);
}
