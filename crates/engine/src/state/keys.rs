//! Key tables: from key columns to dense slots.
//!
//! Keys are encoded once per batch ([`KeyEncoder`]) and then interned ([`KeyTable`]): a fixed-width key is its 64-bit
//! word, a few fixed-width columns are as many words, a text key its bytes, anything else Arrow's row format. The table
//! holds keys column-wise (words, or one arena of bytes), and a hash index of slot numbers beside them. What else is kept of
//! a key in a few words may stand beside it: [`KeyTable::records`].

mod encode;
mod recent;
mod stores;

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use arrow::array::{Array, StringArray};
use arrow::buffer::NullBuffer;

use self::encode::Form;
pub(crate) use self::encode::{EncodedKeys, KeyEncoder, value_type};
use self::recent::{Recent, ShortTexts};
use self::stores::{Wide, WideForm};
use super::arena::Arena;
use super::index::{CHUNK, SlotIndex, Stored, tag_of};
use super::records::Records;

/// Which rows of a batch are meant.
#[derive(Clone, Debug)]
pub(crate) enum RowSet<'a> {
    Range(Range<usize>),
    List(&'a [u32]),
}

impl RowSet<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            RowSet::Range(range) => range.len(),
            RowSet::List(rows) => rows.len(),
        }
    }
}

enum Keys {
    None,
    /// The first word of each record.
    Words,
    /// The first words of each record.
    Wide(WideForm),
    Bytes(Arena),
}

/// No slot.
pub(crate) const ABSENT: u32 = u32::MAX;

/// A set of keys, each with a dense slot. Slots of removed keys are used again.
pub(crate) struct KeyTable {
    index: SlotIndex,
    keys: Keys,
    /// For each slot what [`KeyTable::beside`] asked for, from word [`KeyEncoder::key_words`] on. Whoever uses it grows it, and
    /// clears what stands in a slot whose key goes.
    pub(crate) records: Records,
    null_slot: Option<u32>,
    slots: u32,
    free: Vec<u32>,
    recent: Recent,
    /// The slot of each place of the dictionary at hand.
    slot_of_code: Vec<u32>,
    expected: Rc<Cell<usize>>,
}

/// The next table of the same encoder will have about as many keys.
impl Drop for KeyTable {
    fn drop(&mut self) {
        self.expected.set(self.len());
    }
}

impl KeyTable {
    /// An empty table for keys of this encoder.
    pub(crate) fn new(encoder: &KeyEncoder) -> Self {
        KeyTable::beside(encoder, 0)
    }

    /// As [`KeyTable::new`], with so many words more in the record of each slot.
    pub(crate) fn beside(encoder: &KeyEncoder, words: usize) -> Self {
        let room = encoder.room();
        let (keys, room) = match encoder.form() {
            Form::None => (Keys::None, 0),
            Form::Word => (Keys::Words, room),
            Form::Wide(width) => (Keys::Wide(WideForm { width, nulls: vec![] }), room),
            Form::Bytes => (Keys::Bytes(Arena::default()), room),
        };
        let mut records = Records::new(encoder.key_words() + words);
        records.reserve(room);
        KeyTable {
            index: SlotIndex::with_capacity(room),
            keys,
            records,
            null_slot: None,
            slots: 0,
            free: Vec::new(),
            recent: Recent::default(),
            slot_of_code: Vec::new(),
            expected: Rc::clone(&encoder.expected),
        }
    }

    /// Takes all keys out and keeps the room for the next ones. False when there is nothing worth keeping: the table is
    /// then to be thrown away.
    pub(crate) fn empty(&mut self) -> bool {
        // Emptying room that was hardly used would cost more than making new one.
        if matches!(self.keys, Keys::None) || self.index.len() * 8 < self.index.capacity() {
            return false;
        }
        match &mut self.keys {
            Keys::None | Keys::Words => {}
            Keys::Wide(form) => form.nulls.clear(),
            Keys::Bytes(arena) => {
                arena.empty();
                self.recent.forget();
            }
        }
        self.records.clear();
        self.index.clear();
        self.free.clear();
        (self.null_slot, self.slots) = (None, 0);
        true
    }

    /// Number of slots ever used at the same time (removed ones included).
    pub(crate) fn slots(&self) -> usize {
        self.slots as usize
    }

    /// The encoded key of a slot; empty for keys that are words.
    pub(crate) fn bytes_of(&self, slot: u32) -> &[u8] {
        match &self.keys {
            Keys::Bytes(arena) => arena.get(slot),
            _ => &[],
        }
    }

    /// True for the NULL key of a single-column table.
    pub(crate) fn is_null(&self, slot: u32) -> bool {
        self.null_slot == Some(slot)
    }

    /// The slots that have a key, rising.
    pub(crate) fn live(&self) -> Vec<u32> {
        let mut live = vec![true; self.slots()];
        for slot in &self.free {
            live[*slot as usize] = false;
        }
        (0u32..).zip(live).filter(|(_, live)| *live).map(|(slot, _)| slot).collect()
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.slots as usize - self.free.len()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        let keys = match &self.keys {
            Keys::None | Keys::Words => 0,
            Keys::Wide(form) => form.nulls.capacity(),
            Keys::Bytes(arena) => arena.bytes(),
        };
        keys + self.records.bytes() + self.index.bytes()
    }

