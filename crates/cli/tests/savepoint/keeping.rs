//! Taking savepoints, and stopping.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Place, assert_same, fails, finish, newest, pause, said, says, sloth, start};

/// Windows and groups over the same rows; `${DIR}` is where their files go.
const JOB: &str = "
SET 'execution.checkpointing.interval' = '100 ms';
CREATE TABLE bids (
  auction BIGINT, price BIGINT, n BIGINT, at AS TO_TIMESTAMP_LTZ(n, 3), WATERMARK FOR at AS at - INTERVAL '1' SECOND
) WITH (
  'connector' = 'datagen', 'rows-per-second' = '${rate}', 'number-of-rows' = '100000',
  'fields.auction.min' = '1', 'fields.auction.max' = '200', 'fields.price.min' = '1', 'fields.price.max' = '1000',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '100000'
);
CREATE TABLE windows (start_at TIMESTAMP_LTZ(3), auction BIGINT, bids BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/windows', 'format' = 'csv');
CREATE TABLE totals (auction BIGINT, bids BIGINT, best BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/totals', 'format' = 'debezium-json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO windows SELECT window_start, auction, COUNT(*), SUM(price)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, auction;
INSERT INTO totals SELECT auction, COUNT(*), MAX(price) FROM bids GROUP BY auction;
END;
";

fn run<'a>(state: &'a str, workers: &'a str, rate: &'a str) -> Vec<&'a str> {
    vec!["--state", state, "-p", workers, "--var", rate]
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("kill").args([name, &process.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn assert_equals_undisturbed(place: &Place) {
    let expected = place.script("expected", "expected", JOB);
    finish(&expected, &["--var", "rate=100000000"]);
    for table in ["windows", "totals"] {
        assert_same(table, &place.rows("job", table), &place.rows("expected", table));
    }
}

#[test]
fn a_savepoint_of_a_running_job_stays_and_disturbs_nothing() {
    let place = Place::new("take");
    let (script, state) = (place.script("job", "job", JOB), place.state());
    let mut job = start(&script, &run(&state, "2", "rate=20000"));
    pause(1000);
    let said = says(&["savepoint", "take", &state]);
    assert!(said.starts_with("savepoint 'savepoint-1': all epochs before "), "{said}");
    assert!(!said.contains("no job runs"), "{said}");
    says(&["savepoint", "take", &state, "second"]);
    fails(&["savepoint", "take", &state, "second"], "there is a savepoint 'second' already");
    fails(&["savepoint", "take", &state, "a/b"], "cannot be the name of a savepoint");
    assert!(job.wait().unwrap().success(), "{}", place.log(&script));
    // Dozens of checkpoints later, of which three are kept.
    let list = says(&["savepoint", "ls", &state]);
    assert!(list.contains("savepoint-1") && list.contains("second") && list.contains("while the job ran"), "{list}");
    assert_eq!(says(&["checkpoint", "ls", &state]).lines().count(), 5);
    let verified = says(&["checkpoint", "verify", &state]);
    assert!(verified.contains("savepoint 'second': whole"), "{verified}");
    let shown = says(&["savepoint", "inspect", &state, "second"]);
    assert!(shown.contains("while the job ran") && shown.contains("split lane-0: offset"), "{shown}");
    assert_equals_undisturbed(&place);
    // Of a job that does not run it is the newest checkpoint.
    let said = says(&["savepoint", "take", &state, "end"]);
    assert!(said.contains("no job runs on the directory"), "{said}");
    let removed = says(&["savepoint", "rm", &state, "savepoint-1"]);
    assert!(removed.starts_with("savepoint 'savepoint-1' removed, with ") && !removed.contains("with 0"), "{removed}");
    fails(&["savepoint", "inspect", &state, "savepoint-1"], "Savepoints: end, second.");
    says(&["savepoint", "inspect", &state, "second"]);
    says(&["checkpoint", "verify", &state]);
}

#[test]
fn a_job_that_runs_is_never_found_damaged() {
    let place = Place::new("verify");
    let (script, state) = (place.script("job", "job", JOB), place.state());
    // Checkpoints come and go faster than they can be looked at.
    let often = ["--set", "execution.checkpointing.interval=5 ms"];
    let job_sql =
        std::fs::read_to_string(&script).unwrap().replace("SET 'execution.checkpointing.interval' = '100 ms';", "");
    // It does not end before it has been looked at, however slow the machine is.
    std::fs::write(&script, job_sql.replace("'100000'", "'100000000'")).unwrap();
    let mut job = start(&script, &[&run(&state, "2", "rate=3000"), &often[..]].concat());
    while says_or_waits(&["checkpoint", "ls", &state]).lines().count() < 5 {
        pause(20);
    }
    for round in 0..40 {
        let verify = ["checkpoint", "verify", &state];
        let verified = if round % 2 == 0 { says(&verify) } else { says_haltingly(&verify, round) };
        assert!(verified.contains("\nlog: whole"), "{verified}");
        let list = says(&["checkpoint", "ls", &state]);
        assert!(!list.contains("cannot be read"), "{list}");
        says_haltingly(&["checkpoint", "inspect", &state], round);
    }
    assert!(job.try_wait().unwrap().is_none(), "the job has ended meanwhile: {}", place.log(&script));
    job.kill().unwrap();
    job.wait().unwrap();
}

/// As [`says`]; the process is held up for a while at some moment, so that much changes between two of its looks.
fn says_haltingly(args: &[&str], after_ms: u64) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sloth"));
    let child =
        command.args(args).env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    pause(after_ms);
    signal(&child, "-STOP");
    pause(60);
    signal(&child, "-CONT");
    said(args, child.wait_with_output().unwrap())
}

/// As [`says`]; nothing while there is no job yet.
fn says_or_waits(args: &[&str]) -> String {
    let output = sloth(args);
    if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { String::new() }
}

#[test]
fn a_job_that_is_busy_is_waited_for() {
    let place = Place::new("busy");
    let (script, state) = (place.script("job", "job", JOB), place.state());
    let mut job = start(&script, &run(&state, "2", "rate=3000"));
    while !Path::new(&state).join("checkpoints").exists() {
        pause(20);
    }
    // Longer than anybody waits who does not know that it lives.
    signal(&job, "-STOP");
    let stop = std::thread::spawn(move || says(&["stop", &state]));
    pause(4500);
    signal(&job, "-CONT");
    let said = stop.join().unwrap();
    assert!(said.starts_with("stopped at checkpoint "), "{said}");
    assert!(job.wait().unwrap().success(), "{}", place.log(&script));
}

#[test]
fn a_job_that_was_stopped_goes_on_with_any_number_of_workers() {
    let place = Place::new("stop");
    let (script, state) = (place.script("job", "job", JOB), place.state());
    for workers in ["1", "3", "2"] {
        let mut job = start(&script, &run(&state, workers, "rate=20000"));
        pause(800);
        let said = says(&["stop", &state]);
        assert!(said.starts_with("stopped at checkpoint "), "{said}");
        assert!(job.wait().unwrap().success(), "{}", place.log(&script));
    }
    fails(&["stop", &state], "no job runs on the directory");
    finish(&script, &run(&state, "2", "rate=100000000"));
    assert_equals_undisturbed(&place);
}

#[test]
fn a_drained_job_has_given_out_everything_and_has_ended() {
    let place = Place::new("drain");
    let (script, state) = (place.script("job", "job", JOB), place.state());
    let mut job = start(&script, &run(&state, "2", "rate=20000"));
    pause(1500);
    let said = says(&["stop", &state, "--drain", "--savepoint", "last"]);
    assert!(said.starts_with("drained and stopped at checkpoint ") && said.contains("savepoint 'last'"), "{said}");
    assert!(job.wait().unwrap().success(), "{}", place.log(&script));
    // Every row that was counted is in a window that has fired.
    let sum = |table: &str, column: usize| {
        let number = |row: &String| match serde_json::from_str::<serde_json::Value>(row) {
            Ok(serde_json::Value::Object(row)) => row["bids"].as_i64().unwrap(),
            _ => row.split(',').nth(column).unwrap().parse::<i64>().unwrap(),
        };
        place.rows("job", table).iter().map(|(row, times)| times * number(row)).sum::<i64>()
    };
    let (windows, totals) = (sum("windows", 2), sum("totals", 1));
    assert!(totals > 1000 && totals < 100_000, "{totals}");
    assert_eq!(windows, totals);
    assert!(says(&["savepoint", "inspect", &state, "last"]).contains("the job was drained"));
    // It has ended, and stays so.
    finish(&script, &run(&state, "2", "rate=100000000"));
    assert_eq!((sum("windows", 2), sum("totals", 1)), (windows, totals));
    // Also when the run that was asked had died before its last checkpoint stood: the log knows that nothing comes behind it.
    says(&["savepoint", "rm", &state, "last"]);
    std::fs::remove_file(Path::new(&state).join("checkpoints").join(newest(&state, "checkpoints"))).unwrap();
    finish(&script, &run(&state, "3", "rate=100000000"));
    assert_eq!((sum("windows", 2), sum("totals", 1)), (windows, totals));
    assert!(says(&["checkpoint", "inspect", &state]).contains("the job was drained"));
}

#[test]
fn a_job_that_waits_to_start_again_is_stopped_all_the_same() {
    let place = Place::new("waits");
    // Nobody takes the rows.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sql = "SET 'restart-strategy.type' = 'fixed-delay';
SET 'restart-strategy.fixed-delay.delay' = '1 h';
CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100');
CREATE TABLE hook (n BIGINT) WITH ('connector' = 'http', 'url' = 'http://ADDRESS/', 'http.retries' = '0');
INSERT INTO hook SELECT n FROM numbers;";
    let (script, state) = (place.script("job", "job", &sql.replace("ADDRESS", &address.to_string())), place.state());
    let mut job = start(&script, &["--state", &state]);
    while !place.log(&script).contains("starts again in 3600000 ms") {
        assert!(job.try_wait().unwrap().is_none(), "{}", place.log(&script));
        pause(20);
    }
    fails(&["savepoint", "take", &state], "the job has failed and waits to start again (ask again when it runs)");
    fails(&["stop", &state], "it has ended now");
    assert_eq!(job.wait().unwrap().code(), Some(1), "{}", place.log(&script));
    fails(&["stop", &state], "no job runs on the directory");
}
