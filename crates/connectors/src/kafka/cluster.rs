//! The brokers as one table sees them: one client, the partitions found, and a thread that looks after both.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use regex::Regex;
use sloth_types::clock::Mono;
use sloth_types::options::edit_distance;
use sloth_types::source::Waker;
use sloth_types::{Error, Result};

use super::error::{Context, settles};
use super::properties::Connection;
use super::startup::Extent;

/// How long the thread sleeps at most before it looks at what is due.
const TICK: Duration = Duration::from_millis(100);

/// The topics of a table.
#[derive(Clone, Debug)]
pub(super) enum Topics {
    /// These.
    Named(Vec<String>),
    /// All whose whole name matches.
    Pattern(Regex),
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Partition {
    /// The topic.
    pub(super) topic: String,
    /// Number of the partition.
    pub(super) number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.number)
    }
}

impl Partition {
    /// Reads back what `Display` writes.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (topic, number) = name.rsplit_once('-')?;
        Some(Partition { topic: topic.to_owned(), number: number.parse().ok()? })
    }

    fn list(&self, offset: Offset) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.number, offset)
            .map_err(|e| Error::internal(format!("partition {self} at {offset:?}: {e}")))?;
        Ok(list)
    }
}

/// The brokers of a table. Dropped when the source and all its readers are gone.
pub(super) struct Cluster {
    /// The client; all partitions of the table are read through it.
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    /// How it was reached.
    pub(super) connection: Connection,
    topics: Topics,
    /// Partitions in the order in which they were found.
    found: Mutex<Vec<Partition>>,
    /// Read position of each partition being read, for commits.
    positions: Mutex<BTreeMap<Partition, Arc<AtomicI64>>>,
}

impl Cluster {
    /// Reaches the brokers and finds the partitions. With `discovery` it looks for new ones at this interval.
    ///
    /// # Errors
    /// When no broker answers, or a topic does not exist.
    pub(super) fn connect(connection: Connection, topics: Topics, discovery: Option<Duration>) -> Result<Arc<Self>> {
        let config = connection.consumer()?;
        let consumer: BaseConsumer<Context> = config
            .create_with_context(Context::default())
            .map_err(|e| Error::invalid(format!("cannot make a Kafka client: {e}")))?;
        let cluster = Arc::new(Cluster {
            consumer: Arc::new(consumer),
            connection,
            topics,
            found: Mutex::default(),
            positions: Mutex::default(),
        });
        let weak = Arc::downgrade(&cluster);
        std::thread::Builder::new().name("kafka-events".to_owned()).spawn(move || attend(&weak, discovery))?;
        let partitions = cluster.ask()?;
        *lock(&cluster.found) = partitions;
        Ok(cluster)
    }

    /// What an error of the brokers means; `doing` is "read topic 'x'".
    pub(super) fn explain(&self, doing: &str, error: &KafkaError) -> Error {
        self.consumer.context().explain(doing, &self.connection.servers, error)
    }

    /// The partitions known, in the order in which they were found.
    pub(super) fn partitions(&self) -> Vec<Partition> {
        lock(&self.found).clone()
    }

