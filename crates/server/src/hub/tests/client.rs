//! A client as the page is one: applies schema, snapshot and delta events.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::broadcast::error::TryRecvError;

use crate::hub::{ScreenHub, Subscription};

pub(super) struct Client {
    subscription: Subscription,
    schema: Value,
    tables: BTreeMap<String, Vec<Vec<Value>>>,
    pub(super) epoch: u64,
    pub(super) job: Value,
    pub(super) frames: u32,
}

impl Client {
    pub(super) fn new(hub: &ScreenHub) -> Self {
        let subscription = hub.subscribe();
        let snapshot = subscription.snapshot.clone();
        let (schema, job) = (Value::Null, Value::Null);
        let mut client = Client { subscription, schema, tables: BTreeMap::new(), epoch: 0, job, frames: 0 };
        client.take(&snapshot);
        client
    }

    /// Applies the next frame; false when there is none yet.
    pub(super) fn read(&mut self) -> bool {
        match self.subscription.deltas.try_recv() {
            Ok(frame) => {
                self.frames += 1;
                self.take(&frame);
                true
            }
            Err(TryRecvError::Empty) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// True when frames were lost.
    pub(super) fn lags(&mut self) -> bool {
        matches!(self.subscription.deltas.try_recv(), Err(TryRecvError::Lagged(_)))
    }

    pub(super) fn rows(&self, table: &str) -> Vec<Vec<Value>> {
        self.tables.get(table).cloned().unwrap_or_default()
    }

    /// Rows of two whole numbers; sorted for a table with a key, whose order is the client's affair.
    pub(super) fn pairs(&self, table: &str) -> Vec<(i64, i64)> {
        let number = |v: &Value| v.as_i64().unwrap();
        let mut rows: Vec<_> = self.rows(table).iter().map(|r| (number(&r[0]), number(&r[1]))).collect();
        if self.schema["tables"][table]["mode"] == "upsert" {
            rows.sort_unstable();
        }
        rows
    }

    fn take(&mut self, frame: &[u8]) {
        for event in std::str::from_utf8(frame).unwrap().split_terminator("\n\n") {
            let field = |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).map(str::trim_start);
            let data: Value = serde_json::from_str(field("data:").unwrap()).unwrap();
            match field("event:").unwrap() {
                "schema" => self.schema = data,
                "epoch" => {
                    assert_eq!(field("id:").unwrap(), data["epoch"].to_string());
                    self.apply(&data);
                }
                other => panic!("event {other}"),
            }
        }
    }

    fn apply(&mut self, event: &Value) {
        if event["snapshot"] == true {
            self.tables.clear();
        }
        self.epoch = event["epoch"].as_u64().unwrap();
        if !event["job"].is_null() {
            self.job = event["job"].clone();
        }
        for (name, delta) in event["tables"].as_object().unwrap() {
            let schema = &self.schema["tables"][name];
            let rows = self.tables.entry(name.clone()).or_default();
            let list = |key: &str| delta[key].as_array().cloned().unwrap_or_default().into_iter();
            let cells = |row: Value| row.as_array().unwrap().clone();
            let key_of = |row: &[Value]| -> Vec<Value> {
                let key = schema["key"].as_array().unwrap();
                key.iter().map(|at| row[at.as_u64().unwrap() as usize].clone()).collect()
            };
            for key in list("delete").map(cells) {
                rows.retain(|row| key_of(row) != key);
            }
            for row in list("upsert").map(cells) {
                rows.retain(|old| key_of(old) != key_of(&row));
                rows.push(row);
            }
            rows.extend(list("append").map(cells));
            if let Some(most) = schema["rows"].as_u64() {
                rows.drain(..rows.len().saturating_sub(most as usize));
            }
        }
    }
}
