//! IN, ANY and ALL become EXISTS, exactly by SQL's three-valued logic.
//!
//! `x op ANY (S)` is true when a row of S makes the comparison true, else unknown when a row makes it unknown (which is:
//! x is NULL and S has a row, or S has a NULL), else false; `ALL` is its mirror image. Where unknown and false are the
//! same (a condition of WHERE, through AND and OR) the first EXISTS is enough; elsewhere a CASE tells the three apart. A
//! plain `x IN (S)` as a condition stays as it is: it is a semi join.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Case, Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Extension, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::plan::SingleRow;

/// See the module. Also guards subqueries used as values, which may have one row only.
#[derive(Debug)]
pub struct QuantifiedSubqueries;

impl OptimizerRule for QuantifiedSubqueries {
    fn name(&self) -> &str {
        "quantified_subqueries"
    }
    fn supports_rewrite(&self) -> bool {
        true
    }
    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(rewrite_node)
    }
}

fn rewrite_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    if let LogicalPlan::Filter(filter) = plan {
        let mut changed = false;
        let mut conditions = vec![];
        for condition in split_conjunction_owned(filter.predicate.clone()) {
            // A semi join. Where the subquery has conditions of its own on the row around it, EXISTS keeps both apart.
            let plain = |within: &InSubquery| !within.negated && within.subquery.outer_ref_columns.is_empty();
            let new = if matches!(&condition, Expr::InSubquery(within) if plain(within)) {
                Transformed::no(condition)
            } else {
                as_condition(condition, &schema)?
            };
            changed |= new.transformed;
            conditions.push(new.data);
        }
        return Ok(match conjunction(conditions).filter(|_| changed) {
            Some(predicate) => Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?)),
            None => Transformed::no(LogicalPlan::Filter(filter)),
        });
    }
    plan.map_expressions(|expr| {
        let name = datafusion::logical_expr::expr_rewriter::NamePreserver::new_for_projection().save(&expr);
        Ok(as_value(expr, &schema)?.update_data(|e| name.restore(e)))
    })
}

/// Rewrites an expression that only matters by being true or not.
fn as_condition(expr: Expr, outer: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (as_condition(*left, outer)?, as_condition(*right, outer)?);
            let changed = left.transformed || right.transformed;
            let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.data), op, Box::new(right.data)));
            Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
        }
        Expr::Not(inner) if matches!(*inner, Expr::InSubquery(_)) => match *inner {
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                as_condition(Expr::InSubquery(InSubquery { expr, subquery, negated: !negated }), outer)
            }
            other => as_value(Expr::Not(Box::new(other)), outer),
        },
        other => match Quantified::of(&other) {
            Some(q) => Ok(Transformed::yes(q.condition(outer)?)),
            None => as_value(other, outer),
        },
    }
}

/// Rewrites an expression whose value matters.
fn as_value(expr: Expr, outer: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|e| match (&e, Quantified::of(&e)) {
        (_, Some(q)) => Ok(Transformed::yes(q.value(outer)?)),
        (Expr::ScalarSubquery(subquery), _) => match guarded(subquery)? {
            Some(guarded) => Ok(Transformed::yes(Expr::ScalarSubquery(guarded))),
            None => Ok(Transformed::no(e)),
        },
        _ => Ok(Transformed::no(e)),
    })
}

/// The subquery behind a check that it has one row, where that does not follow from its form.
fn guarded(subquery: &Subquery) -> Result<Option<Subquery>> {
    let plan = subquery.subquery.as_ref();
    let is_guard = |plan: &LogicalPlan| matches!(plan, LogicalPlan::Extension(e) if e.node.as_any().downcast_ref::<SingleRow>().is_some());
    let known = matches!(plan.max_rows(), Some(0 | 1))
        || plan.inputs().into_iter().any(is_guard)
        || !subquery.outer_ref_columns.is_empty();
    if known {
        return Ok(None);
    }
    let column = Expr::Column(Column::from(plan.schema().qualified_field(0)));
    let node = Arc::new(SingleRow { input: plan.clone() });
    let guard = LogicalPlan::Extension(Extension { node });
    let plan = LogicalPlanBuilder::from(guard).project(vec![column])?.build()?;
    Ok(Some(Subquery { subquery: Arc::new(plan), ..subquery.clone() }))
}

/// `value op quantifier (subquery)`.
struct Quantified<'a> {
    value: &'a Expr,
    op: Operator,
    all: bool,
    subquery: &'a Subquery,
}

