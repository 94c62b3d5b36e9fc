//! Every other aggregate function: DataFusion's row accumulators, one a slot.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array};
use arrow::compute::{SortOptions, filter, take};
use arrow::datatypes::{DataType, Schema};
use datafusion::logical_expr::Accumulator as RowAccumulator;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::scalar::ScalarValue;
use sloth_plan::AggregateCall;
use sloth_types::{Error, Result};

use super::moments::row_accumulator;
use super::{Accumulator, Input, Target};

/// One DataFusion accumulator a slot.
pub(crate) struct Foreign {
    expr: AggregateFunctionExpr,
    slots: Vec<Box<dyn RowAccumulator>>,
    state_types: Vec<DataType>,
    output: DataType,
}

/// A call as DataFusion's expression over its argument columns.
pub(super) fn expression(call: &AggregateCall) -> Result<AggregateFunctionExpr> {
    let schema = Arc::new(Schema::new(call.arg_fields.clone()));
    // An ordered-set aggregate (`PERCENTILE_CONT(…) WITHIN GROUP (ORDER BY x DESC)`) reads its order from the expression.
    let order = match (call.function.supports_within_group_clause(), call.order.first(), call.arg_exprs.first()) {
        (true, Some(order), Some(expr)) => {
            let options = SortOptions { descending: order.descending, nulls_first: order.nulls_first };
            vec![PhysicalSortExpr { expr: Arc::clone(expr), options }]
        }
        _ => vec![],
    };
    AggregateExprBuilder::new(Arc::clone(&call.function), call.arg_exprs.clone())
        .schema(schema)
        .order_by(order)
        .alias(call.output.name().clone())
        .build()
        .map_err(|e| failed(call, &e))
}

pub(super) fn failed(call: &AggregateCall, error: &datafusion::error::DataFusionError) -> Error {
    Error::invalid(format!("{}: {}", call.sql, error.strip_backtrace()))
}

impl Foreign {
    /// The accumulators of a call, without slots yet.
    pub(crate) fn new(call: &AggregateCall) -> Result<Self> {
        let expr = expression(call)?;
        row_accumulator(&expr).map_err(|e| failed(call, &e))?;
        let state = expr.state_fields().map_err(|e| failed(call, &e))?;
        let state_types = state.iter().map(|f| f.data_type().clone()).collect();
        Ok(Foreign { expr, slots: vec![], state_types, output: call.output_type().clone() })
    }

    fn fresh(&self) -> Result<Box<dyn RowAccumulator>> {
        row_accumulator(&self.expr).map_err(|e| wrap(&e))
    }

    fn apply(
        &mut self,
        columns: &[ArrayRef],
        rows: usize,
        target: Target<'_>,
        add: impl Fn(&mut dyn RowAccumulator, &[ArrayRef]) -> datafusion::error::Result<()>,
    ) -> Result<()> {
        let slots = match target {
            Target::One(slot) => {
                return match self.slots.get_mut(slot as usize) {
                    Some(accumulator) => add(accumulator.as_mut(), columns).map_err(|e| wrap(&e)),
                    None => Ok(()),
                };
            }
            Target::Each(slots) => slots,
        };
        // A stable sort brings each slot's rows together and keeps their order.
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|row| slots[*row as usize]);
        let order = UInt32Array::from(order);
        let sorted: Vec<ArrayRef> = columns.iter().map(|c| take(c, &order, None)).collect::<Result<_, _>>()?;
        let mut start = 0;
        while start < rows {
            let slot = slots[order.value(start) as usize];
            let mut end = start + 1;
            while end < rows && slots[order.value(end) as usize] == slot {
                end += 1;
            }
            let part: Vec<ArrayRef> = sorted.iter().map(|c| c.slice(start, end - start)).collect();
            if let Some(accumulator) = self.slots.get_mut(slot as usize) {
                add(accumulator.as_mut(), &part).map_err(|e| wrap(&e))?;
            }
            start = end;
        }
        Ok(())
    }
}

pub(super) fn wrap(error: &datafusion::error::DataFusionError) -> Error {
    Error::data(error.strip_backtrace())
}

impl Accumulator for Foreign {
    fn resize(&mut self, slots: usize) {
        while self.slots.len() < slots {
            // Creation succeeded once in `new` with the same arguments.
            let Ok(accumulator) = self.fresh() else { return };
            self.slots.push(accumulator);
        }
    }

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let Some(valid) = &input.valid else {
            return self.apply(&input.args, input.rows, target, |a, columns| a.update_batch(columns));
        };
        let kept = BooleanArray::new(valid.inner().clone(), None);
        let args: Vec<ArrayRef> = input.args.iter().map(|a| filter(a, &kept)).collect::<Result<_, _>>()?;
        let slots: Vec<u32> = valid.valid_indices().map(|row| target.slot(row) as u32).collect();
        self.apply(&args, slots.len(), Target::Each(&slots), |a, columns| a.update_batch(columns))
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let rows = states.first().map_or(0, |s| s.len());
        self.apply(states, rows, target, |a, columns| a.merge_batch(columns))
    }

    fn state_types(&self) -> Vec<DataType> {
        self.state_types.clone()
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns: Vec<Vec<ScalarValue>> = vec![Vec::with_capacity(slots.len()); self.state_types.len()];
        for slot in slots {
            let Some(accumulator) = self.slots.get_mut(*slot as usize) else { continue };
            let state = accumulator.state().map_err(|e| wrap(&e))?;
            // Some functions give their state away: put it back.
            let arrays: Vec<ArrayRef> =
                state.iter().map(ScalarValue::to_array).collect::<Result<_, _>>().map_err(|e| wrap(&e))?;
            let mut again = row_accumulator(&self.expr).map_err(|e| wrap(&e))?;
            again.merge_batch(&arrays).map_err(|e| wrap(&e))?;
            *accumulator = again;
            for (column, value) in columns.iter_mut().zip(state) {
                column.push(value);
            }
        }
        columns.into_iter().zip(&self.state_types).map(|(values, data_type)| to_array(values, data_type)).collect()
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(slots.len());
        for slot in slots {
            let Some(accumulator) = self.slots.get_mut(*slot as usize) else { continue };
            values.push(accumulator.evaluate().map_err(|e| wrap(&e))?);
        }
        to_array(values, &self.output)
    }

    fn clear(&mut self, slot: u32) {
        if let Ok(fresh) = self.fresh()
            && let Some(accumulator) = self.slots.get_mut(slot as usize)
        {
            *accumulator = fresh;
        }
    }

    fn bytes(&self) -> usize {
        self.slots.iter().map(|a| a.size()).sum()
    }
}

pub(super) fn to_array(values: Vec<ScalarValue>, data_type: &DataType) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(new_empty_array(data_type));
    }
    ScalarValue::iter_to_array(values).map_err(|e| wrap(&e))
}
