//! Writes changes to a topic: encodes keys and values, hands them to librdkafka, and waits for the acknowledgements.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    Array, AsArray, BinaryArray, Int64Array, MapArray, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMillisecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit, TimestampMillisecondType};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use sloth_types::clock::Mono;
use sloth_types::{ChangeBatch, Epoch, Error, Result, SinkWriter};

use super::columns::{Columns, Meta, Part};
use super::delivery::{Deliveries, Failure};
use super::error::explain;
use super::properties::Connection;
use super::sink::{Changes, Partitioner};
use super::transactions::Transactions;
use crate::format::{self, Encoder};

/// Pause before a record is offered again to a full queue.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// Where and how to write.
pub(super) struct Target {
    /// The topic.
    pub(super) topic: String,
    /// How records are spread.
    pub(super) partitioner: Partitioner,
    /// How changes that are no inserts are written.
    pub(super) changes: Changes,
    /// Whether the end of an epoch waits for the brokers.
    pub(super) waits: bool,
    /// Number of this writer.
    pub(super) writer: usize,
}

/// Encodes changes as records.
pub(super) struct Encoders {
    value: Half,
    key: Option<Half>,
    /// Column with the record's time.
    timestamp: Option<usize>,
    /// Column with the record's headers.
    headers: Option<usize>,
    zone: String,
}

/// One half of the records of a batch.
struct Half {
    encoder: Box<dyn Encoder>,
    /// The table's columns that it takes.
    columns: Vec<usize>,
    /// Their schema, under the names that the format sees.
    schema: SchemaRef,
    encoded: Encoded,
}

/// Encoded records, one after the other.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    /// Where each record ends in `bytes`.
    ends: Vec<usize>,
}

impl Encoded {
    fn record(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
    }
}

impl Half {
    fn new(part: &Part, schema: &Schema) -> Result<Self> {
        let columns = part.indexes(schema)?;
        // Values may be NULL wherever the query's may, whatever the table declares.
        let fields = columns.iter().zip(part.table.schema.fields()).map(|(index, field)| {
            let nullable = field.is_nullable() || schema.field(*index).is_nullable();
            field.as_ref().clone().with_nullable(nullable)
        });
        let fields: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let encoder = format::encoder(&part.format, &part.options, &part.table, Arc::clone(&fields))?;
        Ok(Half { encoder, columns, schema: fields, encoded: Encoded::default() })
    }

    /// Encodes all rows; without `diffs` as inserts.
    fn encode(&mut self, rows: &RecordBatch, diffs: Option<Int64Array>) -> Result<()> {
        let Encoded { bytes, ends } = &mut self.encoded;
        bytes.clear();
        ends.clear();
        let columns = self.columns.iter().map(|i| Arc::clone(rows.column(*i))).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let batch = ChangeBatch::changes(rows, diffs);
        self.encoder.encode(&batch, &mut |record| {
            bytes.extend_from_slice(record);
            ends.push(bytes.len());
            Ok(())
        })?;
        if ends.len() != batch.len() {
            return Err(Error::internal(format!("{} rows gave {} records", batch.len(), ends.len())));
        }
        Ok(())
    }

    /// Takes the encoded records out; to be put back, so that the memory is used again.
    fn take(&mut self) -> Encoded {
        std::mem::take(&mut self.encoded)
    }
}

impl Encoders {
    /// Encoders for rows of `schema`.
    ///
    /// # Errors
    /// When a format is not known or refuses its options.
    pub(super) fn new(columns: &Columns, schema: &Schema) -> Result<Self> {
        Ok(Encoders {
            value: Half::new(&columns.value, schema)?,
            key: columns.key.as_ref().map(|key| Half::new(key, schema)).transpose()?,
            timestamp: columns.written(schema, Meta::Timestamp),
            headers: columns.written(schema, Meta::Headers),
            zone: columns.value.table.time_zone.clone(),
        })
    }
}

