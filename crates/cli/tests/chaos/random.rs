//! Rows that would come out otherwise if they were made again: what is committed must fit together all the same.

use std::collections::BTreeMap;

use crate::standby::{in_charge, said, stand_by, wait_for};
use crate::{Place, dice, finish, rows_of, signal};

const ROWS: u64 = 60_000;

const JOB: &str = "
SET 'execution.checkpointing.interval' = '250 ms';
CREATE TABLE numbers (n BIGINT) WITH (
  'connector' = 'datagen', 'rows-per-second' = '8000', 'number-of-rows' = '60000', 'fields.n.kind' = 'sequence',
  'fields.n.start' = '1', 'fields.n.end' = '60000'
);
CREATE TABLE tagged (n BIGINT, tag STRING)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/tagged', 'format' = 'csv');
CREATE TABLE buckets (bucket INT, n BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/buckets', 'format' = 'debezium-json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO tagged SELECT n, UUID() FROM numbers;
INSERT INTO buckets SELECT bucket, COUNT(*), SUM(n) FROM (SELECT n, RAND_INTEGER(7) AS bucket FROM numbers)
GROUP BY bucket;
END;
";

#[test]
fn random_rows_are_committed_once_and_fit_together() {
    let place = Place::new("random");
    let script = place.script("job", JOB);
    let mut dice = dice("random", 20);
    // Restarted with another number of workers, every time another row gets another number.
    assert!(dice.kill_again_and_again(&script, &place.state()) > 0);
    finish(&script, Some(&place.state()));
    assert_fits_together(&place);
}

#[test]
fn a_process_that_cannot_follow_waits_for_its_turn() {
    let place = Place::new("random-standby");
    let script = place.script("job", JOB);
    let mut running = in_charge(&place, &script, "one");
    for (before, next) in [("one", "other"), ("other", "one")] {
        let mut waiting = stand_by(&script, &place.state(), next);
        wait_for(&script, next, "standing by without state", 1);
        assert!(waiting.try_wait().unwrap().is_none(), "{next} has not waited");
        running.kill().unwrap();
        running.wait().unwrap();
        wait_for(&script, next, "resuming job", 1);
        assert_eq!(said(&script, before).matches("another run of this job").count(), 0);
        running = waiting;
    }
    let mut idle = stand_by(&script, &place.state(), "idle");
    wait_for(&script, "idle", "standing by without state", 1);
    signal(&idle, "INT");
    assert!(idle.wait().unwrap().success(), "{}", said(&script, "idle"));
    assert!(running.wait().unwrap().success(), "{}", said(&script, "one"));
    assert_fits_together(&place);
}

fn assert_fits_together(place: &Place) {
    let mut seen: BTreeMap<u64, i64> = BTreeMap::new();
    for (row, times) in rows_of(&place.0.join("job/tagged")) {
        *seen.entry(row.split(',').next().unwrap().parse().unwrap()).or_default() += times;
    }
    assert_eq!(seen.len() as u64, ROWS, "numbers");
    assert!(seen.values().all(|times| *times == 1), "a number comes once");
    let buckets = rows_of(&place.0.join("job/buckets"));
    assert_eq!(buckets.len(), 7, "{buckets:?}");
    let (mut count, mut total) = (0, 0);
    for (row, times) in &buckets {
        assert_eq!(*times, 1, "{row}");
        let numbers: Vec<u64> = row.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
        (count, total) = (count + numbers[1], total + numbers[2]);
    }
    assert_eq!((count, total), (ROWS, ROWS * (ROWS + 1) / 2), "each row is in one bucket");
}
