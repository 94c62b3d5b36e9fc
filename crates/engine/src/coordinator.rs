//! The coordinator: opens epochs. It lives on worker 0 and is the only holder of a source capability.
//!
//! What to do next is decided by [`decide`], a pure function of the facts; the rest of the file gathers the facts from
//! the board and carries the decision out.

mod read_time;
mod time;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sloth_plan::JobSettings;
use sloth_types::clock::Mono;
use sloth_types::journal::{Cut, OpenedSplit, SplitCut, Stop};
use sloth_types::metrics::JobFigures;
use sloth_types::{Clock, Epoch, EpochEntry, EpochListener, Result, Watermark};

use crate::checkpoint::Durability;
use crate::completion::Completion;
use crate::epoch::{EpochInfo, EpochLog};
use crate::failure::Failure;
use crate::io::board::{Board, SplitState};
use crate::notes::Notes;
use crate::replay::{Next, Replaying};
use read_time::read_time;

/// What the coordinator knows when it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    /// Epochs opened so far.
    opened: u64,
    /// Epochs that all workers have read.
    read: u64,
    /// Epochs that are complete in all sinks.
    completed: u64,
    /// Some split has something to read.
    ready: bool,
    /// Some split had more when the last epoch was cut.
    cut: bool,
    /// Every split has ended and no new ones can come.
    ended: bool,
    /// The user asked to stop.
    stopping: bool,
    /// A watermark has advanced since the last epoch was opened.
    watermark_advanced: bool,
    /// The last epoch carried the end-of-input watermarks.
    end_told: bool,
    /// Somebody waits for an epoch: for a checkpoint that can be begun, or a resumed job's sinks, to show their rows again.
    asked: bool,
    /// Time since the last epoch was opened.
    since_last: Duration,
    /// Time until something is due by the clock: a paced split, an idle time-out, a processing-time window, a checkpoint.
    due_in: Option<Duration>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    /// Open an epoch.
    Open,
    /// Nothing until called, or until this time has passed.
    Wait(Option<Duration>),
    /// The job is over: give up the capability.
    Finish,
}

fn decide(facts: &Facts, settings: &JobSettings) -> Decision {
    if facts.stopping || (facts.ended && facts.end_told) {
        // Not before the last epoch is logged and told to the listeners.
        let settled = facts.read >= facts.opened && facts.completed >= facts.opened;
        return if settled { Decision::Finish } else { Decision::Wait(None) };
    }
    let in_flight = facts.opened.saturating_sub(facts.completed);
    if in_flight >= settings.epochs_in_flight_max as u64 {
        return Decision::Wait(None);
    }
    // With one epoch in flight every report of an epoch is in before the next is opened: that makes cuts of one row
    // equal to a watermark after every row. Otherwise reading may run one epoch ahead of the slowest worker.
    let ahead = u64::from(settings.epochs_in_flight_max > 1);
    if facts.opened.saturating_sub(facts.read) > ahead {
        return Decision::Wait(None);
    }
    if facts.ended {
        // All reports must be in, so that the end is told with nothing left behind.
        return if facts.read >= facts.opened { Decision::Open } else { Decision::Wait(None) };
    }
    let due = facts.due_in.is_some_and(|d| d.is_zero());
    if facts.ready || facts.watermark_advanced || due || facts.asked {
        // Under light load epochs keep a distance, so that they gather some rows. Under full load there are rows enough.
        let wait = settings.epoch_min_interval.saturating_sub(facts.since_last);
        let now = facts.opened == 0 || facts.cut || wait.is_zero();
        return if now { Decision::Open } else { Decision::Wait(Some(wait)) };
    }
    Decision::Wait(facts.due_in)
}

/// What the coordinator works with.
pub(crate) struct Coordinator {
    pub(crate) board: Arc<Board>,
    pub(crate) settings: JobSettings,
    pub(crate) clock: Clock,
    pub(crate) completion: Arc<Completion>,
    pub(crate) figures: Arc<JobFigures>,
    pub(crate) failure: Arc<Failure>,
    pub(crate) listeners: Vec<Arc<dyn EpochListener>>,
    /// For each source its idle time-out; zero for never.
    pub(crate) idle_timeouts: Vec<Duration>,
    /// True when windows must fire by the wall clock.
    pub(crate) clock_driven: bool,
    /// True when the input ends: then throughput counts, and every epoch is read for the full time.
    pub(crate) bounded: bool,
    pub(crate) record: Option<EpochLog>,
    pub(crate) durable: Option<Durability>,
    pub(crate) replay: Option<Replaying>,
    pub(crate) progress: Progress,
}

