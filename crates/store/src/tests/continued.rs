//! A run goes on with the files of the checkpoint that it was recovered with, and they are there for as long as it names them.

use object_store::memory::InMemory;

use super::*;
use crate::ahead::Ahead;
use crate::clean::{Begins, Cleaning};
use crate::merge::FILES_MAX;
use crate::{Manifest, current_plan, layout};

fn changes(value: i64) -> OperatorState {
    OperatorState { continues: true, ..state(value) }
}

fn start(directory: &Path, retained: usize) -> Arc<Keeper> {
    Keeper::start(claim(&objects(directory), &plan("a plan")).unwrap(), retained).unwrap().0
}

fn kept(directory: &Path) -> Vec<OperatorState> {
    let (recovered, damaged) = recover(&objects(directory)).unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
    recovered.checkpoint.unwrap().state
}

#[test]
fn the_first_checkpoint_of_a_run_goes_on_with_the_files_of_the_last_one_before() {
    let place = tempfile::tempdir().unwrap();
    let mut expected = vec![state(2)];
    let first = start(place.path(), 1);
    assert_eq!(first.continued(7, 0), None, "there is nothing yet");
    log(&first, 0);
    upload(&first, 1, state(2));
    publish(&first, 1);
    first.close().unwrap();
    for (epoch, value) in [(1, 4), (2, 6), (3, 8)] {
        let keeper = start(place.path(), 1);
        let known = keeper.continued(7, 0).unwrap();
        assert_eq!(known.times, expected.len() - 1);
        assert!(known.whole > 0 && (known.changes > 0) == (known.times > 0));
        assert_eq!((keeper.continued(7, 1), keeper.continued(8, 0)), (None, None));
        log(&keeper, epoch);
        if value == 6 {
            // Ahead of the checkpoint, too.
            keeper.give_ahead(Epoch(epoch), changes(5));
            expected.push(changes(5));
            expected.last_mut().unwrap().go_on_with(changes(6));
        } else {
            expected.push(changes(value));
        }
        upload(&keeper, epoch + 1, changes(value));
        publish(&keeper, epoch + 1);
        keeper.close().unwrap();
        assert_eq!(kept(place.path()), expected);
        assert_eq!(names(place.path(), "state").len(), expected.len());
    }
    // What is written whole again has no use for them.
    let keeper = start(place.path(), 1);
    log(&keeper, 4);
    upload(&keeper, 5, state(9));
    publish(&keeper, 5);
    keeper.close().unwrap();
    assert_eq!((kept(place.path()), names(place.path(), "state").len()), (vec![state(9)], 1));
}

#[test]
fn many_small_files_become_one_and_say_the_same() {
    let place = tempfile::tempdir().unwrap();
    for objects in [objects(place.path()), Objects::new(Arc::new(InMemory::new())).unwrap()] {
        // What is written ahead at once, however little it is, may be the state's beginning.
        let objects = objects.writing_ahead(0);
        let start = || Keeper::start(claim(&objects, &plan("a plan")).unwrap(), 3).unwrap().0;
        let mut keeper = start();
        keeper.give_ahead(Epoch(0), state(0));
        let (mut most, mut expected) = (0, vec![0, 1]);
        for epoch in 0..200_u64 {
            log(&keeper, epoch);
            let value = epoch as i64 + 1;
            upload(&keeper, epoch + 1, changes(value));
            publish(&keeper, epoch + 1);
            let (_, manifest) = inspect(&objects).unwrap().checkpoints.pop().unwrap();
            most = most.max(manifest.unwrap().state.len());
            if epoch == 150 {
                keeper.close().unwrap();
                keeper = start();
                assert!((1..FILES_MAX).contains(&keeper.continued(7, 0).unwrap().times));
            }
            expected.push(value + 1);
        }
        keeper.close().unwrap();
        expected.pop();
        assert!((FILES_MAX..FILES_MAX + 3).contains(&most), "{most} files");
        let (recovered, damaged) = recover(&objects).unwrap();
        assert!(damaged.is_empty(), "{damaged:?}");
        let state = recovered.checkpoint.unwrap().state;
        let mut batches = state.iter().flat_map(|part| &part.sections).flat_map(|section| &section.rows);
        let first = |rows: &RecordBatch| rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap().value(0);
        assert_eq!(batches.by_ref().map(first).collect::<Vec<_>>(), expected);
        // No file is left that the last three checkpoints do not name.
        let named = inspect(&objects).unwrap().checkpoints;
        let named = named.into_iter().flat_map(|(_, manifest)| manifest.unwrap().state).map(|file| file.path);
        let named = named.collect::<std::collections::BTreeSet<_>>();
        assert_eq!(objects.list(crate::layout::STATE).unwrap().len(), named.len());
    }
}

