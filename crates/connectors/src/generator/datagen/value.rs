//! Scalar values of `datagen`: random ones within bounds, sequences, times.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMillisecondArray, Float64Array,
    IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, Time32MillisecondArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::kernels::cast_utils::parse_decimal;
use arrow::datatypes::{
    DataType, Decimal128Type, IntervalDayTime, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit,
};
use sloth_types::{Error, Result};

use super::super::arrays::{self, Texts};
use super::super::draw::Stream;
use super::field::FieldOptions;

const DAY_MS: i64 = 86_400_000;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// How a scalar column comes by its values.
#[derive(Debug)]
pub(super) enum Scalar {
    Boolean(Stream),
    /// Uniform in `min..=max`: all integer types and intervals (months, or milliseconds).
    Int {
        draws: Stream,
        min: i64,
        max: i64,
    },
    /// Uniform in `min..max`.
    Float {
        draws: Stream,
        min: f64,
        max: f64,
    },
    /// Uniform in `min..min + span`, unscaled.
    Decimal {
        draws: Stream,
        min: i128,
        span: u128,
    },
    /// Hexadecimal digits.
    Text(Bytes),
    Binary(Bytes),
    /// The row's time, less a random part of `max_past_ms`.
    Time {
        draws: Stream,
        max_past_ms: u64,
    },
    /// `start`, `start + 1`, … by row number.
    Sequence {
        start: i64,
        length: u64,
    },
}

/// Random bytes: `length` of them, or any number from 1 to `length`.
#[derive(Debug)]
pub(super) struct Bytes {
    draws: Stream,
    length: u64,
    vary: bool,
}