    /// The records that a partition holds now. A partition that was just created, or whose leader is moving, is waited
    /// for.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub(super) fn extent(&self, partition: &Partition) -> Result<Extent> {
        let Connection { timeout, .. } = self.connection;
        let started = Mono::now();
        loop {
            match self.consumer.fetch_watermarks(&partition.topic, partition.number, timeout) {
                Ok((low, high)) => return Ok(Extent { low, high }),
                Err(error) if error.rdkafka_error_code().is_some_and(settles) && started.elapsed() < timeout => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => return Err(self.explain(&format!("read partition {partition}"), &error)),
            }
        }
    }

    /// Starts fetching a partition at `offset`; `waker` is called when its queue stops being empty.
    ///
    /// # Errors
    /// When the client refuses.
    pub(super) fn assign(&self, partition: &Partition, offset: i64, waker: Waker) -> Result<Fetch> {
        // The queue is split off before the first record can come, so that none ends up in the common queue.
        let mut queue = self
            .consumer
            .split_partition_queue(&partition.topic, partition.number)
            .ok_or_else(|| Error::invalid(format!("partition {partition} does not exist")))?;
        queue.set_nonempty_callback(move || waker.wake());
        self.consumer
            .incremental_assign(&partition.list(Offset::Offset(offset))?)
            .map_err(|e| self.explain(&format!("read partition {partition}"), &e))?;
        let position = Arc::new(AtomicI64::new(offset));
        lock(&self.positions).insert(partition.clone(), Arc::clone(&position));
        Ok(Fetch { queue, position })
    }

    /// Stops fetching a partition and commits how far it was read.
    pub(super) fn release(&self, partition: &Partition) {
        let position = lock(&self.positions).remove(partition);
        if let (Some(position), Some(_)) = (position, self.connection.commit_interval) {
            self.commit(&[(partition.clone(), position.load(Ordering::Relaxed))]);
        }
        let done = partition.list(Offset::Invalid).map(|list| self.consumer.incremental_unassign(&list));
        if let Ok(Err(error)) = done {
            tracing::debug!("kafka: cannot stop reading {partition}: {error}");
        }
    }

    fn commit(&self, positions: &[(Partition, i64)]) {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in positions {
            if list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(*offset)).is_err() {
                return;
            }
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::warn!("kafka: cannot commit read positions (they are for monitoring only): {error}");
        }
    }

    /// Commits the positions that changed since `last`.
    fn commit_positions(&self, last: &mut BTreeMap<Partition, i64>) {
        let mut changed = Vec::new();
        for (partition, position) in lock(&self.positions).iter() {
            let now = position.load(Ordering::Relaxed);
            if last.insert(partition.clone(), now) != Some(now) {
                changed.push((partition.clone(), now));
            }
        }
        if !changed.is_empty() {
            self.commit(&changed);
        }
    }

    /// Adds partitions that are new.
    fn discover(&self) {
        match self.ask() {
            Ok(now) => {
                let mut found = lock(&self.found);
                for partition in now {
                    if !found.contains(&partition) {
                        tracing::info!("kafka: found partition {partition}");
                        found.push(partition);
                    }
                }
            }
            Err(error) => tracing::warn!("kafka: cannot look for new partitions: {error}"),
        }
    }

    /// The partitions that exist now, by topic and number.
    fn ask(&self) -> Result<Vec<Partition>> {
        let mut partitions = match &self.topics {
            Topics::Named(names) => {
                let each: Vec<_> = names.iter().map(|name| self.ask_topic(name)).collect::<Result<_>>()?;
                return Ok(each.into_iter().flatten().collect());
            }
            Topics::Pattern(pattern) => {
                let all = self.metadata(None, "list the topics")?;
                let matching =
                    all.topics().iter().filter(|t| pattern.is_match(t.name()) && !t.name().starts_with("__"));
                matching.flat_map(|t| numbers(t.name(), t.partitions())).collect::<Vec<_>>()
            }
        };
        partitions.sort();
        Ok(partitions)
    }

    fn ask_topic(&self, name: &str) -> Result<Vec<Partition>> {
        let doing = format!("read topic '{name}'");
        let answer = self.metadata(Some(name), &doing)?;
        let missing = || Error::invalid(format!("topic '{name}' does not exist at {}", self.connection.servers));
        let topic = answer.topics().iter().find(|t| t.name() == name).ok_or_else(missing)?;
        match topic.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                return Err(missing().hint(self.near(name)));
            }
            Some(code) => return Err(self.explain(&doing, &KafkaError::MetadataFetch(code))),
        }
        let mut partitions = numbers(name, topic.partitions());
        partitions.sort();
        Ok(partitions)
    }

    /// A hint that names the topic which is most like `name`.
    fn near(&self, name: &str) -> String {
        let names: Vec<String> = self
            .metadata(None, "list the topics")
            .map(|all| all.topics().iter().map(|t| t.name().to_owned()).filter(|n| !n.starts_with("__")).collect())
            .unwrap_or_default();
        match names.iter().min_by_key(|n| edit_distance(n, name)).filter(|n| edit_distance(n, name) <= 3) {
            Some(near) => format!("Did you mean '{near}'? Otherwise create the topic first."),
            None => "Create the topic first, or check 'topic' and 'properties.bootstrap.servers'.".to_owned(),
        }
    }

    fn metadata(&self, topic: Option<&str>, doing: &str) -> Result<rdkafka::metadata::Metadata> {
        self.consumer.fetch_metadata(topic, self.connection.timeout).map_err(|e| self.explain(doing, &e))
    }
}

/// A partition being fetched.
pub(super) struct Fetch {
    /// What has come and was not read yet; bounded by librdkafka.
    pub(super) queue: PartitionQueue<Context>,
    /// To be set to the read position: it is what gets committed.
    pub(super) position: Arc<AtomicI64>,
}

fn numbers(topic: &str, partitions: &[rdkafka::metadata::MetadataPartition]) -> Vec<Partition> {
    partitions.iter().map(|p| Partition { topic: topic.to_owned(), number: p.id() }).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread: serves the client's events, commits positions and looks for new partitions until the cluster is dropped.
fn attend(cluster: &Weak<Cluster>, discovery: Option<Duration>) {
    let mut looked = Mono::now();
    let mut committed = Mono::now();
    let mut positions = BTreeMap::new();
    while let Some(cluster) = cluster.upgrade() {
        match cluster.consumer.poll(TICK) {
            // Every partition has a queue of its own, so a record here would be one that nobody reads.
            Some(Ok(_)) => tracing::error!("kafka: a record came on the common queue"),
            Some(Err(error)) => tracing::debug!("kafka: {error}"),
            None => {}
        }
        if cluster.connection.commit_interval.is_some_and(|interval| committed.elapsed() >= interval) {
            cluster.commit_positions(&mut positions);
            committed = Mono::now();
        }
        if discovery.is_some_and(|interval| looked.elapsed() >= interval) {
            cluster.discover();
            looked = Mono::now();
        }
    }
}
