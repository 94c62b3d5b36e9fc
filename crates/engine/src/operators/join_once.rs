//! A join of two finished sets of rows: what windows do when they close, and joins of input that has ended. Nothing is kept.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{concat_batches, filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use sloth_plan::Join;
use sloth_types::Result;

use super::join::residual::Residual;
use super::join::{Alone, null_keys, paired_schema};
use super::window::fit_rows;
use crate::message::Batch;
use crate::state::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};

/// Pairs that are made at once.
const PAIRS_MAX: usize = 16 * 1024;

/// Joins whole inputs.
pub(crate) struct JoinOnce {
    join: Join,
    inputs: [SchemaRef; 2],
    encoders: [KeyEncoder; 2],
    paired: SchemaRef,
    residual: Option<Residual>,
    schema: SchemaRef,
}

/// The side whose rows are found by key: the lists of each key's rows, in their order.
struct Built {
    side: usize,
    table: KeyTable,
    heads: Vec<u32>,
    next: Vec<u32>,
}

/// Rows of both sides and which of them have found a partner.
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
        let paired = paired_schema(&inputs);
        let residual = join.residual.as_ref().map(|expr| Residual::new(expr, &paired)).transpose()?;
        Ok(JoinOnce { join: join.clone(), encoders, paired, residual, inputs, schema })
    }

    /// The join of all left and all right rows.
    pub(crate) fn run(
        &mut self,
        left: Option<RecordBatch>,
        right: Option<RecordBatch>,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        self.run_parts([left.into_iter().collect(), right.into_iter().collect()], out)
    }

    /// The join of inputs in parts. The smaller one is put together and found by key.
    pub(crate) fn run_parts(&mut self, parts: [Vec<RecordBatch>; 2], out: &mut Vec<Batch>) -> Result<()> {
        let [left, right] = parts.each_ref().map(|parts| parts.iter().map(RecordBatch::num_rows).sum::<usize>());
        let side = usize::from(right <= left);
        let found = match parts[side].as_slice() {
            [only] => only.clone(),
            parts => concat_batches(&self.inputs[side], parts)?,
        };
        let built = self.build(side, &found)?;
        let mut matched = vec![false; found.num_rows()];
        let alone = Alone::of(self.join.kind);
        for part in &parts[1 - side] {
            let mine = vec![false; part.num_rows()];
            let mut sides = match side {
                0 => Sides { rows: [&found, part], matched: [std::mem::take(&mut matched), mine] },
                _ => Sides { rows: [part, &found], matched: [mine, std::mem::take(&mut matched)] },
            };
            if found.num_rows() > 0 {
                self.find_pairs(&built, &mut sides, out)?;
            }
            self.alone(1 - side, alone[1 - side], part, std::mem::take(&mut sides.matched[1 - side]), out)?;
            matched = std::mem::take(&mut sides.matched[side]);
        }
        self.alone(side, alone[side], &found, matched, out)
    }

    fn keys_of(&mut self, side: usize, rows: &RecordBatch) -> Result<(EncodedKeys, Option<NullBuffer>)> {
        let keys = if side == 0 { &self.join.left_keys } else { &self.join.right_keys };
        let columns: Vec<ArrayRef> = keys.iter().map(|k| Arc::clone(rows.column(*k))).collect();
        // Rows with a NULL key have no partner, unless NULL equals NULL here.
        let nulls = if self.join.null_equal { None } else { null_keys(rows, keys) };
        Ok((self.encoders[side].encode(&columns)?, nulls))
    }

    fn build(&mut self, side: usize, rows: &RecordBatch) -> Result<Built> {
        let (encoded, nulls) = self.keys_of(side, rows)?;
        let mut table = KeyTable::new(&self.encoders[side]);
        let mut slots = vec![];
        table.intern(&encoded, &RowSet::Range(0..rows.num_rows()), &mut slots);
        let mut heads = vec![ABSENT; table.slots()];
        let mut next = vec![ABSENT; rows.num_rows()];
        for (row, slot) in slots.iter().enumerate().rev() {
            if nulls.as_ref().is_none_or(|n| n.is_valid(row)) {
                next[row] = std::mem::replace(&mut heads[*slot as usize], row as u32);
            }
        }
        Ok(Built { side, table, heads, next })
    }

    fn find_pairs(&mut self, built: &Built, sides: &mut Sides<'_>, out: &mut Vec<Batch>) -> Result<()> {
        let probed = 1 - built.side;
        let probing = sides.rows[probed];
        let (encoded, nulls) = self.keys_of(probed, probing)?;
        let mut found = vec![];
        built.table.find(&encoded, &mut found, probing.num_rows());
        if Alone::of(self.join.kind)[built.side] == Alone::Never
            && !self.join.kind.pairs()
            && self.join.residual.is_none()
        {
            // Which rows of the built side have a partner is not asked.
            for (row, slot) in found.iter().enumerate() {
                let valid = nulls.as_ref().is_none_or(|n| n.is_valid(row));
                sides.matched[probed][row] = *slot != ABSENT && valid && built.heads[*slot as usize] != ABSENT;
            }
            return Ok(());
        }
        let (mut mine, mut theirs) = (vec![], vec![]);
        for (row, slot) in found.iter().enumerate() {
            let usable = *slot != ABSENT && nulls.as_ref().is_none_or(|n| n.is_valid(row));
            let mut at = if usable { built.heads[*slot as usize] } else { ABSENT };
            while at != ABSENT {
                mine.push(row as u32);
                theirs.push(at);
                at = built.next[at as usize];
                if mine.len() >= PAIRS_MAX {
                    self.pair(built, sides, std::mem::take(&mut mine), std::mem::take(&mut theirs), out)?;
                }
            }
        }
        self.pair(built, sides, mine, theirs, out)
    }

    /// Checks pairs that agree in their keys, notes who has a partner, and puts the pairs out.
    fn pair(
        &self,
        built: &Built,
        sides: &mut Sides<'_>,
        mine: Vec<u32>,
        theirs: Vec<u32>,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        if mine.is_empty() {
            return Ok(());
        }
        let (left, right) = if built.side == 1 { (mine, theirs) } else { (theirs, mine) };
        let pairs = self.join.kind.pairs();
        let indexes = [UInt32Array::from(left), UInt32Array::from(right)];
        let widths = self.inputs.each_ref().map(|schema| schema.fields().len());
        let column = |at: usize| -> Result<ArrayRef> {
            let (side, at) = if at < widths[0] { (0, at) } else { (1, at - widths[0]) };
            Ok(take(sides.rows[side].column(at), &indexes[side], None)?)
        };
        let mask = match &self.residual {
            Some(residual) => Some(residual.mask(indexes[0].len(), column)?),
            None => None,
        };
        let batch = match pairs {
            true => {
                let columns = (0..widths[0] + widths[1]).map(column).collect::<Result<_>>()?;
                let options = RecordBatchOptions::new().with_row_count(Some(indexes[0].len()));
                Some(RecordBatch::try_new_with_options(Arc::clone(&self.paired), columns, &options)?)
            }
            false => None,
        };
        for (at, (left, right)) in indexes[0].values().iter().zip(indexes[1].values()).enumerate() {
            if mask.as_ref().is_none_or(|m| m.value(at)) {
                sides.matched[0][*left as usize] = true;
                sides.matched[1][*right as usize] = true;
            }
        }
        if let Some(mut batch) = batch {
            if let Some(mask) = mask.filter(|m| m.true_count() < m.len()) {
                batch = filter_record_batch(&batch, &mask)?;
            }
            if batch.num_rows() > 0 {
                let rows = fit_rows(&self.schema, batch.columns().to_vec(), batch.num_rows())?;
                out.push(Batch::changes(rows, None));
            }
        }
        Ok(())
    }

    /// Rows of one side that come out by themselves.
    fn alone(
        &self,
        which: usize,
        alone: Alone,
        rows: &RecordBatch,
        matched: Vec<bool>,
        out: &mut Vec<Batch>,
    ) -> Result<()> {
        let matched = BooleanArray::from(matched);
        let (mask, mark) = match alone {
            Alone::Never => return Ok(()),
            Alone::Unmatched => (Some(arrow::compute::not(&matched)?), None),
            Alone::Matched => (Some(matched), None),
            Alone::Marked => (None, Some(Arc::new(matched) as ArrayRef)),
        };
        let rows = match mask {
            Some(mask) => filter_record_batch(rows, &mask)?,
            None => rows.clone(),
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
        out.push(Batch::changes(fit_rows(&self.schema, columns, count)?, None));
        Ok(())
    }
}
