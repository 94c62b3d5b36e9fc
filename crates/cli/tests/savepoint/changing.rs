//! Scripts that change while their state is kept.

use std::path::{Path, PathBuf};

use crate::{Place, assert_same, await_segments, fails, finish, newest, pause, says, start};

pub(crate) const TABLES: &str = "
CREATE TABLE bids (
  auction BIGINT, price BIGINT, n BIGINT, at AS TO_TIMESTAMP_LTZ(n, 3), WATERMARK FOR at AS at - INTERVAL '1' SECOND
) WITH (
  'connector' = 'datagen', 'rows-per-second' = '${rate}', 'number-of-rows' = '60000',
  'fields.auction.min' = '1', 'fields.auction.max' = '200', 'fields.price.min' = '1', 'fields.price.max' = '1000',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '60000'
);
CREATE TABLE windows (start_at TIMESTAMP_LTZ(3), auction BIGINT, bids BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/windows', 'format' = 'csv');
CREATE TABLE totals (auction BIGINT, bids BIGINT, best BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/totals', 'format' = 'debezium-json');
CREATE TABLE pairs (auction BIGINT, one BIGINT, other BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/pairs', 'format' = 'debezium-json');
CREATE TABLE partners (auction BIGINT, n BIGINT, price BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/partners', 'format' = 'debezium-json');
CREATE TABLE lows (auction BIGINT, bids BIGINT, least BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/lows', 'format' = 'debezium-json');
";
pub(crate) const WINDOWS: &str = "INSERT INTO windows SELECT window_start, auction, COUNT(*), SUM(price)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, auction;\n";
pub(crate) const TOTALS: &str = "INSERT INTO totals SELECT auction, COUNT(*), MAX(price) FROM bids GROUP BY auction;\n";
const PAIRS: &str = "INSERT INTO pairs SELECT a.auction, a.price, b.price
FROM (SELECT * FROM bids WHERE MOD(n, 997) = 0) a LEFT JOIN (SELECT * FROM bids WHERE MOD(n, 499) = 0) b
ON a.auction = b.auction;\n";
const LOWS: &str = "INSERT INTO lows SELECT auction, COUNT(*), MIN(price) FROM bids GROUP BY auction;\n";

pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) state: String,
}

impl Job {
    pub(crate) fn new(name: &str) -> Job {
        let place = Place::new(name);
        let state = place.state();
        Job { place, state }
    }

    /// A script of these statements that writes to `files`.
    pub(crate) fn script(&self, name: &str, files: &str, statements: &[&str]) -> PathBuf {
        let sql = format!("{TABLES}EXECUTE STATEMENT SET BEGIN\n{}END;\n", statements.concat());
        self.place.script(name, files, &sql)
    }

    pub(crate) fn options<'a>(&'a self, workers: &'a str, rate: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let often = ["--set", "execution.checkpointing.interval=100 ms"];
        [&["--state", &self.state, "-p", workers, "--var", rate], &often[..], more].concat()
    }

    /// Runs a script for a while, and stops it.
    pub(crate) fn run_a_while(&self, script: &Path, workers: &str, more: &[&str]) {
        let before = newest(&self.state, "log");
        let mut job = start(script, &self.options(workers, "rate=6000", more));
        await_segments(&self.state, &before, 3);
        pause(700);
        let said = says(&["stop", &self.state]);
        assert!(said.starts_with("stopped at checkpoint"), "{said}");
        assert!(job.wait().unwrap().success(), "{}", self.place.log(script));
    }

    pub(crate) fn finish(&self, script: &Path, workers: &str, more: &[&str]) {
        finish(script, &self.options(workers, "rate=100000000", more));
    }

    /// These tables are what an undisturbed run of the statements writes.
    fn assert_undisturbed(&self, tables: &[&str], statements: &[&str]) {
        let expected = self.script("expected", "expected", statements);
        finish(&expected, &["--var", "rate=100000000"]);
        for table in tables {
            assert_same(table, &self.place.rows("job", table), &self.place.rows("expected", table));
        }
    }
}

#[test]
fn a_statement_that_is_added_sees_everything_and_the_others_go_on() {
    let job = Job::new("added");
    let one = job.script("one", "job", &[WINDOWS, TOTALS]);
    job.run_a_while(&one, "2", &[]);
    // Before, behind and between: it does not matter where.
    let two = job.script("two", "job", &[LOWS, WINDOWS, PAIRS, TOTALS]);
    let before = says(&["checkpoint", "ls", &job.state]);
    fails(&[&["run", two.to_str().unwrap()], &job.options("2", "rate=1", &[])[..]].concat(), "nothing was done");
    assert_eq!(says(&["checkpoint", "ls", &job.state]), before);
    job.run_a_while(&two, "3", &["--upgrade"]);
    let log = job.place.log(&two);
    let said =
        ["kept      windows ", "kept      totals ", "new       lows ", "new       pairs ", "'bids' from its beginning"];
    said.iter().for_each(|words| assert!(log.contains(words), "{words:?} is not in {log}"));
    // It is an ordinary job now: with or without the option it goes on.
    job.run_a_while(&two, "1", &["--upgrade"]);
    job.run_a_while(&two, "2", &[]);
    job.finish(&two, "3", &[]);
    job.assert_undisturbed(&["windows", "totals", "pairs", "lows"], &[WINDOWS, TOTALS, PAIRS, LOWS]);
    let list = says(&["savepoint", "ls", &job.state]);
    assert!(list.contains("before-change-1") && !list.contains("before-change-2"), "{list}");
}

/// Reads the right rows of [`PAIRS`] by the same key, with another column.
const PARTNERS: &str = "INSERT INTO partners SELECT b.auction, b.n, c.price
FROM (SELECT * FROM bids WHERE MOD(n, 499) = 0) b LEFT JOIN (SELECT * FROM bids WHERE MOD(n, 313) = 0) c
ON b.auction = c.auction;\n";

#[test]
fn a_statement_that_is_removed_leaves_the_rows_that_others_read_with_it() {
    let job = Job::new("shared");
    let one = job.script("one", "job", &[PARTNERS, PAIRS]);
    let plan = says(&["explain", one.to_str().unwrap(), "--var", "rate=1"]);
    assert!(plan.contains("Arrange by auction"), "{plan}");
    job.run_a_while(&one, "2", &[]);
    let two = job.script("two", "job", &[PAIRS]);
    job.run_a_while(&two, "3", &["--upgrade"]);
    let log = job.place.log(&two);
    assert!(log.contains("kept      pairs ") && log.contains("dropped   partners "), "{log}");
    job.finish(&two, "1", &[]);
    job.assert_undisturbed(&["pairs"], &[PAIRS]);
}

#[test]
fn a_statement_that_is_removed_leaves_the_others_alone() {
    let job = Job::new("removed");
    job.run_a_while(&job.script("one", "job", &[TOTALS, WINDOWS, PAIRS]), "2", &[]);
    let totals = job.place.rows("job", "totals");
    let two = job.script("two", "job", &[PAIRS, WINDOWS]);
    job.finish(&two, "3", &["--upgrade"]);
    let log = job.place.log(&two);
    assert!(log.contains("dropped   totals ") && log.contains(" rows of state, is forgotten"), "{log}");
    assert_same("totals", &job.place.rows("job", "totals"), &totals);
    job.assert_undisturbed(&["windows", "pairs"], &[WINDOWS, PAIRS]);
}

#[test]
fn a_statement_that_has_changed_begins_anew() {
    let job = Job::new("changed");
    job.run_a_while(&job.script("one", "job", &[TOTALS, WINDOWS]), "2", &[]);
    let left = job.place.rows("job", "totals");
    let changed = TOTALS.replace("MAX(price)", "MAX(price + 1000)");
    let two = job.script("two", "job", &[&changed, WINDOWS]);
    job.finish(&two, "2", &["--upgrade"]);
    let log = job.place.log(&two);
    assert!(log.contains("rebuilt   totals ") && log.contains("is not as it was"), "{log}");
    // What was written stays; the new result stands beside it.
    let mut all = job.place.rows("job", "totals");
    for (row, times) in &left {
        *all.entry(row.clone()).or_default() -= times;
    }
    all.retain(|_, times| *times != 0);
    let expected = job.script("expected", "expected", &[&changed, WINDOWS]);
    finish(&expected, &["--var", "rate=100000000"]);
    assert_same("totals", &all, &job.place.rows("expected", "totals"));
    assert_same("windows", &job.place.rows("job", "windows"), &job.place.rows("expected", "windows"));
}

#[test]
fn a_change_can_be_undone() {
    let job = Job::new("undone");
    let one = job.script("one", "job", &[TOTALS, WINDOWS]);
    job.run_a_while(&one, "2", &[]);
    fails(
        &[
            &["run", job.script("none", "job", &[LOWS]).to_str().unwrap()],
            &job.options("2", "rate=1", &["--rollback"])[..],
        ]
        .concat(),
        "there is nothing to undo",
    );
    let two = job.script("two", "job", &[LOWS, WINDOWS]);
    let refused = |script: &Path, more: &[&str], with: &str| {
        fails(&[&["run", script.to_str().unwrap()], &job.options("2", "rate=1", more)[..]].concat(), with);
    };
    refused(&two, &["--upgrade", "--rebuild", "totals"], "It writes: lows, windows.");
    job.run_a_while(&two, "3", &["--upgrade"]);
    // Neither the script of now nor a third one is undone to.
    refused(&two, &["--rollback"], "not the script from before the last change");
    refused(&job.script("three", "job", &[LOWS, WINDOWS, PAIRS]), &["--rollback"], "one.sql");
    // Another order of statements is no change, neither now nor then.
    job.run_a_while(&job.script("two again", "job", &[WINDOWS, LOWS]), "2", &[]);
    let one = job.script("one again", "job", &[WINDOWS, TOTALS]);
    job.run_a_while(&one, "1", &["--rollback"]);
    let log = job.place.log(&one);
    let said = ["restored  totals ", "kept      windows ", "dropped   lows "];
    said.iter().for_each(|words| assert!(log.contains(words), "{words:?} is not in {log}"));
    job.finish(&one, "2", &["--rollback"]);
    // Not a row of the statement that was away for a while is lost, and none is there twice.
    job.assert_undisturbed(&["totals", "windows"], &[TOTALS, WINDOWS]);
}

#[test]
fn a_job_begins_with_a_savepoint_in_another_directory() {
    let job = Job::new("from");
    let one = job.script("one", "job", &[TOTALS, WINDOWS]);
    let mut running = start(&one, &job.options("2", "rate=6000", &[]));
    await_segments(&job.state, "", 3);
    pause(700);
    says(&["stop", &job.state, "--savepoint", "v1"]);
    assert!(running.wait().unwrap().success());
    let file = format!("{}/savepoints/v1.json", job.state);
    let moved = Job { state: format!("{}-2", job.state), place: Place(job.place.0.clone()) };
    moved.run_a_while(&one, "3", &["--from-savepoint", &file]);
    // The first directory is not needed any more, and the same command resumes.
    std::fs::remove_dir_all(&job.state).unwrap();
    moved.finish(&one, "1", &["--from-savepoint", &file]);
    job.assert_undisturbed(&["totals", "windows"], &[TOTALS, WINDOWS]);
    std::mem::forget(moved);
}

#[test]
fn a_job_goes_back_to_a_savepoint_and_makes_everything_since_again() {
    let job = Job::new("back");
    let one = job.script("one", "job", &[TOTALS, WINDOWS]);
    let mut running = start(&one, &job.options("2", "rate=6000", &[]));
    await_segments(&job.state, "", 3);
    pause(700);
    says(&["savepoint", "take", &job.state, "v1"]);
    pause(500);
    running.kill().unwrap();
    running.wait().unwrap();
    // What is written from now on goes elsewhere, so that it can be told from what was there.
    let again = job.script("again", "again", &[TOTALS, WINDOWS]);
    fails(
        &[&["run", again.to_str().unwrap()], &job.options("2", "rate=1", &["--from-savepoint", "v2"])[..]].concat(),
        "Savepoints: v1.",
    );
    let other =
        [&["run", again.to_str().unwrap()], &job.options("2", "rate=1", &["--from-savepoint", "v1"])[..]].concat();
    fails(&other, "nothing was done");
    job.finish(&one, "3", &["--from-savepoint", "v1"]);
    // The windows that were written after the savepoint are there twice, none is missing.
    let expected = job.script("expected", "expected", &[TOTALS, WINDOWS]);
    finish(&expected, &["--var", "rate=100000000"]);
    let (found, expected) = (job.place.rows("job", "windows"), job.place.rows("expected", "windows"));
    assert!(found.keys().eq(expected.keys()), "other windows");
    assert!(found.values().all(|times| (1..=2).contains(times)));
}

#[test]
fn a_change_that_is_killed_happens_or_does_not() {
    let job = Job::new("killed");
    job.run_a_while(&job.script("one", "job", &[WINDOWS, TOTALS]), "2", &[]);
    let two = job.script("two", "job", &[LOWS, WINDOWS]);
    for round in 0..12 {
        let mut running = start(&two, &job.options(["1", "2", "3"][round % 3], "rate=6000", &["--upgrade"]));
        pause(20 + 25 * round as u64);
        running.kill().unwrap();
        running.wait().unwrap();
    }
    job.finish(&two, "2", &["--upgrade"]);
    job.assert_undisturbed(&["windows", "lows"], &[WINDOWS, LOWS]);
}

#[test]
fn a_job_that_runs_is_not_changed() {
    let job = Job::new("runs");
    let one = job.script("one", "job", &[WINDOWS, TOTALS]);
    let mut running = start(&one, &job.options("2", "rate=6000", &[]));
    await_segments(&job.state, "", 3);
    let two = job.script("two", "job", &[WINDOWS]);
    let change = [&["run", two.to_str().unwrap()], &job.options("2", "rate=1", &["--upgrade"])[..]].concat();
    fails(&change, "sloth stop");
    // The job that runs has not been disturbed.
    assert!(running.try_wait().unwrap().is_none());
    running.kill().unwrap();
    running.wait().unwrap();
    job.finish(&one, "2", &[]);
    job.assert_undisturbed(&["windows", "totals"], &[WINDOWS, TOTALS]);
}

#[test]
fn a_job_that_has_crashed_is_changed_where_it_was() {
    let job = Job::new("crashed");
    let one = job.script("one", "job", &[WINDOWS, TOTALS]);
    // The checkpoints lie apart: epochs behind the last one are in the log.
    let apart = ["--set", "execution.checkpointing.interval=400 ms", "--set", "state.checkpoints.num-retained=100"];
    let mut running = start(&one, &job.options("2", "rate=6000", &apart));
    while newest(&job.state, "checkpoints").is_empty() {
        pause(5);
    }
    await_segments(&job.state, &newest(&job.state, "log"), 5);
    running.kill().unwrap();
    running.wait().unwrap();
    let two = job.script("two", "job", &[LOWS, WINDOWS]);
    // There is nobody to stand by for before the change has been made.
    job.run_a_while(&two, "3", &["--upgrade", "--standby", "--set", "state.checkpoints.num-retained=100"]);
    // The epochs that were made again stand twice in the log, as long as it reaches back so far.
    says(&["checkpoint", "verify", &job.state]);
    let log = job.place.log(&two);
    let said =
        ["was not stopped", "epochs are made again", "kept      windows ", "new       lows ", "dropped   totals "];
    said.iter().for_each(|words| assert!(log.contains(words), "{words:?} is not in {log}"));
    // What was dropped has told more than its last checkpoint knows.
    fails(
        &[&["run", one.to_str().unwrap()], &job.options("2", "rate=1", &["--rollback"])[..]].concat(),
        "cannot be undone",
    );
    job.finish(&two, "2", &[]);
    job.assert_undisturbed(&["windows", "lows"], &[WINDOWS, LOWS]);
}
