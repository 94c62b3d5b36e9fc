//! Joins of two changing inputs.
//!
//! With deltas dL, dR of an epoch the change of the result is dL ⋈ R + (L + dL) ⋈ dR (the product rule; see Gupta and
//! Mumick, "Maintenance of Materialized Views", 1995). Rows without a partner follow from how many partners a row has:
//! with keys alone that is the weight of its key on the other side; with a residual condition it is counted per row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::{Schema, SchemaRef};
use sloth_plan::{Join, JoinKind};
use sloth_types::Result;

use super::Operator;
use super::delta::Consolidator;
use super::window::fit_rows;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::ages::Ages;
use crate::state::arrangement::Arrangement;
use crate::state::keys::ABSENT;
use crate::state::snapshot::Section;

mod lifetime;
mod residual;
mod snapshot;

use residual::{Moved, Residual};
pub(crate) use snapshot::{SIDES, owners};

/// Pairs that are made at once.
const PAIRS_MAX: usize = 16 * 1024;
/// Batches with fewer rows on average are put together first.
const BATCH_ROWS_MIN: usize = 1024;

/// Joins the rows whose keys this worker owns.
pub(crate) struct JoinOperator {
    join: Join,
    sides: [Side; 2],
    residual: Option<Residual>,
    schema: SchemaRef,
    /// No row of the output is ever taken back.
    appends: bool,
    /// Nets what both sides of an epoch have made of the same row.
    netted: Consolidator,
    /// The clock of the epoch.
    now_ms: i64,
    gauge: StateGauge,
}

struct Side {
    waiting: Vec<Batch>,
    consolidator: Consolidator,
    arrangement: Arrangement,
    keys: Vec<usize>,
    schema: SchemaRef,
    /// What becomes of the side's rows by themselves.
    alone: Alone,
    /// Partners of each stored row, where a residual decides; else the key's weight on the other side tells.
    partners: Vec<i64>,
    /// When rows came, where they are forgotten at some time.
    ages: Option<Ages>,
}

/// Whether a side's rows appear in the output outside of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    Never,
    /// When they have no partner.
    Unmatched,
    /// When they have one.
    Matched,
    /// Always, with a column that says whether they have one.
    Marked,
}

impl Alone {
    pub(super) fn of(kind: JoinKind) -> [Alone; 2] {
        match kind {
            JoinKind::Inner => [Alone::Never, Alone::Never],
            JoinKind::Left => [Alone::Unmatched, Alone::Never],
            JoinKind::Right => [Alone::Never, Alone::Unmatched],
            JoinKind::Full => [Alone::Unmatched, Alone::Unmatched],
            JoinKind::LeftSemi => [Alone::Matched, Alone::Never],
            JoinKind::LeftAnti => [Alone::Unmatched, Alone::Never],
            JoinKind::RightSemi => [Alone::Never, Alone::Matched],
            JoinKind::RightAnti => [Alone::Never, Alone::Unmatched],
            JoinKind::LeftMark => [Alone::Marked, Alone::Never],
        }
    }
}

/// Changes of an epoch's delta, found against the other side.
#[derive(Default)]
struct Pairs {
    /// Row of the delta, row slot of the other side, weight of the pair.
    rows: Vec<u32>,
    slots: Vec<u32>,
    weights: Vec<i64>,
}

