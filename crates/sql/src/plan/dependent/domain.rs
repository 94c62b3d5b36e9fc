//! The combinations of outer columns for which a subquery is computed, and how they are put below its plan: every node
//! hands their columns up beside its own, groups and ranks by them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result, ScalarValue};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, ExprFunctionExt, FetchType, Join, Limit, LogicalPlan, LogicalPlanBuilder,
    Operator, SkipType, SortExpr, Subquery, Union, WindowFunctionDefinition, lit,
};

use super::{Functions, is_dependent};

/// The distinct values of the outer columns that a subquery reads.
pub(super) struct Domain<'f> {
    functions: &'f Functions,
    plan: LogicalPlan,
    /// Each outer column, and its name in the domain.
    of: Vec<(Column, String)>,
}

impl<'f> Domain<'f> {
    /// The domain of a subquery over the rows of `input`; `None` when it reads none of its columns.
    pub(super) fn of(
        subquery: &LogicalPlan,
        input: &LogicalPlan,
        number: usize,
        functions: &'f Functions,
    ) -> Result<Option<Self>> {
        let mut columns: Vec<Column> = vec![];
        subquery.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|e| {
                    if let Expr::OuterReferenceColumn(_, column) = e
                        && input.schema().has_column(column)
                        && !columns.contains(column)
                    {
                        columns.push(column.clone());
                    }
                    Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
                })
            })
        })?;
        if columns.is_empty() {
            return Ok(None);
        }
        let of: Vec<(Column, String)> =
            columns.into_iter().enumerate().map(|(i, column)| (column, format!("$outer{number}_{i}"))).collect();
        let named = of.iter().map(|(column, name)| Expr::Column(column.clone()).alias(name));
        let plan = LogicalPlanBuilder::from(input.clone()).project(named)?.distinct()?.build()?;
        Ok(Some(Domain { functions, plan, of }))
    }

    /// The domain's columns in a schema that has them.
    pub(super) fn columns(&self, schema: &DFSchema) -> Result<Vec<Expr>> {
        self.of.iter().map(|(_, name)| found(schema, name).map(Expr::Column)).collect()
    }

    /// The outer columns, and those of a schema that equal them.
    pub(super) fn keys(&self, schema: &DFSchema) -> Result<(Vec<Column>, Vec<Column>)> {
        let of = |(column, name): &(Column, String)| Ok((column.clone(), found(schema, name)?));
        Ok(self.of.iter().map(of).collect::<Result<Vec<_>>>()?.into_iter().unzip())
    }

    /// The plan computed for every row of the domain: its columns, and the domain's. `None` when it has a form for which
    /// that is not known.
    pub(super) fn below(&self, plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        if !is_dependent(plan)? {
            return LogicalPlanBuilder::from(self.plan.clone()).cross_join(plan.clone())?.build().map(Some);
        }
        Ok(match plan {
            LogicalPlan::Filter(filter) => match self.below(&filter.input)? {
                Some(input) => {
                    let predicate = self.inside(&filter.predicate, input.schema())?;
                    Some(LogicalPlanBuilder::from(input).filter(predicate)?.build()?)
                }
                None => None,
            },
            LogicalPlan::Projection(projection) => match self.below(&projection.input)? {
                Some(input) => Some(self.projected(&projection.expr, input)?),
                None => None,
            },
            LogicalPlan::SubqueryAlias(alias) => match self.below(&alias.input)? {
                Some(input) => Some(LogicalPlanBuilder::from(input).alias(alias.alias.clone())?.build()?),
                None => None,
            },
            LogicalPlan::Distinct(Distinct::All(input)) => match self.below(input)? {
                Some(input) => Some(LogicalPlanBuilder::from(input).distinct()?.build()?),
                None => None,
            },
            // An order without a limit says nothing.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.below(&sort.input)?,
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate)?,
            LogicalPlan::Limit(limit) => self.limit(limit)?,
            LogicalPlan::Union(union) => self.union(union)?,
            LogicalPlan::Join(join) => self.join(join)?,
            LogicalPlan::Window(window) => match self.below(&window.input)? {
                Some(input) => Some(self.window(&window.window_expr, window.input.schema(), input)?),
                None => None,
            },
            _ => None,
        })
    }

    fn projected(&self, exprs: &[Expr], input: LogicalPlan) -> Result<LogicalPlan> {
        let mut all = vec![];
        for expr in exprs {
            let name = NamePreserver::new_for_projection().save(expr);
            all.push(name.restore(self.inside(expr, input.schema())?));
        }
        all.extend(self.columns(input.schema())?);
        LogicalPlanBuilder::from(input).project(all)?.build()
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
        if aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
            return Ok(None);
        }
        let Some(input) = self.below(&aggregate.input)? else { return Ok(None) };
        let inside = |exprs: &[Expr]| exprs.iter().map(|e| self.inside(e, input.schema())).collect::<Result<Vec<_>>>();
        let (mut groups, calls) = (inside(&aggregate.group_expr)?, inside(&aggregate.aggr_expr)?);
        let own = groups.len();
        groups.extend(self.columns(input.schema())?);
        let grouped = LogicalPlanBuilder::from(input).aggregate(groups, calls)?.build()?;
        // Groups, domain, calls: the plan's own columns under their names.
        let place = |i: usize| if i < own { i } else { i + self.of.len() };
        let named = |from: &DFSchema, i: usize| {
            let (qualifier, field) = aggregate.schema.qualified_field(i);
            let column = Expr::Column(Column::from(from.qualified_field(place(i))));
            column.alias_qualified(qualifier.cloned(), field.name())
        };
        let columns = 0..aggregate.schema.fields().len();
        if own > 0 {
            let mut exprs: Vec<Expr> = columns.map(|i| named(grouped.schema(), i)).collect();
            exprs.extend(self.columns(grouped.schema())?);
            return LogicalPlanBuilder::from(grouped).project(exprs)?.build().map(Some);
        }
        // A total has a row also where there is nothing.
        let mut exprs: Vec<Expr> = columns.clone().map(|i| named(grouped.schema(), i)).collect();
        exprs.extend(self.renamed(grouped.schema())?);
        let totals = LogicalPlanBuilder::from(grouped).project(exprs)?.build()?;
        let on: (Vec<Column>, Vec<Column>) = self.of.iter().map(|(_, n)| (bare(n), bare(&second(n)))).unzip();
        let all = LogicalPlanBuilder::from(self.plan.clone())
            .join_detailed(totals, JoinType::Left, on, None, NullEquality::NullEqualsNull)?
            .build()?;
        let mut exprs = vec![];
        for (i, call) in columns.zip(&aggregate.aggr_expr) {
            let (qualifier, field) = aggregate.schema.qualified_field(i);
            let column = Expr::Column(Column::from((qualifier, field)));
            exprs.push(match default_of(call, field.data_type())? {
                Some(value) => coalesce(vec![column, lit(value)]).alias_qualified(qualifier.cloned(), field.name()),
                None => column,
            });
        }
        exprs.extend(self.of.iter().map(|(_, name)| Expr::Column(bare(name))));
        LogicalPlanBuilder::from(all).project(exprs)?.build().map(Some)
    }

    /// The first rows for each row of the domain.
    fn limit(&self, limit: &Limit) -> Result<Option<LogicalPlan>> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return Ok(None);
        };
        let (projection, sorted) = match limit.input.as_ref() {
            LogicalPlan::Projection(p) if matches!(p.input.as_ref(), LogicalPlan::Sort(_)) => {
                (Some(&p.expr), p.input.as_ref())
            }
            other => (None, other),
        };
        let (order, rows) = match sorted {
            LogicalPlan::Sort(sort) => (sort.expr.clone(), sort.input.as_ref()),
            other => {
                let all = other.schema().columns().into_iter().map(|c| Expr::Column(c).sort(true, false));
                (all.collect(), other)
            }
        };
        let Some(input) = self.below(rows)? else { return Ok(None) };
        let mut by: Vec<SortExpr> = vec![];
        for sort in order {
            by.push(SortExpr { expr: self.inside(&sort.expr, input.schema())?, ..sort });
        }
        let row_number = WindowFunctionDefinition::WindowUDF(Arc::clone(&self.functions.row_number));
        let number = Expr::from(WindowFunction::new(row_number, vec![]));
        let number = number.partition_by(self.columns(input.schema())?).order_by(by).build()?;
        let mut columns: Vec<Expr> = rows.schema().columns().into_iter().map(Expr::Column).collect();
        columns.extend(self.columns(input.schema())?);
        let width = input.schema().fields().len();
        let ranked = LogicalPlanBuilder::from(input).window(vec![number])?.build()?;
        let number = Expr::Column(Column::from(ranked.schema().qualified_field(width)));
        let mut kept = LogicalPlanBuilder::from(ranked);
        if let Some(fetch) = fetch {
            kept = kept.filter(number.clone().lt_eq(lit(skip.saturating_add(fetch) as i64)))?;
        }
        if skip > 0 {
            kept = kept.filter(number.gt(lit(skip as i64)))?;
        }
        let kept = kept.project(columns)?.build()?;
        Ok(Some(match projection {
            Some(exprs) => self.projected(exprs, kept)?,
            None => kept,
        }))
    }

    fn union(&self, union: &Union) -> Result<Option<LogicalPlan>> {
        let mut inputs = vec![];
        for input in &union.inputs {
            let Some(dependent) = self.below(input)? else { return Ok(None) };
            let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
            columns.extend(self.columns(dependent.schema())?);
            inputs.push(Arc::new(LogicalPlanBuilder::from(dependent).project(columns)?.build()?));
        }
        let all = LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?);
        let mut columns = vec![];
        for (i, (qualifier, field)) in union.schema.iter().enumerate() {
            let column = Expr::Column(Column::from(all.schema().qualified_field(i)));
            columns.push(column.alias_qualified(qualifier.cloned(), field.name()));
        }
        columns.extend(self.columns(all.schema())?);
        LogicalPlanBuilder::from(all).project(columns)?.build().map(Some)
    }

    fn join(&self, join: &Join) -> Result<Option<LogicalPlan>> {
        use JoinType::{Inner, Left, LeftAnti, LeftMark, LeftSemi};
        if join.null_equality == NullEquality::NullEqualsNull
            || !matches!(join.join_type, Inner | Left | LeftAnti | LeftMark | LeftSemi)
        {
            return Ok(None);
        }
        let Some(left) = self.below(&join.left)? else { return Ok(None) };
        let mut conditions: Vec<Expr> = join.on.iter().map(|(l, r)| l.clone().eq(r.clone())).collect();
        conditions.extend(join.filter.clone());
        for condition in &mut conditions {
            *condition = self.inside(condition, left.schema())?;
        }
        let mut right = join.right.as_ref().clone();
        if is_dependent(&right)? {
            let Some(dependent) = self.below(&right)? else { return Ok(None) };
            let mut columns: Vec<Expr> = right.schema().columns().into_iter().map(Expr::Column).collect();
            columns.extend(self.renamed(dependent.schema())?);
            right = LogicalPlanBuilder::from(dependent).project(columns)?.build()?;
            for (_, name) in &self.of {
                let (one, other) = (found(left.schema(), name)?, found(right.schema(), &second(name))?);
                let (one, other) = (Box::new(Expr::Column(one)), Box::new(Expr::Column(other)));
                conditions.push(Expr::BinaryExpr(BinaryExpr::new(one, Operator::IsNotDistinctFrom, other)));
            }
        }
        let joined = LogicalPlanBuilder::from(left).join_on(right, join.join_type, conditions)?.build()?;
        let mut columns: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
        columns.extend(self.columns(joined.schema())?);
        LogicalPlanBuilder::from(joined).project(columns)?.build().map(Some)
    }

    fn window(&self, functions: &[Expr], before: &DFSchema, input: LogicalPlan) -> Result<LogicalPlan> {
        let domain = self.columns(input.schema())?;
        let mut exprs = vec![];
        for function in functions {
            let inside = self.inside(function, input.schema())?;
            let split = inside.transform_down(|e| match e {
                Expr::WindowFunction(mut function) => {
                    function.params.partition_by.extend(domain.iter().cloned());
                    Ok(Transformed::yes(Expr::WindowFunction(function)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            exprs.push(split.data);
        }
        let width = input.schema().fields().len();
        let windowed = LogicalPlanBuilder::from(input).window(exprs)?.build()?;
        let mut columns: Vec<Expr> = before.columns().into_iter().map(Expr::Column).collect();
        for (i, function) in functions.iter().enumerate() {
            let column = Expr::Column(Column::from(windowed.schema().qualified_field(width + i)));
            columns.push(column.alias(function.schema_name().to_string()));
        }
        columns.extend(self.columns(windowed.schema())?);
        LogicalPlanBuilder::from(windowed).project(columns)?.build()
    }

    /// The domain's columns under second names, where a join brings them together with themselves.
    fn renamed(&self, schema: &DFSchema) -> Result<Vec<Expr>> {
        let renamed = |(_, name): &(Column, String)| Ok(Expr::Column(found(schema, name)?).alias(second(name)));
        self.of.iter().map(renamed).collect()
    }

    /// An expression over a plan that has the domain's columns.
    fn inside(&self, expr: &Expr, schema: &DFSchema) -> Result<Expr> {
        let name_of = |column: &Column| self.of.iter().find(|(outer, _)| outer == column).map(|(_, name)| name);
        let seen = |e: Expr, nested: bool| match &e {
            Expr::OuterReferenceColumn(field, column) => match name_of(column) {
                Some(name) if nested => {
                    let column = found(schema, name)?;
                    Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
                }
                Some(name) => Ok(Transformed::yes(Expr::Column(found(schema, name)?))),
                None => Ok(Transformed::no(e)),
            },
            _ => Ok(Transformed::no(e)),
        };
        let moved = |subquery: Subquery| -> Result<Subquery> {
            let plan = Arc::unwrap_or_clone(subquery.subquery).transform_down_with_subqueries(|node| {
                node.map_expressions(|expr| expr.transform_down(|e| seen(e, true)))
            })?;
            let outer = subquery.outer_ref_columns.into_iter().map(|e| seen(e, true).map(|t| t.data));
            let outer_ref_columns = outer.collect::<Result<Vec<_>>>()?;
            Ok(Subquery { subquery: Arc::new(plan.data), outer_ref_columns, spans: subquery.spans })
        };
        let inside = expr.clone().transform_down(|e| match e {
            Expr::Exists(mut exists) => {
                exists.subquery = moved(exists.subquery)?;
                Ok(Transformed::yes(Expr::Exists(exists)))
            }
            Expr::InSubquery(mut within) => {
                within.subquery = moved(within.subquery)?;
                Ok(Transformed::yes(Expr::InSubquery(within)))
            }
            Expr::SetComparison(mut comparison) => {
                comparison.subquery = moved(comparison.subquery)?;
                Ok(Transformed::yes(Expr::SetComparison(comparison)))
            }
            Expr::ScalarSubquery(subquery) => Ok(Transformed::yes(Expr::ScalarSubquery(moved(subquery)?))),
            other => seen(other, false),
        })?;
        Ok(inside.data)
    }
}

/// What an aggregate call gives over no rows, if that is not NULL.
fn default_of(call: &Expr, data_type: &arrow::datatypes::DataType) -> Result<Option<ScalarValue>> {
    match call {
        Expr::Alias(alias) => default_of(&alias.expr, data_type),
        Expr::AggregateFunction(AggregateFunction { func, .. }) => {
            Ok(Some(func.default_value(data_type)?).filter(|value| !value.is_null()))
        }
        _ => Ok(None),
    }
}

fn bare(name: &str) -> Column {
    Column::new_unqualified(name)
}

fn second(name: &str) -> String {
    format!("{name}$")
}

fn found(schema: &DFSchema, name: &str) -> Result<Column> {
    let mut columns = schema.columns().into_iter().filter(|column| column.name == name);
    columns.next().ok_or_else(|| datafusion::common::plan_datafusion_err!("a subquery has lost the column {name}"))
}