    /// Finds or makes the slot of each row's key; `slots` is filled with one slot a row.
    pub(crate) fn intern(&mut self, keys: &EncodedKeys, rows: &RowSet<'_>, slots: &mut Vec<u32>) {
        slots.clear();
        slots.reserve(rows.len());
        match rows {
            RowSet::Range(range) => self.intern_rows(keys, range.clone(), slots),
            RowSet::List(list) => self.intern_rows(keys, list.iter().map(|r| *r as usize), slots),
        }
    }

    fn intern_rows(&mut self, keys: &EncodedKeys, rows: impl Iterator<Item = usize>, slots: &mut Vec<u32>) {
        match keys {
            EncodedKeys::None => {
                self.slots = 1;
                slots.extend(rows.map(|_| 0));
            }
            EncodedKeys::Words(words, None) => chunks(rows, |row| words[row], |chunk| self.intern_words(chunk, slots)),
            EncodedKeys::Words(words, Some(nulls)) => {
                for row in rows {
                    if nulls.is_valid(row) {
                        self.intern_words(&[words[row]], slots);
                    } else {
                        slots.push(self.intern_null());
                    }
                }
            }
            EncodedKeys::Wide(wide) => {
                let KeyTable { keys: Keys::Wide(form), records, index, free, slots: used, .. } = self else { return };
                let mut stored = Wide { records, form };
                let mut add = |stored: &mut Wide<&mut Records, &mut WideForm>, key| {
                    let slot = take_slot(free, used);
                    stored.set(slot, key);
                    slot
                };
                chunks(rows, |row| wide.get(row), |chunk| index.intern(chunk, &mut stored, slots, &mut add));
            }
            EncodedKeys::Text(text) => self.intern_texts(text, rows, slots),
            EncodedKeys::Coded(codes, nulls, texts) => self.intern_codes((codes, nulls.as_ref()), texts, rows, slots),
            EncodedKeys::Rows(encoded) => {
                chunks(rows, |row| encoded.row(row).data(), |chunk| self.intern_chunk(chunk, slots));
            }
        }
    }

    fn intern_texts(&mut self, text: &StringArray, rows: impl Iterator<Item = usize>, slots: &mut Vec<u32>) {
        let nulls = text.nulls().filter(|n| n.null_count() > 0);
        let any = |table: &mut Self, row: usize| match nulls {
            Some(nulls) if nulls.is_null(row) => table.intern_null(),
            _ => table.intern_bytes(text.value(row).as_bytes()),
        };
        let mut recent = std::mem::take(&mut self.recent);
        let seen = recent.begin(text.len());
        if nulls.is_some() {
            slots.extend(rows.map(|row| any(self, row)));
        } else if !seen {
            chunks(rows, |row| text.value(row).as_bytes(), |chunk| self.intern_chunk(chunk, slots));
        } else {
            let short = ShortTexts::of(text);
            let mut missed = 0;
            slots.extend(rows.map(|row| {
                let Some(key) = short.get(row) else { return any(self, row) };
                recent.find(key).unwrap_or_else(|| {
                    missed += 1;
                    let slot = any(self, row);
                    recent.keep(key, slot);
                    slot
                })
            }));
            recent.end(slots.len(), missed);
        }
        self.recent = recent;
    }

    /// Each text of the dictionary that occurs is interned once.
    fn intern_codes(
        &mut self,
        (codes, nulls): (&[i32], Option<&NullBuffer>),
        texts: &StringArray,
        rows: impl Iterator<Item = usize>,
        slots: &mut Vec<u32>,
    ) {
        if texts.len() > slots.capacity() - slots.len() {
            // Most of it does not occur here.
            return slots.extend(rows.map(|row| match nulls {
                Some(nulls) if nulls.is_null(row) => self.intern_null(),
                _ => self.intern_bytes(texts.value(codes[row] as usize).as_bytes()),
            }));
        }
        let mut known = std::mem::take(&mut self.slot_of_code);
        known.clear();
        known.resize(texts.len(), ABSENT);
        slots.extend(rows.map(|row| {
            if nulls.is_some_and(|n| n.is_null(row)) {
                return self.intern_null();
            }
            let code = codes[row] as usize;
            let slot = &mut known[code];
            if *slot == ABSENT {
                *slot = self.intern_bytes(texts.value(code).as_bytes());
            }
            *slot
        }));
        self.slot_of_code = known;
    }

    #[inline]
    fn intern_words(&mut self, chunk: &[u64], slots: &mut Vec<u32>) {
        let KeyTable { keys: Keys::Words, records, index, free, slots: used, .. } = self else { return };
        index.intern(chunk, records, slots, |records, word| {
            let slot = take_slot(free, used);
            records.set(slot, 0, word);
            slot
        });
    }

