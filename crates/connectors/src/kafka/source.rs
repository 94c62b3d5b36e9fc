//! A Kafka table as a source: its options, its partitions, and the opening of a reader.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;
use sloth_types::source::OpenSplit;
use sloth_types::{Error, Offset, Result, Source, SplitId, SplitReader, TableSpec};

use super::assemble::Assembler;
use super::cluster::{Cluster, Partition, Topics};
use super::columns::{COMMON_OPTIONS, Columns};
use super::properties::Connection;
use super::reader::{KafkaReader, Range};
use super::startup::{Bounded, Place, Startup};
use super::upserts::{Assembly, UpsertAssembler};

const SOURCE_OPTIONS: [&str; 9] = [
    "topic-pattern",
    "scan.startup.mode",
    "scan.startup.timestamp-millis",
    "scan.startup.specific-offsets",
    "scan.bounded.mode",
    "scan.bounded.timestamp-millis",
    "scan.bounded.specific-offsets",
    "scan.topic-partition-discovery.interval",
    "scan.parallelism",
];

/// Options that only a sink uses; a table may serve as both.
pub(super) const SINK_OPTIONS: [&str; 5] = [
    "sink.partitioner",
    "sink.delivery-guarantee",
    "sink.parallelism",
    "sink.semantic",
    "sink.transactional-id-prefix",
];

/// Fails on an option that neither direction knows.
pub(super) fn check_options(connector: &str, table: &TableSpec, columns: &Columns) -> Result<()> {
    let known: Vec<&str> = [&COMMON_OPTIONS[..], &SOURCE_OPTIONS, &SINK_OPTIONS].concat();
    let prefixes = columns.format_prefixes();
    let prefixes: Vec<&str> = ["properties."].into_iter().chain(prefixes.iter().map(String::as_str)).collect();
    table.options.check_known(connector, &known, &prefixes)
}

/// A table that reads topics.
pub(super) struct KafkaSource {
    table: TableSpec,
    columns: Columns,
    connection: Connection,
    topics: Topics,
    startup: Startup,
    bounded: Bounded,
    /// How often to look for new partitions; `None` for never.
    discovery: Option<Duration>,
    /// Records are upserts by key.
    upserts: bool,
    /// Reached at first use.
    cluster: Mutex<Option<Arc<Cluster>>>,
}

impl KafkaSource {
    /// The source of a `kafka` table.
    ///
    /// # Errors
    /// When an option is missing or wrong.
    pub(super) fn records(table: &TableSpec) -> Result<Self> {
        Self::new("kafka", table, Columns::keyed_by_option(table)?, false)
    }

    /// The source of an `upsert-kafka` table: read from the start, since a table is all that was ever written to it.
    ///
    /// # Errors
    /// As [`KafkaSource::records`].
    pub(super) fn upserts(table: &TableSpec) -> Result<Self> {
        Self::new("upsert-kafka", table, Columns::keyed_by_primary_key(table)?, true)
    }

    fn new(connector: &str, table: &TableSpec, columns: Columns, upserts: bool) -> Result<Self> {
        let options = &table.options;
        check_options(connector, table, &columns)?;
        let connection = Connection::new(table)?;
        connection.consumer()?;
        let topics = topics(table)?;
        let whole = upserts && options.get("scan.startup.mode").is_none();
        let startup = if whole { Startup::Earliest } else { Startup::new(options)? };
        let bounded = Bounded::new(options)?;
        let one_topic = matches!(&topics, Topics::Named(names) if names.len() == 1);
        let specific = matches!(startup, Startup::Specific(_)) || matches!(bounded, Bounded::Specific(_));
        if specific && !one_topic {
            return Err(Error::invalid("'specific-offsets' needs a table of exactly one topic")
                .hint("The offsets name partitions only: make a table for each topic."));
        }
        let interval = options.duration("scan.topic-partition-discovery.interval")?.unwrap_or(Duration::from_secs(300));
        let discovery = (bounded == Bounded::Unbounded && !interval.is_zero()).then_some(interval);
        let source = KafkaSource {
            table: table.clone(),
            columns,
            connection,
            topics,
            startup,
            bounded,
            discovery,
            upserts,
            cluster: Mutex::new(None),
        };
        source.assembly(&table.schema)?;
        Ok(source)
    }

