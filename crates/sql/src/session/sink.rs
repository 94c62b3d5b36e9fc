//! `INSERT INTO`: brings a query's columns into the sink's order and types.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column as PlanColumn, ScalarValue};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, Ident};
use sloth_types::{Error, Result};

use super::Session;
use crate::catalog::{Column, ColumnKind, Object, Table, nearest};
use crate::parse::Statement;
use crate::parse::statement::Insert;
use crate::plan::with_options;
use crate::rewrite::tokens::hinted_name;
use crate::types::SqlType;

/// Plans an INSERT; returns the sink, with the options of a hint, and the plan that feeds it.
pub(super) fn plan_insert(
    session: &Session,
    statement: &Statement,
    insert: &Insert,
) -> Result<(Arc<Table>, LogicalPlan)> {
    let (name, hint) = hinted_name(&insert.table.value);
    let sink = match session.catalog.require(name).map_err(|e| e.at(insert.table.span.clone()))? {
        Object::Table(table) if hint.is_empty() => Arc::clone(table),
        Object::Table(table) => Arc::new(with_options(table, &hint)),
        Object::View(_) => {
            return Err(Error::invalid(format!("'{name}' is a view and cannot be written"))
                .hint("Insert into a table.")
                .at(insert.table.span.clone()));
        }
    };
    let plan = session.plan_root(statement, &insert.query)?;
    let targets = targets(statement, insert, &sink)?;
    let plan = fit(session, statement, insert, &sink, plan, &targets)?;
    Ok((sink, plan))
}

/// Where a sink's column gets its value.
enum Origin<'i> {
    /// The query's column of this index.
    Query(usize),
    /// A value of `PARTITION (c = value)`.
    Constant(&'i ast::Expr),
    /// Nothing: NULL.
    Missing,
}

fn targets<'i>(statement: &Statement, insert: &'i Insert, sink: &Table) -> Result<Vec<Origin<'i>>> {
    let place = |ident: &Ident| statement.source.range(ident.span).unwrap_or(insert.table.span.clone());
    for ident in insert.columns.iter().chain(insert.partition.iter().map(|(ident, _)| ident)) {
        check_target(sink, ident).map_err(|e| e.at(place(ident)))?;
    }
    let constant = |name: &str| insert.partition.iter().find(|(ident, _)| ident.value == name).map(|(_, e)| e);
    let mut next = 0;
    let mut origins = Vec::new();
    for column in sink.writable() {
        origins.push(match constant(&column.name) {
            Some(value) => Origin::Constant(value),
            None if insert.columns.is_empty() => {
                next += 1;
                Origin::Query(next - 1)
            }
            None => match insert.columns.iter().position(|ident| ident.value == column.name) {
                Some(index) => Origin::Query(index),
                None if column.sql_type.nullable => Origin::Missing,
                None => {
                    return Err(Error::invalid(format!("column '{}' of '{}' is NOT NULL", column.name, sink.name))
                        .hint("Insert a value for it.")
                        .at(insert.columns.first().map_or(insert.table.span.clone(), place)));
                }
            },
        });
    }
    Ok(origins)
}

fn check_target(sink: &Table, ident: &Ident) -> Result<()> {
    match sink.column(&ident.value).map(|c| &c.kind) {
        Some(ColumnKind::Physical | ColumnKind::Metadata { is_virtual: false, .. }) => Ok(()),
        Some(ColumnKind::Computed(_)) => {
            Err(Error::invalid(format!("column '{}' is computed and cannot be inserted", ident.value)))
        }
        Some(ColumnKind::Metadata { .. }) => {
            Err(Error::invalid(format!("column '{}' is virtual and cannot be inserted", ident.value)))
        }
        None => {
            let error = Error::invalid(format!("table '{}' has no column '{}'", sink.name, ident.value));
            Err(match nearest(&ident.value, sink.columns.iter().map(|c| c.name.as_str())) {
                Some(near) => error.hint(format!("Did you mean '{near}'?")),
                None => error,
            })
        }
    }
}

