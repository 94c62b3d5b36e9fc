//! Where messages go between workers: by key, to a given worker, to all, to worker 0.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use timely::communication::Push;
use timely::dataflow::channels::Message as Envelope;
use timely::dataflow::channels::pact::DistributorPact;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::progress::Stamp;

use crate::hash::{KeyHasher, worker_of};
use crate::message::{Batch, Message};

/// Where the batches of an input go.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// Each row to the worker that owns its values of these columns; to worker 0 when there are none.
    Key(Vec<usize>),
    /// Each batch to the worker that its place's number names: copies were made before.
    Named,
    /// Each batch to this worker: it is where it belongs.
    To(usize),
}

/// Sends each row to the worker that owns its key.
pub(crate) struct ByKey {
    /// The way of each input.
    routes: Vec<Route>,
    /// Key columns of partial batches: they are laid out as pane, keys, states.
    partial_keys: Vec<usize>,
    hasher: KeyHasher,
    rows_of: Vec<Vec<u32>>,
}

/// Ticks go to every worker.
pub(crate) struct ToAll;

/// Everything goes to worker 0.
pub(crate) struct ToFirst;

/// Rows by the hash of the `keys` of their input (of `partial_keys` in partial batches).
pub(crate) fn by_key(keys: Vec<Vec<usize>>, partial_keys: Vec<usize>) -> DistributorPact<impl FnOnce(usize) -> ByKey> {
    let routes = keys.into_iter().map(Route::Key).collect();
    DistributorPact(move |peers| ByKey::new(routes, partial_keys, peers))
}

/// The rows of each input its own way.
pub(crate) fn by_route(routes: Vec<Route>) -> DistributorPact<impl FnOnce(usize) -> ByKey> {
    DistributorPact(move |peers| ByKey::new(routes, vec![], peers))
}

impl ByKey {
    fn new(routes: Vec<Route>, partial_keys: Vec<usize>, peers: usize) -> Self {
        ByKey { routes, partial_keys, hasher: KeyHasher::default(), rows_of: vec![vec![]; peers] }
    }
}

/// Ticks to all workers.
pub(crate) fn to_all() -> DistributorPact<impl FnOnce(usize) -> ToAll> {
    DistributorPact(|_| ToAll)
}

/// Everything to worker 0.
pub(crate) fn to_first() -> DistributorPact<impl FnOnce(usize) -> ToFirst> {
    DistributorPact(|_| ToFirst)
}

impl Distributor<Message> for ByKey {
    fn partition<T: Clone, P: Push<Envelope<T, Message>>>(
        &mut self,
        container: &mut Message,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        let batch = match std::mem::take(container) {
            Message::Batch(batch) => batch,
            // It is overlooked wherever it comes to, and counts until then.
            Message::Standing(batch) => {
                if let Some(first) = pushers.first_mut() {
                    Envelope::push_at(&mut Message::Standing(batch), stamp.clone(), first);
                }
                return;
            }
            Message::Empty | Message::Tick { .. } => return,
        };
        let keys = match self.routes.get(usize::from(batch.port)) {
            Some(Route::Named) => {
                if let Some(pusher) = pushers.get_mut(batch.place.seq as usize) {
                    Envelope::push_at(&mut Message::Batch(settled(batch)), stamp.clone(), pusher);
                }
                return;
            }
            Some(Route::To(worker)) => {
                if let Some(pusher) = pushers.get_mut(*worker) {
                    Envelope::push_at(&mut Message::Batch(settled(batch)), stamp.clone(), pusher);
                }
                return;
            }
            Some(Route::Key(keys)) if !batch.partial => keys,
            _ => &self.partial_keys,
        };
        if keys.is_empty() {
            if let Some(first) = pushers.first_mut() {
                Envelope::push_at(&mut Message::Batch(settled(batch)), stamp.clone(), first);
            }
            return;
        }
        let picked = batch.picked.as_ref();
        let columns: Vec<ArrayRef> = keys
            .iter()
            .filter_map(|k| match picked {
                Some(picked) => take(batch.rows.column(*k), picked, None).ok(),
                None => Some(ArrayRef::clone(batch.rows.column(*k))),
            })
            .collect();
        let hashes = self.hasher.hash(&columns.iter().collect::<Vec<_>>(), batch.count());
        for rows in &mut self.rows_of {
            rows.clear();
        }
        let peers = self.rows_of.len();
        for (row, hash) in hashes.iter().enumerate() {
            if let Some(rows) = self.rows_of.get_mut(worker_of(*hash, peers)) {
                rows.push(picked.map_or(row as u32, |picked| picked.value(row)));
            }
        }
        for (rows, pusher) in self.rows_of.iter_mut().zip(pushers) {
            if rows.is_empty() {
                continue;
            }
            let part = if rows.len() == batch.rows.num_rows() {
                Batch { picked: None, ..batch.clone() }
            } else {
                take_rows(&batch, &UInt32Array::from(std::mem::take(rows)))
            };
            Envelope::push_at(&mut Message::Batch(part), stamp.clone(), pusher);
        }
    }

    fn flush<T: Clone, P: Push<Envelope<T, Message>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

impl Distributor<Message> for ToAll {
    fn partition<T: Clone, P: Push<Envelope<T, Message>>>(
        &mut self,
        container: &mut Message,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        if let Message::Tick { info, .. } = std::mem::take(container) {
            for pusher in pushers {
                Envelope::push_at(&mut Message::Tick { info: info.clone(), copies: 1 }, stamp.clone(), pusher);
            }
        }
    }

    fn flush<T: Clone, P: Push<Envelope<T, Message>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

impl Distributor<Message> for ToFirst {
    fn partition<T: Clone, P: Push<Envelope<T, Message>>>(
        &mut self,
        container: &mut Message,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        if let Some(first) = pushers.first_mut() {
            Envelope::push_at(container, stamp.clone(), first);
        }
    }

    fn flush<T: Clone, P: Push<Envelope<T, Message>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

/// The batch with just the rows that are meant.
pub(crate) fn settled(mut batch: Batch) -> Batch {
    match batch.picked.take() {
        Some(picked) => take_rows(&batch, &picked),
        None => batch,
    }
}

/// The given rows of a batch. Indexes are in range by construction, so `take` cannot fail; if it did, timely's record
/// count would not match and the job would stop with an error rather than lose rows.
fn take_rows(batch: &Batch, rows: &UInt32Array) -> Batch {
    let columns: Vec<_> = batch.rows.columns().iter().filter_map(|c| take(c.as_ref(), rows, None).ok()).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let part = RecordBatch::try_new_with_options(batch.rows.schema(), columns, &options)
        .unwrap_or_else(|_| RecordBatch::new_empty(batch.rows.schema()));
    let diffs = batch.diffs.as_ref().and_then(|d| take(d, rows, None).ok()).and_then(|d| {
        use arrow::array::AsArray;
        d.as_primitive_opt::<arrow::datatypes::Int64Type>().cloned()
    });
    Batch { rows: part, diffs, place: batch.place, port: batch.port, partial: batch.partial, picked: None }
}
