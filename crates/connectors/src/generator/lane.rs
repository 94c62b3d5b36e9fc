//! One split of a generator: every `splits`-th event, at the pace of the schedule.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Fields, SchemaRef};
use chrono::{NaiveDate, NaiveDateTime};
use sloth_types::clock::{Mono, epoch_now_ms};
use sloth_types::source::{Offset, OpenSplit, ReadLimit, ReadOutcome, Readiness, Rows, Source, SplitId, SplitReader};
use sloth_types::{Clock, Error, Options, Result, TableSpec};

use super::schedule::Schedule;

/// A reader that fell behind the schedule by more than this (a stalled job, a suspended laptop) goes on from there
/// instead of making up for all of it in one burst.
const CATCH_UP_MAX_US: i64 = 5_000_000;
/// A paced reader that is behind gives so much of the schedule at once, so that splits which take turns stay together.
const SLICE_US: i64 = 50_000;
/// Paced readers look at the clock so often: a small part of any latency that matters, and few wake-ups when idle.
const PACE_MS: i64 = 5;
/// Rows of a batch at most, whatever the engine allows: keeps the buffers in the cache.
const BATCH_ROWS_MAX: u64 = 32_768;
/// Splits of a table unless `scan.parallelism` says otherwise; small and slow tables have one.
const SPLITS: u64 = 8;
/// Below so many events per second a table is slow.
const SLOW_RATE: f64 = 2000.0;

/// The events to make: `first`, `first + stride`, …
#[derive(Clone, Copy, Debug)]
pub(super) struct Events {
    /// Number of the first event.
    pub(super) first: u64,
    /// Distance of numbers.
    pub(super) stride: u64,
    /// How many.
    pub(super) rows: usize,
    /// Event time of event 0, milliseconds since 1970 (UTC).
    pub(super) start_ms: i64,
    /// The wall clock, of the epoch.
    pub(super) now_ms: i64,
}

impl Events {
    /// The numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let (first, stride) = (self.first, self.stride);
        (0..self.rows as u64).map(move |i| first + i * stride)
    }
}

/// Makes rows. Owned by one reader, so it may keep buffers.
pub(super) trait Maker: Send {
    /// The rows of these events, in the schema given to [`Recipe::maker`].
    ///
    /// # Errors
    /// When a value does not fit the column's type.
    fn make(&mut self, events: &Events) -> Result<RecordBatch>;
}

/// A kind of rows.
pub(super) trait Recipe: Send + Sync {
    /// A maker of these columns, a projection of the table's.
    ///
    /// # Errors
    /// When a column or a type is not known.
    fn maker(&self, schema: &SchemaRef) -> Result<Box<dyn Maker>>;
}

/// Everything about a generated table but the rows themselves.
#[derive(Clone, Debug)]
pub(super) struct LaneSpec {
    /// Number of splits.
    pub(super) splits: u64,
    /// Events altogether; `None` for ever.
    pub(super) events: Option<u64>,
    /// When they are due.
    pub(super) schedule: Arc<Schedule>,
    /// False: as fast as the engine reads.
    pub(super) paced: bool,
    /// Event time of event 0; `None` is the time of the first read.
    pub(super) start_ms: Option<i64>,
    /// The rows have times.
    pub(super) timed: bool,
    /// Do not end after the last event.
    pub(super) keep_alive: bool,
}

impl LaneSpec {
    /// `scan.parallelism`, or what suits a table of so many events that come at this rate (`None`: unpaced). The split
    /// that lags most holds the watermark back, so at a low rate there is only one.
    pub(super) fn splits_of(options: &Options, events: Option<u64>, rate: Option<f64>) -> Result<u64> {
        let small = events.is_some_and(|n| n < BATCH_ROWS_MAX) || rate.is_some_and(|rate| rate < SLOW_RATE);
        match options.parse_or("scan.parallelism", "a whole number", if small { 1 } else { SPLITS })? {
            0 => Err(Error::invalid("option 'scan.parallelism' = '0': expected at least 1")),
            splits => Ok(splits),
        }
    }
}

/// A generated table.
pub(super) struct Generated {
    lane: LaneSpec,
    recipe: Arc<dyn Recipe>,
    /// Wall time at which event 0 was due; the same for all splits.
    origin_ms: OnceLock<i64>,
    /// Event time of event 0 where that is the time of the first read: a job that goes on makes the same rows, so it stands in
    /// the splits' names. Absent in those that earlier releases have left.
    begun_ms: OnceLock<Option<i64>>,
    forgiven_us: Arc<AtomicI64>,
}

