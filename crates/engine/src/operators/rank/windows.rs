//! Rankings within windows: told once when the window closes, or told early and corrected; forgotten when it is over.

use arrow::array::{Array, BooleanArray};
use sloth_types::Result;

use super::{Output, RankFunction, RankOperator, by_place, range};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::operators::join::pick;
use crate::operators::window_assign::millis;

impl RankOperator {
    /// Leaves out rows of windows that are over.
    pub(super) fn without_late(&self, epoch: &EpochInfo, batch: &Batch) -> Result<Batch> {
        let Some(column) = self.rank.window_end else { return Ok(batch.clone()) };
        let watermark = self.times[1].late_watermark(epoch);
        let ends = millis(batch.rows.column(column))?;
        let in_time = |row: usize| ends.is_valid(row) && !watermark.completes(ends.value(row));
        let mask: BooleanArray = (0..ends.len()).map(|row| Some(in_time(row))).collect();
        let late = ends.len() - mask.true_count();
        if late == 0 {
            return Ok(batch.clone());
        }
        self.context.figures.late_rows.add(late as u64);
        pick(batch, &mask)
    }

    /// True when the outside has been told of a partition before this epoch, or is told in every epoch.
    pub(super) fn is_told(&self, epoch: &EpochInfo, partition: u32) -> bool {
        if self.rank.window_end.is_none() {
            return true;
        }
        let end = self.window_of.get(partition as usize).copied().unwrap_or(i64::MIN);
        self.window_is_told(epoch, end)
    }

    fn window_is_told(&self, epoch: &EpochInfo, end: i64) -> bool {
        let emission = &self.rank.emission;
        emission.early.is_some() || (emission.lateness_ms > 0 && self.times[0].watermark_before(epoch).completes(end))
    }

    /// A partition has got its first row.
    pub(super) fn begin_window(&mut self, end: i64, partition: u32) {
        let place = partition as usize;
        if self.window_of.len() <= place {
            self.window_of.resize(place + 1, i64::MIN);
        }
        self.window_of[place] = end;
        self.windows.entry(end).or_default().push(partition);
    }

    /// Gives out the windows that the watermark has passed and forgets those that are over.
    pub(super) fn close(&mut self, epoch: &EpochInfo, out: &mut Output, closed: &mut Vec<u32>) {
        let [complete, over] = self.times.each_ref().map(|time| time.watermark(epoch));
        let ends: Vec<i64> = self.windows.keys().copied().take_while(|end| complete.completes(*end)).collect();
        for end in ends {
            if !self.window_is_told(epoch, end) {
                self.tell(end, out);
            }
            if over.completes(end) {
                for partition in self.partitions_of(end) {
                    self.rows.truncate(partition, 0, &mut self.gone);
                    closed.push(partition);
                }
                self.windows.remove(&end);
            }
        }
    }

    /// Gives out all rows of a window.
    fn tell(&mut self, end: i64, out: &mut Output) {
        let mut entries = vec![];
        for partition in self.partitions_of(end) {
            entries.clear();
            range(&self.rows, &self.rank, partition, &mut entries);
            match self.rank.output && self.rank.function == RankFunction::RowNumber {
                true => by_place(partition, &[], &entries, false, out),
                false => entries.iter().for_each(|e| out.push(partition, *e, 1)),
            }
        }
    }

    /// The partitions of a window. One whose rows have all been taken back may have begun twice, or be another window's
    /// by now.
    fn partitions_of(&self, end: i64) -> Vec<u32> {
        let mut partitions = self.windows.get(&end).cloned().unwrap_or_default();
        partitions.sort_unstable();
        partitions.dedup();
        partitions.retain(|partition| self.window_of.get(*partition as usize) == Some(&end));
        partitions
    }
}
