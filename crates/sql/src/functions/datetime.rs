//! Dates and times: formatting, parsing, units.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type, TimeUnit, TimestampMillisecondType};
use arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};
use sloth_types::clock::epoch_now_ms;

use super::args::{Long, Text, array, coerce, column, has, numbers, strings};
use super::civil::{Civil, DAY_MS, Unit};
use super::define::Function;
use super::pattern::{Pattern, read_timestamp};
use super::zone::{Zone, session_zone};

/// Timestamps and dates as local milliseconds; instants are moved to the session's zone.
pub(super) fn local_times(args: &ScalarFunctionArgs, index: usize) -> Result<(Int64Array, Zone)> {
    local_times_of(&column(args, index)?, &args.config_options)
}

pub(super) fn local_times_of(values: &ArrayRef, config: &ConfigOptions) -> Result<(Int64Array, Zone)> {
    let zone = match values.data_type() {
        DataType::Timestamp(_, Some(_)) => session_zone(config),
        _ => Zone::Utc,
    };
    let millis = epoch_millis(values)?;
    let local = match zone {
        Zone::Utc => millis,
        zone => millis.unary(|ms| zone.to_local_ms(ms)),
    };
    Ok((local, zone))
}

/// Milliseconds since 1970 of timestamps, dates and times of day.
pub(super) fn epoch_millis(values: &ArrayRef) -> Result<Int64Array> {
    use arrow::compute::cast;
    let to_millis = |scale: i64, by: fn(i64, i64) -> i64| -> Result<Int64Array> {
        let numbers = cast(values, &DataType::Int64)?;
        Ok(numbers.as_primitive::<Int64Type>().unary(|v| by(v, scale)))
    };
    match values.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => to_millis(1_000, |v, s| v.saturating_mul(s)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => to_millis(1, |v, _| v),
        DataType::Timestamp(TimeUnit::Microsecond, _) => to_millis(1_000, i64::div_euclid),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => to_millis(1_000_000, i64::div_euclid),
        DataType::Date32 => {
            let days = values.as_primitive::<Date32Type>();
            Ok(days.unary(|d| i64::from(d) * DAY_MS))
        }
        DataType::Time32(_) => {
            let time = cast(values, &DataType::Time32(TimeUnit::Millisecond))?;
            Ok(cast(&cast(&time, &DataType::Int32)?, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
        }
        DataType::Null => Ok(Int64Array::new_null(values.len())),
        other => exec_err!("{other} is no time"),
    }
}

/// Local milliseconds as a column of type `to`; instants are moved back from the session's zone.
pub(super) fn from_local(local: Int64Array, zone: Zone, to: &DataType) -> Result<ColumnarValue> {
    let scaled = |millis: Int64Array, unit: TimeUnit| -> Result<Int64Array> {
        let scale = match unit {
            TimeUnit::Second => return Ok(millis.unary(|ms| ms.div_euclid(1_000))),
            TimeUnit::Millisecond => return Ok(millis),
            TimeUnit::Microsecond => 1_000,
            TimeUnit::Nanosecond => 1_000_000,
        };
        Ok(millis.try_unary(|ms| {
            ms.checked_mul(scale).ok_or_else(|| ArrowError::ComputeError("timestamp out of range".to_owned()))
        })?)
    };
    match to {
        DataType::Timestamp(unit, tz) => {
            let millis = match (tz, zone) {
                (None, _) | (_, Zone::Utc) => local,
                (Some(_), zone) => local.unary(|ms| zone.to_utc_ms(ms)),
            };
            Ok(ColumnarValue::Array(arrow::compute::cast(&scaled(millis, *unit)?, to)?))
        }
        DataType::Date32 => {
            let days: PrimitiveArray<Date32Type> = local.unary(|ms| ms.div_euclid(DAY_MS) as i32);
            Ok(array(days))
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            let times: PrimitiveArray<Int32Type> = local.unary(|ms| ms.rem_euclid(DAY_MS) as i32);
            Ok(ColumnarValue::Array(arrow::compute::cast(&times, to)?))
        }
        other => exec_err!("{other} is no time"),
    }
}

pub(super) fn timestamp3() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

pub(super) fn instant3() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

pub(super) fn unknown_pattern(text: &str) -> DataFusionError {
    DataFusionError::Execution(format!("'{text}' is no date pattern"))
}

/// Patterns, compiled once when they are the same for all rows.
struct Patterns<'a> {
    text: Text<'a>,
    last: Option<(&'a str, Pattern)>,
    default: &'static str,
}

impl<'a> Patterns<'a> {
    fn new(args: &'a ScalarFunctionArgs, index: usize, default: &'static str) -> Result<Self> {
        let text = if has(args, index) { Text::of(args, index)? } else { Text::One(Some(default)) };
        Ok(Patterns { text, last: None, default })
    }

    fn at(&mut self, row: usize) -> Result<Option<&Pattern>> {
        let Some(text) = self.text.get(row) else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(known, _)| *known != text) {
            self.last = Some((text, Pattern::compile(text).ok_or_else(|| unknown_pattern(text))?));
        }
        Ok(self.last.as_ref().map(|(_, pattern)| pattern))
    }

    fn is_default(&self) -> bool {
        matches!(self.text, Text::One(Some(text)) if text == self.default)
    }
}

fn date_format(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let values = column(args, 0)?;
    let (times, zone) = local_times_of(&values, &args.config_options)?;
    let nanos = match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => Some(nanos_of_second(&values)?),
        _ => None,
    };
    let patterns = Patterns::new(args, 1, "yyyy-MM-dd HH:mm:ss")?;
    format_times(&times, nanos.as_ref(), zone, patterns, args.number_rows)
}

