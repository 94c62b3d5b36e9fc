//! Ranked rows as rows for a checkpoint, and back.

use arrow::array::ArrayRef;
use sloth_plan::Ties;
use sloth_types::Result;

use super::places::range;
use super::{Output, RankOperator};
use crate::message::Batch;
use crate::operators::Operator;
use crate::operators::window_assign::millis;
use crate::state::ages::Ages;
use crate::state::changed::standing;
use crate::state::snapshot::{Owner, Section, column_of};

impl RankOperator {
    pub(super) fn save_rows(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        let rows = self.rows.save(self.rows.partitions(), |_, partitions| self.stamps(partitions))?;
        Ok(vec![Section::new("rows", Owner::Key(self.rank.partition.clone()), rows)])
    }

    /// Partitions that have changed, whole.
    pub(super) fn save_changed(&mut self) -> Result<Option<Vec<Section>>> {
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
        self.gauge.set(self.rows.len(), self.rows.bytes());
        Ok(())
    }
}
