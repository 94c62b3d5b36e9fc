//! `MIN` and `MAX` of fixed-width types.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::{max, min};
use arrow::datatypes as t;
use arrow::datatypes::{ArrowNativeTypeOp, DataType, TimeUnit};
use sloth_types::{Error, Result};

use super::sum::Totals;
use super::{Accumulator, Input, Target, for_each_valid};

/// Expands `$then!(arrow type)` for the fixed-width type that `$data_type` is.
macro_rules! by_type {
    ($data_type:expr, $then:ident, $otherwise:expr) => {
        match $data_type {
            DataType::Int8 => $then!(t::Int8Type),
            DataType::Int16 => $then!(t::Int16Type),
            DataType::Int32 => $then!(t::Int32Type),
            DataType::Int64 => $then!(t::Int64Type),
            DataType::Float32 => $then!(t::Float32Type),
            DataType::Float64 => $then!(t::Float64Type),
            DataType::Decimal128(_, _) => $then!(t::Decimal128Type),
            DataType::Date32 => $then!(t::Date32Type),
            DataType::Time32(TimeUnit::Millisecond) => $then!(t::Time32MillisecondType),
            DataType::Timestamp(TimeUnit::Second, _) => $then!(t::TimestampSecondType),
            DataType::Timestamp(TimeUnit::Millisecond, _) => $then!(t::TimestampMillisecondType),
            DataType::Timestamp(TimeUnit::Microsecond, _) => $then!(t::TimestampMicrosecondType),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => $then!(t::TimestampNanosecondType),
            _ => $otherwise,
        }
    };
}

pub(super) use by_type;

struct Extreme<T: ArrowPrimitiveType> {
    best: Totals<T::Native>,
    largest: bool,
    data_type: DataType,
}

/// True for the types that have a kernel here.
pub(crate) fn serves(data_type: &DataType) -> bool {
    macro_rules! yes {
        ($type:ty) => {
            true
        };
    }
    by_type!(data_type, yes, false)
}

/// The accumulator for an argument type.
pub(crate) fn extreme(data_type: &DataType, largest: bool) -> Result<Box<dyn Accumulator>> {
    macro_rules! make {
        ($type:ty) => {
            Ok(Box::new(Extreme::<$type> { best: Totals::default(), largest, data_type: data_type.clone() }))
        };
    }
    by_type!(data_type, make, Err(Error::internal(format!("no MIN/MAX kernel for {data_type}"))))
}

impl<T: ArrowPrimitiveType> Extreme<T> {
    #[inline(always)]
    fn offer(&mut self, slot: usize, value: T::Native) {
        // NaN is the largest float, as in DataFusion and Postgres.
        let better =
            if self.largest { value.is_gt(self.best.totals[slot]) } else { value.is_lt(self.best.totals[slot]) };
        if better || !self.best.seen[slot] {
            self.best.totals[slot] = value;
            self.best.seen[slot] = true;
        }
    }

    fn array(&self, slots: &[u32]) -> ArrayRef {
        let array: PrimitiveArray<T> = slots.iter().map(|s| self.best.get(*s)).collect();
        Arc::new(array.with_data_type(self.data_type.clone()))
    }
}

impl<T: ArrowPrimitiveType> Accumulator for Extreme<T> {
    fn resize(&mut self, slots: usize) {
        self.best.resize(slots);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let values = input.args[0].as_primitive::<T>();
        if let (Target::One(slot), None) = (target, &input.valid) {
            if let Some(best) = if self.largest { max(values) } else { min(values) } {
                self.offer(slot as usize, best);
            }
            return Ok(());
        }
        for_each_valid(input, target, |row, slot| self.offer(slot, values.value(row)));
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        self.update(&Input::of_state(&states[0]), target)
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![self.data_type.clone()]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.array(slots)])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        Ok(self.array(slots))
    }

    fn clear(&mut self, slot: u32) {
        self.best.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.best.bytes()
    }
}
