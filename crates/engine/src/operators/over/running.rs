//! What the rows of a partition so far have come to, for functions that look at all rows before: they go on from there.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Accumulator, WindowFrameUnits};
use datafusion::physical_expr::window::StandardWindowExpr;
use datafusion::physical_plan::windows::WindowUDFExpr;
use datafusion::scalar::ScalarValue;
use sloth_plan::OverCall;

use super::frames::{aggregate_of, arguments, failed, slices};
use crate::aggregate::moments::row_accumulator;
use crate::state::ordered::OrderedRows;

/// What the rows of a partition so far have come to.
pub(super) enum Running {
    Total(Box<dyn Accumulator>),
    Number(Number),
    /// `FIRST_VALUE`: the argument of the first row, once there is one.
    First(Option<ScalarValue>),
}

/// `ROW_NUMBER`, `RANK` and `DENSE_RANK`.
pub(super) struct Number {
    kind: Kind,
    rows: u64,
    rank: u64,
    /// Order columns of the last row.
    last: Option<Vec<ScalarValue>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    RowNumber,
    Rank,
    DenseRank,
}

impl Running {
    /// No rows yet.
    pub(super) fn new(call: &OverCall) -> sloth_types::Result<Self> {
        Running::of(call).map_err(|e| failed(call, &e))
    }

    fn of(call: &OverCall) -> Result<Self> {
        let Some(standard) = call.expr.as_any().downcast_ref::<StandardWindowExpr>() else {
            return Ok(Running::Total(row_accumulator(aggregate_of(&call.expr)?)?));
        };
        let function = standard.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>();
        let kind = match function.map(|f| f.fun().name()) {
            Some("row_number") => Kind::RowNumber,
            Some("rank") => Kind::Rank,
            Some("dense_rank") => Kind::DenseRank,
            Some("first_value") => return Ok(Running::First(None)),
            other => return Err(DataFusionError::Internal(format!("{other:?} does not go on from row to row"))),
        };
        Ok(Running::Number(Number { kind, rows: 0, rank: 0, last: None }))
    }

    /// Takes in the next rows and gives their results. `peers` are stretches of rows that the order leaves equal.
    pub(super) fn advance(
        &mut self,
        call: &OverCall,
        rows: &RecordBatch,
        peers: &[Range<usize>],
        data_type: &DataType,
    ) -> sloth_types::Result<ArrayRef> {
        self.results(call, rows, peers, data_type).map_err(|e| failed(call, &e))
    }

    fn results(
        &mut self,
        call: &OverCall,
        rows: &RecordBatch,
        peers: &[Range<usize>],
        data_type: &DataType,
    ) -> Result<ArrayRef> {
        let mut results = Vec::with_capacity(rows.num_rows());
        match self {
            Running::Number(number) => {
                let order = call.expr.order_by_columns(rows)?;
                for stretch in peers {
                    let values = order.iter().map(|c| ScalarValue::try_from_array(&c.values, stretch.start));
                    number.advance(values.collect::<Result<_>>()?, stretch.len(), &mut results);
                }
            }
            Running::First(first) => {
                let (args, _) = arguments(call, rows)?;
                if let (None, Some(argument)) = (&first, args.first().filter(|_| rows.num_rows() > 0)) {
                    *first = Some(ScalarValue::try_from_array(argument, 0)?);
                }
                results.extend(first.iter().flat_map(|value| std::iter::repeat_n(value.clone(), rows.num_rows())));
            }
            Running::Total(accumulator) => {
                let (args, mask) = arguments(call, rows)?;
                let by_row = call.expr.get_window_frame().units == WindowFrameUnits::Rows;
                for stretch in peers {
                    let steps = if by_row { stretch.len() } else { 1 };
                    for step in 0..steps {
                        let range =
                            if by_row { stretch.start + step..stretch.start + step + 1 } else { stretch.clone() };
                        accumulator.update_batch(&slices(&args, mask.as_ref(), &range)?)?;
                        let value = accumulator.evaluate()?;
                        results.extend(std::iter::repeat_n(value, range.len()));
                    }
                }
            }
        }
        let result = ScalarValue::iter_to_array(results)?;
        if result.data_type() == data_type { Ok(result) } else { Ok(cast(&result, data_type)?) }
    }

    /// What the rows have come to, to be compared and taken up again.
    pub(super) fn known(&mut self, call: &OverCall) -> sloth_types::Result<Vec<ScalarValue>> {
        self.state(call).map_err(|e| failed(call, &e))
    }

