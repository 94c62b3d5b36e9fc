//! Whose turn it is, in a simulation.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::{PLACE, Place};
use crate::rng::Rng;

/// What threads wait for.
pub(super) type Key = u64;

/// Nobody notifies this: who waits for it waits for the time.
pub(super) const NOTHING: Key = 0;
/// Who waits for this waits to be unparked.
const UNPARKED: Key = u64::MAX;

/// So often the clock goes on by itself when it is looked at: loops that wait for it come to an end.
const LOOK: Duration = Duration::from_micros(1);
/// After so many turns a simulation does not come to an end.
const TURNS_MAX: u64 = 20_000_000;
/// A thread that has had the turn for so long of the real time waits for something that is not simulated.
const TURN_MAX: Duration = Duration::from_secs(120);
/// How likely threads are to be next, compared with each other: some are much slower than others.
const WEIGHTS: [u64; 4] = [1, 8, 8, 64];

/// The turns of the threads of one simulation.
pub(super) struct Turns {
    state: Mutex<State>,
    begun: Instant,
    /// Told when the last thread has ended, or when none can go on.
    over: std::sync::mpsc::Sender<Option<String>>,
}

struct State {
    rng: Rng,
    now: Duration,
    threads: Vec<Entry>,
    running: usize,
    keys: Key,
    turns: u64,
    trace: u64,
    /// The first thread has.
    panicked: bool,
}

struct Entry {
    name: String,
    weight: u64,
    at: At,
    unparked: bool,
    /// Known when it has come.
    thread: Option<Thread>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Ready,
    Waiting { key: Key, until: Option<Duration> },
    Ended,
}

/// What has come of a simulation.
#[derive(Debug)]
pub struct Simulated<T> {
    /// What was computed.
    pub value: T,
    /// A number of the order of all turns and of their times.
    pub trace: u64,
    /// How many turns there were.
    pub turns: u64,
    /// How much time has passed.
    pub time: Duration,
}

/// Runs something in a simulation: it, and the threads that it starts by [`spawn`](super::spawn), by turns that are drawn
/// from `seed`. Returns when all of them have ended.
///
/// # Errors
/// When all threads that are left wait for each other, when they do not come to an end, or when one of them waits for
/// something that is not simulated. Threads are left behind then.
#[expect(clippy::disallowed_methods, reason = "simulated time begins with the real one")]
pub fn simulate<T: Send + 'static>(
    seed: u64,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<Simulated<T>, String> {
    let (over, is_over) = channel();
    let state = State {
        rng: Rng::new(seed),
        now: Duration::ZERO,
        threads: vec![],
        running: 0,
        keys: 0,
        turns: 0,
        trace: 0,
        panicked: false,
    };
    let turns = Arc::new(Turns { state: Mutex::new(state), begun: Instant::now(), over });
    let number = turns.add("main");
    let place = Place { turns: Arc::clone(&turns), number };
    let main = std::thread::Builder::new().name("simulation".to_owned()).spawn(move || {
        place.turns.enter(place.number);
        PLACE.set(Some(place.clone()));
        let value = catch_unwind(AssertUnwindSafe(run));
        place.turns.lock().panicked = value.is_err();
        PLACE.set(None);
        place.turns.end(place.number);
        value
    });
    let main = main.map_err(|e| format!("cannot start a thread: {e}"))?;
    let mut before = 0;
    loop {
        match is_over.recv_timeout(TURN_MAX) {
            // What has stopped the first thread may be why the others wait.
            Ok(Some(_)) if turns.has_ended(number) && turns.lock().panicked => break,
            Ok(Some(stuck)) => return Err(stuck),
            Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let state = turns.lock();
                if state.turns == before {
                    return Err(format!("a thread waits for what is not simulated: {}", state.report()));
                }
                before = state.turns;
            }
        }
    }
    let value = match main.join() {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) | Err(panic) => resume_unwind(panic),
    };
    let state = turns.lock();
    Ok(Simulated { value, trace: state.trace, turns: state.turns, time: state.now })
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Instant {
        let mut state = self.lock();
        state.now += LOOK;
        self.begun + state.now
    }

    pub(super) fn draw(&self, bound: u64) -> u64 {
        self.lock().rng.below(bound)
    }

    pub(super) fn new_key(&self) -> Key {
        let mut state = self.lock();
        state.keys += 1;
        state.keys
    }

    /// Adds a thread that will come; the others may wait for it from now on.
    pub(super) fn add(&self, name: &str) -> usize {
        let mut state = self.lock();
        let weight = WEIGHTS[state.rng.below(WEIGHTS.len() as u64) as usize];
        let entry = Entry { name: name.to_owned(), weight, at: At::Ready, unparked: false, thread: None };
        state.threads.push(entry);
        state.threads.len() - 1
    }

    /// A thread that has been added will not come.
    pub(super) fn forget(&self, number: usize) {
        if let Some(entry) = self.lock().threads.get_mut(number) {
            entry.at = At::Ended;
        }
    }

    /// The thread has come: it goes on when it is its turn.
    pub(super) fn enter(&self, me: usize) {
        if let Some(entry) = self.lock().threads.get_mut(me) {
            entry.thread = Some(std::thread::current());
        }
        self.wait_for_turn(me);
    }

    fn wait_for_turn(&self, me: usize) {
        while self.lock().running != me {
            std::thread::park();
        }
    }

    pub(super) fn step(&self, me: usize) {
        self.pass(me, At::Ready);
    }

    /// Waits to be notified of `key`, or for a while.
    pub(super) fn wait(&self, me: usize, key: Key, time: Option<Duration>) {
        let until = time.map(|time| self.lock().now.saturating_add(time));
        self.pass(me, At::Waiting { key, until });
    }

    pub(super) fn park(&self, me: usize, time: Duration) {
        let take = || {
            let mut state = self.lock();
            state.threads.get_mut(me).is_some_and(|entry| std::mem::take(&mut entry.unparked))
        };
        if !take() {
            self.wait(me, UNPARKED, Some(time));
            take();
        }
    }

    pub(super) fn unpark(&self, number: usize) {
        let mut state = self.lock();
        if let Some(entry) = state.threads.get_mut(number) {
            entry.unparked = true;
            if matches!(entry.at, At::Waiting { key: UNPARKED, .. }) {
                entry.at = At::Ready;
            }
        }
    }

    pub(super) fn notify(&self, notified: Key) {
        let mut state = self.lock();
        for entry in &mut state.threads {
            if matches!(entry.at, At::Waiting { key, .. } if key == notified) {
                entry.at = At::Ready;
            }
        }
    }

    pub(super) fn has_ended(&self, number: usize) -> bool {
        self.lock().threads.get(number).is_none_or(|entry| entry.at == At::Ended)
    }

    pub(super) fn end(&self, me: usize) {
        self.pass(me, At::Ended);
    }

    /// Gives the turn on.
    fn pass(&self, me: usize, at: At) {
        let mut state = self.lock();
        if let Some(entry) = state.threads.get_mut(me) {
            entry.at = at;
        }
        match state.next() {
            Ok(Some(next)) if next == me => return,
            Ok(Some(next)) => {
                state.running = next;
                if let Some(thread) = state.threads.get(next).and_then(|entry| entry.thread.as_ref()) {
                    thread.unpark();
                }
            }
            Ok(None) => {
                let _ = self.over.send(None);
            }
            Err(stuck) => {
                // Nobody has the turn any more.
                state.running = usize::MAX;
                let _ = self.over.send(Some(stuck));
            }
        }
        drop(state);
        if at != At::Ended {
            self.wait_for_turn(me);
        }
    }
}

