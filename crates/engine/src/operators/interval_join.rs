//! Joins of two growing inputs whose event times lie within bounds of each other.
//!
//! A row waits for partners until the watermark says that none can come any more; then it is freed, and comes out by
//! itself where the kind of the join wants that. So nothing is ever taken back.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{filter_record_batch, take, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_plan::{IntervalJoin, Join};
use sloth_types::Result;

use super::Operator;
use super::join::{Alone, certain, null_keys, paired_schema};
use super::stages::evaluate;
use super::window::fit;
use super::window_assign::millis;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::arrangement::Arrangement;
use crate::state::changed::Changed;
use crate::state::keys::ABSENT;
use crate::state::snapshot::Section;

mod snapshot;

/// Pairs that are made at once.
const PAIRS_MAX: usize = 16 * 1024;

/// Rows of all keys that this worker owns.
pub(crate) struct IntervalJoinOperator {
    join: Join,
    sides: [Side; 2],
    paired: SchemaRef,
    schema: SchemaRef,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

struct Side {
    domain: TimeDomain,
    waiting: Vec<RecordBatch>,
    arrangement: Arrangement,
    /// By slot: whether the row has had a partner.
    matched: Vec<bool>,
    /// Slots by the watermark at which no partner can come any more.
    expires: BTreeMap<i64, Vec<u32>>,
    /// What has expired up to this has gone.
    expired: i64,
    /// Rows that have come since the last checkpoint.
    came: Changed,
    /// Rows that have had their first partner since then.
    met: Changed,
    schema: SchemaRef,
    keys: Vec<usize>,
    alone: Alone,
    /// Column of the time, and what is to be taken off it.
    time: (usize, i64),
    /// How far behind a row's time its last partner may be.
    reach_ms: i64,
}

/// Pairs on their way to the output: rows of the side that came, slots of the other.
#[derive(Default)]
struct Pairs {
    rows: Vec<u32>,
    slots: Vec<u32>,
}

impl Side {
    /// Notes of stored rows whether they have had a partner, and when they expire.
    fn note(&mut self, rows: &RecordBatch, slots: &[u32], matched: impl Iterator<Item = bool>) -> Result<()> {
        self.matched.resize(self.arrangement.slots(), false);
        let times = millis(rows.column(self.time.0))?;
        for (slot, matched) in slots.iter().zip(matched) {
            self.matched[*slot as usize] = matched;
        }
        // Rows of one time mostly come one after the other.
        let mut rest = slots;
        for times in times.values().chunk_by(|a, b| a == b) {
            let (here, behind) = rest.split_at(times.len().min(rest.len()));
            rest = behind;
            let time = times.first().copied().unwrap_or(0);
            let until = (time - self.time.1).saturating_add(self.reach_ms);
            self.expires.entry(until).or_default().extend_from_slice(here);
        }
        Ok(())
    }
}

impl IntervalJoinOperator {
    /// No rows yet.
    pub(crate) fn new(
        interval: &IntervalJoin,
        inputs: [SchemaRef; 2],
        domains: [TimeDomain; 2],
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let join = &interval.join;
        let paired = paired_schema(&inputs);
        let keys = [&join.left_keys, &join.right_keys];
        let reach_ms = [interval.lower_ms.saturating_neg(), interval.upper_ms];
        let mut sides = vec![];
        for (which, (schema, domain)) in inputs.into_iter().zip(domains).enumerate() {
            sides.push(Side {
                domain,
                waiting: vec![],
                arrangement: Arrangement::new(&schema, keys[which], false)?,
                matched: vec![],
                expires: BTreeMap::new(),
                expired: i64::MIN,
                came: Changed::default(),
                met: Changed::default(),
                schema,
                keys: keys[which].clone(),
                alone: Alone::of(join.kind)[which],
                time: interval.times[which],
                reach_ms: reach_ms[which],
            });
        }
        let sides = sides.try_into().map_err(|_| sloth_types::Error::internal("a join has two sides"))?;
        let gauge = StateGauge::new(Arc::clone(&context));
        Ok(IntervalJoinOperator { join: join.clone(), sides, paired, schema, context, gauge })
    }

    fn measure(&mut self) {
        let [left, right] = self.sides.each_ref().map(|s| &s.arrangement);
        self.gauge.set(left.len() + right.len(), left.bytes() + right.bytes());
    }

