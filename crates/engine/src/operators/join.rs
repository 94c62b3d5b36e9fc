//! Joins of two changing inputs.
//!
//! With deltas dL, dR of an epoch the change of the result is dL ⋈ R + (L + dL) ⋈ dR (the product rule; see Gupta and
//! Mumick, "Maintenance of Materialized Views", 1995). Rows without a partner follow from how many partners a row has:
//! with keys alone that is the weight of its key on the other side; with a residual condition it is counted per row.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
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
use crate::state::keys::{ABSENT, EncodedKeys};
use crate::state::snapshot::Section;

mod alone;
mod equal;
mod held;
mod lifetime;
mod partners;
pub(super) mod residual;
mod snapshot;
mod windows;

use held::Held;
use partners::Partners;
use residual::{Moved, Residual};
pub(crate) use snapshot::{CHANGES, SIDES, owners};
use windows::Windows;

/// Pairs that are made at once.
const PAIRS_MAX: usize = 16 * 1024;
/// Batches with fewer rows on average are put together first.
const BATCH_ROWS_MIN: usize = 256;

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
    /// The epoch's clock and number.
    now: [i64; 2],
    /// Rows are within windows, and go with them.
    windows: Option<Windows>,
    /// What the last checkpoint has cannot be gone on with: a part is of another operator, or of an earlier release.
    whole_next: bool,
    gauge: StateGauge,
}

