//! Tests of the store: claims and fencing, recovery, cleaning, and damage of every kind to a real state directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use sloth_types::clock::Mono;
use sloth_types::journal::{Checkpoint, Cut, OperatorState, Owner, Recovered, Section};
use sloth_types::{Epoch, EpochEntry, Error, ErrorKind, JobStore, Result, Watermark};

use crate::recover::recover_newest;
use crate::{Asking, Keeper, Objects, Plan, Request, claim, inspect};

mod ahead;
mod bodies;
mod cleaning;
mod continued;
mod damage;
mod fencing;
mod stretches;

/// The plan with this fingerprint.
fn plan(fingerprint: &str) -> Plan {
    Plan { fingerprint: fingerprint.to_owned(), ..Plan::default() }
}

fn recover(objects: &Objects) -> Result<(Recovered, Vec<Error>)> {
    recover_newest(objects).map(|found| (found.recovered, found.damaged))
}

fn objects(directory: &Path) -> Objects {
    Objects::directory(directory).unwrap()
}

fn begin(directory: &Path) -> (Arc<Keeper>, Recovered) {
    Keeper::start(claim(&objects(directory), &plan("a plan")).unwrap(), 2).unwrap()
}

pub(crate) fn entry(epoch: u64) -> EpochEntry {
    EpochEntry {
        now_ms: 1000 + epoch as i64,
        watermarks: vec![Watermark(epoch as i64)],
        ends: vec![vec![epoch * 10]],
        ..EpochEntry::default()
    }
}

pub(crate) fn state(value: i64) -> OperatorState {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let rows = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![value; 20]))]).unwrap();
    let sections = vec![Section::new("rows", Owner::Key(vec![0]), vec![rows])];
    OperatorState { operator: 7, name: "count".into(), worker: 0, continues: false, sections }
}

pub(crate) fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let begun = Mono::now();
    while !until() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} has not come");
        sloth_types::threads::sleep(Duration::from_millis(1));
    }
}

/// Logs an epoch in a segment of its own.
pub(crate) fn log(keeper: &Keeper, epoch: u64) {
    keeper.append(Epoch(epoch), entry(epoch));
    wait("the log", || keeper.durable() > Epoch(epoch) || keeper.failure().is_some());
}

pub(crate) fn checkpoint(keeper: &Keeper, epoch: u64) {
    let cut = Cut { epoch: Epoch(epoch), workers: 1, ..Cut::default() };
    keeper.upload(Checkpoint { cut, state: vec![state(epoch as i64)], ..Checkpoint::default() });
    keeper.publish(Epoch(epoch));
    wait("the checkpoint", || keeper.published() >= Epoch(epoch) || keeper.failure().is_some());
}

/// Four checkpoints at 2, 4, 6, 8 (the last two are kept) and two epochs after them.
fn worked(directory: &Path) {
    let (keeper, _) = begin(directory);
    for epoch in 0..10 {
        log(&keeper, epoch);
        if epoch % 2 == 1 && epoch < 9 {
            checkpoint(&keeper, epoch + 1);
        }
    }
    keeper.close().unwrap();
}

fn names(directory: &Path, of: &str) -> Vec<String> {
    let mut names = vec![];
    let mut open = vec![directory.join(of)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().map(|e| e.unwrap().path()) {
            if entry.is_dir() { open.push(entry) } else { names.push(entry.to_str().unwrap().to_owned()) }
        }
    }
    names.sort();
    names
}

fn message(error: &Error) -> String {
    error.message().to_owned()
}

fn upload(keeper: &Keeper, epoch: u64, part: OperatorState) {
    let cut = Cut { epoch: Epoch(epoch), workers: 1, ..Cut::default() };
    keeper.upload(Checkpoint { cut, state: vec![part], ..Checkpoint::default() });
}

fn publish(keeper: &Keeper, epoch: u64) {
    keeper.publish(Epoch(epoch));
    wait("the checkpoint", || keeper.published() >= Epoch(epoch) || keeper.failure().is_some());
    assert!(keeper.failure().is_none(), "{:?}", keeper.failure());
}

#[test]
fn what_was_kept_is_found_again() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let (keeper, recovered) = begin(place.path());
    assert_eq!(keeper.generation(), 2);
    assert_eq!((keeper.durable(), keeper.published()), (Epoch(10), Epoch(8)));
    assert_eq!(recovered.log, [entry(8), entry(9)]);
    let found = recovered.checkpoint.unwrap();
    assert_eq!(found.cut.epoch, Epoch(8));
    assert_eq!(found.state, [state(8)]);
    keeper.close().unwrap();
}

