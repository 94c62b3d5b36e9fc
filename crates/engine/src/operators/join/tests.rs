//! The join against a naive one: all kinds, random changes, epoch after epoch.

#[path = "tests/lifetimes.rs"]
mod lifetimes;
#[path = "tests/partners.rs"]
mod partners;

use std::collections::BTreeMap;

use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use datafusion::logical_expr::Operator as Op;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use sloth_plan::JoinExchange;
use sloth_types::Watermark;
use sloth_types::rng::Rng;

use super::*;
use crate::operators::restart::Restarting;
use crate::pact::Route;

/// Key, text (as a number), value.
pub(crate) type Row = [Option<i64>; 3];
/// Rows with weights.
pub(crate) type Bag = BTreeMap<Row, i64>;
/// Output rows as texts, with weights.
pub(crate) type Answer = BTreeMap<Vec<String>, i64>;

pub(crate) const KINDS: [JoinKind; 9] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::LeftSemi,
    JoinKind::LeftAnti,
    JoinKind::RightSemi,
    JoinKind::RightAnti,
    JoinKind::LeftMark,
];

pub(crate) fn input_schema() -> SchemaRef {
    let field = |name, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![field("k", DataType::Int64), field("s", DataType::Utf8), field("v", DataType::Int64)]))
}

pub(crate) fn output_schema(kind: JoinKind) -> SchemaRef {
    let input = input_schema();
    let mut fields: Vec<Field> = input.fields().iter().map(|f| f.as_ref().clone()).collect();
    if kind.pairs() {
        fields.extend(input.fields().iter().map(|f| f.as_ref().clone()));
    }
    if kind == JoinKind::LeftMark {
        fields.push(Field::new("mark", DataType::Boolean, true));
    }
    Arc::new(Schema::new(fields))
}

/// A join of two inputs of [`input_schema`]; the residual is `left.v < right.v`.
pub(crate) fn join_of(kind: JoinKind, keys: &[usize], residual: bool, null_equal: bool) -> Join {
    let column = |i| Arc::new(Column::new("v", i)) as _;
    Join {
        kind,
        left_keys: keys.to_vec(),
        right_keys: keys.to_vec(),
        null_equal,
        residual: residual.then(|| Arc::new(BinaryExpr::new(column(2), Op::Lt, column(5))) as _),
        exchange: JoinExchange::ByKey,
        ttl_ms: [None; 2],
    }
}

pub(crate) fn batch_of(rows: &[Row]) -> RecordBatch {
    let number = |i: usize| Arc::new(rows.iter().map(|r| r[i]).collect::<Int64Array>()) as ArrayRef;
    let texts: StringArray = rows.iter().map(|r| r[1].map(|n| format!("t{n}"))).collect();
    RecordBatch::try_new(input_schema(), vec![number(0), Arc::new(texts), number(2)]).unwrap()
}

pub(crate) fn random_row(rng: &mut Rng) -> Row {
    let mut some = |p: f64, n: u64| (!rng.chance(p)).then(|| rng.below(n) as i64);
    [some(0.15, 4), some(0.15, 2), some(0.1, 5)]
}

fn matches(join: &Join, left: &Row, right: &Row) -> bool {
    let same = |k: &usize| match (left[*k], right[*k]) {
        (None, None) => join.null_equal,
        (a, b) => a.is_some() && a == b,
    };
    let residual = || left[2].zip(right[2]).is_some_and(|(a, b)| a < b);
    join.left_keys.iter().all(same) && (join.residual.is_none() || residual())
}

pub(crate) fn texts(row: &Row) -> Vec<String> {
    let number = |n: Option<i64>| n.map_or_else(|| "null".to_owned(), |n| n.to_string());
    vec![number(row[0]), row[1].map_or_else(|| "null".to_owned(), |n| format!("t{n}")), number(row[2])]
}

