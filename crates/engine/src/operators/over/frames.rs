//! Evaluation of window functions over rows that are there.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter, prep_null_mask_filter};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::window_state::WindowFrameContext;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, SlidingAggregateWindowExpr, WindowExpr};
use datafusion::scalar::ScalarValue;
use sloth_plan::OverCall;
use sloth_types::Error;

/// The results of a call for all rows of a partition (or of a stretch that holds all frames asked for).
pub(super) fn evaluate(call: &OverCall, rows: &RecordBatch, data_type: &DataType) -> sloth_types::Result<ArrayRef> {
    computed(call, rows, data_type).map_err(|e| failed(call, &e))
}

/// An error of the data, such as an overflow.
pub(super) fn failed(call: &OverCall, error: &DataFusionError) -> Error {
    Error::data(error.strip_backtrace()).detail(format!("while computing {}", call.sql))
}

fn computed(call: &OverCall, rows: &RecordBatch, data_type: &DataType) -> Result<ArrayRef> {
    let result = match call.fresh {
        false => call.expr.evaluate(rows)?,
        true => each_frame(call, rows)?,
    };
    if result.data_type() == data_type { Ok(result) } else { Ok(cast(&result, data_type)?) }
}

/// The aggregate function of a call.
pub(super) fn aggregate_of(expr: &Arc<dyn WindowExpr>) -> Result<&AggregateFunctionExpr> {
    let any = expr.as_any();
    any.downcast_ref::<PlainAggregateWindowExpr>()
        .map(PlainAggregateWindowExpr::get_aggregate_expr)
        .or_else(|| {
            any.downcast_ref::<SlidingAggregateWindowExpr>().map(SlidingAggregateWindowExpr::get_aggregate_expr)
        })
        .ok_or_else(|| DataFusionError::Internal("a frame of something that is no aggregate".to_owned()))
}

/// A new accumulator for each frame.
fn each_frame(call: &OverCall, rows: &RecordBatch) -> Result<ArrayRef> {
    let aggregate = aggregate_of(&call.expr)?;
    let (args, mask) = arguments(call, rows)?;
    let columns = call.expr.order_by_columns(rows)?;
    let order: Vec<ArrayRef> = columns.into_iter().map(|c| c.values).collect();
    let options = call.expr.order_by().iter().map(|o| o.options).collect();
    let mut frames = WindowFrameContext::new(Arc::clone(call.expr.get_window_frame()), options);
    let mut last = 0..0;
    let mut results = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let frame = frames.calculate_range(&order, &last, rows.num_rows(), row)?;
        let mut accumulator = aggregate.create_accumulator()?;
        if !frame.is_empty() {
            accumulator.update_batch(&slices(&args, mask.as_ref(), &frame)?)?;
        }
        results.push(accumulator.evaluate()?);
        last = frame;
    }
    ScalarValue::iter_to_array(results)
}

/// The arguments of a call, and which rows count.
pub(super) fn arguments(call: &OverCall, rows: &RecordBatch) -> Result<(Vec<ArrayRef>, Option<BooleanArray>)> {
    let args = call.expr.evaluate_args(rows)?;
    let mask = match &call.filter {
        Some(filter) => {
            let mask = filter.evaluate(rows)?.into_array(rows.num_rows())?;
            let mask = mask.as_boolean();
            Some(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() })
        }
        None => None,
    };
    Ok((args, mask))
}

/// A stretch of the arguments, without the rows that do not count.
pub(super) fn slices(args: &[ArrayRef], mask: Option<&BooleanArray>, range: &Range<usize>) -> Result<Vec<ArrayRef>> {
    let slice = |array: &ArrayRef| -> Result<ArrayRef> {
        let part = array.slice(range.start, range.len());
        match mask {
            Some(mask) => Ok(filter(&part, &mask.slice(range.start, range.len()))?),
            None => Ok(part),
        }
    };
    args.iter().map(slice).collect()
}