#[test]
fn an_older_run_can_write_no_more_once_another_has_taken_over() {
    let place = tempfile::tempdir().unwrap();
    let (old, _) = begin(place.path());
    log(&old, 0);
    let (new, recovered) = begin(place.path());
    assert_eq!((old.generation(), new.generation(), recovered.log.len()), (1, 2, 1));
    log(&old, 1);
    assert!(message(&old.failure().unwrap()).contains("another run of this job has taken over"));
    assert_eq!(old.durable(), Epoch(1), "what is not in the log may not be committed");
    assert!(old.close().is_err());
    log(&new, 1);
    new.close().unwrap();
    assert_eq!(begin(place.path()).1.log, [entry(0), entry(1)]);
}

#[test]
fn an_older_run_without_work_notices_too() {
    let place = tempfile::tempdir().unwrap();
    let (old, _) = begin(place.path());
    let (new, _) = begin(place.path());
    wait("the notice", || old.failure().is_some());
    new.close().unwrap();
}

#[test]
fn an_older_run_publishes_nothing_once_another_has_taken_over() {
    let place = tempfile::tempdir().unwrap();
    let (old, _) = begin(place.path());
    (0..4).for_each(|epoch| log(&old, epoch));
    checkpoint(&old, 2);
    // What has been uploaded and not published is nothing to the new run, which may remove it.
    upload(&old, 4, state(4));
    wait("the upload", || names(place.path(), "state/0000000001").len() == 2);
    let (new, _) = begin(place.path());
    upload(&new, 6, state(6));
    wait("the upload", || names(place.path(), "state/0000000002").len() == 1);
    old.publish(Epoch(4));
    assert!(message(&old.close().unwrap_err()).contains("another run of this job has taken over"));
    assert_eq!((old.published(), names(place.path(), "checkpoints").len()), (Epoch(2), 1));
    publish(&new, 6);
    new.close().unwrap();
    assert_eq!(recover(&objects(place.path())).unwrap().0.checkpoint.unwrap().state, [state(6)]);
}

#[test]
fn the_newest_checkpoint_that_is_whole_is_used() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let manifests = names(place.path(), "checkpoints");
    let text = fs::read_to_string(&manifests[1]).unwrap();
    fs::write(&manifests[1], &text[..text.len() - 3]).unwrap();
    let claim = claim(&objects(place.path()), &plan("a plan")).unwrap();
    assert_eq!(claim.recovered.first_epoch(), Epoch(6));
    assert_eq!(claim.recovered.log, [entry(6), entry(7), entry(8), entry(9)]);
    assert_eq!(claim.damaged.len(), 1);
    assert!(message(&claim.damaged[0]).contains("is damaged: it should have"), "{}", claim.damaged[0]);
}

#[test]
fn with_all_checkpoints_damaged_the_newest_ones_damage_is_told() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    for file in names(place.path(), "state") {
        fs::remove_file(file).unwrap();
    }
    let error = claim(&objects(place.path()), &plan("a plan")).err().unwrap();
    assert!(message(&error).contains("00000000000000000008/00000.state"), "{error}");
}

#[test]
fn a_manifest_takes_no_file_of_another_checkpoint_and_no_name_of_another_epoch() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let files = names(place.path(), "state");
    fs::copy(&files[0], &files[1]).unwrap();
    let (recovered, damaged) = recover(&objects(place.path())).unwrap();
    assert_eq!((recovered.first_epoch(), damaged.len()), (Epoch(6), 1));
    let manifests = names(place.path(), "checkpoints");
    fs::copy(&manifests[0], &manifests[1]).unwrap();
    let (recovered, damaged) = recover(&objects(place.path())).unwrap();
    assert_eq!(recovered.first_epoch(), Epoch(6));
    assert!(message(&damaged[0]).contains("it is the manifest of epoch 6"), "{}", damaged[0]);
}

#[test]
fn a_gap_in_the_log_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let segments = names(place.path(), "log");
    fs::remove_file(&segments[2]).unwrap();
    let error = claim(&objects(place.path()), &plan("a plan")).err().unwrap();
    assert!(message(&error).contains("the epoch log has a gap"), "{error}");
    // An epoch that is missing inside the segments is noticed, too.
    let place = tempfile::tempdir().unwrap();
    let (keeper, _) = begin(place.path());
    log(&keeper, 0);
    log(&keeper, 2);
    keeper.close().unwrap();
    let error = claim(&objects(place.path()), &plan("a plan")).err().unwrap();
    assert!(message(&error).contains("goes on with epoch 2 where 1 is expected"), "{error}");
}

