//! Flink's syntax and names become what DataFusion's planner understands, before any name is resolved.

pub(crate) mod casts;
mod derived;
mod exclude;
mod expr;
pub(crate) mod group_window;
pub(crate) mod interval;
mod json;
mod json_build;
mod like;
mod rows_in;
mod rows_in_having;
mod running;
mod symmetric;
pub(crate) mod temporal;
pub(crate) mod tokens;
mod trim;
mod using;
pub(crate) mod within;

use std::ops::{ControlFlow, Range};

use datafusion::sql::sqlparser::ast::{
    self, Expr, Ident, Join, JoinConstraint, JoinOperator, LimitClause, ObjectName, Query, Select, SelectItem,
    TableFactor, TableWithJoins, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use sloth_types::{Error, Result};

use crate::plan::is_unnest;
use crate::text::SourceText;

/// Rewrites a query in place.
pub(crate) fn rewrite_query(source: &SourceText, query: &mut Query) -> Result<()> {
    finish(query.visit(&mut Rewriter { places: Places { source } }))
}

/// Rewrites an expression in place.
pub(crate) fn rewrite_expr(source: &SourceText, expr: &mut Expr) -> Result<()> {
    finish(expr.visit(&mut Rewriter { places: Places { source } }))
}

fn finish(flow: ControlFlow<Error>) -> Result<()> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Puts places into errors.
pub(super) struct Places<'s> {
    source: &'s SourceText,
}

impl Places<'_> {
    fn at(&self, error: Error, span: Span) -> Error {
        match self.source.range(span) {
            Some(place) => error.at(place),
            None => error,
        }
    }
}

struct Rewriter<'s> {
    places: Places<'s>,
}

impl Rewriter<'_> {
    fn place(&self, ident: Option<&Ident>) -> Option<Range<usize>> {
        self.places.source.range(ident?.span)
    }
}

fn flow(result: Result<()>) -> ControlFlow<Error> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        derived::rewrite(select);
        flow(
            rows_in_having::rewrite(select)
                .and_then(|()| temporal::rewrite(select))
                .and_then(|()| group_window::rewrite_group_by(select))
                .and_then(|()| rows_in::rewrite(select))
                .and_then(|()| using::rewrite(select)),
        )
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        flow(fetch_as_limit(query).and_then(|()| using::rewrite_order(query)))
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        name_columns(select);
        nest_unnests(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let refuse = |error: Error, place: Option<Range<usize>>| {
            ControlFlow::Break(match place {
                Some(place) => error.at(place),
                None => error,
            })
        };
        match factor {
            TableFactor::Table { version: Some(ast::TableVersion::TimestampAsOf(_)), .. } => ControlFlow::Continue(()),
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => refuse(
                Error::unsupported("TABLESAMPLE")
                    .hint("Choose rows by their content, which a retraction can do again: WHERE MOD(id, 10) = 0."),
                None,
            ),
            TableFactor::Table { name, version: Some(_), .. } => {
                let place = self.place(name.0.last().and_then(|part| part.as_ident()));
                let error = Error::unsupported("FOR SYSTEM_TIME AS OF stands where there is no join")
                    .hint("Write l JOIN t FOR SYSTEM_TIME AS OF l.time AS t ON l.key = t.key.");
                refuse(error, place)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let place = match expr {
            Expr::Function(f) => self.place(f.name.0.last().and_then(|part| part.as_ident())),
            _ => None,
        };
        flow(expr::rewrite(expr, &self.places).map_err(|e| match place {
            Some(place) => e.at(place),
            None => e,
        }))
    }
}

/// Marks the number of a `FETCH FIRST n ROWS WITH TIES`.
pub(crate) const WITH_TIES: &str = "$with_ties";

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`; `WITH TIES` a `LIMIT` by rank.
fn fetch_as_limit(query: &mut Query) -> Result<()> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.percent {
        return Err(Error::unsupported("FETCH with PERCENT")
            .hint("Write CUME_DIST() OVER (ORDER BY …) AS part in a subquery, and WHERE part <= 0.1 around it."));
    }
    if fetch.with_ties && query.order_by.is_none() {
        return Err(Error::invalid("WITH TIES without ORDER BY").hint("Add ORDER BY: it says which rows are ties."));
    }
    let rows = fetch.quantity.unwrap_or_else(|| Expr::Value(ast::Value::Number("1".to_owned(), false).into()));
    let rows = if fetch.with_ties { call(WITH_TIES, vec![rows]) } else { rows };
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        Some(_) => return Err(Error::invalid("LIMIT and FETCH").hint("Write one of them.")),
        none => *none = Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: vec![] }),
    }
    Ok(())
}

/// Gives the columns of a SELECT the names that Flink gives: a field's own name, or `EXPR$n`.
fn name_columns(select: &mut Select) {
    let mut relations = Vec::new();
    for table in &select.from {
        relation_names(table, &mut relations);
    }
    let mut taken: Vec<String> = Vec::new();
    for (index, item) in select.projection.iter_mut().enumerate() {
        let (expr, own, name) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone()), alias.value.clone()),
            SelectItem::UnnamedExpr(expr) => {
                let (own, name) = own_name(expr, index, &relations);
                (expr, own, name)
            }
            _ => continue,
        };
        // The second column of a name gets a number, as in Flink.
        let unique = (0..).map(|n| format!("{name}{n}")).find(|n| !taken.contains(n)).unwrap_or_default();
        let alias = if taken.contains(&name) { Some(Ident::with_quote('`', unique)) } else { own };
        taken.push(alias.as_ref().map_or(name, |a| a.value.clone()));
        if let Some(alias) = alias {
            let expr = std::mem::replace(expr, Expr::Value(ast::Value::Null.into()));
            *item = SelectItem::ExprWithAlias { expr, alias };
        }
    }
}

