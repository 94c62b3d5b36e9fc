//! Groups: a key table with the accumulators behind its slots. The state of every aggregation is made of these.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_plan::AggregateCall;
use sloth_types::Result;

use crate::aggregate::{Accumulator, Input, Target, accumulator, state_types, valid_rows};
use crate::state::keys::{EncodedKeys, KeyEncoder, KeyTable, RowSet, value_type};

/// What an aggregation is: its keys and calls. Shared by its groups.
pub(crate) struct GroupsSpec {
    pub(crate) keys: Vec<usize>,
    pub(crate) key_fields: Vec<Field>,
    pub(crate) calls: Vec<AggregateCall>,
    encoder: KeyEncoder,
    /// How many state columns each call has.
    state_widths: Vec<usize>,
    /// pane, keys, states of all calls.
    pub(crate) partial_schema: SchemaRef,
    /// Rows may be taken back: the accumulators are made for weights.
    retracts: bool,
}

/// A batch prepared for aggregation: keys encoded, arguments looked up.
pub(crate) struct Prepared {
    pub(crate) keys: EncodedKeys,
    inputs: Vec<Input>,
}

/// A batch of partial aggregates, prepared for merging.
pub(crate) struct PreparedPartial {
    pub(crate) keys: EncodedKeys,
    states: Vec<Vec<ArrayRef>>,
}

impl GroupsSpec {
    /// The aggregation of `calls` by the columns `keys` of `input`.
    pub(crate) fn new(input: &Schema, keys: &[usize], calls: &[AggregateCall]) -> Result<Self> {
        // Keys may come as dictionaries; they leave as plain values.
        let key_field = |field: &Field| field.clone().with_data_type(value_type(field.data_type()).clone());
        let key_fields: Vec<Field> = keys.iter().map(|k| key_field(input.field(*k))).collect();
        let encoder = KeyEncoder::new(key_fields.iter().map(|f| f.data_type().clone()).collect())?;
        let mut fields = vec![Field::new("pane", DataType::Int64, false)];
        fields.extend(key_fields.iter().map(|f| f.clone().with_nullable(true)));
        let mut state_widths = vec![];
        for (i, call) in calls.iter().enumerate() {
            let types = state_types(call)?;
            state_widths.push(types.len());
            fields.extend(types.into_iter().enumerate().map(|(j, t)| Field::new(format!("s{i}_{j}"), t, true)));
        }
        let partial_schema = Arc::new(Schema::new(fields));
        Ok(GroupsSpec {
            keys: keys.to_vec(),
            key_fields,
            calls: calls.to_vec(),
            encoder,
            state_widths,
            partial_schema,
            retracts: false,
        })
    }

    /// The same aggregation over rows that may be taken back.
    pub(crate) fn retracting(self) -> Self {
        GroupsSpec { retracts: true, ..self }
    }

    /// True when rows may be taken back.
    pub(crate) fn retracts(&self) -> bool {
        self.retracts
    }

    /// Prepares a batch of rows.
    pub(crate) fn prepare(&mut self, rows: &RecordBatch, weights: Option<&Int64Array>) -> Result<Prepared> {
        let columns: Vec<ArrayRef> = self.keys.iter().map(|k| ArrayRef::clone(rows.column(*k))).collect();
        let keys = self.encoder.encode(&columns)?;
        let inputs = self
            .calls
            .iter()
            .map(|call| {
                let args: Vec<ArrayRef> = call.args.iter().map(|a| ArrayRef::clone(rows.column(*a))).collect();
                let valid = valid_rows(call, &args, call.filter.map(|f| rows.column(f)));
                Input { args, valid, rows: rows.num_rows(), weights: weights.cloned() }
            })
            .collect();
        Ok(Prepared { keys, inputs })
    }

    /// Prepares a batch of partials (columns of `partial_schema`).
    pub(crate) fn prepare_partial(&mut self, rows: &RecordBatch) -> Result<PreparedPartial> {
        let key_count = self.key_fields.len();
        let columns: Vec<ArrayRef> = rows.columns().iter().skip(1).take(key_count).cloned().collect();
        let keys = self.encoder.encode(&columns)?;
        let mut rest = rows.columns().iter().skip(1 + key_count);
        let states = self.state_widths.iter().map(|n| rest.by_ref().take(*n).cloned().collect()).collect();
        Ok(PreparedPartial { keys, states })
    }

    /// No groups yet.
    pub(crate) fn groups(&self) -> Result<Groups> {
        let mut accumulators: Vec<_> =
            self.calls.iter().map(|call| accumulator(call, self.retracts)).collect::<Result<_>>()?;
        for accumulator in &mut accumulators {
            accumulator.reserve(self.encoder.room());
        }
        Ok(Groups { keys: KeyTable::new(&self.encoder), accumulators })
    }

    /// The key columns of some slots.
    pub(crate) fn key_columns(&self, groups: &Groups, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.encoder.decode(&groups.keys, slots)
    }
}

/// A key table and its accumulators.
pub(crate) struct Groups {
    pub(crate) keys: KeyTable,
    pub(crate) accumulators: Vec<Box<dyn Accumulator>>,
}

impl Groups {
    /// Forgets all groups and keeps the room, see [`KeyTable::empty`]. False when it is to be thrown away.
    pub(crate) fn empty(&mut self) -> bool {
        self.keys.empty() && self.accumulators.iter_mut().all(|accumulator| accumulator.empty())
    }

