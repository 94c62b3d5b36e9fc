//! Counts and sums as words of a group's record: they stand beside the key, and beside each other.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int8Type, Int16Type, Int32Type, Int64Type};
use sloth_plan::AggregateCall;
use sloth_types::Result;

use super::sum::integers;
use super::{Input, Kernel, Target, for_each_valid, kernel};
use crate::state::records::{Pages, Records};

/// What a cell adds up.
#[derive(Clone, Debug)]
enum Sum {
    /// Rows.
    Count,
    /// Integers; the type of the result. A sum of nothing is NULL: a bit of the record tells that there was a value.
    Integers(DataType),
}

/// The state of one call: a word of each record.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    sum: Sum,
    /// The word that it is.
    at: usize,
    /// Word and bit that tell that a value was seen, for sums.
    seen: (usize, u64),
}

/// Where the cells of a list of calls stand.
pub(crate) struct Layout {
    /// By unit of calls: its cell, where one will do.
    pub(crate) cells: Vec<Option<Cell>>,
    /// Words of a record, those of `from` among them.
    pub(crate) width: usize,
}

fn sum_of(call: &AggregateCall, retracts: bool) -> Option<Sum> {
    if call.distinct || call.sorts() {
        return None;
    }
    let argument = call.arg_fields.first().map(Field::data_type);
    match kernel(call) {
        Kernel::Count => Some(Sum::Count),
        // What may be taken back is summed more widely.
        Kernel::Sum if !retracts && argument.is_some_and(DataType::is_integer) => {
            Some(Sum::Integers(call.output_type().clone()))
        }
        _ => None,
    }
}

/// Lays out the cells of units of calls from word `from` of a record on.
pub(crate) fn lay_out(calls: &[AggregateCall], units: &[Vec<usize>], retracts: bool, from: usize) -> Layout {
    let sums: Vec<Option<Sum>> = units
        .iter()
        .map(|unit| match unit.as_slice() {
            [call] => calls.get(*call).and_then(|call| sum_of(call, retracts)),
            _ => None,
        })
        .collect();
    let flagged = sums.iter().flatten().filter(|sum| matches!(sum, Sum::Integers(_))).count();
    let (mut flag, mut at) = (0, from + flagged.div_ceil(64));
    let mut cell = |sum: Sum| {
        let seen = (from + flag / 64, 1 << (flag % 64));
        flag += usize::from(matches!(sum, Sum::Integers(_)));
        at += 1;
        Cell { sum, at: at - 1, seen }
    };
    let cells = sums.into_iter().map(|sum| sum.map(&mut cell)).collect();
    Layout { cells, width: at }
}

/// Runs `each(record, row)` for the rows that count.
#[inline(always)]
fn for_each_record(records: &mut Records, input: &Input, target: Target<'_>, each: impl Fn(&mut [u64], usize)) {
    let Pages { pages, width, bits } = records.pages();
    if let [page] = pages {
        for_each_valid(input, target, |row, slot| each(&mut page[slot * width..(slot + 1) * width], row));
        return;
    }
    let mask = (1usize << bits) - 1;
    for_each_valid(input, target, |row, slot| {
        let start = (slot & mask) * width;
        each(&mut pages[slot >> bits][start..start + width], row);
    });
}

impl Cell {
    /// Adds rows.
    pub(crate) fn update(&self, records: &mut Records, input: &Input, target: Target<'_>) {
        let at = self.at;
        match (&self.sum, &input.weights, target) {
            (Sum::Count, Some(weights), _) => {
                let weights = weights.values();
                for_each_record(records, input, target, |record, row| {
                    record[at] = record[at].wrapping_add(weights[row] as u64);
                });
            }
            (Sum::Count, None, Target::One(slot)) => {
                let nulls = input.valid.as_ref().map_or(0, arrow::buffer::NullBuffer::null_count);
                let count = records.word_mut(slot, at);
                *count = count.wrapping_add((input.rows - nulls) as u64);
            }
            (Sum::Count, None, Target::Each(_)) => {
                for_each_record(records, input, target, |record, _| record[at] = record[at].wrapping_add(1));
            }
            (Sum::Integers(_), ..) => {
                let Some(column) = input.args.first() else { return };
                match column.data_type() {
                    DataType::Int8 => self.add::<Int8Type>(records, column, input, target),
                    DataType::Int16 => self.add::<Int16Type>(records, column, input, target),
                    DataType::Int32 => self.add::<Int32Type>(records, column, input, target),
                    _ => self.add::<Int64Type>(records, column, input, target),
                }
            }
        }
    }

    #[inline(always)]
    fn add<T: ArrowPrimitiveType>(&self, records: &mut Records, column: &ArrayRef, input: &Input, target: Target<'_>)
    where
        T::Native: Into<i64>,
    {
        let Some(column) = column.as_primitive_opt::<T>() else { return };
        let (values, at, (flags, bit)) = (column.values(), self.at, self.seen);
        let word = |value: T::Native| -> u64 { Into::<i64>::into(value) as u64 };
        if let (Target::One(slot), None) = (target, &input.valid) {
            let total = values.iter().fold(0u64, |total, value| total.wrapping_add(word(*value)));
            let there = records.word_mut(slot, at);
            *there = there.wrapping_add(total);
            *records.word_mut(slot, flags) |= if values.is_empty() { 0 } else { bit };
            return;
        }
        for_each_record(records, input, target, |record, row| {
            record[at] = record[at].wrapping_add(word(values[row]));
            record[flags] |= bit;
        });
    }

    /// Adds partial states.
    pub(crate) fn merge(&self, records: &mut Records, states: &[ArrayRef], target: Target<'_>) {
        let Some(state) = states.first() else { return };
        let input = Input::of_state(state);
        match &self.sum {
            Sum::Integers(_) => self.add::<Int64Type>(records, state, &input, target),
            Sum::Count => {
                let Some(counts) = state.as_primitive_opt::<Int64Type>() else { return };
                let at = self.at;
                for_each_record(records, &input, target, |record, row| {
                    record[at] = record[at].wrapping_add(counts.value(row) as u64);
                });
            }
        }
    }

    /// Types of the partial state.
    pub(crate) fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64]
    }

    /// The partial states of slots.
    pub(crate) fn state(&self, records: &Records, slots: &[u32]) -> ArrayRef {
        Arc::new(self.values(records, slots))
    }

    /// The results of slots.
    pub(crate) fn finish(&self, records: &Records, slots: &[u32]) -> Result<ArrayRef> {
        let values = self.values(records, slots);
        match &self.sum {
            Sum::Count => Ok(Arc::new(values)),
            Sum::Integers(output) => integers(&values, output),
        }
    }

    fn values(&self, records: &Records, slots: &[u32]) -> Int64Array {
        let value = |slot: &u32| records.word(*slot, self.at) as i64;
        let (flags, bit) = self.seen;
        let seen = |slot: &u32| records.word(*slot, flags) & bit != 0;
        match &self.sum {
            Sum::Integers(_) if !slots.iter().all(seen) => {
                slots.iter().map(|slot| seen(slot).then(|| value(slot))).collect()
            }
            _ => slots.iter().map(value).collect::<Vec<_>>().into(),
        }
    }

    /// Empties a slot.
    pub(crate) fn clear(&self, records: &mut Records, slot: u32) {
        *records.word_mut(slot, self.at) = 0;
        if let Sum::Integers(_) = &self.sum {
            *records.word_mut(slot, self.seen.0) &= !self.seen.1;
        }
    }
}