impl Scalar {
    /// The generator for a column of this type.
    pub(super) fn new(data_type: &DataType, own: &FieldOptions<'_>) -> Result<Scalar> {
        if own.is_sequence()? {
            return Self::sequence(data_type, own);
        }
        let draws = own.draws;
        Ok(match data_type {
            DataType::Boolean => Scalar::Boolean(draws),
            DataType::Int8 => Self::int(own, i8::MIN.into(), i8::MAX.into())?,
            DataType::Int16 => Self::int(own, i16::MIN.into(), i16::MAX.into())?,
            DataType::Int32 => Self::int(own, i32::MIN.into(), i32::MAX.into())?,
            DataType::Int64 => Self::int(own, i64::MIN, i64::MAX)?,
            // Flink's bounds: ten thousand years, or days.
            DataType::Interval(IntervalUnit::YearMonth) => Self::int(own, 0, 120_000)?,
            DataType::Interval(_) | DataType::Duration(_) => Self::int(own, 0, 10_000 * DAY_MS)?,
            DataType::Float32 => Self::float(own, f32::MAX.into())?,
            DataType::Float64 => Self::float(own, f64::MAX)?,
            DataType::Decimal128(precision, scale) => Self::decimal(own, *precision, *scale)?,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Scalar::Text(Bytes::new(own)?),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Scalar::Binary(Bytes::new(own)?),
            DataType::FixedSizeBinary(length) => {
                Scalar::Binary(Bytes { draws, length: u64::from(length.unsigned_abs()), vary: false })
            }
            DataType::Timestamp(..) => {
                let max_past = own.options.duration(&own.key("max-past"))?.unwrap_or_default();
                Scalar::Time { draws, max_past_ms: max_past.as_millis() as u64 }
            }
            DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
                Scalar::Time { draws, max_past_ms: 0 }
            }
            other => {
                return Err(Error::unsupported(format!("'{}': datagen makes no values of type {other}", own.path)));
            }
        })
    }

    fn sequence(data_type: &DataType, own: &FieldOptions<'_>) -> Result<Scalar> {
        let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if !(data_type.is_numeric() || is_text) {
            return Err(Error::invalid(format!("'{}' cannot be a sequence: its type is {data_type}", own.path))
                .hint("Only numbers and strings can."));
        }
        let bound = |name: &str| -> Result<i64> {
            own.parse(name, "a whole number")?
                .ok_or_else(|| Error::invalid(format!("'{}' is a sequence: '{}' is missing", own.path, own.key(name))))
        };
        let (start, end) = (bound("start")?, bound("end")?);
        if end < start {
            return Err(Error::invalid(format!("'{}' must not be above '{}'", own.key("start"), own.key("end"))));
        }
        Ok(Scalar::Sequence { start, length: end.wrapping_sub(start) as u64 + 1 })
    }

    fn int(own: &FieldOptions<'_>, low: i64, high: i64) -> Result<Scalar> {
        let min = own.parse("min", "a whole number")?.unwrap_or(low);
        let max = own.parse("max", "a whole number")?.unwrap_or(high);
        if min < low || max > high {
            return Err(Error::invalid(format!("'{}': bounds must be within {low} and {high}", own.path)));
        }
        own.check_order(min <= max)?;
        Ok(Scalar::Int { draws: own.draws, min, max })
    }

    fn float(own: &FieldOptions<'_>, high: f64) -> Result<Scalar> {
        let min = own.parse("min", "a number")?.unwrap_or(0.0);
        let max = own.parse("max", "a number")?.unwrap_or(high);
        own.check_order(min <= max)?;
        Ok(Scalar::Float { draws: own.draws, min, max })
    }

    fn decimal(own: &FieldOptions<'_>, precision: u8, scale: i8) -> Result<Scalar> {
        let bound = |name: &str, default: i128| -> Result<i128> {
            let key = own.key(name);
            own.options.get(&key).map_or(Ok(default), |text| {
                parse_decimal::<Decimal128Type>(text.trim(), precision, scale).map_err(|_| {
                    Error::invalid(format!("option '{key}' = '{text}': expected a DECIMAL({precision}, {scale})"))
                })
            })
        };
        let (min, max) = (bound("min", 0)?, bound("max", 10_i128.pow(precision.into()) - 1)?);
        own.check_order(min <= max)?;
        Ok(Scalar::Decimal { draws: own.draws, min, span: (max - min) as u128 + 1 })
    }

    /// Length of a sequence.
    pub(super) fn rows_max(&self) -> Option<u64> {
        match self {
            Scalar::Sequence { length, .. } => Some(*length),
            _ => None,
        }
    }

    /// True for times.
    pub(super) fn needs_time(&self) -> bool {
        matches!(self, Scalar::Time { .. })
    }

    /// The values of rows `numbers`, as `to`.
    pub(super) fn values(
        &self,
        numbers: &[u64],
        times_ms: &[i64],
        nulls: Option<NullBuffer>,
        to: &DataType,
    ) -> Result<ArrayRef> {
        match self {
            Scalar::Boolean(draws) => {
                let bits = BooleanBuffer::collect_bool(numbers.len(), |i| draws.at(numbers[i]) & 1 == 1);
                Ok(Arc::new(BooleanArray::new(bits, nulls)))
            }
            Scalar::Int { draws, min, max } => {
                let span = max.wrapping_sub(*min) as u64;
                let of = |n: &u64| match span.checked_add(1) {
                    Some(bound) => min.wrapping_add(draws.below(*n, bound) as i64),
                    None => draws.at(*n) as i64,
                };
                whole(numbers.iter().map(of).collect(), nulls, to)
            }
            Scalar::Float { draws, min, max } => {
                let of = |n: &u64| {
                    let share = draws.unit(*n);
                    min * (1.0 - share) + max * share
                };
                let values: Vec<f64> = numbers.iter().map(of).collect();
                arrays::fit(Arc::new(Float64Array::new(values.into(), nulls)), to)
            }
            Scalar::Decimal { draws, min, span } => {
                let of = |n: &u64| min + (wide(*draws, *n) % span) as i128;
                let values: Vec<i128> = numbers.iter().map(of).collect();
                Ok(Arc::new(Decimal128Array::new(values.into(), nulls).with_data_type(to.clone())))
            }
            Scalar::Text(bytes) => bytes.hex(numbers).finish(nulls, to),
            Scalar::Binary(bytes) => {
                let (offsets, values) = bytes.raw(numbers).into_parts();
                arrays::fit(Arc::new(BinaryArray::try_new(offsets, values, nulls)?), to)
            }
            Scalar::Time { draws, max_past_ms } => {
                let past = |n: &u64| if *max_past_ms == 0 { 0 } else { draws.below(*n, max_past_ms + 1) as i64 };
                time(numbers.iter().zip(times_ms).map(|(n, t)| t - past(n)).collect(), nulls, to)
            }
            Scalar::Sequence { start, length } => {
                let values = numbers.iter().map(|n| start.wrapping_add((n % length) as i64));
                if to.is_numeric() { whole(values.collect(), nulls, to) } else { digits(values, nulls, to) }
            }
        }
    }
}

