//! Script text to statements: tokenize once, cut at semicolons, parse each piece.
//!
//! All tokens keep their place in the whole text, so that every error can point at it.

mod create;
pub(crate) mod cursor;
mod dispatch;
pub mod emit;
pub mod lifetime;
pub mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};
use sloth_types::{Error, Result};

use crate::dialect::FlinkDialect;
use crate::text::{SourceText, variable_name};
use cursor::is_word;
pub use statement::{Statement, StatementKind};

/// Parses a script.
///
/// # Errors
/// At the first statement that cannot be parsed; the error points into `text`.
pub fn parse_script(text: &str) -> Result<Vec<Statement>> {
    let source = Arc::new(SourceText::new(text));
    let tokens = tokenize(&source)?;
    let mut pieces = tokens.split(|t| t.token == Token::SemiColon).filter(|piece| !is_blank(piece)).peekable();
    let mut statements = Vec::new();
    while let Some(piece) = pieces.next() {
        let Some(set) = SetStart::of(piece) else {
            statements.push(dispatch::parse_statement(&source, piece)?);
            continue;
        };
        // A statement set: its inserts up to END become one statement.
        let mut members = Vec::new();
        let mut next = Some(set.rest).filter(|rest| !is_blank(rest));
        loop {
            let Some(member) = next.or_else(|| pieces.next()) else {
                return Err(Error::invalid("the statement set has no END")
                    .hint("Close it with END; after the last INSERT.")
                    .at(cursor::span_of(&source, piece)));
            };
            next = None;
            if words(member).next().is_some_and(|t| is_word(t, "END")) {
                let span = cursor::span_of(&source, piece).start..cursor::span_of(&source, member).end;
                let kind = StatementKind::StatementSet(members);
                let statement =
                    Statement { kind, span: span.clone(), source: Arc::clone(&source), emit: None, ttl_hints: vec![] };
                statements.push(match set.explain {
                    true => Statement {
                        kind: StatementKind::Explain(Box::new(statement)),
                        span,
                        source: Arc::clone(&source),
                        emit: None,
                        ttl_hints: vec![],
                    },
                    false => statement,
                });
                break;
            }
            let statement = dispatch::parse_statement(&source, member)?;
            if !matches!(statement.kind, StatementKind::Insert(_)) {
                return Err(Error::invalid("only INSERT statements can stand in a statement set").at(statement.span));
            }
            members.push(statement);
        }
    }
    Ok(statements)
}

/// The head of a statement set: `EXECUTE STATEMENT SET BEGIN`, `EXPLAIN STATEMENT SET BEGIN` or `BEGIN STATEMENT SET`.
struct SetStart<'t> {
    rest: &'t [TokenWithSpan],
    explain: bool,
}

impl<'t> SetStart<'t> {
    fn of(piece: &'t [TokenWithSpan]) -> Option<Self> {
        const HEADS: [(&[&str], bool); 3] = [
            (&["EXECUTE", "STATEMENT", "SET", "BEGIN"], false),
            (&["EXPLAIN", "STATEMENT", "SET", "BEGIN"], true),
            (&["BEGIN", "STATEMENT", "SET"], false),
        ];
        HEADS.iter().find_map(|(head, explain)| {
            let mut at = 0;
            for word in *head {
                at += piece.get(at..)?.iter().position(|t| !matches!(t.token, Token::Whitespace(_)))?;
                if !is_word(piece.get(at)?, word) {
                    return None;
                }
                at += 1;
            }
            Some(SetStart { rest: piece.get(at..)?, explain: *explain })
        })
    }
}

fn tokenize(source: &SourceText) -> Result<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&FlinkDialect, source.text()).tokenize_with_location().map_err(|e| {
        let start = source.offset(e.location);
        Error::invalid(lower_first(&e.message)).at(start..start + 1)
    })?;
    for token in &tokens {
        // `${NAME}` outside a string: the tokenizer sees a `$` or a placeholder.
        if let Some(span) = source.range(token.span)
            && matches!(&token.token, Token::Placeholder(_) | Token::Char('$') | Token::Word(_))
            && let Some(name) = variable_name(source.slice(span.start..source.text().len()))
        {
            return Err(Error::invalid(format!("variable ${{{name}}} has no value"))
                .hint(format!("Give it one: --var {name}=VALUE."))
                .at(span.start..span.start + name.len() + 3));
        }
    }
    Ok(tokens)
}

fn words(piece: &[TokenWithSpan]) -> impl Iterator<Item = &TokenWithSpan> {
    piece.iter().filter(|t| !matches!(t.token, Token::Whitespace(_)))
}

fn is_blank(piece: &[TokenWithSpan]) -> bool {
    words(piece).next().is_none()
}

/// True for a hint comment, `/*+ … */`.
pub(crate) fn hint_text(token: &Token) -> Option<&str> {
    match token {
        Token::Whitespace(Whitespace::MultiLineComment(text)) => text.strip_prefix('+'),
        _ => None,
    }
}

pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        // Leave acronyms alone.
        Some(first) if !chars.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