/// Formats local times. Streams are nearly in order, so a row often shows the same as the one before.
/// `nanos`: those since the last whole second, where milliseconds do not say all.
fn format_times(
    times: &Int64Array,
    nanos: Option<&Int64Array>,
    zone: Zone,
    mut patterns: Patterns<'_>,
    rows: usize,
) -> Result<ColumnarValue> {
    let constant = patterns.text.constant().is_some();
    let mut last: Option<(i64, String)> = None;
    strings(rows, |row, out| {
        let Some(pattern) = patterns.at(row)? else { return Ok(false) };
        if times.is_null(row) {
            return Ok(false);
        }
        let local = times.value(row);
        let span = local.div_euclid(pattern.granularity_ms());
        let fine = nanos.filter(|_| pattern.granularity_ms() == 1).map(|nanos| nanos.value(row));
        if let (true, None, Some((known, text))) = (constant, fine, &last)
            && *known == span
        {
            out.push_str(text);
            return Ok(true);
        }
        // The texts of the rows before stand in front of it.
        let start = out.len();
        let offset = zone.offset_ms(zone.to_utc_ms(local));
        match fine {
            Some(nanos) => pattern.write_fine(local, nanos, offset, out),
            None => pattern.write(local, offset, out),
        }
        last = Some((span, out.get(start..).unwrap_or_default().to_owned()));
        Ok(true)
    })
}

/// Local milliseconds of strings by the pattern at `index`; NULL where a string does not match.
fn read_times(args: &ScalarFunctionArgs, index: usize, default: &'static str) -> Result<Int64Array> {
    let text = Text::of(args, 0)?;
    let mut patterns = Patterns::new(args, index, default)?;
    let lenient = patterns.is_default();
    let mut out = Int64Array::builder(args.number_rows);
    for row in 0..args.number_rows {
        let value = match (text.get(row), lenient) {
            (None, _) => None,
            (Some(text), true) => read_timestamp(text),
            (Some(text), false) => patterns.at(row)?.and_then(|p| p.read(text)),
        };
        out.append_option(value);
    }
    Ok(out.finish())
}

fn to_timestamp(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    from_local(read_times(args, 1, "yyyy-MM-dd HH:mm:ss")?, Zone::Utc, &timestamp3())
}

fn to_date(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    from_local(read_times(args, 1, "yyyy-MM-dd")?, Zone::Utc, &DataType::Date32)
}

