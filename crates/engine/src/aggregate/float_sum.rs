//! `SUM` of floats: exact, rounded once, hence independent of order and parallelism.
//!
//! Each slot keeps an error-free expansion. The two leading terms live in columns and are updated with Knuth's TwoSum;
//! what does not fit into them (rare) spills into a list per slot that grows by Shewchuk's Grow-Expansion ("Adaptive
//! Precision Floating-Point Arithmetic", 1997). The result is the correctly rounded sum of all terms.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Float64Builder, ListBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use sloth_types::Result;

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
    /// The two leading terms of each slot, side by side: they are read and written together.
    leading: Vec<(f64, f64)>,
    seen: Vec<bool>,
    /// Terms that fit into neither column, and non-finite inputs.
    spill: HashMap<u32, Spill>,
    output: DataType,
}

#[derive(Default)]
struct Spill {
    /// Non-overlapping terms, smallest first.
    terms: Vec<f64>,
    /// Sum of infinities and NaNs seen; zero when none.
    special: f64,
}

/// State: the terms of the expansion, a non-finite one last.
pub(crate) fn state_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

impl FloatSum {
    /// No slots yet; results are cast to `output`.
    pub(crate) fn new(output: DataType) -> Self {
        FloatSum { leading: vec![], seen: vec![], spill: HashMap::new(), output }
    }

    #[inline(always)]
    fn add(&mut self, slot: usize, value: f64) {
        let leading = &mut self.leading[slot];
        let (high, error) = two_sum(leading.0, value);
        let (low, rest) = two_sum(leading.1, error);
        // Also true when the value or the sum is not finite: the error is then NaN.
        if rest != 0.0 || !high.is_finite() {
            self.add_slow(slot, value);
        } else {
            *leading = (high, low);
        }
        self.seen[slot] = true;
    }

    #[cold]
    fn add_slow(&mut self, slot: usize, value: f64) {
        let spill = self.spill.entry(slot as u32).or_default();
        if value.is_finite() {
            grow(&mut spill.terms, value);
        } else {
            spill.special += value;
        }
    }

    /// The sum of a slot, rounded once.
    pub(crate) fn value(&self, slot: u32) -> f64 {
        let index = slot as usize;
        let (high, low) = self.leading[index];
        match self.spill.get(&slot) {
            None => high + low,
            Some(spill) if spill.special != 0.0 => spill.special,
            Some(spill) => {
                let mut terms = spill.terms.clone();
                grow(&mut terms, low);
                grow(&mut terms, high);
                round(&terms)
            }
        }
    }
}

/// Adds a value to an expansion of non-overlapping terms.
fn grow(terms: &mut Vec<f64>, value: f64) {
    let mut carry = value;
    let mut kept = 0;
    for i in 0..terms.len() {
        let (sum, error) = two_sum(carry, terms[i]);
        carry = sum;
        if error != 0.0 {
            terms[kept] = error;
            kept += 1;
        }
    }
    terms.truncate(kept);
    if carry != 0.0 {
        terms.push(carry);
    }
}

/// The float nearest to the sum of an expansion, ties to even (the last step of Python's `math.fsum`).
fn round(terms: &[f64]) -> f64 {
    let mut rest = terms.iter().rev();
    let mut sum = rest.next().copied().unwrap_or(0.0);
    let mut error = 0.0;
    for term in rest.by_ref() {
        let before = sum;
        sum = before + term;
        error = term - (sum - before);
        if error != 0.0 {
            break;
        }
    }
    // Exactly half way: the sign of what follows decides.
    if let Some(next) = rest.next()
        && ((error < 0.0 && *next < 0.0) || (error > 0.0 && *next > 0.0))
    {
        let doubled = error * 2.0;
        let moved = sum + doubled;
        if doubled == moved - sum {
            sum = moved;
        }
    }
    sum
}

/// Sums a run into one slot with independent lanes, so that the additions overlap in the processor. `None` when a term
/// would spill: the caller then goes row by row.
fn sum_run(values: &[f64]) -> Option<[(f64, f64); LANES]> {
    let mut lanes = [(0.0f64, 0.0f64); LANES];
    let mut bad = 0.0f64;
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            let (high, error) = two_sum(lane.0, *value);
            let (low, rest) = two_sum(lane.1, error);
            *lane = (high, low);
            bad += rest.abs();
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.remainder()) {
        let (high, error) = two_sum(lane.0, *value);
        let (low, rest) = two_sum(lane.1, error);
        *lane = (high, low);
        bad += rest.abs();
    }
    // A NaN here (a value that is not finite) also fails the comparison.
    (bad == 0.0).then_some(lanes)
}

const LANES: usize = 8;

