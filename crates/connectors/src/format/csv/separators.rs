//! Lines without quotes: first the positions of all delimiters and newlines, 64 bytes at a time, then the lines.

use super::super::shred::{Kind, LENGTH_MAX, Token};
use super::{CsvDecoder, Found};

/// Gathers the low bits of eight bytes into one byte (at the top).
const GATHER: u64 = 0x0102_0408_1020_4080;
/// Marks the position of a newline; positions need 31 bits.
const NEWLINE: u32 = 1 << 31;

/// The hits among 64 bytes as bits. The comparisons become vector instructions, the bits come from multiplications.
#[inline]
fn hits(chunk: &[u8; 64], delimiter: u8) -> u64 {
    let mut flags = [0u8; 64];
    for (flag, byte) in flags.iter_mut().zip(chunk) {
        *flag = u8::from((*byte == delimiter) | (*byte == b'\n'));
    }
    let mut hits = 0u64;
    for (index, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        hits |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (index * 8);
    }
    hits
}

/// Positions of all delimiters and newlines of `block`; its end counts as a newline.
fn find(block: &[u8], delimiter: u8, found: &mut Vec<u32>) {
    found.clear();
    let mut window = 0usize;
    let mut positions = [0u32; 64];
    let mut take = |mut hits: u64, chunk: &[u8; 64], window: usize| {
        let mut count = 0usize;
        while hits != 0 {
            let index = hits.trailing_zeros();
            hits &= hits - 1;
            let newline = u32::from(chunk[(index & 63) as usize] == b'\n') << 31;
            positions[count & 63] = (window as u32 + index) | newline;
            count += 1;
        }
        found.extend_from_slice(positions.get(..count).unwrap_or_default());
    };
    let (chunks, rest) = block.as_chunks::<64>();
    for chunk in chunks {
        take(hits(chunk, delimiter), chunk, window);
        window += 64;
    }
    let mut tail = [0u8; 64];
    tail.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    // The zeros behind the rest are no separators, even when the delimiter is a zero byte.
    let valid = (1u64 << rest.len()) - 1;
    take(hits(&tail, delimiter) & valid, &tail, window);
    if block.last().is_some_and(|last| *last != b'\n') {
        found.push(block.len() as u32 | NEWLINE);
    }
}

impl CsvDecoder {
    /// Cuts a block of lines that has no quote in it.
    pub(super) fn plain_lines(&mut self, block: &[u8], found: &mut Found) {
        let mut separators = std::mem::take(&mut self.separators);
        find(block, self.style.delimiter, &mut separators);
        if self.regular_lines(block, &separators, found) {
            self.separators = separators;
            return;
        }
        let width = self.layout.width();
        let (mut at, mut start, mut record) = (0, 0usize, 0u32);
        while let Some(first) = separators.get(at) {
            let ends = match separators.get(at..at + width) {
                Some(ends) if is_line(ends) => ends,
                _ => self.irregular(separators.get(at..).unwrap_or_default()),
            };
            at += ends.len();
            let end = (ends.last().unwrap_or(first) & !NEWLINE) as usize;
            let line = start;
            start = end + 1;
            let carriage = end > line && block.get(end - 1) == Some(&b'\r');
            let text_end = end - usize::from(carriage);
            if text_end == line {
                continue;
            }
            if !(self.style.comments && block.get(line) == Some(&b'#')) {
                self.push_plain(ends, line, text_end, record, found);
            }
            record += 1;
        }
        self.separators = separators;
    }

    /// The usual block: every line has the right number of fields, and nothing is to be left out. Then column after column
    /// is cut in one go. Says whether it was one.
    fn regular_lines(&mut self, block: &[u8], separators: &[u32], found: &mut Found) -> bool {
        let width = self.layout.width();
        // Lines of one field may be empty, which are no records.
        if width < 2 || self.style.comments || block.len() > LENGTH_MAX || !separators.len().is_multiple_of(width) {
            return false;
        }
        let place = |end: &u32| (end & !NEWLINE) as usize;
        let ends_plainly = |line: &[u32]| line.last().is_some_and(|end| block.get(place(end) - 1) != Some(&b'\r'));
        if !separators.chunks_exact(width).all(|line| is_line(line) && ends_plainly(line)) {
            return false;
        }
        for (cells, column) in self.cells.iter_mut().zip(self.layout.places()) {
            let lines = separators.chunks_exact(width);
            match column.checked_sub(1) {
                Some(before) => cells
                    .extend(lines.map(|line| Token::new(place(&line[before]) + 1, place(&line[*column]), Kind::Plain))),
                None => {
                    let mut start = 0;
                    cells.extend(lines.map(|line| {
                        let token = Token::new(start, place(&line[0]), Kind::Plain);
                        start = place(&line[width - 1]) + 1;
                        token
                    }));
                }
            }
        }
        found.count = separators.len() / width;
        true
    }

    /// The ends of a line that does not have the right number of fields.
    #[cold]
    fn irregular<'s>(&self, separators: &'s [u32]) -> &'s [u32] {
        let newline = separators.iter().position(|end| end & NEWLINE != 0).unwrap_or(separators.len());
        separators.get(..=newline).unwrap_or(separators)
    }

    #[inline]
    fn push_plain(&mut self, ends: &[u32], line: usize, text_end: usize, record: u32, found: &mut Found) {
        if ends.len() != self.layout.width() {
            let why = self.width_error(ends.len());
            return found.bad(record, why);
        }
        if text_end - line > LENGTH_MAX {
            return found.bad(record, "the line is larger than 256 MiB".into());
        }
        for (cells, place) in self.cells.iter_mut().zip(self.layout.places()) {
            let from = place.checked_sub(1).and_then(|before| ends.get(before)).map_or(line, |end| *end as usize + 1);
            let to = ends.get(*place).map_or(text_end, |end| ((end & !NEWLINE) as usize).min(text_end));
            cells.push(Token::new(from, to, Kind::Plain));
        }
        found.good(record, 1);
    }
}

/// True when the last end is a newline and no other is.
#[inline]
fn is_line(ends: &[u32]) -> bool {
    let Some((last, others)) = ends.split_last() else { return false };
    (last & NEWLINE) & !others.iter().fold(0, |all, end| all | end) != 0
}
