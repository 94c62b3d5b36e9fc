//! What goes wrong outside becomes an error that says what to do.

use std::net::TcpListener;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema};
use sloth_types::clock::Mono;
use sloth_types::{ChangelogMode, ErrorKind, OpenSink};

use crate::broker::{Topic, broker};
use crate::table::{numbers, sink, source};

const EARLIEST: (&str, &str) = ("scan.startup.mode", "earliest-offset");

#[test]
fn a_broker_that_is_down_is_an_error_within_the_timeout() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "down", 1);
    // A port that was free a moment ago: nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let wait = ("properties.default.api.timeout.ms", "1500");
    let table = numbers(&topic, &[EARLIEST, ("properties.bootstrap.servers", &closed), wait]);
    let started = Mono::now();
    let error = source(&table).unwrap().splits().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&format!("Kafka at {closed} does not answer")), "{error}");
    assert!(error.to_string().contains("refused"), "the cause is named: {error}");
    let error = sink(&table).unwrap().open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_topic_that_does_not_exist_is_an_error_with_a_proposal() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "exists", 1);
    let mut table = numbers(&topic, &[EARLIEST]);
    table.options.set("topic", format!("{}x", topic.name));
    let error = source(&table).unwrap().splits().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert!(error.to_string().contains(&format!("Did you mean '{}'", topic.name)), "{error}");
    let error = sink(&table).unwrap().open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).err().unwrap();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[test]
fn a_topic_deleted_while_it_is_read_stops_the_job() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "vanishes", 1);
    topic.put_numbers(0, 0..3);
    // A topic is given up only after a while, for it may just have been created.
    let patience = ("properties.topic.metadata.propagation.max.ms", "500");
    let table = numbers(&topic, &[EARLIEST, patience]);
    let source = source(&table).unwrap();
    let mut tap = crate::table::Tap::only(&*source, &table);
    tap.rows(3);
    topic.delete();
    let started = Mono::now();
    let error = loop {
        match tap.reader.read(crate::table::LIMIT) {
            Ok(_) => drop(tap.bell.recv_timeout(Duration::from_millis(200))),
            Err(error) => break error,
        }
        assert!(started.elapsed() < crate::broker::PATIENCE, "the reader does not notice");
    };
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[test]
fn a_wrong_login_is_not_taken_for_a_broker_that_is_down() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "login", 1);
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";";
    let table = numbers(
        &topic,
        &[
            EARLIEST,
            ("properties.security.protocol", "SASL_PLAINTEXT"),
            ("properties.sasl.mechanism", "PLAIN"),
            ("properties.sasl.jaas.config", login),
            ("properties.default.api.timeout.ms", "3000"),
        ],
    );
    let error = source(&table).unwrap().splits().unwrap_err().to_string();
    // The broker offers no login at all, which librdkafka reports as a failed one.
    assert!(error.contains("refused the login") && error.contains("sasl"), "{error}");
}

#[test]
fn options_are_checked_before_anything_is_reached() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "options", 1);
    let fails = |options: &[(&str, &str)], part: &str| {
        let error = source(&numbers(&topic, options)).err().expect(part).to_string();
        assert!(error.contains(part), "{error}");
    };
    fails(&[], "'scan.startup.mode' is missing");
    fails(&[("scan.startup.mode", "earliest")], "Known modes: earliest-offset");
    fails(&[EARLIEST, ("scan.bounded.modes", "x")], "Did you mean 'scan.bounded.mode'");
    fails(&[EARLIEST, ("properties.fetch.sizes", "1")], "properties.fetch.sizes");
    fails(&[EARLIEST, ("properties.fetch.min.bytes", "many")], "properties.fetch.min.bytes");
    fails(&[EARLIEST, ("topic-pattern", "x")], "exclude each other");
    fails(&[EARLIEST, ("key.format", "raw")], "needs 'key.fields'");
    fails(&[EARLIEST, ("key.format", "raw"), ("key.fields", "m")], "not a physical column");
    fails(&[("scan.startup.mode", "group-offsets")], "properties.group.id");
    // Exactly-once needs a job that can be resumed; 'sink.semantic' is the old name.
    for name in ["sink.delivery-guarantee", "sink.semantic"] {
        let table = numbers(&topic, &[(name, "exactly-once")]);
        let open = OpenSink::plain(table.schema.clone(), ChangelogMode::Append);
        let error = sink(&table).unwrap().open(open).err().unwrap();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("can be resumed"), "{error}");
    }
    let mut upsert = numbers(&topic, &[("connector", "upsert-kafka"), ("key.format", "json")]);
    assert!(sink(&upsert).err().unwrap().to_string().contains("PRIMARY KEY"));
    upsert.schema = std::sync::Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    upsert.primary_key = vec!["n".into()];
    assert!(sink(&upsert).is_ok());
    assert!(source(&upsert).is_ok());
}
