//! Accumulators whose rows are never taken back, made again from their state: they go on to the same bits.

use arrow::array::{Float64Array, StringArray};
use datafusion::functions_aggregate as f;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::expressions::Column;
use datafusion::scalar::ScalarValue;
use sloth_types::rng::Rng;
use std::sync::Arc;

use super::*;

fn call(function: Arc<AggregateUDF>, args: &[DataType], distinct: bool) -> AggregateCall {
    let arg_fields: Vec<Field> =
        args.iter().enumerate().map(|(i, t)| Field::new(format!("a{i}"), t.clone(), true)).collect();
    let types: Vec<_> = arg_fields.iter().map(|f| Arc::new(f.clone())).collect();
    let output = match (function.name(), args.first()) {
        ("avg", Some(DataType::Int64)) => DataType::Int64,
        _ => function.return_field(&types).unwrap().data_type().clone(),
    };
    AggregateCall {
        sql: format!("{}({args:?}) {distinct}", function.name()),
        function,
        arg_exprs: (0..args.len()).map(|i| Arc::new(Column::new(&format!("a{i}"), i)) as _).collect(),
        args: (0..args.len()).collect(),
        distinct,
        filter: None,
        output: Arc::new(Field::new("out", output, true)),
        arg_fields,
        order: vec![],
        by_content: false,
        ignore_nulls: false,
    }
}

fn calls() -> Vec<AggregateCall> {
    use DataType::{Float64 as F, Int64 as I, Utf8 as T};
    let mut calls = vec![];
    for t in [I, F, T] {
        for distinct in [false, true] {
            calls.push(call(f::count::count_udaf(), std::slice::from_ref(&t), distinct));
            calls.push(call(f::array_agg::array_agg_udaf(), std::slice::from_ref(&t), distinct));
        }
        calls.push(call(f::min_max::min_udaf(), std::slice::from_ref(&t), false));
        calls.push(call(f::min_max::max_udaf(), std::slice::from_ref(&t), false));
        calls.push(call(f::first_last::first_value_udaf(), std::slice::from_ref(&t), false));
        calls.push(call(f::first_last::last_value_udaf(), std::slice::from_ref(&t), false));
    }
    for t in [I, F] {
        for distinct in [false, true] {
            calls.push(call(f::sum::sum_udaf(), std::slice::from_ref(&t), distinct));
            calls.push(call(f::average::avg_udaf(), std::slice::from_ref(&t), distinct));
        }
        calls.push(call(f::median::median_udaf(), std::slice::from_ref(&t), false));
    }
    calls.push(call(f::bit_and_or_xor::bit_xor_udaf(), &[I], false));
    for function in [f::variance::var_pop_udaf(), f::variance::var_samp_udaf(), f::stddev::stddev_udaf()] {
        calls.push(call(function, &[F], false));
    }
    calls.push(call(f::stddev::stddev_pop_udaf(), &[F], false));
    let pairs = [
        f::covariance::covar_pop_udaf(),
        f::covariance::covar_samp_udaf(),
        f::correlation::corr_udaf(),
        f::regr::regr_slope_udaf(),
        f::regr::regr_intercept_udaf(),
        f::regr::regr_r2_udaf(),
        f::regr::regr_avgx_udaf(),
        f::regr::regr_sxy_udaf(),
        f::regr::regr_avgy_udaf(),
        f::regr::regr_sxx_udaf(),
        f::regr::regr_syy_udaf(),
        f::regr::regr_count_udaf(),
    ];
    calls.extend(pairs.into_iter().map(|function| call(function, &[F, F], false)));
    calls.push(call(f::approx_distinct::approx_distinct_udaf(), &[T], false));
    calls
}

fn column(rng: &mut Rng, data_type: &DataType, rows: usize) -> ArrayRef {
    let mut some = |n: u64| (!rng.chance(0.15)).then(|| rng.below(n));
    match data_type {
        DataType::Int64 => Arc::new((0..rows).map(|_| some(50).map(|n| n as i64 - 20)).collect::<Int64Array>()),
        DataType::Float64 => {
            Arc::new((0..rows).map(|_| some(1000).map(|n| n as f64 / 7.0 + 0.1)).collect::<Float64Array>())
        }
        _ => Arc::new((0..rows).map(|_| some(9).map(|n| format!("t{n}"))).collect::<StringArray>()),
    }
}

#[test]
fn an_accumulator_goes_on_from_its_state() {
    let mut wrong = std::collections::BTreeSet::new();
    for (number, call) in calls().iter().enumerate() {
        for seed in 0..12 {
            let mut rng = Rng::new(seed * 1000 + number as u64);
            let (mut one, mut other) = (accumulator(call, false).unwrap(), accumulator(call, false).unwrap());
            [&mut one, &mut other].into_iter().for_each(|a| a.resize(4));
            for _ in 0..8 {
                let rows = rng.below(30) as usize;
                let args: Vec<ArrayRef> =
                    call.arg_fields.iter().map(|f| column(&mut rng, f.data_type(), rows)).collect();
                let valid = valid_rows(call, &args, None);
                let slots: Vec<u32> = (0..rows).map(|_| rng.below(3) as u32).collect();
                let input = Input { args, valid, rows, weights: None };
                one.update(&input, Target::Each(&slots)).unwrap();
                other.update(&input, Target::Each(&slots)).unwrap();
                if rng.chance(0.4) {
                    // Its slots may be others then.
                    let states = other.state(&[2, 0, 1]).unwrap();
                    let types: Vec<DataType> = states.iter().map(|s| s.data_type().clone()).collect();
                    assert_eq!(types, other.state_types(), "{}", call.sql);
                    other = accumulator(call, false).unwrap();
                    other.resize(4);
                    other.merge(&states, Target::Each(&[2, 0, 1])).unwrap();
                }
                let (one, other) = (one.finish(&[0, 1, 2]).unwrap(), other.finish(&[0, 1, 2]).unwrap());
                if one.to_data() != other.to_data() {
                    wrong.insert(call.sql.clone());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn statistics_are_those_of_datafusion_bit_by_bit() {
    let calls = calls().into_iter().filter(|call| call.order_matters() && call.arg_fields[0].data_type().is_floating());
    let mut compared = 0;
    for (number, call) in calls.enumerate() {
        let expr = foreign::expression(&call).unwrap();
        for seed in 0..40 {
            let mut rng = Rng::new(seed * 1000 + number as u64);
            let (mut own, mut theirs) = (moments::row_accumulator(&expr).unwrap(), expr.create_accumulator().unwrap());
            for _ in 0..rng.below(6) {
                let rows = rng.below(4) as usize;
                let args: Vec<ArrayRef> =
                    call.arg_fields.iter().map(|f| column(&mut rng, f.data_type(), rows)).collect();
                own.update_batch(&args).unwrap();
                theirs.update_batch(&args).unwrap();
            }
            let (own, theirs) = (own.evaluate().unwrap(), theirs.evaluate().unwrap());
            let bits = |value: &ScalarValue| match value {
                ScalarValue::Float64(Some(float)) => format!("{:x}", float.to_bits()),
                other => format!("{other:?}"),
            };
            assert_eq!(bits(&own), bits(&theirs), "{} seed {seed}", call.sql);
            compared += 1;
        }
    }
    assert!(compared > 500);
}
