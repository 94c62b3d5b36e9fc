//! Values out of a match: what `DEFINE` and `MEASURES` compute.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, new_null_array};
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use sloth_plan::AggregateCall;
use sloth_plan::pattern::{Condition, MatchExpr, MatchRecognize, MatchValue};
use sloth_types::{Error, Result};

use super::Partition;
use super::program::Mapped;
use crate::operators::stages::evaluate;
use crate::state::rows::Rows;

/// The rows that an expression can see.
pub(super) struct Sight<'a> {
    pub(super) node: &'a MatchRecognize,
    pub(super) rows: &'a Rows,
    pub(super) partition: &'a Partition,
}

/// Whether row `row` may be mapped to a variable, behind the rows mapped before it.
pub(super) fn condition(
    sight: &Sight<'_>,
    variable: usize,
    row: u64,
    before: impl FnOnce() -> Vec<Mapped>,
) -> Result<bool> {
    let holds = match sight.node.variables.get(variable).map(|v| &v.condition) {
        None | Some(Condition::Always) => return Ok(true),
        Some(Condition::Column(column)) => match sight.partition.row(row) {
            Some(kept) => sight.rows.gather(*column, &[kept.slot])?,
            None => return Ok(false),
        },
        Some(Condition::Computed(expr)) => {
            let mut mapped = before();
            mapped.push(Mapped { before: super::NONE, row, variable, excluded: false });
            value(sight, expr, &mapped)?
        }
    };
    let holds = holds.as_boolean_opt().ok_or_else(|| Error::internal("a DEFINE condition is not boolean"))?;
    Ok(holds.is_valid(0) && holds.value(0))
}

/// An expression over mapped rows, as an array of one element.
pub(super) fn value(sight: &Sight<'_>, expr: &MatchExpr, mapped: &[Mapped]) -> Result<ArrayRef> {
    let columns: Vec<ArrayRef> = expr
        .values
        .iter()
        .zip(expr.schema.fields())
        .map(|(value, field)| {
            let column = one(sight, value, mapped)?;
            match column {
                Some(column) if column.data_type() == field.data_type() => Ok(column),
                Some(column) => Ok(arrow::compute::cast(&column, field.data_type())?),
                None => Ok(new_null_array(field.data_type(), 1)),
            }
        })
        .collect::<Result<_>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    evaluate(&expr.expr, &RecordBatch::try_new_with_options(Arc::clone(&expr.schema), columns, &options)?)
}

/// A value out of the match, `None` for NULL.
fn one(sight: &Sight<'_>, value: &MatchValue, mapped: &[Mapped]) -> Result<Option<ArrayRef>> {
    let is = |variable: &Option<usize>, m: &Mapped| variable.is_none_or(|v| v == m.variable);
    let at = |row: Option<u64>, column: usize| -> Result<Option<ArrayRef>> {
        match row.and_then(|row| sight.partition.row(row)) {
            Some(kept) => sight.rows.gather(column, &[kept.slot]).map(Some),
            None => Ok(None),
        }
    };
    match value {
        MatchValue::Last { variable, back, before, column } => {
            let row = mapped.iter().rev().filter(|m| is(variable, m)).nth(*back);
            at(row.and_then(|m| m.row.checked_sub(*before as u64)), *column)
        }
        MatchValue::First { variable, forward, column } => {
            at(mapped.iter().filter(|m| is(variable, m)).nth(*forward).map(|m| m.row), *column)
        }
        MatchValue::Aggregate { variable, call } => {
            let rows = mapped.iter().filter(|m| is(variable, m)).filter_map(|m| sight.partition.row(m.row));
            let slots: Vec<u32> = rows.map(|kept| kept.slot).collect();
            aggregate(sight.rows, call, &slots).map(Some)
        }
        MatchValue::Classifier => {
            let name = mapped.last().and_then(|m| sight.node.variables.get(m.variable)).map(|v| v.name.as_str());
            Ok(Some(Arc::new(StringArray::from(vec![name]))))
        }
        MatchValue::MatchNumber => Ok(Some(Arc::new(Int64Array::from(vec![sight.partition.matches])))),
    }
}

fn aggregate(rows: &Rows, call: &AggregateCall, slots: &[u32]) -> Result<ArrayRef> {
    if call.args.is_empty() {
        return Ok(Arc::new(Int64Array::from(vec![slots.len() as i64])));
    }
    let failed = |e: datafusion::error::DataFusionError| Error::data(format!("{}: {}", call.sql, e.strip_backtrace()));
    let schema = Arc::new(arrow::datatypes::Schema::new(call.arg_fields.clone()));
    let function = AggregateExprBuilder::new(Arc::clone(&call.function), call.arg_exprs.clone())
        .schema(schema)
        .alias(call.output.name().clone())
        .with_distinct(call.distinct)
        .build()
        .map_err(failed)?;
    let mut accumulator = function.create_accumulator().map_err(failed)?;
    let columns: Vec<ArrayRef> = call.args.iter().map(|c| rows.gather(*c, slots)).collect::<Result<_>>()?;
    accumulator.update_batch(&columns).map_err(failed)?;
    accumulator.evaluate().and_then(|v| v.to_array()).map_err(failed)
}
