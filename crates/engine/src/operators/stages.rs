//! Runs the stages of a map over a batch: filters, projections, expansions.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{FilterBuilder, filter};
use arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::Stage;
use sloth_plan::inputs::is_column;
use sloth_types::{Error, Result};
use std::sync::Arc;

use super::join::certain;
use super::unnest::unnest;
use crate::message::Batch;

/// Runs `stages` over a batch; what remains goes to `out` (nothing when no row remains).
pub(crate) fn run(stages: &[Stage], batch: Batch, out: &mut Vec<Batch>) -> Result<()> {
    let Some((stage, rest)) = stages.split_first() else {
        if batch.rows.num_rows() > 0 {
            out.push(batch);
        }
        return Ok(());
    };
    match stage {
        Stage::Filter(predicate) => {
            if let Some(kept) = keep(&batch, predicate)? {
                run(rest, kept, out)?;
            }
        }
        Stage::Project { exprs, schema } => {
            let rows = project(&batch.rows, exprs, schema)?;
            run(rest, batch.with_rows(rows), out)?;
        }
        Stage::Expand { copies, schema } => {
            for exprs in copies {
                let rows = project(&batch.rows, exprs, schema)?;
                run(rest, batch.with_rows(rows), out)?;
            }
        }
        Stage::Unnest { columns, preserve_nulls, schema } => {
            let batch = unnest(&batch, columns, *preserve_nulls, schema)?;
            run(rest, batch, out)?;
        }
    }
    Ok(())
}

/// As [`run`], for rows that are exchanged next: what the last filter leaves is picked only, not copied, where nothing is
/// computed behind it.
pub(crate) fn run_and_pick(stages: &[Stage], batch: Batch, out: &mut Vec<Batch>) -> Result<()> {
    let last = stages.iter().rposition(|stage| !selects(stage));
    let Some((before, (Stage::Filter(predicate), behind))) =
        last.and_then(|at| Some((stages.get(..at)?, stages.get(at..)?.split_first()?)))
    else {
        return run(stages, batch, out);
    };
    let mut left = vec![];
    run(before, batch, &mut left)?;
    for batch in left {
        let Some(mask) = mask_of(&batch, predicate)? else { continue };
        let all = mask.true_count() == batch.rows.num_rows();
        let picked = (!all).then(|| mask.values().set_indices().map(|row| row as u32).collect::<Vec<_>>());
        let picked = picked.map(UInt32Array::from);
        run(behind, Batch { picked, ..batch }, out)?;
    }
    Ok(())
}

/// A stage that only selects columns and their fields.
fn selects(stage: &Stage) -> bool {
    let is_there = |expr: &Arc<dyn PhysicalExpr>| is_column(expr) || expr.downcast_ref::<Literal>().is_some();
    matches!(stage, Stage::Project { exprs, .. } if exprs.iter().all(is_there))
}

/// The rows for which a condition is true; `None` when there are none.
fn mask_of(batch: &Batch, predicate: &Arc<dyn PhysicalExpr>) -> Result<Option<BooleanArray>> {
    let mask = evaluate(predicate, &batch.rows)?;
    let Some(mask) = mask.as_boolean_opt() else {
        return Err(Error::internal(format!("the condition {predicate} is not boolean")));
    };
    let mask = certain(mask);
    Ok((mask.true_count() > 0).then_some(mask))
}

fn keep(batch: &Batch, predicate: &Arc<dyn PhysicalExpr>) -> Result<Option<Batch>> {
    let Some(mask) = &mask_of(batch, predicate)? else { return Ok(None) };
    let kept = mask.true_count();
    if kept == batch.rows.num_rows() {
        return Ok(Some(batch.clone()));
    }
    let picked = FilterBuilder::new(mask).optimize().build();
    let columns: Vec<ArrayRef> = batch.rows.columns().iter().map(|c| picked.filter(c)).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(kept));
    let rows = RecordBatch::try_new_with_options(batch.rows.schema(), columns, &options)?;
    let diffs = match &batch.diffs {
        Some(diffs) => Some(weights(&filter(diffs, mask)?)),
        None => None,
    };
    Ok(Some(Batch { rows, diffs, place: batch.place, port: batch.port, partial: false, picked: None }))
}

/// Weights after a kernel that keeps their type.
pub(crate) fn weights(array: &ArrayRef) -> Int64Array {
    array.as_primitive::<Int64Type>().clone()
}

/// Evaluates an expression to an array of the batch's length.
pub(crate) fn evaluate(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<ArrayRef> {
    expr.evaluate(rows)
        .and_then(|value| value.into_array(rows.num_rows()))
        .map_err(|e| Error::data(e.strip_backtrace()).detail(format!("while computing {expr}")))
}

fn project(rows: &RecordBatch, exprs: &[Arc<dyn PhysicalExpr>], schema: &SchemaRef) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = exprs
        .iter()
        .zip(schema.fields())
        .map(|(expr, field)| {
            let column = evaluate(expr, rows)?;
            // Expressions may differ from their planned type in form only (a view or dictionary of the same values).
            if column.data_type() == field.data_type() {
                Ok(column)
            } else {
                Ok(arrow::compute::cast(&column, field.data_type())?)
            }
        })
        .collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
