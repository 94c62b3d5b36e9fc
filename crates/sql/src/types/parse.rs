//! Reads a Flink type from the parser's tokens.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::{SqlType, SqlTypeKind};
use crate::dialect::FlinkDialect;

type Result<T> = std::result::Result<T, ParserError>;

/// Parses a type from text, for instance `ROW<a INT, b ARRAY<STRING>>`.
///
/// # Errors
/// When the text is not a type.
pub fn parse_type_text(text: &str) -> Result<SqlType> {
    let mut tokens = Vec::new();
    for token in Tokenizer::new(&FlinkDialect, text).tokenize()? {
        match token {
            Token::Whitespace(_) => {}
            Token::ShiftRight => tokens.extend([Token::Gt, Token::Gt]),
            token => tokens.push(token),
        }
    }
    let mut parser = Parser::new(&FlinkDialect).with_tokens(tokens);
    let parsed = parse_type(&mut parser)?;
    match parser.peek_token().token {
        Token::EOF => Ok(parsed),
        _ => parser.expected("end of the type", parser.peek_token()),
    }
}

/// Parses the type at the parser's position, `NOT NULL` and postfix `ARRAY` included.
///
/// # Errors
/// When there is no type.
pub fn parse_type(parser: &mut Parser<'_>) -> Result<SqlType> {
    let mut parsed = SqlType::new(parse_kind(parser)?);
    loop {
        if parse_words(parser, &["NOT", "NULL"]) {
            parsed.nullable = false;
        } else if word_is(&parser.peek_token(), "NULL") {
            parser.next_token();
        } else if word_is(&parser.peek_token(), "ARRAY") {
            parser.next_token();
            parsed = SqlType::new(SqlTypeKind::Array(Box::new(parsed)));
        } else {
            return Ok(parsed);
        }
    }
}

fn parse_kind(parser: &mut Parser<'_>) -> Result<SqlTypeKind> {
    let token = parser.next_token();
    let Token::Word(word) = &token.token else { return parser.expected("a type", token) };
    if word.quote_style.is_some() {
        return parser.expected("a type", token);
    }
    Ok(match word.value.to_ascii_uppercase().as_str() {
        "CHAR" | "CHARACTER" => match parse_words(parser, &["VARYING"]) {
            true => SqlTypeKind::Varchar(Some(length(parser)?.unwrap_or(1))),
            false => SqlTypeKind::Char(length(parser)?.unwrap_or(1)),
        },
        // Flink's default length is 1, but its own documents write VARCHAR for STRING.
        "VARCHAR" => SqlTypeKind::Varchar(length(parser)?),
        "STRING" | "TEXT" => SqlTypeKind::Varchar(None),
        "BOOLEAN" | "BOOL" => SqlTypeKind::Boolean,
        "BINARY" => SqlTypeKind::Binary(length(parser)?.unwrap_or(1)),
        "VARBINARY" => SqlTypeKind::Varbinary(length(parser)?),
        "BYTES" | "BYTEA" => SqlTypeKind::Varbinary(None),
        "DECIMAL" | "DEC" | "NUMERIC" => parse_decimal(parser, &token)?,
        "TINYINT" => SqlTypeKind::TinyInt,
        "SMALLINT" | "INT2" => SqlTypeKind::SmallInt,
        "INT" | "INTEGER" | "INT4" => SqlTypeKind::Int,
        "BIGINT" | "INT8" => SqlTypeKind::BigInt,
        "FLOAT" | "REAL" => SqlTypeKind::Float,
        "DOUBLE" => {
            parse_words(parser, &["PRECISION"]);
            SqlTypeKind::Double
        }
        "DATE" => SqlTypeKind::Date,
        "TIME" => {
            let precision = precision(parser, 0)?;
            zone(parser);
            SqlTypeKind::Time(precision)
        }
        "TIMESTAMP" => {
            let precision = precision(parser, 6)?;
            match zone(parser) {
                Zone::None => SqlTypeKind::Timestamp(precision),
                Zone::Local => SqlTypeKind::TimestampLtz(precision),
            }
        }
        "TIMESTAMP_LTZ" | "TIMESTAMPTZ" => SqlTypeKind::TimestampLtz(precision(parser, 6)?),
        "ARRAY" => {
            parser.expect_token(&Token::Lt)?;
            let element = parse_type(parser)?;
            close(parser)?;
            SqlTypeKind::Array(Box::new(element))
        }
        "MAP" => parse_map(parser)?,
        "MULTISET" => return Err(unsupported("MULTISET", "Use ARRAY<…> or MAP<…, INT>", &token)),
        "INTERVAL" => return Err(unsupported("INTERVAL", "Store a number of milliseconds as BIGINT", &token)),
        "RAW" => return Err(unsupported("RAW", "Use BYTES", &token)),
        "ROW" | "STRUCT" => parse_row(parser)?,
        _ => return parser.expected("a type", token),
    })
}

