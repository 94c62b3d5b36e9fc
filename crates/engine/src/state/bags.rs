//! Bags: for each slot a multiset of values, which may be taken back.
//!
//! A value is a number in [`Values`], which all slots share, so an equal row is kept once. An index by (slot,
//! value) finds an entry in constant time; the entries of a slot form a list. Where the order of arrival counts, a value
//! that comes again gets an entry of its own behind the others, and what is taken back is the earliest of its equals.

use hashbrown::HashTable;

use super::keys::{ABSENT, KeyEncoder};
use super::values::Values;
use crate::hash::hash_word;

/// Multisets of values by slot.
pub(crate) struct Bags {
    arrival: bool,
    pub(crate) values: Values,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// The earliest entry of each (slot, value).
    index: HashTable<u32>,
    /// First and last entry of each slot.
    ends: Vec<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Entry {
    slot: u32,
    value: u32,
    weight: i64,
    /// Neighbours in the slot's list.
    next: u32,
    before: u32,
    /// The next entry of the same slot and value, and (in the earliest one) the last.
    same: u32,
    last_same: u32,
}

fn hash_of(slot: u32, value: u32) -> u64 {
    hash_word((u64::from(slot) << 32) | u64::from(value))
}

impl Bags {
    /// No values; `arrival` tells that the order of arrival counts.
    pub(crate) fn new(encoder: &KeyEncoder, arrival: bool) -> Self {
        Bags {
            arrival,
            values: Values::new(encoder),
            entries: vec![],
            free: vec![],
            index: HashTable::new(),
            ends: vec![],
        }
    }

    /// Makes room for slots `0..slots`.
    pub(crate) fn resize(&mut self, slots: usize) {
        self.ends.resize(slots, (ABSENT, ABSENT));
    }

    /// Adds a value to a slot `diff` times. Returns the weight before and after, where the order of arrival does not
    /// count.
    pub(crate) fn add(&mut self, slot: u32, value: u32, mut diff: i64) -> (i64, i64) {
        loop {
            let found = self.find(slot, value);
            let Some(entry) = self.entries.get_mut(found as usize) else {
                if diff != 0 {
                    self.push(slot, value, diff, ABSENT);
                }
                return (0, diff);
            };
            let was = entry.weight;
            let opposed = (was > 0) != (diff > 0);
            if self.arrival && opposed && diff.abs() > was.abs() {
                diff += was;
                self.unlink(found);
                continue;
            }
            if self.arrival && !opposed && diff > 0 {
                self.push(slot, value, diff, found);
                return (was, was + diff);
            }
            entry.weight += diff;
            if entry.weight == 0 {
                self.unlink(found);
            }
            return (was, was + diff);
        }
    }

    fn find(&self, slot: u32, value: u32) -> u32 {
        let entries = &self.entries;
        let same = |e: &u32| entries[*e as usize].slot == slot && entries[*e as usize].value == value;
        self.index.find(hash_of(slot, value), same).copied().unwrap_or(ABSENT)
    }

    /// A new entry at the end of the slot's list; `earliest` is the earliest one of its equals, if there is one.
    fn push(&mut self, slot: u32, value: u32, weight: i64, earliest: u32) {
        let (_, last) = self.ends[slot as usize];
        let entry = Entry { slot, value, weight, next: ABSENT, before: last, same: ABSENT, last_same: ABSENT };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        match self.entries.get_mut(last as usize) {
            Some(before) => before.next = at,
            None => self.ends[slot as usize].0 = at,
        }
        self.ends[slot as usize].1 = at;
        self.values.retain(value);
        match self.entries.get_mut(earliest as usize) {
            Some(first) => {
                let behind = if first.last_same == ABSENT { earliest } else { first.last_same };
                first.last_same = at;
                self.entries[behind as usize].same = at;
            }
            None => {
                let entries = &self.entries;
                self.index.insert_unique(hash_of(slot, value), at, |e| {
                    hash_of(entries[*e as usize].slot, entries[*e as usize].value)
                });
            }
        }
    }

    /// Removes the earliest entry of its slot and value.
    fn unlink(&mut self, at: u32) {
        let Entry { slot, value, next, before, same, last_same, .. } = self.entries[at as usize];
        match self.entries.get_mut(before as usize) {
            Some(entry) => entry.next = next,
            None => self.ends[slot as usize].0 = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(entry) => entry.before = before,
            None => self.ends[slot as usize].1 = before,
        }
        if let Ok(mut found) = self.index.find_entry(hash_of(slot, value), |e| *e == at) {
            if same == ABSENT {
                found.remove();
            } else {
                *found.get_mut() = same;
            }
        }
        if let Some(entry) = self.entries.get_mut(same as usize) {
            entry.last_same = if last_same == same { ABSENT } else { last_same };
        }
        self.values.forget(value);
        self.free.push(at);
    }

    /// The values of a slot with their weights, earliest first.
    pub(crate) fn entries(&self, slot: u32) -> impl Iterator<Item = (u32, i64)> + '_ {
        let first = self.ends.get(slot as usize).map_or(ABSENT, |ends| ends.0);
        let some = |at: u32| (at != ABSENT).then_some(at);
        std::iter::successors(some(first), move |at| some(self.entries[*at as usize].next)).map(|at| {
            let entry = self.entries[at as usize];
            (entry.value, entry.weight)
        })
    }

    /// Forgets the values of a slot.
    pub(crate) fn clear(&mut self, slot: u32) {
        let values: Vec<u32> = self.entries(slot).map(|(value, _)| value).collect();
        for value in &values {
            let found = self.find(slot, *value);
            if found != ABSENT {
                self.unlink(found);
            }
        }
        self.values.release(&values);
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes()
            + self.entries.capacity() * size_of::<Entry>()
            + self.index.capacity() * 5
            + self.ends.capacity() * 8
    }
}

#[cfg(test)]
#[path = "bags/tests.rs"]
mod tests;
