//! Lengths of time.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::define::Function;

const LENGTH: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

pub(super) static FUNCTIONS: &[Function] = &[Function::pure(
    &["$interval_times"],
    "INTERVAL '1' DAY * number",
    "A length of time so many times; internal.",
    |types| match types {
        [DataType::Interval(_) | DataType::Null, times] if times.is_integer() || *times == DataType::Null => {
            Some(vec![LENGTH, DataType::Int64])
        }
        _ => None,
    },
    |_| LENGTH,
    interval_times,
)];

fn interval_times(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(&args.args)?;
    let [lengths, times] = arrays.as_slice() else { return Err(exec_datafusion_err!("an interval times a number")) };
    let (lengths, times) = (lengths.as_primitive::<IntervalMonthDayNanoType>(), times.as_primitive::<Int64Type>());
    let multiply = |length: IntervalMonthDayNano, times: i64| {
        let short = |part: i32| i64::from(part).checked_mul(times).and_then(|part| i32::try_from(part).ok());
        Some(IntervalMonthDayNano {
            months: short(length.months)?,
            days: short(length.days)?,
            nanoseconds: length.nanoseconds.checked_mul(times)?,
        })
    };
    let row = |(length, times): (Option<IntervalMonthDayNano>, Option<i64>)| match length.zip(times) {
        None => Ok(None),
        Some((length, times)) => multiply(length, times)
            .map(Some)
            .ok_or_else(|| exec_datafusion_err!("an interval times {times} is longer than any")),
    };
    let product: IntervalMonthDayNanoArray = lengths.iter().zip(times.iter()).map(row).collect::<Result<_>>()?;
    Ok(ColumnarValue::Array(Arc::new(product) as ArrayRef))
}