    fn assembly(&self, schema: &arrow::datatypes::SchemaRef) -> Result<Assembly> {
        Ok(match self.upserts {
            true => Assembly::Upserts(Box::new(UpsertAssembler::new(&self.columns, &self.table, schema)?)),
            false => Assembly::Records(Box::new(Assembler::new(&self.columns, &self.table, schema)?)),
        })
    }

    fn cluster(&self) -> Result<Arc<Cluster>> {
        let mut slot = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = slot.as_ref() {
            return Ok(Arc::clone(cluster));
        }
        let cluster = Cluster::connect(self.connection.clone(), self.topics.clone(), self.discovery)
            .map_err(|e| e.context(format!("table '{}'", self.table.name)))?;
        Ok(Arc::clone(slot.insert(cluster)))
    }

    /// The offsets between which a partition is to be read.
    fn range(&self, cluster: &Cluster, partition: &Partition, from: Option<Offset>, appeared: bool) -> Result<Range> {
        let extent = cluster.extent(partition)?;
        let place = Place { cluster, topic: &partition.topic, partition: partition.number, extent };
        let first = match from {
            Some(Offset(offset)) => i64::try_from(offset).unwrap_or(i64::MAX),
            // A partition that has appeared since the job began is read in full, whatever the start-up mode says.
            None if appeared => extent.low,
            None => place.first(&self.startup)?,
        };
        let stop = place.stop(&self.bounded)?;
        let gone = first < extent.low && stop.is_none_or(|stop| first < stop);
        if !gone && first <= extent.high {
            return Ok(Range { first, stop, filled: extent.high });
        }
        let what = format!(
            "cannot read partition {partition} from offset {first}: it holds offsets {} to {}",
            extent.low, extent.high
        );
        match self.connection.reset {
            Some(reset) => {
                tracing::warn!("{what}; going on as 'properties.auto.offset.reset' says");
                let first = match reset {
                    super::properties::Reset::Earliest => extent.low,
                    super::properties::Reset::Latest => extent.high,
                };
                Ok(Range { first, stop, filled: extent.high })
            }
            None if first > extent.high => Err(Error::invalid(what)
                .hint("Was the topic created anew? Start the job without its old state, or correct the offset.")),
            None => Err(Error::unavailable(what).hint(
                "Retention deleted the records in between. Set 'properties.auto.offset.reset' = 'earliest' to go on with \
                 the oldest record that is left.",
            )),
        }
    }
}

impl Source for KafkaSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok(self.cluster()?.partitions().iter().map(|p| SplitId::new(p.to_string())).collect())
    }

    fn discovers(&self) -> bool {
        self.discovery.is_some()
    }

    fn bounded(&self) -> bool {
        self.bounded != Bounded::Unbounded
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let cluster = self.cluster()?;
        let partition = Partition::parse(&split.split.0)
            .ok_or_else(|| Error::internal(format!("'{}' is no partition", split.split)))?;
        let range = self.range(&cluster, &partition, split.from, split.appeared)?;
        let assembly = self.assembly(&split.schema)?;
        Ok(Box::new(KafkaReader::open(cluster, partition, range, assembly, split.waker)?))
    }
}

fn topics(table: &TableSpec) -> Result<Topics> {
    match (table.options.get("topic"), table.options.get("topic-pattern")) {
        (Some(list), None) => {
            let names: Vec<String> =
                list.split(';').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
            if names.is_empty() {
                return Err(
                    Error::invalid("option 'topic' is empty").hint("Name a topic, or several: 'topic' = 'a;b'.")
                );
            }
            Ok(Topics::Named(names))
        }
        (None, Some(pattern)) => Regex::new(&format!("^(?:{pattern})$")).map(Topics::Pattern).map_err(|e| {
            Error::invalid(format!("option 'topic-pattern' = '{pattern}' is no regular expression"))
                .detail(e.to_string())
        }),
        (None, None) => Err(Error::invalid(format!("table '{}' names no topic", table.name))
            .hint("Add 'topic' = '…' (several with ';') or 'topic-pattern' = '…'.")),
        (Some(_), Some(_)) => {
            Err(Error::invalid("options 'topic' and 'topic-pattern' exclude each other").hint("Remove one."))
        }
    }
}
