//! `(a, b) IN (SELECT x, y …)`, as a condition of `WHERE`, `HAVING` or `ON` and as a value, and `GROUP BY ()`.
//!
//! A row is among others when there is one with equal columns; it is not among them when none is equal or may be. That is
//! `[NOT] EXISTS`, where what is unknown counts as not true: right where a condition keeps rows, below `AND` and `OR`.
//! As a value it is a `CASE` of both questions.

use std::mem::take;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, Query, Select, SelectItem, SetExpr,
    TableFactor, UnaryOperator, Value, VisitMut, VisitorMut, visit_expressions, visit_expressions_mut,
};
use datafusion::sql::sqlparser::parser::Parser;
use sloth_types::{Error, Result};

use super::{finish, relation_names};
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
    let mut around = vec![];
    select.from.iter().for_each(|table| relation_names(table, &mut around));
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            finish(VisitMut::visit(expr, &mut Values { around: &around, depth: 0 }))?;
        }
    }
    let on = select.from.iter_mut().flat_map(|from| &mut from.joins).filter_map(|join| on(&mut join.join_operator));
    let all = select.selection.iter_mut().chain(&mut select.having).chain(on);
    all.into_iter().try_for_each(|expr| condition(expr, &around))
}

/// Puts values in the place of rows among others, outside of subqueries.
struct Values<'a> {
    around: &'a [String],
    depth: usize,
}

impl VisitorMut for Values<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match value(expr, self.around) {
            Ok(Some(value)) if self.depth == 0 => *expr = value,
            Err(error) => return ControlFlow::Break(error),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether a row is among others: true, false or unknown.
fn value(expr: &Expr, around: &[String]) -> Result<Option<Expr>> {
    let Expr::InSubquery { expr: row, subquery, negated } = expr else { return Ok(None) };
    let Expr::Tuple(columns) = row.as_ref() else { return Ok(None) };
    let is = exists(columns.clone(), subquery, false, around)?;
    let may_be = match exists(columns.clone(), subquery, true, around)? {
        Expr::Exists { subquery, .. } => Expr::Exists { subquery, negated: false },
        other => other,
    };
    let text = match negated {
        false => "CASE WHEN 1 THEN TRUE WHEN 2 THEN NULL ELSE FALSE END",
        true => "CASE WHEN 1 THEN FALSE WHEN 2 THEN NULL ELSE TRUE END",
    };
    let parsed = Parser::new(&FlinkDialect).try_with_sql(text).and_then(|mut parser| parser.parse_expr());
    let mut case = parsed.map_err(|_| Error::internal("a row among others has no value"))?;
    if let Expr::Case { conditions, .. } = &mut case {
        conditions.iter_mut().zip([is, may_be]).for_each(|(when, question)| when.condition = question);
    }
    Ok(Some(case))
}

fn on(join: &mut JoinOperator) -> Option<&mut Expr> {
    match join {
        JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

fn condition(expr: &mut Expr, around: &[String]) -> Result<()> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            condition(left, around)?;
            condition(right, around)
        }
        Expr::Nested(inner) => condition(inner, around),
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
                condition(&mut within, around)?;
                *expr = within;
            }
            Ok(())
        }
        Expr::InSubquery { expr: row, subquery, negated } => match row.as_mut() {
            Expr::Tuple(columns) => {
                *expr = exists(take(columns), subquery, *negated, around)?;
                Ok(())
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn exists(row: Vec<Expr>, subquery: &Query, negated: bool, around: &[String]) -> Result<Expr> {
    if let Some(query) = dependent(&row, subquery, negated, around) {
        return Ok(Expr::Exists { subquery: Box::new(query), negated });
    }
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
    select.selection = all_of(row.into_iter().enumerate().map(equal), negated);
    Ok(Expr::Exists { subquery: query, negated })
}

/// All of some equalities; for `NOT IN` that they may hold.
fn all_of(equalities: impl Iterator<Item = Expr>, may_be: bool) -> Option<Expr> {
    let all = equalities.reduce(|a, b| binary(a, BinaryOperator::And, b))?;
    Some(match may_be {
        true => Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(all)))),
        false => all,
    })
}

/// A subquery that reads the row around it, with the equalities among its own conditions: what reads from around must stand
/// in the subquery itself. `None` for one that does not, or in which the columns of the row would mean something else.
fn dependent(row: &[Expr], subquery: &Query, may_be: bool, around: &[String]) -> Option<Query> {
    let mut query = subquery.clone();
    let plain = query.with.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
        GroupByExpr::All(_) => true,
    };
    if !plain || grouped || select.having.is_some() || select.qualify.is_some() || select.top.is_some() {
        return None;
    }
    let mut own = vec![];
    select.from.iter().for_each(|table| relation_names(table, &mut own));
    let outer = |name: &Ident| around.contains(&name.value) && !own.contains(&name.value);
    let (mut reads, mut aggregates) = (false, false);
    let flow: ControlFlow<()> = visit_expressions(&*select, |expr| {
        match expr {
            Expr::CompoundIdentifier(path) => reads |= path.first().is_some_and(outer),
            Expr::Function(f) => {
                let name = super::function_name(f).unwrap_or_default();
                aggregates |= f.over.is_some() || !SCALARS.contains(&name.as_str());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    if flow.is_break() || !reads || aggregates {
        return None;
    }
    let theirs: Vec<Expr> = std::mem::take(&mut select.projection)
        .into_iter()
        .map_while(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        })
        .collect();
    if theirs.len() != row.len() {
        return None;
    }
    let mut row = row.to_vec();
    let mut known = true;
    for column in &mut row {
        let flow: ControlFlow<()> = visit_expressions_mut(column, |expr| {
            match (&*expr, around) {
                (Expr::Identifier(name), [only]) if outer(&Ident::new(only.as_str())) => {
                    *expr = Expr::CompoundIdentifier(vec![Ident::with_quote('`', only.as_str()), name.clone()]);
                }
                (Expr::CompoundIdentifier(path), _) => known &= path.first().is_some_and(outer),
                (Expr::Identifier(_), _) => known = false,
                _ => {}
            }
            ControlFlow::Continue(())
        });
        known &= flow.is_continue();
    }
    if !known {
        return None;
    }
    let nested = |expr: Expr| Expr::Nested(Box::new(expr));
    let equalities = row.into_iter().zip(theirs).map(|(a, b)| binary(nested(a), BinaryOperator::Eq, nested(b)));
    let equal = all_of(equalities, may_be)?;
    select.projection = vec![SelectItem::UnnamedExpr(Expr::Value(Value::Number("1".to_owned(), false).into()))];
    select.distinct = None;
    select.selection = Some(match select.selection.take() {
        Some(before) => binary(nested(before), BinaryOperator::And, nested(equal)),
        None => equal,
    });
    query.order_by = None;
    Some(query)
}

/// Functions of single rows that a subquery may call beside columns; others may be aggregates.
const SCALARS: &[&str] = &[
    "UPPER",
    "LOWER",
    "TRIM",
    "ABS",
    "MOD",
    "COALESCE",
    "CONCAT",
    "SUBSTRING",
    "CHAR_LENGTH",
    "FLOOR",
    "CEIL",
    "ROUND",
];

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}
