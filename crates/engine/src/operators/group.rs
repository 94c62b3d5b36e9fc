//! Aggregation by key without windows: keeps every group, and emits at an epoch's end how the groups have changed.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_types::{ChangelogMode, Result};

use super::Operator;
use super::delta::changed;
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::hash::{KeyHasher, worker_of};
use crate::message::Batch;
use crate::state::groups::{Groups, GroupsSpec};
use crate::state::keys::EncodedKeys;
use crate::state::snapshot::{Section, batches_of, number, take_number};

/// All groups that this worker owns.
pub(crate) struct GroupAggregateOperator {
    spec: GroupsSpec,
    groups: Groups,
    ordered: bool,
    waiting: Vec<Batch>,
    touched: Touched,
    /// What is said of a replaced row: nothing, or its retraction.
    upsert: bool,
    /// Groups of this worker that are there without any row: the only group where there are no keys, grand totals.
    totals: Vec<u32>,
    /// They have been given out: from the first epoch on.
    totals_told: bool,
    schema: SchemaRef,
    buffer: Vec<u32>,
    gauge: StateGauge,
}

/// The groups that an epoch has touched, with their results before it.
#[derive(Default)]
struct Touched {
    slots: Vec<u32>,
    marks: Vec<bool>,
    /// Whether the group existed before.
    alive: Vec<bool>,
    /// Keys and results before, in pieces that follow `slots`.
    before: Vec<RecordBatch>,
}

/// How a group aggregation is made.
pub(crate) struct GroupParts {
    pub(crate) spec: GroupsSpec,
    pub(crate) schema: SchemaRef,
    pub(crate) mode: ChangelogMode,
    /// Keys of the groups that are there without any row.
    pub(crate) totals: Option<RecordBatch>,
    /// Which worker of how many this is.
    pub(crate) worker: (usize, usize),
}

impl GroupAggregateOperator {
    /// No groups yet.
    pub(crate) fn new(parts: GroupParts, context: Arc<JobContext>) -> Result<Self> {
        let GroupParts { mut spec, schema, mode, totals, worker } = parts;
        let mut groups = spec.groups()?;
        let totals = own_totals(&mut spec, &mut groups, totals, worker)?;
        let ordered = spec.calls.iter().any(sloth_plan::AggregateCall::order_sensitive);
        Ok(GroupAggregateOperator {
            spec,
            groups,
            ordered,
            waiting: vec![],
            touched: Touched::default(),
            upsert: matches!(mode, ChangelogMode::Upsert { .. }),
            totals,
            totals_told: false,
            schema,
            buffer: vec![],
            gauge: StateGauge::new(context),
        })
    }

    fn add(&mut self, batch: &Batch) -> Result<()> {
        let rows = batch.rows.num_rows();
        let known = self.groups.keys.slots();
        let mut slots = std::mem::take(&mut self.buffer);
        if batch.partial {
            let partial = self.spec.prepare_partial(&batch.rows)?;
            self.groups.slots_of(&partial.keys, rows, &mut slots);
            self.touch(&slots, known)?;
            self.groups.merge_slots(&partial, &slots)?;
        } else {
            let prepared = self.spec.prepare(&batch.rows, batch.diffs.as_ref())?;
            self.groups.slots_of(&prepared.keys, rows, &mut slots);
            self.touch(&slots, known)?;
            self.groups.update_slots(&prepared, &slots)?;
        }
        self.buffer = slots;
        Ok(())
    }

    /// Notes groups that this epoch touches for the first time, and their results so far. Slots from `known` on are new.
    fn touch(&mut self, slots: &[u32], known: usize) -> Result<()> {
        let touched = &mut self.touched;
        touched.marks.resize(self.groups.keys.slots(), false);
        let start = touched.slots.len();
        for slot in slots {
            let mark = &mut touched.marks[*slot as usize];
            if !*mark {
                *mark = true;
                touched.slots.push(*slot);
                let alive = if self.totals.contains(slot) {
                    self.totals_told
                } else if self.spec.retracts() {
                    self.groups.is_alive(*slot)
                } else {
                    (*slot as usize) < known
                };
                touched.alive.push(alive);
            }
        }
        if start < touched.slots.len() {
            let columns = self.groups.results(&self.spec, &touched.slots[start..])?;
            touched.before.push(fit(&self.schema, columns)?);
        }
        Ok(())
    }

