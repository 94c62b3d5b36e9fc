//! Epochs as the workers see them: what a tick carries, and the table from which operators read it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use sloth_types::{Epoch, Watermark};

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
    /// In a replay, where each split of each source stops.
    pub until: Option<Vec<Vec<u64>>>,
}

impl EpochInfo {
    /// The watermark of an operator fed by `sources` (ordinals): their minimum.
    pub(crate) fn watermark(&self, sources: &[usize]) -> Watermark {
        minimum(&self.watermarks, sources)
    }

    /// As [`EpochInfo::watermark`], for the epoch before.
    pub(crate) fn watermark_before(&self, sources: &[usize]) -> Watermark {
        minimum(&self.watermarks_before, sources)
    }
}

fn minimum(watermarks: &[Watermark], sources: &[usize]) -> Watermark {
    sources.iter().filter_map(|s| watermarks.get(*s).copied()).min().unwrap_or(Watermark::NONE)
}

/// One line of the epoch log: with it, the epoch can be made again exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The wall clock of the epoch (ms).
    pub now_ms: i64,
    /// The watermark of each source in effect.
    pub watermarks: Vec<Watermark>,
    /// For each source the offset after the epoch of each of its splits.
    pub ends: Vec<Vec<u64>>,
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
