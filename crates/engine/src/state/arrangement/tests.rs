//! Random changes against a naive multiset.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use sloth_types::rng::Rng;

use super::*;

/// What an arrangement is, naively: weights by (key, text).
type Twin = BTreeMap<(i64, String), i64>;

fn contents(a: &Arrangement, keys: &[i64]) -> Twin {
    let mut out = Twin::new();
    for key in keys {
        let encoded = EncodedKeys::Words(vec![*key as u64].into(), None);
        for slot in a.find(&encoded, 1).into_iter().filter(|k| *k != ABSENT) {
            let mut total = 0;
            for row in a.rows_of(slot) {
                let text = a.gather(1, &[row]).unwrap();
                assert_eq!(a.gather(0, &[row]).unwrap().as_primitive::<Int64Type>().value(0), *key);
                *out.entry((*key, text.as_string::<i32>().value(0).to_owned())).or_default() += a.weight(row);
                total += a.weight(row);
            }
            assert_eq!(a.total(slot), total);
        }
    }
    out
}

#[test]
fn random_changes_leave_what_the_naive_multiset_has() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let schema = Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("t", DataType::Utf8, true)]);
        let mut arrangement = Arrangement::new(&schema, &[0], true).unwrap();
        let mut twin = Twin::new();
        for _ in 0..30 {
            let mut changes = Twin::new();
            for _ in 0..rng.below(40) {
                let row = (rng.below(5) as i64, format!("text {}", rng.below(6)));
                let have = twin.get(&row).copied().unwrap_or(0) + changes.get(&row).copied().unwrap_or(0);
                let diff = if have > 0 && rng.below(2) == 0 { -1 } else { 1 };
                *changes.entry(row).or_default() += diff;
            }
            changes.retain(|_, w| *w != 0);
            let keys: Int64Array = changes.keys().map(|(k, _)| *k).collect();
            let texts: StringArray = changes.keys().map(|(_, t)| Some(t.as_str())).collect();
            let diffs: Int64Array = changes.values().copied().collect();
            let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(keys), Arc::new(texts)]).unwrap();
            let encoded = arrangement.encode(&batch).unwrap();
            arrangement.apply(&batch, Some(&diffs), &encoded, &mut vec![]).unwrap();
            for (row, diff) in changes {
                *twin.entry(row).or_default() += diff;
            }
            twin.retain(|_, w| *w != 0);
            assert_eq!(contents(&arrangement, &[0, 1, 2, 3, 4]), twin, "seed {seed}");
            assert_eq!(arrangement.len(), twin.len(), "seed {seed}");
        }
    }
}

/// Rows that only come leave no waste in what checkpoints keep; rows that are taken back do.
#[test]
fn what_checkpoints_keep_is_counted() {
    let schema = Schema::new(vec![Field::new("k", DataType::Int64, true)]);
    let mut arrangement = Arrangement::new(&schema, &[0], true).unwrap();
    let change = |arrangement: &mut Arrangement, keys: std::ops::Range<i64>, diff: i64| {
        let diffs = Int64Array::from(vec![diff; keys.clone().count()]);
        let batch =
            RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(keys.collect::<Int64Array>())]).unwrap();
        let encoded = arrangement.encode(&batch).unwrap();
        arrangement.apply(&batch, Some(&diffs), &encoded, &mut vec![]).unwrap();
    };
    change(&mut arrangement, 0..100, 1);
    assert_eq!(arrangement.kept_rows(), 0);
    arrangement.begin_changes();
    for step in 1..5 {
        change(&mut arrangement, step * 100..step * 100 + 100, 1);
        assert_eq!(arrangement.kept_rows(), arrangement.len());
        let given: usize = arrangement.take_changes().unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!((given, arrangement.kept_rows()), (100, arrangement.len()));
    }
    change(&mut arrangement, 0..450, -1);
    assert_eq!((arrangement.kept_rows(), arrangement.len()), (950, 50));
    arrangement.begin_changes();
    assert_eq!(arrangement.kept_rows(), 50);
    // However many come at once to however few.
    change(&mut arrangement, 1000..51_000, 1);
    assert!(arrangement.knows_changes());
    for diff in [-1, 1] {
        change(&mut arrangement, 1000..51_000, diff);
    }
    assert!(!arrangement.knows_changes());
}
