//! What is given ahead of a checkpoint: it is in the checkpoint, wherever it was written, and nothing is left of what is void.

use object_store::memory::InMemory;

use super::*;
use crate::layout;

/// Rows of one table; the values go on from `first`.
fn changes(section: &str, first: i64, rows: usize, continues: bool) -> OperatorState {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let values: Vec<i64> = (first..).take(rows).collect();
    let batch = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values))]).unwrap();
    let sections = vec![Section::new(section, Owner::Key(vec![0]), vec![batch])];
    OperatorState { operator: 7, name: "join".into(), worker: 0, continues, sections }
}

/// The values of a table of the newest checkpoint, in their order.
fn values(objects: &Objects, section: &str) -> Vec<i64> {
    let (recovered, damaged) = recover(objects).unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
    let state = recovered.checkpoint.unwrap().state;
    let sections = state.iter().flat_map(|s| &s.sections).filter(|s| s.name == section);
    let columns = sections.flat_map(|s| &s.rows).map(|rows| rows.column(0).clone());
    columns.flat_map(|c| c.as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()).collect()
}

/// Files of so many rows are some blocks long and no whole number of them.
const MANY: usize = 300_001;

/// A directory and a store of another kind, each writing ahead at once, or when there is much.
fn places() -> Vec<(Option<tempfile::TempDir>, Objects)> {
    let mut places = vec![];
    for bytes in [0, 1 << 20] {
        let place = tempfile::tempdir().unwrap();
        let directory = Objects::directory(place.path()).unwrap().writing_ahead(bytes);
        places.push((Some(place), directory));
        places.push((None, Objects::new(Arc::new(InMemory::new())).unwrap().writing_ahead(bytes)));
    }
    places
}

fn start(objects: &Objects) -> Arc<Keeper> {
    Keeper::start(claim(objects, &plan("a plan")).unwrap(), 1).unwrap().0
}

fn state_files(objects: &Objects) -> Vec<String> {
    objects.list(crate::layout::STATE).unwrap().into_iter().map(|path| path.to_string()).collect()
}

#[test]
fn what_is_given_ahead_is_in_its_checkpoint_and_in_no_earlier_one() {
    for (_place, objects) in places() {
        let keeper = start(&objects);
        (0..8).for_each(|epoch| log(&keeper, epoch));
        keeper.give_ahead(Epoch(0), changes("left", 0, MANY, false));
        keeper.give_ahead(Epoch(0), changes("right", 0, 10, true));
        keeper.give_ahead(Epoch(0), changes("left", MANY as i64, MANY, true));
        // The worker is in the epochs of the next checkpoint already.
        keeper.give_ahead(Epoch(2), changes("left", 2 * MANY as i64 + 3, 7, true));
        upload(&keeper, 2, changes("left", 2 * MANY as i64, 3, true));
        publish(&keeper, 2);
        assert_eq!(values(&objects, "left"), (0..2 * MANY as i64 + 3).collect::<Vec<_>>());
        assert_eq!(values(&objects, "right"), (0..10).collect::<Vec<_>>());
        upload(&keeper, 4, changes("left", 0, 0, true));
        publish(&keeper, 4);
        assert_eq!(values(&objects, "left"), (0..2 * MANY as i64 + 10).collect::<Vec<_>>());
        keeper.close().unwrap();
        let files = state_files(&objects);
        let (epoch, manifest) = inspect(&objects).unwrap().checkpoints.pop().unwrap();
        let mut named: Vec<String> = manifest.unwrap().state.into_iter().map(|f| f.path).collect();
        named.sort();
        assert_eq!((epoch, files), (4, named), "nothing is there twice, and nothing is left over");
    }
}

#[test]
fn state_that_is_written_whole_leaves_nothing_of_what_was_given_ahead() {
    for (_place, objects) in places() {
        let keeper = start(&objects);
        (0..8).for_each(|epoch| log(&keeper, epoch));
        keeper.give_ahead(Epoch(0), changes("left", 0, MANY, false));
        upload(&keeper, 2, changes("left", 5, 2, false));
        publish(&keeper, 2);
        assert_eq!((values(&objects, "left"), state_files(&objects).len()), (vec![5, 6], 1));
        // Nor does what has begun anew before the checkpoint.
        keeper.give_ahead(Epoch(2), changes("left", 0, MANY, true));
        keeper.give_ahead(Epoch(2), changes("left", 8, 1, false));
        upload(&keeper, 4, changes("left", 9, 1, true));
        publish(&keeper, 4);
        assert_eq!(values(&objects, "left"), [8, 9]);
        keeper.close().unwrap();
        assert!(state_files(&objects).len() <= 2, "{:?}", state_files(&objects));
    }
}

