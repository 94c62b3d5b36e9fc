//! The lives of a job in a simulated world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::ObjectStore;
use sloth_engine::{Job, JobOptions, Replay};
use sloth_plan::JobPlan;
use sloth_store::{Keeper, Objects, Patience};
use sloth_types::journal::Recovered;
use sloth_types::rng::Rng;
use sloth_types::threads::{simulate, sleep, spawn};
use sloth_types::{Clock, Error, ErrorKind, JobStore, Result};

use super::outside::{Outside, Written};
use super::store::SimStore;
use super::{Flaw, Life, World, lock};
use crate::changes::Tables;
use crate::run::NOW_MS;

/// How often a job is started at most: more means that it does not come on.
const LIVES_MAX: u64 = 60;
/// How long a run that stands by waits for a sign of life.
const SILENCE: Duration = Duration::from_millis(30);

/// What has come of a job after all its lives.
pub struct Lived {
    /// What its writers have written for good, by name.
    pub written: BTreeMap<String, Written>,
    /// What befell it, life by life.
    pub events: Vec<String>,
    /// How many lives it took.
    pub lives: u64,
    /// How often a run that stood by has taken over.
    pub takeovers: u64,
    /// A number of all turns of its threads.
    pub trace: u64,
}

/// Runs the job of a plan in the world of a seed, again and again until it has come to its end.
///
/// # Errors
/// When it ends with an error that no failure of the world explains, or does not come to an end.
pub fn live(plan: &JobPlan, tables: &Tables, seed: u64, flaw: Option<Flaw>) -> std::result::Result<Lived, String> {
    let (plan, tables) = (plan.clone(), tables.clone());
    let simulated = simulate(seed, move || lives(&plan, &tables, seed, flaw))?;
    simulated.value.map(|lived| Lived { trace: simulated.trace, ..lived })
}

fn lives(plan: &JobPlan, tables: &Tables, seed: u64, flaw: Option<Flaw>) -> std::result::Result<Lived, String> {
    let world = World::new(seed, flaw);
    // In some worlds another process stands by, in some it just takes over.
    let company = match seed % 4 {
        3 => Some(true),
        1 => Some(false),
        _ => None,
    };
    let mut dice = Rng::at(seed ^ 0xc03, 0);
    let (mut done, mut takeovers) = (false, 0);
    while !done {
        let life = world.next_life();
        if life.number > LIVES_MAX {
            return Err(report(&world, "it does not come to an end"));
        }
        let company = company.filter(|_| life.number > 1);
        let job = run(plan, tables, &life, false);
        let stopped = job.as_ref().ok().and_then(|job| stop_later(job, &life, &mut dice));
        done = match (job, company) {
            (Ok(job), Some(stands_by)) => {
                let other = world.next_life();
                if !stands_by {
                    let most = 1 << dice.below(18);
                    sleep(Duration::from_micros(dice.below(most)));
                }
                let second = run(plan, tables, &other, stands_by);
                let first = end(job, &life, &world)?;
                // Who is gone is gone: its signs of life end with it.
                life.end();
                match second {
                    Ok(second) => {
                        let ended = end(second, &other, &world)?;
                        takeovers += u64::from(ended && stands_by);
                        ended
                    }
                    Err(error) => excused(&error, &other, &world).map(|()| first)?,
                }
            }
            (Ok(job), None) => end(job, &life, &world)?,
            (Err(error), _) => excused(&error, &life, &world).map(|()| false)?,
        };
        life.end();
        // It is only told to end, and has not come to its end.
        done &= stopped.is_none_or(|stopped| !stopped.load(Ordering::SeqCst));
    }
    let written = lock(&world.outside).clone();
    let events = lock(&world.events).clone();
    let lives = world.lives.load(Ordering::SeqCst);
    Ok(Lived { written, events, lives, takeovers, trace: 0 })
}