impl<'a> Quantified<'a> {
    fn of(expr: &'a Expr) -> Option<Self> {
        Some(match expr {
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => Quantified {
                value: expr,
                op: if *negated { Operator::NotEq } else { Operator::Eq },
                all: *negated,
                subquery,
            },
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
                Quantified { value: expr, op: *op, all: *quantifier == SetQuantifier::All, subquery }
            }
            _ => return None,
        })
    }

    fn column(&self) -> Expr {
        match renamed(&self.subquery.subquery) {
            Some(_) => Expr::Column(Column::new_unqualified(ASKED)),
            None => Expr::Column(Column::from(self.subquery.subquery.schema().qualified_field(0))),
        }
    }

    fn exists(&self, condition: Expr) -> Result<Expr> {
        let inner = match renamed(&self.subquery.subquery) {
            Some((expr, input)) => LogicalPlanBuilder::from(input.clone()).project(vec![expr.clone().alias(ASKED)])?,
            None => LogicalPlanBuilder::from(self.subquery.subquery.as_ref().clone()),
        };
        let plan = inner.filter(condition)?.build()?;
        let outer_ref_columns = plan.all_out_ref_exprs();
        let spans = self.subquery.spans.clone();
        Ok(Expr::Exists(Exists {
            subquery: Subquery { subquery: Arc::new(plan), outer_ref_columns, spans },
            negated: false,
        }))
    }

    /// A row decides: makes ANY true, or ALL false.
    fn decided(&self, outer: &DFSchema) -> Result<Expr> {
        let value = as_outer(self.value, outer)?;
        let compare = |op| Expr::BinaryExpr(BinaryExpr::new(Box::new(value.clone()), op, Box::new(self.column())));
        match (self.all, self.op.negate()) {
            (false, _) => self.exists(compare(self.op)),
            (true, Some(opposite)) => self.exists(compare(opposite)),
            (true, None) => self.exists(Expr::IsFalse(Box::new(compare(self.op)))),
        }
    }

    /// A row leaves the answer open.
    fn unknown(&self, outer: &DFSchema) -> Result<Vec<Expr>> {
        let mut found = vec![];
        if self.subquery.subquery.schema().field(0).is_nullable() {
            found.push(self.exists(self.column().is_null())?);
        }
        if self.value.nullable(outer).unwrap_or(true) {
            found.push(self.exists(as_outer(self.value, outer)?.is_null())?);
        }
        Ok(found)
    }

    /// True exactly where the comparison is true.
    fn condition(&self, outer: &DFSchema) -> Result<Expr> {
        let decided = self.decided(outer)?;
        if !self.all {
            return Ok(decided);
        }
        let none = std::iter::once(decided).chain(self.unknown(outer)?).map(negated);
        Ok(conjunction(none).unwrap_or_else(|| lit(true)))
    }

    /// True, false or NULL as SQL says.
    fn value(&self, outer: &DFSchema) -> Result<Expr> {
        let boolean = |value| Box::new(Expr::Literal(ScalarValue::Boolean(value), None));
        let mut branches = vec![(Box::new(self.decided(outer)?), boolean(Some(!self.all)))];
        for unknown in self.unknown(outer)? {
            branches.push((Box::new(unknown), boolean(None)));
        }
        Ok(Expr::Case(Case { expr: None, when_then_expr: branches, else_expr: Some(boolean(Some(self.all))) }))
    }
}

/// Name of a subquery's column that is computed: a cast would have the name of what is cast, which conditions of the
/// subquery may need beside it.
const ASKED: &str = "$asked";

/// The computed column of a subquery, and what it is computed from.
fn renamed(plan: &LogicalPlan) -> Option<(&Expr, &LogicalPlan)> {
    match plan {
        LogicalPlan::Projection(projection) => match projection.expr.as_slice() {
            [expr] if !matches!(expr, Expr::Column(_)) => Some((expr, projection.input.as_ref())),
            _ => None,
        },
        _ => None,
    }
}

fn negated(expr: Expr) -> Expr {
    match expr {
        Expr::Exists(Exists { subquery, negated }) => Expr::Exists(Exists { subquery, negated: !negated }),
        other => Expr::Not(Box::new(other)),
    }
}

/// An expression of the outer query as seen from inside the subquery.
fn as_outer(expr: &Expr, outer: &DFSchema) -> Result<Expr> {
    let seen = expr.clone().transform_up(|e| match e {
        Expr::Column(column) => {
            let field = Arc::clone(outer.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(seen.data)
}
