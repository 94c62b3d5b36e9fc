//! How a job runs: what `SET 'sloth.…'` and a few of Flink's settings say.

use std::time::Duration;

use sloth_types::{Error, Options, Result};

/// Settings of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSettings {
    /// Worker threads.
    pub parallelism: usize,
    /// Most rows that one split gives to one epoch; `None` for no limit. Set to 1 in tests for a watermark after every
    /// row.
    pub epoch_rows_max: Option<usize>,
    /// With a seed each split's limit is drawn anew for every epoch from 1 to `epoch_rows_max` (tests of the cut).
    pub epoch_cut_seed: Option<u64>,
    /// How long sources read for one epoch under load.
    pub epoch_target: Duration,
    /// Shortest distance of two epochs when there is little to do.
    pub epoch_min_interval: Duration,
    /// Epochs opened and not yet complete; the bound that makes back-pressure.
    pub epochs_in_flight_max: usize,
    /// Bytes that one worker reads for one epoch.
    pub epoch_bytes_max: usize,
    /// Rows in a batch.
    pub batch_rows: usize,
    /// The input ends, and only what results from all of it is wanted.
    pub batch: bool,
    /// Rounds after which a recursive query is taken for one that does not end.
    pub recursion_rounds_max: usize,
    /// Joins that keep the same rows by the same key share them.
    pub share_join_state: bool,
    /// Inner joins that all compare one key are carried out as one operator.
    pub gather_joins: bool,
    /// What happens when an outside system fails the job.
    pub restart: RestartPolicy,
    /// Where the job keeps its epoch log and checkpoints.
    pub state_dir: Option<String>,
    /// Published checkpoints that are kept.
    pub checkpoints_retained: usize,
    /// A job may go on from an older checkpoint when the newest is damaged.
    pub checkpoint_fallback: bool,
    /// Distance of checkpoints in a job that can be resumed.
    pub checkpoint_interval: Duration,
    /// A run that has been silent for so long counts as gone for one that stands by.
    pub heartbeat_timeout: Duration,
    /// After this time without rows a caught-up split no longer holds the watermark back; zero for never.
    pub idle_timeout: Duration,
}

/// Whether a job that can be resumed is started again when an outside system has failed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartPolicy {
    /// Restarts in a row before it is given up; `None` for no limit.
    pub attempts_max: Option<u32>,
    /// Before the first restart.
    pub first_delay: Duration,
    /// Never more.
    pub longest_delay: Duration,
    /// Each delay is so many times the one before.
    pub factor: f64,
}

impl RestartPolicy {
    /// The time to wait after so many failures in a row; `None` to give up.
    pub fn delay(&self, failures: u32) -> Option<Duration> {
        if self.attempts_max.is_some_and(|most| failures >= most) {
            return None;
        }
        let factor = self.factor.powi(failures.min(64) as i32);
        Some(Duration::from_secs_f64((self.first_delay.as_secs_f64() * factor).min(self.longest_delay.as_secs_f64())))
    }

    /// From Flink's `restart-strategy` settings.
    fn from_options(options: &Options) -> Result<Self> {
        let seconds = Duration::from_secs;
        let kind =
            options.get("restart-strategy.type").or(options.get("restart-strategy")).unwrap_or("exponential-delay");
        let number = |key: &str| options.parse(key, "a whole number");
        Ok(match kind {
            "none" | "off" | "disable" => {
                RestartPolicy { attempts_max: Some(0), first_delay: seconds(0), longest_delay: seconds(0), factor: 1.0 }
            }
            "fixed-delay" | "fixeddelay" => {
                let delay = options.duration("restart-strategy.fixed-delay.delay")?.unwrap_or(seconds(1));
                let attempts_max = Some(number("restart-strategy.fixed-delay.attempts")?.unwrap_or(1));
                RestartPolicy { attempts_max, first_delay: delay, longest_delay: delay, factor: 1.0 }
            }
            "exponential-delay" | "exponentialdelay" => {
                let of = |key: &str| options.duration(&format!("restart-strategy.exponential-delay.{key}"));
                RestartPolicy {
                    attempts_max: number("restart-strategy.exponential-delay.attempts-before-reset-backoff")?,
                    first_delay: of("initial-backoff")?.unwrap_or(Duration::from_millis(100)),
                    longest_delay: of("max-backoff")?.unwrap_or(seconds(60)),
                    factor: options
                        .parse_or("restart-strategy.exponential-delay.backoff-multiplier", "a number", 2.0_f64)?
                        .max(1.0),
                }
            }
            other => {
                return Err(Error::invalid(format!("setting 'restart-strategy.type' = '{other}' is not known"))
                    .hint("Write 'exponential-delay' (the default), 'fixed-delay' or 'none'."));
            }
        })
    }
}

