//! What the engine has handed over and the publisher has not yet taken.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use sloth_types::{ChangeBatch, ChangelogMode, Epoch, Result};

use super::ScreenTable;
use super::multiset::net;
use super::table::Keys;

/// Pending rows of a table at which completed epochs are merged before the publisher comes for them.
const PENDING_ROWS_MAX: usize = 100_000;

/// Everything the engine writes to. Its lock is held for moments only.
#[derive(Default)]
pub(crate) struct Inbox {
    /// One per declared table.
    pub(crate) slots: Vec<Slot>,
    /// The last complete epoch and its wall clock.
    pub(crate) done: Option<(Epoch, i64)>,
    /// Set when the job has ended: its error, if any.
    pub(crate) job: Option<Option<String>>,
    /// A table was declared or opened: clients need the schema again.
    pub(crate) reshaped: bool,
    /// All hubs are gone.
    pub(crate) closed: bool,
    /// Epoch and job state that the publisher took last.
    shown: (Option<Epoch>, Option<Option<String>>),
}

/// A table's place in the inbox.
pub(crate) struct Slot {
    /// The declaration.
    pub(crate) table: ScreenTable,
    /// Set by `open`: the table starts empty, with this mode.
    pub(crate) opened: Option<(SchemaRef, ChangelogMode)>,
    /// Changes in epoch order.
    pending: VecDeque<(Epoch, ChangeBatch)>,
    rows: usize,
    keys: Option<Keys>,
    /// The columns of a table whose rows are taken back one by one.
    retracts: Option<SchemaRef>,
}

impl Inbox {
    /// Adds a table, or renews the declaration of that name (a script is planned more than once, and two INSERTs may
    /// write one table); returns its slot.
    pub(crate) fn declare(&mut self, table: ScreenTable) -> usize {
        self.reshaped = true;
        match self.slots.iter().position(|s| s.table.name == table.name) {
            Some(at) => {
                self.slots[at].table = table;
                at
            }
            None => {
                self.slots.push(Slot {
                    table,
                    opened: None,
                    pending: VecDeque::new(),
                    rows: 0,
                    keys: None,
                    retracts: None,
                });
                self.slots.len() - 1
            }
        }
    }

    /// A writer starts: what was pending belongs to an earlier run.
    pub(crate) fn open(&mut self, slot: usize, schema: SchemaRef, mode: ChangelogMode) -> Result<()> {
        self.reshaped = true;
        self.job = None;
        // A new job counts its epochs from the start.
        self.done = None;
        let slot = &mut self.slots[slot];
        slot.pending.clear();
        slot.rows = 0;
        slot.keys = match &mode {
            ChangelogMode::Upsert { key } => Some(Keys::new(&schema, key)?),
            ChangelogMode::Append | ChangelogMode::Retract => None,
        };
        slot.retracts = (mode == ChangelogMode::Retract).then(|| Arc::clone(&schema));
        slot.opened = Some((schema, mode));
        Ok(())
    }

    /// Takes the changes of an epoch.
    pub(crate) fn push(&mut self, slot: usize, epoch: Epoch, batches: &mut Vec<ChangeBatch>) {
        let slot = &mut self.slots[slot];
        // Of two writers of one table the other may be ahead by some epochs.
        let at = slot.pending.iter().rposition(|(earlier, _)| *earlier <= epoch).map_or(0, |at| at + 1);
        slot.rows += batches.iter().map(ChangeBatch::len).sum::<usize>();
        for batch in batches.drain(..).rev() {
            slot.pending.insert(at, (epoch, batch));
        }
    }

    /// Epoch `epoch` may be shown.
    pub(crate) fn complete(&mut self, epoch: Epoch, now_ms: i64) {
        self.done = Some((epoch, now_ms));
        for slot in &mut self.slots {
            if slot.rows > PENDING_ROWS_MAX.max(2 * slot.table.keys_max).max(2 * slot.table.rows_max) {
                slot.merge(epoch);
            }
        }
    }
}

