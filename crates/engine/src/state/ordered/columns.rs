//! Ranked rows column by column, where rows only come.
//!
//! Of a stored row only the order columns are bytes: the first 16 as one number, what is behind them in an arena. The other
//! columns decide only between equals, and are encoded only then. New rows stay in their batches until the epoch's end: a
//! row that another one drives out again is never copied.

use std::cell::RefCell;
use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Schema};
use arrow::row::{RowConverter, Rows};
use hashbrown::HashMap;
use sloth_types::{Error, Result};

use super::Layout;
use crate::state::arena::Arena;
use crate::state::keys::ABSENT;
use crate::state::paged::Paged;
use crate::state::rows;

/// Rows of a batch that are encoded one by one; if more are asked for, the batch is encoded as a whole.
const SINGLES_MAX: u32 = 64;

/// Stored rows, and those of the epoch.
pub(super) struct Columns {
    rows: rows::Rows,
    /// The stored columns of the input.
    places: Vec<usize>,
    /// How many of the columns that decide between equals are signed words: these are compared before any is encoded.
    words: usize,
    /// By slot: the order columns.
    heads: Paged<u128>,
    tails: Arena,
    /// By slot: where the row stands in `fresh`, or [`ABSENT`] when it is stored.
    fresh_at: Paged<u32>,
    fresh: Vec<Fresh>,
    batches: Vec<RecordBatch>,
    /// By batch and word that decides between equals.
    words_of: Vec<Vec<(ScalarBuffer<i64>, Option<NullBuffer>)>>,
    contents: RefCell<Contents>,
}

/// A row of this epoch; its slot is [`ABSENT`] when it is gone again.
struct Fresh {
    slot: u32,
    at: At,
}

/// A row of a batch of this epoch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct At {
    pub(super) batch: u32,
    pub(super) row: u32,
}

/// The bytes of the other columns, of rows that have met an equal one.
#[derive(Default)]
struct Contents {
    stored: HashMap<u32, Box<[u8]>>,
    fresh: HashMap<At, Box<[u8]>>,
    /// By batch: how many of its rows have been asked for, and all of them once these are many.
    batches: Vec<(u32, Option<Rows>)>,
}

/// The first 16 bytes as a number, zeros behind the last of them. (No buffer is filled bytewise and read as a whole: the
/// processor would wait until it is written.)
#[inline]
fn head(prefix: &[u8]) -> u128 {
    if let Some(all) = prefix.first_chunk::<16>() {
        return u128::from_be_bytes(*all);
    }
    match (prefix.first_chunk::<8>(), prefix.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            let behind = u128::from(u64::from_be_bytes(*last)) << (8 * (16 - prefix.len()));
            (u128::from(u64::from_be_bytes(*first)) << 64) | (behind & u128::from(u64::MAX))
        }
        _ => prefix.iter().zip((0..16).rev()).fold(0, |all, (byte, place)| all | (u128::from(*byte) << (8 * place))),
    }
}

fn tail(prefix: &[u8]) -> &[u8] {
    prefix.get(16..).unwrap_or_default()
}

impl Columns {
    /// Keeps all columns of `schema` but those of the partition.
    pub(super) fn new(schema: &Schema, layout: &Layout) -> Result<Self> {
        let places: Vec<usize> = (0..layout.width).filter(|c| !layout.partition.contains(c)).collect();
        let is_word = |column: &&usize| {
            matches!(
                schema.field(**column).data_type(),
                DataType::Int64 | DataType::Timestamp(..) | DataType::Time64(_)
            )
        };
        Ok(Columns {
            rows: rows::Rows::new(&schema.project(&places)?)?,
            places,
            words: layout.rest.iter().take_while(is_word).count(),
            heads: Paged::default(),
            tails: Arena::default(),
            fresh_at: Paged::default(),
            fresh: vec![],
            batches: vec![],
            words_of: vec![],
            contents: RefCell::default(),
        })
    }

    /// Takes a batch up whose rows may be inserted; its number.
    pub(super) fn begin(&mut self, layout: &Layout, rows: &RecordBatch) -> u32 {
        let words = layout.rest.iter().take(self.words).map(|column| {
            let data = rows.column(*column).to_data();
            let words = data.buffers().first().map(|b| ScalarBuffer::new(b.clone(), data.offset(), data.len()));
            (words.unwrap_or_default(), data.nulls().cloned())
        });
        self.words_of.push(words.collect());
        self.batches.push(rows.clone());
        self.contents.get_mut().batches.push((0, None));
        self.batches.len() as u32 - 1
    }

    /// Loads what a row will be compared with.
    #[inline(always)]
    pub(super) fn touch(&self, slot: u32) -> u128 {
        self.heads.get(slot as usize).copied().unwrap_or(0)
    }

