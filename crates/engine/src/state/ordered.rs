//! Rows in order within partitions: the state of ranking.
//!
//! A row is kept as one byte string: its order columns, then all columns that are no partition columns, in Arrow's row
//! format. Byte order is the order of the rows (the rest breaks ties, so no two rows are at the same place), and the
//! bytes give the row back; nothing else is kept. Where rows only come, they are kept column by column instead
//! (`columns.rs`). A partition is a sorted list of slots, in chunks once it is long:
//! finding, inserting and removing cost the logarithm of its length and one chunk's move.
//!
//! ```text
//! slot ──▶ │ order columns (prefix) │ the other columns │      partition ──▶ [ 7 2 9 ] [ 4 1 ] …   (slots, by bytes)
//! ```

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashMap;
use sloth_types::{Error, Result};
use std::cmp::Ordering;

mod columns;
mod copies;
mod run;
mod snapshot;

use columns::{At, Columns};
use run::{Place, Run, Runs, View};

use super::arena::Arena;
use super::keys::{ABSENT, KeyEncoder, KeyTable, RowSet};

/// Fewer partitions stay in the caches. Few in tests, so that these see more.
const TOUCHED_MIN: usize = if cfg!(test) { 4 } else { 1 << 14 };

/// A multiset of rows, in partitions, each in order.
pub(crate) struct OrderedRows {
    layout: Layout,
    encoder: KeyEncoder,
    /// Beside each key the word of its run.
    keys: KeyTable,
    /// Where that is in a record.
    run_at: usize,
    runs: Runs,
    bytes: Arena,
    /// Length of the prefix by slot; empty when it is the same for all.
    prefixes: Vec<u32>,
    /// Where the rows are instead, when they only come.
    columns: Option<Box<Columns>>,
    /// Weights that are not 1.
    weights: HashMap<u32, i64>,
    slots: u32,
    free: Vec<u32>,
}

/// Eight bytes that tell equal rows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// None: equal rows are one row with a weight.
    None,
    /// When the row came: between prefix and rest.
    Arrival,
    /// Which of several equal rows it is: behind all.
    Copy,
}

/// How rows become bytes and back.
struct Layout {
    partition: Vec<usize>,
    /// Columns of the prefix.
    order: Vec<usize>,
    /// The other columns that are no partition columns.
    rest: Vec<usize>,
    prefix: RowConverter,
    suffix: RowConverter,
    stamp: Stamp,
    width: usize,
}

/// Order columns of a batch, and the partition of each row.
pub(crate) struct Located {
    /// Partition by row.
    pub(crate) partitions: Vec<u32>,
    prefix: Option<Rows>,
}

impl Located {
    fn prefix(&self, row: usize) -> &[u8] {
        self.prefix.as_ref().map_or(&[], |rows| rows.row(row).data())
    }
}

/// Whole rows of a batch as bytes.
pub(crate) struct Spelled {
    suffix: Option<Rows>,
    /// The batch of rows that stay columns.
    batch: u32,
}

impl OrderedRows {
    /// No rows of `schema` yet.
    pub(crate) fn new(
        schema: &Schema,
        partition: &[usize],
        order: &[(usize, SortOptions)],
        stamp: Stamp,
    ) -> Result<Self> {
        let field = |column: usize| schema.field(column).data_type().clone();
        let encoder = KeyEncoder::new(partition.iter().map(|c| field(*c)).collect())?;
        let width = schema.fields().len();
        // A column that orders twice, or that is the same in the whole partition, orders once or not at all.
        let mut columns: Vec<(usize, SortOptions)> = vec![];
        for (column, options) in order {
            if !partition.contains(column) && columns.iter().all(|(c, _)| c != column) {
                columns.push((*column, *options));
            }
        }
        let order: Vec<usize> = columns.iter().map(|(c, _)| *c).collect();
        let rest: Vec<usize> = (0..width).filter(|c| !partition.contains(c) && !order.contains(c)).collect();
        let prefix = columns.iter().map(|(c, options)| SortField::new_with_options(field(*c), *options)).collect();
        let suffix = rest.iter().map(|c| SortField::new(field(*c))).collect();
        let state = |e| Error::unsupported(format!("rows with such columns cannot be ranked: {e}"));
        let layout = Layout {
            partition: partition.to_vec(),
            order,
            rest,
            prefix: RowConverter::new(prefix).map_err(state)?,
            suffix: RowConverter::new(suffix).map_err(state)?,
            stamp,
            width,
        };
        Ok(OrderedRows {
            layout,
            keys: KeyTable::beside(&encoder, 1),
            run_at: encoder.key_words(),
            encoder,
            runs: Runs::default(),
            bytes: Arena::default(),
            prefixes: vec![],
            columns: None,
            weights: HashMap::new(),
            slots: 0,
            free: vec![],
        })
    }

