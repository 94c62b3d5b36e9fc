//! Groups: a key table with the accumulators behind its slots. The state of every aggregation is made of these.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_plan::AggregateCall;
use sloth_types::Result;

use crate::aggregate::cell::{Cell, lay_out};
use crate::aggregate::{Input, SlidingCounts, Target, accumulator_of, shared_input, units, valid_rows};
use crate::state::keys::{EncodedKeys, KeyEncoder, KeyTable, RowSet, value_type};
use crate::state::sliding::SlidingGroups;
use crate::state::snapshot::{Owner, ROWS_MAX};

mod part;

use part::Part;

/// What an aggregation is: its keys and calls. Shared by its groups.
pub(crate) struct GroupsSpec {
    pub(crate) keys: Vec<usize>,
    pub(crate) key_fields: Vec<Field>,
    pub(crate) calls: Vec<AggregateCall>,
    encoder: KeyEncoder,
    /// The calls that each accumulator serves.
    units: Vec<Vec<usize>>,
    /// By unit: the word of a group's record that it is, where it is one.
    cells: Vec<Option<Cell>>,
    /// Words of a group's record beside its key.
    beside: usize,
    /// The word that counts a group's rows, where rows may be taken back.
    rows_at: Option<usize>,
    /// How many state columns each accumulator has.
    state_widths: Vec<usize>,
    /// pane, keys, states of all calls, and the number of rows where rows may be taken back.
    pub(crate) partial_schema: SchemaRef,
    /// Rows may be taken back: the accumulators are made for weights.
    retracts: bool,
}

/// A batch prepared for aggregation: keys encoded, arguments looked up.
pub(crate) struct Prepared {
    pub(crate) keys: EncodedKeys,
    inputs: Vec<Input>,
    weights: Option<Int64Array>,
}

/// A batch of partial aggregates, prepared for merging.
pub(crate) struct PreparedPartial {
    pub(crate) keys: EncodedKeys,
    states: Vec<Vec<ArrayRef>>,
    /// How many rows each partial stands for, where rows may be taken back.
    rows: Option<Int64Array>,
}

impl GroupsSpec {
    /// The aggregation of `calls` by the columns `keys` of `input`. `retracts` tells that rows may be taken back.
    pub(crate) fn new(input: &Schema, keys: &[usize], calls: &[AggregateCall], retracts: bool) -> Result<Self> {
        // Keys may come as dictionaries; they leave as plain values.
        let key_field = |field: &Field| field.clone().with_data_type(value_type(field.data_type()).clone());
        let key_fields: Vec<Field> = keys.iter().map(|k| key_field(input.field(*k))).collect();
        let encoder = KeyEncoder::new(key_fields.iter().map(|f| f.data_type().clone()).collect())?;
        let mut fields = vec![Field::new("pane", DataType::Int64, false)];
        fields.extend(key_fields.iter().map(|f| f.clone().with_nullable(true)));
        let mut state_widths = vec![];
        let units = units(calls, retracts);
        let key_words = encoder.key_words();
        let rows_at = retracts.then_some(key_words);
        let layout = lay_out(calls, &units, retracts, key_words + usize::from(retracts));
        for (i, (unit, cell)) in units.iter().zip(&layout.cells).enumerate() {
            let types = match cell {
                Some(cell) => cell.state_types(),
                None => accumulator_of(&calls_of(calls, unit), retracts)?.state_types(),
            };
            state_widths.push(types.len());
            fields.extend(types.into_iter().enumerate().map(|(j, t)| Field::new(format!("s{i}_{j}"), t, true)));
        }
        if retracts {
            fields.push(Field::new("rows", DataType::Int64, false));
        }
        let partial_schema = Arc::new(Schema::new(fields));
        Ok(GroupsSpec {
            keys: keys.to_vec(),
            key_fields,
            calls: calls.to_vec(),
            encoder,
            units,
            cells: layout.cells,
            beside: layout.width - key_words,
            rows_at,
            state_widths,
            partial_schema,
            retracts,
        })
    }

    /// True when rows may be taken back.
    pub(crate) fn retracts(&self) -> bool {
        self.retracts
    }