/// The alias that an expression needs, and the name of its column.
fn own_name(expr: &Expr, index: usize, relations: &[String]) -> (Option<Ident>, String) {
    match expr {
        Expr::Identifier(ident) => (None, ident.value.clone()),
        Expr::CompoundIdentifier(path) => {
            let is_column = path.len() == 2 && path.first().is_some_and(|first| relations.contains(&first.value));
            let last = path.last().cloned().unwrap_or_else(|| Ident::new(format!("EXPR${index}")));
            let name = last.value.clone();
            (if is_column { None } else { Some(last) }, name)
        }
        _ => {
            let name = format!("EXPR${index}");
            (Some(Ident::with_quote('`', name.clone())), name)
        }
    }
}

/// Puts each join with UNNEST and what stands before it in brackets, so that they are planned as one relation: UNNEST
/// reads the columns of the tables before it.
fn nest_unnests(select: &mut Select) {
    let mut tables: Vec<TableWithJoins> = Vec::with_capacity(select.from.len());
    for table in std::mem::take(&mut select.from) {
        match tables.last_mut() {
            // `FROM t, UNNEST(t.a)` is a cross join.
            Some(before) if is_unnest(&table.relation) => {
                before.joins.push(Join {
                    relation: table.relation,
                    global: false,
                    join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
                });
                before.joins.extend(table.joins);
            }
            _ => tables.push(table),
        }
    }
    for table in &mut tables {
        let Some(last) = table.joins.iter().rposition(|j| is_unnest(&j.relation)) else { continue };
        let rest = table.joins.split_off(last + 1);
        let inner = std::mem::replace(table, TableWithJoins { relation: values(), joins: rest });
        table.relation = nested(inner);
    }
    select.from = tables;
}

/// Brackets around everything up to each UNNEST, the innermost around the first.
fn nested(mut table: TableWithJoins) -> TableFactor {
    if let Some((last, before)) = table.joins.split_last()
        && let Some(inner) = before.iter().rposition(|j| is_unnest(&j.relation))
    {
        let mut rest = before[inner + 1..].to_vec();
        rest.push(last.clone());
        let head = TableWithJoins { relation: table.relation, joins: before[..=inner].to_vec() };
        table = TableWithJoins { relation: nested(head), joins: rest };
    }
    TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None }
}

/// Stands in for a relation while it is moved.
fn values() -> TableFactor {
    TableFactor::NestedJoin {
        table_with_joins: Box::new(TableWithJoins {
            relation: TableFactor::UNNEST {
                alias: None,
                array_exprs: vec![],
                with_offset: false,
                with_offset_alias: None,
                with_ordinality: false,
            },
            joins: vec![],
        }),
        alias: None,
    }
}

fn relation_names(table: &TableWithJoins, names: &mut Vec<String>) {
    for factor in std::iter::once(&table.relation).chain(table.joins.iter().map(|j| &j.relation)) {
        let alias = match factor {
            TableFactor::Table { name, alias, .. } => {
                if alias.is_none()
                    && let Some(last) = name.0.last().and_then(|part| part.as_ident())
                {
                    names.push(tokens::hinted_name(&last.value).0.to_owned());
                }
                alias
            }
            TableFactor::TableFunction { expr, alias } => {
                if alias.is_none() {
                    tvf_relation(expr, names);
                }
                alias
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                relation_names(table_with_joins, names);
                alias
            }
            TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => alias,
            _ => &None,
        };
        names.extend(alias.iter().map(|a| a.name.value.clone()));
    }
}

/// The table inside `TUMBLE(TABLE t, …)`: its columns keep their qualifier.
fn tvf_relation(expr: &Expr, names: &mut Vec<String>) {
    let Expr::Function(f) = expr else { return };
    let table = args(f).into_iter().next();
    match table {
        Some(Expr::Identifier(name)) => names.push(name.value.clone()),
        Some(Expr::CompoundIdentifier(path)) => names.extend(path.last().map(|i| i.value.clone())),
        Some(inner @ Expr::Function(_)) => tvf_relation(inner, names),
        _ => {}
    }
}

/// A call of `name` in the AST.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    use ast::{Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments};
    let args = args.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// A string literal in the AST.
pub(crate) fn string(value: impl Into<String>) -> Expr {
    Expr::Value(ast::Value::SingleQuotedString(value.into()).into())
}

/// The plain arguments of a call, positional or named.
pub(crate) fn args(function: &ast::Function) -> Vec<&Expr> {
    use ast::{FunctionArg, FunctionArgExpr, FunctionArguments};
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let exprs = list.args.iter().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) | FunctionArg::Named { arg: FunctionArgExpr::Expr(e), .. } => {
            Some(e)
        }
        _ => None,
    });
    exprs.collect()
}

/// The function's name in upper case; `None` for a qualified or quoted one.
pub(crate) fn function_name(function: &ast::Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|i| i.value.to_ascii_uppercase()),
        _ => None,
    }
}
