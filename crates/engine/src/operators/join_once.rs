//! A join of two finished sets of rows: what windows do when they close. Nothing is kept.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use sloth_plan::Join;
use sloth_types::Result;

use super::join::{Alone, certain, null_keys, paired_schema};
use super::stages::evaluate;
use super::window::fit;
use crate::message::Batch;
use crate::state::keys::{ABSENT, KeyEncoder, KeyTable, RowSet};

/// Pairs that are made at once.
const PAIRS_MAX: usize = 16 * 1024;

/// Joins whole inputs.
pub(crate) struct JoinOnce {
    join: Join,
    inputs: [SchemaRef; 2],
    encoders: [KeyEncoder; 2],
    paired: SchemaRef,
    schema: SchemaRef,
}

/// The rows of one call and which of them have found a partner.
struct Sides<'a> {
    rows: [&'a RecordBatch; 2],
    matched: [Vec<bool>; 2],
}

impl JoinOnce {
    /// For inputs of these schemas.
    pub(crate) fn new(join: &Join, inputs: [SchemaRef; 2], schema: SchemaRef) -> Result<Self> {
        let encoder = |schema: &SchemaRef, keys: &[usize]| {
            KeyEncoder::new(keys.iter().map(|k| schema.field(*k).data_type().clone()).collect())
        };
        let encoders = [encoder(&inputs[0], &join.left_keys)?, encoder(&inputs[1], &join.right_keys)?];
        Ok(JoinOnce { join: join.clone(), encoders, paired: paired_schema(&inputs), inputs, schema })
    }

    /// The join of all left and all right rows.
    pub(crate) fn run(
        &mut self,
        left: Option<RecordBatch>,
        right: Option<RecordBatch>,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let [left_schema, right_schema] = &self.inputs;
        let left = left.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(left_schema)));
        let right = right.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(right_schema)));
        let matched = [vec![false; left.num_rows()], vec![false; right.num_rows()]];
        let mut sides = Sides { rows: [&left, &right], matched };
        if left.num_rows() > 0 && right.num_rows() > 0 {
            self.find_pairs(&mut sides, out)?;
        }
        for (which, alone) in Alone::of(self.join.kind).into_iter().enumerate() {
            self.alone(which, alone, &sides, out)?;
        }
        Ok(())
    }

    fn find_pairs(&mut self, sides: &mut Sides<'_>, out: &mut Vec<Batch>) -> Result<()> {
        let [left, right] = sides.rows;
        // The rows of each key of the right side as lists, in their order.
        let columns: Vec<ArrayRef> = self.join.right_keys.iter().map(|k| Arc::clone(right.column(*k))).collect();
        let encoded = self.encoders[1].encode(&columns)?;
        let mut table = KeyTable::new(&self.encoders[1]);
        let mut slots = vec![];
        table.intern(&encoded, &RowSet::Range(0..right.num_rows()), &mut slots);
        let mut heads = vec![ABSENT; table.slots()];
        let mut next = vec![ABSENT; right.num_rows()];
        let usable = |nulls: &Option<arrow::buffer::NullBuffer>, row: usize| {
            self.join.null_equal || nulls.as_ref().is_none_or(|n| n.is_valid(row))
        };
        let nulls = null_keys(right, &self.join.right_keys);
        for (row, slot) in slots.iter().enumerate().rev() {
            if usable(&nulls, row) {
                next[row] = std::mem::replace(&mut heads[*slot as usize], row as u32);
            }
        }
        let columns: Vec<ArrayRef> = self.join.left_keys.iter().map(|k| Arc::clone(left.column(*k))).collect();
        let encoded = self.encoders[0].encode(&columns)?;
        let mut found = vec![];
        table.find(&encoded, &mut found, left.num_rows());
        let nulls = null_keys(left, &self.join.left_keys);
        let (mut mine, mut theirs) = (vec![], vec![]);
        for (row, slot) in found.iter().enumerate() {
            let usable = *slot != ABSENT && usable(&nulls, row);
            let mut at = if usable { heads[*slot as usize] } else { ABSENT };
            while at != ABSENT {
                mine.push(row as u32);
                theirs.push(at);
                at = next[at as usize];
                if mine.len() >= PAIRS_MAX {
                    self.pair(sides, std::mem::take(&mut mine), std::mem::take(&mut theirs), out)?;
                }
            }
        }
        self.pair(sides, mine, theirs, out)
    }

    /// Checks pairs that agree in their keys, notes who has a partner, and puts the pairs out.
    fn pair(&self, sides: &mut Sides<'_>, mine: Vec<u32>, theirs: Vec<u32>, out: &mut Vec<Batch>) -> Result<()> {
        if mine.is_empty() {
            return Ok(());
        }
        let pairs = self.join.kind.pairs();
        let mut batch = None;
        let mut mask: Option<BooleanArray> = None;
        if pairs || self.join.residual.is_some() {
            let indexes = [UInt32Array::from(mine.clone()), UInt32Array::from(theirs.clone())];
            let mut columns: Vec<ArrayRef> = vec![];
            for (rows, indexes) in sides.rows.iter().zip(&indexes) {
                for column in rows.columns() {
                    columns.push(take(column, indexes, None)?);
                }
            }
            let options = RecordBatchOptions::new().with_row_count(Some(mine.len()));
            let paired = RecordBatch::try_new_with_options(Arc::clone(&self.paired), columns, &options)?;
            if let Some(residual) = &self.join.residual {
                mask = Some(certain(evaluate(residual, &paired)?.as_boolean()));
            }
            batch = Some(paired);
        }
        for (at, (left, right)) in mine.iter().zip(&theirs).enumerate() {
            if mask.as_ref().is_none_or(|m| m.value(at)) {
                sides.matched[0][*left as usize] = true;
                sides.matched[1][*right as usize] = true;
            }
        }
        if let Some(mut batch) = batch.filter(|_| pairs) {
            if let Some(mask) = mask.filter(|m| m.true_count() < m.len()) {
                batch = filter_record_batch(&batch, &mask)?;
            }
            if batch.num_rows() > 0 {
                out.push(Batch::changes(fit(&self.schema, batch.columns().to_vec())?, None));
            }
        }
        Ok(())
    }

    /// Rows of one side that come out by themselves.
    fn alone(&self, which: usize, alone: Alone, sides: &Sides<'_>, out: &mut Vec<Batch>) -> Result<()> {
        let matched = BooleanArray::from(sides.matched[which].clone());
        let (mask, mark) = match alone {
            Alone::Never => return Ok(()),
            Alone::Unmatched => (Some(arrow::compute::not(&matched)?), None),
            Alone::Matched => (Some(matched), None),
            Alone::Marked => (None, Some(Arc::new(matched) as ArrayRef)),
        };
        let rows = match mask {
            Some(mask) => filter_record_batch(sides.rows[which], &mask)?,
            None => sides.rows[which].clone(),
        };
        let count = rows.num_rows();
        if count == 0 {
            return Ok(());
        }
        let mut columns = rows.columns().to_vec();
        if self.join.kind.pairs() {
            let padding = self.inputs[1 - which].fields().iter().map(|f| new_null_array(f.data_type(), count));
            columns = if which == 0 {
                columns.into_iter().chain(padding).collect()
            } else {
                padding.chain(columns).collect()
            };
        }
        columns.extend(mark);
        out.push(Batch::changes(fit(&self.schema, columns)?, None));
        Ok(())
    }
}
