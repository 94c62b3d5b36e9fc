//! `SUM` and `AVG` of floats: exact, rounded once, hence independent of order, parallelism and of what was taken back.
//!
//! Each slot keeps an error-free expansion of two terms, updated with Knuth's TwoSum. What does not fit into them (rare:
//! magnitudes that lie far apart, sums beyond the largest float) goes into a long binary number of the slot, see
//! [`Exact`]. Infinities and NaNs are counted, so that they can be taken back as well.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, Int64Builder, ListBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use sloth_types::Result;

use super::exact::Exact;
use super::{Accumulator, Input, Target, for_each_valid};

/// The error-free sum of two floats: `a + b = sum + error` exactly.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// Exact sums, one a slot.
pub(crate) struct FloatSum {
    slots: Vec<Slot>,
    /// What fits into neither term, and values that are not finite.
    spill: HashMap<u32, Box<Spill>>,
    average: bool,
    output: DataType,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    high: f64,
    low: f64,
    /// Number of values; a sum of nothing is NULL.
    count: i64,
}

#[derive(Default, PartialEq)]
struct Spill {
    exact: Exact,
    /// How many NaNs, positive and negative infinities there are.
    special: [i64; 3],
}

impl Spill {
    fn add(&mut self, value: f64, weight: i64) {
        if value.is_finite() {
            self.exact.add(value, weight);
            return;
        }
        let kind = if value.is_nan() { 0 } else { 1 + usize::from(value < 0.0) };
        self.special[kind] += weight;
    }

    /// The sum that the special values make, when there are any.
    fn special(&self) -> Option<f64> {
        match self.special.map(|n| n > 0) {
            [false, false, false] => None,
            [false, true, false] => Some(f64::INFINITY),
            [false, false, true] => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }

    fn is_empty(&self) -> bool {
        self.special == [0; 3] && self.exact.is_zero()
    }
}

impl FloatSum {
    /// Sums, without slots yet; results are cast to `output`.
    pub(crate) fn new(output: DataType) -> Self {
        FloatSum { slots: vec![], spill: HashMap::new(), average: false, output }
    }

    /// Averages: the exact sum, rounded, divided by the number of values.
    pub(crate) fn average(output: DataType) -> Self {
        FloatSum { average: true, ..FloatSum::new(output) }
    }

    /// Adds `term`, which is exactly `value` times `weight`.
    #[inline(always)]
    fn add(&mut self, slot: usize, term: f64, value: f64, weight: i64) {
        let sums = &mut self.slots[slot];
        let (high, error) = two_sum(sums.high, term);
        let (low, rest) = two_sum(sums.low, error);
        // Not so either when the value or the sum is not finite: the error is then NaN.
        if rest == 0.0 {
            sums.high = high;
            sums.low = low;
        } else {
            self.add_slow(slot, value, weight);
        }
    }

    #[cold]
    fn add_slow(&mut self, slot: usize, value: f64, weight: i64) {
        let spill = self.spill.entry(slot as u32).or_default();
        spill.add(value, weight);
        if spill.is_empty() {
            self.spill.remove(&(slot as u32));
        }
    }

    #[inline(always)]
    fn add_weighted(&mut self, slot: usize, value: f64, weight: i64) {
        self.slots[slot].count += weight;
        if weight.unsigned_abs() == 1 {
            self.add(slot, value * weight as f64, value, weight);
        } else {
            self.add_many(slot, value, weight);
        }
    }

    #[cold]
    fn add_many(&mut self, slot: usize, value: f64, weight: i64) {
        // Two halves of at most 27 bits: times a weight of 26 bits each is still exact.
        let high = f64::from_bits(value.to_bits() & !((1 << 27) - 1));
        let (high, low) = (high * weight as f64, (value - high) * weight as f64);
        if weight.unsigned_abs() < 1 << 26 && high.is_finite() && low.is_finite() {
            self.add(slot, high, high, 1);
            self.add(slot, low, low, 1);
        } else {
            self.add_slow(slot, value, weight);
        }
    }

    /// The sum of a slot, rounded once.
    pub(crate) fn value(&self, slot: u32) -> f64 {
        let Slot { high, low, .. } = self.slots[slot as usize];
        match self.spill.get(&slot) {
            None => high + low,
            Some(spill) => spill.special().unwrap_or_else(|| {
                let mut exact = spill.exact.clone();
                exact.add(low, 1);
                exact.add(high, 1);
                exact.round()
            }),
        }
    }

    fn result(&self, slot: u32) -> Option<f64> {
        let count = self.slots[slot as usize].count;
        let divisor = if self.average { count as f64 } else { 1.0 };
        (count > 0).then(|| self.value(slot) / divisor)
    }

    fn add_rows(&mut self, values: &[f64], input: &Input, target: Target<'_>) {
        match &input.weights {
            None => for_each_valid(input, target, |row, slot| {
                self.slots[slot].count += 1;
                self.add(slot, values[row], values[row], 1);
            }),
            Some(weights) => {
                let weights = weights.values();
                for_each_valid(input, target, |row, slot| self.add_weighted(slot, values[row], weights[row]));
            }
        }
    }

