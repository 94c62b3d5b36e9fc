//! `orders`: a shop's event stream on the night of Double 11, for demonstrations and tests. Visits, orders, their
//! payments and refunds, with a surge at the start, skewed merchants and products, and rows out of order and late.

mod catalog;
mod geo;
mod mix;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use sloth_types::{Connector, Error, Options, Result, Source, TableSpec};

use self::mix::Mix;
use self::rows::{Column, People, Rows};
use super::arrays;
use super::draw::Stream;
use super::lane::{Events, Generated, LaneSpec, Maker, Recipe, is_timed, rate, refuse_metadata, start_time};
use super::schedule::Schedule;

const OPTIONS: &[&str] = &[
    "connector",
    "rows-per-second",
    "number-of-rows",
    "rate.limited",
    "scan.parallelism",
    "seed",
    "start-time",
    "speed",
    "surge",
    "surge-decay",
    "disorder",
    "late-ratio",
    "buyers",
];

/// The surge is made of steps of this length, and over after so many times its decay.
const SURGE_STEP_MS: u64 = 1000;
const SURGE_DECAYS: f64 = 6.0;

/// The connector.
pub(super) struct Orders;

impl Connector for Orders {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        let options = &table.options;
        options.check_known("orders", OPTIONS, &[])?;
        refuse_metadata(table, "orders")?;
        arrays::check_columns(&table.name, &table.schema, "orders", &Column::names())?;
        let setup = Arc::new(Setup::new(options)?);
        let events = options.parse("number-of-rows", "a whole number")?;
        let paced = options.parse_or("rate.limited", "true or false", true)?;
        let lane = LaneSpec {
            splits: LaneSpec::splits_of(options, events, paced.then(|| setup.schedule.rate_max()))?,
            events,
            schedule: Arc::clone(&setup.schedule),
            paced,
            start_ms: start_time(options, "start-time")?,
            timed: is_timed(table.schema.fields()),
            keep_alive: false,
        };
        let recipe = Table { setup };
        // Finds wrong types now instead of when the job starts.
        recipe.maker(&table.schema)?.make(&Events { first: 0, stride: 1, rows: 0, start_ms: 0, now_ms: 0 })?;
        Ok(Generated::source(lane, Arc::new(recipe)))
    }
}

/// The options, resolved.
struct Setup {
    schedule: Arc<Schedule>,
    /// Event time runs so many times faster than the schedule.
    speed: f64,
    disorder_ms: u64,
    /// Share of visits and orders that are late.
    late_ratio: f64,
    mix: Mix,
    people: People,
    catalog: catalog::Catalog,
    disorder: Stream,
    lateness: Stream,
}

impl Setup {
    fn new(options: &Options) -> Result<Setup> {
        let seed = options.parse_or("seed", "a whole number", 1)?;
        let base = rate(options, "rows-per-second", 50_000)?;
        let number = |key: &str, default: f64, low: f64, high: f64| -> Result<f64> {
            let value: f64 = options.parse_or(key, "a number", default)?;
            if (low..=high).contains(&value) {
                return Ok(value);
            }
            Err(Error::invalid(format!("option '{key}' = '{value}': expected a number from {low} to {high}")))
        };
        let surge = number("surge", 3.0, 1.0, 100.0)?;
        let speed = number("speed", 1.0, 0.001, 100_000.0)?;
        let late_ratio = number("late-ratio", 0.0005, 0.0, 0.5)?;
        let decay = options.duration("surge-decay")?.map_or(60.0, |d| d.as_secs_f64().max(1.0));
        let disorder_ms = options.duration("disorder")?.map_or(2000, |d| d.as_millis() as u64);
        let schedule = schedule(base, surge, decay);
        let mix = Mix::new(seed, base / speed, schedule.rate_max() / base, disorder_ms as f64 / 1000.0);
        Ok(Setup {
            schedule: Arc::new(schedule),
            speed,
            disorder_ms,
            late_ratio: late_ratio / mix::LATE_SHARE,
            mix,
            people: People::new(seed, options.parse_or("buyers", "a whole number", 2_000_000)?),
            catalog: catalog::Catalog::new(seed),
            disorder: Stream::new(seed, "disorder"),
            lateness: Stream::new(seed, "lateness"),
        })
    }
}

/// `base * (1 + (surge - 1) * e^(-t / decay))` events per second, in steps; then `base`.
fn schedule(base: f64, surge: f64, decay: f64) -> Schedule {
    if surge == 1.0 {
        return Schedule::constant(base);
    }
    let steps = (SURGE_DECAYS * decay * 1000.0 / SURGE_STEP_MS as f64).ceil() as u64;
    let rate = |step: u64| {
        let seconds = (step * SURGE_STEP_MS) as f64 / 1000.0;
        base * (1.0 + (surge - 1.0) * (-seconds / decay).exp())
    };
    Schedule::then(&(0..steps).map(rate).collect::<Vec<_>>(), SURGE_STEP_MS, base)
}

struct Table {
    setup: Arc<Setup>,
}

impl Recipe for Table {
    fn maker(&self, schema: &SchemaRef) -> Result<Box<dyn Maker>> {
        Ok(Box::new(Rows::new(schema, &self.setup)?))
    }
}
