//! The socket source against a real server on loopback.

use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc::channel;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type};
use sloth_types::Clock;
use socket2::SockRef;

use super::*;
use crate::testing::table;

fn spec(port: u16, more: &[(&str, &str)]) -> TableSpec {
    let fields = vec![Field::new("id", DataType::Int64, false)];
    let options = [("connector", "socket"), ("hostname", "127.0.0.1"), ("port", &*port.to_string()), ("format", "csv")];
    let mut table = table("t", fields, &options);
    more.iter().for_each(|(k, v)| table.options.set(*k, *v));
    table
}

/// Reads until `count` records came or the split ends.
fn read(table: &TableSpec, count: u64, limit: usize) -> (Vec<i64>, Vec<BadRecord>, bool) {
    let source = Socket.source(table).unwrap();
    let (sender, woken) = channel();
    let waker = Waker::new(move || sender.send(()).unwrap_or(()));
    let split = source.splits().unwrap().remove(0);
    let opening =
        OpenSplit { split, from: None, appeared: false, schema: table.schema.clone(), waker, clock: Clock::manual(0) };
    let mut reader = source.open(opening).unwrap();
    let (mut batches, mut bad): (Vec<RecordBatch>, _) = (Vec::new(), Vec::new());
    let ended = loop {
        if reader.offset().0 >= count {
            break false;
        }
        match reader.read(ReadLimit { rows: limit, until: None }).unwrap() {
            ReadOutcome::Rows(rows) => {
                assert!(rows.batch.num_rows() <= limit);
                batches.push(rows.batch);
                bad.extend(rows.bad);
            }
            ReadOutcome::Pending(Readiness::OnWake { caught_up }) => {
                assert!(caught_up);
                woken.recv_timeout(Duration::from_secs(20)).unwrap();
            }
            ReadOutcome::Pending(Readiness::At(_)) => panic!("a socket has no timetable"),
            ReadOutcome::End => break true,
        }
    };
    let ids = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    (ids, bad, ended)
}

/// Sends each text over a connection of its own.
fn server(texts: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for text in texts {
            let mut stream = listener.accept().unwrap().0;
            for piece in text.chunks(7) {
                stream.write_all(piece).unwrap();
            }
        }
    });
    port
}

#[test]
fn records_come_in_order_and_the_split_ends_with_the_connection() {
    let port = server(vec![b"1\r\n2\n\nx\n33333333\n4".to_vec()]);
    let (ids, bad, ended) = read(&spec(port, &[("socket.reconnect", "false")]), u64::MAX, 2);
    assert_eq!(ids, [1, 2, 33_333_333, 4]);
    assert_eq!((bad[0].raw.as_slice(), bad[0].place.as_str(), bad.len()), (b"x".as_slice(), "record 3", 1));
    assert!(ended);
}

#[test]
fn a_lost_connection_is_opened_again() {
    let port = server(vec![b"1;2;".to_vec(), b"3;".to_vec()]);
    let (ids, _, ended) = read(&spec(port, &[("byte-delimiter", "59")]), 3, 10);
    assert_eq!((ids, ended), (vec![1, 2, 3], false));
}

#[test]
fn what_a_broken_connection_has_left_is_not_joined_with_what_comes_next() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"1\n2").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        // Closed without a farewell.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        listener.accept().unwrap().0.write_all(b"3\n").unwrap();
    });
    let (ids, bad, _) = read(&spec(port, &[]), 2, 10);
    assert_eq!((ids, bad), (vec![1, 3], vec![]));
    server.join().unwrap();
}

#[test]
fn a_record_that_is_too_large_is_bad() {
    let mut text = b"1\n".to_vec();
    text.extend(std::iter::repeat_n(b'9', 1000));
    text.extend_from_slice(b"\n2\n");
    let port = server(vec![text]);
    let options = [("record.max-bytes", "100"), ("socket.reconnect", "false")];
    let (ids, bad, _) = read(&spec(port, &options), u64::MAX, 10);
    assert_eq!((ids, bad.len()), (vec![1, 2], 1));
    assert!(bad[0].error.contains("record.max-bytes"));
}

#[test]
fn nobody_listening_is_an_error_when_reconnecting_is_off() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let table = spec(free, &[("socket.reconnect", "false")]);
    let source = Socket.source(&table).unwrap();
    assert!(source.bounded());
    let split = source.splits().unwrap().remove(0);
    let waker = Waker::noop();
    let opening =
        OpenSplit { split, from: None, appeared: false, schema: table.schema.clone(), waker, clock: Clock::manual(0) };
    let mut reader = source.open(opening).unwrap();
    let error = loop {
        match reader.read(ReadLimit { rows: 1, until: None }) {
            Ok(_) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("does not answer"), "{error}");
}