fn fit(
    session: &Session,
    statement: &Statement,
    insert: &Insert,
    sink: &Table,
    plan: LogicalPlan,
    origins: &[Origin<'_>],
) -> Result<LogicalPlan> {
    let width = plan.schema().fields().len();
    let wanted = match insert.columns.len() {
        0 => origins.iter().filter(|o| matches!(o, Origin::Query(_))).count(),
        named => named,
    };
    if width != wanted {
        let columns: Vec<String> = sink.writable().map(|c| format!("{} {}", c.name, c.sql_type)).collect();
        return Err(Error::invalid(format!("the query has {width} columns, '{}' takes {wanted}", sink.name))
            .hint(format!("Columns of '{}': {}.", sink.name, columns.join(", ")))
            .at(insert.table.span.clone()));
    }
    let mut exprs = Vec::new();
    for (column, origin) in sink.writable().zip(origins) {
        let to = column.data_type();
        let value = match origin {
            Origin::Query(index) => {
                let (qualifier, field) = plan.schema().qualified_field(*index);
                if !assignable(field.data_type(), &to) {
                    return Err(mismatch(statement, insert, sink, column, *index, field.data_type()));
                }
                Expr::Column(PlanColumn::from((qualifier, field)))
            }
            Origin::Constant(value) => {
                session.plan_expr(statement, value, &statement.span, &datafusion::common::DFSchema::empty())?
            }
            Origin::Missing => Expr::Literal(ScalarValue::Null, None),
        };
        exprs.push(cast(value, plan.schema(), to).alias(&column.name));
    }
    let fitted = LogicalPlanBuilder::from(plan).project(exprs).and_then(LogicalPlanBuilder::build);
    fitted.map_err(|e| session.explain(statement, statement.span.clone(), e))
}

fn cast(value: Expr, schema: &datafusion::common::DFSchema, to: DataType) -> Expr {
    use datafusion::logical_expr::ExprSchemable;
    match value.get_type(schema) {
        Ok(from) if from == to => value,
        _ => Expr::Cast(Cast::new(Box::new(value), to)),
    }
}

fn mismatch(
    statement: &Statement,
    insert: &Insert,
    sink: &Table,
    column: &Column,
    index: usize,
    from: &DataType,
) -> Error {
    let from = SqlType::from_arrow(from);
    let to = SqlType { nullable: true, ..column.sql_type.clone() };
    let error = Error::invalid(format!("column '{}' of '{}' is {to}, the query gives {from}", column.name, sink.name))
        .hint(format!("Convert it: CAST(… AS {to})."));
    match projection_place(statement, &insert.query, index) {
        Some(place) => error.at(place),
        None => error.at(insert.table.span.clone()),
    }
}

/// Where the `index`-th output column stands, when the query is a plain SELECT without a star before it.
fn projection_place(statement: &Statement, query: &ast::Query, index: usize) -> Option<std::ops::Range<usize>> {
    use ast::Spanned;
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return None };
    let items = select.projection.get(..=index)?;
    if items.iter().any(|i| matches!(i, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..))) {
        return None;
    }
    match items.last()? {
        ast::SelectItem::UnnamedExpr(e) | ast::SelectItem::ExprWithAlias { expr: e, .. } => {
            statement.source.range(e.span()).filter(|r| !r.is_empty())
        }
        _ => None,
    }
}

/// Flink's implicit casts of an INSERT: within numbers, strings, bytes, and times; NULL to anything.
fn assignable(from: &DataType, to: &DataType) -> bool {
    if from == to || *from == DataType::Null {
        return true;
    }
    match (from, to) {
        (DataType::Timestamp(..) | DataType::Date32, DataType::Timestamp(..) | DataType::Date32) => true,
        (
            DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_),
            DataType::Time32(_) | DataType::Time64(_),
        ) => true,
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| assignable(a.data_type(), b.data_type()))
        }
        (DataType::List(a), DataType::List(b)) => assignable(a.data_type(), b.data_type()),
        (DataType::Map(a, _), DataType::Map(b, _)) => assignable(a.data_type(), b.data_type()),
        _ => (is_number(from) && is_number(to)) || (is_text(from) && is_text(to)) || (is_bytes(from) && is_bytes(to)),
    }
}

fn is_number(t: &DataType) -> bool {
    t.is_numeric()
}

fn is_text(t: &DataType) -> bool {
    matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_bytes(t: &DataType) -> bool {
    matches!(t, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}
