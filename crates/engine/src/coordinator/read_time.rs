//! How long sources are read for an epoch.

use std::time::Duration;

/// Epochs of a job that goes on for ever may take so many times the reading time from their opening to their completion.
const DELAY_FACTOR: u32 = 3;
/// Shortest reading time: an epoch costs a fraction of a millisecond, whatever it holds.
const READ_TIME_MIN: Duration = Duration::from_millis(4);

/// The reading time of the next epochs, when one that was read for `before` took `took` until it was complete. Rows that
/// are read wait for those before them: when sinks or operators are slower than a source that has much to give, less is
/// read at a time, so that what is read comes out soon.
pub(super) fn read_time(before: Duration, took: Duration, most: Duration) -> Duration {
    let goal = most * DELAY_FACTOR;
    if took <= goal {
        return (before + before / 4).min(most);
    }
    let share = (goal.as_secs_f64() / took.as_secs_f64()).max(0.25);
    before.mul_f64(share).max(READ_TIME_MIN.min(most))
}
