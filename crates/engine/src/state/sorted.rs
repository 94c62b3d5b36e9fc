//! Values of slots in order, with weights: the smallest and the largest of a slot without a look at the rest.
//!
//! One sorted list over (slot, value), cut into chunks of bounded size; a search goes over the chunks' first entries and
//! then into one chunk. How values compare is the caller's: they may be words, or numbers of keys in a table.

use std::cmp::Ordering;

/// Entries of a chunk at most.
const CHUNK: usize = 512;

/// Entries (slot, value), sorted, each with the sum of the weights it was given. Entries of weight zero do not stay.
pub(crate) struct Sorted<V> {
    /// The first entry of each chunk.
    firsts: Vec<(u32, V)>,
    chunks: Vec<Chunk<V>>,
}

struct Chunk<V> {
    keys: Vec<(u32, V)>,
    weights: Vec<i64>,
}

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Sorted { firsts: vec![], chunks: vec![] }
    }
}

impl<V: Copy> Sorted<V> {
    /// Adds `diff` to the weight of an entry; returns the new weight.
    pub(crate) fn add(&mut self, key: (u32, V), diff: i64, order: &impl Fn(&V, &V) -> Ordering) -> i64 {
        let compare = |a: &(u32, V), b: &(u32, V)| a.0.cmp(&b.0).then_with(|| order(&a.1, &b.1));
        let at = self.firsts.partition_point(|first| compare(first, &key).is_le()).saturating_sub(1);
        let Some(chunk) = self.chunks.get_mut(at) else {
            if diff != 0 {
                self.firsts.push(key);
                self.chunks.push(Chunk { keys: vec![key], weights: vec![diff] });
            }
            return diff;
        };
        match chunk.keys.binary_search_by(|k| compare(k, &key)) {
            Ok(place) => {
                chunk.weights[place] += diff;
                let weight = chunk.weights[place];
                if weight == 0 {
                    self.remove(at, place);
                }
                weight
            }
            Err(_) if diff == 0 => 0,
            Err(place) => {
                self.insert(at, place, key, diff);
                diff
            }
        }
    }

    fn insert(&mut self, at: usize, place: usize, key: (u32, V), weight: i64) {
        let chunk = &mut self.chunks[at];
        if chunk.keys.len() < CHUNK {
            chunk.keys.insert(place, key);
            chunk.weights.insert(place, weight);
            if place == 0 {
                self.firsts[at] = key;
            }
            return;
        }
        if place == chunk.keys.len() {
            // At the end of a full chunk: a new one, so that rising values leave full chunks behind.
            self.chunks.insert(at + 1, Chunk { keys: vec![key], weights: vec![weight] });
            self.firsts.insert(at + 1, key);
            return;
        }
        let right = Chunk { keys: chunk.keys.split_off(CHUNK / 2), weights: chunk.weights.split_off(CHUNK / 2) };
        self.firsts.insert(at + 1, right.keys[0]);
        self.chunks.insert(at + 1, right);
        let (at, place) = if place > CHUNK / 2 { (at + 1, place - CHUNK / 2) } else { (at, place) };
        let chunk = &mut self.chunks[at];
        chunk.keys.insert(place, key);
        chunk.weights.insert(place, weight);
        if place == 0 {
            self.firsts[at] = key;
        }
    }

    fn remove(&mut self, at: usize, place: usize) {
        let chunk = &mut self.chunks[at];
        chunk.keys.remove(place);
        chunk.weights.remove(place);
        match chunk.keys.first() {
            None => {
                self.chunks.remove(at);
                self.firsts.remove(at);
                return;
            }
            Some(first) => self.firsts[at] = *first,
        }
        // Small neighbours become one chunk again.
        let small = |chunk: Option<&Chunk<V>>| chunk.is_some_and(|c| c.keys.len() < CHUNK / 4);
        if small(self.chunks.get(at)) && small(self.chunks.get(at + 1)) {
            let Chunk { keys, weights } = self.chunks.remove(at + 1);
            self.firsts.remove(at + 1);
            self.chunks[at].keys.extend(keys);
            self.chunks[at].weights.extend(weights);
        }
    }

