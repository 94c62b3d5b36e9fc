//! The state of a unit of calls: a word of each group's record, or an accumulator of its own.

use arrow::array::ArrayRef;
use sloth_types::Result;

use crate::aggregate::cell::Cell;
use crate::aggregate::{Accumulator, Input, Target};
use crate::state::records::Records;

/// The state of a unit of calls.
pub(super) enum Part {
    /// A word of each record.
    Cell(Cell),
    /// Kept by itself.
    Own(Box<dyn Accumulator>),
}

impl Part {
    pub(super) fn update(&mut self, records: &mut Records, input: &Input, target: Target<'_>) -> Result<()> {
        match self {
            Part::Cell(cell) => cell.update(records, input, target),
            Part::Own(accumulator) => accumulator.update(input, target)?,
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, records: &mut Records, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        match self {
            Part::Cell(cell) => cell.merge(records, states, target),
            Part::Own(accumulator) => accumulator.merge(states, target)?,
        }
        Ok(())
    }

    pub(super) fn state(&mut self, records: &Records, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        match self {
            Part::Cell(cell) => Ok(vec![cell.state(records, slots)]),
            Part::Own(accumulator) => accumulator.state(slots),
        }
    }

    pub(super) fn finish_all(&mut self, records: &Records, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        match self {
            Part::Cell(cell) => Ok(vec![cell.finish(records, slots)?]),
            Part::Own(accumulator) => accumulator.finish_all(slots),
        }
    }

    pub(super) fn own(&self) -> Option<&dyn Accumulator> {
        match self {
            Part::Cell(_) => None,
            Part::Own(accumulator) => Some(accumulator.as_ref()),
        }
    }

    pub(super) fn own_mut(&mut self) -> Option<&mut Box<dyn Accumulator>> {
        match self {
            Part::Cell(_) => None,
            Part::Own(accumulator) => Some(accumulator),
        }
    }
}
