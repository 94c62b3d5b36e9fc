//! Session windows: a window of a key grows with each row and closes after a gap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use sloth_types::{Result, Watermark};

use super::Operator;
use super::window::fit;
use super::window_assign::{millis, window_columns};
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::{Batch, Place};
use crate::state::changed::{Changed, standing};
use crate::state::groups::{Groups, GroupsSpec};
use crate::state::keys::{KeyTable, RowSet};
use crate::state::snapshot::Section;

mod snapshot;

/// No session.
const NONE: u32 = u32::MAX;

/// An open session; its number is its accumulator slot.
#[derive(Clone, Copy, Debug)]
struct Session {
    key: u32,
    start: i64,
    end: i64,
    /// Next session of the same key.
    next: u32,
    /// Counts the uses of this number, so that entries of the firing queue can be recognised as outdated.
    generation: u32,
    open: bool,
}

/// Open sessions of all keys that this worker owns.
pub(crate) struct SessionOperator {
    spec: GroupsSpec,
    time: usize,
    gap_ms: i64,
    domain: TimeDomain,
    keys: KeyTable,
    /// First session of each key slot.
    heads: Vec<u32>,
    sessions: Vec<Session>,
    free: Vec<u32>,
    groups: Groups,
    /// Ends to look at, earliest first. An entry may be earlier than the session's end, never later.
    queue: BinaryHeap<Reverse<(i64, u32, u32)>>,
    waiting: Vec<Batch>,
    /// Keys whose sessions have changed since the last checkpoint.
    changed: Changed,
    schema: SchemaRef,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

/// What a session aggregation is made with.
pub(crate) struct SessionParts {
    pub(crate) spec: GroupsSpec,
    pub(crate) time: usize,
    pub(crate) gap_ms: i64,
    pub(crate) domain: TimeDomain,
    pub(crate) schema: SchemaRef,
}

impl SessionOperator {
    /// No sessions yet.
    pub(crate) fn new(parts: SessionParts, context: Arc<JobContext>) -> Result<Self> {
        let groups = parts.spec.groups()?;
        let keys = parts.spec.groups()?.keys;
        let gauge = StateGauge::new(Arc::clone(&context));
        Ok(SessionOperator {
            spec: parts.spec,
            time: parts.time,
            gap_ms: parts.gap_ms,
            domain: parts.domain,
            keys,
            heads: vec![],
            sessions: vec![],
            free: vec![],
            groups,
            queue: BinaryHeap::new(),
            waiting: vec![],
            changed: Changed::default(),
            schema: parts.schema,
            context,
            gauge,
        })
    }

    fn measure(&mut self) {
        self.gauge.set(self.sessions.len() - self.free.len(), self.groups.bytes() + self.keys.bytes());
    }

    /// Rows are added in the canonical order at the end of the epoch: which rows are late depends on the sessions that
    /// are open when they come.
    fn add(&mut self, batch: &Batch, watermark: Watermark) -> Result<()> {
        let times = millis(batch.rows.column(self.time))?;
        let prepared = self.spec.prepare(&batch.rows, None)?;
        let mut keys = vec![];
        self.keys.intern(&prepared.keys, &RowSet::Range(0..batch.rows.num_rows()), &mut keys);
        self.heads.resize(self.keys.slots(), NONE);
        let mut kept = Vec::with_capacity(keys.len());
        let mut slots = Vec::with_capacity(keys.len());
        let mut merged: Vec<(u32, u32)> = vec![];
        for (row, key) in keys.iter().enumerate() {
            let time = if arrow::array::Array::is_valid(&times, row) { Some(times.value(row)) } else { None };
            let slot = time.and_then(|time| self.place(*key, time, watermark, &mut merged));
            if let Some(slot) = slot {
                kept.push(row as u32);
                slots.push(slot);
                self.changed.note(&[*key]);
            } else if self.heads[*key as usize] == NONE {
                // Nothing was opened for a key that may be new: do not keep it.
                self.forget_unused(*key, &keys, row);
            }
        }
        self.context.figures.late_rows.add((keys.len() - kept.len()) as u64);
        self.resolve(&mut slots, &merged);
        self.groups.make_slots(self.sessions.len());
        for (into, from) in &merged {
            self.groups.merge_slot(*into, *from)?;
            self.free.push(*from);
        }
        if kept.len() == keys.len() {
            return self.groups.update_slots(&prepared, &slots);
        }
        let rows = arrow::compute::take_record_batch(&batch.rows, &arrow::array::UInt32Array::from(kept))?;
        let prepared = self.spec.prepare(&rows, None)?;
        self.groups.update_slots(&prepared, &slots)
    }

    /// A key without sessions is removed once no later row of the batch refers to its slot.
    fn forget_unused(&mut self, key: u32, keys: &[u32], row: usize) {
        if !keys.iter().skip(row + 1).any(|k| *k == key) {
            self.keys.remove(key);
        }
    }

    /// Sessions that were merged while the batch was placed: their rows go to the survivor.
    fn resolve(&self, slots: &mut [u32], merged: &[(u32, u32)]) {
        if merged.is_empty() {
            return;
        }
        let survivor: HashMap<u32, u32> = merged.iter().map(|(into, from)| (*from, *into)).collect();
        for slot in slots {
            while let Some(into) = survivor.get(slot) {
                *slot = *into;
            }
        }
    }