    /// As [`OrderedRows::new`], for rows that are never taken back: equal rows are one row with a weight.
    /// [`OrderedRows::settle`] must end each epoch.
    pub(crate) fn growing(schema: &Schema, partition: &[usize], order: &[(usize, SortOptions)]) -> Result<Self> {
        let mut rows = OrderedRows::new(schema, partition, order, Stamp::None)?;
        if !rows.layout.order.is_empty() {
            rows.columns = Some(Box::new(Columns::new(schema, &rows.layout)?));
        }
        Ok(rows)
    }

    /// Finds or makes the partition of each row, and encodes the order columns.
    pub(crate) fn locate(&mut self, rows: &RecordBatch) -> Result<Located> {
        let of =
            |columns: &[usize]| -> Vec<ArrayRef> { columns.iter().map(|c| ArrayRef::clone(rows.column(*c))).collect() };
        let keys = self.encoder.encode(&of(&self.layout.partition))?;
        let mut partitions = vec![];
        self.keys.intern(&keys, &RowSet::Range(0..rows.num_rows()), &mut partitions);
        self.keys.records.grow(self.keys.slots());
        let prefix = match self.layout.order.is_empty() {
            true => None,
            false => Some(self.layout.prefix.convert_columns(&of(&self.layout.order))?),
        };
        Ok(Located { partitions, prefix })
    }

