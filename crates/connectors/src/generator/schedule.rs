//! When events are due: a rate that may change in steps, and its two directions (number to time, time to number).

/// Event number and time, both from the start of the stream. Times are microseconds.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    steps: Vec<Step>,
    /// Events and microseconds after which the steps begin again; `None` when the last step holds for ever.
    cycle: Option<(u64, i64)>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    first: u64,
    start_us: i64,
    /// Events per second.
    rate: f64,
}

impl Schedule {
    /// `rate` events per second for ever.
    pub(super) fn constant(rate: f64) -> Self {
        Schedule { steps: vec![Step { first: 0, start_us: 0, rate }], cycle: None }
    }

    /// Each rate for `step_ms`, then again from the first.
    pub(super) fn cyclic(rates: &[f64], step_ms: u64) -> Self {
        let (steps, end) = lay_out(rates, step_ms);
        Schedule { steps, cycle: Some(end) }
    }

    /// Each rate for `step_ms`, then `rate` for ever.
    pub(super) fn then(rates: &[f64], step_ms: u64, rate: f64) -> Self {
        let (mut steps, (first, start_us)) = lay_out(rates, step_ms);
        steps.push(Step { first, start_us, rate });
        Schedule { steps, cycle: None }
    }

    /// When event `n` is due.
    #[inline]
    pub(super) fn time_us(&self, n: u64) -> i64 {
        let (n, base) = match self.cycle {
            Some((events, us)) => (n % events, (n / events) as i64 * us),
            None => (n, 0),
        };
        let step = self.step_by(|s| s.first <= n);
        base + step.start_us + due_us(n - step.first, step.rate)
    }

    /// How many events are due at `us`: those with `time_us(n) <= us`.
    pub(super) fn count(&self, us: i64) -> u64 {
        if us < 0 {
            return 0;
        }
        let (rest, base) = match self.cycle {
            Some((events, period)) => (us % period, (us / period) as u64 * events),
            None => (us, 0),
        };
        let step = self.step_by(|s| s.start_us <= rest);
        let mut count = base + step.first + ((rest - step.start_us + 1) as f64 * step.rate / 1e6).ceil() as u64;
        // Rounding and step ends: settle on the exact answer.
        while count > 0 && self.time_us(count - 1) > us {
            count -= 1;
        }
        while self.time_us(count) <= us {
            count += 1;
        }
        count
    }

    /// Due times of `first`, `first + stride`, … in microseconds.
    pub(super) fn times_us(&self, first: u64, stride: u64, rows: usize) -> Vec<i64> {
        let numbers = (0..rows as u64).map(|i| first + i * stride);
        match (self.steps.last(), self.cycle) {
            // The steady state, and the only one that must be fast.
            (Some(last), None) if last.first <= first => {
                numbers.map(|n| last.start_us + due_us(n - last.first, last.rate)).collect()
            }
            _ => numbers.map(|n| self.time_us(n)).collect(),
        }
    }

    /// The highest rate, events per second.
    pub(super) fn rate_max(&self) -> f64 {
        self.steps.iter().map(|s| s.rate).fold(0.0, f64::max)
    }

    #[inline]
    fn step_by(&self, begun: impl Fn(&Step) -> bool) -> Step {
        match self.steps.as_slice() {
            [only] => *only,
            steps => steps[steps.partition_point(begun).saturating_sub(1)],
        }
    }
}

#[inline]
fn due_us(n: u64, rate: f64) -> i64 {
    (n as f64 * 1e6 / rate) as i64
}

/// The steps, and the event number and time at their end. A step that would have no event gets one, so that a cycle
/// always advances.
fn lay_out(rates: &[f64], step_ms: u64) -> (Vec<Step>, (u64, i64)) {
    let mut steps = Vec::with_capacity(rates.len() + 1);
    let (mut first, mut start_us) = (0, 0);
    for &rate in rates {
        steps.push(Step { first, start_us, rate });
        first += ((rate * step_ms as f64 / 1000.0).round() as u64).max(1);
        start_us += step_ms as i64 * 1000;
    }
    (steps, (first, start_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: &Schedule) {
        let mut before = 0;
        for n in 0..5_000 {
            let at = schedule.time_us(n);
            assert!(at >= before, "event {n} goes back in time");
            before = at;
            let due = schedule.count(at);
            assert!(due > n && schedule.time_us(due) > at, "event {n}");
            assert!(schedule.count(at - 1) <= n, "event {n}");
        }
        for (first, stride) in [(0, 1), (3, 8), (2_000, 7)] {
            let times = schedule.times_us(first, stride, 100);
            assert!((0..100).all(|i| times[i as usize] == schedule.time_us(first + i * stride)));
        }
    }

    #[test]
    fn count_is_the_inverse_of_time() {
        check(&Schedule::constant(10_000.0));
        check(&Schedule::constant(3.0));
        check(&Schedule::constant(1_000_003.0));
        check(&Schedule::cyclic(&[100.0, 300.0, 0.1], 2_000));
        check(&Schedule::then(&[3_000.0, 2_000.0, 1_500.0], 500, 1_000.0));
    }

    #[test]
    fn rates_are_kept_step_by_step() {
        let surge = Schedule::then(&[300.0, 200.0], 1_000, 100.0);
        assert_eq!(surge.count(999_999), 300);
        assert_eq!(surge.count(1_999_999), 500);
        assert_eq!(surge.count(11_999_999), 1_500);
        let wave = Schedule::cyclic(&[300.0, 100.0], 1_000);
        assert_eq!(wave.count(7_999_999), 1_600);
    }
}
