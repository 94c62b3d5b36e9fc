//! An index from hashes to slots.
//!
//! Open addressing with linear probing. A place holds 32 bits of the hash (the tag) and the slot, so that neither growing
//! nor passing over another key has to look at the keys themselves:
//!
//! ```text
//!   places: | 0 | tag, slot + 1 | tag, slot + 1 | 0 | …        keys: by slot, wherever their owner has them
//! ```
//!
//! Keys are looked up in chunks. In a table that has outgrown the caches, all places of a chunk are touched before the first
//! is needed, and then all keys whose tags were found there: loads that do not depend on each other are fetched from memory
//! side by side, loads one behind the other are waited for one by one.

/// Keys looked up together.
pub(crate) const CHUNK: usize = 32;
/// Tables below this stay in the cache: touching them beforehand would only cost. Few in tests, so that these see large ones.
const TOUCHED_PLACES_MIN: usize = if cfg!(test) { 1 << 5 } else { 1 << 13 };
/// Keys of tables below this, too.
const TOUCHED_KEYS_MIN: usize = if cfg!(test) { 1 << 6 } else { 1 << 16 };
const PLACES_MIN: usize = 16;

/// Where the keys of a table are.
pub(crate) trait Stored {
    /// A key as it is looked up.
    type Key<'k>: Copy + Default;
    /// The hash of a key.
    fn hash(key: Self::Key<'_>) -> u64;
    /// True when a slot has the key.
    fn same(&self, slot: u32, key: Self::Key<'_>) -> bool;
    /// Loads some of what [`Stored::same`] will read of a slot.
    fn touch(&self, slot: u32) -> u64;
}

/// Slots by the tags of their keys.
#[derive(Default)]
pub(crate) struct SlotIndex {
    /// A power of two of places (or none yet), at most 5 in 8 of them taken.
    places: Vec<u64>,
    taken: usize,
}

/// The tag of a hash. Its high bits choose the worker: on one worker they are not spread.
#[inline(always)]
pub(crate) fn tag_of(hash: u64) -> u32 {
    hash as u32
}

#[inline(always)]
fn slot_of(place: u64) -> u32 {
    (place as u32).wrapping_sub(1)
}

impl SlotIndex {
    /// An index with room for `keys` keys.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        let mut index = SlotIndex::default();
        if keys > 0 {
            index.reserve(keys);
        }
        index
    }

    /// Takes all keys out and keeps the room.
    pub(crate) fn clear(&mut self) {
        if self.taken > 0 {
            self.places.fill(0);
            self.taken = 0;
        }
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.places.capacity() * 8
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.taken
    }

    /// How many keys it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.places.len() / 8 * 5
    }

    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    /// Makes room for so many keys more.
    pub(crate) fn reserve(&mut self, more: usize) {
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

    /// The tags of a chunk of keys, and where each of them is to be looked for. What that needs is brought into the caches.
    #[inline(always)]
    fn look_ahead<S: Stored>(&self, keys: &[S::Key<'_>], store: &S) -> ([u32; CHUNK], [usize; CHUNK]) {
        let (mut tags, mut starts) = ([0; CHUNK], [0; CHUNK]);
        let mask = self.mask();
        for ((tag, start), key) in tags.iter_mut().zip(&mut starts).zip(keys) {
            *tag = tag_of(S::hash(*key));
            *start = *tag as usize & mask;
        }
        if self.places.len() < TOUCHED_PLACES_MIN {
            return (tags, starts);
        }
        let count = keys.len();
        std::hint::black_box(starts.iter().take(count).fold(0, |all, start| all ^ self.places[*start]));
        let mut found = [0; CHUNK];
        for ((place, start), tag) in found.iter_mut().zip(&mut starts).zip(&tags).take(count) {
            *place = self.places[*start];
            // No key that comes will stand before this one: there is no gap.
            while *place != 0 && (*place >> 32) as u32 != *tag {
                *start = (*start + 1) & mask;
                *place = self.places[*start];
            }
        }
        if self.places.len() >= TOUCHED_KEYS_MIN {
            let touch = |place: &u64| if *place == 0 { 0 } else { store.touch(slot_of(*place)) };
            std::hint::black_box(found.iter().take(count).fold(0, |all, place| all ^ touch(place)));
        }
        (tags, starts)
    }

    /// The slots of a chunk of keys (at most [`CHUNK`] of them), in order; `add` stores a new key and gives its slot.
    #[inline]
    pub(crate) fn intern<'k, S: Stored>(
        &mut self,
        keys: &[S::Key<'k>],
        store: &mut S,
        slots: &mut Vec<u32>,
        mut add: impl FnMut(&mut S, S::Key<'k>) -> u32,
    ) {
        self.reserve(keys.len());
        let (tags, starts) = self.look_ahead(keys, store);
        for ((tag, start), key) in tags.iter().zip(&starts).zip(keys) {
            slots.push(self.slot_of((*tag, *start), *key, store, &mut add));
        }
    }

    /// As [`SlotIndex::intern`], of one key.
    pub(crate) fn intern_one<'k, S: Stored>(
        &mut self,
        key: S::Key<'k>,
        store: &mut S,
        add: impl FnMut(&mut S, S::Key<'k>) -> u32,
    ) -> u32 {
        self.reserve(1);
        let tag = tag_of(S::hash(key));
        self.slot_of((tag, tag as usize & self.mask()), key, store, add)
    }

    /// The slot of a key that is to be looked for from a place on; there must be room for it.
    #[inline(always)]
    fn slot_of<'k, S: Stored>(
        &mut self,
        (tag, mut at): (u32, usize),
        key: S::Key<'k>,
        store: &mut S,
        mut add: impl FnMut(&mut S, S::Key<'k>) -> u32,
    ) -> u32 {
        let mask = self.mask();
        loop {
            let place = self.places[at];
            if place == 0 {
                let slot = add(store, key);
                self.places[at] = (u64::from(tag) << 32) | (u64::from(slot) + 1);
                self.taken += 1;
                return slot;
            }
            if (place >> 32) as u32 == tag && store.same(slot_of(place), key) {
                return slot_of(place);
            }
            at = (at + 1) & mask;
        }
    }

    /// The slot of a key that is here.
    pub(crate) fn find_one<S: Stored>(&self, key: S::Key<'_>, store: &S) -> Option<u32> {
        let tag = tag_of(S::hash(key));
        self.place_of((tag, tag as usize & self.mask()), |slot| store.same(slot, key)).map(|(_, slot)| slot)
    }

    /// The slots of a chunk of keys (at most [`CHUNK`] of them), in order; `absent` for those that are not here.
    #[inline]
    pub(crate) fn find<S: Stored>(&self, keys: &[S::Key<'_>], store: &S, absent: u32, slots: &mut Vec<u32>) {
        if self.places.is_empty() {
            return slots.extend(keys.iter().map(|_| absent));
        }
        let (tags, starts) = self.look_ahead(keys, store);
        for ((tag, start), key) in tags.iter().zip(&starts).zip(keys) {
            let found = self.place_of((*tag, *start), |slot| store.same(slot, *key));
            slots.push(found.map_or(absent, |(_, slot)| slot));
        }
    }

    /// Adds a key that is not here.
    pub(crate) fn insert(&mut self, tag: u32, slot: u32) {
        self.reserve(1);
        let mask = self.mask();
        let mut at = tag as usize & mask;
        while self.places[at] != 0 {
            at = (at + 1) & mask;
        }
        self.places[at] = (u64::from(tag) << 32) | (u64::from(slot) + 1);
        self.taken += 1;
    }

    /// Where a key stands that is to be looked for from a place on, and its slot.
    #[inline(always)]
    fn place_of(&self, (tag, mut at): (u32, usize), same: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        if self.places.is_empty() {
            return None;
        }
        let mask = self.mask();
        loop {
            let place = self.places[at];
            if place == 0 {
                return None;
            }
            if (place >> 32) as u32 == tag && same(slot_of(place)) {
                return Some((at, slot_of(place)));
            }
            at = (at + 1) & mask;
        }
    }

    /// Takes the key of a slot out; those behind it move up so that no gap parts them from their places.
    pub(crate) fn remove(&mut self, tag: u32, slot: u32) {
        let mask = self.mask();
        let Some((mut gap, _)) = self.place_of((tag, tag as usize & mask), |found| found == slot) else { return };
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
