//! JSON text to tokens: one pass, no tree, values that nobody asked for are checked and skipped.

use super::super::shred::{Child, Kind, Leaf, Node, Text, Token, Values};
use super::super::value::number::{first_digits, leading_digits, parse_i64};
use super::template::{Mark, Seen, Template, Trace, What};

/// Deeper nesting than this is refused, so that a hostile record cannot exhaust the stack.
const DEPTH_MAX: usize = 128;

/// What is wrong with a record.
pub(super) type Fault = String;

/// The ARRAYs and MAPs among the columns, by their places in [`Values::flags`].
pub(super) type Lists<'a> = Vec<Option<&'a Node>>;

/// The ARRAYs and MAPs of some columns.
pub(super) fn lists_of<'a>(columns: &'a [Child], lists: &mut Lists<'a>) {
    for column in columns {
        match &column.node {
            Node::Leaf(_) => {}
            Node::Struct { children, .. } => lists_of(children, lists),
            list @ Node::List { valid, .. } => {
                lists.resize(lists.len().max(valid + 1), None);
                if let Some(place) = lists.get_mut(*valid) {
                    *place = Some(list);
                }
            }
        }
    }
}

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

    fn unexpected<T>(&self, wanted: &str) -> Result<T, Fault> {
        let found = match self.peek() {
            0 | b'\n' => "the record ends".to_owned(),
            byte if byte.is_ascii_graphic() => format!("'{}' stands", char::from(byte)),
            byte => format!("byte 0x{byte:02x} stands"),
        };
        Err(format!("broken JSON: {found} where {wanted} is expected"))
    }

    /// One object as a row.
    #[inline]
    pub(super) fn row(&mut self) -> Result<(), Fault> {
        if self.next_token() != b'{' {
            return self.unexpected("an object");
        }
        let useful = self.template.is_useful();
        if useful {
            let followed = self.follow();
            self.template.count(followed);
            if followed {
                return Ok(());
            }
        }
        self.parse(useful)
    }

    /// Reads a record whose like was there before; says whether it was one, and has done nothing otherwise.
    fn follow(&mut self) -> bool {
        let start = self.at;
        let mut step = Template::START;
        loop {
            let rest = self.block.get(self.at..).unwrap_or_default();
            let Some((next, length)) = self.template.next(step, rest, self.values) else {
                self.template.undo(step, true, self.values, self.lists);
                break;
            };
            self.at += length;
            let (what, depth) = self.template.what(next);
            let read = match what {
                What::Leaf(leaf) => self.leaf(leaf, depth),
                What::Skipped => self.skip_plain(depth),
                What::List(list) => self.list(list, depth),
                What::Edge => return true,
            };
            if read.is_err() {
                self.template.undo(next, false, self.values, self.lists);
                break;
            }
            step = next;
        }
        self.at = start;
        false
    }

    /// An ARRAY or MAP; nothing is left of a broken one.
    fn list(&mut self, list: usize, depth: usize) -> Result<(), Fault> {
        let Some(node) = self.lists.get(list).copied().flatten() else { return Err("a list is not known".into()) };
        let length = self.values.len(node);
        let read = self.value(node, depth);
        if read.is_err() {
            self.values.truncate(node, length);
        }
        read
    }

    /// Parses a record, and remembers what it looks like.
    #[cold]
    fn parse(&mut self, remember: bool) -> Result<(), Fault> {
        let start = self.at;
        self.trace.seen.clear();
        self.trace.odd = false;
        self.tracing = remember;
        let row = self.columns.first().map_or(0, |child| self.values.len(&child.node));
        let parsed = self.object(self.columns, row, 0);
        self.tracing = false;
        parsed?;
        if remember {
            self.template.learn(self.block, (start, self.at), self.trace);
        }
        Ok(())
    }

    /// Notes a value that ends here.
    #[inline]
    fn saw(&mut self, what: What, from: usize, depth: usize) {
        if self.tracing {
            self.trace.seen.push(Seen::Value(what, from, self.at, depth));
        }
    }

    /// An object whose `{` comes next; the children have `row` values and get one more.
    fn object(&mut self, children: &[Child], row: usize, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        if self.next_token() == b'}' {
            self.at += 1;
            return self.fill_missing(children, row);
        }
        let (mut filled, mut likely) = (0, 0);
        loop {
            match self.key(children, likely)? {
                Some((index, child)) => {
                    likely = index + 1;
                    if self.values.len(&child.node) > row {
                        // The key stands twice: the last one counts.
                        self.values.truncate(&child.node, row);
                        self.trace.odd = true;
                        filled -= 1;
                    }
                    self.value(&child.node, depth + 1)?;
                    filled += 1;
                }
                None => {
                    self.next_token();
                    let from = self.at;
                    self.skip(depth + 1)?;
                    self.saw(What::Skipped, from, depth + 1);
                }
            }
            match self.next_token() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.unexpected("',' or '}'"),
            }
        }
        self.at += 1;
        if filled < children.len() { self.fill_missing(children, row) } else { Ok(()) }
    }

    fn fill_missing(&mut self, children: &[Child], row: usize) -> Result<(), Fault> {
        for child in children {
            if self.values.len(&child.node) != row {
                continue;
            }
            if self.fail_on_missing {
                return Err(format!("field '{}' is missing", child.field.name()));
            }
            self.values.push_null(&child.node);
            if self.tracing {
                self.trace.null(&child.node);
            }
        }
        Ok(())
    }

    /// Reads `"key":` and finds which child it stands for, most `likely` the one at that index.
    fn key<'c>(&mut self, children: &'c [Child], likely: usize) -> Result<Option<(usize, &'c Child)>, Fault> {
        if self.next_token() != b'"' {
            return self.unexpected("a key in quotes");
        }
        let (start, end, escaped) = self.string()?;
        let name = self.block.get(start..end).unwrap_or_default();
        let found = if escaped {
            let begin = self.scratch.len();
            super::escape::unescape(name, self.scratch)?;
            let found = find(children, self.scratch.get(begin..).unwrap_or_default(), likely);
            self.scratch.truncate(begin);
            found
        } else {
            find(children, name, likely)
        };
        if self.next_token() != b':' {
            return self.unexpected("':'");
        }
        self.at += 1;
        Ok(found)
    }

    /// Any value into the column of `node`.
    fn value(&mut self, node: &Node, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX} levels"));
        }
        let first = self.next_token();
        let from = self.at;
        match node {
            Node::Leaf(leaf) => {
                self.leaf(*leaf, depth)?;
                self.saw(What::Leaf(*leaf), from, depth);
            }
            Node::Struct { valid, children } => {
                let there = match first {
                    b'{' => true,
                    b'n' => false,
                    _ => return self.unexpected("an object (the column is a ROW)"),
                };
                if self.tracing {
                    self.trace.seen.push(Seen::Mark(Mark::Row(*valid, there)));
                }
                if there {
                    let present = children.first().map_or(0, |child| self.values.len(&child.node));
                    self.object(children, present, depth)?;
                } else {
                    self.literal(b"null")?;
                }
                self.values.push_flag(*valid, there);
            }
            Node::List { valid, ends, item, map } => {
                // What is in there differs from record to record.
                let tracing = std::mem::take(&mut self.tracing);
                match (first, *map) {
                    (b'n', _) => self.literal(b"null")?,
                    (b'[', false) => self.array(item, depth)?,
                    (b'{', true) => self.map(item, depth)?,
                    (_, false) => return self.unexpected("an array (the column is an ARRAY)"),
                    (_, true) => return self.unexpected("an object (the column is a MAP)"),
                }
                match first {
                    b'n' => self.values.push_null(node),
                    _ => self.values.push_end((*valid, *ends), item),
                }
                self.tracing = tracing;
                self.saw(What::List(*valid), from, depth);
            }
        }
        Ok(())
    }

    /// A value of a scalar column.
    #[inline(always)]
    fn leaf(&mut self, leaf: usize, depth: usize) -> Result<(), Fault> {
        let first = self.next_token();
        match (first, self.values.leaves.get_mut(leaf)) {
            (b'"', Some(Leaf::Texts(texts))) => {
                self.at = super::escape::text(self.block, self.at + 1, texts)?;
                return Ok(());
            }
            (b'"', Some(Leaf::Times(times))) => {
                if let Some(length) = times.push_quoted(self.block.get(self.at + 1..).unwrap_or_default()) {
                    self.at += 1 + length;
                    return Ok(());
                }
            }
            (b'-' | b'0'..=b'9', Some(Leaf::Numbers(numbers))) => {
                let rest = self.block.get(self.at..).unwrap_or_default();
                if let Some((value, length)) = short_number(rest) {
                    numbers.values.push(value);
                    self.at += length;
                    return Ok(());
                }
                return self.long_number(leaf);
            }
            _ => {}
        }
        let token = self.scalar(first, depth)?;
        let text = Text { block: self.block, scratch: self.scratch }.of(token);
        self.values.push_token(leaf, token, text);
        Ok(())
    }

    /// A number of any form for a column of whole numbers.
    fn long_number(&mut self, leaf: usize) -> Result<(), Fault> {
        let start = self.at;
        self.number()?;
        let text = self.block.get(start..self.at).unwrap_or_default();
        match (parse_i64(text), self.values.leaves.get_mut(leaf)) {
            (Some(value), Some(Leaf::Numbers(numbers))) => numbers.values.push(value),
            _ => self.values.push_token(leaf, Token::new(start, self.at, Kind::Plain), text),
        }
        Ok(())
    }

    fn array(&mut self, item: &Node, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        if self.next_token() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(item, depth + 1)?;
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
    fn map(&mut self, entries: &Node, depth: usize) -> Result<(), Fault> {
        let Node::Struct { valid, children } = entries else {
            return Err("the entries of a MAP are no ROW".into());
        };
        let [key, value] = children.as_slice() else {
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
            self.value(&key.node, depth + 1)?;
            if self.next_token() != b':' {
                return self.unexpected("':'");
            }
            self.at += 1;
            self.value(&value.node, depth + 1)?;
            self.values.push_flag(*valid, true);
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

    /// Checks and skips a value that is mostly a short number or a text without escapes.
    #[inline(always)]
    fn skip_plain(&mut self, depth: usize) -> Result<(), Fault> {
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
                other => return Err(super::escape::unclosed(other)),
            }
        }
    }
}

/// The child of that name, most likely the one at `likely`.
fn find<'c>(children: &'c [Child], name: &[u8], likely: usize) -> Option<(usize, &'c Child)> {
    let is = |child: &Child| child.field.name().as_bytes() == name;
    match children.get(likely).filter(|child| is(child)) {
        Some(child) => Some((likely, child)),
        None => children.iter().enumerate().find(|(_, child)| is(child)),
    }
}

/// A number of up to seven digits and nothing else, and its length.
#[inline(always)]
fn short_number(text: &[u8]) -> Option<(i64, usize)> {
    let chunk = text.first_chunk::<8>()?;
    let length = leading_digits(*chunk);
    let behind = chunk.get(length)?;
    let plain = !matches!(behind, b'.' | b'e' | b'E') && (chunk[0] != b'0' || length == 1);
    Some((first_digits(*chunk, length).filter(|_| plain)? as i64, length))
}
