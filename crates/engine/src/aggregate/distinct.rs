//! `DISTINCT`: passes each (slot, value) on once. The values are kept; partial states carry them as lists.
//!
//! Calls over the same arguments share one set: with each value stands which of the calls it has counted for, since each
//! may have a `FILTER` of its own.
//!
//! ```text
//!   values: value ▶ id        pairs: (slot, id) ▶ pair        calls: pair ▶ 0b011   (counted by the first two calls)
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields, UInt32Type};
use sloth_plan::AggregateCall;
use sloth_types::{Error, Result};

use super::{Accumulator, Input, SlidingCounts, Target, accumulator, for_each_valid};
use crate::state::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};
use crate::state::paged::Paged;

/// Calls that share a set of values: as many as a word has bits.
pub(super) const CALLS_MAX: usize = 32;

/// The values seen by each slot, in front of the functions themselves.
pub(crate) struct Distinct {
    calls: Vec<Call>,
    /// The argument columns; behind them the calls that have counted the values, when there are several.
    fields: Fields,
    encoder: KeyEncoder,
    values: KeyTable,
    pairs: KeyTable,
    /// By pair.
    known: Paged<Known>,
    /// The pair of each slot that came last, or [`ABSENT`]: for partial states and clearing.
    last_of: Vec<u32>,
    fresh: Fresh,
}

/// What is known of a pair.
#[derive(Clone, Copy)]
struct Known {
    /// The calls that have counted it, as bits; 0 for pairs that are gone.
    counted: u32,
    /// The pair of its slot that came before it, or [`ABSENT`].
    before: u32,
}

const UNKNOWN: Known = Known { counted: 0, before: ABSENT };

struct Call {
    inner: Box<dyn Accumulator>,
    /// Counts rows without looking at their values.
    counts: bool,
}

/// What a batch has brought, and room for finding it.
#[derive(Default)]
struct Fresh {
    ids: Vec<u32>,
    rows: Vec<u32>,
    slots: Vec<u32>,
    pairs: Vec<u32>,
    /// Rows, slots and calls of values that are new to some call.
    found: Vec<(u32, u32, u32)>,
}

fn argument_fields(call: &AggregateCall) -> Vec<Field> {
    call.arg_fields.iter().enumerate().map(|(i, f)| Field::new(format!("a{i}"), f.data_type().clone(), true)).collect()
}

impl Distinct {
    /// Calls with DISTINCT, all over the same arguments. When they are several, the input has a column of bits behind
    /// the arguments that says which of them a row counts for.
    pub(crate) fn new(calls: &[&AggregateCall]) -> Result<Self> {
        let arguments = calls.first().map(|call| call.arg_fields.clone()).unwrap_or_default();
        let encoder = KeyEncoder::new(arguments.iter().map(|f| f.data_type().clone()).collect())?;
        let mut fields = calls.first().map(|call| argument_fields(call)).unwrap_or_default();
        if calls.len() > 1 {
            fields.push(Field::new("calls", DataType::UInt32, false));
        }
        let inner = |call: &&AggregateCall| -> Result<Call> {
            let plain = AggregateCall { distinct: false, ..(*call).clone() };
            let counts = call.function.name() == "count" && call.args.len() == 1;
            Ok(Call { inner: accumulator(&plain, false)?, counts })
        };
        Ok(Distinct {
            calls: calls.iter().map(inner).collect::<Result<_>>()?,
            fields: fields.into(),
            values: KeyTable::new(&encoder),
            encoder,
            pairs: KeyTable::new(&KeyEncoder::new(vec![DataType::UInt64])?),
            known: Paged::default(),
            last_of: vec![],
            fresh: Fresh::default(),
        })
    }

    /// The pairs of a slot, the last first.
    fn pairs_of(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |pair: u32| (pair != ABSENT).then_some(pair);
        let last = self.last_of.get(slot as usize).copied().and_then(some);
        std::iter::successors(last, move |pair| self.known.get(*pair as usize).and_then(|known| some(known.before)))
    }

