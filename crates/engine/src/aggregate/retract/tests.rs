//! Twins: after any history of changes a result is the one of a fresh computation over what is left.

use arrow::array::{Array, BooleanArray, Date32Array, Float64Array, StringArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Field;
use datafusion::functions_aggregate as f;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use sloth_plan::CallOrder;
use sloth_types::rng::Rng;

use super::*;
use crate::aggregate::{accumulator as make, valid_rows};

/// A pool of argument values that rows are drawn from.
fn pool(kind: &str) -> ArrayRef {
    match kind {
        "int" => Arc::new(Int64Array::from(vec![Some(3), None, Some(-7), Some(3), Some(i64::MAX), Some(0), Some(12)])),
        "small" => cast(&pool("int"), &DataType::Int16).unwrap(),
        "float" => Arc::new(Float64Array::from(vec![
            Some(0.1),
            Some(1e308),
            Some(-1e308),
            None,
            Some(f64::NAN),
            Some(f64::INFINITY),
            Some(f64::NEG_INFINITY),
            Some(1e-300),
            Some(0.3),
        ])),
        "real" => Arc::new(Float64Array::from(vec![Some(0.1), Some(-2.5), None, Some(1e6), Some(0.3)])),
        "decimal" => {
            let values = vec![Some(12_345), Some(-1), None, Some(99_999_999), Some(50)];
            Arc::new(Decimal128Array::from(values).with_precision_and_scale(18, 2).unwrap())
        }
        "text" => Arc::new(StringArray::from(vec![Some("b"), Some(""), None, Some("abc"), Some("b\0"), Some("ä")])),
        "date" => Arc::new(Date32Array::from(vec![Some(5), None, Some(-5), Some(19_000)])),
        _ => Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)])),
    }
}

fn call(function: Arc<AggregateUDF>, kind: &str, separator: Option<&str>) -> AggregateCall {
    let argument = pool(kind).data_type().clone();
    let mut arg_exprs: Vec<Arc<dyn PhysicalExpr>> = vec![Arc::new(Column::new("a0", 0))];
    let mut arg_fields = vec![Field::new("a0", argument, true)];
    if let Some(text) = separator {
        arg_exprs.push(Arc::new(Literal::new(ScalarValue::Utf8(Some(text.to_owned())))));
        arg_fields.push(Field::new("a1", DataType::Utf8, true));
    }
    let types: Vec<_> = arg_fields.iter().map(|f| Arc::new(f.clone())).collect();
    let output = match (function.name(), arg_fields[0].data_type()) {
        ("sum" | "avg", DataType::Int16) => DataType::Int16,
        ("avg", DataType::Int64) => DataType::Int64,
        ("sum" | "avg", DataType::Decimal128(_, _)) => {
            DataType::Decimal128(38, 6.min(if function.name() == "sum" { 2 } else { 6 }))
        }
        _ => function.return_field(&types).unwrap().data_type().clone(),
    };
    AggregateCall {
        args: (0..arg_fields.len()).collect(),
        distinct: false,
        filter: None,
        output: Arc::new(Field::new("out", output, true)),
        sql: format!("{}({kind})", function.name()),
        function,
        arg_exprs,
        arg_fields,
        order: vec![],
        by_content: false,
        ignore_nulls: false,
    }
}

/// Every function with the types that it has a form of its own for.
fn calls() -> Vec<AggregateCall> {
    let mut calls = vec![];
    for kind in ["int", "small", "float", "decimal", "text", "date", "bool"] {
        calls.push(call(f::count::count_udaf(), kind, None));
        calls.push(call(f::min_max::min_udaf(), kind, None));
        calls.push(call(f::min_max::max_udaf(), kind, None));
        calls.push(call(f::array_agg::array_agg_udaf(), kind, None));
        calls.push(call(f::first_last::first_value_udaf(), kind, None));
        calls.push(call(f::first_last::last_value_udaf(), kind, None));
    }
    for kind in ["int", "small", "float", "decimal"] {
        calls.push(call(f::sum::sum_udaf(), kind, None));
        calls.push(call(f::average::avg_udaf(), kind, None));
    }
    calls.push(call(f::string_agg::string_agg_udaf(), "text", Some(", ")));
    calls.push(call(f::bool_and_or::bool_and_udaf(), "bool", None));
    calls.push(call(f::bool_and_or::bool_or_udaf(), "bool", None));
    calls.push(call(f::median::median_udaf(), "int", None));
    calls.push(call(f::bit_and_or_xor::bit_xor_udaf(), "int", None));
    calls.push(call(f::variance::var_pop_udaf(), "real", None));
    let distinct = |c: &AggregateCall| {
        let name = c.function.name();
        (!matches!(name, "first_value" | "last_value" | "median" | "var_pop" | "bit_xor")).then(|| AggregateCall {
            distinct: true,
            sql: format!("distinct {}", c.sql),
            ..c.clone()
        })
    };
    let distinct: Vec<_> = calls.iter().filter_map(distinct).collect();
    calls.extend(distinct);
    let orders = |c: &AggregateCall| {
        let order = |descending, nulls_first| {
            let data_type = c.arg_fields[0].data_type().clone();
            let order = vec![CallOrder { column: 0, data_type, descending, nulls_first }];
            AggregateCall { order, sql: format!("{} ORDER BY {descending} {nulls_first}", c.sql), ..c.clone() }
        };
        let by_content = AggregateCall { by_content: true, sql: format!("{} by content", c.sql), ..c.clone() };
        [order(true, false), order(false, true), by_content]
    };
    let sorted: Vec<_> =
        calls.iter().filter(|c| c.order_matters() && !c.function.name().starts_with("var")).flat_map(orders).collect();
    calls.extend(sorted);
    calls
}

