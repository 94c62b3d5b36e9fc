//! Columns of Arrow as binary arrays of Postgres, and back from binary values. Each Arrow type has one type of Postgres by
//! which it travels; what a table has otherwise, the server casts.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder, Time32MillisecondBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use sloth_types::{Error, Result};

use super::numeric;

/// Days and microseconds from 1970 to Postgres' zero, 2000-01-01.
const DAYS: i32 = 10_957;
const MICROS: i64 = 946_684_800_000_000;

/// The type by which a column travels, as SQL names it, and its number in the protocol.
pub(super) fn type_of(data_type: &DataType) -> Result<(String, u32)> {
    let (name, oid) = match data_type {
        DataType::Boolean => ("bool", 16),
        DataType::Int8 | DataType::Int16 => ("int2", 21),
        DataType::Int32 => ("int4", 23),
        DataType::Int64 => ("int8", 20),
        DataType::Float32 => ("float4", 700),
        DataType::Float64 => ("float8", 701),
        DataType::Decimal128(p, s) if *s >= 0 => return Ok((format!("numeric({p},{s})"), 1700)),
        DataType::Utf8 => ("text", 25),
        DataType::Binary => ("bytea", 17),
        DataType::Date32 => ("date", 1082),
        DataType::Time32(TimeUnit::Millisecond) => ("time", 1083),
        DataType::Timestamp(TimeUnit::Second, _) => return Err(unknown(data_type)),
        DataType::Timestamp(_, None) => ("timestamp", 1114),
        DataType::Timestamp(_, Some(_)) => ("timestamptz", 1184),
        _ => return Err(unknown(data_type)),
    };
    Ok((name.to_owned(), oid))
}

fn unknown(data_type: &DataType) -> Error {
    Error::unsupported(format!("connector 'postgres' has no columns of type {data_type}"))
        .hint("Declare the column STRING: Postgres casts from and to text, for JSON and arrays too.")
}

