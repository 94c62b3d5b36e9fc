//! Runs that stand by: what they follow, when they take over, and when not.

use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use sloth_types::journal::{Checkpoint, Cut};
use sloth_types::{Epoch, EpochEntry, JobStore, Watermark};

use super::{Follower, Patience, stand_by};
use crate::keeper::newest_segment;
use crate::layout;
use crate::request::{Asking, Request};
use crate::tests::{checkpoint, entry, log, state, wait};
use crate::{Keeper, Objects, Plan, claim};

const PLAN: &str = "a plan";

fn plan() -> Plan {
    Plan { fingerprint: PLAN.to_owned(), ..Plan::default() }
}

/// Patience that no test outlasts.
const LONG: Duration = Duration::from_secs(60);

fn follow(objects: &Objects, silence: Duration) -> Arc<Follower> {
    let (follower, recovered) = stand_by(objects, PLAN, Patience { silence, retained: 2 }).unwrap().unwrap();
    assert!(recovered.log.len() as u64 + recovered.first_epoch().0 <= follower.durable().0);
    follower
}

fn begin(objects: &Objects) -> Arc<Keeper> {
    begin_keeping(objects, 2)
}

fn begin_keeping(objects: &Objects, checkpoints: usize) -> Arc<Keeper> {
    Keeper::start(claim(objects, &plan()).unwrap(), checkpoints).unwrap().0
}

fn followed(follower: &Follower, until: u64) -> Vec<EpochEntry> {
    wait("the log", || follower.durable() >= Epoch(until));
    follower.followed()
}

#[test]
fn a_run_follows_another_and_takes_over_at_its_end() {
    let place = tempfile::tempdir().unwrap();
    let objects = Objects::directory(place.path()).unwrap();
    assert!(stand_by(&objects, PLAN, Patience { silence: LONG, retained: 2 }).unwrap().is_none(), "nobody has begun");
    let first = begin(&objects);
    log(&first, 0);
    checkpoint(&first, 1);
    log(&first, 1);
    let second = follow(&objects, LONG);
    assert_eq!((second.in_charge(), second.generation(), second.job()), (false, 0, first.job()));
    log(&first, 2);
    log(&first, 3);
    assert_eq!(followed(&second, 4), [entry(2), entry(3)]);
    assert!(!second.in_charge());
    checkpoint(&first, 3);
    wait("the checkpoint", || second.published() == Epoch(3));
    log(&first, 4);
    first.close().unwrap();
    wait("the takeover", || second.in_charge());
    assert_eq!((second.followed(), second.generation(), second.durable()), (vec![entry(4)], 2, Epoch(5)));
    // It keeps the job from now on, and is followed itself.
    let third = follow(&objects, LONG);
    second.append(Epoch(5), entry(5));
    assert_eq!(followed(&third, 6), [entry(5)]);
    let cut = Cut { epoch: Epoch(6), workers: 1, ..Cut::default() };
    second.upload(Checkpoint { cut, state: vec![state(6)], ..Checkpoint::default() });
    second.publish(Epoch(6));
    wait("the checkpoint", || second.published() == Epoch(6));
    second.close().unwrap();
    wait("the takeover", || third.in_charge());
    assert_eq!(third.generation(), 3);
    third.close().unwrap();
}

#[test]
fn of_several_runs_that_stand_by_one_takes_over_and_the_others_follow_it() {
    let place = tempfile::tempdir().unwrap();
    let objects = Objects::directory(place.path()).unwrap();
    let first = begin(&objects);
    log(&first, 0);
    let mut waiting: Vec<_> = (0..4).map(|_| follow(&objects, LONG)).collect();
    first.close().unwrap();
    for round in 0..4 {
        wait("a takeover", || waiting.iter().any(|follower| follower.in_charge()));
        std::thread::sleep(Duration::from_millis(50));
        let (one, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|follower| follower.in_charge());
        assert_eq!((one.len(), rest.len()), (1, 3 - round));
        assert_eq!(one[0].generation(), 2 + round as u64);
        one[0].append(Epoch(1 + round as u64), entry(1 + round as u64));
        for follower in &rest {
            assert_eq!(followed(follower, 2 + round as u64), [entry(1 + round as u64)]);
        }
        wait("the log", || one[0].durable() == Epoch(2 + round as u64));
        one[0].close().unwrap();
        waiting = rest;
    }
}

