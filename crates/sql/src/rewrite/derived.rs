//! Names for subqueries in FROM that have none, where tables are joined by the names of their columns: the planner tells
//! the columns of several tables apart by the tables' names.

use datafusion::sql::sqlparser::ast::{Ident, JoinConstraint, JoinOperator, Select, TableAlias, TableFactor};

/// Gives names to the subqueries of a `SELECT` with `NATURAL` or `USING` joins.
pub(super) fn rewrite(select: &mut Select) {
    let mut made = 0;
    for table in &mut select.from {
        let by_name = |operator: &JoinOperator| {
            matches!(
                operator,
                JoinOperator::Join(c)
                | JoinOperator::Inner(c)
                | JoinOperator::Left(c)
                | JoinOperator::LeftOuter(c)
                | JoinOperator::Right(c)
                | JoinOperator::RightOuter(c)
                | JoinOperator::FullOuter(c)
                    if matches!(c, JoinConstraint::Natural | JoinConstraint::Using(_))
            )
        };
        if !table.joins.iter().any(|join| by_name(&join.join_operator)) {
            continue;
        }
        for factor in std::iter::once(&mut table.relation).chain(table.joins.iter_mut().map(|join| &mut join.relation))
        {
            if let TableFactor::Derived { alias: alias @ None, .. } = factor {
                made += 1;
                let name = Ident::with_quote('`', format!("$t{made}"));
                *alias = Some(TableAlias { explicit: true, name, columns: vec![], at: None });
            }
        }
    }
}
