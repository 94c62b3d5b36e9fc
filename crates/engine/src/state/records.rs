//! Records of a few words by slot: what is needed together stands together, so that finding it is one look into memory.
//!
//! ```text
//!   slot:    0               1               2
//!          │ key │ a │ b │ │ key │ a │ b │ │ key │ a │ b │ …      in pages that never move
//! ```

/// Words of a page, as a power of two. Few in tests, so that these see many pages.
const PAGE_BITS: u32 = if cfg!(test) { 6 } else { 13 };
/// Records of the first page, at least.
const FIRST_MIN: usize = 8;

/// Records of equal width, all words 0 at first.
#[derive(Debug)]
pub(crate) struct Records {
    /// All are full but the last.
    pages: Vec<Vec<u64>>,
    /// Words of a record.
    width: usize,
    /// Records of a page, as a power of two.
    bits: u32,
    len: usize,
    /// Records that the pages have, those behind the last one among them.
    room: usize,
}

/// The records as they lie in memory, for loops over many of them.
pub(crate) struct Pages<'r> {
    pub(crate) pages: &'r mut [Vec<u64>],
    pub(crate) width: usize,
    pub(crate) bits: u32,
}

impl Records {
    /// No records of `width` words yet.
    pub(crate) fn new(width: usize) -> Self {
        let bits = PAGE_BITS.saturating_sub(width.max(1).next_power_of_two().trailing_zeros());
        Records { pages: vec![], width, bits, len: 0, room: 0 }
    }

    /// Number of records.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// About so many records will come.
    pub(crate) fn reserve(&mut self, records: usize) {
        if self.pages.is_empty() && records > 0 {
            self.pages.push(Vec::with_capacity(records.min(1 << self.bits) * self.width));
        }
    }

    /// Makes the list at least `len` long.
    #[inline]
    pub(crate) fn grow(&mut self, len: usize) {
        if len > self.room {
            self.make_room(len);
        }
        self.len = self.len.max(len);
    }

    #[cold]
    fn make_room(&mut self, len: usize) {
        let (full, width) = (1 << self.bits, self.width);
        if self.pages.is_empty() {
            self.pages.push(vec![]);
        }
        if let [first] = self.pages.as_mut_slice()
            && self.room < full
        {
            // Short lists stay short.
            self.room = len.next_power_of_two().clamp(FIRST_MIN.min(full), full);
            first.resize(self.room * width, 0);
        }
        while self.room < len {
            // Whoever has filled a page will fill another.
            self.pages.push(vec![0; full * width]);
            self.room += full;
        }
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        (1 << self.bits) - 1
    }

    #[inline(always)]
    fn start(&self, slot: usize) -> usize {
        (slot & self.mask()) * self.width
    }

    /// A word of a record; none or 0 when there is no such record.
    #[inline(always)]
    pub(crate) fn get(&self, slot: u32, at: usize) -> Option<u64> {
        self.pages.get(slot as usize >> self.bits)?.get(self.start(slot as usize) + at).copied()
    }

    /// A word of a record that is there.
    #[inline(always)]
    pub(crate) fn word(&self, slot: u32, at: usize) -> u64 {
        self.pages[slot as usize >> self.bits][self.start(slot as usize) + at]
    }

    /// A word of a record that is there, to be changed.
    #[inline(always)]
    pub(crate) fn word_mut(&mut self, slot: u32, at: usize) -> &mut u64 {
        let start = self.start(slot as usize);
        &mut self.pages[slot as usize >> self.bits][start + at]
    }

    /// The first words of a record that is there.
    #[inline(always)]
    pub(crate) fn words(&self, slot: u32, count: usize) -> &[u64] {
        let start = self.start(slot as usize);
        &self.pages[slot as usize >> self.bits][start..start + count]
    }

    /// Sets the first words of a record; records are made up to it.
    #[inline]
    pub(crate) fn set_words(&mut self, slot: u32, words: &[u64]) {
        self.grow(slot as usize + 1);
        let start = self.start(slot as usize);
        self.pages[slot as usize >> self.bits][start..start + words.len()].copy_from_slice(words);
    }

    /// Sets a word of a record; records are made up to it.
    #[inline]
    pub(crate) fn set(&mut self, slot: u32, at: usize, word: u64) {
        self.grow(slot as usize + 1);
        *self.word_mut(slot, at) = word;
    }

    /// Sets the words of a record from `from` on to 0.
    pub(crate) fn clear_record(&mut self, slot: u32, from: usize) {
        let (start, width) = (self.start(slot as usize), self.width);
        let page = self.pages.get_mut(slot as usize >> self.bits);
        if let Some(words) = page.and_then(|page| page.get_mut(start + from..start + width)) {
            words.fill(0);
        }
    }

    /// The records as they lie in memory.
    pub(crate) fn pages(&mut self) -> Pages<'_> {
        Pages { pages: &mut self.pages, width: self.width, bits: self.bits }
    }

    /// Takes all records out and keeps the room of the first page.
    pub(crate) fn clear(&mut self) {
        self.pages.truncate(1);
        let used = self.len * self.width;
        self.room = 0;
        for page in &mut self.pages {
            let used = used.min(page.len());
            page[..used].fill(0);
            self.room = page.len() / self.width.max(1);
        }
        self.len = 0;
    }

    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.iter().map(|page| page.capacity() * 8).sum()
    }
}

#[cfg(test)]
mod tests {
    use sloth_types::rng::Rng;

    use super::*;

    /// As a list of arrays, whatever is set, grown and cleared.
    #[test]
    fn records_are_what_a_list_of_arrays_is() {
        for width in [1, 2, 3, 5, 8, 300] {
            let mut rng = Rng::new(width as u64);
            let (mut records, mut twin) = (Records::new(width), vec![]);
            for step in 1..300u64 {
                match rng.below(5) {
                    0 => {
                        let len = rng.below(3000) as usize / width;
                        records.grow(len);
                        twin.resize(len.max(twin.len()), vec![0; width]);
                    }
                    1 | 2 => {
                        let (slot, at) = (rng.below(twin.len() as u64 + 9), rng.below(width as u64) as usize);
                        records.set(slot as u32, at, step);
                        twin.resize(twin.len().max(slot as usize + 1), vec![0; width]);
                        twin[slot as usize][at] = step;
                    }
                    3 if !twin.is_empty() => {
                        let (slot, from) = (rng.below(twin.len() as u64), rng.below(width as u64) as usize);
                        records.clear_record(slot as u32, from);
                        twin[slot as usize][from..].fill(0);
                    }
                    _ if rng.chance(0.05) => {
                        records.clear();
                        twin.clear();
                    }
                    _ => {}
                }
                assert_eq!(records.len(), twin.len());
                assert_eq!(records.get(twin.len() as u32, 0).unwrap_or(0), 0);
                assert_eq!(records.get(u32::MAX, 0), None);
            }
            for (slot, record) in twin.iter().enumerate() {
                for (at, word) in record.iter().enumerate() {
                    assert_eq!((records.word(slot as u32, at), records.get(slot as u32, at)), (*word, Some(*word)));
                }
            }
        }
    }
}