impl Generated {
    /// The table, as a source.
    pub(super) fn source(lane: LaneSpec, recipe: Arc<dyn Recipe>) -> Arc<dyn Source> {
        Arc::new(Generated {
            lane,
            recipe,
            origin_ms: OnceLock::new(),
            begun_ms: OnceLock::new(),
            forgiven_us: Arc::default(),
        })
    }
}

impl Source for Generated {
    fn splits(&self) -> Result<Vec<SplitId>> {
        let begun = self.begun_ms.get().copied().flatten().map_or_else(String::new, |ms| format!("@{ms}"));
        Ok((0..self.lane.splits).map(|i| SplitId::new(format!("lane-{i}{begun}"))).collect())
    }

    fn splits_at(&self, clock: &Clock) -> Result<Vec<SplitId>> {
        let begins = self.lane.timed && self.lane.start_ms.is_none();
        self.begun_ms.get_or_init(|| begins.then(|| clock.now_ms()));
        self.splits()
    }

    fn bounded(&self) -> bool {
        self.lane.events.is_some() && !self.lane.keep_alive
    }

    fn open(&self, open: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let name = open.split.0.strip_prefix("lane-").unwrap_or_default();
        let (number, begun) = name.split_once('@').map_or((name, None), |(number, ms)| (number, Some(ms)));
        let begun = begun.and_then(|ms| ms.parse().ok());
        self.begun_ms.get_or_init(|| begun);
        let index = (number.parse().ok()).filter(|i| *i < self.lane.splits).ok_or_else(|| {
            Error::invalid(format!("split '{}' does not exist: there are {}", open.split, self.lane.splits))
                .hint("Keep 'scan.parallelism' as it was when the job's last checkpoint was taken.")
        })?;
        let next = open.from.map_or(0, |offset| offset.0);
        let spec = self.lane.clone();
        // All splits stand at about the same event: it is due now.
        let due_us = spec.schedule.time_us(next * spec.splits);
        let origin_ms = *self.origin_ms.get_or_init(|| open.clock.now_ms() - due_us / 1000);
        let start_ms = spec.start_ms.or(begun).unwrap_or(origin_ms);
        let end = spec.events.map(|n| n.saturating_sub(index).div_ceil(spec.splits));
        let maker = self.recipe.maker(&open.schema)?;
        let forgiven_us = Arc::clone(&self.forgiven_us);
        Ok(Box::new(Lane { spec, index, next, end, clock: open.clock, origin_ms, start_ms, forgiven_us, maker }))
    }
}

/// Reads one split.
struct Lane {
    spec: LaneSpec,
    index: u64,
    /// The next event, counted within the split.
    next: u64,
    /// Events of this split.
    end: Option<u64>,
    clock: Clock,
    origin_ms: i64,
    start_ms: i64,
    /// How much time was given up on catching up. The same for all splits, so that they stay at about the same event:
    /// behind a sink that mixes them (a topic) the watermark would pass the slower ones otherwise.
    forgiven_us: Arc<AtomicI64>,
    maker: Box<dyn Maker>,
}

impl Lane {
    fn number(&self, position: u64) -> u64 {
        self.index + position * self.spec.splits
    }

    /// Time on the schedule, now.
    fn elapsed_us(&self, now_ms: i64) -> i64 {
        (now_ms - self.origin_ms) * 1000 - self.forgiven_us.load(Ordering::Relaxed)
    }

    /// How many events of this split are due, as far as the next slice goes.
    fn due(&mut self, now_ms: i64) -> u64 {
        let forgiven = self.forgiven_us.load(Ordering::Relaxed);
        let late_by = self.elapsed_us(now_ms) - self.spec.schedule.time_us(self.number(self.next));
        if late_by > CATCH_UP_MAX_US {
            let more = forgiven + late_by - CATCH_UP_MAX_US;
            // It fails when another split has just forgiven the same.
            let _ = self.forgiven_us.compare_exchange(forgiven, more, Ordering::Relaxed, Ordering::Relaxed);
        }
        let slice = self.spec.schedule.time_us(self.number(self.next)) + SLICE_US;
        let due = self.spec.schedule.count(self.elapsed_us(now_ms).min(slice));
        due.saturating_sub(self.index).div_ceil(self.spec.splits)
    }

