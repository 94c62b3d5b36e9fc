//! `APPROX_PERCENTILE_CONT` and `APPROX_MEDIAN`: how many values there are in each of many small ranges.
//!
//! A range is what the upper bits of a double tell apart: every power of two is cut into 256 equal parts, as in an HDR
//! histogram. A range is told as its end next to zero, which is within 1/256 of every value in it; whole numbers up to 512 are
//! such ends.
//! Counts add up: the result depends neither on the order of the rows nor on how they were split, it is the same after a
//! restore, and what is taken back leaves no trace.
//!
//! ```text
//!   slot ▶ [(range, count), …]     range: sign, exponent and the upper 8 bits of the fraction, in the order of the values
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type};
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;
use sloth_plan::AggregateCall;
use sloth_types::{Error, Result};

use super::{Accumulator, Input, Target, for_each_valid};

/// Bits of a double below those that name its range: 52 of the fraction, without the upper eight.
const LOWER_BITS: u32 = 52 - 8;

/// The range of NaN, the largest value.
const NAN: i32 = i32::MAX;

/// The counted values of each slot.
pub(super) struct Quantile {
    slots: Vec<Counts>,
    /// The share of the values up to the result, counted from the smallest or the largest.
    share: f64,
    descending: bool,
    output: DataType,
}

/// Ranges in the order of their values, with how many values they have: never 0.
type Counts = Vec<(i32, i64)>;

fn range(value: f64) -> i32 {
    if value.is_nan() {
        return NAN;
    }
    let upper = (value.abs().to_bits() >> LOWER_BITS) as i32;
    if value < 0.0 { -upper } else { upper }
}

/// The end of a range that is next to zero.
fn end(range: i32) -> f64 {
    if range == NAN {
        return f64::NAN;
    }
    let end = f64::from_bits(u64::from(range.unsigned_abs()) << LOWER_BITS);
    if range < 0 { -end } else { end }
}

impl Quantile {
    /// The accumulator of a call, without slots yet.
    ///
    /// # Errors
    /// When the share is not a number from 0 to 1.
    pub(super) fn new(call: &AggregateCall) -> Result<Self> {
        let literal = call.arg_exprs.get(1).and_then(|e| e.downcast_ref::<Literal>()).map(Literal::value);
        let given = match (call.function.name(), literal) {
            ("approx_median", _) => Some(0.5),
            (_, Some(value)) => match value.cast_to(&DataType::Float64) {
                Ok(ScalarValue::Float64(share)) => share,
                _ => None,
            },
            _ => None,
        };
        let Some(share) = given.filter(|share| (0.0..=1.0).contains(share)) else {
            return Err(Error::invalid(format!("{}: the percentile is not a number from 0 to 1", call.sql))
                .hint("Write APPROX_PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY x)."));
        };
        let descending = call.order.first().is_some_and(|order| order.descending);
        Ok(Quantile { slots: vec![], share, descending, output: call.output_type().clone() })
    }

    fn add(&mut self, slot: usize, range: i32, count: i64) {
        let Some(counts) = self.slots.get_mut(slot).filter(|_| count != 0) else { return };
        match counts.binary_search_by_key(&range, |(range, _)| *range) {
            Ok(at) => {
                if let Some((_, there)) = counts.get_mut(at) {
                    *there += count;
                    if *there == 0 {
                        counts.remove(at);
                    }
                }
            }
            Err(at) => counts.insert(at, (range, count)),
        }
    }

    /// The first value that has the share behind it (`PERCENTILE_DISC`).
    fn value(&self, counts: &Counts) -> Option<f64> {
        let all: i64 = counts.iter().map(|(_, count)| count).sum();
        if all <= 0 {
            return None;
        }
        // A share such as 0.07 is a little more in binary: of a hundred values it is the seventh.
        let rank = ((self.share * all as f64 * (1.0 - 1e-12)).ceil() as i64).clamp(1, all);
        let mut passed = 0;
        let mut reached = |(_, count): &&(i32, i64)| {
            passed += count;
            passed >= rank
        };
        let found = if self.descending { counts.iter().rev().find(&mut reached) } else { counts.iter().find(reached) };
        found.map(|(range, _)| end(*range))
    }
}

