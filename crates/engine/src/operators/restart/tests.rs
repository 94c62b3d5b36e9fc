//! Every operator that has no random test of its own, restarted on other numbers of workers at random epochs.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::functions_aggregate as f;
use datafusion::functions_window as w;
use datafusion::logical_expr::{
    AggregateUDF, Operator as Op, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::windows::create_window_expr;
use datafusion::scalar::ScalarValue;
use sloth_plan::pattern::{Condition, MatchExpr, MatchRecognize, MatchValue, Measure, Pattern, Skip, Variable};
use sloth_plan::{
    AggregateCall, Emission, Every, JoinKind, OrderColumn, Over, OverCall, OverEmission, Rank, RankFunction, Reach,
    Ties, WindowSpec,
};
use sloth_types::{ChangelogMode, Watermark};

use super::*;
use crate::context::JobContext;
use crate::epoch::TimeDomain;
use crate::message::Place;
use crate::operators::group::{GroupAggregateOperator, GroupParts};
use crate::operators::join::tests::join_of;
use crate::operators::lookup_join::LookupJoinOperator;
use crate::operators::over::OverOperator;
use crate::operators::over::timed::TimedOver;
use crate::operators::panes::PaneRule;
use crate::operators::pattern::MatchOperator;
use crate::operators::rank::{RankOperator, RankParts};
use crate::operators::session::{SessionOperator, SessionParts};
use crate::operators::single_row::SingleRowOperator;
use crate::operators::temporal_join::TemporalJoinOperator;
use crate::operators::window::{WindowAggregateOperator, WindowParts};
use crate::operators::window_assign::Panes;
use crate::state::groups::GroupsSpec;

mod over;
mod written;

/// Key, text, number, float, time, and two truths.
#[derive(Clone, PartialEq)]
struct Row(Option<i64>, Option<u64>, i64, f64, i64, bool, bool);

fn schema() -> SchemaRef {
    let field = |name, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("k", DataType::Int64),
        field("t", DataType::Utf8),
        field("v", DataType::Int64),
        field("x", DataType::Float64),
        field("ts", stamp()),
        field("up", DataType::Boolean),
        field("down", DataType::Boolean),
    ]))
}

fn stamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

fn batch_of(rows: &[Row], diffs: Option<Vec<i64>>, seq: u32) -> Batch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.1.map(|t| format!("text {t}"))).collect::<StringArray>()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.2))),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.3))),
        Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|r| r.4))),
        Arc::new(rows.iter().map(|r| Some(r.5)).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| Some(r.6)).collect::<BooleanArray>()),
    ];
    let rows = RecordBatch::try_new(schema(), columns).unwrap();
    Batch { diffs: diffs.map(Int64Array::from), ..Batch::insert(rows, Place { split: 0, seq }) }
}

fn random_row(rng: &mut Rng, now: i64) -> Row {
    let key = (!rng.chance(0.1)).then(|| rng.below(6) as i64);
    let text = (!rng.chance(0.1)).then(|| rng.below(3));
    let float = [0.1, 1e17, -3.25, 1e-9, 7.0][rng.below(5) as usize];
    Row(key, text, rng.between(-3, 4), float, now + rng.between(-4, 10), rng.chance(0.6), rng.chance(0.5))
}

/// What an operator is given.
#[derive(Clone, Copy)]
struct Feed {
    retracts: bool,
    ports: u8,
    epochs: u64,
}

const INSERTS: Feed = Feed { retracts: false, ports: 1, epochs: 14 };

/// Random rows, epoch after epoch; the operator compares what it gives out itself. Returns how many rows came out.
fn drive(seed: u64, feed: Feed, operator: &mut dyn Operator) -> usize {
    let mut rng = Rng::new(seed);
    let mut live: Vec<Row> = vec![];
    let (mut now, mut before, mut given) = (0, Watermark::NONE, 0);
    for number in 0..feed.epochs {
        let last = number + 1 == feed.epochs;
        now += rng.between(0, 6);
        let watermark = if last { Watermark::END } else { Watermark(now - 3) };
        let info = EpochInfo {
            now_ms: now / 4,
            watermarks: vec![watermark],
            watermarks_before: vec![std::mem::replace(&mut before, watermark)],
            splits: vec![1],
            ..EpochInfo::alone(number)
        };
        let mut out = vec![];
        for seq in 0..rng.below(4) as u32 {
            let (mut rows, mut diffs) = (vec![], vec![]);
            for _ in 0..rng.below(10) {
                if feed.retracts && !live.is_empty() && rng.chance(0.4) {
                    rows.push(live.swap_remove(rng.below(live.len() as u64) as usize));
                    diffs.push(-1);
                } else {
                    let row = random_row(&mut rng, now);
                    live.push(row.clone());
                    rows.push(row);
                    diffs.push(1);
                }
            }
            let port = rng.below(u64::from(feed.ports)) as u8;
            let batch = batch_of(&rows, feed.retracts.then_some(diffs), seq);
            operator.on_batch(&info, Batch { port, ..batch }, &mut out).unwrap();
        }
        operator.on_epoch_end(&info, &mut out).unwrap();
        given += out.iter().map(|b| b.rows.num_rows()).sum::<usize>();
    }
    given
}

