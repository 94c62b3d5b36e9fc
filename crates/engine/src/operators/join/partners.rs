//! How many partners each stored row has, where they are counted row by row.
//!
//! Checkpoints are given the counts of rows that have come, and of those whose count has moved since. A row is told by its
//! content. Equal rows that were stored one by one have equal counts, unless some of them have met partners that were
//! forgotten before the others came: then the epoch in which a row came tells it, too.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;
use sloth_types::Result;

use super::Side;
use crate::state::arrangement::Arrangement;
use crate::state::changed::Changed;
use crate::state::keys::ABSENT;
use crate::state::snapshot::{ROWS_MAX, column_of, foreign_state, numbers, split, table};

/// The partners of a side's rows.
pub(super) struct Partners {
    /// By slot.
    counts: Vec<i64>,
    /// Rows whose counts have changed since the last checkpoint.
    changed: Changed,
    /// The epoch in which each row came, by slot, where equal rows may have other counts. Kept once changes are noted; rows
    /// from before that have numbers below zero, each its own.
    came: Option<Vec<i64>>,
    /// Counts that checkpoints keep beside the whole state.
    kept: usize,
}

impl Partners {
    /// No rows yet. `by_epoch` tells that equal rows may have other counts.
    pub(super) fn new(by_epoch: bool) -> Self {
        Partners { counts: vec![], changed: Changed::default(), came: by_epoch.then(Vec::new), kept: 0 }
    }

    /// True when equal rows may have other counts.
    pub(super) fn by_epoch(&self) -> bool {
        self.came.is_some()
    }

    pub(super) fn get(&self, slot: u32) -> Option<i64> {
        self.counts.get(slot as usize).copied()
    }

    /// Rows in these slots have so many partners; there are `all` slots.
    pub(super) fn set(&mut self, slots: &[u32], counts: &[i64], all: usize) {
        self.reach(all);
        for (slot, count) in slots.iter().zip(counts) {
            self.counts[*slot as usize] = *count;
        }
        self.changed.note(slots);
    }

    /// There are so many slots; rows in new ones have no partners yet.
    pub(super) fn reach(&mut self, all: usize) {
        self.counts.resize(all, 0);
    }

    /// The partners of a row have become more or fewer: its slot has been reached. Whether it had any before, and has now.
    pub(super) fn add(&mut self, slot: u32, delta: i64) -> (bool, bool) {
        let count = &mut self.counts[slot as usize];
        let before = *count > 0;
        *count += delta;
        let after = *count > 0;
        self.changed.note(&[slot]);
        (before, after)
    }

    /// Rows have come in an epoch, if that is asked for.
    pub(super) fn come(&mut self, slots: &[u32], epoch: i64) {
        if self.changed.begun() {
            self.came_in(slots, std::iter::repeat(epoch));
        }
    }

    /// Rows are told by these epochs.
    pub(super) fn came_in(&mut self, slots: &[u32], epochs: impl Iterator<Item = i64>) {
        let Some(came) = &mut self.came else { return };
        let most = slots.iter().max().map_or(0, |slot| *slot as usize + 1);
        if came.len() < most {
            came.resize(most, 0);
        }
        for (slot, epoch) in slots.iter().zip(epochs) {
            came[*slot as usize] = epoch;
        }
    }

    /// From now on changes are noted; there are `all` slots.
    pub(super) fn begin(&mut self, all: usize) {
        self.changed.begin();
        self.kept = 0;
        if let Some(came) = &mut self.came {
            came.extend((came.len()..all).map(|slot| -1 - slot as i64));
        }
    }

    /// What stands beside the rows of these slots: how many partners they have.
    pub(super) fn counts_of(&self, slots: &[u32]) -> ArrayRef {
        column_of(slots.iter().map(|slot| self.get(*slot).unwrap_or(0)))
    }

