//! EXPLAIN of OVER.

use arrow::datatypes::Schema;

use super::rank_lines::order_column;
use crate::over::{Over, OverCall, OverEmission, Reach, Scope};

pub(super) fn details(over: &Over, input: Option<&Schema>, clock: String, lines: &mut Vec<String>) {
    lines.extend(over.calls.iter().map(|call| format!("computes: {}", call.sql)));
    let mut order: Vec<String> = over.order.iter().map(|o| order_column(o, input)).collect();
    order.push(
        match over.emission {
            OverEmission::Arrival { .. } => "then the first to come",
            _ => "then the other columns",
        }
        .to_owned(),
    );
    lines.push(format!("order: {}", order.join(", ")));
    let scopes: Vec<Scope> = over.calls.iter().map(OverCall::scope).collect();
    match over.emission {
        OverEmission::Changes => {
            lines.push("emits the changed results of every epoch".to_owned());
            lines.push(work(&scopes).to_owned());
            lines.push("state: all rows and their results, kept for ever (warning: grows with the input)".to_owned());
            return;
        }
        OverEmission::Early { .. } => {
            lines.push(format!(
                "emits the changed results of every epoch; a row stands when it is passed by the {clock}"
            ));
            lines.push(work(&scopes).to_owned());
        }
        OverEmission::Watermark { .. } => {
            lines.push(format!("emits a row when the watermark passes it; {clock}"));
        }
        OverEmission::Arrival { .. } => lines.push("emits at once, in the order of arrival".to_owned()),
    }
    let pending = match over.emission {
        OverEmission::Watermark { .. } => "rows the watermark has not passed, and ",
        OverEmission::Early { .. } => "rows the watermark has not passed with their results, and ",
        _ => "",
    };
    let mut rows = 0;
    let mut ms = None;
    let mut all = matches!(over.emission, OverEmission::Early { .. }) && scopes.contains(&Scope::Partition);
    for reach in over.calls.iter().map(|call| call.reach) {
        match reach {
            Reach::Rows { before, .. } => rows = rows.max(before),
            Reach::Millis(wide) => ms = ms.max(Some(wide)),
            Reach::Back | Reach::Partition => all = true,
            Reach::Running => {}
        }
    }
    let grows = ", kept for ever (warning: grows with the number of partitions)";
    let kept = match (all, rows, ms) {
        (true, ..) => "all rows, kept for ever (warning: grows with the input)".to_owned(),
        (false, 0, Some(ms)) => format!("those of the last {ms} ms"),
        (false, 0, None) if over.partition.is_empty() => "one entry".to_owned(),
        (false, 0, None) => format!("one entry per partition{grows}"),
        (false, rows, ms) => {
            let wide = ms.map_or(String::new(), |ms| format!(" and those of the last {ms} ms"));
            match over.partition.is_empty() {
                true => format!("the last {rows}{wide}"),
                false => format!("the last {rows} of each partition{wide}{grows}"),
            }
        }
    };
    let pending = if all { "" } else { pending };
    lines.push(format!("state: {pending}{kept}"));
}

fn work(scopes: &[Scope]) -> &'static str {
    match () {
        () if scopes.contains(&Scope::Partition) => "work: the whole of each changed partition",
        () if scopes.iter().any(|s| matches!(s, Scope::On { .. })) => {
            "work: from each change on, until nothing differs"
        }
        () => "work: the rows around each change",
    }
}
