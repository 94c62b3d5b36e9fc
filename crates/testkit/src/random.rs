//! Random tables and random window queries, with the text of each query for the engine and for DataFusion's batch engine.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use sloth_types::Result;
use sloth_types::rng::Rng;

/// The columns of a random table as DDL.
pub const COLUMNS: &str =
    "k1 STRING, k2 INT, x INT, y BIGINT, m DECIMAL(12, 2), d DOUBLE, s STRING, b BOOLEAN, ts TIMESTAMP(3)";

/// One row; the first time is 2024-11-11 00:00 (in milliseconds since 1970).
#[derive(Clone, Debug)]
pub struct Row {
    /// Key: a few letters or NULL.
    pub k1: Option<String>,
    /// Key: a few numbers or NULL.
    pub k2: Option<i32>,
    /// Small whole number.
    pub x: Option<i32>,
    /// Large whole number.
    pub y: Option<i64>,
    /// Hundredths.
    pub m: Option<i128>,
    /// A multiple of an eighth, so that sums are exact in any order.
    pub d: Option<f64>,
    /// Text.
    pub s: Option<String>,
    /// Flag.
    pub b: Option<bool>,
    /// Event time.
    pub ts: Option<i64>,
}

/// The time of the first row.
pub const START_MS: i64 = crate::run::NOW_MS;

/// The shape of a random table.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Rows in all splits together.
    pub rows: u64,
    /// Splits.
    pub splits: u64,
    /// How far a row may lie behind the latest before it in its split.
    pub disorder_ms: i64,
    /// Largest step forward.
    pub step_ms: i64,
}

/// Rows of a table, split by split.
pub fn rows(rng: &mut Rng, shape: &Shape) -> Vec<Vec<Row>> {
    let mut splits: Vec<Vec<Row>> = (0..shape.splits).map(|_| vec![]).collect();
    let mut now: Vec<i64> = vec![START_MS; splits.len()];
    for _ in 0..shape.rows {
        let split = rng.below(shape.splits) as usize;
        now[split] += match rng.below(10) {
            0 => 0,
            1 => shape.step_ms * 5,
            _ => rng.between(0, shape.step_ms),
        };
        let back = if rng.chance(0.5) { rng.between(0, shape.disorder_ms) } else { 0 };
        let time = now[split] - back;
        splits[split].push(row(rng, time));
    }
    splits
}

fn row(rng: &mut Rng, time: i64) -> Row {
    let ts = (!rng.chance(0.02)).then_some(time);
    let mut some = |p: f64| rng.chance(p);
    let set: Vec<bool> = (0..8).map(|_| some(0.9)).collect();
    Row {
        k1: set[0].then(|| ["a", "b", "c", "", "é"][rng.below(5) as usize].to_owned()),
        k2: set[1].then(|| rng.between(-2, 3) as i32),
        x: set[2].then(|| rng.between(-50, 50) as i32),
        y: set[3].then(|| rng.between(-1 << 40, 1 << 40)),
        m: set[4].then(|| i128::from(rng.between(-100_000, 100_000))),
        d: set[5].then(|| rng.between(-8_000, 8_000) as f64 / 8.0),
        s: set[6].then(|| format!("s{}", rng.below(30))),
        b: set[7].then(|| rng.chance(0.5)),
        ts,
    }
}

/// The schema of [`batch`].
pub fn schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("k1", DataType::Utf8),
        field("k2", DataType::Int32),
        field("x", DataType::Int32),
        field("y", DataType::Int64),
        field("m", DataType::Decimal128(12, 2)),
        field("d", DataType::Float64),
        field("s", DataType::Utf8),
        field("b", DataType::Boolean),
        field("ts", DataType::Timestamp(TimeUnit::Millisecond, None)),
    ]))
}

/// Rows as a batch.
///
/// # Errors
/// When a value does not fit its column.
pub fn batch(rows: &[Row]) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| r.k1.clone()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| r.k2).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|r| r.x).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|r| r.y).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.m).collect::<Decimal128Array>().with_precision_and_scale(12, 2)?),
        Arc::new(rows.iter().map(|r| r.d).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|r| r.s.clone()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| r.b).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| r.ts).collect::<TimestampMillisecondArray>()),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// Which windows a random query has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Length, offset.
    Tumble(i64, i64),
    /// Slide, length.
    Hop(i64, i64),
    /// Step, length.
    Cumulate(i64, i64),
    /// Gap.
    Session(i64),
}