    /// What tells equal rows apart.
    pub(super) fn epochs_of(&self, slots: &[u32]) -> Option<ArrayRef> {
        let came = self.came.as_ref()?;
        Some(column_of(slots.iter().map(|slot| came.get(*slot as usize).copied().unwrap_or(-1 - i64::from(*slot)))))
    }

    /// Counts that checkpoints keep with the next changes, beside the whole state.
    pub(super) fn kept(&self) -> usize {
        self.kept + self.changed.len()
    }

    /// The rows whose counts have changed, each with its count, and with what tells it from its equals.
    pub(super) fn take_changes(&mut self, rows: &Arrangement) -> Result<Vec<RecordBatch>> {
        let mut slots = self.changed.take(usize::MAX).unwrap_or_default();
        slots.retain(|slot| rows.weight(*slot) != 0);
        self.kept += slots.len();
        let batch = |slots: &[u32]| {
            let mut columns = rows.gather_all(slots)?;
            columns.push(self.counts_of(slots));
            columns.extend(self.epochs_of(slots));
            table(columns)
        };
        slots.chunks(ROWS_MAX).map(batch).collect()
    }
}

impl Side {
    /// Takes up what [`Partners::take_changes`] has given, one checkpoint after the other, when all rows are there.
    pub(super) fn restore_partners(&mut self, changes: &[RecordBatch]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let all = self.arrangement.read().slots();
        if self.arrangement.read().retracts() {
            let row: Vec<usize> = (0..self.schema.fields().len()).collect();
            for rows in changes {
                let counts = numbers(rows, row.len())?;
                let found = self.arrangement.write().slots_of(&rows.project(&row)?)?;
                let (mut slots, mut own) = (vec![], vec![]);
                for (slot, count) in found.iter().zip(counts.values()).filter(|(slot, _)| **slot != ABSENT) {
                    slots.push(*slot);
                    own.push(*count);
                }
                self.partners.set(&slots, &own, all);
            }
            return Ok(());
        }
        let mut told = Told::new(self)?;
        changes.iter().try_for_each(|rows| told.hear(rows))?;
        let stored = self.arrangement.read().stored();
        for slots in stored.chunks(ROWS_MAX) {
            let (slots, counts) = told.of(self, slots)?;
            self.partners.set(&slots, &counts, all);
        }
        Ok(())
    }
}

/// Counts by the content of rows, for rows that are not found by it.
struct Told {
    converter: RowConverter,
    width: usize,
    counts: HashMap<Box<[u8]>, i64>,
}

impl Told {
    fn new(side: &Side) -> Result<Self> {
        let row = side.schema.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let epoch = side.partners.came.as_ref().map(|_| SortField::new(arrow::datatypes::DataType::Int64));
        let converter = RowConverter::new(row.chain(epoch).collect())?;
        Ok(Told { converter, width: side.schema.fields().len(), counts: HashMap::new() })
    }

    fn hear(&mut self, rows: &RecordBatch) -> Result<()> {
        let counts = numbers(rows, self.width)?;
        let (row, _) = split(rows, self.width)?;
        let (_, epoch) = split(rows, self.width + 1)?;
        let columns: Vec<ArrayRef> = row.iter().chain(epoch).cloned().collect();
        let bytes = self.converter.convert_columns(&columns).map_err(|_| foreign_state(self.width + 1))?;
        for (row, count) in bytes.iter().zip(counts.values()) {
            self.counts.insert(row.as_ref().into(), *count);
        }
        Ok(())
    }

    /// Those of some stored rows that have been told of, and their counts.
    fn of(&self, side: &Side, slots: &[u32]) -> Result<(Vec<u32>, Vec<i64>)> {
        let mut columns = side.arrangement.read().gather_all(slots)?;
        columns.extend(side.partners.epochs_of(slots));
        let bytes = self.converter.convert_columns(&columns)?;
        let counts = slots.iter().zip(bytes.iter()).filter_map(|(slot, row)| {
            let count = self.counts.get(row.as_ref())?;
            Some((*slot, *count))
        });
        Ok(counts.unzip())
    }
}