/// What SQL says.
pub(crate) fn naive(join: &Join, left: &Bag, right: &Bag) -> Answer {
    let mut out = Answer::new();
    let mut add = |row: Vec<String>, weight: i64| *out.entry(row).or_default() += weight;
    let nulls = || vec!["null".to_owned(); 3];
    if join.kind.pairs() {
        for (l, lw) in left {
            for (r, rw) in right.iter().filter(|(r, _)| matches(join, l, r)) {
                add([texts(l), texts(r)].concat(), lw * rw);
            }
        }
    }
    for (l, weight) in left {
        let matched = right.keys().any(|r| matches(join, l, r));
        match join.kind {
            JoinKind::Left | JoinKind::Full if !matched => add([texts(l), nulls()].concat(), *weight),
            JoinKind::LeftSemi if matched => add(texts(l), *weight),
            JoinKind::LeftAnti if !matched => add(texts(l), *weight),
            JoinKind::LeftMark => add([texts(l), vec![matched.to_string()]].concat(), *weight),
            _ => {}
        }
    }
    for (r, weight) in right {
        let matched = left.keys().any(|l| matches(join, l, r));
        match join.kind {
            JoinKind::Right | JoinKind::Full if !matched => add([nulls(), texts(r)].concat(), *weight),
            JoinKind::RightSemi if matched => add(texts(r), *weight),
            JoinKind::RightAnti if !matched => add(texts(r), *weight),
            _ => {}
        }
    }
    out
}

/// Adds what an operator has put out, and checks that no row goes both ways.
pub(crate) fn absorb(answer: &mut Answer, out: &[Batch], what: &str) {
    let mut signs: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for batch in out {
        for row in 0..batch.rows.num_rows() {
            let text = |c: &ArrayRef| {
                if c.is_null(row) { "null".to_owned() } else { array_value_to_string(c, row).unwrap() }
            };
            let texts: Vec<String> = batch.rows.columns().iter().map(text).collect();
            let weight = batch.diffs.as_ref().map_or(1, |d| d.value(row));
            assert_ne!(weight, 0, "{what}: a change of nothing");
            let sign = signs.entry(texts.clone()).or_insert(weight.signum());
            assert_eq!(*sign, weight.signum(), "{what}: {texts:?} comes and goes in one epoch");
            *answer.entry(texts).or_default() += weight;
        }
    }
    answer.retain(|_, weight| *weight != 0);
}

pub(crate) fn epoch(number: u64, before: i64, watermark: i64) -> EpochInfo {
    EpochInfo {
        watermarks: vec![Watermark(watermark)],
        watermarks_before: vec![Watermark(before)],
        splits: vec![1],
        ..EpochInfo::alone(number)
    }
}

/// Random changes of a bag as batches; rows are taken back only when `retracts`.
pub(crate) fn changes(rng: &mut Rng, bag: &mut Bag, retracts: bool, port: u8) -> Vec<Batch> {
    let mut out = vec![];
    for _ in 0..rng.below(3) {
        let (mut rows, mut diffs) = (vec![], vec![]);
        for _ in 0..rng.below(8) {
            let take_back = retracts && rng.chance(0.45) && !bag.is_empty();
            let row = match bag.keys().nth(rng.below(bag.len().max(1) as u64) as usize) {
                Some(row) if take_back => *row,
                _ => random_row(rng),
            };
            let weight = if take_back { -1 } else { 1 };
            let entry = bag.entry(row).or_default();
            *entry += weight;
            if *entry == 0 {
                bag.remove(&row);
            }
            rows.push(row);
            diffs.push(weight);
        }
        let batch = Batch::changes(batch_of(&rows), retracts.then(|| Int64Array::from(diffs)));
        out.push(Batch { port, ..batch });
    }
    out
}

/// The join with one of the ways to spread its rows that its kind allows.
fn exchanged(join: Join, rng: &mut Rng) -> (Join, Vec<Route>) {
    let alone = Alone::of(join.kind);
    let whole = Route::Key(vec![0, 1, 2]);
    let (exchange, routes) = match (alone, rng.below(3)) {
        ([_, Alone::Never], 0) => (JoinExchange::CopyRight, vec![whole, Route::Named]),
        ([Alone::Never, _], 1) => (JoinExchange::CopyLeft, vec![Route::Named, whole]),
        _ => (JoinExchange::ByKey, [&join.left_keys, &join.right_keys].map(|k| Route::Key(k.clone())).to_vec()),
    };
    (Join { exchange, ..join }, routes)
}

