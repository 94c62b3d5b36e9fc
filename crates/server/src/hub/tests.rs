//! The hub through its real interfaces: sinks on one side, a client's view on the other.

mod client;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_types::clock::Mono;
use sloth_types::rng::Rng;
use sloth_types::{ChangelogMode, Connector, Epoch, EpochListener, OpenSink, Options, SinkWriter, TableSpec};

use super::inbox::Inbox;
use super::{ScreenHub, ScreenTable};
use client::Client;
use rows::{changes, key_value_schema};

fn spec(name: &str, schema: &SchemaRef, options: &[(&str, &str)]) -> TableSpec {
    let given = options.iter().map(|(k, v)| (k.to_string(), v.to_string()));
    TableSpec {
        name: name.into(),
        schema: Arc::clone(schema),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        options: Options::new(given.chain([("connector".to_string(), "screen".to_string())])),
        time_zone: "UTC".into(),
        partition_by: vec![],
    }
}

fn open(hub: &ScreenHub, name: &str, mode: ChangelogMode, options: &[(&str, &str)]) -> Box<dyn SinkWriter> {
    let schema = key_value_schema();
    hub.sink(&spec(name, &schema, options)).unwrap().open(OpenSink::plain(schema, mode)).unwrap()
}

fn by_key() -> ChangelogMode {
    ChangelogMode::Upsert { key: vec![0] }
}

fn one_row() -> ChangelogMode {
    ChangelogMode::Upsert { key: vec![] }
}

