//! Which statement is it: looks at the first words and parses the rest.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, Ident};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use sloth_types::{Error, Result};

use super::create;
use super::cursor::{Cursor, span_of};
use super::statement::{Drop, Insert, ObjectKind, Show, Statement, StatementKind};
use super::{emit, lifetime};
use crate::text::SourceText;

/// Parses one statement from its tokens.
pub(crate) fn parse_statement(source: &Arc<SourceText>, tokens: &[TokenWithSpan]) -> Result<Statement> {
    let (before, clause) = emit::split(tokens);
    let mut emit = clause.map(|clause| emit::parse(source, clause)).transpose()?;
    let ttl_hints = lifetime::hints(source, before)?;
    let mut cursor = Cursor::new(source, before)?;
    let span = span_of(source, tokens);
    let mut kind = parse_kind(&mut cursor)?;
    cursor.expect_end()?;
    if let StatementKind::Explain(inner) = &mut kind {
        inner.emit = emit.take();
        inner.ttl_hints.clone_from(&ttl_hints);
    }
    let runs = match &kind {
        StatementKind::Query(_) | StatementKind::Insert(_) => true,
        StatementKind::CreateTable(create) => create.query.is_some(),
        _ => false,
    };
    match emit {
        Some(clause) if !runs => Err(Error::invalid("EMIT belongs to a query that runs: a SELECT or an INSERT")
            .hint("Write it at the end of the SELECT or INSERT that reads this.")
            .at(clause.span)),
        emit => Ok(Statement { kind, span, source: Arc::clone(source), emit, ttl_hints }),
    }
}

fn parse_kind(c: &mut Cursor<'_>) -> Result<StatementKind> {
    if ["SELECT", "WITH", "VALUES", "FROM"].iter().any(|w| c.at(w)) || c.at_token(&Token::LParen) {
        return Ok(StatementKind::Query(c.query()?));
    }
    if c.take(&["CREATE"]) {
        return create::parse_create(c);
    }
    if c.take(&["EXECUTE"]) {
        return parse_insert(c);
    }
    if c.at("INSERT") {
        return parse_insert(c);
    }
    if c.take(&["EXPLAIN"]) {
        return parse_explain(c);
    }
    if c.take(&["DROP"]) {
        return parse_drop(c);
    }
    if c.take(&["SHOW"]) {
        return parse_show(c);
    }
    if c.take(&["DESCRIBE"]) || c.take(&["DESC"]) {
        c.take(&["EXTENDED"]);
        return Ok(StatementKind::Describe(c.name()?));
    }
    if c.take(&["SET"]) {
        return parse_set(c);
    }
    if c.take(&["RESET"]) {
        let key = unquote(c.rest());
        skip(c);
        return Ok(StatementKind::Reset((!key.is_empty()).then_some(key)));
    }
    parse_foreign(c)
}

/// Statements of Flink that mean nothing here, or cannot be done.
fn parse_foreign(c: &mut Cursor<'_>) -> Result<StatementKind> {
    for (words, why) in [
        (&["USE", "CATALOG"][..], "there is one catalog"),
        (&["USE", "MODULES"], "modules are built in"),
        (&["USE"], "there is one database"),
        (&["LOAD", "MODULE"], "modules are built in"),
        (&["UNLOAD", "MODULE"], "modules are built in"),
        (&["ADD", "JAR"], "connectors and formats are built in"),
        (&["REMOVE", "JAR"], "connectors and formats are built in"),
        (&["ANALYZE", "TABLE"], "streaming plans do not use statistics"),
    ] {
        if c.take(words) {
            skip(c);
            return Ok(StatementKind::Nothing(format!("{} ignored: {why}", words.join(" "))));
        }
    }
    let refused = [
        ("UPDATE", "Write the changed rows with INSERT INTO … SELECT."),
        ("DELETE", "Filter the rows with WHERE in the query that writes the table."),
        ("TRUNCATE", "Empty the table in the system that stores it."),
        ("ALTER", "Drop the table and create it again: a table is only a description of data outside."),
        ("CALL", "Procedures belong to Flink's lake connectors."),
    ];
    for (word, hint) in refused {
        if c.at(word) {
            let start = c.start();
            return Err(Error::unsupported(format!("{word} is not supported"))
                .hint(hint)
                .at(start..start + word.len()));
        }
    }
    c.expected("a statement such as CREATE TABLE, INSERT INTO or SELECT")
}

fn skip(c: &mut Cursor<'_>) {
    while c.next().token != Token::EOF {}
}

