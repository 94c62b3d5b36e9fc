//! Apache Kafka, through librdkafka: `'connector' = 'kafka'` (source and sink) and `'upsert-kafka'` (both).
//!
//! ```text
//!  broker --> librdkafka's threads --> one queue per partition --> SplitReader::read (worker thread): decode, columns
//!                                      (bounded by bytes and count)
//!  writer thread: encode --> librdkafka's queue --> broker; end_epoch waits until the epoch is acknowledged
//! ```
//!
//! A split is a topic-partition (`orders-3`), an offset is Kafka's. Offsets are the engine's: partitions are assigned by
//! hand, nothing depends on a consumer group. One client serves all partitions of a table; each partition has a queue of
//! its own, which the reader drains without a copy. A reader that does not read lets its queue fill up to the bounds;
//! then librdkafka stops fetching that partition: this is the back-pressure.

mod assemble;
mod cluster;
mod columns;
mod delivery;
mod envelope;
mod error;
mod markers;
mod properties;
mod reader;
mod sink;
mod source;
mod startup;
mod topic;
mod transactions;
mod upserts;
mod writer;

use std::sync::Arc;

use sloth_types::sink::Sink;
use sloth_types::source::Source;
use sloth_types::{Connector, Result, TableSpec};

pub use topic::ensure_topic;

/// `'connector' = 'kafka'`: reads and appends to topics.
#[derive(Debug)]
pub struct KafkaConnector;

impl Connector for KafkaConnector {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(source::KafkaSource::records(table)?))
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(sink::KafkaSink::append(table)?))
    }
}

/// `'connector' = 'upsert-kafka'`: the primary key is the record's key, a deletion is a record without a value.
#[derive(Debug)]
pub struct UpsertKafkaConnector;

impl Connector for UpsertKafkaConnector {
    fn name(&self) -> &'static str {
        "upsert-kafka"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(source::KafkaSource::upserts(table)?))
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(sink::KafkaSink::upsert(table)?))
    }
}

#[cfg(test)]
mod tests;
