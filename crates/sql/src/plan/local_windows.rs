//! Windows over TIMESTAMP_LTZ are aligned to the session's time zone and show their bounds in it, as in Flink.
//!
//! The engine keeps the bounds of such windows in UTC. They stay so wherever a column is only passed on, so that the
//! lowering knows a window's bound when it sees one, and become local time where their value is used: inside
//! expressions, as keys of a plain aggregation, and in the result.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, Extension, Filter, GroupingSet, Join, JoinType, LogicalPlan, Projection, ScalarUDF,
    Sort, Union, Window, lit,
};
use sloth_plan::WindowSpec;

use super::WindowTvf;
use super::window::external;
use crate::functions::zone::Zone;
use crate::rewrite::group_window::WINDOW_MARKERS;

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// A value.
    Value,
    /// A window's start in UTC.
    Start,
    /// A window's end in UTC.
    End,
}

/// Makes the windows of a whole query local; once only, at its root.
///
/// # Errors
/// When a window's length does not fit a time zone whose clock changes.
pub(crate) fn localize(plan: LogicalPlan, zone: Zone, to_local: Arc<ScalarUDF>) -> Result<LogicalPlan> {
    match zone {
        Zone::Utc => Ok(plan),
        zone => LocalWindows { zone, to_local }.root(plan),
    }
}

struct LocalWindows {
    zone: Zone,
    to_local: Arc<ScalarUDF>,
}

/// A plan and what its columns are.
type Known = (LogicalPlan, Vec<Bound>);

impl LocalWindows {
    /// The plan with values for bounds.
    fn root(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let known = self.rewrite(plan)?;
        self.values(known)
    }

