//! Session windows whose results are told before they close, or corrected after it.
//!
//! The rows of sessions are kept until the watermark has passed a session's end and the allowed lateness. A key tells its
//! sessions anew when one of them closes or is gone, and at the pace of the policy when its rows have changed; what it
//! tells is compared with what it has told. The work is that of a key's sessions that are still kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use sloth_plan::Emission;
use sloth_types::{Result, Watermark};

use super::Operator;
use super::delta::Consolidator;
use super::pace::Pace;
use super::session::SessionParts;
use super::session_changes::SessionChangesOperator;
use super::touched::HeldBack;
use super::window_assign::millis;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::arrangement::{Arrangement, Written};
use crate::state::changed::standing;
use crate::state::groups::GroupsSpec;
use crate::state::keys::{ABSENT, KeyTable, RowSet};
use crate::state::snapshot::{Owner, Section, batches_of, column_of, number, table, take_newest_number};

/// Sessions of all keys that this worker owns.
pub(crate) struct SessionUpdatesOperator {
    /// Keeps the rows, and says which sessions are gone.
    kept: SessionChangesOperator,
    keys: GroupsSpec,
    /// When sessions close.
    time: TimeDomain,
    /// When they are gone.
    late: TimeDomain,
    /// Sessions are told before they close.
    early: bool,
    pace: Pace,
    /// What has been told of sessions that are not gone.
    told: Arrangement,
    /// The keys that have sessions, or had some that were told.
    table: KeyTable,
    /// For each key slot when a session of it may close: the earliest of its entries in the queue.
    queued: Vec<i64>,
    queue: BinaryHeap<Reverse<(i64, u32)>>,
    /// Keys whose rows have changed since they were told.
    dirty: Vec<u32>,
    marks: Vec<bool>,
    /// What checkpoints have of them.
    held: HeldBack,
    /// The watermark up to which sessions have closed.
    closed: Watermark,
    input: Consolidator,
    output: Consolidator,
    waiting: Vec<Batch>,
    schema: SchemaRef,
    gauge: StateGauge,
}

/// The section of keys that are held back.
const DIRTY: &str = "dirty";

impl SessionUpdatesOperator {
    /// No sessions yet; `input` is the schema of the rows, `keys` the same aggregation as that of `parts`.
    pub(crate) fn new(
        parts: SessionParts,
        keys: GroupsSpec,
        input: &SchemaRef,
        emission: Emission,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let (schema, time) = (Arc::clone(&parts.schema), parts.domain.clone());
        let key_columns: Vec<usize> = (3..3 + keys.keys.len()).collect();
        let late = time.behind(emission.lateness_ms);
        Ok(SessionUpdatesOperator {
            kept: SessionChangesOperator::new(parts, Arc::clone(input), Arc::clone(&context))?,
            table: keys.groups()?.keys,
            keys,
            time,
            late,
            early: emission.early.is_some(),
            pace: Pace::new(emission.early.unwrap_or(emission.late)),
            told: Arrangement::new(&schema, &key_columns, true)?,
            queued: vec![],
            queue: BinaryHeap::new(),
            dirty: vec![],
            marks: vec![],
            held: HeldBack::default(),
            closed: Watermark::NONE,
            input: Consolidator::new(input)?,
            output: Consolidator::new(&schema)?,
            waiting: vec![],
            schema,
            gauge: StateGauge::new(context),
        })
    }

    /// Keys that are to be told, or have been: there is a column behind the key's, which may have none.
    fn told_keys(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut keys = self.keys.key_columns(&self.table, slots)?;
        keys.push(column_of(slots.iter().map(|_| 1)));
        Ok(keys)
    }

    /// The slots of keys.
    fn intern(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let keys = self.keys.encode(columns)?;
        let mut slots = vec![];
        match columns.is_empty() {
            true => {
                self.table.intern(&keys, &RowSet::Range(0..1), &mut slots);
                slots.resize(rows, 0);
            }
            false => self.table.intern(&keys, &RowSet::Range(0..rows), &mut slots),
        }
        self.queued.resize(self.table.slots().max(self.queued.len()), i64::MAX);
        self.marks.resize(self.table.slots().max(self.marks.len()), false);
        Ok(slots)
    }

    /// Takes the net changes of an epoch in.
    fn add(&mut self, batch: &Batch, watermark: Watermark) -> Result<()> {
        self.kept.add(batch, watermark)?;
        let columns: Vec<ArrayRef> = self.keys.keys.iter().map(|k| ArrayRef::clone(batch.rows.column(*k))).collect();
        let slots = self.intern(&columns, batch.rows.num_rows())?;
        let times = millis(batch.rows.column(self.kept.time))?;
        for (row, slot) in slots.iter().enumerate() {
            let grows = batch.diffs.as_ref().is_none_or(|d| d.value(row) > 0);
            let gap = if grows { self.kept.gap_ms } else { 0 };
            // A session that has lost a row may end earlier, but not before the row's time.
            self.look_at(*slot, times.value(row).saturating_add(gap));
            if let Some(mark) = self.marks.get_mut(*slot as usize).filter(|mark| !**mark) {
                *mark = true;
                self.dirty.push(*slot);
                self.held.note_new(*slot);
            }
        }
        Ok(())
    }