#[test]
fn changes_that_follow_nothing_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let (keeper, _) = begin(place.path());
    log(&keeper, 0);
    upload(&keeper, 1, changes(1));
    wait("the error", || keeper.failure().is_some());
    assert!(message(&keeper.failure().unwrap()).contains("follow nothing"), "{:?}", keeper.failure());
}

#[test]
fn an_older_run_that_cleans_up_leaves_what_a_newer_one_goes_on_with() {
    let place = tempfile::tempdir().unwrap();
    let old = start(place.path(), 1);
    (0..4).for_each(|epoch| log(&old, epoch));
    upload(&old, 2, state(2));
    publish(&old, 2);
    let new = start(place.path(), 1);
    // In this moment the old run has published another checkpoint, and cleans up.
    let objects = objects(place.path());
    let newest = Manifest { epoch: 4, state: vec![], ..inspect(&objects).unwrap().manifest(2).unwrap().clone() };
    assert!(objects.create(&layout::manifest(4), newest.encode().unwrap()).unwrap());
    let (job, plan, begun) = (old.job(), current_plan(&objects).unwrap().unwrap(), Mono::now());
    let begins = &Begins::default();
    let old = Cleaning { objects: &objects, job: &job, generation: 1, plan: &plan, begun, retained: 1, begins };
    old.clean(&Ahead::default()).unwrap();
    assert_eq!(inspect(&objects).unwrap().checkpoints.len(), 2);
    assert!(new.continued(7, 0).is_some());
    log(&new, 4);
    upload(&new, 5, changes(5));
    publish(&new, 5);
    new.close().unwrap();
    assert_eq!(kept(place.path()), [state(2), changes(5)]);
}

#[test]
fn nothing_goes_on_with_a_checkpoint_before_a_damaged_one() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let newest = names(place.path(), "checkpoints").pop().unwrap();
    let text = fs::read_to_string(&newest).unwrap();
    fs::write(&newest, &text[..text.len() - 3]).unwrap();
    let (keeper, recovered) = begin(place.path());
    assert_eq!((recovered.first_epoch(), keeper.continued(7, 0)), (Epoch(6), None));
    keeper.close().unwrap();
}

/// After a change of the script an operator's files go by another name.
#[test]
fn a_plan_goes_on_with_the_files_that_it_began_with() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let place_of = || objects(place.path());
    let before = claim(&place_of(), &plan("a plan")).unwrap();
    let mut begin = before.newest.clone().unwrap();
    begin.state.iter_mut().for_each(|file| file.operator = format!("{:016x}", 9));
    let next = Plan { begin: Some(begin), before: Some("before".into()), ..plan("another plan") };
    let claim = crate::change(before, next, &[(Epoch(8), entry(8)), (Epoch(9), entry(9))]).unwrap();
    let (keeper, recovered) = Keeper::start(claim, 1).unwrap();
    assert_eq!(recovered.checkpoint.unwrap().state, [OperatorState { operator: 9, ..state(8) }]);
    assert_eq!((keeper.continued(7, 0), keeper.continued(9, 0).map(|known| known.times)), (None, Some(0)));
    for epoch in [10, 11] {
        log(&keeper, epoch);
        upload(&keeper, epoch + 1, OperatorState { operator: 9, ..changes(epoch as i64) });
        publish(&keeper, epoch + 1);
    }
    keeper.close().unwrap();
    // Neither the plan's beginning nor the savepoint is needed for it.
    inspect(&place_of()).unwrap().remove_savepoint(&place_of(), "before").unwrap();
    let of = |part: OperatorState| OperatorState { operator: 9, ..part };
    assert_eq!(kept(place.path()), [of(state(8)), of(changes(10)), of(changes(11))]);
}
