//! LIKE with any escape character, and SIMILAR TO. Patterns that are literals are checked and translated here, with the
//! place of what is wrong; others when rows are there.

use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator, Value, ValueWithSpan};
use datafusion::sql::sqlparser::tokenizer::{Location, Span};
use sloth_types::{Error, Result};

use super::{Places, call, string};
use crate::functions::like::{BadPattern, escape_char, like_pattern, similar_regex};

/// Rewrites LIKE, ILIKE and SIMILAR TO; leaves others.
pub(super) fn rewrite(expr: &mut Expr, places: &Places<'_>) -> Result<Option<Expr>> {
    match expr {
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            let escape = escape_char.take();
            **pattern = translated(pattern, escape.as_ref(), places, like_pattern, "$like_pattern")?;
            Ok(None)
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let regex = translated(pattern, escape_char.as_ref(), places, similar_regex, "$similar_regex")?;
            let matches = call("$similar_to", vec![(**expr).clone(), regex]);
            Ok(Some(match negated {
                true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(matches) },
                false => matches,
            }))
        }
        _ => Ok(None),
    }
}

type Translate = fn(&str, Option<char>) -> std::result::Result<String, BadPattern>;

fn translated(
    pattern: &Expr,
    escape: Option<&ValueWithSpan>,
    places: &Places<'_>,
    translate: Translate,
    at_runtime: &str,
) -> Result<Expr> {
    let escape = match escape {
        None => None,
        Some(value) => Some((escape_of(value, places)?, value)),
    };
    match pattern {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) => {
            let translated = translate(text, escape.map(|(c, _)| c)).map_err(|bad| {
                let error = Error::invalid(format!("this pattern cannot be read: {}", bad.message));
                places.at(error, place_in(*span, text, &bad))
            })?;
            Ok(Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(translated), span: *span }))
        }
        // NULL stays NULL.
        Expr::Value(_) => Ok(pattern.clone()),
        other => {
            let escape = escape.map(|(c, _)| string(c.to_string()));
            Ok(call(at_runtime, std::iter::once(other.clone()).chain(escape).collect()))
        }
    }
}

fn escape_of(value: &ValueWithSpan, places: &Places<'_>) -> Result<char> {
    let c = match &value.value {
        Value::SingleQuotedString(text) => escape_char(text),
        _ => None,
    };
    c.ok_or_else(|| {
        let error = Error::invalid(format!("{} is no escape character", value.value));
        places.at(error.hint("Write one character in quotes, as in ESCAPE '!'."), value.span)
    })
}

/// The characters that are wrong, when the literal shows every character as one.
fn place_in(literal: Span, text: &str, bad: &BadPattern) -> Span {
    let (start, end) = (literal.start, literal.end);
    let plain = start.line == end.line && end.column.saturating_sub(start.column) == text.chars().count() as u64 + 2;
    if !plain || bad.length == 0 {
        return literal;
    }
    let from = start.column + 1 + bad.at as u64;
    Span::new(Location::new(start.line, from), Location::new(start.line, from + bad.length as u64))
}
