//! Operators that are called again after a while. timely waits by a clock of its own, which a simulation cannot set: there
//! the worker keeps the times itself.

use std::cell::RefCell;
use std::time::Duration;

use sloth_types::clock::Mono;
use sloth_types::threads;
use timely::scheduling::Activator;
use timely::worker::Worker;

thread_local! {
    /// Who of this worker is to be called, and when.
    static LATER: RefCell<Vec<(Mono, Activator)>> = const { RefCell::new(vec![]) };
}

/// A simulated worker sleeps for so long, or for 4, 16 or 64 times that: what others send it does not wake it.
const NAP: Duration = Duration::from_millis(1);

/// Calls an operator after a while.
pub(crate) fn call_after(activator: &Activator, time: Duration) {
    if threads::simulated() {
        LATER.with_borrow_mut(|later| later.push((Mono::now().after(time), activator.clone())));
    } else {
        activator.activate_after(time);
    }
}

/// Lets the worker do what is to be done; waits, at most for `time`, when there is nothing.
pub(crate) fn step_or_wait(worker: &mut Worker, time: Duration) {
    if !threads::simulated() {
        worker.step_or_park(Some(time));
        return;
    }
    let now = Mono::now();
    let due = LATER.with_borrow_mut(|later| later.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>());
    due.iter().for_each(|(_, activator)| activator.activate());
    worker.step();
    // Half of the time it only lets others come first.
    match threads::draw(8) {
        Some(drawn @ 0..4) => {
            let next = LATER.with_borrow(|later| later.iter().map(|(at, _)| at.until()).min());
            let nap = NAP * (1 << (2 * drawn));
            threads::sleep(next.unwrap_or(nap).min(nap));
        }
        _ => threads::step(),
    }
}

/// Nobody of this worker is to be called any more.
pub(crate) fn forget() {
    LATER.take();
}