    /// Joins new rows of one side with the stored ones of the other, and stores them.
    fn take_in(&mut self, which: usize, rows: &RecordBatch, out: &mut Vec<Batch>) -> Result<()> {
        let rows = match null_keys(rows, &self.sides[which].keys).filter(|_| !self.join.null_equal) {
            Some(nulls) => {
                // Rows with a NULL key never have a partner.
                let valid = BooleanArray::new(nulls.inner().clone(), None);
                let never = filter_record_batch(rows, &arrow::compute::not(&valid)?)?;
                self.emit_final(which, &never, &vec![false; never.num_rows()], out)?;
                filter_record_batch(rows, &valid)?
            }
            None => rows.clone(),
        };
        let count = rows.num_rows();
        if count == 0 {
            return Ok(());
        }
        let keys = self.sides[which].arrangement.encode(&rows)?;
        let found = self.sides[1 - which].arrangement.find(&keys, count);
        let mut matched = vec![false; count];
        let mut turned = vec![];
        let mut pairs = Pairs::default();
        for (row, key) in found.iter().enumerate() {
            self.sides[1 - which].arrangement.touch_next(&found, row);
            let mut at = self.sides[1 - which].arrangement.first_of(*key);
            while at != ABSENT {
                pairs.rows.push(row as u32);
                pairs.slots.push(at);
                at = self.sides[1 - which].arrangement.next_of(at);
                if pairs.rows.len() >= PAIRS_MAX {
                    self.pair(which, &rows, std::mem::take(&mut pairs), &mut matched, &mut turned, out)?;
                }
            }
        }
        self.pair(which, &rows, pairs, &mut matched, &mut turned, out)?;
        self.emit_turned(1 - which, &turned, out)?;
        let partners: BooleanArray = matched.iter().map(|m| Some(*m)).collect();
        if partners.true_count() > 0 && matches!(self.sides[which].alone, Alone::Matched | Alone::Marked) {
            let now = filter_record_batch(&rows, &partners)?;
            self.emit_alone(which, &now, Some(true), out)?;
        }
        self.store(which, &rows, &keys, &matched)
    }

    fn store(
        &mut self,
        which: usize,
        rows: &RecordBatch,
        keys: &crate::state::keys::EncodedKeys,
        matched: &[bool],
    ) -> Result<()> {
        let side = &mut self.sides[which];
        let mut slots = vec![];
        side.arrangement.apply(rows, None, keys, &mut slots)?;
        side.came.note(&slots);
        side.note(rows, &slots, matched.iter().copied())
    }

    /// Checks pairs that agree in their keys, and puts them out.
    #[expect(clippy::too_many_arguments, reason = "the parts of one step, handed on together")]
    fn pair(
        &mut self,
        which: usize,
        rows: &RecordBatch,
        pairs: Pairs,
        matched: &mut [bool],
        turned: &mut Vec<u32>,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let Pairs { rows: mine, slots } = pairs;
        let turned_before = turned.len();
        if mine.is_empty() {
            return Ok(());
        }
        let indexes = UInt32Array::from(mine);
        let own: Vec<ArrayRef> = rows.columns().iter().map(|c| take(c, &indexes, None)).collect::<Result<_, _>>()?;
        let other = &self.sides[1 - which];
        let theirs: Vec<ArrayRef> = (0..other.schema.fields().len())
            .map(|column| other.arrangement.gather(column, &slots))
            .collect::<Result<_>>()?;
        let columns = if which == 0 { [own, theirs].concat() } else { [theirs, own].concat() };
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        let mut batch = RecordBatch::try_new_with_options(Arc::clone(&self.paired), columns, &options)?;
        let mask = match &self.join.residual {
            Some(residual) => certain(evaluate(residual, &batch)?.as_boolean()),
            None => BooleanArray::from(vec![true; slots.len()]),
        };
        let other = &mut self.sides[1 - which];
        for at in mask.values().set_indices() {
            matched[indexes.value(at) as usize] = true;
            let slot = slots[at];
            if !std::mem::replace(&mut other.matched[slot as usize], true) {
                turned.push(slot);
            }
        }
        other.met.note(turned.get(turned_before..).unwrap_or_default());
        if self.join.kind.pairs() && mask.true_count() > 0 {
            if mask.true_count() < mask.len() {
                batch = filter_record_batch(&batch, &mask)?;
            }
            out.push(Batch::changes(fit(&self.schema, batch.columns().to_vec())?, None));
        }
        Ok(())
    }

