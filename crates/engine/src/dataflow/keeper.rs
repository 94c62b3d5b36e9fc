//! What gives an operator's state to checkpoints and takes it from them.
//!
//! ```text
//!  epoch 1      epoch 2      epoch 3                        epoch 4
//!  changes ──▶  changes ──▶  the rest, with the checkpoint  changes ──▶ …
//!  ahead        ahead                                       ahead
//! ```

use std::sync::Arc;

use sloth_types::journal::{Continued, OperatorState, Section};
use sloth_types::{Epoch, Error, Result};

use super::{Floor, operator_id};
use crate::durable::{Durable, Restored};
use crate::epoch::EpochInfo;
use crate::operators::Operator;
use crate::state::changed::newest;
use crate::state::snapshot::{leave_to_first, rows_in, shared_out};

/// Gives an operator's state to checkpoints and takes it from them.
pub(super) struct Keeper {
    durable: Option<Arc<Durable>>,
    restored: Arc<Restored>,
    operator: u64,
    name: String,
    worker: (usize, usize),
    /// None before the first checkpoint of an operator that neither goes on with files nor gives changes ahead.
    kept: Option<Kept>,
    /// What the changes begin with, where the operator has begun without state: until it is given, they continue nothing.
    beginning: Option<Vec<Section>>,
    /// The first epoch after the last checkpoint.
    since: Epoch,
}

/// What checkpoints keep of an operator.
#[derive(Clone, Copy, Default)]
struct Kept {
    /// Bytes of the last whole state, and of the changes kept since.
    whole: usize,
    changes: usize,
    /// How often changes have been kept.
    times: usize,
    /// Rows that were kept before this run, beyond those that there were.
    waste: usize,
}

/// The whole state is kept again after so many changes at the latest: a restore takes them up one by one.
const CHANGES_MAX: usize = 1 << 12;

impl Kept {
    /// True when changes cost a restore little: it reads at most twice the state.
    fn takes_changes(self, operator: &impl Operator) -> bool {
        let little = match operator.kept_rows() {
            Some((kept, rows)) => self.waste + kept <= 2 * rows,
            None => self.changes <= self.whole,
        };
        little && self.times < CHANGES_MAX
    }
}

impl Keeper {
    pub(super) fn new(floor: &Floor<'_>, name: &str) -> Self {
        let Floor { context, worker, node, .. } = floor;
        let operator = operator_id(node.get(), name);
        let (durable, restored) = (context.durable.clone(), Arc::clone(&context.restored));
        let name = name.to_owned();
        let since = context.first_epoch;
        Keeper { durable, restored, operator, name, worker: *worker, kept: None, beginning: None, since }
    }

    /// Gives the operator the state that it had, if there is any.
    ///
    /// # Errors
    /// When that is another operator's.
    pub(super) fn restore(&mut self, operator: &mut impl Operator) -> Result<()> {
        let written = self.restored.written(self.operator);
        if written.is_empty() {
            return self.begin(operator);
        }
        // What another release or program has written may be of another form than operators expect of themselves.
        let restore = || {
            let (share, own) = shared_out(&written, self.worker)?;
            let (newest, rows) = (newest(&share)?, share.iter().map(|section| rows_in(&section.rows)).sum());
            operator.restore(share)?;
            if own {
                self.go_on(operator, newest, rows);
            }
            Ok(())
        };
        let restored = std::panic::catch_unwind(std::panic::AssertUnwindSafe(restore));
        restored.unwrap_or_else(|_| {
            let (operator, name) = (self.operator, &self.name);
            Err(Error::data(format!("the checkpoint's state of operator {operator:016x} is not what a {name} writes"))
                .hint("`sloth checkpoint inspect` shows its files; `sloth checkpoint rm` goes back to an older checkpoint."))
        })
    }

    /// The operator has taken up what its own files of the last checkpoint hold, so many rows: where the next checkpoint can
    /// name these files, too, only what changes is kept from now on.
    fn go_on(&mut self, operator: &mut impl Operator, newest: i64, rows: usize) {
        let continued = self.durable.as_ref().and_then(|durable| durable.store.continued(self.operator, self.worker.0));
        let Some(Continued { whole, changes, times }) = continued.filter(|_| operator.resume_changes(newest)) else {
            return;
        };
        let there = operator.kept_rows().map_or(rows, |(_, there)| there);
        self.kept = Some(Kept { whole, changes, times, waste: rows.saturating_sub(there) });
    }

    /// Where there is no state yet, all that comes is a change. (Who stands by keeps nothing.)
    fn begin(&mut self, operator: &mut impl Operator) -> Result<()> {
        if self.durable.as_ref().is_some_and(|durable| durable.store.in_charge()) {
            self.beginning = operator.begin_changes()?;
            self.kept = self.beginning.is_some().then(Kept::default);
        }
        Ok(())
    }

    /// An epoch has ended: a checkpoint takes what there is, others what can be given ahead.
    ///
    /// # Errors
    /// When rows cannot be copied.
    pub(super) fn keep(&mut self, operator: &mut impl Operator, epoch: &EpochInfo) -> Result<()> {
        match epoch.checkpoint {
            true => self.save(operator, epoch.epoch),
            false => self.give_ahead(operator),
        }
    }

    /// Gives what has changed since the last checkpoint; all of it when the operator cannot tell, and when the changes
    /// are many.
    fn save(&mut self, operator: &mut impl Operator, epoch: Epoch) -> Result<()> {
        let Some(durable) = self.durable.clone() else { return Ok(()) };
        let changes = match self.kept {
            Some(kept) if kept.takes_changes(operator) => operator.save_changes()?,
            _ => None,
        };
        let continues = changes.is_some();
        let sections = match changes {
            Some(sections) => sections,
            None => operator.save()?,
        };
        let bytes = bytes_of(&sections);
        self.kept = match self.kept {
            Some(kept) if continues => Some(Kept { changes: kept.changes + bytes, times: kept.times + 1, ..kept }),
            _ => Some(Kept { whole: bytes, ..Kept::default() }),
        };
        self.since = Epoch(epoch.0 + 1);
        let state = self.state(sections, continues);
        if !state.sections.is_empty() {
            durable.add(state);
        }
        Ok(())
    }

    fn give_ahead(&mut self, operator: &mut impl Operator) -> Result<()> {
        let (Some(durable), Some(_)) = (self.durable.clone(), self.kept) else { return Ok(()) };
        let sections = operator.save_ahead()?;
        if sections.iter().all(|section| section.rows.is_empty()) {
            return Ok(());
        }
        let bytes = bytes_of(&sections);
        self.kept.iter_mut().for_each(|kept| kept.changes += bytes);
        durable.store.give_ahead(self.since, self.state(sections, true));
        Ok(())
    }

    /// What is written of these sections. The first changes of all continue nothing.
    fn state(&mut self, sections: Vec<Section>, continues: bool) -> OperatorState {
        let (operator, worker) = (self.operator, self.worker.0);
        let state =
            |sections, continues| OperatorState { operator, name: self.name.clone(), worker, continues, sections };
        let next = state(sections, continues);
        let mut state = match self.beginning.take() {
            Some(beginning) => {
                let mut first = state(beginning, false);
                first.go_on_with(next);
                first
            }
            None => next,
        };
        leave_to_first(&mut state.sections, worker);
        state
    }
}

fn bytes_of(sections: &[Section]) -> usize {
    sections.iter().flat_map(|s| &s.rows).map(|b| b.get_array_memory_size()).sum()
}
