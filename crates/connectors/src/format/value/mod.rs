//! Text to values and back: the tight loops that every text format shares.
//!
//! All parsers work on bytes, accept what Flink accepts (and a little more), and answer `None` for anything else.

pub(super) mod number;
pub(super) mod time;

#[cfg(test)]
mod tests;
