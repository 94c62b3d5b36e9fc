//! Exactly-once: a writer's transactions, each of which also carries the number of the last epoch in it.
//!
//! The number is kept as the offset of a consumer group of its own, `<transactional id>`, for partition 0 of the topic:
//! it is committed in the transaction of the rows, so both are there or none. A new run fences the old one by the
//! transactional id (Kafka aborts what hung), reads the number, and makes the epochs after it again. No transaction is
//! ever resumed.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use sloth_types::clock::Mono;
use sloth_types::{Epoch, Error, Result};

use super::delivery::Deliveries;
use super::error::{Context, explain, settles};
use super::markers::Markers;
use super::properties::Connection;

/// Pause before a group is asked for again whose coordinator is not ready.
const SETTLING: Duration = Duration::from_millis(10);

/// Pause before a group is asked for again (ms) in which a transaction is being ended, which takes a moment: librdkafka would
/// wait 100 ms. It doubles with every time, up to the second.
const ENDING_MS: [&str; 2] = ["3", "50"];

/// How long the client is waited for before it is asked anew.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// The transactions of one writer.
pub(super) struct Transactions {
    topic: String,
    servers: String,
    timeout: Duration,
    group: ConsumerGroupMetadata,
    /// Rows have been written since the last commit.
    open: bool,
    committed: Option<Epoch>,
    markers: Markers,
}

impl Transactions {
    /// Takes charge of a transactional id: older producers with it can commit no more.
    ///
    /// # Errors
    /// When the brokers do not answer, or have no transactions.
    pub(super) fn begin(
        producer: &ThreadedProducer<Deliveries>,
        connection: &Connection,
        topic: &str,
        id: &str,
    ) -> Result<Self> {
        let doing = format!("write topic '{topic}' in transactions");
        let context = Context::default();
        let failed = |e: KafkaError| context.explain(&doing, &connection.servers, &e);
        let begun = Mono::now();
        let mut config = connection.consumer()?;
        config.set("group.id", id).set("retry.backoff.ms", ENDING_MS[0]).set("retry.backoff.max.ms", ENDING_MS[1]);
        let consumer: BaseConsumer =
            config.create().map_err(|e| Error::invalid(format!("cannot make a Kafka client: {e}")))?;
        let mut place = TopicPartitionList::new();
        place.add_partition(topic, 0);
        // The consumer finds its coordinator meanwhile. What it is told now may not hold any more afterwards.
        std::thread::scope(|scope| {
            scope.spawn(|| _ = ask(&consumer, &place, connection.timeout));
            take_over(producer, connection.timeout).map_err(failed)
        })?;
        tracing::debug!("kafka: transactional id '{id}' is taken over after {:?}", begun.elapsed());
        let doing = format!("read where the transactions of topic '{topic}' have ended, kept by group '{id}'");
        let found = ask(&consumer, &place, connection.timeout);
        let found = found.map_err(|e| match e.rdkafka_error_code() {
            Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut) => unsettled(&doing, id, &e),
            _ => context.explain(&doing, &connection.servers, &e),
        })?;
        let committed = match found.find_partition(topic, 0).map(|p| p.offset()) {
            // The offset is the number of the next epoch, so that it is never less than 1.
            Some(Offset::Offset(next)) if next > 0 => Some(Epoch(next as u64 - 1)),
            _ => None,
        };
        let group = consumer.group_metadata();
        let group = group.ok_or_else(|| Error::internal("a consumer group has no metadata"))?;
        // rdkafka (as of 0.39) waits a tenth of a second while it closes one: nobody has to wait with it.
        std::thread::spawn(|| drop(consumer));
        Ok(Transactions {
            topic: topic.to_owned(),
            servers: connection.servers.clone(),
            timeout: connection.timeout,
            group,
            open: false,
            committed,
            markers: Markers::default(),
        })
    }

    /// The last epoch that was committed when the id was taken charge of.
    pub(super) fn committed(&self) -> Option<Epoch> {
        self.committed
    }

    /// Rows are about to be written.
    pub(super) fn enter(&mut self, producer: &ThreadedProducer<Deliveries>) -> Result<()> {
        if !self.open {
            std::thread::sleep(self.markers.pause());
            self.markers.begun();
            producer.begin_transaction().map_err(|e| self.explain(&e))?;
            self.open = true;
        }
        Ok(())
    }

    /// All rows so far are acknowledged.
    pub(super) fn acknowledged(&mut self) {
        self.markers.acknowledged();
    }

    /// Commits the rows written since the last commit, the last of which are of this epoch. Without rows there is nothing
    /// to commit: epochs without rows can be made again.
    pub(super) fn commit(&mut self, producer: &ThreadedProducer<Deliveries>, epoch: Epoch) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        let mut place = TopicPartitionList::new();
        let next = Offset::Offset(epoch.0 as i64 + 1);
        place.add_partition_offset(&self.topic, 0, next).map_err(|e| self.explain(&e))?;
        self.patiently(|| producer.send_offsets_to_transaction(&place, &self.group, self.timeout))?;
        self.patiently(|| producer.commit_transaction(self.timeout))?;
        self.markers.committed();
        self.open = false;
        Ok(())
    }

    /// Tries again what the client says may be tried again.
    fn patiently(&self, mut what: impl FnMut() -> std::result::Result<(), KafkaError>) -> Result<()> {
        let begun = Mono::now();
        loop {
            match what() {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(e)) if e.is_retriable() && begun.elapsed() < self.timeout * 4 => {
                    tracing::debug!("kafka: a transaction of topic '{}' is tried again: {e}", self.topic);
                }
                Err(error) => return Err(self.explain(&error)),
            }
        }
    }

    fn explain(&self, error: &KafkaError) -> Error {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        if matches!(
            code,
            RDKafkaErrorCode::Fenced | RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced
        ) {
            // Whether there is another run, the job's log tells when this one begins again: a transaction that has taken too
            // long is refused in the same way, and an older run may have taken the id as its last deed.
            return Error::unavailable(format!(
                "Kafka refuses the transactions of topic '{}': another run of this job writes it, or one took longer than \
                 'properties.transaction.timeout.ms'",
                self.topic
            ))
            .hint("Only one process can run a job. If you did not start another one, look for a supervisor that did.");
        }
        explain(&format!("commit a transaction of topic '{}'", self.topic), &self.servers, code, &error.to_string())
    }
}

