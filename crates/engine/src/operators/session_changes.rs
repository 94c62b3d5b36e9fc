//! Session windows over rows that may be taken back: a row that goes may split a session or end it earlier.
//!
//! The rows of open sessions are kept, by key and time. Which sessions there are is found when the watermark may have
//! passed the end of one; its results are computed from its rows then. A row is late when its session would be complete
//! with all the rows of its epoch in place, and so is the retraction of a row whose session has been given out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_types::{Result, Watermark};

use super::Operator;
use super::delta::Consolidator;
use super::session::SessionParts;
use super::stages::weights;
use super::window::fit;
use super::window_assign::{millis, window_columns};
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::{Batch, Place};
use crate::state::arrangement::{Arrangement, Written};
use crate::state::groups::GroupsSpec;
use crate::state::keys::ABSENT;
use crate::state::snapshot::{Owner, Section, batches_of};
use crate::state::sorted::Sorted;

/// Rows of open sessions of all keys that this worker owns.
pub(crate) struct SessionChangesOperator {
    pub(super) spec: GroupsSpec,
    pub(super) time: usize,
    pub(super) gap_ms: i64,
    domain: TimeDomain,
    input: SchemaRef,
    pub(super) rows: Arrangement,
    /// For each key slot its rows by time, each with its slot.
    order: Sorted<(i64, u32)>,
    /// When to look at a key: not after the end of its first session.
    queue: BinaryHeap<Reverse<(i64, u32)>>,
    /// The earliest entry of each key in the queue.
    queued: Vec<i64>,
    consolidator: Consolidator,
    waiting: Vec<Batch>,
    schema: SchemaRef,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

/// A session with its rows.
pub(super) struct Closed {
    start: i64,
    pub(super) end: i64,
    rows: Vec<u32>,
}

impl SessionChangesOperator {
    /// No sessions yet; `input` is the schema of the rows.
    pub(crate) fn new(parts: SessionParts, input: SchemaRef, context: Arc<JobContext>) -> Result<Self> {
        let gauge = StateGauge::new(Arc::clone(&context));
        Ok(SessionChangesOperator {
            rows: Arrangement::new(&input, &parts.spec.keys, true)?,
            consolidator: Consolidator::new(&input)?,
            spec: parts.spec,
            time: parts.time,
            gap_ms: parts.gap_ms,
            domain: parts.domain,
            input,
            order: Sorted::default(),
            queue: BinaryHeap::new(),
            queued: vec![],
            waiting: vec![],
            schema: parts.schema,
            context,
            gauge,
        })
    }

    /// Takes the net changes of an epoch in.
    pub(super) fn add(&mut self, batch: &Batch, watermark: Watermark) -> Result<()> {
        let times = millis(batch.rows.column(self.time))?;
        let found = self.rows.slots_of(&batch.rows)?;
        let (mut now, mut perhaps) = (vec![], vec![]);
        let mut late = 0;
        let mut diffs: Vec<i64> = match &batch.diffs {
            Some(diffs) => diffs.values().to_vec(),
            None => vec![1; batch.rows.num_rows()],
        };
        for (row, diff) in diffs.iter_mut().enumerate() {
            let stored = found.get(row).copied().filter(|slot| *slot != ABSENT);
            if times.is_null(row) {
                late += 1;
            } else if *diff < 0 {
                // Equal rows may have gone with an earlier session: those that are there are taken back.
                let there = stored.map_or(0, |slot| self.rows.weight(slot));
                late += u64::from(there + *diff < 0);
                *diff = (*diff).max(-there);
                if there > 0 {
                    now.push(row as u32);
                }
            } else if watermark.completes(times.value(row).saturating_add(self.gap_ms)) {
                perhaps.push(row as u32);
            } else {
                now.push(row as u32);
            }
        }
        let batch = &Batch { diffs: Some(diffs.into()), ..batch.clone() };
        self.apply(batch, now)?;
        // What is late by itself may still belong to an open session, through a row not long after it.
        perhaps.sort_by_key(|row| Reverse(times.value(*row as usize)));
        for row in perhaps {
            let time = times.value(row as usize);
            let keys = self.rows.encode(&batch.rows.slice(row as usize, 1))?;
            let key = self.rows.find(&keys, 1).first().copied().unwrap_or(ABSENT);
            let next = self.order.entries_from(key, (time, 0), &Ord::cmp).next();
            match next.is_some_and(|((next, _), _)| next <= time.saturating_add(self.gap_ms)) {
                true => self.apply(batch, vec![row])?,
                false => late += 1,
            }
        }
        self.context.figures.late_rows.add(late);
        Ok(())
    }