    /// The rows of a partition.
    #[inline]
    fn run(&self, partition: u32) -> View<'_> {
        self.runs.view(self.keys.records.get(partition, self.run_at).unwrap_or(0))
    }

    fn change_run(&mut self, partition: u32, change: impl FnOnce(&mut Run)) {
        if (partition as usize) < self.keys.records.len() {
            let word = self.keys.records.word_mut(partition, self.run_at);
            *word = self.runs.change(*word, change);
        }
    }

    /// Brings what a few rows will be compared with into the caches: loads that do not depend on each other are fetched side by
    /// side, those behind a comparison one by one.
    pub(crate) fn touch(&self, located: &Located, rows: std::ops::Range<usize>) {
        let Some(columns) = self.columns.as_ref().filter(|_| self.keys.records.len() >= TOUCHED_MIN) else { return };
        let partitions = located.partitions.get(rows).unwrap_or_default();
        let last = |partition: &u32| self.run(*partition).last().unwrap_or(ABSENT);
        let lasts: Vec<u32> = partitions.iter().map(last).collect();
        std::hint::black_box(lasts.iter().fold(0, |all, slot| all ^ columns.touch(*slot)));
    }

    /// Brings what leads to the rows of a few partitions into the caches.
    pub(crate) fn touch_runs(&self, partitions: &[u32]) {
        if self.keys.records.len() >= TOUCHED_MIN {
            let word = |partition: &u32| self.keys.records.get(*partition, self.run_at).unwrap_or(0);
            std::hint::black_box(partitions.iter().fold(0, |all, partition| all ^ word(partition)));
        }
    }

    /// Encodes the other columns of some rows of a batch.
    pub(crate) fn spell(&mut self, rows: &RecordBatch, picked: Option<&arrow::array::UInt32Array>) -> Result<Spelled> {
        let batch = self.columns.as_mut().map(|columns| columns.begin(&self.layout, rows));
        if batch.is_some() || self.layout.rest.is_empty() {
            return Ok(Spelled { suffix: None, batch: batch.unwrap_or(0) });
        }
        let columns = self.layout.rest.iter().map(|c| match picked {
            Some(picked) => take(rows.column(*c), picked, None).map_err(Error::from),
            None => Ok(ArrayRef::clone(rows.column(*c))),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Spelled { suffix: Some(self.layout.suffix.convert_columns(&columns)?), batch: 0 })
    }

    /// How the order columns of a row compare with those of a stored row.
    pub(crate) fn compare(&self, located: &Located, row: usize, slot: u32) -> Ordering {
        match &self.columns {
            Some(columns) => columns.compare_order(located.prefix(row), slot),
            None => located.prefix(row).cmp(self.prefix(slot)),
        }
    }

    /// The bytes of the order columns of a stored row.
    pub(crate) fn prefix(&self, slot: u32) -> &[u8] {
        let bytes = self.bytes.get(slot);
        let len = self.prefixes.get(slot as usize).map_or(0, |len| *len as usize);
        bytes.get(..len).unwrap_or_default()
    }

    /// How two stored rows of a partition compare.
    pub(crate) fn order(&self, a: u32, b: u32) -> Ordering {
        match &self.columns {
            Some(columns) => columns.order(&self.layout, a, b),
            None => self.bytes.get(a).cmp(self.bytes.get(b)),
        }
    }

    /// True when two stored rows have equal order columns.
    pub(crate) fn peers(&self, a: u32, b: u32) -> bool {
        match &self.columns {
            Some(columns) => columns.peers(a, b),
            None => self.prefix(a) == self.prefix(b),
        }
    }

    /// Changes the weight of a row (row `row` of the located batch, row `at` of the spelled one). Returns its slot, and
    /// whether it came (`Some(true)`) or went (`Some(false)`; the slot stays readable until [`OrderedRows::free`]).
    pub(crate) fn change(
        &mut self,
        (located, row): (&Located, usize),
        (spelled, at): (&Spelled, usize),
        stamp: u64,
        diff: i64,
        buffer: &mut Vec<u8>,
    ) -> (u32, Option<bool>) {
        let (partition, prefix) = (located.partitions.get(row).copied().unwrap_or(0), located.prefix(row));
        let run = self.run(partition);
        let found = if let Some(columns) = &self.columns {
            let at = At { batch: spelled.batch, row: row as u32 };
            run.find(|slot| columns.compare(&self.layout, prefix, at, slot).reverse())
        } else {
            buffer.clear();
            buffer.extend_from_slice(prefix);
            if self.layout.stamp == Stamp::Arrival {
                buffer.extend_from_slice(&stamp.to_be_bytes());
            }
            if let Some(suffix) = &spelled.suffix {
                buffer.extend_from_slice(suffix.row(at).data());
            }
            run.find(|slot| self.bytes.get(slot).cmp(buffer.as_slice()))
        };
        match found {
            Ok((slot, place)) => {
                let weight = self.weights.get(&slot).copied().unwrap_or(1) + diff;
                match weight {
                    0 => {
                        self.weights.remove(&slot);
                        self.change_run(partition, |run| run.remove(place));
                        return (slot, Some(false));
                    }
                    1 => drop(self.weights.remove(&slot)),
                    _ => drop(self.weights.insert(slot, weight)),
                }
                (slot, None)
            }
            Err(place) => {
                let slot = self.allot(partition, place);
                match &mut self.columns {
                    Some(columns) => columns.insert(slot, prefix, At { batch: spelled.batch, row: row as u32 }),
                    None => self.set(slot, buffer, prefix.len()),
                }
                if diff != 1 {
                    self.weights.insert(slot, diff);
                }
                (slot, Some(true))
            }
        }
    }

    fn insert(&mut self, partition: u32, place: Place, bytes: &[u8], prefix: usize) -> u32 {
        let slot = self.allot(partition, place);
        self.set(slot, bytes, prefix);
        slot
    }

    /// A slot at a place of a partition.
    fn allot(&mut self, partition: u32, place: Place) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        self.change_run(partition, |run| run.insert(place, slot));
        slot
    }

    fn set(&mut self, slot: u32, bytes: &[u8], prefix: usize) {
        self.bytes.set(slot, bytes);
        if self.prefixes.len() <= slot as usize {
            self.prefixes.resize(slot as usize + 1, 0);
        }
        self.prefixes[slot as usize] = prefix as u32;
    }

    /// The bytes of a row.
    pub(crate) fn row(&self, slot: u32) -> &[u8] {
        self.bytes.get(slot)
    }

    /// How many rows of a partition stand before these bytes.
    pub(crate) fn place_of(&self, partition: u32, bytes: &[u8]) -> usize {
        let run = self.run(partition);
        match run.find(|slot| self.bytes.get(slot).cmp(bytes)) {
            Ok((_, place)) | Err(place) => run.before_place(place),
        }
    }

    /// How many rows of a partition have order columns before these, or (`equal`) not behind them.
    pub(crate) fn bound(&self, partition: u32, prefix: &[u8], equal: bool) -> usize {
        let run = self.run(partition);
        let side = |slot: u32| match self.prefix(slot).cmp(prefix) {
            Ordering::Equal if equal => Ordering::Less,
            Ordering::Equal => Ordering::Greater,
            order => order,
        };
        match run.find(side) {
            Ok((_, place)) | Err(place) => run.before_place(place),
        }
    }

    /// The order columns of rows.
    pub(crate) fn decode_order(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let prefix = &self.layout.prefix;
        let parser = prefix.parser();
        Ok(prefix.convert_rows(slots.iter().map(|slot| parser.parse(self.prefix(*slot))))?)
    }

    /// Values of the order columns as bytes.
    pub(crate) fn encode_order(&self, columns: &[ArrayRef]) -> Result<Rows> {
        Ok(self.layout.prefix.convert_columns(columns)?)
    }

    /// Takes the first rows of a partition away; they stay readable until they are freed.
    pub(crate) fn drop_first(&mut self, partition: u32, count: usize, gone: &mut Vec<u32>) {
        self.change_run(partition, |run| run.drop_first(count, gone));
    }

    /// The partition's rows in order, as slots.
    pub(crate) fn rows_of(&self, partition: u32) -> impl Iterator<Item = u32> + '_ {
        self.run(partition).slots()
    }

    /// Number of different rows of a partition.
    pub(crate) fn len_of(&self, partition: u32) -> usize {
        self.run(partition).len()
    }

    /// The last row of a partition.
    pub(crate) fn last_of(&self, partition: u32) -> Option<u32> {
        self.run(partition).last()
    }

    /// Keeps the first `kept` rows of a partition; the others go to `gone` and stay readable until they are freed.
    pub(crate) fn truncate(&mut self, partition: u32, kept: usize, gone: &mut Vec<u32>) {
        let start = gone.len();
        self.change_run(partition, |run| run.truncate(kept, gone));
        if !self.weights.is_empty() {
            for slot in gone.get(start..).unwrap_or_default() {
                self.weights.remove(slot);
            }
        }
    }

    /// How often a row is there.
    pub(crate) fn weight(&self, slot: u32) -> i64 {
        if self.weights.is_empty() { 1 } else { self.weights.get(&slot).copied().unwrap_or(1) }
    }

    /// Gives the slots of rows that are gone back.
    pub(crate) fn free(&mut self, slots: &mut Vec<u32>) {
        for slot in slots.iter() {
            match &mut self.columns {
                Some(columns) => columns.free(*slot),
                None => self.bytes.clear(*slot),
            }
        }
        self.free.append(slots);
    }

    /// An epoch is over, and what went in it has been freed.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.columns.as_mut().map_or(Ok(()), |columns| columns.settle())
    }

    /// Forgets a partition that has no rows.
    pub(crate) fn forget(&mut self, partition: u32) {
        if self.len_of(partition) == 0 && !self.layout.partition.is_empty() {
            self.change_run(partition, |run| *run = Run::Empty);
            self.keys.remove(partition);
        }
    }

    /// The stored columns of rows, given with their partitions.
    pub(crate) fn decode(&self, slots: &[u32], partitions: &[u32]) -> Result<Vec<ArrayRef>> {
        if let Some(columns) = &self.columns {
            return columns.decode(&self.layout, slots, |places| {
                let partitions: Vec<u32> = places.iter().filter_map(|place| partitions.get(*place)).copied().collect();
                self.encoder.decode(&self.keys, &partitions)
            });
        }
        let Layout { order, rest, prefix, suffix, stamp, .. } = &self.layout;
        let mut columns: Vec<Option<ArrayRef>> = vec![None; self.layout.width];
        let mut put = |places: &[usize], arrays: Vec<ArrayRef>| {
            for (place, array) in places.iter().zip(arrays) {
                if let Some(column) = columns.get_mut(*place) {
                    *column = Some(array);
                }
            }
        };
        put(&self.layout.partition, self.encoder.decode(&self.keys, partitions)?);
        let parser = prefix.parser();
        put(order, prefix.convert_rows(slots.iter().map(|s| parser.parse(self.prefix(*s))))?);
        let parser = suffix.parser();
        let (skip, cut) = match stamp {
            Stamp::None => (0, 0),
            Stamp::Arrival => (8, 0),
            Stamp::Copy => (0, 8),
        };
        let tail = |slot: u32| {
            let bytes = self.bytes.get(slot);
            bytes.get(self.prefix(slot).len() + skip..bytes.len() - cut).unwrap_or_default()
        };
        put(rest, suffix.convert_rows(slots.iter().map(|s| parser.parse(tail(*s))))?);
        columns.into_iter().map(|c| c.ok_or_else(|| Error::internal("a ranked column got lost"))).collect()
    }

    /// Number of different rows.
    pub(crate) fn len(&self) -> usize {
        self.slots as usize - self.free.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let runs = self.runs.bytes();
        let columns = self.columns.as_ref().map_or(0, |columns| columns.bytes());
        let prefixes = self.prefixes.capacity() * 4;
        self.keys.bytes() + self.bytes.bytes() + columns + runs + prefixes + self.weights.capacity() * 17
    }
}

/// Weights of a batch, or ones.
pub(crate) fn weight_at(diffs: Option<&Int64Array>, row: usize) -> i64 {
    diffs.map_or(1, |d| d.value(row))
}

#[cfg(test)]
#[path = "ordered/tests.rs"]
mod tests;
