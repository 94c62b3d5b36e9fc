//! Joins with a versioned table: each left row meets the version that was valid at its time, once the watermark has passed
//! it. What comes out never changes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array,
};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_plan::{Join, JoinKind};
use sloth_types::Result;

use super::Operator;
use super::join::{certain, null_keys, owners, paired_schema};
use super::stages::evaluate;
use super::window::fit;
use super::window_assign::millis;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::keys::{ABSENT, KeyEncoder};
use crate::state::snapshot::{Section, batches_of};
use crate::state::timed::TimedRows;
use crate::state::versions::Versions;

/// Rows of all keys that this worker owns.
pub(crate) struct TemporalJoinOperator {
    pairing: Pairing,
    left_time: usize,
    right_time: usize,
    /// The time that judges the left rows.
    time: TimeDomain,
    waiting: TimedRows,
    encoder: KeyEncoder,
    changes: Vec<Batch>,
    versions: Versions,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

/// How left rows and the one right row that each may have become output.
pub(super) struct Pairing {
    pub(super) join: Join,
    paired: SchemaRef,
    right: SchemaRef,
    schema: SchemaRef,
}

impl Pairing {
    pub(super) fn new(join: &Join, inputs: &[SchemaRef; 2], schema: SchemaRef) -> Self {
        let [_, right] = inputs;
        Pairing { join: join.clone(), paired: paired_schema(inputs), right: Arc::clone(right), schema }
    }

    /// How many columns each side has.
    pub(super) fn widths(&self) -> [usize; 2] {
        let right = self.right.fields().len();
        [self.paired.fields().len() - right, right]
    }

    /// The columns of the right side.
    pub(super) fn right(&self) -> &SchemaRef {
        &self.right
    }

    /// Puts out left rows with right rows, and (for a left join) by themselves those that no right row fits. `pairs` are
    /// rows of the left batch with slots, [`ABSENT`] where there is none.
    pub(super) fn run(
        &self,
        left: &RecordBatch,
        pairs: impl Iterator<Item = (u32, u32)>,
        gather: impl Fn(usize, &[u32]) -> Result<ArrayRef>,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let nulls = null_keys(left, &self.join.left_keys).filter(|_| !self.join.null_equal);
        let usable =
            |(row, slot): &(u32, u32)| *slot != ABSENT && nulls.as_ref().is_none_or(|n| n.is_valid(*row as usize));
        let (rows, slots): (Vec<u32>, Vec<u32>) = pairs.filter(usable).unzip();
        let mut matched = vec![false; left.num_rows()];
        if !rows.is_empty() {
            let rows = UInt32Array::from(rows);
            let mut columns: Vec<ArrayRef> =
                left.columns().iter().map(|c| take(c, &rows, None)).collect::<Result<_, _>>()?;
            for column in 0..self.right.fields().len() {
                columns.push(gather(column, &slots)?);
            }
            let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
            let mut batch = RecordBatch::try_new_with_options(Arc::clone(&self.paired), columns, &options)?;
            let mut mask = BooleanArray::from(vec![true; slots.len()]);
            if let Some(residual) = &self.join.residual {
                mask = certain(evaluate(residual, &batch)?.as_boolean());
                batch = arrow::compute::filter_record_batch(&batch, &mask)?;
            }
            for at in mask.values().set_indices() {
                matched[rows.value(at) as usize] = true;
            }
            if batch.num_rows() > 0 {
                out.push(Batch::changes(fit(&self.schema, batch.columns().to_vec())?, None));
            }
        }
        let alone: UInt32Array = (0..).zip(&matched).filter(|(_, m)| !**m).map(|(row, _)| row).collect();
        if self.join.kind == JoinKind::Left && !alone.is_empty() {
            let rows = take_record_batch(left, &alone)?;
            let padding = self.right.fields().iter().map(|f| new_null_array(f.data_type(), rows.num_rows()));
            let columns = rows.columns().iter().cloned().chain(padding).collect();
            out.push(Batch::changes(fit(&self.schema, columns)?, None));
        }
        Ok(())
    }
}

impl TemporalJoinOperator {
    /// No rows yet. `times` are the columns of the left row's time and of the time from which a right row is valid.
    pub(crate) fn new(
        join: &Join,
        times: (usize, usize),
        inputs: [SchemaRef; 2],
        time: TimeDomain,
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let pairing = Pairing::new(join, &inputs, schema);
        let [left, right] = inputs;
        let types = join.left_keys.iter().map(|k| left.field(*k).data_type().clone()).collect();
        Ok(TemporalJoinOperator {
            pairing,
            left_time: times.0,
            right_time: times.1,
            time,
            waiting: TimedRows::new(&left)?,
            encoder: KeyEncoder::new(types)?,
            changes: vec![],
            versions: Versions::new(&right, &join.right_keys)?,
            gauge: StateGauge::new(Arc::clone(&context)),
            context,
        })
    }