#[test]
fn a_job_without_its_identity_or_with_another_plan_is_refused() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let error = claim(&objects(place.path()), &plan("another plan")).err().unwrap();
    assert!(message(&error).contains("belongs to another query"), "{error}");
    fs::remove_file(place.path().join("job.json")).unwrap();
    let error = claim(&objects(place.path()), &plan("a plan")).err().unwrap();
    assert!(message(&error).contains("'job.json' is missing"), "{error}");
}

#[test]
fn the_last_whole_checkpoint_is_removed_by_force_only() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let objects = objects(place.path());
    assert!(message(&inspect(&objects).unwrap().remove(&objects, 7, false).unwrap_err()).contains("no checkpoint 7"));
    let error = inspect(&objects).unwrap().remove(&objects, 8, false).unwrap_err();
    assert!(message(&error).contains("checkpoint 8 is the newest"), "{error}");
    assert_eq!(inspect(&objects).unwrap().remove(&objects, 8, true).unwrap(), 1);
    assert!(inspect(&objects).unwrap().verify(&objects, 6).is_ok());
    let error = inspect(&objects).unwrap().remove(&objects, 6, false).unwrap_err();
    assert!(message(&error).contains("the only one that is whole"), "{error}");
    inspect(&objects).unwrap().remove(&objects, 6, true).unwrap();
    assert!(inspect(&objects).unwrap().checkpoints.is_empty());
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/state-1/state")
}

#[test]
fn a_directory_of_version_1_is_read() {
    let objects = objects(&fixture());
    let found = inspect(&objects).unwrap();
    assert_eq!((found.job.as_str(), found.generation, found.logged), ("sloth-534f18e1", 1, Some((7, 14))));
    let epochs: Vec<u64> = found.checkpoints.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [7, 9, 11]);
    let (recovered, damaged) = recover(&objects).unwrap();
    assert!(damaged.is_empty());
    assert_eq!((recovered.first_epoch(), recovered.log.len()), (Epoch(11), 3));
    assert_eq!(recovered.log[0].now_ms - recovered.checkpoint.as_ref().unwrap().cut.now_ms, 101);
    let whole = recovered.checkpoint.unwrap();
    let split = &whole.cut.splits[0][0];
    assert_eq!((split.split.to_string().as_str(), split.offset.0, split.watermark.0), ("lane-0", 26, 26_000));
    let tables = |s: &OperatorState| s.sections.iter().map(|t| (t.name.clone(), t.owner.clone())).collect::<Vec<_>>();
    let names: Vec<_> = whole.state.iter().map(|s| (s.name.as_str(), s.worker)).collect();
    assert_eq!(
        names,
        [("group aggregate", 0), ("group aggregate", 1), ("window aggregate", 0), ("window aggregate", 1)]
    );
    assert!(tables(&whole.state[0]).contains(&("groups".to_owned(), Owner::Key(vec![1]))));
}

#[test]
fn what_is_asked_while_runs_begin_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let (asker, runs) = (objects(directory.path()), objects(directory.path()));
    let over = std::sync::atomic::AtomicBool::new(false);
    let load = || over.load(std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        // Each run that begins removes what killed ones have left half written.
        scope.spawn(|| {
            while !load() {
                runs.tidy();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        for _ in 0..100 {
            let asking = Asking::ask(&asker, &Request::default()).unwrap();
            assert!(!asking.is_heard().unwrap(), "a request is gone that nobody has heard");
            std::thread::sleep(Duration::from_millis(2));
        }
        over.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn a_run_whose_directory_is_removed_ends() {
    let directory = tempfile::tempdir().unwrap();
    let (keeper, _) = begin(directory.path());
    keeper.append(Epoch(0), entry(0));
    wait("the log", || keeper.durable() == Epoch(1));
    fs::remove_dir_all(directory.path()).unwrap();
    checkpoint(&keeper, 1);
    let error = keeper.close().unwrap_err();
    assert!(error.message().contains("removed while it ran") && error.kind() == ErrorKind::Data, "{error}");
}

#[test]
fn a_request_that_is_heard_at_once_is_heard_once() {
    let directory = tempfile::tempdir().unwrap();
    let (asker, run) = (objects(directory.path()), objects(directory.path()));
    let heard = crate::request::Heard::default();
    let over = std::sync::atomic::AtomicBool::new(false);
    let asked: u32 = 200;
    let count = std::thread::scope(|scope| {
        let listening = scope.spawn(|| {
            let mut count = 0;
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                count += u32::from(heard.listen(&run).unwrap());
            }
            count
        });
        let ask = || {
            let asking = Asking::ask(&asker, &Request::default()).unwrap();
            wait("the request", || asking.is_heard().unwrap());
        };
        let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (0..asked).for_each(|_| ask())));
        std::thread::sleep(Duration::from_millis(50));
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        let count = listening.join().unwrap();
        asked.map(|()| count).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    assert_eq!(count, asked);
}
