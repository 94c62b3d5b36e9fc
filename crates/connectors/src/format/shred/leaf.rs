//! The values of a scalar column: where they stand, or what they are.

use arrow::datatypes::{DataType, TimeUnit};

use super::token::{Kind, Token};
use crate::format::value::time::{TimestampParser, Zone};

/// A scalar column.
#[derive(Debug)]
pub(in crate::format) enum Leaf {
    /// Where the values stand.
    Tokens(Vec<Token>),
    /// The values of a STRING.
    Texts(Texts),
    /// The values of a whole number.
    Numbers(Numbers),
    /// The values of a TIMESTAMP.
    Times(Times),
}

/// Texts end to end.
#[derive(Debug)]
pub(in crate::format) struct Texts {
    pub(in crate::format) bytes: Vec<u8>,
    /// 0, and where each text ends. What is beyond 2 GiB is wrong and refused in the end.
    pub(in crate::format) ends: Vec<i32>,
    /// Which values are NULL.
    pub(in crate::format) missing: Vec<usize>,
}

/// Numbers of up to 64 bits.
#[derive(Debug, Default)]
pub(in crate::format) struct Numbers {
    pub(in crate::format) values: Vec<i64>,
    /// Index and token of what is NULL, or not written as usual: its value is 0 until the end.
    pub(in crate::format) odd: Vec<(usize, Token)>,
}

/// Timestamps without zone as numbers of a unit.
#[derive(Debug)]
pub(in crate::format) struct Times {
    pub(in crate::format) numbers: Numbers,
    unit: TimeUnit,
    parser: TimestampParser,
}

impl Default for Texts {
    fn default() -> Self {
        Texts { bytes: Vec::new(), ends: vec![0], missing: Vec::new() }
    }
}

impl Texts {
    /// Empty, with room for somewhat more than there is in another one.
    pub(super) fn with_room_for(other: &Texts) -> Texts {
        let room = |used: usize| used + used / 8;
        let mut ends = Vec::with_capacity(room(other.ends.len()));
        ends.push(0);
        Texts { bytes: Vec::with_capacity(room(other.bytes.len())), ends, missing: Vec::new() }
    }

    /// A text is whole.
    #[inline(always)]
    pub(in crate::format) fn end(&mut self) {
        self.ends.push(self.bytes.len() as i32);
    }

    fn truncate(&mut self, len: usize) {
        self.ends.truncate(len + 1);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
        self.missing.truncate(self.missing.partition_point(|index| *index < len));
    }
}

impl Numbers {
    fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.odd.truncate(self.odd.partition_point(|(index, _)| *index < len));
    }

    fn push_odd(&mut self, token: Token) {
        self.odd.push((self.values.len(), token));
        self.values.push(0);
    }
}

impl Times {
    /// Adds the timestamp that `text` starts with behind its quote, if it is a usual one; its length with the quote behind it.
    #[inline(always)]
    pub(in crate::format) fn push_quoted(&mut self, text: &[u8]) -> Option<usize> {
        let (parts, length) = self.parser.quoted(text)?;
        self.numbers.values.push(parts.to_unit(self.unit)?);
        Some(length)
    }

    /// The usual forms, which need nothing but the text.
    fn parse(&mut self, text: &[u8]) -> Option<i64> {
        let parts = self.parser.parse(text)?;
        parts.to_unit(self.unit).filter(|_| matches!(parts.zone, Zone::Local | Zone::Utc))
    }
}

impl Leaf {
    pub(super) fn new(data_type: &DataType, direct: bool) -> Leaf {
        match data_type {
            DataType::Utf8 if direct => Leaf::Texts(Texts::default()),
            whole if whole.is_integer() && direct => Leaf::Numbers(Numbers::default()),
            DataType::Timestamp(unit, None) if direct => {
                Leaf::Times(Times { numbers: Numbers::default(), unit: *unit, parser: TimestampParser::default() })
            }
            _ => Leaf::Tokens(Vec::new()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Leaf::Tokens(tokens) => tokens.len(),
            Leaf::Texts(texts) => texts.ends.len() - 1,
            Leaf::Numbers(numbers) | Leaf::Times(Times { numbers, .. }) => numbers.values.len(),
        }
    }

    pub(in crate::format) fn truncate(&mut self, len: usize) {
        match self {
            Leaf::Tokens(tokens) => tokens.truncate(len),
            Leaf::Texts(texts) => texts.truncate(len),
            Leaf::Numbers(numbers) | Leaf::Times(Times { numbers, .. }) => numbers.truncate(len),
        }
    }

    pub(super) fn clear(&mut self) {
        self.truncate(0);
    }

    /// Takes the last value back.
    pub(in crate::format) fn pop(&mut self) {
        self.truncate(self.len().saturating_sub(1));
    }

    /// Adds a value that stands in `text`, or NULL.
    pub(super) fn push(&mut self, token: Token, text: &[u8]) {
        match self {
            Leaf::Tokens(tokens) => tokens.push(token),
            Leaf::Texts(texts) => {
                if token.kind() == Kind::Null {
                    texts.missing.push(texts.ends.len() - 1);
                }
                texts.bytes.extend_from_slice(text);
                texts.end();
            }
            Leaf::Numbers(numbers) => numbers.push_odd(token),
            Leaf::Times(times) => {
                match times.parse(text).filter(|_| matches!(token.kind(), Kind::Text | Kind::Plain)) {
                    Some(value) => times.numbers.values.push(value),
                    None => times.numbers.push_odd(token),
                }
            }
        }
    }
}
