//! Every column type in and out of slots.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{Field, Int32Type, Schema, TimeUnit};

use super::*;

fn columns() -> Vec<ArrayRef> {
    vec![
        Arc::new(Int8Array::from(vec![Some(-1), None, Some(3), Some(4)])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(0), None, Some(4)])),
        Arc::new(Float64Array::from(vec![Some(-0.5), None, Some(f64::INFINITY), Some(1e300)])),
        Arc::new(
            Decimal128Array::from(vec![Some(-1), Some(i128::MAX), None, Some(4)])
                .with_data_type(DataType::Decimal128(38, 2)),
        ),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
        Arc::new(StringArray::from(vec![Some("a"), Some(""), None, Some("a longer text than eight bytes")])),
        Arc::new(BinaryArray::from(vec![Some(&b"a"[..]), Some(&[0, 255]), None, Some(b"x")])),
        Arc::new(
            TimestampMillisecondArray::from(vec![Some(1), None, Some(3), Some(4)])
                .with_data_type(DataType::Timestamp(TimeUnit::Millisecond, None)),
        ),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
            Some(vec![Some(4)]),
        ])),
    ]
}

fn store() -> (Rows, Vec<ArrayRef>) {
    let columns = columns();
    let fields: Vec<Field> =
        columns.iter().enumerate().map(|(i, c)| Field::new(format!("c{i}"), c.data_type().clone(), true)).collect();
    (Rows::new(&Schema::new(fields)).unwrap(), columns)
}

#[test]
fn rows_come_back_in_any_order_and_slots_are_used_again() {
    let (mut rows, columns) = store();
    let slots: Vec<u32> = (0..4).map(|_| rows.allot()).collect();
    rows.store(&columns, &[0, 1, 2, 3], &slots).unwrap();
    let order = UInt32Array::from(vec![2u32, 0, 3, 1, 1]);
    for (i, column) in columns.iter().enumerate() {
        let expected = arrow::compute::take(column, &order, None).unwrap();
        assert_eq!(&rows.gather(i, order.values()).unwrap(), &expected, "column {i}");
    }
    rows.remove(slots[1]);
    let again = rows.allot();
    assert_eq!(again, slots[1]);
    rows.store(&columns, &[3], &[again]).unwrap();
    for (i, column) in columns.iter().enumerate() {
        assert_eq!(&rows.gather(i, &[again]).unwrap(), &column.slice(3, 1), "column {i}");
    }
    assert_eq!(rows.len(), 4);
}

#[test]
fn stored_rows_equal_themselves_only() {
    let (mut rows, columns) = store();
    let slots: Vec<u32> = (0..4).map(|_| rows.allot()).collect();
    rows.store(&columns, &[0, 1, 2, 3], &slots).unwrap();
    // A slice: offsets into the buffers must be respected.
    let part: Vec<ArrayRef> = columns.iter().map(|c| c.slice(1, 3)).collect();
    let probe = rows.probe(&part).unwrap();
    for slot in 0..4u32 {
        for row in 0..3 {
            assert_eq!(rows.same(slot, &probe, row), slot as usize == row + 1, "slot {slot}, row {row}");
        }
    }
}
