//! A join in a job over bounded input that tells its results once: both sides are gathered until the input has ended.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use sloth_plan::Join;
use sloth_types::{Result, Watermark};

use super::Operator;
use super::join::JoinOperator;
use super::join_once::JoinOnce;
use crate::context::JobContext;
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::snapshot::Section;

/// Joins the rows whose keys this worker owns, when there are no more.
pub(crate) struct BatchJoinOperator {
    waiting: [Vec<Batch>; 2],
    once: JoinOnce,
    /// For rows that are taken back.
    changing: JoinOperator,
    time: TimeDomain,
}

impl BatchJoinOperator {
    /// No rows yet; `time` tells when the input has ended.
    pub(crate) fn new(
        join: &Join,
        inputs: [SchemaRef; 2],
        retracts: [bool; 2],
        schema: SchemaRef,
        time: TimeDomain,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let once = JoinOnce::new(join, inputs.clone(), Arc::clone(&schema))?;
        let changing = JoinOperator::new(join, inputs, retracts, schema, context)?;
        Ok(BatchJoinOperator { waiting: Default::default(), once, changing, time })
    }
}

impl Operator for BatchJoinOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if let Some(side) = self.waiting.get_mut(usize::from(batch.port)) {
            side.push(batch);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        if self.time.watermark(epoch) != Watermark::END {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.iter().flatten().all(|batch| batch.diffs.is_none()) {
            let rows = waiting.map(|side| side.into_iter().map(|b| b.rows).collect::<Vec<RecordBatch>>());
            return self.once.run_parts(rows, out);
        }
        for batch in waiting.into_iter().flatten() {
            self.changing.on_batch(epoch, batch, out)?;
        }
        self.changing.on_epoch_end(epoch, out)
    }

    /// Jobs that can be resumed do not gather: nothing is kept between epochs.
    fn save(&mut self) -> Result<Vec<Section>> {
        Ok(vec![])
    }

    fn restore(&mut self, _: Vec<Section>) -> Result<()> {
        Ok(())
    }
}
