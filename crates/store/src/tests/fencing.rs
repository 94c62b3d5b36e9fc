//! Runs that sleep at the wrong moment: whenever they wake up, they find that another one has taken over. Time is simulated.

use object_store::memory::InMemory;
use sloth_types::threads::{simulate, sleep};

use super::*;
use crate::keeper::newest_segment;
use crate::layout;
use crate::recover::Claim;

/// Runs a test in which time passes only when all wait.
fn in_simulated_time(test: impl Fn(&Objects) + Send + Clone + 'static) {
    for seed in 0..20 {
        let test = test.clone();
        simulate(seed, move || test(&Objects::new(Arc::new(InMemory::new())).unwrap())).unwrap();
    }
}

fn start(objects: &Objects) -> Arc<Keeper> {
    Keeper::start(claim(objects, &plan("a plan")).unwrap(), 1).unwrap().0
}

/// Works until claims before these epochs need not stand any more, and are gone.
fn work_and_clean_up(keeper: &Keeper, epochs: std::ops::Range<u64>) {
    epochs.clone().for_each(|epoch| log(keeper, epoch));
    sleep(Duration::from_secs(11));
    checkpoint(keeper, epochs.end);
}

/// A run that has slept since its claim, and the one that has taken over: so long that the number of the first one's next
/// segment is free again.
fn sleep_until_the_next_segment_is_free(objects: &Objects) -> (Claim, Arc<Keeper>) {
    let asleep = claim(objects, &plan("a plan")).unwrap();
    let free = layout::segment(asleep.segment);
    let awake = start(objects);
    work_and_clean_up(&awake, 0..4);
    wait("the cleaning", || !objects.exists(&free).unwrap());
    (asleep, awake)
}

fn is_fenced(error: Option<Error>) -> bool {
    error.is_some_and(|error| message(&error).contains("another run of this job has taken over"))
}

#[test]
fn a_run_that_slept_while_it_began_is_not_in_charge() {
    in_simulated_time(|objects| {
        let (asleep, awake) = sleep_until_the_next_segment_is_free(objects);
        let asleep = Keeper::start(asleep, 1).unwrap().0;
        asleep.append(Epoch(0), EpochEntry { now_ms: 77, ..entry(0) });
        wait("the end", || asleep.failure().is_some() || asleep.durable() > Epoch(0));
        assert!(is_fenced(asleep.failure()) && asleep.durable() == Epoch(0), "{:?}", asleep.failure());
        log(&awake, 4);
        awake.close().unwrap();
        assert!(asleep.close().is_err());
    });
}

#[test]
fn a_run_that_slept_before_it_changed_the_plan_has_not_changed_it() {
    in_simulated_time(|objects| {
        let (asleep, awake) = sleep_until_the_next_segment_is_free(objects);
        let free = layout::segment(asleep.segment);
        assert!(is_fenced(crate::change(asleep, plan("another plan"), &[]).err()));
        assert!(!objects.exists(&free).unwrap(), "nothing is left of it");
        awake.close().unwrap();
        assert_eq!(crate::current_plan(objects).unwrap().unwrap().fingerprint, "a plan");
    });
}

#[test]
fn claims_of_runs_that_failed_at_once_stand_as_long_as_others() {
    in_simulated_time(|objects| {
        let asleep = start(objects);
        log(&asleep, 0);
        let claimed = newest_segment(objects).unwrap().unwrap() + 1;
        start(objects).close().unwrap();
        let awake = start(objects);
        (1..4).for_each(|epoch| log(&awake, epoch));
        checkpoint(&awake, 4);
        awake.close().unwrap();
        assert!(objects.exists(&layout::segment(claimed)).unwrap());
        asleep.append(Epoch(1), EpochEntry { now_ms: 77, ..entry(1) });
        wait("the end", || asleep.failure().is_some() || asleep.durable() > Epoch(1));
        assert!(is_fenced(asleep.failure()) && asleep.durable() == Epoch(1), "{:?}", asleep.failure());
        assert!(asleep.close().is_err());
    });
}
