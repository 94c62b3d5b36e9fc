//! Subqueries that depend on the row around them, where DataFusion's own rules stop: a value without an aggregate, a
//! `LIMIT` for each row, conditions that are no equalities.
//!
//! The subquery is computed for each combination of the outer columns it reads (the *domain*) instead of for each row:
//! [`domain`] puts the domain below it. Then it is joined with the rows on those columns, NULL equal to NULL.

mod domain;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    AggregateUDF, BinaryExpr, Distinct, Expr, Join, LogicalPlan, LogicalPlanBuilder, Operator, ScalarUDF, Subquery,
    WindowUDF,
};

use domain::Domain;

/// The functions that plans are made with.
pub(crate) struct Functions {
    pub(crate) row_number: Arc<WindowUDF>,
    /// Up to two values of a group as an array, NULL among them.
    pub(crate) single: Arc<AggregateUDF>,
    /// The element of such an array; two are an error.
    pub(crate) one: Arc<ScalarUDF>,
}

/// Joins in the place of dependent subqueries that DataFusion would refuse.
pub(crate) fn with_dependent_joins(plan: LogicalPlan, functions: &Functions) -> Result<LogicalPlan> {
    let mut unnesting = Unnesting { functions, made: 0 };
    plan.transform_up_with_subqueries(|node| unnesting.node(node)).map(|t| t.data)
}

struct Unnesting<'f> {
    functions: &'f Functions,
    /// Number of domains so far: their columns have names of their own.
    made: usize,
}

