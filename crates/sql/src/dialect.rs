//! The Flink dialect for sqlparser: what its tokenizer and parser must know about Flink's lexical rules.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use crate::rewrite::{call, string};
use crate::types::parse_words;

/// Flink SQL, plus double-quoted identifiers as Postgres has them.
#[derive(Debug)]
pub(crate) struct FlinkDialect;

impl Dialect for FlinkDialect {
    // The parser asks for concrete dialects in many places: answering "generic" opens the permissive paths.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_' || c == '$'
    }
    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_' || c == '$'
    }
    fn is_delimited_identifier_start(&self, c: char) -> bool {
        c == '`' || c == '"'
    }
    fn supports_table_versioning(&self) -> bool {
        true
    }
    fn supports_match_recognize(&self) -> bool {
        true
    }
    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }
    fn supports_group_by_expr(&self) -> bool {
        true
    }
    fn supports_named_fn_args_with_rarrow_operator(&self) -> bool {
        true
    }
    fn allow_extract_custom(&self) -> bool {
        true
    }
    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }
    /// `text IS [NOT] JSON [VALUE | OBJECT | ARRAY | SCALAR]`, and `a IS [NOT] DISTINCT FROM b`, of which the parser would take
    /// all that follows for `b`, an `AND …`, too.
    fn parse_infix(&self, parser: &mut Parser<'_>, expr: &Expr, _: u8) -> Option<Result<Expr, ParserError>> {
        let other = |parser: &mut Parser<'_>| parser.parse_subexpr(self.prec_value(Precedence::Is)).map(Box::new);
        if parse_words(parser, &["IS", "DISTINCT", "FROM"]) {
            return Some(other(parser).map(|other| Expr::IsDistinctFrom(Box::new(expr.clone()), other)));
        }
        if parse_words(parser, &["IS", "NOT", "DISTINCT", "FROM"]) {
            return Some(other(parser).map(|other| Expr::IsNotDistinctFrom(Box::new(expr.clone()), other)));
        }
        let negated = match () {
            () if parse_words(parser, &["IS", "JSON"]) => false,
            () if parse_words(parser, &["IS", "NOT", "JSON"]) => true,
            () => return None,
        };
        let kinds = ["VALUE", "OBJECT", "ARRAY", "SCALAR"];
        let kind = kinds.into_iter().find(|kind| parse_words(parser, &[kind])).unwrap_or("VALUE");
        let test = call("$is_json", vec![expr.clone(), string(kind)]);
        Some(Ok(match negated {
            true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(test) },
            false => test,
        }))
    }
    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }
}
