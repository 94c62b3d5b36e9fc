//! The board: what every split of every source has reported. Source operators write it, the coordinator reads it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use sloth_types::clock::Mono;
use sloth_types::{Epoch, Offset, Source, SplitId, SplitReader, Waker, Watermark};
use timely::scheduling::SyncActivator;

/// Whether a split has something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SplitState {
    /// There is, or it has not been asked yet.
    Ready,
    /// Not before this time.
    At(Mono),
    /// Not before it wakes.
    Waiting {
        /// Everything that exists outside has been read.
        caught_up: bool,
    },
    /// Never again.
    Ended,
}

/// A split's last report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitReport {
    pub(crate) state: SplitState,
    /// It was giving rows when its last epoch was cut.
    pub(crate) cut: bool,
    pub(crate) watermark: Watermark,
    /// When it last gave rows (or was opened).
    pub(crate) active: Mono,
}

/// Where a split stood after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SplitEnd {
    pub(crate) epoch: Epoch,
    pub(crate) offset: Offset,
    pub(crate) watermark: Watermark,
}

/// One split.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) id: SplitId,
    /// Where its reading began in this job, and what its rows had promised before.
    pub(crate) from: Offset,
    pub(crate) promised: Watermark,
    /// The ends of the epochs that are not yet in the log; empty in a job without one.
    ends: Mutex<VecDeque<SplitEnd>>,
    /// Set by the connector's waker.
    woken: Arc<AtomicBool>,
    report: Mutex<SplitReport>,
}

impl Split {
    /// A split that `reader` reads; its rows have promised `promised` so far.
    pub(crate) fn new(id: SplitId, from: Offset, promised: Watermark, woken: Arc<AtomicBool>) -> Self {
        let report = SplitReport { state: SplitState::Ready, cut: false, watermark: promised, active: Mono::now() };
        Split { id, from, promised, ends: Mutex::default(), woken, report: Mutex::new(report) }
    }

    /// Notes where the split stood after an epoch.
    pub(crate) fn push_end(&self, end: SplitEnd) {
        lock(&self.ends).push_back(end);
    }

    /// Where the split stood after an epoch; ends of epochs before are forgotten.
    pub(crate) fn end_of(&self, epoch: Epoch) -> Option<SplitEnd> {
        let mut ends = lock(&self.ends);
        while ends.front().is_some_and(|end| end.epoch < epoch) {
            ends.pop_front();
        }
        ends.front().filter(|end| end.epoch == epoch).copied()
    }

    /// Called before a read, so that a wake during it is not lost.
    pub(crate) fn clear_woken(&self) {
        self.woken.store(false, Ordering::SeqCst);
    }

    /// The last report; a waiting split that has been woken since is ready.
    pub(crate) fn report(&self) -> SplitReport {
        let mut report = *lock(&self.report);
        if matches!(report.state, SplitState::Waiting { .. }) && self.woken.load(Ordering::SeqCst) {
            report.state = SplitState::Ready;
        }
        report
    }

    /// Replaces the report.
    pub(crate) fn set_report(&self, report: SplitReport) {
        *lock(&self.report) = report;
    }
}

/// One source.
pub(crate) struct SourceBoard {
    /// The source itself, as soon as it is there.
    pub(crate) source: OnceLock<Arc<dyn Source>>,
    splits: RwLock<Vec<Arc<Split>>>,
    /// Opened readers that their worker has not yet fetched, by split ordinal.
    mailbox: Mutex<HashMap<usize, Box<dyn SplitReader>>>,
    /// For each worker the number of epochs it has read.
    read: Vec<AtomicU64>,
    /// True while new splits may still come.
    pub(crate) discovering: AtomicBool,
    /// True while a split is known but not yet open: it may hold rows of any time, so the watermark stands still.
    pub(crate) opening: AtomicBool,
}

impl SourceBoard {
    pub(crate) fn splits(&self) -> Vec<Arc<Split>> {
        self.splits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub(crate) fn split_count(&self) -> usize {
        self.splits.read().unwrap_or_else(PoisonError::into_inner).len()
    }
    pub(crate) fn split(&self, ordinal: usize) -> Option<Arc<Split>> {
        self.splits.read().unwrap_or_else(PoisonError::into_inner).get(ordinal).cloned()
    }
    /// The opened reader of a split, once.
    pub(crate) fn fetch_reader(&self, ordinal: usize) -> Option<Box<dyn SplitReader>> {
        lock(&self.mailbox).remove(&ordinal)
    }
    /// Worker `worker` has read its share of all epochs below `epochs`.
    pub(crate) fn set_read(&self, worker: usize, epochs: u64) {
        if let Some(slot) = self.read.get(worker) {
            slot.store(epochs, Ordering::SeqCst);
        }
    }
    fn epochs_read(&self) -> u64 {
        self.read.iter().map(|r| r.load(Ordering::SeqCst)).min().unwrap_or(u64::MAX)
    }
}

/// All sources of a job, and the bell that calls the coordinator.
pub(crate) struct Board {
    pub(crate) sources: Vec<SourceBoard>,
    bell: Mutex<Option<SyncActivator>>,
    stop: AtomicBool,
}

impl Board {
    /// The board of a job whose first epoch is `first`.
    pub(crate) fn new(sources: usize, workers: usize, first: Epoch) -> Arc<Self> {
        let source = |_| SourceBoard {
            source: OnceLock::new(),
            splits: RwLock::default(),
            mailbox: Mutex::default(),
            read: (0..workers).map(|_| AtomicU64::new(first.0)).collect(),
            discovering: AtomicBool::new(false),
            opening: AtomicBool::new(false),
        };
        Arc::new(Board {
            sources: (0..sources).map(source).collect(),
            bell: Mutex::new(None),
            stop: AtomicBool::new(false),
        })
    }

    /// The waker that a new split's reader is to be opened with, and its flag. Nobody sees the split before
    /// [`Board::add_split`]: epochs go on while it opens, and none of them may count on a reader that is not there.
    pub(crate) fn new_waker(self: &Arc<Self>) -> (Arc<AtomicBool>, Waker) {
        let woken = Arc::new(AtomicBool::new(false));
        let (board, flag) = (Arc::clone(self), Arc::clone(&woken));
        let waker = Waker::new(move || {
            if !flag.swap(true, Ordering::SeqCst) {
                board.ring();
            }
        });
        (woken, waker)
    }

    /// Adds a split to a source, with the reader for whichever worker will read it.
    pub(crate) fn add_split(&self, source: usize, split: Arc<Split>, reader: Box<dyn SplitReader>) {
        let Some(board) = self.sources.get(source) else { return };
        let mut splits = board.splits.write().unwrap_or_else(PoisonError::into_inner);
        lock(&board.mailbox).insert(splits.len(), reader);
        splits.push(split);
    }

    /// Epochs that every worker has read for every source.
    pub(crate) fn epochs_read(&self) -> u64 {
        self.sources.iter().map(SourceBoard::epochs_read).min().unwrap_or(u64::MAX)
    }

    /// The coordinator's bell.
    pub(crate) fn set_bell(&self, bell: SyncActivator) {
        *lock(&self.bell) = Some(bell);
    }

    /// Calls the coordinator, from any thread.
    pub(crate) fn ring(&self) {
        if let Some(bell) = lock(&self.bell).as_ref() {
            // Fails only when the job is gone already.
            let _ = bell.activate();
        }
    }

    /// Asks the coordinator to open no more epochs.
    pub(crate) fn request_stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// True after [`Board::request_stop`].
    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