impl JoinOperator {
    /// No rows yet. `inputs` are the schemas of left and right, `retracts` whether their rows may be taken back.
    pub(crate) fn new(
        join: &Join,
        inputs: [SchemaRef; 2],
        retracts: [bool; 2],
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let alone = Alone::of(join.kind);
        let paired = paired_schema(&inputs);
        let residual = join.residual.as_ref().map(|expr| Residual::new(expr, &paired)).transpose()?;
        let [left, right] = inputs;
        // Rows of a side that never come out are not kept, when their keys tell all.
        let by_weight = join.residual.is_none() && !join.kind.pairs();
        let side = |schema: SchemaRef, keys: &[usize], retracts, alone, ttl_ms: Option<i64>| -> Result<Side> {
            let arrangement = match by_weight && alone == Alone::Never {
                true => Arrangement::of_weights(&schema, keys, retracts)?,
                false => Arrangement::new(&schema, keys, retracts)?,
            };
            Ok(Side {
                waiting: vec![],
                consolidator: Consolidator::new(&schema)?,
                arrangement,
                keys: keys.to_vec(),
                schema,
                alone,
                partners: vec![],
                ages: ttl_ms.map(Ages::new),
            })
        };
        let sides = [
            side(left, &join.left_keys, retracts[0], alone[0], join.ttl_ms[0])?,
            side(right, &join.right_keys, retracts[1], alone[1], join.ttl_ms[1])?,
        ];
        let grows = matches!(join.kind, JoinKind::Inner | JoinKind::LeftSemi | JoinKind::RightSemi);
        let appends = grows && retracts == [false, false];
        let netted = Consolidator::new(&schema)?;
        let gauge = StateGauge::new(context);
        Ok(JoinOperator { join: join.clone(), sides, residual, schema, appends, netted, now_ms: 0, gauge })
    }

    fn measure(&mut self) {
        let [left, right] = self.sides.each_ref().map(|side| &side.arrangement);
        let ages: usize = self.sides.iter().filter_map(|side| side.ages.as_ref()).map(Ages::bytes).sum();
        self.gauge.set(left.len() + right.len(), left.bytes() + right.bytes() + ages);
    }

    /// Takes in an epoch's changes of one side, against the other side as it is.
    fn take_in(&mut self, which: usize, delta: &Batch, out: &mut Vec<Batch>) -> Result<()> {
        let Some(delta) = self.without_null_keys(which, delta, out)? else { return Ok(()) };
        let Some(delta) = self.without_forgotten(which, delta)? else { return Ok(()) };
        let other = 1 - which;
        let rows = delta.rows.num_rows();
        let keys = self.sides[which].arrangement.encode(&delta.rows)?;
        let found = self.sides[other].arrangement.find(&keys, rows);
        let by_pairs = self.join.residual.is_some();
        let counts = self.sides[which].alone != Alone::Never;
        let mut partners: Vec<i64> = match counts && !by_pairs {
            true => found.iter().map(|key| self.sides[other].arrangement.total(*key)).collect(),
            false => vec![0; rows],
        };
        if self.join.kind.pairs() || by_pairs {
            let mut moved = Moved::default();
            self.pair_up(which, &delta, &found, &mut partners, &mut moved, out)?;
            if by_pairs && self.sides[other].alone != Alone::Never {
                self.turn_rows(other, &moved, out)?;
            }
        }
        if counts {
            self.alone_of_delta(which, &delta, &partners, out)?;
        }
        let by_key = !by_pairs && self.sides[other].alone != Alone::Never;
        let own = if by_key { self.sides[which].arrangement.find(&keys, rows) } else { vec![] };
        let before: Vec<i64> = own.iter().map(|key| self.sides[which].arrangement.total(*key)).collect();
        let mut slots = vec![];
        let side = &mut self.sides[which];
        side.arrangement.apply(&delta.rows, delta.diffs.as_ref(), &keys, &mut slots)?;
        side.stamp(&slots, self.now_ms);
        if by_pairs && counts {
            side.partners.resize(side.arrangement.slots(), 0);
            for (slot, count) in slots.iter().zip(&partners) {
                side.partners[*slot as usize] = *count;
            }
        }
        if by_key {
            let after: Vec<i64> = {
                let arrangement = &self.sides[which].arrangement;
                arrangement.find(&keys, rows).iter().map(|key| arrangement.total(*key)).collect()
            };
            self.turn_keys(other, &found, &before, &after, out)?;
        }
        Ok(())
    }

    /// Rows with a NULL key have no partner, ever, and need not be kept. Returns the others.
    fn without_null_keys(&self, which: usize, delta: &Batch, out: &mut Vec<Batch>) -> Result<Option<Batch>> {
        let side = &self.sides[which];
        if self.join.null_equal {
            return Ok(Some(delta.clone()));
        }
        let Some(nulls) = null_keys(&delta.rows, &side.keys) else { return Ok(Some(delta.clone())) };
        let valid = BooleanArray::new(nulls.inner().clone(), None);
        if side.alone != Alone::Never {
            let never = pick(delta, &arrow::compute::not(&valid)?)?;
            self.alone_of_delta(which, &never, &vec![0; never.rows.num_rows()], out)?;
        }
        let kept = pick(delta, &valid)?;
        Ok((kept.rows.num_rows() > 0).then_some(kept))
    }