/// Reads frames until epoch `epoch` is shown; fails after ten seconds.
fn until(client: &mut Client, epoch: u64) {
    let deadline = Mono::now().after(Duration::from_secs(10));
    while client.epoch < epoch {
        assert!(deadline.until() > Duration::ZERO, "epoch {epoch} is not shown, only {}", client.epoch);
        if !client.read() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn all_tables_show_the_same_epoch_and_none_that_is_not_done() {
    let hub = ScreenHub::new().unwrap();
    let mut left = open(&hub, "left", one_row(), &[]);
    let mut right = open(&hub, "right", one_row(), &[]);
    let mut client = Client::new(&hub);
    for number in 1..=200u64 {
        let value = number as i64;
        // Writers run ahead of each other and of the epochs that are done.
        left.write(Epoch(number), &changes(&[(1, 0, value)])).unwrap();
        left.end_epoch(Epoch(number)).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        right.write(Epoch(number), &changes(&[(1, 0, value)])).unwrap();
        right.end_epoch(Epoch(number)).unwrap();
        if number > 3 {
            hub.epoch_done(Epoch(number - 3), value);
        }
        while client.read() {
            let (left, right) = (client.rows("left"), client.rows("right"));
            assert_eq!(left, right, "at epoch {}", client.epoch);
            let shown = left.first().map_or(0, |row| row[1].as_u64().unwrap());
            assert_eq!(shown, client.epoch);
        }
    }
    until(&mut client, 197);
    assert!(client.frames > 1);
}

#[test]
fn quick_epochs_become_few_frames_and_the_last_is_not_late() {
    let hub = ScreenHub::new().unwrap();
    let mut sink = open(&hub, "t", one_row(), &[]);
    let mut client = Client::new(&hub);
    let start = Mono::now();
    let mut number = 0;
    while start.elapsed() < Duration::from_millis(1000) {
        number += 1;
        sink.write(Epoch(number), &changes(&[(1, 0, number as i64)])).unwrap();
        sink.end_epoch(Epoch(number)).unwrap();
        hub.epoch_done(Epoch(number), 0);
        std::thread::sleep(Duration::from_micros(500));
    }
    let done = Mono::now();
    until(&mut client, number);
    // 25 ms by contract; the rest is for a machine that has more to do.
    assert!(done.elapsed() < Duration::from_millis(400), "the last epoch came after {:?}", done.elapsed());
    let most = start.elapsed().as_millis() / 25 + 2;
    assert!((client.frames as u128) <= most, "{} frames in {:?}", client.frames, start.elapsed());
    assert!(number > 100, "the test itself was too slow: {number} epochs");
}

#[test]
fn epochs_without_rows_are_shown_now_and_then() {
    let hub = ScreenHub::new().unwrap();
    let _sink = open(&hub, "t", one_row(), &[]);
    let mut client = Client::new(&hub);
    let start = Mono::now();
    for number in 1..=300 {
        hub.epoch_done(Epoch(number), 0);
        std::thread::sleep(Duration::from_millis(4));
    }
    while client.read() {}
    assert!(client.epoch > 0);
    assert!(u128::from(client.frames) <= start.elapsed().as_millis() / 500 + 2, "{} frames", client.frames);
}

#[test]
fn snapshot_and_deltas_give_the_state_under_random_changes() {
    for seed in 0..4 {
        random_changes(seed);
    }
}

fn random_changes(seed: u64) {
    let mut rng = Rng::new(seed);
    let hub = ScreenHub::new().unwrap();
    let mut keyed = open(&hub, "keyed", by_key(), &[]);
    let mut single = open(&hub, "single", one_row(), &[]);
    let mut log = open(&hub, "log", ChangelogMode::Append, &[("screen.rows", "7")]);
    let mut clients = vec![Client::new(&hub)];
    let (mut map, mut last, mut rows) = (BTreeMap::new(), None, Vec::new());
    for number in 1..=150u64 {
        let epoch = Epoch(number);
        for _ in 0..rng.below(3) {
            let batch: Vec<(i64, i64, i64)> = (0..rng.below(6))
                .map(|_| (if rng.chance(0.3) { -1 } else { 1 }, rng.between(0, 9), rng.between(0, 3)))
                .collect();
            for (diff, key, value) in &batch {
                if *diff > 0 {
                    map.insert(*key, *value)
                } else {
                    map.remove(key)
                };
            }
            keyed.write(epoch, &changes(&batch)).unwrap();
        }
        let value = rng.between(0, 1 << 40);
        let diff = if rng.chance(0.2) { -1 } else { 1 };
        last = (diff > 0).then_some((5, value));
        single.write(epoch, &changes(&[(diff, 5, value)])).unwrap();
        for _ in 0..rng.below(5) {
            let row = (rng.between(0, 99), value);
            log.write(epoch, &changes(&[(1, row.0, row.1)])).unwrap();
            rows.push(row);
        }
        for sink in [&mut keyed, &mut single, &mut log] {
            sink.end_epoch(epoch).unwrap();
        }
        hub.epoch_done(epoch, 0);
        if rng.chance(0.1) {
            clients.push(Client::new(&hub));
            std::thread::sleep(Duration::from_millis(rng.below(60)));
        }
    }
    let skip = rows.len().saturating_sub(7);
    for client in &mut clients {
        until(client, 150);
        assert_eq!(client.pairs("keyed"), map.clone().into_iter().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(client.pairs("single"), last.into_iter().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(client.pairs("log"), rows[skip..], "seed {seed}");
    }
    let snapshot: serde_json::Value = serde_json::from_str(&hub.snapshot_json()).unwrap();
    assert_eq!(snapshot["epoch"], 150);
    assert_eq!(snapshot["tables"]["log"]["append"].as_array().unwrap().len(), rows.len() - skip);
    assert_eq!(snapshot["schema"]["tables"]["keyed"]["key"], serde_json::json!([0]));
}

#[test]
fn a_client_that_does_not_read_falls_behind_alone() {
    let hub = ScreenHub::new().unwrap();
    let mut sink = open(&hub, "t", one_row(), &[]);
    let mut slow = Client::new(&hub);
    let mut quick = Client::new(&hub);
    let mut number = 0;
    // More frames than a client may be behind, published without the publisher's pauses.
    for _ in 0..100 {
        number += 1;
        sink.write(Epoch(number), &changes(&[(1, 0, number as i64)])).unwrap();
        sink.end_epoch(Epoch(number)).unwrap();
        let mut view = super::lock(&hub.shared.view);
        let mut inbox = super::lock(&hub.shared.inbox);
        inbox.complete(Epoch(number), 0);
        let frame = view.advance(inbox.deliver()).unwrap();
        drop(inbox);
        view.send(frame);
        drop(view);
        until(&mut quick, number);
        assert_eq!(quick.pairs("t"), [(0, number as i64)]);
    }
    assert!(slow.lags(), "the slow client was not dropped from the stream");
    let mut again = Client::new(&hub);
    until(&mut again, number);
    assert_eq!(again.pairs("t"), [(0, number as i64)]);
}

#[test]
fn keys_beyond_the_bound_are_counted_not_kept() {
    let hub = ScreenHub::new().unwrap();
    let mut sink = open(&hub, "t", by_key(), &[("screen.max-keys", "3")]);
    let rows: Vec<_> = (0..10).map(|key| (1, key, key)).collect();
    sink.write(Epoch(1), &changes(&rows)).unwrap();
    sink.end_epoch(Epoch(1)).unwrap();
    hub.epoch_done(Epoch(1), 0);
    let mut client = Client::new(&hub);
    until(&mut client, 1);
    assert_eq!(client.pairs("t").len(), 3);
    let snapshot: serde_json::Value = serde_json::from_str(&hub.snapshot_json()).unwrap();
    assert_eq!(snapshot["tables"]["t"]["overflow"], 7);
}

#[test]
fn two_inserts_into_one_table_both_arrive_epoch_by_epoch() {
    let hub = ScreenHub::new().unwrap();
    let mut ahead = open(&hub, "t", ChangelogMode::Append, &[]);
    let mut behind = open(&hub, "t", ChangelogMode::Append, &[]);
    for number in 1..=3 {
        ahead.write(Epoch(number), &changes(&[(1, 1, number as i64)])).unwrap();
        ahead.end_epoch(Epoch(number)).unwrap();
    }
    for number in 1..=3 {
        behind.write(Epoch(number), &changes(&[(1, 2, number as i64), (1, 3, number as i64)])).unwrap();
        behind.end_epoch(Epoch(number)).unwrap();
    }
    // Planning the script again must not lose what waits.
    hub.sink(&spec("t", &key_value_schema(), &[])).unwrap();
    let mut client = Client::new(&hub);
    hub.epoch_done(Epoch(2), 0);
    until(&mut client, 2);
    assert_eq!(client.pairs("t"), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2)]);
    hub.epoch_done(Epoch(3), 0);
    until(&mut client, 3);
    assert_eq!(client.pairs("t").len(), 9);
}

#[test]
fn a_new_job_starts_its_epochs_anew() {
    let hub = ScreenHub::new().unwrap();
    let mut client = Client::new(&hub);
    drop(open(&hub, "t", ChangelogMode::Append, &[]));
    hub.epoch_done(Epoch(500), 0);
    until(&mut client, 500);
    let mut sink = open(&hub, "t", ChangelogMode::Append, &[]);
    sink.write(Epoch(1), &changes(&[(1, 1, 1)])).unwrap();
    sink.end_epoch(Epoch(1)).unwrap();
    std::thread::sleep(Duration::from_millis(120));
    while client.read() {}
    assert!(client.rows("t").is_empty(), "rows of an epoch that is not done are shown");
    hub.epoch_done(Epoch(1), 0);
    let deadline = Mono::now().after(Duration::from_secs(5));
    while client.pairs("t") != [(1, 1)] {
        assert!(deadline.until() > Duration::ZERO);
        client.read();
    }
    assert_eq!(client.epoch, 1);
}

#[test]
fn a_table_opened_again_starts_empty_and_the_end_of_the_job_is_told() {
    let hub = ScreenHub::new().unwrap();
    let mut sink = open(&hub, "t", ChangelogMode::Append, &[]);
    let mut client = Client::new(&hub);
    sink.write(Epoch(9), &changes(&[(1, 1, 1)])).unwrap();
    sink.end_epoch(Epoch(9)).unwrap();
    hub.epoch_done(Epoch(9), 0);
    hub.job_done(Some("sink is \"down\""));
    until(&mut client, 9);
    let deadline = Mono::now().after(Duration::from_secs(5));
    while client.job["state"] != "failed" {
        assert!(deadline.until() > Duration::ZERO);
        client.read();
    }
    assert_eq!(client.job["error"], "sink is \"down\"");
    assert_eq!(hub.status().1.as_deref(), Some("sink is \"down\""));
    let _again = open(&hub, "t", ChangelogMode::Append, &[]);
    while !client.rows("t").is_empty() || client.job["state"] != "running" {
        assert!(deadline.until() > Duration::ZERO);
        client.read();
    }
}

#[test]
fn pending_rows_are_merged_when_nobody_takes_them() {
    let declared =
        |name: &str| ScreenTable { name: name.into(), schema: key_value_schema(), rows_max: 10, keys_max: 10 };
    let mut inbox = Inbox::default();
    for (slot, mode) in [("keyed", by_key()), ("log", ChangelogMode::Append)].into_iter().enumerate() {
        inbox.declare(declared(mode.0));
        inbox.open(slot, key_value_schema(), mode.1).unwrap();
    }
    let rows: Vec<_> = (0..1000).map(|i| (1, i % 10, i)).collect();
    for number in 1..=500 {
        for slot in 0..2 {
            inbox.push(slot, Epoch(number), &mut vec![changes(&rows)]);
        }
        inbox.complete(Epoch(number), 0);
        assert!(inbox.slots.iter().all(|s| s.pending_rows() <= 101_000));
    }
    let delivery = inbox.deliver();
    let newest: Vec<i64> = delivery.changes[1].iter().flat_map(rows::values).collect();
    assert!(newest.ends_with(&(990..1000).collect::<Vec<_>>()));
    let keyed: BTreeMap<i64, i64> = delivery.changes[0].iter().flat_map(rows::pairs).collect();
    assert_eq!(keyed, (0..10).map(|key| (key, 990 + key)).collect());
}

#[test]
fn rows_without_a_key_come_and_go_one_by_one() {
    let hub = ScreenHub::new().unwrap();
    let mut writer = open(&hub, "bag", ChangelogMode::Retract, &[]);
    let mut client = Client::new(&hub);
    let mut rng = sloth_types::rng::Rng::new(7);
    let mut bag: Vec<(i64, i64)> = vec![];
    for number in 1..=120u64 {
        let mut rows = vec![];
        for _ in 0..rng.below(6) {
            if !bag.is_empty() && rng.chance(0.5) {
                let (key, value) = bag.swap_remove(rng.below(bag.len() as u64) as usize);
                rows.push((-1, key, value));
            } else {
                let row = (rng.below(3) as i64, rng.below(2) as i64);
                bag.push(row);
                rows.push((1, row.0, row.1));
            }
        }
        writer.write(Epoch(number), &changes(&rows)).unwrap();
        writer.end_epoch(Epoch(number)).unwrap();
        hub.epoch_done(Epoch(number), 0);
        while client.read() {}
    }
    until(&mut client, 120);
    bag.sort_unstable();
    assert_eq!(client.pairs("bag"), bag);
    assert_eq!(Client::new(&hub).pairs("bag"), bag, "a new client gets them all");
}

#[test]
fn what_waits_too_long_is_netted() {
    let mut inbox = Inbox::default();
    let (name, schema) = ("bag".to_owned(), key_value_schema());
    inbox.declare(ScreenTable { name, schema: key_value_schema(), rows_max: 10, keys_max: 10 });
    inbox.open(0, schema, ChangelogMode::Retract).unwrap();
    let rows: Vec<_> = (0..1000).flat_map(|i| [(1, i % 10, i), (-1, i % 10, i)]).chain([(1, 7, 7)]).collect();
    for number in 1..=200 {
        inbox.push(0, Epoch(number), &mut vec![changes(&rows)]);
        inbox.complete(Epoch(number), 0);
        assert!(inbox.slots.iter().all(|s| s.pending_rows() <= 103_000));
    }
    let delivery = inbox.deliver();
    let net: i64 = delivery.changes[0].iter().flat_map(|b| (0..b.len()).map(|row| b.diff(row))).sum();
    assert_eq!(net, 200);
}

#[test]
fn options_are_checked() {
    let hub = ScreenHub::new().unwrap();
    let schema = key_value_schema();
    let error = |options| hub.sink(&spec("t", &schema, options)).err().unwrap().to_string();
    assert!(error(&[("screen.row", "5")]).contains("Did you mean 'screen.rows'?"));
    assert!(error(&[("screen.rows", "many")]).contains("expected a whole number above 0"));
    assert!(error(&[("screen.max-keys", "0")]).starts_with("table 't': option 'screen.max-keys' = '0'"));
    let sink = hub.sink(&spec("t", &schema, &[])).unwrap();
    assert!(sink.accepts(&ChangelogMode::Append) && sink.accepts(&by_key()) && sink.accepts(&ChangelogMode::Retract));
    assert!(hub.source(&spec("t", &schema, &[])).is_err());
    assert_eq!(hub.tables().len(), 1);
}

#[test]
fn a_column_of_an_unknown_kind_does_not_stop_the_screen() {
    let hub = ScreenHub::new().unwrap();
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("n", DataType::Null, true)]));
    let sink = hub.sink(&spec("t", &schema, &[])).unwrap();
    let mut writer = sink.open(OpenSink::plain(Arc::clone(&schema), ChangelogMode::Append)).unwrap();
    let rows =
        arrow::array::RecordBatch::try_new(schema, vec![arrow::array::new_null_array(&DataType::Null, 2)]).unwrap();
    writer.write(Epoch(1), &sloth_types::ChangeBatch::append(rows)).unwrap();
    writer.end_epoch(Epoch(1)).unwrap();
    hub.epoch_done(Epoch(1), 0);
    let mut client = Client::new(&hub);
    until(&mut client, 1);
    assert_eq!(client.rows("t").len(), 2);
}
