//! Epochs as the workers see them: what a tick carries, and the table from which operators read it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sloth_types::{Epoch, EpochEntry, Watermark};

/// All that an epoch must know. Made once by the coordinator, the same on every worker.
#[derive(Debug)]
pub struct EpochInfo {
    /// Its number.
    pub epoch: Epoch,
    /// The wall clock when it was opened (ms): what `PROCTIME()` and `NOW()` return for its rows.
    pub now_ms: i64,
    /// The watermark of each source in effect for its rows.
    pub watermarks: Vec<Watermark>,
    /// The watermarks in effect for the epoch before.
    pub watermarks_before: Vec<Watermark>,
    /// How many splits each source has.
    pub splits: Vec<usize>,
    /// How long a worker reads for it at most, when neither rows nor a replay decide.
    pub read_time: Duration,
    /// Where each split of each source stops, when that is known before.
    pub until: Option<Vec<Vec<u64>>>,
    /// It is in the log already.
    pub replayed: bool,
    /// The epoch ends in a checkpoint: operators give their state after it, sinks commit it.
    pub checkpoint: bool,
}

#[cfg(test)]
impl EpochInfo {
    /// An epoch without sources, for an operator that is tested alone.
    pub(crate) fn alone(number: u64) -> EpochInfo {
        EpochInfo {
            epoch: Epoch(number),
            now_ms: 0,
            watermarks: vec![],
            watermarks_before: vec![],
            splits: vec![],
            read_time: Duration::ZERO,
            until: None,
            replayed: false,
            checkpoint: false,
        }
    }
}

/// The time that an operator goes by.
#[derive(Clone, Debug)]
pub(crate) struct TimeDomain {
    /// Ordinals of the sources whose watermarks bound its rows.
    pub(crate) sources: Vec<usize>,
    /// It goes by the wall clock instead.
    pub(crate) clock: bool,
    /// Its rows are made by another window's firing: they are judged against the watermark before it.
    pub(crate) cascaded: bool,
    /// How far behind the sources' watermarks its rows may come: joins before it have kept them back.
    pub(crate) lag_ms: i64,
}

impl TimeDomain {
    /// The same time, by so much later.
    pub(crate) fn behind(&self, ms: i64) -> TimeDomain {
        TimeDomain { lag_ms: self.lag_ms.saturating_add(ms), ..self.clone() }
    }

    /// The times at which windows close and at which they are over, given how long late rows correct them, and whether
    /// the windows that make this one's rows are kept back by as much already.
    pub(crate) fn of_windows(&self, lateness_ms: i64, behind: bool) -> [TimeDomain; 2] {
        match behind {
            true => [self.behind(-lateness_ms), self.clone()],
            false => [self.clone(), self.behind(lateness_ms)],
        }
    }

    /// The watermark in effect for the epoch before; none for the wall clock.
    pub(crate) fn watermark_before(&self, epoch: &EpochInfo) -> Watermark {
        match self.clock {
            true => Watermark::NONE,
            false => self.held_back(minimum(&epoch.watermarks_before, &self.sources)),
        }
    }

    /// The watermark at which windows fire in an epoch: the minimum over the sources.
    pub(crate) fn watermark(&self, epoch: &EpochInfo) -> Watermark {
        let minimum = self.held_back(minimum(&epoch.watermarks, &self.sources));
        if self.clock && minimum != Watermark::END { Watermark(epoch.now_ms.saturating_sub(1)) } else { minimum }
    }

    /// The watermark at or behind which a row of an epoch is late.
    pub(crate) fn late_watermark(&self, epoch: &EpochInfo) -> Watermark {
        match (self.clock, self.cascaded) {
            (true, _) => Watermark::NONE,
            (false, true) => self.watermark_before(epoch),
            (false, false) => self.held_back(minimum(&epoch.watermarks, &self.sources)),
        }
    }

    fn held_back(&self, watermark: Watermark) -> Watermark {
        match watermark.millis() {
            Some(time) => Watermark(time.saturating_sub(self.lag_ms)),
            None => watermark,
        }
    }
}

fn minimum(watermarks: &[Watermark], sources: &[usize]) -> Watermark {
    sources.iter().filter_map(|s| watermarks.get(*s).copied()).min().unwrap_or(Watermark::NONE)
}

/// The epoch log of a job, in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct EpochLog(Arc<Mutex<Vec<EpochEntry>>>);

impl EpochLog {
    /// The entries so far, by epoch.
    pub fn entries(&self) -> Vec<EpochEntry> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
    pub(crate) fn push(&self, entry: EpochEntry) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(entry);
    }
}

/// The epochs that a worker has been told of and not yet finished. Shared by the worker's operators.
///
/// An operator may ask for an epoch once it has seen a message of it or its frontier has passed it: a worker's share of
/// a tick is consumed on that worker before the frontier can pass the epoch.
#[derive(Clone, Default)]
pub(crate) struct EpochTable(Rc<RefCell<VecDeque<Arc<EpochInfo>>>>);

/// Epochs kept behind the newest: far more than can be in flight.
const EPOCHS_KEPT: usize = 1024;

impl EpochTable {
    /// Notes an opened epoch; a second note of the same epoch (another source) changes nothing.
    pub(crate) fn note(&self, info: &Arc<EpochInfo>) {
        let mut table = self.0.borrow_mut();
        if table.back().is_none_or(|last| last.epoch < info.epoch) {
            table.push_back(Arc::clone(info));
            if table.len() > EPOCHS_KEPT {
                table.pop_front();
            }
        }
    }

    /// The epoch with this number.
    pub(crate) fn get(&self, epoch: u64) -> Option<Arc<EpochInfo>> {
        let table = self.0.borrow();
        let first = table.front()?.epoch.0;
        table.get(usize::try_from(epoch.checked_sub(first)?).ok()?).cloned()
    }
}
