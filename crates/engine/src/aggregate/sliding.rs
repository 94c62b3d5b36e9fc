//! `COUNT(DISTINCT …)` over a window that slides: for each value the number of panes that have it. A pane that comes adds
//! its values, one that goes takes them back; what lies between is not looked at.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, UInt32Type};
use sloth_types::Result;

use super::Target;
use crate::state::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};

/// The values of some panes, for all slots and for several calls over the same arguments.
pub(crate) struct SlidingCounts {
    encoder: KeyEncoder,
    values: KeyTable,
    /// (slot, value), where there are several slots; else a value's own number.
    pairs: Option<KeyTable>,
    /// How many pairs have a value, where there are several slots.
    uses: Vec<u32>,
    calls: usize,
    /// For each pair and call, how many panes have it.
    panes: Vec<u32>,
    /// For each slot and call, how many values there are.
    counts: Vec<i64>,
}

impl SlidingCounts {
    /// No panes yet. `types` are those of the arguments; `keyed` tells that there are several slots.
    pub(crate) fn new(types: Vec<DataType>, calls: usize, keyed: bool) -> Result<Self> {
        let encoder = KeyEncoder::new(types)?;
        let pairs = match keyed {
            true => Some(KeyTable::new(&KeyEncoder::new(vec![DataType::UInt64])?)),
            false => None,
        };
        let values = KeyTable::new(&encoder);
        Ok(SlidingCounts { encoder, values, pairs, uses: vec![], calls, panes: vec![], counts: vec![] })
    }

    /// Makes room for slots `0..slots`.
    pub(crate) fn resize(&mut self, slots: usize) {
        self.counts.resize(slots * self.calls, 0);
    }

    /// A pane comes; `state` is the partial state of the calls with DISTINCT, one a slot of `target`.
    pub(crate) fn add(&mut self, state: &ArrayRef, target: Target<'_>) -> Result<()> {
        let tuples = Tuples::of(state, target, self.calls);
        let keys = self.encoder.encode(&tuples.columns[..self.encoder.width()])?;
        let mut ids = vec![];
        self.values.intern(&keys, &RowSet::Range(0..tuples.slots.len()), &mut ids);
        self.uses.resize(self.values.slots(), 0);
        let mut pairs = ids.clone();
        if let Some(table) = &mut self.pairs {
            table.intern(&tuples.pairs(&ids), &RowSet::Range(0..ids.len()), &mut pairs);
        }
        let highest = self.pairs.as_ref().map_or(self.values.slots(), KeyTable::slots);
        self.panes.resize(highest * self.calls, 0);
        for (row, (pair, slot)) in pairs.iter().zip(&tuples.slots).enumerate() {
            let mask = tuples.mask(row);
            let place = *pair as usize * self.calls;
            let panes = &mut self.panes[place..place + self.calls];
            if panes.iter().all(|n| *n == 0) {
                self.uses[ids[row] as usize] += 1;
            }
            for (call, n) in panes.iter_mut().enumerate().filter(|(call, _)| mask & (1 << call) != 0) {
                self.counts[*slot as usize * self.calls + call] += i64::from(*n == 0);
                *n += 1;
            }
        }
        Ok(())
    }

    /// A pane goes that has come, with the same state.
    pub(crate) fn take_back(&mut self, state: &ArrayRef, target: Target<'_>) -> Result<()> {
        let tuples = Tuples::of(state, target, self.calls);
        let keys = self.encoder.encode(&tuples.columns[..self.encoder.width()])?;
        let rows = tuples.slots.len();
        let mut ids = vec![];
        self.values.find(&keys, &mut ids, rows);
        let mut pairs = ids.clone();
        if let Some(table) = &self.pairs {
            table.find(&tuples.pairs(&ids), &mut pairs, rows);
        }
        for (row, (pair, slot)) in pairs.iter().zip(&tuples.slots).enumerate() {
            debug_assert_ne!(*pair, ABSENT, "a pane goes that has not come");
            let mask = tuples.mask(row);
            let place = *pair as usize * self.calls;
            let panes = &mut self.panes[place..place + self.calls];
            for (call, n) in panes.iter_mut().enumerate().filter(|(call, _)| mask & (1 << call) != 0) {
                *n -= 1;
                self.counts[*slot as usize * self.calls + call] -= i64::from(*n == 0);
            }
            if panes.iter().any(|n| *n > 0) {
                continue;
            }
            if let Some(table) = &mut self.pairs {
                table.remove(*pair);
            }
            let uses = &mut self.uses[ids[row] as usize];
            *uses -= 1;
            if *uses == 0 {
                self.values.remove(ids[row]);
            }
        }
        Ok(())
    }

    /// The counts of the slots, call by call.
    pub(crate) fn results(&self, slots: &[u32]) -> Vec<ArrayRef> {
        let count = |slot: &u32, call: usize| self.counts.get(*slot as usize * self.calls + call).copied().unwrap_or(0);
        let column = |call: usize| slots.iter().map(|slot| count(slot, call)).collect::<Int64Array>();
        (0..self.calls).map(|call| Arc::new(column(call)) as ArrayRef).collect()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let tables = self.values.bytes() + self.pairs.as_ref().map_or(0, KeyTable::bytes);
        tables + (self.uses.capacity() + self.panes.capacity()) * 4 + self.counts.capacity() * 8
    }
}

/// The argument tuples of a partial state.
struct Tuples {
    slots: Vec<u32>,
    /// The arguments; behind them the calls that a tuple counts for, when there are several.
    columns: Vec<ArrayRef>,
    masks: Option<Vec<u32>>,
}

impl Tuples {
    fn of(state: &ArrayRef, target: Target<'_>, calls: usize) -> Self {
        let lists = state.as_list::<i32>();
        let offsets = lists.value_offsets();
        let (start, end) = (offsets[0] as usize, offsets[lists.len()] as usize);
        let length = |row: usize| (offsets[row + 1] - offsets[row]) as usize;
        let slots =
            (0..lists.len()).flat_map(|row| std::iter::repeat_n(target.slot(row) as u32, length(row))).collect();
        let columns = lists.values().slice(start, end - start).as_struct().columns().to_vec();
        let masks = columns.last().filter(|_| calls > 1).and_then(|c| c.as_primitive_opt::<UInt32Type>());
        let masks = masks.map(|masks| masks.values().to_vec());
        Tuples { slots, columns, masks }
    }

    fn mask(&self, row: usize) -> u32 {
        self.masks.as_ref().map_or(1, |masks| masks[row])
    }

    fn pairs(&self, ids: &[u32]) -> EncodedKeys {
        let word = |(slot, id): (&u32, &u32)| (u64::from(*slot) << 32) | u64::from(*id);
        EncodedKeys::Words(self.slots.iter().zip(ids).map(word).collect(), None)
    }
}
