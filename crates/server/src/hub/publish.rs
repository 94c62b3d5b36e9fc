//! The publisher: turns completed epochs into frames, at most forty a second.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sloth_types::clock::Mono;
use sloth_types::{Epoch, Result};
use tokio::sync::broadcast;

use super::inbox::{Delivery, Shape};
use super::table::{LiveTable, comma};
use super::{Shared, Subscription, json, lock};

/// Shortest time between two frames, and the longest that a completed epoch waits.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(25);
/// Shortest time between two frames that only carry a new epoch number.
const QUIET_INTERVAL: Duration = Duration::from_millis(500);
/// Frames that a client may be behind (more than 3 s) before it gets a fresh snapshot instead.
const CLIENT_FRAMES_MAX: usize = 64;

/// What all clients see: every table at the same epoch.
pub(crate) struct View {
    tables: Vec<LiveTable>,
    epoch: Epoch,
    now_ms: i64,
    job: Option<Option<String>>,
    /// Encoded on demand, once per epoch.
    snapshot: Option<Bytes>,
    sender: broadcast::Sender<Bytes>,
}

/// The publisher thread.
pub(crate) fn run(shared: &Arc<Shared>) {
    let mut last = None;
    while let Some(delivery) = next(shared, last) {
        last = Some(Mono::now());
        let mut view = lock(&shared.view);
        if let Some(frame) = view.advance(delivery) {
            shared.counts.frames.fetch_add(1, Ordering::Relaxed);
            view.send(frame);
        }
    }
}

/// Waits until something may be shown; `None` when the hub is closed. Sleeps without a timer while nothing happens.
fn next(shared: &Shared, last: Option<Mono>) -> Option<Delivery> {
    let mut inbox = lock(&shared.inbox);
    loop {
        let age = last.map_or(Duration::MAX, Mono::elapsed);
        let due = inbox.has_news() || (inbox.has_new_epoch() && age >= QUIET_INTERVAL);
        if due && (age >= PUBLISH_INTERVAL || inbox.closed) {
            return Some(inbox.deliver());
        }
        if inbox.closed {
            return None;
        }
        inbox = if due {
            let wait = PUBLISH_INTERVAL.saturating_sub(age);
            shared.wake.wait_timeout(inbox, wait).map_or_else(|e| e.into_inner().0, |(guard, _)| guard)
        } else {
            shared.wake.wait(inbox).unwrap_or_else(PoisonError::into_inner)
        };
    }
}

impl View {
    pub(crate) fn new() -> Self {
        let (sender, _) = broadcast::channel(CLIENT_FRAMES_MAX);
        View { tables: Vec::new(), epoch: Epoch(0), now_ms: 0, job: None, snapshot: None, sender }
    }

    /// Moves all tables forward together; returns the frame to publish.
    pub(crate) fn advance(&mut self, delivery: Delivery) -> Option<Bytes> {
        self.snapshot = None;
        let reshaped = delivery.shape.is_some();
        if let Some(shape) = delivery.shape {
            self.reshape(shape);
        }
        if let Some((epoch, now_ms)) = delivery.done {
            (self.epoch, self.now_ms) = (epoch, now_ms);
        }
        let ended = self.job != delivery.job;
        self.job = delivery.job;
        let mut deltas = String::new();
        for (table, changes) in self.tables.iter_mut().zip(delivery.changes) {
            if changes.is_empty() {
                continue;
            }
            let start = deltas.len();
            comma(&mut deltas, start);
            json::push_string(&mut deltas, &table.table.name);
            deltas.push(':');
            match table.apply(changes, &mut deltas) {
                Ok(true) => {}
                Ok(false) => deltas.truncate(start),
                Err(error) => {
                    deltas.truncate(start);
                    tracing::error!(table = table.table.name, %error, "changes of an epoch cannot be shown");
                }
            }
        }
        if reshaped {
            return Some(self.snapshot());
        }
        let mut body = self.head(false, ended);
        body.push_str(&deltas);
        body.push_str("}}");
        Some(frame("epoch", Some(self.epoch), &body))
    }