    /// When to look again: on a grid, so that all splits wake together.
    fn pause(&self, now_ms: i64) -> Readiness {
        let due_in_us = self.spec.schedule.time_us(self.number(self.next)) - self.elapsed_us(now_ms);
        let due_ms = now_ms + due_in_us.max(1).div_euclid(1000) + 1;
        let wake_ms = due_ms + (-due_ms).rem_euclid(PACE_MS);
        Readiness::At(Mono::now().after(Duration::from_millis((wake_ms - now_ms).max(1) as u64)))
    }
}

impl SplitReader for Lane {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        if self.end.is_some_and(|end| self.next >= end) {
            let done = ReadOutcome::Pending(Readiness::OnWake { caught_up: true });
            return Ok(if self.spec.keep_alive { done } else { ReadOutcome::End });
        }
        let now_ms = self.clock.now_ms();
        let mut stop = self.end.unwrap_or(u64::MAX);
        if let Some(until) = limit.until {
            stop = stop.min(until.0);
        } else if self.spec.paced {
            stop = stop.min(self.due(now_ms));
        }
        if stop <= self.next {
            let replayed = limit.until.is_some_and(|until| until.0 <= self.next);
            let why = if replayed { Readiness::OnWake { caught_up: false } } else { self.pause(now_ms) };
            return Ok(ReadOutcome::Pending(why));
        }
        let rows = (stop - self.next).min(limit.rows.max(1) as u64).min(BATCH_ROWS_MAX);
        let batch = self.maker.make(&Events {
            first: self.number(self.next),
            stride: self.spec.splits,
            rows: rows as usize,
            start_ms: self.start_ms,
            // What is made again has the time of its epoch again.
            now_ms: Some(epoch_now_ms()).filter(|ms| *ms != 0).unwrap_or(now_ms),
        })?;
        self.next += rows;
        if limit.until.is_some() {
            // A replay runs ahead of the pace; what comes after it is due from now on.
            let ahead = self.spec.schedule.time_us(self.number(self.next)) - self.elapsed_us(now_ms);
            self.forgiven_us.fetch_sub(ahead.max(0), Ordering::Relaxed);
        }
        Ok(ReadOutcome::Rows(Rows { batch, diffs: None, bad: Vec::new(), bytes: 0 }))
    }

    fn offset(&self) -> Offset {
        Offset(self.next)
    }
}

/// True when a column, or a part of one, is a time.
pub(super) fn is_timed(fields: &Fields) -> bool {
    let timed = |field: &FieldRef| match field.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
            true
        }
        DataType::Struct(children) => is_timed(children),
        DataType::List(child) | DataType::LargeList(child) | DataType::Map(child, _) => {
            is_timed(&Fields::from(vec![Arc::clone(child)]))
        }
        _ => false,
    };
    fields.iter().any(timed)
}

/// A point in time from an option: `now` (`None`), a timestamp in UTC, or milliseconds since 1970.
pub(super) fn start_time(options: &Options, key: &str) -> Result<Option<i64>> {
    let Some(text) = options.get(key).map(str::trim) else { return Ok(None) };
    if text.eq_ignore_ascii_case("now") {
        return Ok(None);
    }
    let spaced = text.replace('T', " ");
    let time = NaiveDateTime::parse_from_str(&spaced, "%Y-%m-%d %H:%M:%S%.f").ok();
    let day = || NaiveDate::parse_from_str(&spaced, "%Y-%m-%d").ok().and_then(|d| d.and_hms_opt(0, 0, 0));
    let ms = time.or_else(day).map(|t| t.and_utc().timestamp_millis()).or_else(|| text.parse().ok());
    match ms {
        Some(ms) => Ok(Some(ms)),
        None => Err(Error::invalid(format!("option '{key}' = '{text}': expected 'now' or a time"))
            .hint(format!("Write for example '{key}' = '2026-11-11 00:00:00'."))),
    }
}

/// A rate in events per second from an option.
pub(super) fn rate(options: &Options, key: &str, default: u64) -> Result<f64> {
    match options.parse_or(key, "a whole number", default)? {
        0 => Err(Error::invalid(format!("option '{key}' = '0': expected at least 1"))),
        rate => Ok(rate as f64),
    }
}

/// Generators have no metadata.
pub(super) fn refuse_metadata(table: &TableSpec, connector: &str) -> Result<()> {
    match table.metadata.first() {
        None => Ok(()),
        Some(column) => Err(Error::invalid(format!(
            "column '{}' of table '{}' is METADATA, but connector '{connector}' has none",
            column.column, table.name
        ))
        .hint("Make it a physical column.")),
    }
}
