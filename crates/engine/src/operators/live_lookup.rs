//! Joins with a table outside that is asked while rows go by. The asking is done on a thread of its own; the worker goes on
//! meanwhile, also with later epochs. Keys that come while an answer is awaited are gathered into the next request, so
//! requests are as large as the table is slow.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat, take, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_plan::{LookupJoin, Stage};
use sloth_types::threads::{self, Receiver, Sender, TryRecvError, channel};
use sloth_types::{Error, Found, LookupCache, LookupReader, Result};
use timely::scheduling::SyncActivator;

use super::Deferred;
use super::join::null_keys;
use super::stages;
use super::temporal_join::Pairing;
use crate::context::{JobContext, StateGauge};
use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::cache::Cache;
use crate::state::keys::{ABSENT, KeyEncoder, KeyTable, RowSet, value_type};

/// Keys of one request at most.
const KEYS_MAX: usize = 16_384;
/// Requests handed to the thread and not answered: one is worked on, the next is at hand.
const REQUESTS_MAX: usize = 2;

/// The join, and what waits for answers.
pub(crate) struct LiveLookup {
    pairing: Pairing,
    encoder: KeyEncoder,
    stages: Vec<Stage>,
    cache: Option<Cache>,
    /// Sent, the oldest first.
    sent: VecDeque<Request>,
    /// To be sent; the last one takes more keys.
    building: VecDeque<Request>,
    /// Batches that wait, by epoch.
    waiting: BTreeMap<u64, usize>,
    service: Service,
    now_ms: i64,
    gauge: StateGauge,
}

/// Keys to be asked for, and the rows that wait for them.
struct Request {
    keys: KeyTable,
    count: usize,
    /// The keys' columns, as they came.
    pieces: Vec<Vec<ArrayRef>>,
    rows: Vec<Waiting>,
}

struct Waiting {
    epoch: u64,
    left: RecordBatch,
    /// For each row the number of its key in the request.
    keys: Vec<u32>,
}

/// The thread's two ends.
struct Service {
    requests: Sender<Vec<ArrayRef>>,
    answers: Receiver<Result<Found>>,
}

impl Service {
    /// Starts the thread; `wake` is called when an answer has come.
    fn start(mut reader: Box<dyn LookupReader>, table: &str, wake: impl Fn() + Send + 'static) -> Result<Service> {
        let (requests, asked) = channel::<Vec<ArrayRef>>();
        let (answer, answers) = channel();
        let run = move || {
            while let Ok(keys) = asked.recv() {
                let found = reader.look_up(&keys);
                if answer.send(found).is_err() {
                    return;
                }
                wake();
            }
        };
        let thread = threads::spawn(&format!("lookup {table}"), run);
        thread.map_err(|e| Error::unavailable(format!("cannot start a thread for lookups in '{table}': {e}")))?;
        Ok(Service { requests, answers })
    }
}

fn key_columns(rows: &RecordBatch, keys: &[usize]) -> Vec<ArrayRef> {
    keys.iter().map(|k| Arc::clone(rows.column(*k))).collect()
}

impl LiveLookup {
    /// Nothing asked yet. `left` are the input's columns, `right` those of the table that the join sees.
    pub(crate) fn new(
        lookup: &LookupJoin,
        [left, right]: [SchemaRef; 2],
        schema: SchemaRef,
        (reader, cache): (Box<dyn LookupReader>, Option<LookupCache>),
        bell: Arc<OnceLock<SyncActivator>>,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let wake = move || {
            // A worker that has ended is called in vain.
            let _ = bell.get().map(SyncActivator::activate);
        };
        let types = lookup.join.left_keys.iter().map(|k| value_type(left.field(*k).data_type()).clone()).collect();
        let encoder = KeyEncoder::new(types)?;
        let cache = cache.map(|settings| Cache::new(settings, &encoder, Arc::clone(&right))).transpose()?;
        Ok(LiveLookup {
            pairing: Pairing::new(&lookup.join, &[left, right], schema),
            encoder,
            stages: lookup.stages.clone(),
            cache,
            sent: VecDeque::new(),
            building: VecDeque::new(),
            waiting: BTreeMap::new(),
            service: Service::start(reader, lookup.table_name(), wake)?,
            now_ms: 0,
            gauge: StateGauge::new(context),
        })
    }

