//! How often an operator speaks: at every epoch's end, or at those behind the multiples of a time.

use sloth_plan::Every;
use sloth_types::Result;

use crate::epoch::EpochInfo;
use crate::state::snapshot::{Section, number, take_number};

/// The pace of an operator. It goes by the epochs' clock, so that a replay speaks in the same epochs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    every: Every,
    /// Number of the period in which the last epoch was; `None` before the first.
    period: Option<i64>,
}

impl Pace {
    /// Nothing said yet.
    pub(crate) fn new(every: Every) -> Self {
        Pace { every, period: None }
    }

    /// True when it is time to speak at the end of this epoch. Asked once in every epoch.
    pub(crate) fn due(&mut self, epoch: &EpochInfo) -> bool {
        let Every::Millis(ms) = self.every else { return true };
        let period = epoch.now_ms.div_euclid(ms.max(1));
        let due = self.period.is_some_and(|last| period > last);
        // A clock that is set back does not bring a period back.
        self.period = Some(self.period.map_or(period, |last| last.max(period)));
        due
    }

    /// What a checkpoint keeps: the same on every worker.
    pub(crate) fn save(&self, name: &str) -> Result<Section> {
        number(name, self.period.unwrap_or(i64::MIN))
    }

    /// Takes up what [`Pace::save`] gave.
    pub(crate) fn restore(&mut self, state: &mut [Section], name: &str) -> Result<()> {
        self.period = take_number(state, name)?.filter(|period| *period != i64::MIN);
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
        assert_eq!((a.period, b.period), (Some(7), None));
    }
}
