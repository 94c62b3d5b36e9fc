//! A Kafka table as a sink: its options and what it accepts.

use sloth_types::{ChangelogMode, Error, OpenSink, Result, Sink, SinkWriter, TableSpec};
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

/// A table that writes to a topic.
pub(super) struct KafkaSink {
    table: TableSpec,
    columns: Columns,
    connection: Connection,
    topic: String,
    partitioner: Partitioner,
    /// Whether the end of an epoch waits until the brokers have all of it.
    waits: bool,
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
        let sink =
            KafkaSink { table: table.clone(), columns, connection, topic, partitioner, waits: waits(table)?, changes };
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

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let OpenSink { schema, mode, writer, .. } = open;
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
            waits: self.waits,
            writer,
        };
        let writer = KafkaWriter::open(&self.connection, target, encoders)
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

fn waits(table: &TableSpec) -> Result<bool> {
    // 'sink.semantic' is the name in old Flink scripts.
    match table.options.get("sink.delivery-guarantee").or(table.options.get("sink.semantic")) {
        None | Some("at-least-once") => Ok(true),
        Some("none") => Ok(false),
        Some("exactly-once") => {
            Err(Error::unsupported("'sink.delivery-guarantee' = 'exactly-once' is not offered yet")
                .detail("It comes with the exactly-once issue.")
                .hint("Write 'at-least-once'."))
        }
        Some(other) => Err(Error::invalid(format!("option 'sink.delivery-guarantee' = '{other}'"))
            .hint("Write 'at-least-once' or 'none'.")),
    }
}