fn to_timestamp_ltz(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let values = column(args, 0)?;
    if *values.data_type() == DataType::Utf8 {
        let zone = match Text::of(args, 2)?.get(0) {
            Some(name) => {
                Zone::parse(name).ok_or_else(|| DataFusionError::Execution(format!("'{name}' is no time zone")))?
            }
            // Not the session's, as in Flink.
            None => Zone::Utc,
        };
        let local = read_times(args, 1, "yyyy-MM-dd HH:mm:ss")?;
        return from_local(local, zone, &instant3());
    }
    let values = arrow::compute::cast(&values, &DataType::Float64)?;
    let values = values.as_primitive::<arrow::datatypes::Float64Type>();
    let precision = Long::of(args, 1)?;
    let millis: PrimitiveArray<TimestampMillisecondType> = numbers(args.number_rows, |row| {
        let precision = if has(args, 1) { precision.get(row)? } else { 3 };
        let scale = if precision == 0 { 1_000.0 } else { 1.0 };
        values.is_valid(row).then(|| (values.value(row) * scale) as i64)
    });
    Ok(array(millis.with_timezone("UTC")))
}

fn from_unixtime(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let zone = session_zone(&args.config_options);
    let seconds = Long::of(args, 0)?;
    let local: Int64Array =
        numbers(args.number_rows, |row| Some(zone.to_local_ms(seconds.get(row)?.saturating_mul(1_000))));
    format_times(&local, None, zone, Patterns::new(args, 1, "yyyy-MM-dd HH:mm:ss")?, args.number_rows)
}

fn unix_timestamp(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    // A text that says its zone needs no other.
    let zoned = match Text::of(args, 1)?.constant() {
        Some(Some(pattern)) => Pattern::compile(pattern).is_some_and(|p| p.reads_zone()),
        _ => false,
    };
    let zone = if zoned { Zone::Utc } else { session_zone(&args.config_options) };
    let local = read_times(args, 1, "yyyy-MM-dd HH:mm:ss")?;
    let seconds: Int64Array = numbers(args.number_rows, |row| {
        // What cannot be read is the smallest number, as in Flink.
        Some(if local.is_valid(row) { zone.to_utc_ms(local.value(row)).div_euclid(1_000) } else { i64::MIN })
    });
    Ok(array(seconds))
}

fn is_instant(t: &DataType) -> bool {
    matches!(t, DataType::Timestamp(_, Some(_)))
}

/// The unit that the argument at `index` names.
fn unit(args: &ScalarFunctionArgs, index: usize) -> Result<Unit> {
    let name = Text::of(args, index)?.get(0).unwrap_or_default();
    Unit::parse(name).ok_or_else(|| DataFusionError::Execution(format!("'{name}' is no unit of time")))
}

fn timestampdiff(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let unit = unit(args, 0)?;
    let instant = |index: usize| args.arg_fields.get(index).is_some_and(|f| is_instant(f.data_type()));
    let (from, to) = match instant(1) && instant(2) {
        true => (epoch_millis(&column(args, 1)?)?, epoch_millis(&column(args, 2)?)?),
        false => (local_times(args, 1)?.0, local_times(args, 2)?.0),
    };
    let out: PrimitiveArray<Int32Type> = numbers(args.number_rows, |row| {
        (from.is_valid(row) && to.is_valid(row)).then(|| unit.between(from.value(row), to.value(row)) as i32)
    });
    Ok(array(out))
}

fn timestampadd(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let unit = unit(args, 0)?;
    let count = Long::of(args, 1)?;
    // Instants are moved in UTC, as in Flink: an hour is an hour when the clock changes.
    let times = epoch_millis(&column(args, 2)?)?;
    let to = args.return_field.data_type().clone();
    let out = numbers(args.number_rows, |row| {
        let count = count.get(row)?;
        times.is_valid(row).then(|| unit.add(times.value(row), count))
    });
    from_local(out, Zone::Utc, &to)
}

fn round_to(args: &ScalarFunctionArgs, round: fn(Unit, i64) -> i64) -> Result<ColumnarValue> {
    let unit = unit(args, 1)?;
    let (times, zone) = local_times(args, 0)?;
    from_local(times.unary(|ms| round(unit, ms)), zone, args.return_field.data_type())
}

