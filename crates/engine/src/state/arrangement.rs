//! Rows arranged by a key: the state of joins and of everything else that must find rows again.
//!
//! A multiset of rows with weights. The rows of a key form a list through their slots, which begins in the key's record; where rows may be taken back, an
//! index by content finds a row in constant time, whatever the size of its key's list.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Schema;
use sloth_types::Result;

use super::change_log::ChangeLog;
use super::index::{CHUNK, SlotIndex, Stored, tag_of};
use super::keys::{ABSENT, EncodedKeys, KeyEncoder, KeyTable, RowSet};
use super::paged::Paged;
use super::rows::{Probe, Rows};
use crate::hash::KeyHasher;

mod snapshot;

pub(crate) use snapshot::Written;

/// Fewer keys stay in the caches. Few in tests, so that these see more.
const TOUCHED_KEYS_MIN: usize = if cfg!(test) { 4 } else { 1 << 14 };

/// A multiset of rows, found by key.
pub(crate) struct Arrangement {
    key_columns: Vec<usize>,
    encoder: KeyEncoder,
    /// Beside each key [`HEAD`] and [`TOTAL`].
    keys: KeyTable,
    /// Where these begin in a record.
    beside: usize,
    rows: Rows,
    links: Paged<Link>,
    /// By content; absent when rows are never taken back.
    index: Option<SlotIndex>,
    hasher: KeyHasher,
    /// Only the weights of keys are kept, no rows.
    bare: bool,
    /// The changes since the last checkpoint.
    changes: ChangeLog,
}

/// Beside a key: the first of its rows, plus 1.
const HEAD: usize = 0;
/// Beside a key: the sum of the weights of its rows.
const TOTAL: usize = 1;
const WORDS: usize = 2;

/// A row: its neighbours, its key, the tag of its content where that is indexed, and its weight.
#[derive(Clone, Copy)]
struct Link {
    weight: i64,
    next: u32,
    before: u32,
    key: u32,
    tag: u32,
}

const NO_ROW: Link = Link { weight: 0, next: ABSENT, before: ABSENT, key: ABSENT, tag: 0 };

/// Stored rows beside those of a batch, to be found by their content.
struct Contents<'a> {
    rows: &'a Rows,
    probe: Probe,
}

impl Stored for Contents<'_> {
    /// The hash of a row of the batch, and its number.
    type Key<'k> = (u64, u32);

    #[inline(always)]
    fn hash((hash, _): (u64, u32)) -> u64 {
        hash
    }

    #[inline(always)]
    fn same(&self, slot: u32, (_, row): (u64, u32)) -> bool {
        self.rows.same(slot, &self.probe, row as usize)
    }

    #[inline(always)]
    fn touch(&self, slot: u32) -> u64 {
        self.rows.touch(slot)
    }
}

impl Arrangement {
    /// An empty arrangement of rows of `schema` by the columns `keys`. `retracts` tells that rows may be taken back.
    pub(crate) fn new(schema: &Schema, keys: &[usize], retracts: bool) -> Result<Self> {
        let encoder = KeyEncoder::new(keys.iter().map(|k| schema.field(*k).data_type().clone()).collect())?;
        Ok(Arrangement {
            key_columns: keys.to_vec(),
            keys: KeyTable::beside(&encoder, WORDS),
            beside: encoder.key_words(),
            encoder,
            rows: Rows::new(schema)?,
            links: Paged::default(),
            index: retracts.then(SlotIndex::default),
            hasher: KeyHasher::default(),
            bare: false,
            changes: ChangeLog::default(),
        })
    }

    /// An arrangement that keeps the weight of each key and forgets the rows.
    pub(crate) fn of_weights(schema: &Schema, keys: &[usize], retracts: bool) -> Result<Self> {
        let kept = Arrangement::new(&Schema::empty(), &[], false)?;
        let encoder = KeyEncoder::new(keys.iter().map(|k| schema.field(*k).data_type().clone()).collect())?;
        let index = retracts.then(SlotIndex::default);
        Ok(Arrangement {
            key_columns: keys.to_vec(),
            keys: KeyTable::beside(&encoder, WORDS),
            beside: encoder.key_words(),
            encoder,
            index,
            bare: true,
            ..kept
        })
    }

