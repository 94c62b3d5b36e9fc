//! What cannot come into a ranking is left out before rows are exchanged.
//!
//! Of rows that are never taken back, one that as many rows of its own batch are strictly before as the ranking gives will
//! never be given. Nothing is kept from batch to batch. Rows are picked, not copied.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, Rows, SortField};
use sloth_plan::Rank;
use sloth_types::Result;

use crate::message::Batch;
use crate::state::keys::{KeyEncoder, KeyTable, RowSet};

/// Where so few of a batch are left out, so many batches pass unseen.
const WORTH_PERCENT: usize = 15;
const UNSEEN: u32 = 15;

/// Picks the rows of each batch that may come into the range of ranks.
pub(crate) struct Prune {
    partition: Vec<usize>,
    order: Vec<usize>,
    /// Rows of a partition with so many before them are left out.
    most: usize,
    encoder: KeyEncoder,
    converter: RowConverter,
    unseen: u32,
    slots: Vec<u32>,
}

impl Prune {
    /// For rows of `input`; `None` where it does not tell anything.
    pub(crate) fn new(rank: &Rank, input: &Schema) -> Result<Option<Self>> {
        if !rank.batches_tell() {
            return Ok(None);
        }
        let order: Vec<_> = rank.order.iter().filter(|o| !rank.partition.contains(&o.column)).collect();
        let type_of = |column: usize| input.field(column).data_type().clone();
        let field = |o: &&sloth_plan::OrderColumn| {
            let options = SortOptions { descending: o.descending, nulls_first: o.nulls_first };
            SortField::new_with_options(type_of(o.column), options)
        };
        Ok(Some(Prune {
            encoder: KeyEncoder::new(rank.partition.iter().map(|c| type_of(*c)).collect())?,
            converter: RowConverter::new(order.iter().map(field).collect())?,
            order: order.iter().map(|o| o.column).collect(),
            partition: rank.partition.clone(),
            most: rank.to as usize,
            unseen: 0,
            slots: vec![],
        }))
    }

    /// The batch with the rows picked that may be given.
    pub(crate) fn run(&mut self, batch: Batch) -> Result<Batch> {
        let rows = batch.count();
        if self.unseen > 0 {
            self.unseen -= 1;
            return Ok(batch);
        }
        if rows <= self.most || batch.diffs.is_some() {
            return Ok(batch);
        }
        let of = |columns: &[usize]| -> Result<Vec<ArrayRef>> {
            let column = |c: &usize| match &batch.picked {
                Some(picked) => Ok(take(batch.rows.column(*c), picked, None)?),
                None => Ok(ArrayRef::clone(batch.rows.column(*c))),
            };
            columns.iter().map(column).collect()
        };
        let keys = self.encoder.encode(&of(&self.partition)?)?;
        let mut table = KeyTable::new(&self.encoder);
        table.intern(&keys, &RowSet::Range(0..rows), &mut self.slots);
        if self.most == 1 && table.slots() * 100 > rows * (100 - WORTH_PERCENT) {
            self.unseen = UNSEEN;
            return Ok(batch);
        }
        let places = self.converter.convert_columns(&of(&self.order)?)?;
        let kept = if self.most == 1 { self.firsts(&places, table.slots()) } else { self.best(&places, table.slots()) };
        if kept.len() * 100 > rows * (100 - WORTH_PERCENT) {
            self.unseen = UNSEEN;
            return Ok(batch);
        }
        let picked = match &batch.picked {
            Some(picked) => kept.iter().map(|row| picked.value(*row as usize)).collect(),
            None => kept,
        };
        Ok(Batch { picked: Some(UInt32Array::from(picked)), ..batch })
    }

    /// The first row of each partition, and those that are no later.
    fn firsts(&self, places: &Rows, partitions: usize) -> Vec<u32> {
        let place = |row: u32| places.row(row as usize).data();
        let mut firsts = vec![u32::MAX; partitions];
        let rows = || (0u32..).zip(&self.slots);
        for (row, slot) in rows() {
            let first = &mut firsts[*slot as usize];
            if *first == u32::MAX || place(row) < place(*first) {
                *first = row;
            }
        }
        let is_first = |row: u32, slot: u32| {
            let first = firsts[slot as usize];
            first == row || place(first) == place(row)
        };
        rows().filter(|(row, slot)| is_first(*row, **slot)).map(|(row, _)| row).collect()
    }

    /// The rows of each partition that fewer than `most` rows are before.
    fn best(&self, places: &Rows, partitions: usize) -> Vec<u32> {
        let place = |row: u32| places.row(row as usize).data();
        // The rows of one partition behind those of the one before.
        let mut ends = vec![0; partitions];
        self.slots.iter().for_each(|slot| ends[*slot as usize] += 1);
        let mut end = 0;
        for count in &mut ends {
            end += std::mem::replace(count, end);
        }
        let mut grouped = vec![0; self.slots.len()];
        for (row, slot) in (0u32..).zip(&self.slots) {
            let at = &mut ends[*slot as usize];
            grouped[*at] = row;
            *at += 1;
        }
        let (mut kept, mut start) = (Vec::with_capacity(grouped.len()), 0);
        for end in ends {
            let rows = &mut grouped[std::mem::replace(&mut start, end)..end];
            if rows.len() <= self.most {
                kept.extend_from_slice(rows);
                continue;
            }
            let (_, last, _) = rows.select_nth_unstable_by(self.most - 1, |a, b| place(*a).cmp(place(*b)));
            let last = place(*last);
            kept.extend(rows.iter().copied().filter(|row| place(*row) <= last));
        }
        kept.sort_unstable();
        kept
    }
}

#[cfg(test)]
#[path = "prune/tests.rs"]
mod tests;
