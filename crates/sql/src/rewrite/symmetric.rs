//! `x BETWEEN SYMMETRIC a AND b`: the bounds may come in either order. The parser does not know it: the first bound travels
//! in a call.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::parse::cursor::is_word;

/// The call around the first bound.
const SYMMETRIC: &str = "$SYMMETRIC";

/// Puts the first bound of every `BETWEEN SYMMETRIC` into a call; `BETWEEN ASYMMETRIC` is plain `BETWEEN`.
pub(super) fn wrap(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is = |i: usize, word: &str| tokens.get(i).is_some_and(|token| is_word(token, word));
    let begins = |i: usize, word: &str| i > 0 && is(i, word) && is(i - 1, "BETWEEN") && !is(i + 1, "AND");
    let mut closes = vec![];
    let mut out = Vec::with_capacity(tokens.len());
    for (i, token) in tokens.iter().enumerate() {
        if closes.contains(&i) {
            out.push(TokenWithSpan::new(Token::RParen, token.span));
        }
        if begins(i, "ASYMMETRIC") {
            continue;
        }
        match begins(i, "SYMMETRIC").then(|| end_of_bound(&tokens, i + 1)).flatten() {
            Some(end) => {
                closes.push(end);
                let word = Word { value: SYMMETRIC.to_owned(), quote_style: None, keyword: Keyword::NoKeyword };
                out.push(TokenWithSpan::new(Token::Word(word), token.span));
                out.push(TokenWithSpan::new(Token::LParen, token.span));
            }
            None => out.push(token.clone()),
        }
    }
    out
}

/// The `AND` behind the first bound.
fn end_of_bound(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(from) {
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.checked_sub(1)?,
            _ if is_word(token, "CASE") => depth += 1,
            _ if is_word(token, "END") => depth = depth.checked_sub(1)?,
            _ if depth == 0 && is_word(token, "AND") => return Some(i),
            _ => {}
        }
    }
    None
}

/// A `BETWEEN` with a first bound in the call, as two.
pub(super) fn rewrite(expr: &Expr) -> Option<Expr> {
    let Expr::Between { expr: value, negated, low, high } = expr else { return None };
    let Expr::Function(call) = low.as_ref() else { return None };
    let [bound] = super::args(call).into_iter().cloned().collect::<Vec<_>>().try_into().ok()?;
    if super::function_name(call)? != SYMMETRIC {
        return None;
    }
    let (low, high): (Box<Expr>, Box<Expr>) = (Box::new(bound), high.clone());
    let between = |low: &Expr, high: &Expr| {
        let (low, high) = (Box::new(low.clone()), Box::new(high.clone()));
        Box::new(Expr::Between { expr: value.clone(), negated: *negated, low, high })
    };
    // Not in either is in none of both.
    let op = if *negated { BinaryOperator::And } else { BinaryOperator::Or };
    let either = Expr::BinaryOp { left: between(&low, &high), op, right: between(&high, &low) };
    Some(Expr::Nested(Box::new(either)))
}