impl FieldOptions<'_> {
    fn check_order(&self, in_order: bool) -> Result<()> {
        if in_order {
            return Ok(());
        }
        Err(Error::invalid(format!("'{}' must not be above '{}'", self.key("min"), self.key("max"))))
    }
}

impl Bytes {
    fn new(own: &FieldOptions<'_>) -> Result<Bytes> {
        let length = own.parse("length", "a whole number")?.unwrap_or(100);
        let vary = own.parse("var-len", "true or false")?.unwrap_or(false);
        Ok(Bytes { draws: own.draws, length, vary })
    }

    fn raw(&self, numbers: &[u64]) -> Texts {
        self.fill(numbers, 8, |draw, bytes| bytes.extend_from_slice(&draw.to_le_bytes()))
    }

    fn hex(&self, numbers: &[u64]) -> Texts {
        self.fill(numbers, 16, |draw, bytes| {
            let digits: [u8; 16] = std::array::from_fn(|i| HEX[(draw >> (4 * i)) as usize & 15]);
            bytes.extend_from_slice(&digits);
        })
    }

    /// Values of `length` bytes, of which `append` adds `step` for each draw.
    fn fill(&self, numbers: &[u64], step: u64, append: impl Fn(u64, &mut Vec<u8>)) -> Texts {
        let mut texts = Texts::with_capacity(numbers.len(), (self.length + step) as usize);
        for n in numbers {
            let mut rng = self.draws.rng(*n);
            let vary = self.vary && self.length > 0;
            let length = if vary { 1 + rng.below(self.length) } else { self.length };
            let end = texts.bytes().len() + length as usize;
            for _ in 0..length.div_ceil(step) {
                append(rng.next_u64(), texts.bytes());
            }
            texts.bytes().truncate(end);
            texts.end();
        }
        texts
    }
}

fn wide(draws: Stream, n: u64) -> u128 {
    let mut rng = draws.rng(n);
    (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64())
}

/// Whole numbers as any numeric type, months, or milliseconds.
fn whole(values: Vec<i64>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    Ok(match to {
        DataType::Interval(IntervalUnit::YearMonth) => {
            Arc::new(IntervalYearMonthArray::new(values.iter().map(|v| *v as i32).collect(), nulls))
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let of = |ms: &i64| IntervalDayTimeType::make_value((ms / DAY_MS) as i32, (ms % DAY_MS) as i32);
            let values: Vec<IntervalDayTime> = values.iter().map(of).collect();
            Arc::new(IntervalDayTimeArray::new(values.into(), nulls))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let of = |ms: &i64| IntervalMonthDayNanoType::make_value(0, (ms / DAY_MS) as i32, ms % DAY_MS * 1_000_000);
            Arc::new(IntervalMonthDayNanoArray::new(values.iter().map(of).collect(), nulls))
        }
        DataType::Duration(_) => arrays::fit(Arc::new(DurationMillisecondArray::new(values.into(), nulls)), to)?,
        _ => arrays::integers(values, nulls, to)?,
    })
}

/// Milliseconds since 1970 as a timestamp, its date, or its time of day.
fn time(ms: Vec<i64>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    match to {
        DataType::Timestamp(..) => arrays::timestamps(ms, nulls, to),
        DataType::Time32(_) | DataType::Time64(_) => {
            let values = ms.iter().map(|v| v.rem_euclid(DAY_MS) as i32).collect();
            arrays::fit(Arc::new(Time32MillisecondArray::new(values, nulls)), to)
        }
        _ => {
            let values = ms.iter().map(|v| v.div_euclid(DAY_MS) as i32).collect();
            arrays::fit(Arc::new(Date32Array::new(values, nulls)), to)
        }
    }
}

/// Whole numbers as text.
fn digits(values: impl Iterator<Item = i64>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    let mut texts = Texts::with_capacity(values.size_hint().0, 8);
    for value in values {
        write!(texts.bytes(), "{value}")?;
        texts.end();
    }
    texts.finish(nulls, to)
}
