//! A column of tokens to an array: one tight loop per type.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, ArrowTimestampType, DataType, Date32Type, Decimal128Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{Offset, TimeZone};
use sloth_types::Result;

use super::ValueStyle;
use super::text;
use super::token::{Kind, Text, Token};
use crate::format::value::number::{
    last_digits, narrow, parse_bool, parse_decimal, parse_f32, parse_f64, parse_i64, parse_i64_from_number,
};
use crate::format::value::time::{TimestampParser, Zone, parse_date, parse_time, units_per_second};

/// The index of a value that is wrong, and why.
pub(super) type Fault = (usize, String);

/// Where an outer ROW is there.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    pub(super) there: &'a [bool],
    /// The same as bits.
    pub(super) bits: &'a NullBuffer,
}

/// A column being converted.
pub(super) struct Column<'a> {
    /// The tokens, if the values are not known.
    pub(super) tokens: &'a [Token],
    /// Number of values.
    pub(super) count: usize,
    /// What they point into.
    pub(super) text: Text<'a>,
    /// Whether NULL is a value. A column that takes none gets a default in the place of NULL and a fault.
    pub(super) nullable: bool,
    /// False where an outer ROW is NULL: there is no token, and nothing is required.
    pub(super) within: Option<Within<'a>>,
    /// How values are written.
    pub(super) style: &'a ValueStyle,
}

/// True for the types that [`Column::convert`] makes.
pub(super) fn is_scalar(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32 | Float64 => true,
        Decimal128(_, scale) => *scale >= 0,
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => true,
        Date32 | Time32(_) | Time64(_) | Timestamp(..) => true,
        _ => false,
    }
}

impl<'a> Column<'a> {
    /// The array of `data_type`, and the values that are wrong. A wrong value leaves NULL or a default in its place.
    pub(super) fn convert(&self, data_type: &DataType, faults: &mut Vec<Fault>) -> Result<ArrayRef> {
        let mut dates = TimestampParser::default();
        Ok(match data_type {
            DataType::Boolean => self.booleans(faults),
            DataType::Int8 => self.whole::<Int8Type>(faults),
            DataType::Int16 => self.whole::<Int16Type>(faults),
            DataType::Int32 => self.whole::<Int32Type>(faults),
            DataType::Int64 => self.whole::<Int64Type>(faults),
            DataType::UInt8 => self.whole::<UInt8Type>(faults),
            DataType::UInt16 => self.whole::<UInt16Type>(faults),
            DataType::UInt32 => self.whole::<UInt32Type>(faults),
            DataType::UInt64 => self.whole::<UInt64Type>(faults),
            DataType::Float32 => self.fixed::<Float32Type>("FLOAT", faults, |bytes, _| parse_f32(bytes))?,
            DataType::Float64 => self.fixed::<Float64Type>("DOUBLE", faults, |bytes, _| parse_f64(bytes))?,
            DataType::Decimal128(precision, scale) => {
                let (precision, scale) = (*precision, *scale);
                let name = format!("DECIMAL({precision}, {scale})");
                let array = match self.plain_decimals(precision, scale) {
                    Some(plain) => plain,
                    None => self.values(&name, faults, |bytes, _| parse_decimal(bytes, precision, scale)),
                };
                Arc::new(array.with_precision_and_scale(precision, scale)?)
            }
            DataType::Date32 => self.fixed::<Date32Type>("DATE", faults, |bytes, _| match bytes.first_chunk() {
                Some(date) if bytes.len() == 10 => parse_date(date),
                _ => dates.parse(bytes).map(|parts| parts.days),
            })?,
            DataType::Time32(TimeUnit::Second) => self.time::<Time32SecondType>(1_000_000_000, faults)?,
            DataType::Time32(_) => self.time::<Time32MillisecondType>(1_000_000, faults)?,
            DataType::Time64(TimeUnit::Microsecond) => self.time::<Time64MicrosecondType>(1_000, faults)?,
            DataType::Time64(_) => self.time::<Time64NanosecondType>(1, faults)?,
            DataType::Timestamp(unit, zone) => self.timestamps(*unit, zone.as_ref(), faults)?,
            text_type => text::convert(self, text_type, faults)?,
        })
    }