/// Spreads records without a key: each partition gets a chunk in turn, which is one request.
///
/// An idempotent producer sends a partition one request at a time, and librdkafka's thread spins while another one is
/// due (as of 2.12). So a partition gets its next chunk when its last one is acknowledged.
#[derive(Debug)]
struct Spread {
    /// A chunk has so many records or so many bytes: what makes librdkafka send it at once.
    records_max: u64,
    bytes_max: usize,
    epoch: u64,
    /// Chunks of this epoch before the current one.
    chunk: u64,
    /// Records and bytes in the current chunk.
    records: u64,
    bytes: usize,
    /// For each earlier chunk that may still be on its way, the count of records sent when it was complete.
    ends: VecDeque<u64>,
}

impl Spread {
    /// For requests as the client is configured.
    fn new(config: &ClientConfig) -> Self {
        let of = |key, default| config.get(key).and_then(|v| v.parse().ok()).filter(|n| *n > 0).unwrap_or(default);
        let (records_max, bytes_max) = (of("batch.num.messages", 10_000), of("batch.size", 1_000_000) as usize);
        Spread { records_max, bytes_max, epoch: 0, chunk: 0, records: 0, bytes: 0, ends: VecDeque::new() }
    }

    /// Adds a record; true when it begins a chunk and another one came before.
    fn add(&mut self, epoch: u64, bytes: usize, sent: u64) -> bool {
        let fresh = self.epoch != epoch;
        let full = self.records >= self.records_max || self.bytes >= self.bytes_max;
        let turn = self.records > 0 && (fresh || full);
        if turn {
            self.ends.push_back(sent);
            (self.records, self.bytes) = (0, 0);
        }
        if fresh {
            (self.epoch, self.chunk) = (epoch, 0);
        } else if turn {
            self.chunk += 1;
        }
        self.records += 1;
        self.bytes += bytes;
        turn
    }
}

/// Writer of a topic.
pub(super) struct KafkaWriter {
    producer: ThreadedProducer<Deliveries>,
    servers: String,
    target: Target,
    /// Partitions that the topic had when the writer was opened.
    partitions: i32,
    encoders: Encoders,
    /// Records handed to librdkafka so far.
    sent: u64,
    /// Records placed by turns so far.
    turns: u64,
    spread: Spread,
    closing: Duration,
    transactions: Option<Transactions>,
}

impl KafkaWriter {
    /// Reaches the brokers and looks the topic up. With a transactional id, rows become visible by commits.
    ///
    /// # Errors
    /// When no broker answers or the topic does not exist.
    pub(super) fn open(
        connection: &Connection,
        target: Target,
        encoders: Encoders,
        transactional_id: Option<&str>,
    ) -> Result<Self> {
        let mut config = connection.producer(encoders.key.is_some())?;
        if let Some(id) = transactional_id {
            config.set("transactional.id", id);
            // Readers wait for a transaction that hangs: not for as long as a record may take otherwise.
            if !connection.sets("delivery.timeout.ms") && !connection.sets("transaction.timeout.ms") {
                config.set("delivery.timeout.ms", "30000").set("transaction.timeout.ms", "60000");
            }
        }
        let begun = Mono::now();
        let producer: ThreadedProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|e| Error::invalid(format!("cannot make a Kafka client: {e}")))?;
        // Both are several round trips, so they go side by side; of two errors the topic's says more.
        let (partitions, transactions) = std::thread::scope(|scope| {
            let begin = |id| Transactions::begin(&producer, connection, &target.topic, id);
            let begins = transactional_id.map(|id| scope.spawn(move || begin(id)));
            let partitions = partitions(&producer, connection, &target.topic);
            tracing::debug!("kafka: topic '{}' is looked up after {:?}", target.topic, begun.elapsed());
            let begins = begins.map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(Error::internal("the thread that begins transactions has panicked")))
            });
            Ok::<_, Error>((partitions?, begins.transpose()?))
        })?;
        let servers = connection.servers.clone();
        let closing = connection.timeout;
        let spread = Spread::new(&config);
        Ok(KafkaWriter {
            producer,
            servers,
            target,
            partitions,
            encoders,
            sent: 0,
            turns: 0,
            spread,
            closing,
            transactions,
        })
    }

    /// The partition of the next record, which has so many bytes; `None` leaves it to the hash of the key.
    fn partition(&mut self, epoch: Epoch, bytes: usize) -> Result<Option<i32>> {
        let place = |number: u64, partitions: i32| (number % partitions.unsigned_abs().max(1) as u64) as i32;
        Ok(match self.target.partitioner {
            Partitioner::Default if self.encoders.key.is_some() => None,
            // Epochs and the order of their records are the same in a replay, and so are chunks.
            Partitioner::Default => {
                if self.spread.add(epoch.0, bytes, self.sent) {
                    self.await_chunks(self.partitions.unsigned_abs() as usize)?;
                }
                Some(place(epoch.0 + self.spread.chunk, self.partitions))
            }
            Partitioner::Fixed => {
                if self.spread.add(epoch.0, bytes, self.sent) {
                    self.await_chunks(1)?;
                }
                Some(place(self.target.writer as u64, self.partitions))
            }
            Partitioner::RoundRobin => {
                self.turns += 1;
                Some(place(self.turns - 1, self.partitions))
            }
        })
    }

    /// Waits until fewer than `most` chunks are on their way.
    fn await_chunks(&mut self, most: usize) -> Result<()> {
        while self.spread.ends.len() >= most.max(1)
            && let Some(count) = self.spread.ends.pop_front()
        {
            if self.target.waits {
                self.check(self.producer.context().wait(count))?;
            }
        }
        Ok(())
    }

    /// Hands one record to librdkafka; waits while its queue is full.
    fn send(&mut self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<()> {
        loop {
            match self.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.check(self.producer.context().failure())?;
                    record = back;
                    std::thread::sleep(FULL_PAUSE);
                }
                Err((error, _)) => {
                    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                    return self.check(Some(Failure { code, text: error.to_string() }));
                }
            }
        }
    }

    fn check(&self, failure: Option<Failure>) -> Result<()> {
        match failure {
            None => Ok(()),
            Some(Failure { code, text }) if !self.target.waits => {
                tracing::warn!("kafka: a record for topic '{}' was lost: {code}: {text}", self.target.topic);
                Ok(())
            }
            Some(Failure { code, text }) => {
                Err(explain(&format!("write topic '{}'", self.target.topic), &self.servers, code, &text))
            }
        }
    }
}

