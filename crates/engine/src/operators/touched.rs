//! The groups that have changed since their results were last told, with the results of then.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, interleave_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::delta::changed;
use super::window::fit;
use crate::state::bits::Bits;
use crate::state::changed::Changed;
use crate::state::groups::{Groups, GroupsSpec};
use crate::state::snapshot::{Owner, Section, column_of, foreign_state, split, table};

/// Groups by slot, with their results before.
#[derive(Default)]
pub(crate) struct Touched {
    slots: Vec<u32>,
    marks: Bits,
    /// Whether the group was told to exist.
    alive: Vec<bool>,
    /// Keys and results before of the groups that were told, in pieces that follow `slots`.
    before: Vec<RecordBatch>,
    /// A group that is touched has changed for sure, and what it was is never asked for: it is not noted.
    blind: bool,
}

/// The section of what is held back.
pub(crate) const HELD_BACK: &str = "touched";

/// Which groups (or keys) checkpoints have as held back: what has changed of that since the last one.
#[derive(Default)]
pub(crate) struct HeldBack {
    changed: Changed,
    /// Groups that the last checkpoint has as held back.
    written: Bits,
}

impl HeldBack {
    /// All that is held back is in a checkpoint, where the newest changes have this number.
    pub(crate) fn go_on(&mut self, newest: i64, held: &[u32]) {
        self.changed.go_on(newest);
        self.written = Bits::default();
        self.all_written(held);
    }

    /// True when changes are noted.
    pub(crate) fn begun(&self) -> bool {
        self.changed.begun()
    }

    fn all_written(&mut self, held: &[u32]) {
        held.iter().for_each(|slot| _ = self.written.mark(*slot));
    }

    /// Groups are about to be touched.
    pub(crate) fn note(&mut self, slots: &[u32], touched: &Touched) {
        if self.changed.begun() {
            let new: Vec<u32> = slots.iter().copied().filter(|slot| !touched.has(*slot)).collect();
            self.changed.note(&new);
        }
    }

    /// A group comes to be held back.
    pub(crate) fn note_new(&mut self, slot: u32) {
        self.changed.note(&[slot]);
    }

    /// Groups have been told; `keys` gives the columns of their keys.
    pub(crate) fn note_told(
        &mut self,
        slots: &[u32],
        keys: impl FnOnce(&[u32]) -> Result<Vec<ArrayRef>>,
    ) -> Result<()> {
        self.changed.forget(slots);
        let written: Vec<u32> = slots.iter().copied().filter(|slot| self.written.unmark(*slot)).collect();
        self.changed.note_gone(&written, || keys(&written))
    }

    /// The groups that are held back since the last checkpoint, rising.
    pub(crate) fn take(&mut self) -> Vec<u32> {
        self.changed.take(usize::MAX).unwrap_or_default()
    }

    /// What [`HeldBack::take`] gave as rows with the key's columns `key`, and the groups that were told; `held` are all that
    /// are held back, `name` is the section that has them.
    pub(crate) fn sections(
        &mut self,
        name: &str,
        key: &[usize],
        rows: RecordBatch,
        held: &[u32],
    ) -> Result<Vec<Section>> {
        self.all_written(held);
        self.changed.sections(name, key, vec![rows])
    }
}

/// What has changed: keys and results, those taken back first.
pub(crate) struct Net {
    pub(crate) rows: RecordBatch,
    /// Weights; absent when all are new.
    pub(crate) diffs: Option<Int64Array>,
}

impl Touched {
    /// For groups whose results differ after every row, none of which is taken back, and whose earlier results nobody wants.
    pub(crate) fn blind() -> Self {
        Touched { blind: true, ..Touched::default() }
    }

    /// True when nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The groups that have changed.
    pub(crate) fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// True when a group has changed and has not been told.
    pub(crate) fn has(&self, slot: u32) -> bool {
        self.marks.has(slot)
    }

    /// Notes the groups that are about to change for the first time since they were told; `alive` says whether they were.
    /// `schema` is that of keys and results.
    pub(crate) fn touch(
        &mut self,
        spec: &GroupsSpec,
        groups: &mut Groups,
        schema: &SchemaRef,
        slots: &[u32],
        alive: impl Fn(&Groups, u32) -> bool,
    ) -> Result<()> {
        let mut told = vec![];
        for slot in slots {
            if !self.marks.mark(*slot) {
                continue;
            }
            let was = alive(groups, *slot);
            self.slots.push(*slot);
            self.alive.push(was);
            if was {
                told.push(*slot);
            }
        }
        if !told.is_empty() && !self.blind {
            let columns = groups.results(spec, &told)?;
            self.before.push(fit(schema, columns)?);
        }
        Ok(())
    }

