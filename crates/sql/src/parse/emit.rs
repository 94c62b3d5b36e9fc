//! The `EMIT` clause at the end of a query: when its results are given out.
//!
//! ```text
//! EMIT { ON WINDOW CLOSE | CHANGES | EVERY INTERVAL '1' SECOND } [ALLOW LATENESS INTERVAL '1' MINUTE]
//! EMIT ALLOW LATENESS INTERVAL '1' MINUTE
//! ```
//!
//! The parser of queries does not know it (it would read an alias), so it is cut off before.

use std::ops::Range;
use std::sync::Arc;

use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use sloth_plan::{Emission, Every};
use sloth_types::{Error, Result};

use super::cursor::{Cursor, is_word};
use crate::rewrite::interval::interval_ms;
use crate::rewrite::tokens::top_level;
use crate::text::SourceText;

/// An `EMIT` clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmitClause {
    /// What it says.
    pub emission: Emission,
    /// Which of its forms it is.
    pub form: EmitForm,
    /// Where it stands.
    pub span: Range<usize>,
}

/// The forms of the clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmitForm {
    /// `ON WINDOW CLOSE`, or only the lateness.
    Close,
    /// `CHANGES`.
    Changes,
    /// `EVERY INTERVAL …`.
    Every,
}

/// What may follow an alias or a column of the name `emit`.
const FOLLOWS_A_NAME: &[&str] = &[
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "JOIN",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "CROSS",
    "NATURAL",
    "USING",
    "AS",
    "WINDOW",
    "AND",
    "OR",
    "IS",
    "IN",
    "NOT",
    "LIKE",
    "BETWEEN",
    "ASC",
    "DESC",
    "NULLS",
    "THEN",
    "WHEN",
    "ELSE",
    "END",
    "FOR",
    "MATCH_RECOGNIZE",
    "SELECT",
    "VALUES",
    "TABLESAMPLE",
    "QUALIFY",
    "COLLATE",
];

/// Cuts the clause off the tokens of a statement.
pub(super) fn split(tokens: &[TokenWithSpan]) -> (&[TokenWithSpan], Option<&[TokenWithSpan]>) {
    let solid: Vec<usize> =
        top_level(tokens).filter(|i| !matches!(tokens.get(*i).map(|t| &t.token), Some(Token::Whitespace(_)))).collect();
    let token = |place: usize| solid.get(place).and_then(|i| tokens.get(*i));
    for place in (1..solid.len()).rev() {
        let (Some(word), Some(before), Some(next)) = (token(place), token(place - 1), token(place + 1)) else {
            continue;
        };
        let named = before.token == Token::Period || before.token == Token::Comma || is_word(before, "AS");
        let Token::Word(follower) = &next.token else { continue };
        let plain = follower.quote_style.is_some() || FOLLOWS_A_NAME.iter().any(|w| is_word(next, w));
        // `JOIN t emit ON …` names a table.
        let condition = is_word(next, "ON") && !token(place + 2).is_some_and(|t| is_word(t, "WINDOW"));
        if is_word(word, "EMIT") && !named && !plain && !condition {
            let at = solid.get(place).copied().unwrap_or(tokens.len());
            let (query, clause) = tokens.split_at(at);
            return (query, Some(clause));
        }
    }
    (tokens, None)
}

/// Reads the clause.
pub(super) fn parse(source: &Arc<SourceText>, tokens: &[TokenWithSpan]) -> Result<EmitClause> {
    let mut c = Cursor::new(source, tokens)?;
    c.expect(&["EMIT"])?;
    let mut emission = Emission::default();
    let form = if c.take(&["CHANGES"]) {
        (emission.early, emission.waits_for_none) = (Some(Every::Epoch), true);
        EmitForm::Changes
    } else if c.take(&["EVERY"]) {
        let ms = length(&mut c, 1, "the distance of two emissions must be longer than zero")?;
        let every = Every::Millis(ms);
        emission = Emission { early: Some(every), late: every, updates: every, lateness_ms: 0, waits_for_none: true };
        EmitForm::Every
    } else if c.at("ON") {
        c.expect(&["ON", "WINDOW", "CLOSE"])?;
        EmitForm::Close
    } else if c.take(&["FINAL"]) || c.at("ALLOW") {
        EmitForm::Close
    } else {
        return c.expected("ON WINDOW CLOSE, CHANGES, EVERY INTERVAL … or ALLOW LATENESS INTERVAL … after EMIT");
    };
    if c.take(&["ALLOW", "LATENESS"]) {
        emission.lateness_ms = length(&mut c, 0, "the allowed lateness cannot be negative")?;
    } else if c.at("ALLOW") {
        return c.expected("ALLOW LATENESS INTERVAL …");
    }
    c.expect_end()?;
    Ok(EmitClause { emission, form, span: c.span.clone() })
}

fn length(c: &mut Cursor<'_>, least: i64, otherwise: &str) -> Result<i64> {
    if !c.at("INTERVAL") {
        return c.expected("an interval such as INTERVAL '10' SECOND");
    }
    let start = c.start();
    let expr = c.with(Parser::parse_expr)?;
    let span = start..c.end();
    match interval_ms(&expr) {
        Ok(ms) if ms >= least => Ok(ms),
        Ok(_) => Err(Error::invalid(otherwise).at(span)),
        Err(error) => Err(error.at(span)),
    }
}
