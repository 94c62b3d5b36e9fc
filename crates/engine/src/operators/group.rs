//! Aggregation by key without windows: emits the changed groups of every epoch.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::Operator;
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::{Batch, Place};
use crate::state::groups::{Groups, GroupsSpec};
use crate::state::keys::RowSet;

/// All groups that this worker owns.
pub(crate) struct GroupAggregateOperator {
    spec: GroupsSpec,
    groups: Groups,
    ordered: bool,
    waiting: Vec<Batch>,
    /// Slots changed in this epoch, and a mark for each slot.
    changed: Vec<u32>,
    marks: Vec<bool>,
    /// Without calls (DISTINCT) a group is emitted once.
    known: usize,
    schema: SchemaRef,
    buffer: Vec<u32>,
    gauge: StateGauge,
}

impl GroupAggregateOperator {
    /// No groups yet.
    pub(crate) fn new(spec: GroupsSpec, schema: SchemaRef, context: Arc<JobContext>) -> Result<Self> {
        let groups = spec.groups()?;
        let ordered = spec.calls.iter().any(sloth_plan::AggregateCall::order_sensitive);
        Ok(GroupAggregateOperator {
            spec,
            groups,
            ordered,
            waiting: vec![],
            changed: vec![],
            marks: vec![],
            known: 0,
            schema,
            buffer: vec![],
            gauge: StateGauge::new(context),
        })
    }

    fn add(&mut self, batch: &Batch) -> Result<()> {
        let rows = batch.rows.num_rows();
        if batch.partial {
            let partial = self.spec.prepare_partial(&batch.rows)?;
            self.groups.merge(&partial, 0..rows, &mut self.buffer)?;
        } else {
            let prepared = self.spec.prepare(&batch.rows)?;
            self.groups.update(&prepared, &RowSet::Range(0..rows), &mut self.buffer)?;
        }
        self.marks.resize(self.groups.keys.slots(), false);
        for slot in &self.buffer {
            let mark = &mut self.marks[*slot as usize];
            if !*mark {
                *mark = true;
                self.changed.push(*slot);
            }
        }
        Ok(())
    }
}

impl Operator for GroupAggregateOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if self.ordered {
            self.waiting.push(batch);
            return Ok(());
        }
        self.add(&batch)
    }

    fn on_epoch_end(&mut self, _: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|b| b.place);
        for batch in waiting {
            self.add(&batch)?;
        }
        let mut changed = std::mem::take(&mut self.changed);
        for slot in &changed {
            self.marks[*slot as usize] = false;
        }
        if self.spec.calls.is_empty() {
            changed.retain(|slot| *slot as usize >= self.known);
            self.known = self.groups.keys.slots();
        }
        if !changed.is_empty() {
            let columns = self.groups.results(&self.spec, &changed)?;
            out.push(Batch::insert(fit(&self.schema, columns)?, Place::default()));
        }
        self.gauge.set(self.groups.keys.len(), self.groups.bytes());
        Ok(())
    }
}
