//! `MIN` and `MAX` of texts: the best one of each slot in one buffer.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use sloth_types::Result;

use super::{Accumulator, Input, Target, for_each_valid};
use crate::state::arena::Arena;

/// The smallest or the largest text of each slot, by bytes.
pub(crate) struct TextExtreme {
    best: Arena,
    seen: Vec<bool>,
    largest: bool,
}

impl TextExtreme {
    /// No texts yet.
    pub(crate) fn new(largest: bool) -> Self {
        TextExtreme { best: Arena::default(), seen: vec![], largest }
    }

    #[inline(always)]
    fn offer(&mut self, slot: usize, value: &str) {
        let seen = &mut self.seen[slot];
        let slot = slot as u32;
        let best = self.best.get(slot);
        let better = if self.largest { value.as_bytes() > best } else { value.as_bytes() < best };
        if better || !*seen {
            *seen = true;
            self.best.clear(slot);
            self.best.set(slot, value.as_bytes());
        }
    }

    fn array(&self, slots: &[u32]) -> ArrayRef {
        let bytes = slots.iter().map(|s| self.best.get(*s).len()).sum();
        let mut texts = StringBuilder::with_capacity(slots.len(), bytes);
        for slot in slots {
            if self.seen.get(*slot as usize).copied().unwrap_or(false) {
                texts.append_value(std::str::from_utf8(self.best.get(*slot)).unwrap_or_default());
            } else {
                texts.append_null();
            }
        }
        Arc::new(texts.finish())
    }
}

impl Accumulator for TextExtreme {
    fn empty(&mut self) -> bool {
        self.best.empty();
        self.seen.clear();
        true
    }

    fn resize(&mut self, slots: usize) {
        self.seen.resize(slots, false);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let values = input.args[0].as_string::<i32>();
        for_each_valid(input, target, |row, slot| self.offer(slot, values.value(row)));
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let valid = states[0].nulls().cloned();
        let input = Input { args: vec![ArrayRef::clone(&states[0])], valid, rows: states[0].len(), weights: None };
        self.update(&input, target)
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Utf8]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.array(slots)])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        Ok(self.array(slots))
    }

    fn clear(&mut self, slot: u32) {
        self.best.clear(slot);
        if let Some(seen) = self.seen.get_mut(slot as usize) {
            *seen = false;
        }
    }

    fn bytes(&self) -> usize {
        self.best.bytes() + self.seen.capacity()
    }
}
