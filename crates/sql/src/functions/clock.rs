//! Functions that read the wall clock of the epoch. They are volatile, so that the optimiser never freezes them.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};
use sloth_types::clock::epoch_now_ms;

use super::define::Function;
use super::zone::session_zone;

const DAY_MS: i64 = 86_400_000;

fn no_arguments(types: &[DataType]) -> Option<Vec<DataType>> {
    types.is_empty().then(Vec::new)
}

fn instant_type(_: &[DataType]) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn instant(_: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let now = ScalarValue::TimestampMillisecond(Some(epoch_now_ms()), Some(Arc::from("UTC")));
    Ok(ColumnarValue::Scalar(now))
}

/// The epoch's wall clock in the session's time zone.
fn local_ms(args: &ScalarFunctionArgs) -> i64 {
    session_zone(&args.config_options).to_local_ms(epoch_now_ms())
}

macro_rules! clock_function {
    ($names:expr, $usage:expr, $about:expr, $returns:expr, $invoke:expr) => {
        Function {
            names: $names,
            usage: $usage,
            about: $about,
            volatility: Volatility::Volatile,
            coerce: no_arguments,
            returns: $returns,
            invoke: $invoke,
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    clock_function!(&["proctime"], "PROCTIME()", "Processing time, a time attribute.", instant_type, instant),
    clock_function!(
        &["now", "current_timestamp", "current_row_timestamp"],
        "NOW()",
        "The wall clock of the epoch, TIMESTAMP_LTZ(3).",
        instant_type,
        instant
    ),
    clock_function!(
        &["localtimestamp"],
        "LOCALTIMESTAMP",
        "The wall clock of the epoch in the session's time zone, TIMESTAMP(3).",
        |_| DataType::Timestamp(TimeUnit::Millisecond, None),
        |args| Ok(ColumnarValue::Scalar(ScalarValue::TimestampMillisecond(Some(local_ms(args)), None)))
    ),
    clock_function!(
        &["current_date", "today"],
        "CURRENT_DATE",
        "The date in the session's time zone.",
        |_| DataType::Date32,
        |args| {
            let days = local_ms(args).div_euclid(DAY_MS) as i32;
            Ok(ColumnarValue::Scalar(ScalarValue::Date32(Some(days))))
        }
    ),
    clock_function!(
        &["current_time", "localtime"],
        "CURRENT_TIME",
        "The time of day in the session's time zone.",
        |_| DataType::Time32(TimeUnit::Millisecond),
        |args| {
            let time = local_ms(args).rem_euclid(DAY_MS) as i32;
            Ok(ColumnarValue::Scalar(ScalarValue::Time32Millisecond(Some(time))))
        }
    ),
];
