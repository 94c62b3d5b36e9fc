//! Two processes, one job: the one that stands by takes over when the other is killed, again and again, and takes nothing
//! from one that lives.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sloth_types::clock::Mono;

use crate::files::{JOB, assert_equals_undisturbed};
use crate::kafka::Topics;
use crate::{Place, command, dice, pause, signal};

/// A process that runs the job, or stands by.
pub(crate) fn stand_by(script: &Path, state: &Path, name: &str) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(log_of(script, name)).unwrap();
    command(script, Some(state), 2).arg("--standby").stderr(log).spawn().unwrap()
}

fn log_of(script: &Path, name: &str) -> std::path::PathBuf {
    script.with_file_name(format!("{name}.log"))
}

/// What a process has said.
pub(crate) fn said(script: &Path, name: &str) -> String {
    std::fs::read_to_string(log_of(script, name)).unwrap_or_default()
}

/// Waits until a process has said something so many times.
pub(crate) fn wait_for(script: &Path, name: &str, what: &str, times: usize) {
    let begun = Mono::now();
    while said(script, name).matches(what).count() < times {
        assert!(begun.elapsed() < Duration::from_secs(30), "{name} has not said '{what}': {}", said(script, name));
        pause(2);
    }
}

/// A process that runs the job: it has, however long that took, written down what it has read before another one begins.
pub(crate) fn in_charge(place: &Place, script: &Path, name: &str) -> Child {
    let (begun, running) = (Mono::now(), stand_by(script, &place.state(), name));
    while std::fs::read_dir(place.state().join("log")).map_or(0, Iterator::count) == 0 {
        let said = || std::fs::read_to_string(log_of(script, name)).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_secs(60), "{name} has written no log: {}", said());
        pause(20);
    }
    pause(300);
    running
}

#[test]
fn processes_that_take_over_from_each_other_write_every_row_once() {
    let place = Place::new("standby");
    let script = place.script("job", JOB);
    let mut dice = dice("standby", 6);
    let names = ["one", "other"];
    let start = |name: &str| stand_by(&script, &place.state(), name);
    let mut running = start(names[0]);
    pause(500);
    for round in 0..dice.kills {
        let next = names[(round + 1) % 2];
        let mut waiting = start(next);
        // Sometimes it is still on its way when it is needed.
        pause(dice.between(20, 1200));
        if running.try_wait().unwrap().is_none() {
            running.kill().unwrap();
        }
        running.wait().unwrap();
        pause(dice.between(0, 300));
        if let Some(status) = waiting.try_wait().unwrap() {
            assert!(status.success(), "{}", std::fs::read_to_string(log_of(&script, next)).unwrap());
        }
        running = waiting;
    }
    let said = || names.map(|name| std::fs::read_to_string(log_of(&script, name)).unwrap()).join("\n");
    assert!(running.wait().unwrap().success(), "{}", said());
    assert!(said().contains("taking over job"), "{}", said());
    assert_equals_undisturbed(&place);
}

#[test]
fn a_process_that_hangs_is_replaced_and_stands_by_when_it_wakes() {
    let place = Place::new("hang");
    let script = place.script("job", &format!("SET 'heartbeat.timeout' = '1 s'; {JOB}"));
    let mut one = in_charge(&place, &script, "one");
    let mut other = stand_by(&script, &place.state(), "other");
    wait_for(&script, "other", "standing by: following job", 1);
    pause(300);
    signal(&one, "STOP");
    wait_for(&script, "other", "nothing has been heard of it", 1);
    pause(300);
    signal(&one, "CONT");
    wait_for(&script, "one", "standing by: following job", 1);
    // It is of use again.
    other.kill().unwrap();
    other.wait().unwrap();
    wait_for(&script, "one", "taking over job", 1);
    assert!(one.wait().unwrap().success(), "{}", std::fs::read_to_string(log_of(&script, "one")).unwrap());
    assert_equals_undisturbed(&place);
}

#[test]
fn a_stop_of_the_one_in_charge_hands_the_job_over_and_a_stop_of_the_other_ends_nothing() {
    let place = Place::new("handover");
    let script = place.script("job", JOB);
    let mut one = in_charge(&place, &script, "one");
    let mut idle = stand_by(&script, &place.state(), "idle");
    wait_for(&script, "idle", "standing by: following job", 1);
    pause(300);
    signal(&idle, "INT");
    assert!(idle.wait().unwrap().success());
    let mut other = stand_by(&script, &place.state(), "other");
    wait_for(&script, "other", "standing by: following job", 1);
    signal(&one, "INT");
    assert!(one.wait().unwrap().success());
    wait_for(&script, "other", "taking over job", 1);
    assert!(other.wait().unwrap().success(), "{}", std::fs::read_to_string(log_of(&script, "other")).unwrap());
    assert_equals_undisturbed(&place);
}

