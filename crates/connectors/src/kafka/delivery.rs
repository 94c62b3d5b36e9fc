//! Counts what the brokers have acknowledged, so that the end of an epoch can wait for it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, NoCustomPartitioner, ProducerContext};

use super::error::Context;

/// Longest sleep while waiting; only a bound, the waiter is woken when its count is reached.
const SLEEP: Duration = Duration::from_millis(100);

/// Why a record was not written.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// librdkafka's code.
    pub(super) code: RDKafkaErrorCode,
    /// In words.
    pub(super) text: String,
}

#[derive(Debug, Default)]
struct State {
    /// Records settled, acknowledged or not.
    settled: u64,
    /// Count that somebody waits for.
    awaited: Option<u64>,
    failure: Option<Failure>,
}

/// Context of a producer.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Log and last global error.
    pub(super) context: Context,
    state: Mutex<State>,
    reached: Condvar,
}

impl Deliveries {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first failure so far.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.state().failure.clone()
    }

    /// Waits until `count` records are settled or one has failed.
    pub(super) fn wait(&self, count: u64) -> Option<Failure> {
        let mut state = self.state();
        while state.settled < count && state.failure.is_none() {
            state.awaited = Some(count);
            state = self.reached.wait_timeout(state, SLEEP).map_or_else(|e| e.into_inner().0, |(guard, _)| guard);
        }
        state.awaited = None;
        state.failure.clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut state = self.state();
        state.settled += 1;
        if let Err((error, _)) = result
            && state.failure.is_none()
        {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            state.failure = Some(Failure { code, text: error.to_string() });
        }
        if state.failure.is_some() || state.awaited.is_some_and(|count| state.settled >= count) {
            self.reached.notify_one();
        }
    }
}
