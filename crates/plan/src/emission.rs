//! When results are given out: the `EMIT` clause of a query.

use std::fmt;

/// The policy of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Emission {
    /// How often a window tells its result so far before it closes; `None`: not at all.
    pub early: Option<Every>,
    /// How often a closed window is corrected.
    pub late: Every,
    /// How long after its end (by the watermark) a window takes late rows and is corrected.
    pub lateness_ms: i64,
    /// How often operators without windows tell what has changed.
    pub updates: Every,
    /// Rows that otherwise wait for the watermark (`OVER` by event time) are told at once, and corrected.
    pub waits_for_none: bool,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Every {
    /// At the end of every epoch in which something has changed.
    #[default]
    Epoch,
    /// At the end of the first epoch behind each multiple of so many milliseconds, by the epochs' clock.
    Millis(i64),
}

impl Emission {
    /// True when the result of a window is told once, when it closes, and stays.
    pub fn is_final(&self) -> bool {
        self.early.is_none() && self.lateness_ms == 0
    }

    /// The policy of windows by the wall clock: no row is late for them.
    pub fn of_clock(self) -> Self {
        Emission { lateness_ms: 0, late: Every::Epoch, ..self }
    }

    /// True when the wall clock decides when something is told.
    pub fn by_clock(&self) -> bool {
        let timed = |every: Every| matches!(every, Every::Millis(_));
        self.early.is_some_and(timed) || timed(self.late)
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Every::Epoch => f.write_str("in every epoch"),
            Every::Millis(ms) => write!(f, "every {}", crate::window::Millis(*ms)),
        }
    }
}

/// What EXPLAIN says of a window's policy, given what a window is called there and its time.
pub(crate) fn line(emission: &Emission, window: &str, clock: &str) -> String {
    let close = format!("when the watermark passes a {window}'s end");
    let mut text = match emission.early {
        None => format!("emits {close}"),
        Some(every) => format!("emits what has changed {every}, and {close}"),
    };
    if emission.lateness_ms > 0 {
        let lateness = crate::window::Millis(emission.lateness_ms);
        text = format!("{text}; late rows correct it for {lateness} more, {}", emission.late);
    }
    format!("{text}; {clock}")
}

/// When EXPLAIN says the state of a window is freed.
pub(crate) fn freed(emission: &Emission, window: &str) -> String {
    match emission.lateness_ms {
        0 => format!("freed when the {window} closes"),
        ms => format!("freed {} after the {window} closes", crate::window::Millis(ms)),
    }
}
