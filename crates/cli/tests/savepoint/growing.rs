//! A topic that comes into being while the job that reads it is down.

use sloth_types::Clock;

use crate::{Place, finish, pause, says, start};

const FEED: &str = "
CREATE TABLE generated (n BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '${RATE}', 'number-of-rows' = '2000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '2000'
);
CREATE TABLE input (n BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'grow-${TOPIC}-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json'
);
INSERT INTO input SELECT n FROM generated;
";

const JOB: &str = "
SET 'execution.checkpointing.interval' = '200 ms';
CREATE TABLE input (n BIGINT, topic STRING METADATA VIRTUAL) WITH (
  'connector' = 'kafka', 'topic-pattern' = 'grow-.*-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}',
  'format' = 'json', 'scan.startup.mode' = 'latest-offset'
);
CREATE TABLE output (topic STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '${DIR}/output', 'format' = 'csv');
INSERT INTO output SELECT topic, n FROM input;
";

#[test]
fn a_topic_that_came_while_the_job_was_down_is_read_from_its_first_record() {
    let Ok(broker) = std::env::var("SLOTH_KAFKA") else {
        println!("skipped: SLOTH_KAFKA is not set; start a broker with scripts/kafka start");
        return;
    };
    let place = Place::new("growing");
    let stamp = format!("{}-{}", Clock::System.now_ms(), std::process::id());
    let fill = |sql: &str| sql.replace("${KAFKA}", &broker).replace("${STAMP}", &stamp);
    let feed = |topic: &str, rate: &str| {
        sloth_connectors::kafka::ensure_topic(&broker, &format!("grow-{topic}-{stamp}"), 1).unwrap();
        place.script(topic, topic, &fill(FEED).replace("${TOPIC}", topic).replace("${RATE}", rate))
    };
    let (old, state) = (feed("old", "500"), place.state());
    let mut old = start(&old, &[]);
    let job = place.script("job", "job", &fill(JOB));
    let mut running = start(&job, &["--state", &state]);
    // It starts behind the newest record of the topic that there is, while more are coming.
    for _ in 0..4000 {
        if !place.rows("job", "output").is_empty() {
            break;
        }
        pause(5);
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(old.wait().unwrap().success());
    finish(&feed("new", "100000"), &[]);

    let mut running = start(&job, &["--state", &state]);
    let of = |topic: &str| {
        let found = place.rows("job", "output");
        assert!(found.values().all(|times| *times == 1), "no row comes twice");
        let prefix = format!("grow-{topic}-{stamp},");
        let mut numbers: Vec<u64> =
            found.keys().filter_map(|row| row.strip_prefix(&prefix)).map(|n| n.parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    let whole = |numbers: &[u64]| numbers.last() == Some(&2000) && numbers.windows(2).all(|w| w[0] + 1 == w[1]);
    for _ in 0..300 {
        if whole(&of("old")) && of("new").len() == 2000 {
            break;
        }
        pause(100);
    }
    says(&["stop", &state]);
    assert!(running.wait().unwrap().success(), "{}", place.log(&job));
    assert!(whole(&of("old")), "{:?}", of("old"));
    assert_eq!(of("new"), (1..=2000).collect::<Vec<_>>());
}
