//! `l JOIN t FOR SYSTEM_TIME AS OF l.time ON …`: the time becomes part of the condition, as `$as_of(…, l.time)`, so that
//! the planner resolves it and keeps its column.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Join, JoinConstraint, JoinOperator, Select, TableFactor, TableVersion,
};
use sloth_types::{Error, Result};

use super::call;

/// Name of the function that carries the time through the planner.
pub(crate) const AS_OF: &str = "$as_of";

/// Rewrites the temporal joins of a SELECT.
pub(super) fn rewrite(select: &mut Select) -> Result<()> {
    for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
        as_of_match(join)?;
        let TableFactor::Table { version: Some(version), .. } = &mut join.relation else { continue };
        let TableVersion::ForSystemTimeAsOf(time) = version.clone() else { continue };
        let (JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::Left(on) | JoinOperator::LeftOuter(on)) =
            &mut join.join_operator
        else {
            return Err(Error::unsupported("a join FOR SYSTEM_TIME AS OF that is neither inner nor left")
                .hint("Write JOIN or LEFT JOIN: the table as it was then has no rows of its own."));
        };
        mark(on, vec![time.clone()])?;
        // Not a form that can be written: it tells the planner that the time has been taken care of.
        *version = TableVersion::TimestampAsOf(time);
    }
    Ok(())
}

/// Adds the marker with these times to a join's condition.
fn mark(on: &mut JoinConstraint, times: Vec<Expr>) -> Result<()> {
    let JoinConstraint::On(condition) = on else {
        return Err(Error::invalid("a join with a table as of some time needs a condition")
            .hint("Write ON left.key = right.key."));
    };
    let marker = call(AS_OF, [vec![condition.clone()], times].concat());
    *condition = Expr::BinaryOp {
        left: Box::new(Expr::Nested(Box::new(condition.clone()))),
        op: BinaryOperator::And,
        right: Box::new(marker),
    };
    Ok(())
}

/// `l ASOF JOIN r MATCH_CONDITION (l.time >= r.time) ON …`: a left join with the latest row of r up to l's time.
fn as_of_match(join: &mut Join) -> Result<()> {
    let JoinOperator::AsOf { match_condition, constraint } = &join.join_operator else { return Ok(()) };
    let usage = "Write l ASOF JOIN t MATCH_CONDITION (l.time >= t.time) ON l.key = t.key.";
    let (time, right) = match match_condition {
        Expr::BinaryOp { left, op: BinaryOperator::GtEq, right } => (left.as_ref().clone(), right.as_ref().clone()),
        Expr::BinaryOp { left, op: BinaryOperator::LtEq, right } => (right.as_ref().clone(), left.as_ref().clone()),
        _ => return Err(Error::unsupported("this MATCH_CONDITION").hint(usage)),
    };
    let mut constraint = constraint.clone();
    mark(&mut constraint, vec![time.clone(), right])?;
    let TableFactor::Table { version, .. } = &mut join.relation else {
        return Err(Error::unsupported("ASOF JOIN with a subquery").hint("Make the subquery a view."));
    };
    *version = Some(TableVersion::TimestampAsOf(time));
    join.join_operator = JoinOperator::LeftOuter(constraint);
    Ok(())
}
