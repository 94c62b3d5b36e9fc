//! `UNNEST`: lists become rows, structs become columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, SchemaRef};
use sloth_plan::UnnestColumn;
use sloth_types::{Error, Result};

use super::stages::weights;
use crate::message::Batch;

/// One row for each element of the list columns, side by side; a shorter list is padded with NULL.
pub(crate) fn unnest(
    batch: &Batch,
    columns: &[UnnestColumn],
    preserve_nulls: bool,
    schema: &SchemaRef,
) -> Result<Batch> {
    let rows = batch.rows.num_rows();
    let lists: Vec<Option<ArrayRef>> =
        columns.iter().zip(batch.rows.columns()).map(|(kind, c)| as_list(*kind, c)).collect::<Result<_>>()?;
    let length = |list: &ArrayRef, row: usize| {
        if list.is_null(row) { 0 } else { list.as_list::<i32>().value_length(row) as usize }
    };
    let has_list = lists.iter().any(Option::is_some);
    let mut parents: Vec<u32> = Vec::with_capacity(rows);
    let mut elements: Vec<u32> = Vec::with_capacity(rows);
    for row in 0..rows {
        let longest = lists.iter().flatten().map(|l| length(l, row)).max().unwrap_or(0);
        let count = if has_list { longest.max(usize::from(preserve_nulls)) } else { 1 };
        for element in 0..count {
            parents.push(row as u32);
            elements.push(element as u32);
        }
    }
    let parents = UInt32Array::from(parents);
    let mut out: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for ((kind, column), list) in columns.iter().zip(batch.rows.columns()).zip(&lists) {
        match (kind, list) {
            (UnnestColumn::List, Some(list)) => {
                let list = list.as_list::<i32>();
                let offsets = list.value_offsets();
                let indices: UInt32Array = parents
                    .values()
                    .iter()
                    .zip(&elements)
                    .map(|(row, element)| {
                        let row = *row as usize;
                        let inside = list.is_valid(row) && (*element as i32) < list.value_length(row);
                        inside.then(|| offsets[row] as u32 + element)
                    })
                    .collect();
                out.push(take(list.values(), &indices, None)?);
            }
            (UnnestColumn::Struct, _) => {
                let spread = take(column, &parents, None)?;
                out.extend(spread.as_struct().columns().iter().cloned());
            }
            _ => out.push(take(column, &parents, None)?),
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(parents.len()));
    let rows = RecordBatch::try_new_with_options(Arc::clone(schema), out, &options)?;
    let diffs = match &batch.diffs {
        Some(diffs) => Some(weights(&take(diffs, &parents, None)?)),
        None => None,
    };
    Ok(Batch { rows, diffs, place: batch.place, port: batch.port, partial: false, picked: None })
}

fn as_list(kind: UnnestColumn, column: &ArrayRef) -> Result<Option<ArrayRef>> {
    if kind != UnnestColumn::List {
        return Ok(None);
    }
    match column.data_type() {
        DataType::List(_) => Ok(Some(Arc::clone(column))),
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Ok(Some(cast(column, &DataType::List(Arc::clone(item)))?))
        }
        other => Err(Error::unsupported(format!("UNNEST of {other}"))),
    }
}
