//! `RUNNING` and `FINAL` before what `MATCH_RECOGNIZE` measures, which the parser does not know.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use sloth_types::{Error, Result};

use crate::parse::cursor::is_word;
use crate::text::SourceText;

/// Leaves them out where they say what is meant anyway: the measures of one row for each match are those of its end, and those
/// of all its rows are running ones.
///
/// # Errors
/// When `FINAL` stands where all rows are given.
pub(super) fn leave_out(source: &SourceText, tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    if !tokens.iter().any(|token| is_word(token, "MEASURES")) {
        return Ok(tokens);
    }
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut measures = false;
    for (at, token) in tokens.iter().enumerate() {
        measures = (measures || is_word(token, "MEASURES")) && !is_word(token, "PATTERN");
        let follows = |behind: usize| tokens.get(at + behind).map(|token| &token.token);
        let begins = kept.last().is_some_and(|before| {
            is_word(before, "MEASURES") || !matches!(before.token, Token::Word(_) | Token::Period)
        });
        let says = measures
            && begins
            && (is_word(token, "RUNNING") || is_word(token, "FINAL"))
            && matches!((follows(1), follows(2)), (Some(Token::Word(_)), Some(Token::LParen)));
        if !says {
            kept.push(token.clone());
            continue;
        }
        if is_word(token, "FINAL") && gives_all_rows(tokens.get(at..).unwrap_or_default()) {
            let error = Error::unsupported("FINAL measures where all rows of a match are given").hint(
                "Leave FINAL out for the measure as far as each row, or write ONE ROW PER MATCH for that of the whole match.",
            );
            return Err(match source.range(token.span) {
                Some(place) => error.at(place),
                None => error,
            });
        }
    }
    Ok(kept)
}

/// True when `ALL ROWS PER MATCH` stands before the next `PATTERN`.
fn gives_all_rows(tokens: &[TokenWithSpan]) -> bool {
    let until = tokens.iter().position(|token| is_word(token, "PATTERN")).unwrap_or(tokens.len());
    let words = ["ALL", "ROWS", "PER", "MATCH"];
    tokens
        .get(..until)
        .unwrap_or_default()
        .windows(words.len())
        .any(|at| at.iter().zip(words).all(|(t, w)| is_word(t, w)))
}