fn parse_explain(c: &mut Cursor<'_>) -> Result<StatementKind> {
    if !c.take(&["PLAN", "FOR"]) {
        // ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE, JSON_EXECUTION_PLAN: the plan shows what there is anyway.
        while ["ESTIMATED_COST", "CHANGELOG_MODE", "PLAN_ADVICE", "JSON_EXECUTION_PLAN", "VERBOSE"]
            .iter()
            .any(|w| c.take(&[w]))
        {
            c.take_token(&Token::Comma);
        }
    }
    let start = c.start();
    let kind = parse_kind(c)?;
    if !matches!(kind, StatementKind::Insert(_) | StatementKind::Query(_)) {
        return Err(Error::invalid("EXPLAIN takes a query or an INSERT").at(start..c.span.end));
    }
    let inner =
        Statement { kind, span: start..c.span.end, source: Arc::clone(c.source), emit: None, ttl_hints: vec![] };
    Ok(StatementKind::Explain(Box::new(inner)))
}

fn parse_drop(c: &mut Cursor<'_>) -> Result<StatementKind> {
    let temporary = c.take(&["TEMPORARY"]);
    c.take(&["SYSTEM"]);
    let object = match () {
        () if c.take(&["TABLE"]) => ObjectKind::Table,
        () if c.take(&["VIEW"]) => ObjectKind::View,
        () if c.take(&["FUNCTION"]) => ObjectKind::Function,
        () if !temporary && (c.take(&["DATABASE"]) || c.take(&["CATALOG"])) => {
            skip(c);
            return Ok(StatementKind::Nothing("DROP ignored: there is one catalog with one database".to_owned()));
        }
        () => return c.expected("TABLE, VIEW or FUNCTION"),
    };
    let if_exists = c.take(&["IF", "EXISTS"]);
    Ok(StatementKind::Drop(Drop { object, name: c.name()?, if_exists }))
}

fn parse_show(c: &mut Cursor<'_>) -> Result<StatementKind> {
    if c.take(&["CREATE"]) {
        if !c.take(&["TABLE"]) && !c.take(&["VIEW"]) {
            return c.expected("TABLE or VIEW");
        }
        return Ok(StatementKind::ShowCreate(c.name()?));
    }
    for (word, show) in [
        ("TABLES", Show::Tables),
        ("VIEWS", Show::Views),
        ("CATALOGS", Show::Catalogs),
        ("DATABASES", Show::Databases),
        ("JOBS", Show::Jobs),
    ] {
        if c.take(&[word]) {
            return Ok(StatementKind::Show(show));
        }
    }
    c.take(&["USER"]);
    if c.take(&["FUNCTIONS"]) {
        return Ok(StatementKind::Show(Show::Functions));
    }
    c.expected("TABLES, VIEWS, FUNCTIONS or CREATE TABLE")
}

/// `SET 'k' = 'v'`, and the old form without quotes.
fn parse_set(c: &mut Cursor<'_>) -> Result<StatementKind> {
    let rest = c.rest();
    if rest.is_empty() {
        return Ok(StatementKind::Set(None));
    }
    let Some((key, value)) = rest.split_once('=') else { return c.expected("'key' = 'value'") };
    let pair = (unquote(key), unquote(value));
    if pair.0.is_empty() {
        return c.expected("'key' = 'value'");
    }
    skip(c);
    Ok(StatementKind::Set(Some(pair)))
}

fn unquote(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => text.to_owned(),
    }
}

fn parse_insert(c: &mut Cursor<'_>) -> Result<StatementKind> {
    let start = c.start();
    c.expect(&["INSERT"])?;
    if c.take(&["OVERWRITE"]) {
        return Err(Error::unsupported(
            "INSERT OVERWRITE is not supported: a stream has no end at which to replace the table",
        )
        .hint("Use INSERT INTO.")
        .at(start..c.end()));
    }
    c.expect(&["INTO"])?;
    c.take(&["TABLE"]);
    let table = c.name()?;
    let mut partition = Vec::new();
    if c.take(&["PARTITION"]) {
        c.expect_token(&Token::LParen)?;
        loop {
            let column = c.with(Parser::parse_identifier)?;
            if c.take_token(&Token::Eq) {
                partition.push((column, c.expr()?.0));
            }
            if !c.take_token(&Token::Comma) {
                break;
            }
        }
        c.expect_token(&Token::RParen)?;
    }
    let columns = insert_columns(c)?;
    let query = c.query()?;
    Ok(StatementKind::Insert(Box::new(Insert { table, columns, partition, query })))
}

/// `(a, b)` before the query; a parenthesis may also open the query itself.
fn insert_columns(c: &mut Cursor<'_>) -> Result<Vec<Ident>> {
    if !c.at_token(&Token::LParen) {
        return Ok(Vec::new());
    }
    c.with(|p| {
        Ok(p.maybe_parse(|p| {
            let columns =
                p.parse_parenthesized_column_list(datafusion::sql::sqlparser::parser::IsOptional::Mandatory, false)?;
            // What follows must be a query, else the parenthesis was one.
            match p.peek_token().token {
                Token::EOF | Token::RParen => p.expected("a query", p.peek_token()),
                _ => Ok::<Vec<ast::Ident>, _>(columns),
            }
        })?
        .unwrap_or_default())
    })
}
