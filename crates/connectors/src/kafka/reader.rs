//! Reads one partition: drains its queue, decodes, and knows when the partition's end is reached.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};
use sloth_types::source::{ReadLimit, Rows, Waker};
use sloth_types::{Offset, ReadOutcome, Readiness, Result, SplitReader};

use super::cluster::{Cluster, Fetch, Partition};
use super::envelope::Record;
use super::error::passes;
use super::upserts::Assembly;

/// A read takes no more than about so many bytes at once, however many records it may take.
const BATCH_BYTES: usize = 4 << 20;

/// What is to be read of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// The first offset.
    pub(super) first: i64,
    /// The offset before which to end.
    pub(super) stop: Option<i64>,
    /// The offset after the newest record when this was asked.
    pub(super) filled: i64,
}

/// Reader of one partition.
pub(super) struct KafkaReader {
    tap: Tap,
    assembly: Assembly,
    range: Range,
    /// Offset after everything that was returned.
    next: i64,
    /// A record that was fetched but lies beyond the end of the read that fetched it.
    kept: Option<OwnedMessage>,
    /// Everything that the partition has was fetched.
    at_end: bool,
}

/// The queue of a partition.
struct Tap {
    fetch: Fetch,
    cluster: Arc<Cluster>,
    partition: Partition,
}

/// What a drain of the queue gave.
struct Drained<'a> {
    records: Vec<Record<'a>>,
    bytes: usize,
    /// A record at or beyond the bound.
    beyond: Option<OwnedMessage>,
    /// Whether the partition's end came last.
    at_end: bool,
}

impl KafkaReader {
    /// Starts fetching.
    ///
    /// # Errors
    /// When the client refuses.
    pub(super) fn open(
        cluster: Arc<Cluster>,
        partition: Partition,
        range: Range,
        assembly: Assembly,
        waker: Waker,
    ) -> Result<Self> {
        let fetch = cluster.assign(&partition, range.first, waker)?;
        let tap = Tap { fetch, cluster, partition };
        Ok(KafkaReader { tap, assembly, range, next: range.first, kept: None, at_end: false })
    }

    /// The offset that must not be passed.
    fn bound(&self, until: Option<Offset>) -> i64 {
        let until = until.map_or(i64::MAX, |o| i64::try_from(o.0).unwrap_or(i64::MAX));
        until.min(self.range.stop.unwrap_or(i64::MAX))
    }

    /// True when nothing more lies before `bound`: offsets in between hold transaction marks or were compacted away.
    fn exhausted(&self, bound: i64) -> bool {
        self.kept.as_ref().is_some_and(|m| m.offset() >= bound) || (self.at_end && bound <= self.range.filled)
    }
}

impl Tap {
    /// Takes records from the queue, `kept` first: at most `rows`, all before offset `bound`.
    fn drain(&self, kept: Option<OwnedMessage>, rows: usize, bound: i64, at_end: bool) -> Result<Drained<'_>> {
        let mut drained = Drained { records: Vec::new(), bytes: 0, beyond: None, at_end };
        let mut next = kept.map(Record::Kept);
        while drained.records.len() < rows && drained.bytes < BATCH_BYTES {
            let record = match next.take() {
                Some(record) => record,
                None => match self.fetch.queue.poll(Duration::ZERO) {
                    Some(Ok(message)) => Record::Fetched(message),
                    Some(Err(KafkaError::PartitionEOF(_))) => {
                        drained.at_end = true;
                        continue;
                    }
                    Some(Err(error)) => {
                        self.judge(&error)?;
                        continue;
                    }
                    None => break,
                },
            };
            drained.at_end = false;
            if record.offset() >= bound {
                drained.beyond = Some(match record {
                    Record::Fetched(message) => message.detach(),
                    Record::Kept(message) => message,
                });
                break;
            }
            drained.bytes += record.size();
            drained.records.push(record);
        }
        Ok(drained)
    }

    /// Fails unless the error passes by itself.
    fn judge(&self, error: &KafkaError) -> Result<()> {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        if passes(code) {
            tracing::debug!("kafka: partition {}: {error}", self.partition);
            return Ok(());
        }
        Err(self.cluster.explain(&format!("read partition {}", self.partition), error))
    }
}

impl SplitReader for KafkaReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        if self.range.stop.is_some_and(|stop| self.next >= stop) {
            return Ok(ReadOutcome::End);
        }
        let bound = self.bound(limit.until);
        if self.next >= bound {
            return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
        }
        let kept = self.kept.take();
        let Drained { records, bytes, beyond, at_end } = self.tap.drain(kept, limit.rows.max(1), bound, self.at_end)?;
        self.kept = beyond;
        self.at_end = at_end;
        let outcome = match records.last() {
            Some(last) => {
                self.next = last.offset() + 1;
                let made = self.assembly.assemble(&records)?;
                Some(ReadOutcome::Rows(Rows {
                    batch: made.batch,
                    diffs: made.diffs,
                    bad: made.bad,
                    bytes: bytes as u64,
                }))
            }
            None => None,
        };
        drop(records);
        if bound != i64::MAX && self.exhausted(bound) {
            self.next = self.next.max(bound);
        }
        self.tap.fetch.position.store(self.next, Ordering::Relaxed);
        Ok(match outcome {
            Some(rows) => rows,
            None if self.range.stop.is_some_and(|stop| self.next >= stop) => ReadOutcome::End,
            None => ReadOutcome::Pending(Readiness::OnWake { caught_up: self.at_end }),
        })
    }

    fn offset(&self) -> Offset {
        Offset(u64::try_from(self.next).unwrap_or(0))
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.tap.cluster.release(&self.tap.partition);
    }
}
