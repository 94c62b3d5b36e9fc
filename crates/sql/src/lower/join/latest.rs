//! Versioned views: `SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY time DESC) AS n FROM t) WHERE n = 1`.
//! As of some time its row of a key is the last row of that key until then: each row of `t` is a version.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, SubqueryAlias, Window};
use sloth_plan::RankFunction;

use super::super::as_column;
use super::super::rank::{bounds, rank_function};

/// A view of the last row of each key, without its ranking: all rows.
pub(super) struct Latest {
    pub(super) plan: LogicalPlan,
    /// Where the key's columns are.
    pub(super) key: Vec<usize>,
    /// Where the column is whose greatest value is the last.
    pub(super) time: usize,
    /// Where the rank is, as long as it is there.
    rank: Option<usize>,
    /// Only the first rank was wanted.
    first: bool,
}

impl Latest {
    /// What the view is made of; `None` when it is another one.
    pub(super) fn of(plan: &LogicalPlan) -> Option<Latest> {
        Latest::below(plan).filter(|latest| latest.first)
    }

    fn below(plan: &LogicalPlan) -> Option<Latest> {
        match plan {
            LogicalPlan::SubqueryAlias(alias) => {
                let latest = Latest::below(&alias.input)?;
                let alias = SubqueryAlias::try_new(latest.plan.into(), alias.alias.clone()).ok()?;
                Some(Latest { plan: LogicalPlan::SubqueryAlias(alias), ..latest })
            }
            LogicalPlan::Projection(projection) => {
                let latest = Latest::below(&projection.input)?;
                let schema = projection.input.schema();
                let place = |column: usize| {
                    let is_it = |e: &Expr| as_column(e).is_some_and(|c| schema.index_of_column(c).ok() == Some(column));
                    projection.expr.iter().position(is_it)
                };
                let (key, time) = (latest.key.iter().map(|k| place(*k)).collect::<Option<_>>()?, place(latest.time)?);
                let rank = latest.rank.and_then(place);
                let plan = Projection::try_new(projection.expr.clone(), latest.plan.into()).ok()?;
                Some(Latest { plan: LogicalPlan::Projection(plan), key, time, rank, first: latest.first })
            }
            LogicalPlan::Filter(filter) => {
                let latest = Latest::below(&filter.input)?;
                let rank = datafusion::common::Column::from(filter.input.schema().qualified_field(latest.rank?));
                // Any other condition would end a version where a row does not fulfil it.
                let wanted = split_conjunction(&filter.predicate).into_iter().map(|c| bounds(c, &rank));
                let wanted: Vec<(u64, u64)> = wanted.collect::<Option<_>>()?;
                let from = wanted.iter().map(|(from, _)| *from).max()?;
                let to = wanted.iter().map(|(_, to)| *to).min()?;
                (from <= 1 && to == 1).then_some(Latest { first: true, ..latest })
            }
            LogicalPlan::Window(window) => Latest::of_window(window),
            _ => None,
        }
    }

    fn of_window(window: &Window) -> Option<Latest> {
        let (RankFunction::RowNumber, params) = rank_function(window)? else { return None };
        let schema = window.input.schema();
        let place = |e: &Expr| schema.index_of_column(as_column(e)?).ok();
        let [order] = params.order_by.as_slice() else { return None };
        let key = params.partition_by.iter().map(place).collect::<Option<Vec<_>>>()?;
        if order.asc || key.is_empty() {
            return None;
        }
        let time = place(&order.expr)?;
        let rank = schema.fields().len();
        let (qualifier, field) = window.schema.qualified_field(rank);
        // Whichever rank it had, every row is the first as of its own time.
        let one = ScalarValue::UInt64(Some(1)).cast_to(field.data_type()).ok()?;
        let mut exprs: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
        exprs.push(Expr::Literal(one, None).alias_qualified(qualifier.cloned(), field.name()));
        let plan = LogicalPlan::Projection(Projection::try_new(exprs, window.input.clone()).ok()?);
        Some(Latest { plan, key, time, rank: Some(rank), first: false })
    }
}