fn unsupported(name: &str, instead: &str, token: &TokenWithSpan) -> ParserError {
    ParserError::ParserError(format!("type {name} is not supported. {instead}{}", token.span.start))
}

fn parse_decimal(parser: &mut Parser<'_>, token: &TokenWithSpan) -> Result<SqlTypeKind> {
    let (mut precision, mut scale) = (10, 0);
    if parser.consume_token(&Token::LParen) {
        precision = parser.parse_literal_uint()?;
        if parser.consume_token(&Token::Comma) {
            scale = parser.parse_literal_uint()?;
        }
        parser.expect_token(&Token::RParen)?;
    }
    if !(1..=38).contains(&precision) || scale > precision {
        let text =
            format!("DECIMAL({precision}, {scale}) is out of range: the precision is 1 to 38, the scale at most it");
        return Err(ParserError::ParserError(format!("{text}{}", token.span.start)));
    }
    Ok(SqlTypeKind::Decimal(precision as u8, scale as i8))
}

fn parse_map(parser: &mut Parser<'_>) -> Result<SqlTypeKind> {
    parser.expect_token(&Token::Lt)?;
    let key = parse_type(parser)?;
    parser.expect_token(&Token::Comma)?;
    let value = parse_type(parser)?;
    close(parser)?;
    Ok(SqlTypeKind::Map(Box::new(key), Box::new(value)))
}

fn parse_row(parser: &mut Parser<'_>) -> Result<SqlTypeKind> {
    let angle = !parser.consume_token(&Token::LParen);
    if angle {
        parser.expect_token(&Token::Lt)?;
    }
    let mut fields = Vec::new();
    loop {
        let name = parser.parse_identifier()?.value;
        let field_type = parse_type(parser)?;
        if let Token::SingleQuotedString(_) = parser.peek_token().token {
            parser.next_token(); // a field's comment
        }
        fields.push((name, field_type));
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    if angle {
        close(parser)?
    } else {
        parser.expect_token(&Token::RParen).map(drop)?
    }
    Ok(SqlTypeKind::Row(fields))
}

/// Expects `>`. The tokens were split before (`>>` is two closings), see `rewrite::tokens`.
fn close(parser: &mut Parser<'_>) -> Result<()> {
    parser.expect_token(&Token::Gt).map(drop)
}

fn length(parser: &mut Parser<'_>) -> Result<Option<u32>> {
    if !parser.consume_token(&Token::LParen) {
        return Ok(None);
    }
    let length = parser.parse_literal_uint()?;
    parser.expect_token(&Token::RParen)?;
    // VARCHAR(2147483647) is how Flink spells STRING in full.
    Ok((length < i32::MAX as u64).then_some(length as u32))
}

fn precision(parser: &mut Parser<'_>, default: u8) -> Result<u8> {
    let token = parser.peek_token();
    match length(parser)? {
        None => Ok(default),
        Some(p @ 0..=9) => Ok(p as u8),
        Some(_) => parser.expected("a precision from 0 to 9", token),
    }
}

enum Zone {
    None,
    Local,
}

fn zone(parser: &mut Parser<'_>) -> Zone {
    if parse_words(parser, &["WITH", "LOCAL", "TIME", "ZONE"]) || parse_words(parser, &["WITH", "TIME", "ZONE"]) {
        return Zone::Local;
    }
    parse_words(parser, &["WITHOUT", "TIME", "ZONE"]);
    Zone::None
}

/// Consumes the words when all of them come next.
pub(crate) fn parse_words(parser: &mut Parser<'_>, words: &[&str]) -> bool {
    let all = words.iter().enumerate().all(|(i, word)| word_is(&parser.peek_nth_token(i), word));
    if all {
        words.iter().for_each(|_| parser.advance_token());
    }
    all
}

/// True for the unquoted word, in any case.
pub(crate) fn word_is(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}
