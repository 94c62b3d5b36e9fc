//! Interval joins against the naive join of what was in time.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::Operator as Op;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use sloth_plan::JoinKind;
use sloth_types::rng::Rng;

use super::*;
use crate::operators::join::tests::timed::{batch_of, output, schema};
use crate::operators::join::tests::{Answer, KINDS, Row, absorb, epoch, join_of, random_row};
use crate::operators::restart::Restarting;
use crate::pact::Route;

/// left.v - right.v between the bounds.
fn residual(lower: i64, upper: i64) -> Arc<dyn PhysicalExpr> {
    let number = |i: usize| -> Arc<dyn PhysicalExpr> {
        Arc::new(CastExpr::new(Arc::new(Column::new("v", i)), DataType::Int64, None))
    };
    let literal = |n| -> Arc<dyn PhysicalExpr> { Arc::new(Literal::new(ScalarValue::Int64(Some(n)))) };
    let compare = |op, n| -> Arc<dyn PhysicalExpr> {
        let distance = Arc::new(BinaryExpr::new(number(2), Op::Minus, number(5)));
        Arc::new(BinaryExpr::new(distance, op, literal(n)))
    };
    Arc::new(BinaryExpr::new(compare(Op::GtEq, lower), Op::And, compare(Op::LtEq, upper)))
}

fn naive(kind: JoinKind, bounds: (i64, i64), left: &[Row], right: &[Row]) -> Answer {
    let mut out = Answer::new();
    let stamp = |t: Option<i64>| t.map(|t| format!("{}", t)).unwrap_or_default();
    let texts = |r: &Row| {
        let number = |n: Option<i64>| n.map_or_else(|| "null".to_owned(), |n| n.to_string());
        vec![number(r[0]), r[1].map_or_else(|| "null".to_owned(), |n| format!("t{n}")), stamp(r[2])]
    };
    let nulls = || vec!["null".to_owned(); 3];
    let matches = |l: &Row, r: &Row| {
        let distance = l[2].unwrap() - r[2].unwrap();
        l[0].is_some() && l[0] == r[0] && distance >= bounds.0 && distance <= bounds.1
    };
    let mut add = |row: Vec<String>| *out.entry(row).or_default() += 1;
    for l in left {
        let partners: Vec<&Row> = right.iter().filter(|r| matches(l, r)).collect();
        let matched = !partners.is_empty();
        match kind {
            _ if kind.pairs() => partners.iter().for_each(|r| add([texts(l), texts(r)].concat())),
            JoinKind::LeftSemi if matched => add(texts(l)),
            JoinKind::LeftAnti if !matched => add(texts(l)),
            JoinKind::LeftMark => add([texts(l), vec![matched.to_string()]].concat()),
            _ => {}
        }
        if !matched && matches!(kind, JoinKind::Left | JoinKind::Full) {
            add([texts(l), nulls()].concat());
        }
    }
    for r in right {
        let matched = left.iter().any(|l| matches(l, r));
        match kind {
            JoinKind::Right | JoinKind::Full if !matched => add([nulls(), texts(r)].concat()),
            JoinKind::RightSemi if matched => add(texts(r)),
            JoinKind::RightAnti if !matched => add(texts(r)),
            _ => {}
        }
    }
    out
}

/// Times as numbers, as the naive model writes them.
fn as_numbers(answer: Answer) -> Answer {
    let number = |text: String| match text.strip_prefix("1970-01-01T00:00:") {
        Some(rest) => ((rest.parse::<f64>().unwrap() * 1000.0).round() as i64).to_string(),
        None => text,
    };
    answer.into_iter().map(|(row, weight)| (row.into_iter().map(number).collect(), weight)).collect()
}

#[test]
fn pairs_within_the_bounds_come_once_and_rows_are_freed_behind_the_watermark() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let kind = KINDS[(seed % 9) as usize];
        let lower = rng.between(-6, 3);
        let bounds = (lower, lower + rng.between(0, 6));
        let mut join = join_of(kind, &[0], false, false);
        join.residual = Some(residual(bounds.0, bounds.1));
        let what = format!("seed {seed}: {kind:?} {bounds:?}");
        let context = JobContext::alone();
        let domain = || TimeDomain { sources: vec![0], clock: false, cascaded: false, lag_ms: 0 };
        let interval = IntervalJoin {
            join,
            times: [(2, 0), (2, 0)],
            lower_ms: bounds.0,
            upper_ms: bounds.1,
            cascaded: [false, false],
        };
        let inputs = [schema(), schema()];
        let of = Arc::clone(&context);
        let routes = vec![Route::Key(vec![0]); 2];
        let mut operator = Restarting::new(seed, routes, move |_| {
            let domains = [domain(), domain()];
            IntervalJoinOperator::new(&interval, inputs.clone(), domains, output(kind), Arc::clone(&of)).unwrap()
        });
        let mut in_time = [vec![], vec![]];
        let (mut answer, mut late, mut watermark) = (Answer::new(), 0, 0);
        for number in 0..12 {
            let before = watermark;
            watermark = if number == 11 { i64::MAX } else { before + rng.between(0, 4) };
            let info = epoch(number, before, watermark);
            let mut out = vec![];
            for port in 0..2u8 {
                let rows: Vec<Row> = (0..rng.below(8))
                    .map(|_| {
                        let row = random_row(&mut rng);
                        [row[0], row[1], Some(before + rng.between(0, 8))]
                    })
                    .filter(|_| number < 11)
                    .collect();
                for row in &rows {
                    match row[2].is_some_and(|time| time > watermark) {
                        false => late += 1,
                        true => in_time[usize::from(port)].push(*row),
                    }
                }
                let batch = Batch { port, ..Batch::changes(batch_of(&rows), None) };
                operator.on_batch(&info, batch, &mut out).unwrap();
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            absorb(&mut answer, &out, &what);
            for side in operator.workers.iter().flat_map(|worker| &worker.sides) {
                let oldest = side.expires.keys().next().copied().unwrap_or(i64::MAX);
                assert!(oldest > watermark || watermark == i64::MAX, "{what}: {oldest} is kept behind {watermark}");
                assert_eq!(side.expires.values().map(Vec::len).sum::<usize>(), side.arrangement.len(), "{what}");
            }
        }
        let expected = naive(kind, bounds, &in_time[0], &in_time[1]);
        assert_eq!(as_numbers(answer), expected, "{what}");
        // The workers together, and the undisturbed one.
        assert_eq!(context.figures.late_rows.get(), 2 * late, "{what}");
        assert!(
            operator.workers.iter().flat_map(|w| &w.sides).all(|s| s.arrangement.is_empty()),
            "{what}: rows are left"
        );
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}
