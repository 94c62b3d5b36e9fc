//! `DISTINCT`: passes each (slot, value) on once. The values are kept; partial states carry them as lists.
//!
//! Calls over the same arguments share one set: with each value stands which of the calls it has counted for, since each
//! may have a `FILTER` of its own.
//!
//! ```text
//!   values: value ▶ id        pairs: (slot, id) ▶ pair │ 0b011 │ …   (counted by the first two calls)
//! ```
//!
//! A value that is one word needs no number: its pairs are (slot, value).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields, UInt32Type};
use sloth_plan::AggregateCall;
use sloth_types::{Error, Result};

use super::{Accumulator, Input, SlidingCounts, Target, accumulator, for_each_valid};
use crate::state::keys::{ABSENT, KeyEncoder, KeyTable, RowSet};

/// Calls that share a set of values: as many as a word has bits.
pub(super) const CALLS_MAX: usize = 32;

/// The values seen by each slot, in front of the functions themselves.
pub(crate) struct Distinct {
    calls: Vec<Call>,
    /// The argument columns; behind them the calls that have counted the values, when there are several.
    fields: Fields,
    encoder: KeyEncoder,
    /// Absent when a value is one word.
    values: Option<KeyTable>,
    pair_encoder: KeyEncoder,
    /// What is known of a pair stands beside it.
    pairs: KeyTable,
    /// Where that is in a record.
    known_at: usize,
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

impl Known {
    /// Of a word beside a pair.
    fn of(word: u64) -> Known {
        Known { counted: word as u32, before: ((word >> 32) as u32).wrapping_sub(1) }
    }

    fn word(self) -> u64 {
        (u64::from(self.before.wrapping_add(1)) << 32) | u64::from(self.counted)
    }
}

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
        let types: Vec<DataType> = arguments.iter().map(|f| f.data_type().clone()).collect();
        // Several words are better kept once.
        let (second, values) = match types.as_slice() {
            [one] if encoder.key_words() == 1 => (one.clone(), None),
            _ => (DataType::UInt32, Some(KeyTable::new(&encoder))),
        };
        let pair_encoder = KeyEncoder::new(vec![DataType::UInt32, second])?;
        Ok(Distinct {
            calls: calls.iter().map(inner).collect::<Result<_>>()?,
            fields: fields.into(),
            values,
            encoder,
            pairs: KeyTable::beside(&pair_encoder, 1),
            known_at: pair_encoder.key_words(),
            pair_encoder,
            last_of: vec![],
            fresh: Fresh::default(),
        })
    }

    /// The pairs of a slot, the last first.
    fn pairs_of(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |pair: u32| (pair != ABSENT).then_some(pair);
        let last = self.last_of.get(slot as usize).copied().and_then(some);
        std::iter::successors(last, move |pair| some(self.known(*pair).before))
    }

    fn known(&self, pair: u32) -> Known {
        Known::of(self.pairs.records.get(pair, self.known_at).unwrap_or(0))
    }

    /// Notes the pairs of the rows that count, and gathers those that are new to a call.
    fn note(&mut self, input: &Input, target: Target<'_>, masks: Option<&UInt32Array>) -> Result<()> {
        let Fresh { ids, rows, slots, pairs, found } = &mut self.fresh;
        let arguments = input.args.get(..self.encoder.width()).unwrap_or_default();
        rows.clear();
        slots.clear();
        found.clear();
        for_each_valid(input, target, |row, slot| {
            rows.push(row as u32);
            slots.push(slot as u32);
        });
        let second: ArrayRef = match (&mut self.values, arguments) {
            (Some(values), _) => {
                values.intern(&self.encoder.encode(arguments)?, &RowSet::List(rows), ids);
                Arc::new(UInt32Array::from(std::mem::take(ids)))
            }
            (None, [argument]) if rows.len() == argument.len() => ArrayRef::clone(argument),
            (None, [argument]) => take(argument, &UInt32Array::from(rows.clone()), None)?,
            (None, _) => return Err(Error::internal("DISTINCT over a word that is not there")),
        };
        let keys = [Arc::new(UInt32Array::from(slots.clone())) as ArrayRef, second];
        self.pairs.intern(&self.pair_encoder.encode(&keys)?, &RowSet::Range(0..rows.len()), pairs);
        self.pairs.records.grow(self.pairs.slots());
        for ((row, slot), pair) in rows.iter().zip(&*slots).zip(&*pairs) {
            let mask = masks.map_or(1, |m| m.value(*row as usize));
            let word = self.pairs.records.word_mut(*pair, self.known_at);
            let mut known = Known::of(*word);
            let new = mask & !known.counted;
            if new != 0 {
                if known.counted == 0 {
                    known.before = std::mem::replace(&mut self.last_of[*slot as usize], *pair);
                }
                known.counted |= new;
                *word = known.word();
                found.push((*row, *slot, new));
            }
        }
        Ok(())
    }
}

impl Accumulator for Distinct {
    fn empty(&mut self) -> bool {
        self.last_of.clear();
        self.values.as_mut().is_none_or(KeyTable::empty)
            && self.pairs.empty()
            && self.calls.iter_mut().all(|call| call.inner.empty())
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
        let mut columns = self.pair_encoder.decode(&self.pairs, &pairs)?.split_off(1);
        if let (Some(values), Some(ids)) = (&self.values, columns.first()) {
            columns = self.encoder.decode(values, ids.as_primitive::<UInt32Type>().values())?;
        }
        if self.calls.len() > 1 {
            columns.push(Arc::new(pairs.iter().map(|pair| self.known(*pair).counted).collect::<UInt32Array>()));
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
            let before = self.known(pair).before;
            self.pairs.records.clear_record(pair, self.known_at);
            pair = before;
        }
        self.calls.iter_mut().for_each(|call| call.inner.clear(slot));
    }

    fn kept(&self) -> usize {
        self.pairs.len()
    }

    fn bytes(&self) -> usize {
        let inner: usize = self.calls.iter().map(|call| call.inner.bytes()).sum();
        let values = self.values.as_ref().map_or(0, KeyTable::bytes);
        inner + values + self.pairs.bytes() + self.last_of.capacity() * 4
    }
}