    /// Notes the pairs of the rows that count, and gathers those that are new to a call.
    fn note(&mut self, input: &Input, target: Target<'_>, masks: Option<&UInt32Array>) -> Result<()> {
        let Fresh { ids, rows, slots, pairs, found } = &mut self.fresh;
        let arguments = input.args.get(..self.encoder.width()).unwrap_or_default();
        let keys = self.encoder.encode(arguments)?;
        rows.clear();
        slots.clear();
        found.clear();
        for_each_valid(input, target, |row, slot| {
            rows.push(row as u32);
            slots.push(slot as u32);
        });
        self.values.intern(&keys, &RowSet::List(rows), ids);
        let words = slots.iter().zip(&*ids).map(|(slot, id)| (u64::from(*slot) << 32) | u64::from(*id)).collect();
        self.pairs.intern(&EncodedKeys::Words(words, None), &RowSet::Range(0..rows.len()), pairs);
        self.known.grow(self.pairs.slots(), UNKNOWN);
        for ((row, slot), pair) in rows.iter().zip(&*slots).zip(&*pairs) {
            let mask = masks.map_or(1, |m| m.value(*row as usize));
            let known = &mut self.known[*pair as usize];
            let new = mask & !known.counted;
            if new != 0 {
                if known.counted == 0 {
                    known.before = std::mem::replace(&mut self.last_of[*slot as usize], *pair);
                }
                known.counted |= new;
                found.push((*row, *slot, new));
            }
        }
        Ok(())
    }
}

impl Accumulator for Distinct {
    fn empty(&mut self) -> bool {
        self.known.clear();
        self.last_of.clear();
        self.values.empty() && self.pairs.empty() && self.calls.iter_mut().all(|call| call.inner.empty())
    }

    fn resize(&mut self, slots: usize) {
        self.calls.iter_mut().for_each(|call| call.inner.resize(slots));
        self.last_of.resize(slots, ABSENT);
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let masks = match self.calls.len() {
            1 => None,
            _ => input.args.last().map(|masks| masks.as_primitive::<UInt32Type>()),
        };
        self.note(input, target, masks)?;
        let arguments = input.args.get(..self.encoder.width()).unwrap_or_default();
        for (bit, call) in self.calls.iter_mut().enumerate() {
            let new = || self.fresh.found.iter().filter(|(_, _, calls)| calls & (1 << bit) != 0);
            let slots: Vec<u32> = new().map(|(_, slot, _)| *slot).collect();
            if slots.is_empty() {
                continue;
            }
            let args = if call.counts {
                vec![]
            } else {
                let rows: UInt32Array = new().map(|(row, _, _)| *row).collect();
                arguments.iter().map(|a| take(a, &rows, None)).collect::<Result<_, _>>()?
            };
            let input = Input { args, valid: None, rows: slots.len(), weights: None };
            call.inner.update(&input, Target::Each(&slots))?;
        }
        Ok(())
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
        let (mut pairs, mut lengths) = (vec![], Vec::with_capacity(slots.len()));
        for slot in slots {
            let start = pairs.len();
            pairs.extend(self.pairs_of(*slot));
            pairs[start..].reverse();
            lengths.push(pairs.len() - start);
        }
        let offsets = OffsetBuffer::from_lengths(lengths);
        let ids: Vec<u32> = pairs.iter().map(|pair| self.pairs.word_of(*pair) as u32).collect();
        let mut columns = self.encoder.decode(&self.values, &ids)?;
        if self.calls.len() > 1 {
            columns.push(Arc::new(pairs.iter().map(|p| self.known[*p as usize].counted).collect::<UInt32Array>()));
        }
        let tuples = StructArray::try_new(self.fields.clone(), columns, None)?;
        let item = Arc::new(Field::new_list_field(DataType::Struct(self.fields.clone()), true));
        Ok(vec![Arc::new(ListArray::try_new(item, offsets, Arc::new(tuples), None)?)])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        match self.calls.first_mut() {
            Some(call) => call.inner.finish(slots),
            None => Err(Error::internal("DISTINCT without a call")),
        }
    }

    fn finish_all(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.calls.iter_mut().map(|call| call.inner.finish(slots)).collect()
    }

    fn sliding(&self, keyed: bool) -> Result<Option<SlidingCounts>> {
        if !self.calls.iter().all(|call| call.counts) {
            return Ok(None);
        }
        let types = self.fields.iter().take(self.encoder.width()).map(|f| f.data_type().clone()).collect();
        SlidingCounts::new(types, self.calls.len(), keyed).map(Some)
    }

    fn clear(&mut self, slot: u32) {
        let mut pair = std::mem::replace(&mut self.last_of[slot as usize], ABSENT);
        while pair != ABSENT {
            self.pairs.remove(pair);
            pair = std::mem::replace(&mut self.known[pair as usize], UNKNOWN).before;
        }
        self.calls.iter_mut().for_each(|call| call.inner.clear(slot));
    }

    fn kept(&self) -> usize {
        self.pairs.len()
    }

    fn bytes(&self) -> usize {
        let inner: usize = self.calls.iter().map(|call| call.inner.bytes()).sum();
        inner + self.values.bytes() + self.pairs.bytes() + self.known.bytes() + self.last_of.capacity() * 4
    }
}
