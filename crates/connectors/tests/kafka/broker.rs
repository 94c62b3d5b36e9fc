//! The broker of the tests: topics to make, records to put in, records to look at.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use sloth_types::Clock;
use sloth_types::clock::Mono;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Address of the broker; `None` (with a word to the reader) when the tests run without one.
pub(crate) fn broker() -> Option<String> {
    let address = std::env::var("SLOTH_KAFKA").ok();
    if address.is_none() {
        println!("skipped: SLOTH_KAFKA is not set; start a broker with scripts/kafka start");
    }
    address
}

/// A name that no other test and no other run uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{name}.{}.{}.{count}", Clock::System.now_ms(), std::process::id())
}

/// A topic made for one test.
pub(crate) struct Topic {
    pub(crate) servers: String,
    pub(crate) name: String,
    producer: BaseProducer,
}

/// A record to put in.
#[derive(Default)]
pub(crate) struct Put<'a> {
    pub(crate) partition: i32,
    pub(crate) key: Option<&'a str>,
    pub(crate) value: Option<&'a str>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: &'a [(&'a str, Option<&'a str>)],
}

impl Topic {
    pub(crate) fn new(servers: &str, name: &str, partitions: i32) -> Self {
        Topic::named(servers, &unique(name), partitions, &[])
    }

    pub(crate) fn named(servers: &str, name: &str, partitions: i32, config: &[(&str, &str)]) -> Self {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let made = wait(admin(servers).create_topics([&topic], &AdminOptions::new())).unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        let producer = config_of(servers).set("linger.ms", "1").create().unwrap();
        let topic = Topic { servers: servers.to_owned(), name: name.to_owned(), producer };
        topic.settle(partitions);
        topic
    }

    /// Waits until every partition has a leader.
    fn settle(&self, partitions: i32) {
        let client: BaseConsumer = config_of(&self.servers).create().unwrap();
        for partition in 0..partitions {
            let led = (0..200).any(|_| {
                let led = client.fetch_watermarks(&self.name, partition, Duration::from_secs(1)).is_ok();
                if !led {
                    std::thread::sleep(Duration::from_millis(50));
                }
                led
            });
            assert!(led, "partition {partition} of {} has no leader", self.name);
        }
    }

    pub(crate) fn widen(&self, partitions: usize) {
        let grown = NewPartitions::new(&self.name, partitions);
        let made = wait(admin(&self.servers).create_partitions([&grown], &AdminOptions::new())).unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        self.settle(partitions as i32);
        // The producer has to hear of it, too.
        let known = || {
            let answer = self.producer.client().fetch_metadata(Some(&self.name), PATIENCE).unwrap();
            answer.topics()[0].partitions().len() == partitions
        };
        assert!((0..100).any(|_| known()));
    }

    pub(crate) fn delete(&self) {
        wait(admin(&self.servers).delete_topics(&[&self.name], &AdminOptions::new())).unwrap();
    }

    /// Deletes the records before `offset`, as retention does.
    pub(crate) fn truncate(&self, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, 0, Offset::Offset(offset)).unwrap();
        wait(admin(&self.servers).delete_records(&list, &AdminOptions::new())).unwrap();
    }

    pub(crate) fn put(&self, put: &Put<'_>) {
        self.enqueue(put);
        self.flush();
    }

    fn enqueue(&self, put: &Put<'_>) {
        let mut record = BaseRecord::<str, str>::to(&self.name).partition(put.partition);
        record.key = put.key;
        record.payload = put.value;
        record.timestamp = put.timestamp;
        if !put.headers.is_empty() {
            let headers = put.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(rdkafka::message::Header { key, value: *value })
            });
            record.headers = Some(headers);
        }
        while let Err((error, back)) = self.producer.send(record) {
            assert!(
                matches!(error, KafkaError::MessageProduction(rdkafka::types::RDKafkaErrorCode::QueueFull)),
                "{error}"
            );
            record = back;
            self.producer.poll(Duration::from_millis(1));
        }
    }

    /// Waits until everything is at the broker. (The client's own flush sleeps in steps of 100 ms.)
    fn flush(&self) {
        let started = Mono::now();
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::ZERO);
            std::thread::sleep(Duration::from_micros(200));
            assert!(started.elapsed() < PATIENCE, "the broker does not take the records");
        }
    }

    pub(crate) fn put_values<S: AsRef<str>>(&self, partition: i32, values: impl IntoIterator<Item = S>) {
        for value in values {
            self.enqueue(&Put { partition, value: Some(value.as_ref()), ..Put::default() });
        }
        self.flush();
    }

    /// Puts `{"n":i}` for each number.
    pub(crate) fn put_numbers(&self, partition: i32, numbers: std::ops::Range<i64>) {
        self.put_values(partition, numbers.map(|n| format!("{{\"n\":{n}}}")));
    }

    /// Commits an offset of a group, as another consumer would.
    pub(crate) fn commit(&self, group: &str, partition: i32, offset: i64) {
        let client: BaseConsumer = config_of(&self.servers).set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(offset)).unwrap();
        // The first use of groups creates the topic of their offsets, which takes a moment.
        assert!((0..50).any(|_| {
            let done = client.commit(&list, CommitMode::Sync).is_ok();
            if !done {
                std::thread::sleep(Duration::from_millis(100));
            }
            done
        }));
    }

    /// What a group has committed.
    pub(crate) fn committed(&self, group: &str, partition: i32) -> Option<i64> {
        let client: BaseConsumer = config_of(&self.servers).set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.name, partition);
        match client.committed_offsets(list, PATIENCE).unwrap().elements()[0].offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// All records that the topic has now, by partition and offset.
    pub(crate) fn records(&self, partitions: i32) -> Vec<OwnedMessage> {
        let mut config = config_of(&self.servers);
        config.set("group.id", "look").set("enable.partition.eof", "true").set("enable.auto.commit", "false");
        config.set("fetch.wait.max.ms", "10");
        let client: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(&self.name, partition, Offset::Beginning).unwrap();
        }
        client.assign(&list).unwrap();
        let (mut records, mut ends) = (Vec::new(), 0);
        while ends < partitions {
            match client.poll(PATIENCE).expect("the broker answers") {
                Ok(message) => records.push(message.detach()),
                Err(KafkaError::PartitionEOF(_)) => ends += 1,
                Err(error) => panic!("{error}"),
            }
        }
        records.sort_by_key(|r| (r.partition(), r.offset()));
        records
    }
}

/// Key and value of a record as text.
pub(crate) fn text(record: &OwnedMessage) -> (Option<&str>, Option<&str>) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (record.key().map(text), record.payload().map(text))
}

/// Headers of a record as text.
pub(crate) fn header_texts(record: &OwnedMessage) -> Vec<(String, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    record.headers().map_or_else(Vec::new, |all| all.iter().map(|h| (h.key.to_owned(), h.value.map(text))).collect())
}

pub(crate) fn config_of(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

fn admin(servers: &str) -> AdminClient<DefaultClientContext> {
    config_of(servers).create().unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
