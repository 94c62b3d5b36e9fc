//! The webhook against a real server on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use sloth_types::Connector;

use super::super::Http;
use super::*;
use crate::testing::table;

/// A request as the server saw it: headers and body.
type Seen = (Vec<String>, String);

/// Answers one request after another with these status codes, then with 200.
fn server(mut answers: Vec<u16>) -> (u16, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = channel();
    answers.reverse();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while let Some(seen) = request(&mut reader) {
                let status = answers.pop().unwrap_or(200);
                // Noted before it is answered: whoever has the answer may ask what was seen.
                if sender.send(seen).is_err() {
                    return;
                }
                answer(&stream, status);
            }
        }
    });
    (port, receiver)
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        headers.push(line.trim().to_ascii_lowercase());
    }
    let length = headers.iter().find_map(|h| h.strip_prefix("content-length: ")).map_or(0, |h| h.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some((headers, String::from_utf8(body).unwrap()))
}

fn answer(mut stream: &TcpStream, status: u16) {
    let location = if (300..400).contains(&status) { "Location: /elsewhere\r\n" } else { "" };
    let text = format!("HTTP/1.1 {status} X\r\n{location}Content-Length: 2\r\n\r\nhm");
    stream.write_all(text.as_bytes()).unwrap();
}

fn spec(port: u16, more: &[(&str, &str)]) -> TableSpec {
    let url = format!("http://127.0.0.1:{port}/hook");
    let mut table =
        table("alerts", vec![Field::new("id", DataType::Int64, false)], &[("connector", "http"), ("url", &url)]);
    table.options.set("http.retry-backoff", "1 ms");
    more.iter().for_each(|(k, v)| table.options.set(*k, *v));
    table
}

fn rows(table: &TableSpec, ids: &[i64]) -> ChangeBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    ChangeBatch::append(RecordBatch::try_new(table.schema.clone(), vec![column]).unwrap())
}

fn writer(table: &TableSpec) -> Box<dyn SinkWriter> {
    Http.sink(table).unwrap().open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).unwrap()
}

fn key(seen: &Seen) -> &str {
    seen.0.iter().find_map(|h| h.strip_prefix("idempotency-key: ")).unwrap()
}

#[test]
fn an_epoch_is_an_array_and_big_ones_are_cut() {
    let (port, seen) = server(Vec::new());
    let table = spec(port, &[("http.batch.max-rows", "2"), ("http.header.Authorization", "Bearer x")]);
    let mut writer = writer(&table);
    writer.write(Epoch(7), &rows(&table, &[1, 2])).unwrap();
    writer.write(Epoch(7), &rows(&table, &[3])).unwrap();
    writer.end_epoch(Epoch(7)).unwrap();
    writer.end_epoch(Epoch(8)).unwrap();
    writer.write(Epoch(9), &rows(&table, &[4])).unwrap();
    writer.end_epoch(Epoch(9)).unwrap();
    writer.close().unwrap();
    let all: Vec<Seen> = seen.try_iter().collect();
    let told: Vec<_> = all.iter().map(|s| (key(s), s.1.as_str())).collect();
    assert_eq!(
        told,
        [("alerts-7-0", r#"[{"id":1},{"id":2}]"#), ("alerts-7-1", r#"[{"id":3}]"#), ("alerts-9-0", r#"[{"id":4}]"#)]
    );
    assert!(all[0].0.contains(&"authorization: bearer x".to_owned()));
}

#[test]
fn without_batches_each_row_is_a_request() {
    let (port, seen) = server(Vec::new());
    let table = spec(port, &[("http.batch", "false")]);
    let mut writer = writer(&table);
    writer.write(Epoch(1), &rows(&table, &[1, 2])).unwrap();
    writer.end_epoch(Epoch(1)).unwrap();
    assert_eq!(seen.try_iter().map(|s| s.1).collect::<Vec<_>>(), [r#"{"id":1}"#, r#"{"id":2}"#]);
}

#[test]
fn a_retry_sends_the_same_key_and_rows() {
    let (port, seen) = server(vec![503, 429]);
    let table = spec(port, &[]);
    let mut writer = writer(&table);
    writer.write(Epoch(1), &rows(&table, &[1])).unwrap();
    writer.end_epoch(Epoch(1)).unwrap();
    let all: Vec<Seen> = seen.try_iter().collect();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|s| key(s) == "alerts-1-0" && s.1 == r#"[{"id":1}]"#));
}

#[test]
fn refusal_and_silence_are_clear_errors() {
    let (port, seen) = server(vec![400]);
    let table = spec(port, &[]);
    let mut open = writer(&table);
    open.write(Epoch(1), &rows(&table, &[1])).unwrap();
    let error = open.end_epoch(Epoch(1)).unwrap_err().to_string();
    assert!(error.contains("it answers 400 X hm") || error.contains("it answers 400"), "{error}");
    assert_eq!(seen.try_iter().count(), 1, "a refusal is not tried again");
    // A port on which nobody listens.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let table = spec(free, &[("http.retries", "2")]);
    let mut open = writer(&table);
    open.write(Epoch(1), &rows(&table, &[1])).unwrap();
    let error = open.end_epoch(Epoch(1)).unwrap_err().to_string();
    assert!(error.contains("tried 3 times") && error.contains("http.retries"), "{error}");
}

#[test]
fn a_redirect_is_told_and_never_taken_for_delivery() {
    for status in [301, 302, 303, 307, 308] {
        let (port, seen) = server(vec![status]);
        let table = spec(port, &[]);
        let mut open = writer(&table);
        open.write(Epoch(1), &rows(&table, &[1])).unwrap();
        let error = open.end_epoch(Epoch(1)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("it answers {status}")) && text.contains("redirect to /elsewhere"), "{text}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("'url'")), "{text}");
        assert_eq!(seen.try_iter().count(), 1, "a redirect is neither followed nor tried again");
    }
}

#[test]
fn wrong_options_are_refused() {
    let error = |more: &[(&str, &str)]| Http.sink(&spec(1, more)).err().unwrap().to_string();
    assert!(error(&[("url", "ftp://x")]).contains("expected http://"));
    assert!(error(&[("format", "csv")]).contains("json"));
    assert!(error(&[("http.retry", "1")]).contains("http.retries"));
}

#[test]
fn rows_that_may_be_taken_back_say_what_has_changed() {
    let (port, seen) = server(Vec::new());
    let mut table = spec(port, &[]);
    let changes = |table: &TableSpec| ChangeBatch {
        diffs: Some(Int64Array::from(vec![-1, 1, -1, 1])),
        updates: Some(vec![true, true, false, false].into()),
        ..rows(table, &[1, 2, 3, 4])
    };
    let open = |table: &TableSpec| {
        let sink = Http.sink(table).unwrap();
        assert!(sink.accepts(&ChangelogMode::Retract) && !sink.accepts(&ChangelogMode::Upsert { key: vec![0] }));
        sink.open(OpenSink::plain(table.schema.clone(), ChangelogMode::Retract))
    };
    let mut writer = open(&table).unwrap();
    writer.write(Epoch(1), &changes(&table)).unwrap();
    writer.end_epoch(Epoch(1)).unwrap();
    let told: Vec<Seen> = seen.try_iter().collect();
    assert_eq!(told[0].1, r#"[{"op":"-U","id":1},{"op":"+U","id":2},{"op":"-D","id":3},{"op":"+I","id":4}]"#);
    table.options.set("http.op-field", "id");
    assert!(open(&table).err().unwrap().hint_text().is_some_and(|h| h.contains("http.op-field")));
}
