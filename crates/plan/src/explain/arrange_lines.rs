//! EXPLAIN's lines for what joins keep, alone or together.

use crate::arrange::Arrange;
use crate::node::{JobPlan, Join, JoinKind, NodeId};

/// Who reads an arrangement, and what it holds.
pub(super) fn details(plan: &JobPlan, id: NodeId, held: &Arrange, lines: &mut Vec<String>) {
    let mut readers: Vec<String> = plan.readers(id).iter().map(|join| format!("#{join}")).collect();
    readers.dedup();
    lines.push(format!("read by: the joins {}", readers.join(", ")));
    let what = if held.weights { "the keys" } else { "the rows" };
    lines.push(format!("state: {what}, once for all of them, kept for ever (warning: grows with the input)"));
}

/// What a join keeps itself.
pub(super) fn join_details(plan: &JobPlan, id: NodeId, join: &Join, lines: &mut Vec<String>) {
    let elsewhere = [0, 1].map(|side| plan.reads(id, side).map(|(at, _)| at));
    let kept = match (join.residual.is_some() || join.kind.pairs(), join.kind) {
        (true, _) => "the rows of both sides",
        (false, JoinKind::RightSemi | JoinKind::RightAnti) => "the rows of the right side and the keys of the left",
        _ => "the rows of the left side and the keys of the right",
    };
    let what = |side: usize| if join.weighs(side) { "keys" } else { "rows" };
    lines.push(match (elsewhere, join.ttl_ms) {
        ([None, None], [None, None]) => {
            format!("state: {kept}, kept for ever (warning: grows with the input; STATE_TTL bounds it)")
        }
        ([None, None], [left, right]) => {
            format!("state: left rows {}, right rows {}", super::lifetime(left), super::lifetime(right))
        }
        ([Some(left), Some(right)], _) => format!("state: none; left rows are in #{left}, right rows in #{right}"),
        ([Some(left), None], _) => {
            format!(
                "state: the {} of the right side (warning: grows with the input); left rows are in #{left}",
                what(1)
            )
        }
        ([None, Some(right)], _) => {
            format!(
                "state: the {} of the left side (warning: grows with the input); right rows are in #{right}",
                what(0)
            )
        }
    });
}
