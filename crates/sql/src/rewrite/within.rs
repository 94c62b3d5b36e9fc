//! `PATTERN (…) WITHIN INTERVAL …` of `MATCH_RECOGNIZE`: the parser does not know it, so it travels as a definition.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::parse::cursor::is_word;

/// Name of the variable whose definition is the interval.
pub(crate) const WITHIN: &str = "$within";

/// Moves every `WITHIN interval` behind the `DEFINE` that follows it.
pub(super) fn move_within(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let begins = |i: usize| i > 0 && is_word(&tokens[i], "WITHIN") && tokens[i - 1].token == Token::RParen;
    let Some(from) = (0..tokens.len()).find(|i| begins(*i)) else { return tokens };
    let Some(define) = (from..tokens.len()).find(|i| is_word(&tokens[*i], "DEFINE")) else { return tokens };
    let span = tokens[from].span;
    let word = |value: &str, quote: Option<char>| {
        let keyword = match quote {
            Some(_) => datafusion::sql::sqlparser::keywords::Keyword::NoKeyword,
            None => datafusion::sql::sqlparser::keywords::Keyword::AS,
        };
        TokenWithSpan::new(Token::Word(Word { value: value.to_owned(), quote_style: quote, keyword }), span)
    };
    let mut out: Vec<TokenWithSpan> = tokens[..from].to_vec();
    out.push(tokens[define].clone());
    out.extend([word(WITHIN, Some('`')), word("AS", None)]);
    out.extend_from_slice(&tokens[from + 1..define]);
    out.push(TokenWithSpan::new(Token::Comma, span));
    out.extend(move_within(tokens[define + 1..].to_vec()));
    out
}
