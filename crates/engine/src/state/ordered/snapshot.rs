//! Ordered rows as rows for a checkpoint, and back.

use std::ops::Range;

use arrow::array::{ArrayRef, RecordBatch};
use sloth_types::Result;

use super::{At, OrderedRows, Stamp};
use crate::state::keys::RowSet;
use crate::state::snapshot::{ROWS_MAX, column_of, numbers, split, table};

/// Restored rows: their slots and partitions, their stamps, and the columns that were beside them.
pub(crate) struct Restored<'r> {
    pub(crate) slots: Vec<u32>,
    pub(crate) partitions: Vec<u32>,
    pub(crate) stamps: Vec<u64>,
    pub(crate) beside: &'r [ArrayRef],
}

impl OrderedRows {
    /// The number of every partition, of some that are empty too.
    pub(crate) fn partitions(&self) -> Range<u32> {
        0..self.keys.records.len() as u32
    }

    /// The rows of some partitions, each in order, with weights and stamps; behind them what `beside` gives for their
    /// slots and partitions.
    pub(crate) fn save(
        &self,
        partitions: impl Iterator<Item = u32>,
        mut beside: impl FnMut(&[u32], &[u32]) -> Result<Vec<ArrayRef>>,
    ) -> Result<Vec<RecordBatch>> {
        let all = partitions.flat_map(|partition| self.rows_of(partition).map(move |slot| (slot, partition)));
        let (slots, partitions): (Vec<u32>, Vec<u32>) = all.unzip();
        let batch = |(slots, partitions): (&[u32], &[u32])| {
            let mut columns = self.decode(slots, partitions)?;
            columns.push(column_of(slots.iter().map(|slot| self.weight(*slot))));
            columns.push(column_of(slots.iter().map(|slot| self.stamp(*slot) as i64)));
            columns.extend(beside(slots, partitions)?);
            table(columns)
        };
        slots.chunks(ROWS_MAX).zip(partitions.chunks(ROWS_MAX)).map(batch).collect()
    }

    /// What tells a row from its equals; 0 where nothing does.
    fn stamp(&self, slot: u32) -> u64 {
        let bytes = self.bytes.get(slot);
        let stamp = match self.layout.stamp {
            Stamp::None => None,
            Stamp::Arrival => bytes.get(self.prefix(slot).len()..).and_then(|b| b.first_chunk()),
            Stamp::Copy => bytes.last_chunk(),
        };
        stamp.map_or(0, |stamp| u64::from_be_bytes(*stamp))
    }

    /// Takes up rows that [`OrderedRows::save`] gave and that are not here.
    pub(crate) fn restore<'r>(&mut self, rows: &'r RecordBatch) -> Result<Restored<'r>> {
        let width = self.layout.width;
        let (_, beside) = split(rows, width + 2)?;
        let (weights, stamps) = (numbers(rows, width)?, numbers(rows, width + 1)?);
        let located = self.locate(rows)?;
        let spelled = self.spell(rows, None)?;
        let mut slots = Vec::with_capacity(rows.num_rows());
        let mut buffer = vec![];
        let mut partitions = located.partitions.clone();
        partitions.resize(rows.num_rows(), 0);
        for (row, partition) in partitions.iter().enumerate() {
            let stamp = stamps.value(row).to_be_bytes();
            let prefix = located.prefix(row);
            if self.columns.is_some() {
                let slot = self.put_columns(*partition, prefix, At { batch: spelled.batch, row: row as u32 });
                if weights.value(row) != 1 {
                    self.weights.insert(slot, weights.value(row));
                }
                slots.push(slot);
                continue;
            }
            buffer.clear();
            buffer.extend_from_slice(prefix);
            if self.layout.stamp == Stamp::Arrival {
                buffer.extend_from_slice(&stamp);
            }
            if let Some(suffix) = &spelled.suffix {
                buffer.extend_from_slice(suffix.row(row).data());
            }
            if self.layout.stamp == Stamp::Copy {
                buffer.extend_from_slice(&stamp);
            }
            let slot = self.put(*partition, &buffer, prefix.len());
            if weights.value(row) != 1 {
                self.weights.insert(slot, weights.value(row));
            }
            slots.push(slot);
        }
        self.settle()?;
        let stamps = stamps.values().iter().map(|stamp| *stamp as u64).collect();
        Ok(Restored { slots, partitions, stamps, beside })
    }

    /// Inserts a row; mostly behind all of its partition, as rows are saved in order.
    fn put(&mut self, partition: u32, bytes: &[u8], prefix: usize) -> u32 {
        let last = self.last_of(partition);
        let run = self.run(partition);
        let place = match last.is_none_or(|last| self.bytes.get(last) < bytes) {
            true => run.end(),
            false => match run.find(|slot| self.bytes.get(slot).cmp(bytes)) {
                Ok((_, place)) | Err(place) => place,
            },
        };
        self.insert(partition, place, bytes, prefix)
    }

    /// As [`OrderedRows::put`], for a row that stays columns.
    fn put_columns(&mut self, partition: u32, prefix: &[u8], at: At) -> u32 {
        let (layout, last) = (&self.layout, self.last_of(partition));
        let (Some(columns), run) = (&self.columns, self.run(partition)) else { return 0 };
        let place = match last {
            Some(last) if columns.compare(layout, prefix, at, last).is_lt() => {
                match run.find(|slot| columns.compare(layout, prefix, at, slot).reverse()) {
                    Ok((_, place)) | Err(place) => place,
                }
            }
            _ => run.end(),
        };
        let slot = self.allot(partition, place);
        if let Some(columns) = &mut self.columns {
            columns.insert(slot, prefix, at);
        }
        slot
    }

    /// The key columns of partitions.
    pub(crate) fn partition_columns(&self, partitions: &[u32]) -> Result<Vec<ArrayRef>> {
        self.encoder.decode(&self.keys, partitions)
    }

    /// The partitions of keys, made where they are new.
    pub(crate) fn partitions_of(&mut self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let encoded = self.encoder.encode(keys)?;
        let mut partitions = vec![];
        self.keys.intern(&encoded, &RowSet::Range(0..rows), &mut partitions);
        partitions.resize(rows, 0);
        self.keys.records.grow(self.keys.slots());
        Ok(partitions)
    }
}
