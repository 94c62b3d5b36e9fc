//! Windows over event time. All times are milliseconds since 1970 (UTC); all windows are `[start, end)`.

use std::fmt;

/// How rows are assigned to windows, with Flink's alignment: windows start at `offset_ms` modulo the slide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowSpec {
    /// Every row in one window.
    Tumble {
        /// Length.
        size_ms: i64,
        /// Shift of the alignment.
        offset_ms: i64,
    },
    /// Windows of `size_ms` that start every `slide_ms`.
    Hop {
        /// Length.
        size_ms: i64,
        /// Distance of starts.
        slide_ms: i64,
        /// Shift of the alignment.
        offset_ms: i64,
    },
    /// Windows that share a start every `max_ms` and grow by `step_ms`; `max_ms` is a multiple of `step_ms`.
    Cumulate {
        /// Longest length.
        max_ms: i64,
        /// Growth.
        step_ms: i64,
        /// Shift of the alignment.
        offset_ms: i64,
    },
    /// Windows of a key, closed by a gap without rows.
    Session {
        /// The gap.
        gap_ms: i64,
    },
}

impl fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = match *self {
            WindowSpec::Tumble { size_ms, offset_ms } => {
                write!(f, "TUMBLE(size={}", Millis(size_ms))?;
                offset_ms
            }
            WindowSpec::Hop { size_ms, slide_ms, offset_ms } => {
                write!(f, "HOP(slide={}, size={}", Millis(slide_ms), Millis(size_ms))?;
                offset_ms
            }
            WindowSpec::Cumulate { max_ms, step_ms, offset_ms } => {
                write!(f, "CUMULATE(step={}, max={}", Millis(step_ms), Millis(max_ms))?;
                offset_ms
            }
            WindowSpec::Session { gap_ms } => {
                write!(f, "SESSION(gap={}", Millis(gap_ms))?;
                0
            }
        };
        if offset != 0 {
            write!(f, ", offset={}", Millis(offset))?;
        }
        f.write_str(")")
    }
}

/// Shows a duration in the largest unit that divides it.
pub(crate) struct Millis(pub(crate) i64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")]
            .into_iter()
            .find(|(unit, _)| self.0 % unit == 0)
            .unwrap_or((1, "ms"));
        write!(f, "{} {name}", self.0 / unit)
    }
}