/// What the coordinator remembers.
#[derive(Debug)]
pub(crate) struct Progress {
    opened: u64,
    /// The clock of the last epoch (ms), and whether the system's is behind it.
    now_ms: i64,
    set_back: bool,
    watermarks: Vec<Watermark>,
    end_told: bool,
    /// The end is told although the input has not ended.
    drained: bool,
    /// Where the splits of each source stood after the last epoch that has been read.
    ends: Vec<Vec<u64>>,
    last_open: Mono,
    told: u64,
    /// The first epoch of this run.
    first: u64,
    /// Opened epochs whose end offsets are not yet known.
    unlogged: VecDeque<Arc<EpochInfo>>,
    notes: Notes,
    /// For each source how many of its splits are in the log.
    logged_splits: Vec<usize>,
    /// Clock and opening of the epochs that are not complete.
    open: VecDeque<(i64, Mono)>,
    read_time: Duration,
    /// Epochs below this were opened before the reading time was last shortened.
    shortened: u64,
}

impl Progress {
    /// Of a job that begins with the epoch of `cut`.
    pub(crate) fn new(sources: usize, settings: &JobSettings, cut: &Cut) -> Self {
        Progress {
            opened: cut.epoch.0,
            first: cut.epoch.0,
            now_ms: cut.now_ms,
            set_back: false,
            watermarks: (0..sources).map(|s| cut.watermarks.get(s).copied().unwrap_or(Watermark::NONE)).collect(),
            end_told: cut.ended,
            drained: cut.drained,
            ends: (0..sources)
                .map(|s| cut.splits.get(s).map_or(vec![], |splits| splits.iter().map(|split| split.offset.0).collect()))
                .collect(),
            last_open: Mono::now(),
            told: cut.epoch.0,
            unlogged: VecDeque::new(),
            notes: Notes::new(sources, cut),
            logged_splits: (0..sources).map(|s| cut.splits.get(s).map_or(0, Vec::len)).collect(),
            open: VecDeque::new(),
            read_time: settings.epoch_target,
            shortened: 0,
        }
    }
}

/// Where an epoch's reading stops.
#[derive(Default)]
struct Until {
    /// For each source, for each split; `None`: when enough has been read.
    ends: Option<Vec<Vec<u64>>>,
    /// The epoch is in the log already.
    replayed: bool,
}

/// Interval of epochs that only move the clock of processing-time windows.
const CLOCK_INTERVAL: Duration = Duration::from_millis(100);

/// What the operator around the coordinator does next.
pub(crate) enum Step {
    /// Send this tick and call again.
    Open(Arc<EpochInfo>),
    /// Come back when called or after this time.
    Wait(Option<Duration>),
    /// Drop the capability.
    Finish,
}

impl Coordinator {
    /// The next step. Called whenever something may have changed.
    pub(crate) fn step(&mut self) -> Step {
        self.tell_completed();
        self.log_read();
        if let Err(error) = self.keep() {
            self.failure.fail(error);
            return Step::Finish;
        }
        if self.replay.is_some() {
            return self.step_replay();
        }
        if self.progress.end_told && self.progress.opened == self.progress.first {
            // An earlier run came to the end.
            return Step::Finish;
        }
        let facts = self.gather();
        match decide(&facts, &self.settings) {
            Decision::Open => Step::Open(self.open(facts.ended)),
            Decision::Wait(time) => Step::Wait(time),
            // The log is complete only with the last epochs' end offsets.
            Decision::Finish if !self.progress.unlogged.is_empty() => Step::Wait(None),
            Decision::Finish => self.finish(),
        }
    }

    fn gather(&self) -> Facts {
        let mut facts = Facts {
            opened: self.progress.opened,
            read: self.board.epochs_read(),
            completed: self.completion.epochs(),
            ready: false,
            cut: false,
            ended: true,
            stopping: self.board.stopping(),
            watermark_advanced: false,
            end_told: self.progress.end_told,
            asked: self.durable.as_ref().is_some_and(|d| !d.is_busy() && d.asked().checkpoint)
                || (self.progress.first > 0 && self.progress.opened == self.progress.first),
            since_last: self.progress.last_open.elapsed(),
            due_in: self.clock_driven.then(|| CLOCK_INTERVAL.saturating_sub(self.progress.last_open.elapsed())),
        };
        let due = |facts: &mut Facts, time: Duration| {
            facts.due_in = Some(facts.due_in.map_or(time, |d| d.min(time)));
        };
        let checkpoint = self.durable.as_ref().and_then(|d| d.due_in(Epoch(self.progress.opened)));
        checkpoint.into_iter().for_each(|time| due(&mut facts, time));
        for (source, idle) in self.board.sources.iter().zip(&self.idle_timeouts) {
            facts.ended &= !source.discovering.load(Ordering::SeqCst);
            for split in source.splits() {
                let report = split.report();
                facts.ended &= report.state == SplitState::Ended;
                match report.state {
                    SplitState::Ready => {
                        facts.ready = true;
                        facts.cut |= report.cut;
                    }
                    SplitState::At(time) => due(&mut facts, time.until()),
                    SplitState::Waiting { caught_up: true } if !idle.is_zero() => {
                        let left = idle.saturating_sub(report.active.elapsed());
                        if !left.is_zero() {
                            due(&mut facts, left);
                        }
                    }
                    SplitState::Waiting { .. } | SplitState::Ended => {}
                }
            }
        }
        facts.watermark_advanced =
            self.reported_watermarks().iter().zip(&self.progress.watermarks).any(|(new, old)| new > old);
        facts
    }

