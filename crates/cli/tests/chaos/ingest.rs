//! Rows are POSTed to a job that is killed again and again; the clients repeat what was not acknowledged. Each row must
//! come out once.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::{Place, assert_same, dice, pause, rows_of, signal, start};

const CLIENTS: u64 = 4;
/// Rows of one request.
const ROWS: u64 = 25;

const JOB: &str = "
SET 'execution.checkpointing.interval' = '300 ms';
CREATE TABLE clicks (client BIGINT, id BIGINT) WITH (
  'connector' = 'http', 'listen' = '${LISTEN}', 'directory' = '${DIR}/journal', 'backlog.max-rows' = '2000'
);
CREATE TABLE kept (client BIGINT, id BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/kept', 'format' = 'csv');
CREATE TABLE counted (client BIGINT, n BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/counted', 'format' = 'debezium-json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO kept SELECT client, id FROM clicks;
INSERT INTO counted SELECT client, COUNT(*), SUM(id) FROM clicks GROUP BY client;
END;
";

/// Sends the same rows under the same key until they are acknowledged.
fn send(url: &str, client: u64, request: u64) {
    let ids = request * ROWS..(request + 1) * ROWS;
    let body: String = ids.map(|id| format!("{{\"client\":{client},\"id\":{id}}}\n")).collect();
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2)));
    let agent: ureq::Agent = config.build().into();
    let key = format!("{client}-{request}");
    while agent.post(url).header("Idempotency-Key", &key).send(&body).is_err() {
        pause(20);
    }
}

#[test]
fn what_was_acknowledged_comes_out_once() {
    let place = Place::new("ingest");
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let script = place.script("job", &JOB.replace("${LISTEN}", &listen));
    let (url, mut dice) = (format!("http://{listen}/clicks"), dice("ingest", 8));
    let (over, sent) = (AtomicBool::new(false), Mutex::new(BTreeMap::new()));
    let acknowledged = AtomicU64::new(0);
    let mut job = start(&script, Some(&place.state()), 2);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (url, over, sent, acknowledged) = (&url, &over, &sent, &acknowledged);
            scope.spawn(move || {
                let mut request = 0;
                while !over.load(Ordering::SeqCst) {
                    send(url, client, request);
                    request += 1;
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    pause(3);
                }
                sent.lock().unwrap().insert(client, request);
            });
        }
        for round in 0..dice.kills {
            let before = acknowledged.load(Ordering::SeqCst);
            for _ in 0..2000 {
                if acknowledged.load(Ordering::SeqCst) > before {
                    break;
                }
                pause(5);
            }
            pause(dice.between(1, 900));
            job.kill().unwrap();
            job.wait().unwrap();
            job = start(&script, Some(&place.state()), round % 3 + 1);
        }
        over.store(true, Ordering::SeqCst);
    });
    // The last rows are read, then the job ends cleanly, which makes a checkpoint of its own.
    pause(1500);
    signal(&job, "INT");
    assert!(job.wait().unwrap().success(), "{}", std::fs::read_to_string(script.with_extension("log")).unwrap());
    let (mut kept, mut counted) = (BTreeMap::new(), BTreeMap::new());
    for (client, requests) in sent.into_inner().unwrap() {
        let rows = requests * ROWS;
        kept.extend((0..rows).map(|id| (format!("{client},{id}"), 1)));
        counted.insert(format!("{{\"client\":{client},\"n\":{rows},\"total\":{}}}", rows * (rows - 1) / 2), 1);
    }
    let found = place.0.join("job");
    assert_same("kept", &rows_of(&found.join("kept")), &kept);
    assert_same("counted", &rows_of(&found.join("counted")), &counted);
}