    fn apply(&mut self, batch: &Batch, picked: Vec<u32>) -> Result<()> {
        if picked.is_empty() {
            return Ok(());
        }
        let picked = UInt32Array::from(picked);
        let rows = take_record_batch(&batch.rows, &picked)?;
        let diffs = match &batch.diffs {
            Some(diffs) => weights(&take(diffs, &picked, None)?),
            None => Int64Array::from(vec![1; rows.num_rows()]),
        };
        self.change(&rows, &diffs)
    }

    fn change(&mut self, rows: &RecordBatch, diffs: &Int64Array) -> Result<()> {
        let times = millis(rows.column(self.time))?;
        let keys = self.rows.encode(rows)?;
        let mut slots = vec![];
        self.rows.apply(rows, Some(diffs), &keys, &mut slots)?;
        for (row, slot) in slots.iter().enumerate() {
            let (key, time, diff) = (self.rows.key_of(*slot), times.value(row), diffs.value(row));
            let weight = self.rows.weight(*slot);
            if weight == diff {
                self.order.add((key, (time, *slot)), 1, &Ord::cmp);
                self.look_at(key, time.saturating_add(self.gap_ms));
            } else if weight == 0 {
                self.order.add((key, (time, *slot)), -1, &Ord::cmp);
                // What was before the row may now end earlier, but not before the row's time.
                self.look_at(key, time);
            }
        }
        Ok(())
    }

    /// The first session of a key does not end before `end`.
    fn look_at(&mut self, key: u32, end: i64) {
        if self.queued.len() <= key as usize {
            self.queued.resize(key as usize + 1, i64::MAX);
        }
        if let Some(queued) = self.queued.get_mut(key as usize)
            && end < *queued
        {
            *queued = end;
            self.queue.push(Reverse((end, key)));
        }
    }

    /// The sessions of a key that are complete; the first one that is not is queued.
    fn complete(&mut self, key: u32, watermark: Watermark, out: &mut Vec<Closed>) {
        let mut open: Option<Closed> = None;
        for ((time, row), _) in self.order.entries(key) {
            let end = time.saturating_add(self.gap_ms);
            if let Some(session) = open.as_mut().filter(|s| time <= s.end) {
                session.end = end;
                session.rows.push(row);
                continue;
            }
            if let Some(session) = open.replace(Closed { start: time, end, rows: vec![row] }) {
                if !watermark.completes(session.end) {
                    open = Some(session);
                    break;
                }
                out.push(session);
            }
        }
        match open {
            Some(session) if watermark.completes(session.end) => out.push(session),
            Some(session) => self.look_at(key, session.end),
            None => {}
        }
    }

    pub(super) fn fire(&mut self, watermark: Watermark, out: &mut Vec<Batch>) -> Result<()> {
        let mut closed = vec![];
        while let Some(Reverse((end, key))) = self.queue.peek().copied() {
            if !watermark.completes(end) {
                break;
            }
            self.queue.pop();
            if let Some(queued) = self.queued.get_mut(key as usize).filter(|queued| **queued == end) {
                *queued = i64::MAX;
                self.complete(key, watermark, &mut closed);
            }
        }
        if closed.is_empty() {
            return Ok(());
        }
        let (slots, rows, weights) = self.rows_of(&closed)?;
        let results = self.results(&closed, &rows, &weights)?;
        out.push(Batch::insert(fit(&self.schema, results)?, Place::default()));
        // They are gone.
        for (slot, time) in slots.iter().zip(millis(rows.column(self.time))?.values()) {
            self.order.add((self.rows.key_of(*slot), (*time, *slot)), -1, &Ord::cmp);
        }
        let keys = self.rows.encode(&rows)?;
        let gone: Int64Array = weights.values().iter().map(|w| -w).collect();
        self.rows.apply(&rows, Some(&gone), &keys, &mut vec![])
    }

    /// All sessions of a key.
    pub(super) fn sessions(&self, key: u32) -> Vec<Closed> {
        let mut sessions: Vec<Closed> = vec![];
        for ((time, row), _) in self.order.entries(key) {
            let end = time.saturating_add(self.gap_ms);
            match sessions.last_mut().filter(|s| time <= s.end) {
                Some(session) => {
                    session.end = end;
                    session.rows.push(row);
                }
                None => sessions.push(Closed { start: time, end, rows: vec![row] }),
            }
        }
        sessions
    }

