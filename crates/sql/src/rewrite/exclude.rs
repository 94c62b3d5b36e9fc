//! `EXCLUDE` in the frame of an OVER window, which the parser does not know: `NO OTHERS` is what a frame without it means.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use sloth_types::{Error, Result};

use crate::parse::cursor::is_word;
use crate::text::SourceText;

/// Leaves out `EXCLUDE NO OTHERS`.
///
/// # Errors
/// When rows are to be excluded.
pub(super) fn leave_out(source: &SourceText, tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let follows = |at: usize, words: &[&str]| {
        words.iter().enumerate().all(|(i, word)| tokens.get(at + 1 + i).is_some_and(|token| is_word(token, word)))
    };
    let ends_a_frame = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        before.is_some_and(|token| ["ROW", "PRECEDING", "FOLLOWING"].iter().any(|word| is_word(token, word)))
    };
    let exclusion = |at: &usize| {
        let closes = |words: usize| tokens.get(at + 1 + words).is_some_and(|token| token.token == Token::RParen);
        tokens.get(*at).is_some_and(|token| is_word(token, "EXCLUDE"))
            && ends_a_frame(*at)
            && (((follows(*at, &["NO", "OTHERS"]) || follows(*at, &["CURRENT", "ROW"])) && closes(2))
                || ((follows(*at, &["GROUP"]) || follows(*at, &["TIES"])) && closes(1)))
    };
    let Some(at) = (0..tokens.len()).find(exclusion) else { return Ok(tokens) };
    if !follows(at, &["NO", "OTHERS"]) {
        let error = Error::unsupported("EXCLUDE in the frame of an OVER window").hint(
            "Take the row out yourself: SUM(x) OVER (…) - x, COUNT(*) OVER (…) - 1, or a join of the table with itself.",
        );
        let place = tokens.get(at).and_then(|token| source.range(token.span));
        return Err(match place {
            Some(place) => error.at(place),
            None => error,
        });
    }
    let mut kept = tokens;
    kept.drain(at..at + 3);
    leave_out(source, kept)
}
