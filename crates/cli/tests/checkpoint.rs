//! What people do with a state directory: list, inspect, verify, remove, replay, and go on from one of version 1.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/state-1")
}

/// A copy of the state directory, removed when the test has passed.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("sloth-checkpoint-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        copy(&fixture().join("state"), &path);
        Place(path)
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Changes a byte of a file.
    fn damage(&self, file: &str) {
        let mut bytes = fs::read(self.0.join(file)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(self.0.join(file), bytes).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|e| e.unwrap().path()) {
        let to = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

fn sloth(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sloth")).args(args).env_remove("RUST_LOG").output().unwrap()
}

fn says(args: &[&str]) -> String {
    let output = sloth(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn fails(args: &[&str], with: &str) -> String {
    let output = sloth(args);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {errors}");
    assert!(errors.contains(with), "{with:?} is not in:\n{errors}");
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn script() -> String {
    fixture().join("job.sql").to_str().unwrap().to_owned()
}

fn replay(place: &Place, more: &[&str]) -> String {
    let script = script();
    says(&[&["replay", place.text(), &script, "--var", "rate=1000000"], more].concat())
}

/// The lines of one table.
fn of<'a>(table: &str, text: &'a str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(table)?.strip_prefix("> ")).collect()
}

#[test]
fn ls_and_inspect_show_what_is_there() {
    let place = Place::new("show");
    let list = says(&["checkpoint", "ls", place.text()]);
    assert!(list.starts_with("job sloth-534f18e1: 1 run, epochs 7 to 13 in the log\n"), "{list}");
    assert_eq!(list.lines().count(), 5, "{list}");
    let shown = says(&["checkpoint", "inspect", place.text()]);
    for part in [
        "checkpoint 11: all epochs before 11, made by run 1 with 2 workers",
        "source 0 (orders): watermark 1970-01-01T00:00:24.000Z",
        "split lane-0: offset 26, watermark 1970-01-01T00:00:26.000Z",
        "groups (2)",
        "group aggregate, GroupAggregate by k0 of totals (line 13): 5 rows, 3098 bytes",
        "\ntotals (line 13): 5 rows, 3098 bytes",
        "all: 8 rows, 4875 bytes",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    assert!(says(&["checkpoint", "inspect", place.text(), "7"]).contains("checkpoint 7: "));
    fails(&["checkpoint", "inspect", place.text(), "8"], "Checkpoints: 7, 9, 11.");
    let nowhere = place.0.join("nowhere");
    fails(&["checkpoint", "ls", nowhere.to_str().unwrap()], "there is no directory");
    assert!(!nowhere.exists());
}

#[test]
fn verify_finds_damage_and_exits_with_1() {
    let place = Place::new("verify");
    let whole = says(&["checkpoint", "verify", place.text()]);
    assert_eq!(whole.matches("whole").count(), 4, "{whole}");
    place.damage("state/0000000001/00000000000000000009/00002.state");
    let found = fails(&["checkpoint", "verify", place.text()], "is damaged");
    assert!(found.contains("checkpoint 9: 'state/0000000001/00000000000000000009/00002.state' is damaged"), "{found}");
    assert!(found.contains("checkpoint 11: whole"), "{found}");
    says(&["checkpoint", "verify", place.text(), "11"]);
    place.damage("log/00000000000000000013");
    let found = fails(&["checkpoint", "verify", place.text(), "11"], "is damaged");
    assert!(found.contains("log: 'log/00000000000000000013' is damaged: its checksum is wrong"), "{found}");
    assert!(says(&["checkpoint", "ls", place.text()]).contains("the log: "));
}

#[test]
fn rm_keeps_the_last_whole_checkpoint_unless_forced() {
    let place = Place::new("rm");
    assert_eq!(says(&["checkpoint", "rm", place.text(), "9"]), "checkpoint 9 removed, with 4 state files\n");
    place.damage("checkpoints/00000000000000000007.json");
    fails(&["checkpoint", "rm", place.text(), "11"], "checkpoint 11 is the only one that is whole");
    says(&["checkpoint", "rm", place.text(), "7"]);
    fails(&["checkpoint", "rm", place.text(), "11"], "--force");
    says(&["checkpoint", "rm", place.text(), "11", "--force"]);
    assert!(says(&["checkpoint", "ls", place.text()]).contains("no checkpoint yet"));
}

#[test]
fn a_replay_prints_what_the_job_has_printed() {
    let place = Place::new("replay");
    let printed = fs::read_to_string(fixture().join("printed.txt")).unwrap();
    let all = replay(&place, &["-p", "1"]);
    for table in ["totals", "windows"] {
        let (then, now) = (of(table, &printed), of(table, &all));
        assert!(!now.is_empty() && then.ends_with(&now), "{table}:\n{then:?}\n{now:?}");
    }
    assert_eq!(replay(&place, &["-p", "3"]), all);
    // Any part of it, from whichever checkpoint it is made.
    let parts: Vec<String> =
        (7..14).map(|e: u64| replay(&place, &["--from", &e.to_string(), "--to", &e.to_string()])).collect();
    assert_eq!(parts.concat(), all);
    assert!(parts.iter().filter(|part| !part.is_empty()).count() > 3);
    // It has not taken the job over.
    assert!(says(&["checkpoint", "ls", place.text()]).contains("1 run,"));
}

#[test]
fn a_replay_of_what_is_not_kept_or_of_another_query_is_refused() {
    let (place, script) = (Place::new("refused"), script());
    let replay = |more: &[&str], with: &str| {
        fails(&[&["replay", place.text(), &script, "--var", "rate=1"], more].concat(), with);
    };
    replay(&["--from", "3"], "Epochs 7 to 13 can be made again.");
    replay(&["--to", "14"], "epoch 14 is not in the log");
    replay(&["--from", "12", "--to", "11"], "--from 12 lies after --to 11");
    let other = place.0.join("other.sql");
    fs::write(&other, fs::read_to_string(&script).unwrap().replace("SUM(n)", "MAX(n)")).unwrap();
    fails(&["replay", place.text(), other.to_str().unwrap(), "--var", "rate=1"], "belongs to another query");
}

#[test]
fn a_directory_of_version_1_is_gone_on_from_with_any_number_of_workers() {
    for workers in ["1", "2", "3"] {
        let (place, script) = (Place::new(&format!("resume-{workers}")), script());
        let run = ["run", &script, "--var", "rate=1000000", "-p", workers, "--state", place.text()];
        let printed = says(&run);
        let mut last = BTreeMap::new();
        for line in of("totals", &printed).into_iter().filter(|line| line.starts_with('+')) {
            let (key, value) = line[3..].split_once(", ").unwrap();
            last.insert(key.to_owned(), value.to_owned());
        }
        // The sums of 1 to 60 by their remainders.
        let expected = [("0", "20, 630]"), ("1", "20, 590]"), ("2", "20, 610]")];
        assert_eq!(last, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into(), "{printed}");
        let mut windows = of("windows", &printed);
        windows.retain(|line| !line.contains("00:00:20Z"));
        let expected = ["30Z, 10]", "40Z, 10]", "50Z, 10]"].map(|w| format!("+I[1970-01-01T00:00:{w}"));
        assert_eq!(windows[..3], expected, "{printed}");
        assert_eq!(windows[3..], ["+I[1970-01-01T00:01:00Z, 1]"], "{printed}");
        // It has ended, and stays so.
        assert_eq!(says(&run), "");
    }
}

#[test]
fn the_log_of_another_job_is_refused() {
    let (place, other, script) = (Place::new("foreign"), Place::new("foreign-other"), script());
    fs::remove_dir_all(&other.0).unwrap();
    let run = ["run", &script, "--var", "rate=1000000", "--state"];
    says(&[&run[..], &[other.text()]].concat());
    fs::remove_dir_all(place.0.join("log")).unwrap();
    copy(&other.0.join("log"), &place.0.join("log"));
    let segments = || fs::read_dir(place.0.join("log")).unwrap().count();
    let before = segments();
    let error = "'job.json' is of job sloth-534f18e1, 'log/";
    fails(&[&run[..], &[place.text()]].concat(), error);
    fails(&[&run[..], &[place.text(), "--standby"]].concat(), error);
    fails(&["replay", place.text(), &script, "--var", "rate=1"], error);
    let found = fails(&["checkpoint", "verify", place.text()], "is damaged");
    assert!(found.contains(&format!("log: {error}")), "{found}");
    assert!(says(&["checkpoint", "ls", place.text()]).contains(&format!("the log: {error}")));
    assert_eq!(segments(), before);
}

#[test]
fn a_log_that_has_lost_its_end_is_noticed_by_what_the_sinks_have() {
    let place = Place::new("short");
    fs::remove_dir_all(&place.0).unwrap();
    fs::create_dir_all(&place.0).unwrap();
    let (script, state, old) = (place.0.join("job.sql"), place.0.join("state"), place.0.join("old"));
    let sql = "
        SET 'execution.checkpointing.interval' = '1 ms';
        SET 'sloth.epoch.max-rows' = '10';
        CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '${rate}',
          'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '600');
        CREATE TABLE files (n BIGINT) WITH ('connector' = 'filesystem', 'path' = '${DIR}/files', 'format' = 'csv');
        INSERT INTO files SELECT n FROM numbers;";
    fs::write(&script, sql.replace("${DIR}", place.text())).unwrap();
    let run = ["run", script.to_str().unwrap(), "-p", "1", "--state", state.to_str().unwrap(), "--var"];
    // Killed in the first of its ten seconds, and copied then.
    let mut first = Command::new(env!("CARGO_BIN_EXE_sloth")).args(run).arg("rate=60").spawn().unwrap();
    let checkpoints = || fs::read_dir(state.join("checkpoints")).map_or(0, Iterator::count);
    while checkpoints() < 2 {
        assert!(first.try_wait().unwrap().is_none(), "it ended without two checkpoints");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    copy(&state, &old);
    says(&[&run[..], &["rate=1000000"]].concat());
    // The old copy comes back: its log ends before what the files have.
    fs::remove_dir_all(&state).unwrap();
    fs::rename(&old, &state).unwrap();
    fails(&[&run[..], &["rate=1000000"]].concat(), "but the epoch log ends before epoch");
}

/// A job meets with something that no waiting changes, at its start or under way: it ends, whatever its restart policy says.
#[test]
fn a_place_that_cannot_be_used_ends_the_job_at_once() {
    let place = Place::new("places");
    let path = |name: &str| place.0.join(name).to_str().unwrap().to_owned();
    let run = |name: &str, path: &str, value: &str, with: &[&str]| {
        let sql = format!(
            "
            SET 'execution.checkpointing.interval' = '1 ms';
            CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200',
              'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '100');
            CREATE TABLE files (n BIGINT, part STRING) PARTITIONED BY (part)
            WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv');
            INSERT INTO files SELECT n, {value} FROM numbers;"
        );
        let (script, state) = (place.0.join(format!("{name}.sql")), place.0.join(format!("{name}-state")));
        fs::write(&script, sql).unwrap();
        let output = sloth(&["run", script.to_str().unwrap(), "--state", state.to_str().unwrap()]);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {errors}");
        assert!(!errors.contains("starts again") && !errors.contains(" |\n"), "{name}: {errors}");
        with.iter().for_each(|with| assert!(errors.contains(with), "{name}: {with:?} is not in:\n{errors}"));
    };
    // Instead of the directory of checkpoints there is a file.
    fs::create_dir_all(path("state-state")).unwrap();
    fs::write(path("state-state/checkpoints"), "a file").unwrap();
    let checkpoints = format!("'{}' cannot be listed", path("state-state/checkpoints"));
    run("state", &path("files"), "'x'", &[&checkpoints, "Not a directory", "A file stands where"]);
    // A partition that comes in the middle.
    fs::create_dir_all(path("taken")).unwrap();
    fs::write(path("taken/part=late"), "a file").unwrap();
    let late = "CASE WHEN n > 50 THEN 'late' ELSE 'soon' END";
    let partition = format!("'{}", path("taken/part=late"));
    run("taken", &path("taken"), late, &[&partition, "File exists", "A file stands where a directory is wanted"]);
    let long = "CASE WHEN n > 50 THEN REPEAT('x', 300) ELSE 'soon' END";
    run("long", &path("long"), long, &["File name too long", "give a shorter path"]);
}
