//! Starts a job again when an outside system has failed it, as its restart policy says.

use std::time::Duration;

use sloth_plan::RestartPolicy;
use sloth_types::clock::Mono;
use sloth_types::{Error, ErrorKind};

use crate::charge::Charge;
use crate::signal::Interrupts;

/// A job that has run so long without an error is healthy: the next error counts as the first.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// How often the user's wish to stop is looked at while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it is looked whether somebody asks for something.
const LISTEN_EVERY: Duration = Duration::from_millis(250);

/// Counts the failures of a job.
pub(crate) struct Supervisor {
    policy: RestartPolicy,
    failures: u32,
    started: Mono,
}

impl Supervisor {
    pub(crate) fn new(policy: RestartPolicy) -> Self {
        Supervisor { policy, failures: 0, started: Mono::now() }
    }

    /// Waits before the next attempt; gives the error back when there is to be none.
    pub(crate) fn wait(&mut self, error: Error, interrupts: &Interrupts, charge: Option<&Charge>) -> Result<(), Error> {
        if self.started.elapsed() >= HEALTHY_AFTER {
            self.failures = 0;
        }
        // Only what an outside system does can pass by itself.
        let transient = error.kind() == ErrorKind::Unavailable;
        let Some(delay) = self.policy.delay(self.failures).filter(|_| transient && !interrupts.requested()) else {
            return Err(error);
        };
        self.failures += 1;
        tracing::warn!(
            "the job failed and starts again in {} ms (failure {}): {error}",
            delay.as_millis(),
            self.failures
        );
        let (begun, mut listened) = (Mono::now(), None);
        while begun.elapsed() < delay {
            let listens = listened.is_none_or(|last: Mono| last.elapsed() >= LISTEN_EVERY);
            if listens {
                listened = Some(Mono::now());
            }
            if interrupts.requested() || (listens && charge.is_some_and(|charge| charge.is_asked_to_stop(&error))) {
                return Err(error);
            }
            std::thread::sleep(LOOK_EVERY.min(delay));
        }
        self.started = Mono::now();
        Ok(())
    }
}
