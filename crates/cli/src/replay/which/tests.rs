//! What is asked for, and what is made of it, by the scripts that a job has had.

use sloth_store::{Plan, Stretch};
use sloth_types::Error;

use super::{Asked, Piece, pieces};

/// A plan: its script, its epochs in the log, and from which on they can be made again.
fn plan(number: u64, script: &str, logged: std::ops::Range<u64>, kept: Option<u64>) -> Stretch {
    let plan = Plan { number, fingerprint: script.to_owned(), script: format!("{script}.sql"), ..Plan::default() };
    Stretch::new(number, Ok(plan), logged, kept)
}

/// Changed at 62, undone at 91.
fn job() -> Vec<Stretch> {
    vec![plan(1, "one", 40..62, Some(52)), plan(2, "two", 62..91, Some(62)), plan(3, "one", 91..120, Some(91))]
}

fn asked(job: &[Stretch], script: &str, from: Option<u64>, to: Option<u64>) -> Result<Vec<(u64, u64, u64)>, Error> {
    let found = pieces(job, script, Asked { from, to })?;
    let about = |Piece { stretch, epochs }: Piece| (job[stretch].number, *epochs.start(), *epochs.end());
    Ok(found.into_iter().map(about).collect())
}

/// The error of what is asked for, with its circumstances and its hint.
fn refused(job: &[Stretch], script: &str, from: Option<u64>, to: Option<u64>) -> String {
    asked(job, script, from, to).unwrap_err().to_string()
}

#[test]
fn nothing_said_means_all_that_the_script_has_made() {
    assert_eq!(asked(&job(), "one", None, None).unwrap(), [(1, 52, 61), (3, 91, 119)]);
    assert_eq!(asked(&job(), "two", None, None).unwrap(), [(2, 62, 90)]);
}

#[test]
fn one_end_means_as_far_as_the_script_goes() {
    assert_eq!(asked(&job(), "one", Some(55), None).unwrap(), [(1, 55, 61)]);
    assert_eq!(asked(&job(), "one", None, Some(55)).unwrap(), [(1, 52, 55)]);
    assert_eq!(asked(&job(), "one", Some(100), None).unwrap(), [(3, 100, 119)]);
    assert_eq!(asked(&job(), "one", None, Some(100)).unwrap(), [(3, 91, 100)]);
    assert_eq!(asked(&job(), "two", Some(70), Some(70)).unwrap(), [(2, 70, 70)]);
}

#[test]
fn a_stretch_over_a_change_of_the_script_is_refused_with_the_epoch_of_the_change() {
    for (script, hint) in [("one", "52 to 61 and 91 to 119"), ("two", "62 to 90")] {
        let error = refused(&job(), script, Some(60), Some(70));
        for part in [
            "the script has changed at epoch 62: --from 60 and --to 70 are not of one script",
            "epochs 60 to 61 are of script 1 (one.sql), epochs 62 to 70 are of script 2 (two.sql)",
            &format!("With this script epochs {hint} can be made again."),
        ] {
            assert!(error.contains(part), "{part:?} is not in {error}");
        }
    }
    // Both ends are the script's, what lies between is not.
    let error = refused(&job(), "one", Some(60), Some(100));
    assert!(error.contains("has changed at epoch 62") && error.contains("epochs 62 to 90 are of script 2"), "{error}");
}

#[test]
fn what_another_script_has_made_is_refused_with_its_name() {
    let error = refused(&job(), "one", Some(70), Some(71));
    assert!(error.contains("epoch 70 was made by another script: epoch 70 is of script 2 (two.sql)"), "{error}");
    let error = refused(&job(), "two", None, Some(100));
    assert!(error.contains("epoch 100 is of script 3 (one.sql)"), "{error}");
    let error = refused(&job(), "three", Some(70), None);
    assert!(error.contains("belongs to another query"), "{error}");
    assert!(error.contains("epochs 40 to 61 are of script 1 (one.sql), epochs 62 to 90 are of script 2"), "{error}");
}

#[test]
fn what_is_not_kept_or_not_logged_is_refused_with_what_there_is() {
    let error = refused(&job(), "one", Some(45), None);
    assert!(error.contains("what is needed to make epoch 45 again is no longer kept"), "{error}");
    assert!(error.contains("With this script epochs 52 to 61 and 91 to 119 can be made again."), "{error}");
    assert!(refused(&job(), "one", Some(100), Some(120)).contains("epoch 120 is not in the log"));
    assert!(refused(&job(), "one", Some(12), Some(11)).contains("--from 12 lies after --to 11"));
    let gone = [plan(1, "one", 61..62, None), plan(2, "two", 62..91, Some(70))];
    let error = refused(&gone, "one", None, None);
    assert!(error.contains("Nothing of what this script has made is kept."), "{error}");
    assert!(refused(&gone, "one", Some(61), Some(70)).contains("has changed at epoch 62"), "{error}");
    let error = refused(&[plan(1, "one", 3..8, None)], "one", None, None);
    assert!(error.contains("The newest checkpoint stands at the end of the log"), "{error}");
    assert!(refused(&[plan(1, "one", 0..0, None)], "one", None, None).contains("there are no epochs in the log"));
    let begun = [plan(1, "one", 0..9, Some(0)), plan(2, "two", 9..9, None)];
    assert!(refused(&begun, "two", None, None).contains("there are no epochs of this script in the log"));
}

#[test]
fn a_script_that_goes_back_to_a_savepoint_is_made_again_as_one() {
    let job = [plan(1, "one", 0..62, Some(50)), plan(2, "one", 62..91, Some(62))];
    assert_eq!(asked(&job, "one", Some(60), Some(70)).unwrap(), [(1, 60, 61), (2, 62, 70)]);
    assert_eq!(asked(&job, "one", None, None).unwrap(), [(1, 50, 61), (2, 62, 90)]);
}

#[test]
fn epochs_that_were_carried_over_are_of_both_scripts() {
    let job = [plan(1, "one", 0..62, Some(0)), plan(2, "two", 58..91, Some(58))];
    assert_eq!(asked(&job, "one", None, None).unwrap(), [(1, 0, 61)]);
    assert_eq!(asked(&job, "two", None, None).unwrap(), [(2, 58, 90)]);
    assert!(refused(&job, "one", Some(57), Some(62)).contains("has changed at epoch 58"));
    // Undone at once: of two plans with the same script the later one counts.
    let undone = [plan(1, "one", 0..62, Some(0)), plan(2, "two", 58..62, Some(58)), plan(3, "one", 58..91, Some(58))];
    assert_eq!(asked(&undone, "one", Some(57), Some(62)).unwrap(), [(1, 57, 57), (3, 58, 62)]);
}

#[test]
fn a_plan_that_cannot_be_read_is_named_when_the_script_may_be_its() {
    let mut job = job();
    job[0].plan = Err(Error::data("'plans/0000000001.json' is damaged"));
    assert!(refused(&job, "three", None, None).contains("'plans/0000000001.json' is damaged"));
    assert_eq!(asked(&job, "two", None, None).unwrap(), [(2, 62, 90)]);
    assert!(refused(&job, "two", Some(50), Some(70)).contains("epochs 50 to 61 are of script 1, epochs 62"));
}
