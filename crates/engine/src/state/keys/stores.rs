//! Where a key table keeps its keys: in records, several words a key, or byte strings.

use std::ops::Deref;

use crate::hash::{hash_bytes, hash_word, hash_words, same_bytes};
use crate::state::arena::Arena;
use crate::state::index::Stored;
use crate::state::records::Records;

/// Keys that are one word stand first in the record of their slot.
impl Stored for Records {
    type Key<'k> = u64;

    #[inline(always)]
    fn hash(key: u64) -> u64 {
        hash_word(key)
    }

    #[inline(always)]
    fn same(&self, slot: u32, key: u64) -> bool {
        self.word(slot, 0) == key
    }

    #[inline(always)]
    fn touch(&self, slot: u32) -> u64 {
        self.word(slot, 0)
    }
}

/// Keys of several words each, one behind the other: those of a batch.
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
    pub(super) words: &'k [u64],
    pub(super) nulls: u8,
}

impl WideKeys {
    /// A key by its place.
    #[inline(always)]
    pub(super) fn get(&self, place: usize) -> WideKey<'_> {
        let words = &self.words[place * self.width..(place + 1) * self.width];
        WideKey { words, nulls: self.nulls.get(place).copied().unwrap_or(0) }
    }
}

/// What a table of keys of several words keeps beside its records, in which the words stand first.
#[derive(Default)]
pub(super) struct WideForm {
    /// Words of a key.
    pub(super) width: usize,
    /// By slot which columns are NULL, as bits; as far as there was a NULL.
    pub(super) nulls: Vec<u8>,
}

/// The keys of such a table.
pub(super) struct Wide<R, F> {
    pub(super) records: R,
    pub(super) form: F,
}

impl WideForm {
    /// Which columns of a key are NULL.
    #[inline(always)]
    pub(super) fn nulls_of(&self, slot: u32) -> u8 {
        self.nulls.get(slot as usize).copied().unwrap_or(0)
    }
}

impl Wide<&mut Records, &mut WideForm> {
    pub(super) fn set(&mut self, slot: u32, key: WideKey<'_>) {
        self.records.set_words(slot, key.words);
        let nulls = &mut self.form.nulls;
        if key.nulls != 0 && nulls.len() <= slot as usize {
            nulls.resize(slot as usize + 1, 0);
        }
        if let Some(nulls) = nulls.get_mut(slot as usize) {
            *nulls = key.nulls;
        }
    }
}

impl<R: Deref<Target = Records>, F: Deref<Target = WideForm>> Wide<R, F> {
    /// The key of a slot.
    #[inline(always)]
    pub(super) fn get(&self, slot: u32) -> WideKey<'_> {
        WideKey { words: self.records.words(slot, self.form.width), nulls: self.form.nulls_of(slot) }
    }
}

impl<R: Deref<Target = Records>, F: Deref<Target = WideForm>> Stored for Wide<R, F> {
    type Key<'k> = WideKey<'k>;

    #[inline(always)]
    fn hash(key: WideKey<'_>) -> u64 {
        hash_words(key.words, key.nulls)
    }

    #[inline(always)]
    fn same(&self, slot: u32, key: WideKey<'_>) -> bool {
        let stored = self.get(slot);
        let differs = stored.words.iter().zip(key.words).fold(0, |all, (a, b)| all | (a ^ b));
        differs == 0 && stored.nulls == key.nulls
    }

    #[inline(always)]
    fn touch(&self, slot: u32) -> u64 {
        self.records.word(slot, 0)
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