    /// Takes up what [`Running::known`] has given.
    pub(super) fn taken_up(call: &OverCall, known: &[ScalarValue]) -> sloth_types::Result<Self> {
        let columns: Result<Vec<ArrayRef>> = known.iter().map(ScalarValue::to_array).collect();
        columns.and_then(|columns| Running::restored(call, &columns, 0)).map_err(|e| failed(call, &e))
    }

    /// What several partitions have come to, as columns for a checkpoint. Leaves them as they are.
    pub(super) fn save(call: &OverCall, partitions: &mut [&mut Running]) -> sloth_types::Result<Vec<ArrayRef>> {
        let mut columns: Vec<Vec<ScalarValue>> = vec![];
        for running in partitions {
            let values = running.state(call).map_err(|e| failed(call, &e))?;
            columns.resize(values.len(), vec![]);
            for (column, value) in columns.iter_mut().zip(values) {
                column.push(value);
            }
        }
        let arrays = columns.into_iter().map(ScalarValue::iter_to_array).collect::<Result<_>>();
        arrays.map_err(|e| failed(call, &e))
    }

    fn state(&mut self, call: &OverCall) -> Result<Vec<ScalarValue>> {
        match self {
            Running::Number(Number { rows, rank, last, .. }) => {
                let numbers = [ScalarValue::from(*rows), ScalarValue::from(*rank)];
                Ok(numbers.into_iter().chain(last.iter().flatten().cloned()).collect())
            }
            Running::First(first) => Ok(first.iter().cloned().collect()),
            Running::Total(accumulator) => {
                let state = accumulator.state()?;
                // Some functions give their state away: put it back.
                *accumulator = merged(call, state.iter().map(ScalarValue::to_array).collect::<Result<_>>()?)?;
                Ok(state)
            }
        }
    }

    /// How many columns the state of a call has.
    pub(super) fn width(call: &OverCall) -> sloth_types::Result<usize> {
        let width = match Running::new(call)? {
            Running::Number(_) => Ok(2 + call.expr.order_by().len()),
            Running::First(_) => Ok(1),
            Running::Total(_) => aggregate_of(&call.expr).and_then(|a| a.state_fields()).map(|fields| fields.len()),
        };
        width.map_err(|e| failed(call, &e))
    }

    /// Takes up one row of the columns that [`Running::save`] gave.
    pub(super) fn restore(call: &OverCall, state: &[ArrayRef], row: usize) -> sloth_types::Result<Self> {
        Running::restored(call, state, row).map_err(|e| failed(call, &e))
    }

    fn restored(call: &OverCall, state: &[ArrayRef], row: usize) -> Result<Self> {
        let number = match Running::of(call)? {
            Running::Number(number) => number,
            Running::First(_) => {
                let first = state.first().map(|column| ScalarValue::try_from_array(column, row)).transpose()?;
                return Ok(Running::First(first));
            }
            Running::Total(_) => {
                let state = state.iter().map(|column| column.slice(row, 1)).collect();
                return Ok(Running::Total(merged(call, state)?));
            }
        };
        let mut values = state.iter().map(|column| ScalarValue::try_from_array(column, row));
        let mut count = || match values.next() {
            Some(Ok(ScalarValue::UInt64(Some(count)))) => Ok(count),
            other => Err(DataFusionError::Internal(format!("{other:?} where a rank goes on"))),
        };
        let (rows, rank) = (count()?, count()?);
        let last = values.collect::<Result<Vec<_>>>()?;
        Ok(Running::Number(Number { rows, rank, last: Some(last), ..number }))
    }
}

/// Stretches of rows that the order leaves equal.
pub(super) fn peers(rows: &OrderedRows, slots: &[u32]) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = vec![];
    for (at, slot) in slots.iter().enumerate() {
        match out.last_mut() {
            Some(last) if rows.peers(slots[last.start], *slot) => last.end = at + 1,
            _ => out.push(at..at + 1),
        }
    }
    out
}

fn merged(call: &OverCall, state: Vec<ArrayRef>) -> Result<Box<dyn Accumulator>> {
    let mut accumulator = row_accumulator(aggregate_of(&call.expr)?)?;
    accumulator.merge_batch(&state)?;
    Ok(accumulator)
}

impl Number {
    /// Numbers the next rows, which the order leaves equal.
    fn advance(&mut self, order: Vec<ScalarValue>, rows: usize, results: &mut Vec<ScalarValue>) {
        if self.last.as_ref() != Some(&order) {
            self.rank = if self.kind == Kind::Rank { self.rows + 1 } else { self.rank + 1 };
            self.last = Some(order);
        }
        for _ in 0..rows {
            self.rows += 1;
            results.push(ScalarValue::from(if self.kind == Kind::RowNumber { self.rows } else { self.rank }));
        }
    }
}