/// How many partitions a topic has.
fn partitions(producer: &ThreadedProducer<Deliveries>, connection: &Connection, name: &str) -> Result<i32> {
    let doing = format!("write topic '{name}'");
    let context = |e: &KafkaError| producer.context().context.explain(&doing, &connection.servers, e);
    let answer = producer.client().fetch_metadata(Some(name), connection.timeout).map_err(|e| context(&e))?;
    let topic = answer.topics().iter().find(|t| t.name() == name);
    match topic.map(|t| (t.error().map(RDKafkaErrorCode::from), t.partitions().len())) {
        Some((None, count)) if count > 0 => Ok(i32::try_from(count).unwrap_or(i32::MAX)),
        Some((Some(code), _)) if !matches!(code, RDKafkaErrorCode::UnknownTopicOrPartition) => {
            Err(context(&KafkaError::MetadataFetch(code)))
        }
        _ => {
            let what = format!("topic '{name}' does not exist at {}", connection.servers);
            Err(Error::invalid(what).hint("Create the topic first, or check 'topic'."))
        }
    }
}

impl SinkWriter for KafkaWriter {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(transactions) = &mut self.transactions {
            transactions.enter(&self.producer)?;
        }
        let in_value = self.target.changes == Changes::InValue;
        // A key is a key; and the value of a deletion is either told by its format or not sent.
        self.encoders.value.encode(&batch.rows, batch.diffs.clone().filter(|_| in_value))?;
        if let Some(key) = &mut self.encoders.key {
            key.encode(&batch.rows, None)?;
        }
        let times = self.encoders.timestamp.map(|i| times(&batch.rows, i, &self.encoders.zone)).transpose()?;
        let headers = self.encoders.headers.map(|i| HeaderColumn::new(&batch.rows, i)).transpose()?;
        // The buffers are taken out for the loop, since sending needs the whole writer.
        let topic = std::mem::take(&mut self.target.topic);
        let value = self.encoders.value.take();
        let key = self.encoders.key.as_mut().map(Half::take);
        let mut outcome = Ok(());
        for row in 0..batch.len() {
            let mut record = BaseRecord::to(&topic);
            record.payload = (in_value || batch.diff(row) > 0).then(|| value.record(row));
            record.key = key.as_ref().map(|key| key.record(row));
            record.timestamp = times.as_ref().filter(|t| t.is_valid(row)).map(|t| t.value(row));
            record.headers = headers.as_ref().and_then(|h| h.row(row));
            let bytes = record.payload.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
            outcome = self.partition(epoch, bytes).and_then(|partition| {
                record.partition = partition;
                self.send(record)
            });
            if outcome.is_err() {
                break;
            }
        }
        self.target.topic = topic;
        self.encoders.value.encoded = value;
        if let (Some(half), Some(encoded)) = (&mut self.encoders.key, key) {
            half.encoded = encoded;
        }
        outcome
    }

    fn end_epoch(&mut self, _epoch: Epoch) -> Result<()> {
        self.spread.ends.clear();
        let failure =
            if self.target.waits { self.producer.context().wait(self.sent) } else { self.producer.context().failure() };
        self.check(failure)?;
        self.transactions.iter_mut().for_each(Transactions::acknowledged);
        Ok(())
    }

    fn committed(&mut self) -> Result<Option<Epoch>> {
        Ok(self.transactions.as_ref().and_then(Transactions::committed))
    }

    fn commit(&mut self, epoch: Epoch, _now: bool) -> Result<()> {
        match &mut self.transactions {
            Some(transactions) => transactions.commit(&self.producer, epoch),
            None => Ok(()),
        }
    }

    fn close(&mut self) -> Result<()> {
        if self.target.waits {
            return self.check(self.producer.context().wait(self.sent));
        }
        if let Err(error) = self.producer.flush(self.closing) {
            tracing::warn!("kafka: the last records for topic '{}' may be lost: {error}", self.target.topic);
        }
        Ok(())
    }
}

