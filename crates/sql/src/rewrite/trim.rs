//! `TRIM(LEADING FROM text)`: what is not named is a blank. The parser wants it named.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::parse::cursor::is_word;

/// Names the blank.
pub(super) fn with_blank(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is = |at: Option<usize>, word: &str| at.and_then(|at| tokens.get(at)).is_some_and(|token| is_word(token, word));
    let bare = |at: usize| {
        let end = ["LEADING", "TRAILING", "BOTH"].iter().any(|word| is(at.checked_sub(1), word));
        end && is(Some(at), "FROM") && is(at.checked_sub(3), "TRIM")
    };
    let mut out = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        if bare(at) {
            out.push(TokenWithSpan::new(Token::SingleQuotedString(" ".to_owned()), token.span));
        }
        out.push(token.clone());
    }
    out
}