    /// The keys of a batch of this side.
    pub(crate) fn encode(&mut self, rows: &RecordBatch) -> Result<EncodedKeys> {
        let columns: Vec<ArrayRef> = self.key_columns.iter().map(|k| ArrayRef::clone(rows.column(*k))).collect();
        self.encode_columns(&columns)
    }

    /// Keys by themselves.
    pub(crate) fn encode_columns(&mut self, keys: &[ArrayRef]) -> Result<EncodedKeys> {
        self.encoder.encode(keys)
    }

    /// The key slot of each of `rows` keys (encoded by this or an arrangement of equal key types), or [`ABSENT`].
    pub(crate) fn find(&self, keys: &EncodedKeys, rows: usize) -> Vec<u32> {
        let mut slots = Vec::new();
        self.keys.find(keys, &mut slots, rows);
        slots
    }

    /// For loops over many keys: what the next of them need is brought into the caches, once for several.
    #[inline]
    pub(crate) fn touch_next(&self, keys: &[u32], at: usize) {
        if at.is_multiple_of(CHUNK) {
            self.touch(keys.iter().skip(at).copied());
        }
    }

    /// Brings the first row of each of a few keys (best [`CHUNK`] of them) into the caches: loads that do not depend on each
    /// other are fetched side by side.
    fn touch(&self, keys: impl Iterator<Item = u32>) {
        if self.keys.records.len() < TOUCHED_KEYS_MIN {
            return;
        }
        let mut heads = [ABSENT; CHUNK];
        for (head, key) in heads.iter_mut().zip(keys) {
            *head = self.first_of(key);
        }
        let next = |slot: &u32| self.links.get(*slot as usize).map_or(0, |link| link.next);
        std::hint::black_box(heads.iter().fold(0, |all, slot| all ^ next(slot)));
    }

    /// Sum of the weights of a key's rows.
    pub(crate) fn total(&self, key: u32) -> i64 {
        self.keys.records.get(key, self.beside + TOTAL).unwrap_or(0) as i64
    }

    /// As [`Arrangement::total`] for many.
    pub(crate) fn totals(&self, keys: &[u32]) -> Vec<i64> {
        keys.iter().map(|key| self.total(*key)).collect()
    }

    /// What the totals of keys that are `before` will be when changes of these keys have been applied.
    pub(crate) fn totals_after(&self, keys: &EncodedKeys, diffs: Option<&Int64Array>, before: &[i64]) -> Vec<i64> {
        let mut changed = KeyTable::new(&self.encoder);
        let mut slots = vec![];
        changed.intern(keys, &RowSet::Range(0..before.len()), &mut slots);
        let mut sums = vec![0; changed.slots()];
        for (row, slot) in slots.iter().enumerate() {
            if let Some(sum) = sums.get_mut(*slot as usize) {
                *sum += diffs.map_or(1, |d| d.value(row));
            }
        }
        let sum = |slot: &u32| sums.get(*slot as usize).copied().unwrap_or(0);
        before.iter().zip(&slots).map(|(before, slot)| before + sum(slot)).collect()
    }

    /// True when rows may be taken back.
    pub(crate) fn retracts(&self) -> bool {
        self.index.is_some()
    }

    /// The first row of a key, or [`ABSENT`].
    pub(crate) fn first_of(&self, key: u32) -> u32 {
        (self.keys.records.get(key, self.beside + HEAD).unwrap_or(0) as u32).wrapping_sub(1)
    }

    fn set_first(&mut self, key: u32, slot: u32) {
        *self.keys.records.word_mut(key, self.beside + HEAD) = u64::from(slot.wrapping_add(1));
    }

    fn add_to_total(&mut self, key: u32, weight: i64) {
        let total = self.keys.records.word_mut(key, self.beside + TOTAL);
        *total = total.wrapping_add(weight as u64);
    }

    /// The row behind a row of the same key, or [`ABSENT`].
    pub(crate) fn next_of(&self, slot: u32) -> u32 {
        self.links.get(slot as usize).map_or(ABSENT, |l| l.next)
    }

