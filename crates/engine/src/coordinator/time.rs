//! The time of an epoch: what its sources promise, and the wall clock.

use std::sync::atomic::Ordering;

use sloth_types::Watermark;

use super::Coordinator;
use crate::io::board::SplitState;

/// A clock that has been set back by more than this is told of.
const SET_BACK_MS: i64 = 10_000;

impl Coordinator {
    /// The wall clock of the next epoch. Between epochs it never goes back, whoever sets it, and on whichever machine the job
    /// goes on: what has fired by it has fired.
    pub(super) fn now_ms(&mut self) -> i64 {
        let (now, last) = (self.clock.now_ms(), self.progress.now_ms);
        let set_back = now < last - SET_BACK_MS;
        if set_back && !self.progress.set_back {
            tracing::warn!(
                "the clock is {} s behind that of the last epoch: processing time stands still until it has caught up",
                (last - now) / 1000
            );
        }
        self.progress.set_back = set_back;
        now.max(last)
    }

    /// For each source the minimum over its splits that are neither idle nor ended, or the maximum when all are idle;
    /// never less than before, and not more while a split is known that has not been opened.
    pub(super) fn reported_watermarks(&self) -> Vec<Watermark> {
        let mut watermarks = Vec::with_capacity(self.board.sources.len());
        for (index, source) in self.board.sources.iter().enumerate() {
            let before = self.progress.watermarks.get(index).copied().unwrap_or(Watermark::NONE);
            let idle = self.idle_timeouts.get(index).copied().unwrap_or_default();
            let mut ended = !source.discovering.load(Ordering::SeqCst);
            let mut idle_splits = 0;
            let mut lowest = source.opening.load(Ordering::SeqCst).then_some(before);
            let mut highest_idle = before;
            for split in source.splits() {
                let report = split.report();
                if report.state == SplitState::Ended {
                    continue;
                }
                ended = false;
                let quiet = report.state == SplitState::Waiting { caught_up: true };
                if quiet && !idle.is_zero() && report.active.elapsed() >= idle {
                    idle_splits += 1;
                    highest_idle = highest_idle.max(report.watermark);
                } else {
                    lowest = Some(lowest.map_or(report.watermark, |l| l.min(report.watermark)));
                }
            }
            if let Some(figures) = self.figures.sources.get(index) {
                figures.idle_splits.set(idle_splits);
            }
            // When all are idle, none can hold the others back: as in Flink, the furthest one decides.
            let now = if ended { Watermark::END } else { lowest.unwrap_or(highest_idle) };
            watermarks.push(now.max(before));
        }
        watermarks
    }
}
