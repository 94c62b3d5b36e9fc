//! From a generator to files: windows, groups, joins and top-N, killed at random, by any number of workers.

use std::path::Path;

use crate::{
    Place, assert_same, command, dice, finish, names_below, pause, rows_of, sleep_through_a_takeover, start, wait_until,
};

const TABLES: [&str; 4] = ["windows", "groups", "joined", "top"];

/// Four queries over the same rows; `${DIR}` is where their files go.
pub(crate) const JOB: &str = "
SET 'execution.checkpointing.interval' = '200 ms';
CREATE TABLE bids (
  auction BIGINT, price BIGINT, n BIGINT, at AS TO_TIMESTAMP_LTZ(n, 3), WATERMARK FOR at AS at - INTERVAL '1' SECOND
) WITH (
  'connector' = 'datagen', 'rows-per-second' = '30000', 'number-of-rows' = '200000',
  'fields.auction.min' = '1', 'fields.auction.max' = '500', 'fields.price.min' = '1', 'fields.price.max' = '1000',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '200000'
);
CREATE TABLE windows (start_at TIMESTAMP_LTZ(3), auction BIGINT, bids BIGINT, total BIGINT, prices BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/windows', 'format' = 'csv');
CREATE TABLE groups (auction BIGINT, bids BIGINT, best BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/groups', 'format' = 'debezium-json');
CREATE TABLE joined (auction BIGINT, one BIGINT, other BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/joined', 'format' = 'debezium-json');
CREATE TABLE top (auction BIGINT, price BIGINT, place BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/top', 'format' = 'debezium-json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO windows SELECT window_start, auction, COUNT(*), SUM(price), COUNT(DISTINCT price)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, auction;
INSERT INTO groups SELECT auction, COUNT(*), MAX(price) FROM bids WHERE MOD(n, 20) = 0 GROUP BY auction;
INSERT INTO joined SELECT a.auction, a.price, b.price FROM (SELECT * FROM bids WHERE MOD(n, 997) = 0) a
LEFT JOIN (SELECT * FROM bids WHERE MOD(n, 499) = 0) b ON a.auction = b.auction;
INSERT INTO top SELECT auction, price, place FROM (
  SELECT auction, price, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, n) AS place FROM bids
) WHERE place <= 2;
END;
";

pub(crate) fn assert_equals_undisturbed(place: &Place) {
    // The generator without its rate: what it makes is the same.
    let expected =
        place.script("expected", &JOB.replace("'rows-per-second' = '30000'", "'rows-per-second' = '100000000'"));
    if !place.0.join("expected").exists() {
        finish(&expected, None);
    }
    for table in TABLES {
        let (found, expected) = (place.0.join("job").join(table), place.0.join("expected").join(table));
        assert_same(table, &rows_of(&found), &rows_of(&expected));
    }
}

#[test]
fn a_job_that_is_killed_again_and_again_writes_what_an_undisturbed_one_does() {
    let place = Place::new("files");
    let script = place.script("job", JOB);
    let mut dice = dice("files", 12);
    let killed = dice.kill_again_and_again(&script, &place.state());
    assert!(killed > 0, "the job was never killed while it ran");
    finish(&script, Some(&place.state()));
    assert_equals_undisturbed(&place);
    // Once more: it has ended, and stays so.
    finish(&script, Some(&place.state()));
    assert_equals_undisturbed(&place);
}

#[test]
fn a_run_that_sleeps_while_another_takes_over_can_write_no_more() {
    let place = Place::new("fenced");
    let script = place.script("job", JOB);
    let mut old = start(&script, Some(&place.state()), 2);
    wait_until("a checkpoint stands", || names_below(&place.state().join("checkpoints")).len() > 1);
    let mut new = sleep_through_a_takeover(&old, &script, || start(&script, Some(&place.state()), 2));
    let status = old.wait().unwrap();
    let log = std::fs::read_to_string(script.with_extension("log")).unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("another run of this job"), "{log}");
    assert!(new.wait().unwrap().success(), "{log}");
    assert_equals_undisturbed(&place);
}

/// Changes a byte in the middle of a file.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(file, bytes).unwrap();
}

/// The files of a directory, oldest first, without those that are being written.
fn files_of(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).filter(|p| !p.to_string_lossy().contains('#')).collect();
    files.sort();
    files
}

fn newest_but(directory: &Path, number: usize) -> std::path::PathBuf {
    let mut files = files_of(directory);
    files.remove(files.len() - 1 - number)
}

#[test]
fn damaged_files_are_noticed_and_the_checkpoint_before_is_used() {
    let place = Place::new("damaged");
    let script = place.script("job", JOB);
    let mut job = start(&script, Some(&place.state()), 2);
    let checkpoints = place.state().join("checkpoints");
    while files_of(&checkpoints).len() < 3 && job.try_wait().unwrap().is_none() {
        pause(20);
    }
    job.kill().unwrap();
    job.wait().unwrap();
    damage(&newest_but(&checkpoints, 0));
    // A state file of the one before, which the third does not have in common with it, is cut short: the third is used.
    let [second, third] = [1, 2].map(|number| std::fs::read_to_string(newest_but(&checkpoints, number)).unwrap());
    let mut paths = second.split("\"path\": \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let state = place.state().join(paths.find(|path| !third.contains(path)).unwrap());
    let bytes = std::fs::read(&state).unwrap();
    std::fs::write(&state, &bytes[..bytes.len() - 7]).unwrap();
    // Whoever wants to know first is told, and nothing happens.
    let mut strict = command(&script, Some(&place.state()), 2);
    strict.args(["--set", "state.checkpoints.fallback=false"]).stderr(std::process::Stdio::piped());
    let told = String::from_utf8_lossy(&strict.output().unwrap().stderr).into_owned();
    assert!(told.contains("is damaged") && told.contains("state.checkpoints.fallback"), "{told}");
    finish(&script, Some(&place.state()));
    let log = std::fs::read_to_string(script.with_extension("log")).unwrap();
    assert_eq!(log.matches("a checkpoint cannot be used").count(), 2, "{log}");
    assert_equals_undisturbed(&place);
}

#[test]
fn a_damaged_log_ends_the_job_with_a_clear_error() {
    let place = Place::new("log");
    let script = place.script("job", &JOB.replace("'200 ms'", "'1 h'"));
    let mut job = start(&script, Some(&place.state()), 2);
    pause(1500);
    job.kill().unwrap();
    job.wait().unwrap();
    let log = place.state().join("log");
    damage(&newest_but(&log, 3));
    let status = start(&script, Some(&place.state()), 2).wait().unwrap();
    let said = std::fs::read_to_string(script.with_extension("log")).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("is damaged: its checksum is wrong"), "{said}");
}

#[test]
fn state_of_another_query_is_refused() {
    let place = Place::new("other");
    let script = place.script("job", JOB);
    let mut job = start(&script, Some(&place.state()), 2);
    pause(1000);
    job.kill().unwrap();
    job.wait().unwrap();
    let other = place.script("other", &JOB.replace("MAX(price)", "MIN(price)"));
    assert_eq!(start(&other, Some(&place.state()), 2).wait().unwrap().code(), Some(1));
    let said = std::fs::read_to_string(other.with_extension("log")).unwrap();
    assert!(said.contains("the script has changed"), "{said}");
}