    /// Walks over the tokens; `take` gets each that is not NULL and says whether it was a value; NULLs are counted here.
    /// Gives the validity of a nullable column.
    #[inline]
    pub(super) fn walk(
        &self,
        name: &str,
        empty_is_null: bool,
        faults: &mut Vec<Fault>,
        mut take: impl FnMut(Option<&'a [u8]>, Kind) -> bool,
    ) -> Option<NullBuffer> {
        let mut missing = vec![];
        let mut each = |index: usize, token: Option<&Token>| {
            let Some(token) = token else {
                take(None, Kind::Null);
                return;
            };
            let bytes = if token.is_null() { None } else { Some(self.text.of(*token)) };
            let bytes = bytes.filter(|b| !(empty_is_null && b.is_empty()));
            match bytes {
                Some(value) if take(Some(value), token.kind()) => {}
                Some(value) => self.wrong(index, (value, token.kind()), name, &mut missing, faults),
                None => {
                    take(None, Kind::Null);
                    self.null(index, &mut missing, faults);
                }
            }
        };
        match self.within {
            None => self.tokens.iter().enumerate().for_each(|(index, token)| each(index, Some(token))),
            Some(within) => {
                let mut tokens = self.tokens.iter();
                for (index, there) in within.there.iter().enumerate() {
                    each(index, if *there { tokens.next() } else { None });
                }
            }
        }
        self.validity(&missing)
    }

    /// The value of a row is NULL.
    pub(super) fn null(&self, row: usize, missing: &mut Vec<usize>, faults: &mut Vec<Fault>) {
        missing.push(row);
        if !self.nullable {
            faults.push((row, "is missing or NULL, but declared NOT NULL".into()));
        }
    }

    /// The value of a row is none of this type.
    #[cold]
    pub(super) fn wrong(
        &self,
        row: usize,
        (value, kind): (&[u8], Kind),
        name: &str,
        missing: &mut Vec<usize>,
        faults: &mut Vec<Fault>,
    ) {
        missing.push(row);
        if !self.style.errors_are_null || !self.nullable {
            faults.push((row, format!("{} is not a valid {name}", quote(value, kind))));
        }
    }

    /// The rows of some values, given in order by their index among those that are there.
    pub(super) fn rows_of(&self, values: &[usize]) -> impl Iterator<Item = usize> {
        let there = self.within.filter(|_| !values.is_empty()).map(|within| {
            (0..).zip(within.there).filter(|(_, there)| **there).map(|(row, _)| row).collect::<Vec<usize>>()
        });
        values.iter().map(move |value| there.as_ref().map_or(*value, |rows| rows.get(*value).copied().unwrap_or(0)))
    }

    /// The validity of a nullable column whose values at some rows are missing.
    pub(super) fn validity(&self, missing: &[usize]) -> Option<NullBuffer> {
        if !self.nullable {
            return None;
        }
        if missing.is_empty() {
            return self.within.map(|within| within.bits.clone());
        }
        let mut valid = BooleanBufferBuilder::new(self.len());
        match self.within {
            Some(within) => valid.append_buffer(within.bits.inner()),
            None => valid.append_n(self.len(), true),
        }
        missing.iter().for_each(|row| valid.set_bit(*row, false));
        Some(NullBuffer::new(valid.finish()))
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.within.map_or(self.count, |within| within.there.len())
    }

    /// Length of all values as they are written.
    pub(super) fn bytes(&self) -> usize {
        self.tokens.iter().map(|token| token.len()).sum()
    }

    fn values<T: ArrowPrimitiveType>(
        &self,
        name: &str,
        faults: &mut Vec<Fault>,
        mut parse: impl FnMut(&'a [u8], Kind) -> Option<T::Native>,
    ) -> PrimitiveArray<T> {
        let mut values: Vec<T::Native> = Vec::with_capacity(self.len());
        let nulls = self.walk(name, self.style.empty_is_null, faults, |bytes, kind| {
            let value = bytes.and_then(|b| parse(b, kind));
            values.push(value.unwrap_or_default());
            value.is_some()
        });
        PrimitiveArray::new(ScalarBuffer::from(values), nulls)
    }

    fn fixed<T: ArrowPrimitiveType>(
        &self,
        name: &str,
        faults: &mut Vec<Fault>,
        parse: impl FnMut(&'a [u8], Kind) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        Ok(Arc::new(self.values::<T>(name, faults, parse)))
    }

    fn whole<T>(&self, faults: &mut Vec<Fault>) -> ArrayRef
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i64> + ArrowNativeType,
    {
        let name = whole_name(&T::DATA_TYPE);
        if let Some(plain) = self.plain_numbers::<T>() {
            return plain;
        }
        Arc::new(self.values::<T>(name, faults, whole::<T>))
    }

    /// The usual column: no value is NULL, all are short and have digits only. `None` for any other.
    fn plain_numbers<T>(&self) -> Option<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i64> + ArrowNativeType,
    {
        let numbers = self.plain::<T>(|token, bytes| narrow(last_digits(*bytes.last_chunk()?, token.len())? as i64))?;
        Some(Arc::new(numbers))
    }

    /// As [`Column::plain_numbers`], for values that are mostly written with as many digits behind the point as the scale has.
    fn plain_decimals(&self, precision: u8, scale: i8) -> Option<PrimitiveArray<Decimal128Type>> {
        let places = usize::try_from(scale).ok().filter(|places| (1..=8).contains(places))?;
        let unit = i128::from(10u64.pow(u32::from(scale.unsigned_abs())));
        let limit = 10i128.checked_pow(u32::from(precision))?;
        self.plain::<Decimal128Type>(|token, bytes| {
            let usual = || {
                let (whole, fraction) = bytes.split_at_checked(bytes.len().checked_sub(places)?)?;
                let (point, whole) = whole.split_last()?;
                let before = last_digits(*whole.last_chunk()?, token.len().checked_sub(places + 1)?)?;
                let behind = last_digits(*bytes.last_chunk()?, fraction.len())?;
                let value = i128::from(before) * unit + i128::from(behind);
                (*point == b'.' && value < limit).then_some(value)
            };
            usual().or_else(|| parse_decimal(self.text.of(*token), precision, scale))
        })
    }

    /// A column without NULLs whose values `read` knows, each from its token and the block up to its end. Lengths differ from
    /// row to row, so a branch on them would be taken wrongly again and again: digits are read as the eight bytes before
    /// the end. `None` when there is anything else.
    #[inline(always)]
    fn plain<T: ArrowPrimitiveType>(
        &self,
        read: impl Fn(&Token, &[u8]) -> Option<T::Native>,
    ) -> Option<PrimitiveArray<T>> {
        let value = |token: &Token| {
            let there = matches!(token.kind(), Kind::Plain | Kind::Text);
            read(token, self.text.block.get(..token.end()).filter(|_| there)?)
        };
        // The first other value ends it: a column with NULLs is not read twice.
        let mut values = Vec::with_capacity(self.len());
        match self.within {
            None => {
                for token in self.tokens {
                    values.push(value(token)?);
                }
            }
            Some(within) => {
                let mut tokens = self.tokens.iter();
                for there in within.there {
                    let token = if *there { tokens.next() } else { None };
                    values.push(token.map_or(Some(T::Native::default()), value)?);
                }
            }
        }
        Some(PrimitiveArray::new(ScalarBuffer::from(values), self.validity(&[])))
    }

    fn booleans(&self, faults: &mut Vec<Fault>) -> ArrayRef {
        let mut values = Vec::with_capacity(self.len());
        let nulls = self.walk("BOOLEAN", self.style.empty_is_null, faults, |bytes, kind| {
            let value = match kind {
                Kind::True => Some(true),
                Kind::False => Some(false),
                _ => bytes.and_then(|b| parse_bool(b.trim_ascii())),
            };
            values.push(value.unwrap_or_default());
            value.is_some()
        });
        Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls))
    }

    fn time<T>(&self, nanos_per_unit: i64, faults: &mut Vec<Fault>) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i64> + ArrowNativeType,
    {
        self.fixed::<T>("TIME", faults, |bytes, _| narrow(parse_time(bytes)? / nanos_per_unit))
    }

    fn timestamps(&self, unit: TimeUnit, zone: Option<&Arc<str>>, faults: &mut Vec<Fault>) -> Result<ArrayRef> {
        Ok(match unit {
            TimeUnit::Second => self.instants::<TimestampSecondType>(zone, faults),
            TimeUnit::Millisecond => self.instants::<TimestampMillisecondType>(zone, faults),
            TimeUnit::Microsecond => self.instants::<TimestampMicrosecondType>(zone, faults),
            TimeUnit::Nanosecond => self.instants::<TimestampNanosecondType>(zone, faults),
        })
    }

    /// One loop per unit, so that its divisions are by constants.
    fn instants<T: ArrowTimestampType>(&self, zone: Option<&Arc<str>>, faults: &mut Vec<Fault>) -> ArrayRef {
        let (name, parse) = self.instant::<T>(zone.is_none());
        Arc::new(self.values::<T>(name, faults, parse).with_timezone_opt(zone.cloned()))
    }

    /// The name of the type in errors, and what reads a value of it.
    pub(super) fn instant<T: ArrowTimestampType>(
        &self,
        local: bool,
    ) -> (&'static str, impl FnMut(&[u8], Kind) -> Option<i64> + use<T>) {
        let mut parser = TimestampParser::default();
        let reading_zone = self.style.zone;
        let name =
            if local { "TIMESTAMP (yyyy-MM-dd HH:mm:ss[.f])" } else { "TIMESTAMP_LTZ (yyyy-MM-dd HH:mm:ss[.f]Z)" };
        let parse = move |bytes: &[u8], kind: Kind| {
            if kind == Kind::Nested {
                return None;
            }
            let parts = parser.parse(bytes)?;
            let reading = parts.to_unit(T::UNIT)?;
            match parts.zone {
                Zone::Local if local => Some(reading),
                Zone::Utc => Some(reading),
                Zone::Local => to_utc(reading, T::UNIT, reading_zone),
                Zone::Offset(_) if local => None,
                Zone::Offset(east) => reading.checked_sub(i64::from(east) * units_per_second(T::UNIT)),
            }
        };
        (name, parse)
    }
}

/// What SQL calls a type of whole numbers.
pub(super) fn whole_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INT",
        DataType::Int64 => "BIGINT",
        _ => "unsigned number",
    }
}

