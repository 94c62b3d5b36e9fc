//! What goes when a checkpoint stands, and what stays.

use super::*;

#[test]
fn cleaning_keeps_the_last_checkpoints_and_the_log_after_the_oldest() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    assert_eq!(names(place.path(), "checkpoints").len(), 2);
    assert_eq!(names(place.path(), "state").len(), 2);
    // Segment 0 is the claim; epoch 6 stands in segment 7.
    let segments = names(place.path(), "log");
    assert!(segments[0].ends_with("00000000000000000007"), "{segments:?}");
    assert_eq!(segments.len(), 4);
    // What a crash has left between upload and publication goes with the next checkpoint.
    let (keeper, _) = begin(place.path());
    upload(&keeper, 9, state(9));
    wait("the upload", || names(place.path(), "state").len() == 3);
    std::mem::forget(keeper);
    let (keeper, _) = begin(place.path());
    checkpoint(&keeper, 10);
    keeper.close().unwrap();
    assert_eq!(names(place.path(), "state").len(), 2);
}

#[test]
fn a_run_reads_none_of_its_own_segments_to_remove_them() {
    let place = tempfile::tempdir().unwrap();
    let (keeper, _) = begin(place.path());
    (0..6).for_each(|epoch| log(&keeper, epoch));
    // The first is the claim, the last one tells whether another run has taken over.
    for segment in &names(place.path(), "log")[1..6] {
        fs::write(segment, "cannot be read").unwrap();
    }
    checkpoint(&keeper, 4);
    keeper.close().unwrap();
    let segments = names(place.path(), "log");
    assert!(segments.len() == 2 && segments[0].ends_with("00000000000000000005"), "{segments:?}");
}
