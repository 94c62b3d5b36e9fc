//! `CREATE TABLE | VIEW | FUNCTION`: Flink's bodies, which sqlparser does not know.

use datafusion::sql::sqlparser::tokenizer::Token;
use sloth_types::{Error, Result};

use super::cursor::Cursor;
use super::statement::{
    ColumnElement, CreateFunction, CreateTable, CreateView, Element, ElementKind, Like, MetadataElement, Name,
    StatementKind,
};
use crate::text::variable_name;

/// Everything after `CREATE`.
pub(crate) fn parse_create(c: &mut Cursor<'_>) -> Result<StatementKind> {
    let or_replace = c.take(&["OR", "REPLACE"]);
    c.take(&["TEMPORARY"]);
    c.take(&["SYSTEM"]);
    if c.take(&["TABLE"]) {
        return Ok(StatementKind::CreateTable(Box::new(parse_table(c, or_replace)?)));
    }
    if c.take(&["VIEW"]) {
        return Ok(StatementKind::CreateView(Box::new(parse_view(c, or_replace)?)));
    }
    if c.take(&["FUNCTION"]) {
        return parse_function(c);
    }
    if c.take(&["DATABASE"]) || c.take(&["CATALOG"]) {
        while c.next().token != Token::EOF {}
        return Ok(StatementKind::Nothing("CREATE ignored: there is one catalog with one database".to_owned()));
    }
    c.expected("TABLE, VIEW or FUNCTION")
}

fn parse_table(c: &mut Cursor<'_>, or_replace: bool) -> Result<CreateTable> {
    let if_not_exists = c.take(&["IF", "NOT", "EXISTS"]);
    let mut table = CreateTable {
        name: c.name()?,
        if_not_exists,
        or_replace,
        elements: Vec::new(),
        comment: None,
        partitioned_by: Vec::new(),
        options: Vec::new(),
        like: None,
        query: None,
    };
    if c.take_token(&Token::LParen) {
        while !c.take_token(&Token::RParen) {
            table.elements.push(parse_element(c)?);
            if !c.take_token(&Token::Comma) && !c.at_token(&Token::RParen) {
                return c.expected("',' or ')' after the column");
            }
        }
    }
    table.comment = c.comment()?;
    if c.take(&["DISTRIBUTED"]) {
        return Err(Error::unsupported("DISTRIBUTED BY is not supported")
            .hint("Leave the clause out: the engine distributes rows by the keys that a query needs.")
            .at(c.span.clone()));
    }
    if c.take(&["PARTITIONED", "BY"]) {
        table.partitioned_by = c.ident_list()?;
    }
    if c.take(&["WITH"]) {
        let start = c.start();
        table.options = c.options()?;
        for (key, value) in &table.options {
            if let Some(name) = value.find("${").and_then(|at| variable_name(value.get(at..)?)) {
                return Err(Error::invalid(format!("option '{key}': variable ${{{name}}} has no value"))
                    .hint(format!("Give it one: --var {name}=VALUE."))
                    .at(start..c.end()));
            }
        }
    }
    if c.take(&["LIKE"]) {
        table.like = Some(parse_like(c)?);
    }
    if c.take(&["AS"]) {
        table.query = Some(c.query()?);
    }
    Ok(table)
}

fn parse_like(c: &mut Cursor<'_>) -> Result<Like> {
    let mut like = Like { table: c.name()?, rules: Vec::new() };
    if !c.take_token(&Token::LParen) {
        return Ok(like);
    }
    while !c.take_token(&Token::RParen) {
        let verb = ["INCLUDING", "EXCLUDING", "OVERWRITING"].into_iter().find(|v| c.take(&[v]));
        let Some(verb) = verb else { return c.expected("INCLUDING, EXCLUDING or OVERWRITING") };
        let what =
            ["ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"];
        let Some(what) = what.into_iter().find(|w| c.take(&[w])) else {
            return c.expected(&format!("one of {}", what.join(", ")));
        };
        like.rules.push((verb.to_owned(), what.to_owned()));
    }
    Ok(like)
}

