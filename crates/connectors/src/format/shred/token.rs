//! Where a value stands: position, length and what the scanner saw, in eight bytes.

/// What the scanner saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::format) enum Kind {
    /// NULL or missing.
    Null = 0,
    /// A JSON number or an unquoted CSV value.
    Plain = 1,
    /// A quoted text without escapes.
    Text = 2,
    /// A quoted text whose unescaped form is in the scratch buffer.
    Scratch = 3,
    /// JSON `true`.
    True = 4,
    /// JSON `false`.
    False = 5,
    /// A whole JSON object or array, taken as text.
    Nested = 6,
}

/// Where a value stands in the block (or in the scratch buffer).
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Token {
    start: u32,
    /// Length in the low 28 bits, kind above.
    rest: u32,
}

const LENGTH_BITS: u32 = 28;

/// Longest value and longest record that text decoders take: 256 MiB less one byte.
pub(in crate::format) const LENGTH_MAX: usize = (1 << LENGTH_BITS) - 1;

impl Token {
    /// NULL or missing.
    pub(in crate::format) const NULL: Token = Token { start: 0, rest: 0 };

    /// A value at `start..end`. The caller makes sure that blocks are below 4 GiB and records below [`LENGTH_MAX`].
    #[inline]
    pub(in crate::format) fn new(start: usize, end: usize, kind: Kind) -> Token {
        let length = (end - start).min(LENGTH_MAX);
        Token { start: start as u32, rest: length as u32 | ((kind as u32) << LENGTH_BITS) }
    }

    /// Length of the value as it is written.
    #[inline]
    pub(in crate::format) fn len(self) -> usize {
        (self.rest & LENGTH_MAX as u32) as usize
    }

    /// Where the value ends.
    #[inline]
    pub(in crate::format) fn end(self) -> usize {
        self.start as usize + self.len()
    }

    #[inline]
    pub(in crate::format) fn kind(self) -> Kind {
        match self.rest >> LENGTH_BITS {
            0 => Kind::Null,
            1 => Kind::Plain,
            2 => Kind::Text,
            3 => Kind::Scratch,
            4 => Kind::True,
            5 => Kind::False,
            _ => Kind::Nested,
        }
    }

    #[inline]
    pub(in crate::format) fn is_null(self) -> bool {
        self.rest >> LENGTH_BITS == Kind::Null as u32
    }
}

/// The bytes that tokens point into.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Text<'a> {
    /// The records.
    pub(in crate::format) block: &'a [u8],
    /// Unescaped texts.
    pub(in crate::format) scratch: &'a [u8],
}

impl<'a> Text<'a> {
    /// The value's bytes.
    #[inline]
    pub(in crate::format) fn of(self, token: Token) -> &'a [u8] {
        let from = if token.kind() == Kind::Scratch { self.scratch } else { self.block };
        from.get(token.start as usize..token.end()).unwrap_or_default()
    }
}