    /// The rows of a key, as slots.
    pub(crate) fn rows_of(&self, key: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |slot: u32| (slot != ABSENT).then_some(slot);
        std::iter::successors(some(self.first_of(key)), move |slot| some(self.next_of(*slot)))
    }

    /// The numbers of all keys, of some without rows, too.
    pub(crate) fn keys(&self) -> std::ops::Range<u32> {
        0..self.keys.records.len() as u32
    }

    /// Weight of a row.
    pub(crate) fn weight(&self, slot: u32) -> i64 {
        self.links.get(slot as usize).map_or(0, |l| l.weight)
    }

    /// The key slot of a row, also of one that the last [`Arrangement::apply`] has removed.
    pub(crate) fn key_of(&self, slot: u32) -> u32 {
        self.links.get(slot as usize).map_or(ABSENT, |l| l.key)
    }

    /// The slot of each row of a batch, [`ABSENT`] for those that are not stored; rows may be taken back here.
    pub(crate) fn slots_of(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        self.look_up(rows)
    }

    /// Highest row slot plus one.
    pub(crate) fn slots(&self) -> usize {
        self.rows.slots()
    }

    /// A column of stored rows.
    pub(crate) fn gather(&self, column: usize, slots: &[u32]) -> Result<ArrayRef> {
        self.rows.gather(column, slots)
    }

    /// All columns of stored rows.
    pub(crate) fn gather_all(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.rows.gather_all(slots)
    }

    /// Applies changes; where rows are taken back, equal rows must come only once (consolidated). `slots` is filled with
    /// the slot of each row (also of rows that are gone now).
    pub(crate) fn apply(
        &mut self,
        rows: &RecordBatch,
        diffs: Option<&Int64Array>,
        keys: &EncodedKeys,
        slots: &mut Vec<u32>,
    ) -> Result<()> {
        self.note(rows, diffs);
        self.apply_noted(rows, diffs, keys, slots)
    }

    /// As [`Arrangement::apply`], with changes that were noted before.
    pub(crate) fn apply_noted(
        &mut self,
        rows: &RecordBatch,
        diffs: Option<&Int64Array>,
        keys: &EncodedKeys,
        slots: &mut Vec<u32>,
    ) -> Result<()> {
        let count = rows.num_rows();
        let mut key_slots = vec![];
        if matches!(keys, EncodedKeys::None) {
            self.keys.intern(keys, &RowSet::Range(0..1), &mut key_slots);
            key_slots.resize(count, 0);
        } else {
            self.keys.intern(keys, &RowSet::Range(0..count), &mut key_slots);
        }
        self.keys.records.grow(self.keys.slots());
        if self.bare {
            self.add_weights(&key_slots, diffs);
            return Ok(());
        }
        let found = self.look_up(rows)?;
        slots.clear();
        let (mut new_rows, mut new_slots) = (vec![], vec![]);
        for row in 0..count {
            let slot = match found.get(row) {
                Some(slot) if *slot != ABSENT => *slot,
                _ => {
                    let slot = self.rows.allot();
                    new_rows.push(row as u32);
                    new_slots.push(slot);
                    slot
                }
            };
            slots.push(slot);
        }
        self.rows.store(rows.columns(), &new_rows, &new_slots)?;
        // Rows that only come one by one need no second look.
        let plain = self.index.is_none() && diffs.is_none();
        for (rows, slots) in new_rows.chunks(CHUNK).zip(new_slots.chunks(CHUNK)) {
            self.touch(rows.iter().map(|row| key_slots[*row as usize]));
            for (row, slot) in rows.iter().zip(slots) {
                let key = key_slots[*row as usize];
                self.link(*slot, key, *row as usize);
                if plain {
                    self.links[*slot as usize].weight = 1;
                    self.add_to_total(key, 1);
                }
            }
        }
        if plain {
            return Ok(());
        }
        for (row, (slot, key)) in slots.iter().zip(&key_slots).enumerate() {
            let diff = diffs.map_or(1, |d| d.value(row));
            self.add_to_total(*key, diff);
            let weight = &mut self.links[*slot as usize].weight;
            *weight += diff;
            if *weight == 0 {
                self.unlink(*slot);
            }
        }
        Ok(())
    }

