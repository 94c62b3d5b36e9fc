//! `RIGHT JOIN … USING (k)` and `FULL JOIN … USING (k)`: the column `k` of the result is that of the side that has a row.
//! The join becomes `ON`, and a bare `k` the merged column; `l.k` and `r.k` stay those of their sides.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExceptSelectItem, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName,
    OrderBy, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
    TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions,
};
use sloth_types::{Error, Result};

use super::{call, relation_names};

/// A column that a join has made of two.
struct Merged {
    name: Ident,
    /// The columns it is made of, the preserved side's first.
    value: Expr,
}

/// What stands in FROM: the tables in order, and the columns of each that are part of merged ones.
#[derive(Default)]
struct Scope {
    tables: Vec<(String, Vec<Ident>)>,
    merged: Vec<Merged>,
}

/// Rewrites the order of a query by merged columns that its SELECT does not give.
pub(super) fn rewrite_order(query: &mut Query) -> Result<()> {
    let Query { body, order_by: Some(OrderBy { kind: OrderByKind::Expressions(order), .. }), .. } = query else {
        return Ok(());
    };
    let SetExpr::Select(select) = body.as_ref() else { return Ok(()) };
    let Some(mut scope) = of_select(&mut select.clone())? else { return Ok(()) };
    let gives = |name: &Ident| {
        select.projection.iter().any(|item| match item {
            SelectItem::UnnamedExpr(Expr::Identifier(given)) | SelectItem::ExprWithAlias { alias: given, .. } => {
                given.value == name.value
            }
            SelectItem::Wildcard(_) => true,
            _ => false,
        })
    };
    scope.merged.retain(|merged| !gives(&merged.name));
    order.iter_mut().for_each(|sort| scope.put(&mut sort.expr));
    Ok(())
}

/// Rewrites the joins of a SELECT, and what it reads of them.
pub(super) fn rewrite(select: &mut Select) -> Result<()> {
    let Some(scope) = of_select(select)? else { return Ok(()) };
    let mut items = vec![];
    for mut item in std::mem::take(&mut select.projection) {
        match &mut item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                items.push(match scope.merged.iter().find(|m| m.name.value == name.value) {
                    Some(merged) => SelectItem::ExprWithAlias { expr: merged.value.clone(), alias: name.clone() },
                    None => item,
                });
            }
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                scope.put(expr);
                items.push(item);
            }
            SelectItem::Wildcard(options) if *options == WildcardAdditionalOptions::default() => {
                items.extend(scope.all());
            }
            SelectItem::Wildcard(_) => {
                return Err(Error::unsupported("* with a list behind a RIGHT or FULL JOIN … USING")
                    .hint("Write the columns one by one."));
            }
            _ => items.push(item),
        }
    }
    select.projection = items;
    for expr in select.selection.iter_mut().chain(&mut select.having).chain(&mut select.qualify) {
        scope.put(expr);
    }
    if let GroupByExpr::Expressions(exprs, _) = &mut select.group_by {
        exprs.iter_mut().for_each(|expr| scope.put(expr));
    }
    Ok(())
}

/// The merged columns of a SELECT; its joins are rewritten. `None` when it has no join of the kind.
fn of_select(select: &mut Select) -> Result<Option<Scope>> {
    let mut all = Scope::default();
    for table in &mut select.from {
        let scope = of_table(table)?;
        all.tables.extend(scope.tables);
        all.merged.extend(scope.merged);
    }
    Ok(if all.merged.is_empty() { None } else { Some(all) })
}

fn of_table(table: &mut TableWithJoins) -> Result<Scope> {
    let mut scope = of_factor(&mut table.relation)?;
    let merges = table.joins.iter().any(|join| preserved(&join.join_operator) != Preserved::Left && is_using(join));
    for join in &mut table.joins {
        let right = of_factor(&mut join.relation)?;
        let which = preserved(&join.join_operator);
        match constraint(&mut join.join_operator) {
            Some(JoinConstraint::Natural) if which != Preserved::Left => {
                return Err(
                    Error::unsupported("NATURAL RIGHT or FULL JOIN").hint("Write the columns: … JOIN t USING (k).")
                );
            }
            Some(constraint @ JoinConstraint::Using(_)) if merges || !scope.merged.is_empty() => {
                scope.join(right, constraint, which)?;
            }
            _ => {
                scope.tables.extend(right.tables);
                scope.merged.extend(right.merged);
            }
        }
    }
    Ok(scope)
}

