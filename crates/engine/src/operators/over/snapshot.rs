//! The state of OVER as rows for a checkpoint, and back. What has changed in it is what it has told: rows with their results
//! that come and go.

use arrow::array::{ArrayRef, RecordBatch};
use sloth_types::{Result, Watermark};

use super::OverOperator;
use crate::operators::window::fit;
use crate::state::changed::standing;
use crate::state::snapshot::{Owner, Section, batches_of, foreign_state, number, numbers, split, take_newest_number};

/// Rows that have come and gone, with their results.
const CHANGES: &str = "rows changes";

/// The watermark that has passed rows.
const PASSED: &str = "passed";

impl OverOperator {
    pub(super) fn save_whole(&mut self) -> Result<Vec<Section>> {
        let rows = self.rows.save(self.rows.partitions(), |slots, of| {
            let mut beside = self.results.gather_all(slots)?;
            beside.extend(self.passed_columns(slots, of));
            Ok(beside)
        })?;
        let mut sections = vec![Section::new("rows", Owner::Key(self.over.partition.clone()), rows)];
        if let Some(early) = &self.early {
            let states = self.states_as_batches(|_| true)?;
            sections.push(Section::new("states", Owner::Key(self.key()), states));
            sections.push(number(PASSED, early.passed())?);
        }
        Ok(sections)
    }

    /// What has been told, and what has been forgotten of which rows have come to something.
    pub(super) fn save_told(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.told.known() {
            return Ok(None);
        }
        let mut sections = vec![Section::new(CHANGES, Owner::Key(self.over.partition.clone()), self.told.take()?)];
        if let Some(early) = &self.early {
            sections.push(number(PASSED, early.passed())?);
            let partitions = self.changed.take(usize::MAX).unwrap_or_default();
            let states = self.states_as_batches(|partition| partitions.binary_search(&partition).is_ok())?;
            sections.push(self.changed.rows("states", &self.key(), states)?);
        }
        Ok(Some(sections))
    }

    pub(super) fn restore_all(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in standing(&mut state, "rows", &self.over.partition)? {
            let restored = self.rows.restore(&rows)?;
            let (results, passed) =
                restored.beside.split_at_checked(self.types.len()).ok_or_else(|| foreign_state(rows.num_columns()))?;
            let all: Vec<u32> = (0..rows.num_rows() as u32).collect();
            self.results.store(results, &all, &restored.slots)?;
            self.restore_passed(&restored.slots, &restored.partitions, passed)?;
        }
        for rows in batches_of(&mut state, CHANGES) {
            self.restore_told(&rows)?;
        }
        if self.early.is_some() {
            for rows in standing(&mut state, "states", &self.key())? {
                self.restore_states(&rows)?;
            }
        }
        if let Some(passed) = take_newest_number(&mut state, PASSED)? {
            // What rows have come to that are forgotten is known.
            self.forget_behind(Watermark(passed), false)?;
        }
        if self.early.is_none() {
            self.rows.partitions().for_each(|partition| self.rows.forget(partition));
        }
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.results.bytes());
        Ok(())
    }

    /// Takes up rows that have come or gone with their results.
    fn restore_told(&mut self, rows: &RecordBatch) -> Result<()> {
        let (width, own) = (self.input.fields().len(), self.schema.fields().len());
        let diffs = numbers(rows, own)?;
        let (columns, _) = split(rows, own)?;
        let (input, results) = columns.split_at(width);
        let input = fit(&self.input, input.to_vec())?;
        let (located, spelled) = (self.rows.locate(&input)?, self.rows.spell(&input, None)?);
        let times = self.early.as_ref().map(|early| early.times_of(&input)).transpose()?;
        let probe = self.results.probe(results)?;
        let (mut came, mut slots, mut gone, mut buffer) = (vec![], vec![], vec![], vec![]);
        for (row, diff) in diffs.values().iter().enumerate() {
            let (located_row, spelled_row) = ((&located, row), (&spelled, row));
            if *diff > 0 {
                let partition = located.partitions.get(row).copied().unwrap_or(0);
                let slot = self.rows.change_copy(located_row, spelled_row, true, &mut buffer);
                let slot = slot.ok_or_else(|| foreign_state(own))?;
                if let (Some(early), Some(time)) = (&mut self.early, times.as_ref().and_then(|times| times.get(row))) {
                    early.came(partition, slot, *time);
                }
                came.push(row as u32);
                slots.push(slot);
                continue;
            }
            // Of equal rows the one with these results goes: it hands its place to the last of them.
            let copies = self.rows.copies(located_row, spelled_row, &mut buffer);
            let told = copies.iter().copied().find(|slot| self.results.same(*slot, &probe, row));
            let last = self.rows.change_copy(located_row, spelled_row, false, &mut buffer);
            let (Some(told), Some(last)) = (told, last) else { return Err(foreign_state(own)) };
            if told != last {
                let moved: Vec<ArrayRef> = self.results.gather_all(&[last])?;
                self.results.clear(told);
                self.results.store(&moved, &[0], &[told])?;
            }
            gone.push(last);
        }
        self.results.store(results, &came, &slots)?;
        gone.iter().for_each(|slot| self.results.clear(*slot));
        self.rows.free(&mut gone);
        Ok(())
    }

    fn key(&self) -> Vec<usize> {
        (0..self.over.partition.len()).collect()
    }
}
