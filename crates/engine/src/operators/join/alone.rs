//! Rows of one side by themselves: those without a partner, those with one, and what turns them.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, new_null_array};
use sloth_types::Result;

use super::residual::Moved;
use super::{Alone, JoinOperator, PAIRS_MAX, pick};
use crate::message::Batch;
use crate::operators::window::fit_rows;
use crate::state::keys::ABSENT;

impl JoinOperator {
    /// Rows of a delta by themselves, given how many partners each has.
    pub(super) fn alone_of_delta(
        &self,
        which: usize,
        delta: &Batch,
        partners: &[i64],
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let alone = self.sides[which].alone;
        if alone == Alone::Marked {
            let mark: BooleanArray = partners.iter().map(|p| Some(*p > 0)).collect();
            return self.emit_alone(which, delta, Some(Arc::new(mark)), out);
        }
        let wanted: BooleanArray = partners.iter().map(|p| Some((*p > 0) == (alone == Alone::Matched))).collect();
        if wanted.true_count() == 0 {
            return Ok(());
        }
        self.emit_alone(which, &pick(delta, &wanted)?, None, out)
    }

    /// Stored rows whose number of partners has changed (residual joins).
    pub(super) fn turn_rows(&mut self, which: usize, moved: &Moved, out: &mut Vec<Batch>) -> Result<()> {
        let (mut gained, mut lost) = (vec![], vec![]);
        let side = &mut self.sides[which];
        side.partners.reach(side.arrangement.read().slots());
        for (slot, delta) in moved.changes() {
            match side.partners.add(slot, delta) {
                (false, true) => gained.push(slot),
                (true, false) => lost.push(slot),
                _ => {}
            }
        }
        self.emit_turned(which, &gained, &lost, out)
    }

    /// Keys of the other side whose weight has come up from zero or gone down to it: all rows of the key on this side gain
    /// or lose their partners.
    pub(super) fn turn_keys(
        &self,
        which: usize,
        keys: &[u32],
        before: &[i64],
        after: &[i64],
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let (mut gained, mut lost) = (vec![], vec![]);
        let mut seen = hashbrown::HashSet::new();
        let arrangement = self.sides[which].arrangement.read();
        for (key, (before, after)) in keys.iter().zip(before.iter().zip(after)) {
            if *key == ABSENT || (*before > 0) == (*after > 0) || !seen.insert(*key) {
                continue;
            }
            let turned = if *after > 0 { &mut gained } else { &mut lost };
            turned.extend(arrangement.rows_of(*key));
        }
        self.emit_turned(which, &gained, &lost, out)
    }

    fn emit_turned(&self, which: usize, gained: &[u32], lost: &[u32], out: &mut Vec<Batch>) -> Result<()> {
        let (plus, minus) = match self.sides[which].alone {
            Alone::Never => return Ok(()),
            Alone::Unmatched => (lost, gained),
            Alone::Matched => (gained, lost),
            Alone::Marked => {
                for (slots, mark) in [(gained, true), (lost, false)] {
                    self.emit_stored(which, slots, 1, Some(mark), out)?;
                    self.emit_stored(which, slots, -1, Some(!mark), out)?;
                }
                return Ok(());
            }
        };
        self.emit_stored(which, plus, 1, None, out)?;
        self.emit_stored(which, minus, -1, None, out)
    }

    fn emit_stored(
        &self,
        which: usize,
        slots: &[u32],
        sign: i64,
        mark: Option<bool>,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let side = &self.sides[which];
        for slots in slots.chunks(PAIRS_MAX) {
            let columns: Vec<ArrayRef> = (0..side.schema.fields().len())
                .map(|column| side.arrangement.gather(column, slots))
                .collect::<Result<_>>()?;
            let stored = side.arrangement.read();
            let diffs: Int64Array = slots.iter().map(|s| sign * stored.weight(*s)).collect();
            let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(slots.len()));
            let rows = RecordBatch::try_new_with_options(Arc::clone(&side.schema), columns, &options)?;
            let mark = mark.map(|m| Arc::new(BooleanArray::from(vec![m; slots.len()])) as ArrayRef);
            self.emit_alone(which, &Batch::changes(rows, Some(diffs)), mark, out)?;
        }
        Ok(())
    }

    /// Rows of one side, padded to the output's columns.
    fn emit_alone(&self, which: usize, delta: &Batch, mark: Option<ArrayRef>, out: &mut Vec<Batch>) -> Result<()> {
        let rows = delta.rows.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let mut columns = delta.rows.columns().to_vec();
        if self.join.kind.pairs() {
            let padding = self.sides[1 - which].schema.fields().iter().map(|f| new_null_array(f.data_type(), rows));
            columns = match which {
                0 => columns.into_iter().chain(padding).collect(),
                _ => padding.chain(columns).collect(),
            };
        }
        columns.extend(mark);
        out.push(Batch::changes(fit_rows(&self.schema, columns, rows)?, delta.diffs.clone()));
        Ok(())
    }
}