/// What a FROM names: a table, or a join in brackets.
fn of_factor(factor: &mut TableFactor) -> Result<Scope> {
    if let TableFactor::NestedJoin { table_with_joins, alias: None } = factor {
        return of_table(table_with_joins);
    }
    let mut names = vec![];
    relation_names(&TableWithJoins { relation: factor.clone(), joins: vec![] }, &mut names);
    // A table function with an alias also tells the name of the table in it.
    let tables = names.pop().map(|name| (name, vec![])).into_iter().collect();
    Ok(Scope { tables, merged: vec![] })
}

/// Which side's rows are there without a partner, as far as the merged column depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preserved {
    Left,
    Right,
    Both,
}

fn preserved(operator: &JoinOperator) -> Preserved {
    match operator {
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => Preserved::Right,
        JoinOperator::FullOuter(_) => Preserved::Both,
        _ => Preserved::Left,
    }
}

fn is_using(join: &Join) -> bool {
    matches!(constraint(&mut join.join_operator.clone()), Some(JoinConstraint::Using(_)))
}

/// What the tables of a join are joined by, where it says so.
pub(super) fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(c)
        | JoinOperator::Inner(c)
        | JoinOperator::Left(c)
        | JoinOperator::LeftOuter(c)
        | JoinOperator::Right(c)
        | JoinOperator::RightOuter(c)
        | JoinOperator::FullOuter(c) => Some(c),
        _ => None,
    }
}

impl Scope {
    /// Joins another scope USING some columns.
    fn join(&mut self, mut right: Scope, constraint: &mut JoinConstraint, which: Preserved) -> Result<()> {
        let JoinConstraint::Using(columns) = constraint else { return Ok(()) };
        let names: Vec<Ident> = columns.iter().filter_map(|c| c.0.last()?.as_ident().cloned()).collect();
        let mut condition: Option<Expr> = None;
        for name in names {
            let (left, other) = (self.column(&name)?, right.column(&name)?);
            let equal = binary(left.clone(), BinaryOperator::Eq, other.clone());
            condition = Some(match condition {
                Some(before) => binary(before, BinaryOperator::And, equal),
                None => equal,
            });
            let value = match which {
                Preserved::Left => left,
                Preserved::Right => other,
                Preserved::Both => call("coalesce", vec![left, other]),
            };
            self.merged.retain(|merged| merged.name.value != name.value);
            right.merged.retain(|merged| merged.name.value != name.value);
            self.merged.push(Merged { name, value });
        }
        if let Some(condition) = condition {
            *constraint = JoinConstraint::On(condition);
        }
        self.tables.extend(right.tables);
        self.merged.extend(right.merged);
        Ok(())
    }

    /// A column that is to be merged: the merged one of that name, or that of the only table.
    fn column(&mut self, name: &Ident) -> Result<Expr> {
        if let Some(merged) = self.merged.iter().find(|merged| merged.name.value == name.value) {
            return Ok(merged.value.clone());
        }
        match self.tables.as_mut_slice() {
            [(table, hidden)] => {
                hidden.push(name.clone());
                Ok(Expr::CompoundIdentifier(vec![quoted(table), name.clone()]))
            }
            _ => Err(Error::unsupported(format!("USING ({}) behind a join of several tables", name.value))
                .hint(format!("Give every table a name, and write ON with the table that has '{}'.", name.value))),
        }
    }

    /// Puts merged columns in the place of bare names, outside of subqueries.
    fn put(&self, expr: &mut Expr) {
        let mut merging = Merging { scope: self, depth: 0 };
        let ControlFlow::Continue(()) = VisitMut::visit(expr, &mut merging);
    }

    /// What `*` stands for: the merged columns, then the others in the order of the tables.
    fn all(&self) -> Vec<SelectItem> {
        let merged =
            self.merged.iter().map(|m| SelectItem::ExprWithAlias { expr: m.value.clone(), alias: m.name.clone() });
        let others = self.tables.iter().map(|(table, hidden)| {
            let except = hidden.split_first().map(|(first, rest)| ExceptSelectItem {
                first_element: first.clone(),
                additional_elements: rest.to_vec(),
            });
            let kind = SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(vec![quoted(table)]));
            SelectItem::QualifiedWildcard(kind, WildcardAdditionalOptions { opt_except: except, ..Default::default() })
        });
        merged.chain(others).collect()
    }
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('`', name)
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

struct Merging<'s> {
    scope: &'s Scope,
    /// Number of subqueries around.
    depth: usize,
}

impl VisitorMut for Merging<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<Self::Break> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Self::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Expr::Identifier(name) = expr
            && self.depth == 0
            && let Some(merged) = self.scope.merged.iter().find(|merged| merged.name.value == name.value)
        {
            *expr = merged.value.clone();
        }
        ControlFlow::Continue(())
    }
}