#[test]
fn what_a_crash_has_left_unfinished_is_nothing() {
    for (place, objects) in places() {
        let keeper = start(&objects);
        log(&keeper, 0);
        keeper.give_ahead(Epoch(0), changes("left", 0, MANY, false));
        upload(&keeper, 1, changes("left", MANY as i64, 1, true));
        let files = if place.is_some() { 1 } else { 2 };
        wait("the upload", || state_files(&objects).len() == files);
        std::mem::forget(keeper);
        let keeper = start(&objects);
        (1..4).for_each(|epoch| log(&keeper, epoch));
        keeper.give_ahead(Epoch(0), changes("left", 0, MANY, false));
        upload(&keeper, 2, changes("left", MANY as i64, 1, true));
        publish(&keeper, 2);
        keeper.close().unwrap();
        assert_eq!(values(&objects, "left"), (0..=MANY as i64).collect::<Vec<_>>());
        assert!(
            state_files(&objects).iter().all(|f| f.starts_with("state/0000000002/")),
            "{:?}",
            state_files(&objects)
        );
        let staged = place.iter().flat_map(|place| names(place.path(), "state")).filter(|name| name.contains('#'));
        assert_eq!(staged.count(), 0);
    }
}

#[test]
fn a_run_that_ends_leaves_nothing_that_is_in_no_checkpoint() {
    for (place, objects) in places() {
        // A bucket does not become full.
        let Some(place) = place else { continue };
        let keeper = start(&objects);
        (0..8).for_each(|epoch| log(&keeper, epoch));
        upload(&keeper, 2, changes("left", 0, 3, false));
        publish(&keeper, 2);
        keeper.give_ahead(Epoch(2), changes("left", 3, MANY, true));
        keeper.close().unwrap();
        assert_eq!(names(place.path(), "state").len(), 1);
        // One whose second file of a checkpoint cannot be written, after its first.
        let keeper = start(&objects);
        let blocked = layout::state(2, 6, 1);
        objects.create(&blocked, bytes::Bytes::from_static(b"in the way")).unwrap();
        let state = vec![changes("left", 0, 3, false), OperatorState { worker: 1, ..changes("left", 0, 3, false) }];
        let cut = Cut { epoch: Epoch(6), workers: 2, ..Cut::default() };
        keeper.upload(Checkpoint { cut, state, ..Checkpoint::default() });
        assert!(keeper.close().is_err());
        assert_eq!(names(place.path(), "state").len(), 1);
        assert_eq!(values(&objects, "left"), [0, 1, 2]);
    }
}

#[test]
fn what_a_running_job_has_written_ahead_outlasts_the_removal_of_others() {
    let objects = Objects::new(Arc::new(InMemory::new())).unwrap().writing_ahead(0);
    let keeper = Keeper::start(claim(&objects, &plan("a plan")).unwrap(), 2).unwrap().0;
    (0..8).for_each(|epoch| log(&keeper, epoch));
    for epoch in [2, 4] {
        upload(&keeper, epoch, changes("left", 0, 3, false));
        publish(&keeper, epoch);
    }
    keeper.give_ahead(Epoch(4), changes("left", 3, 3, true));
    wait("the file", || state_files(&objects).len() == 3);
    assert_eq!(inspect(&objects).unwrap().remove(&objects, 2, false).unwrap(), 1);
    upload(&keeper, 6, changes("left", 6, 0, true));
    publish(&keeper, 6);
    keeper.close().unwrap();
    assert_eq!(values(&objects, "left"), (0..6).collect::<Vec<_>>());
}

#[test]
fn a_checkpoint_that_knows_nothing_of_what_was_given_ahead_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let (keeper, _) = begin(place.path());
    log(&keeper, 0);
    keeper.give_ahead(Epoch(0), changes("left", 0, 10, false));
    upload(&keeper, 1, OperatorState { worker: 1, ..changes("left", 0, 1, false) });
    wait("the error", || keeper.failure().is_some());
    assert!(message(&keeper.failure().unwrap()).contains("has given changes ahead"));
    // Nobody waits for a store that has failed.
    (0..200).for_each(|_| keeper.give_ahead(Epoch(0), changes("left", 0, MANY, true)));
}

#[test]
fn a_file_that_was_written_ahead_is_damaged_by_any_byte() {
    let place = tempfile::tempdir().unwrap();
    let objects = Objects::directory(place.path()).unwrap().writing_ahead(0);
    let keeper = start(&objects);
    log(&keeper, 0);
    keeper.give_ahead(Epoch(0), changes("left", 0, 1000, false));
    upload(&keeper, 1, changes("left", 1000, 1, true));
    publish(&keeper, 1);
    keeper.close().unwrap();
    let [file] = &names(place.path(), "state")[..] else { panic!("one file") };
    assert!(file.ends_with("a00001.state"));
    let whole = fs::read(file).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        assert!(crate::decode_state(&bytes.into(), "it").is_err(), "byte {at} of {}", whole.len());
    }
    assert!(crate::decode_state(&whole.clone().into(), "it").is_ok());
    for end in (0..whole.len()).step_by(97) {
        assert!(crate::decode_state(&whole[..end].to_vec().into(), "it").is_err(), "cut at {end}");
    }
}