impl Window {
    /// A random one; lengths in seconds.
    pub fn random(rng: &mut Rng) -> Window {
        match rng.below(5) {
            0 => Window::Tumble(rng.between(1, 30), 0),
            1 => Window::Tumble(10, rng.between(-9, 9)),
            2 => {
                let slide = rng.between(1, 10);
                Window::Hop(slide, slide * rng.between(1, 5))
            }
            3 => {
                let step = rng.between(1, 6);
                Window::Cumulate(step, step * rng.between(1, 5))
            }
            _ => Window::Session(rng.between(1, 12)),
        }
    }

    /// The windows `[start, end)` in milliseconds that hold a time; none for sessions.
    pub fn of(self, time_ms: i64) -> Vec<(i64, i64)> {
        let align = |size: i64, offset: i64| time_ms - (time_ms - offset).rem_euclid(size);
        match self {
            Window::Tumble(size, offset) => {
                let start = align(size * 1000, offset * 1000);
                vec![(start, start + size * 1000)]
            }
            Window::Hop(slide, size) => {
                let (slide, size) = (slide * 1000, size * 1000);
                let last = align(slide, 0);
                (0..size / slide).map(|i| (last - i * slide, last - i * slide + size)).collect()
            }
            Window::Cumulate(step, size) => {
                let (step, size) = (step * 1000, size * 1000);
                let start = align(size, 0);
                (1..=size / step).map(|i| (start, start + i * step)).filter(|(_, end)| *end > time_ms).collect()
            }
            Window::Session(_) => vec![],
        }
    }

    /// As a window table function over table `t`.
    pub fn function(self, keys: &[&str]) -> String {
        let seconds = |n: i64| match n < 0 {
            true => format!("-INTERVAL '{}' SECOND", -n),
            false => format!("INTERVAL '{n}' SECOND"),
        };
        match self {
            Window::Tumble(size, 0) => format!("TUMBLE(TABLE t, DESCRIPTOR(ts), {})", seconds(size)),
            Window::Tumble(size, offset) => {
                format!("TUMBLE(TABLE t, DESCRIPTOR(ts), {}, {})", seconds(size), seconds(offset))
            }
            Window::Hop(slide, size) => {
                format!("HOP(TABLE t, DESCRIPTOR(ts), {}, {})", seconds(slide), seconds(size))
            }
            Window::Cumulate(step, size) => {
                format!("CUMULATE(TABLE t, DESCRIPTOR(ts), {}, {})", seconds(step), seconds(size))
            }
            Window::Session(gap) if keys.is_empty() => {
                format!("SESSION(TABLE t, DESCRIPTOR(ts), {})", seconds(gap))
            }
            Window::Session(gap) => {
                format!("SESSION(TABLE t PARTITION BY {}, DESCRIPTOR(ts), {})", keys.join(", "), seconds(gap))
            }
        }
    }