/// A column as milliseconds since 1970 (UTC); local times are those of `zone`.
fn times(rows: &RecordBatch, index: usize, zone: &str) -> Result<TimestampMillisecondArray> {
    let column = rows.column(index);
    let zone = match column.data_type() {
        DataType::Timestamp(_, Some(zone)) => Arc::clone(zone),
        _ => zone.into(),
    };
    let cast = cast(column, &DataType::Timestamp(TimeUnit::Millisecond, Some(zone)))?;
    Ok(cast.as_primitive::<TimestampMillisecondType>().clone())
}

/// A column of headers.
struct HeaderColumn {
    map: MapArray,
    names: StringArray,
    values: BinaryArray,
}

impl HeaderColumn {
    fn new(rows: &RecordBatch, index: usize) -> Result<Self> {
        let column = rows.column(index);
        let map = column.as_map_opt().ok_or_else(|| {
            Error::invalid("metadata column 'headers' is not a map").hint("Declare it MAP<STRING, BYTES>.")
        })?;
        let names = cast(map.keys(), &DataType::Utf8)?.as_string().clone();
        let values = cast(map.values(), &DataType::Binary)?.as_binary().clone();
        Ok(HeaderColumn { map: map.clone(), names, values })
    }

    fn row(&self, row: usize) -> Option<OwnedHeaders> {
        if self.map.is_null(row) {
            return None;
        }
        let offsets = self.map.value_offsets();
        let range = *offsets.get(row)? as usize..*offsets.get(row + 1)? as usize;
        let mut headers = OwnedHeaders::new_with_capacity(range.len());
        for entry in range {
            let value = self.values.is_valid(entry).then(|| self.values.value(entry));
            headers = headers.insert(Header { key: self.names.value(entry), value });
        }
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_without_a_key_go_in_chunks_that_begin_anew_with_each_epoch() {
        let mut config = ClientConfig::new();
        config.set("batch.num.messages", "3").set("batch.size", "100");
        let mut spread = Spread::new(&config);
        let mut sent = 0;
        let mut chunks = |epoch, sizes: &[usize]| -> Vec<u64> {
            let chunk = |size: &usize| {
                spread.add(epoch, *size, sent);
                sent += 1;
                spread.chunk
            };
            sizes.iter().map(chunk).collect()
        };
        assert_eq!(chunks(0, &[1, 1, 1, 1, 1]), [0, 0, 0, 1, 1]);
        assert_eq!(chunks(7, &[60, 60, 1, 200, 1]), [0, 0, 1, 1, 2]);
        assert_eq!(spread.ends, [3, 5, 7, 9]);
    }
}