    /// The session that takes a row; sessions that the row joins together are merged into one. `None` when it is late.
    fn place(&mut self, key: u32, time: i64, watermark: Watermark, merged: &mut Vec<(u32, u32)>) -> Option<u32> {
        let (mut start, mut end) = (time, time.saturating_add(self.gap_ms));
        let mut touching = [NONE; 2];
        let mut found = 0;
        let mut at = self.heads[key as usize];
        // A row of length `gap` touches two sessions at most: any two are more than `gap` apart.
        while at != NONE {
            let session = self.sessions[at as usize];
            if session.start <= end && start <= session.end && found < 2 {
                touching[found] = at;
                found += 1;
            }
            at = session.next;
        }
        for at in &touching[..found] {
            start = start.min(self.sessions[*at as usize].start);
            end = end.max(self.sessions[*at as usize].end);
        }
        if watermark.completes(end) {
            return None;
        }
        if found == 0 {
            return Some(self.open(key, start, end));
        }
        let into = touching[0];
        if found == 2 {
            self.unlink(touching[1]);
            merged.push((into, touching[1]));
        }
        let session = &mut self.sessions[into as usize];
        session.start = start;
        session.end = end;
        Some(into)
    }

    fn open(&mut self, key: u32, start: i64, end: i64) -> u32 {
        let next = self.heads[key as usize];
        let slot = self.free.pop().unwrap_or(self.sessions.len() as u32);
        let generation = self.sessions.get(slot as usize).map_or(0, |s| s.generation + 1);
        let session = Session { key, start, end, next, generation, open: true };
        match self.sessions.get_mut(slot as usize) {
            Some(old) => *old = session,
            None => self.sessions.push(session),
        }
        self.heads[key as usize] = slot;
        self.queue.push(Reverse((end, slot, generation)));
        slot
    }

    fn unlink(&mut self, slot: u32) {
        let Session { key, next, .. } = self.sessions[slot as usize];
        self.sessions[slot as usize].open = false;
        if self.heads[key as usize] == slot {
            self.heads[key as usize] = next;
            return;
        }
        let mut at = self.heads[key as usize];
        while at != NONE {
            if self.sessions[at as usize].next == slot {
                self.sessions[at as usize].next = next;
                return;
            }
            at = self.sessions[at as usize].next;
        }
    }

    fn fire(&mut self, watermark: Watermark, out: &mut Vec<Batch>) -> Result<()> {
        let mut closed: Vec<u32> = vec![];
        while let Some(Reverse((end, slot, generation))) = self.queue.peek().copied() {
            if !watermark.completes(end) {
                break;
            }
            self.queue.pop();
            let session = self.sessions[slot as usize];
            if !session.open || session.generation != generation {
                continue;
            }
            if session.end > end {
                self.queue.push(Reverse((session.end, slot, generation)));
                continue;
            }
            self.unlink(slot);
            closed.push(slot);
        }
        if closed.is_empty() {
            return Ok(());
        }
        let of = |slot: &u32| self.sessions[*slot as usize];
        let starts: Vec<i64> = closed.iter().map(|s| of(s).start).collect();
        let ends: Vec<i64> = closed.iter().map(|s| of(s).end).collect();
        let keys: Vec<u32> = closed.iter().map(|s| of(s).key).collect();
        let mut columns = window_columns(&starts, &ends, self.schema.field(2).data_type())?.to_vec();
        columns.extend(self.spec.key_columns(&self.keys, &keys)?);
        columns.extend(self.groups.finish(&self.spec, &closed)?);
        for slot in &closed {
            self.groups.clear(*slot);
            self.free.push(*slot);
        }
        let mut keys = keys;
        keys.sort_unstable();
        keys.dedup();
        self.changed.note(&keys);
        if !self.spec.keys.is_empty() {
            keys.retain(|key| self.heads[*key as usize] == NONE);
            self.changed.note_gone(&keys, || self.spec.key_columns(&self.keys, &keys))?;
            keys.iter().for_each(|key| self.keys.remove(*key));
        }
        out.push(Batch::insert(fit(&self.schema, columns)?, Place::default()));
        Ok(())
    }
}

impl Operator for SessionOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let watermark = self.domain.late_watermark(epoch);
        // What is complete already at the watermark in effect for this epoch takes none of its rows.
        self.fire(watermark, out)?;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|b| b.place);
        for batch in waiting {
            self.add(&batch, watermark)?;
        }
        self.fire(self.domain.watermark(epoch), out)?;
        self.measure();
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        Ok(vec![self.save_sessions()?])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let Some(keys) = self.changed.take(self.keys.len() / 2) else { return Ok(None) };
        self.save_changed(&keys).map(Some)
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        // One key is all there is where none is named.
        let knows = !self.spec.keys.is_empty();
        if knows {
            self.changed.go_on(newest);
        }
        knows
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in standing(&mut state, "sessions", &self.key_places())? {
            self.restore_sessions(&rows)?;
        }
        self.measure();
        Ok(())
    }
}
