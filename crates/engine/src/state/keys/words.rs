//! The index of a key table whose keys are single words.
//!
//! Open addressing with linear probing. A place holds the low half of the key's hash and the slot, so that neither growing
//! nor passing over another key has to look at the keys themselves:
//!
//! ```text
//!   places: | 0 | tag, slot + 1 | tag, slot + 1 | 0 | …        words: by slot
//! ```
//!
//! Keys are looked up in chunks: all places of a chunk are touched before the first is needed, so that the processor
//! fetches them from memory side by side.

use crate::hash::hash_word;

/// Keys looked up together.
pub(super) const CHUNK: usize = 32;
/// Tables below this stay in the cache: touching them beforehand would only cost.
const TOUCHED_PLACES_MIN: usize = 1 << 13;
const PLACES_MIN: usize = 16;

/// Words with their slots.
#[derive(Default)]
pub(super) struct WordIndex {
    /// A power of two of places (or none yet), at most 5 in 8 of them taken.
    places: Vec<u64>,
    taken: usize,
}

#[inline(always)]
fn tag_of(word: u64) -> u32 {
    // The high bits choose the worker: on one worker they are not spread.
    hash_word(word) as u32
}

impl WordIndex {
    /// An index with room for `keys` keys.
    pub(super) fn with_capacity(keys: usize) -> Self {
        let mut index = WordIndex::default();
        if keys > 0 {
            index.reserve(keys);
        }
        index
    }

    /// Takes all keys out and keeps the room.
    pub(super) fn clear(&mut self) {
        if self.taken > 0 {
            self.places.fill(0);
            self.taken = 0;
        }
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * 8
    }

    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    /// Makes room for so many keys more.
    fn reserve(&mut self, more: usize) {
        let wanted = self.taken + more;
        if wanted * 8 <= self.places.len() * 5 {
            return;
        }
        let places = (wanted * 8 / 5 + 1).next_power_of_two().max(PLACES_MIN);
        let old = std::mem::replace(&mut self.places, vec![0; places]);
        let mask = self.mask();
        for place in old.into_iter().filter(|place| *place != 0) {
            let mut at = (place >> 32) as usize & mask;
            while self.places[at] != 0 {
                at = (at + 1) & mask;
            }
            self.places[at] = place;
        }
    }

    /// The slots of a chunk of keys, in order; `add` gives a new key its slot. `words` are the keys by slot.
    #[inline]
    pub(super) fn intern(
        &mut self,
        chunk: &[u64],
        words: &mut Vec<u64>,
        slots: &mut Vec<u32>,
        mut add: impl FnMut(&mut Vec<u64>, u64) -> u32,
    ) {
        self.reserve(chunk.len());
        let mask = self.mask();
        if self.places.len() >= TOUCHED_PLACES_MIN {
            let touched = chunk.iter().fold(0, |all, word| all ^ self.places[tag_of(*word) as usize & mask]);
            std::hint::black_box(touched);
        }
        for word in chunk {
            let tag = tag_of(*word);
            let mut at = tag as usize & mask;
            slots.push(loop {
                let place = self.places[at];
                if place == 0 {
                    let slot = add(words, *word);
                    self.places[at] = (u64::from(tag) << 32) | (u64::from(slot) + 1);
                    self.taken += 1;
                    break slot;
                }
                let slot = (place as u32).wrapping_sub(1);
                if (place >> 32) as u32 == tag && words[slot as usize] == *word {
                    break slot;
                }
                at = (at + 1) & mask;
            });
        }
    }

    /// The slot of a key.
    pub(super) fn find(&self, word: u64, words: &[u64]) -> Option<u32> {
        self.place_of(word, |slot| words[slot as usize] == word).map(|(_, slot)| slot)
    }

    /// Where a key stands, and its slot.
    fn place_of(&self, word: u64, same: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        if self.places.is_empty() {
            return None;
        }
        let (tag, mask) = (tag_of(word), self.mask());
        let mut at = tag as usize & mask;
        loop {
            let place = self.places[at];
            let slot = (place as u32).wrapping_sub(1);
            if place == 0 {
                return None;
            }
            if (place >> 32) as u32 == tag && same(slot) {
                return Some((at, slot));
            }
            at = (at + 1) & mask;
        }
    }

    /// Takes the key of a slot out; those behind it move up so that no gap parts them from their places.
    pub(super) fn remove(&mut self, word: u64, slot: u32) {
        let Some((mut gap, _)) = self.place_of(word, |found| found == slot) else { return };
        let mask = self.mask();
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let place = self.places[at];
            if place == 0 {
                break;
            }
            let home = (place >> 32) as usize & mask;
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.places[gap] = place;
                gap = at;
            }
        }
        self.places[gap] = 0;
        self.taken -= 1;
    }
}
