//! Ranked rows as rows for a checkpoint, and back.

use arrow::array::{ArrayRef, RecordBatch};
use sloth_plan::Ties;
use sloth_types::Result;

use super::places::range;
use super::{Output, RankOperator};
use crate::message::Batch;
use crate::operators::Operator;
use crate::operators::window_assign::millis;
use crate::state::ages::Ages;
use crate::state::changed::standing;
use crate::state::snapshot::{Owner, Section, batches_of, column_of, numbers};

/// Rows that have come and gone.
const CHANGES: &str = "rows changes";

impl RankOperator {
    /// A checkpoint is told of rows that have come and gone, not of whole partitions: these may be large where rows may be
    /// taken back, as any of them may come into the range. (What is forgotten or over goes by partitions.)
    pub(super) fn tells_rows(&self) -> bool {
        self.retracts && self.rank.ties == Ties::Content && self.ages.is_none() && self.rank.window_end.is_none()
    }

    pub(super) fn save_rows(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        let rows = self.rows.save(self.rows.partitions(), |_, partitions| self.stamps(partitions))?;
        Ok(vec![Section::new("rows", Owner::Key(self.rank.partition.clone()), rows)])
    }

    /// Rows that have changed, or partitions that have, whole.
    pub(super) fn save_changed(&mut self) -> Result<Option<Vec<Section>>> {
        if self.tells_rows() {
            if !self.moved.known() {
                return Ok(None);
            }
            let owner = Owner::Key(self.rank.partition.clone());
            return Ok(Some(vec![Section::new(CHANGES, owner, self.moved.take()?)]));
        }
        let Some(partitions) = self.changed.take(usize::MAX) else { return Ok(None) };
        let rows: usize = partitions.iter().map(|partition| self.rows.len_of(*partition)).sum();
        if rows > self.rows.len() / 2 {
            return Ok(None);
        }
        let rows = self.rows.save(partitions.into_iter(), |_, partitions| self.stamps(partitions))?;
        self.changed.sections("rows", &self.rank.partition, rows).map(Some)
    }

    /// The rows whose ranks are in the range. What windows have told, or what is forgotten, is not known any more.
    pub(super) fn all_in_range(&self) -> Result<Option<Vec<Batch>>> {
        if self.rank.window_end.is_some() || self.ages.is_some() {
            return Ok(None);
        }
        let (mut all, mut entries) = (Output::default(), vec![]);
        for partition in self.rows.partitions() {
            entries.clear();
            range(&self.rows, &self.rank, partition, &mut entries);
            self.difference(partition, &[], &entries, &mut all);
        }
        let mut batches = vec![];
        self.emit(all, &mut batches)?;
        Ok(Some(batches))
    }

    fn stamps(&self, partitions: &[u32]) -> Result<Vec<ArrayRef>> {
        let stamps = |ages: &Ages| column_of(partitions.iter().map(|partition| ages.stamp(*partition)));
        Ok(self.ages.iter().map(stamps).collect())
    }

    pub(super) fn restore_rows(&mut self, mut state: Vec<Section>) -> Result<()> {
        let mut known = None;
        for rows in standing(&mut state, "rows", &self.rank.partition)? {
            let restored = self.rows.restore(&rows)?;
            // The rows of a partition are on one worker: their order of arrival is told by their stamps.
            let arrived = restored.stamps.iter().map(|stamp| match self.rank.ties {
                Ties::Latest { .. } => !stamp,
                _ => *stamp,
            });
            self.arrived = arrived.map(|stamp| stamp + 1).max().unwrap_or(0).max(self.arrived);
            if let (Some(ages), Some(stamps)) = (&mut self.ages, restored.beside.first()) {
                let stamps = crate::operators::stages::weights(stamps);
                let mut order: Vec<(i64, u32)> =
                    stamps.values().iter().copied().zip(restored.partitions.iter().copied()).collect();
                order.sort_unstable();
                order.iter().for_each(|(at, partition)| ages.touch(*partition, *at));
            }
            let Some(column) = self.rank.window_end else { continue };
            let ends = millis(rows.column(column))?;
            // The rows of a partition come one after the other.
            for (partition, end) in restored.partitions.iter().zip(ends.values()) {
                if known.replace(*partition) != Some(*partition) {
                    self.begin_window(*end, *partition);
                }
            }
        }
        for rows in batches_of(&mut state, CHANGES) {
            self.restore_moved(&rows)?;
        }
        self.gauge.set(self.rows.len(), self.rows.bytes());
        Ok(())
    }

    /// Takes up rows that have come or gone, each with its weight.
    fn restore_moved(&mut self, rows: &RecordBatch) -> Result<()> {
        let width = rows.num_columns().saturating_sub(1);
        let weights = numbers(rows, width)?;
        let rows = rows.project(&(0..width).collect::<Vec<_>>())?;
        let (located, spelled) = (self.rows.locate(&rows)?, self.rows.spell(&rows, None)?);
        let mut gone = vec![];
        for (row, weight) in weights.values().iter().enumerate() {
            let (slot, moved) = self.rows.change((&located, row), (&spelled, row), 0, *weight, &mut self.buffer);
            gone.extend((moved == Some(false)).then_some(slot));
        }
        self.rows.free(&mut gone);
        let mut partitions = located.partitions;
        partitions.sort_unstable();
        partitions.dedup();
        partitions.into_iter().for_each(|partition| self.rows.forget(partition));
        Ok(())
    }
}
