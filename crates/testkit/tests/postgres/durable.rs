//! Writers of jobs that can be resumed: what is committed stays and is known, what is not is made again, and an older run
//! cannot write any more.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_types::sink::DurableSink;
use sloth_types::{
    ChangeBatch, ChangelogMode, Epoch, Guarantee, OpenSink, Options, Result, Sink, SinkWriter, TableSpec,
};

use crate::server::{OwnServer, Server, server};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

fn sink(server: &Server, table: &str) -> Arc<dyn Sink> {
    let options = [("connector", "postgres"), ("url", &server.url), ("table-name", table), ("sink.max-retries", "20")];
    let spec = TableSpec {
        name: "t".to_owned(),
        schema: schema(),
        metadata: vec![],
        primary_key: vec![],
        partition_by: vec![],
        options: Options::new(options.map(|(k, v)| (k.to_owned(), v.to_owned()))),
        time_zone: "UTC".to_owned(),
    };
    sloth_connectors::registry().of(&spec).unwrap().sink(&spec).unwrap()
}

/// A writer of run `generation` of the job that writes `table`.
fn writer(sink: &dyn Sink, table: &str, generation: u64) -> Box<dyn SinkWriter> {
    let durable = Some(DurableSink { name: format!("job/{table}"), generation });
    sink.open(OpenSink { durable, ..OpenSink::plain(schema(), ChangelogMode::Append) }).unwrap()
}

fn epoch(writer: &mut dyn SinkWriter, epoch: u64, values: &[i64]) -> Result<()> {
    let rows = RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(values.to_vec()))]).unwrap();
    writer.write(Epoch(epoch), &ChangeBatch::append(rows))?;
    writer.end_epoch(Epoch(epoch))
}

#[test]
fn rows_come_with_their_commit_and_once() {
    let Some(server) = server() else { return };
    let table = server.table("n bigint");
    let sink = sink(&server, &table);
    assert_eq!(sink.guarantee(), Guarantee::ExactlyOnce);
    let all = || server.sql(&format!("SELECT COALESCE(string_agg(n::text, ',' ORDER BY n), '') FROM {table}"));
    let mut first = writer(sink.as_ref(), &table, 1);
    assert_eq!(first.committed().unwrap(), None);
    epoch(first.as_mut(), 4, &[1, 2]).unwrap();
    epoch(first.as_mut(), 5, &[3]).unwrap();
    assert_eq!(all(), [""], "nothing is there before it is committed");
    first.commit(Epoch(4), false).unwrap();
    assert_eq!(all(), ["1,2"]);
    epoch(first.as_mut(), 6, &[4]).unwrap();
    first.commit(Epoch(6), true).unwrap();
    epoch(first.as_mut(), 7, &[5]).unwrap();
    assert_eq!(all(), ["1,2,3,4"]);

    // The next run is told what is there, and makes the rest again.
    let mut second = writer(sink.as_ref(), &table, 2);
    assert_eq!(second.committed().unwrap(), Some(Epoch(6)));
    epoch(second.as_mut(), 7, &[5]).unwrap();
    // The first one wakes up: too late.
    let error = first.commit(Epoch(7), true).unwrap_err().to_string();
    assert!(error.contains("a newer run of the job has taken over"), "{error}");
    assert_eq!(all(), ["1,2,3,4"]);
    second.commit(Epoch(7), true).unwrap();
    assert_eq!(all(), ["1,2,3,4,5"]);
    let error = writer(sink.as_ref(), &table, 1).committed().unwrap_err().to_string();
    assert!(error.contains("a newer run of the job has taken over"), "{error}");
    // An epoch without rows is noted nowhere, and costs nothing.
    second.end_epoch(Epoch(8)).unwrap();
    second.commit(Epoch(8), true).unwrap();
    assert_eq!(writer(sink.as_ref(), &table, 3).committed().unwrap(), Some(Epoch(7)));
}

/// The server dies at any instant of many commits; each row is there once.
#[test]
fn commits_outlive_the_server() {
    if server().is_none() {
        return;
    }
    let own = OwnServer::start("durable");
    let table = own.server.table("n bigint");
    let sink = sink(&own.server, &table);
    let name = table.clone();
    let writing = std::thread::spawn(move || {
        let mut writer = writer(sink.as_ref(), &name, 1);
        assert_eq!(writer.committed().unwrap(), None);
        for number in 0..600_i64 {
            epoch(writer.as_mut(), number as u64, &[2 * number, 2 * number + 1]).unwrap();
            writer.commit(Epoch(number as u64), number % 10 == 0).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    for round in 0..4 {
        std::thread::sleep(std::time::Duration::from_millis(150 + 41 * round));
        own.kill();
        own.start_again();
    }
    writing.join().unwrap();
    assert_eq!(own.server.sql(&format!("SELECT COUNT(*), COUNT(DISTINCT n) FROM {table}")), ["1200|1200"]);
}

/// The connection breaks while the server still works on a transaction, and the server does not notice: the writer has to wait
/// for the end of that transaction to know what has come of it.
#[test]
fn a_commit_whose_answer_is_lost_is_not_made_twice() {
    let Some(server) = server() else { return };
    let table = server.table("n bigint");
    let road = Road::to(&server);
    let sink = sink(&road.server, &table);
    let mut writer = writer(sink.as_ref(), &table, 1);
    assert_eq!(writer.committed().unwrap(), None);
    epoch(writer.as_mut(), 1, &[1, 2]).unwrap();
    let count = format!("SELECT COUNT(*) FROM {table}");
    std::thread::scope(|scope| {
        let locks = format!("DO $$ BEGIN LOCK TABLE {table} IN EXCLUSIVE MODE; PERFORM pg_sleep(2); END $$");
        let locked =
            format!("SELECT COUNT(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'ExclusiveLock'");
        let (server, road) = (&server, &road);
        scope.spawn(move || server.sql(&locks));
        while server.sql(&locked) == ["0"] {
            std::thread::sleep(Duration::from_millis(5));
        }
        scope.spawn(move || {
            let waits = format!("SELECT COUNT(*) FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted");
            while server.sql(&waits) == ["0"] {
                std::thread::sleep(Duration::from_millis(5));
            }
            road.cut();
        });
        writer.commit(Epoch(1), true).unwrap();
    });
    assert_eq!(server.sql(&count), ["2"]);
    assert!(road.cuts() > 0);
}

/// A road to a server that can be cut: the server's end stays open.
struct Road {
    server: Server,
    open: Arc<Mutex<Vec<TcpStream>>>,
    cuts: AtomicUsize,
}

impl Road {
    fn to(server: &Server) -> Road {
        let (before, rest) = server.url.split_once("@").map_or(("", server.url.as_str()), |(user, rest)| (user, rest));
        let (address, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let (open, address) = (Arc::<Mutex<Vec<TcpStream>>>::default(), address.to_owned());
        let ours = Arc::clone(&open);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(std::io::Result::ok) {
                let there = TcpStream::connect(&address).unwrap();
                ours.lock().unwrap().push(client.try_clone().unwrap());
                for (mut from, mut to) in [(client.try_clone().unwrap(), there.try_clone().unwrap()), (there, client)] {
                    // What is copied has ended: the other end learns nothing of it.
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        std::mem::forget((from, to));
                    });
                }
            }
        });
        Road { server: Server { url }, open, cuts: AtomicUsize::new(0) }
    }

    fn cut(&self) {
        for client in self.open.lock().unwrap().drain(..) {
            let _ = client.shutdown(Shutdown::Both);
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}
