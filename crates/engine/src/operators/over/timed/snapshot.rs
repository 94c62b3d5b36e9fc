//! The state of OVER in the order of time as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use sloth_plan::{OverCall, Reach};
use sloth_types::{Result, Watermark};

use super::{Running, TimedOver, forgotten_at};
use crate::operators::window::fit;
use crate::state::changed::standing;
use crate::state::snapshot::{
    Owner, ROWS_MAX, Section, batches_of, column_of, foreign_state, number, numbers, split, table, take_newest_number,
};

/// Rows that have come, each with its time.
const CHANGES: &str = "rows changes";

/// What has passed rows.
const PASSED: &str = "passed";

impl TimedOver {
    pub(super) fn save_whole(&mut self) -> Result<Vec<Section>> {
        let rows = self.rows_as_batches(self.rows.partitions())?;
        let running = self.running_as_batches(&|_| true)?;
        Ok(vec![
            Section::new("rows", Owner::Key(self.over.partition.clone()), rows),
            Section::new("running", Owner::Key(self.running_key()), running),
            number(PASSED, self.passed)?,
        ])
    }

    /// Rows that have come, and what rows have come to. Which have gone follows from what has passed them.
    pub(super) fn save_changed(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.came.known() {
            return Ok(None);
        }
        let partitions = self.changed.take(usize::MAX).unwrap_or_default();
        let running = self.running_as_batches(&|partition| partitions.binary_search(&partition).is_ok())?;
        Ok(Some(vec![
            Section::new(CHANGES, Owner::Key(self.over.partition.clone()), self.came.take()?),
            self.changed.rows("running", &self.running_key(), running)?,
            number(PASSED, self.passed)?,
        ]))
    }

    fn running_key(&self) -> Vec<usize> {
        (0..self.over.partition.len()).collect()
    }

    /// The rows of some partitions, each with its time and whether it has been given out.
    fn rows_as_batches(&self, partitions: impl Iterator<Item = u32>) -> Result<Vec<RecordBatch>> {
        let mut given = vec![false; self.times.len()];
        for (partition, part) in &self.partitions {
            for slot in self.rows.rows_of(*partition).take(part.emitted) {
                given[slot as usize] = true;
            }
        }
        self.rows.save(partitions, |slots, _| {
            let times = column_of(slots.iter().map(|slot| self.times[*slot as usize]));
            let given: BooleanArray = slots.iter().map(|slot| Some(given[*slot as usize])).collect();
            Ok(vec![times, Arc::new(given)])
        })
    }

    /// For each of some partitions its key and what its rows have come to, call by call.
    fn running_as_batches(&mut self, of: &dyn Fn(u32) -> bool) -> Result<Vec<RecordBatch>> {
        let mut parts: Vec<(u32, Vec<(&OverCall, &mut Running)>)> = vec![];
        for (partition, part) in self.partitions.iter_mut().filter(|(partition, _)| of(**partition)) {
            let calls = self.over.calls.iter().zip(&mut part.running);
            let running: Vec<_> = calls.filter_map(|(call, running)| Some((call, running.as_mut()?))).collect();
            if !running.is_empty() {
                parts.push((*partition, running));
            }
        }
        // A hash map has no order of its own.
        parts.sort_unstable_by_key(|(partition, _)| *partition);
        let calls = parts.first().map_or(0, |(_, running)| running.len());
        let mut rows = vec![];
        for chunk in parts.chunks_mut(ROWS_MAX) {
            let partitions: Vec<u32> = chunk.iter().map(|(partition, _)| *partition).collect();
            let mut columns = self.rows.partition_columns(&partitions)?;
            for i in 0..calls {
                let mut call = None;
                let mut states = Vec::with_capacity(chunk.len());
                for (of, running) in chunk.iter_mut().filter_map(|(_, running)| running.get_mut(i)) {
                    call = Some(*of);
                    states.push(&mut **running);
                }
                if let Some(call) = call {
                    columns.extend(Running::save(call, &mut states)?);
                }
            }
            rows.push(table(columns)?);
        }
        Ok(rows)
    }

    pub(super) fn restore_rows(&mut self, state: &mut [Section]) -> Result<()> {
        for rows in standing(state, "rows", &self.over.partition)? {
            let restored = self.rows.restore(&rows)?;
            self.arrived = restored.stamps.iter().copied().max().unwrap_or(0).max(self.arrived);
            let wrong = || foreign_state(rows.num_columns());
            let [times, given] = restored.beside else { return Err(wrong()) };
            let times = crate::operators::stages::weights(times);
            let given = given.as_boolean_opt().ok_or_else(wrong)?;
            for (row, (slot, partition)) in restored.slots.iter().zip(&restored.partitions).enumerate() {
                let time = times.value(row);
                self.set_time(*slot, time);
                if !given.value(row) {
                    self.is_due(*partition, time);
                    continue;
                }
                let part = self.partitions.entry(*partition).or_default();
                part.emitted += 1;
                if part.emitted == 1
                    && let Some(time) = forgotten_at(&self.over, time, usize::MAX)
                {
                    self.is_due(*partition, time);
                }
            }
        }
        Ok(())
    }

    /// Takes up the rows that have come since the last whole state, and forgets those that are not looked at any more.
    pub(super) fn restore_passed(&mut self, state: &mut [Section]) -> Result<()> {
        let width = self.input.fields().len();
        for rows in batches_of(state, CHANGES) {
            let (columns, _) = split(&rows, width)?;
            let times = numbers(&rows, width)?;
            self.take_in(&fit(&self.input, columns.to_vec())?, times.values())?;
        }
        if let Some(passed) = take_newest_number(state, PASSED)? {
            self.fire(Watermark(passed), None)?;
            self.rows.free(&mut self.gone);
        }
        Ok(())
    }

    pub(super) fn restore_running(&mut self, state: &mut [Section]) -> Result<()> {
        let keys = self.over.partition.len();
        for rows in standing(state, "running", &self.running_key())? {
            let (key, mut states) = split(&rows, keys)?;
            let partitions = self.rows.partitions_of(key, rows.num_rows())?;
            for partition in &partitions {
                let part = self.partitions.entry(*partition).or_default();
                part.running.resize_with(self.over.calls.len(), || None);
            }
            for (i, call) in self.over.calls.iter().enumerate().filter(|(_, call)| call.reach == Reach::Running) {
                let (own, rest): (&[ArrayRef], _) =
                    states.split_at_checked(Running::width(call)?).ok_or_else(|| foreign_state(keys))?;
                states = rest;
                for (row, partition) in partitions.iter().enumerate() {
                    let running = Running::restore(call, own, row)?;
                    if let Some(place) = self.partitions.get_mut(partition).and_then(|part| part.running.get_mut(i)) {
                        *place = Some(running);
                    }
                }
            }
        }
        Ok(())
    }
}