    /// Stored rows that have found their first partner.
    fn emit_turned(&self, which: usize, slots: &[u32], out: &mut Vec<Batch>) -> Result<()> {
        if slots.is_empty() || !matches!(self.sides[which].alone, Alone::Matched | Alone::Marked) {
            return Ok(());
        }
        self.emit_alone(which, &self.stored(which, slots)?, Some(true), out)
    }

    /// Rows for which no partner can come any more.
    fn emit_final(&self, which: usize, rows: &RecordBatch, matched: &[bool], out: &mut Vec<Batch>) -> Result<()> {
        if !matches!(self.sides[which].alone, Alone::Unmatched | Alone::Marked) {
            return Ok(());
        }
        let unmatched: UInt32Array = (0..).zip(matched).filter(|(_, m)| !**m).map(|(row, _)| row).collect();
        if unmatched.is_empty() {
            return Ok(());
        }
        self.emit_alone(which, &take_record_batch(rows, &unmatched)?, Some(false), out)
    }

    fn stored(&self, which: usize, slots: &[u32]) -> Result<RecordBatch> {
        let side = &self.sides[which];
        let columns: Vec<ArrayRef> = (0..side.schema.fields().len())
            .map(|column| side.arrangement.gather(column, slots))
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&side.schema), columns, &options)?)
    }

    /// Rows of one side, padded to the output's columns.
    fn emit_alone(&self, which: usize, rows: &RecordBatch, mark: Option<bool>, out: &mut Vec<Batch>) -> Result<()> {
        let count = rows.num_rows();
        if count == 0 {
            return Ok(());
        }
        let mut columns = rows.columns().to_vec();
        if self.join.kind.pairs() {
            let padding = self.sides[1 - which].schema.fields().iter().map(|f| new_null_array(f.data_type(), count));
            columns = match which {
                0 => columns.into_iter().chain(padding).collect(),
                _ => padding.chain(columns).collect(),
            };
        }
        if let (Alone::Marked, Some(mark)) = (self.sides[which].alone, mark) {
            columns.push(Arc::new(BooleanArray::from(vec![mark; count])));
        }
        out.push(Batch::changes(fit(&self.schema, columns)?, None));
        Ok(())
    }

    /// Frees the rows of a side that the watermark has passed.
    fn expire(&mut self, which: usize, watermark: i64, out: &mut Vec<Batch>) -> Result<()> {
        let mut slots = vec![];
        let side = &mut self.sides[which];
        side.expired = side.expired.max(watermark);
        while let Some(entry) = side.expires.first_entry().filter(|e| *e.key() <= watermark) {
            slots.append(&mut entry.remove());
        }
        side.came.forget(&slots);
        side.met.forget(&slots);
        for slots in slots.chunks(PAIRS_MAX) {
            if matches!(self.sides[which].alone, Alone::Unmatched | Alone::Marked) {
                let matched: Vec<bool> = slots.iter().map(|s| self.sides[which].matched[*s as usize]).collect();
                let rows = self.stored(which, slots)?;
                self.emit_final(which, &rows, &matched, out)?;
            }
            for slot in slots {
                self.sides[which].arrangement.remove(*slot);
            }
        }
        Ok(())
    }
}

impl Operator for IntervalJoinOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        let Some(side) = self.sides.get_mut(usize::from(batch.port)) else { return Ok(()) };
        let watermark = side.domain.late_watermark(epoch).0;
        let (column, offset) = side.time;
        let times = millis(batch.rows.column(column))?;
        let in_time: BooleanArray = times.iter().map(|t| Some(t.is_some_and(|t| t - offset > watermark))).collect();
        let late = in_time.len() - in_time.true_count();
        self.context.figures.late_rows.add(late as u64);
        side.waiting.push(if late == 0 { batch.rows } else { filter_record_batch(&batch.rows, &in_time)? });
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        for which in 0..2 {
            for rows in std::mem::take(&mut self.sides[which].waiting) {
                self.take_in(which, &rows, out)?;
            }
        }
        for which in 0..2 {
            let watermark = self.sides[which].domain.watermark(epoch).0;
            self.expire(which, watermark, out)?;
        }
        self.measure();
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.save_sides()
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save_side_changes()
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.note_changes();
        true
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        self.restore_sides(state)
    }
}

#[cfg(test)]
#[path = "interval_join/tests.rs"]
mod tests;
