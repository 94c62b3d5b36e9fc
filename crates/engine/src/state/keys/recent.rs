//! A small cache before a key table: from short texts seen lately to their slots.
//!
//! Most text keys are short and repeat. Such a key is loaded as one 16-byte word, whatever its length, without a branch
//! that depends on it, and compared with the one entry it can be in; neither arena nor hash index is touched.

use arrow::array::StringArray;

/// Longest text that fits a word.
const BYTES_MAX: usize = 16;
/// A power of two; the entries fit the first-level cache.
const ENTRIES: usize = 256;
/// Length of an entry that holds nothing.
const EMPTY: u32 = u32::MAX;
/// Batches that go past the cache after one that found too little in it.
const PAUSE: u32 = 64;
/// Batches with fewer rows do not tell whether keys repeat.
const SAMPLE_ROWS_MIN: usize = 256;

#[derive(Clone, Copy)]
struct Entry {
    low: u64,
    high: u64,
    len: u32,
    slot: u32,
}

/// Texts of up to 16 bytes with their slots, each in the one place that its bytes choose.
#[derive(Default)]
pub(super) struct Recent {
    /// Empty until first used.
    entries: Vec<Entry>,
    /// Some slot has lost its key.
    stale: bool,
    pause: u32,
}

/// The texts of a column as words.
pub(super) struct ShortTexts<'a> {
    offsets: &'a [i32],
    data: &'a [u8],
}

/// A text of up to 16 bytes.
#[derive(Clone, Copy)]
pub(super) struct ShortText {
    low: u64,
    high: u64,
    len: u32,
}

/// The bytes of a word that belong to a text of each length.
const MASKS: [u128; BYTES_MAX + 1] = {
    let mut masks = [u128::MAX; BYTES_MAX + 1];
    let mut len = 0;
    while len < BYTES_MAX {
        masks[len] = (1 << (8 * len)) - 1;
        len += 1;
    }
    masks
};

impl<'a> ShortTexts<'a> {
    pub(super) fn of(column: &'a StringArray) -> Self {
        ShortTexts { offsets: column.value_offsets(), data: column.value_data() }
    }

    /// The text of a row, when it is short and not among the last bytes of the column.
    #[inline(always)]
    pub(super) fn get(&self, row: usize) -> Option<ShortText> {
        let (start, end) = (self.offsets[row] as usize, self.offsets[row + 1] as usize);
        let len = end - start;
        let mask = MASKS.get(len)?;
        let bytes = self.data.get(start..)?.first_chunk::<BYTES_MAX>()?;
        let word = u128::from_le_bytes(*bytes) & mask;
        Some(ShortText { low: word as u64, high: (word >> 64) as u64, len: len as u32 })
    }
}

impl ShortText {
    #[inline(always)]
    fn place(self) -> usize {
        let mixed = (self.low ^ self.high.rotate_left(23)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - ENTRIES.trailing_zeros())) as usize
    }
}

impl Recent {
    /// Whether the cache is worth asking for a batch of `rows` rows.
    pub(super) fn begin(&mut self, rows: usize) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        if self.stale {
            self.entries.clear();
            self.stale = false;
        }
        if self.entries.is_empty() && rows >= SAMPLE_ROWS_MIN {
            self.entries.resize(ENTRIES, Entry { low: 0, high: 0, len: EMPTY, slot: 0 });
        }
        !self.entries.is_empty()
    }

    /// A batch of `rows` rows is done, of which `missed` were not in the cache.
    pub(super) fn end(&mut self, rows: usize, missed: usize) {
        if rows >= SAMPLE_ROWS_MIN && missed * 2 > rows {
            self.pause = PAUSE;
        }
    }

    #[inline(always)]
    pub(super) fn find(&self, text: ShortText) -> Option<u32> {
        let entry = self.entries.get(text.place())?;
        let differs = (entry.low ^ text.low) | (entry.high ^ text.high) | u64::from(entry.len ^ text.len);
        (differs == 0).then_some(entry.slot)
    }

    #[inline]
    pub(super) fn keep(&mut self, text: ShortText, slot: u32) {
        if let Some(entry) = self.entries.get_mut(text.place()) {
            *entry = Entry { low: text.low, high: text.high, len: text.len, slot };
        }
    }

    /// A key has been removed: its slot may get another.
    pub(super) fn forget(&mut self) {
        self.stale = !self.entries.is_empty();
    }
}
