//! Rows as JSON arrays, exact: decimals are strings, whole numbers beyond 2^53 too, times are milliseconds.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Whole numbers up to here are exact as a JavaScript number.
const SAFE_INTEGER_MAX: i128 = (1 << 53) - 1;

/// Row `row` of `columns` as a JSON array.
pub(crate) fn row(columns: &[ArrayRef], row: usize) -> Box<str> {
    let mut out = String::with_capacity(16 * columns.len() + 2);
    out.push('[');
    for (index, column) in columns.iter().enumerate() {
        super::table::comma(&mut out, index);
        push_value(&mut out, column.as_ref(), row);
    }
    out.push(']');
    out.into_boxed_str()
}

/// What a client is told about a column's type.
pub(crate) fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        t if t.is_integer() => "integer",
        t if t.is_floating() => "float",
        t if t.is_decimal() => "decimal",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamp_ltz",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "array",
        DataType::Struct(_) => "row",
        DataType::Map(..) => "map",
        DataType::Dictionary(_, value) => type_name(value),
        _ => "other",
    }
}

/// `text` as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => put(out, format_args!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn push_value(out: &mut String, array: &dyn Array, row: usize) {
    if array.is_null(row) {
        return out.push_str("null");
    }
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => integer(out, get::<Int8Type>(array, row)),
        DataType::Int16 => integer(out, get::<Int16Type>(array, row)),
        DataType::Int32 => integer(out, get::<Int32Type>(array, row)),
        DataType::Int64 => integer(out, get::<Int64Type>(array, row)),
        DataType::UInt8 => integer(out, get::<UInt8Type>(array, row)),
        DataType::UInt16 => integer(out, get::<UInt16Type>(array, row)),
        DataType::UInt32 => integer(out, get::<UInt32Type>(array, row)),
        DataType::UInt64 => integer(out, get::<UInt64Type>(array, row)),
        DataType::Float16 => float(out, get::<Float16Type>(array, row).to_f64()),
        DataType::Float32 => float32(out, get::<Float32Type>(array, row)),
        DataType::Float64 => float(out, get::<Float64Type>(array, row)),
        DataType::Decimal128(..) => push_string(out, &array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => push_string(out, &array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => push_string(out, array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => push_string(out, array.as_string::<i64>().value(row)),
        DataType::Utf8View => push_string(out, array.as_string_view().value(row)),
        DataType::Timestamp(unit, _) => timestamp(out, *unit, array, row),
        DataType::List(_) => list(out, &array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(out, &array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(out, &array.as_fixed_size_list().value(row)),
        DataType::Struct(_) => object(out, array, row),
        DataType::Map(..) => map(out, array, row),
        _ => formatted(out, array, row),
    }
}

fn get<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    let array: &PrimitiveArray<T> = array.as_primitive();
    array.value(row)
}

fn integer(out: &mut String, value: impl Into<i128>) {
    let value = value.into();
    if value.abs() <= SAFE_INTEGER_MAX {
        put(out, format_args!("{value}"));
    } else {
        put(out, format_args!("\"{value}\""));
    }
}

fn float(out: &mut String, value: f64) {
    // `Debug` of a float is the shortest text that reads back the same, with an exponent where that is shorter.
    if value.is_finite() { put(out, format_args!("{value:?}")) } else { put(out, format_args!("\"{value}\"")) }
}

fn float32(out: &mut String, value: f32) {
    if value.is_finite() { put(out, format_args!("{value:?}")) } else { put(out, format_args!("\"{value}\"")) }
}

/// Milliseconds since 1970, with a fraction where the value has one.
fn timestamp(out: &mut String, unit: TimeUnit, array: &dyn Array, row: usize) {
    let (value, per_ms) = match unit {
        TimeUnit::Second => (i128::from(get::<TimestampSecondType>(array, row)) * 1000, 1),
        TimeUnit::Millisecond => (i128::from(get::<TimestampMillisecondType>(array, row)), 1),
        TimeUnit::Microsecond => (i128::from(get::<TimestampMicrosecondType>(array, row)), 1000),
        TimeUnit::Nanosecond => (i128::from(get::<TimestampNanosecondType>(array, row)), 1_000_000),
    };
    if value % per_ms == 0 {
        put(out, format_args!("{}", value / per_ms));
    } else {
        float(out, value as f64 / per_ms as f64);
    }
}

fn list(out: &mut String, values: &ArrayRef) {
    out.push('[');
    for index in 0..values.len() {
        super::table::comma(out, index);
        push_value(out, values.as_ref(), index);
    }
    out.push(']');
}

fn object(out: &mut String, array: &dyn Array, row: usize) {
    let array = array.as_struct();
    out.push('{');
    for (index, (field, column)) in array.fields().iter().zip(array.columns()).enumerate() {
        super::table::comma(out, index);
        push_string(out, field.name());
        out.push(':');
        push_value(out, column.as_ref(), row);
    }
    out.push('}');
}

/// A map as a list of pairs: keys need not be strings.
fn map(out: &mut String, array: &dyn Array, row: usize) {
    let entries = array.as_map().value(row);
    out.push('[');
    for index in 0..entries.len() {
        super::table::comma(out, index);
        out.push('[');
        for (side, column) in entries.columns().iter().enumerate() {
            super::table::comma(out, side);
            push_value(out, column.as_ref(), index);
        }
        out.push(']');
    }
    out.push(']');
}

/// Types without a form of their own, as Arrow prints them.
fn formatted(out: &mut String, array: &dyn Array, row: usize) {
    match ArrayFormatter::try_new(array, &FormatOptions::default()) {
        Ok(formatter) => push_string(out, &formatter.value(row).to_string()),
        Err(_) => out.push_str("null"),
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
}
