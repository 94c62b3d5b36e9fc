//! Lines without quotes: the positions of all delimiters and newlines, 64 bytes at a time.

use super::super::shred::{Kind, LENGTH_MAX, Token};
use super::{CsvDecoder, Found};

/// Gathers the low bits of eight bytes into one byte (at the top).
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Iterator over the positions of a delimiter or a newline.
struct Separators<'a> {
    block: &'a [u8],
    delimiter: u8,
    /// Start of the window whose hits are in `hits`.
    window: usize,
    hits: u64,
}

impl<'a> Separators<'a> {
    fn new(block: &'a [u8], delimiter: u8) -> Self {
        let mut separators = Separators { block, delimiter, window: 0, hits: 0 };
        separators.load();
        separators
    }

    /// Finds the hits of the current window. The comparisons become vector instructions, the bits come from a multiplication.
    #[inline]
    fn load(&mut self) {
        let rest = self.block.get(self.window..).unwrap_or_default();
        let mut tail = [0u8; 64];
        let chunk = match rest.first_chunk::<64>() {
            Some(chunk) => chunk,
            None => {
                tail.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                &tail
            }
        };
        let delimiter = self.delimiter;
        let flags: [u8; 64] = chunk.map(|byte| u8::from((byte == delimiter) | (byte == b'\n')));
        let mut hits = 0u64;
        for (index, eight) in flags.chunks_exact(8).enumerate() {
            let word = eight.first_chunk::<8>().map_or(0, |e| u64::from_le_bytes(*e));
            hits |= (word.wrapping_mul(GATHER) >> 56) << (index * 8);
        }
        self.hits = hits;
    }

    /// The next position; the block's length when there is none.
    #[inline]
    fn next(&mut self) -> usize {
        while self.hits == 0 {
            self.window += 64;
            if self.window >= self.block.len() {
                self.window = self.block.len();
                return self.block.len();
            }
            self.load();
        }
        let position = self.window + self.hits.trailing_zeros() as usize;
        self.hits &= self.hits - 1;
        position
    }
}

impl CsvDecoder {
    /// Cuts a block of lines that has no quote in it.
    pub(super) fn plain_lines(&mut self, block: &[u8], found: &mut Found) {
        let mut separators = Separators::new(block, self.style.delimiter);
        let mut record = 0u32;
        let mut start = 0;
        let mut ends: Vec<usize> = Vec::with_capacity(self.layout.width());
        while start < block.len() {
            ends.clear();
            // All ends of the line; the last is the newline.
            let end = loop {
                let end = separators.next();
                ends.push(end);
                if block.get(end).is_none_or(|byte| *byte == b'\n') {
                    break end;
                }
            };
            let line = start;
            start = end + 1;
            let text_end = match block.get(line..end) {
                Some([.., b'\r']) => end - 1,
                _ => end,
            };
            if text_end == line {
                continue;
            }
            if self.style.comments && block.get(line) == Some(&b'#') {
                record += 1;
                continue;
            }
            self.push_plain(&ends, line, text_end, record, found);
            record += 1;
        }
    }

    #[inline]
    fn push_plain(&mut self, ends: &[usize], line: usize, text_end: usize, record: u32, found: &mut Found) {
        if ends.len() != self.layout.width() {
            let why = self.width_error(ends.len());
            return found.bad(record, why);
        }
        if text_end - line > LENGTH_MAX {
            return found.bad(record, "the line is larger than 256 MiB".into());
        }
        for (cells, place) in self.cells.iter_mut().zip(self.layout.places()) {
            let from = place.checked_sub(1).and_then(|before| ends.get(before)).map_or(line, |end| end + 1);
            let to = ends.get(*place).map_or(text_end, |end| (*end).min(text_end));
            cells.push(Token::new(from, to, Kind::Plain));
        }
        found.good(record);
    }
}