impl Unnesting<'_> {
    fn node(&mut self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        match node {
            LogicalPlan::Filter(filter) => {
                let mut input = filter.input.as_ref().clone();
                let predicate = self.values(filter.predicate.clone(), &mut input)?;
                if !predicate.transformed {
                    return Ok(Transformed::no(LogicalPlan::Filter(filter)));
                }
                let columns = filter.input.schema().columns().into_iter().map(Expr::Column);
                let plan = LogicalPlanBuilder::from(input).filter(predicate.data)?.project(columns)?.build()?;
                Ok(Transformed::yes(plan))
            }
            LogicalPlan::Projection(projection) => {
                let mut input = projection.input.as_ref().clone();
                let mut exprs = vec![];
                let mut changed = false;
                for expr in &projection.expr {
                    let name = NamePreserver::new_for_projection().save(expr);
                    let new = self.values(expr.clone(), &mut input)?;
                    changed |= new.transformed;
                    exprs.push(name.restore(new.data));
                }
                if !changed {
                    return Ok(Transformed::no(LogicalPlan::Projection(projection)));
                }
                Ok(Transformed::yes(LogicalPlanBuilder::from(input).project(exprs)?.build()?))
            }
            LogicalPlan::Join(join) => match self.lateral(&join)? {
                Some(plan) => Ok(Transformed::yes(plan)),
                None => Ok(Transformed::no(LogicalPlan::Join(join))),
            },
            other => Ok(Transformed::no(other)),
        }
    }

    /// Puts columns in the place of the subqueries of an expression, and joins them to the input.
    fn values(&mut self, expr: Expr, input: &mut LogicalPlan) -> Result<Transformed<Expr>> {
        expr.transform_down(|e| match &e {
            Expr::ScalarSubquery(subquery) => match self.value(subquery, input)? {
                Some(value) => Ok(Transformed::new(value, true, TreeNodeRecursion::Jump)),
                None => Ok(Transformed::no(e)),
            },
            Expr::InSubquery(InSubquery { subquery, .. })
            | Expr::Exists(Exists { subquery, .. })
            | Expr::SetComparison(SetComparison { subquery, .. }) => {
                let Some(new) = self.rows(subquery, input)? else { return Ok(Transformed::no(e)) };
                Ok(Transformed::yes(match e {
                    Expr::InSubquery(within) => Expr::InSubquery(InSubquery { subquery: new, ..within }),
                    Expr::Exists(exists) => Expr::Exists(Exists { subquery: new, ..exists }),
                    Expr::SetComparison(compared) => Expr::SetComparison(SetComparison { subquery: new, ..compared }),
                    other => other,
                }))
            }
            _ => Ok(Transformed::no(e)),
        })
    }

    /// A subquery of a condition whose first rows are asked for, or which has an order: computed for each combination of
    /// the outer columns, it only has to be filtered by them.
    fn rows(&mut self, subquery: &Subquery, input: &LogicalPlan) -> Result<Option<Subquery>> {
        let plan = subquery.subquery.as_ref();
        if !is_dependent(plan)? || !is_ordered(plan) {
            return Ok(None);
        }
        let Some(domain) = Domain::of(plan, input, self.made, self.functions)? else { return Ok(None) };
        let Some(dependent) = domain.below(plan)? else { return Ok(None) };
        self.made += 1;
        let all = LogicalPlanBuilder::from(dependent).alias(format!("$dependent{}", self.made))?;
        let (outer, inner) = domain.keys(all.schema())?;
        let mut condition: Option<Expr> = None;
        for (outer, inner) in outer.into_iter().zip(inner) {
            let field = Arc::clone(input.schema().qualified_field_from_column(&outer)?.1);
            let outer = Expr::OuterReferenceColumn(field, outer);
            let same = Expr::BinaryExpr(BinaryExpr {
                left: Box::new(Expr::Column(inner)),
                op: Operator::IsNotDistinctFrom,
                right: Box::new(outer),
            });
            condition = Some(condition.map_or(same.clone(), |condition| condition.and(same)));
        }
        let own = (0..plan.schema().fields().len()).map(|i| Column::from(all.schema().qualified_field(i)));
        let own: Vec<Expr> = own.map(Expr::Column).collect();
        let all = match condition {
            Some(condition) => all.filter(condition)?,
            None => all,
        };
        let plan = all.project(own)?.build()?;
        let outer_ref_columns = plan.all_out_ref_exprs();
        let spans = subquery.spans.clone();
        Ok(Some(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans }))
    }

    fn value(&mut self, subquery: &Subquery, input: &mut LogicalPlan) -> Result<Option<Expr>> {
        let plan = subquery.subquery.as_ref();
        let of_one_column = plan.schema().fields().len() == 1;
        if !of_one_column || (is_total(plan) && pulls_up(plan, false)?) {
            return Ok(None);
        }
        let Some(domain) = Domain::of(plan, input, self.made, self.functions)? else { return Ok(None) };
        let Some(dependent) = domain.below(plan)? else { return Ok(None) };
        self.made += 1;
        let value = Expr::Column(Column::from(plan.schema().qualified_field(0)));
        let once = is_total(plan) || is_first(plan);
        let builder = LogicalPlanBuilder::from(dependent);
        let (keys, alias) = (domain.columns(builder.schema())?, format!("$dependent{}", self.made));
        let builder = match once {
            true => builder.project(std::iter::once(value.alias("$value")).chain(keys))?,
            false => {
                let single = self.functions.single.call(vec![value]).alias("$value");
                builder.aggregate(keys, vec![single])?
            }
        };
        let right = builder.alias(alias.as_str())?.build()?;
        let (left_keys, right_keys) = domain.keys(right.schema())?;
        let on = (left_keys, right_keys);
        *input = LogicalPlanBuilder::from(input.clone())
            .join_detailed(right, JoinType::Left, on, None, NullEquality::NullEqualsNull)?
            .build()?;
        let value = Expr::Column(Column::new(Some(alias), "$value"));
        Ok(Some(if once { value } else { self.functions.one.call(vec![value]) }))
    }

    /// A join with a subquery that reads the columns of the left side.
    fn lateral(&mut self, join: &Join) -> Result<Option<LogicalPlan>> {
        let (subquery, alias) = match join.right.as_ref() {
            LogicalPlan::Subquery(subquery) => (subquery, None),
            LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
                LogicalPlan::Subquery(subquery) => (subquery, Some(alias.alias.clone())),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let plan = subquery.subquery.as_ref();
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left) || pulls_up(plan, true)? {
            return Ok(None);
        }
        let Some(domain) = Domain::of(plan, &join.left, self.made, self.functions)? else { return Ok(None) };
        let Some(dependent) = domain.below(plan)? else { return Ok(None) };
        self.made += 1;
        let builder = LogicalPlanBuilder::from(dependent);
        let right = match alias {
            Some(alias) => builder.alias(alias)?.build()?,
            None => builder.build()?,
        };
        let on = domain.keys(right.schema())?;
        let equalities = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
        let filter = conjunction(equalities.chain(join.filter.clone()));
        let columns = join.left.schema().columns().into_iter().chain(join.right.schema().columns());
        LogicalPlanBuilder::from(join.left.as_ref().clone())
            .join_detailed(right, join.join_type, on, filter, NullEquality::NullEqualsNull)?
            .project(columns.map(Expr::Column))?
            .build()
            .map(Some)
    }
}

