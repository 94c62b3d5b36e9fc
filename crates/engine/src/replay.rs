//! Epochs that are made again: those that an earlier run has logged, or that another run is logging.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_types::EpochEntry;
use sloth_types::journal::Recovered;

/// What a job goes on from.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Where the earlier run stood, and the epochs it had logged after that: they are made again, the same.
    pub recovered: Recovered,
    /// Cut new epochs after the logged ones; otherwise the job ends there. While another run is in charge (see
    /// [`sloth_types::JobStore::in_charge`]) its epochs are made again as it logs them, and new ones are cut afterwards.
    pub then_live: bool,
}

impl Replay {
    /// The epochs of a log from the beginning, and no more.
    pub fn of_log(log: &[EpochEntry]) -> Self {
        let recovered = Recovered { checkpoint: None, log: log.to_vec() };
        Replay { recovered, then_live: false }
    }
}

/// Logged epochs on their way from another run's log to the coordinator. Their splits are open.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    entries: Mutex<VecDeque<EpochEntry>>,
    complete: AtomicBool,
}

impl Followed {
    pub(crate) fn push(&self, entry: EpochEntry) {
        self.entries().push_back(entry);
    }

    /// This run is in charge: there will be no more.
    pub(crate) fn complete(&self) {
        self.complete.store(true, Ordering::SeqCst);
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<EpochEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The coordinator's side of a replay.
#[derive(Debug)]
pub(crate) struct Replaying {
    log: VecDeque<EpochEntry>,
    then_live: bool,
    followed: Option<Arc<Followed>>,
}

/// What comes next in a replay.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This epoch.
    Epoch(EpochEntry),
    /// One that is not in the log yet.
    NotYet,
    /// Epochs of this run's own.
    Live,
    /// Nothing.
    End,
}

impl Replaying {
    pub(crate) fn new(replay: Replay, followed: Option<Arc<Followed>>) -> Self {
        Replaying { log: replay.recovered.log.into(), then_live: replay.then_live, followed }
    }

    /// Whether this is a replay for its own sake.
    pub(crate) fn is_all(&self) -> bool {
        !self.then_live
    }

    /// Whether another run is, or was, followed.
    pub(crate) fn follows(&self) -> bool {
        self.followed.is_some()
    }

    /// What comes next; an epoch is given once.
    pub(crate) fn next(&mut self, stopping: bool) -> Next {
        // Asked before the entries are taken: all come before it.
        let complete = self.followed.as_ref().is_none_or(|f| f.complete.load(Ordering::SeqCst));
        if let Some(followed) = &self.followed {
            self.log.append(&mut followed.entries());
        }
        if stopping && !(complete && self.log.is_empty()) {
            return Next::End;
        }
        match self.log.pop_front() {
            Some(entry) => Next::Epoch(entry),
            None if !complete => Next::NotYet,
            None if self.then_live => Next::Live,
            None => Next::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(now_ms: i64) -> EpochEntry {
        EpochEntry { now_ms, ..EpochEntry::default() }
    }

    #[test]
    fn what_is_followed_comes_after_what_was_recovered_and_before_new_epochs() {
        let followed = Arc::new(Followed::default());
        let recovered = Recovered { checkpoint: None, log: vec![entry(1)] };
        let mut replaying = Replaying::new(Replay { recovered, then_live: true }, Some(Arc::clone(&followed)));
        assert_eq!(replaying.next(false), Next::Epoch(entry(1)));
        assert_eq!(replaying.next(false), Next::NotYet);
        followed.push(entry(2));
        followed.push(entry(3));
        assert_eq!(replaying.next(false), Next::Epoch(entry(2)));
        assert_eq!(replaying.next(true), Next::End, "who only follows has nothing to finish");
        followed.complete();
        assert_eq!(replaying.next(false), Next::Epoch(entry(3)));
        assert_eq!((replaying.next(false), replaying.next(true)), (Next::Live, Next::Live));
    }
}
