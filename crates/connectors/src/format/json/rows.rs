//! Records to rows: one pass, no tree, most records by their likeness to earlier ones.

use super::super::shred::{Child, Kind, Leaf, Node, Text, Token};
use super::super::value::number::parse_i64;
use super::scan::{DEPTH_MAX, Fault, Scanner, short_number};
use super::template::{Mark, Seen, Template, What};

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

impl Scanner<'_> {
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
}

/// The child of that name, most likely the one at `likely`.
fn find<'c>(children: &'c [Child], name: &[u8], likely: usize) -> Option<(usize, &'c Child)> {
    let is = |child: &Child| child.field.name().as_bytes() == name;
    match children.get(likely).filter(|child| is(child)) {
        Some(child) => Some((likely, child)),
        None => children.iter().enumerate().find(|(_, child)| is(child)),
    }
}
