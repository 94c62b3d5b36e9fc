//! Keeps rows by a key for several joins, see [`SharedRows`], and passes its input's changes on to them, netted.

use std::cell::RefCell;
use std::rc::Rc;

use arrow::array::BooleanArray;
use arrow::datatypes::SchemaRef;
use sloth_plan::Arrange;
use sloth_types::Result;

use super::Operator;
use super::delta::Consolidator;
use super::join::{gathered_delta, null_keys, pick};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::shared::SharedRows;
use crate::state::snapshot::Section;

/// The writer of shared rows.
pub(crate) struct ArrangeOperator {
    arrange: Arrange,
    waiting: Vec<Batch>,
    consolidator: Consolidator,
    shared: Rc<RefCell<SharedRows>>,
}

impl ArrangeOperator {
    /// Writes rows of `schema` to `shared`.
    pub(crate) fn new(arrange: &Arrange, schema: &SchemaRef, shared: Rc<RefCell<SharedRows>>) -> Result<Self> {
        let consolidator = Consolidator::new(schema)?;
        Ok(ArrangeOperator { arrange: arrange.clone(), waiting: vec![], consolidator, shared })
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

    fn kept_rows(&self) -> Option<(usize, usize)> {
        Some(self.shared.borrow().kept_rows())
    }

    fn restore(&mut self, state: Vec<Section>) -> Result<()> {
        self.shared.borrow_mut().restore(state)
    }
}
