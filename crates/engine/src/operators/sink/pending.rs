//! Rows that would come out otherwise when they were made again: they are part of the checkpoint that follows them, and are
//! written when it stands. After a crash they are taken from there.
//!
//! ```text
//!  epochs 5 6 7 │ checkpoint │ epochs 8 9 …
//!         rows ─┴─▶ in its state ──published──▶ written as rows of epoch 7, and committed with that number
//! ```

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_types::{ChangeBatch, Epoch, Result};

use crate::state::snapshot::{Owner, Section, batches_of, column_of, foreign_state, numbers, split, table};

const PENDING: &str = "pending";
/// Columns before those of the rows: epoch, weight, half of an update or not.
const OWN: usize = 3;

/// What a sink has been given since the last checkpoint.
pub(crate) struct Pending {
    schema: SchemaRef,
    batches: Vec<ChangeBatch>,
    /// What the last checkpoint has.
    kept: Option<(Epoch, Vec<ChangeBatch>)>,
    /// What the checkpoint had that the job goes on from.
    restored: Option<(Epoch, Vec<ChangeBatch>)>,
}

impl Pending {
    /// Nothing yet, of rows of `schema`.
    pub(crate) fn new(schema: &SchemaRef) -> Self {
        Pending { schema: Arc::clone(schema), batches: vec![], kept: None, restored: None }
    }

    pub(super) fn add(&mut self, batch: ChangeBatch) {
        self.batches.push(batch);
    }

    /// The rows of all epochs up to this one, which ends in a checkpoint that has them.
    pub(super) fn close(&mut self, epoch: Epoch) -> Vec<ChangeBatch> {
        let batches = std::mem::take(&mut self.batches);
        self.kept = Some((epoch, batches.clone()));
        batches
    }

    /// What has to be written first, with the number of its epoch.
    pub(super) fn take_restored(&mut self) -> Option<(Epoch, Vec<ChangeBatch>)> {
        self.restored.take()
    }

    pub(super) fn save(&mut self) -> Result<Vec<Section>> {
        let Some((epoch, batches)) = self.kept.take() else { return Ok(vec![]) };
        let rows = |batch: &ChangeBatch| {
            let count = batch.rows.num_rows();
            let weights = batch.diffs.clone().unwrap_or_else(|| Int64Array::from(vec![1; count]));
            let updates: BooleanArray = (0..count).map(|row| Some(batch.is_update(row))).collect();
            let own: [ArrayRef; OWN] =
                [column_of(std::iter::repeat_n(epoch.0.cast_signed(), count)), Arc::new(weights), Arc::new(updates)];
            table(own.into_iter().chain(batch.rows.columns().iter().cloned()).collect())
        };
        let rows = batches.iter().map(rows).collect::<Result<_>>()?;
        Ok(vec![Section::new(PENDING, Owner::Key(vec![]), rows)])
    }

    pub(super) fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, PENDING) {
            let (own, columns) = split(&rows, OWN)?;
            let epoch = Epoch(numbers(&rows, 0)?.values().first().copied().unwrap_or_default().cast_unsigned());
            let weights = numbers(&rows, 1)?;
            let updates = own.get(2).and_then(|c| c.as_boolean_opt()).ok_or_else(|| foreign_state(2))?;
            let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
            let batch = ChangeBatch {
                rows: RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.to_vec(), &options)?,
                diffs: weights.values().iter().any(|w| *w != 1).then(|| weights.clone()),
                updates: (updates.true_count() > 0).then(|| updates.values().clone()),
            };
            let (_, batches) = self.restored.get_or_insert_with(|| (epoch, vec![]));
            batches.push(batch);
        }
        Ok(())
    }
}