impl Accumulator for FloatSum {
    fn empty(&mut self) -> bool {
        self.leading.clear();
        self.seen.clear();
        self.spill.clear();
        true
    }

    fn reserve(&mut self, slots: usize) {
        self.leading.reserve(slots);
        self.seen.reserve(slots);
    }

    fn resize(&mut self, slots: usize) {
        self.leading.resize(slots, (0.0, 0.0));
        self.seen.resize(slots, false);
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
            && let Some(lanes) = sum_run(values)
        {
            for (high, low) in lanes {
                self.add(slot as usize, high);
                self.add(slot as usize, low);
            }
            return Ok(());
        }
        for_each_valid(input, target, |row, slot| self.add(slot, values[row]));
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let lists = states[0].as_list::<i32>();
        let terms = lists.values().as_primitive::<Float64Type>();
        for row in 0..lists.len() {
            if lists.is_valid(row) {
                let slot = target.slot(row);
                self.seen[slot] = true;
                let (start, end) = (lists.value_offsets()[row] as usize, lists.value_offsets()[row + 1] as usize);
                for term in terms.values().get(start..end).unwrap_or_default() {
                    self.add(slot, *term);
                }
            }
        }
        Ok(())
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut builder = ListBuilder::with_capacity(Float64Builder::with_capacity(slots.len() * 2), slots.len());
        for slot in slots {
            let index = *slot as usize;
            if !self.seen[index] {
                builder.append_null();
                continue;
            }
            let (high, low) = self.leading[index];
            builder.values().append_value(high);
            if low != 0.0 {
                builder.values().append_value(low);
            }
            if let Some(spill) = self.spill.get(slot) {
                builder.values().append_slice(&spill.terms);
                if spill.special != 0.0 {
                    builder.values().append_value(spill.special);
                }
            }
            builder.append(true);
        }
        Ok(vec![Arc::new(builder.finish())])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let sums: Float64Array = slots.iter().map(|s| self.seen[*s as usize].then(|| self.value(*s))).collect();
        if self.output == DataType::Float64 { Ok(Arc::new(sums)) } else { Ok(cast(&sums, &self.output)?) }
    }

    fn clear(&mut self, slot: u32) {
        self.leading[slot as usize] = (0.0, 0.0);
        self.seen[slot as usize] = false;
        self.spill.remove(&slot);
    }

    fn bytes(&self) -> usize {
        self.leading.capacity() * 17 + self.spill.values().map(|s| 64 + s.terms.capacity() * 8).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sloth_types::rng::Rng;

    /// The twin: one plain expansion, term by term.
    fn exact(values: &[f64]) -> f64 {
        let mut terms = vec![];
        for value in values {
            grow(&mut terms, *value);
        }
        round(&terms)
    }

    fn total(values: &[f64], parts: usize) -> f64 {
        let mut whole = FloatSum::new(DataType::Float64);
        whole.resize(1);
        for part in values.chunks(values.len().div_ceil(parts).max(1)) {
            let mut sum = FloatSum::new(DataType::Float64);
            sum.resize(1);
            let input = Input {
                args: vec![Arc::new(Float64Array::from(part.to_vec()))],
                valid: None,
                rows: part.len(),
                weights: None,
            };
            sum.update(&input, Target::One(0)).unwrap();
            let state = sum.state(&[0]).unwrap();
            whole.merge(&state, Target::One(0)).unwrap();
        }
        whole.value(0)
    }

    #[test]
    fn known_sums_are_rounded_once() {
        assert_eq!(total(&[0.1; 10], 1), 1.0);
        assert_eq!(total(&[1e16, 1.0, -1e16], 1), 1.0);
        assert_eq!(total(&[1e308, 1.0, -1e308, 1e-300], 2), 1.0);
        assert!(total(&[1.0, f64::NAN], 1).is_nan());
        assert_eq!(total(&[1.0, f64::INFINITY], 2), f64::INFINITY);
        assert!(total(&[f64::NEG_INFINITY, f64::INFINITY], 2).is_nan());
    }

    #[test]
    fn any_order_and_any_parts_give_the_same_bits() {
        let mut rng = Rng::new(7);
        for _ in 0..300 {
            let n = 1 + rng.below(200) as usize;
            let mut values: Vec<f64> =
                (0..n).map(|_| (rng.unit() - 0.5) * 10f64.powi(rng.between(-30, 30) as i32)).collect();
            let expected = exact(&values);
            for parts in [1, 2, 5] {
                for i in (1..values.len()).rev() {
                    values.swap(i, rng.below(i as u64 + 1) as usize);
                }
                assert_eq!(total(&values, parts).to_bits(), expected.to_bits());
            }
        }
    }
}
