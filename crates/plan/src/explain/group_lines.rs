//! EXPLAIN of an aggregation without a window: what it keeps.

use crate::aggregate::AggregateCall;
use crate::grouping::GroupAggregate;
use crate::window::Millis;

/// What a function keeps of a group besides its result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Nothing,
    Values,
    Rows,
}

/// `retracts`: rows may be taken back.
pub(super) fn state(group: &GroupAggregate, retracts: bool) -> String {
    let kept = group.calls.iter().map(|call| kept(call, retracts)).max().unwrap_or(Kept::Nothing);
    let entry = if group.keys.is_empty() { "one group" } else { "one entry per key" };
    let with = match kept {
        Kept::Nothing => "",
        Kept::Values => " with its different values",
        Kept::Rows => " with its rows",
    };
    match (group.keys.is_empty(), group.ttl_ms) {
        (true, _) if kept == Kept::Nothing => format!("state: {entry}"),
        (true, _) => format!("state: {entry}{with}, kept for ever (warning: grows with the input)"),
        (false, Some(ms)) => format!("state: {entry}{with}, forgotten {} after its last change", Millis(ms)),
        (false, None) => {
            let grows = if kept == Kept::Nothing { "the number of keys" } else { "the input" };
            format!("state: {entry}{with}, kept for ever (warning: grows with {grows}; STATE_TTL bounds it)")
        }
    }
}

fn kept(call: &AggregateCall, retracts: bool) -> Kept {
    match call.function.name() {
        "count" | "sum" | "avg" | "bool_and" | "bool_or" if call.distinct => Kept::Values,
        "count" | "sum" | "avg" | "bool_and" | "bool_or" | "approx_percentile_cont" | "approx_median" => Kept::Nothing,
        "min" | "max" if retracts => Kept::Values,
        "min" | "max" => Kept::Nothing,
        // What cannot take a row back is computed again from all of them.
        _ if retracts || call.distinct => Kept::Rows,
        "first_value" | "last_value" | "any_value" => Kept::Nothing,
        "array_agg" | "string_agg" | "listagg" | "nth_value" | "median" | "percentile_cont" => Kept::Rows,
        _ if call.sorts() => Kept::Rows,
        _ => Kept::Nothing,
    }
}
