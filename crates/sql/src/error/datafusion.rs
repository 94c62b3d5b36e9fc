//! DataFusion's errors as ours: without its prefixes, with a place in the script and a hint.

use std::ops::Range;

use datafusion::common::{DataFusionError, SchemaError, Span};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};
use sloth_types::{Error, ErrorKind};

use crate::catalog::nearest;
use crate::dialect::FlinkDialect;
use crate::parse::cursor::{explain_parser_error, word_length};
use crate::parse::lower_first;
use crate::text::SourceText;

/// Explains an error that came up while the statement at `statement` was planned.
pub(crate) fn explain(source: &SourceText, statement: &Range<usize>, error: DataFusionError) -> Error {
    let mut place = None;
    let explained = unwrap(source, statement, error, &mut place);
    let explained = match place {
        Some(place) => explained.at(place),
        None => explained,
    };
    if explained.span().is_some() {
        return explained;
    }
    // The message usually quotes the word: look for it.
    let place = quoted(explained.message()).find_map(|word| find_word(source, statement, word));
    explained.at(place.unwrap_or_else(|| first_word(source, statement)))
}

fn unwrap(
    source: &SourceText,
    statement: &Range<usize>,
    error: DataFusionError,
    place: &mut Option<Range<usize>>,
) -> Error {
    match error {
        DataFusionError::Context(_, inner) => unwrap(source, statement, *inner, place),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            *place = diagnostic.span.map(|span| range(source, span)).or(place.take());
            unwrap(source, statement, *inner, place)
        }
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => unwrap(source, statement, first, place),
            None => Error::internal("the planner failed without saying why"),
        },
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::invalid(other.to_string()),
        },
        DataFusionError::SQL(error, _) => explain_parser_error(source, statement.clone(), &error),
        DataFusionError::SchemaError(error, _) => schema_error(source, statement, *error, place),
        DataFusionError::Plan(text) => plan_error(&text),
        DataFusionError::NotImplemented(text) => Error::unsupported(tidy(&text)),
        DataFusionError::Internal(text) => match text.contains("coerce") {
            true => Error::invalid(tidy(&text)),
            false => Error::internal(tidy(&text)),
        },
        DataFusionError::Execution(text) | DataFusionError::Configuration(text) => Error::invalid(tidy(&text)),
        DataFusionError::ArrowError(error, _) => Error::invalid(tidy(&error.to_string())),
        other => Error::new(ErrorKind::Invalid, tidy(&other.strip_backtrace())),
    }
}

fn range(source: &SourceText, span: Span) -> Range<usize> {
    let at = |l: datafusion::common::Location| source.offset(Location { line: l.line, column: l.column });
    let start = at(span.start);
    start..at(span.end).max(start)
}

fn schema_error(
    source: &SourceText,
    statement: &Range<usize>,
    error: SchemaError,
    place: &mut Option<Range<usize>>,
) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            *place = field.spans.first().map(|span| range(source, span)).or(place.take());
            let shown = match &field.relation {
                Some(relation) => format!("{relation}.{}", field.name),
                None => field.name.clone(),
            };
            if place.is_none() {
                *place = find_word(source, statement, &field.name);
            }
            let names = || valid_fields.iter().map(|c| c.name.as_str()).filter(|n| !n.starts_with('$'));
            let error = Error::invalid(format!("column '{shown}' does not exist"));
            match nearest(&field.name, names()) {
                Some(near) => error.hint(format!("Did you mean '{near}'?")),
                None => {
                    let mut all: Vec<&str> = names().collect();
                    all.dedup();
                    match all.is_empty() {
                        true => error,
                        false => error.hint(format!("Columns here: {}.", all.join(", "))),
                    }
                }
            }
        }
        SchemaError::AmbiguousReference { field } => {
            *place = field.spans.first().map(|span| range(source, span)).or(place.take());
            Error::invalid(format!("column '{}' is ambiguous: several inputs have it", field.name))
                .hint(format!("Write the table before it, as in t.{}.", field.name))
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            Error::invalid(format!("column '{name}' appears twice")).hint("Give one of them another name with AS.")
        }
    }
}

