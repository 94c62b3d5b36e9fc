//! `COUNT(*)`, `COUNT(x)`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use sloth_types::Result;

use super::{Accumulator, Input, Target, for_each_valid};

/// One counter a slot.
#[derive(Default)]
pub(crate) struct Count(Vec<i64>);

impl Accumulator for Count {
    fn empty(&mut self) -> bool {
        self.0.clear();
        true
    }

    fn reserve(&mut self, slots: usize) {
        self.0.reserve(slots);
    }

    fn resize(&mut self, slots: usize) {
        self.0.resize(slots, 0);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        if let Some(weights) = &input.weights {
            let (counts, weights) = (&mut self.0, weights.values());
            for_each_valid(input, target, |row, slot| counts[slot] += weights[row]);
            return Ok(());
        }
        if let Target::One(slot) = target {
            let nulls = input.valid.as_ref().map_or(0, arrow::buffer::NullBuffer::null_count);
            self.0[slot as usize] += (input.rows - nulls) as i64;
            return Ok(());
        }
        let counts = &mut self.0;
        for_each_valid(input, target, |_, slot| counts[slot] += 1);
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        for (row, count) in states[0].as_primitive::<Int64Type>().values().iter().enumerate() {
            self.0[target.slot(row)] += count;
        }
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64]
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
