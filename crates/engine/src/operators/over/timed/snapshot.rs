//! The state of OVER in the order of time as rows for a checkpoint, and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use sloth_plan::{OverCall, Reach};
use sloth_types::Result;

use super::{Running, TimedOver};
use crate::state::snapshot::{Owner, ROWS_MAX, Section, batches_of, column_of, foreign_state, split, table};

impl TimedOver {
    /// The rows, each with its time and whether it has been given out.
    pub(super) fn save_rows(&self) -> Result<Section> {
        let mut given = vec![false; self.times.len()];
        for (partition, part) in &self.partitions {
            for slot in self.rows.rows_of(*partition).take(part.emitted) {
                given[slot as usize] = true;
            }
        }
        let rows = self.rows.save(self.rows.partitions(), |slots, _| {
            let times = column_of(slots.iter().map(|slot| self.times[*slot as usize]));
            let given: BooleanArray = slots.iter().map(|slot| Some(given[*slot as usize])).collect();
            Ok(vec![times, Arc::new(given)])
        })?;
        Ok(Section::new("rows", Owner::Key(self.over.partition.clone()), rows))
    }

    /// For each partition its key and what its rows have come to, call by call.
    pub(super) fn save_running(&mut self) -> Result<Section> {
        let mut parts: Vec<(u32, Vec<(&OverCall, &mut Running)>)> = vec![];
        for (partition, part) in &mut self.partitions {
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
        Ok(Section::new("running", Owner::Key((0..self.over.partition.len()).collect()), rows))
    }

    pub(super) fn restore_rows(&mut self, state: &mut [Section]) -> Result<()> {
        for rows in batches_of(state, "rows") {
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
                    && let Some(time) = self.forgotten_at(time)
                {
                    self.is_due(*partition, time);
                }
            }
        }
        Ok(())
    }

    pub(super) fn restore_running(&mut self, state: &mut [Section]) -> Result<()> {
        let keys = self.over.partition.len();
        for rows in batches_of(state, "running") {
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
