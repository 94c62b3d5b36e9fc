//! Rows of a join that are forgotten after a time. What they have given stays.

use arrow::array::BooleanArray;
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

    /// Notes when rows have come or changed.
    pub(super) fn stamp(&mut self, slots: &[u32], now_ms: i64) {
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
        let Some(side) = self.sides.get_mut(which).filter(|side| side.ages.is_some()) else { return Ok(Some(delta)) };
        let Some(diffs) = &delta.diffs else { return Ok(Some(delta)) };
        let stored = side.arrangement.write().slots_of(&delta.rows)?;
        let known = |row: usize| stored.get(row).is_some_and(|slot| *slot != ABSENT);
        let kept: BooleanArray =
            diffs.values().iter().enumerate().map(|(row, diff)| Some(*diff > 0 || known(row))).collect();
        if kept.true_count() == delta.rows.num_rows() {
            return Ok(Some(delta));
        }
        let kept = pick(&delta, &kept)?;
        Ok((kept.rows.num_rows() > 0).then_some(kept))
    }
}
