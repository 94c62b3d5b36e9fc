//! Which columns, and which fields of nested columns, the queries need of each table.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

use crate::session::Query;

/// What is needed of a column: all of it, or some fields of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Whole,
    Fields(BTreeMap<String, Need>),
}

/// What is needed of a table, by column.
pub(super) type TableNeeds = BTreeMap<String, Need>;

impl Need {
    fn path(path: &[String]) -> Need {
        match path.split_first() {
            None => Need::Whole,
            Some((first, rest)) => Need::Fields(BTreeMap::from([(first.clone(), Need::path(rest))])),
        }
    }

    fn merge(&mut self, other: Need) {
        match (&mut *self, other) {
            (Need::Fields(mine), Need::Fields(theirs)) => {
                for (name, need) in theirs {
                    match mine.get_mut(&name) {
                        Some(have) => have.merge(need),
                        None => {
                            mine.insert(name, need);
                        }
                    }
                }
            }
            (_, Need::Whole) => *self = Need::Whole,
            (Need::Whole, Need::Fields(_)) => {}
        }
    }

    /// A field with only what is needed of it.
    pub(super) fn prune(&self, field: &Field) -> FieldRef {
        let (Need::Fields(needs), DataType::Struct(children)) = (self, field.data_type()) else {
            return Arc::new(field.clone());
        };
        let kept: Fields =
            children.iter().filter_map(|child| needs.get(child.name()).map(|need| need.prune(child))).collect();
        Arc::new(field.clone().with_data_type(DataType::Struct(kept)))
    }
}

/// Adds the columns that an expression uses.
pub(super) fn add_expr(expr: &Expr, needs: &mut TableNeeds) {
    // Recursion stops at the longest field access.
    let _ = expr.apply(|e| {
        if let Some((column, path)) = access(e) {
            add(needs, column, Need::path(&path));
            return Ok(TreeNodeRecursion::Jump);
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

pub(super) fn add(needs: &mut TableNeeds, column: &str, need: Need) {
    match needs.get_mut(column) {
        Some(have) => have.merge(need),
        None => {
            needs.insert(column.to_owned(), need);
        }
    }
}

/// A column, or a chain of field accesses on one.
fn access(expr: &Expr) -> Option<(&str, Vec<String>)> {
    match expr {
        Expr::Column(column) => Some((&column.name, vec![])),
        Expr::ScalarFunction(f) if f.name() == "get_field" => {
            let (base, names) = f.args.split_first()?;
            let (column, mut path) = access(base)?;
            for name in names {
                let Expr::Literal(ScalarValue::Utf8(Some(name)) | ScalarValue::Utf8View(Some(name)), _) = name else {
                    return None;
                };
                path.push(name.clone());
            }
            Some((column, path))
        }
        _ => None,
    }
}

/// What all queries together need, by table name.
pub(super) fn collect(queries: &[Query]) -> BTreeMap<String, TableNeeds> {
    let mut tables = BTreeMap::new();
    for query in queries {
        visit(&query.plan, None, &mut tables);
    }
    tables
}

/// `above` are the expressions of the nearest projection or aggregate when only filters and aliases lie between.
fn visit(plan: &LogicalPlan, above: Option<Vec<Expr>>, tables: &mut BTreeMap<String, TableNeeds>) {
    match plan {
        LogicalPlan::TableScan(scan) => add_scan(scan, above, tables),
        LogicalPlan::Filter(filter) => {
            let above = above.map(|mut exprs| {
                exprs.push(filter.predicate.clone());
                exprs
            });
            visit(&filter.input, above, tables);
        }
        LogicalPlan::SubqueryAlias(alias) => visit(&alias.input, above, tables),
        LogicalPlan::Projection(p) => visit(&p.input, Some(p.expr.clone()), tables),
        LogicalPlan::Aggregate(a) => {
            visit(&a.input, Some(a.group_expr.iter().chain(&a.aggr_expr).cloned().collect()), tables);
        }
        other => {
            for input in other.inputs() {
                visit(input, None, tables);
            }
        }
    }
}

fn add_scan(scan: &TableScan, above: Option<Vec<Expr>>, tables: &mut BTreeMap<String, TableNeeds>) {
    let needs = tables.entry(super::scan::table_key(scan)).or_default();
    for filter in &scan.filters {
        add_expr(filter, needs);
    }
    match above {
        Some(exprs) => exprs.iter().for_each(|e| add_expr(e, needs)),
        None => {
            let columns: BTreeSet<&String> = scan.projected_schema.fields().iter().map(|f| f.name()).collect();
            for column in columns {
                add(needs, column, Need::Whole);
            }
        }
    }
}
