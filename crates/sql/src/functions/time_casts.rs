//! Casts of dates and times that differ from DataFusion's; written by the analyser, not by users.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};

use super::args::{column, strings};
use super::datetime::{epoch_millis, from_local, instant3, local_times, timestamp3, unknown_pattern};
use super::define::Function;
use super::pattern::Pattern;
use super::zone::{Zone, session_zone};

/// What CAST(time AS STRING) gives in Flink, `2024-01-31 10:20:30.123`.
fn time_text(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let values = column(args, 0)?;
    let pattern = match values.data_type() {
        DataType::Date32 => "yyyy-MM-dd",
        DataType::Time32(_) => "HH:mm:ss",
        DataType::Timestamp(TimeUnit::Millisecond, _) => "yyyy-MM-dd HH:mm:ss.SSS",
        DataType::Timestamp(TimeUnit::Second, _) => "yyyy-MM-dd HH:mm:ss",
        // Smaller digits follow below.
        _ => "yyyy-MM-dd HH:mm:ss.",
    };
    let pattern = Pattern::compile(pattern).ok_or_else(|| unknown_pattern(pattern))?;
    let (times, zone) = local_times(args, 0)?;
    let digits = match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some((1_000_000, 6)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Some((1_000_000_000, 9)),
        _ => None,
    };
    let raw = match digits {
        Some(_) => Some(arrow::compute::cast(&values, &DataType::Int64)?),
        None => None,
    };
    strings(args.number_rows, |row, out| {
        use std::fmt::Write as _;
        if times.is_null(row) {
            return Ok(false);
        }
        pattern.write(times.value(row), zone.offset_ms(times.value(row)), out);
        if let (Some((scale, width)), Some(raw)) = (digits, &raw) {
            let _ = write!(out, "{:0width$}", raw.as_primitive::<Int64Type>().value(row).rem_euclid(scale));
        }
        Ok(true)
    })
}

/// Moves instants to local time and back: `CAST(ltz AS TIMESTAMP)` and `CAST(timestamp AS TIMESTAMP_LTZ)`.
fn shift(args: &ScalarFunctionArgs, to_local: bool) -> Result<ColumnarValue> {
    let zone = session_zone(&args.config_options);
    let values = column(args, 0)?;
    let moved = |ms: i64| if to_local { zone.to_local_ms(ms) } else { zone.to_utc_ms(ms) };
    let scale = match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000,
        _ => return from_local(epoch_millis(&values)?.unary(moved), Zone::Utc, args.return_field.data_type()),
    };
    // Digits below a millisecond are in no zone's offset.
    let raw = arrow::compute::cast(&values, &DataType::Int64)?;
    let raw: Int64Array = raw.as_primitive::<Int64Type>().unary(|v| {
        let ms = v.div_euclid(scale);
        v.saturating_add((moved(ms) - ms).saturating_mul(scale))
    });
    Ok(ColumnarValue::Array(arrow::compute::cast(&raw, args.return_field.data_type())?))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        names: &["$time_text"],
        usage: "CAST(time AS STRING)",
        about: "A time as text.",
        volatility: Volatility::Immutable,
        coerce: |types| (types.len() == 1).then(|| types.to_vec()),
        returns: |_| DataType::Utf8,
        invoke: time_text,
    },
    Function {
        names: &["$to_local"],
        usage: "CAST(instant AS TIMESTAMP)",
        about: "An instant as local time.",
        volatility: Volatility::Immutable,
        coerce: |types| (types.len() == 1).then(|| types.to_vec()),
        returns: |types| match types {
            [DataType::Timestamp(unit, _)] => DataType::Timestamp(*unit, None),
            _ => timestamp3(),
        },
        invoke: |args| shift(args, true),
    },
    Function {
        names: &["$to_instant"],
        usage: "CAST(timestamp AS TIMESTAMP_LTZ)",
        about: "A local time as instant.",
        volatility: Volatility::Immutable,
        coerce: |types| (types.len() == 1).then(|| types.to_vec()),
        returns: |types| match types {
            [DataType::Timestamp(unit, _)] => DataType::Timestamp(*unit, Some(Arc::from("UTC"))),
            _ => instant3(),
        },
        invoke: |args| shift(args, false),
    },
];