    /// How the order columns of a row compare with those of a slot.
    #[inline]
    pub(super) fn compare_order(&self, prefix: &[u8], slot: u32) -> Ordering {
        let stored = self.heads.get(slot as usize).copied().unwrap_or(0);
        match head(prefix).cmp(&stored) {
            Ordering::Equal if prefix.len() > 16 => tail(prefix).cmp(self.tails.get(slot)),
            order => order,
        }
    }

    /// How a row of a batch compares with that of a slot.
    pub(super) fn compare(&self, layout: &Layout, prefix: &[u8], at: At, slot: u32) -> Ordering {
        self.compare_order(prefix, slot).then_with(|| self.compare_contents(layout, (ABSENT, Some(at)), slot))
    }

    /// True when two slots have equal order columns.
    pub(super) fn peers(&self, a: u32, b: u32) -> bool {
        self.compare_heads(a, b) == Ordering::Equal
    }

    /// How the rows of two slots compare.
    pub(super) fn order(&self, layout: &Layout, a: u32, b: u32) -> Ordering {
        self.compare_heads(a, b).then_with(|| self.compare_contents(layout, (a, self.fresh_of(a)), b))
    }

    fn compare_heads(&self, a: u32, b: u32) -> Ordering {
        let head = |slot: u32| self.heads.get(slot as usize).copied().unwrap_or(0);
        head(a).cmp(&head(b)).then_with(|| self.tails.get(a).cmp(self.tails.get(b)))
    }

    /// Where a slot's row is, when it came in this epoch.
    fn fresh_of(&self, slot: u32) -> Option<At> {
        let at = self.fresh_at.get(slot as usize)?;
        self.fresh.get(*at as usize).map(|fresh| fresh.at)
    }

    fn compare_contents(&self, layout: &Layout, (a, at): (u32, Option<At>), b: u32) -> Ordering {
        if layout.rest.is_empty() {
            return Ordering::Equal;
        }
        let b = (b, self.fresh_of(b));
        for (nth, column) in layout.rest.iter().take(self.words).enumerate() {
            let order = self.word(nth, *column, (a, at)).cmp(&self.word(nth, *column, b));
            if order != Ordering::Equal {
                return order;
            }
        }
        if self.words == layout.rest.len() {
            return Ordering::Equal;
        }
        let mut contents = self.contents.borrow_mut();
        for row in [(a, at), b] {
            // Columns of the converter's own types can be encoded.
            drop(self.encode(layout, row, &mut contents));
        }
        contents.of((a, at)).cmp(contents.of(b))
    }

