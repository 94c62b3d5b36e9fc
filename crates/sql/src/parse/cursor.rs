//! A parser over one statement's tokens whose errors point into the script.

use std::ops::Range;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};
use sloth_types::{Error, Result};

use super::lower_first;
use super::statement::Name;
use crate::dialect::FlinkDialect;
use crate::rewrite::tokens::rewrite_tokens;
use crate::text::SourceText;
use crate::types::{SqlType, parse_type};

pub(crate) use crate::types::word_is as is_word;

/// Where a run of tokens stands, blanks at both ends left out.
pub(crate) fn span_of(source: &SourceText, tokens: &[TokenWithSpan]) -> Range<usize> {
    let mut solid = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_)));
    let first = solid.next().and_then(|t| source.range(t.span));
    let last = solid.next_back().and_then(|t| source.range(t.span)).or_else(|| first.clone());
    match (first, last) {
        (Some(first), Some(last)) => first.start..last.end,
        _ => 0..0,
    }
}

/// The parser of one statement.
pub(crate) struct Cursor<'s> {
    parser: Parser<'static>,
    pub(crate) source: &'s Arc<SourceText>,
    /// The whole statement.
    pub(crate) span: Range<usize>,
}

impl<'s> Cursor<'s> {
    /// Rewrites the statement's tokens to what the parser understands and stands before the first.
    pub(crate) fn new(source: &'s Arc<SourceText>, tokens: &[TokenWithSpan]) -> Result<Self> {
        let span = span_of(source, tokens);
        let tokens = rewrite_tokens(source, tokens)?;
        let parser = Parser::new(&FlinkDialect).with_tokens_with_locations(tokens);
        Ok(Cursor { parser, source, span })
    }

    /// Runs a step of the parser.
    pub(crate) fn with<T>(
        &mut self,
        step: impl FnOnce(&mut Parser<'static>) -> std::result::Result<T, ParserError>,
    ) -> Result<T> {
        step(&mut self.parser).map_err(|e| self.explain(&e))
    }

    fn explain(&self, error: &ParserError) -> Error {
        explain_parser_error(self.source, self.span.clone(), error)
    }

    /// An error at the next token.
    pub(crate) fn expected<T>(&self, what: &str) -> Result<T> {
        let token = self.parser.peek_token();
        let found = match &token.token {
            Token::EOF => "the end of the statement".to_owned(),
            other => format!("'{other}'"),
        };
        Err(Error::invalid(format!("expected {what}, found {found}")).at(self.place(&token)))
    }

    fn place(&self, token: &TokenWithSpan) -> Range<usize> {
        match (&token.token, self.source.range(token.span)) {
            (Token::EOF, _) | (_, None) => self.span.end.saturating_sub(1)..self.span.end,
            (_, Some(range)) => range,
        }
    }

    /// Byte offset of the next token.
    pub(crate) fn start(&self) -> usize {
        self.place(&self.parser.peek_token()).start
    }

    /// Byte offset after the last token taken.
    pub(crate) fn end(&self) -> usize {
        self.source.range(self.parser.get_current_token().span).map_or(self.span.end, |r| r.end)
    }

    /// Takes the unquoted words when all of them come next.
    pub(crate) fn take(&mut self, words: &[&str]) -> bool {
        crate::types::parse_words(&mut self.parser, words)
    }

    /// True when the unquoted word comes next.
    pub(crate) fn at(&self, word: &str) -> bool {
        is_word(&self.parser.peek_token(), word)
    }

    /// Takes the words or fails.
    pub(crate) fn expect(&mut self, words: &[&str]) -> Result<()> {
        if self.take(words) { Ok(()) } else { self.expected(&words.join(" ")) }
    }

    /// Takes the token when it comes next.
    pub(crate) fn take_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    /// True when the token comes next.
    pub(crate) fn at_token(&self, token: &Token) -> bool {
        self.parser.peek_token().token == *token
    }

    /// Takes the token or fails.
    pub(crate) fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.take_token(token) { Ok(()) } else { self.expected(&format!("'{token}'")) }
    }

    /// The end of the statement or an error.
    pub(crate) fn expect_end(&self) -> Result<()> {
        match self.parser.peek_token().token {
            Token::EOF => Ok(()),
            _ => self.expected("the end of the statement"),
        }
    }

    /// A name, of which the last part counts.
    pub(crate) fn name(&mut self) -> Result<Name> {
        let start = self.start();
        let object = self.with(|p| p.parse_object_name(false))?;
        Ok(self.name_of(&object, start))
    }

    fn name_of(&self, object: &ObjectName, start: usize) -> Name {
        let last = object.0.last().and_then(|part| part.as_ident());
        let span = last.and_then(|i| self.source.range(i.span)).unwrap_or(start..self.end());
        Name { value: last.map_or_else(|| object.to_string(), |i| i.value.clone()), span }
    }

    /// One identifier.
    pub(crate) fn ident(&mut self) -> Result<Name> {
        let ident = self.with(Parser::parse_identifier)?;
        Ok(self.located(&ident))
    }