    /// The changes of the epoch's groups.
    fn changes(&mut self, out: &mut Vec<Batch>) -> Result<()> {
        let Touched { slots, alive, before, mut marks } = std::mem::take(&mut self.touched);
        for slot in &slots {
            marks[*slot as usize] = false;
        }
        self.touched.marks = marks;
        if slots.is_empty() {
            return Ok(());
        }
        let before = concat_batches(&self.schema, &before)?;
        let columns = self.groups.results(&self.spec, &slots)?;
        let after = fit(&self.schema, columns)?;
        let keys = self.spec.keys.len();
        let differs = changed(&before.columns()[keys..], &after.columns()[keys..], slots.len())?;
        let (mut minus, mut plus) = (vec![], vec![]);
        for (row, slot) in slots.iter().enumerate() {
            let (was, is) = (alive[row], self.is_alive(*slot));
            if was && (!is || (differs[row] && !self.upsert)) {
                minus.push(row as u32);
            }
            if is && (!was || differs[row]) {
                plus.push(row as u32);
            }
            if !is {
                self.groups.remove(*slot);
            }
        }
        let deletes = minus.len();
        let parts = [
            take_record_batch(&before, &UInt32Array::from(minus))?,
            take_record_batch(&after, &UInt32Array::from(plus))?,
        ];
        let rows = concat_batches(&self.schema, &parts)?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let diffs = (deletes > 0)
            .then(|| (0..rows.num_rows()).map(|row| if row < deletes { -1 } else { 1 }).collect::<Int64Array>());
        out.push(Batch::changes(rows, diffs));
        Ok(())
    }

    fn is_alive(&self, slot: u32) -> bool {
        self.totals.contains(&slot) || self.groups.is_alive(slot)
    }
}

/// Makes the groups that are there without any row, on the worker that owns them.
fn own_totals(
    spec: &mut GroupsSpec,
    groups: &mut Groups,
    totals: Option<RecordBatch>,
    worker: (usize, usize),
) -> Result<Vec<u32>> {
    let mut slots = vec![];
    if spec.keys.is_empty() {
        if worker.0 == 0 {
            groups.slots_of(&EncodedKeys::None, 1, &mut slots);
        }
        return Ok(slots);
    }
    let Some(totals) = totals else { return Ok(slots) };
    let mut hasher = KeyHasher::default();
    let columns: Vec<_> = totals.columns().iter().collect();
    let hashes = hasher.hash(&columns, totals.num_rows());
    let own: UInt32Array =
        (0u32..).zip(hashes).filter(|(_, hash)| worker_of(**hash, worker.1) == worker.0).map(|(row, _)| row).collect();
    if !own.is_empty() {
        let own = take_record_batch(&totals, &own)?;
        let keys = spec.encode(own.columns())?;
        groups.slots_of(&keys, own.num_rows(), &mut slots);
    }
    Ok(slots)
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
        if !self.totals_told && !self.totals.is_empty() {
            // The sum of nothing is a row too.
            let totals = self.totals.clone();
            self.touch(&totals, 0)?;
        }
        let any = !self.touched.slots.is_empty();
        self.changes(out)?;
        if any {
            self.totals_told = true;
            self.gauge.set(self.groups.keys.len(), self.groups.bytes());
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let slots = self.groups.keys.live();
        let rows = self.groups.save(&self.spec, 0, &slots)?;
        let mut sections = vec![Section::new("groups", self.spec.owner(), rows)];
        if self.totals_told && !self.totals.is_empty() {
            // Workers that own none of them do not know.
            sections.push(number("totals told", 1)?);
        }
        Ok(sections)
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, "groups") {
            let groups = self.spec.prepare_partial(&rows)?;
            self.groups.merge(&groups, 0..rows.num_rows(), &mut self.buffer)?;
        }
        self.totals_told = take_number(&mut state, "totals told")?.is_some();
        self.gauge.set(self.groups.keys.len(), self.groups.bytes());
        Ok(())
    }
}