    fn open(&mut self, ended: bool) -> Arc<EpochInfo> {
        let now_ms = self.now_ms();
        let watermarks = self.reported_watermarks();
        self.progress.end_told = ended;
        let checkpoint = self.durable.as_ref().is_some_and(|d| d.is_due(ended));
        self.announce(now_ms, watermarks, Until::default(), checkpoint)
    }

    fn announce(&mut self, now_ms: i64, watermarks: Vec<Watermark>, until: Until, checkpoint: bool) -> Arc<EpochInfo> {
        let Until { ends: until, replayed } = until;
        let before = std::mem::replace(&mut self.progress.watermarks, watermarks.clone());
        let splits = match &until {
            Some(until) => until.iter().map(Vec::len).collect(),
            None => self.board.sources.iter().map(|s| s.split_count()).collect(),
        };
        for (figures, watermark) in self.figures.sources.iter().zip(&watermarks) {
            figures.watermark_ms.store(watermark.0, Ordering::Relaxed);
        }
        let info = Arc::new(EpochInfo {
            epoch: Epoch(self.progress.opened),
            now_ms,
            watermarks,
            watermarks_before: before,
            splits,
            read_time: self.progress.read_time,
            until,
            replayed,
            checkpoint,
        });
        self.progress.opened += 1;
        self.progress.now_ms = now_ms;
        self.progress.last_open = Mono::now();
        self.progress.open.push_back((now_ms, self.progress.last_open));
        if self.record.is_some() || self.durable.is_some() {
            self.progress.unlogged.push_back(Arc::clone(&info));
        }
        if let (Some(durable), true) = (&mut self.durable, checkpoint) {
            durable.begin(info.epoch);
        }
        info
    }

    /// Replays the log, each epoch with its recorded clock, watermarks and end offsets.
    fn step_replay(&mut self) -> Step {
        let opened = self.progress.opened;
        let behind = opened.saturating_sub(self.completion.epochs()) as usize;
        if behind >= self.settings.epochs_in_flight_max || opened.saturating_sub(self.board.epochs_read()) > 1 {
            return Step::Wait(None);
        }
        let Some(replay) = &mut self.replay else { return self.step() };
        match replay.next(self.board.stopping()) {
            Next::Epoch(entry) => {
                // A recovery is over soon; a replay for its own sake may make checkpoints of its own.
                let checkpoint = replay.is_all() && self.durable.as_ref().is_some_and(|d| d.is_due(false));
                self.progress.notes.expect(Epoch(opened), entry.notes);
                let until = Until { ends: Some(entry.ends), replayed: true };
                if entry.drained {
                    (self.progress.end_told, self.progress.drained) = (true, true);
                }
                Step::Open(self.announce(entry.now_ms, entry.watermarks, until, checkpoint))
            }
            Next::NotYet => Step::Wait(None),
            _ if behind > 0 => Step::Wait(None),
            Next::Live => {
                // Who takes over has what is urgent to do before a checkpoint.
                let took_over = replay.follows();
                self.durable.iter_mut().filter(|_| took_over).for_each(Durability::postpone);
                self.figures.standing_by.set(0);
                self.replay = None;
                if self.progress.drained {
                    // A run that was asked to drain the job has ended in the middle of it.
                    self.board.request_stop();
                }
                self.step()
            }
            Next::End => Step::Finish,
        }
    }

    /// Log entries of the epochs that have been read by all.
    fn log_read(&mut self) {
        let read = self.board.epochs_read();
        while let Some(info) = self.progress.unlogged.front().filter(|info| info.epoch.0 < read).cloned() {
            self.progress.unlogged.pop_front();
            let (entry, splits) = self.entry_of(&info);
            self.progress.ends.clone_from(&entry.ends);
            if let Some(log) = &self.record {
                log.push(entry.clone());
            }
            if let Some(durable) = &mut self.durable {
                // What is replayed is in the log already.
                if !info.replayed {
                    durable.store.append(info.epoch, entry);
                }
                let cut = Cut {
                    epoch: Epoch(info.epoch.0 + 1),
                    workers: self.settings.parallelism,
                    now_ms: info.now_ms,
                    watermarks: info.watermarks.clone(),
                    splits,
                    notes: self.progress.notes.so_far(),
                    ended: self.progress.end_told && self.progress.opened == info.epoch.0 + 1,
                    drained: self.progress.drained,
                };
                durable.note(&info, cut);
            }
        }
    }