    #[inline]
    fn intern_chunk(&mut self, chunk: &[&[u8]], slots: &mut Vec<u32>) {
        let KeyTable { keys: Keys::Bytes(arena), index, free, slots: used, .. } = self else { return };
        index.intern(chunk, arena, slots, |arena, bytes| {
            let slot = take_slot(free, used);
            arena.set(slot, bytes);
            slot
        });
    }

    fn intern_bytes(&mut self, bytes: &[u8]) -> u32 {
        let KeyTable { keys: Keys::Bytes(arena), index, free, slots: used, .. } = self else { return 0 };
        index.intern_one(bytes, arena, |arena, bytes| {
            let slot = take_slot(free, used);
            arena.set(slot, bytes);
            slot
        })
    }

    /// The slot of each row's key, [`ABSENT`] when the table does not have it.
    pub(crate) fn find(&self, keys: &EncodedKeys, slots: &mut Vec<u32>, rows: usize) {
        slots.clear();
        slots.reserve(rows);
        let rows = 0..rows;
        match (keys, &self.keys) {
            (EncodedKeys::Words(words, None), Keys::Words) => {
                chunks(rows, |row| words[row], |chunk| self.index.find(chunk, &self.records, ABSENT, slots));
            }
            (EncodedKeys::Wide(wide), Keys::Wide(form)) => {
                let stored = Wide { records: &self.records, form };
                chunks(rows, |row| wide.get(row), |chunk| self.index.find(chunk, &stored, ABSENT, slots));
            }
            (EncodedKeys::Rows(encoded), Keys::Bytes(arena)) => {
                chunks(rows, |row| encoded.row(row).data(), |chunk| self.index.find(chunk, arena, ABSENT, slots));
            }
            _ => slots.extend(rows.map(|row| self.find_row(keys, row))),
        }
    }

    fn find_row(&self, keys: &EncodedKeys, row: usize) -> u32 {
        let null = || self.null_slot.unwrap_or(ABSENT);
        match (keys, &self.keys) {
            (EncodedKeys::None, _) => {
                if self.slots == 0 {
                    ABSENT
                } else {
                    0
                }
            }
            (EncodedKeys::Words(_, Some(nulls)) | EncodedKeys::Coded(_, Some(nulls), _), _) if nulls.is_null(row) => {
                null()
            }
            (EncodedKeys::Words(words, _), Keys::Words) => self.find_key(&self.records, words[row]),
            (EncodedKeys::Text(text), _) if text.is_null(row) => null(),
            (EncodedKeys::Text(text), Keys::Bytes(arena)) => self.find_key(arena, text.value(row).as_bytes()),
            (EncodedKeys::Coded(codes, _, texts), Keys::Bytes(arena)) => {
                self.find_key(arena, texts.value(codes[row] as usize).as_bytes())
            }
            _ => ABSENT,
        }
    }

    fn find_key<S: Stored>(&self, store: &S, key: S::Key<'_>) -> u32 {
        self.index.find_one(key, store).unwrap_or(ABSENT)
    }

    /// The NULL key of a single-column table has a slot of its own outside the index.
    fn intern_null(&mut self) -> u32 {
        if let Some(slot) = self.null_slot {
            return slot;
        }
        let slot = take_slot(&mut self.free, &mut self.slots);
        match &mut self.keys {
            Keys::Words => self.records.set(slot, 0, 0),
            Keys::Bytes(arena) => arena.set(slot, &[]),
            // Keys of several columns are never NULL as a whole.
            Keys::None | Keys::Wide(_) => {}
        }
        self.null_slot = Some(slot);
        slot
    }

    /// Removes the key of a slot; the slot will be used again.
    pub(crate) fn remove(&mut self, slot: u32) {
        if self.null_slot == Some(slot) {
            self.null_slot = None;
        } else {
            let hash = match &self.keys {
                Keys::None => return,
                Keys::Words => Records::hash(self.records.word(slot, 0)),
                Keys::Wide(form) => Wide::<&Records, &WideForm>::hash(Wide { records: &self.records, form }.get(slot)),
                Keys::Bytes(arena) => Arena::hash(arena.get(slot)),
            };
            self.index.remove(tag_of(hash), slot);
        }
        if let Keys::Bytes(arena) = &mut self.keys {
            arena.clear(slot);
        }
        self.recent.forget();
        self.free.push(slot);
    }
}

/// A slot for a new key.
#[inline(always)]
fn take_slot(free: &mut Vec<u32>, used: &mut u32) -> u32 {
    free.pop().unwrap_or_else(|| {
        *used += 1;
        *used - 1
    })
}

/// Runs `each` over the keys of rows, a chunk at a time.
#[inline(always)]
fn chunks<K: Copy + Default>(
    mut rows: impl Iterator<Item = usize>,
    key: impl Fn(usize) -> K,
    mut each: impl FnMut(&[K]),
) {
    let mut chunk = [K::default(); CHUNK];
    loop {
        let taken = rows.by_ref().zip(&mut chunk).map(|(row, place)| *place = key(row)).count();
        each(&chunk[..taken]);
        if taken < CHUNK {
            return;
        }
    }
}

#[cfg(test)]
#[path = "keys/tests.rs"]
mod tests;
