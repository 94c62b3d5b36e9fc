//! Values of `datagen`: bounds, kinds, sequences, NULLs.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int32Type, Int64Type, IntervalUnit, TimeUnit,
};

use super::super::tests::{NOW_MS, all, error, longs, millis, schema, source, timestamp};

fn one(kind: DataType, options: &[(&str, &str)]) -> ArrayRef {
    let options: Vec<_> = options.iter().copied().chain([("number-of-rows", "4000")]).collect();
    all("datagen", &schema(&[("f", kind)]), &options).column(0).clone()
}

#[test]
fn numbers_stay_within_their_bounds_and_fill_them() {
    let bounds = [("fields.f.min", "-3"), ("fields.f.max", "6")];
    let small = one(DataType::Int8, &bounds);
    let seen: std::collections::BTreeSet<i8> = small.as_primitive::<Int8Type>().values().iter().copied().collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (-3..=6).collect::<Vec<_>>());
    let big = one(DataType::Int64, &[]);
    assert!(longs(&big).iter().any(|v| *v > i64::MAX / 2) && longs(&big).iter().any(|v| *v < i64::MIN / 2));
    let int = one(DataType::Int32, &[]);
    assert!(int.as_primitive::<Int32Type>().values().iter().any(|v| *v < 0));
    let float = one(DataType::Float32, &bounds);
    let float = float.as_primitive::<Float32Type>().values();
    assert!(float.iter().all(|v| (-3.0..=6.0).contains(v)) && float.iter().any(|v| v.fract() != 0.0));
    assert!(one(DataType::Float64, &[]).as_primitive::<Float64Type>().values().iter().all(|v| v.is_finite()));
    let decimal = one(DataType::Decimal128(30, 2), &[("fields.f.min", "1.5"), ("fields.f.max", "2.25")]);
    let decimal = decimal.as_primitive::<Decimal128Type>().values();
    assert!(decimal.iter().all(|v| (150..=225).contains(v)) && decimal.contains(&150) && decimal.contains(&225));
    let decimal = one(DataType::Decimal128(38, 0), &[]);
    assert!(decimal.as_primitive::<Decimal128Type>().values().iter().any(|v| *v > 10_i128.pow(37)));
}

#[test]
fn every_scalar_type_has_values() {
    for kind in [
        DataType::Boolean,
        DataType::Int16,
        DataType::Utf8View,
        DataType::Binary,
        DataType::FixedSizeBinary(4),
        DataType::Date32,
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Timestamp(TimeUnit::Second, Some("Asia/Shanghai".into())),
        DataType::Interval(IntervalUnit::YearMonth),
        DataType::Interval(IntervalUnit::DayTime),
        DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Duration(TimeUnit::Millisecond),
    ] {
        let array = one(kind.clone(), &[]);
        assert_eq!((array.data_type(), array.len(), array.null_count()), (&kind, 4000, 0));
    }
}

#[test]
fn texts_have_their_length() {
    let fixed = one(DataType::Utf8, &[("fields.f.length", "7")]);
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(fixed.as_string::<i32>().iter().flatten().all(|text| text.len() == 7 && hex(text)));
    let varied = one(DataType::Utf8, &[("fields.f.length", "7"), ("fields.f.var-len", "true")]);
    let lengths: std::collections::BTreeSet<_> = varied.as_string::<i32>().iter().flatten().map(str::len).collect();
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert!(one(DataType::Utf8, &[]).as_string::<i32>().iter().flatten().all(|text| text.len() == 100));
}

#[test]
fn nulls_come_at_their_rate() {
    let nulls = one(DataType::Int64, &[("fields.f.null-rate", "0.25")]).null_count();
    assert!((900..1100).contains(&nulls), "{nulls} of 4000");
    assert_eq!(one(DataType::Utf8, &[("fields.f.null-rate", "1")]).null_count(), 4000);
}

#[test]
fn a_sequence_ends_the_table() {
    let fields = schema(&[("id", DataType::Int64), ("name", DataType::Utf8), ("other", DataType::Int32)]);
    let options = [
        ("fields.id.kind", "sequence"),
        ("fields.id.start", "11"),
        ("fields.id.end", "20"),
        ("fields.name.kind", "sequence"),
        ("fields.name.start", "-2"),
        ("fields.name.end", "5"),
    ];
    let rows: RecordBatch = all("datagen", &fields, &options);
    assert_eq!(longs(rows.column(0)), (11..19).collect::<Vec<_>>());
    let names: Vec<_> = rows.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(names, ["-2", "-1", "0", "1", "2", "3", "4", "5"]);
    assert!(source("datagen", &fields, &options).unwrap().bounded());
    assert!(!source("datagen", &fields, &[]).unwrap().bounded());
    let sequence = [("fields.t.kind", "sequence"), ("fields.t.start", "1"), ("fields.t.end", "2")];
    assert!(error("datagen", &schema(&[("t", timestamp())]), &sequence).contains("cannot be a sequence"));
}

#[test]
fn times_follow_the_clock_and_reach_back() {
    let fields = schema(&[("at", timestamp()), ("past", timestamp())]);
    let options = [("fields.past.max-past", "10 s"), ("number-of-rows", "2000"), ("rows-per-second", "1000")];
    let rows = all("datagen", &fields, &options);
    let (at, past) = (millis(rows.column(0)), millis(rows.column(1)));
    assert_eq!(at, (0..2000).map(|i| NOW_MS + i).collect::<Vec<_>>());
    assert!(at.iter().zip(past).all(|(at, past)| (0..=10_000).contains(&(at - past))));
    assert!(at.iter().zip(past).any(|(at, past)| at - past > 9_000));
}

#[test]
fn collections_have_their_length_and_maps_distinct_keys() {
    let element = arrow::datatypes::Field::new("element", DataType::Int64, true);
    let list = one(DataType::List(element.into()), &[("fields.f.length", "4"), ("fields.f.element.max", "3")]);
    let list = list.as_list::<i32>();
    assert!(list.iter().flatten().all(|row| row.len() == 4 && row.as_primitive::<Int64Type>().values()[0] <= 3));
    let pair = vec![
        arrow::datatypes::Field::new("key", DataType::Int8, false),
        arrow::datatypes::Field::new("value", DataType::Int8, true),
    ];
    let entries = arrow::datatypes::Field::new("entries", DataType::Struct(pair.into()), false);
    let keys = [("fields.f.key.min", "0"), ("fields.f.key.max", "3")];
    let map = one(DataType::Map(entries.into(), false), &keys);
    let map = map.as_map();
    assert!((0..map.len()).all(|i| {
        let entries = map.value(i);
        let keys = entries.column(0).as_primitive::<Int8Type>().values().to_vec();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        (1..=3).contains(&keys.len()) && distinct.len() == keys.len()
    }));
    assert!((0..map.len()).any(|i| map.value_length(i) == 3));
}