impl Slot {
    /// Removes and returns what belongs to epochs up to `done`.
    pub(crate) fn take(&mut self, done: Epoch) -> Vec<ChangeBatch> {
        let ready = self.pending.partition_point(|(epoch, _)| *epoch <= done);
        let taken: Vec<_> = self.pending.drain(..ready).map(|(_, batch)| batch).collect();
        self.rows -= taken.iter().map(ChangeBatch::len).sum::<usize>();
        taken
    }

    /// Bounds the memory when the publisher does not keep up: of completed epochs only what still matters stays.
    fn merge(&mut self, done: Epoch) {
        let taken = self.take(done);
        let merged = match (&self.keys, &self.retracts) {
            (Some(keys), _) => keys.newest(&taken),
            (None, Some(schema)) => net(schema, &taken),
            (None, None) => {
                let kept = newest_rows(taken, self.table.rows_max);
                return self.put_back(done, kept);
            }
        };
        // An error cannot happen for batches of one schema; then rather keep everything than lose a row.
        let kept = merged.map_or(taken, |batch| vec![batch]);
        self.put_back(done, kept);
    }

    fn put_back(&mut self, done: Epoch, kept: Vec<ChangeBatch>) {
        for batch in kept.into_iter().rev() {
            self.rows += batch.len();
            self.pending.push_front((done, batch));
        }
    }

    /// True when something completed waits.
    pub(crate) fn has(&self, done: Epoch) -> bool {
        self.pending.front().is_some_and(|(epoch, _)| *epoch <= done)
    }

    /// Rows that wait, completed or not.
    #[cfg(test)]
    pub(crate) fn pending_rows(&self) -> usize {
        self.rows
    }
}

/// The last `rows_max` rows.
pub(crate) fn newest_rows(mut batches: Vec<ChangeBatch>, rows_max: usize) -> Vec<ChangeBatch> {
    let mut room = rows_max;
    let mut first = batches.len();
    while room > 0 && first > 0 {
        first -= 1;
        let batch = &mut batches[first];
        let keep = batch.len().min(room);
        if keep < batch.len() {
            *batch = ChangeBatch::append(batch.rows.slice(batch.len() - keep, keep));
        }
        room -= keep;
    }
    batches.drain(..first);
    batches
}

/// The publisher's shopping list: tables opened since last time, and changes by table.
pub(crate) struct Delivery {
    /// The epoch that becomes visible, and its wall clock.
    pub(crate) done: Option<(Epoch, i64)>,
    /// Changes by slot.
    pub(crate) changes: Vec<Vec<ChangeBatch>>,
    /// The new shape, when it changed: every table with its mode if it was opened anew.
    pub(crate) shape: Option<Vec<Shape>>,
    /// The job's end.
    pub(crate) job: Option<Option<String>>,
}

/// A table and, if a writer has just opened it, how.
pub(crate) struct Shape {
    /// The declaration.
    pub(crate) table: Arc<ScreenTable>,
    /// Schema and mode of a table that starts anew.
    pub(crate) opened: Option<(SchemaRef, ChangelogMode)>,
}

impl Inbox {
    /// Takes all that may be shown.
    pub(crate) fn deliver(&mut self) -> Delivery {
        let shape = std::mem::take(&mut self.reshaped).then(|| {
            let slots = self.slots.iter_mut();
            slots.map(|s| Shape { table: Arc::new(s.table.clone()), opened: s.opened.take() }).collect()
        });
        let changes = match self.done {
            Some((epoch, _)) => self.slots.iter_mut().map(|s| s.take(epoch)).collect(),
            None => Vec::new(),
        };
        self.shown = (self.done.map(|(epoch, _)| epoch), self.job.clone());
        Delivery { done: self.done, changes, shape, job: self.job.clone() }
    }

    /// True when a client would see something new: rows, the shape of a table, the job's end.
    pub(crate) fn has_news(&self) -> bool {
        let changes = self.done.is_some_and(|(epoch, _)| self.slots.iter().any(|s| s.has(epoch)));
        changes || self.reshaped || self.job != self.shown.1
    }

    /// True when an epoch was completed since the last delivery.
    pub(crate) fn has_new_epoch(&self) -> bool {
        self.done.map(|(epoch, _)| epoch) != self.shown.0
    }
}