    /// Turns the bounds among the columns into values.
    fn values(&self, (plan, bounds): Known) -> Result<LogicalPlan> {
        if bounds.iter().all(|b| *b == Bound::Value) {
            return Ok(plan);
        }
        let schema = Arc::clone(plan.schema());
        let exprs = schema.iter().zip(&bounds).map(|((qualifier, field), bound)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            match bound {
                Bound::Value => column,
                _ => self.local(column).alias_qualified(qualifier.cloned(), field.name()),
            }
        });
        Ok(LogicalPlan::Projection(Projection::try_new(exprs.collect(), Arc::new(plan))?))
    }

    fn local(&self, bound: Expr) -> Expr {
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&self.to_local), vec![bound]))
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Known> {
        match plan {
            LogicalPlan::Projection(p) => {
                let (input, bounds) = self.input(p.input)?;
                let exprs = p.expr.into_iter().map(|e| self.passed(e, input.schema(), &bounds));
                let (exprs, bounds): (Vec<_>, _) = exprs.collect::<Result<Vec<_>>>()?.into_iter().unzip();
                Ok((LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?), bounds))
            }
            LogicalPlan::Filter(f) => {
                let (input, bounds) = self.input(f.input)?;
                let predicate = self.used(f.predicate, input.schema(), &bounds)?;
                Ok((LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?), bounds))
            }
            LogicalPlan::Sort(mut sort) => {
                let (input, bounds) = self.input(sort.input)?;
                for key in &mut sort.expr {
                    let expr = std::mem::replace(&mut key.expr, lit(true));
                    key.expr = self.passed(expr, input.schema(), &bounds)?.0;
                }
                Ok((LogicalPlan::Sort(Sort { input: Arc::new(input), ..sort }), bounds))
            }
            LogicalPlan::Aggregate(a) => self.aggregate(a),
            LogicalPlan::Window(w) => self.over(w),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Extension(e) => match e.node.as_any().downcast_ref::<WindowTvf>() {
                Some(window) => self.window(window),
                None => self.other(LogicalPlan::Extension(e)),
            },
            plan => self.other(plan),
        }
    }

    fn input(&self, plan: Arc<LogicalPlan>) -> Result<Known> {
        self.rewrite(Arc::unwrap_or_clone(plan))
    }

    /// A node that passes its input's columns on under their names, or makes none of them.
    fn other(&self, plan: LogicalPlan) -> Result<Known> {
        let inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
        let passes = matches!(
            plan,
            LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Distinct(datafusion::logical_expr::Distinct::All(_))
                | LogicalPlan::Repartition(_)
        );
        let mut bounds = vec![];
        let mut rewritten = Vec::with_capacity(inputs.len());
        for input in inputs {
            let (input, of_input) = self.rewrite(input)?;
            match passes {
                true => {
                    bounds = of_input;
                    rewritten.push(input);
                }
                false => rewritten.push(self.values((input, of_input))?),
            }
        }
        if rewritten.is_empty() {
            let width = plan.schema().fields().len();
            return Ok((plan, vec![Bound::Value; width]));
        }
        let plan = plan.with_new_exprs(plan.expressions(), rewritten)?;
        bounds.resize(plan.schema().fields().len(), Bound::Value);
        Ok((plan, bounds))
    }

    /// An expression whose value is a column: a bound passed on stays what it is.
    fn passed(&self, expr: Expr, schema: &DFSchema, bounds: &[Bound]) -> Result<(Expr, Bound)> {
        match bound_of(&expr, schema, bounds) {
            Bound::Value => {
                let saved = NamePreserver::new_for_projection().save(&expr);
                Ok((saved.restore(self.used(expr, schema, bounds)?), Bound::Value))
            }
            bound => Ok((expr, bound)),
        }
    }

    /// An expression that computes with its columns: bounds become values.
    fn used(&self, expr: Expr, schema: &DFSchema, bounds: &[Bound]) -> Result<Expr> {
        let used = expr.transform_up(|expr| {
            let subquery = |mut s: datafusion::logical_expr::Subquery| -> Result<_> {
                s.subquery = Arc::new(self.root(Arc::unwrap_or_clone(s.subquery))?);
                Ok(s)
            };
            Ok(match expr {
                Expr::ScalarSubquery(s) => Transformed::yes(Expr::ScalarSubquery(subquery(s)?)),
                Expr::Exists(mut e) => {
                    e.subquery = subquery(e.subquery)?;
                    Transformed::yes(Expr::Exists(e))
                }
                Expr::InSubquery(mut e) => {
                    e.subquery = subquery(e.subquery)?;
                    Transformed::yes(Expr::InSubquery(e))
                }
                column if bound_of(&column, schema, bounds) != Bound::Value => Transformed::yes(self.local(column)),
                other => Transformed::no(other),
            })
        })?;
        Ok(used.data)
    }

    fn aggregate(&self, aggregate: Aggregate) -> Result<Known> {
        let Aggregate { input, group_expr, aggr_expr, .. } = aggregate;
        let (input, bounds) = self.input(input)?;
        let schema = Arc::clone(input.schema());
        let keys: Vec<Expr> = match group_expr.as_slice() {
            [Expr::GroupingSet(set)] => set.distinct_expr().into_iter().cloned().collect(),
            keys => keys.to_vec(),
        };
        let has = |bound: Bound| keys.iter().any(|k| bound_of(k, &schema, &bounds) == bound);
        let windowed = has(Bound::Start) && has(Bound::End);
        // Half a window is a key like others.
        let kept = if windowed { bounds.clone() } else { vec![Bound::Value; bounds.len()] };
        let names = NamePreserver::new_for_projection();
        let key = |expr: Expr| -> Result<Expr> {
            if bound_of(&expr, &schema, &kept) != Bound::Value {
                return Ok(expr);
            }
            let saved = names.save(&expr);
            let expr = self.marker(expr, &schema)?;
            Ok(saved.restore(self.used(expr, &schema, &bounds)?))
        };
        let list = |list: Vec<Expr>| list.into_iter().map(key).collect::<Result<Vec<_>>>();
        let lists = |lists: Vec<Vec<Expr>>| lists.into_iter().map(list).collect::<Result<Vec<_>>>();
        let mut of_keys: Vec<Bound> = vec![];
        for expr in &keys {
            of_keys.push(match bound_of(expr, &schema, &kept) {
                Bound::Value => marker_bound(expr, &schema)?,
                bound => bound,
            });
        }
        let group_expr = match <[Expr; 1]>::try_from(group_expr) {
            Ok([Expr::GroupingSet(GroupingSet::GroupingSets(s))]) => {
                vec![Expr::GroupingSet(GroupingSet::GroupingSets(lists(s)?))]
            }
            Ok([Expr::GroupingSet(GroupingSet::Rollup(s))]) => vec![Expr::GroupingSet(GroupingSet::Rollup(list(s)?))],
            Ok([Expr::GroupingSet(GroupingSet::Cube(s))]) => vec![Expr::GroupingSet(GroupingSet::Cube(list(s)?))],
            Ok([one]) => list(vec![one])?,
            Err(many) => list(many)?,
        };
        let aggr_expr = aggr_expr.into_iter().map(|expr| {
            let saved = names.save(&expr);
            Ok(saved.restore(self.used(expr, &schema, &bounds)?))
        });
        let aggr_expr = aggr_expr.collect::<Result<Vec<_>>>()?;
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), group_expr, aggr_expr)?);
        of_keys.resize(plan.schema().fields().len(), Bound::Value);
        Ok((plan, of_keys))
    }

    /// Gives the marker of a group window over instants the offset that aligns it to local time.
    fn marker(&self, expr: Expr, schema: &DFSchema) -> Result<Expr> {
        let Expr::ScalarFunction(mut f) = expr else { return Ok(expr) };
        if !WINDOW_MARKERS.contains(&f.name()) || !is_instant(f.args.get(1), schema)? {
            return Ok(Expr::ScalarFunction(f));
        }
        let kind = match f.args.first() {
            Some(Expr::Literal(value, _)) => value.try_as_str().flatten().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let numbers = f.args.iter().skip(2).map(|e| match e {
            Expr::Literal(datafusion::common::ScalarValue::Int64(v), _) => v.unwrap_or(0),
            _ => 0,
        });
        let numbers: Vec<i64> = numbers.collect();
        let (lengths, spec) = match (kind.as_str(), numbers.as_slice()) {
            ("TUMBLE", [size_ms, offset @ ..]) => {
                (1, WindowSpec::Tumble { size_ms: *size_ms, offset_ms: offset.first().copied().unwrap_or(0) })
            }
            ("HOP", [slide, size, offset @ ..]) => {
                let offset_ms = offset.first().copied().unwrap_or(0);
                (2, WindowSpec::Hop { size_ms: *size, slide_ms: *slide, offset_ms })
            }
            _ => return Ok(Expr::ScalarFunction(f)),
        };
        let offset_ms = match self.aligned(spec)? {
            WindowSpec::Tumble { offset_ms, .. } | WindowSpec::Hop { offset_ms, .. } => offset_ms,
            _ => 0,
        };
        f.args.truncate(2 + lengths);
        if offset_ms != 0 {
            f.args.push(lit(offset_ms));
        }
        Ok(Expr::ScalarFunction(f))
    }

    fn window(&self, window: &WindowTvf) -> Result<Known> {
        let (input, mut bounds) = self.rewrite(window.input.clone())?;
        let added = match is_instant(Some(&window.time), input.schema())? {
            true => [Bound::Start, Bound::End, Bound::Value],
            false => [Bound::Value; 3],
        };
        let spec = if added[0] == Bound::Value { window.spec } else { self.aligned(window.spec)? };
        bounds.extend(added);
        let node = WindowTvf::new(input, window.time.clone(), spec, window.partition_by.clone())?;
        Ok((LogicalPlan::Extension(Extension { node: Arc::new(node) }), bounds))
    }

    /// The windows of local time as windows of UTC.
    fn aligned(&self, spec: WindowSpec) -> Result<WindowSpec> {
        let align = |kind: &str, user_offset: i64, lengths: &[i64]| {
            let Some(shift) = self.zone.steady_offset_ms(lengths) else {
                return Err(external(
                    sloth_types::Error::unsupported(format!(
                        "'{kind}' with these lengths is not offered in a time zone whose clock goes forward and back"
                    ))
                    .hint("Use lengths that divide an hour, or SET 'table.local-time-zone' to a fixed offset such as 'GMT+01:00'."),
                ));
            };
            let unit = lengths.first().copied().unwrap_or(1).max(1);
            Ok((user_offset - shift).rem_euclid(unit))
        };
        Ok(match spec {
            WindowSpec::Tumble { size_ms, offset_ms } => {
                WindowSpec::Tumble { size_ms, offset_ms: align("TUMBLE", offset_ms, &[size_ms])? }
            }
            WindowSpec::Hop { size_ms, slide_ms, offset_ms } => {
                WindowSpec::Hop { size_ms, slide_ms, offset_ms: align("HOP", offset_ms, &[slide_ms, size_ms])? }
            }
            WindowSpec::Cumulate { max_ms, step_ms, offset_ms } => {
                WindowSpec::Cumulate { max_ms, step_ms, offset_ms: align("CUMULATE", offset_ms, &[max_ms])? }
            }
            session @ WindowSpec::Session { .. } => session,
        })
    }

    /// OVER: partitions and orders by bounds as they are, computes with values.
    fn over(&self, window: Window) -> Result<Known> {
        let (input, mut bounds) = self.input(window.input)?;
        let schema = Arc::clone(input.schema());
        let names = NamePreserver::new_for_projection();
        let exprs = window.window_expr.into_iter().map(|expr| {
            let saved = names.save(&expr);
            let changed = expr.transform_down(|expr| {
                let Expr::WindowFunction(mut f) = expr else { return Ok(Transformed::no(expr)) };
                let args = std::mem::take(&mut f.params.args).into_iter();
                f.params.args = args.map(|a| self.used(a, &schema, &bounds)).collect::<Result<_>>()?;
                for key in &mut f.params.partition_by {
                    *key = self.passed(key.clone(), &schema, &bounds)?.0;
                }
                for key in &mut f.params.order_by {
                    key.expr = self.passed(key.expr.clone(), &schema, &bounds)?.0;
                }
                Ok(Transformed::new(
                    Expr::WindowFunction(f),
                    true,
                    datafusion::common::tree_node::TreeNodeRecursion::Jump,
                ))
            })?;
            Ok(saved.restore(changed.data))
        });
        let exprs = exprs.collect::<Result<Vec<_>>>()?;
        let plan = LogicalPlan::Window(Window::try_new(exprs, Arc::new(input))?);
        bounds.resize(plan.schema().fields().len(), Bound::Value);
        Ok((plan, bounds))
    }

    fn join(&self, join: Join) -> Result<Known> {
        let Join { left, right, on, filter, .. } = join.clone();
        let ((left, l), (right, r)) = (self.input(left)?, self.input(right)?);
        let on = on.into_iter().map(|(a, b)| {
            let same = bound_of(&a, left.schema(), &l) == bound_of(&b, right.schema(), &r);
            match same && bound_of(&a, left.schema(), &l) != Bound::Value {
                true => Ok((a, b)),
                false => Ok((self.used(a, left.schema(), &l)?, self.used(b, right.schema(), &r)?)),
            }
        });
        let on = on.collect::<Result<Vec<_>>>()?;
        let both = left.schema().join(right.schema())?;
        let all: Vec<Bound> = l.iter().chain(&r).copied().collect();
        let filter = filter.map(|f| self.used(f, &both, &all)).transpose()?;
        let mut bounds = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => l,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => r,
            _ => all,
        };
        let plan = Join { left: Arc::new(left), right: Arc::new(right), on, filter, ..join };
        let plan = LogicalPlan::Join(plan).recompute_schema()?;
        bounds.resize(plan.schema().fields().len(), Bound::Value);
        Ok((plan, bounds))
    }

    fn union(&self, union: Union) -> Result<Known> {
        let inputs = union.inputs.into_iter().map(|i| self.input(i)).collect::<Result<Vec<_>>>()?;
        let first = inputs.first().map(|(_, bounds)| bounds.clone()).unwrap_or_default();
        let same = inputs.iter().all(|(_, bounds)| *bounds == first);
        let plans = inputs.into_iter().map(|known| if same { Ok(known.0) } else { self.values(known) });
        let inputs: Vec<Arc<LogicalPlan>> = plans.map(|p| p.map(Arc::new)).collect::<Result<_>>()?;
        let plan = LogicalPlan::Union(Union { inputs, schema: union.schema }).recompute_schema()?;
        let bounds = if same { first } else { vec![Bound::Value; first.len()] };
        Ok((plan, bounds))
    }
}

/// What an expression is that may be a column under another name.
fn bound_of(expr: &Expr, schema: &DFSchema, bounds: &[Bound]) -> Bound {
    match expr {
        Expr::Column(column) => {
            let index = schema.index_of_column(column).ok();
            index.and_then(|i| bounds.get(i).copied()).unwrap_or(Bound::Value)
        }
        Expr::Alias(alias) => bound_of(&alias.expr, schema, bounds),
        _ => Bound::Value,
    }
}

/// What the marker of a group window over instants gives.
fn marker_bound(expr: &Expr, schema: &DFSchema) -> Result<Bound> {
    let Expr::ScalarFunction(f) = expr else { return Ok(Bound::Value) };
    let bound = match WINDOW_MARKERS.iter().position(|m| *m == f.name()) {
        Some(0) => Bound::Start,
        Some(1) => Bound::End,
        _ => Bound::Value,
    };
    Ok(if bound != Bound::Value && is_instant(f.args.get(1), schema)? { bound } else { Bound::Value })
}

fn is_instant(time: Option<&Expr>, schema: &DFSchema) -> Result<bool> {
    match time {
        Some(time) => Ok(matches!(time.get_type(schema)?, DataType::Timestamp(_, Some(_)))),
        None => Ok(false),
    }
}