struct Side {
    waiting: Vec<Batch>,
    consolidator: Consolidator,
    arrangement: Held,
    keys: Vec<usize>,
    schema: SchemaRef,
    /// What becomes of the side's rows by themselves.
    alone: Alone,
    /// Partners of each stored row, where a residual decides; else the key's weight on the other side tells.
    partners: Partners,
    /// When rows came, where they are forgotten at some time.
    ages: Option<Ages>,
    /// Clock and epoch of each of the changes that the rows have noted, where they matter.
    clocks: Vec<[i64; 2]>,
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
        let by_weight = !join.counts_partners() && !join.kind.pairs();
        let forgets = join.ttl_ms != [None; 2];
        let side = |schema: SchemaRef, keys: &[usize], retracts, alone, ttl_ms: Option<i64>| -> Result<Side> {
            let arrangement = match by_weight && alone == Alone::Never {
                true => Arrangement::of_weights(&schema, keys, retracts)?,
                false => Arrangement::new(&schema, keys, retracts)?,
            };
            Ok(Side {
                waiting: vec![],
                consolidator: Consolidator::new(&schema)?,
                arrangement: Held::own(arrangement),
                keys: keys.to_vec(),
                schema,
                alone,
                partners: Partners::new(forgets && !retracts && alone != Alone::Never),
                ages: ttl_ms.map(Ages::new),
                clocks: vec![],
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
        Ok(JoinOperator {
            join: join.clone(),
            sides,
            residual,
            schema,
            appends,
            netted,
            now: [0, 0],
            windows: None,
            whole_next: false,
            gauge,
        })
    }

    /// A side reads rows that another operator keeps; `columns` says where its columns are among theirs.
    pub(crate) fn read_elsewhere(&mut self, which: usize, rows: Rc<RefCell<Arrangement>>, columns: Option<Vec<usize>>) {
        if let Some(side) = self.sides.get_mut(which) {
            side.arrangement = Held::elsewhere(rows, columns);
        }
    }

    fn measure(&mut self) {
        let [left, right] = self.sides.each_ref().map(|side| side.arrangement.size());
        let ages: usize = self.sides.iter().filter_map(|side| side.ages.as_ref()).map(Ages::bytes).sum();
        let held = self.held_size();
        self.gauge.set(left.0 + right.0 + held.0, left.1 + right.1 + ages + held.1);
    }

    /// Takes in an epoch's changes of one side, against the other side as it is.
    fn take_in(&mut self, which: usize, delta: &Batch, out: &mut Vec<Batch>) -> Result<()> {
        let Some(delta) = self.without_null_keys(which, delta, out)? else { return Ok(()) };
        let Some(delta) = self.without_forgotten(which, delta)? else { return Ok(()) };
        let other = 1 - which;
        let rows = delta.rows.num_rows();
        let keys = self.sides[which].encode(&delta.rows)?;
        let found = self.sides[other].arrangement.read().find(&keys, rows);
        let by_pairs = self.join.counts_partners();
        let counts = self.sides[which].alone != Alone::Never;
        let mut partners: Vec<i64> = match counts && !by_pairs {
            true => self.sides[other].arrangement.read().totals(&found),
            false => vec![0; rows],
        };
        if self.join.kind.pairs() || by_pairs {
            let mut moved = Moved::default();
            self.pair_up(which, &delta, &found, &mut partners, &mut moved, out)?;
            if by_pairs && self.sides[other].alone != Alone::Never {
                self.turn_rows(other, &moved, out)?;
            }
        }
        if counts && by_pairs {
            self.as_told(which, &delta, &mut partners)?;
        }
        if counts {
            self.alone_of_delta(which, &delta, &partners, out)?;
        }
        let totals = |side: &Side| {
            let stored = side.arrangement.read();
            stored.totals(&stored.find(&keys, rows))
        };
        let by_key = !by_pairs && self.sides[other].alone != Alone::Never;
        let side = &mut self.sides[which];
        let before = if by_key { totals(side) } else { vec![] };
        if !side.arrangement.is_elsewhere() {
            let mut slots = vec![];
            side.arrangement.write().apply(&delta.rows, delta.diffs.as_ref(), &keys, &mut slots)?;
            match &self.windows {
                Some(windows) => side.stamp_ends(&slots, &delta.rows, windows.ends[which])?,
                None => side.stamp(&slots, self.now),
            }
            if by_pairs && counts {
                side.partners.set(&slots, &partners, side.arrangement.read().slots());
            }
        }
        if by_key {
            let after = match side.arrangement.is_elsewhere() {
                true => side.arrangement.read().totals_after(&keys, delta.diffs.as_ref(), &before),
                false => totals(side),
            };
            self.turn_keys(other, &found, &before, &after, out)?;
        }
        Ok(())
    }

    /// The pairs of what both sides' changes have brought, where neither side takes its changes in by itself.
    fn take_in_both(&mut self, left: &[Batch], right: &[Batch], out: &mut Vec<Batch>) -> Result<()> {
        let side = &self.sides[0];
        let retracts = side.arrangement.read().retracts();
        let mut rows = Arrangement::new(&side.schema, &side.keys, retracts)?;
        for delta in left {
            let Some(delta) = self.without_null_keys(0, delta, out)? else { continue };
            let keys = rows.encode(&delta.rows)?;
            rows.apply(&delta.rows, delta.diffs.as_ref(), &keys, &mut vec![])?;
        }
        let stored = std::mem::replace(&mut self.sides[0].arrangement, Held::own(rows));
        let made = right.iter().try_for_each(|delta| self.take_in(1, delta, out));
        self.sides[0].arrangement = stored;
        made
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
        let arrangement = self.sides[1 - which].arrangement.read();
        let inserts_only = delta.diffs.is_none() && !arrangement.retracts();
        for (row, key) in found.iter().enumerate() {
            arrangement.touch_next(found, row);
            if *key == ABSENT {
                continue;
            }
            let diff = delta.diffs.as_ref().map_or(1, |d| d.value(row));
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
            let own = delta.rows.columns().get(at).filter(|_| side == which);
            let own = own.or_else(|| self.equal_column(which, at, &delta.rows).filter(|_| side != which));
            own.map_or_else(|| other.gather(at, slots), |own| Ok(take(own, rows, None)?))
        };
        if self.join.counts_partners() {
            let mask = match &self.residual {
                Some(residual) => residual.mask(rows.len(), |at| column(at, &rows, &slots))?,
                None => BooleanArray::new(BooleanBuffer::new_set(rows.len()), None),
            };
            let turns = self.sides[1 - which].alone != Alone::Never;
            let stored = other.read();
            for row in mask.values().set_indices() {
                let (mine, slot) = (rows.value(row), slots[row]);
                partners[mine as usize] += stored.weight(slot);
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
}

impl Side {
    fn encode(&self, rows: &RecordBatch) -> Result<EncodedKeys> {
        let keys: Vec<ArrayRef> = self.keys.iter().map(|k| Arc::clone(rows.column(*k))).collect();
        self.arrangement.write().encode_columns(&keys)
    }
}

/// What the batches of an epoch have changed. Rows that only come are taken as they are, unless they came in crumbs.
pub(super) fn gathered_delta(waiting: Vec<Batch>, consolidator: &mut Consolidator) -> Result<Vec<Batch>> {
    let rows: usize = waiting.iter().map(|b| b.rows.num_rows()).sum();
    if waiting.iter().all(|b| b.diffs.is_none()) && rows >= waiting.len() * BATCH_ROWS_MIN {
        return Ok(waiting);
    }
    Ok(consolidator.run(&waiting)?.into_iter().collect())
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
pub(super) fn pick(delta: &Batch, mask: &BooleanArray) -> Result<Batch> {
    let rows = filter_record_batch(&delta.rows, mask)?;
    let diffs = match &delta.diffs {
        Some(diffs) => Some(super::stages::weights(&arrow::compute::filter(diffs, mask)?)),
        None => None,
    };
    Ok(Batch { rows, diffs, ..delta.clone() })
}

impl Operator for JoinOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        let Some(batch) = self.in_time(epoch, batch)? else { return Ok(()) };
        if let Some(side) = self.sides.get_mut(usize::from(batch.port)) {
            side.waiting.push(batch);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.now = [epoch.now_ms, epoch.epoch.0.cast_signed()];
        let mut forgotten = match self.windows {
            Some(_) => 0,
            None => self.sides.iter_mut().map(|side| side.forget(epoch.now_ms)).sum(),
        };
        self.release(epoch)?;
        let mut deltas = [vec![], vec![]];
        for (side, delta) in self.sides.iter_mut().zip(&mut deltas) {
            let waiting = std::mem::take(&mut side.waiting);
            *delta = match side.arrangement.is_elsewhere() && side.arrangement.is_whole() {
                // They have come netted.
                true => waiting,
                false => gathered_delta(waiting, &mut side.consolidator)?,
            };
        }
        let elsewhere = self.sides.each_ref().map(|side| side.arrangement.is_elsewhere());
        // A side that is elsewhere stays as it was: the other one's changes meet it first.
        for which in if elsewhere[0] { [1, 0] } else { [0, 1] } {
            for delta in &deltas[which] {
                self.take_in(which, delta, out)?;
            }
        }
        if elsewhere == [true, true] && deltas.iter().all(|delta| !delta.is_empty()) {
            self.take_in_both(&deltas[0], &deltas[1], out)?;
        }
        forgotten += self.forget_windows(epoch);
        if forgotten > 0 || deltas.iter().any(|delta| !delta.is_empty()) {
            self.measure();
        }
        if self.appends {
            out.iter_mut().for_each(|batch| batch.diffs = None);
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
    fn begin_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save_sides().map(Some)
    }
    fn save_ahead(&mut self) -> Result<Vec<Section>> {
        self.save_sides_ahead()
    }
    fn kept_rows(&self) -> Option<(usize, usize)> {
        let own = || self.sides.iter().filter(|side| !side.arrangement.is_elsewhere());
        let kept = |side: &Side| side.arrangement.read().kept_rows() + side.partners.kept();
        Some((own().map(kept).sum(), own().map(|side| side.arrangement.read().len()).sum()))
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.note_changes();
        self.knows_changes()
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        self.restore_sides(state)
    }

    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        self.joined_anew()
    }
}

#[cfg(test)]
#[path = "join/tests.rs"]
pub(crate) mod tests;
