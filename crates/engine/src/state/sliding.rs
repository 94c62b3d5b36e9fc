//! What is counted over the panes of a window that slides, without merging all of them each time it fires.
//!
//! ```text
//!   window 1:  │ a │ b │ c │            a, b, c have come
//!   window 2:      │ b │ c │ d │        d comes, a goes; b and c are not looked at
//! ```

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use sloth_types::Result;

use crate::aggregate::{SlidingCounts, Target};
use crate::state::groups::{Groups, GroupsSpec, all_slots};
use crate::state::keys::{EncodedKeys, KeyTable, RowSet};

/// Counts of the panes that have come and not gone. Not part of a checkpoint: the panes are.
pub(crate) struct SlidingGroups {
    keys: KeyTable,
    /// For each accumulator of a pane its counts, where they can slide.
    units: Vec<Option<SlidingCounts>>,
    /// The panes that have come: the slot of each of their groups.
    panes: BTreeMap<i64, Vec<u32>>,
    /// For each slot how many panes have its key.
    members: Vec<u32>,
}

impl SlidingGroups {
    /// No panes yet; absent when nothing can slide.
    pub(crate) fn new(spec: &GroupsSpec) -> Result<Option<SlidingGroups>> {
        let groups = spec.groups()?;
        let units = groups.sliding(!spec.keys.is_empty())?;
        let some = units.iter().any(Option::is_some);
        Ok(some.then(|| SlidingGroups { keys: groups.keys, units, panes: BTreeMap::new(), members: vec![] }))
    }

    /// True when it counts for this accumulator.
    pub(crate) fn counts(&self, unit: usize) -> bool {
        self.units.get(unit).is_some_and(Option::is_some)
    }

    /// True when the pane has come.
    pub(crate) fn has(&self, pane: i64) -> bool {
        self.panes.contains_key(&pane)
    }

    /// The panes that have come.
    pub(crate) fn panes(&self) -> Vec<i64> {
        self.panes.keys().copied().collect()
    }

    /// A pane comes.
    pub(crate) fn add(&mut self, spec: &mut GroupsSpec, pane: i64, groups: &mut Groups) -> Result<()> {
        let all = all_slots(groups.keys.slots());
        let columns = spec.key_columns(&groups.keys, &all)?;
        let keys = spec.encode(&columns)?;
        let mut slots = vec![];
        let rows = if matches!(keys, EncodedKeys::None) { 1 } else { all.len() };
        self.keys.intern(&keys, &RowSet::Range(0..rows), &mut slots);
        slots.resize(all.len(), 0);
        self.members.resize(self.keys.slots(), 0);
        slots.iter().for_each(|slot| self.members[*slot as usize] += 1);
        for (unit, counts) in self.units.iter_mut().enumerate() {
            if let Some(counts) = counts {
                counts.resize(self.members.len());
                for state in groups.state_of(unit, &all)? {
                    counts.add(&state, Target::Each(&slots))?;
                }
            }
        }
        self.panes.insert(pane, slots);
        Ok(())
    }

    /// A pane goes; `groups` are as they were when it came.
    pub(crate) fn take_back(&mut self, pane: i64, groups: &mut Groups) -> Result<()> {
        let Some(slots) = self.panes.remove(&pane) else { return Ok(()) };
        let all = all_slots(slots.len());
        for (unit, counts) in self.units.iter_mut().enumerate() {
            if let Some(counts) = counts {
                for state in groups.state_of(unit, &all)? {
                    counts.take_back(&state, Target::Each(&slots))?;
                }
            }
        }
        for slot in slots {
            let members = &mut self.members[slot as usize];
            *members -= 1;
            if *members == 0 {
                self.keys.remove(slot);
            }
        }
        Ok(())
    }

    /// For each accumulator the results of the groups with these keys, where it counts them.
    pub(super) fn results(&self, keys: &EncodedKeys, rows: usize) -> Vec<Option<Vec<ArrayRef>>> {
        let mut slots = vec![];
        self.keys.find(keys, &mut slots, rows);
        self.units.iter().map(|counts| counts.as_ref().map(|counts| counts.results(&slots))).collect()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.units.iter().flatten().map(SlidingCounts::bytes).sum::<usize>()
    }
}

#[cfg(test)]
#[path = "sliding/tests.rs"]
mod tests;
