//! When epochs are opened, and how long they are read.

use super::*;

fn facts() -> Facts {
    Facts {
        opened: 10,
        read: 10,
        completed: 10,
        ready: true,
        cut: false,
        ended: false,
        stopping: false,
        watermark_advanced: false,
        end_told: false,
        asked: false,
        since_last: Duration::from_secs(1),
        due_in: None,
    }
}

#[test]
fn opens_when_a_split_is_ready_and_little_is_in_flight() {
    let settings = JobSettings::default();
    assert_eq!(decide(&facts(), &settings), Decision::Open);
    assert_eq!(decide(&Facts { completed: 6, ..facts() }, &settings), Decision::Wait(None));
}

#[test]
fn keeps_a_distance_under_light_load() {
    let settings = JobSettings::default();
    let soon = Facts { since_last: Duration::from_millis(1), ..facts() };
    assert_eq!(decide(&soon, &settings), Decision::Wait(Some(Duration::from_millis(4))));
    // A split that had more than the last epoch took is read on at once.
    assert_eq!(decide(&Facts { cut: true, ..soon }, &settings), Decision::Open);
}

#[test]
fn with_one_in_flight_waits_for_every_report() {
    let settings = JobSettings { epochs_in_flight_max: 1, ..JobSettings::default() };
    assert_eq!(decide(&Facts { read: 9, completed: 10, ..facts() }, &settings), Decision::Wait(None));
}

#[test]
fn tells_the_end_once_and_then_finishes() {
    let settings = JobSettings::default();
    let ended = Facts { ready: false, ended: true, ..facts() };
    assert_eq!(decide(&ended, &settings), Decision::Open);
    assert_eq!(decide(&Facts { read: 9, ..ended.clone() }, &settings), Decision::Wait(None));
    let told = Facts { end_told: true, ..ended };
    assert_eq!(decide(&Facts { completed: 9, ..told.clone() }, &settings), Decision::Wait(None));
    assert_eq!(decide(&told, &settings), Decision::Finish);
}

#[test]
fn reads_less_at_a_time_when_epochs_take_long_and_more_again_when_they_do_not() {
    let ms = Duration::from_millis;
    assert_eq!(read_time(ms(20), ms(60), ms(20)), ms(20));
    assert_eq!(read_time(ms(20), ms(120), ms(20)), ms(10));
    assert_eq!(read_time(ms(20), ms(9000), ms(20)), ms(5));
    assert_eq!(read_time(ms(10), ms(9000), ms(20)), ms(4));
    assert_eq!(read_time(ms(8), ms(30), ms(20)), ms(10));
    // What the user has set below the bound stays.
    assert_eq!(read_time(Duration::ZERO, ms(30), Duration::ZERO), Duration::ZERO);
}

#[test]
fn an_idle_job_waits_without_a_timer() {
    assert_eq!(decide(&Facts { ready: false, ..facts() }, &JobSettings::default()), Decision::Wait(None));
}