    fn measure(&mut self) {
        let bytes = self.waiting.bytes() + self.versions.bytes();
        self.gauge.set(self.waiting.len() + self.versions.len(), bytes);
    }

    /// Takes in an epoch's changes of the versioned table, one after the other. They are not netted: a version that another
    /// one has followed within the epoch is a version all the same.
    fn add_versions(&mut self) -> Result<()> {
        let mut changes = std::mem::take(&mut self.changes);
        // Those of one key have come from one place after the other, or do not depend on their order.
        changes.sort_by_key(|batch| batch.place);
        for batch in changes {
            let times = millis(batch.rows.column(self.right_time))?;
            let weight = |row: &u32| batch.diffs.as_ref().map_or(1, |d| d.value(*row as usize));
            let known: Vec<u32> =
                (0..batch.rows.num_rows() as u32).filter(|row| times.is_valid(*row as usize)).collect();
            let since: Vec<i64> = known.iter().map(|row| times.value(*row as usize)).collect();
            let diffs: Vec<i64> = known.iter().map(weight).collect();
            let rows = take_record_batch(&batch.rows, &UInt32Array::from(known))?;
            self.versions.change(&rows, &since, &diffs)?;
        }
        Ok(())
    }
}

impl Operator for TemporalJoinOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if batch.port == 1 {
            self.changes.push(batch);
            return Ok(());
        }
        let watermark = self.time.late_watermark(epoch).0;
        let times = millis(batch.rows.column(self.left_time))?;
        let in_time = times.iter().enumerate().filter_map(|(row, time)| Some((row as u32, time?)));
        let (rows, times): (Vec<u32>, Vec<i64>) = in_time.filter(|(_, time)| *time > watermark).unzip();
        self.context.figures.late_rows.add((batch.rows.num_rows() - rows.len()) as u64);
        self.waiting.add(&batch.rows, &rows, &times)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.add_versions()?;
        let watermark = self.time.watermark(epoch).0;
        if let Some(left) = self.waiting.take(watermark)? {
            let keys = self.pairing.join.left_keys.iter().map(|k| Arc::clone(left.column(*k))).collect::<Vec<_>>();
            let keys = self.encoder.encode(&keys)?;
            let times = millis(left.column(self.left_time))?;
            let slots = self.versions.at(&keys, times.values());
            let pairs = (0..).zip(slots);
            self.pairing.run(&left, pairs, |column, slots| self.versions.gather(column, slots), out)?;
        }
        self.versions.prune(watermark);
        self.measure();
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let [left, right] = owners(&self.pairing.join, self.pairing.widths());
        let waiting = self.waiting.save_whole("waiting", &left)?;
        let versions = self.versions.save_whole("history", &right)?;
        Ok(waiting.into_iter().chain(versions).collect())
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.waiting.knows_changes() || !self.versions.knows_changes() {
            return Ok(None);
        }
        let [left, right] = owners(&self.pairing.join, self.pairing.widths());
        let waiting = self.waiting.save_changes("waiting", &left)?;
        let versions = self.versions.save_changes("history", &right)?;
        Ok(Some(waiting.into_iter().chain(versions).collect()))
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.waiting.begin_changes();
        self.versions.begin_changes();
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        self.waiting.restore_all(&mut state, "waiting")?;
        // As earlier releases wrote them.
        for rows in batches_of(&mut state, "versions") {
            self.versions.restore_flagged(&rows)?;
        }
        self.versions.restore_all(&mut state, "history")?;
        self.measure();
        Ok(())
    }
}