impl Default for JobSettings {
    fn default() -> Self {
        JobSettings {
            parallelism: std::thread::available_parallelism().map_or(1, usize::from),
            epoch_rows_max: None,
            epoch_cut_seed: None,
            epoch_target: Duration::from_millis(20),
            epoch_min_interval: Duration::from_millis(5),
            epochs_in_flight_max: 4,
            epoch_bytes_max: 16 << 20,
            batch_rows: 16_384,
            batch: false,
            recursion_rounds_max: 10_000,
            share_join_state: true,
            gather_joins: true,
            restart: RestartPolicy {
                attempts_max: None,
                first_delay: Duration::from_millis(100),
                longest_delay: Duration::from_secs(60),
                factor: 2.0,
            },
            state_dir: None,
            checkpoints_retained: 3,
            checkpoint_fallback: true,
            checkpoint_interval: Duration::from_secs(10),
            heartbeat_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(5),
        }
    }
}

/// The settings that a job understands, with what they do (for messages and docs).
pub const KNOWN_SETTINGS: &[(&str, &str)] = &[
    ("parallelism.default", "worker threads (default: all cores)"),
    ("sloth.epoch.max-rows", "most rows of one split in one epoch (default: no limit)"),
    ("sloth.epoch.cut-seed", "draw each epoch's size at random, for tests"),
    ("sloth.epoch.target", "reading time of an epoch under load (default: 20 ms)"),
    ("sloth.epoch.min-interval", "shortest distance of epochs under light load (default: 5 ms)"),
    ("sloth.epoch.max-in-flight", "epochs opened and not yet complete (default: 4)"),
    ("sloth.epoch.max-bytes", "bytes one worker reads for one epoch (default: 16 mb)"),
    ("sloth.batch.rows", "rows in a batch (default: 16384)"),
    ("execution.runtime-mode", "'batch': the input ends, and results are told once, at the end (default: 'streaming')"),
    ("sloth.recursion.max-rounds", "rounds after which a recursion is taken for endless (default: 10000)"),
    ("sloth.join.share-state", "joins that keep the same rows by the same key hold them once (default: true)"),
    ("state.checkpoints.dir", "where the job keeps its log and checkpoints, to be resumed from; as --state"),
    ("state.checkpoints.num-retained", "checkpoints that are kept (default: 3)"),
    (FALLBACK, "go on from the checkpoint before when the newest is damaged, and not end (default: true)"),
    ("execution.checkpointing.interval", "distance of checkpoints, with --state (default: 10 s)"),
    (
        "restart-strategy.type",
        "with --state, after an error of an outside system: exponential-delay (default), fixed-delay, none",
    ),
    ("table.exec.source.idle-timeout", "idle splits stop holding the watermark back (default: 5 s; 0 for never)"),
    ("table.exec.state.ttl", "idle state that no watermark frees is forgotten (default: 0, kept for ever)"),
    ("table.exec.emit.early-fire.enabled", "windows tell their results before they close (also EMIT)"),
    ("table.exec.emit.early-fire.delay", "how often they do (0 s: in every epoch)"),
    ("table.exec.emit.late-fire.enabled", "late rows correct closed windows (also EMIT)"),
    ("table.exec.emit.late-fire.delay", "how often they do (0 s: in every epoch)"),
    ("table.exec.emit.allow-lateness", "how long closed windows are corrected"),
    ("table.optimizer.join-reorder-enabled", "inner joins may be put into another order (default: true)"),
    (MULTI_JOIN, "inner joins by one key keep their inputs, and nothing between them (default: true)"),
    ("table.local-time-zone", "zone of TIMESTAMP_LTZ texts (default: UTC)"),
];