    /// Makes the pairs of a delta with the rows of the other side that have its keys.
    #[expect(clippy::too_many_arguments, reason = "the parts of one step, handed on to the next")]
    fn pair_up(
        &self,
        which: usize,
        delta: &Batch,
        found: &[u32],
        partners: &mut [i64],
        moved: &mut Moved,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let mut pairs = Pairs::default();
        let inserts_only = delta.diffs.is_none() && !self.sides[1 - which].arrangement.retracts();
        for (row, key) in found.iter().enumerate() {
            if *key == ABSENT {
                continue;
            }
            let diff = delta.diffs.as_ref().map_or(1, |d| d.value(row));
            let arrangement = &self.sides[1 - which].arrangement;
            let mut at = arrangement.first_of(*key);
            while at != ABSENT {
                pairs.rows.push(row as u32);
                pairs.slots.push(at);
                pairs.weights.push(diff * arrangement.weight(at));
                at = arrangement.next_of(at);
                if pairs.rows.len() >= PAIRS_MAX {
                    self.emit_pairs(which, delta, &mut pairs, inserts_only, partners, moved, out)?;
                }
            }
        }
        self.emit_pairs(which, delta, &mut pairs, inserts_only, partners, moved, out)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one step; a struct for them would be made and taken apart here"
    )]
    fn emit_pairs(
        &self,
        which: usize,
        delta: &Batch,
        pairs: &mut Pairs,
        inserts_only: bool,
        partners: &mut [i64],
        moved: &mut Moved,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        if pairs.rows.is_empty() {
            return Ok(());
        }
        let Pairs { rows, mut slots, mut weights } = std::mem::take(pairs);
        let mut rows = UInt32Array::from(rows);
        let other = &self.sides[1 - which].arrangement;
        let left = self.sides[0].schema.fields().len();
        let column = |column: usize, rows: &UInt32Array, slots: &[u32]| -> Result<ArrayRef> {
            let (side, at) = if column < left { (0, column) } else { (1, column - left) };
            if side == which { Ok(take(delta.rows.column(at), rows, None)?) } else { other.gather(at, slots) }
        };
        if let Some(residual) = &self.residual {
            let mask = residual.mask(rows.len(), |at| column(at, &rows, &slots))?;
            let turns = self.sides[1 - which].alone != Alone::Never;
            for row in mask.values().set_indices() {
                let (mine, slot) = (rows.value(row), slots[row]);
                partners[mine as usize] += other.weight(slot);
                if turns {
                    moved.add(slot, delta.diffs.as_ref().map_or(1, |d| d.value(mine as usize)));
                }
            }
            if self.join.kind.pairs() && mask.true_count() < rows.len() {
                let kept = || mask.values().set_indices();
                slots = kept().map(|row| slots[row]).collect();
                weights = kept().map(|row| weights[row]).collect();
                rows = kept().map(|row| rows.value(row)).collect();
            }
        }
        if self.join.kind.pairs() && !rows.is_empty() {
            let width = left + self.sides[1].schema.fields().len();
            let columns = (0..width).map(|at| column(at, &rows, &slots)).collect::<Result<_>>()?;
            let pairs = fit_rows(&self.schema, columns, rows.len())?;
            out.push(Batch::changes(pairs, (!inserts_only).then(|| Int64Array::from(weights))));
        }
        Ok(())
    }

    /// Rows of a delta by themselves, given how many partners each has.
    fn alone_of_delta(&self, which: usize, delta: &Batch, partners: &[i64], out: &mut Vec<Batch>) -> Result<()> {
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
    fn turn_rows(&mut self, which: usize, moved: &Moved, out: &mut Vec<Batch>) -> Result<()> {
        let (mut gained, mut lost) = (vec![], vec![]);
        let side = &mut self.sides[which];
        side.partners.resize(side.arrangement.slots(), 0);
        for (slot, delta) in moved.changes() {
            let count = &mut side.partners[slot as usize];
            let before = *count > 0;
            *count += delta;
            match (before, *count > 0) {
                (false, true) => gained.push(slot),
                (true, false) => lost.push(slot),
                _ => {}
            }
        }
        self.emit_turned(which, &gained, &lost, out)
    }

    /// Keys of the other side whose weight has come up from zero or gone down to it: all rows of the key on this side gain
    /// or lose their partners.
    fn turn_keys(&self, which: usize, keys: &[u32], before: &[i64], after: &[i64], out: &mut Vec<Batch>) -> Result<()> {
        let (mut gained, mut lost) = (vec![], vec![]);
        let mut seen = hashbrown::HashSet::new();
        let arrangement = &self.sides[which].arrangement;
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
            let diffs: Int64Array = slots.iter().map(|s| sign * side.arrangement.weight(*s)).collect();
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

/// The columns of both inputs side by side.
pub(super) fn paired_schema(inputs: &[SchemaRef; 2]) -> SchemaRef {
    let fields = inputs.iter().flat_map(|s| s.fields()).map(|f| f.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Which rows have no NULL among their keys; `None` when all of them.
pub(super) fn null_keys(rows: &RecordBatch, keys: &[usize]) -> Option<NullBuffer> {
    let mut nulls = None;
    for key in keys {
        nulls = NullBuffer::union(nulls.as_ref(), rows.column(*key).logical_nulls().as_ref());
    }
    nulls.filter(|n| n.null_count() > 0)
}

/// The mask with false where it is NULL.
pub(super) fn certain(mask: &BooleanArray) -> BooleanArray {
    match mask.nulls() {
        Some(nulls) => BooleanArray::new(mask.values() & nulls.inner(), None),
        None => mask.clone(),
    }
}

/// The changes for which the mask is true.
fn pick(delta: &Batch, mask: &BooleanArray) -> Result<Batch> {
    let rows = filter_record_batch(&delta.rows, mask)?;
    let diffs = match &delta.diffs {
        Some(diffs) => Some(super::stages::weights(&arrow::compute::filter(diffs, mask)?)),
        None => None,
    };
    Ok(Batch { rows, diffs, ..delta.clone() })
}

impl Operator for JoinOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if let Some(side) = self.sides.get_mut(usize::from(batch.port)) {
            side.waiting.push(batch);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.now_ms = epoch.now_ms;
        let forgotten = self.sides.iter_mut().map(|side| side.forget(epoch.now_ms)).sum::<usize>();
        let mut deltas = [vec![], vec![]];
        for (side, delta) in self.sides.iter_mut().zip(&mut deltas) {
            let waiting = std::mem::take(&mut side.waiting);
            let rows: usize = waiting.iter().map(|b| b.rows.num_rows()).sum();
            // Rows that only come are taken in as they are, unless they came in crumbs.
            *delta = match waiting.iter().all(|b| b.diffs.is_none()) && rows >= waiting.len() * BATCH_ROWS_MIN {
                true => waiting,
                false => side.consolidator.run(&waiting)?.into_iter().collect(),
            };
        }
        for (which, delta) in deltas.iter().enumerate() {
            for delta in delta {
                self.take_in(which, delta, out)?;
            }
        }
        if forgotten > 0 || deltas.iter().any(|delta| !delta.is_empty()) {
            self.measure();
        }
        if self.appends {
            for batch in out {
                batch.diffs = None;
            }
        } else if deltas.iter().all(|delta| !delta.is_empty()) {
            // What one side's change has made the other's may have taken back.
            *out = self.netted.run(&std::mem::take(out))?.into_iter().collect();
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.save_sides()
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save_side_changes()
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        let arrangements = || self.sides.iter().map(|side| &side.arrangement);
        Some((arrangements().map(Arrangement::kept_rows).sum(), arrangements().map(Arrangement::len).sum()))
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        self.restore_sides(state)
    }
}

#[cfg(test)]
#[path = "join/tests.rs"]
pub(crate) mod tests;
