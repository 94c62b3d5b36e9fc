//! Keeps rows by a key for several joins, see [`SharedRows`], and passes its input's changes on to them, netted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use sloth_plan::Arrange;
use sloth_types::{Error, Result};

use super::Operator;
use super::delta::Consolidator;
use super::join::{gathered_delta, null_keys, pick};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::arrangement::Arrangement;
use crate::state::shared::{CHANGES, COLUMNS, ROWS, SharedRows, WEIGHTS};
use crate::state::snapshot::{Section, batches_of, numbers};

/// The writer of shared rows.
pub(crate) struct ArrangeOperator {
    arrange: Arrange,
    schema: SchemaRef,
    waiting: Vec<Batch>,
    consolidator: Consolidator,
    shared: Rc<RefCell<SharedRows>>,
    /// The rows that were taken up had the same columns.
    as_written: bool,
}

impl ArrangeOperator {
    /// Writes rows of `schema` to `shared`.
    pub(crate) fn new(arrange: &Arrange, schema: &SchemaRef, shared: Rc<RefCell<SharedRows>>) -> Result<Self> {
        let consolidator = Consolidator::new(schema)?;
        Ok(ArrangeOperator {
            arrange: arrange.clone(),
            schema: Arc::clone(schema),
            waiting: vec![],
            consolidator,
            shared,
            as_written: false,
        })
    }
}

impl Operator for ArrangeOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        for delta in gathered_delta(std::mem::take(&mut self.waiting), &mut self.consolidator)? {
            let nulls = match self.arrange.null_equal {
                true => None,
                false => null_keys(&delta.rows, &self.arrange.keys),
            };
            // Rows with a NULL key meet nobody: the joins see them come, and they are not kept.
            let kept = match nulls {
                Some(nulls) => pick(&delta, &BooleanArray::new(nulls.inner().clone(), None))?,
                None => delta.clone(),
            };
            if kept.rows.num_rows() > 0 {
                self.shared.borrow_mut().push(epoch.epoch.0, kept.rows, kept.diffs);
            }
            out.push(delta);
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.shared.borrow_mut().save()
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.shared.borrow_mut().save_changes()
    }

    fn begin_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save().map(Some)
    }

    fn save_ahead(&mut self) -> Result<Vec<Section>> {
        self.shared.borrow_mut().save_ahead()
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        Some(self.shared.borrow().kept_rows())
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.shared.borrow_mut().begin_changes();
        self.as_written
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        let mut shared = self.shared.borrow_mut();
        self.as_written = take_up(&mut shared.rows().borrow_mut(), &self.schema, &self.arrange.columns, state)?;
        shared.restored();
        Ok(())
    }
}

/// Takes the rows out of the state of an arrangement into another one, which may have fewer of the columns. True when it has
/// the same.
pub(crate) fn take_up(
    rows: &mut Arrangement,
    schema: &SchemaRef,
    columns: &[u64],
    mut state: Vec<Section>,
) -> Result<bool> {
    let written = batches_of(&mut state, COLUMNS);
    let Some(written) = written.first() else { return Ok(false) };
    let written: Vec<u64> = numbers(written, 0)?.values().iter().map(|c| c.cast_unsigned()).collect();
    let mut some =
        |name| -> Vec<RecordBatch> { batches_of(&mut state, name).into_iter().filter(|b| b.num_rows() > 0).collect() };
    let (weights, whole, changes) = (some(WEIGHTS), some(ROWS), some(CHANGES));
    let mut total = 0;
    for batch in
        weights.iter().map(|b| (b, b.num_columns() - 1)).chain(whole.iter().chain(&changes).map(|b| (b, written.len())))
    {
        total += numbers(batch.0, batch.1)?.values().iter().sum::<i64>();
    }
    if total == 0 {
        // What was there has gone, whatever its columns were.
        return Ok(written == columns);
    }
    for weights in &weights {
        if !rows.is_bare() {
            return Err(Error::internal("a join needs rows of which only the keys were kept"));
        }
        rows.restore(weights)?;
    }
    let picks: Option<Vec<usize>> = columns.iter().map(|c| written.iter().position(|w| w == c)).collect();
    let picks = picks.ok_or_else(|| Error::internal("a join needs columns that were not kept"))?;
    let same = written == columns && !rows.is_bare();
    let mut consolidator = Consolidator::new(schema)?;
    for (batch, same) in whole.iter().map(|b| (b, same)).chain(changes.iter().map(|b| (b, false))) {
        if same {
            rows.restore(batch)?;
            continue;
        }
        let diffs = numbers(batch, written.len())?;
        let picked = picks.iter().map(|p| Arc::clone(batch.column(*p))).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let picked = RecordBatch::try_new_with_options(Arc::clone(schema), picked, &options)?;
        let picked = Batch::changes(picked, Some(diffs.clone()));
        // Rows that differ in the columns that are left out are equal now; those that only come are kept one by one.
        let net = if rows.retracts() { consolidator.run(&[picked])? } else { Some(picked) };
        let Some(net) = net else { continue };
        let keys = rows.encode(&net.rows)?;
        rows.apply(&net.rows, net.diffs.as_ref(), &keys, &mut vec![])?;
    }
    Ok(written == columns)
}