    /// Adds rows that all go to one slot and all count. False when that must be done row by row.
    fn add_run(&mut self, slot: usize, values: &[f64], weights: Option<&Int64Array>) -> bool {
        let rows = values.len();
        let (lanes, count) = match weights {
            None => (sum_run(rows, |row| values[row]), rows as i64),
            Some(weights) => {
                let weights = weights.values();
                if weights.iter().any(|w| w.unsigned_abs() != 1) {
                    return false;
                }
                (sum_run(rows, |row| values[row] * weights[row] as f64), weights.iter().sum())
            }
        };
        let Some(lanes) = lanes else { return false };
        for (high, low) in lanes {
            self.add(slot, high, high, 1);
            self.add(slot, low, low, 1);
        }
        self.slots[slot].count += count;
        true
    }
}

/// Sums a run with independent lanes, so that the additions overlap in the processor. `None` when a term would spill: the
/// caller then goes row by row.
#[inline(always)]
fn sum_run(rows: usize, term: impl Fn(usize) -> f64) -> Option<[(f64, f64); LANES]> {
    let mut lanes = [(0.0f64, 0.0f64); LANES];
    let mut bad = 0.0f64;
    let mut add = |lane: &mut (f64, f64), term: f64| {
        let (high, error) = two_sum(lane.0, term);
        let (low, rest) = two_sum(lane.1, error);
        *lane = (high, low);
        bad += rest.abs();
    };
    let whole = rows - rows % LANES;
    for start in (0..whole).step_by(LANES) {
        for (i, lane) in lanes.iter_mut().enumerate() {
            add(lane, term(start + i));
        }
    }
    for (row, lane) in (whole..rows).zip(&mut lanes) {
        add(lane, term(row));
    }
    // A NaN here (a value that is not finite) also fails the comparison.
    (bad == 0.0).then_some(lanes)
}

const LANES: usize = 8;

impl Accumulator for FloatSum {
    fn empty(&mut self) -> bool {
        self.slots.clear();
        self.spill.clear();
        true
    }

    fn reserve(&mut self, slots: usize) {
        self.slots.reserve(slots);
    }

    fn resize(&mut self, slots: usize) {
        self.slots.resize(slots, Slot::default());
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let wide;
        let column = if input.args[0].data_type() == &DataType::Float64 {
            &input.args[0]
        } else {
            wide = cast(&input.args[0], &DataType::Float64)?;
            &wide
        };
        let values = column.as_primitive::<Float64Type>().values();
        if let (Target::One(slot), None, true) = (target, &input.valid, values.len() >= 4 * LANES)
            && self.add_run(slot as usize, values, input.weights.as_ref())
        {
            return Ok(());
        }
        self.add_rows(values, input, target);
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let [high, low] = [0, 1].map(|i| states[i].as_primitive::<Float64Type>().values());
        let counts = states[2].as_primitive::<Int64Type>().values();
        let spilled = states[3].as_list::<i32>();
        for row in 0..counts.len() {
            let slot = target.slot(row);
            self.slots[slot].count += counts[row];
            self.add(slot, high[row], high[row], 1);
            self.add(slot, low[row], low[row], 1);
            if spilled.is_valid(row) {
                let words = spilled.value(row);
                let words = words.as_primitive::<Int64Type>().values();
                let spill = self.spill.entry(slot as u32).or_default();
                for (mine, theirs) in spill.special.iter_mut().zip(words) {
                    *mine += theirs;
                }
                spill.exact.merge(words.iter().skip(3).map(|w| *w as u64));
            }
        }
        Ok(())
    }

    /// Both terms, the count, and of what has spilled the special counts and the words.
    fn state_types(&self) -> Vec<DataType> {
        let words = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        vec![DataType::Float64, DataType::Float64, DataType::Int64, words]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let of = |slot: &u32| self.slots[*slot as usize];
        let high: Float64Array = slots.iter().map(|s| of(s).high).collect();
        let low: Float64Array = slots.iter().map(|s| of(s).low).collect();
        let counts: Int64Array = slots.iter().map(|s| of(s).count).collect();
        let mut spilled = ListBuilder::new(Int64Builder::new());
        for slot in slots {
            if let Some(spill) = self.spill.get(slot) {
                spilled.values().append_slice(&spill.special);
                for word in spill.exact.words() {
                    spilled.values().append_value(*word as i64);
                }
            }
            spilled.append(self.spill.contains_key(slot));
        }
        Ok(vec![Arc::new(high), Arc::new(low), Arc::new(counts), Arc::new(spilled.finish())])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let results: Float64Array = slots.iter().map(|s| self.result(*s)).collect();
        if self.output == DataType::Float64 { Ok(Arc::new(results)) } else { Ok(cast(&results, &self.output)?) }
    }

    fn clear(&mut self, slot: u32) {
        self.slots[slot as usize] = Slot::default();
        self.spill.remove(&slot);
    }

    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.spill.len() * (size_of::<Spill>() + 16)
    }
}

#[cfg(test)]
#[path = "float_sum/tests.rs"]
mod tests;