    fn located(&self, ident: &Ident) -> Name {
        let span = self.source.range(ident.span).unwrap_or(self.span.clone());
        Name { value: ident.value.clone(), span }
    }

    /// `( a, b, … )`.
    pub(crate) fn ident_list(&mut self) -> Result<Vec<Name>> {
        self.expect_token(&Token::LParen)?;
        let mut names = vec![self.ident()?];
        while self.take_token(&Token::Comma) {
            names.push(self.ident()?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(names)
    }

    /// A string in single quotes.
    pub(crate) fn string(&mut self, what: &str) -> Result<String> {
        match self.parser.peek_token().token {
            Token::SingleQuotedString(value) => {
                self.parser.advance_token();
                Ok(value)
            }
            _ => self.expected(what),
        }
    }

    /// `COMMENT 'text'` when it comes next.
    pub(crate) fn comment(&mut self) -> Result<Option<String>> {
        if self.take(&["COMMENT"]) { Ok(Some(self.string("a comment in single quotes")?)) } else { Ok(None) }
    }

    /// `( 'k' = 'v', … )`.
    pub(crate) fn options(&mut self) -> Result<Vec<(String, String)>> {
        self.expect_token(&Token::LParen)?;
        let mut pairs = Vec::new();
        while !self.take_token(&Token::RParen) {
            let key = self.string("an option's name in single quotes, such as 'connector'")?;
            self.expect_token(&Token::Eq)?;
            pairs.push((key, self.string("the option's value in single quotes")?));
            if !self.take_token(&Token::Comma) && !self.at_token(&Token::RParen) {
                return self.expected("',' or ')'");
            }
        }
        Ok(pairs)
    }

    /// A type.
    pub(crate) fn sql_type(&mut self) -> Result<SqlType> {
        self.with(parse_type)
    }

    /// An expression and where it stands.
    pub(crate) fn expr(&mut self) -> Result<(ast::Expr, Range<usize>)> {
        let start = self.start();
        let mut expr = self.with(Parser::parse_expr)?;
        let span = start..self.end();
        crate::rewrite::rewrite_expr(self.source, &mut expr).map_err(|e| e.at(span.clone()))?;
        Ok((expr, span))
    }

    /// A query up to the end of the statement.
    pub(crate) fn query(&mut self) -> Result<Box<ast::Query>> {
        let start = self.start();
        let mut query = self.with(Parser::parse_query)?;
        self.expect_end()?;
        crate::rewrite::rewrite_query(self.source, &mut query).map_err(|e| e.at(start..self.span.end))?;
        Ok(query)
    }

    /// The next token, taken.
    pub(crate) fn next(&mut self) -> TokenWithSpan {
        self.parser.next_token()
    }

    /// The text from here to the end of the statement.
    pub(crate) fn rest(&self) -> &'s str {
        match self.parser.peek_token().token {
            Token::EOF => "",
            _ => self.source.slice(self.start()..self.span.end),
        }
    }
}

/// Makes a parser's error readable and finds its place.
pub(crate) fn explain_parser_error(source: &SourceText, statement: Range<usize>, error: &ParserError) -> Error {
    let text = match error {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply",
    };
    let (text, place) = match text.rsplit_once(" at Line: ") {
        Some((before, place)) => (before, parse_place(place)),
        None => (text, None),
    };
    let found = text.rsplit_once("found: ").map(|(_, found)| found);
    let span = match place {
        Some(location) => {
            let mut start = source.offset(location);
            // The parser sometimes names a word and points behind it.
            let before = source.slice(0..start).trim_end();
            if let Some(found) = found
                && !source.slice(start..source.text().len()).starts_with(found)
                && before.ends_with(found)
            {
                start = before.len() - found.len();
            }
            start..start + word_length(source.slice(start..source.text().len()))
        }
        None => statement.end.saturating_sub(1)..statement.end,
    };
    let text =
        text.trim_start_matches("sql parser error: ").trim_start_matches("Expected: ").trim_start_matches("Expected ");
    let message = match text.rsplit_once(", found: ") {
        Some((expected, "EOF")) => format!("expected {expected}, found the end of the statement"),
        Some((expected, found)) => format!("expected {expected}, found '{found}'"),
        None => lower_first(text),
    };
    match message.split_once(". ") {
        Some((message, hint)) => Error::invalid(message).hint(format!("{}.", hint.trim_end_matches('.'))).at(span),
        None => Error::invalid(message).at(span),
    }
}

fn parse_place(text: &str) -> Option<Location> {
    let (line, column) = text.split_once(", Column: ")?;
    let digits = column.find(|c: char| !c.is_ascii_digit()).map_or(column, |end| &column[..end]);
    Some(Location { line: line.parse().ok()?, column: digits.parse().ok()? })
}

/// Length of the word, number or symbol at the start of `text`.
pub(crate) fn word_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    match chars.next() {
        Some((_, quote @ ('\'' | '`' | '"'))) => text[1..].find(quote).map_or(1, |end| end + 2),
        Some((_, c)) if c.is_alphanumeric() || c == '_' => {
            text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
        }
        Some((_, c)) => c.len_utf8(),
        None => 0,
    }
}
