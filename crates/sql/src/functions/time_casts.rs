//! Casts between dates and times that differ from DataFusion's; written by the analyser, not by users.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};

use super::args::column;
use super::datetime::{epoch_millis, from_local, instant3, timestamp3};
use super::define::Function;
use super::zone::{Zone, session_zone};

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