    /// A batch query that gives each row of `from` once per window, with `ws` and `we` in milliseconds.
    ///
    /// Written with plain arithmetic and joins: nothing of the engine's own windows is in it.
    pub fn expansion(self, from: &str, keys: &[&str]) -> String {
        let align = |size: i64, offset: i64| format!("(tm - ((tm - ({offset})) % {size} + {size}) % {size})");
        let steps = |n: i64| (0..n).map(|i| format!("({i})")).collect::<Vec<_>>().join(", ");
        match self {
            Window::Tumble(size, offset) => {
                let start = align(size * 1000, offset * 1000);
                format!("SELECT *, {start} AS ws, {start} + {size} * 1000 AS we FROM {from}")
            }
            Window::Hop(slide, size) => {
                let last = align(slide * 1000, 0);
                let (slide_ms, size_ms) = (slide * 1000, size * 1000);
                format!(
                    "SELECT r.*, {last} - i * {slide_ms} AS ws, {last} - i * {slide_ms} + {size_ms} AS we \
                     FROM {from} AS r CROSS JOIN (VALUES {}) AS n(i)",
                    steps(size / slide)
                )
            }
            Window::Cumulate(step, size) => {
                let (step_ms, start) = (step * 1000, align(size * 1000, 0));
                format!(
                    "SELECT r.*, {start} AS ws, {start} + (i + 1) * {step_ms} AS we \
                     FROM {from} AS r CROSS JOIN (VALUES {}) AS n(i) WHERE {start} + (i + 1) * {step_ms} > tm",
                    steps(size / step)
                )
            }
            Window::Session(gap) => {
                let partition = match keys.is_empty() {
                    true => String::new(),
                    false => format!("PARTITION BY {}", keys.join(", ")),
                };
                let also = match keys.is_empty() {
                    true => "PARTITION BY number".to_owned(),
                    false => format!("PARTITION BY {}, number", keys.join(", ")),
                };
                let gap_ms = gap * 1000;
                format!(
                    "SELECT *, MIN(tm) OVER ({also}) AS ws, MAX(tm) OVER ({also}) + {gap_ms} AS we FROM ( \
                       SELECT *, SUM(opens) OVER ({partition} ORDER BY tm) AS number FROM ( \
                         SELECT *, CASE WHEN tm - LAG(tm) OVER ({partition} ORDER BY tm) <= {gap_ms} THEN 0 ELSE 1 END \
                           AS opens FROM {from}))"
                )
            }
        }
    }
}

/// An aggregate: the engine's text and the batch engine's.
#[derive(Clone, Debug)]
pub struct Call {
    /// For the engine.
    pub engine: String,
    /// For the batch engine.
    pub batch: String,
    /// Compared with a tolerance.
    pub inexact: bool,
}

impl Call {
    /// A random one, perhaps with `FILTER`.
    pub fn random(rng: &mut Rng) -> Call {
        let same = |text: &str| (text.to_owned(), text.to_owned(), false);
        let (engine, batch, inexact) = match rng.below(20) {
            0 => same("COUNT(*)"),
            1 => same("COUNT(x)"),
            2 => same("COUNT(DISTINCT x)"),
            3 => same("COUNT(DISTINCT s)"),
            4 => same("SUM(x)"),
            5 => same("SUM(y)"),
            6 => same("SUM(m)"),
            7 => same("SUM(d)"),
            8 => same("AVG(d)"),
            // Flink's average of whole numbers is one.
            9 => ("AVG(x)".to_owned(), "SUM(x) # / NULLIF(COUNT(x) #, 0)".to_owned(), false),
            10 => same("MIN(x)"),
            11 => same("MAX(s)"),
            12 => same("MIN(m)"),
            13 => same("MAX(d)"),
            14 => same("SUM(DISTINCT x)"),
            15 => ("STDDEV_POP(x)".to_owned(), "STDDEV_POP(x)".to_owned(), true),
            16 => ("VAR_SAMP(d)".to_owned(), "VAR_SAMP(d)".to_owned(), true),
            17 => same("BOOL_AND(b)"),
            18 => same("MIN(b)"),
            _ => same("MAX(y)"),
        };
        let filter = match rng.below(4) {
            0 => " FILTER (WHERE x > 0)",
            1 if rng.chance(0.5) => " FILTER (WHERE k2 IS NOT NULL AND b)",
            _ => "",
        };
        let batch = match batch.contains('#') {
            true => batch.replace(" #", filter),
            false => batch + filter,
        };
        Call { engine: engine + filter, batch, inexact }
    }
}

/// A random choice of group keys.
pub fn keys(rng: &mut Rng) -> Vec<&'static str> {
    match rng.below(6) {
        0 => vec![],
        1 => vec!["k1", "k2"],
        2 => vec!["k2"],
        3 => vec!["s"],
        4 => vec!["k1", "b"],
        _ => vec!["k1"],
    }
}

/// A random condition on rows.
pub fn condition(rng: &mut Rng) -> Option<&'static str> {
    let all = ["x > -20", "s LIKE 's1%'", "m IS NOT NULL", "k1 <> 'a'", "b OR y > 0", "k2 IN (1, 2) OR k2 IS NULL"];
    rng.chance(0.4).then(|| all[rng.below(all.len() as u64) as usize])
}