    /// What sessions give; `None` when there are none.
    pub(super) fn told(&mut self, sessions: &[Closed]) -> Result<Option<RecordBatch>> {
        if sessions.is_empty() {
            return Ok(None);
        }
        let (_, rows, weights) = self.rows_of(sessions)?;
        let results = self.results(sessions, &rows, &weights)?;
        fit(&self.schema, results).map(Some)
    }

    /// The rows of sessions: their slots, they themselves, and their weights.
    fn rows_of(&self, sessions: &[Closed]) -> Result<(Vec<u32>, RecordBatch, Int64Array)> {
        let slots: Vec<u32> = sessions.iter().flat_map(|s| s.rows.iter().copied()).collect();
        let columns = (0..self.input.fields().len()).map(|c| self.rows.gather(c, &slots)).collect::<Result<_>>()?;
        let rows = RecordBatch::try_new(Arc::clone(&self.input), columns)?;
        let weights = slots.iter().map(|slot| self.rows.weight(*slot)).collect();
        Ok((slots, rows, weights))
    }

    /// window_start, window_end, window_time, keys, results.
    fn results(&mut self, closed: &[Closed], rows: &RecordBatch, weights: &Int64Array) -> Result<Vec<ArrayRef>> {
        let starts: Vec<i64> = closed.iter().map(|s| s.start).collect();
        let ends: Vec<i64> = closed.iter().map(|s| s.end).collect();
        let mut columns = window_columns(&starts, &ends, self.schema.field(2).data_type())?.to_vec();
        let (mut firsts, mut session_of) = (vec![], vec![]);
        for (number, session) in closed.iter().enumerate() {
            firsts.push(session_of.len() as u32);
            session_of.resize(session_of.len() + session.rows.len(), number as u32);
        }
        let firsts = UInt32Array::from(firsts);
        for key in &self.spec.keys {
            columns.push(take(rows.column(*key), &firsts, None)?);
        }
        let mut groups = self.spec.groups()?;
        groups.make_slots(closed.len());
        groups.update_slots(&self.spec.prepare(rows, Some(weights))?, &session_of)?;
        let numbers: Vec<u32> = (0..closed.len() as u32).collect();
        columns.extend(groups.finish(&self.spec, &numbers)?);
        Ok(columns)
    }
}

impl Operator for SessionChangesOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let watermark = self.domain.late_watermark(epoch);
        self.fire(watermark, out)?;
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(net) = self.consolidator.run(&waiting)? {
            self.add(&net, watermark)?;
        }
        self.fire(self.domain.watermark(epoch), out)?;
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.order.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.rows.begin_changes();
        let rows = self.rows.save(Written::Anyhow, |_| Ok(vec![]))?;
        Ok(vec![Section::new("rows", Owner::Key(self.spec.keys.clone()), rows)])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        if !self.rows.knows_changes() {
            return Ok(None);
        }
        let changes = self.rows.take_changes()?;
        Ok(Some(vec![Section::new("changes", Owner::Key(self.spec.keys.clone()), changes)]))
    }

    fn kept_rows(&self) -> Option<(usize, usize)> {
        Some((self.rows.kept_rows(), self.rows.len()))
    }

    fn resume_changes(&mut self, _: i64) -> bool {
        self.rows.begin_changes();
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in batches_of(&mut state, "rows") {
            self.rows.restore(&rows)?;
        }
        for rows in batches_of(&mut state, "changes") {
            self.rows.restore_changes(&self.input, &rows)?;
        }
        let slots = self.rows.stored();
        let times = self.rows.gather(self.time, &slots)?;
        let times = millis(&times)?;
        let of = |(slot, time): (&u32, &i64)| (self.rows.key_of(*slot), (*time, *slot));
        let mut entries: Vec<(u32, (i64, u32))> = slots.iter().zip(times.values()).map(of).collect();
        entries.sort_unstable();
        for entry in entries {
            self.order.add(entry, 1, &Ord::cmp);
            // The first session of a key ends no earlier than its first row lets it.
            self.look_at(entry.0, entry.1.0.saturating_add(self.gap_ms));
        }
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.order.bytes());
        Ok(())
    }
}
