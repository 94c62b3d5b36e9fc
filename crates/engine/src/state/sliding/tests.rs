//! Windows that slide over random panes, against counting all rows of a window anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::physical_expr::expressions::Column;
use sloth_plan::AggregateCall;
use sloth_types::Watermark;
use sloth_types::rng::Rng;

use super::*;
use crate::message::{Batch, Place};
use crate::operators::panes::{PaneMap, PaneRule};

/// Pane, key, value, and whether the filtered call counts it.
type Row = (i64, i64, Option<String>, bool);

fn schema() -> Schema {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    let types = [time, DataType::Int64, DataType::Utf8, DataType::Boolean];
    Schema::new(["pane", "k", "v", "f"].into_iter().zip(types).map(|(n, t)| field(n, t)).collect::<Vec<_>>())
}

fn count(filter: Option<usize>, distinct: bool) -> AggregateCall {
    AggregateCall {
        sql: "COUNT(v)".to_owned(),
        function: count_udaf(),
        arg_exprs: vec![Arc::new(Column::new("v", 2))],
        args: vec![2],
        distinct,
        filter,
        output: Arc::new(Field::new("n", DataType::Int64, true)),
        arg_fields: vec![Field::new("v", DataType::Utf8, true)],
        order: vec![],
        by_content: false,
        ignore_nulls: false,
    }
}

fn batch(rows: &[Row]) -> Batch {
    let panes: TimestampMillisecondArray = rows.iter().map(|r| Some(r.0)).collect();
    let keys: Int64Array = rows.iter().map(|r| r.1).collect();
    let values: StringArray = rows.iter().map(|r| r.2.as_deref()).collect();
    let filter: BooleanArray = rows.iter().map(|r| Some(r.3)).collect();
    let columns = vec![Arc::new(panes) as _, Arc::new(keys) as _, Arc::new(values) as _, Arc::new(filter) as _];
    Batch::insert(RecordBatch::try_new(Arc::new(schema()), columns).unwrap(), Place::default())
}

/// For each key: distinct values, those that pass the filter, all rows with a value.
fn naive(rows: &[Row], members: &[i64], keyed: bool) -> BTreeMap<i64, [i64; 3]> {
    let mut groups: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| members.contains(&row.0)) {
        groups.entry(if keyed { row.1 } else { 0 }).or_default().push(row);
    }
    let counts = |rows: &Vec<&Row>| {
        let distinct = |filtered: bool| {
            let kept = rows.iter().filter(|r| r.3 || !filtered).filter_map(|r| r.2.as_ref());
            kept.collect::<BTreeSet<_>>().len() as i64
        };
        [distinct(false), distinct(true), rows.iter().filter(|r| r.2.is_some()).count() as i64]
    };
    groups.iter().map(|(key, rows)| (*key, counts(rows))).collect()
}

/// The counts of a window over these panes.
fn window(spec: &mut GroupsSpec, panes: &mut PaneMap, members: &[i64]) -> BTreeMap<i64, [i64; 3]> {
    panes.slide_to(spec, members).unwrap();
    let mut merged = spec.groups().unwrap();
    for pane in members {
        if let Some(groups) = panes.panes.get_mut(pane) {
            merged.absorb(spec, groups, panes.sliding.as_ref(), &mut vec![]).unwrap();
        }
    }
    let slots = merged.alive();
    let results = merged.results_but(spec, &slots, panes.sliding.as_ref().unwrap()).unwrap();
    let column = |i: usize| results[i].as_primitive::<Int64Type>().clone();
    let keyed = results.len() == 4;
    let of = |row: usize| {
        let counts = [0, 1, 2].map(|call| column(call + usize::from(keyed)).value(row));
        (if keyed { column(0).value(row) } else { 0 }, counts)
    };
    (0..results[0].len()).map(of).collect()
}

#[test]
fn counts_over_panes_that_come_and_go_are_those_of_all_rows() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let keyed = seed % 2 == 0;
        // Two calls over one set of values, or one alone.
        let mut calls = vec![count(None, true), count(Some(3), true), count(None, false)];
        if seed % 3 == 0 {
            calls.swap(1, 2);
        }
        let keys: &[usize] = if keyed { &[1] } else { &[] };
        let mut spec = GroupsSpec::new(&schema(), keys, &calls, false).unwrap();
        let mut panes = PaneMap::counting(SlidingGroups::new(&spec).unwrap());
        assert!(panes.sliding.is_some());
        let (mut rows, mut first): (Vec<Row>, i64) = (vec![], 0);
        for step in 0..30 {
            let size = 1 + rng.below(5) as i64;
            let mut new: Vec<Row> = vec![];
            for _ in 0..rng.below(30) {
                let value = rng.chance(0.9).then(|| format!("v{}", rng.below(12)));
                // Panes that a window has already counted get rows, too.
                new.push((first + rng.below(7) as i64, rng.below(3) as i64, value, rng.chance(0.5)));
            }
            if !new.is_empty() {
                panes.add(&mut spec, &PaneRule::End { column: 0 }, &batch(&new), Watermark::NONE).unwrap();
                rows.extend(new);
            }
            let members: Vec<i64> = (first..first + size).filter(|pane| panes.panes.contains_key(pane)).collect();
            let mut expected = naive(&rows, &members, keyed);
            if seed % 3 == 0 {
                expected.values_mut().for_each(|counts| counts.swap(1, 2));
            }
            if !members.is_empty() {
                assert_eq!(window(&mut spec, &mut panes, &members), expected, "seed {seed} step {step}");
            }
            first += rng.below(3) as i64;
            panes.retain(|pane| pane >= first).unwrap();
            rows.retain(|row| row.0 >= first);
        }
    }
}
