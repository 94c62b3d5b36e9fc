//! Where a key table keeps its keys: words, several words a key, or byte strings.

use crate::hash::{hash_bytes, hash_word, hash_words, same_bytes};
use crate::state::arena::Arena;
use crate::state::index::Stored;
use crate::state::paged::Paged;

/// Words by slot.
#[derive(Default)]
pub(super) struct Words(pub(super) Paged<u64>);

impl Stored for Words {
    type Key<'k> = u64;

    #[inline(always)]
    fn hash(key: u64) -> u64 {
        hash_word(key)
    }

    #[inline(always)]
    fn same(&self, slot: u32, key: u64) -> bool {
        self.0[slot as usize] == key
    }

    #[inline(always)]
    fn touch(&self, slot: u32) -> u64 {
        self.0[slot as usize]
    }
}

impl Words {
    pub(super) fn set(&mut self, slot: u32, word: u64) {
        self.0.set(slot as usize, word, 0);
    }
}

/// Keys of several words each, one behind the other.
#[derive(Default)]
pub(crate) struct WideKeys {
    /// Words of a key.
    pub(super) width: usize,
    pub(super) words: Vec<u64>,
    /// For each key which of its columns are NULL, as bits (their words are 0); as far as there was a NULL.
    pub(super) nulls: Vec<u8>,
}

/// A key of several words.
#[derive(Clone, Copy, Default)]
pub(crate) struct WideKey<'k> {
    words: &'k [u64],
    nulls: u8,
}

impl WideKeys {
    /// No keys.
    pub(super) fn new(width: usize) -> Self {
        WideKeys { width, words: vec![], nulls: vec![] }
    }

    #[inline(always)]
    fn words_of(&self, place: usize) -> &[u64] {
        &self.words[place * self.width..(place + 1) * self.width]
    }

    /// Which columns of a key are NULL.
    #[inline(always)]
    pub(super) fn nulls_of(&self, place: usize) -> u8 {
        self.nulls.get(place).copied().unwrap_or(0)
    }

    /// A key by its place.
    #[inline(always)]
    pub(super) fn get(&self, place: usize) -> WideKey<'_> {
        WideKey { words: self.words_of(place), nulls: self.nulls_of(place) }
    }

    pub(super) fn set(&mut self, slot: u32, key: WideKey<'_>) {
        let (slot, start) = (slot as usize, slot as usize * self.width);
        if start == self.words.len() {
            self.words.extend_from_slice(key.words);
        } else {
            let end = start + self.width;
            if self.words.len() < end {
                self.words.resize(end, 0);
            }
            self.words[start..end].copy_from_slice(key.words);
        }
        if key.nulls != 0 && self.nulls.len() <= slot {
            self.nulls.resize(slot + 1, 0);
        }
        if let Some(nulls) = self.nulls.get_mut(slot) {
            *nulls = key.nulls;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.words.capacity() * 8 + self.nulls.capacity()
    }
}

impl Stored for WideKeys {
    type Key<'k> = WideKey<'k>;

    #[inline(always)]
    fn hash(key: WideKey<'_>) -> u64 {
        hash_words(key.words, key.nulls)
    }

    #[inline(always)]
    fn same(&self, slot: u32, key: WideKey<'_>) -> bool {
        let stored = self.words_of(slot as usize);
        let differs = stored.iter().zip(key.words).fold(0, |all, (a, b)| all | (a ^ b));
        differs == 0 && self.nulls_of(slot as usize) == key.nulls
    }

    #[inline(always)]
    fn touch(&self, slot: u32) -> u64 {
        self.words[slot as usize * self.width]
    }
}

impl Stored for Arena {
    type Key<'k> = &'k [u8];

    #[inline(always)]
    fn hash(key: &[u8]) -> u64 {
        hash_bytes(key)
    }

    #[inline(always)]
    fn same(&self, slot: u32, key: &[u8]) -> bool {
        same_bytes(self.get(slot), key)
    }

    #[inline(always)]
    fn touch(&self, slot: u32) -> u64 {
        u64::from(self.get(slot).first().copied().unwrap_or(0))
    }
}