    /// Joins the rows whose answer is known already; gives the others.
    fn known(&mut self, left: &RecordBatch, out: &mut Vec<Batch>) -> Result<Vec<u32>> {
        let count = left.num_rows();
        let nulls = null_keys(left, &self.pairing.join.left_keys);
        let is_null = |row: usize| nulls.as_ref().is_some_and(|n| n.is_null(row));
        let keys = self.encoder.encode(&key_columns(left, &self.pairing.join.left_keys))?;
        let places = match &mut self.cache {
            Some(cache) => cache.find(&self.encoder, &keys, count, self.now_ms)?,
            None => vec![ABSENT; count],
        };
        let missed: Vec<u32> =
            (0..).zip(&places).filter(|(row, p)| **p == ABSENT && !is_null(*row)).map(|(row, _)| row as u32).collect();
        if missed.len() < count {
            let known: Vec<u32> = (0..)
                .zip(&places)
                .filter(|(row, p)| **p != ABSENT || is_null(*row))
                .map(|(row, _)| row as u32)
                .collect();
            let rows = take_record_batch(left, &UInt32Array::from(known.clone()))?;
            let mut pairs = vec![];
            for (at, row) in (0..).zip(&known) {
                let place = places.get(*row as usize).copied().unwrap_or(ABSENT);
                if let Some(cache) = self.cache.as_ref().filter(|_| place != ABSENT) {
                    pairs.extend(cache.rows_of(place).map(|slot| (at, slot)));
                }
            }
            let gather = |column: usize, rows: &[u32]| match &self.cache {
                Some(cache) => cache.gather(column, rows),
                None => Err(Error::internal("rows of a cache that is not there")),
            };
            self.pairing.run(&rows, pairs.into_iter(), gather, out)?;
        }
        Ok(missed)
    }

    /// Lets rows wait for a request that asks for their keys. Without a cache only for one that is not under way: its
    /// answer may be older than the rows.
    fn wait(&mut self, epoch: u64, left: &RecordBatch) -> Result<()> {
        let keys = self.encoder.encode(&key_columns(left, &self.pairing.join.left_keys))?;
        let mut open: Vec<u32> = (0..left.num_rows() as u32).collect();
        let under_way = if self.cache.is_some() { self.sent.len() } else { 0 };
        let waiting = self.waiting.entry(epoch).or_default();
        for request in self.sent.iter_mut().take(under_way) {
            let mut slots = vec![];
            request.keys.find(&keys, &mut slots, left.num_rows());
            let there = |row: &u32| slots.get(*row as usize).is_some_and(|s| *s != ABSENT);
            let (mine, others): (Vec<u32>, Vec<u32>) = open.into_iter().partition(there);
            open = others;
            if !mine.is_empty() {
                let slots = mine.iter().filter_map(|row| slots.get(*row as usize).copied()).collect();
                request.rows.push(Waiting {
                    epoch,
                    left: take_record_batch(left, &UInt32Array::from(mine))?,
                    keys: slots,
                });
                *waiting += 1;
            }
        }
        for rows in open.chunks(KEYS_MAX) {
            if self.building.back().is_none_or(|last| last.count + rows.len() > KEYS_MAX) {
                let keys = KeyTable::new(&self.encoder);
                self.building.push_back(Request { keys, count: 0, pieces: vec![], rows: vec![] });
            }
            let Some(request) = self.building.back_mut() else { continue };
            let mut slots = vec![];
            request.keys.intern(&keys, &RowSet::List(rows), &mut slots);
            let mut new = vec![];
            for (row, slot) in rows.iter().zip(&slots) {
                if *slot as usize == request.count {
                    request.count += 1;
                    new.push(*row);
                }
            }
            let new = UInt32Array::from(new);
            let columns = key_columns(left, &self.pairing.join.left_keys);
            let taken = columns.iter().map(|c| Ok(cast(&take(c, &new, None)?, value_type(c.data_type()))?));
            request.pieces.push(taken.collect::<Result<_>>()?);
            let left = take_record_batch(left, &UInt32Array::from(rows.to_vec()))?;
            request.rows.push(Waiting { epoch, left, keys: slots });
            *waiting += 1;
        }
        Ok(())
    }

