//! The SQL/JSON functions' own grammar: `RETURNING type`, `… ON EMPTY`, `… ON ERROR`, `WITH WRAPPER` become arguments.
//!
//! `JSON_VALUE(j, p RETURNING INT DEFAULT 0 ON EMPTY NULL ON ERROR)` is rewritten to
//! `CAST($json_value(j, p, 'DEFAULT', 0, 'NULL', NULL) AS INT)`; what JSON_QUERY returns otherwise than as text is
//! `CAST($json_items(…) AS ARRAY<STRING>)`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};
use sloth_types::{Error, Result};

use super::tokens::{TokenPass, top_level};
use crate::parse::cursor::is_word;

/// What happens when a path finds nothing or fails.
struct Behaviour<'t> {
    kind: String,
    default: &'t [TokenWithSpan],
}

impl Default for Behaviour<'_> {
    fn default() -> Self {
        Behaviour { kind: "NULL".to_owned(), default: &[] }
    }
}

#[derive(Default)]
struct Clauses<'t> {
    returning: Option<&'t [TokenWithSpan]>,
    wrapper: String,
    on_empty: Behaviour<'t>,
    on_error: Behaviour<'t>,
}

/// Writes the call without its closing parenthesis; false when it has no clauses, so that it is an ordinary call.
pub(super) fn rewrite_call(
    pass: &mut TokenPass<'_>,
    word: &Word,
    head: &TokenWithSpan,
    inner: &[TokenWithSpan],
) -> Result<bool> {
    let name = word.value.to_ascii_uppercase();
    let Some(start) = clauses_start(inner) else { return Ok(false) };
    let (arguments, rest) = inner.split_at(start);
    let clauses = parse_clauses(pass, rest)?;
    let span = head.span;
    let items = name == "JSON_QUERY"
        && clauses.returning.and_then(|of| of.first()).is_some_and(|first| is_word(first, "ARRAY"));
    if clauses.returning.is_some() {
        pass.push(Token::make_keyword("CAST"), span);
        pass.push(Token::LParen, span);
        if items {
            pass.push_word("$json_items", span);
            pass.push(Token::LParen, span);
        }
    }
    pass.push_word(&format!("${}", name.to_ascii_lowercase()), span);
    pass.push(Token::LParen, span);
    pass.run(arguments)?;
    let text = |pass: &mut TokenPass<'_>, value: &str| {
        pass.push(Token::Comma, span);
        pass.push(Token::SingleQuotedString(value.to_owned()), span);
    };
    match name.as_str() {
        "JSON_VALUE" => {
            for behaviour in [&clauses.on_empty, &clauses.on_error] {
                text(pass, &behaviour.kind);
                pass.push(Token::Comma, span);
                match behaviour.default {
                    [] => pass.push(Token::make_keyword("NULL"), span),
                    default => pass.run(default)?,
                }
            }
        }
        "JSON_QUERY" => {
            text(pass, &clauses.wrapper);
            text(pass, &clauses.on_empty.kind);
            text(pass, &clauses.on_error.kind);
        }
        _ => text(pass, &clauses.on_error.kind),
    }
    if let Some(returning) = clauses.returning {
        let (type_text, type_span) = pass.type_text(returning, head)?;
        pass.push(Token::RParen, span);
        if items {
            pass.push(Token::RParen, span);
        }
        pass.push(Token::make_keyword("AS"), span);
        let word = Word { value: type_text, quote_style: Some('`'), keyword: Keyword::NoKeyword };
        pass.push(Token::Word(word), type_span);
    }
    Ok(true)
}

/// The first token of the clauses: a keyword after a complete expression in the last argument.
fn clauses_start(inner: &[TokenWithSpan]) -> Option<usize> {
    const STARTS: [&str; 10] =
        ["RETURNING", "NULL", "ERROR", "DEFAULT", "EMPTY", "WITH", "WITHOUT", "TRUE", "FALSE", "UNKNOWN"];
    let comma = top_level(inner).find(|i| inner[*i].token == Token::Comma)?;
    // At least one token of the path stands between the comma and the clauses.
    top_level(inner).find(|i| *i > comma + 1 && STARTS.iter().any(|w| is_word(&inner[*i], w)))
}

fn parse_clauses<'t>(pass: &TokenPass<'_>, mut rest: &'t [TokenWithSpan]) -> Result<Clauses<'t>> {
    let mut clauses = Clauses { wrapper: "WITHOUT".to_owned(), ..Clauses::default() };
    while let Some(first) = rest.first() {
        if is_word(first, "RETURNING") {
            let end = top_level(rest).find(|i| *i > 1 && starts_behaviour(rest, *i)).unwrap_or(rest.len());
            clauses.returning = rest.get(1..end);
            rest = rest.get(end..).unwrap_or_default();
            continue;
        }
        if (is_word(first, "WITH") || is_word(first, "WITHOUT"))
            && let Some(end) = rest.iter().position(|t| is_word(t, "WRAPPER"))
        {
            let conditional = rest.get(..end).is_some_and(|w| w.iter().any(|t| is_word(t, "CONDITIONAL")));
            clauses.wrapper = match (is_word(first, "WITHOUT"), conditional) {
                (true, _) => "WITHOUT",
                (false, true) => "CONDITIONAL",
                (false, false) => "UNCONDITIONAL",
            }
            .to_owned();
            rest = rest.get(end + 1..).unwrap_or_default();
            continue;
        }
        let on = top_level(rest).find(|i| is_word(&rest[*i], "ON")).unwrap_or(rest.len());
        let target = rest.get(on + 1);
        let behaviour = behaviour(rest.get(..on).unwrap_or_default());
        match (behaviour, target) {
            (Some(b), Some(t)) if is_word(t, "EMPTY") => clauses.on_empty = b,
            (Some(b), Some(t)) if is_word(t, "ERROR") => clauses.on_error = b,
            _ => {
                let error = Error::invalid(format!("'{}' is no clause of a JSON function", first.token))
                    .hint("Write RETURNING type, NULL | ERROR | DEFAULT value ON EMPTY, … ON ERROR.");
                return Err(pass.at(error, first));
            }
        }
        rest = rest.get(on + 2..).unwrap_or_default();
    }
    Ok(clauses)
}

fn starts_behaviour(tokens: &[TokenWithSpan], at: usize) -> bool {
    ["NULL", "ERROR", "DEFAULT", "EMPTY", "WITH", "WITHOUT"].iter().any(|w| is_word(&tokens[at], w))
}

fn behaviour(tokens: &[TokenWithSpan]) -> Option<Behaviour<'_>> {
    let (first, rest) = tokens.split_first()?;
    let Token::Word(word) = &first.token else { return None };
    let kind = word.value.to_ascii_uppercase();
    match (kind.as_str(), rest) {
        ("NULL" | "ERROR" | "TRUE" | "FALSE" | "UNKNOWN", []) => Some(Behaviour { kind, default: &[] }),
        ("DEFAULT", [_, ..]) => Some(Behaviour { kind, default: rest }),
        ("EMPTY", [what]) if is_word(what, "ARRAY") || is_word(what, "OBJECT") => {
            let kind = if is_word(what, "ARRAY") { "EMPTY ARRAY" } else { "EMPTY OBJECT" };
            Some(Behaviour { kind: kind.to_owned(), default: &[] })
        }
        _ => None,
    }
}
