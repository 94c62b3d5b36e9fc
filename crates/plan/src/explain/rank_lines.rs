//! EXPLAIN of a ranking.

use arrow::datatypes::Schema;
use sloth_types::ChangelogMode;

use super::{by, names};
use crate::emission;
use crate::node::Node;
use crate::rank::{OrderColumn, Rank, RankFunction, Ties};

pub(super) fn headline(rank: &Rank, input: Option<&Schema>) -> String {
    let range = match (rank.from, rank.to) {
        (from, to) if from == to => format!("= {from}"),
        (from, u64::MAX) => format!(">= {from}"),
        (0 | 1, to) => format!("<= {to}"),
        (from, to) => format!("between {from} and {to}"),
    };
    format!("Rank {} {range}{}", rank.function, by(&names(input, &rank.partition)))
}

/// A column with its direction, and where NULL stands when that is not where it usually does.
pub(super) fn order_column(order: &OrderColumn, schema: Option<&Schema>) -> String {
    let direction = if order.descending { " DESC" } else { "" };
    let nulls = match (order.nulls_first, order.descending) {
        (true, true) => " NULLS FIRST",
        (false, false) => " NULLS LAST",
        _ => "",
    };
    format!("{}{direction}{nulls}", names(schema, &[order.column]))
}

pub(super) fn details(rank: &Rank, input: Option<&Node>, clock: String, lines: &mut Vec<String>) {
    let schema = input.map(|n| n.schema.as_ref());
    let mut order: Vec<String> = rank.order.iter().map(|o| order_column(o, schema)).collect();
    if rank.function == RankFunction::RowNumber {
        order.push(
            match rank.ties {
                Ties::Content => "then the other columns",
                Ties::Earliest { .. } => "then the first to come",
                Ties::Latest { .. } => "then the last to come",
            }
            .to_owned(),
        );
    }
    lines.push(format!("order: {}", order.join(", ")));
    let appends = input.is_some_and(|n| n.mode == ChangelogMode::Append);
    if appends && rank.batches_tell() {
        lines.push(match rank.to {
            1 => "before the exchange: of each batch only rows that are first in it".to_owned(),
            to => format!("before the exchange: of each batch only rows that are among the first {to} in it"),
        });
    }
    let kept = match (appends, rank.to) {
        (true, u64::MAX) | (false, _) => "all rows of each partition".to_owned(),
        (true, 1) => "the first row of each partition".to_owned(),
        (true, to) => format!("the first {to} of each partition"),
    };
    if rank.window_end.is_some() {
        lines.push(emission::line(&rank.emission, "window", &clock));
        lines.push(format!("state: {kept}; {}", emission::freed(&rank.emission, "window")));
        return;
    }
    lines.push("emits the changes within the range of every epoch".to_owned());
    if let Some(ms) = rank.ttl_ms {
        let ttl = crate::window::Millis(ms);
        lines.push(format!("state: {kept}; forgotten {ttl} after the partition's last change"));
        return;
    }
    lines.push(match (rank.partition.is_empty(), appends && rank.to < u64::MAX) {
        (true, true) => format!("state: bounded, {}", kept.replace(" of each partition", "")),
        (true, false) => "state: all rows, kept for ever (warning: grows with the input)".to_owned(),
        (false, true) => {
            format!("state: {kept}, kept for ever (warning: grows with the number of partitions; STATE_TTL bounds it)")
        }
        (false, false) => {
            format!("state: {kept}, kept for ever (warning: grows with the input; STATE_TTL bounds it)")
        }
    });
}
