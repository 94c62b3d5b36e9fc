//! An epoch's changes made exact: one net change a row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat, concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use sloth_types::Result;

use super::stages::weights;
use crate::message::Batch;
use crate::state::keys::{KeyEncoder, KeyTable, RowSet};

/// Adds up the weights of equal rows.
pub(crate) struct Consolidator {
    schema: SchemaRef,
    encoder: KeyEncoder,
}

impl Consolidator {
    /// For rows of `schema`.
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self> {
        let encoder = KeyEncoder::new(schema.fields().iter().map(|f| f.data_type().clone()).collect())?;
        Ok(Consolidator { schema: Arc::clone(schema), encoder })
    }

    /// All changes as one batch, in which a row comes once with its net weight and rows whose changes cancel out do not
    /// come at all. Batches of inserts only stay as they are, one behind the other. `None` when nothing is left.
    pub(crate) fn run(&mut self, batches: &[Batch]) -> Result<Option<Batch>> {
        let Some(all) = gathered(&self.schema, batches)? else { return Ok(None) };
        let Some(diffs) = &all.diffs else { return Ok(Some(all)) };
        let rows = all.rows.num_rows();
        if rows < 2 || self.schema.fields().is_empty() {
            return Ok(if self.schema.fields().is_empty() { net_count(&all, diffs) } else { Some(all) });
        }
        let keys = self.encoder.encode(all.rows.columns())?;
        let mut table = KeyTable::new(&self.encoder);
        let mut slots = vec![];
        table.intern(&keys, &RowSet::Range(0..rows), &mut slots);
        if table.slots() == rows {
            return Ok(Some(all));
        }
        let mut firsts: Vec<u32> = Vec::with_capacity(table.slots());
        let mut sums: Vec<i64> = Vec::with_capacity(table.slots());
        for (row, slot) in slots.iter().enumerate() {
            match sums.get_mut(*slot as usize) {
                Some(sum) => *sum += diffs.value(row),
                None => {
                    // Slots of a fresh table are handed out in order.
                    firsts.push(row as u32);
                    sums.push(diffs.value(row));
                }
            }
        }
        let kept: UInt32Array = firsts.iter().zip(&sums).filter(|(_, w)| **w != 0).map(|(row, _)| *row).collect();
        if kept.is_empty() {
            return Ok(None);
        }
        sums.retain(|w| *w != 0);
        let rows = take_record_batch(&all.rows, &kept)?;
        Ok(Some(Batch { rows, diffs: Some(Int64Array::from(sums)), ..all }))
    }
}

/// Rows without columns are all equal.
fn net_count(all: &Batch, diffs: &Int64Array) -> Option<Batch> {
    let net: i64 = diffs.values().iter().sum();
    let rows = all.rows.slice(0, usize::from(net != 0));
    (net != 0).then(|| Batch { rows, diffs: Some(Int64Array::from(vec![net])), ..all.clone() })
}

/// All changes one behind the other; weights are there when one of the batches has them. `None` when there are none.
pub(crate) fn gathered(schema: &SchemaRef, batches: &[Batch]) -> Result<Option<Batch>> {
    let Some(first) = batches.first() else { return Ok(None) };
    if let [only] = batches {
        return Ok((only.rows.num_rows() > 0).then(|| only.clone()));
    }
    let rows = concat_batches(schema, batches.iter().map(|b| &b.rows))?;
    if rows.num_rows() == 0 {
        return Ok(None);
    }
    let diffs = if batches.iter().all(|b| b.diffs.is_none()) {
        None
    } else {
        let ones = |b: &Batch| Int64Array::from(vec![1; b.rows.num_rows()]);
        let parts: Vec<Int64Array> = batches.iter().map(|b| b.diffs.clone().unwrap_or_else(|| ones(b))).collect();
        let parts: Vec<&dyn Array> = parts.iter().map(|p| p as &dyn Array).collect();
        Some(weights(&concat(&parts)?))
    };
    Ok(Some(Batch { rows, diffs, ..first.clone() }))
}

/// For each row whether it differs between two lists of columns (NULL equals NULL).
pub(crate) fn changed(old: &[ArrayRef], new: &[ArrayRef], rows: usize) -> Result<Vec<bool>> {
    let mut out = vec![false; rows];
    for (a, b) in old.iter().zip(new) {
        if a.to_data() == b.to_data() {
            continue;
        }
        let comparator = arrow::array::make_comparator(a, b, arrow::compute::SortOptions::default())?;
        for (row, changed) in out.iter_mut().enumerate() {
            *changed |= comparator(row, row).is_ne();
        }
    }
    Ok(out)
}

#[cfg(test)]
#[path = "delta/tests.rs"]
mod tests;
