//! Jobs that die again and again in a simulated world write what an undisturbed run writes: nothing lost, twice or wrong.
//!
//! `CASES=n` runs more than the default number of worlds, `SEED=n` begins with another one; a failure shows the seed that
//! repeats it, turn by turn, and what befell the job.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sloth_plan::JobPlan;
use sloth_sql::{Effect, Query, Session, lower};
use sloth_testkit::changes::{Table, Tables};
use sloth_testkit::queries::{query, tables};
use sloth_testkit::run::{Setup, run};
use sloth_testkit::shrink::asked;
use sloth_testkit::sim::{Flaw, live};
use sloth_types::rng::Rng;

const CASES: u64 = 3_000;
const SEED: u64 = 4_000_000;
/// Worlds that are lived twice.
const TWICE: u64 = 100;
/// Only one thread of a world runs at a time.
const THREADS: usize = 2;
/// Worlds in which the same job lives.
const WORLDS: u64 = 20;
/// Queries of one job, at most.
const QUERIES: u64 = 3;

#[derive(Debug, Default)]
struct Tally {
    worlds: u64,
    lives: u64,
    takeovers: u64,
    failures: u64,
    rows: usize,
    without_query: u64,
}

/// The tables of a world. One split each: what is taken back was there before, however the input is cut.
fn random_tables(rng: &mut Rng) -> Vec<Table> {
    let mut tables = tables(rng);
    for table in &mut tables {
        table.splits = 1;
        table.epochs.iter_mut().flatten().for_each(|change| change.split = 0);
    }
    tables
}

fn queries_of(session: &mut Session, script: &str) -> Option<Vec<Query>> {
    let mut queries = vec![];
    for statement in session.parse(script).ok()? {
        if let Effect::Run(more) = session.execute(&statement).ok()? {
            queries.extend(more);
        }
    }
    Some(queries)
}

/// A job of those of some random queries that are offered.
fn random_plan(rng: &mut Rng, tables: &[Table]) -> Option<JobPlan> {
    let mut session = Session::new();
    for table in tables {
        queries_of(&mut session, &table.ddl())?;
    }
    let mut taken = vec![];
    for _ in 0..=rng.below(QUERIES) {
        let script = asked(&query(rng, tables), tables).engine;
        let planned = catch_unwind(AssertUnwindSafe(|| {
            let found = queries_of(&mut session, &script)?;
            lower(&session, &found).ok().map(|_| found)
        }));
        taken.extend(planned.ok().flatten().unwrap_or_default());
    }
    if taken.is_empty() { None } else { lower(&session, &taken).ok() }
}

/// What an undisturbed run writes, sink by sink; `None` when that depends on how the input is cut.
fn undisturbed(plan: &JobPlan, tables: &Tables) -> Option<Vec<Vec<String>>> {
    let with = |setup: Setup| {
        let outcome = run(plan, &Setup { tables: Some(tables.clone()), ..setup });
        if outcome.error.is_some() {
            return None;
        }
        outcome.sinks.iter().map(|sink| sink.rows().ok()).collect::<Option<Vec<_>>>()
    };
    let (one, other) = (with(Setup::cut(1, 3, 1))?, with(Setup::workers(2))?);
    (one == other).then_some(one)
}

/// A job, and what it writes when nothing befalls it: the same for a few worlds, since planning costs more than living.
struct Lot {
    plan: JobPlan,
    tables: Tables,
    expected: Vec<Vec<String>>,
}

impl Lot {
    /// The lot of the worlds with these seeds: `number * WORLDS` and so on. `None` when its queries are not offered.
    fn draw(number: u64) -> Option<Lot> {
        let mut rng = Rng::at(0x10f, number);
        let tables = random_tables(&mut rng);
        let plan = random_plan(&mut rng, &tables)?;
        let tables = Tables(Arc::new(tables));
        let expected = undisturbed(&plan, &tables)?;
        Some(Lot { plan, tables, expected })
    }