fn domain() -> TimeDomain {
    TimeDomain { sources: vec![0], clock: false, cascaded: false, lag_ms: 0 }
}

fn call(function: Arc<AggregateUDF>, column: usize, distinct: bool) -> AggregateCall {
    let argument = schema().field(column).clone().with_name("a0");
    let types = vec![Arc::new(argument.clone())];
    let output = match (function.name(), argument.data_type()) {
        ("avg", DataType::Int64) => DataType::Int64,
        _ => function.return_field(&types).unwrap().data_type().clone(),
    };
    AggregateCall {
        sql: format!("{}(c{column}) {distinct}", function.name()),
        function,
        arg_exprs: vec![Arc::new(Column::new("a0", 0))],
        arg_fields: vec![argument],
        args: vec![column],
        distinct,
        filter: None,
        output: Arc::new(Field::new("o", output, true)),
        order: vec![],
        by_content: false,
        ignore_nulls: false,
    }
}

fn calls() -> Vec<AggregateCall> {
    vec![
        call(f::count::count_udaf(), 1, false),
        call(f::count::count_udaf(), 1, true),
        AggregateCall { filter: Some(5), ..call(f::count::count_udaf(), 1, true) },
        call(f::sum::sum_udaf(), 2, false),
        call(f::sum::sum_udaf(), 3, false),
        call(f::average::avg_udaf(), 3, false),
        call(f::average::avg_udaf(), 2, false),
        call(f::min_max::min_udaf(), 1, false),
        call(f::min_max::max_udaf(), 2, false),
        call(f::array_agg::array_agg_udaf(), 2, false),
        call(f::array_agg::array_agg_udaf(), 1, true),
        call(f::first_last::first_value_udaf(), 3, false),
        call(f::bool_and_or::bool_or_udaf(), 5, false),
    ]
}

fn results(calls: &[AggregateCall]) -> Vec<Field> {
    calls.iter().enumerate().map(|(i, c)| Field::new(format!("o{i}"), c.output_type().clone(), true)).collect()
}

