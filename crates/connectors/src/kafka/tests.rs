//! Options and properties, without a broker. What needs one is in `tests/kafka`.

use arrow::datatypes::DataType;
use sloth_types::{Options, TableSpec};

use super::columns::{Columns, Origin};
use super::properties::{Connection, Reset};
use super::startup::{Bounded, Startup};
use crate::testing::{nullable, table};

fn of(options: &[(&str, &str)]) -> TableSpec {
    let fields = vec![nullable("a", DataType::Utf8), nullable("k_b", DataType::Int64), nullable("c", DataType::Utf8)];
    let mut table = table("t", fields, options);
    table.options.set("properties.bootstrap.servers", "127.0.0.1:1");
    table
}

#[test]
fn java_names_become_those_of_librdkafka() {
    let login = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"al ice\" \
                 password=\"a\\\"b;\";";
    let connection = Connection::new(&of(&[
        ("properties.sasl.jaas.config", login),
        ("properties.sasl.mechanism", "SCRAM-SHA-512"),
        ("properties.security.protocol", "SASL_SSL"),
        ("properties.fetch.max.wait.ms", "7"),
        ("properties.buffer.memory", "1048576"),
        ("properties.linger.ms", "20"),
        ("properties.acks", "1"),
        ("properties.key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"),
        ("properties.ssl.endpoint.identification.algorithm", ""),
        ("properties.ssl.truststore.location", "/ca.pem"),
        ("properties.ssl.truststore.type", "PEM"),
    ]))
    .unwrap();
    let consumer = connection.consumer().unwrap();
    for (key, value) in [
        ("bootstrap.servers", "127.0.0.1:1"),
        ("sasl.username", "al ice"),
        ("sasl.password", "a\"b;"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("fetch.wait.max.ms", "7"),
        ("ssl.endpoint.identification.algorithm", "none"),
        ("ssl.ca.location", "/ca.pem"),
        ("auto.offset.reset", "error"),
        ("enable.auto.commit", "false"),
    ] {
        assert_eq!(consumer.get(key), Some(value), "{key}");
    }
    assert_eq!(consumer.get("key.deserializer"), None);
    let producer = connection.producer(false).unwrap();
    assert_eq!(producer.get("queue.buffering.max.kbytes"), Some("1024"));
    assert_eq!(producer.get("linger.ms"), Some("20"));
    assert_eq!(producer.get("enable.idempotence"), Some("false"), "a single acknowledgement rules it out");
}

#[test]
fn a_second_name_replaces_what_we_set() {
    let renamed = [("properties.queue.buffering.max.ms", "20"), ("properties.message.timeout.ms", "9000")];
    let producer = Connection::new(&of(&renamed)).unwrap().producer(true).unwrap();
    assert_eq!((producer.get("linger.ms"), producer.get("delivery.timeout.ms")), (Some("20"), Some("9000")));
    assert_eq!((producer.get("queue.buffering.max.ms"), producer.get("message.timeout.ms")), (None, None));
}

#[test]
fn stores_and_modules_of_java_are_refused_with_a_way_out() {
    let fails = |options: &[(&str, &str)], part: &str| {
        let error = Connection::new(&of(options)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    fails(&[("properties.ssl.truststore.location", "/x.jks")], "properties.ssl.ca.location");
    fails(&[("properties.ssl.keystore.location", "/x.jks")], "PKCS12");
    fails(&[("properties.sasl.jaas.config", "a.b.Krb5LoginModule required;")], "Krb5LoginModule");
    fails(&[("properties.sasl.jaas.config", "x.PlainLoginModule required username=\"u\";")], "password is missing");
    fails(&[("properties.auto.offset.reset", "first")], "'earliest'");
    fails(&[("properties.default.api.timeout.ms", "soon")], "milliseconds");
}

#[test]
fn positions_are_committed_only_for_a_group() {
    let interval = |options: &[(&str, &str)]| Connection::new(&of(options)).unwrap().commit_interval;
    assert_eq!(interval(&[]), None);
    assert_eq!(interval(&[("properties.group.id", "g")]).map(|d| d.as_secs()), Some(5));
    let off = [("properties.group.id", "g"), ("properties.enable.auto.commit", "false")];
    assert_eq!(interval(&off), None);
    let reset = Connection::new(&of(&[("properties.auto.offset.reset", "latest")])).unwrap().reset;
    assert_eq!(reset, Some(Reset::Latest));
}

#[test]
fn modes_are_parsed() {
    let options = |pairs: &[(&str, &str)]| Options::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let start = |pairs: &[(&str, &str)]| Startup::new(&options(pairs));
    let mode = "scan.startup.mode";
    assert_eq!(start(&[(mode, "earliest-offset")]).unwrap(), Startup::Earliest);
    assert_eq!(start(&[("properties.group.id", "g")]).unwrap(), Startup::Group);
    let offsets = ("scan.startup.specific-offsets", " partition:0, offset:42; partition:3,offset:300; ");
    let specific = start(&[(mode, "specific-offsets"), offsets]).unwrap();
    assert_eq!(specific, Startup::Specific(vec![(0, 42), (3, 300)]));
    for wrong in ["", "0:42", "partition:0", "partition:0,offset:-1", "partition:x,offset:1"] {
        assert!(start(&[(mode, "specific-offsets"), ("scan.startup.specific-offsets", wrong)]).is_err(), "{wrong}");
    }
    assert!(start(&[(mode, "timestamp")]).is_err());
    assert_eq!(Bounded::new(&options(&[])).unwrap(), Bounded::Unbounded);
    let end = [("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "17")];
    assert_eq!(Bounded::new(&options(&end)).unwrap(), Bounded::Timestamp(17));
    assert!(Bounded::new(&options(&[("scan.bounded.mode", "earliest-offset")])).is_err());
}

#[test]
fn columns_are_split_between_key_and_value() {
    let keyed = of(&[
        ("value.format", "json"),
        ("value.json.ignore-parse-errors", "true"),
        ("key.format", "csv"),
        ("key.csv.field-delimiter", "|"),
        ("key.fields", "c;k_b"),
        ("value.fields-include", "EXCEPT_KEY"),
    ]);
    let columns = Columns::keyed_by_option(&keyed).unwrap();
    assert_eq!(columns.value.columns, ["a"]);
    assert_eq!(columns.value.options.get("json.ignore-parse-errors"), Some("true"));
    let key = columns.key.as_ref().unwrap();
    assert_eq!(key.columns, ["c", "k_b"], "in the order of 'key.fields'");
    assert_eq!(key.options.get("csv.field-delimiter"), Some("|"));
    let projection = columns.project(&keyed.schema).unwrap();
    assert_eq!(projection.origins, [Origin::Value(0), Origin::Key(0), Origin::Key(1)]);
    // The key is decoded even when no column of it is asked for: whether a record is bad must not depend on the query.
    let asked = std::sync::Arc::new(keyed.schema.project(&[0]).unwrap());
    let projection = columns.project(&asked).unwrap();
    assert_eq!(projection.origins, [Origin::Value(0)]);
    assert_eq!(projection.key.map(|k| k.fields().len()), Some(0));
}

#[test]
fn a_prefix_keeps_names_apart() {
    let base = [("format", "json"), ("key.format", "json"), ("key.fields", "k_b"), ("key.fields-prefix", "k_")];
    let error = Columns::keyed_by_option(&of(&base)).unwrap_err().to_string();
    assert!(error.contains("EXCEPT_KEY"), "{error}");
    let except = of(&[base[0], base[1], base[2], base[3], ("value.fields-include", "EXCEPT_KEY")]);
    let columns = Columns::keyed_by_option(&except).unwrap();
    assert_eq!(columns.key.unwrap().table.schema.field(0).name(), "b");
    let wrong = of(&[base[0], base[1], ("key.fields", "a"), base[3], ("value.fields-include", "EXCEPT_KEY")]);
    assert!(Columns::keyed_by_option(&wrong).unwrap_err().to_string().contains("does not start with"));
}