    /// Hands a frame to all clients.
    pub(crate) fn send(&self, frame: Bytes) {
        // Fails when nobody listens, which is fine.
        let _ = self.sender.send(frame);
    }

    fn reshape(&mut self, shape: Vec<Shape>) {
        let mut old: Vec<Option<LiveTable>> = std::mem::take(&mut self.tables).into_iter().map(Some).collect();
        self.tables = shape
            .into_iter()
            .enumerate()
            .map(|(at, Shape { table, opened })| match (opened, old.get_mut(at).and_then(Option::take)) {
                (Some((schema, mode)), _) => open(table, schema, &mode),
                (None, Some(kept)) if kept.table.name == table.name => kept,
                (None, _) => LiveTable::declared(table),
            })
            .collect();
    }

    /// The start of an epoch's JSON, up to and including `"tables":{`.
    fn head(&self, snapshot: bool, with_job: bool) -> String {
        let mut out = format!("{{\"epoch\":{},\"now_ms\":{}", self.epoch, self.now_ms);
        if snapshot {
            out.push_str(",\"snapshot\":true");
        }
        if with_job {
            out.push_str(",\"job\":");
            match &self.job {
                None => out.push_str("{\"state\":\"running\"}"),
                Some(None) => out.push_str("{\"state\":\"ended\"}"),
                Some(Some(error)) => {
                    out.push_str("{\"state\":\"failed\",\"error\":");
                    json::push_string(&mut out, error);
                    out.push('}');
                }
            }
        }
        out.push_str(",\"tables\":{");
        out
    }

    fn schema_json(&self) -> String {
        let mut out = String::from("{\"tables\":{");
        for (index, table) in self.tables.iter().enumerate() {
            comma(&mut out, index);
            table.write_schema(&mut out);
        }
        out.push_str("}}");
        out
    }

    fn state_json(&self) -> String {
        let mut out = self.head(true, true);
        for (index, table) in self.tables.iter().enumerate() {
            comma(&mut out, index);
            json::push_string(&mut out, &table.table.name);
            out.push(':');
            table.write_snapshot(&mut out);
        }
        out.push_str("}}");
        out
    }

    /// Schema and state as one object.
    pub(crate) fn snapshot_json(&self) -> String {
        let state = self.state_json();
        format!("{{\"schema\":{},{}", self.schema_json(), state.trim_start_matches('{'))
    }

    fn snapshot(&mut self) -> Bytes {
        if let Some(bytes) = &self.snapshot {
            return bytes.clone();
        }
        let schema = frame("schema", None, &self.schema_json());
        let state = frame("epoch", Some(self.epoch), &self.state_json());
        let bytes = Bytes::from([schema, state].concat());
        self.snapshot = Some(bytes.clone());
        bytes
    }

    pub(crate) fn subscribe(&mut self) -> Subscription {
        Subscription { deltas: self.sender.subscribe(), snapshot: self.snapshot() }
    }

    pub(crate) fn status(&self) -> (Epoch, Option<String>) {
        (self.epoch, self.job.clone().flatten())
    }
}

fn open(
    table: Arc<super::ScreenTable>,
    schema: arrow::datatypes::SchemaRef,
    mode: &sloth_types::ChangelogMode,
) -> LiveTable {
    let opened: Result<LiveTable> = LiveTable::opened(Arc::clone(&table), schema, mode);
    opened.unwrap_or_else(|error| {
        // `Sink::open` has built the same keys before, so this is a bug; the other tables are still worth showing.
        tracing::error!(table = table.name, %error, "screen table cannot be shown");
        LiveTable::declared(table)
    })
}

/// A server-sent event. JSON has no raw line breaks, so one data line is enough.
fn frame(event: &str, id: Option<Epoch>, data: &str) -> Bytes {
    let id = id.map_or(String::new(), |epoch| format!("id: {epoch}\n"));
    Bytes::from(format!("{id}event: {event}\ndata: {data}\n\n"))
}
