//! Windows over rows that are taken back, against naive models.

mod forgotten_ranks;
mod lifetimes;
mod updates;
mod upserted_ranks;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType};
use datafusion::functions_aggregate::{count::count_udaf, min_max::max_udaf, sum::sum_udaf};
use datafusion::physical_expr::expressions::Column;
use sloth_plan::{AggregateCall, WindowSpec};
use sloth_types::Watermark;
use sloth_types::rng::Rng;

use super::Operator;
use super::panes::PaneRule;
use super::restart::Restarting;
use super::session::SessionParts;
use super::session_changes::SessionChangesOperator;
use super::window::{WindowAggregateOperator, WindowParts};
use super::window_assign::Panes;
use crate::context::JobContext;
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::groups::GroupsSpec;

/// Key, value, time.
type Row = (i64, i64, i64);
/// Window start and end, key; number of rows, sum and maximum of the values.
type Answer = (i64, i64, i64, i64, i64, i64);

fn context() -> Arc<JobContext> {
    JobContext::alone()
}

fn stamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

fn input_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("v", DataType::Int64, true),
        Field::new("ts", stamp(), true),
    ]))
}

fn output_schema() -> SchemaRef {
    let int = |name: &str| Field::new(name, DataType::Int64, true);
    let time = |name: &str| Field::new(name, stamp(), true);
    Arc::new(Schema::new(vec![time("s"), time("e"), time("t"), int("k"), int("n"), int("sum"), int("max")]))
}

fn spec() -> GroupsSpec {
    let call = |function: Arc<datafusion::logical_expr::AggregateUDF>, args: Vec<usize>| AggregateCall {
        sql: function.name().to_owned(),
        function,
        arg_exprs: args.iter().map(|_| Arc::new(Column::new("a0", 0)) as _).collect(),
        arg_fields: args.iter().map(|_| Field::new("a0", DataType::Int64, true)).collect(),
        args,
        distinct: false,
        filter: None,
        output: Arc::new(Field::new("o", DataType::Int64, true)),
        order: vec![],
        by_content: false,
        ignore_nulls: false,
    };
    let calls = [call(count_udaf(), vec![]), call(sum_udaf(), vec![1]), call(max_udaf(), vec![1])];
    GroupsSpec::new(&input_schema(), &[0], &calls, true).unwrap()
}

fn domain() -> TimeDomain {
    TimeDomain { sources: vec![0], clock: false, cascaded: false, lag_ms: 0 }
}

fn batch(changes: &[(Row, i64)]) -> Batch {
    let column = |of: fn(&Row) -> i64| changes.iter().map(|(row, _)| of(row)).collect::<Vec<_>>();
    let rows = RecordBatch::try_new(
        input_schema(),
        vec![
            Arc::new(Int64Array::from(column(|r| r.0))),
            Arc::new(Int64Array::from(column(|r| r.1))),
            Arc::new(TimestampMillisecondArray::from(column(|r| r.2))),
        ],
    )
    .unwrap();
    Batch::changes(rows, Some(changes.iter().map(|(_, w)| *w).collect()))
}

fn answers(out: Vec<Batch>) -> Vec<Answer> {
    let mut answers = vec![];
    for batch in out {
        assert!(batch.diffs.is_none(), "a window fires once");
        let times = |c: usize| batch.rows.column(c).as_primitive::<TimestampMillisecondType>().values();
        let ints = |c: usize| batch.rows.column(c).as_primitive::<Int64Type>().values();
        for row in 0..batch.rows.num_rows() {
            assert_eq!(times(2)[row], times(1)[row] - 1);
            answers.push((times(0)[row], times(1)[row], ints(3)[row], ints(4)[row], ints(5)[row], ints(6)[row]));
        }
    }
    answers.sort_unstable();
    answers
}

/// What has come and not been taken back, and what has been given out.
#[derive(Default)]
struct World {
    live: Vec<Row>,
}

impl World {
    /// Random changes: new rows, and rows that are there taken back or replaced.
    fn changes(&mut self, rng: &mut Rng, now: i64) -> Vec<(Row, i64)> {
        let mut changes = vec![];
        for _ in 0..rng.below(12) {
            if !self.live.is_empty() && rng.chance(0.45) {
                let row = self.live.swap_remove(rng.below(self.live.len() as u64) as usize);
                changes.push((row, -1));
                if rng.chance(0.5) {
                    let row = (row.0, row.1 + 1, row.2);
                    self.live.push(row);
                    changes.push((row, 1));
                }
                continue;
            }
            let row = (rng.below(3) as i64, rng.between(-5, 5), now + rng.between(-25, 15));
            self.live.push(row);
            changes.push((row, 1));
        }
        // Within an epoch changes come in any order.
        for i in (1..changes.len()).rev() {
            changes.swap(i, rng.below(i as u64 + 1) as usize);
        }
        changes
    }
}

fn results(rows: &[Row], start: i64, end: i64) -> Option<Answer> {
    let key = rows.first()?.0;
    let values = || rows.iter().map(|r| r.1);
    Some((start, end, key, rows.len() as i64, values().sum(), values().max().unwrap()))
}