/// An aggregation without keys, perhaps behind a projection: always one row.
fn is_total(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(p) => is_total(&p.input),
        LogicalPlan::SubqueryAlias(a) => is_total(&a.input),
        LogicalPlan::Aggregate(a) => a.group_expr.is_empty(),
        _ => false,
    }
}

/// `LIMIT 1`, or the rows that a total keeps: one row at most.
fn is_first(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(p) => is_first(&p.input),
        LogicalPlan::SubqueryAlias(a) => is_first(&a.input),
        LogicalPlan::Filter(f) => is_first(&f.input) || is_total(&f.input),
        LogicalPlan::Limit(_) => matches!(plan.max_rows(), Some(0 | 1)),
        _ => false,
    }
}

/// A limit or an order at the top of a subquery, which DataFusion would move away or not see through.
fn is_ordered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(p) => is_ordered(&p.input),
        LogicalPlan::SubqueryAlias(a) => is_ordered(&a.input),
        LogicalPlan::Filter(f) => is_ordered(&f.input),
        LogicalPlan::Distinct(Distinct::All(input)) => is_ordered(input),
        LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => true,
        _ => false,
    }
}

/// True when DataFusion finds all conditions on outer columns, and may move them into the join. In a lateral subquery
/// without aggregate they may be of any form.
fn pulls_up(plan: &LogicalPlan, lateral: bool) -> Result<bool> {
    if !is_dependent(plan)? {
        return Ok(true);
    }
    let inside = plan.contains_outer_reference();
    Ok(match plan {
        LogicalPlan::Filter(filter) => {
            let equal = |condition: &&Expr| !condition.contains_outer() || is_equality(condition);
            (lateral || split_conjunction(&filter.predicate).iter().all(equal)) && pulls_up(&filter.input, lateral)?
        }
        _ if inside => false,
        LogicalPlan::Projection(p) => pulls_up(&p.input, lateral)?,
        LogicalPlan::SubqueryAlias(a) => pulls_up(&a.input, lateral)?,
        LogicalPlan::Aggregate(a) => pulls_up(&a.input, false)?,
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            pulls_up(&join.left, lateral)? && pulls_up(&join.right, lateral)?
        }
        _ => false,
    })
}

fn is_equality(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return false };
    let (left_outer, right_outer) = (left.contains_outer(), right.contains_outer());
    let outside = if left_outer { left } else { right };
    left_outer != right_outer && outside.column_refs().is_empty()
}

/// True when a plan reads columns from around it, itself or in a subquery.
fn is_dependent(plan: &LogicalPlan) -> Result<bool> {
    let found = plan.apply_with_subqueries(|node| {
        Ok(if node.contains_outer_reference() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found == TreeNodeRecursion::Stop)
}