#[test]
fn without_locks_silence_tells_and_who_was_only_slow_is_fenced() {
    let store = Arc::new(InMemory::new());
    let objects = || Objects::new(Arc::clone(&store) as Arc<dyn object_store::ObjectStore>).unwrap();
    let first = begin(&objects());
    log(&first, 0);
    let patient = follow(&objects(), LONG);
    // The signs of life of a run without work are heard.
    let second = follow(&objects(), Duration::from_millis(1500));
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!second.in_charge());
    // One that shows none any more, and whose log stands still.
    let silent = follow(&objects(), Duration::from_millis(100));
    wait("the takeover", || silent.in_charge());
    assert_eq!((silent.generation(), silent.durable()), (2, Epoch(1)));
    first.append(Epoch(1), entry(1));
    wait("the fence", || first.failure().is_some());
    assert_eq!(first.durable(), Epoch(1));
    silent.append(Epoch(1), EpochEntry { watermarks: vec![Watermark(77)], ..entry(1) });
    assert_eq!(followed(&patient, 2)[0].watermarks, [Watermark(77)]);
    for follower in [&patient, &second, &silent] {
        follower.close().unwrap();
    }
}

#[test]
fn a_job_that_was_asked_to_stop_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let objects = Objects::directory(place.path()).unwrap();
    let first = begin(&objects);
    log(&first, 0);
    let second = follow(&objects, LONG);
    Asking::ask(&objects, &Request { stop: true, ..Request::default() }).unwrap();
    wait("the request", || first.asked().stop.is_some());
    first.answer_with(Epoch(1));
    checkpoint(&first, 1);
    first.close().unwrap();
    wait("the stop", || second.asked().stop.is_some());
    assert!(!second.in_charge());
    second.close().unwrap();
    assert!(stand_by(&objects, PLAN, Patience { silence: LONG, retained: 2 }).unwrap().is_none());
    let again = begin(&objects);
    assert_eq!((again.generation(), again.durable()), (2, Epoch(1)));
    again.close().unwrap();
}

#[test]
fn a_job_that_fails_while_it_stops_is_taken_over() {
    for checkpoints in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let objects = Objects::directory(place.path()).unwrap();
        let first = begin(&objects);
        log(&first, 0);
        if checkpoints {
            checkpoint(&first, 1);
        }
        let second = follow(&objects, LONG);
        Asking::ask(&objects, &Request { stop: true, ..Request::default() }).unwrap();
        wait("the request", || first.asked().stop.is_some());
        // A sink has failed, say: the checkpoint that would answer is not made.
        first.close().unwrap();
        wait("the takeover", || second.in_charge());
        assert!(second.asked().stop.is_none());
        second.close().unwrap();
    }
}

#[test]
fn who_begins_to_follow_in_the_middle_of_the_work_misses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let objects = Objects::directory(place.path()).unwrap();
    // So many that nothing goes which a slow follower still has to read.
    let first = begin_keeping(&objects, 5);
    log(&first, 0);
    for round in 0..20_u64 {
        let before = 1 + round * 6;
        let objects = objects.clone();
        let following = std::thread::spawn(move || {
            let (follower, recovered) =
                stand_by(&objects, PLAN, Patience { silence: LONG, retained: 2 }).unwrap().unwrap();
            wait("the log", || follower.durable() >= Epoch(before + 6));
            let mut epochs: Vec<i64> = recovered.log.iter().map(|entry| entry.now_ms).collect();
            epochs.extend(follower.followed().iter().map(|entry| entry.now_ms));
            follower.close().unwrap();
            (recovered.first_epoch().0, epochs)
        });
        for epoch in before..before + 6 {
            log(&first, epoch);
            if epoch % 2 == 0 {
                checkpoint(&first, epoch + 1);
            }
        }
        let (from, epochs) = following.join().unwrap();
        let expected: Vec<i64> = (from..before + 6).map(|epoch| entry(epoch).now_ms).collect();
        assert_eq!(epochs, expected);
    }
    first.close().unwrap();
}

#[test]
fn a_run_that_slept_until_its_number_was_free_again_is_not_in_charge() {
    let place = tempfile::tempdir().unwrap();
    let objects = Objects::directory(place.path()).unwrap();
    let asleep = begin_keeping(&objects, 1);
    log(&asleep, 0);
    let standing_by = follow(&objects, LONG);
    let claimed = newest_segment(&objects).unwrap().unwrap() + 1;
    let awake = begin_keeping(&objects, 1);
    for epoch in 1..8 {
        log(&awake, epoch);
        checkpoint(&awake, epoch + 1);
    }
    wait("the claim is gone", || !objects.exists(&layout::segment(claimed)).unwrap());
    asleep.append(Epoch(1), entry(1));
    wait("the end", || asleep.failure().is_some());
    assert!(asleep.failure().unwrap().message().contains("another run of this job"), "{:?}", asleep.failure());
    assert_eq!(asleep.durable(), Epoch(1));
    assert!(!standing_by.in_charge());
    log(&awake, 8);
    awake.close().unwrap();
}
