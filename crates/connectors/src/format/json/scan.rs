//! JSON text to tokens: one pass, no tree, values that nobody asked for are checked and skipped.

use super::super::shred::{Child, Kind, Node, Token};
use super::super::value::number::leading_digits;
use super::shape::Shape;

/// Deeper nesting than this is refused, so that a hostile record cannot exhaust the stack.
const DEPTH_MAX: usize = 128;

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
    /// Unescaped texts.
    pub(super) scratch: &'a mut Vec<u8>,
    /// A missing member is an error.
    pub(super) fail_on_missing: bool,
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

    fn unexpected<T>(&self, wanted: &str) -> Result<T, Fault> {
        let found = match self.peek() {
            0 | b'\n' => "the record ends".to_owned(),
            byte if byte.is_ascii_graphic() => format!("'{}' stands", char::from(byte)),
            byte => format!("byte 0x{byte:02x} stands"),
        };
        Err(format!("broken JSON: {found} where {wanted} is expected"))
    }

    /// One object as a row of `children`.
    pub(super) fn row(&mut self, children: &mut [Child], shape: &mut Shape) -> Result<(), Fault> {
        if self.next_token() != b'{' {
            return self.unexpected("an object");
        }
        let row = children.first().map_or(0, |child| child.node.len());
        self.object(children, shape, row, 0)
    }

    /// An object whose `{` comes next; the children have `row` values and get one more.
    fn object(&mut self, children: &mut [Child], shape: &mut Shape, row: usize, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        let (mut filled, mut place) = (0, 0);
        while let Some((child, inner)) = self.member(children, shape, place)? {
            match child.and_then(|index| children.get_mut(index)) {
                Some(target) => {
                    if target.node.len() > row {
                        // The key stands twice: the last one counts.
                        target.node.truncate(row);
                        filled -= 1;
                    }
                    self.value(&mut target.node, inner, depth + 1)?;
                    filled += 1;
                }
                None => self.skip(depth + 1)?,
            }
            place += 1;
        }
        if filled < children.len() {
            self.fill_missing(children, row)?;
        }
        Ok(())
    }

    fn fill_missing(&self, children: &mut [Child], row: usize) -> Result<(), Fault> {
        for child in children.iter_mut().filter(|child| child.node.len() == row) {
            if self.fail_on_missing {
                return Err(format!("field '{}' is missing", child.field.name()));
            }
            child.node.push_null();
        }
        Ok(())
    }

    /// Reads `,"key":` and finds which child it stands for, and the shape of its value; nothing at the object's end.
    #[inline]
    fn member<'s>(
        &mut self,
        children: &[Child],
        shape: &'s mut Shape,
        place: usize,
    ) -> Result<Option<(Option<usize>, &'s mut Shape)>, Fault> {
        let rest = self.block.get(self.at..).unwrap_or_default();
        let (child, known) = match shape.find(place, rest) {
            Some((index, length, child)) => {
                self.at += length;
                (child, Some(index))
            }
            None if self.next_token() == b'}' => {
                self.at += 1;
                return Ok(None);
            }
            None => self.learn(children, shape, place, rest)?,
        };
        Ok(Some((child, shape.inner(place, known))))
    }

    /// Looks the key up that comes next, and remembers what stood since `from` at `place` if there is room (its index comes
    /// back then).
    #[cold]
    fn learn(
        &mut self,
        children: &[Child],
        shape: &mut Shape,
        place: usize,
        from: &[u8],
    ) -> Result<(Option<usize>, Option<usize>), Fault> {
        if place > 0 {
            if self.next_token() != b',' {
                return self.unexpected("',' or '}'");
            }
            self.at += 1;
        }
        if self.next_token() != b'"' {
            return self.unexpected("a key in quotes");
        }
        let (text_start, text_end, escaped) = self.string()?;
        let name = self.block.get(text_start..text_end).unwrap_or_default();
        let child = if escaped {
            let begin = self.scratch.len();
            super::escape::unescape(name, self.scratch)?;
            let found = find(children, self.scratch.get(begin..).unwrap_or_default());
            self.scratch.truncate(begin);
            found
        } else {
            find(children, name)
        };
        if self.next_token() != b':' {
            return self.unexpected("':'");
        }
        self.at += 1;
        self.next_token();
        let left = self.block.len().saturating_sub(self.at);
        let lead = from.get(..from.len().saturating_sub(left)).unwrap_or_default();
        Ok((child, shape.learn(place, lead, child)))
    }

    /// Any value into `node`.
    fn value(&mut self, node: &mut Node, shape: &mut Shape, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX} levels"));
        }
        let first = self.next_token();
        match node {
            Node::Leaf(tokens) => {
                let token = self.scalar(first, depth)?;
                tokens.push(token);
                Ok(())
            }
            _ if first == b'n' => {
                self.literal(b"null")?;
                node.push_null();
                Ok(())
            }
            Node::Struct { valid, children } => {
                if first != b'{' {
                    return self.unexpected("an object (the column is a ROW)");
                }
                let present = children.first().map_or(0, |child| child.node.len());
                self.object(children, shape, present, depth)?;
                valid.push(true);
                Ok(())
            }
            Node::List { valid, ends, item, map } => {
                match (first, *map) {
                    (b'[', false) => self.array(item, shape, depth)?,
                    (b'{', true) => self.map(item, shape, depth)?,
                    (_, false) => return self.unexpected("an array (the column is an ARRAY)"),
                    (_, true) => return self.unexpected("an object (the column is a MAP)"),
                }
                valid.push(true);
                ends.push(item.len() as u32);
                Ok(())
            }
        }
    }

    fn array(&mut self, item: &mut Node, shape: &mut Shape, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        if self.next_token() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(item, shape, depth + 1)?;
            match self.next_token() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.unexpected("',' or ']'"),
            }
        }
    }

    /// An object as the entries of a MAP.
    fn map(&mut self, entries: &mut Node, shape: &mut Shape, depth: usize) -> Result<(), Fault> {
        let Node::Struct { valid, children } = entries else {
            return Err("the entries of a MAP are no ROW".into());
        };
        let [key, value] = children.as_mut_slice() else {
            return Err("a MAP has a key and a value".into());
        };
        self.at += 1;
        if self.next_token() == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.next_token() != b'"' {
                return self.unexpected("a key in quotes");
            }
            self.value(&mut key.node, shape, depth + 1)?;
            if self.next_token() != b':' {
                return self.unexpected("':'");
            }
            self.at += 1;
            self.value(&mut value.node, shape, depth + 1)?;
            valid.push(true);
            match self.next_token() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.unexpected("',' or '}'"),
            }
        }
    }

    /// A value for a scalar column.
    #[inline]
    fn scalar(&mut self, first: u8, depth: usize) -> Result<Token, Fault> {
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
    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        if self.block.get(self.at..).unwrap_or_default().starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        self.unexpected("true, false, null or another value")
    }

    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
    #[inline]
    fn number(&mut self) -> Result<(), Fault> {
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
    fn string(&mut self) -> Result<(usize, usize, bool), Fault> {
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
                Some(b'\n') | None => return Err("broken JSON: a text is not closed".into()),
                Some(byte) => return Err(format!("broken JSON: raw control character 0x{byte:02x} in a text")),
            }
        }
    }
}

fn find(children: &[Child], name: &[u8]) -> Option<usize> {
    children.iter().position(|child| child.field.name().as_bytes() == name)
}