fn parse_element(c: &mut Cursor<'_>) -> Result<Element> {
    let start = c.start();
    let kind = if c.take(&["WATERMARK", "FOR"]) {
        let column = parse_path(c)?;
        c.expect(&["AS"])?;
        let (expr, expr_span) = c.expr()?;
        ElementKind::Watermark { column, expr, expr_span }
    } else if c.at("CONSTRAINT") {
        c.expect(&["CONSTRAINT"])?;
        c.ident()?;
        parse_primary_key(c)?
    } else if c.at("PRIMARY") || c.at("UNIQUE") {
        parse_primary_key(c)?
    } else {
        parse_column(c)?
    };
    Ok(Element { kind, span: start..c.end() })
}

/// A column or a field of a row: `a.b`.
fn parse_path(c: &mut Cursor<'_>) -> Result<Name> {
    let mut name = c.ident()?;
    while c.take_token(&Token::Period) {
        let field = c.ident()?;
        name = Name { value: format!("{}.{}", name.value, field.value), span: name.span.start..field.span.end };
    }
    Ok(name)
}

fn parse_primary_key(c: &mut Cursor<'_>) -> Result<ElementKind> {
    if c.at("UNIQUE") {
        let start = c.start();
        return Err(Error::unsupported("UNIQUE is not supported")
            .hint("Use PRIMARY KEY (…) NOT ENFORCED.")
            .at(start..start + 6));
    }
    c.expect(&["PRIMARY", "KEY"])?;
    let columns = c.ident_list()?;
    not_enforced(c)?;
    Ok(ElementKind::PrimaryKey(columns))
}

fn not_enforced(c: &mut Cursor<'_>) -> Result<()> {
    let start = c.start();
    if c.take(&["NOT", "ENFORCED"]) {
        return Ok(());
    }
    c.take(&["ENFORCED"]);
    Err(Error::invalid("a primary key cannot be enforced: the data lie outside")
        .hint("Write PRIMARY KEY (…) NOT ENFORCED.")
        .at(start..c.end().max(start + 1)))
}

fn parse_column(c: &mut Cursor<'_>) -> Result<ElementKind> {
    let name = c.ident()?;
    if c.take(&["AS"]) {
        let (expr, expr_span) = c.expr()?;
        return Ok(ElementKind::Computed { name, expr, expr_span, comment: c.comment()? });
    }
    let mut column = ColumnElement { name, sql_type: c.sql_type()?, metadata: None, primary_key: false, comment: None };
    loop {
        if c.take(&["METADATA"]) {
            let key = if c.take(&["FROM"]) { Some(c.string("the metadata key in single quotes")?) } else { None };
            column.metadata = Some(MetadataElement { key, is_virtual: c.take(&["VIRTUAL"]) });
        } else if c.take(&["CONSTRAINT"]) {
            c.ident()?;
        } else if c.take(&["PRIMARY", "KEY"]) {
            not_enforced(c)?;
            column.primary_key = true;
        } else if c.at("COMMENT") {
            column.comment = c.comment()?;
        } else {
            return Ok(ElementKind::Column(column));
        }
    }
}

fn parse_view(c: &mut Cursor<'_>, or_replace: bool) -> Result<CreateView> {
    let if_not_exists = c.take(&["IF", "NOT", "EXISTS"]);
    let name = c.name()?;
    let columns = if c.at_token(&Token::LParen) { c.ident_list()? } else { Vec::new() };
    let comment = c.comment()?;
    c.expect(&["AS"])?;
    Ok(CreateView { name, if_not_exists, or_replace, columns, comment, query: c.query()? })
}

fn parse_function(c: &mut Cursor<'_>) -> Result<StatementKind> {
    c.take(&["IF", "NOT", "EXISTS"]);
    let name = c.name()?;
    c.expect(&["AS"])?;
    let start = c.start();
    let class = c.string("the class in single quotes")?;
    let class_span = start..c.end();
    if c.take(&["LANGUAGE"]) {
        c.ident()?;
    }
    if c.take(&["USING"]) {
        while c.next().token != Token::EOF {}
    }
    Ok(StatementKind::CreateFunction(CreateFunction { name, class, class_span }))
}
