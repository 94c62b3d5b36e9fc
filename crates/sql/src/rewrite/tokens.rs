//! What must change before parsing: token sequences of Flink that sqlparser cannot read.
//!
//! * `t /*+ OPTIONS('k'='v') */` hides the options in the name (see [`hinted_name`]),
//! * `TUMBLE(TABLE t PARTITION BY k, …)` loses `TABLE`, and the keys go into a call of `$partition`,
//! * `CAST(x AS type)` gets the type as one quoted word, which the type planner reads,
//! * `MAP[k, v]` becomes a call, `>>` two closing brackets, the first bound of `BETWEEN SYMMETRIC` goes into a call.

use std::ops::Range;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Word};
use sloth_types::{Error, Result};

use crate::dialect::FlinkDialect;
use crate::parse::cursor::{explain_parser_error, is_word, span_of};
use crate::parse::hint_text;
use crate::text::SourceText;
use crate::types::parse_type;

/// Separates a table's name from its hinted options, and these from each other. No name can hold it.
const HINT_MARK: char = '\u{1}';

/// Rewrites one statement's tokens; the result has no blanks and no comments.
pub(crate) fn rewrite_tokens(source: &SourceText, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
    let mut solid: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {
                if let Some(hint) = hint_text(&token.token) {
                    apply_hint(source, token, hint, solid.last_mut())?;
                }
            }
            Token::ShiftRight => {
                solid.push(TokenWithSpan::new(Token::Gt, token.span));
                solid.push(TokenWithSpan::new(Token::Gt, token.span));
            }
            _ => solid.push(token.clone()),
        }
    }
    let mut pass = TokenPass { source, statement: span_of(source, tokens), out: Vec::with_capacity(solid.len()) };
    let solid = super::exclude::leave_out(source, super::trim::with_blank(solid))?;
    let solid = super::running::leave_out(source, solid)?;
    let solid = super::symmetric::wrap(super::within::move_within(solid));
    pass.run(&solid)?;
    Ok(pass.out)
}

/// Splits a name into the table's name and the options of its hint.
pub(crate) fn hinted_name(name: &str) -> (&str, Vec<(String, String)>) {
    let mut parts = name.split(HINT_MARK);
    let table = parts.next().unwrap_or(name);
    let mut options = Vec::new();
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        options.push((key.to_owned(), value.to_owned()));
    }
    (table, options)
}

fn apply_hint(source: &SourceText, at: &TokenWithSpan, hint: &str, last: Option<&mut TokenWithSpan>) -> Result<()> {
    let bad = || {
        let error = Error::invalid("this hint cannot be read")
            .hint("Write /*+ OPTIONS('key' = 'value', …) */ after a table's name.");
        match source.range(at.span) {
            Some(range) => error.at(range),
            None => error,
        }
    };
    let tokens = Tokenizer::new(&FlinkDialect, hint).tokenize().map_err(|_| bad())?;
    let tokens: Vec<Token> = tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
    match tokens.first() {
        Some(Token::Word(w)) if w.value.eq_ignore_ascii_case("OPTIONS") => {}
        // STATE_TTL is read before (`parse::lifetime`); BROADCAST, LOOKUP and the like advise Flink's planner.
        _ => return Ok(()),
    }
    let Some(TokenWithSpan { token: Token::Word(word), .. }) = last else { return Err(bad()) };
    let inner =
        tokens.get(1..).and_then(|t| t.strip_prefix(&[Token::LParen])).and_then(|t| t.strip_suffix(&[Token::RParen]));
    for pair in inner.ok_or_else(bad)?.split(|t| *t == Token::Comma) {
        let [Token::SingleQuotedString(key), Token::Eq, Token::SingleQuotedString(value)] = pair else {
            return Err(bad());
        };
        word.value = format!("{}{HINT_MARK}{key}{HINT_MARK}{value}", word.value);
    }
    word.keyword = Keyword::NoKeyword;
    word.quote_style = Some('`');
    Ok(())
}

