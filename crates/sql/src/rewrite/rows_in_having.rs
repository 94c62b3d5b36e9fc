//! `HAVING (k, COUNT(*)) IN (SELECT x, y …)`: the groups become a subquery, and the condition its `WHERE`.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::parser::Parser;
use sloth_types::{Error, Result};

use super::own_name;
use crate::dialect::FlinkDialect;

/// Moves conditions on rows among others out of the `HAVING` of a `SELECT`, where all of them must hold.
pub(super) fn rewrite(select: &mut Select) -> Result<()> {
    let Some(having) = &select.having else { return Ok(()) };
    let (mut moved, mut kept) = (vec![], vec![]);
    split(having, &mut moved, &mut kept);
    let wild = |item: &SelectItem| !matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    if moved.is_empty() || select.projection.iter().any(wild) {
        return Ok(());
    }
    let text = "SELECT 1 FROM (SELECT 1) AS `$groups`";
    let built = || Error::internal("a HAVING has no other form");
    let parsed = Parser::new(&FlinkDialect).try_with_sql(text).and_then(|mut parser| parser.parse_query());
    let outside = match parsed.map(|query| *query.body) {
        Ok(SetExpr::Select(outside)) => *outside,
        _ => return Err(built()),
    };
    let mut groups = std::mem::replace(select, outside);
    let mut names = vec![];
    for (index, item) in groups.projection.iter_mut().enumerate() {
        let (expr, name) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), alias.clone()),
            SelectItem::UnnamedExpr(expr) => (expr.clone(), Ident::with_quote('`', own_name(expr, index, &[]).1)),
            _ => continue,
        };
        *item = SelectItem::ExprWithAlias { expr, alias: name.clone() };
        names.push(name);
    }
    let mut conditions = vec![];
    for (at, condition) in moved.into_iter().enumerate() {
        let Expr::InSubquery { expr: row, subquery, negated } = condition else { return Err(built()) };
        let Expr::Tuple(columns) = *row else { return Err(built()) };
        let name = |i: usize| Ident::with_quote('`', format!("$row{at}_{i}"));
        let row = (0..columns.len()).map(|i| Expr::Identifier(name(i))).collect();
        let given = columns.into_iter().enumerate();
        groups.projection.extend(given.map(|(i, expr)| SelectItem::ExprWithAlias { expr, alias: name(i) }));
        conditions.push(Expr::InSubquery { expr: Box::new(Expr::Tuple(row)), subquery, negated });
    }
    groups.having = all(kept);
    select.distinct = groups.distinct.take();
    select.projection = names.into_iter().map(|name| SelectItem::UnnamedExpr(Expr::Identifier(name))).collect();
    select.selection = all(conditions);
    match select.from.first_mut() {
        Some(TableWithJoins { relation: TableFactor::Derived { subquery, .. }, .. }) => {
            let Query { body, .. } = subquery.as_mut();
            **body = SetExpr::Select(Box::new(groups));
            Ok(())
        }
        _ => Err(built()),
    }
}

/// The conditions that all must hold: rows among others, and the rest.
fn split(expr: &Expr, moved: &mut Vec<Expr>, kept: &mut Vec<Expr>) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            split(left, moved, kept);
            split(right, moved, kept);
        }
        Expr::Nested(inner) if matches!(inner.as_ref(), Expr::InSubquery { .. }) => split(inner, moved, kept),
        Expr::InSubquery { expr: row, .. } if matches!(row.as_ref(), Expr::Tuple(_)) => moved.push(expr.clone()),
        other => kept.push(other.clone()),
    }
}

fn all(conditions: Vec<Expr>) -> Option<Expr> {
    let and = |left, right| Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) };
    conditions.into_iter().map(|condition| Expr::Nested(Box::new(condition))).reduce(and)
}
