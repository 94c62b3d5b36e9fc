//! Files that come, go and change around a restart: the rows of each are read once, or the job says why it cannot go on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, UNIX_EPOCH};

use crate::quiet::{COPIES, COUNTS, Quiet};
use crate::{await_segments, fails, finish, newest, pause, says, sloth, start};

/// Ways of a job to end, or to be given to another process.
#[derive(Clone, Copy, Debug)]
enum Way {
    Kill,
    Stop,
    Standby,
}

/// A new file with a word, which appears whole and with this age.
fn say_at(job: &Quiet, word: &str, seconds: u64) {
    let hidden = job.place.0.join(format!("job/.{word}"));
    std::fs::write(&hidden, format!("{word}\n")).unwrap();
    set_time(&hidden, seconds);
    std::fs::rename(hidden, job.place.0.join(format!("job/words/{word}.csv"))).unwrap();
}

fn set_time(path: &Path, seconds: u64) {
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

fn end(job: &Quiet, mut running: Child, way: Way) {
    match way {
        Way::Stop => drop(says(&["stop", &job.state])),
        Way::Kill | Way::Standby => running.kill().unwrap(),
    }
    running.wait().unwrap();
}

fn await_said(job: &Quiet, script: &Path, what: &str, times: usize) {
    for _ in 0..4000 {
        if job.place.log(script).matches(what).count() >= times {
            return;
        }
        pause(5);
    }
    panic!("'{what}' has not been said: {}", job.place.log(script));
}

/// What a watched directory goes through while the job changes hands.
fn live_through(name: &str, way: Way) {
    let job = Quiet::new(name);
    let script = job.script("one", &[COPIES]);
    let standby: &[&str] = if matches!(way, Way::Standby) { &["--standby"] } else { &[] };
    let mut running = job.start(&script, standby);
    let mut followers = 0;
    let mut follow = || {
        let follower = matches!(way, Way::Standby).then(|| job.start(&script, standby));
        followers += usize::from(follower.is_some());
        await_said(&job, &script, "standing by: following job", followers);
        follower
    };
    let hand_over = |running: Child, follower: Option<Child>| {
        end(&job, running, way);
        follower.unwrap_or_else(|| job.start(&script, standby))
    };
    // The younger file comes first.
    say_at(&job, "young", 2000);
    job.await_row("copies", "young", &script);
    let follower = follow();
    say_at(&job, "old", 1000);
    job.await_row("copies", "old", &script);
    running = hand_over(running, follower);
    say_at(&job, "third", 500);
    job.await_row("copies", "third", &script);
    let follower = follow();
    // A file that has been read is touched and grows, another one goes away.
    let files = job.place.0.join("job/words");
    std::fs::write(files.join("third.csv"), "third\nmore\n").unwrap();
    set_time(&files.join("third.csv"), 9000);
    std::fs::remove_file(files.join("young.csv")).unwrap();
    running = hand_over(running, follower);
    say_at(&job, "fourth", 100);
    job.await_row("copies", "fourth", &script);
    // The script changes, and a statement stays.
    end(&job, running, Way::Stop);
    let two = job.script("two", &[COUNTS, COPIES]);
    running = job.start(&two, &["--upgrade"]);
    job.await_row("counts", r#"{"word":"old","n":1}"#, &two);
    say_at(&job, "fifth", 50);
    job.await_row("copies", "fifth", &two);
    end(&job, running, Way::Stop);
    let expected = ["young", "old", "third", "fourth", "fifth"].map(|word| (word.to_owned(), 1));
    assert_eq!(job.place.rows("job", "copies"), BTreeMap::from(expected), "{}", job.place.log(&script));
}

#[test]
fn a_watched_directory_is_read_once_by_jobs_that_are_killed() {
    live_through("watched-kill", Way::Kill);
}

#[test]
fn a_watched_directory_is_read_once_by_jobs_that_are_stopped() {
    live_through("watched-stop", Way::Stop);
}

#[test]
fn a_watched_directory_is_read_once_by_jobs_that_take_over_from_each_other() {
    live_through("watched-standby", Way::Standby);
}

#[test]
fn files_are_known_from_the_log_alone() {
    let job = Quiet::new("watched-log");
    let script = job.script("one", &[COPIES]);
    let sql = std::fs::read_to_string(&script).unwrap().replace("'300 ms'", "'1 h'");
    std::fs::write(&script, sql).unwrap();
    for (word, seconds) in [("young", 2000), ("old", 1000), ("oldest", 500)] {
        let behind = newest(&job.state, "log");
        let mut running = job.start(&script, &[]);
        // The claim comes first.
        await_segments(&job.state, &behind, 1);
        say_at(&job, word, seconds);
        // Other epochs may be logged before the one that has it.
        let logged = || sloth(&["replay", &job.state, script.to_str().unwrap()]).stdout;
        let told = (0..300).any(|_| {
            pause(20);
            String::from_utf8_lossy(&logged()).contains(&format!("[{word}]"))
        });
        assert!(told, "{word} is not in the log: {}", job.place.log(&script));
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let replayed = says(&["replay", &job.state, script.to_str().unwrap()]);
    let at = |word: &str| replayed.match_indices(&format!("{word}]")).map(|(at, _)| at).collect::<Vec<_>>();
    let places = [at("young"), at("old"), at("oldest")].concat();
    assert!(places.len() == 3 && places.is_sorted(), "{replayed}");
    let mut running = job.start(&script, &[]);
    pause(300);
    says(&["stop", &job.state]);
    running.wait().unwrap();
    let expected = ["young", "old", "oldest"].map(|word| (word.to_owned(), 1));
    assert_eq!(job.place.rows("job", "copies"), BTreeMap::from(expected), "{}", job.place.log(&script));
}

#[test]
fn a_job_that_has_ended_asks_for_no_files() {
    let job = Quiet::new("ended");
    job.say("one");
    let script = job.script("one", &[COPIES]);
    let sql = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, sql.replace(", 'source.monitor-interval' = '20 ms'", "")).unwrap();
    finish(&script, &["--state", &job.state]);
    std::fs::remove_dir_all(job.place.0.join("job/words")).unwrap();
    finish(&script, &["--state", &job.state]);
    assert_eq!(job.place.rows("job", "copies"), BTreeMap::from([("one".to_owned(), 1)]));
}

#[test]
fn a_job_does_not_go_on_with_other_files_than_it_began_with() {
    let job = Quiet::new("listing");
    let names = job.place.0.join("job/names");
    std::fs::create_dir_all(&names).unwrap();
    std::fs::write(names.join("b.csv"), "ann\nbob\n").unwrap();
    let more = "INSERT INTO lists SELECT word FROM names;\n";
    let tables = "CREATE TABLE names (word STRING)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/names', 'format' = 'csv');
CREATE TABLE lists (word STRING) WITH ('connector' = 'filesystem', 'path' = '${DIR}/lists', 'format' = 'csv');\n";
    let sql = format!("{}{tables}EXECUTE STATEMENT SET BEGIN\n{COPIES}{more}END;\n", crate::quiet::TABLES);
    let script = job.place.script("one", "job", &sql);
    let mut running = job.start(&script, &[]);
    job.await_row("lists", "bob", &script);
    running.kill().unwrap();
    running.wait().unwrap();
    std::fs::write(names.join("a.csv"), "eve\n").unwrap();
    fails(&["run", script.to_str().unwrap(), "--state", &job.state], "names/a.csv' is new");
    std::fs::rename(names.join("a.csv"), names.join("b.csv")).unwrap();
    fails(&["run", script.to_str().unwrap(), "--state", &job.state], "names/b.csv' had 8 bytes and has 4");
    // As it was, it goes on.
    std::fs::write(names.join("b.csv"), "ann\nbob\n").unwrap();
    let mut running = start(&script, &["--state", &job.state]);
    job.say("on");
    job.await_row("copies", "on", &script);
    says(&["stop", &job.state]);
    assert!(running.wait().unwrap().success());
    let expected = ["ann", "bob"].map(|word| (word.to_owned(), 1));
    assert_eq!(job.place.rows("job", "lists"), BTreeMap::from(expected));
}