    /// Hands requests to the thread, as far as it takes them.
    fn send(&mut self) -> Result<()> {
        while self.sent.len() < REQUESTS_MAX {
            let Some(request) = self.building.pop_front() else { return Ok(()) };
            let columns = (0..self.pairing.join.left_keys.len()).map(|key| {
                let pieces: Vec<&dyn Array> =
                    request.pieces.iter().filter_map(|piece| piece.get(key)).map(AsRef::as_ref).collect();
                Ok(concat(&pieces)?)
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            self.service.requests.send(columns.clone()).map_err(|_| gone())?;
            self.sent.push_back(Request { pieces: vec![columns], ..request });
        }
        Ok(())
    }

    /// Joins the rows that have waited for an answer, and keeps it.
    fn answered(&mut self, request: Request, found: Found, out: &mut Vec<(u64, Batch)>) -> Result<()> {
        let mut starts = vec![0; request.count + 1];
        for key in &found.of {
            let next = starts.get_mut(*key as usize + 1).ok_or_else(|| Error::internal("an answer to no question"))?;
            *next += 1;
        }
        for key in 0..request.count {
            starts[key + 1] += starts[key];
        }
        let mut seen = vec![];
        stages::run(&self.stages, Batch::changes(found.rows, None), &mut seen)?;
        let rows = match seen.pop() {
            Some(batch) => batch.rows,
            None => RecordBatch::new_empty(Arc::clone(self.pairing.right())),
        };
        let found = Found { rows, of: found.of };
        let mut joined = vec![];
        for waiting in request.rows {
            let pairs = (0..).zip(&waiting.keys).flat_map(|(row, key)| {
                let key = *key as usize;
                (starts[key]..starts[key + 1]).map(move |slot| (row, slot))
            });
            let gather = |column: usize, rows: &[u32]| {
                Ok(take(found.rows.column(column), &UInt32Array::from(rows.to_vec()), None)?)
            };
            self.pairing.run(&waiting.left, pairs, gather, &mut joined)?;
            out.extend(joined.drain(..).map(|batch| (waiting.epoch, batch)));
            if let Some(count) = self.waiting.get_mut(&waiting.epoch) {
                *count -= 1;
            }
        }
        self.waiting.retain(|_, count| *count > 0);
        if let (Some(cache), Some(columns)) = (&mut self.cache, request.pieces.first()) {
            let keys = self.encoder.encode(columns)?;
            cache.keep(&keys, &found, &starts, self.now_ms)?;
            self.gauge.set(cache.len(), cache.bytes());
        }
        Ok(())
    }
}

fn gone() -> Error {
    Error::internal("the thread that looks rows up has ended")
}

impl Deferred for LiveLookup {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()> {
        self.now_ms = epoch.now_ms;
        let missed = self.known(&batch.rows, out)?;
        if !missed.is_empty() {
            let rows = take_record_batch(&batch.rows, &UInt32Array::from(missed))?;
            self.wait(epoch.epoch.0, &rows)?;
            self.send()?;
        }
        Ok(())
    }

    fn poll(&mut self, out: &mut Vec<(u64, Batch)>) -> Result<()> {
        loop {
            match self.service.answers.try_recv() {
                Ok(found) => {
                    let request = self.sent.pop_front().ok_or_else(gone)?;
                    self.answered(request, found?, out)?;
                    self.send()?;
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(gone()),
            }
        }
    }

    fn waits(&self, epoch: u64) -> bool {
        self.waiting.contains_key(&epoch)
    }
}

#[cfg(test)]
#[path = "live_lookup/tests.rs"]
mod tests;
