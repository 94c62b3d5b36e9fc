//! JSON text to tokens: values and what stands between them; values that nobody asked for are checked and skipped.

use super::super::shred::{Child, Kind, Token, Values};
use super::super::value::number::{first_digits, leading_digits};
use super::rows::Lists;
use super::template::{Template, Trace};

/// Deeper nesting than this is refused, so that a hostile record cannot exhaust the stack.
pub(super) const DEPTH_MAX: usize = 128;

/// What is wrong with a record.
pub(super) type Fault = String;

/// A position in a block of JSON text.
pub(super) struct Scanner<'a> {
    /// The text up to the end of the record, or of the block when records end at newlines.
    pub(super) block: &'a [u8],
    /// Where the scanner stands.
    pub(super) at: usize,
    /// Newlines end records (blocks of lines) instead of being white space (messages).
    pub(super) lines: bool,
    /// A missing member is an error.
    pub(super) fail_on_missing: bool,
    /// The columns, and where their values go.
    pub(super) columns: &'a [Child],
    pub(super) lists: &'a Lists<'a>,
    pub(super) values: &'a mut Values,
    /// Unescaped texts.
    pub(super) scratch: &'a mut Vec<u8>,
    /// What earlier records looked like, and this one does.
    pub(super) template: &'a mut Template,
    pub(super) trace: &'a mut Trace,
    /// What is seen is noted.
    pub(super) tracing: bool,
}

impl Scanner<'_> {
    #[inline]
    fn peek(&self) -> u8 {
        // 0 is no JSON, so the end of the record needs no case of its own.
        self.block.get(self.at).copied().unwrap_or(0)
    }

    /// Skips white space and shows the next byte.
    #[inline]
    pub(super) fn next_token(&mut self) -> u8 {
        loop {
            match self.peek() {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' if !self.lines => self.at += 1,
                byte => return byte,
            }
        }
    }

    pub(super) fn unexpected<T>(&self, wanted: &str) -> Result<T, Fault> {
        let found = match self.peek() {
            0 | b'\n' => "the record ends".to_owned(),
            byte if byte.is_ascii_graphic() => format!("'{}' stands", char::from(byte)),
            byte => format!("byte 0x{byte:02x} stands"),
        };
        Err(format!("broken JSON: {found} where {wanted} is expected"))
    }

    /// A value for a scalar column.
    #[inline]
    pub(super) fn scalar(&mut self, first: u8, depth: usize) -> Result<Token, Fault> {
        let start = self.at;
        match first {
            b'"' => {
                let (start, end, escaped) = self.string()?;
                if !escaped {
                    return Ok(Token::new(start, end, Kind::Text));
                }
                let begin = self.scratch.len();
                super::escape::unescape(self.block.get(start..end).unwrap_or_default(), self.scratch)?;
                Ok(Token::new(begin, self.scratch.len(), Kind::Scratch))
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Ok(Token::new(start, self.at, Kind::Plain))
            }
            b't' => self.literal(b"true").map(|()| Token::new(start, start + 4, Kind::True)),
            b'f' => self.literal(b"false").map(|()| Token::new(start, start + 5, Kind::False)),
            b'n' => self.literal(b"null").map(|()| Token::NULL),
            _ => {
                self.skip(depth)?;
                Ok(Token::new(start, self.at, Kind::Nested))
            }
        }
    }

    /// Checks and skips a value that is mostly a short number or a text without escapes.
    #[inline(always)]
    pub(super) fn skip_plain(&mut self, depth: usize) -> Result<(), Fault> {
        let rest = self.block.get(self.at..).unwrap_or_default();
        if let Some((_, length)) = short_number(rest) {
            self.at += length;
            return Ok(());
        }
        self.skip(depth)
    }

    /// Checks and skips a value.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX} levels"));
        }
        match self.next_token() {
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            open @ (b'{' | b'[') => self.skip_nested(open, depth),
            _ => self.unexpected("a value"),
        }
    }

    fn skip_nested(&mut self, open: u8, depth: usize) -> Result<(), Fault> {
        let close = if open == b'{' { b'}' } else { b']' };
        self.at += 1;
        if self.next_token() == close {
            self.at += 1;
            return Ok(());
        }
        loop {
            if open == b'{' {
                if self.next_token() != b'"' {
                    return self.unexpected("a key in quotes");
                }
                self.string()?;
                if self.next_token() != b':' {
                    return self.unexpected("':'");
                }
                self.at += 1;
            }
            self.skip(depth + 1)?;
            match self.next_token() {
                b',' => self.at += 1,
                byte if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.unexpected("',' or the closing bracket"),
            }
        }
    }

    #[inline]
    pub(super) fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        if self.block.get(self.at..).unwrap_or_default().starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        self.unexpected("true, false, null or another value")
    }

    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
    #[inline]
    pub(super) fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        let leading_zero = self.peek() == b'0';
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err("broken JSON: a number is malformed".into());
        }
        if self.peek() == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return Err("broken JSON: a number has no digit after the point".into());
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err("broken JSON: a number has no exponent after the 'e'".into());
            }
        }
        Ok(())
    }

    /// Skips digits, eight at a time, and counts them.
    #[inline]
    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(chunk) = self.block.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let count = leading_digits(*chunk);
            self.at += count;
            if count < 8 {
                return self.at - start;
            }
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at - start
    }

    /// A string whose quote comes next: where its text starts and ends, and whether it has escapes.
    #[inline]
    pub(super) fn string(&mut self) -> Result<(usize, usize, bool), Fault> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        let text = self.block;
        loop {
            at = super::escape::find_special(text, at);
            match text.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok((start, at, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    // The next byte is checked when the text is unescaped; a control character never gets past here.
                    if text.get(at + 1).is_none_or(|b| *b < 0x20) {
                        return Err("broken JSON: a text is not closed".into());
                    }
                    at += 2;
                }
                other => return Err(super::escape::unclosed(other)),
            }
        }
    }
}

/// A number of up to seven digits and nothing else, and its length.
#[inline(always)]
pub(super) fn short_number(text: &[u8]) -> Option<(i64, usize)> {
    let chunk = text.first_chunk::<8>()?;
    let length = leading_digits(*chunk);
    let behind = chunk.get(length)?;
    let plain = !matches!(behind, b'.' | b'e' | b'E') && (chunk[0] != b'0' || length == 1);
    Some((first_digits(*chunk, length).filter(|_| plain)? as i64, length))
}