/// Rows as places in the pool, in the order of arrival, by slot.
type Twin = Vec<Vec<u32>>;

fn input(call: &AggregateCall, kind: &ArrayRef, rows: &[u32], weights: Option<Vec<i64>>) -> Input {
    let values = take(kind, &UInt32Array::from(rows.to_vec()), None).unwrap();
    let mut args = vec![values];
    if call.args.len() == 2 {
        args.push(Arc::new(StringArray::from(vec![", "; rows.len()])));
    }
    let valid = valid_rows(call, &args, None);
    args.extend(call.order.iter().map(|_| ArrayRef::clone(&args[0])).collect::<Vec<_>>());
    Input { args, valid, rows: rows.len(), weights: weights.map(Int64Array::from) }
}

/// The result over what is left, by the accumulator for rows that are never taken back.
fn fresh(call: &AggregateCall, kind: &ArrayRef, rows: &[u32]) -> ArrayRef {
    let mut rows = rows.to_vec();
    if call.sorts() {
        let order = call.order.first();
        let (descending, nulls_first) = (order.is_some_and(|o| o.descending), order.is_none_or(|o| o.nulls_first));
        let options = arrow::compute::SortOptions { descending, nulls_first };
        let compare = arrow::array::make_comparator(kind, kind, options).unwrap();
        rows.sort_by(|a, b| compare(*a as usize, *b as usize));
    }
    let plain = AggregateCall { order: vec![], by_content: false, ..call.clone() };
    let mut accumulator = make(&plain, false).unwrap();
    accumulator.resize(1);
    accumulator.update(&input(&plain, kind, &rows, None), Target::One(0)).unwrap();
    accumulator.finish(&[0]).unwrap()
}

fn change(rng: &mut Rng, twin: &mut Twin, pool: &ArrayRef) -> (u32, u32, i64) {
    let slot = rng.below(twin.len() as u64) as usize;
    let rows = &mut twin[slot];
    if !rows.is_empty() && rng.chance(0.45) {
        // An equal row may be at another place of the pool: the earliest equal one goes.
        let row = rows[rng.below(rows.len() as u64) as usize];
        let equal = |a: u32| pool.slice(a as usize, 1).to_data() == pool.slice(row as usize, 1).to_data();
        let at = rows.iter().position(|r| equal(*r)).unwrap();
        rows.remove(at);
        return (slot as u32, row, -1);
    }
    let (row, times) = (rng.below(pool.len() as u64) as u32, rng.between(1, 2));
    rows.extend(std::iter::repeat_n(row, times as usize));
    (slot as u32, row, times)
}

#[test]
fn every_function_follows_changes_as_a_fresh_computation_does() {
    for (number, call) in calls().iter().enumerate() {
        let kind = call.sql.split(['(', ')']).nth(1).unwrap();
        let pool = pool(kind);
        for seed in 0..40 {
            let mut rng = Rng::new(seed * 1000 + number as u64);
            let mut accumulator = make(call, true).unwrap();
            let mut twin: Twin = vec![vec![]; 3];
            accumulator.resize(4);
            for step in 0..6 {
                let changes: Vec<_> = (0..rng.below(12)).map(|_| change(&mut rng, &mut twin, &pool)).collect();
                let rows: Vec<u32> = changes.iter().map(|c| c.1).collect();
                let slots: Vec<u32> = changes.iter().map(|c| c.0).collect();
                let weights = changes.iter().map(|c| c.2).collect();
                accumulator.update(&input(call, &pool, &rows, Some(weights)), Target::Each(&slots)).unwrap();
                if rng.chance(0.1) {
                    accumulator.clear(1);
                    twin[1].clear();
                }
                if rng.chance(0.3) {
                    // The same from parts.
                    let states = accumulator.state(&[0, 1, 2]).unwrap();
                    let types: Vec<DataType> = states.iter().map(|s| s.data_type().clone()).collect();
                    assert_eq!(types, accumulator.state_types(), "{}", call.sql);
                    accumulator = make(call, true).unwrap();
                    accumulator.resize(4);
                    accumulator.merge(&states, Target::Each(&[0, 1, 2])).unwrap();
                }
                let found = accumulator.finish(&[2, 0, 1]).unwrap();
                for (place, slot) in [2, 0, 1].into_iter().enumerate() {
                    let expected = fresh(call, &pool, &twin[slot]);
                    let found = found.slice(place, 1);
                    let same = found.to_data() == expected.to_data() || format!("{found:?}") == format!("{expected:?}");
                    assert!(
                        same,
                        "{} seed {seed} step {step} slot {slot}: {found:?} instead of {expected:?}",
                        call.sql
                    );
                }
            }
        }
    }
}
