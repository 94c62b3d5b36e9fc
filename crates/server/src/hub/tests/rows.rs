//! Small batches of a key and a value, and the JSON form of all kinds of values.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray, TimestampSecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use sloth_types::ChangeBatch;

use crate::hub::json;

pub(super) fn key_value_schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![field("k"), field("v")]))
}

/// Changes from (diff, key, value).
pub(super) fn changes(rows: &[(i64, i64, i64)]) -> ChangeBatch {
    let column = |pick: fn(&(i64, i64, i64)) -> i64| Int64Array::from_iter_values(rows.iter().map(pick));
    let columns: Vec<ArrayRef> = vec![Arc::new(column(|r| r.1)), Arc::new(column(|r| r.2))];
    let rows = RecordBatch::try_new(key_value_schema(), columns).unwrap();
    ChangeBatch::changes(rows, Some(column(|r| r.0)))
}

pub(super) fn pairs(batch: &ChangeBatch) -> Vec<(i64, i64)> {
    let column = |index| batch.rows.column(index).as_primitive::<Int64Type>().values().iter().copied();
    column(0).zip(column(1)).collect()
}

pub(super) fn values(batch: &ChangeBatch) -> Vec<i64> {
    pairs(batch).into_iter().map(|p| p.1).collect()
}

fn text(column: impl arrow::array::Array + 'static) -> String {
    let columns: Vec<ArrayRef> = vec![Arc::new(column)];
    json::row(&columns, 0).into()
}

#[test]
fn values_are_exact_in_json() {
    let money = Decimal128Array::from(vec![-123_456_789_012_345_678_905]).with_precision_and_scale(38, 2).unwrap();
    assert_eq!(text(money), r#"["-1234567890123456789.05"]"#);
    assert_eq!(text(Int64Array::from(vec![(1 << 53) - 1])), "[9007199254740991]");
    assert_eq!(text(Int64Array::from(vec![1 << 53])), r#"["9007199254740992"]"#);
    assert_eq!(text(Int64Array::from(vec![i64::MIN])), r#"["-9223372036854775808"]"#);
    assert_eq!(text(Int64Array::from(vec![None])), "[null]");
    assert_eq!(text(Float64Array::from(vec![0.1])), "[0.1]");
    assert_eq!(text(Float64Array::from(vec![1e300])), "[1e300]");
    assert_eq!(text(Float64Array::from(vec![f64::NAN])), r#"["NaN"]"#);
    assert_eq!(text(Float64Array::from(vec![f64::NEG_INFINITY])), r#"["-inf"]"#);
    assert_eq!(text(BooleanArray::from(vec![true])), "[true]");
    assert_eq!(text(StringArray::from(vec!["双\n\"11\"\u{1}\\"])), r#"["双\n\"11\"\u0001\\"]"#);
    assert_eq!(text(TimestampSecondArray::from(vec![1_700_000_000])), "[1700000000000]");
    assert_eq!(text(TimestampMicrosecondArray::from(vec![1_500])), "[1.5]");
    assert_eq!(text(Date32Array::from(vec![19_000])), r#"["2022-01-08"]"#);
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), None])]);
    assert_eq!(text(list), "[[1,null]]");
    let field = Arc::new(Field::new("a\"b", DataType::Int64, true));
    let object = StructArray::from(vec![(field, Arc::new(Int64Array::from(vec![7])) as ArrayRef)]);
    assert_eq!(text(object), r#"[{"a\"b":7}]"#);
}

#[test]
fn every_row_is_valid_json() {
    for c in (0..0x250u32).filter_map(char::from_u32) {
        let row = text(StringArray::from(vec![c.to_string()]));
        assert_eq!(serde_json::from_str::<Vec<String>>(&row).unwrap(), [c.to_string()]);
    }
}
