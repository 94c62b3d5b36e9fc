//! The `screen` connector: live tables for the big screen.
//!
//! ```text
//!   engine threads                 publisher thread                    clients
//!   write, end_epoch ─► inbox ──┐
//!   epoch_done(e)  ─► done = e ─┴─► apply all tables up to e ─► one frame of bytes ─► broadcast ─► SSE
//! ```
//!
//! Invariants: the engine only ever takes the inbox lock, for pointer moves; the view changes only by whole epochs, for
//! all tables under one lock; a frame is encoded once, whatever the number of clients.

mod inbox;
mod json;
mod multiset;
mod publish;
mod sink;
mod table;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use sloth_types::{Connector, Epoch, EpochListener, Error, Result, Sink, TableSpec};
use tokio::sync::broadcast;

use inbox::Inbox;
use publish::View;
use sink::ScreenSink;

/// Rows an append table shows when `'screen.rows'` is not given.
const ROWS_DEFAULT: usize = 600;
/// Keys an upsert table keeps when `'screen.max-keys'` is not given.
const KEYS_DEFAULT: usize = 10_000;

/// A table of the screen, as declared.
#[derive(Clone, Debug)]
pub struct ScreenTable {
    /// Its name in SQL.
    pub name: String,
    /// Its columns.
    pub schema: SchemaRef,
    /// How many rows an append table keeps.
    pub rows_max: usize,
    /// How many keys an upsert table keeps.
    pub keys_max: usize,
}

/// Live tables of one job, shared by the engine (which writes) and the server (which shows). Cheap to clone; the last
/// clone stops the publisher thread.
#[derive(Clone)]
pub struct ScreenHub {
    shared: Arc<Shared>,
    _owner: Arc<Owner>,
}

/// What a client starts with: a frame with everything, and the frames that follow it without a gap.
pub struct Subscription {
    /// `schema` and snapshot events.
    pub snapshot: Bytes,
    /// Frames of later epochs. A receiver that lags must subscribe again.
    pub deltas: broadcast::Receiver<Bytes>,
}

/// State behind all clones of a hub.
pub(crate) struct Shared {
    inbox: Mutex<Inbox>,
    /// Signals the publisher: epochs done, tables opened, job ended, hub closed.
    wake: Condvar,
    view: Mutex<View>,
    counts: Counts,
}

/// Figures of the hub for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Event streams open now.
    pub(crate) clients: AtomicUsize,
    /// Frames published.
    pub(crate) frames: AtomicU64,
    /// Times that a client was too slow and got a fresh snapshot.
    pub(crate) lagged: AtomicU64,
}

struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        lock(&self.0.inbox).closed = true;
        self.0.wake.notify_all();
    }
}

impl ScreenHub {
    /// A hub without tables, with its publisher thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn new() -> Result<Self> {
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            wake: Condvar::new(),
            view: Mutex::new(View::new()),
            counts: Counts::default(),
        });
        let publisher = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("sloth-screen".into())
            .spawn(move || publish::run(&publisher))
            .map_err(|e| Error::internal(format!("the screen's publisher thread does not start: {e}")))?;
        Ok(ScreenHub { _owner: Arc::new(Owner(Arc::clone(&shared))), shared })
    }

    /// The tables declared with `'connector' = 'screen'` so far, in the order of their declaration.
    pub fn tables(&self) -> Vec<ScreenTable> {
        lock(&self.shared.inbox).slots.iter().map(|s| s.table.clone()).collect()
    }

    /// The current state and everything after it.
    pub fn subscribe(&self) -> Subscription {
        lock(&self.shared.view).subscribe()
    }

    /// The current state as one JSON object: `schema`, and what a snapshot event holds.
    pub fn snapshot_json(&self) -> String {
        lock(&self.shared.view).snapshot_json()
    }

    /// The epoch shown now, and the job's error if it has failed.
    pub fn status(&self) -> (Epoch, Option<String>) {
        lock(&self.shared.view).status()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Connector for ScreenHub {
    fn name(&self) -> &'static str {
        "screen"
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        let in_table = |e: Error| e.context(format_args!("table '{}'", table.name));
        table.options.check_known("screen", &["connector", "screen.rows", "screen.max-keys"], &[]).map_err(in_table)?;
        let bound = |key, default| match table.options.parse_or(key, "a whole number above 0", default) {
            Ok(0) => Err(in_table(Error::invalid(format!("option '{key}' = '0': expected a whole number above 0")))),
            other => other.map_err(in_table),
        };
        let declared = ScreenTable {
            name: table.name.clone(),
            schema: Arc::clone(&table.schema),
            rows_max: bound("screen.rows", ROWS_DEFAULT)?,
            keys_max: bound("screen.max-keys", KEYS_DEFAULT)?,
        };
        let rows_max = declared.rows_max;
        let slot = lock(&self.shared.inbox).declare(declared);
        Ok(Arc::new(ScreenSink::new(Arc::clone(&self.shared), slot, rows_max)))
    }
}

impl EpochListener for ScreenHub {
    fn epoch_done(&self, epoch: Epoch, now_ms: i64) {
        lock(&self.shared.inbox).complete(epoch, now_ms);
        self.shared.wake.notify_one();
    }

    fn job_done(&self, error: Option<&str>) {
        lock(&self.shared.inbox).job = Some(error.map(str::to_owned));
        self.shared.wake.notify_one();
    }
}

impl Counts {
    pub(crate) fn add(figure: &AtomicU64) {
        figure.fetch_add(1, Ordering::Relaxed);
    }
}

/// Locks even when another thread panicked while it held the lock: every critical section leaves the data usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