/// The offsets of a group. A broker that has just started does not know its groups yet: it is asked again.
fn ask(
    consumer: &BaseConsumer,
    place: &TopicPartitionList,
    timeout: Duration,
) -> std::result::Result<TopicPartitionList, KafkaError> {
    let begun = Mono::now();
    loop {
        let found = consumer.committed_offsets(place.clone(), timeout).and_then(|found| {
            // The answer for one partition may be an error, too: it does not say that nothing is committed.
            let wrong = found.elements().iter().find_map(|element| element.error().err());
            wrong.map_or(Ok(found), Err)
        });
        match found {
            Err(error) if error.rdkafka_error_code().is_some_and(settles) && begun.elapsed() < timeout => {
                std::thread::sleep(SETTLING);
            }
            found => return found,
        }
    }
}

/// The brokers have just given the transactional id away, so they answer; what they do not tell is an offset of which they
/// do not know whether it is committed.
fn unsettled(doing: &str, id: &str, error: &KafkaError) -> Error {
    Error::unavailable(format!("cannot {doing}: Kafka has not ended a transaction of '{id}' whose end was decided"))
        .detail(error.to_string())
        .hint(
            "It ends by itself when the brokers are all back. If it does not, a crash of brokers has left it hanging: \
             'kafka-transactions.sh find-hanging' names its partitions.",
        )
}

/// Takes the transactional id over. While Kafka aborts what the producer before has left open it answers "not yet", and
/// librdkafka (as of 2.12) would wait half a second before it asks again, as when it does not know the coordinator: unless
/// it is called anew.
fn take_over(producer: &ThreadedProducer<Deliveries>, timeout: Duration) -> std::result::Result<(), KafkaError> {
    let begun = Mono::now();
    loop {
        match producer.init_transactions(ASK_AGAIN_AFTER) {
            Err(KafkaError::Transaction(e)) if e.is_retriable() && begun.elapsed() < timeout => {}
            done => return done,
        }
    }
}
