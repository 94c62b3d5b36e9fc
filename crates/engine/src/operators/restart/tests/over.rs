//! OVER restarted, and beside one that computes whole partitions anew.

use arrow::compute::SortOptions;

use super::*;

fn over_call(function: WindowFunctionDefinition, column: Option<usize>, frame: WindowFrame, reach: Reach) -> OverCall {
    ordered_call(function, column, frame, reach, ascending(4))
}

fn ordered_call(
    function: WindowFunctionDefinition,
    column: Option<usize>,
    frame: WindowFrame,
    reach: Reach,
    by: OrderColumn,
) -> OverCall {
    let column_of = |i: usize| Arc::new(Column::new(schema().field(i).name(), i)) as Arc<dyn PhysicalExpr>;
    let args: Vec<_> = column.into_iter().map(column_of).collect();
    let options = SortOptions { descending: by.descending, nulls_first: by.nulls_first };
    let order = [PhysicalSortExpr::new(column_of(by.column), options)];
    let partition = [column_of(0)];
    let frame = Arc::new(frame);
    let sql = format!("{function:?}");
    let expr =
        create_window_expr(&function, "over".into(), &args, &partition, &order, frame, schema(), false, false, None);
    OverCall { expr: expr.unwrap(), filter: None, fresh: false, reach, sql }
}

fn rows_before(rows: Option<u64>) -> WindowFrame {
    let start = WindowFrameBound::Preceding(ScalarValue::UInt64(rows));
    WindowFrame::new_bounds(WindowFrameUnits::Rows, start, WindowFrameBound::CurrentRow)
}

pub(super) fn over_calls(kind: u64) -> Vec<OverCall> {
    let sum = || WindowFunctionDefinition::AggregateUDF(f::sum::sum_udaf());
    let count = || WindowFunctionDefinition::AggregateUDF(f::count::count_udaf());
    let ranking = |function| {
        over_call(WindowFunctionDefinition::WindowUDF(function), None, WindowFrame::new(Some(false)), Reach::Running)
    };
    match kind {
        0 => vec![
            over_call(sum(), Some(2), WindowFrame::new(Some(false)), Reach::Running),
            over_call(count(), Some(1), rows_before(None), Reach::Running),
            ranking(w::row_number::row_number_udwf()),
            ranking(w::rank::rank_udwf()),
            ranking(w::rank::dense_rank_udwf()),
            over_call(
                WindowFunctionDefinition::WindowUDF(w::nth_value::first_value_udwf()),
                Some(1),
                WindowFrame::new(Some(false)),
                Reach::Running,
            ),
        ],
        1 => vec![
            over_call(sum(), Some(2), rows_before(Some(2)), Reach::Rows { before: 2, after: 0 }),
            over_call(count(), Some(1), rows_before(None), Reach::Running),
        ],
        _ => vec![over_call(sum(), Some(2), rows_before(Some(1)), Reach::Rows { before: 1, after: 0 })],
    }
}

pub(super) fn over_schema(calls: &[OverCall]) -> SchemaRef {
    let mut fields: Vec<Field> = schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    let result =
        |(i, c): (usize, &OverCall)| Field::new(format!("o{i}"), c.expr.field().unwrap().data_type().clone(), true);
    fields.extend(calls.iter().enumerate().map(result));
    Arc::new(Schema::new(fields))
}