    /// No session of a key closes before `end`, as far as is known.
    fn look_at(&mut self, slot: u32, end: i64) {
        if let Some(queued) = self.queued.get_mut(slot as usize)
            && end < *queued
        {
            *queued = end;
            self.queue.push(Reverse((end, slot)));
        }
    }

    /// The keys of which a session closes under a watermark.
    fn closing(&mut self, watermark: Watermark) -> Result<Vec<u32>> {
        let mut perhaps = vec![];
        while let Some(Reverse((end, slot))) = self.queue.peek().copied() {
            if !watermark.completes(end) {
                break;
            }
            self.queue.pop();
            if let Some(queued) = self.queued.get_mut(slot as usize).filter(|queued| **queued == end) {
                *queued = i64::MAX;
                perhaps.push(slot);
            }
        }
        let mut closing = vec![];
        for (slot, key) in perhaps.iter().zip(self.kept_keys(&perhaps)?) {
            let ends: Vec<i64> = self.kept.sessions(key).iter().map(|s| s.end).collect();
            if ends.iter().any(|end| watermark.completes(*end) && !self.closed.completes(*end)) {
                closing.push(*slot);
            }
            if let Some(next) = ends.iter().find(|end| !watermark.completes(**end)) {
                self.look_at(*slot, *next);
            }
        }
        Ok(closing)
    }

    /// Where the rows of keys are kept.
    fn kept_keys(&mut self, slots: &[u32]) -> Result<Vec<u32>> {
        let columns = self.keys.key_columns(&self.table, slots)?;
        let keys = self.keys.encode(&columns)?;
        Ok(self.kept.rows.find(&keys, slots.len()))
    }

    /// Tells keys anew; `gone` are the results of sessions that are kept no longer.
    fn tell(&mut self, slots: &[u32], watermark: Watermark, gone: Vec<Batch>, out: &mut Vec<Batch>) -> Result<()> {
        let mut sessions = vec![];
        let kept = self.kept_keys(slots)?;
        for key in kept.iter().filter(|key| **key != ABSENT) {
            let all = self.kept.sessions(*key).into_iter();
            sessions.extend(all.filter(|s| self.early || watermark.completes(s.end)));
        }
        let columns = self.keys.key_columns(&self.table, slots)?;
        let encoded = self.keys.encode(&columns)?;
        let told = self.told.find(&encoded, slots.len());
        let before: Vec<u32> = told.iter().flat_map(|key| self.told.rows_of(*key)).collect();
        let mut changes = vec![];
        if !before.is_empty() {
            let columns =
                (0..self.schema.fields().len()).map(|c| self.told.gather(c, &before)).collect::<Result<_>>()?;
            let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
            changes.push(Batch::changes(rows, Some(Int64Array::from(vec![-1; before.len()]))));
        }
        changes.extend(self.kept.told(&sessions)?.map(|rows| Batch::changes(rows, None)));
        let keys_told = |batch: &Batch| batch.rows.columns().iter().skip(3).take(columns.len()).cloned().collect();
        if let Some(net) = self.net(&changes)? {
            let columns: Vec<ArrayRef> = keys_told(&net);
            let keys = self.keys.encode(&columns)?;
            self.told.apply(&net.rows, net.diffs.as_ref(), &keys, &mut vec![])?;
        }
        changes.extend(gone);
        out.extend(self.net(&changes)?);
        let mut held = std::mem::take(&mut self.held);
        held.note_told(slots, |told| self.told_keys(told))?;
        self.held = held;
        for (slot, kept) in slots.iter().zip(kept) {
            if let Some(mark) = self.marks.get_mut(*slot as usize) {
                *mark = false;
            }
            // What has no rows is not told any more.
            if kept == ABSENT && !columns.is_empty() {
                if let Some(queued) = self.queued.get_mut(*slot as usize) {
                    *queued = i64::MAX;
                }
                self.table.remove(*slot);
            }
        }
        let marks = &self.marks;
        self.dirty.retain(|slot| marks.get(*slot as usize).copied().unwrap_or(false));
        Ok(())
    }

    /// Changes with one net change a row.
    fn net(&mut self, changes: &[Batch]) -> Result<Option<Batch>> {
        let net = self.output.run(changes)?;
        // Without retractions no row comes twice: sessions of a key do not overlap.
        Ok(net.filter(|net| net.rows.num_rows() > 0))
    }

