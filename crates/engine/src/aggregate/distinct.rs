//! `DISTINCT`: passes each (slot, value) on once. The values are kept; partial states carry them as lists.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use sloth_plan::AggregateCall;
use sloth_types::Result;

use super::{Accumulator, Input, Target, accumulator, for_each_valid};
use crate::hash::hash_word;
use crate::state::keys::{KeyEncoder, KeyTable, RowSet};

/// The values seen by each slot, in front of the function itself.
pub(crate) struct Distinct {
    inner: Box<dyn Accumulator>,
    fields: Fields,
    encoder: KeyEncoder,
    values: KeyTable,
    /// Pairs of slot and value, see [`pair`].
    seen: HashTable<u64>,
    /// Value slots of each slot, for partial states and clearing.
    of_slot: Vec<Vec<u32>>,
    ids: Vec<u32>,
}

fn argument_fields(call: &AggregateCall) -> Fields {
    call.arg_fields.iter().enumerate().map(|(i, f)| Field::new(format!("a{i}"), f.data_type().clone(), true)).collect()
}

impl Distinct {
    /// `call` with its DISTINCT.
    pub(crate) fn new(call: &AggregateCall) -> Result<Self> {
        let plain = AggregateCall { distinct: false, ..call.clone() };
        let encoder = KeyEncoder::new(call.arg_fields.iter().map(|f| f.data_type().clone()).collect())?;
        let values = KeyTable::new(&encoder);
        Ok(Distinct {
            inner: accumulator(&plain, false)?,
            fields: argument_fields(call),
            encoder,
            values,
            seen: HashTable::new(),
            of_slot: vec![],
            ids: vec![],
        })
    }
}

fn pair(slot: usize, value: u32) -> u64 {
    ((slot as u64) << 32) | u64::from(value)
}

impl Accumulator for Distinct {
    fn resize(&mut self, slots: usize) {
        self.inner.resize(slots);
        self.of_slot.resize_with(slots, Vec::new);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let keys = self.encoder.encode(&input.args)?;
        let mut ids = std::mem::take(&mut self.ids);
        self.values.intern(&keys, &RowSet::Range(0..input.rows), &mut ids);
        let (mut new_rows, mut new_slots) = (vec![], vec![]);
        for_each_valid(input, target, |row, slot| {
            let pair = pair(slot, ids[row]);
            if let Entry::Vacant(entry) = self.seen.entry(hash_word(pair), |p| *p == pair, |p| hash_word(*p)) {
                entry.insert(pair);
                self.of_slot[slot].push(ids[row]);
                new_rows.push(row as u32);
                new_slots.push(slot as u32);
            }
        });
        self.ids = ids;
        if new_rows.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from(new_rows);
        let args = input.args.iter().map(|a| take(a, &rows, None)).collect::<Result<_, _>>()?;
        self.inner.update(&Input { args, valid: None, rows: rows.len(), weights: None }, Target::Each(&new_slots))
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let lists = states[0].as_list::<i32>();
        let offsets = lists.value_offsets();
        let (start, end) = (offsets[0] as usize, offsets[lists.len()] as usize);
        let slots: Vec<u32> = (0..lists.len())
            .flat_map(|row| std::iter::repeat_n(target.slot(row) as u32, (offsets[row + 1] - offsets[row]) as usize))
            .collect();
        let tuples = lists.values().slice(start, end - start);
        let args = tuples.as_struct().columns().to_vec();
        self.update(&Input { args, valid: None, rows: end - start, weights: None }, Target::Each(&slots))
    }

    /// The distinct argument tuples as a list of structs.
    fn state_types(&self) -> Vec<DataType> {
        let tuple = DataType::Struct(self.fields.clone());
        vec![DataType::List(Arc::new(Field::new_list_field(tuple, true)))]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let lengths = slots.iter().map(|s| self.of_slot[*s as usize].len());
        let offsets = OffsetBuffer::from_lengths(lengths);
        let ids: Vec<u32> = slots.iter().flat_map(|s| self.of_slot[*s as usize].iter().copied()).collect();
        let columns = self.encoder.decode(&self.values, &ids)?;
        let tuples = StructArray::try_new(self.fields.clone(), columns, None)?;
        let item = Arc::new(Field::new_list_field(DataType::Struct(self.fields.clone()), true));
        Ok(vec![Arc::new(ListArray::try_new(item, offsets, Arc::new(tuples), None)?)])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        self.inner.finish(slots)
    }

    fn clear(&mut self, slot: u32) {
        for value in std::mem::take(&mut self.of_slot[slot as usize]) {
            let pair = pair(slot as usize, value);
            if let Ok(entry) = self.seen.find_entry(hash_word(pair), |p| *p == pair) {
                entry.remove();
            }
        }
        self.inner.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.inner.bytes() + self.values.bytes() + self.seen.capacity() * 9 + self.seen.len() * 4
    }
}
