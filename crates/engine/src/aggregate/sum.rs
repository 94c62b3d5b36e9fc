//! `SUM` of integers and decimals; floats are in [`super::float_sum`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type};
use sloth_types::Result;

use super::float_sum::FloatSum;
use super::{Accumulator, Input, Target, for_each_valid};

/// The accumulator for an argument type.
pub(crate) fn sum(argument: &DataType, output: &DataType) -> Box<dyn Accumulator> {
    match argument {
        DataType::Float32 | DataType::Float64 => Box::new(FloatSum::new(output.clone())),
        DataType::Decimal128(_, _) => Box::new(DecimalSum { totals: Totals::default(), output: output.clone() }),
        _ => Box::new(IntegerSum { totals: Totals::default(), output: output.clone() }),
    }
}

/// Totals, and whether a slot has seen a value (a sum of nothing is NULL).
#[derive(Default)]
pub(crate) struct Totals<N> {
    pub(crate) totals: Vec<N>,
    pub(crate) seen: Vec<bool>,
}

impl<N: Copy + Default> Totals<N> {
    pub(crate) fn empty(&mut self) {
        self.totals.clear();
        self.seen.clear();
    }

    pub(crate) fn reserve(&mut self, slots: usize) {
        self.totals.reserve(slots);
        self.seen.reserve(slots);
    }

    pub(crate) fn resize(&mut self, slots: usize) {
        self.totals.resize(slots, N::default());
        self.seen.resize(slots, false);
    }

    pub(crate) fn clear(&mut self, slot: u32) {
        self.totals[slot as usize] = N::default();
        self.seen[slot as usize] = false;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.totals.capacity() * size_of::<N>() + self.seen.capacity()
    }

    /// The total of a slot, `None` when it has seen nothing.
    pub(crate) fn get(&self, slot: u32) -> Option<N> {
        self.seen[slot as usize].then(|| self.totals[slot as usize])
    }

    /// Adds `values` (already widened by `widen`) with wrapping addition `plus`.
    #[inline(always)]
    pub(crate) fn add<V: Copy>(
        &mut self,
        values: &[V],
        input: &Input,
        target: Target<'_>,
        widen: impl Fn(V) -> N,
        plus: impl Fn(N, N) -> N,
    ) {
        if let (Target::One(slot), None) = (target, &input.valid) {
            let total = values.iter().fold(N::default(), |total, v| plus(total, widen(*v)));
            let slot = slot as usize;
            self.totals[slot] = plus(self.totals[slot], total);
            self.seen[slot] |= !values.is_empty();
            return;
        }
        let (totals, seen) = (&mut self.totals, &mut self.seen);
        for_each_valid(input, target, |row, slot| {
            totals[slot] = plus(totals[slot], widen(values[row]));
            seen[slot] = true;
        });
    }
}

struct IntegerSum {
    totals: Totals<i64>,
    output: DataType,
}

impl IntegerSum {
    fn add<T: ArrowPrimitiveType>(&mut self, column: &ArrayRef, input: &Input, target: Target<'_>)
    where
        T::Native: Into<i64>,
    {
        self.totals.add(column.as_primitive::<T>().values(), input, target, Into::into, i64::wrapping_add);
    }
}

impl Accumulator for IntegerSum {
    fn empty(&mut self) -> bool {
        self.totals.empty();
        true
    }

    fn reserve(&mut self, slots: usize) {
        self.totals.reserve(slots);
    }

    fn resize(&mut self, slots: usize) {
        self.totals.resize(slots);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let column = &input.args[0];
        match column.data_type() {
            DataType::Int8 => self.add::<Int8Type>(column, input, target),
            DataType::Int16 => self.add::<Int16Type>(column, input, target),
            DataType::Int32 => self.add::<Int32Type>(column, input, target),
            _ => self.add::<Int64Type>(column, input, target),
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        self.add::<Int64Type>(&states[0], &Input::of_state(&states[0]), target);
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(slots.iter().map(|s| self.totals.get(*s)).collect::<Int64Array>())])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let totals: Int64Array = slots.iter().map(|s| self.totals.get(*s)).collect();
        integers(&totals, &self.output)
    }

    fn clear(&mut self, slot: u32) {
        self.totals.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.totals.bytes()
    }
}

/// Totals as the output's type: Flink keeps the argument's type and wraps around on overflow.
pub(super) fn integers(totals: &Int64Array, output: &DataType) -> Result<ArrayRef> {
    Ok(match output {
        DataType::Int8 => Arc::new(totals.unary::<_, Int8Type>(|v| v as i8)),
        DataType::Int16 => Arc::new(totals.unary::<_, Int16Type>(|v| v as i16)),
        DataType::Int32 => Arc::new(totals.unary::<_, Int32Type>(|v| v as i32)),
        DataType::Int64 => Arc::new(totals.clone()),
        _ => cast(totals, output)?,
    })
}

struct DecimalSum {
    totals: Totals<i128>,
    output: DataType,
}

impl DecimalSum {
    fn array(&self, slots: &[u32], data_type: &DataType) -> ArrayRef {
        let array: Decimal128Array = slots.iter().map(|s| self.totals.get(*s)).collect();
        Arc::new(array.with_data_type(data_type.clone()))
    }
}

impl Accumulator for DecimalSum {
    fn empty(&mut self) -> bool {
        self.totals.empty();
        true
    }

    fn reserve(&mut self, slots: usize) {
        self.totals.reserve(slots);
    }

    fn resize(&mut self, slots: usize) {
        self.totals.resize(slots);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let values = input.args[0].as_primitive::<Decimal128Type>();
        self.totals.add(values.values(), input, target, |v| v, i128::wrapping_add);
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        self.update(&Input::of_state(&states[0]), target)
    }

    fn state_types(&self) -> Vec<DataType> {
        match self.output {
            DataType::Decimal128(_, scale) => vec![DataType::Decimal128(38, scale)],
            _ => vec![DataType::Decimal128(38, 0)],
        }
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let types = self.state_types();
        Ok(types.iter().map(|t| self.array(slots, t)).collect())
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        Ok(self.array(slots, &self.output))
    }

    fn clear(&mut self, slot: u32) {
        self.totals.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.totals.bytes()
    }
}