#[test]
fn over_goes_on() {
    for seed in 0..90u64 {
        let (kind, feed) = (seed % 3, Feed { retracts: seed % 2 == 0, ..INSERTS });
        let mut operator = Restarting::by_key(seed, &[0], move |_| {
            let calls = over_calls(kind);
            let schema_out = over_schema(&calls);
            let over = Over { partition: vec![0], order: vec![ascending(4)], calls, emission: OverEmission::Changes };
            OverOperator::new(&over, schema(), schema_out, domain(), JobContext::alone()).unwrap()
        });
        assert!(drive(seed, feed, &mut operator) > 0);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}

#[test]
fn over_in_the_order_of_time_goes_on() {
    for seed in 0..100u64 {
        let kind = seed % 3;
        let by_time = seed % 5 < 3;
        let partition = if seed % 7 < 3 { vec![] } else { vec![0] };
        let mut operator = Restarting::by_key(seed, &partition.clone(), move |_| {
            let calls = over_calls(kind);
            let schema_out = over_schema(&calls);
            let (order, emission) = match by_time {
                true => (vec![ascending(4)], OverEmission::Watermark { time: 4, cascaded: false }),
                false => (vec![], OverEmission::Arrival { by_content: false }),
            };
            let over = Over { partition: partition.clone(), order, calls, emission };
            TimedOver::new(&over, schema(), schema_out, domain(), JobContext::alone()).unwrap()
        });
        assert!(drive(seed, INSERTS, &mut operator) > 0);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}

/// Frames of all kinds, in an order by the time or by the number.
fn mixed_calls(kind: u64, by: OrderColumn) -> Vec<OverCall> {
    let sum = || WindowFunctionDefinition::AggregateUDF(f::sum::sum_udaf());
    let greatest = || WindowFunctionDefinition::AggregateUDF(f::min_max::max_udaf());
    let pick = |last: bool| {
        let pick = if last { w::nth_value::last_value_udwf() } else { w::nth_value::first_value_udwf() };
        WindowFunctionDefinition::WindowUDF(pick)
    };
    let distance = |n: i64| match by.column {
        4 => ScalarValue::new_interval_mdn(0, 0, n * 1_000_000),
        _ => ScalarValue::Int64(Some(n)),
    };
    let frame = |units, before: ScalarValue, after: ScalarValue| {
        WindowFrame::new_bounds(units, WindowFrameBound::Preceding(before), WindowFrameBound::Following(after))
    };
    let values = |before, after| frame(WindowFrameUnits::Range, distance(before), distance(after));
    let groups = |b, a| frame(WindowFrameUnits::Groups, ScalarValue::UInt64(Some(b)), ScalarValue::UInt64(Some(a)));
    let call = |function, frame, reach| ordered_call(function, Some(2), frame, reach, by);
    let all_before = || WindowFrame::new(Some(false));
    let mut calls = match kind {
        0 => vec![call(sum(), values(3, 1), Reach::Partition)],
        1 => vec![call(sum(), groups(1, 2), Reach::Partition), call(pick(true), groups(0, 1), Reach::Partition)],
        2 => vec![call(greatest(), all_before(), Reach::Running), call(pick(false), all_before(), Reach::Running)],
        3 => vec![
            call(sum(), values(0, 2), Reach::Partition),
            call(greatest(), all_before(), Reach::Running),
            call(sum(), rows_before(Some(2)), Reach::Rows { before: 2, after: 0 }),
        ],
        4 => vec![call(sum(), rows_before(None), Reach::Running), call(pick(true), all_before(), Reach::Back)],
        _ => vec![call(sum(), rows_before(Some(1)), Reach::Rows { before: 1, after: 0 })],
    };
    // What leaves a frame of this function cannot be taken out of it.
    calls.iter_mut().for_each(|call| call.fresh = false);
    calls
}

/// Two operators that must give the same, epoch by epoch.
struct Both([OverOperator; 2]);

impl Operator for Both {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()> {
        self.0.iter_mut().try_for_each(|operator| operator.on_batch(epoch, batch.clone(), out))
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut given = [vec![], vec![]];
        for (operator, given) in self.0.iter_mut().zip(&mut given) {
            operator.on_epoch_end(epoch, given)?;
        }
        let [narrow, whole] = given;
        assert_eq!(contents(&narrow), contents(&whole), "epoch {:?}", epoch.epoch);
        out.extend(narrow);
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        unreachable!("it is not restarted")
    }

    fn restore(&mut self, _: Vec<Section>) -> Result<()> {
        unreachable!("it is not restarted")
    }
}

fn mixed(seed: u64) -> OverOperator {
    let kind = seed % 6;
    let by = OrderColumn {
        column: if seed % 4 < 2 { 4 } else { 2 },
        descending: seed.is_multiple_of(3),
        nulls_first: seed.is_multiple_of(5),
    };
    let calls = mixed_calls(kind, by);
    let schema_out = over_schema(&calls);
    let partition = if seed % 7 < 3 { vec![] } else { vec![0] };
    let over = Over { partition, order: vec![by], calls, emission: OverEmission::Changes };
    OverOperator::new(&over, schema(), schema_out, domain(), JobContext::alone()).unwrap()
}

#[test]
fn what_a_change_reaches_is_what_differs() {
    for seed in 0..240u64 {
        let mut both = Both([mixed(seed), mixed(seed).without_scopes()]);
        let feed = Feed { retracts: seed % 5 != 1, epochs: 30, ..INSERTS };
        assert!(drive(seed, feed, &mut both) > 0, "seed {seed}");
    }
}

#[test]
fn mixed_frames_go_on() {
    for seed in 0..120u64 {
        let keys: &[usize] = if seed % 7 < 3 { &[] } else { &[0] };
        let mut operator = Restarting::by_key(seed, keys, move |_| mixed(seed));
        assert!(drive(seed, Feed { retracts: true, ..INSERTS }, &mut operator) > 0);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}

/// By event time and looking back, told early.
fn early(seed: u64) -> OverOperator {
    let calls = match seed % 5 {
        kind @ 0..3 => over_calls(kind),
        _ => {
            let sum = || WindowFunctionDefinition::AggregateUDF(f::sum::sum_udaf());
            let before = |ms: i64| WindowFrameBound::Preceding(ScalarValue::new_interval_mdn(0, 0, ms * 1_000_000));
            let frame = WindowFrame::new_bounds(WindowFrameUnits::Range, before(3), WindowFrameBound::CurrentRow);
            let timed = over_call(sum(), Some(2), frame, Reach::Millis(3));
            let mut calls = if seed % 5 == 3 { vec![] } else { over_calls(1) };
            calls.push(OverCall { fresh: false, ..timed });
            calls
        }
    };
    let schema_out = over_schema(&calls);
    let partition = if seed % 7 < 3 { vec![] } else { vec![0] };
    let emission = OverEmission::Early { time: 4, cascaded: false };
    let over = Over { partition, order: vec![ascending(4)], calls, emission };
    OverOperator::new(&over, schema(), schema_out, domain(), JobContext::alone()).unwrap()
}

#[test]
fn early_results_do_not_miss_what_is_forgotten() {
    for seed in 0..105u64 {
        let mut both = Both([early(seed), early(seed).without_scopes()]);
        assert!(drive(seed, Feed { epochs: 30, ..INSERTS }, &mut both) > 0, "seed {seed}");
        let [freeing, keeping] = both.0;
        assert!(freeing.kept() <= 14, "seed {seed}");
        assert!(keeping.kept() > 15, "seed {seed}");
    }
}

#[test]
fn early_results_go_on() {
    for seed in 0..70u64 {
        let keys: &[usize] = if seed % 7 < 3 { &[] } else { &[0] };
        let mut operator = Restarting::by_key(seed, keys, move |_| early(seed));
        assert!(drive(seed, INSERTS, &mut operator) > 0);
    }
    assert!(resumed() > 0, "some restarts are gone on from");
}