    /// True when no row leaves a group's results as they were: one of them counts the rows, and none is taken back.
    pub(crate) fn differs_by_each_row(&self) -> bool {
        !self.retracts && self.calls.iter().any(AggregateCall::counts_rows)
    }

    /// Encodes key columns.
    pub(crate) fn encode(&mut self, columns: &[ArrayRef]) -> Result<EncodedKeys> {
        self.encoder.encode(columns)
    }

    /// Prepares a batch of rows.
    pub(crate) fn prepare(&mut self, rows: &RecordBatch, weights: Option<&Int64Array>) -> Result<Prepared> {
        let columns: Vec<ArrayRef> = self.keys.iter().map(|k| ArrayRef::clone(rows.column(*k))).collect();
        let keys = self.encoder.encode(&columns)?;
        let input = |call: &&AggregateCall| {
            let columns = call.args.iter().copied().chain(call.order.iter().map(|o| o.column));
            let args: Vec<ArrayRef> = columns.map(|a| ArrayRef::clone(rows.column(a))).collect();
            let valid = valid_rows(call, &args, call.filter.map(|f| rows.column(f)));
            Input { args, valid, rows: rows.num_rows(), weights: weights.cloned() }
        };
        let shared = |unit: &Vec<usize>| shared_input(calls_of(&self.calls, unit).iter().map(input).collect());
        let inputs = self.units.iter().filter_map(shared).collect();
        Ok(Prepared { keys, inputs, weights: weights.cloned() })
    }

    /// Prepares a batch of partials (columns of `partial_schema`).
    pub(crate) fn prepare_partial(&mut self, rows: &RecordBatch) -> Result<PreparedPartial> {
        let key_count = self.key_fields.len();
        let columns: Vec<ArrayRef> = rows.columns().iter().skip(1).take(key_count).cloned().collect();
        let keys = self.encoder.encode(&columns)?;
        let mut rest = rows.columns().iter().skip(1 + key_count);
        let states = self.state_widths.iter().map(|n| rest.by_ref().take(*n).cloned().collect()).collect();
        let rows = rest.next().map(crate::operators::stages::weights);
        Ok(PreparedPartial { keys, states, rows })
    }

    /// No groups yet.
    pub(crate) fn groups(&self) -> Result<Groups> {
        let part = |(unit, cell): (&Vec<usize>, &Option<Cell>)| {
            if let Some(cell) = cell {
                return Ok(Part::Cell(cell.clone()));
            }
            let mut accumulator = accumulator_of(&calls_of(&self.calls, unit), self.retracts)?;
            accumulator.reserve(self.encoder.room());
            Ok(Part::Own(accumulator))
        };
        let parts = self.units.iter().zip(&self.cells).map(part).collect::<Result<_>>()?;
        let keys = KeyTable::beside(&self.encoder, self.beside);
        Ok(Groups { keys, key_words: self.encoder.key_words(), parts, rows_at: self.rows_at })
    }

    /// Who owns a partial (of `partial_schema`): whoever owns its key.
    pub(crate) fn owner(&self) -> Owner {
        Owner::Key((1..=self.key_fields.len()).collect())
    }

    /// The key columns of some slots.
    pub(crate) fn key_columns(&self, keys: &KeyTable, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.encoder.decode(keys, slots)
    }
}

/// Is told the slots that are about to change.
pub(crate) type Seen<'a> = &'a mut dyn FnMut(&mut Groups, &[u32]) -> Result<()>;

/// A key table and its accumulators.
pub(crate) struct Groups {
    pub(crate) keys: KeyTable,
    /// Where what is beside the key begins in a record.
    key_words: usize,
    /// One for each unit of calls.
    parts: Vec<Part>,
    /// The word that counts a group's rows, where rows may be taken back.
    rows_at: Option<usize>,
}

impl Groups {
    /// Forgets all groups and keeps the room, see [`KeyTable::empty`]. False when it is to be thrown away.
    pub(crate) fn empty(&mut self) -> bool {
        self.keys.empty() && self.parts.iter_mut().filter_map(Part::own_mut).all(|accumulator| accumulator.empty())
    }

