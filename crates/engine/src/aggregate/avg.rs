//! `AVG`: an exact total and a count; divided once, at the end.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use sloth_types::Result;

use super::count::Count;
use super::float_sum::FloatSum;
use super::sum::Totals;
use super::{Accumulator, Input, Target};

/// The accumulator for an argument type.
pub(crate) fn avg(argument: &DataType, output: &DataType) -> Box<dyn Accumulator> {
    match argument {
        DataType::Float32 | DataType::Float64 => Box::new(FloatSum::average(output.clone())),
        _ => {
            let scale = if let DataType::Decimal128(_, scale) = argument { *scale } else { 0 };
            Box::new(ExactAvg { total: Totals::default(), count: Count::default(), scale, output: output.clone() })
        }
    }
}

/// Average of integers and decimals over an exact 128-bit total.
struct ExactAvg {
    total: Totals<i128>,
    count: Count,
    scale: i8,
    output: DataType,
}

impl Accumulator for ExactAvg {
    fn resize(&mut self, slots: usize) {
        self.total.resize(slots);
        self.count.resize(slots);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        self.count.update(input, target)?;
        if let Some(decimals) = input.args[0].as_primitive_opt::<Decimal128Type>() {
            self.total.add(decimals.values(), input, target, |v| v, i128::wrapping_add);
        } else {
            let wide = cast(&input.args[0], &DataType::Int64)?;
            let wide = wide.as_primitive::<Int64Type>();
            self.total.add(wide.values(), input, target, i128::from, i128::wrapping_add);
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let totals = states[0].as_primitive::<Decimal128Type>();
        let input = Input { args: vec![], valid: totals.nulls().cloned(), rows: totals.len(), weights: None };
        self.total.add(totals.values(), &input, target, |v| v, i128::wrapping_add);
        self.count.merge(&states[1..], target)
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Decimal128(38, 0), DataType::Int64]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let totals: Decimal128Array = slots.iter().map(|s| self.total.get(*s)).collect();
        let totals = totals.with_data_type(DataType::Decimal128(38, 0));
        Ok(vec![Arc::new(totals), self.count.finish(slots)?])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let counts = self.count.finish(slots)?;
        let counts = counts.as_primitive::<Int64Type>().values().clone();
        let pairs = slots.iter().zip(counts.iter()).map(|(s, n)| Some((self.total.get(*s)?, i128::from(*n))));
        averages(pairs, self.scale, &self.output)
    }

    fn clear(&mut self, slot: u32) {
        self.total.clear(slot);
        self.count.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.total.bytes() + self.count.bytes()
    }
}

/// Totals (of `scale` decimal places) divided by counts, as `output`.
pub(super) fn averages(
    pairs: impl Iterator<Item = Option<(i128, i128)>>,
    scale: i8,
    output: &DataType,
) -> Result<ArrayRef> {
    Ok(match output {
        DataType::Decimal128(_, places) => {
            let factor = 10i128.pow(u32::from(places.abs_diff(scale)));
            let array: Decimal128Array =
                pairs.map(|p| p.map(|(total, n)| divide_half_up(total.wrapping_mul(factor), n))).collect();
            Arc::new(array.with_data_type(output.clone()))
        }
        DataType::Float64 => {
            let unit = 10f64.powi(i32::from(scale));
            Arc::new(pairs.map(|p| p.map(|(total, n)| total as f64 / unit / n as f64)).collect::<Float64Array>())
        }
        other => {
            // Flink: the average of integers is an integer, cut off towards zero.
            let array: Int64Array = pairs.map(|p| p.map(|(total, n)| (total / n) as i64)).collect();
            cast(&array, other)?
        }
    })
}

fn divide_half_up(total: i128, n: i128) -> i128 {
    let (quotient, rest) = (total / n, total % n);
    if rest.abs() * 2 >= n { quotient + total.signum() } else { quotient }
}
