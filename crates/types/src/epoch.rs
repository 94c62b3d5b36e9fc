//! Epochs and watermarks: the two clocks of a job. See `docs/model.md`.

use std::fmt;

/// Consecutive number of a consistent cut of the input; the timely timestamp of all its changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Promise that no row with an event time at or below this will come, in milliseconds since 1970 (UTC).
///
/// As in Flink, a window `[start, end)` is complete when the watermark reaches `end - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watermark(pub i64);

impl Watermark {
    /// Nothing is promised yet.
    pub const NONE: Watermark = Watermark(i64::MIN);
    /// The input has ended: every window is complete.
    pub const END: Watermark = Watermark(i64::MAX);

    /// True once no row of a window that ends (exclusively) at `end_ms` can come any more.
    pub fn completes(self, end_ms: i64) -> bool {
        self.0 >= end_ms.saturating_sub(1)
    }

    /// The time, or `None` for the two sentinels.
    pub fn millis(self) -> Option<i64> {
        (self != Self::NONE && self != Self::END).then_some(self.0)
    }
}

/// Told when all sinks have everything of an epoch: the moment at which a consistent cut may be shown.
pub trait EpochListener: Send + Sync {
    /// Epoch `epoch` is complete in every sink. `now_ms` is the epoch's wall clock. Called from an engine thread, in
    /// epoch order; must not block. Quick epochs may be reported together, by their last.
    fn epoch_done(&self, epoch: Epoch, now_ms: i64);

    /// The job has ended; `error` tells why when it failed.
    fn job_done(&self, error: Option<&str>);
}
