//! Arrays opened for writing row by row: the common base of the text encoders and of `print`.

use std::io::Write;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int64Array, StringArray, Time64NanosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit};
use arrow::datatypes::{FieldRef, Time64NanosecondType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sloth_types::{Error, Result};

use super::value::number::write_decimal;
use super::value::time::{write_date, write_time, write_timestamp};

/// How dates and times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeStyle {
    /// Between date and time.
    pub(crate) separator: u8,
}

impl TimeStyle {
    /// `2024-11-11 00:00:00`
    pub(crate) const SQL: TimeStyle = TimeStyle { separator: b' ' };
    /// `2024-11-11T00:00:00`
    pub(crate) const ISO: TimeStyle = TimeStyle { separator: b'T' };
}

/// A column, its type resolved once.
pub(crate) struct Cells {
    nulls: Option<NullBuffer>,
    pub(crate) values: Values,
}

/// The values of a column; related types are made one by a cast of the whole column.
pub(crate) enum Values {
    /// Only NULLs.
    Null,
    Bool(BooleanArray),
    Int(Int64Array),
    Float(Float32Array),
    Double(Float64Array),
    Decimal(Decimal128Array, i8),
    Text(StringArray),
    Bytes(BinaryArray),
    Date(Date32Array),
    Time(Time64NanosecondArray),
    /// Count of the unit since 1970, and whether it is an instant (`TIMESTAMP_LTZ`).
    Timestamp(Int64Array, TimeUnit, bool),
    Row(Vec<(FieldRef, Cells)>),
    /// Offsets and elements.
    List(Vec<usize>, Box<Cells>),
    /// Offsets, keys, values.
    Map(Vec<usize>, Box<[Cells; 2]>),
}

impl Cells {
    /// Opens a column.
    ///
    /// # Errors
    /// When text formats do not have the type.
    pub(crate) fn of(array: &ArrayRef) -> Result<Cells> {
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Bool(array.as_boolean().clone()),
            DataType::Float16 | DataType::Float32 => {
                Values::Float(cast(array, &DataType::Float32)?.as_primitive::<Float32Type>().clone())
            }
            DataType::Float64 => Values::Double(array.as_primitive::<Float64Type>().clone()),
            DataType::UInt64 => Self::decimal(array, 20, 0)?,
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => Self::decimal(array, 38, *scale)?,
            DataType::Decimal128(precision, scale) => Self::decimal(array, *precision, *scale)?,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Values::Text(cast(array, &DataType::Utf8)?.as_string().clone())
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Values::Bytes(cast(array, &DataType::Binary)?.as_binary().clone())
            }
            DataType::Date32 | DataType::Date64 => {
                Values::Date(cast(array, &DataType::Date32)?.as_primitive::<Date32Type>().clone())
            }
            DataType::Time32(_) | DataType::Time64(_) => {
                let times = cast(array, &DataType::Time64(TimeUnit::Nanosecond))?;
                Values::Time(times.as_primitive::<Time64NanosecondType>().clone())
            }
            DataType::Timestamp(unit, zone) => {
                let counts = cast(array, &DataType::Int64)?;
                Values::Timestamp(counts.as_primitive::<Int64Type>().clone(), *unit, zone.is_some())
            }
            DataType::Dictionary(_, value) => return Cells::of(&cast(array, value)?),
            whole if whole.is_integer() => {
                Values::Int(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
            _ => Self::nested(array)?,
        };
        Ok(Cells { nulls: array.logical_nulls(), values })
    }

    fn decimal(array: &ArrayRef, precision: u8, scale: i8) -> Result<Values> {
        let decimals = cast(array, &DataType::Decimal128(precision, scale))?;
        Ok(Values::Decimal(decimals.as_primitive::<Decimal128Type>().clone(), scale))
    }

    fn nested(array: &ArrayRef) -> Result<Values> {
        let ends = |offsets: &[i32]| offsets.iter().map(|o| *o as usize).collect::<Vec<usize>>();
        Ok(match array.data_type() {
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                let cells: Result<Vec<_>> =
                    fields.iter().zip(columns).map(|(f, c)| Ok((f.clone(), Cells::of(c)?))).collect();
                Values::Row(cells?)
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Values::List(ends(list.offsets()), Box::new(Cells::of(list.values())?))
            }
            DataType::LargeList(item) | DataType::FixedSizeList(item, _) | DataType::ListView(item) => {
                return Ok(Cells::of(&cast(array, &DataType::List(item.clone()))?)?.values);
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let pair = [Cells::of(map.keys())?, Cells::of(map.values())?];
                Values::Map(ends(map.offsets()), Box::new(pair))
            }
            other => return Err(Error::unsupported(format!("text formats do not have the type {other}"))),
        })
    }

    /// The columns of a batch.
    ///
    /// # Errors
    /// As [`Cells::of`].
    pub(crate) fn of_batch(batch: &arrow::array::RecordBatch) -> Result<Vec<Cells>> {
        batch.columns().iter().map(Cells::of).collect()
    }

    /// True when the value of `row` is NULL.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Writes a scalar that is not NULL without quotes; says whether it was one (nested values are not written).
    pub(crate) fn write_scalar(&self, row: usize, style: TimeStyle, out: &mut Vec<u8>) -> bool {
        // Writing to a Vec cannot fail.
        match &self.values {
            Values::Bool(values) => out.extend_from_slice(if values.value(row) { b"true" } else { b"false" }),
            Values::Int(values) => {
                let _ = write!(out, "{}", values.value(row));
            }
            Values::Float(values) => write_float(f64::from(values.value(row)), values.value(row).to_string(), out),
            Values::Double(values) => write_float(values.value(row), String::new(), out),
            Values::Decimal(values, scale) => write_decimal(out, values.value(row), *scale),
            Values::Text(values) => out.extend_from_slice(values.value(row).as_bytes()),
            Values::Bytes(values) => out.extend_from_slice(STANDARD.encode(values.value(row)).as_bytes()),
            Values::Date(values) => write_date(out, i64::from(values.value(row))),
            Values::Time(values) => write_time(out, values.value(row)),
            Values::Timestamp(values, unit, instant) => {
                write_timestamp(out, values.value(row), *unit, style.separator);
                if *instant {
                    out.push(b'Z');
                }
            }
            Values::Null | Values::Row(_) | Values::List(..) | Values::Map(..) => return false,
        }
        true
    }
}

/// Floats with a point or an exponent, so that they stay floats: `1.0`, `1e300`, `NaN`.
fn write_float(value: f64, short: String, out: &mut Vec<u8>) {
    let magnitude = value.abs();
    let plain = magnitude == 0.0 || (1e-5..1e16).contains(&magnitude);
    let _ = match (value.is_finite(), plain, short.is_empty()) {
        (false, ..) if value.is_nan() => write!(out, "NaN"),
        (false, ..) => write!(out, "{}Infinity", if value < 0.0 { "-" } else { "" }),
        // `{:?}` writes the shortest text that reads back as the same number.
        (_, _, true) => write!(out, "{value:?}"),
        (_, true, false) if short.contains('.') => write!(out, "{short}"),
        (_, true, false) => write!(out, "{short}.0"),
        (_, false, false) => write!(out, "{:e}", value as f32),
    };
}
