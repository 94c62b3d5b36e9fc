//! A simulated world in which jobs die: random queries over random tables, with an object store and sinks that fail, are
//! slow, and break off, all by one seed; and the real engine and the real state store in it.
//!
//! ```text
//!  life 1: claim ─▶ epochs, checkpoints, commits ─▶ a put of log/…07 takes effect, then the power fails
//!  life 2: claim ─▶ made again, …              ─▶ sink 0 refuses to commit epoch 9: the job ends with an error
//!  life 3: …                                   ─▶ it is asked to stop
//!  life 4: …                                   ─▶ its process sleeps for a minute; life 5 takes over; 4 wakes up and goes on
//!  life 6: …                                   ─▶ the input ends: what the sinks have is what an undisturbed run gives
//! ```
//!
//! What befalls an operation is drawn from the seed, the life, and the operation's name (`put log/…07`, `commit 9`), never
//! from the time or the order in which threads come to it.

mod life;
mod outside;
mod store;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::memory::InMemory;
use sloth_types::clock::Mono;
use sloth_types::rng::Rng;
use sloth_types::threads;

pub use life::{Lived, live};
pub use outside::Written;

/// All that outlives a job: its objects, and what its sinks have written.
pub struct World {
    seed: u64,
    flaw: Option<Flaw>,
    objects: Arc<InMemory>,
    outside: Mutex<BTreeMap<String, Written>>,
    /// What has happened, for the report.
    events: Mutex<Vec<String>>,
    lives: AtomicU64,
}

/// What a world may do wrong, so that it can be seen that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Sinks forget which epochs they have.
    ForgetfulSinks,
    /// Objects whose names end with 7 are not kept, and nobody says so.
    LostObjects,
}

/// What befalls an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Well,
    /// It takes a while.
    Slow,
    /// Its whole process sleeps, perhaps until others have taken over and cleaned up.
    Sleeps,
    /// Its answer is lost, and it is asked for again, as clients do by themselves.
    Again,
    /// It fails, without effect or after it.
    Fails {
        /// It had taken effect.
        done: bool,
    },
    /// The power fails, before the operation or after it: nothing more takes effect in this life.
    PowerFails {
        /// It had taken effect.
        done: bool,
    },
}

/// One run of the job.
#[derive(Clone)]
struct Life {
    world: Arc<World>,
    number: u64,
    dead: Arc<AtomicBool>,
    /// Its process sleeps until then.
    asleep: Arc<Mutex<Option<Mono>>>,
    /// Nothing befalls it.
    blessed: bool,
}

/// How long processes sleep: others wait for 30 ms, claims stand for 10 s.
const SLEEPS: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(200),
    Duration::from_secs(4),
    Duration::from_secs(12),
    Duration::from_secs(60),
];

/// Lives after this one come to a good end.
const HARD_LIVES: u64 = 8;

impl World {
    fn new(seed: u64, flaw: Option<Flaw>) -> Arc<World> {
        Arc::new(World {
            seed,
            flaw,
            objects: Arc::new(InMemory::new()),
            outside: Mutex::default(),
            events: Mutex::default(),
            lives: AtomicU64::new(0),
        })
    }

    fn next_life(self: &Arc<Self>) -> Life {
        let number = self.lives.fetch_add(1, Ordering::SeqCst) + 1;
        Life {
            world: Arc::clone(self),
            number,
            dead: Arc::default(),
            asleep: Arc::default(),
            blessed: number > HARD_LIVES,
        }
    }

    fn note(&self, what: String) {
        lock(&self.events).push(what);
    }
}

impl Life {
    fn is_over(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// The power fails.
    fn end(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    /// What befalls the operation of this name; `None` when nobody is there any more to carry it out.
    fn fate(&self, name: &str) -> Option<Fate> {
        let asleep = *lock(&self.asleep);
        if let Some(until) = asleep {
            threads::sleep(until.until());
        }
        if self.is_over() {
            return None;
        }
        if self.blessed {
            return Some(Fate::Well);
        }
        let of_name =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let mut dice = Rng::at(self.world.seed ^ of_name, self.number);
        // Some lives are short.
        let hardship = [1, 4, 12][(self.number % 3) as usize];
        let fate = match dice.below(400) {
            0..=22 => Fate::Slow,
            23..=24 => Fate::Sleeps,
            n if n < 25 + 2 * hardship => Fate::PowerFails { done: dice.chance(0.5) },
            n if n < 25 + 3 * hardship => Fate::Fails { done: dice.chance(0.5) },
            n if n < 25 + 4 * hardship => Fate::Again,
            _ => Fate::Well,
        };
        if !matches!(fate, Fate::Well | Fate::Slow) {
            self.world.note(format!("life {}: {name}: {fate:?}", self.number));
        }
        if fate == Fate::Sleeps {
            let time = SLEEPS[dice.below(SLEEPS.len() as u64) as usize];
            *lock(&self.asleep) = Some(Mono::now().after(time));
            threads::sleep(time);
        }
        Some(fate)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