/// A whole number. Numbers may be written as 12.0; texts are trimmed as Flink does.
pub(super) fn whole<T>(bytes: &[u8], kind: Kind) -> Option<T::Native>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64> + ArrowNativeType,
{
    match parse_i64(bytes) {
        Some(value) => narrow(value),
        None if kind == Kind::Plain => narrow(parse_i64_from_number(bytes)?),
        None => narrow(parse_i64(bytes.trim_ascii())?),
    }
}

/// A local reading as an instant. In the hour that a clock change repeats the earlier instant is taken; in the hour that it
/// skips there is none, and the offset before the change is used, as Java does.
fn to_utc(reading: i64, unit: TimeUnit, zone: chrono_tz::Tz) -> Option<i64> {
    let per_second = units_per_second(unit);
    let local = chrono::DateTime::from_timestamp(reading.div_euclid(per_second), 0)?.naive_utc();
    let offset = match zone.offset_from_local_datetime(&local) {
        chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => offset,
        chrono::LocalResult::None => zone.offset_from_utc_datetime(&(local - chrono::TimeDelta::hours(12))),
    };
    reading.checked_sub(i64::from(offset.fix().local_minus_utc()) * per_second)
}

/// The value as an error shows it, shortened.
fn quote(value: &[u8], kind: Kind) -> String {
    const SHOWN_MAX: usize = 80;
    let text = String::from_utf8_lossy(value.get(..SHOWN_MAX).unwrap_or(value));
    let dots = if value.len() > SHOWN_MAX { "…" } else { "" };
    match kind {
        Kind::Nested => format!("{text}{dots}"),
        _ => format!("'{text}{dots}'"),
    }
}
