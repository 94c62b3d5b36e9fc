//! What a checkpoint writes of a large state after one row more: in proportion to what has changed.

use super::over::{over_calls, over_schema};
use super::*;

fn epoch_of(number: u64, watermark: i64) -> EpochInfo {
    let watermarks_before = vec![Watermark(watermark)];
    EpochInfo { watermarks: watermarks_before.clone(), watermarks_before, splits: vec![1], ..EpochInfo::alone(number) }
}

fn row_at(key: i64, time: i64) -> Row {
    Row(Some(key), Some(1), 1, 0.5, time, true, false)
}

/// Gives rows to an operator and takes what a checkpoint writes then: all of the state in the first epoch.
fn written(operator: &mut dyn Operator, number: u64, watermark: i64, batch: Batch) -> BTreeMap<String, usize> {
    let (info, mut out) = (epoch_of(number, watermark), vec![]);
    operator.on_batch(&info, batch, &mut out).unwrap();
    operator.on_epoch_end(&info, &mut out).unwrap();
    let sections = if number == 0 { operator.save().unwrap() } else { operator.save_changes().unwrap().unwrap() };
    let rows = |section: &Section| section.rows.iter().map(RecordBatch::num_rows).sum::<usize>();
    let counts = sections.iter().map(|section| (section.name.clone(), rows(section)));
    counts.filter(|(name, rows)| *rows > 0 && name != "passed").collect()
}

fn some(rows: &[Row]) -> Batch {
    batch_of(rows, None, 0)
}

fn counted<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect()
}

/// A thousand rows of one partition.
fn many() -> Batch {
    some(&(0..1000).map(|time| row_at(1, 1 + time)).collect::<Vec<_>>())
}

/// Of a large partition, which may be the only one, the rows that have come or gone are written, and those whose results have
/// changed.
#[test]
fn over_writes_the_rows_that_have_other_results() {
    for partition in [vec![], vec![0]] {
        for early in [false, true] {
            let calls = over_calls(1);
            let schema_out = over_schema(&calls);
            let emission = match early {
                true => OverEmission::Early { time: 4, cascaded: false },
                false => OverEmission::Changes,
            };
            let over = Over { partition: partition.clone(), order: vec![ascending(4)], calls, emission };
            let mut over = OverOperator::new(&over, schema(), schema_out, domain(), JobContext::alone()).unwrap();
            assert_eq!(written(&mut over, 0, 0, many()), counted([("rows", 1000)]));
            assert_eq!(written(&mut over, 1, 0, some(&[row_at(1, 2000)])), counted([("rows changes", 1)]));
            // It is counted in the last row: that goes with its result, and comes with another.
            assert_eq!(written(&mut over, 2, 0, some(&[row_at(1, 1500)])), counted([("rows changes", 3)]));
            assert_eq!(written(&mut over, 3, 0, some(&[])), counted([]));
        }
        let calls = over_calls(1);
        let schema_out = over_schema(&calls);
        let emission = OverEmission::Watermark { time: 4, cascaded: false };
        let over = Over { partition, order: vec![ascending(4)], calls, emission };
        let mut over = TimedOver::new(&over, schema(), schema_out, domain(), JobContext::alone()).unwrap();
        assert_eq!(written(&mut over, 0, 0, many()), counted([("rows", 1000)]));
        assert_eq!(written(&mut over, 1, 0, some(&[row_at(1, 1500)])), counted([("rows changes", 1)]));
        assert_eq!(written(&mut over, 2, 0, some(&[])), counted([]));
        // Rows that have gone are not told of: the watermark says it.
        let running = counted([("rows changes", 1), ("running changed", 1)]);
        assert_eq!(written(&mut over, 3, 900, some(&[row_at(1, 1600)])), running);
    }
}

/// All rows are kept where any of them may come into the range.
#[test]
fn a_ranking_writes_the_rows_that_have_come_and_gone() {
    for partition in [vec![], vec![0]] {
        let rank = Rank {
            partition,
            order: vec![ascending(2)],
            ties: Ties::Content,
            function: RankFunction::RowNumber,
            from: 1,
            to: 3,
            output: true,
            window_end: None,
            emission: Emission::default(),
            proctime: false,
            cascaded: false,
            ttl_ms: None,
        };
        let input = schema();
        let fields = input.fields().iter().map(|f| f.as_ref().clone()).chain([Field::new("n", DataType::Int64, true)]);
        let parts = RankParts {
            rank,
            input: schema(),
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            mode: ChangelogMode::Retract,
            retracts: true,
            time: domain(),
        };
        let mut operator = RankOperator::new(parts, JobContext::alone()).unwrap();
        assert_eq!(written(&mut operator, 0, 0, many()), counted([("rows", 1000)]));
        let moved = batch_of(&[row_at(1, 1), row_at(1, 5000)], Some(vec![-1, 1]), 0);
        assert_eq!(written(&mut operator, 1, 0, moved), counted([("rows changes", 2)]));
        assert_eq!(written(&mut operator, 2, 0, some(&[])), counted([]));
    }
}

/// An attempt that runs over a thousand rows and is not decided.
#[test]
fn a_long_attempt_writes_what_a_row_more_has_mapped() {
    for partition in [vec![], vec![0]] {
        let mut node = MatchRecognize { partition, within_ms: None, ..matching(0) };
        node.variables[1].condition = Condition::Column(5);
        let mut fields: Vec<Field> = node.partition.iter().map(|k| schema().field(*k).clone()).collect();
        fields.extend(node.measures.iter().map(|m| m.field.as_ref().clone()));
        let output = Arc::new(Schema::new(fields));
        let mut operator = MatchOperator::new(&node, &schema(), domain(), output, JobContext::alone()).unwrap();
        assert_eq!(written(&mut operator, 0, 0, many()), counted([("waiting", 1000), ("partitions", 1)]));
        let stands = [("partitions changed", 1), ("threads changed", 2)];
        let mapped = |rows| counted([stands[0], stands[1], ("mapped changes", rows)]);
        assert_eq!(written(&mut operator, 1, 1000, some(&[])), mapped(1000), "the rows are written already");
        let came = counted([stands[0], stands[1], ("rows changes", 1)]);
        assert_eq!(written(&mut operator, 2, 1000, some(&[row_at(1, 1500)])), came);
        assert_eq!(written(&mut operator, 3, 1600, some(&[])), mapped(1));
    }
}

/// Rows that have been given are not given again when the clock is set back.
#[test]
fn a_clock_that_is_set_back_gives_no_row_twice() {
    let calls = over_calls(1);
    let schema_out = over_schema(&calls);
    let over = Over { partition: vec![0], order: vec![], calls, emission: OverEmission::Arrival { by_content: false } };
    let mut over = TimedOver::new(&over, schema(), schema_out, domain(), JobContext::alone()).unwrap();
    for (number, now_ms) in (0..).zip([10, 5, 7, 20]) {
        let (info, mut out) = (EpochInfo { now_ms, ..epoch_of(number, 0) }, vec![]);
        over.on_batch(&info, batch_of(&[row_at(1, 1)], None, 0), &mut out).unwrap();
        over.on_epoch_end(&info, &mut out).unwrap();
        assert_eq!(out.iter().map(|batch| batch.rows.num_rows()).sum::<usize>(), 1, "at {now_ms}");
    }
}