/// Some jobs are asked to stop after a while; whether that has come to pass.
fn stop_later(job: &Job, life: &Life, dice: &mut Rng) -> Option<Arc<AtomicBool>> {
    if life.blessed || !dice.chance(0.2) {
        return None;
    }
    let (stopped, most) = (Arc::new(AtomicBool::new(false)), 1 << dice.below(18));
    let (told, after) = (Arc::clone(&stopped), Duration::from_micros(dice.below(most)));
    let (stopper, life) = (job.stopper(), life.clone());
    let stop = move || {
        sleep(after);
        life.world.note(format!("life {}: is asked to stop", life.number));
        told.store(true, Ordering::SeqCst);
        stopper.stop();
    };
    spawn("who stops it", stop).ok().map(|_| stopped)
}

/// Waits for a job; true when it has come to its end and all that was told it has taken effect.
fn end(job: Job, life: &Life, world: &World) -> std::result::Result<bool, String> {
    match job.wait() {
        Ok(()) => Ok(!life.is_over()),
        Err(error) => excused(&error, life, world).map(|()| false),
    }
}

/// Errors are well as far as something has befallen the job.
fn excused(error: &Error, life: &Life, world: &World) -> std::result::Result<(), String> {
    world.note(format!("life {}: ends: {error}", life.number));
    let taken_over = error.message().contains("another run") || error.message().contains("a newer run");
    if life.is_over() || taken_over || (error.kind() == ErrorKind::Unavailable && !life.blessed) {
        return Ok(());
    }
    Err(report(world, &format!("life {} ended: {error:?}", life.number)))
}

fn report(world: &World, what: &str) -> String {
    format!("{what}\n{}", lock(&world.events).join("\n"))
}

fn run(plan: &JobPlan, tables: &Tables, life: &Life, standby: bool) -> Result<Job> {
    let mut dice = Rng::at(life.world.seed ^ 0x5157, life.number);
    let mut plan = plan.clone();
    let settings = &mut plan.settings;
    settings.parallelism = [1, 1, 1, 2, 2, 3][dice.below(6) as usize];
    settings.epoch_rows_max = Some(dice.between(1, 12) as usize);
    settings.epoch_cut_seed = Some(life.world.seed);
    settings.epoch_min_interval = Duration::ZERO;
    settings.epochs_in_flight_max = dice.between(1, 4) as usize;
    settings.checkpoint_interval = match dice.below(4) {
        0 => Duration::from_secs(1 << 40),
        1 => Duration::from_millis(2),
        _ => Duration::ZERO,
    };
    let store: Arc<dyn ObjectStore> =
        Arc::new(SimStore { life: life.clone(), objects: Arc::clone(&life.world.objects) });
    let objects = Objects::new(store)?;
    let objects = if dice.chance(0.5) { objects.writing_ahead(0) } else { objects };
    let (store, recovered) = take(&objects, standby, dice.between(1, 3) as usize)?;
    let mut connectors = sloth_connectors::registry();
    connectors.register(Arc::new(tables.clone()));
    connectors.register(Arc::new(Outside { life: life.clone() }));
    let options = JobOptions {
        clock: Clock::manual(NOW_MS),
        store: Some(store),
        replay: Some(Replay { recovered, then_live: true }),
        ..JobOptions::default()
    };
    Job::start(plan, &connectors, options)
}

fn take(objects: &Objects, standby: bool, retained: usize) -> Result<(Arc<dyn JobStore>, Recovered)> {
    if standby
        && let Some((follower, recovered)) =
            sloth_store::stand_by(objects, PLAN, Patience { silence: SILENCE, retained })?
    {
        return Ok((follower, recovered));
    }
    let plan = sloth_store::Plan { fingerprint: PLAN.to_owned(), ..sloth_store::Plan::default() };
    let (keeper, recovered) = Keeper::start(sloth_store::claim(objects, &plan)?, retained)?;
    Ok((keeper, recovered))
}

/// What the state belongs to: there is only one plan in a world.
const PLAN: &str = "simulated";
