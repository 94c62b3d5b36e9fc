//! What EXPLAIN says of joins with tables that are asked.

use arrow::datatypes::Schema;

use super::names;
use crate::lookup::LookupJoin;
use crate::node::{JobPlan, NodeId, SourceOrigin};

pub(super) fn details(lookup: &LookupJoin, input: Option<&Schema>, plan: &JobPlan, lines: &mut Vec<String>) {
    let left: Vec<String> = lookup.join.left_keys.iter().map(|k| names(input, &[*k])).collect();
    let pairs: Vec<String> = left.iter().zip(&lookup.keys).map(|(left, right)| format!("{right} = {left}")).collect();
    lines.push(format!("asks table {} for rows with {}", lookup.table_name(), pairs.join(" and ")));
    lines.extend(lookup.join.residual.iter().map(|r| format!("and: {r}")));
    lines.push(match plan.settings.parallelism {
        1 => "exchange: none (one worker)".to_owned(),
        _ => format!("exchange: by hash of {}", left.join(", ")),
    });
    lines.push("not repeatable: a live lookup, the table may say something else in a replay".to_owned());
    lines.push(match &lookup.table.origin {
        SourceOrigin::Table(table) => cache(&table.options),
        SourceOrigin::Rows(_) => String::new(),
    });
}

fn cache(options: &sloth_types::Options) -> String {
    let of = |keys: &[&str]| keys.iter().find_map(|key| options.get(key)).map(str::to_owned);
    let rows = of(&["lookup.partial-cache.max-rows", "lookup.cache.max-rows"]);
    let written = of(&["lookup.partial-cache.expire-after-write", "lookup.cache.ttl"]);
    let used = of(&["lookup.partial-cache.expire-after-access"]);
    let none = of(&["lookup.cache"]).is_some_and(|c| c.eq_ignore_ascii_case("NONE"));
    if none || (rows.is_none() && written.is_none() && used.is_none()) {
        return "state: none; the table is asked for every row ('lookup.cache' = 'PARTIAL' keeps answers)".to_owned();
    }
    let bounds: Vec<String> = [
        rows.map(|r| format!("at most {r} rows")),
        written.map(|t| format!("for {t}")),
        used.map(|t| format!("until unused for {t}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("state: a cache of answers, {}", bounds.join(", "))
}

/// What a sink says of the live lookups below it.
pub(super) fn sink_line(plan: &JobPlan, sink: NodeId) -> Option<String> {
    let lookup = plan.live_lookup(sink)?;
    Some(format!("not repeatable: depends on a live lookup (table {})", lookup.table_name()))
}