    /// The smallest value of a slot that is there (its weight is above zero).
    pub(crate) fn first(&self, slot: u32) -> Option<V> {
        self.entries(slot).find(|(_, weight)| *weight > 0).map(|(value, _)| value)
    }

    /// The largest value of a slot that is there.
    pub(crate) fn last(&self, slot: u32) -> Option<V> {
        let mut at = self.firsts.partition_point(|first| first.0 <= slot);
        while at > 0 {
            at -= 1;
            let chunk = &self.chunks[at];
            let end = chunk.keys.partition_point(|k| k.0 <= slot);
            for place in (0..end).rev() {
                if chunk.keys[place].0 != slot {
                    return None;
                }
                if chunk.weights[place] > 0 {
                    return Some(chunk.keys[place].1);
                }
            }
        }
        None
    }

    /// The values of a slot with their weights, in order.
    pub(crate) fn entries(&self, slot: u32) -> impl Iterator<Item = (V, i64)> + '_ {
        let at = self.firsts.partition_point(|first| first.0 < slot).saturating_sub(1);
        let start = self.chunks.get(at).map_or(0, |c| c.keys.partition_point(|k| k.0 < slot));
        self.from(at, start, slot)
    }

    /// The values of a slot from `value` on, in order.
    pub(crate) fn entries_from(
        &self,
        slot: u32,
        value: V,
        order: &impl Fn(&V, &V) -> Ordering,
    ) -> impl Iterator<Item = (V, i64)> + '_ {
        let before = |k: &(u32, V)| k.0.cmp(&slot).then_with(|| order(&k.1, &value)).is_lt();
        let at = self.firsts.partition_point(before).saturating_sub(1);
        let start = self.chunks.get(at).map_or(0, |c| c.keys.partition_point(before));
        self.from(at, start, slot)
    }

    /// The values of a slot, which begin at place `start` of chunk `at` or behind it.
    fn from(&self, at: usize, start: usize, slot: u32) -> impl Iterator<Item = (V, i64)> + '_ {
        let chunks = self.chunks.get(at..).unwrap_or_default().iter().enumerate();
        chunks
            .flat_map(move |(i, chunk)| {
                let from = if i == 0 { start } else { 0 };
                chunk.keys.iter().zip(&chunk.weights).skip(from)
            })
            .take_while(move |(key, _)| key.0 == slot)
            .map(|(key, weight)| (key.1, *weight))
    }

    /// Forgets the values of a slot.
    pub(crate) fn clear(&mut self, slot: u32) {
        loop {
            let at = self.firsts.partition_point(|first| first.0 < slot).saturating_sub(1);
            let found = (at..self.chunks.len().min(at + 2)).find_map(|at| {
                let keys = &self.chunks[at].keys;
                let start = keys.partition_point(|k| k.0 < slot);
                let end = keys.partition_point(|k| k.0 <= slot);
                (start < end).then_some((at, start, end))
            });
            let Some((at, start, end)) = found else { return };
            let chunk = &mut self.chunks[at];
            chunk.keys.drain(start..end);
            chunk.weights.drain(start..end);
            match chunk.keys.first() {
                Some(first) => self.firsts[at] = *first,
                None => {
                    self.chunks.remove(at);
                    self.firsts.remove(at);
                }
            }
        }
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let entry = size_of::<(u32, V)>() + 8;
        self.firsts.capacity() * (size_of::<(u32, V)>() + size_of::<Chunk<V>>())
            + self.chunks.iter().map(|c| c.keys.capacity()).sum::<usize>() * entry
    }
}

#[cfg(test)]
#[path = "sorted/tests.rs"]
mod tests;
