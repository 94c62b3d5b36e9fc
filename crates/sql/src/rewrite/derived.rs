//! Names for subqueries in FROM that have none, where tables are joined by the names of their columns: the planner tells
//! the columns of several tables apart by the tables' names.

use datafusion::sql::sqlparser::ast::{Ident, JoinConstraint, Select, TableAlias, TableFactor};

use super::using::constraint;

/// Gives names to the subqueries of a `SELECT` with `NATURAL` or `USING` joins.
pub(super) fn rewrite(select: &mut Select) {
    let mut made = 0;
    for table in &mut select.from {
        let mut constraints = table.joins.iter_mut().map(|join| constraint(&mut join.join_operator));
        if !constraints.any(|c| matches!(c, Some(JoinConstraint::Natural | JoinConstraint::Using(_)))) {
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