impl State {
    /// Draws who is next; `None` when all have ended.
    fn next(&mut self) -> Result<Option<usize>, String> {
        if self.turns >= TURNS_MAX {
            return Err(format!("no end after {} turns: {}", self.turns, self.report()));
        }
        let ready = |state: &State| -> u64 {
            state.threads.iter().filter(|entry| entry.at == At::Ready).map(|entry| entry.weight).sum()
        };
        let mut weight = ready(self);
        if weight == 0 {
            if self.threads.iter().all(|entry| entry.at == At::Ended) {
                return Ok(None);
            }
            self.let_time_pass().ok_or_else(|| format!("all threads wait: {}", self.report()))?;
            weight = ready(self);
        }
        let mut drawn = self.rng.below(weight);
        let next = self.threads.iter().position(|entry| {
            let own = if entry.at == At::Ready { entry.weight } else { 0 };
            let is_it = drawn < own;
            drawn = drawn.saturating_sub(own);
            is_it
        });
        self.turns += 1;
        let of_turn = (next.unwrap_or(0) as u64) << 48 ^ self.now.as_nanos() as u64;
        self.trace = Rng::at(self.trace, of_turn).next_u64();
        Ok(next)
    }

    /// All wait: the clock goes to the first time for which somebody does.
    fn let_time_pass(&mut self) -> Option<()> {
        let times = self.threads.iter().filter_map(|entry| match entry.at {
            At::Waiting { until, .. } => until,
            _ => None,
        });
        self.now = self.now.max(times.min()?);
        for entry in &mut self.threads {
            if matches!(entry.at, At::Waiting { until: Some(until), .. } if until <= self.now) {
                entry.at = At::Ready;
            }
        }
        Some(())
    }

    fn report(&self) -> String {
        let mut left = vec![];
        for (number, entry) in self.threads.iter().enumerate().filter(|(_, entry)| entry.at != At::Ended) {
            let running = if number == self.running { " (has the turn)" } else { "" };
            left.push(format!("{} {:?}{running}", entry.name, entry.at));
        }
        left.join(", ")
    }
}