impl Accumulator for Quantile {
    fn resize(&mut self, slots: usize) {
        self.slots.resize(slots, vec![]);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let Some(values) = input.args.first() else { return Ok(()) };
        let values = cast(values, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        for_each_valid(input, target, |row, slot| {
            let weight = input.weights.as_ref().map_or(1, |w| w.value(row));
            self.add(slot, range(values.value(row)), weight);
        });
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let [ranges, counts] = states else { return Err(Error::internal("a state has ranges and counts")) };
        let (ranges, counts) = (ranges.as_list::<i32>(), counts.as_list::<i32>());
        for row in 0..ranges.len() {
            let (ranges, counts) = (ranges.value(row), counts.value(row));
            let pairs =
                ranges.as_primitive::<Int32Type>().values().iter().zip(counts.as_primitive::<Int64Type>().values());
            for (range, count) in pairs {
                self.add(target.slot(row), *range, *count);
            }
        }
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        [DataType::Int32, DataType::Int64].map(|t| DataType::List(Arc::new(Field::new_list_field(t, true)))).to_vec()
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let of: Vec<&Counts> = slots.iter().filter_map(|slot| self.slots.get(*slot as usize)).collect();
        let offsets = OffsetBuffer::from_lengths(of.iter().map(|counts| counts.len()));
        let ranges: Int32Array = of.iter().flat_map(|counts| counts.iter().map(|(range, _)| *range)).collect();
        let counts: Int64Array = of.iter().flat_map(|counts| counts.iter().map(|(_, count)| *count)).collect();
        let list = |values: ArrayRef| -> Result<ArrayRef> {
            let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            Ok(Arc::new(ListArray::try_new(field, offsets.clone(), values, None)?))
        };
        Ok(vec![list(Arc::new(ranges))?, list(Arc::new(counts))?])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let values = slots.iter().map(|slot| self.value(self.slots.get(*slot as usize)?));
        let values: Float64Array = values.collect();
        Ok(cast(&values, &self.output)?)
    }

    fn clear(&mut self, slot: u32) {
        if let Some(counts) = self.slots.get_mut(slot as usize) {
            counts.clear();
        }
    }

    fn bytes(&self) -> usize {
        let room = |counts: &Counts| size_of::<Counts>() + counts.capacity() * size_of::<(i32, i64)>();
        self.slots.iter().map(room).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sloth_types::rng::Rng;

    #[test]
    fn the_end_of_a_range_is_near_all_its_values() {
        let mut rng = Rng::new(11);
        for _ in 0..100_000 {
            let value = f64::from_bits(rng.next_u64());
            if !value.is_finite() || value.abs() < 1e-300 {
                continue;
            }
            let near = end(range(value));
            assert!((near - value).abs() <= value.abs() / 256.0, "{value} is told as {near}");
        }
        for special in [f64::INFINITY, f64::NEG_INFINITY, 0.0] {
            assert_eq!(end(range(special)), special);
        }
        assert!(end(range(f64::NAN)).is_nan());
        assert_eq!(end(range(-0.0)), 0.0);
    }

    #[test]
    fn ranges_stand_in_the_order_of_their_values() {
        let mut values = [f64::NAN, 1.0, -1.0, 0.0, 1e308, -1e308, f64::INFINITY, 1e-300, -5e-324, 255.0, 256.0];
        values.sort_by(f64::total_cmp);
        let ranges: Vec<i32> = values.iter().map(|v| range(*v)).collect();
        assert!(ranges.is_sorted(), "{ranges:?}");
    }

    #[test]
    fn small_whole_numbers_are_exact() {
        for n in -512..=512 {
            assert_eq!(end(range(f64::from(n))), f64::from(n));
        }
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace_and_the_order_does_not_matter() {
        let mut rng = Rng::new(12);
        let one = || Quantile { slots: vec![vec![]], share: 0.9, descending: false, output: DataType::Float64 };
        let (mut forth, mut back) = (one(), one());
        let values: Vec<i32> = (0..1000).map(|_| range(rng.between(1, 1_000_000) as f64)).collect();
        for value in &values {
            forth.add(0, *value, 1);
            back.add(0, 7, 1);
        }
        for value in values.iter().rev() {
            back.add(0, *value, 1);
            back.add(0, 7, -1);
        }
        assert_eq!(forth.slots, back.slots);
        let states = forth.state(&[0]).unwrap();
        let mut merged = one();
        merged.merge(&states, Target::One(0)).unwrap();
        assert_eq!(forth.slots, merged.slots);
        assert_eq!(forth.finish(&[0]).unwrap().as_ref(), merged.finish(&[0]).unwrap().as_ref());
    }
}