#[test]
fn a_job_that_is_asked_to_stop_is_not_taken_over() {
    let place = Place::new("asked");
    let script = place.script("job", JOB);
    let mut one = in_charge(&place, &script, "one");
    let mut other = stand_by(&script, &place.state(), "other");
    wait_for(&script, "other", "standing by: following job", 1);
    let asked =
        std::process::Command::new(env!("CARGO_BIN_EXE_sloth")).arg("stop").arg(place.state()).output().unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    assert!(one.wait().unwrap().success());
    assert!(other.wait().unwrap().success());
    let said = std::fs::read_to_string(log_of(&script, "other")).unwrap();
    assert!(said.contains("the job was asked to stop") && !said.contains("taking over"), "{said}");
    // Somebody starts it again: there is nobody to wait for.
    assert!(stand_by(&script, &place.state(), "again").wait().unwrap().success());
    assert_equals_undisturbed(&place);
}

/// Shows rows of the topic as they become visible.
const WATCH: &str = "
CREATE TABLE picked (n BIGINT, k BIGINT) WITH (
  'connector' = 'kafka', 'topic' = 'chaos-out-${STAMP}', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset', 'properties.isolation.level' = 'read_committed'
);
CREATE TABLE shown (n BIGINT) WITH ('connector' = 'print');
INSERT INTO shown SELECT n FROM picked;
";

/// The instants at which rows come out of a process.
fn arrivals(watch: &mut Child) -> Receiver<Mono> {
    let (sender, receiver) = channel();
    let out = BufReader::new(watch.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines() {
            if line.is_err() || sender.send(Mono::now()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// How long nothing came after a kill: until the row that ended the longest silence.
fn failover(rows: &Receiver<Mono>, killed: Mono) -> Duration {
    pause(3000);
    let (mut before, mut longest, mut ended) = (killed, Duration::ZERO, None);
    for at in rows.try_iter() {
        let since = at.elapsed();
        let (gap, after) = (before.elapsed().saturating_sub(since), killed.elapsed().saturating_sub(since));
        if after > Duration::ZERO && gap > longest {
            (longest, ended) = (gap, Some(after));
        }
        if after > Duration::ZERO {
            before = at;
        }
    }
    ended.expect("nothing came after the kill")
}

#[test]
fn readers_of_committed_records_wait_less_than_a_moment_for_the_one_that_takes_over() {
    let Some(broker) = crate::kafka::broker() else { return };
    let topics = Topics::new(broker, &["in", "out", "totals"]);
    let place = Place::new("failover");
    let script = place.script("job", &topics.fill(crate::kafka::JOB));
    let mut dice = dice("failover", 4);
    let names = ["one", "other"];
    let start = |name: &str| stand_by(&script, &place.state(), name);
    let mut running = start(names[0]);
    pause(1500);
    // Long enough for two failovers.
    let feed = place.script("feed", &topics.fill(crate::kafka::FEED).replace("'20000'", "'8000'"));
    let mut feeding = crate::start(&feed, None, 1);
    let watch = place.script("watch", &topics.fill(WATCH));
    let mut watch = command(&watch, None, 1).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let rows = arrivals(&mut watch);
    let mut times = vec![];
    for round in 0..dice.kills {
        let next = names[(round + 1) % 2];
        let waiting = start(next);
        wait_for(&script, next, "standing by: following job", round / 2 + 1);
        pause(dice.between(1000, 2000));
        let _ = rows.try_iter().count();
        let killed = Mono::now();
        running.kill().unwrap();
        let feeding = feeding.try_wait().unwrap().is_none();
        running.wait().unwrap();
        running = waiting;
        wait_for(&script, next, "taking over job", round / 2 + 1);
        if feeding && round < 2 {
            times.push(failover(&rows, killed));
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(feeding.wait().unwrap().success());
    topics.assert_whole(&place);
    signal(&running, "INT");
    assert!(running.wait().unwrap().success());
    println!("failover: {times:?}");
    // The figure is for a quiet machine: here it only tells that it does not take for ever.
    // With time to spare for a machine that is busy with other tests.
    assert!(times.iter().all(|time| *time < Duration::from_secs(20)), "{times:?}");
}