    fn word(&self, nth: usize, column: usize, (slot, at): (u32, Option<At>)) -> Option<i64> {
        let Some(at) = at else { return self.rows.word(self.places.binary_search(&column).ok()?, slot) };
        let (words, nulls) = self.words_of.get(at.batch as usize)?.get(nth)?;
        let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at.row as usize));
        words.get(at.row as usize).copied().filter(|_| valid)
    }

    /// Sees to it that the other columns of a row are there as bytes.
    fn encode(&self, layout: &Layout, (slot, at): (u32, Option<At>), contents: &mut Contents) -> Result<()> {
        if !contents.of((slot, at)).is_empty() {
            return Ok(());
        }
        let suffix = &layout.suffix;
        let Some(at) = at else {
            let stored = layout.rest.iter().map(|column| match self.places.binary_search(column) {
                Ok(place) => self.rows.gather(place, &[slot]),
                Err(_) => Err(lost()),
            });
            contents.stored.insert(slot, single(suffix, &stored.collect::<Result<Vec<_>>>()?)?);
            return Ok(());
        };
        let (Some(batch), Some((asked, all))) =
            (self.batches.get(at.batch as usize), contents.batches.get_mut(at.batch as usize))
        else {
            return Err(lost());
        };
        *asked += 1;
        let columns = layout.rest.iter().map(|column| batch.column(*column));
        if *asked > SINGLES_MAX {
            *all = Some(suffix.convert_columns(&columns.cloned().collect::<Vec<_>>())?);
        } else {
            let row = columns.map(|column| column.slice(at.row as usize, 1));
            contents.fresh.insert(at, single(suffix, &row.collect::<Vec<_>>())?);
        }
        Ok(())
    }

    /// Puts a row of a batch in a slot.
    pub(super) fn insert(&mut self, slot: u32, prefix: &[u8], at: At) {
        let place = slot as usize;
        self.heads.set(place, head(prefix), 0);
        if prefix.len() > 16 {
            self.tails.set(slot, tail(prefix));
        }
        self.fresh_at.set(place, self.fresh.len() as u32, ABSENT);
        self.fresh.push(Fresh { slot, at });
    }

    /// Empties a slot.
    pub(super) fn free(&mut self, slot: u32) {
        let fresh_at = self.fresh_at.get_mut(slot as usize).map_or(ABSENT, |at| std::mem::replace(at, ABSENT));
        match self.fresh.get_mut(fresh_at as usize) {
            Some(fresh) => fresh.slot = ABSENT,
            None => self.rows.clear(slot),
        }
        self.tails.clear(slot);
        let stored = &mut self.contents.get_mut().stored;
        if !stored.is_empty() {
            stored.remove(&slot);
        }
    }

    /// Stores what is left of the epoch's rows.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.fresh.retain(|fresh| fresh.slot != ABSENT);
        for fresh in self.fresh.chunk_by(|a, b| a.at.batch == b.at.batch) {
            let batch = fresh.first().and_then(|f| self.batches.get(f.at.batch as usize)).ok_or_else(lost)?;
            let columns: Vec<ArrayRef> = self.places.iter().map(|c| ArrayRef::clone(batch.column(*c))).collect();
            let (rows, slots): (Vec<u32>, Vec<u32>) = fresh.iter().map(|f| (f.at.row, f.slot)).unzip();
            self.rows.store(&columns, &rows, &slots)?;
            for slot in slots {
                self.fresh_at[slot as usize] = ABSENT;
            }
        }
        self.fresh.clear();
        self.batches.clear();
        self.words_of.clear();
        let contents = self.contents.get_mut();
        contents.fresh.clear();
        contents.batches.clear();
        Ok(())
    }

    /// The columns of slots; `keys` gives the columns of the partition for some of these, by their places.
    pub(super) fn decode(
        &self,
        layout: &Layout,
        slots: &[u32],
        mut keys: impl FnMut(&[usize]) -> Result<Vec<ArrayRef>>,
    ) -> Result<Vec<ArrayRef>> {
        // Source 0 are the stored rows, the others are the batches.
        let (mut stored, mut stored_at, mut picked) = (vec![], vec![], Vec::with_capacity(slots.len()));
        for (place, slot) in slots.iter().enumerate() {
            picked.push(match self.fresh_of(*slot) {
                Some(at) => (1 + at.batch as usize, at.row as usize),
                None => {
                    stored.push(*slot);
                    stored_at.push(place);
                    (0, stored.len() - 1)
                }
            });
        }
        let all = stored.len() == slots.len();
        let mixed = |old: ArrayRef, column: usize| -> Result<ArrayRef> {
            if all {
                return Ok(old);
            }
            let fresh = self.batches.iter().map(|batch| batch.column(column).as_ref());
            let sources: Vec<&dyn Array> = std::iter::once(old.as_ref()).chain(fresh).collect();
            Ok(interleave(&sources, &picked)?)
        };
        let coded = self.batches.first().is_some_and(|batch| {
            layout.partition.iter().any(|c| matches!(batch.column(*c).data_type(), DataType::Dictionary(..)))
        });
        let mut columns: Vec<Option<ArrayRef>> = vec![None; layout.width];
        if coded {
            let every: Vec<usize> = (0..slots.len()).collect();
            for (column, keys) in layout.partition.iter().zip(keys(&every)?) {
                columns[*column] = Some(keys);
            }
        } else {
            for (column, keys) in layout.partition.iter().zip(keys(&stored_at)?) {
                columns[*column] = Some(mixed(keys, *column)?);
            }
        }
        for (place, column) in self.places.iter().enumerate() {
            columns[*column] = Some(mixed(self.rows.gather(place, &stored)?, *column)?);
        }
        columns.into_iter().map(|column| column.ok_or_else(lost)).collect()
    }

    /// Estimated bytes.
    pub(super) fn bytes(&self) -> usize {
        let contents = self.contents.borrow();
        let tied: usize = contents.stored.values().map(|bytes| bytes.len() + 32).sum();
        self.rows.bytes() + self.tails.bytes() + self.heads.bytes() + self.fresh_at.bytes() + tied
    }
}

impl Contents {
    fn of(&self, (slot, at): (u32, Option<At>)) -> &[u8] {
        let Some(at) = at else { return self.stored.get(&slot).map(AsRef::as_ref).unwrap_or_default() };
        match self.batches.get(at.batch as usize) {
            Some((_, Some(all))) => all.row(at.row as usize).data(),
            _ => self.fresh.get(&at).map(AsRef::as_ref).unwrap_or_default(),
        }
    }
}

fn single(converter: &RowConverter, columns: &[ArrayRef]) -> Result<Box<[u8]>> {
    Ok(converter.convert_columns(columns)?.row(0).data().into())
}

fn lost() -> Error {
    Error::internal("a ranked row got lost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_the_first_bytes_and_zeros() {
        let bytes: Vec<u8> = (1..=40u32).map(|byte| (byte * 37 % 251) as u8).collect();
        for len in 0..=40 {
            let mut padded = [0; 16];
            padded[..len.min(16)].copy_from_slice(&bytes[..len.min(16)]);
            assert_eq!(head(&bytes[..len]), u128::from_be_bytes(padded), "{len} bytes");
        }
    }
}
