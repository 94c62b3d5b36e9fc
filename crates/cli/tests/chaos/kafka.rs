//! From Kafka to Kafka: transactions, an upsert table, and a broker in between.

use std::collections::BTreeMap;
use std::path::Path;

use sloth_types::Clock;

use crate::servers::OwnServer;
use crate::{
    Place, assert_same, dice, finish, pause, rows_of, signal, sleep_through_a_takeover, start, told, wait_until,
};

/// Address of the broker; `None` (with a word to the reader) when the tests run without one.
pub(crate) fn broker() -> Option<String> {
    let address = std::env::var("SLOTH_KAFKA").ok();
    if address.is_none() {
        println!("skipped: SLOTH_KAFKA is not set; start a broker with scripts/kafka start");
    }
    address
}

pub(crate) struct Topics {
    broker: String,
    stamp: String,
}

impl Topics {
    pub(crate) fn new(broker: String, names: &[&str]) -> Topics {
        let stamp = format!("{}-{}", Clock::System.now_ms(), std::process::id());
        for name in names {
            sloth_connectors::kafka::ensure_topic(&broker, &format!("chaos-{name}-{stamp}"), 3).unwrap();
        }
        Topics { broker, stamp }
    }

    pub(crate) fn fill(&self, sql: &str) -> String {
        sql.replace("${KAFKA}", &self.broker).replace("${STAMP}", &self.stamp)
    }

    /// Waits until readers of committed records see what an undisturbed run writes: for a minute.
    pub(crate) fn assert_whole(&self, place: &Place) {
        let expected = place.script("expected", EXPECTED);
        finish(&expected, None);
        let expected = |table: &str| rows_of(&place.0.join("expected").join(table));
        let (picked, totals) = (expected("picked"), expected("totals"));
        let mut found = (BTreeMap::new(), BTreeMap::new());
        for round in 0..60 {
            pause(1000);
            let check = place.script(&format!("check-{round}"), &self.fill(CHECK));
            finish(&check, None);
            let read = |table: &str| rows_of(&place.0.join(format!("check-{round}")).join(table));
            found = (read("picked"), read("totals"));
            if found == (picked.clone(), totals.clone()) {
                break;
            }
        }
        assert_same("picked", &found.0, &picked);
        assert_same("totals", &found.1, &totals);
    }
}

pub(crate) const FEED: &str = "
CREATE TABLE generated (n BIGINT, k BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '20000', 'number-of-rows' = '150000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '150000', 'fields.k.min' = '1', 'fields.k.max' = '50'
);
CREATE TABLE input (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'chaos-in-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json'
);
INSERT INTO input SELECT n, k FROM generated;
";

pub(crate) const JOB: &str = "
SET 'execution.checkpointing.interval' = '500 ms';
CREATE TABLE input (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'chaos-in-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset'
);
CREATE TABLE picked (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'chaos-out-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json'
);
CREATE TABLE totals (k BIGINT, rows_seen BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'chaos-totals-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}',
  'key.format' = 'json', 'value.format' = 'json'
);
EXECUTE STATEMENT SET BEGIN
INSERT INTO picked SELECT n, k FROM input WHERE MOD(n, 3) = 0;
INSERT INTO totals SELECT k, COUNT(*), SUM(n) FROM input GROUP BY k;
END;
";

/// Reads what readers of committed records see: the picked rows, and the totals as they are now.
const CHECK: &str = "
CREATE TABLE picked (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'chaos-out-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'
);
CREATE TABLE totals (k BIGINT, rows_seen BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'chaos-totals-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}',
  'key.format' = 'json', 'value.format' = 'json', 'scan.bounded.mode' = 'latest-offset'
);
CREATE TABLE all_picked (n BIGINT, k BIGINT) WITH ('connector' = 'filesystem', 'path' = '${DIR}/picked', 'format' = 'csv');
CREATE TABLE all_totals (k BIGINT, rows_seen BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/totals', 'format' = 'debezium-json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO all_picked SELECT n, k FROM picked;
INSERT INTO all_totals SELECT k, rows_seen, total FROM totals;
END;
";

/// The same from the generator, without Kafka.
const EXPECTED: &str = "
CREATE TABLE input (n BIGINT, k BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '100000000', 'number-of-rows' = '150000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '150000', 'fields.k.min' = '1', 'fields.k.max' = '50'
);
CREATE TABLE all_picked (n BIGINT, k BIGINT) WITH ('connector' = 'filesystem', 'path' = '${DIR}/picked', 'format' = 'csv');
CREATE TABLE all_totals (k BIGINT, rows_seen BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/totals', 'format' = 'debezium-json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO all_picked SELECT n, k FROM input WHERE MOD(n, 3) = 0;
INSERT INTO all_totals SELECT k, COUNT(*), SUM(n) FROM input GROUP BY k;
END;
";

#[test]
fn readers_of_committed_records_see_every_row_once() {
    let Some(broker) = broker() else { return };
    let topics = Topics::new(broker, &["in", "out", "totals"]);
    let place = Place::new("kafka");
    let mut feed = start(&place.script("feed", &topics.fill(FEED)), None, 1);
    let script = place.script("job", &topics.fill(JOB));
    let mut dice = dice("kafka", 10);
    assert!(dice.kill_again_and_again(&script, &place.state()) > 0);
    // One run is stopped until another has taken over: its transactions are fenced.
    let before = told(&script).matches("resuming job").count();
    let mut old = start(&script, Some(&place.state()), 2);
    wait_until("the job goes on", || told(&script).matches("resuming job").count() > before);
    pause(1000);
    let mut job = sleep_through_a_takeover(&old, &script, || start(&script, Some(&place.state()), 2));
    assert!(feed.wait().unwrap().success());

    topics.assert_whole(&place);
    let fenced = old.wait().unwrap();
    assert_eq!(fenced.code(), Some(1), "{}", std::fs::read_to_string(script.with_extension("log")).unwrap());
    signal(&job, "INT");
    assert!(job.wait().unwrap().success());
}

#[test]
fn jobs_outlive_a_broker_that_crashes() {
    let Some(server) = OwnServer::start("kafka", "SLOTH_KAFKA") else { return };
    let topics = Topics::new(server.address.clone(), &["in", "out", "totals"]);
    let place = Place::new("broker");
    let mut dice = dice("broker", 2);
    // Both by their own recovery: the one that feeds writes in transactions, too.
    let feed_state = place.0.join("feed-state");
    let feed_script = place.script("feed", &topics.fill(FEED));
    let mut feed = start(&feed_script, Some(&feed_state), 1);
    let script = place.script("job", &topics.fill(JOB));
    let mut job = start(&script, Some(&place.state()), 2);
    // The first start of a job ends with its error; what is meant here is what has begun.
    for state in [&feed_state, &place.state()] {
        while std::fs::read_dir(state.join("log")).map_or(0, Iterator::count) < 2 {
            pause(20);
        }
    }
    for round in 0..dice.kills {
        pause(dice.between(1000, 3000));
        server.kill();
        pause(dice.between(0, 2000));
        // Sometimes all end at once.
        if round % 2 == 1 {
            let _ = job.kill();
            job.wait().unwrap();
        }
        server.start_again();
        if round % 2 == 1 {
            job = start(&script, Some(&place.state()), 2);
        }
    }
    let said = |script: &Path| std::fs::read_to_string(script.with_extension("log")).unwrap();
    assert!(feed.wait().unwrap().success(), "{}", said(&feed_script));
    topics.assert_whole(&place);
    signal(&job, "INT");
    assert!(job.wait().unwrap().success(), "{}", said(&script));
}
