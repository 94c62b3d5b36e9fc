//! How long state is kept that no watermark frees: the hint STATE_TTL, and `table.exec.state.ttl`.

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
        let ttl = match self.hinted(input) {
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

    /// A join that gives rows without a partner cannot take back what it would have forgotten.
    pub(super) fn refuse_lifetime(&self, inputs: [&Relation; 2], query: Option<&Query>) -> Result<()> {
        let hinted = inputs.iter().find_map(|input| self.hinted(input));
        let Some((name, _)) = hinted else { return Ok(()) };
        let span = query.and_then(|q| q.ttl_hints.iter().find(|hint| hint.name == name)).map(|hint| hint.span.clone());
        let error = Error::unsupported("STATE_TTL of a join that is not an inner one").hint(
            "Such a join must know whether a row has had a partner. Join with bounds on the time, or leave it out.",
        );
        Err(match span {
            Some(span) => error.at(span),
            None => error,
        })
    }

    /// Refuses hints that name nothing.
    pub(super) fn check_hints(&self, query: &Query) -> Result<()> {
        match query.ttl_hints.iter().find(|hint| !self.hints_used.contains(&hint.name)) {
            Some(hint) => Err(Error::invalid(format!(
                "STATE_TTL names '{}', which is no input of a join or of an aggregation without a window here",
                hint.name
            ))
            .hint("Name a table, view or alias that the query joins or aggregates.")
            .at(hint.span.clone())),
            None => Ok(()),
        }
    }
}
