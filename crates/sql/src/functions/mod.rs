//! Flink's functions: those that DataFusion lacks, and those that it has with another meaning.

mod aggregates;
mod args;
mod civil;
mod clock;
mod datetime;
mod define;
mod json;
mod markers;
mod math;
mod pattern;
mod regex;
mod semantics;
#[cfg(test)]
mod tests;
mod text;
mod time_casts;
pub(crate) mod zone;

use datafusion::logical_expr::AggregateUDF;
use datafusion::prelude::SessionContext;

pub(crate) use civil::{DAY_MS, Unit};
pub use math::NONDETERMINISTIC;
pub(crate) use semantics::{DecimalDivision, FlinkSemantics};

/// Names that the rewriting of the syntax tree replaces, so that no function of the name is registered.
pub(crate) const REWRITTEN: &[&str] = &[
    "approx_count_distinct",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "element",
    "endswith",
    "from_base64",
    "grouping_id",
    "hour",
    "if",
    "ifnull",
    "listagg",
    "minute",
    "mod",
    "month",
    "quarter",
    "row",
    "second",
    "sha2",
    "sign",
    "startswith",
    "timestampadd",
    "timestampdiff",
    "to_base64",
    "week",
    "year",
];

/// Registers all functions over DataFusion's own.
pub(crate) fn register(context: &SessionContext) {
    for function in all_functions() {
        define::register(context, function);
    }
    for kind in [aggregates::Kind::Sum, aggregates::Kind::Avg] {
        context.register_udaf(AggregateUDF::from(aggregates::FlinkAggregate::new(kind)));
    }
}

fn all_functions() -> impl Iterator<Item = &'static define::Function> {
    [
        clock::FUNCTIONS,
        datetime::FUNCTIONS,
        json::FUNCTIONS,
        markers::FUNCTIONS,
        math::FUNCTIONS,
        regex::FUNCTIONS,
        text::FUNCTIONS,
        time_casts::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// Name, usage and description of Flink's functions that users can call, for the documentation.
pub fn documentation() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut rows: Vec<_> = all_functions()
        .filter_map(|f| Some((*f.names.first()?, f.usage, f.about)))
        .filter(|(name, _, about)| !about.ends_with("internal.") && *name != "$decimal_div")
        .map(|(name, usage, about)| (name.trim_start_matches('$'), usage, about))
        .collect();
    rows.sort_unstable();
    rows
}