fn all_gone(bag: &mut Bag, port: u8) -> Batch {
    let rows: Vec<Row> = bag.keys().copied().collect();
    let diffs: Int64Array = bag.values().map(|w| -w).collect();
    bag.clear();
    Batch { port, ..Batch::changes(batch_of(&rows), Some(diffs)) }
}

#[test]
fn every_kind_equals_the_naive_join_after_every_epoch() {
    for seed in 0..600 {
        let mut rng = Rng::new(seed);
        let kind = KINDS[(seed % 9) as usize];
        let keys: &[usize] = [&[0][..], &[0, 1], &[1], &[]][rng.below(4) as usize];
        let join = join_of(kind, keys, rng.chance(0.4), rng.chance(0.3));
        let retracts = [rng.chance(0.7), rng.chance(0.7)];
        let what = format!("seed {seed}: {kind:?} on {keys:?} {retracts:?} {:?} {}", join.residual, join.null_equal);
        let inputs = [input_schema(), input_schema()];
        let (join, routes) = exchanged(join, &mut rng);
        let of = join.clone();
        // As the planner asks it: see `JobPlan::knows_all`.
        let knows = kind.pairs()
            && join.exchange == JoinExchange::ByKey
            && (kind == JoinKind::Inner || join.null_equal || keys.is_empty());
        let mut operator = Restarting::new(seed, routes, move |_| {
            JoinOperator::new(&of, inputs.clone(), retracts, output_schema(kind), JobContext::alone()).unwrap()
        })
        .knowing_all(knows);
        let mut bags = [Bag::new(), Bag::new()];
        let mut answer = Answer::new();
        for number in 0..12 {
            let info = epoch(number, 0, 0);
            let mut out = vec![];
            for port in 0..2u8 {
                let which = usize::from(port);
                for batch in changes(&mut rng, &mut bags[which], retracts[which], port) {
                    operator.on_batch(&info, batch, &mut out).unwrap();
                }
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            absorb(&mut answer, &out, &what);
            assert_eq!(answer, naive(&join, &bags[0], &bags[1]), "{what}, epoch {number}");
        }
        if retracts == [true, true] {
            let (info, mut out) = (epoch(12, 0, 0), vec![]);
            for port in 0..2u8 {
                operator.on_batch(&info, all_gone(&mut bags[usize::from(port)], port), &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            absorb(&mut answer, &out, &what);
            assert!(answer.is_empty(), "{what}: {answer:?}");
            for side in operator.workers.iter().flat_map(|worker| &worker.sides) {
                assert!(side.arrangement.read().is_empty(), "{what}: rows are left in state");
            }
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

/// The same with the value as a time.
pub(crate) mod timed {
    use arrow::array::TimestampMillisecondArray;
    use arrow::datatypes::TimeUnit;

    use super::*;

    pub(crate) fn schema() -> SchemaRef {
        let stamp = DataType::Timestamp(TimeUnit::Millisecond, None);
        let field = |name, data_type| Field::new(name, data_type, true);
        Arc::new(Schema::new(vec![field("k", DataType::Int64), field("s", DataType::Utf8), field("v", stamp)]))
    }

    pub(crate) fn batch_of(rows: &[Row]) -> RecordBatch {
        let times: TimestampMillisecondArray = rows.iter().map(|r| r[2]).collect();
        let mut columns = super::batch_of(rows).columns().to_vec();
        columns[2] = Arc::new(times) as ArrayRef;
        RecordBatch::try_new(schema(), columns).unwrap()
    }

    pub(crate) fn output(kind: JoinKind) -> SchemaRef {
        let mut fields: Vec<Field> = schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        if kind.pairs() {
            fields.extend(schema().fields().iter().map(|f| f.as_ref().clone()));
        }
        if kind == JoinKind::LeftMark {
            fields.push(Field::new("mark", DataType::Boolean, true));
        }
        Arc::new(Schema::new(fields))
    }
}
