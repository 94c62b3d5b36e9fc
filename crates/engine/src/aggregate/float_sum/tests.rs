//! Exact sums against one long number, and what they cost.

use sloth_types::rng::Rng;

use super::*;
use crate::state::keys::{KeyEncoder, KeyTable, RowSet};

/// The twin: everything in one long number.
fn exact(values: &[(f64, i64)]) -> f64 {
    let mut spill = Spill::default();
    for (value, weight) in values {
        spill.add(*value, *weight);
    }
    spill.special().unwrap_or_else(|| spill.exact.round())
}

fn sum_of(values: &[(f64, i64)], weighted: bool) -> FloatSum {
    let mut sum = FloatSum::new(DataType::Float64);
    sum.resize(1);
    let input = Input {
        args: vec![Arc::new(values.iter().map(|(v, _)| *v).collect::<Float64Array>())],
        valid: None,
        rows: values.len(),
        weights: weighted.then(|| values.iter().map(|(_, w)| *w).collect()),
    };
    sum.update(&input, Target::One(0)).unwrap();
    sum
}

/// The sum, taken in parts that are merged, with and without the fast path for one slot.
fn total(values: &[(f64, i64)], parts: usize) -> f64 {
    let weighted = values.iter().any(|(_, w)| *w != 1);
    let mut whole = FloatSum::new(DataType::Float64);
    whole.resize(1);
    for part in values.chunks(values.len().div_ceil(parts).max(1)) {
        let state = sum_of(part, weighted).state(&[0]).unwrap();
        whole.merge(&state, Target::One(0)).unwrap();
    }
    let mut one_by_one = FloatSum::new(DataType::Float64);
    one_by_one.resize(1);
    for (value, weight) in values {
        one_by_one.add_weighted(0, *value, *weight);
    }
    let (a, b) = (whole.value(0), one_by_one.value(0));
    assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{a} and {b}");
    a
}

fn inserts(values: &[f64]) -> Vec<(f64, i64)> {
    values.iter().map(|v| (*v, 1)).collect()
}

#[test]
fn known_sums_are_rounded_once() {
    assert_eq!(total(&inserts(&[0.1; 10]), 1), 1.0);
    assert_eq!(total(&inserts(&[1e16, 1.0, -1e16]), 1), 1.0);
    assert_eq!(total(&inserts(&[1e308, 1.0, -1e308, 1e-300]), 2), 1.0);
    assert_eq!(total(&inserts(&[1e308, 1e308, -1e308]), 1), 1e308);
    assert!(total(&inserts(&[1.0, f64::NAN]), 1).is_nan());
    assert_eq!(total(&inserts(&[1.0, f64::INFINITY]), 2), f64::INFINITY);
    assert!(total(&inserts(&[f64::NEG_INFINITY, f64::INFINITY]), 2).is_nan());
}

#[test]
fn what_is_taken_back_leaves_no_trace() {
    let inf = f64::INFINITY;
    assert_eq!(total(&[(0.1, 1), (inf, 1), (inf, -1)], 1), 0.1);
    assert_eq!(total(&[(f64::NAN, 2), (0.1, 1), (f64::NAN, -2), (-inf, 1)], 2), -inf);
    assert_eq!(total(&[(1e308, 3), (0.1, 1), (1e308, -3)], 3), 0.1);
    assert_eq!(total(&[(0.1, 1), (1e300, 1), (1e-300, 1), (1e300, -1), (1e-300, -1)], 1), 0.1);
    let mut sum = sum_of(&[(1e300, 1), (1e-300, 1), (1.0, 1), (1e300, -1), (1e-300, -1), (1.0, -1)], true);
    assert_eq!(sum.value(0), 0.0);
    assert!(sum.finish(&[0]).unwrap().is_null(0));
}