const FALLBACK: &str = "state.checkpoints.fallback";
const MULTI_JOIN: &str = "table.optimizer.multi-join.enabled";

/// Longer than any input takes to be read.
const EPOCH_LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl JobSettings {
    /// Settings from the script's `SET` statements. Keys that belong to Flink's runtime and have no meaning here are
    /// ignored; a misspelt `sloth.…` key is an error.
    ///
    /// # Errors
    /// When a value does not parse or a `sloth.` key is not known.
    pub fn from_options(options: &Options) -> Result<Self> {
        for (key, _) in options.iter().filter(|(k, _)| k.starts_with("sloth.")) {
            if !KNOWN_SETTINGS.iter().any(|(known, _)| *known == key) {
                let known: Vec<&str> = KNOWN_SETTINGS.iter().map(|(k, _)| *k).collect();
                return Err(Error::invalid(format!("setting '{key}' is not known"))
                    .hint(format!("Known settings: {}.", known.join(", "))));
            }
        }
        let mut default = JobSettings::default();
        let batch = match options.get("execution.runtime-mode").map(str::to_lowercase).as_deref() {
            None | Some("streaming" | "automatic") => false,
            Some("batch") => true,
            Some(other) => {
                return Err(Error::invalid(format!("setting 'execution.runtime-mode' = '{other}' is not known"))
                    .hint("Write 'streaming' (the default) or 'batch'."));
            }
        };
        if batch {
            // All of the input is one epoch.
            (default.epoch_target, default.epoch_bytes_max) = (EPOCH_LONGEST, usize::MAX);
            // Joins keep no rows beyond the end.
            (default.share_join_state, default.gather_joins) = (false, false);
        }
        let number = "a whole number above zero";
        let at_least_1 = |key: &str, n: usize| {
            if n == 0 { Err(Error::invalid(format!("setting '{key}' must be at least 1"))) } else { Ok(n) }
        };
        let count = |key: &str, or: usize| at_least_1(key, options.parse_or(key, number, or)?);
        Ok(JobSettings {
            parallelism: count("parallelism.default", default.parallelism)?,
            epoch_rows_max: options
                .parse("sloth.epoch.max-rows", number)?
                .map(|n| at_least_1("sloth.epoch.max-rows", n))
                .transpose()?,
            epoch_cut_seed: options.parse("sloth.epoch.cut-seed", number)?,
            epoch_target: options.duration("sloth.epoch.target")?.unwrap_or(default.epoch_target),
            epoch_min_interval: options.duration("sloth.epoch.min-interval")?.unwrap_or(default.epoch_min_interval),
            epochs_in_flight_max: count("sloth.epoch.max-in-flight", default.epochs_in_flight_max)?,
            epoch_bytes_max: options.bytes("sloth.epoch.max-bytes")?.map_or(default.epoch_bytes_max, |b| b as usize),
            batch_rows: count("sloth.batch.rows", default.batch_rows)?,
            batch,
            recursion_rounds_max: count("sloth.recursion.max-rounds", default.recursion_rounds_max)?,
            share_join_state: options.parse_or("sloth.join.share-state", "true or false", default.share_join_state)?,
            gather_joins: options.parse_or(MULTI_JOIN, "true or false", default.gather_joins)?,
            restart: RestartPolicy::from_options(options)?,
            state_dir: options.get("state.checkpoints.dir").map(str::to_owned),
            checkpoints_retained: count("state.checkpoints.num-retained", default.checkpoints_retained)?,
            checkpoint_fallback: options.parse_or(FALLBACK, "true or false", default.checkpoint_fallback)?,
            checkpoint_interval: options
                .duration("execution.checkpointing.interval")?
                .unwrap_or(default.checkpoint_interval),
            heartbeat_timeout: options.duration("heartbeat.timeout")?.unwrap_or(default.heartbeat_timeout),
            idle_timeout: options.duration("table.exec.source.idle-timeout")?.unwrap_or(default.idle_timeout),
        })
    }
}
