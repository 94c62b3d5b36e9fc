//! The value at an edge of a slot's sorted rows: `FIRST_VALUE` and `LAST_VALUE` with an order, `MIN` and `MAX` of types
//! that are not of fixed width.

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use sloth_plan::AggregateCall;
use sloth_types::Result;

use crate::aggregate::packed::{pack, state_type, unpack};
use crate::aggregate::replay::Layout;
use crate::aggregate::{Accumulator, Input, Target, for_each_valid};
use crate::state::keys::{EncodedKeys, KeyEncoder};
use crate::state::sorted::Sorted;
use crate::state::values::Values;

/// Sorted rows by slot.
pub(crate) struct Edge {
    layout: Layout,
    values: Values,
    rows: Sorted<u32>,
    /// The last one is asked for, not the first.
    last: bool,
    /// Rows are taken back: all must be kept, not only the one at the edge.
    retracts: bool,
    /// Which of the kept columns is the result.
    column: usize,
    ids: Vec<u32>,
    /// Values that others have taken the place of: they go when the rows of the batch have been looked at, which may hold
    /// them once more.
    passed: Vec<u32>,
}

impl Edge {
    /// The accumulator, if the call asks for an edge.
    pub(crate) fn of(call: &AggregateCall, retracts: bool) -> Result<Option<Edge>> {
        let sorts = call.sorts() && call.args.len() == 1;
        let last = match call.function.name() {
            "first_value" | "any_value" if sorts => false,
            "last_value" if sorts => true,
            "min" | "max" if call.arg_fields.first().is_some_and(|f| f.data_type() == call.output_type()) => {
                call.function.name() == "max"
            }
            _ => return Ok(None),
        };
        let Some(mut layout) = Layout::of(call)? else { return Ok(None) };
        let Some(column) = layout.kept.iter().position(|kept| *kept == 0) else { return Ok(None) };
        if layout.types == [DataType::Utf8] && call.order.is_empty() {
            // The bytes of texts compare as texts do.
            layout.encoder = KeyEncoder::new(layout.types.clone())?;
        }
        let values = Values::new(&layout.encoder);
        Ok(Some(Edge { layout, values, rows: Sorted::default(), last, retracts, column, ids: vec![], passed: vec![] }))
    }

    fn add(&mut self, slot: u32, value: u32, diff: i64) {
        let table = self.values.table();
        let order = |a: &u32, b: &u32| match a == b {
            true => std::cmp::Ordering::Equal,
            // NULL first: it is the only value that has no bytes, besides the empty text.
            false => (!table.is_null(*a), table.bytes_of(*a)).cmp(&(!table.is_null(*b), table.bytes_of(*b))),
        };
        if !self.retracts {
            let edge = if self.last { self.rows.last(slot) } else { self.rows.first(slot) };
            if let Some(edge) = edge {
                if order(&value, &edge).is_lt() == self.last || value == edge {
                    return;
                }
                self.rows.add((slot, edge), -1, &order);
                self.rows.add((slot, value), 1, &order);
                self.values.forget(edge);
                self.values.retain(value);
                self.passed.push(edge);
                return;
            }
        }
        let weight = self.rows.add((slot, value), diff, &order);
        match (weight - diff, weight) {
            (0, 0) => {}
            (0, _) => self.values.retain(value),
            (_, 0) => self.values.forget(value),
            _ => {}
        }
    }

    /// The values of a batch have been taken in, or not.
    fn release(&mut self, mut ids: Vec<u32>) {
        ids.append(&mut self.passed);
        self.values.release(&ids);
        self.ids = ids;
    }

    fn intern(&mut self, keys: &EncodedKeys, rows: usize) -> Vec<u32> {
        let mut ids = std::mem::take(&mut self.ids);
        self.values.intern(keys, rows, &mut ids);
        ids
    }
}

impl Accumulator for Edge {
    fn resize(&mut self, _: usize) {}

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let keys = self.layout.encoder.encode(&self.layout.columns(input))?;
        let ids = self.intern(&keys, input.rows);
        for_each_valid(input, target, |row, slot| {
            self.add(slot as u32, ids[row], input.weights.as_ref().map_or(1, |w| w.value(row)));
        });
        self.release(ids);
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let rows = unpack(&states[0], target);
        let keys = self.layout.encoder.encode(&rows.columns)?;
        let ids = self.intern(&keys, rows.slots.len());
        for (row, slot) in rows.slots.iter().enumerate() {
            self.add(*slot, ids[row], rows.weights.value(row));
        }
        self.release(ids);
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![state_type(&self.layout.types)]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let lists: Vec<Vec<(u32, i64)>> = slots.iter().map(|slot| self.rows.entries(*slot).collect()).collect();
        let lengths: Vec<usize> = lists.iter().map(Vec::len).collect();
        let (ids, weights): (Vec<u32>, Vec<i64>) = lists.into_iter().flatten().unzip();
        let columns = self.layout.encoder.decode(self.values.table(), &ids)?;
        Ok(vec![pack(&lengths, columns, weights)?])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let found: Vec<Option<u32>> =
            slots.iter().map(|slot| if self.last { self.rows.last(*slot) } else { self.rows.first(*slot) }).collect();
        let ids: Vec<u32> = found.iter().flatten().copied().collect();
        let columns = self.layout.encoder.decode(self.values.table(), &ids)?;
        let Some(values) = columns.get(self.column) else {
            return Err(sloth_types::Error::internal("a sorted row without its value"));
        };
        if ids.len() == slots.len() {
            return Ok(ArrayRef::clone(values));
        }
        // Slots without rows: NULL.
        let null = arrow::array::new_null_array(values.data_type(), 1);
        let both = concat(&[values.as_ref(), null.as_ref()])?;
        let mut next = 0u32;
        let places: arrow::array::UInt32Array = found
            .iter()
            .map(|value| {
                let place = if value.is_some() { next } else { ids.len() as u32 };
                next += u32::from(value.is_some());
                place
            })
            .collect();
        Ok(arrow::compute::take(&both, &places, None)?)
    }

    fn clear(&mut self, slot: u32) {
        let values: Vec<u32> = self.rows.entries(slot).map(|(value, _)| value).collect();
        self.rows.clear(slot);
        values.iter().for_each(|value| self.values.forget(*value));
        self.values.release(&values);
    }

    fn bytes(&self) -> usize {
        self.rows.bytes() + self.values.bytes()
    }
}