/// Nanoseconds since the last whole second.
fn nanos_of_second(values: &ArrayRef) -> Result<Int64Array> {
    let scale = match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1,
        _ => return Ok(epoch_millis(values)?.unary(|ms| ms.rem_euclid(1_000) * 1_000_000)),
    };
    let raw = arrow::compute::cast(values, &DataType::Int64)?;
    Ok(raw.as_primitive::<Int64Type>().unary(|v| v.rem_euclid(1_000_000_000 / scale) * scale))
}

fn extract(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let name = Text::of(args, 0)?.get(0).unwrap_or_default();
    match name {
        "MICROSECOND" => return Ok(array(nanos_of_second(&column(args, 1)?)?.unary::<_, Int64Type>(|n| n / 1_000))),
        "NANOSECOND" => return Ok(array(nanos_of_second(&column(args, 1)?)?)),
        _ => {}
    }
    let part = part(name).ok_or_else(|| DataFusionError::Execution(format!("'{name}' cannot be extracted")))?;
    let times = if name == "EPOCH" { epoch_millis(&column(args, 1)?)? } else { local_times(args, 1)?.0 };
    Ok(array(times.unary::<_, Int64Type>(part)))
}

fn part(name: &str) -> Option<fn(i64) -> i64> {
    Some(match name {
        "MILLISECOND" => |ms| ms.rem_euclid(1_000),
        "SECOND" => |ms| ms.div_euclid(1_000).rem_euclid(60),
        "MINUTE" => |ms| ms.div_euclid(60_000).rem_euclid(60),
        "HOUR" => |ms| ms.div_euclid(3_600_000).rem_euclid(24),
        "DAY" | "DAYOFMONTH" => |ms| Civil::of(ms).day,
        "MONTH" => |ms| Civil::of(ms).month,
        "QUARTER" => |ms| (Civil::of(ms).month + 2) / 3,
        "YEAR" => |ms| Civil::of(ms).year,
        "DECADE" => |ms| Civil::of(ms).year.div_euclid(10),
        "CENTURY" => |ms| (Civil::of(ms).year + 99).div_euclid(100),
        "MILLENNIUM" => |ms| (Civil::of(ms).year + 999).div_euclid(1_000),
        "DOY" | "DAYOFYEAR" => |ms| Civil::of(ms).day_of_year(),
        "DOW" | "DAYOFWEEK" => |ms| Civil::of(ms).iso_weekday() % 7 + 1,
        "ISODOW" => |ms| Civil::of(ms).iso_weekday(),
        "WEEK" => |ms| Civil::of(ms).iso_week().1,
        "ISOYEAR" => |ms| Civil::of(ms).iso_week().0,
        "EPOCH" => |ms| ms.div_euclid(1_000),
        _ => return None,
    })
}

fn convert_tz(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, from, to) = (Text::of(args, 0)?, Text::of(args, 1)?, Text::of(args, 2)?);
    let pattern = Pattern::compile("yyyy-MM-dd HH:mm:ss").ok_or_else(|| unknown_pattern("default"))?;
    strings(args.number_rows, |row, out| {
        let (Some(text), Some(from), Some(to)) = (text.get(row), from.get(row), to.get(row)) else { return Ok(false) };
        let (Some(local), Some(from), Some(to)) = (read_timestamp(text), Zone::parse(from), Zone::parse(to)) else {
            return Ok(false);
        };
        pattern.write(to.to_local_ms(from.to_utc_ms(local)), 0, out);
        Ok(true)
    })
}

fn with_unit(types: &[DataType]) -> DataType {
    types.last().cloned().unwrap_or(DataType::Null)
}

/// Adding hours to a date gives a timestamp.
fn to_timestamp_type(t: &DataType) -> DataType {
    if *t == DataType::Date32 { timestamp3() } else { t.clone() }
}

