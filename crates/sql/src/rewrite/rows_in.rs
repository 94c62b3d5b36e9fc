//! `(a, b) IN (SELECT x, y …)` as a condition of `WHERE`, `HAVING` or `ON`, and `GROUP BY ()`.
//!
//! A row is among others when there is one with equal columns; it is not among them when none is equal or may be. That is
//! `[NOT] EXISTS`, where what is unknown counts as not true: right where a condition keeps rows, below `AND` and `OR`.

use std::mem::take;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, Query, Select, SetExpr, TableFactor,
    UnaryOperator,
};
use datafusion::sql::sqlparser::parser::Parser;
use sloth_types::{Error, Result};

use crate::dialect::FlinkDialect;

/// Rewrites the conditions of a `SELECT`.
pub(super) fn rewrite(select: &mut Select) -> Result<()> {
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        let all = keys.len();
        keys.retain(|key| !matches!(key, Expr::Tuple(columns) if columns.is_empty()));
        if keys.is_empty() && all > 0 {
            keys.push(Expr::GroupingSets(vec![vec![]]));
        }
    }
    let on = select.from.iter_mut().flat_map(|from| &mut from.joins).filter_map(|join| on(&mut join.join_operator));
    select.selection.iter_mut().chain(&mut select.having).chain(on).try_for_each(condition)
}

fn on(join: &mut JoinOperator) -> Option<&mut Expr> {
    match join {
        JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

fn condition(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            condition(left)?;
            condition(right)
        }
        Expr::Nested(inner) => condition(inner),
        Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
            let mut within = inner.as_mut();
            while let Expr::Nested(inner) = within {
                within = inner;
            }
            if let Expr::InSubquery { expr: row, negated, .. } = within
                && matches!(row.as_ref(), Expr::Tuple(_))
            {
                *negated = !*negated;
                let mut within = within.clone();
                condition(&mut within)?;
                *expr = within;
            }
            Ok(())
        }
        Expr::InSubquery { expr: row, subquery, negated } => match row.as_mut() {
            Expr::Tuple(columns) => {
                *expr = exists(take(columns), subquery, *negated)?;
                Ok(())
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn exists(row: Vec<Expr>, subquery: &Query, negated: bool) -> Result<Expr> {
    let names: Vec<String> = (0..row.len()).map(|i| format!("`$in{i}`")).collect();
    let text = format!("SELECT 1 FROM (SELECT 1) AS `$in` ({})", names.join(", "));
    let built = || Error::internal("a row among others has no form");
    let parsed = Parser::new(&FlinkDialect).try_with_sql(&text).and_then(|mut parser| parser.parse_query());
    let mut query = parsed.map_err(|_| built())?;
    let SetExpr::Select(select) = query.body.as_mut() else { return Err(built()) };
    match select.from.first_mut().map(|from| &mut from.relation) {
        Some(TableFactor::Derived { subquery: inner, .. }) => **inner = subquery.clone(),
        _ => return Err(built()),
    }
    let equal = |(i, column): (usize, Expr)| {
        let name = |name: String| Ident::with_quote('`', name);
        let theirs = Expr::CompoundIdentifier(vec![name("$in".to_owned()), name(format!("$in{i}"))]);
        binary(Expr::Nested(Box::new(column)), BinaryOperator::Eq, theirs)
    };
    let all = row.into_iter().enumerate().map(equal).reduce(|a, b| binary(a, BinaryOperator::And, b));
    select.selection = all.map(|all| match negated {
        true => Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(all)))),
        false => all,
    });
    Ok(Expr::Exists { subquery: query, negated })
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}
