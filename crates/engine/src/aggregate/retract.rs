//! Accumulators for rows that may be taken back: every row counts with its weight.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use sloth_plan::AggregateCall;
use sloth_types::{Error, Result};

use super::{Accumulator, Input, Kernel, Target, for_each_valid, kernel};

/// The accumulator of a call.
pub(super) fn accumulator(call: &AggregateCall) -> Result<Box<dyn Accumulator>> {
    let float = call.arg_fields.first().is_some_and(|f| f.data_type().is_floating());
    Ok(match kernel(call) {
        Kernel::Count if !call.distinct => Box::new(WeightedCount::default()),
        Kernel::Sum if !call.distinct && !float => Box::new(WeightedSum::new(call.output_type(), None)),
        Kernel::Avg if !call.distinct && !float => {
            let scale = match call.arg_fields.first().map(|f| f.data_type()) {
                Some(DataType::Decimal128(_, scale)) => *scale,
                _ => 0,
            };
            Box::new(WeightedSum::new(call.output_type(), Some(scale)))
        }
        _ => return Err(Error::unsupported(format!("{} over rows that may be taken back", call.sql))),
    })
}

#[inline(always)]
fn weight(input: &Input, row: usize) -> i64 {
    input.weights.as_ref().map_or(1, |w| w.value(row))
}

/// `COUNT`.
#[derive(Default)]
struct WeightedCount(Vec<i64>);

impl Accumulator for WeightedCount {
    fn resize(&mut self, slots: usize) {
        self.0.resize(slots, 0);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let counts = &mut self.0;
        for_each_valid(input, target, |row, slot| counts[slot] += weight(input, row));
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        for (row, count) in states[0].as_primitive::<Int64Type>().values().iter().enumerate() {
            self.0[target.slot(row)] += count;
        }
        Ok(())
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(slots)?])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        Ok(Arc::new(slots.iter().map(|s| self.0[*s as usize]).collect::<Int64Array>()))
    }

    fn clear(&mut self, slot: u32) {
        self.0[slot as usize] = 0;
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * 8
    }
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
