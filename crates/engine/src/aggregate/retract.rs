//! Accumulators for rows that may be taken back: every row counts with its weight.

mod distinct;
pub(super) mod edge;
mod extreme;
#[cfg(test)]
mod tests;
mod truth;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use sloth_plan::AggregateCall;
use sloth_types::Result;

use super::count::Count;
use super::float_sum::FloatSum;
use super::quantile::Quantile;
use super::replay::Replay;
use super::{Accumulator, Input, Kernel, Target, for_each_valid, kernel};

/// The accumulator of a call.
pub(super) fn accumulator(call: &AggregateCall) -> Result<Box<dyn Accumulator>> {
    let argument = call.arg_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
    let float = argument.is_floating();
    let inner: Box<dyn Accumulator> = match kernel(call) {
        Kernel::Count => Box::new(Count::default()),
        Kernel::Sum if float => Box::new(FloatSum::new(call.output_type().clone())),
        Kernel::Avg if float => Box::new(FloatSum::average(call.output_type().clone())),
        Kernel::Sum => Box::new(WeightedSum::new(call.output_type(), None)),
        Kernel::Avg => {
            let scale = if let DataType::Decimal128(_, scale) = argument { scale } else { 0 };
            Box::new(WeightedSum::new(call.output_type(), Some(scale)))
        }
        Kernel::Quantile => Box::new(Quantile::new(call)?),
        // These do not care how often a value is there.
        Kernel::Min | Kernel::Max => return extreme::extreme(&argument, kernel(call) == Kernel::Max),
        Kernel::TextMin | Kernel::TextMax | Kernel::Foreign => {
            return Ok(match (call.function.name(), edge::Edge::of(call, true)?) {
                ("bool_and" | "bool_or", _) => Box::new(truth::Truth::new(call.function.name() == "bool_and")),
                (_, Some(edge)) => Box::new(edge),
                _ => Box::new(Replay::new(call)?),
            });
        }
    };
    Ok(if call.distinct { Box::new(distinct::CountedDistinct::new(call, inner)?) } else { inner })
}

#[inline(always)]
fn weight(input: &Input, row: usize) -> i64 {
    input.weights.as_ref().map_or(1, |w| w.value(row))
}

/// `SUM` and `AVG` of integers and decimals: a 128-bit total and how many values it has (a sum of nothing is NULL).
struct WeightedSum {
    totals: Vec<i128>,
    counts: Vec<i64>,
    output: DataType,
    /// For an average the scale of the argument.
    average: Option<i8>,
}

impl WeightedSum {
    fn new(output: &DataType, average: Option<i8>) -> Self {
        WeightedSum { totals: vec![], counts: vec![], output: output.clone(), average }
    }

    fn add(&mut self, input: &Input, target: Target<'_>, value: impl Fn(usize) -> i128) {
        let (totals, counts) = (&mut self.totals, &mut self.counts);
        for_each_valid(input, target, |row, slot| {
            let weight = weight(input, row);
            totals[slot] = totals[slot].wrapping_add(value(row).wrapping_mul(i128::from(weight)));
            counts[slot] += weight;
        });
    }
}

impl Accumulator for WeightedSum {
    fn resize(&mut self, slots: usize) {
        self.totals.resize(slots, 0);
        self.counts.resize(slots, 0);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let column = &input.args[0];
        if let Some(decimals) = column.as_primitive_opt::<Decimal128Type>() {
            self.add(input, target, |row| decimals.value(row));
        } else {
            let wide = cast(column, &DataType::Int64)?;
            let wide = wide.as_primitive::<Int64Type>();
            self.add(input, target, |row| i128::from(wide.value(row)));
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let totals = states[0].as_primitive::<Decimal128Type>();
        let counts = states[1].as_primitive::<Int64Type>();
        for row in 0..totals.len() {
            let slot = target.slot(row);
            self.totals[slot] = self.totals[slot].wrapping_add(totals.value(row));
            self.counts[slot] += counts.value(row);
        }
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Decimal128(38, 0), DataType::Int64]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let totals: Decimal128Array = slots.iter().map(|s| Some(self.totals[*s as usize])).collect();
        let counts: Int64Array = slots.iter().map(|s| self.counts[*s as usize]).collect();
        Ok(vec![Arc::new(totals.with_data_type(DataType::Decimal128(38, 0))), Arc::new(counts)])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let pairs = slots.iter().map(|s| {
            let count = self.counts[*s as usize];
            (count > 0).then(|| (self.totals[*s as usize], i128::from(count)))
        });
        if let Some(scale) = self.average {
            return super::avg::averages(pairs, scale, &self.output);
        }
        if let DataType::Decimal128(_, _) = self.output {
            let totals: Decimal128Array = pairs.map(|p| p.map(|(total, _)| total)).collect();
            return Ok(Arc::new(totals.with_data_type(self.output.clone())));
        }
        let totals: Int64Array = pairs.map(|p| p.map(|(total, _)| total as i64)).collect();
        super::sum::integers(&totals, &self.output)
    }

    fn clear(&mut self, slot: u32) {
        self.totals[slot as usize] = 0;
        self.counts[slot as usize] = 0;
    }

    fn bytes(&self) -> usize {
        self.totals.capacity() * 16 + self.counts.capacity() * 8
    }
}
