//! An input of joins, and what is known of it: unique keys, and how many rows it may have.

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};

use crate::plan::TableSourceRef;

/// Rows of a table of which nothing is known.
const ROWS: f64 = 1000.0;
/// An input that refers to another has so many times its rows.
const FAN_OUT: f64 = 10.0;
/// What a filter leaves: an equality, and any other one.
const EQUAL: f64 = 0.1;
const OTHER: f64 = 0.5;

/// An input.
pub(super) struct Leaf {
    pub(super) plan: LogicalPlan,
    /// Columns that no two rows share; no columns for a single row.
    pub(super) keys: Vec<Vec<Column>>,
    /// Rows without its filters, and with them.
    pub(super) whole: f64,
    pub(super) rows: f64,
    /// Its rows are counted, and are not more because it refers to others.
    counted: bool,
}

impl Leaf {
    pub(super) fn of(plan: &LogicalPlan) -> Leaf {
        let (whole, rows, counted) = size(plan);
        Leaf { keys: keys(plan), plan: plan.clone(), whole, rows, counted }
    }

    /// It refers to inputs that refer to others, and so on, so many times.
    pub(super) fn grow(&mut self, depth: usize) {
        if !self.counted {
            let times = FAN_OUT.powi(depth as i32);
            (self.whole, self.rows) = (self.whole * times, self.rows * times);
        }
    }

    /// The part that its filters leave.
    pub(super) fn share(&self) -> f64 {
        self.rows / self.whole
    }
}

/// Rows without filters, with them, and whether they are counted.
fn size(plan: &LogicalPlan) -> (f64, f64, bool) {
    let below = |plan: &LogicalPlan| plan.inputs().first().map_or((ROWS, ROWS, false), |input| size(input));
    match plan {
        LogicalPlan::TableScan(scan) => (ROWS, ROWS * left(scan.filters.iter()), false),
        LogicalPlan::Filter(filter) => {
            let (whole, rows, counted) = size(&filter.input);
            (whole, rows * left(split_conjunction(&filter.predicate).into_iter()), counted)
        }
        LogicalPlan::Values(values) => (values.values.len() as f64, values.values.len() as f64, true),
        LogicalPlan::EmptyRelation(_) => (1.0, 1.0, true),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => (1.0, 1.0, true),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Limit(_) => below(plan),
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => {
            // Groups are fewer than rows; how many fewer is not known.
            let (_, rows, counted) = below(plan);
            (rows, rows, counted)
        }
        _ => (ROWS, ROWS, false),
    }
}

fn left<'e>(conditions: impl Iterator<Item = &'e Expr>) -> f64 {
    let one = |condition: &Expr| match condition {
        Expr::BinaryExpr(binary) if binary.op == Operator::Eq => EQUAL,
        Expr::InList(list) if !list.negated => EQUAL,
        Expr::IsNotNull(_) => 1.0,
        _ => OTHER,
    };
    conditions.map(one).product()
}

/// The unique keys of a plan's rows.
fn keys(plan: &LogicalPlan) -> Vec<Vec<Column>> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let Some(TableSourceRef(table)) = scan.source.downcast_ref::<TableSourceRef>() else { return vec![] };
            let column = |name: &String| find(&scan.projected_schema, name);
            let key = table.primary_key.iter().map(column).collect::<Option<Vec<_>>>();
            key.filter(|key| !key.is_empty()).into_iter().collect()
        }
        LogicalPlan::Filter(filter) => keys(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => {
            let again = |column: &Column| find(&alias.schema, &column.name);
            keys(&alias.input).iter().filter_map(|key| key.iter().map(again).collect()).collect()
        }
        LogicalPlan::Projection(projection) => {
            let columns = projection.schema.columns();
            let behind = |wanted: &Column| {
                let place = projection.expr.iter().position(|e| plain(e) == Some(wanted))?;
                columns.get(place).cloned()
            };
            keys(&projection.input).iter().filter_map(|key| key.iter().map(behind).collect()).collect()
        }
        LogicalPlan::Aggregate(aggregate) => {
            let sets = aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_)));
            let columns = aggregate.schema.columns();
            if sets { vec![] } else { vec![columns.into_iter().take(aggregate.group_expr.len()).collect()] }
        }
        LogicalPlan::Distinct(_) => vec![plan.schema().columns()],
        _ => vec![],
    }
}

fn plain(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => plain(&alias.expr),
        _ => None,
    }
}

fn find(schema: &DFSchema, name: &str) -> Option<Column> {
    schema.columns().into_iter().find(|c| c.name == name)
}
