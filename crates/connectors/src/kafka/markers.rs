//! How long to wait after a commit before the next transaction begins.
//!
//! Kafka answers a commit when it is decided, and writes the markers of the transaction afterwards. A producer that begins the
//! next transaction before they are written is told to come again, and librdkafka (as of 2.12) does so after 20 ms. Coming
//! a moment later is sooner. How long the markers take is not told; but whether it was too early shows in the time of the
//! first acknowledgements.

use std::time::Duration;

use sloth_types::clock::Mono;

/// A transaction whose first rows are acknowledged after so long has been sent away once, as far as can be told.
const SENT_AWAY: Duration = Duration::from_millis(20);
/// The pause grows by so much when it was too short, and shrinks when it was not.
const MORE: Duration = Duration::from_millis(1);
const LESS: Duration = Duration::from_micros(20);
/// A longer one gains too little: brokers that take longer are left to librdkafka, for a while.
const LONGEST: Duration = Duration::from_millis(8);
const GIVEN_UP_FOR: Duration = Duration::from_secs(60);

/// The pause, as learned so far.
#[derive(Debug, Default)]
pub(super) struct Markers {
    pause: Duration,
    given_up: Option<Mono>,
    /// When the last commit was answered.
    committed: Option<Mono>,
    /// When the transaction that is open began, until its first rows are acknowledged; and whether it came right after a commit.
    begun: Option<(Mono, bool)>,
}

impl Markers {
    /// A commit has been answered.
    pub(super) fn committed(&mut self) {
        self.committed = Some(Mono::now());
        self.begun = None;
    }

    /// How long to wait before a transaction begins now.
    pub(super) fn pause(&self) -> Duration {
        let since = self.committed.map_or(LONGEST, Mono::elapsed);
        self.pause.saturating_sub(since)
    }

    /// A transaction begins.
    pub(super) fn begun(&mut self) {
        // One that begins later says nothing about the markers.
        let soon = self.committed.is_some_and(|at| at.elapsed() < LONGEST);
        self.begun = Some((Mono::now(), soon));
    }

    /// All rows so far are acknowledged.
    pub(super) fn acknowledged(&mut self) {
        if let Some((begun, true)) = self.begun.take() {
            let took = begun.elapsed();
            tracing::trace!(
                "kafka: a transaction's first rows took {took:?}, begun {:?} after the last one",
                self.pause
            );
            self.learn(took);
        }
    }

    /// Learns from a transaction that began right after a commit: how long its first rows took.
    fn learn(&mut self, took: Duration) {
        if self.given_up.is_some_and(|at| at.elapsed() < GIVEN_UP_FOR) {
            return;
        }
        self.given_up = None;
        if took < SENT_AWAY {
            self.pause = self.pause.saturating_sub(LESS);
        } else if self.pause < LONGEST {
            self.pause += MORE;
        } else {
            self.pause = Duration::ZERO;
            self.given_up = Some(Mono::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker whose markers take so long: what the pause comes to, and how many of a thousand transactions were sent away.
    fn learned(markers_take: Duration) -> (Duration, usize) {
        let mut markers = Markers::default();
        let mut sent_away = 0;
        for _ in 0..1000 {
            let late = markers.pause >= markers_take;
            sent_away += usize::from(!late);
            markers.learn(Duration::from_millis(if late { 5 } else { 26 }));
        }
        (markers.pause, sent_away)
    }

    #[test]
    fn the_pause_comes_to_what_the_markers_take() {
        let (pause, sent_away) = learned(Duration::from_millis(3));
        assert!(pause >= Duration::from_millis(2) && pause <= Duration::from_millis(4), "{pause:?}");
        assert!(sent_away < 30, "{sent_away}");
        assert_eq!(learned(Duration::ZERO), (Duration::ZERO, 0));
    }

    #[test]
    fn slow_brokers_are_not_waited_for() {
        let (pause, sent_away) = learned(Duration::from_millis(30));
        assert_eq!((pause, sent_away), (Duration::ZERO, 1000));
    }

    #[test]
    fn only_a_transaction_right_after_a_commit_waits() {
        let mut markers = Markers { pause: LONGEST, ..Markers::default() };
        assert_eq!(markers.pause(), Duration::ZERO);
        markers.committed();
        assert!(markers.pause() > LONGEST / 2);
        std::thread::sleep(LONGEST);
        assert_eq!(markers.pause(), Duration::ZERO);
        markers.begun();
        std::thread::sleep(SENT_AWAY);
        markers.acknowledged();
        assert_eq!(markers.pause, LONGEST, "nothing is learned of it");
    }
}