    /// How the groups have changed; they count as told. `alive` says whether a group is there now. `upsert`: what is
    /// replaced is not taken back.
    pub(crate) fn take(
        &mut self,
        spec: &GroupsSpec,
        groups: &mut Groups,
        schema: &SchemaRef,
        upsert: bool,
        alive: impl Fn(&Groups, u32) -> bool,
    ) -> Result<(Vec<u32>, Option<Net>)> {
        let blind = self.blind;
        let Touched { slots, alive: was, before, mut marks, .. } = std::mem::take(self);
        self.blind = blind;
        for slot in &slots {
            marks.unmark(*slot);
        }
        self.marks = marks;
        if slots.is_empty() {
            return Ok((slots, None));
        }
        let after = fit(schema, groups.results(spec, &slots)?)?;
        if blind {
            return Ok((slots, Some(Net { rows: after, diffs: None })));
        }
        let before = concat_batches(schema, &before)?;
        let keys = spec.keys.len();
        let results = |batch: &RecordBatch| batch.columns().get(keys..).unwrap_or_default().to_vec();
        let told: UInt32Array = (0u32..).zip(&was).filter(|(_, was)| **was).map(|(row, _)| row).collect();
        let differs = match told.len() {
            0 => vec![],
            count if count == slots.len() => changed(&results(&before), &results(&after), count)?,
            count => changed(&results(&before), &results(&take_record_batch(&after, &told)?), count)?,
        };
        let (mut minus, mut plus) = (vec![], vec![]);
        let mut told = 0..told.len() as u32;
        for (row, (slot, was)) in (0u32..).zip(slots.iter().zip(&was)) {
            let is = alive(groups, *slot);
            let (old, differs) = match was.then(|| told.next()).flatten() {
                Some(old) => (old, differs.get(old as usize).copied().unwrap_or(false)),
                None => (0, false),
            };
            if *was && (!is || (differs && !upsert)) {
                minus.push(old);
            }
            if is && (!was || differs) {
                plus.push(row);
            }
        }
        if minus.is_empty() && plus.is_empty() {
            return Ok((slots, None));
        }
        if minus.is_empty() && plus.len() == slots.len() {
            return Ok((slots, Some(Net { rows: after, diffs: None })));
        }
        let deletes = minus.len();
        let parts = [
            take_record_batch(&before, &UInt32Array::from(minus))?,
            take_record_batch(&after, &UInt32Array::from(plus))?,
        ];
        let rows = concat_batches(schema, &parts)?;
        let diffs = (deletes > 0)
            .then(|| (0..rows.num_rows()).map(|row| if row < deletes { -1 } else { 1 }).collect::<Int64Array>());
        Ok((slots, Some(Net { rows, diffs })))
    }

    /// For a checkpoint: a number of the caller's, whether a group was told, its key and results before (for a group that
    /// was not told anything).
    pub(crate) fn save(
        &self,
        spec: &GroupsSpec,
        groups: &mut Groups,
        schema: &SchemaRef,
        number: i64,
    ) -> Result<RecordBatch> {
        let before = concat_batches(schema, &self.before)?;
        let blind = self.blind;
        let now = fit(schema, groups.results(spec, &self.slots)?)?;
        let mut told = 0..before.num_rows();
        let of = |(row, was): (usize, &bool)| {
            (*was && !blind).then(|| told.next()).flatten().map_or((1, row), |old| (0, old))
        };
        let picked: Vec<(usize, usize)> = self.alive.iter().enumerate().map(of).collect();
        let before = interleave_record_batch(&[&before, &now], &picked)?;
        let told = BooleanArray::from(self.alive.clone());
        let own = [column_of(self.slots.iter().map(|_| number)), Arc::new(told) as ArrayRef];
        table(own.into_iter().chain(before.columns().iter().cloned()).collect())
    }

    /// As [`Touched::save`], for some of the groups: their slots, rising.
    pub(crate) fn save_some(
        &self,
        spec: &GroupsSpec,
        groups: &mut Groups,
        schema: &SchemaRef,
        number: i64,
        some: &[u32],
    ) -> Result<RecordBatch> {
        let all = self.save(spec, groups, schema, number)?;
        let mask: BooleanArray = self.slots.iter().map(|slot| Some(some.binary_search(slot).is_ok())).collect();
        Ok(filter_record_batch(&all, &mask)?)
    }

    /// Who owns what [`Touched::save`] gives.
    pub(crate) fn owner(spec: &GroupsSpec) -> Owner {
        Owner::Key((2..2 + spec.keys.len()).collect())
    }

    /// Takes up rows that [`Touched::save`] gave with one number.
    pub(crate) fn restore(
        &mut self,
        spec: &mut GroupsSpec,
        groups: &mut Groups,
        schema: &SchemaRef,
        rows: &RecordBatch,
    ) -> Result<()> {
        let (own, columns) = split(rows, 2)?;
        let before = fit(schema, columns.to_vec())?;
        let keys = spec.encode(columns.get(..spec.keys.len()).unwrap_or_default())?;
        let mut slots = vec![];
        groups.slots_of(&keys, rows.num_rows(), &mut slots);
        for slot in &slots {
            self.marks.mark(*slot);
        }
        self.slots.append(&mut slots);
        let told = own.get(1).and_then(|c| c.as_boolean_opt()).ok_or_else(|| foreign_state(1))?;
        self.alive.extend(told.values().iter());
        if !self.blind {
            self.before.push(filter_record_batch(&before, told)?);
        }
        Ok(())
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * 5
            + self.marks.bytes()
            + self.before.iter().map(RecordBatch::get_array_memory_size).sum::<usize>()
    }
}
