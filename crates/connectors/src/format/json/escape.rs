//! The insides of JSON texts: finding their end sixteen bytes at a time, and taking escapes apart.

use wide::u8x16;

/// Position of the first quote, backslash or control character at or after `at`; the text's length when there is none.
#[inline]
pub(super) fn find_special(text: &[u8], mut at: usize) -> usize {
    let (quote, backslash, last_control) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(0x1f));
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let bytes = u8x16::new(*chunk);
        let control = bytes.min(last_control).simd_eq(bytes);
        let hits = (bytes.simd_eq(quote) | bytes.simd_eq(backslash) | control).to_bitmask();
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += 16;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// Appends the text between the quotes with its escapes replaced.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let code = escape.get(1).copied().unwrap_or(0);
        let mut used = 2;
        match code {
            b'"' | b'\\' | b'/' => out.push(code),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, length) = unicode(escape).ok_or("broken JSON: a \\u escape is malformed")?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                used = length;
            }
            _ => return Err("broken JSON: an escape is not known".into()),
        }
        rest = escape.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(())
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
