//! How often an operator speaks: at every epoch's end, or at those behind the multiples of a time.

use sloth_plan::Every;
use sloth_types::Result;

use crate::epoch::EpochInfo;
use crate::state::snapshot::{Section, number, take_newest_number};

/// The pace of an operator. It goes by the epochs' clock, so that a replay speaks in the same epochs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    every: Every,
    /// The latest clock of an epoch; `None` before the first. Not the number of its period: the pace may be another one
    /// after a restart.
    last: Option<i64>,
}

impl Pace {
    /// Nothing said yet.
    pub(crate) fn new(every: Every) -> Self {
        Pace { every, last: None }
    }

    /// True when it speaks at the end of every epoch: then nothing is held back between two of them.
    pub(crate) fn is_every_epoch(&self) -> bool {
        self.every == Every::Epoch
    }

    /// True when it is time to speak at the end of this epoch. Asked once in every epoch.
    pub(crate) fn due(&mut self, epoch: &EpochInfo) -> bool {
        let Every::Millis(ms) = self.every else { return true };
        let period = |clock: i64| clock.div_euclid(ms.max(1));
        let due = self.last.is_some_and(|last| period(epoch.now_ms) > period(last));
        // A clock that is set back does not bring a period back.
        self.last = Some(self.last.map_or(epoch.now_ms, |last| last.max(epoch.now_ms)));
        due
    }

    /// What a checkpoint keeps: the same on every worker.
    pub(crate) fn save(&self, name: &str) -> Result<Section> {
        number(name, self.last.unwrap_or(i64::MIN))
    }

    /// Takes up what [`Pace::save`] gave.
    pub(crate) fn restore(&mut self, state: &mut [Section], name: &str) -> Result<()> {
        self.last = take_newest_number(state, name)?.filter(|last| *last != i64::MIN);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_once_behind_each_multiple_and_never_twice_when_the_clock_goes_back() {
        let mut pace = Pace::new(Every::Millis(1000));
        let clock = [1500, 1900, 2000, 2100, 1950, 2050, 4999, 5000, 5000];
        let due: Vec<bool> =
            clock.into_iter().map(|now_ms| pace.due(&EpochInfo { now_ms, ..EpochInfo::alone(0) })).collect();
        assert_eq!(due, [false, false, true, false, false, false, true, true, false]);
    }

    #[test]
    fn is_the_same_after_a_restore() {
        let mut before = Pace::new(Every::Millis(1000));
        before.due(&EpochInfo { now_ms: 7300, ..EpochInfo::alone(0) });
        let mut state = [before.save("a").unwrap(), Pace::new(Every::Epoch).save("b").unwrap()];
        let (mut a, mut b) = (Pace::new(Every::Millis(1000)), Pace::new(Every::Millis(10)));
        a.restore(&mut state, "a").unwrap();
        b.restore(&mut state, "b").unwrap();
        assert_eq!((a.last, b.last), (Some(7300), None));
        // Another pace goes on from the same instant.
        let mut slower = Pace::new(Every::Millis(5000));
        slower.restore(&mut [before.save("a").unwrap()], "a").unwrap();
        let mut due = |now_ms| slower.due(&EpochInfo { now_ms, ..EpochInfo::alone(0) });
        assert_eq!((due(9999), due(10_000)), (false, true));
    }
}