#[test]
fn groups_go_on() {
    let keyed: [&'static [usize]; 4] = [&[0], &[0, 1], &[3], &[]];
    for seed in 0..60 {
        let keys = keyed[seed as usize % 4];
        let retracts = seed % 3 != 0;
        let mode = match seed % 5 {
            0 => ChangelogMode::Upsert { key: (0..keys.len()).collect() },
            _ => ChangelogMode::Retract,
        };
        let every = if seed % 7 < 3 { Every::Millis(1 + seed as i64 % 11) } else { Every::Epoch };
        let ttl_ms = (seed % 2 == 0).then_some(1 + seed as i64 % 5);
        let fields = keys.iter().map(|k| schema().field(*k).clone()).chain(results(&calls()));
        let output = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let total = (keys == [0, 1]).then(|| batch_of(&[Row(None, None, 0, 0.0, 0, true, true)], None, 0));
        let totals = total.map(|batch| batch.rows.project(&[0, 1]).unwrap());
        let knows = mode == ChangelogMode::Retract && every == Every::Epoch && ttl_ms.is_none();
        let mut operator = Restarting::by_key(seed, keys, move |worker| {
            let spec = GroupsSpec::new(&schema(), keys, &calls(), retracts).unwrap();
            let (schema, mode, totals) = (Arc::clone(&output), mode.clone(), totals.clone());
            let (every, time) = (every, domain());
            let parts = GroupParts { spec, schema, mode, totals, worker, every, time, ttl_ms };
            GroupAggregateOperator::new(parts, JobContext::alone()).unwrap()
        })
        .knowing_all(knows);
        assert!(drive(seed, Feed { retracts, ..INSERTS }, &mut operator) > 0);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}

/// What is held back for a minute is written once, and so are the groups that it is of.
#[test]
fn groups_that_are_told_later_write_what_has_changed() {
    let calls = calls();
    let fields = [schema().field(0).clone()].into_iter().chain(results(&calls));
    let schema_out = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let parts = GroupParts {
        spec: GroupsSpec::new(&schema(), &[0], &calls, true).unwrap(),
        schema: schema_out,
        mode: ChangelogMode::Retract,
        totals: None,
        worker: (0, 1),
        every: Every::Millis(60_000),
        time: domain(),
        ttl_ms: None,
    };
    let mut operator = GroupAggregateOperator::new(parts, JobContext::alone()).unwrap();
    let epoch = |operator: &mut GroupAggregateOperator, number: u64, now_ms: i64, keys: std::ops::Range<i64>| {
        let rows: Vec<Row> = keys.map(|key| Row(Some(key), None, key, 0.0, 0, true, true)).collect();
        let info = EpochInfo { now_ms, watermarks: vec![Watermark(0)], ..EpochInfo::alone(number) };
        operator.on_batch(&info, batch_of(&rows, None, 0), &mut vec![]).unwrap();
        let mut told = vec![];
        operator.on_epoch_end(&info, &mut told).unwrap();
        told.iter().map(|batch| batch.rows.num_rows()).sum::<usize>()
    };
    let rows = |sections: Option<Vec<Section>>, name: &str| {
        let section = sections.unwrap().into_iter().find(|s| s.name == name).unwrap();
        section.rows.iter().map(|rows| rows.num_rows()).sum::<usize>()
    };
    assert_eq!(epoch(&mut operator, 0, 0, 0..1000), 0);
    assert_eq!(rows(Some(operator.save().unwrap()), "touched"), 1000);
    assert_eq!(epoch(&mut operator, 1, 1000, 998..1003), 0);
    let changes = operator.save_changes().unwrap();
    assert_eq!(rows(changes.clone(), "groups changed"), 5);
    assert_eq!(
        (rows(changes.clone(), "touched changed"), rows(changes, "touched gone")),
        (3, 0),
        "two were held back before"
    );
    // They are told.
    assert_eq!(epoch(&mut operator, 2, 60_000, 0..1), 1003);
    assert_eq!(epoch(&mut operator, 3, 61_000, 0..2), 0);
    let changes = operator.save_changes().unwrap();
    assert!(changes.is_none(), "more than half of the groups count as changed: everything is written");
    assert_eq!(rows(Some(operator.save().unwrap()), "touched"), 2);
    assert_eq!(epoch(&mut operator, 4, 120_000, 5..7), 8, "old and new results of four groups");
    let changes = operator.save_changes().unwrap();
    assert_eq!((rows(changes.clone(), "touched changed"), rows(changes, "touched gone")), (0, 2));
}

#[test]
fn sessions_go_on() {
    for seed in 0..60 {
        let time = |name| Field::new(name, stamp(), true);
        let fields = [time("s"), time("e"), time("t"), schema().field(0).clone()];
        let output = Arc::new(Schema::new(fields.into_iter().chain(results(&calls())).collect::<Vec<_>>()));
        let mut operator = Restarting::by_key(seed, &[0], move |_| {
            let spec = GroupsSpec::new(&schema(), &[0], &calls(), false).unwrap();
            let (schema, domain) = (Arc::clone(&output), domain());
            let parts = SessionParts { spec, time: 4, gap_ms: 4, domain, schema };
            SessionOperator::new(parts, JobContext::alone()).unwrap()
        });
        assert!(drive(seed, INSERTS, &mut operator) > 0);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}

#[test]
fn windows_go_on() {
    let specs = [
        WindowSpec::Tumble { size_ms: 5, offset_ms: 1 },
        WindowSpec::Hop { size_ms: 6, slide_ms: 2, offset_ms: 0 },
        WindowSpec::Cumulate { max_ms: 6, step_ms: 3, offset_ms: 0 },
        WindowSpec::Hop { size_ms: 2, slide_ms: 5, offset_ms: 0 },
    ];
    let keyed: [&'static [usize]; 3] = [&[0], &[0, 1], &[]];
    let mut given = 0;
    for seed in 0..120 {
        let (window, keys) = (specs[seed as usize % 4], keyed[seed as usize % 3]);
        // Counts alone slide.
        let calls = if seed % 5 < 2 { calls()[..1].to_vec() } else { calls() };
        let time = |name| Field::new(name, stamp(), true);
        let own = keys.iter().map(|k| schema().field(*k).clone());
        let fields = [time("s"), time("e"), time("t")].into_iter().chain(own).chain(results(&calls));
        let output = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut operator = Restarting::by_key(seed, keys, move |_| {
            let rule = PaneRule::Time { panes: Panes::new(window).unwrap(), column: 4 };
            let spec = GroupsSpec::new(&schema(), keys, &calls, false).unwrap();
            let parts = WindowParts { spec, rule, time: domain(), schema: Arc::clone(&output) };
            WindowAggregateOperator::new(parts, JobContext::alone()).unwrap()
        });
        given += drive(seed, INSERTS, &mut operator);
    }
    assert!(given > 1000, "{given}");
    assert!(resumed() > 0, "some restarts are gone on from");
}

fn ascending(column: usize) -> OrderColumn {
    OrderColumn { column, descending: false, nulls_first: true }
}

#[test]
fn ranks_go_on() {
    let functions = [RankFunction::RowNumber, RankFunction::Rank, RankFunction::DenseRank];
    let ties = [Ties::Content, Ties::Earliest { by_content: false }, Ties::Latest { by_content: true }];
    for seed in 0..90u64 {
        let mut rng = Rng::new(seed);
        let windowed = rng.chance(0.3);
        let ties = if windowed { Ties::Content } else { ties[rng.below(3) as usize] };
        // By arrival, rows come one by one and the number of a row is asked for.
        let plain = ties == Ties::Content;
        let function = if plain { functions[rng.below(3) as usize] } else { RankFunction::RowNumber };
        let retracts = plain && rng.chance(0.5);
        let output = rng.chance(0.5);
        let partition =
            if windowed { vec![0, 4] } else { [vec![0], vec![], vec![0, 1]][rng.below(3) as usize].clone() };
        let ttl_ms = rng.chance(0.4).then(|| rng.between(1, 8));
        let early = rng.chance(0.5).then_some(Every::Epoch);
        let emission = Emission { early, lateness_ms: rng.between(0, 3), ..Emission::default() };
        let emission = if windowed { emission } else { Emission::default() };
        let rank = Rank {
            partition: partition.clone(),
            order: if plain { vec![ascending(2)] } else { vec![] },
            ties,
            function,
            from: rng.below(2) + 1,
            to: 3,
            output,
            window_end: windowed.then_some(4),
            emission,
            proctime: false,
            cascaded: false,
            ttl_ms: ttl_ms.filter(|_| !windowed),
        };
        let mut fields: Vec<Field> = schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.extend(output.then(|| Field::new("n", DataType::Int64, true)));
        let schema_out = Arc::new(Schema::new(fields));
        let knows = !windowed && ttl_ms.is_none();
        let mut operator = Restarting::by_key(seed, &partition, move |_| {
            let parts = RankParts {
                rank: rank.clone(),
                input: schema(),
                schema: Arc::clone(&schema_out),
                mode: if rank.told_once() { ChangelogMode::Append } else { ChangelogMode::Retract },
                retracts,
                time: domain(),
            };
            RankOperator::new(parts, JobContext::alone()).unwrap()
        })
        .knowing_all(knows);
        drive(seed, Feed { retracts, ..INSERTS }, &mut operator);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}

fn taken(name: &str, data_type: DataType, value: MatchValue) -> MatchExpr {
    let schema = Arc::new(Schema::new(vec![Field::new(name, data_type, true)]));
    MatchExpr { values: vec![value], schema, expr: Arc::new(Column::new(name, 0)) }
}

/// `START UP* DOWN+` and the like; `UP` may look at the row before.
fn matching(seed: u64) -> MatchRecognize {
    let mut rng = Rng::new(seed);
    let last = |before, column| MatchValue::Last { variable: None, back: 0, before, column };
    let rising = MatchExpr {
        values: vec![last(0, 2), last(1, 2)],
        schema: Arc::new(Schema::new(vec![
            Field::new("now", DataType::Int64, true),
            Field::new("before", DataType::Int64, true),
        ])),
        expr: Arc::new(BinaryExpr::new(Arc::new(Column::new("now", 0)), Op::GtEq, Arc::new(Column::new("before", 1)))),
    };
    let up = if rng.chance(0.5) { Condition::Computed(rising) } else { Condition::Column(5) };
    let variable = |name: &str, condition| Variable { name: name.into(), condition };
    let of = |variable| Pattern::Variable { variable, excluded: false };
    let many = |variable, min| Pattern::Repetition { of: Box::new(of(variable)), min, max: None, greedy: true };
    let first = |column| MatchValue::First { variable: None, forward: 0, column };
    let measure = |name: &str, data_type: DataType, value| Measure {
        field: Arc::new(Field::new(name, data_type.clone(), true)),
        expr: taken(name, data_type, value),
    };
    MatchRecognize {
        partition: if rng.chance(0.8) { vec![0] } else { vec![] },
        time: 4,
        order: vec![],
        proctime: false,
        cascaded: false,
        pattern: Pattern::Sequence(vec![of(0), many(1, 0), many(2, 1)]),
        variables: vec![variable("S", Condition::Always), variable("U", up), variable("D", Condition::Column(6))],
        measures: vec![
            measure("first", DataType::Int64, first(2)),
            measure("last", stamp(), last(0, 4)),
            measure("number", DataType::Int64, MatchValue::MatchNumber),
        ],
        all_rows: None,
        skip: [Skip::PastLastRow, Skip::ToNextRow, Skip::ToLast(2)][rng.below(3) as usize],
        within_ms: rng.chance(0.5).then_some(9),
    }
}

#[test]
fn matching_goes_on() {
    let mut given = 0;
    for seed in 0..100u64 {
        let node = matching(seed);
        let mut fields: Vec<Field> = node.partition.iter().map(|k| schema().field(*k).clone()).collect();
        fields.extend(node.measures.iter().map(|m| m.field.as_ref().clone()));
        let output = Arc::new(Schema::new(fields));
        let partition = node.partition.clone();
        let mut operator = Restarting::by_key(seed, &partition, move |_| {
            MatchOperator::new(&node, &schema(), domain(), Arc::clone(&output), JobContext::alone()).unwrap()
        });
        given += drive(seed, INSERTS, &mut operator);
    }
    assert!(given > 500, "{given} matches");
    assert!(resumed() > 0, "some restarts are gone on from");
}

fn paired() -> SchemaRef {
    let both = schema().fields().iter().chain(schema().fields()).map(|f| f.as_ref().clone()).collect::<Vec<_>>();
    Arc::new(Schema::new(both))
}

#[test]
fn joins_with_versions_go_on() {
    for seed in 0..90u64 {
        let kind = if seed % 2 == 0 { JoinKind::Inner } else { JoinKind::Left };
        let feed = Feed { retracts: seed % 3 == 0, ports: 2, ..INSERTS };
        let mut operator = Restarting::new(seed, vec![Route::Key(vec![0]); 2], move |_| {
            let join = join_of(kind, &[0], false, seed % 7 == 0);
            let inputs = [schema(), schema()];
            TemporalJoinOperator::new(&join, (4, 4), inputs, domain(), paired(), JobContext::alone()).unwrap()
        });
        drive(seed, feed, &mut operator);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}

#[test]
fn joins_with_the_table_as_it_is_go_on() {
    let mut given = 0;
    for seed in 0..90u64 {
        let kind = if seed % 2 == 0 { JoinKind::Inner } else { JoinKind::Left };
        let retracts = seed % 3 == 0;
        let mut operator = Restarting::new(seed, vec![Route::Key(vec![0]); 2], move |_| {
            let join = join_of(kind, &[0], false, seed % 7 == 0);
            // The table is read to its end when the watermark is.
            let hold = (seed % 5 == 0).then(domain);
            LookupJoinOperator::new(&join, [schema(), schema()], retracts, hold, paired(), JobContext::alone()).unwrap()
        });
        given += drive(seed, Feed { retracts, ports: 2, ..INSERTS }, &mut operator);
    }
    assert!(given > 500, "{given} pairs");
    assert!(resumed() > 0, "some restarts are gone on from");
}

#[test]
fn a_second_row_of_a_subquery_is_seen_after_a_restart() {
    for seed in 0..20u64 {
        let mut operator = Restarting::by_key(seed, &[], |_| SingleRowOperator::default());
        let row = batch_of(&[random_row(&mut Rng::new(seed), 0)], None, 0);
        for number in 0..8 {
            let info = EpochInfo::alone(number);
            let mut out = vec![];
            if number == 0 {
                operator.on_batch(&info, row.clone(), &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
        }
        operator.on_batch(&EpochInfo::alone(8), row, &mut vec![]).unwrap();
        assert!(operator.on_epoch_end(&EpochInfo::alone(8), &mut vec![]).is_err());
    }
}
