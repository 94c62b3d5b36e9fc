//! Rows of a join that are forgotten after a time. What they have given stays.

use arrow::array::{BooleanArray, Int64Array};
use sloth_types::Result;

use super::{JoinOperator, Side, pick};
use crate::message::Batch;
use crate::state::keys::ABSENT;

impl Side {
    /// Forgets the rows that have been there for long enough; says how many.
    pub(super) fn forget(&mut self, now_ms: i64) -> usize {
        let Some(ages) = &mut self.ages else { return 0 };
        let expired = ages.expired(now_ms);
        for slot in &expired {
            self.arrangement.write().remove(*slot);
        }
        expired.len()
    }

    /// Changes are kept with the clock and the epoch in which they came: rows are forgotten by the one, or told apart by the
    /// other.
    pub(super) fn tells_epochs(&self) -> bool {
        self.ages.is_some() || self.partners.by_epoch()
    }

    /// Notes when rows have come or changed: the clock, and the epoch's number.
    pub(super) fn stamp(&mut self, slots: &[u32], [now_ms, epoch]: [i64; 2]) {
        if self.tells_epochs() && self.arrangement.read().knows_changes() {
            self.clocks.push([now_ms, epoch]);
        }
        self.partners.come(slots, epoch);
        let Some(ages) = &mut self.ages else { return };
        for slot in slots {
            match self.arrangement.read().weight(*slot) {
                0 => ages.forget(*slot),
                _ => ages.touch(*slot, now_ms),
            }
        }
    }
}

impl JoinOperator {
    /// The changes of a side without the retractions of rows that it has forgotten: what these have given stays.
    pub(super) fn without_forgotten(&mut self, which: usize, delta: Batch) -> Result<Option<Batch>> {
        // Of windows that are over nothing comes.
        let forgets = self.windows.is_none();
        let side = self.sides.get_mut(which).filter(|side| forgets && side.ages.is_some());
        let Some(side) = side else { return Ok(Some(delta)) };
        let Some(diffs) = &delta.diffs else { return Ok(Some(delta)) };
        let stored = side.arrangement.write().slots_of(&delta.rows)?;
        let weight = |row: usize| match stored.get(row) {
            Some(slot) if *slot != ABSENT => side.arrangement.read().weight(*slot),
            _ => 0,
        };
        // No more is taken back than is remembered.
        let left: Vec<i64> =
            diffs.values().iter().enumerate().map(|(row, diff)| (*diff).max(-weight(row).max(0))).collect();
        if left == *diffs.values() {
            return Ok(Some(delta));
        }
        let kept: BooleanArray = left.iter().map(|diff| Some(*diff != 0)).collect();
        let kept = pick(&Batch { diffs: Some(Int64Array::from(left)), ..delta }, &kept)?;
        Ok((kept.rows.num_rows() > 0).then_some(kept))
    }

    /// Partners may be forgotten that have made a stored row one with partners: equal rows, and its retraction, are told
    /// as it was.
    pub(super) fn as_told(&mut self, which: usize, delta: &Batch, partners: &mut [i64]) -> Result<()> {
        if self.join.ttl_ms == [None; 2] {
            return Ok(());
        }
        let Some(side) = self.sides.get_mut(which) else { return Ok(()) };
        let stored = side.arrangement.write().slots_of(&delta.rows)?;
        for (partners, slot) in partners.iter_mut().zip(stored).filter(|(_, slot)| *slot != ABSENT) {
            *partners = side.partners.get(slot).unwrap_or(*partners);
        }
        Ok(())
    }
}