    fn add_weights(&mut self, key_slots: &[u32], diffs: Option<&Int64Array>) {
        for (row, key) in key_slots.iter().enumerate() {
            self.add_to_total(*key, diffs.map_or(1, |d| d.value(row)));
        }
        // A key may come down to nothing and up again within the batch: only what is nothing in the end goes.
        let mut gone: Vec<u32> = key_slots.iter().copied().filter(|key| self.total(*key) == 0).collect();
        gone.sort_unstable();
        gone.dedup();
        for key in gone {
            self.keys.remove(key);
        }
    }

    /// Forgets a row, whatever its weight.
    pub(crate) fn remove(&mut self, slot: u32) {
        let Some(link) = self.links.get_mut(slot as usize) else { return };
        let weight = std::mem::take(&mut link.weight);
        if link.key != ABSENT {
            let key = link.key;
            self.add_to_total(key, -weight);
        }
        self.unlink(slot);
    }

    /// The slot of each row that is stored already; empty when nothing is ever taken back.
    fn look_up(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let Some(index) = &self.index else { return Ok(vec![]) };
        let columns: Vec<&ArrayRef> = rows.columns().iter().collect();
        let hashes = self.hasher.hash(&columns, rows.num_rows());
        let contents = Contents { rows: &self.rows, probe: self.rows.probe(rows.columns())? };
        let mut found = Vec::with_capacity(hashes.len());
        let mut chunk = [(0, 0); CHUNK];
        for (start, hashes) in (0u32..).step_by(CHUNK).zip(hashes.chunks(CHUNK)) {
            for ((row, hash), key) in (start..).zip(hashes).zip(&mut chunk) {
                *key = (*hash, row);
            }
            index.find(chunk.get(..hashes.len()).unwrap_or_default(), &contents, ABSENT, &mut found);
        }
        Ok(found)
    }

    fn link(&mut self, slot: u32, key: u32, row: usize) {
        let place = slot as usize;
        let next = self.first_of(key);
        self.set_first(key, slot);
        if let Some(link) = self.links.get_mut(next as usize) {
            link.before = slot;
        }
        let mut tag = 0;
        if let Some(index) = &mut self.index {
            tag = tag_of(self.hasher.last(row));
            index.insert(tag, slot);
        }
        self.links.set(place, Link { next, key, tag, ..NO_ROW }, NO_ROW);
    }

    fn unlink(&mut self, slot: u32) {
        let place = slot as usize;
        let Link { next, before, key, tag, .. } = self.links[place];
        match self.links.get_mut(before as usize) {
            Some(link) => link.next = next,
            None => self.set_first(key, next),
        }
        if let Some(link) = self.links.get_mut(next as usize) {
            link.before = before;
        }
        if let Some(index) = &mut self.index {
            index.remove(tag, slot);
        }
        self.rows.remove(slot);
        if self.first_of(key) == ABSENT {
            self.keys.records.clear_record(key, self.beside);
            self.keys.remove(key);
        }
    }

    /// Puts a row first in its key's list.
    pub(crate) fn renew(&mut self, slot: u32) {
        let link = self.links[slot as usize];
        let Link { next, before, key, .. } = link;
        if before == ABSENT {
            return;
        }
        self.links[before as usize].next = next;
        if let Some(link) = self.links.get_mut(next as usize) {
            link.before = before;
        }
        let first = self.first_of(key);
        self.set_first(key, slot);
        if let Some(link) = self.links.get_mut(first as usize) {
            link.before = slot;
        }
        self.links[slot as usize] = Link { next: first, before: ABSENT, ..link };
    }

    /// Number of rows (of keys, when only their weights are kept).
    pub(crate) fn len(&self) -> usize {
        if self.bare { self.keys.len() } else { self.rows.len() }
    }

    /// True when only the weights of keys are kept.
    pub(crate) fn is_bare(&self) -> bool {
        self.bare
    }

    /// True when no row and no key is left.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() == 0 && (self.keys.len() == 0 || self.key_columns.is_empty())
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.rows.bytes() + self.links.bytes() + self.index.as_ref().map_or(0, SlotIndex::bytes)
    }
}

#[cfg(test)]
#[path = "arrangement/tests.rs"]
mod tests;
