//! How long state is kept that no watermark frees: the hint STATE_TTL, and `table.exec.state.ttl`.

use datafusion::logical_expr::{Distinct, LogicalPlan};
use sloth_types::{Error, Result};

use super::Lowering;
use super::relation::Relation;
use crate::session::Query;

/// What a query says about the lifetime of its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Lifetimes {
    /// The setting, in milliseconds.
    default: Option<i64>,
    /// Of inputs, by their name.
    named: Vec<(String, i64)>,
}

impl Lifetimes {
    pub(super) fn of(query: &Query) -> Self {
        let named = query.ttl_hints.iter().map(|hint| (hint.name.clone(), hint.ttl_ms));
        Lifetimes { default: query.state_ttl_ms, named: named.collect() }
    }
}

impl Lowering<'_> {
    /// How long the state over an input is kept; `None` for ever.
    pub(super) fn lifetime(&mut self, input: &Relation) -> Option<i64> {
        self.lifetime_of(self.hinted(input))
    }

    /// As [`Lowering::lifetime`], for an input that may be a subquery of the condition: it has the name of what it reads.
    pub(super) fn lifetime_below(&mut self, input: &Relation, plan: &LogicalPlan) -> Option<i64> {
        let below = || self.lifetimes.named.iter().find(|(name, _)| Some(name.as_str()) == read_by(plan)).cloned();
        let hinted = self.hinted(input).or_else(below);
        self.lifetime_of(hinted)
    }

    fn lifetime_of(&mut self, hinted: Option<(String, i64)>) -> Option<i64> {
        let ttl = match hinted {
            Some((name, ttl)) => {
                self.hints_used.insert(name);
                Some(ttl)
            }
            None => self.lifetimes.default,
        };
        ttl.filter(|ms| *ms > 0)
    }

    /// The hint that names an input: all its columns are those of one table or alias.
    fn hinted(&self, input: &Relation) -> Option<(String, i64)> {
        let mut names = input.schema.iter().filter_map(|(qualifier, _)| qualifier.map(|q| q.table()));
        let first = names.next()?;
        if names.any(|name| name != first) {
            return None;
        }
        self.lifetimes.named.iter().find(|(name, _)| name == first).cloned()
    }

    /// Refuses hints that name nothing.
    pub(super) fn check_hints(&self, query: &Query) -> Result<()> {
        match query.ttl_hints.iter().find(|hint| !self.hints_used.contains(&hint.name)) {
            Some(hint) => Err(Error::invalid(format!(
                "STATE_TTL names '{}', which is no input of a join, an aggregation, a ranking or a set operation without a window here",
                hint.name
            ))
            .hint("Name a table, view or alias that the query joins or aggregates.")
            .at(hint.span.clone())),
            None => Ok(()),
        }
    }
}

/// What a subquery of a condition reads, where that is one table or alias.
fn read_by(plan: &LogicalPlan) -> Option<&str> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) if alias.alias.table().starts_with("__") => read_by(&alias.input),
        LogicalPlan::SubqueryAlias(alias) => Some(alias.alias.table()),
        LogicalPlan::TableScan(scan) => Some(scan.table_name.table()),
        LogicalPlan::Projection(projection) => read_by(&projection.input),
        LogicalPlan::Filter(filter) => read_by(&filter.input),
        LogicalPlan::Distinct(Distinct::All(input)) => read_by(input),
        _ => None,
    }
}
