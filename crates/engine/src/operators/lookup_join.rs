//! Joins with a table as it is now: a left row meets the table's rows of its epoch and is not kept. What the table says
//! later changes nothing, so what comes out depends on when the rows came.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use sloth_plan::Join;
use sloth_types::{Result, Watermark};

use super::Operator;
use super::delta::Consolidator;
use super::join::owners;
use super::temporal_join::Pairing;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::arrangement::{Arrangement, Written};
use crate::state::keys::{ABSENT, KeyEncoder};
use crate::state::snapshot::{Section, batches_of, table};

/// What has changed in the table since a checkpoint.
const CHANGES: &str = "table changes";

/// Rows of the table whose keys this worker owns.
pub(crate) struct LookupJoinOperator {
    pairing: Pairing,
    encoder: KeyEncoder,
    /// Of the table's rows.
    schema: SchemaRef,
    table: Arrangement,
    changes: Vec<Batch>,
    consolidator: Consolidator,
    waiting: Vec<RecordBatch>,
    /// So many of those that wait are in the last checkpoint.
    kept: usize,
    /// Left rows wait until the table has been read to its end by this time.
    hold: Option<TimeDomain>,
    gauge: StateGauge,
}

impl LookupJoinOperator {
    /// An empty table. `retracts` tells that its rows may be taken back.
    pub(crate) fn new(
        join: &Join,
        inputs: [SchemaRef; 2],
        retracts: bool,
        hold: Option<TimeDomain>,
        schema: SchemaRef,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let pairing = Pairing::new(join, &inputs, schema);
        let [left, right] = inputs;
        let types = join.left_keys.iter().map(|k| left.field(*k).data_type().clone()).collect();
        Ok(LookupJoinOperator {
            pairing,
            encoder: KeyEncoder::new(types)?,
            schema: Arc::clone(&right),
            table: Arrangement::new(&right, &join.right_keys, retracts)?,
            changes: vec![],
            consolidator: Consolidator::new(&right)?,
            waiting: vec![],
            kept: 0,
            hold,
            gauge: StateGauge::new(context),
        })
    }

    /// Rows that wait and are in no checkpoint yet.
    fn new_waiting(&mut self) -> Result<Vec<RecordBatch>> {
        let new = self.waiting.iter().skip(self.kept).map(|rows| table(rows.columns().to_vec())).collect();
        self.kept = self.waiting.len();
        new
    }

    fn look_up(&mut self, left: &RecordBatch, out: &mut Vec<Batch>) -> Result<()> {
        let keys: Vec<ArrayRef> = self.pairing.join.left_keys.iter().map(|k| Arc::clone(left.column(*k))).collect();
        let found = self.table.find(&self.encoder.encode(&keys)?, left.num_rows());
        let mut pairs = vec![];
        for (row, key) in (0..).zip(&found).filter(|(_, key)| **key != ABSENT) {
            pairs.extend(self.table.rows_of(*key).map(|slot| (row, slot)));
        }
        self.pairing.run(left, pairs.into_iter(), |column, slots| self.table.gather(column, slots), out)
    }
}

impl Operator for LookupJoinOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        match batch.port {
            0 => self.waiting.push(batch.rows),
            _ => self.changes.push(batch),
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let changes = std::mem::take(&mut self.changes);
        if let Some(net) = self.consolidator.run(&changes)? {
            let keys = self.table.encode(&net.rows)?;
            self.table.apply(&net.rows, net.diffs.as_ref(), &keys, &mut vec![])?;
        }
        if self.hold.as_ref().is_some_and(|time| time.watermark(epoch) != Watermark::END) {
            return Ok(());
        }
        for left in std::mem::take(&mut self.waiting) {
            self.look_up(&left, out)?;
        }
        self.gauge.set(self.table.len(), self.table.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let [left, right] = owners(&self.pairing.join, self.pairing.widths());
        self.kept = 0;
        self.table.begin_changes();
        let stored = self.table.save(Written::Anyhow, |_| Ok(vec![]))?;
        Ok(vec![Section::new("waiting", left, self.new_waiting()?), Section::new("table", right, stored)])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        // Rows wait together, and are let go together.
        if !self.table.knows_changes() || self.waiting.len() < self.kept {
            return Ok(None);
        }
        let [left, right] = owners(&self.pairing.join, self.pairing.widths());
        let changes = self.table.take_changes()?;
        Ok(Some(vec![Section::new("waiting", left, self.new_waiting()?), Section::new(CHANGES, right, changes)]))
    }

    fn begin_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save().map(Some)
    }

    fn save_ahead(&mut self) -> Result<Vec<Section>> {
        let [_, right] = owners(&self.pairing.join, self.pairing.widths());
        Ok(vec![Section::new(CHANGES, right, self.table.take_changes_ahead()?)])
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        Some((self.table.kept_rows(), self.table.len()))
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.kept = self.waiting.len();
        self.table.begin_changes();
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, "table") {
            self.table.restore(&rows)?;
        }
        for rows in batches_of(&mut state, CHANGES) {
            self.table.restore_changes(&self.schema, &rows)?;
        }
        self.waiting = batches_of(&mut state, "waiting");
        self.gauge.set(self.table.len(), self.table.bytes());
        Ok(())
    }
}
