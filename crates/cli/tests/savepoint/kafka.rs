//! A script that changes between two topics: transactions of kept statements, and the history for new ones.

use std::collections::BTreeMap;

use sloth_types::Clock;

use crate::{Place, assert_same, await_segments, finish, newest, pause, says, start};

const FEED: &str = "
CREATE TABLE generated (n BIGINT, k BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '8000', 'number-of-rows' = '60000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '60000', 'fields.k.min' = '1', 'fields.k.max' = '50'
);
CREATE TABLE input (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'change-in-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json'
);
INSERT INTO input SELECT n, k FROM generated;
";

const TABLES: &str = "
CREATE TABLE input (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'change-in-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset'${BOUND}
);
CREATE TABLE picked (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'change-out-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset'${BOUND}
);
CREATE TABLE totals (k BIGINT, rows_seen BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'change-totals-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}',
  'key.format' = 'json', 'value.format' = 'json'${BOUND}
);
CREATE TABLE all_picked (n BIGINT, k BIGINT) WITH ('connector' = 'filesystem', 'path' = '${DIR}/picked', 'format' = 'csv');
CREATE TABLE all_totals (k BIGINT, rows_seen BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/totals', 'format' = 'debezium-json');
EXECUTE STATEMENT SET BEGIN
";
const PICK: &str = "INSERT INTO picked SELECT n, k FROM input WHERE MOD(n, 3) = 0;\n";
const TOTAL: &str = "INSERT INTO totals SELECT k, COUNT(*), SUM(n) FROM input GROUP BY k;\n";
const CHECK: &str = "INSERT INTO all_picked SELECT n, k FROM picked;
INSERT INTO all_totals SELECT k, rows_seen, total FROM totals;\n";
const EXPECTED: &str = "INSERT INTO all_picked SELECT n, k FROM input WHERE MOD(n, 3) = 0;
INSERT INTO all_totals SELECT k, COUNT(*), SUM(n) FROM input GROUP BY k;\n";

#[test]
fn readers_of_committed_records_see_every_row_once_when_a_statement_is_added() {
    add_a_statement("kafka", false);
}

/// The kept statement has committed epochs behind its last checkpoint: they are made again, and not written again.
#[test]
fn readers_of_committed_records_see_every_row_once_when_a_statement_is_added_to_a_job_that_has_crashed() {
    add_a_statement("kafka-crashed", true);
}

fn add_a_statement(name: &str, crashed: bool) {
    let Ok(broker) = std::env::var("SLOTH_KAFKA") else {
        println!("skipped: SLOTH_KAFKA is not set; start a broker with scripts/kafka start");
        return;
    };
    let place = Place::new(name);
    let stamp = format!("{name}-{}-{}", Clock::System.now_ms(), std::process::id());
    for topic in ["in", "out", "totals"] {
        sloth_connectors::kafka::ensure_topic(&broker, &format!("change-{topic}-{stamp}"), 3).unwrap();
    }
    let fill = |sql: &str| sql.replace("${KAFKA}", &broker).replace("${STAMP}", &stamp);
    let script = |name: &str, bound: &str, statements: &[&str]| {
        let sql = format!("{TABLES}{}END;\n", statements.concat()).replace("${BOUND}", bound);
        place.script(name, name, &fill(&sql))
    };
    let state = place.state();
    let mut feed = start(&place.script("feed", "feed", &fill(FEED)), &[]);
    // A job that crashes has one checkpoint early, and many epochs behind it.
    let interval =
        if crashed { "execution.checkpointing.interval=2 s" } else { "execution.checkpointing.interval=300 ms" };
    let mut job = start(&script("one", "", &[PICK]), &["--state", &state, "-p", "2", "--set", interval]);
    if crashed {
        while newest(&state, "checkpoints").is_empty() {
            pause(5);
        }
        await_segments(&state, &newest(&state, "log"), 20);
    } else {
        await_segments(&state, "", 3);
        pause(2000);
    }
    match crashed {
        true => job.kill().unwrap(),
        false => _ = says(&["stop", &state]),
    }
    assert_eq!(job.wait().unwrap().success(), !crashed);
    // With the kept statement in a run of other workers, and the new one from the first record on.
    let two = script("two", "", &[TOTAL, PICK]);
    let mut job = start(&two, &["--state", &state, "-p", "3", "--upgrade"]);
    assert!(feed.wait().unwrap().success());
    let bounded = ", 'scan.bounded.mode' = 'latest-offset'";
    finish(&script("expected", bounded, &[EXPECTED]), &[]);
    let expected = (place.rows("expected", "picked"), place.rows("expected", "totals"));
    let mut found = (BTreeMap::new(), BTreeMap::new());
    for round in 0..30 {
        pause(1000);
        let name = format!("check-{round}");
        finish(&script(&name, bounded, &[CHECK]), &[]);
        found = (place.rows(&name, "picked"), place.rows(&name, "totals"));
        if found == expected {
            break;
        }
    }
    says(&["stop", &state]);
    assert!(job.wait().unwrap().success(), "{}", place.log(&two));
    let log = place.log(&two);
    assert!(log.contains("new       totals ") && log.contains("'input' from its first record"), "{log}");
    assert_same("picked", &found.0, &expected.0);
    assert_same("totals", &found.1, &expected.1);
}