fn plan_error(text: &str) -> Error {
    let text = tidy(text);
    if let Some(rest) = text.strip_prefix("Invalid function '") {
        let name = rest.split('\'').next().unwrap_or_default();
        let error = Error::invalid(format!("function '{name}' does not exist"));
        return match (name, rest.split("Did you mean '").nth(1).and_then(|r| r.split('\'').next())) {
            ("tumble" | "hop" | "session" | "cumulate" | "descriptor", _) => Error::invalid(format!(
                "{} stands where no window can stand",
                name.to_ascii_uppercase()
            ))
            .hint("Use it in GROUP BY, with TUMBLE_START and the like in SELECT, or as FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL …)).")
            .detail(format!("'{name}'")),
            (_, Some(near)) if nearest(name, std::iter::once(near)).is_some() => {
                error.hint(format!("Did you mean '{near}'?"))
            }
            _ => error.hint("SHOW FUNCTIONS lists all functions."),
        };
    }
    if let Some(rest) = text.strip_prefix("Column in SELECT must be in GROUP BY or an aggregate function") {
        if rest.contains("$window_") {
            return Error::invalid("the window in SELECT is not the one in GROUP BY, or the column is no group key")
                .hint("Write TUMBLE_START and the like with exactly the arguments of the TUMBLE in GROUP BY.");
        }
        let name = rest.split('"').nth(1).unwrap_or_default();
        return Error::invalid(format!("column '{name}' must be in GROUP BY or inside an aggregate function"))
            .hint(format!("Group by it, or write for instance MAX({name})."));
    }
    if text.starts_with("Projections require unique expression names") {
        let name = text.split('"').nth(1).unwrap_or_default();
        let name = name.rsplit(" AS ").next().unwrap_or(name);
        return Error::invalid(format!("column '{name}' appears twice")).hint("Give one of them another name with AS.");
    }
    // Our own functions put the hint behind a bar.
    match text.split_once('|') {
        Some((message, hint)) => Error::invalid(lower_first(message)).hint(format!("{hint}.")),
        None => match text.split_once(". Candidate functions:") {
            Some((message, _)) => Error::invalid(lower_first(message)),
            None => Error::invalid(lower_first(&text)),
        },
    }
}

/// Cuts DataFusion's prefixes and the advice that is not for users.
fn tidy(text: &str) -> String {
    let mut text = text.trim();
    // The innermost message is the one that says what is wrong.
    text = text.rsplit_once("Error during planning: ").map_or(text, |(_, inner)| inner);
    for prefix in ["Execution error: ", "This feature is not implemented: ", "Schema error: ", "Arrow error: "] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    let end =
        ["\n\nbacktrace", "\nThis issue was likely caused", " No function matches the given name", "\n\tCandidate"]
            .iter()
            .filter_map(|marker| text.find(marker))
            .min();
    sql_words(text.get(..end.unwrap_or(text.len())).unwrap_or(text).trim().trim_end_matches('.'))
}

/// Says literals and types in SQL: `Int64(1)` is 1, `Utf8` is STRING.
fn sql_words(text: &str) -> String {
    const TYPES: [(&str, &str); 12] = [
        ("Utf8View", "STRING"),
        ("Utf8", "STRING"),
        ("Int64", "BIGINT"),
        ("Int32", "INT"),
        ("Int16", "SMALLINT"),
        ("Int8", "TINYINT"),
        ("Float64", "DOUBLE"),
        ("Float32", "FLOAT"),
        ("Boolean", "BOOLEAN"),
        ("Decimal128", "DECIMAL"),
        ("Date32", "DATE"),
        ("Timestamp", "TIMESTAMP"),
    ];
    let mut text = text.to_owned();
    if let Ok(literals) = regex::Regex::new(r#"\b(?:U?Int\d+|Utf8|Float\d+|Boolean)\(("[^"]*"|[^()]*)\)"#) {
        text = literals.replace_all(&text, "$1").into_owned();
    }
    for (arrow, sql) in TYPES {
        if text.contains(arrow)
            && let Ok(word) = regex::Regex::new(&format!(r"\b{arrow}\b"))
        {
            text = word.replace_all(&text, sql).into_owned();
        }
    }
    text
}

/// The words in single quotes.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('\'').skip(1).step_by(2).map(|q| q.rsplit('.').next().unwrap_or(q))
}

/// Where a word stands in a statement: the last of equal ones is a guess as good as another, so the first.
pub(crate) fn find_word(source: &SourceText, statement: &Range<usize>, word: &str) -> Option<Range<usize>> {
    let text = source.slice(statement.clone());
    let part = SourceText::new(text);
    let tokens = Tokenizer::new(&FlinkDialect, text).tokenize_with_location().ok()?;
    let found = tokens.iter().find(|t| match &t.token {
        Token::Word(w) => w.value.eq_ignore_ascii_case(word),
        Token::SingleQuotedString(s) => s == word,
        _ => false,
    })?;
    let range = part.range(found.span)?;
    Some(statement.start + range.start..statement.start + range.end)
}

fn first_word(source: &SourceText, statement: &Range<usize>) -> Range<usize> {
    statement.start..statement.start + word_length(source.slice(statement.clone()))
}
