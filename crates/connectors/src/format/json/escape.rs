//! The insides of JSON texts: finding their end thirty-two bytes at a time, and taking escapes apart.

use wide::u8x16;

use super::super::shred::Texts;

/// Position of the first quote, backslash or control character at or after `at`; the text's length when there is none. Thirty-two
/// bytes are looked at before anything is decided: most texts are shorter, so the end of the loop is foreseen.
#[inline]
pub(super) fn find_special(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        let ([first, second], _) = chunk.as_chunks::<16>() else { break };
        let hits = specials(*first) | specials(*second) << 16;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += 32;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// A bit for each quote, backslash and control character.
#[inline(always)]
fn specials(chunk: [u8; 16]) -> u32 {
    let (quote, backslash, last_control) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(0x1f));
    let bytes = u8x16::new(chunk);
    let control = bytes.min(last_control).simd_eq(bytes);
    (bytes.simd_eq(quote) | bytes.simd_eq(backslash) | control).to_bitmask()
}

/// Reads the text behind a quote as the next one of `texts`, escapes replaced; says where it goes on behind the other quote.
/// Thirty-two bytes are copied at a time, before it is known how many of them belong to the text. Nothing is left of a broken one.
#[inline(always)]
pub(super) fn text(block: &[u8], mut at: usize, texts: &mut Texts) -> Result<usize, String> {
    let begin = texts.bytes.len();
    loop {
        let from = texts.bytes.len();
        let start = at;
        at = copy_plain(block, at, &mut texts.bytes);
        texts.bytes.truncate(from + (at - start));
        match block.get(at) {
            Some(b'"') => {
                texts.end();
                return Ok(at + 1);
            }
            Some(b'\\') => match escape(block.get(at..).unwrap_or_default()) {
                Ok((character, used)) => {
                    texts.bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    at += used;
                }
                Err(why) => {
                    texts.bytes.truncate(begin);
                    return Err(why);
                }
            },
            other => {
                texts.bytes.truncate(begin);
                return Err(unclosed(other));
            }
        }
    }
}

/// Copies what stands at `at` up to the first quote, backslash or control character, and perhaps a few bytes more; where that is.
#[inline(always)]
fn copy_plain(block: &[u8], mut at: usize, out: &mut Vec<u8>) -> usize {
    while let Some(chunk) = block.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        out.extend_from_slice(chunk);
        let ([first, second], _) = chunk.as_chunks::<16>() else { break };
        let hits = specials(*first) | specials(*second) << 16;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += 32;
    }
    let end = find_special(block, at);
    out.extend_from_slice(block.get(at..end).unwrap_or_default());
    end
}

/// What is wrong with a text that meets this byte.
#[cold]
pub(super) fn unclosed(byte: Option<&u8>) -> String {
    match byte {
        Some(b'\n') | None => "broken JSON: a text is not closed".into(),
        Some(byte) => format!("broken JSON: raw control character 0x{byte:02x} in a text"),
    }
}

/// Appends the text between the quotes with its escapes replaced, none of which makes it longer. Sixteen bytes are copied at a time,
/// before it is known how many of them are plain: what follows these is written again.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let backslash = u8x16::splat(b'\\');
    let (mut at, mut end) = (0, out.len());
    out.resize(end + text.len(), 0);
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let to = out.get_mut(end..).unwrap_or_default();
        let plain = match (rest.first_chunk::<16>(), to.first_chunk_mut::<16>()) {
            (Some(chunk), Some(to)) => {
                *to = *chunk;
                let found = u8x16::new(*chunk).simd_eq(backslash).to_bitmask();
                if found == 0 { 16 } else { found.trailing_zeros() as usize }
            }
            _ => {
                let plain = rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len());
                to.iter_mut().zip(rest.iter().take(plain)).for_each(|(to, from)| *to = *from);
                plain
            }
        };
        (at, end) = (at + plain, end + plain);
        if text.get(at) == Some(&b'\\') {
            let (character, used) = escape(text.get(at..).unwrap_or_default())?;
            let length = character.len_utf8();
            if let Some(to) = out.get_mut(end..end + length) {
                character.encode_utf8(to);
            }
            (at, end) = (at + used, end + length);
        }
    }
    out.truncate(end);
    Ok(())
}

/// The character that the escape at the start of `text` stands for, and the escape's length.
fn escape(text: &[u8]) -> Result<(char, usize), String> {
    let character = match text.get(1).copied().unwrap_or(0) {
        code @ (b'"' | b'\\' | b'/') => char::from(code),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text).ok_or_else(|| "broken JSON: a \\u escape is malformed".into()),
        _ => return Err("broken JSON: an escape is not known".into()),
    };
    Ok((character, 2))
}

/// `\uXXXX`, or a pair of them for characters beyond 16 bits; with its length.
fn unicode(escape: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 4)?;
        digits.iter().try_fold(0u32, |n, b| Some(n * 16 + char::from(*b).to_digit(16)?))
    };
    let first = unit(2)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    if escape.get(6..8)? != b"\\u" {
        return None;
    }
    let second = unit(8)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, 12))
}
