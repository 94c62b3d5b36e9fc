//! `DISTINCT` where values may be taken back: values are counted, and the function sees one come when its count leaves
//! zero and go when it comes back.

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use sloth_plan::AggregateCall;
use sloth_types::Result;

use crate::aggregate::packed::{pack, state_type, unpack};
use crate::aggregate::{Accumulator, Input, Target, for_each_valid};
use crate::state::bags::Bags;
use crate::state::keys::KeyEncoder;

/// The counted values of each slot, in front of the function itself.
pub(super) struct CountedDistinct {
    inner: Box<dyn Accumulator>,
    types: Vec<DataType>,
    encoder: KeyEncoder,
    bags: Bags,
    ids: Vec<u32>,
}

impl CountedDistinct {
    /// `call` with its DISTINCT; `inner` is the accumulator without it.
    pub(super) fn new(call: &AggregateCall, inner: Box<dyn Accumulator>) -> Result<Self> {
        let types: Vec<DataType> = call.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let encoder = KeyEncoder::new(types.clone())?;
        let bags = Bags::new(&encoder, false);
        Ok(CountedDistinct { inner, types, encoder, bags, ids: vec![] })
    }
}

impl Accumulator for CountedDistinct {
    fn resize(&mut self, slots: usize) {
        self.inner.resize(slots);
        self.bags.resize(slots);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let args = &input.args[..self.types.len()];
        let keys = self.encoder.encode(args)?;
        let mut ids = std::mem::take(&mut self.ids);
        self.bags.values.intern(&keys, input.rows, &mut ids);
        let (mut rows, mut slots, mut weights) = (vec![], vec![], vec![]);
        for_each_valid(input, target, |row, slot| {
            let diff = input.weights.as_ref().map_or(1, |w| w.value(row));
            let (was, is) = self.bags.add(slot as u32, ids[row], diff);
            if (was > 0) != (is > 0) {
                rows.push(row as u32);
                slots.push(slot as u32);
                weights.push(if is > 0 { 1 } else { -1 });
            }
        });
        self.bags.values.release(&ids);
        self.ids = ids;
        if rows.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from(rows);
        let args = args.iter().map(|a| take(a, &rows, None)).collect::<Result<_, _>>()?;
        let input = Input { args, valid: None, rows: rows.len(), weights: Some(Int64Array::from(weights)) };
        self.inner.update(&input, Target::Each(&slots))
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let rows = unpack(&states[0], target);
        let input = Input { rows: rows.slots.len(), args: rows.columns, valid: None, weights: Some(rows.weights) };
        self.update(&input, Target::Each(&rows.slots))
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![state_type(&self.types)]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let lists: Vec<Vec<(u32, i64)>> = slots.iter().map(|slot| self.bags.entries(*slot).collect()).collect();
        let lengths: Vec<usize> = lists.iter().map(Vec::len).collect();
        let (ids, weights): (Vec<u32>, Vec<i64>) = lists.into_iter().flatten().unzip();
        let columns = self.encoder.decode(self.bags.values.table(), &ids)?;
        Ok(vec![pack(&lengths, columns, weights)?])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        self.inner.finish(slots)
    }

    fn clear(&mut self, slot: u32) {
        self.bags.clear(slot);
        self.inner.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.inner.bytes() + self.bags.bytes()
    }
}
