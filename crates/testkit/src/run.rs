//! Runs a streaming plan in this process and keeps what its sinks were given.

use std::sync::Arc;

use sloth_engine::{EpochEntry, EpochLog, Job, JobOptions, Replay};
use sloth_plan::JobPlan;
use sloth_types::journal::{Checkpoint, Recovered};
use sloth_types::{Clock, ConnectorRegistry, Error, JobStore};

use crate::capture::{Capture, Captured};
use crate::changes::Tables;
use crate::inline::Inline;
use crate::store::MemoryStore;

/// The wall clock of runs that do not choose one: 2024-11-11 00:00:00 UTC.
pub const NOW_MS: i64 = 1_731_283_200_000;

/// How to run a plan.
#[derive(Clone, Default)]
pub struct Setup {
    /// Worker threads; what the plan says when 0.
    pub parallelism: usize,
    /// Epochs of at most so many rows a split.
    pub max_rows: Option<usize>,
    /// Draws each epoch's size at random.
    pub cut_seed: Option<u64>,
    /// Every report of an epoch is in before the next is opened.
    pub one_in_flight: bool,
    /// Results are told once, at the end of the input.
    pub batch: bool,
    /// Runs this log again.
    pub replay: Option<Vec<EpochEntry>>,
    /// Makes a checkpoint after every epoch.
    pub checkpoints: bool,
    /// Goes on from this checkpoint; the log that is replayed is the one after it.
    pub from: Option<Checkpoint>,
    /// The wall clock; one that stands at [`NOW_MS`] by default.
    pub clock: Option<Clock>,
    /// What the connector `changes` gives.
    pub tables: Option<Tables>,
}

impl Setup {
    /// With so many workers.
    pub fn workers(parallelism: usize) -> Setup {
        Setup { parallelism, ..Setup::default() }
    }

    /// With so many workers and epochs cut at random from 1 to `max_rows` rows.
    pub fn cut(parallelism: usize, max_rows: usize, seed: u64) -> Setup {
        Setup { parallelism, max_rows: Some(max_rows), cut_seed: Some(seed), ..Setup::default() }
    }

    /// With so many workers, as a batch.
    pub fn batch(parallelism: usize) -> Setup {
        Setup { parallelism, batch: true, ..Setup::default() }
    }

    /// One worker, epochs of one row, each complete before the next: a watermark after every row.
    pub fn row_by_row() -> Setup {
        Setup { parallelism: 1, max_rows: Some(1), one_in_flight: true, ..Setup::default() }
    }

    /// With so many workers along a recorded log.
    pub fn replay(parallelism: usize, log: &[EpochEntry]) -> Setup {
        Setup { parallelism, replay: Some(log.to_vec()), ..Setup::default() }
    }
}

/// What a run gave.
#[derive(Debug)]
pub struct Outcome {
    /// The sinks in the order of the plan.
    pub sinks: Vec<Captured>,
    /// Rows that were late.
    pub late_rows: u64,
    /// Records that could not be decoded.
    pub bad_rows: u64,
    /// What the operators held at the end.
    pub state_bytes: u64,
    /// The epoch log, unless it was a replay.
    pub log: Vec<EpochEntry>,
    /// The checkpoints, where they were asked for.
    pub checkpoints: Vec<Checkpoint>,
    /// Why the job failed.
    pub error: Option<Error>,
}

impl Outcome {
    /// The result rows of a sink, see [`Captured::rows`].
    ///
    /// # Panics
    /// When there is no such sink.
    pub fn rows(&self, table: &str) -> Vec<String> {
        let sink = self.sinks.iter().find(|s| s.table.name == table);
        let sink = sink.unwrap_or_else(|| panic!("no sink '{table}': {:?}", self.error));
        sink.rows().unwrap_or_else(|e| panic!("sink '{table}': {e}"))
    }
}

/// The connectors of a test: all of the installation's, `print` captured, and `inline`.
pub fn connectors(capture: &Capture) -> ConnectorRegistry {
    let mut connectors = sloth_connectors::registry();
    connectors.register(Arc::new(capture.clone()));
    connectors.register(Arc::new(capture.keyed()));
    connectors.register(Arc::new(Inline::default()));
    connectors
}

/// Runs a plan to its end.
pub fn run(plan: &JobPlan, setup: &Setup) -> Outcome {
    let mut plan = plan.clone();
    let settings = &mut plan.settings;
    if setup.parallelism > 0 {
        settings.parallelism = setup.parallelism;
    }
    if setup.max_rows.is_some() {
        settings.epoch_rows_max = setup.max_rows;
        settings.epoch_cut_seed = setup.cut_seed;
    }
    if setup.one_in_flight {
        settings.epochs_in_flight_max = 1;
    }
    settings.batch |= setup.batch;
    // Small epochs need no distance in a test.
    settings.epoch_min_interval = std::time::Duration::ZERO;
    let never = std::time::Duration::from_secs(1 << 40);
    settings.checkpoint_interval = if setup.checkpoints { std::time::Duration::ZERO } else { never };
    let capture = Capture::default();
    let clock = setup.clock.clone().unwrap_or_else(|| Clock::manual(NOW_MS));
    let mut connectors = connectors(&capture);
    connectors.register(Arc::new(Inline::with_clock(clock.clone())));
    if let Some(tables) = &setup.tables {
        connectors.register(Arc::new(tables.clone()));
    }
    // Recording makes epochs wait for each other: only where that is wanted or there is nothing to overlap.
    let (log, store) = (EpochLog::default(), MemoryStore::after(setup.from.clone()));
    let options = JobOptions {
        clock,
        listeners: vec![],
        record: (setup.replay.is_none() && setup.parallelism <= 1).then(|| log.clone()),
        replay: setup.replay.as_deref().map(|log| Replay {
            recovered: Recovered { checkpoint: setup.from.clone(), log: log.to_vec() },
            then_live: false,
        }),
        // State is taken up where there is a store.
        store: (setup.checkpoints || setup.from.is_some()).then(|| Arc::new(store.clone()) as Arc<dyn JobStore>),
    };
    let (figures, error) = match Job::start(plan, &connectors, options) {
        Ok(job) => (Some(job.figures()), job.wait().err()),
        Err(error) => (None, Some(error)),
    };
    Outcome {
        sinks: capture.take(),
        state_bytes: figures.as_ref().map_or(0, |f| f.state_bytes.get()),
        late_rows: figures.as_ref().map_or(0, |f| f.late_rows.get()),
        bad_rows: figures.map_or(0, |f| f.sources.iter().map(|s| s.bad_rows.get()).sum()),
        log: log.entries(),
        checkpoints: store.checkpoints(),
        error,
    }
}
