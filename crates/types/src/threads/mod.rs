//! Threads, and what they wait for. The engine and the state store start threads and wait in no other way.
//!
//! So a test can run them by a [`simulate`]d clock and scheduler: there only one thread runs at a time, the next one is
//! drawn from a seed wherever one waits or could be interrupted, and time passes only when all wait. The same seed gives
//! the same run. (As FoundationDB does it: Zhou et al., SIGMOD 2021, and Coyote, PCT: Burckhardt et al., ASPLOS 2010; here
//! with the system's threads, since the dataflow engine below knows no others.) Outside of a simulation all of this is what the
//! standard library has, behind one look at a number or at a thread-local.

mod channel;
mod turns;

use std::cell::RefCell;
use std::io;
pub use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use channel::{Receiver, Sender, SyncSender, channel, sync_channel};
pub use turns::{Simulated, simulate};

use turns::{Key, Turns};

/// A thread of a simulation.
#[derive(Clone)]
struct Place {
    turns: Arc<Turns>,
    number: usize,
}

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

fn place() -> Option<Place> {
    // None on a thread that is ending.
    PLACE.try_with(|place| place.borrow().clone()).ok().flatten()
}

/// True on a thread of a simulation.
pub fn simulated() -> bool {
    PLACE.with_borrow(Option::is_some)
}

/// The simulated time, on a thread of a simulation.
pub(crate) fn simulated_now() -> Option<Instant> {
    PLACE.with_borrow(|place| place.as_ref().map(|place| place.turns.now()))
}

/// A number of the simulation's seed, below `bound` (> 0); `None` outside of one.
pub fn draw(bound: u64) -> Option<u64> {
    place().map(|place| place.turns.draw(bound))
}

/// Something to wait for; 0 outside of a simulation.
fn new_key() -> Key {
    place().map_or(0, |place| place.turns.new_key())
}

/// Wakes the simulated threads that wait for `key`.
fn notify(key: Key) {
    if key != 0
        && let Some(place) = place()
    {
        place.turns.notify(key);
    }
}

/// Lets another thread of the simulation come first. Nothing elsewhere.
pub fn step() {
    if let Some(place) = place() {
        place.turns.step(place.number);
    }
}

/// Waits for a while.
pub fn sleep(time: Duration) {
    match place() {
        Some(place) => place.turns.wait(place.number, turns::NOTHING, Some(time)),
        None => std::thread::sleep(time),
    }
}

/// Waits until this thread is unparked, or for a while.
pub fn park_timeout(time: Duration) {
    match place() {
        Some(place) => place.turns.park(place.number, time),
        None => std::thread::park_timeout(time),
    }
}

/// Ends the waiting of a thread in [`park_timeout`].
#[derive(Clone)]
pub struct Unparker {
    thread: std::thread::Thread,
    place: Option<Place>,
}

impl Unparker {
    /// Of the thread that calls this.
    pub fn of_current() -> Unparker {
        Unparker { thread: std::thread::current(), place: place() }
    }

    /// Ends the thread's waiting, or its next one.
    pub fn unpark(&self) {
        match &self.place {
            Some(place) => place.turns.unpark(place.number),
            None => self.thread.unpark(),
        }
    }
}

/// A thread that can be waited for.
pub struct JoinHandle<T> {
    handle: std::thread::JoinHandle<T>,
    expected: Expected,
}

impl<T> JoinHandle<T> {
    /// Waits for the end of the thread.
    ///
    /// # Errors
    /// When it has panicked.
    pub fn join(self) -> std::thread::Result<T> {
        self.expected.wait_for_end();
        self.handle.join()
    }

    /// Ends the thread's waiting in [`park_timeout`].
    pub fn unpark(&self) {
        Unparker { thread: self.handle.thread().clone(), place: self.expected.place.clone() }.unpark();
    }
}

/// Starts a thread.
///
/// # Errors
/// When the system gives none.
pub fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    let expected = expect(name);
    let own = expected.clone();
    let handle = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _entered = own.enter();
        run()
    });
    match handle {
        Ok(handle) => Ok(JoinHandle { handle, expected }),
        Err(error) => {
            if let Some(place) = &expected.place {
                place.turns.forget(place.number);
            }
            Err(error)
        }
    }
}

/// The place of a thread in the simulation, if there is one. For threads that something else starts.
#[derive(Clone)]
pub struct Expected {
    place: Option<Place>,
    ends: Key,
}

/// Announces a thread that will [`enter`](Expected::enter).
pub fn expect(name: &str) -> Expected {
    let place = place().map(|place| Place { number: place.turns.add(name), turns: place.turns });
    Expected { place, ends: new_key() }
}

impl Expected {
    /// The thread that calls this is the one that was announced, as long as what is returned lives.
    #[must_use]
    pub fn enter(&self) -> Entered {
        if let Some(place) = &self.place {
            place.turns.enter(place.number);
            PLACE.set(Some(place.clone()));
        }
        Entered(self.clone())
    }

    /// Waits, in a simulation, until the thread has left.
    pub fn wait_for_end(&self) {
        if let (Some(of), Some(me)) = (&self.place, place()) {
            while !of.turns.has_ended(of.number) {
                me.turns.wait(me.number, self.ends, None);
            }
        }
    }
}

/// A thread within its place.
pub struct Entered(Expected);

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(place) = &self.0.place {
            place.turns.notify(self.0.ends);
            PLACE.set(None);
            place.turns.end(place.number);
        }
    }
}

/// Runs something for each item, each on a thread of its own, the first on this one; in a simulation one after the other.
///
/// # Errors
/// When one of the threads has panicked.
pub fn side_by_side<T: Send, R: Send>(items: Vec<T>, run: impl Fn(T) -> R + Sync) -> std::thread::Result<Vec<R>> {
    if simulated() {
        return Ok(items.into_iter().map(run).collect());
    }
    std::thread::scope(|scope| {
        let run = &run;
        let mut items = items.into_iter();
        let first = items.next();
        let others: Vec<_> = items.map(|item| scope.spawn(move || run(item))).collect();
        let mut done: Vec<R> = first.map(run).into_iter().collect();
        for other in others {
            done.push(other.join()?);
        }
        Ok(done)
    })
}

/// As the standard library's, but that the mutex is named again.
pub struct Condvar {
    real: std::sync::Condvar,
    key: Key,
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar { real: std::sync::Condvar::new(), key: new_key() }
    }
}

impl Condvar {
    /// Gives the lock up, waits to be notified, and takes it again.
    pub fn wait<'m, T>(&self, mutex: &'m Mutex<T>, guard: MutexGuard<'m, T>) -> MutexGuard<'m, T> {
        let Some(place) = place() else { return self.real.wait(guard).unwrap_or_else(PoisonError::into_inner) };
        drop(guard);
        place.turns.wait(place.number, self.key, None);
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait.
    pub fn notify_all(&self) {
        self.real.notify_all();
        notify(self.key);
    }
}

#[cfg(test)]
mod tests;