    /// Adds rows; `slots` is a buffer that holds the slot of each row afterwards (empty when there are no keys).
    pub(crate) fn update(&mut self, batch: &Prepared, rows: &RowSet<'_>, slots: &mut Vec<u32>) -> Result<()> {
        if rows.len() == 0 {
            return Ok(());
        }
        let target = self.intern(&batch.keys, rows, slots);
        for (accumulator, input) in self.accumulators.iter_mut().zip(&batch.inputs) {
            match rows {
                RowSet::Range(range) if range.start == 0 && range.end == input.rows => {
                    accumulator.update(input, target)?;
                }
                RowSet::Range(range) => accumulator.update(&input.slice(range.start, range.len()), target)?,
                RowSet::List(list) => accumulator.update(&take_input(input, list)?, target)?,
            }
        }
        Ok(())
    }

    /// The slot of each row's key, made where it is new.
    pub(crate) fn slots_of(&mut self, keys: &EncodedKeys, rows: usize, slots: &mut Vec<u32>) {
        self.intern(keys, &RowSet::Range(0..rows), slots);
        // Without keys all rows belong to slot 0.
        slots.resize(rows, 0);
    }

    /// Adds partials to slots that the caller has chosen, one a row.
    pub(crate) fn merge_slots(&mut self, batch: &PreparedPartial, slots: &[u32]) -> Result<()> {
        for (accumulator, states) in self.accumulators.iter_mut().zip(&batch.states) {
            accumulator.merge(states, Target::Each(slots))?;
        }
        Ok(())
    }

    /// Forgets the group of a slot.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.keys.remove(slot);
        for accumulator in &mut self.accumulators {
            accumulator.clear(slot);
        }
    }

    /// Adds rows to slots that the caller has chosen, one a row.
    pub(crate) fn update_slots(&mut self, batch: &Prepared, slots: &[u32]) -> Result<()> {
        for (accumulator, input) in self.accumulators.iter_mut().zip(&batch.inputs) {
            accumulator.update(input, Target::Each(slots))?;
        }
        Ok(())
    }

    /// Adds a range of partials.
    pub(crate) fn merge(&mut self, batch: &PreparedPartial, range: Range<usize>, slots: &mut Vec<u32>) -> Result<()> {
        let target = self.intern(&batch.keys, &RowSet::Range(range.clone()), slots);
        for (accumulator, states) in self.accumulators.iter_mut().zip(&batch.states) {
            let part: Vec<ArrayRef> = states.iter().map(|s| s.slice(range.start, range.len())).collect();
            accumulator.merge(&part, target)?;
        }
        Ok(())
    }

    fn intern<'s>(&mut self, keys: &EncodedKeys, rows: &RowSet<'_>, slots: &'s mut Vec<u32>) -> Target<'s> {
        let target = if matches!(keys, EncodedKeys::None) {
            slots.clear();
            self.keys.intern(keys, &RowSet::Range(0..1), slots);
            Target::One(0)
        } else {
            self.keys.intern(keys, rows, slots);
            Target::Each(slots)
        };
        for accumulator in &mut self.accumulators {
            accumulator.resize(self.keys.slots());
        }
        target
    }

    /// The key columns and the results of some slots.
    pub(crate) fn results(&mut self, spec: &GroupsSpec, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns = spec.key_columns(self, slots)?;
        for accumulator in &mut self.accumulators {
            columns.push(accumulator.finish(slots)?);
        }
        Ok(columns)
    }

    /// The key columns and the partial states of some slots.
    pub(crate) fn partials(&mut self, spec: &GroupsSpec, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns = spec.key_columns(self, slots)?;
        for accumulator in &mut self.accumulators {
            columns.extend(accumulator.state(slots)?);
        }
        Ok(columns)
    }

    /// Adds the groups of `other`, leaving it as it is.
    pub(crate) fn absorb(&mut self, spec: &mut GroupsSpec, other: &mut Groups, buffer: &mut Vec<u32>) -> Result<()> {
        let slots = all_slots(other.keys.slots());
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![0; slots.len()]))];
        columns.extend(other.partials(spec, &slots)?);
        let rows = RecordBatch::try_new(Arc::clone(&spec.partial_schema), columns)?;
        let partial = spec.prepare_partial(&rows)?;
        self.merge(&partial, 0..slots.len(), buffer)
    }

    /// Moves what a slot has gathered into another slot and empties it.
    pub(crate) fn merge_slot(&mut self, into: u32, from: u32) -> Result<()> {
        for accumulator in &mut self.accumulators {
            let state = accumulator.state(&[from])?;
            accumulator.merge(&state, Target::One(into))?;
            accumulator.clear(from);
        }
        Ok(())
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.accumulators.iter().map(|a| a.bytes()).sum::<usize>()
    }
}

/// `0..n` as slots.
pub(crate) fn all_slots(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

fn take_input(input: &Input, rows: &[u32]) -> Result<Input> {
    let indices = UInt32Array::from(rows.to_vec());
    let args = input.args.iter().map(|a| take(a, &indices, None)).collect::<Result<_, _>>()?;
    let valid = input.valid.as_ref().map(|v| rows.iter().map(|r| v.is_valid(*r as usize)).collect());
    let weights = match &input.weights {
        Some(weights) => Some(crate::operators::stages::weights(&take(weights, &indices, None)?)),
        None => None,
    };
    Ok(Input { args, valid, rows: rows.len(), weights })
}
