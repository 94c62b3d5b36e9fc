//! Lines with quotes or escapes, and single messages: field by field.

use super::super::shred::{Kind, LENGTH_MAX, Token};
use super::{CsvDecoder, CsvStyle, Found};

/// A field of a line.
struct Field {
    token: Token,
    /// Where the delimiter or the line's end stands.
    end: usize,
}

impl CsvDecoder {
    /// Cuts a block of lines, some of which have quotes.
    pub(super) fn quoted_lines(&mut self, block: &[u8], found: &mut Found) {
        let mut record = 0u32;
        let mut start = 0;
        while start < block.len() {
            let newline = line_end(block, start);
            let text_end = match block.get(start..newline) {
                Some([.., b'\r']) => newline - 1,
                _ => newline,
            };
            if text_end == start {
                start = newline + 1;
                continue;
            }
            let mut next = newline + 1;
            if self.style.comments && block.get(start) == Some(&b'#') {
                record += 1;
                start = next;
                continue;
            }
            if self.style.multiline {
                // A quoted newline does not end the record.
                let end = record_end(block, start, &self.style).unwrap_or(block.len());
                next = end + 1;
                let text_end = match block.get(start..end) {
                    Some([.., b'\r']) => end - 1,
                    _ => end,
                };
                self.quoted_record(block, start, text_end, record, found);
            } else {
                self.quoted_record(block, start, text_end, record, found);
            }
            record += 1;
            start = next;
        }
    }

    /// Cuts the record at `start..end`.
    pub(super) fn quoted_record(&mut self, block: &[u8], start: usize, end: usize, record: u32, found: &mut Found) {
        if end - start > LENGTH_MAX {
            return found.bad(record, "the line is larger than 256 MiB".into());
        }
        let rows = found.count;
        let mut at = start;
        let mut column = 0;
        loop {
            let field = match field(block, at, end, &self.style, &mut self.scratch) {
                Ok(field) => field,
                Err(why) => {
                    self.cells.iter_mut().for_each(|cells| cells.truncate(rows));
                    return found.bad(record, why);
                }
            };
            for (place, cells) in self.layout.places().iter().zip(&mut self.cells) {
                if *place == column {
                    cells.push(field.token);
                }
            }
            column += 1;
            if field.end >= end {
                break;
            }
            at = field.end + 1;
        }
        if column == self.layout.width() {
            found.good(record, 1);
        } else {
            self.cells.iter_mut().for_each(|cells| cells.truncate(rows));
            let why = self.width_error(column);
            found.bad(record, why);
        }
    }
}

fn line_end(block: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', block.get(start..).unwrap_or_default()).map_or(block.len(), |length| start + length)
}

/// The newline that ends the record at `start`: the first that is not inside quotes; `None` when there is none.
pub(super) fn record_end(block: &[u8], start: usize, style: &CsvStyle) -> Option<usize> {
    let mut inside = false;
    let mut at = start;
    while let Some(byte) = block.get(at) {
        if Some(*byte) == style.escape {
            at += 1;
        } else if Some(*byte) == style.quote {
            inside = !inside;
        } else if *byte == b'\n' && !inside {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The field that starts at `at` in the record that ends at `end`.
fn field(block: &[u8], at: usize, end: usize, style: &CsvStyle, scratch: &mut Vec<u8>) -> Result<Field, String> {
    let rest = block.get(at..end).unwrap_or_default();
    if let (Some(quote), Some(first)) = (style.quote, rest.first())
        && *first == quote
    {
        return quoted_field(block, at + 1, end, quote, style, scratch);
    }
    let Some(escape) = style.escape else {
        let stop = memchr::memchr(style.delimiter, rest).map_or(end, |length| at + length);
        return Ok(Field { token: Token::new(at, stop, Kind::Plain), end: stop });
    };
    let begin = scratch.len();
    let mut bytes = rest.iter().enumerate();
    let mut escaped = false;
    let mut stop = end;
    while let Some((index, byte)) = bytes.next() {
        if *byte == escape {
            escaped = true;
            scratch.extend(bytes.next().map(|(_, next)| *next));
        } else if *byte == style.delimiter {
            stop = at + index;
            break;
        } else {
            scratch.push(*byte);
        }
    }
    if escaped {
        return Ok(Field { token: Token::new(begin, scratch.len(), Kind::Scratch), end: stop });
    }
    scratch.truncate(begin);
    Ok(Field { token: Token::new(at, stop, Kind::Plain), end: stop })
}

/// The field whose first byte after the quote is at `start`.
fn quoted_field(
    block: &[u8],
    start: usize,
    end: usize,
    quote: u8,
    style: &CsvStyle,
    scratch: &mut Vec<u8>,
) -> Result<Field, String> {
    if style.escape.is_none() {
        // Mostly the next quote closes the field, and nothing needs to be copied.
        let rest = block.get(start..end).unwrap_or_default();
        if let Some(length) = memchr::memchr(quote, rest)
            && rest.get(length + 1).is_none_or(|next| *next == style.delimiter)
        {
            let close = start + length;
            return Ok(Field { token: Token::new(start, close, Kind::Text), end: close + 1 });
        }
    }
    let begin = scratch.len();
    let mut clean = true;
    let mut at = start;
    let close = loop {
        let byte = block.get(at).filter(|_| at < end);
        let next = block.get(at + 1).filter(|_| at + 1 < end);
        match byte {
            None => return Err("a quoted field is not closed".into()),
            Some(byte) if Some(*byte) == style.escape && next.is_some() => {
                clean = false;
                scratch.extend(next);
                at += 2;
            }
            Some(byte) if *byte == quote && next == Some(&quote) => {
                clean = false;
                scratch.push(quote);
                at += 2;
            }
            Some(byte) if *byte == quote => break at,
            Some(byte) => {
                scratch.push(*byte);
                at += 1;
            }
        }
    };
    let after = close + 1;
    if after < end && block.get(after) != Some(&style.delimiter) {
        return Err("something follows the closing quote of a field".into());
    }
    if clean {
        scratch.truncate(begin);
        return Ok(Field { token: Token::new(start, close, Kind::Text), end: after });
    }
    Ok(Field { token: Token::new(begin, scratch.len(), Kind::Scratch), end: after })
}

/// All fields of one line, unquoted.
pub(super) fn split(line: &[u8], style: &CsvStyle) -> Result<Vec<Vec<u8>>, String> {
    let mut names = Vec::new();
    let mut at = 0;
    loop {
        let mut scratch = Vec::new();
        let found = field(line, at, line.len(), style, &mut scratch)?;
        names.push(super::Text { block: line, scratch: &scratch }.of(found.token).to_vec());
        if found.end >= line.len() {
            return Ok(names);
        }
        at = found.end + 1;
    }
}