#[test]
fn any_order_any_parts_and_any_history_give_the_same_bits() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let n = 1 + rng.below(200) as usize;
        let span = [1, 30, 308][rng.below(3) as usize];
        let mut value = || match rng.below(40) {
            0 => f64::INFINITY,
            1 => f64::NAN,
            2 => f64::from_bits(rng.below(1 << 60)),
            _ => (rng.unit() - 0.5) * 10f64.powi(rng.between(-span, span) as i32),
        };
        let kept: Vec<f64> = (0..n).map(|_| value()).collect();
        let expected = exact(&inserts(&kept));
        let mut changes = inserts(&kept);
        for _ in 0..rng.below(100) {
            let largest = 1 << rng.below(30);
            let (value, weight) = (f64::from_bits(rng.next_u64()), rng.between(-3, largest));
            changes.extend([(value, weight), (value, -weight)]);
        }
        for parts in [1, 2, 5] {
            for i in (1..changes.len()).rev() {
                changes.swap(i, rng.below(i as u64 + 1) as usize);
            }
            let found = total(&changes, parts);
            assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()), "seed {seed}");
        }
    }
}

/// The least time of many runs of `work`, in nanoseconds a row.
fn least(rows: usize, mut work: impl FnMut()) -> f64 {
    let times = (0..60).map(|_| {
        let start = sloth_types::clock::Mono::now();
        work();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / rows as f64
}

/// Sums of DOUBLE by key, where rows are taken back: the way of a row from its key to its sum.
#[test]
#[ignore = "a measurement: run it in release mode"]
fn exact_sums_cost_at_most_half_as_much_again_as_plain_ones() {
    const ROWS: usize = 1 << 16;
    for groups in [1, 100, 10_000, 1_000_000] {
        let mut rng = Rng::new(groups);
        let keys: ArrayRef = Arc::new((0..ROWS).map(|_| Some(rng.below(groups) as i64 * 7919)).collect::<Int64Array>());
        let values: Float64Array = (0..ROWS).map(|_| Some(rng.between(1, 1_000_000) as f64 / 100.0)).collect();
        let weights: Int64Array = (0..ROWS).map(|_| Some(if rng.chance(0.3) { -1 } else { 1 })).collect();
        let values: ArrayRef = Arc::new(values);
        let input = Input { args: vec![ArrayRef::clone(&values)], valid: None, rows: ROWS, weights: Some(weights) };
        let mut encoder = KeyEncoder::new(vec![DataType::Int64]).unwrap();
        let mut table = KeyTable::new(&encoder);
        let mut slots = vec![];
        let mut look_up = |slots: &mut Vec<u32>| {
            let keys = encoder.encode(std::slice::from_ref(&keys)).unwrap();
            table.intern(&keys, &RowSet::Range(0..ROWS), slots);
        };
        look_up(&mut slots);
        let mut exact = FloatSum::new(DataType::Float64);
        exact.resize(groups as usize);
        let mut plain = vec![(0.0f64, 0i64); groups as usize];
        let mut add_plain = |slots: &[u32]| {
            let numbers = values.as_primitive::<Float64Type>().values();
            let weights = input.weights.as_ref().unwrap().values();
            for_each_valid(&input, Target::Each(slots), |row, slot| {
                plain[slot].0 += numbers[row] * weights[row] as f64;
                plain[slot].1 += weights[row];
            });
        };
        let kernels =
            [least(ROWS, || exact.update(&input, Target::Each(&slots)).unwrap()), least(ROWS, || add_plain(&slots))];
        let exact_ns = least(ROWS, || {
            look_up(&mut slots);
            exact.update(&input, Target::Each(&slots)).unwrap();
        });
        let plain_ns = least(ROWS, || {
            look_up(&mut slots);
            add_plain(&slots);
        });
        let ratio = exact_ns / plain_ns;
        println!(
            "{groups} groups: exact {exact_ns:.2} ns/row, plain {plain_ns:.2} ns/row, {ratio:.2} x ({kernels:.2?} alone)"
        );
        assert!(cfg!(debug_assertions) || ratio <= 1.5, "{ratio}");
    }
}
