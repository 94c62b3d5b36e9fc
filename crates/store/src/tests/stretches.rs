//! What of the log can be made again: of the present plan, and of those before it.

use std::fs;
use std::path::Path;

use sloth_types::{Epoch, JobStore};

use super::{begin, checkpoint, entry, log, message, names, objects, plan, wait, worked};
use crate::{Keeper, Plan, Stretch, change, claim, inspect};

fn stretches(directory: &Path) -> Vec<Stretch> {
    let objects = objects(directory);
    inspect(&objects).unwrap().stretches(&objects).unwrap()
}

/// The first epoch, and how many there are, of what is needed for a stretch.
fn needed(directory: &Path, stretch: &Stretch, first: u64) -> (u64, usize) {
    let recovered = stretch.before(&objects(directory), first).unwrap();
    (recovered.first_epoch().0, recovered.log.len())
}

#[test]
fn what_is_needed_for_a_stretch_is_the_checkpoint_before_it() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let found = inspect(&objects(place.path())).unwrap();
    assert_eq!((found.generation, found.logged), (1, Some((6, 10))));
    let all = stretches(place.path());
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!((one.logged.clone(), one.kept), (6..10, Some(6)));
    let of = |first| needed(place.path(), one, first);
    assert_eq!((of(7), of(8), of(9)), ((6, 4), (8, 2), (8, 2)));
    let error = one.before(&objects(place.path()), 5).unwrap_err();
    assert!(message(&error).contains("epoch 5 cannot be made again"), "{error}");
}

#[test]
fn a_log_that_reaches_back_to_the_beginning_needs_no_checkpoint() {
    let place = tempfile::tempdir().unwrap();
    let (keeper, _) = begin(place.path());
    (0..4).for_each(|epoch| log(&keeper, epoch));
    keeper.close().unwrap();
    let all = stretches(place.path());
    assert_eq!((all[0].logged.clone(), all[0].kept), (0..4, Some(0)));
    assert_eq!((needed(place.path(), &all[0], 1), needed(place.path(), &all[0], 3)), ((0, 4), (0, 4)));
}

/// A job that has crashed behind checkpoint 8 gets another plan, which goes on with epochs 8 and 9.
fn changed(directory: &Path) -> std::sync::Arc<Keeper> {
    worked(directory);
    let claim = claim(&objects(directory), &plan("a plan")).unwrap();
    let begin = claim.newest.clone().unwrap();
    let other = Plan { begin: Some(begin), ..plan("another plan") };
    let carried = [(Epoch(8), entry(108)), (Epoch(9), entry(109))];
    let keeper = Keeper::start(change(claim, other, &carried).unwrap(), 3).unwrap().0;
    (10..12).for_each(|epoch| log(&keeper, epoch));
    keeper
}

#[test]
fn each_plan_has_its_own_checkpoints_and_its_own_log() {
    let place = tempfile::tempdir().unwrap();
    let keeper = changed(place.path());
    let all = stretches(place.path());
    let [one, two] = &all[..] else { panic!("{all:?}") };
    let about = |stretch: &Stretch| (stretch.number, stretch.logged.clone(), stretch.kept);
    assert_eq!((about(one), about(two)), ((1, 6..10, Some(6)), (2, 8..12, Some(8))));
    // Epochs 8 and 9 are of both: what the one has logged, and what the other sees of it.
    assert_eq!((needed(place.path(), one, 7), needed(place.path(), one, 9)), ((6, 4), (8, 2)));
    let read = |stretch: &Stretch| stretch.before(&objects(place.path()), 8).unwrap().log;
    assert_eq!(read(one), [entry(8), entry(9)]);
    assert_eq!(read(two), [entry(108), entry(109), entry(10), entry(11)]);
    // What is damaged behind it is nothing to the plan before.
    let newest = names(place.path(), "log").pop().unwrap();
    fs::write(&newest, "torn").unwrap();
    let again = stretches(place.path());
    assert_eq!(again[0].before(&objects(place.path()), 8).unwrap().log, [entry(8), entry(9)]);
    assert!(message(&again[1].before(&objects(place.path()), 8).unwrap_err()).contains("is damaged"));
    drop(keeper);
}

#[test]
fn of_a_plan_that_is_over_nothing_more_is_kept_for_it() {
    let place = tempfile::tempdir().unwrap();
    let keeper = changed(place.path());
    checkpoint(&keeper, 11);
    // Three checkpoints are kept, and two of them are still those before the change.
    assert_eq!(stretches(place.path())[0].kept, Some(6));
    checkpoint(&keeper, 12);
    // A checkpoint counts before what is superfluous has gone.
    wait("the cleaning", || stretches(place.path())[0].kept == Some(8));
    log(&keeper, 12);
    checkpoint(&keeper, 13);
    keeper.close().unwrap();
    let all = stretches(place.path());
    let last = all.last().unwrap();
    assert_eq!((last.number, last.kept), (2, Some(11)));
    assert!(all.iter().all(|stretch| stretch.number == 2 || stretch.kept.is_none()), "{all:?}");
}

#[test]
fn a_plan_that_cannot_be_read_takes_none_of_the_others_away() {
    let place = tempfile::tempdir().unwrap();
    changed(place.path()).close().unwrap();
    let path = place.path().join("plans/0000000001.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("a plan", "a plot")).unwrap();
    let all = stretches(place.path());
    assert!(message(all[0].plan.as_ref().unwrap_err()).contains("its checksum is wrong"), "{all:?}");
    assert_eq!(needed(place.path(), &all[1], 10), (8, 4));
}

#[test]
fn what_a_job_that_runs_has_removed_since_is_told_as_such() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let all = stretches(place.path());
    let (keeper, _) = begin(place.path());
    (10..12).for_each(|epoch| log(&keeper, epoch));
    (11..13).for_each(|epoch| checkpoint(&keeper, epoch));
    keeper.close().unwrap();
    let error = all[0].before(&objects(place.path()), 7).unwrap_err();
    assert!(message(&error).contains("epoch 7 cannot be made again: what it needs is no longer kept"), "{error}");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("newer checkpoints")), "{error}");
    // What is damaged is told as damaged.
    let all = stretches(place.path());
    fs::write(names(place.path(), "log").pop().unwrap(), "torn").unwrap();
    assert!(message(&all[0].before(&objects(place.path()), 11).unwrap_err()).contains("is damaged"));
}