/// The rows `rows` of a column as a binary array of Postgres.
pub(super) fn array(column: &ArrayRef, rows: &[u32]) -> Result<Vec<u8>> {
    let (_, oid) = type_of(column.data_type())?;
    let nulls = column.logical_nulls().filter(|n| n.null_count() > 0);
    let mut out = Vec::with_capacity(20 + rows.len() * 12);
    let dimensions = i32::from(!rows.is_empty());
    out.extend_from_slice(&dimensions.to_be_bytes());
    out.extend_from_slice(&i32::from(nulls.is_some()).to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    if rows.is_empty() {
        return Ok(out);
    }
    out.extend_from_slice(&(rows.len() as i32).to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    let mut each = |put: &dyn Fn(usize, &mut Vec<u8>) -> Result<()>| -> Result<()> {
        for row in rows {
            let row = *row as usize;
            if nulls.as_ref().is_some_and(|n| n.is_null(row)) {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            }
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            put(row, &mut out)?;
            let length = (out.len() - at - 4) as i32;
            if let Some(place) = out.get_mut(at..at + 4) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    };
    /// Sends each value as the big-endian bytes of an expression over it.
    macro_rules! words {
        ($type:ty, $value:ident => $word:expr) => {{
            let values = column.as_primitive::<$type>().values();
            each(&|row, out| {
                let $value = values[row];
                out.extend_from_slice(&$word.to_be_bytes());
                Ok(())
            })
        }};
    }
    match column.data_type() {
        DataType::Boolean => {
            let values = column.as_boolean();
            each(&|row, out| {
                out.push(u8::from(values.value(row)));
                Ok(())
            })
        }
        DataType::Int8 => words!(Int8Type, v => i16::from(v)),
        DataType::Int16 => words!(Int16Type, v => v),
        DataType::Int32 => words!(Int32Type, v => v),
        DataType::Int64 => words!(Int64Type, v => v),
        DataType::Float32 => words!(Float32Type, v => v),
        DataType::Float64 => words!(Float64Type, v => v),
        DataType::Date32 => words!(Date32Type, v => v.saturating_sub(DAYS)),
        DataType::Time32(_) => words!(Time32MillisecondType, v => (i64::from(v) * 1000)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            words!(TimestampMillisecondType, v => v.saturating_mul(1000).saturating_sub(MICROS))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            words!(TimestampMicrosecondType, v => v.saturating_sub(MICROS))
        }
        DataType::Timestamp(..) => words!(TimestampNanosecondType, v => (v.div_euclid(1000) - MICROS)),
        DataType::Decimal128(_, scale) => {
            let (values, scale) = (column.as_primitive::<Decimal128Type>().values(), scale.unsigned_abs());
            each(&|row, out| {
                numeric::write(values[row], scale, out);
                Ok(())
            })
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            each(&|row, out| {
                let text = values.value(row);
                if memchr::memchr(0, text.as_bytes()).is_some() {
                    return Err(Error::data("a text with a NUL character, which Postgres does not store")
                        .hint("Take it out: REPLACE(text, CHR(0), '')."));
                }
                out.extend_from_slice(text.as_bytes());
                Ok(())
            })
        }
        _ => {
            let values = column.as_binary::<i32>();
            each(&|row, out| {
                out.extend_from_slice(values.value(row));
                Ok(())
            })
        }
    }?;
    Ok(out)
}

/// Gathers the values of a column as they come.
pub(super) enum Column {
    Bool(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Time(Time32MillisecondBuilder),
    /// Microseconds are gathered and brought into the unit at the end.
    Timestamp(Int64Builder, DataType),
}

fn bytes<const N: usize>(value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| Error::internal(format!("Postgres sent {} bytes where {N} belong", value.len())))
}

/// Outside of what the column's type holds.
fn outside(what: &str) -> Error {
    Error::data(format!("{what} of Postgres does not fit the declared type")).hint("Declare the column STRING.")
}

impl Column {
    /// No values yet.
    pub(super) fn new(data_type: &DataType) -> Result<Column> {
        Ok(match data_type {
            DataType::Boolean => Column::Bool(BooleanBuilder::new()),
            DataType::Int8 => Column::Int8(Int8Builder::new()),
            DataType::Int16 => Column::Int16(Int16Builder::new()),
            DataType::Int32 => Column::Int32(Int32Builder::new()),
            DataType::Int64 => Column::Int64(Int64Builder::new()),
            DataType::Float32 => Column::Float32(Float32Builder::new()),
            DataType::Float64 => Column::Float64(Float64Builder::new()),
            DataType::Decimal128(_, s) => {
                Column::Decimal(Decimal128Builder::new().with_data_type(data_type.clone()), s.unsigned_abs())
            }
            DataType::Utf8 => Column::Text(StringBuilder::new()),
            DataType::Binary => Column::Bytes(BinaryBuilder::new()),
            DataType::Date32 => Column::Date(Date32Builder::new()),
            DataType::Time32(TimeUnit::Millisecond) => Column::Time(Time32MillisecondBuilder::new()),
            DataType::Timestamp(..) => Column::Timestamp(Int64Builder::new(), data_type.clone()),
            other => return Err(unknown(other)),
        })
    }

    /// Adds a value.
    pub(super) fn push(&mut self, value: Option<&[u8]>) -> Result<()> {
        /// Adds the number that is read from the value's bytes.
        macro_rules! number {
            ($builder:ident, $type:ty) => {
                $builder.append_option(value.map(|v| bytes(v).map(<$type>::from_be_bytes)).transpose()?)
            };
        }
        match self {
            Column::Bool(b) => b.append_option(value.map(|v| v.first() == Some(&1))),
            Column::Int8(b) => {
                let wide = value.map(|v| bytes(v).map(i16::from_be_bytes)).transpose()?;
                b.append_option(wide.map(|v| i8::try_from(v).map_err(|_| outside("a number"))).transpose()?);
            }
            Column::Int16(b) => number!(b, i16),
            Column::Int32(b) => number!(b, i32),
            Column::Int64(b) => number!(b, i64),
            Column::Float32(b) => number!(b, f32),
            Column::Float64(b) => number!(b, f64),
            Column::Decimal(b, scale) => {
                let read = |v| numeric::read(v, *scale).ok_or_else(|| outside("a numeric (NaN or infinity)"));
                b.append_option(value.map(read).transpose()?);
            }
            Column::Text(b) => {
                let text = value.map(std::str::from_utf8).transpose();
                b.append_option(text.map_err(|_| Error::internal("Postgres sent a text that is not UTF-8"))?);
            }
            Column::Bytes(b) => b.append_option(value),
            Column::Date(b) => {
                let days = value.map(|v| bytes(v).map(i32::from_be_bytes)).transpose()?;
                b.append_option(
                    days.map(|d| d.checked_add(DAYS).ok_or_else(|| outside("an infinite date"))).transpose()?,
                );
            }
            Column::Time(b) => {
                let micros = value.map(|v| bytes(v).map(i64::from_be_bytes)).transpose()?;
                b.append_option(micros.map(|m| (m / 1000) as i32));
            }
            Column::Timestamp(b, _) => {
                let micros = value.map(|v| bytes(v).map(i64::from_be_bytes)).transpose()?;
                let since_1970 = |m: i64| match m {
                    i64::MIN | i64::MAX => Err(outside("an infinite timestamp")),
                    _ => m.checked_add(MICROS).ok_or_else(|| outside("a timestamp")),
                };
                b.append_option(micros.map(since_1970).transpose()?);
            }
        }
        Ok(())
    }

    /// The values so far; none are left.
    pub(super) fn finish(&mut self) -> Result<ArrayRef> {
        use std::sync::Arc;
        Ok(match self {
            Column::Bool(b) => Arc::new(b.finish()),
            Column::Int8(b) => Arc::new(b.finish()),
            Column::Int16(b) => Arc::new(b.finish()),
            Column::Int32(b) => Arc::new(b.finish()),
            Column::Int64(b) => Arc::new(b.finish()),
            Column::Float32(b) => Arc::new(b.finish()),
            Column::Float64(b) => Arc::new(b.finish()),
            Column::Decimal(b, _) => Arc::new(b.finish()),
            Column::Text(b) => Arc::new(b.finish()),
            Column::Bytes(b) => Arc::new(b.finish()),
            Column::Date(b) => Arc::new(b.finish()),
            Column::Time(b) => Arc::new(b.finish()),
            Column::Timestamp(b, data_type) => {
                let micros = b.finish();
                let values = match data_type {
                    DataType::Timestamp(TimeUnit::Millisecond, _) => {
                        micros.unary::<_, Int64Type>(|m: i64| m.div_euclid(1000))
                    }
                    DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                        micros.try_unary::<_, Int64Type, Error>(|m: i64| {
                            m.checked_mul(1000).ok_or_else(|| outside("a timestamp"))
                        })?
                    }
                    _ => micros,
                };
                arrow::compute::cast(&values, data_type)?
            }
        })
    }
}
