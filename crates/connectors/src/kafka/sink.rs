//! A Kafka table as a sink: its options and what it accepts.

use sloth_types::{ChangelogMode, Error, Guarantee, OpenSink, Result, Sink, SinkWriter, TableSpec};
use std::collections::BTreeSet;

use super::columns::Columns;
use super::properties::Connection;
use super::source::check_options;
use super::writer::{Encoders, KafkaWriter, Target};
use crate::format;

/// How records are spread over partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partitioner {
    /// Records with a key by its hash, as the Java client does it; records without a key by epoch.
    Default,
    /// All to one partition.
    Fixed,
    /// One after the other.
    RoundRobin,
}

/// How a change is written that is not an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// Not at all: the sink takes inserts only.
    Refused,
    /// The key identifies a row; a deletion is a record without a value.
    Upsert,
    /// The format of the value says what kind of change it is.
    InValue,
}

/// What the topic's readers see when the job fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Each row once where the job can be resumed, at least once elsewhere.
    BestOfJob,
    /// Each row once.
    ExactlyOnce,
    /// Each row at least once: an epoch is complete when the brokers have acknowledged it.
    AtLeastOnce,
    /// Nobody waits for the brokers.
    None,
}

/// A table that writes to a topic.
pub(super) struct KafkaSink {
    table: TableSpec,
    columns: Columns,
    connection: Connection,
    topic: String,
    partitioner: Partitioner,
    delivery: Delivery,
    changes: Changes,
}

impl KafkaSink {
    /// The sink of a `kafka` table.
    ///
    /// # Errors
    /// When an option is missing or wrong.
    pub(super) fn append(table: &TableSpec) -> Result<Self> {
        Self::new("kafka", table, Columns::keyed_by_option(table)?, false)
    }

    /// The sink of an `upsert-kafka` table.
    ///
    /// # Errors
    /// As [`KafkaSink::append`].
    pub(super) fn upsert(table: &TableSpec) -> Result<Self> {
        Self::new("upsert-kafka", table, Columns::keyed_by_primary_key(table)?, true)
    }

    fn new(connector: &str, table: &TableSpec, columns: Columns, upsert: bool) -> Result<Self> {
        check_options(connector, table, &columns)?;
        columns.check_writable()?;
        let connection = Connection::new(table)?;
        connection.producer(columns.key.is_some())?;
        let topic = table.options.require("topic")?.trim().to_owned();
        if topic.is_empty() || topic.contains(';') {
            return Err(Error::invalid(format!("option 'topic' = '{topic}': a sink writes to exactly one topic"))
                .hint("Make a table for each topic."));
        }
        let partitioner = partitioner(table)?;
        let changes = match (upsert, columns.value.format.as_str()) {
            (true, _) => Changes::Upsert,
            (false, format) if format::writes_changes(format) => Changes::InValue,
            (false, _) => Changes::Refused,
        };
        if upsert && partitioner != Partitioner::Default {
            return Err(Error::invalid("'upsert-kafka' spreads records by their key only")
                .hint("Remove 'sink.partitioner': changes of a row must stay in one partition to stay in order."));
        }
        let sink = KafkaSink {
            table: table.clone(),
            columns,
            connection,
            topic,
            partitioner,
            delivery: delivery(table)?,
            changes,
        };
        Encoders::new(&sink.columns, &table.schema)?;
        Ok(sink)
    }

    /// True when the changelog's key is the primary key.
    fn is_primary_key(&self, key: &[usize]) -> bool {
        let names: BTreeSet<&str> =
            key.iter().filter_map(|i| self.table.schema.fields().get(*i)).map(|f| f.name().as_str()).collect();
        names == self.table.primary_key.iter().map(String::as_str).collect()
    }
}

impl Sink for KafkaSink {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        match mode {
            ChangelogMode::Append => true,
            ChangelogMode::Upsert { key } => self.changes == Changes::Upsert && self.is_primary_key(key),
            ChangelogMode::Retract => self.changes == Changes::InValue,
        }
    }

    fn blocking(&self) -> bool {
        true
    }

    fn guarantee(&self) -> Guarantee {
        match self.delivery {
            Delivery::BestOfJob | Delivery::ExactlyOnce => Guarantee::ExactlyOnce,
            Delivery::AtLeastOnce => Guarantee::AtLeastOnce("'sink.delivery-guarantee' says so"),
            Delivery::None => Guarantee::AtLeastOnce("'sink.delivery-guarantee' = 'none': rows may also be lost"),
        }
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let OpenSink { schema, mode, writer, durable } = open;
        if !self.accepts(&mode) {
            return Err(Error::internal(format!(
                "table '{}' was given changes that it does not accept",
                self.table.name
            )));
        }
        let encoders = Encoders::new(&self.columns, &schema)?;
        let target = Target {
            topic: self.topic.clone(),
            partitioner: self.partitioner,
            changes: self.changes,
            waits: self.delivery != Delivery::None,
            writer,
        };
        let id = match (self.delivery, durable) {
            (Delivery::AtLeastOnce | Delivery::None, _) | (Delivery::BestOfJob, None) => None,
            (Delivery::ExactlyOnce, None) => {
                return Err(Error::invalid(
                    "option 'sink.delivery-guarantee' = 'exactly-once' needs a job that can be resumed",
                )
                .hint("Run it with --state DIR (or SET 'state.checkpoints.dir'), or write 'at-least-once'."));
            }
            (_, Some(durable)) => {
                let prefix = self.table.options.get("sink.transactional-id-prefix");
                Some(prefix.map_or(durable.name.clone(), |prefix| format!("{prefix}-{}", durable.name)))
            }
        };
        let writer = KafkaWriter::open(&self.connection, target, encoders, id.as_deref())
            .map_err(|e| e.context(format!("table '{}'", self.table.name)))?;
        Ok(Box::new(writer))
    }
}

fn partitioner(table: &TableSpec) -> Result<Partitioner> {
    match table.options.get("sink.partitioner") {
        None | Some("default") => Ok(Partitioner::Default),
        Some("fixed") => Ok(Partitioner::Fixed),
        Some("round-robin") => Ok(Partitioner::RoundRobin),
        Some(other) => Err(Error::invalid(format!("option 'sink.partitioner' = '{other}'"))
            .hint("Write 'default', 'fixed' or 'round-robin'; Java classes cannot be loaded.")),
    }
}

fn delivery(table: &TableSpec) -> Result<Delivery> {
    // 'sink.semantic' is the name in old Flink scripts.
    match table.options.get("sink.delivery-guarantee").or(table.options.get("sink.semantic")) {
        None => Ok(Delivery::BestOfJob),
        Some("exactly-once") => Ok(Delivery::ExactlyOnce),
        Some("at-least-once") => Ok(Delivery::AtLeastOnce),
        Some("none") => Ok(Delivery::None),
        Some(other) => Err(Error::invalid(format!("option 'sink.delivery-guarantee' = '{other}'"))
            .hint("Write 'exactly-once', 'at-least-once' or 'none'.")),
    }
}