    /// One world; what is wrong.
    fn world(&self, seed: u64, flaw: Option<Flaw>, tally: &Mutex<Tally>) -> Option<String> {
        let Lot { plan, tables, expected } = self;
        let lived = match live(plan, tables, seed, flaw) {
            Ok(lived) => lived,
            Err(report) => return Some(report),
        };
        let captured = lived.written.values().map(|written| written.captured().unwrap().rows().unwrap());
        let written: Vec<Vec<String>> = captured.collect();
        let mut tally = tally.lock().unwrap();
        tally.worlds += 1;
        tally.lives += lived.lives;
        tally.takeovers += lived.takeovers;
        tally.failures += lived.events.len() as u64;
        tally.rows += expected.iter().map(Vec::len).sum::<usize>();
        let wrong = (0..expected.len()).find(|sink| written.get(*sink) != expected.get(*sink))?;
        let (is, should) = (written.get(wrong), &expected[wrong]);
        Some(format!("sink {wrong} has {is:#?}\ninstead of {should:#?}\n{}", lived.events.join("\n")))
    }
}

/// Many worlds at once; the first that is wrong ends it.
fn worlds(first: u64, cases: u64, flaw: Option<Flaw>) -> Result<Tally, String> {
    let (next, tally, failures) = (AtomicU64::new(first / WORLDS), Mutex::new(Tally::default()), Mutex::new(vec![]));
    let end = first.saturating_add(cases);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let seeds = first.max(number * WORLDS)..end.min((number + 1) * WORLDS);
                    if seeds.is_empty() {
                        break;
                    }
                    let Some(lot) = Lot::draw(number) else {
                        tally.lock().unwrap().without_query += seeds.end - seeds.start;
                        continue;
                    };
                    for seed in seeds {
                        if !failures.lock().unwrap().is_empty() {
                            return;
                        }
                        if let Some(wrong) = lot.world(seed, flaw, &tally) {
                            failures.lock().unwrap().push(format!("repeat with SEED={seed} CASES=1\n{wrong}"));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    if failures.is_empty() { Ok(tally.into_inner().unwrap()) } else { Err(failures.join("\n\n")) }
}

#[test]
fn jobs_that_die_again_and_again_write_what_an_undisturbed_run_writes() {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().expect("a number"));
    let cases = number("CASES").unwrap_or_else(|| CASES * std::env::var_os("SLOTH_SOAK").map_or(1, |_| 50));
    let first = number("SEED").unwrap_or(SEED);
    println!("SEED={first} CASES={cases}");
    let tally = worlds(first, cases, None).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{tally:?}");
    assert!(cases < 20 || (tally.failures > cases && tally.takeovers > 0), "nothing has befallen the jobs");
}

#[test]
fn a_seed_repeats_its_world_turn_by_turn() {
    let mut lots = (SEED / WORLDS..).filter_map(|number| Lot::draw(number).map(|lot| (number * WORLDS, lot)));
    let (mut seen, mut orders) = (0, std::collections::BTreeSet::new());
    while seen < TWICE {
        let (first, lot) = lots.next().unwrap();
        for seed in first..first + WORLDS {
            let once = || {
                let lived = live(&lot.plan, &lot.tables, seed, None).unwrap_or_else(|wrong| panic!("{seed}: {wrong}"));
                let written = lived.written.values().map(|written| written.captured().unwrap().rows().unwrap());
                (lived.trace, lived.lives, lived.takeovers, written.collect::<Vec<_>>(), lived.events)
            };
            let (one, other) = (once(), once());
            assert!(one == other, "seed {seed}:\n{one:#?}\n{other:#?}");
            orders.insert(one.0);
            seen += 1;
        }
    }
    assert_eq!(orders.len() as u64, seen);
}

#[test]
fn a_world_that_cheats_is_found_out_and_its_seed_repeats_how() {
    for flaw in [Flaw::ForgetfulSinks, Flaw::LostObjects] {
        let wrong = worlds(SEED, 200, Some(flaw)).expect_err("it has not shown");
        let seed: u64 = wrong.split_once("SEED=").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).unwrap();
        let again = || worlds(seed, 1, Some(flaw)).expect_err("its seed does not repeat it");
        let (one, other) = (again(), again());
        assert_eq!(one, other, "{flaw:?}");
        assert!(wrong.contains(&one), "{flaw:?}: {wrong}\ninstead of\n{one}");
    }
}
