//! The rows that wait for partners as rows for a checkpoint, and back.
//!
//! ```text
//!  left            rows │ weight │ has had a partner      everything, once in a while
//!  left changes    rows │ weight │ has had a partner      rows that have come since the checkpoint before
//!  left met        rows                                   rows of earlier checkpoints that have had their first partner since
//!  left expired    watermark                              rows whose time has passed by it have gone
//! ```
//!
//! Equal rows meet the same partners: what is said of one holds for all of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use sloth_types::Result;

use super::{IntervalJoinOperator, Side};
use crate::operators::join::{CHANGES, SIDES, owners};
use crate::state::arrangement::Written;
use crate::state::keys::{ABSENT, KeyEncoder, KeyTable, RowSet};
use crate::state::snapshot::{ROWS_MAX, Section, batches_of, foreign_state, number, table, take_newest_number};

const MET: [&str; 2] = ["left met", "right met"];
const EXPIRED: [&str; 2] = ["left expired", "right expired"];

impl Side {
    fn matched_of(&self, slots: &[u32]) -> Vec<ArrayRef> {
        let matched = |slot: &u32| Some(self.matched.get(*slot as usize).copied().unwrap_or(false));
        vec![Arc::new(slots.iter().map(matched).collect::<BooleanArray>())]
    }

    /// Takes up rows, those of them that have not expired; `met` tells of some that they have had a partner.
    fn take_up(&mut self, rows: &RecordBatch, met: &mut Met) -> Result<()> {
        let (slots, beside) = self.arrangement.restore(rows)?;
        let matched = beside.first().and_then(|column| column.as_boolean_opt());
        let matched = matched.ok_or_else(|| foreign_state(rows.num_columns()))?;
        let has_met = met.of(rows)?;
        let matched = matched.values().iter().enumerate();
        let matched: Vec<bool> = matched.map(|(row, matched)| matched || has_met.get(row) == Some(&true)).collect();
        self.note(rows, &slots, matched.into_iter())
    }

    fn forget_expired(&mut self) {
        while let Some(entry) = self.expires.first_entry().filter(|e| *e.key() <= self.expired) {
            for slot in entry.remove() {
                self.arrangement.remove(slot);
            }
        }
    }
}

/// Rows that have had a partner, found by their content.
#[derive(Default)]
struct Met(Option<(KeyEncoder, KeyTable)>);

impl Met {
    fn of_batches(batches: &[RecordBatch]) -> Result<Met> {
        let mut met = Met::default();
        for rows in batches.iter().filter(|rows| rows.num_rows() > 0) {
            if met.0.is_none() {
                let encoder = KeyEncoder::new(rows.columns().iter().map(|c| c.data_type().clone()).collect())?;
                let keys = KeyTable::new(&encoder);
                met.0 = Some((encoder, keys));
            }
            let Some((encoder, keys)) = &mut met.0 else { break };
            keys.intern(&encoder.encode(rows.columns())?, &RowSet::Range(0..rows.num_rows()), &mut vec![]);
        }
        Ok(met)
    }

    /// Which of some rows are among them; nothing when none are.
    fn of(&mut self, rows: &RecordBatch) -> Result<Vec<bool>> {
        let Some((encoder, keys)) = &mut self.0 else { return Ok(vec![]) };
        // Behind the row stand its weight and whether it has had a partner.
        let width = rows.num_columns().saturating_sub(2);
        let columns = rows.columns().get(..width).ok_or_else(|| foreign_state(width))?;
        let mut found = vec![];
        keys.find(&encoder.encode(columns)?, &mut found, rows.num_rows());
        Ok(found.into_iter().map(|slot| slot != ABSENT).collect())
    }
}

impl IntervalJoinOperator {
    /// From now on rows that come and rows that have their first partner are noted.
    pub(super) fn note_changes(&mut self) {
        for side in &mut self.sides {
            side.came.begin();
            side.met.begin();
        }
    }

    pub(super) fn save_sides(&mut self) -> Result<Vec<Section>> {
        let owners = owners(&self.join, self.sides.each_ref().map(|side| side.schema.fields().len()));
        let mut sections = vec![];
        self.note_changes();
        for ((which, owner), side) in owners.into_iter().enumerate().zip(&mut self.sides) {
            let rows = side.arrangement.save(Written::Anyhow, |slots| Ok(side.matched_of(slots)))?;
            sections.push(Section::new(SIDES[which], owner, rows));
            sections.push(number(EXPIRED[which], side.expired)?);
        }
        Ok(sections)
    }

    /// Rows that have come, those that have met somebody, and the time up to which rows have gone.
    pub(super) fn save_side_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let many = |side: &Side| side.came.len() + side.met.len() > side.arrangement.len() / 2;
        if self.sides.iter().any(|side| !side.came.begun()) || self.sides.iter().all(many) {
            return Ok(None);
        }
        let owners = owners(&self.join, self.sides.each_ref().map(|side| side.schema.fields().len()));
        let mut sections = vec![];
        for ((which, owner), side) in owners.into_iter().enumerate().zip(&mut self.sides) {
            // Of rows that are written anew it is said there.
            let met: Vec<u32> = side.met.take(usize::MAX).unwrap_or_default();
            let met: Vec<u32> = met.into_iter().filter(|slot| !side.came.has(*slot)).collect();
            let came = side.came.take(usize::MAX).unwrap_or_default();
            let rows = side.arrangement.save_some(&came, |slots| Ok(side.matched_of(slots)))?;
            sections.push(Section::new(CHANGES[which], owner.clone(), rows));
            let met = met.chunks(ROWS_MAX).map(|slots| table(side.arrangement.gather_all(slots)?));
            sections.push(Section::new(MET[which], owner, met.collect::<Result<_>>()?));
            sections.push(number(EXPIRED[which], side.expired)?);
        }
        Ok(Some(sections))
    }

    pub(super) fn restore_sides(&mut self, mut state: Vec<Section>) -> Result<()> {
        for (which, side) in self.sides.iter_mut().enumerate() {
            let mut met = Met::of_batches(&batches_of(&mut state, MET[which]))?;
            for name in [SIDES[which], CHANGES[which]] {
                for rows in batches_of(&mut state, name) {
                    side.take_up(&rows, &mut met)?;
                }
            }
            side.expired = take_newest_number(&mut state, EXPIRED[which])?.unwrap_or(side.expired);
            side.forget_expired();
        }
        self.measure();
        Ok(())
    }
}
