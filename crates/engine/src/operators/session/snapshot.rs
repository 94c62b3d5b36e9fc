//! Open sessions as rows for a checkpoint, and back.

use arrow::array::RecordBatch;
use sloth_types::Result;

use super::{NONE, SessionOperator};
use crate::state::keys::RowSet;
use crate::state::snapshot::{Owner, ROWS_MAX, Section, column_of, foreign_state, numbers, table};

impl SessionOperator {
    /// Of each session its end, its start, its key and its states; of a key the one first that was opened first.
    pub(super) fn save_sessions(&mut self) -> Result<Section> {
        let heads = self.heads.clone();
        Ok(Section::new("sessions", Owner::Key(self.key_places()), self.rows_of(&heads)?))
    }

    /// The sessions of keys that have changed, and the keys that have none any more.
    pub(super) fn save_changed(&mut self, keys: &[u32]) -> Result<Vec<Section>> {
        let heads: Vec<u32> = keys.iter().map(|key| self.heads[*key as usize]).collect();
        let rows = self.rows_of(&heads)?;
        self.changed.sections("sessions", &self.key_places(), rows)
    }

    /// The columns of the key.
    pub(super) fn key_places(&self) -> Vec<usize> {
        (2..2 + self.spec.keys.len()).collect()
    }

    fn rows_of(&mut self, heads: &[u32]) -> Result<Vec<RecordBatch>> {
        let mut slots = vec![];
        for head in heads {
            let mut at = *head;
            while at != NONE {
                slots.push(at);
                at = self.sessions[at as usize].next;
            }
        }
        slots.reverse();
        let mut rows = vec![];
        for slots in slots.chunks(ROWS_MAX) {
            let of = |slot: &u32| self.sessions[*slot as usize];
            let keys: Vec<u32> = slots.iter().map(|slot| of(slot).key).collect();
            let mut columns = vec![
                column_of(slots.iter().map(|slot| of(slot).end)),
                column_of(slots.iter().map(|slot| of(slot).start)),
            ];
            columns.extend(self.spec.key_columns(&self.keys, &keys)?);
            columns.extend(self.groups.states(slots)?);
            rows.push(table(columns)?);
        }
        Ok(rows)
    }

    pub(super) fn restore_sessions(&mut self, rows: &RecordBatch) -> Result<()> {
        let (ends, starts) = (numbers(rows, 0)?, numbers(rows, 1)?);
        // Behind the end, the columns are those of partials.
        let partials: Vec<usize> = (1..rows.num_columns()).collect();
        let partials = self.spec.prepare_partial(&rows.project(&partials).map_err(|_| foreign_state(1))?)?;
        let mut keys = vec![];
        self.keys.intern(&partials.keys, &RowSet::Range(0..rows.num_rows()), &mut keys);
        self.heads.resize(self.keys.slots(), NONE);
        let mut slots = Vec::with_capacity(keys.len());
        for (key, (start, end)) in keys.iter().zip(starts.values().iter().zip(ends.values())) {
            slots.push(self.open(*key, *start, *end));
        }
        self.groups.make_slots(self.sessions.len());
        self.groups.merge_slots(&partials, &slots)
    }
}