    /// Adds rows; `slots` is a buffer that holds the slot of each row afterwards (empty when there are no keys).
    pub(crate) fn update(&mut self, batch: &Prepared, rows: &RowSet<'_>, slots: &mut Vec<u32>) -> Result<()> {
        if rows.len() == 0 {
            return Ok(());
        }
        let target = self.intern(&batch.keys, rows, slots);
        let weight = |row: usize| batch.weights.as_ref().map_or(1, |w| w.value(row));
        match rows {
            RowSet::Range(range) => self.count_rows(target, range.clone().map(weight)),
            RowSet::List(list) => self.count_rows(target, list.iter().map(|row| weight(*row as usize))),
        }
        let records = &mut self.keys.records;
        for (part, input) in self.parts.iter_mut().zip(&batch.inputs) {
            match rows {
                RowSet::Range(range) if range.start == 0 && range.end == input.rows => {
                    part.update(records, input, target)?;
                }
                RowSet::Range(range) => part.update(records, &input.slice(range.start, range.len()), target)?,
                RowSet::List(list) => part.update(records, &take_input(input, list)?, target)?,
            }
        }
        Ok(())
    }

    /// Adds rows as [`Groups::update`] does; `seen` is told their slots before anything changes.
    pub(crate) fn update_seen(
        &mut self,
        batch: &Prepared,
        rows: &RowSet<'_>,
        slots: &mut Vec<u32>,
        seen: Seen<'_>,
    ) -> Result<()> {
        self.intern(&batch.keys, rows, slots);
        seen(self, slots)?;
        self.update(batch, rows, slots)
    }

    /// Adds partials; `seen` is told their slots before anything changes.
    pub(crate) fn merge_seen(
        &mut self,
        batch: &PreparedPartial,
        rows: &RowSet<'_>,
        slots: &mut Vec<u32>,
        seen: Seen<'_>,
    ) -> Result<()> {
        self.intern(&batch.keys, rows, slots);
        seen(self, slots)?;
        let list: Vec<u32> = match rows {
            RowSet::Range(range) => range.clone().map(|row| row as u32).collect(),
            RowSet::List(list) => list.to_vec(),
        };
        let target = if matches!(batch.keys, EncodedKeys::None) { Target::One(0) } else { Target::Each(slots) };
        if let Some(weights) = &batch.rows {
            self.count_rows(target, list.iter().map(|row| weights.value(*row as usize)));
        }
        let indices = UInt32Array::from(list);
        for (part, states) in self.parts.iter_mut().zip(&batch.states) {
            let states: Vec<ArrayRef> = states.iter().map(|s| take(s, &indices, None)).collect::<Result<_, _>>()?;
            part.merge(&mut self.keys.records, &states, target)?;
        }
        Ok(())
    }

    /// The slot of each row's key, made where it is new.
    pub(crate) fn slots_of(&mut self, keys: &EncodedKeys, rows: usize, slots: &mut Vec<u32>) {
        self.intern(keys, &RowSet::Range(0..rows), slots);
        // Without keys all rows belong to slot 0.
        slots.resize(rows, 0);
    }

    /// Makes room for slots that the caller numbers itself.
    pub(crate) fn make_slots(&mut self, count: usize) {
        self.keys.records.grow(count);
        for accumulator in self.parts.iter_mut().filter_map(Part::own_mut) {
            accumulator.resize(count);
        }
    }

    /// Adds weights to the numbers of rows of groups, where these are counted.
    fn count_rows(&mut self, target: Target<'_>, weights: impl Iterator<Item = i64>) {
        let Some(at) = self.rows_at else { return };
        for (row, weight) in weights.enumerate() {
            let count = self.keys.records.word_mut(target.slot(row) as u32, at);
            *count = count.wrapping_add(weight as u64);
        }
    }

    /// The number of rows of a group, where rows are counted.
    fn rows_of(&self, slot: u32) -> Option<i64> {
        self.rows_at.map(|at| self.keys.records.get(slot, at).unwrap_or(0) as i64)
    }

