//! The binary as a user meets it: exit codes, output, errors, Ctrl-C.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn sloth(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sloth"));
    command.args(args).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).env_remove("RUST_LOG");
    command
}

/// Runs a script given as text.
fn run(name: &str, sql: &str) -> Output {
    let file = std::env::temp_dir().join(format!("sloth-cli-{}-{name}.sql", std::process::id()));
    std::fs::write(&file, sql).unwrap();
    let output = sloth(&["run", file.to_str().unwrap()]).output().unwrap();
    std::fs::remove_file(file).unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fails_with(output: &Output, expected: &[&str]) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    for part in expected {
        assert!(errors.contains(part), "{part:?} is not in:\n{errors}");
    }
    assert!(!errors.contains("panicked") && !errors.contains("RUST_BACKTRACE"), "{errors}");
}

fn interrupt(child: &Child) {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

#[test]
fn a_bounded_script_prints_its_rows_and_ends_well() {
    let output = sloth(&["run", "examples/quickstart/csv-to-print.sql"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let rows = text(&output.stdout);
    assert_eq!(rows.lines().count(), 4, "{rows}");
    assert!(rows.contains("+I[5, Alan, 1999.00]"), "{rows}");
}

#[test]
fn the_missions_query_gives_a_row_for_every_five_minutes() {
    let output = run(
        "mission",
        "CREATE TABLE orders (amount DECIMAL(10, 2), event_time TIMESTAMP(3), WATERMARK FOR event_time AS event_time)
         WITH ('connector' = 'datagen', 'number-of-rows' = '1000', 'rows-per-second' = '1000000',
               'fields.amount.min' = '1', 'fields.amount.max' = '2', 'start-time' = '2026-11-11 00:00:00');
         SELECT TUMBLE_START(event_time, INTERVAL '5' MINUTE) AS window_start, SUM(amount) AS total_sales
         FROM orders GROUP BY TUMBLE(event_time, INTERVAL '5' MINUTE);",
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("+I[2026-11-11T00:00, 1"), "{}", text(&output.stdout));
}

#[test]
fn ctrl_c_ends_an_unbounded_job_cleanly() {
    let mut child = sloth(&["run", "examples/quickstart/tumbling-sum.sql"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first row shows that the job runs.
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("+I["), "{first}");
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("stopping"), "{}", text(&output.stderr));
}

#[test]
fn an_error_in_the_text_is_pointed_at() {
    let output = run(
        "typo",
        "CREATE TABLE t (amount INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\nSELECT amuont FROM t;\n",
    );
    fails_with(&output, &["amuont", "^^^^^^", "amount", ":2:"]);
}

#[test]
fn a_query_that_cannot_be_kept_up_to_date_is_refused_with_the_place() {
    let output = run(
        "window",
        "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\nSELECT COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(a), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;\n",
    );
    fails_with(&output, &["it is no timestamp", "^", ":2:"]);
}

#[test]
fn a_bad_option_names_the_right_one() {
    let output = run(
        "option",
        "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-per-secnd' = '1');\nSELECT a FROM t;\n",
    );
    fails_with(&output, &["rows-per-secnd", "rows-per-second", "^^^^", ":1:"]);
}

#[test]
fn an_unknown_connector_lists_the_known_ones() {
    let output = run("connector", "CREATE TABLE t (a INT) WITH ('connector' = 'kafak');\nSELECT a FROM t;\n");
    fails_with(&output, &["kafak", "kafka"]);
}

#[test]
fn a_failing_expression_ends_the_job_with_its_error() {
    let output = run(
        "cast",
        "CREATE TABLE t (a STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '10');\nSELECT CAST(a AS INT) FROM t;\n",
    );
    fails_with(&output, &["error"]);
}

#[test]
fn a_sink_that_is_down_ends_the_job_with_its_error() {
    let output = run(
        "down",
        "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '10');
         CREATE TABLE hook (a INT) WITH ('connector' = 'http', 'url' = 'http://127.0.0.1:9/', 'format' = 'json', 'http.retries' = '0');
         INSERT INTO hook SELECT a FROM t;",
    );
    fails_with(&output, &["127.0.0.1:9"]);
}

#[test]
fn a_missing_file_is_named() {
    let output = sloth(&["run", "no-such-file.sql"]).output().unwrap();
    fails_with(&output, &["no-such-file.sql"]);
}

#[test]
fn explain_shows_operators_exchange_watermark_and_state() {
    let output = sloth(&["explain", "-p", "2", "examples/quickstart/five-minute-sales.sql"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let plan = text(&output.stdout);
    for part in [
        "Sink sales (print)",
        "WindowAggregate TUMBLE(size=5 min)",
        "exchange: to one worker",
        "watermark: event_time - 2000 ms",
        "append-only",
        "state: open windows",
    ] {
        assert!(plan.contains(part), "{part:?} is not in:\n{plan}");
    }
}

#[test]
fn explain_tells_what_a_crash_may_do() {
    let sql = "CREATE TABLE words (word STRING) WITH ('connector' = 'socket', 'hostname' = 'localhost', 'port' = '9', 'format' = 'csv');
        CREATE TABLE copies (word STRING) WITH ('connector' = 'filesystem', 'path' = '/tmp/copies', 'format' = 'csv');
        INSERT INTO copies SELECT word FROM words;";
    let file = std::env::temp_dir().join(format!("sloth-explain-{}.sql", std::process::id()));
    std::fs::write(&file, sql).unwrap();
    let output = sloth(&["explain", file.to_str().unwrap()]).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let plan = text(&output.stdout);
    for part in ["after a crash: each row once", "rows of 'words' behind the last checkpoint are lost"] {
        assert!(plan.contains(part), "{part:?} is not in:\n{plan}");
    }
}

#[test]
fn the_demo_serves_its_screen_and_ends_when_its_events_end() {
    let mut child = sloth(&["demo", "double11", "--rate", "2000", "--events", "12000", "--http", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.starts_with("The big screen: http://127.0.0.1:")));
    // Whatever else it says must be read, or it would wait for us.
    let rest: Vec<String> = said.collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("ended after")), "{rest:?}");
}