/// The rewriting of one statement: reads tokens, writes `out`.
pub(super) struct TokenPass<'s> {
    source: &'s SourceText,
    statement: Range<usize>,
    out: Vec<TokenWithSpan>,
}

impl TokenPass<'_> {
    /// Writes tokens, rewritten.
    pub(super) fn run(&mut self, tokens: &[TokenWithSpan]) -> Result<()> {
        let mut i = 0;
        while let Some(token) = tokens.get(i) {
            let bracket = tokens.get(i + 1).map(|t| &t.token);
            let inside = match bracket {
                Some(Token::LParen | Token::LBracket) => matching(tokens, i + 1),
                _ => None,
            };
            if let (Some(close), Some(inner), Token::Word(word)) =
                (inside, inside.and_then(|close| tokens.get(i + 2..close)), &token.token)
                && word.quote_style.is_none()
                && let Some(open) = tokens.get(i + 1)
                && self.special(word, token, open, inner)?
            {
                // `MAP[…]` closes with a parenthesis now.
                let end = tokens.get(close).map_or(token.span, |t| t.span);
                self.out.push(TokenWithSpan::new(Token::RParen, end));
                i = close + 1;
                continue;
            }
            self.out.push(token.clone());
            i += 1;
        }
        Ok(())
    }

    /// Writes `name(…` rewritten, without the closing parenthesis; false when the call is an ordinary one.
    fn special(
        &mut self,
        word: &Word,
        head: &TokenWithSpan,
        open: &TokenWithSpan,
        inner: &[TokenWithSpan],
    ) -> Result<bool> {
        let is_call = open.token == Token::LParen;
        match word.value.to_ascii_uppercase().as_str() {
            "CAST" | "TRY_CAST" if is_call => self.cast(head, open, inner),
            "TUMBLE" | "HOP" | "CUMULATE" | "SESSION" if is_call => self.window(head, open, inner),
            "JSON_VALUE" | "JSON_QUERY" | "JSON_EXISTS" if is_call => {
                super::json::rewrite_call(self, word, head, inner)
            }
            "JSON_OBJECT" | "JSON_ARRAY" | "JSON_OBJECTAGG" | "JSON_ARRAYAGG" if is_call => {
                super::json_build::rewrite_call(self, word, head, inner)
            }
            "MAP" if !is_call => {
                self.push_word("map", head.span);
                self.out.push(TokenWithSpan::new(Token::LParen, open.span));
                self.run(inner)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Puts a token's place into an error.
    pub(super) fn at(&self, error: Error, token: &TokenWithSpan) -> Error {
        error.at(self.source.range(token.span).unwrap_or(self.statement.clone()))
    }

    pub(super) fn push_word(&mut self, value: &str, span: Span) {
        self.push(Token::Word(Word { value: value.to_owned(), quote_style: None, keyword: Keyword::NoKeyword }), span);
    }

    pub(super) fn push(&mut self, token: Token, span: Span) {
        self.out.push(TokenWithSpan::new(token, span));
    }

    fn cast(&mut self, head: &TokenWithSpan, open: &TokenWithSpan, inner: &[TokenWithSpan]) -> Result<bool> {
        let Some(at) = top_level(inner).filter(|i| is_word(&inner[*i], "AS")).last() else { return Ok(false) };
        let (value, rest) = inner.split_at(at);
        let Some((keyword, type_tokens)) = rest.split_first() else { return Ok(false) };
        let (text, span) = self.type_text(type_tokens, keyword)?;
        self.out.push(head.clone());
        self.out.push(open.clone());
        self.run(value)?;
        self.out.push(keyword.clone());
        self.push(Token::Word(Word { value: text, quote_style: Some('`'), keyword: Keyword::NoKeyword }), span);
        Ok(true)
    }

    /// Checks a type and writes it in its normal form.
    pub(super) fn type_text(&self, tokens: &[TokenWithSpan], before: &TokenWithSpan) -> Result<(String, Span)> {
        let mut parser = Parser::new(&FlinkDialect).with_tokens_with_locations(tokens.to_vec());
        let parsed = parse_type(&mut parser).and_then(|parsed| match parser.peek_token().token {
            Token::EOF => Ok(parsed),
            _ => parser.expected("')' after the type", parser.peek_token()),
        });
        let span = tokens.first().zip(tokens.last()).map_or(before.span, |(a, b)| Span::new(a.span.start, b.span.end));
        match parsed {
            Ok(parsed) => Ok((parsed.to_string(), span)),
            Err(error) => {
                let place = self.source.range(span).unwrap_or(self.statement.clone());
                Err(explain_parser_error(self.source, place, &error))
            }
        }
    }

    /// The arguments of a window table function: `TABLE t` or `DATA => TABLE t`, perhaps with `PARTITION BY`.
    fn window(&mut self, head: &TokenWithSpan, open: &TokenWithSpan, inner: &[TokenWithSpan]) -> Result<bool> {
        let named = inner.len() > 2 && is_word(&inner[0], "DATA") && inner[1].token == Token::RArrow;
        let (prefix, rest) = inner.split_at(if named { 2 } else { 0 });
        let (table, tail) = match rest {
            [table, after, ..] if is_word(table, "TABLE") && is_relation(after) => (table, &rest[1..]),
            // `(TABLE t)` and subqueries are relations too.
            [paren, ..] if paren.token == Token::LParen => (paren, rest),
            _ => return Ok(false),
        };
        self.out.push(head.clone());
        self.out.push(open.clone());
        self.out.extend_from_slice(prefix);
        let keys = top_level(tail)
            .find(|i| is_word(&tail[*i], "PARTITION") && tail.get(i + 1).is_some_and(|t| is_word(t, "BY")));
        let Some(keys) = keys else {
            self.relation(tail)?;
            return Ok(true);
        };
        let end = top_level(tail).find(|i| *i > keys && ends_keys(tail, *i)).unwrap_or(tail.len());
        self.push_word("$partition", table.span);
        self.push(Token::LParen, table.span);
        self.relation(&tail[..keys])?;
        self.push(Token::Comma, table.span);
        self.run(strip_parens(&tail[keys + 2..end]))?;
        self.push(Token::RParen, table.span);
        self.run(&tail[end..])?;
        Ok(true)
    }

    fn relation(&mut self, tokens: &[TokenWithSpan]) -> Result<()> {
        match tokens {
            // `(TABLE t)`: the parser knows no TABLE here.
            [open, table, rest @ ..] if open.token == Token::LParen && is_word(table, "TABLE") => {
                self.out.push(open.clone());
                self.run(rest)
            }
            _ => self.run(tokens),
        }
    }
}

fn is_relation(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Word(_) | Token::LParen)
}

/// The comma after the partition keys: what follows is `DESCRIPTOR` or a named argument.
fn ends_keys(tokens: &[TokenWithSpan], comma: usize) -> bool {
    let next = tokens.get(comma + 1);
    tokens.get(comma).is_some_and(|t| t.token == Token::Comma)
        && (next.is_some_and(|t| is_word(t, "DESCRIPTOR"))
            || tokens.get(comma + 2).is_some_and(|t| t.token == Token::RArrow))
}

fn strip_parens(tokens: &[TokenWithSpan]) -> &[TokenWithSpan] {
    match tokens {
        [open, inner @ .., close] if open.token == Token::LParen && close.token == Token::RParen => inner,
        _ => tokens,
    }
}

/// Indexes of the tokens that are in no bracket.
pub(crate) fn top_level(tokens: &[TokenWithSpan]) -> impl Iterator<Item = usize> + '_ {
    let mut depth = 0_i32;
    tokens.iter().enumerate().filter_map(move |(i, t)| match t.token {
        Token::LParen | Token::LBracket => {
            depth += 1;
            (depth == 1).then_some(i)
        }
        Token::RParen | Token::RBracket => {
            depth -= 1;
            None
        }
        _ => (depth == 0).then_some(i),
    })
}

/// Index of the bracket that closes the one at `open`.
fn matching(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    tokens.iter().enumerate().skip(open).find_map(|(i, t)| {
        match t.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(i)
    })
}
