//! The server over real sockets on the loopback address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use sloth_types::clock::Mono;
use sloth_types::metrics::{JobFigures, SinkFigures, SourceFigures};
use sloth_types::{
    ChangeBatch, ChangelogMode, Connector, Epoch, EpochListener, OpenSink, Options, SinkWriter, TableSpec,
};

use super::{Server, ServerConfig, ServerHandle};
use crate::hub::ScreenHub;

fn start(hub: &ScreenHub, figures: JobFigures) -> ServerHandle {
    start_at(hub, figures, "127.0.0.1:0")
}

fn start_at(hub: &ScreenHub, figures: JobFigures, addr: &str) -> ServerHandle {
    let addr = addr.parse().unwrap();
    Server::start(ServerConfig { addr, screen: None, hub: hub.clone(), figures: Arc::new(figures) }).unwrap()
}

fn request(server: &ServerHandle, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

fn get(server: &ServerHandle, path: &str) -> (String, String) {
    let mut answer = String::new();
    request(server, path).read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

fn table(hub: &ScreenHub) -> Box<dyn SinkWriter> {
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
    let spec = TableSpec {
        name: "t".into(),
        schema: Arc::clone(&schema),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        options: Options::new([("connector".into(), "screen".into())]),
        time_zone: "UTC".into(),
        partition_by: vec![],
    };
    hub.sink(&spec).unwrap().open(OpenSink::plain(schema, ChangelogMode::Upsert { key: vec![] })).unwrap()
}

fn publish(hub: &ScreenHub, writer: &mut dyn SinkWriter, epoch: u64, text: &str) {
    let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
    writer.write(Epoch(epoch), &ChangeBatch::append(RecordBatch::try_new(schema, vec![column]).unwrap())).unwrap();
    writer.end_epoch(Epoch(epoch)).unwrap();
    hub.epoch_done(Epoch(epoch), 1_000);
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Mono::now().after(Duration::from_secs(10));
    while !holds() {
        assert!(deadline.until() > Duration::ZERO, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn pages_carry_a_strict_policy_and_unknown_paths_are_404() {
    let server = start(&ScreenHub::new().unwrap(), JobFigures::default());
    let (head, body) = get(&server, "/");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{head}");
    assert!(body.contains("<html"), "{body}");
    for path in ["/no", "/assets/../Cargo.toml", "/..%2f..%2fCargo.toml", "/api/nothing"] {
        assert!(get(&server, path).0.starts_with("http/1.1 404"), "{path}");
    }
}

#[test]
fn metrics_are_prometheus_text() {
    let figures = JobFigures {
        sources: vec![SourceFigures::new("orders"), SourceFigures::new("a\"b")],
        sinks: vec![SinkFigures::new("total")],
        ..JobFigures::default()
    };
    figures.sources[0].rows.add(9_007_199_254_740_990);
    figures.sources[0].bytes.add(7);
    figures.sources[0].bad_rows.add(3);
    figures.sources[0].watermark_ms.store(1_500, Ordering::Relaxed);
    figures.sinks[0].rows.add(5);
    figures.late_rows.add(2);
    figures.epochs.set(11);
    figures.state_rows.set(13);
    figures.state_bytes.set(17);
    let server = start(&ScreenHub::new().unwrap(), figures);
    let (head, body) = get(&server, "/metrics");
    assert!(head.contains("content-type: application/openmetrics-text"), "{head}");
    for line in [
        "sloth_source_rows_total{table=\"orders\"} 9007199254740990",
        "sloth_source_rows_total{table=\"a\\\"b\"} 0",
        "sloth_source_bytes_total{table=\"orders\"} 7",
        "sloth_source_bad_rows_total{table=\"orders\"} 3",
        "sloth_source_watermark_seconds{table=\"orders\"} 1.5",
        "sloth_sink_rows_total{table=\"total\"} 5",
        "sloth_late_rows_total 2",
        "sloth_epochs_total 11",
        "sloth_state_rows 13.0",
        "sloth_state_bytes 17.0",
        "sloth_screen_clients 0.0",
        "# EOF",
    ] {
        assert!(body.lines().any(|l| l == line), "{line}\n{body}");
    }
    let lag = body.lines().find_map(|l| l.strip_prefix("sloth_source_watermark_lag_seconds{table=\"orders\"} "));
    assert!(lag.unwrap().parse::<f64>().unwrap() > 1.0e9);
    // The other source has no watermark yet.
    assert_eq!(body.matches("sloth_source_watermark_seconds{").count(), 1);
}

#[test]
fn events_bring_schema_snapshot_and_deltas() {
    let hub = ScreenHub::new().unwrap();
    let mut writer = table(&hub);
    let server = start(&hub, JobFigures::default());
    publish(&hub, writer.as_mut(), 1, "one");
    eventually("epoch 1", || hub.status().0 == Epoch(1));
    let mut lines = BufReader::new(request(&server, "/api/events")).lines().map_while(Result::ok);
    let mut next = |start: &str| lines.find(|l| l.starts_with(start)).unwrap();
    assert_eq!(next("content-type:"), "content-type: text/event-stream; charset=utf-8");
    assert_eq!(next("retry:"), "retry: 1000");
    assert_eq!(next("event:"), "event: schema");
    assert_eq!(next("id:"), "id: 1");
    let snapshot = next("data:");
    assert!(snapshot.contains("\"snapshot\":true") && snapshot.contains("[[\"one\"]]"), "{snapshot}");
    publish(&hub, writer.as_mut(), 2, "two");
    assert_eq!(next("id:"), "id: 2");
    assert_eq!(next("data:"), "data: {\"epoch\":2,\"now_ms\":1000,\"tables\":{\"t\":{\"upsert\":[[\"two\"]]}}}");
    assert_eq!(hub.counts().clients.load(Ordering::Relaxed), 1);
    let (_, body) = get(&server, "/api/snapshot");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["epoch"], &body["tables"]["t"]["upsert"][0][0]), (&2.into(), &"two".into()));
    let (_, screen) = get(&server, "/api/screen");
    assert!(screen.contains("\"table\":\"t\""), "{screen}");
}

#[test]
fn a_stalled_client_gets_a_fresh_snapshot_and_holds_up_nobody() {
    let hub = ScreenHub::new().unwrap();
    let mut writer = table(&hub);
    let server = start(&hub, JobFigures::default());
    let mut stalled = request(&server, "/api/events");
    eventually("the client", || hub.counts().clients.load(Ordering::Relaxed) == 1);
    // Frames far bigger than the sockets' buffers, and more of them than a client may be behind.
    let padding = "x".repeat(400_000);
    let frames_before = hub.counts().frames.load(Ordering::Relaxed);
    let mut epoch = 0;
    while hub.counts().frames.load(Ordering::Relaxed) < frames_before + 90 {
        epoch += 1;
        let start = Mono::now();
        publish(&hub, writer.as_mut(), epoch, &format!("{epoch} {padding}"));
        assert!(start.elapsed() < Duration::from_millis(500), "the writer was held up");
        std::thread::sleep(Duration::from_millis(20));
    }
    eventually("the last epoch", || hub.status().0 == Epoch(epoch));
    let (mut snapshots, mut shown) = (0, String::new());
    let mut reader = BufReader::new(&mut stalled);
    while !shown.contains(&format!("\"epoch\":{epoch},")) {
        shown.clear();
        assert!(reader.read_line(&mut shown).unwrap() > 0, "the stream ended before epoch {epoch}");
        snapshots += shown.matches("\"snapshot\":true").count();
    }
    assert!(snapshots >= 2, "{snapshots} snapshots");
    assert!(hub.counts().lagged.load(Ordering::Relaxed) >= 1);
}

#[test]
fn a_taken_port_means_the_next_one() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    if port > 65_000 {
        return;
    }
    let server = start_at(&ScreenHub::new().unwrap(), JobFigures::default(), &format!("127.0.0.1:{port}"));
    assert!(server.addr.port() > port);
    let hub = ScreenHub::new().unwrap();
    let addr = "192.0.2.1:80".parse().unwrap();
    let figures = Arc::new(JobFigures::default());
    let error = Server::start(ServerConfig { addr, screen: None, hub, figures }).err().unwrap();
    assert!(error.to_string().contains("cannot listen on 192.0.2.1:80"), "{error}");
}

#[test]
fn health_follows_the_job() {
    let hub = ScreenHub::new().unwrap();
    let server = start(&hub, JobFigures::default());
    assert!(get(&server, "/healthz").0.starts_with("http/1.1 200"));
    hub.job_done(Some("out of luck"));
    eventually("the failure", || hub.status().1.is_some());
    let (head, body) = get(&server, "/healthz");
    assert!(head.starts_with("http/1.1 503") && body.contains("out of luck"), "{head} {body}");
}

#[test]
fn shutdown_ends_streams_and_frees_the_port() {
    let hub = ScreenHub::new().unwrap();
    let _writer = table(&hub);
    let server = start(&hub, JobFigures::default());
    let addr = server.addr;
    let mut stream = request(&server, "/api/events");
    eventually("the client", || hub.counts().clients.load(Ordering::Relaxed) == 1);
    let begun = Mono::now();
    server.shutdown();
    assert!(begun.elapsed() < Duration::from_secs(2), "shutdown took {:?}", begun.elapsed());
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("event: schema"));
    assert!(TcpStream::connect(addr).is_err());
    eventually("the client is gone", || hub.counts().clients.load(Ordering::Relaxed) == 0);
}
