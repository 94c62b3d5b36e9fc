//! librdkafka's errors in words, and the client context that remembers the last one.

use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use sloth_types::{Error, ErrorKind};

/// Sends librdkafka's log to `tracing` and keeps its last global error, which tells why a request timed out.
#[derive(Debug, Default)]
pub(super) struct Context {
    last: Mutex<Option<(Code, String)>>,
}

impl Context {
    fn last(&self) -> Option<(Code, String)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Error of a request to the brokers; `doing` says what it was for ("read topic 'orders'").
    pub(super) fn explain(&self, doing: &str, servers: &str, error: &KafkaError) -> Error {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        match self.last() {
            // A broker that refuses us looks like one that does not answer: the last global error knows better.
            Some((cause, reason)) if unanswered(code) => {
                let cause = if cause == Code::AllBrokersDown { code } else { cause };
                explain(doing, servers, cause, &reason)
            }
            _ => explain(doing, servers, code, &error.to_string()),
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!("kafka: {facility}: {message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => tracing::info!("kafka: {facility}: {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!("kafka: {facility}: {message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        if code == Code::PartitionEOF {
            return;
        }
        tracing::info!("kafka: {code}: {reason}");
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // "All brokers are down" follows the error that says why.
        if code != Code::AllBrokersDown || last.is_none() {
            *last = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Context {}

/// True for errors that say no more than that nobody answered.
fn unanswered(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::OperationTimedOut
            | Code::AllBrokersDown
            | Code::RequestTimedOut
            | Code::Resolve
            | Code::TimedOutQueue
            | Code::MessageTimedOut
    )
}

/// True for errors of a partition that pass by themselves (a broker restarts, a leader moves): librdkafka retries.
pub(super) fn passes(code: Code) -> bool {
    unanswered(code)
        || matches!(
            code,
            Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::BrokerNotAvailable
                | Code::ReplicaNotAvailable
                | Code::NetworkException
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::WaitingForCoordinator
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::OffsetNotAvailable
                | Code::UnstableOffsetCommit
                | Code::KafkaStorageError
                | Code::NodeUpdate
                | Code::DestroyBroker
        )
}

/// True for what a broker says of a partition that is known to exist but has no leader yet.
pub(super) fn settles(code: Code) -> bool {
    let unknown = matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition);
    unknown || (passes(code) && !unanswered(code))
}

/// An error of the brokers or of librdkafka: who must act, what happened, what to do.
pub(super) fn explain(doing: &str, servers: &str, code: Code, detail: &str) -> Error {
    let (kind, what, hint) = match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => (
            ErrorKind::Invalid,
            format!("Kafka at {servers} refused the login"),
            "Check 'properties.security.protocol', 'properties.sasl.mechanism' and the user name and password.",
        ),
        Code::SSL => (
            ErrorKind::Invalid,
            format!("no TLS connection with Kafka at {servers}"),
            "Check 'properties.security.protocol' and 'properties.ssl.ca.location' (a PEM file).",
        ),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => (
            ErrorKind::Invalid,
            "the topic or partition does not exist".to_owned(),
            "Check 'topic', or create the topic.",
        ),
        Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed => (
            ErrorKind::Invalid,
            "Kafka does not allow it".to_owned(),
            "Ask for the access right (ACL) on the topic and, if 'properties.group.id' is given, on the group.",
        ),
        Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::NoOffset => (
            ErrorKind::Unavailable,
            "the records at this offset are gone".to_owned(),
            "They were deleted by retention before they were read. Set 'properties.auto.offset.reset' = 'earliest' to go on \
             with the oldest record that is left.",
        ),
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => (
            ErrorKind::Invalid,
            "a record is larger than the topic allows".to_owned(),
            "Raise 'max.message.bytes' of the topic and 'properties.max.request.size'.",
        ),
        code if unanswered(code) => (
            ErrorKind::Unavailable,
            format!("Kafka at {servers} does not answer"),
            "Check 'properties.bootstrap.servers' and that the broker runs and advertises an address that is reachable from \
             here.",
        ),
        code => (ErrorKind::Unavailable, code.to_string(), ""),
    };
    let error = Error::new(kind, format!("cannot {doing}: {what}")).detail(detail.to_owned());
    if hint.is_empty() { error } else { error.hint(hint) }
}
