//! The hint `/*+ STATE_TTL('a' = '1 d', 'b' = '12 h') */`: how long the state over an input is kept.

use std::ops::Range;

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use sloth_types::{Error, Result};

use super::hint_text;
use crate::dialect::FlinkDialect;
use crate::text::SourceText;

/// One entry of a hint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TtlHint {
    /// The table or alias.
    pub name: String,
    /// Milliseconds; zero for ever.
    pub ttl_ms: i64,
    /// Where the hint stands.
    pub span: Range<usize>,
}

/// The entries of all such hints of a statement.
pub(super) fn hints(source: &SourceText, tokens: &[TokenWithSpan]) -> Result<Vec<TtlHint>> {
    let mut hints = vec![];
    for token in tokens {
        let Some(text) = hint_text(&token.token) else { continue };
        let Some(span) = source.range(token.span) else { continue };
        let bad = || {
            Error::invalid("this hint cannot be read")
                .hint("Write SELECT /*+ STATE_TTL('table or alias' = '1 d', …) */ ….")
                .at(span.clone())
        };
        let Ok(words) = Tokenizer::new(&FlinkDialect, text).tokenize() else { continue };
        let words: Vec<Token> = words.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
        let mut at = 0;
        // A comment may hold several hints.
        while let Some(start) = words.iter().skip(at).position(is_ttl).map(|i| at + i) {
            let rest = words.get(start + 1..).and_then(|t| t.strip_prefix(&[Token::LParen])).ok_or_else(bad)?;
            let end = rest.iter().position(|t| *t == Token::RParen).ok_or_else(bad)?;
            for pair in rest.get(..end).unwrap_or_default().split(|t| *t == Token::Comma) {
                let [Token::SingleQuotedString(name), Token::Eq, Token::SingleQuotedString(time)] = pair else {
                    return Err(bad());
                };
                let Some(ttl) = sloth_types::parse_duration(time) else {
                    return Err(Error::invalid(format!("'{time}' is no time"))
                        .hint("Write '12 h', '1 d' or the like; '0 s' keeps state for ever.")
                        .at(span.clone()));
                };
                let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
                hints.push(TtlHint { name: name.clone(), ttl_ms, span: span.clone() });
            }
            at = start + 2 + end;
        }
    }
    Ok(hints)
}

fn is_ttl(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case("STATE_TTL"))
}