    /// Adds partials to slots that the caller has chosen, one a row.
    pub(crate) fn merge_slots(&mut self, batch: &PreparedPartial, slots: &[u32]) -> Result<()> {
        let target = Target::Each(slots);
        if let Some(rows) = &batch.rows {
            self.count_rows(target, rows.values().iter().copied());
        }
        for (part, states) in self.parts.iter_mut().zip(&batch.states) {
            part.merge(&mut self.keys.records, states, target)?;
        }
        Ok(())
    }

    /// Forgets the group of a slot.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.keys.remove(slot);
        self.clear(slot);
    }

    /// Empties a slot.
    pub(crate) fn clear(&mut self, slot: u32) {
        self.keys.records.clear_record(slot, self.key_words);
        for accumulator in self.parts.iter_mut().filter_map(Part::own_mut) {
            accumulator.clear(slot);
        }
    }

    /// True when a group has rows. (Where none are ever taken back, it has.)
    pub(crate) fn is_alive(&self, slot: u32) -> bool {
        self.rows_of(slot).is_none_or(|rows| rows > 0)
    }

    /// Adds rows to slots that the caller has chosen, one a row.
    pub(crate) fn update_slots(&mut self, batch: &Prepared, slots: &[u32]) -> Result<()> {
        let target = Target::Each(slots);
        self.count_rows(target, (0..slots.len()).map(|row| batch.weights.as_ref().map_or(1, |w| w.value(row))));
        for (part, input) in self.parts.iter_mut().zip(&batch.inputs) {
            part.update(&mut self.keys.records, input, target)?;
        }
        Ok(())
    }

    /// Adds a range of partials.
    pub(crate) fn merge(&mut self, batch: &PreparedPartial, range: Range<usize>, slots: &mut Vec<u32>) -> Result<()> {
        let target = self.intern(&batch.keys, &RowSet::Range(range.clone()), slots);
        if let Some(rows) = &batch.rows {
            self.count_rows(target, range.clone().map(|row| rows.value(row)));
        }
        for (part, states) in self.parts.iter_mut().zip(&batch.states) {
            let states: Vec<ArrayRef> = states.iter().map(|s| s.slice(range.start, range.len())).collect();
            part.merge(&mut self.keys.records, &states, target)?;
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
        self.make_slots(self.keys.slots());
        target
    }

    /// The slots of the groups that have rows.
    pub(crate) fn alive(&self) -> Vec<u32> {
        all_slots(self.keys.slots()).into_iter().filter(|slot| self.is_alive(*slot)).collect()
    }

    /// The key columns and the results of some slots.
    pub(crate) fn results(&mut self, spec: &GroupsSpec, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns = spec.key_columns(&self.keys, slots)?;
        columns.extend(self.finish(spec, slots)?);
        Ok(columns)
    }

    /// As [`Groups::results`]; what `sliding` counts, it gives.
    pub(crate) fn results_but(
        &mut self,
        spec: &mut GroupsSpec,
        slots: &[u32],
        sliding: &SlidingGroups,
    ) -> Result<Vec<ArrayRef>> {
        let mut columns = spec.key_columns(&self.keys, slots)?;
        let given = sliding.results(&spec.encode(&columns)?, slots.len());
        columns.extend(self.finish_but(spec, slots, given)?);
        Ok(columns)
    }

    /// The results of some slots, call by call.
    pub(crate) fn finish(&mut self, spec: &GroupsSpec, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.finish_but(spec, slots, vec![])
    }

    /// As [`Groups::finish`]; `given` are the results of some accumulators.
    fn finish_but(
        &mut self,
        spec: &GroupsSpec,
        slots: &[u32],
        mut given: Vec<Option<Vec<ArrayRef>>>,
    ) -> Result<Vec<ArrayRef>> {
        let mut columns: Vec<(usize, ArrayRef)> = Vec::with_capacity(spec.calls.len());
        for (index, (part, unit)) in self.parts.iter_mut().zip(&spec.units).enumerate() {
            let results = match given.get_mut(index).and_then(Option::take) {
                Some(given) => given,
                None => part.finish_all(&self.keys.records, slots)?,
            };
            columns.extend(unit.iter().copied().zip(results));
        }
        columns.sort_by_key(|(call, _)| *call);
        Ok(columns.into_iter().map(|(_, column)| column).collect())
    }

    /// The key columns and the partial states of some slots.
    pub(crate) fn partials(&mut self, spec: &GroupsSpec, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns = spec.key_columns(&self.keys, slots)?;
        columns.extend(self.states(slots)?);
        Ok(columns)
    }

    /// The partial states of some slots without their keys.
    pub(crate) fn states(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns = vec![];
        for part in &mut self.parts {
            columns.extend(part.state(&self.keys.records, slots)?);
        }
        if self.rows_at.is_some() {
            columns.push(Arc::new(slots.iter().map(|s| self.rows_of(*s)).collect::<Int64Array>()));
        }
        Ok(columns)
    }

    /// Groups as partials for a checkpoint; [`Groups::merge`] makes them again.
    pub(crate) fn save(&mut self, spec: &GroupsSpec, pane: i64, slots: &[u32]) -> Result<Vec<RecordBatch>> {
        let batch = |slots: &[u32]| {
            let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![pane; slots.len()]))];
            columns.extend(self.partials(spec, slots)?);
            Ok(RecordBatch::try_new(Arc::clone(&spec.partial_schema), columns)?)
        };
        slots.chunks(ROWS_MAX).map(batch).collect()
    }

    /// Adds the groups of `other`, leaving it as it is; not what `sliding` counts.
    pub(crate) fn absorb(
        &mut self,
        spec: &mut GroupsSpec,
        other: &mut Groups,
        sliding: Option<&SlidingGroups>,
        buffer: &mut Vec<u32>,
    ) -> Result<()> {
        let slots = all_slots(other.keys.slots());
        let keys = spec.key_columns(&other.keys, &slots)?;
        let keys = spec.encode(&keys)?;
        let target = self.intern(&keys, &RowSet::Range(0..slots.len()), buffer);
        self.count_rows(target, slots.iter().map(|slot| other.rows_of(*slot).unwrap_or(0)));
        for (unit, (mine, theirs)) in self.parts.iter_mut().zip(&mut other.parts).enumerate() {
            if sliding.is_none_or(|sliding| !sliding.counts(unit)) {
                mine.merge(&mut self.keys.records, &theirs.state(&other.keys.records, &slots)?, target)?;
            }
        }
        Ok(())
    }

    /// For each accumulator what counts the same over panes that come and go, where there is such a thing.
    pub(super) fn sliding(&self, keyed: bool) -> Result<Vec<Option<SlidingCounts>>> {
        self.parts.iter().map(|part| part.own().map_or(Ok(None), |accumulator| accumulator.sliding(keyed))).collect()
    }

    /// The partial states of an accumulator.
    pub(super) fn state_of(&mut self, unit: usize, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.parts.get_mut(unit).map_or(Ok(vec![]), |part| part.state(&self.keys.records, slots))
    }

    /// Moves what a slot has gathered into another slot and empties it.
    pub(crate) fn merge_slot(&mut self, into: u32, from: u32) -> Result<()> {
        let records = &mut self.keys.records;
        for part in &mut self.parts {
            let state = part.state(records, &[from])?;
            part.merge(records, &state, Target::One(into))?;
            match part {
                Part::Cell(cell) => cell.clear(records, from),
                Part::Own(accumulator) => accumulator.clear(from),
            }
        }
        Ok(())
    }

    /// About how many rows the partials hold: lists of values are as many rows as they have values.
    pub(crate) fn spread(&self) -> usize {
        let kept = self.parts.iter().filter_map(Part::own).map(|accumulator| accumulator.kept()).max().unwrap_or(0);
        kept.max(self.keys.len())
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.parts.iter().filter_map(Part::own).map(|a| a.bytes()).sum::<usize>()
    }
}

/// `0..n` as slots.
pub(crate) fn all_slots(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

fn calls_of<'a>(calls: &'a [AggregateCall], unit: &[usize]) -> Vec<&'a AggregateCall> {
    unit.iter().filter_map(|call| calls.get(*call)).collect()
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
