//! Flink's functions: those that DataFusion lacks, and those that it has with another meaning.

mod aggregates;
mod args;
mod arrays;
mod civil;
mod clock;
mod coding;
mod collect;
mod comparisons;
mod datetime;
mod define;
pub(crate) mod fields;
mod intervals;
mod json;
mod json_build;
mod json_path;
mod length;
pub(crate) mod like;
mod maps;
mod markers;
mod math;
mod pattern;
mod ranking;
mod regex;
mod semantics;
mod single;
#[cfg(test)]
mod tests;
mod text;
mod text_casts;
mod time_casts;
mod top_k;
pub(crate) mod zone;

use datafusion::logical_expr::AggregateUDF;
use datafusion::prelude::SessionContext;

pub(crate) use civil::{DAY_MS, Unit};
pub(crate) use json_build::MEMBER_MARK;
pub use math::NONDETERMINISTIC;
pub(crate) use semantics::{DecimalDivision, FlinkSemantics};
pub(crate) use top_k::frequent_wish;

/// Names that the rewriting of the syntax tree replaces, so that no function of the name is registered.
pub(crate) const REWRITTEN: &[&str] = &[
    "approx_count_distinct",
    "current_catalog",
    "current_database",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "endswith",
    "every",
    "from_base64",
    "grouping_id",
    "hour",
    "if",
    "ifnull",
    "json_array",
    "json_arrayagg",
    "json_object",
    "json_objectagg",
    "listagg",
    "minute",
    "mod",
    "month",
    "quarter",
    "row",
    "second",
    "sha2",
    "startswith",
    "timestampadd",
    "timestampdiff",
    "to_base64",
    "variance",
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
    context.register_udaf(AggregateUDF::from(collect::Collect::new()));
    context.register_udaf(AggregateUDF::from(single::Single::new()));
    for kind in [top_k::Kind::TopK, top_k::Kind::HeavyHitters] {
        context.register_udaf(AggregateUDF::from(top_k::Frequent::new(kind)));
    }
    // Flink's name of it.
    let percentile = datafusion::functions_aggregate::percentile_cont::percentile_cont_udaf();
    context.register_udaf(percentile.as_ref().clone().with_aliases(["percentile"]));
    ranking::register(context);
}

fn all_functions() -> impl Iterator<Item = &'static define::Function> {
    [
        arrays::FUNCTIONS,
        clock::FUNCTIONS,
        coding::FUNCTIONS,
        datetime::FUNCTIONS,
        intervals::FUNCTIONS,
        json::FUNCTIONS,
        json_build::FUNCTIONS,
        length::FUNCTIONS,
        like::FUNCTIONS,
        maps::FUNCTIONS,
        markers::FUNCTIONS,
        math::FUNCTIONS,
        regex::FUNCTIONS,
        single::FUNCTIONS,
        text::FUNCTIONS,
        text_casts::FUNCTIONS,
        time_casts::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// Usage and description of the aggregate functions with Flink's meaning.
const AGGREGATES: &[(&str, &str, &str)] = &[
    (
        "approx_heavy_hitters",
        "APPROX_HEAVY_HITTERS(value, share)",
        "The values that make up at least a share (a literal from 0.0001 to 1) of all, as APPROX_TOP_K gives them. None is \
         missed; one that makes up a little less (by a sixteenth of the share at most) may be among them.",
    ),
    (
        "approx_top_k",
        "APPROX_TOP_K(value, k)",
        "The k (a literal up to 10000) most frequent values as ARRAY<ROW<value, count, error>>, the most frequent first; \
         NULL is left out. A value came `count - error` to `count` times. Exact (all errors 0) up to m = max(16 k, 256) \
         different values in a group; with more of them, of n values, no error is above n / m.",
    ),
    ("collect", "COLLECT([DISTINCT] value)", "How often each value occurs, as a MAP; NULL is left out."),
    ("every", "EVERY(condition)", "True when it is true of all rows for which it is known; BOOL_AND is the same."),
    (
        "json_arrayagg",
        "JSON_ARRAYAGG(value [NULL | ABSENT ON NULL])",
        "The values as a JSON array, in the order of the rows; NULL is left out unless NULL ON NULL is said.",
    ),
    (
        "json_objectagg",
        "JSON_OBJECTAGG([KEY] key VALUE value [NULL | ABSENT ON NULL])",
        "The members of a JSON object, its keys in alphabetical order; a key that occurs twice is an error.",
    ),
    ("listagg", "LISTAGG(text [, separator])", "The texts one after the other, divided by ',' or the separator."),
    (
        "percentile",
        "PERCENTILE(number, share)",
        "The number below which a share (0 to 1) of all lies, between two of them if need be; PERCENTILE_CONT is the same.",
    ),
    ("variance", "VARIANCE(number)", "The sample variance; VAR_SAMP is the same."),
];

/// Name, usage and description of Flink's functions that users can call, for the documentation.
pub fn documentation() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut rows: Vec<_> = all_functions()
        .filter_map(|f| Some((*f.names.first()?, f.usage, f.about)))
        .filter(|(name, _, about)| !about.ends_with("internal.") && *name != "$decimal_div")
        .map(|(name, usage, about)| (name.trim_start_matches('$'), usage, about))
        .chain(AGGREGATES.iter().copied())
        .collect();
    rows.sort_unstable();
    rows
}
