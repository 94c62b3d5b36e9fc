//! Random changes against a naive twin: a list of rows for each key.

use std::collections::BTreeMap;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use sloth_types::rng::Rng;

use super::*;
use crate::message::Place;
use crate::operators::restart::Restarting;

fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![field("k"), field("v")]))
}

fn batch(changes: &[(i64, i64, i64)], seq: u32) -> Batch {
    let column = |pick: fn(&(i64, i64, i64)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(changes.iter().map(pick)))
    };
    let rows = RecordBatch::try_new(schema(), vec![column(|c| c.0), column(|c| c.1)]).unwrap();
    let diffs = changes.iter().map(|c| Some(c.2)).collect();
    Batch { diffs: Some(diffs), ..Batch::insert(rows, Place { split: 0, seq }) }
}

/// All rows of a key in the order in which they came; a row that is taken back is its oldest copy.
type Twin = BTreeMap<i64, Vec<i64>>;

fn take(twin: &mut Twin, (key, value, diff): (i64, i64, i64)) {
    let rows = twin.entry(key).or_default();
    if diff > 0 {
        rows.push(value);
    } else if let Some(at) = rows.iter().position(|v| *v == value) {
        rows.remove(at);
    }
}

#[test]
fn the_last_row_of_each_key_stands() {
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let mut operator = Restarting::by_key(seed, &[0], |_| {
            MaterializeOperator::new(schema(), &[0], false, JobContext::alone()).unwrap()
        })
        .knowing_all(true);
        let mut twin = Twin::new();
        let mut shown: BTreeMap<i64, i64> = BTreeMap::new();
        for number in 0..20 {
            let info = EpochInfo::alone(number);
            let mut out = vec![];
            for seq in 0..1 + rng.below(3) as u32 {
                let mut changes = vec![];
                for _ in 0..rng.below(6) {
                    let key = rng.below(3) as i64;
                    let have = twin.get(&key).cloned().unwrap_or_default();
                    let change = match have.get(rng.below(have.len().max(1) as u64) as usize) {
                        Some(value) if rng.chance(0.5) => (key, *value, -1),
                        _ => (key, rng.below(3) as i64, 1),
                    };
                    take(&mut twin, change);
                    changes.push(change);
                }
                operator.on_batch(&info, batch(&changes, seq), &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            for batch in &out {
                let column = |c: usize| batch.rows.column(c).as_primitive::<Int64Type>();
                for row in 0..batch.rows.num_rows() {
                    let (key, value) = (column(0).value(row), column(1).value(row));
                    match batch.diffs.as_ref().map_or(1, |d| d.value(row)) {
                        -1 => assert_eq!(shown.remove(&key), Some(value), "seed {seed}"),
                        _ => assert_eq!(shown.insert(key, value), None, "seed {seed}"),
                    }
                }
            }
            let expected: BTreeMap<i64, i64> =
                twin.iter().filter_map(|(key, rows)| Some((*key, *rows.last()?))).collect();
            assert_eq!(shown, expected, "seed {seed}, epoch {number}");
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn a_checkpoint_has_what_has_changed_since_the_last_one() {
    let written =
        |sections: Vec<Section>| sections.iter().flat_map(|s| &s.rows).map(RecordBatch::num_rows).sum::<usize>();
    let mut operator = MaterializeOperator::new(schema(), &[0], false, JobContext::alone()).unwrap();
    let epoch = |operator: &mut MaterializeOperator, changes: &[(i64, i64, i64)], number: u64| {
        let (info, mut out) = (EpochInfo::alone(number), vec![]);
        operator.on_batch(&info, batch(changes, 0), &mut out).unwrap();
        operator.on_epoch_end(&info, &mut out).unwrap();
    };
    epoch(&mut operator, &(0..1000).map(|key| (key, 1, 1)).collect::<Vec<_>>(), 0);
    assert_eq!(written(operator.save().unwrap()), 1000);
    // A key has two rows now, one comes, one goes.
    epoch(&mut operator, &[(3, 2, 1), (1000, 1, 1), (4, 1, -1)], 1);
    assert_eq!(written(operator.save_changes().unwrap().unwrap()), 4);
    assert_eq!(written(operator.save_changes().unwrap().unwrap()), 0);
}
