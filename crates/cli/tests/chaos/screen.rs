//! A screen shows all its rows again when its job is back, before anything new comes.

use std::net::TcpListener;

use serde_json::Value;

use crate::{Place, command, dice, pause};

const JOB: &str = "
SET 'execution.checkpointing.interval' = '200 ms';
CREATE TABLE clicks (id BIGINT, page STRING)
WITH ('connector' = 'http', 'listen' = '${LISTEN}', 'directory' = '${DIR}/journal');
CREATE TABLE pages (page STRING, n BIGINT) WITH ('connector' = 'screen');
CREATE TABLE pairs (id BIGINT, page STRING) WITH ('connector' = 'screen');
CREATE TABLE feed (id BIGINT, page STRING) WITH ('connector' = 'screen', 'screen.rows' = '7');
EXECUTE STATEMENT SET BEGIN
INSERT INTO pages SELECT page, COUNT(*) FROM clicks GROUP BY page;
INSERT INTO pairs SELECT a.id, b.page FROM clicks a LEFT JOIN clicks b ON a.id = b.id + 1;
INSERT INTO feed SELECT id, page FROM clicks;
END;
";

fn get(url: &str) -> Option<Value> {
    let text = ureq::get(url).call().ok()?.body_mut().read_to_string().ok()?;
    serde_json::from_str(&text).ok()
}

/// Rows of a table, in the order of a canonical text: lines without a key are numbered anew by each run.
fn rows(snapshot: &Value, table: &str, columns: usize) -> Vec<String> {
    let table = &snapshot["tables"][table];
    let list = table["upsert"].as_array().or(table["append"].as_array());
    let row = |row: &Value| format!("{:?}", &row.as_array().unwrap()[..columns]);
    let mut rows: Vec<String> = list.map(|l| l.iter().map(row).collect()).unwrap_or_default();
    rows.sort();
    rows
}

/// What the screen shows, as soon as it has so many pairs.
fn shown(url: &str, pairs: usize) -> [Vec<String>; 3] {
    for _ in 0..1000 {
        if let Some(snapshot) = get(url).filter(|snapshot| rows(snapshot, "pairs", 2).len() == pairs) {
            return ["pages", "pairs", "feed"].map(|table| rows(&snapshot, table, 2));
        }
        pause(20);
    }
    panic!("{pairs} pairs are not shown: {:?}", get(url));
}

/// An address that nobody uses.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// POSTs more rows, each until it is acknowledged.
fn send(url: &str, sent: &mut u64, more: u64) {
    for id in *sent..*sent + more {
        let body = format!("{{\"id\":{id},\"page\":\"/{}\"}}", id % 5);
        while ureq::post(url).header("Idempotency-Key", id.to_string()).send(&body).is_err() {
            pause(20);
        }
    }
    *sent += more;
}

#[test]
fn a_screen_is_whole_again_when_its_job_is_back() {
    let place = Place::new("screen");
    let (listen, http) = (free(), free());
    let script = place.script("job", &JOB.replace("${LISTEN}", &listen));
    let (rows, screen) = (format!("http://{listen}/clicks"), format!("http://{http}/api/snapshot"));
    let mut dice = dice("screen", 4);
    let start =
        |round: usize| command(&script, Some(&place.state()), round % 3 + 1).args(["--http", &http]).spawn().unwrap();
    let (mut sent, mut job) = (0, start(0));
    for round in 0..dice.kills {
        send(&rows, &mut sent, dice.between(3, 20));
        let before = shown(&screen, sent as usize);
        assert_eq!(before[2].len(), sent.min(7) as usize);
        pause(dice.between(0, 500));
        job.kill().unwrap();
        job.wait().unwrap();
        job = start(round + 1);
        assert_eq!(shown(&screen, sent as usize), before);
    }
    job.kill().unwrap();
    job.wait().unwrap();
}

#[test]
fn a_process_that_stands_by_shows_the_same_and_goes_on_taking_rows_in() {
    let place = Place::new("screen-standby");
    let (listen, https) = (free(), [free(), free()]);
    let script = place.script("job", &JOB.replace("${LISTEN}", &listen));
    let rows = format!("http://{listen}/clicks");
    let start =
        |http: &String| command(&script, Some(&place.state()), 2).args(["--standby", "--http", http]).spawn().unwrap();
    let mut first = start(&https[0]);
    let (mut sent, screens) = (0, https.clone().map(|http| format!("http://{http}/api/snapshot")));
    send(&rows, &mut sent, 5);
    let mut second = start(&https[1]);
    send(&rows, &mut sent, 5);
    assert_eq!(shown(&screens[1], sent as usize), shown(&screens[0], sent as usize));
    first.kill().unwrap();
    first.wait().unwrap();
    send(&rows, &mut sent, 5);
    shown(&screens[1], sent as usize);
    second.kill().unwrap();
    second.wait().unwrap();
}