/// Runs an operator and a model over the same epochs. The model is given the net changes and the watermark.
fn run(seed: u64, operator: &mut dyn Operator, mut model: impl FnMut(&BTreeMap<Row, i64>, Watermark) -> Vec<Answer>) {
    let mut rng = Rng::new(seed);
    let mut world = World::default();
    let (mut now, mut watermark) = (0, Watermark::NONE);
    for number in 0..40 {
        let last = number == 39;
        now += rng.between(0, 8);
        watermark = if last { Watermark::END } else { watermark.max(Watermark(now - rng.between(5, 20))) };
        let info = EpochInfo {
            watermarks: vec![watermark],
            watermarks_before: vec![],
            splits: vec![1],
            ..EpochInfo::alone(number)
        };
        let changes = if last { vec![] } else { world.changes(&mut rng, now) };
        let mut out = vec![];
        let middle = rng.below(changes.len() as u64 + 1) as usize;
        for part in [&changes[..middle], &changes[middle..]] {
            operator.on_batch(&info, batch(part), &mut out).unwrap();
        }
        operator.on_epoch_end(&info, &mut out).unwrap();
        let mut net: BTreeMap<Row, i64> = BTreeMap::new();
        for (row, weight) in &changes {
            *net.entry(*row).or_default() += weight;
        }
        net.retain(|_, weight| *weight != 0);
        let mut expected = model(&net, watermark);
        expected.sort_unstable();
        assert_eq!(answers(out), expected, "seed {seed} epoch {number}");
    }
}

#[test]
fn a_window_fires_with_the_rows_that_are_left() {
    let specs = [
        WindowSpec::Tumble { size_ms: 10, offset_ms: 3 },
        WindowSpec::Hop { size_ms: 10, slide_ms: 4, offset_ms: 0 },
        WindowSpec::Cumulate { max_ms: 12, step_ms: 4, offset_ms: 0 },
    ];
    for seed in 0..150 {
        let window = specs[seed as usize % specs.len()];
        let panes = Panes::new(window).unwrap();
        let rule = PaneRule::Time { panes, column: 2 };
        let mut operator = Restarting::by_key(seed, &[0], move |_| {
            let parts = WindowParts { spec: spec(), rule, time: domain(), schema: output_schema() };
            WindowAggregateOperator::new(parts, context()).unwrap()
        });
        let mut open: BTreeMap<(i64, i64), Vec<Row>> = BTreeMap::new();
        let mut fired = Watermark::NONE;
        run(seed, &mut operator, |net, watermark| {
            let mut out = vec![];
            let mut fire = |open: &mut BTreeMap<(i64, i64), Vec<Row>>| {
                open.retain(|(end, start), rows| {
                    let complete = watermark.completes(*end);
                    for key in 0..3 {
                        let of_key: Vec<Row> = rows.iter().filter(|r| r.0 == key && complete).copied().collect();
                        out.extend(results(&of_key, *start, *end));
                    }
                    !complete
                });
            };
            fire(&mut open);
            fired = fired.max(watermark);
            for (row, weight) in net {
                for (start, end) in panes.windows_of(panes.pane_of(row.2), i64::MIN, i64::MAX) {
                    if fired.completes(end) {
                        continue;
                    }
                    let rows = open.entry((end, start)).or_default();
                    for _ in 0..weight.abs() {
                        match *weight > 0 {
                            true => rows.push(*row),
                            false => drop(rows.swap_remove(rows.iter().position(|r| r == row).unwrap())),
                        }
                    }
                }
            }
            out
        });
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn sessions_are_those_of_the_rows_that_are_left() {
    const GAP: i64 = 6;
    for seed in 0..300 {
        let mut operator = Restarting::by_key(seed, &[0], |_| {
            let parts = SessionParts { spec: spec(), time: 2, gap_ms: GAP, domain: domain(), schema: output_schema() };
            SessionChangesOperator::new(parts, input_schema(), context()).unwrap()
        });
        let mut stored: Vec<Row> = vec![];
        run(seed, &mut operator, |net, watermark| {
            let mut out = fire(&mut stored, watermark, GAP);
            let mut candidates = vec![];
            for (row, weight) in net {
                for _ in 0..weight.abs() {
                    if *weight > 0 {
                        candidates.push(*row);
                    } else if let Some(at) = stored.iter().position(|r| r == row) {
                        stored.swap_remove(at);
                    }
                }
            }
            // A row is taken when it is in time, or not long before one that is there.
            loop {
                let near = |row: &Row| {
                    let close = |s: &Row| s.0 == row.0 && (row.2..=row.2 + GAP).contains(&s.2);
                    !watermark.completes(row.2 + GAP) || stored.iter().any(close)
                };
                let Some(at) = candidates.iter().position(near) else { break };
                stored.push(candidates.swap_remove(at));
            }
            out.extend(fire(&mut stored, watermark, GAP));
            out
        });
    }

    fn fire(stored: &mut Vec<Row>, watermark: Watermark, gap: i64) -> Vec<Answer> {
        let mut out = vec![];
        stored.sort_by_key(|r| (r.0, r.2));
        let sessions: Vec<Vec<Row>> =
            stored.chunk_by(|a, b| a.0 == b.0 && b.2 - a.2 <= gap).map(<[Row]>::to_vec).collect();
        stored.clear();
        for session in sessions {
            let end = session.last().unwrap().2 + gap;
            match watermark.completes(end) {
                true => out.extend(results(&session, session[0].2, end)),
                false => stored.extend(session),
            }
        }
        out
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}