/// Times of day have units, too.
fn to_unit(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [time @ DataType::Time32(TimeUnit::Millisecond), unit] => Some(vec![time.clone(), unit.clone()]),
        _ => coerce("ts", types),
    }
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["date_format"],
        "DATE_FORMAT(time, 'yyyy-MM-dd')",
        "A time as text by Java's date pattern.",
        |types| coerce("ts", types),
        |_| DataType::Utf8,
        date_format,
    ),
    Function::pure(
        &["to_timestamp"],
        "TO_TIMESTAMP(text [, 'yyyy-MM-dd HH:mm:ss'])",
        "Reads a TIMESTAMP(3); NULL when the text does not match.",
        |types| coerce("sS", types),
        |_| timestamp3(),
        to_timestamp,
    ),
    Function {
        names: &["to_timestamp_ltz"],
        usage: "TO_TIMESTAMP_LTZ(number, 0 | 3) or TO_TIMESTAMP_LTZ(text [, pattern [, zone]])",
        about: "An instant from epoch seconds (0) or milliseconds (3), or from text (in UTC unless a zone is given).",
        volatility: Volatility::Immutable,
        coerce: |types| coerce("sSS", types).or_else(|| coerce("nI", types)),
        returns: |_| instant3(),
        invoke: to_timestamp_ltz,
    },
    Function::pure(
        &["to_date"],
        "TO_DATE(text [, 'yyyy-MM-dd'])",
        "Reads a DATE; NULL when the text does not match.",
        |types| coerce("sS", types),
        |_| DataType::Date32,
        to_date,
    ),
    Function::pure(
        &["from_unixtime"],
        "FROM_UNIXTIME(seconds [, pattern])",
        "Epoch seconds as text in the session's time zone.",
        |types| coerce("iS", types),
        |_| DataType::Utf8,
        from_unixtime,
    ),
    Function::pure(
        &["unix_timestamp"],
        "UNIX_TIMESTAMP([text [, pattern]])",
        "Epoch seconds of a local time, or of now.",
        |types| coerce("sS", types),
        |_| DataType::Int64,
        unix_timestamp,
    ),
    Function {
        names: &["$now_seconds"],
        usage: "UNIX_TIMESTAMP()",
        about: "Epoch seconds of now.",
        volatility: Volatility::Volatile,
        coerce: |types| types.is_empty().then(Vec::new),
        returns: |_| DataType::Int64,
        invoke: |_| Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(epoch_now_ms().div_euclid(1_000))))),
    },
    Function::pure(
        &["$timestampdiff"],
        "TIMESTAMPDIFF(unit, from, to)",
        "Whole units between two times.",
        |types| coerce("stt", types),
        |_| DataType::Int32,
        timestampdiff,
    ),
    Function::pure(
        &["$timestampadd"],
        "TIMESTAMPADD(unit, count, time)",
        "A time moved on by a number of units.",
        |types| coerce("sit", types),
        with_unit,
        timestampadd,
    ),
    Function::pure(
        &["$timestampadd_time"],
        "TIMESTAMPADD(unit, count, time)",
        "A time moved on by a number of units shorter than a day.",
        |types| coerce("sit", types),
        |types| to_timestamp_type(&with_unit(types)),
        timestampadd,
    ),
    Function::pure(
        &["$floor_to"],
        "FLOOR(time TO unit)",
        "The start of the unit that holds the time.",
        to_unit,
        |types| types.first().cloned().unwrap_or(DataType::Null),
        |args| round_to(args, Unit::floor),
    ),
    Function::pure(
        &["$ceil_to"],
        "CEIL(time TO unit)",
        "The next start of a unit.",
        to_unit,
        |types| types.first().cloned().unwrap_or(DataType::Null),
        |args| round_to(args, Unit::ceil),
    ),
    Function {
        names: &["$extract"],
        usage: "EXTRACT(unit FROM time)",
        about: "A part of a time as BIGINT.",
        volatility: Volatility::Immutable,
        coerce: |types| match types {
            [unit, time @ DataType::Time32(_)] => Some(vec![unit.clone(), time.clone()]),
            _ => coerce("st", types),
        },
        returns: |_| DataType::Int64,
        invoke: extract,
    },
    Function::pure(
        &["convert_tz"],
        "CONVERT_TZ(text, from_zone, to_zone)",
        "A local time in another zone, as text.",
        |types| coerce("sss", types),
        |_| DataType::Utf8,
        convert_tz,
    ),
];