    /// The log entry of an epoch that has been read by all, and where all splits stood after it.
    fn entry_of(&mut self, info: &EpochInfo) -> (EpochEntry, Vec<Vec<SplitCut>>) {
        let (now_ms, watermarks, drained) = (info.now_ms, info.watermarks.clone(), self.progress.drained);
        let mut entry = EpochEntry { now_ms, watermarks, drained, ..EpochEntry::default() };
        let mut cuts = vec![];
        for (source, board) in self.board.sources.iter().enumerate() {
            let count = info.splits.get(source).copied().unwrap_or(0);
            let mut cut = vec![];
            for (ordinal, split) in board.splits().iter().take(count).enumerate() {
                let end = split.end_of(info.epoch);
                let (offset, watermark) = end.map_or((split.from, split.promised), |e| (e.offset, e.watermark));
                if self.progress.logged_splits.get(source).is_some_and(|known| *known <= ordinal) {
                    entry.opened.push(OpenedSplit { source, split: split.id.clone(), from: split.from });
                }
                cut.push(SplitCut { split: split.id.clone(), offset, watermark });
            }
            if let Some(known) = self.progress.logged_splits.get_mut(source) {
                *known = (*known).max(count);
            }
            entry.ends.push(cut.iter().map(|s| s.offset.0).collect());
            cuts.push(cut);
        }
        entry.notes = self.progress.notes.of_epoch(info.epoch, info.replayed, &self.board);
        (entry, cuts)
    }

    /// What a durable job does besides: looks after its store, and brings the checkpoint on that is being made.
    fn keep(&mut self) -> Result<()> {
        let Some(durable) = &mut self.durable else { return Ok(()) };
        durable.step(&self.completion)?;
        // A recovery comes to its end first; who only follows has nothing to finish.
        let may_stop = self.replay.is_none() || !durable.store.in_charge();
        if may_stop && durable.asked().stop.is_some() && !self.board.stopping() {
            self.board.request_stop();
        }
        Ok(())
    }

    /// The end: of a durable job only when a last checkpoint stands.
    fn finish(&mut self) -> Step {
        let Some(durable) = &mut self.durable else { return Step::Finish };
        let asked = durable.asked();
        let drain = asked.stop == Some(Stop::Drained) && !self.progress.end_told;
        if durable.published(Epoch(self.progress.opened)) && !asked.checkpoint && !drain {
            return Step::Finish;
        }
        if durable.is_busy() {
            return Step::Wait(None);
        }
        // The user has asked to stop: one more epoch, which ends in a checkpoint.
        let now_ms = self.now_ms();
        if drain {
            // It reads nothing: behind this watermark every row would be late.
            (self.progress.end_told, self.progress.drained) = (true, true);
            let until = Until { ends: Some(self.progress.ends.clone()), replayed: false };
            return Step::Open(self.announce(now_ms, vec![Watermark::END; self.board.sources.len()], until, true));
        }
        let until = match self.progress.end_told {
            true => Until { ends: Some(self.progress.ends.clone()), replayed: false },
            false => Until::default(),
        };
        Step::Open(self.announce(now_ms, self.reported_watermarks(), until, true))
    }

    /// Learns from an epoch that is complete. Those opened before the last shortening tell nothing about its effect.
    fn set_read_time(&mut self, epoch: u64, took: Duration) {
        if self.bounded || epoch < self.progress.shortened {
            return;
        }
        let before = self.progress.read_time;
        self.progress.read_time = read_time(before, took, self.settings.epoch_target);
        if self.progress.read_time < before {
            self.progress.shortened = self.progress.opened;
        }
    }

    /// Tells the listeners of epochs that have become complete.
    fn tell_completed(&mut self) {
        let completed = self.completion.epochs().min(self.progress.opened);
        if completed <= self.progress.told {
            return;
        }
        let mut now_ms = 0;
        for epoch in self.progress.told..completed {
            let Some((clock, opened)) = self.progress.open.pop_front() else { continue };
            now_ms = clock;
            self.set_read_time(epoch, opened.elapsed());
        }
        self.progress.told = completed;
        self.figures.epochs.set(completed);
        self.figures.epoch_now_ms.store(now_ms, Ordering::Relaxed);
        for listener in &self.listeners {
            listener.epoch_done(Epoch(completed - 1), now_ms);
        }
    }
}

#[cfg(test)]
#[path = "coordinator/tests.rs"]
mod tests;
