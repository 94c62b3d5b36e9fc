//! `BOOL_AND` and `BOOL_OR` where values may be taken back: how often each truth value is there.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use sloth_types::Result;

use crate::aggregate::{Accumulator, Input, Target, for_each_valid};

/// Counts of false and true by slot.
pub(super) struct Truth {
    counts: Vec<[i64; 2]>,
    all: bool,
}

impl Truth {
    /// `all`: BOOL_AND, otherwise BOOL_OR.
    pub(super) fn new(all: bool) -> Self {
        Truth { counts: vec![], all }
    }
}

impl Accumulator for Truth {
    fn resize(&mut self, slots: usize) {
        self.counts.resize(slots, [0; 2]);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let values = input.args[0].as_boolean();
        for_each_valid(input, target, |row, slot| {
            if values.is_valid(row) {
                self.counts[slot][usize::from(values.value(row))] += input.weights.as_ref().map_or(1, |w| w.value(row));
            }
        });
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        for (kind, state) in states.iter().enumerate() {
            for (row, count) in state.as_primitive::<Int64Type>().values().iter().enumerate() {
                self.counts[target.slot(row)][kind] += count;
            }
        }
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64, DataType::Int64]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let counts = |kind: usize| slots.iter().map(|s| self.counts[*s as usize][kind]).collect::<Int64Array>();
        Ok(vec![Arc::new(counts(0)), Arc::new(counts(1))])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let results: BooleanArray = slots
            .iter()
            .map(|s| match self.counts[*s as usize].map(|n| n > 0) {
                [false, false] => None,
                [no, yes] => Some(if self.all { !no } else { yes }),
            })
            .collect();
        Ok(Arc::new(results))
    }

    fn clear(&mut self, slot: u32) {
        self.counts[slot as usize] = [0; 2];
    }

    fn bytes(&self) -> usize {
        self.counts.capacity() * 16
    }
}