    /// The keys of results.
    fn keys_of(&mut self, results: &[Batch]) -> Result<Vec<u32>> {
        if results.is_empty() {
            return Ok(vec![]);
        }
        let rows = concat_batches(&self.schema, results.iter().map(|b| &b.rows))?;
        let columns: Vec<ArrayRef> = rows.columns().iter().skip(3).take(self.keys.keys.len()).cloned().collect();
        self.intern(&columns, rows.num_rows())
    }
}

impl Operator for SessionUpdatesOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut gone = vec![];
        let late = self.late.late_watermark(epoch);
        self.kept.fire(late, &mut gone)?;
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(net) = self.input.run(&waiting)? {
            self.add(&net, late)?;
        }
        self.kept.fire(self.late.watermark(epoch), &mut gone)?;
        let watermark = self.time.watermark(epoch);
        let mut slots = self.keys_of(&gone)?;
        slots.extend(self.closing(watermark)?);
        if self.pace.due(epoch) {
            slots.extend_from_slice(&self.dirty);
        }
        self.closed = self.closed.max(watermark);
        if slots.is_empty() {
            return Ok(());
        }
        slots.sort_unstable();
        slots.dedup();
        self.tell(&slots, watermark, gone, out)?;
        self.gauge.set(self.kept.rows.len(), self.kept.rows.bytes() + self.told.bytes() + self.table.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let keys = self.keys.keys.len();
        let mut sections = self.kept.save()?;
        self.told.begin_changes();
        self.held.go_on(0, &self.dirty);
        let told = self.told.save(Written::Anyhow, |_| Ok(vec![]))?;
        sections.push(Section::new("told", Owner::Key((3..3 + keys).collect()), told));
        sections.push(Section::new(DIRTY, Owner::Key((0..keys).collect()), vec![table(self.told_keys(&self.dirty)?)?]));
        sections.push(number("closed", self.closed.0)?);
        sections.push(self.pace.save("pace")?);
        Ok(sections)
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.told.knows_changes() {
            return Ok(None);
        }
        let Some(mut sections) = self.kept.save_changes()? else { return Ok(None) };
        let keys = self.keys.keys.len();
        let told = self.told.take_changes()?;
        sections.push(Section::new("told changes", Owner::Key((3..3 + keys).collect()), told));
        let held = self.held.take();
        let (held, key) = (table(self.told_keys(&held)?)?, (0..keys).collect::<Vec<_>>());
        sections.extend(self.held.sections(DIRTY, &key, held, &self.dirty)?);
        sections.push(number("closed", self.closed.0)?);
        sections.push(self.pace.save("pace")?);
        Ok(Some(sections))
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        let of = |rows: &Arrangement| (rows.kept_rows(), rows.len());
        let (kept, told) = (of(&self.kept.rows), of(&self.told));
        Some((kept.0 + told.0, kept.1 + told.1))
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.told.begin_changes();
        self.held.go_on(newest, &self.dirty);
        self.kept.resume_changes(newest)
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        let keys = self.keys.keys.len();
        self.closed = take_newest_number(&mut state, "closed")?.map_or(self.closed, Watermark);
        self.pace.restore(&mut state, "pace")?;
        for rows in batches_of(&mut state, "told") {
            self.told.restore(&rows)?;
        }
        for rows in batches_of(&mut state, "told changes") {
            self.told.restore_changes(&self.schema, &rows)?;
        }
        let told = self.told.stored();
        let columns = (3..3 + keys).map(|column| self.told.gather(column, &told)).collect::<Result<Vec<_>>>()?;
        if !told.is_empty() {
            self.intern(&columns, told.len())?;
        }
        for rows in standing(&mut state, DIRTY, &(0..keys).collect::<Vec<_>>())? {
            let columns: Vec<ArrayRef> = rows.columns().iter().take(keys).cloned().collect();
            for slot in self.intern(&columns, rows.num_rows())? {
                if let Some(mark) = self.marks.get_mut(slot as usize).filter(|mark| !**mark) {
                    *mark = true;
                    self.dirty.push(slot);
                }
            }
        }
        self.kept.restore(state)?;
        let kept = self.kept.rows.stored();
        let columns = self.keys.keys.iter().map(|key| self.kept.rows.gather(*key, &kept));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        if !kept.is_empty() {
            let mut slots = self.intern(&columns, kept.len())?;
            slots.sort_unstable();
            slots.dedup();
            for (slot, key) in slots.iter().zip(self.kept_keys(&slots)?) {
                let next = self.kept.sessions(key).iter().map(|s| s.end).find(|end| !self.closed.completes(*end));
                if let Some(next) = next {
                    self.look_at(*slot, next);
                }
            }
        }
        Ok(())
    }
}
