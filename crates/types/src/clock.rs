//! The only doors to the wall clock. Operators never open them: they see the clock of their epoch.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Wall time in milliseconds since 1970 (UTC) and a monotonic time for pacing.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test moves.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now_ms` until [`Clock::set`] moves it.
    pub fn manual(now_ms: i64) -> Self {
        Clock::Manual(Arc::new(AtomicI64::new(now_ms)))
    }

    /// Milliseconds since 1970 (UTC).
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::System => {
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
            }
            Clock::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Moves a manual clock; a system clock ignores it.
    pub fn set(&self, now_ms: i64) {
        if let Clock::Manual(now) = self {
            now.store(now_ms, Ordering::SeqCst);
        }
    }
}

/// A monotonic instant, for pacing and time-outs only; never for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(Instant);

impl Mono {
    /// Now. In a [simulation](crate::threads::simulate) the time of that.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
    pub fn now() -> Self {
        Mono(crate::threads::simulated_now().unwrap_or_else(Instant::now))
    }
    /// Time since then.
    pub fn elapsed(self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }
    /// Time until then; zero when it has passed.
    pub fn until(self) -> Duration {
        self.0.saturating_duration_since(Self::now().0)
    }
    /// Later by `d`.
    #[must_use]
    pub fn after(self, d: Duration) -> Self {
        Mono(self.0 + d)
    }
}

thread_local! {
    static EPOCH_NOW_MS: Cell<i64> = const { Cell::new(0) };
}

/// The wall clock of the epoch that this thread is working on: what `PROCTIME()` and `NOW()` return.
///
/// The coordinator reads the clock once per epoch and the epoch log records it, so a replay sees the same value.
pub fn epoch_now_ms() -> i64 {
    EPOCH_NOW_MS.get()
}

/// Set by the engine before it evaluates expressions for an epoch.
pub fn set_epoch_now_ms(now_ms: i64) {
    EPOCH_NOW_MS.set(now_ms);
}
