//! What keeps no state: its output is known by what it does to its input, wherever it is done.

use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

use super::kinds::windows;
use super::{Known, expr, fnv, types};
use crate::node::{Node, NodeKind, Stage};

/// The output of a node without a state of its own; `None` for the others.
pub(super) fn passed(node: &Node, inputs: &[&Known]) -> Option<Known> {
    let input = || inputs.first().map(|i| (*i).clone()).unwrap_or_default();
    match &node.kind {
        NodeKind::Map(list) => Some(after(list, input())),
        NodeKind::Arrange(_) => Some(input()),
        NodeKind::Union => {
            let all: Vec<String> = inputs.iter().map(|i| i.text()).collect();
            Some(Known::fresh(fnv(&format!("union of {}", all.join(" "))), node.schema.fields().len()))
        }
        NodeKind::WindowAssign(assign) => {
            let mut known = input();
            known.rows =
                fnv(&format!("{} on {} of {:016x}", windows(&assign.window), known.column(assign.time), known.rows));
            let more = node.schema.fields().len().saturating_sub(known.columns.len());
            known.columns.extend(Known::fresh(known.rows, more).columns);
            Some(known)
        }
        NodeKind::LateRows(assign, lateness_ms) => {
            let mut known = input();
            let time = known.column(assign.time);
            let windows = windows(&assign.window);
            known.rows = fnv(&format!("late for {windows} {lateness_ms} by {time} of {:016x}", known.rows));
            Some(known)
        }
        NodeKind::BadRecords => {
            let rows = fnv(&format!("bad records of {:016x}", input().rows));
            Some(Known::fresh(rows, node.schema.fields().len()))
        }
        _ => None,
    }
}

/// What some stages make of rows.
pub(super) fn after(stages: &[Stage], input: Known) -> Known {
    stages.iter().fold(input, |known, stage| match stage {
        Stage::Filter(predicate) => {
            let rows = fnv(&format!("filter {} of {:016x}", expr::text(predicate, &known), known.rows));
            Known { rows, ..known }
        }
        Stage::Project { exprs, schema } => {
            let columns = exprs.iter().zip(schema.fields()).map(|(e, field)| {
                let plain: &dyn PhysicalExpr = e.as_ref();
                match plain.downcast_ref::<Column>().and_then(|c| known.columns.get(c.index())) {
                    Some(same) => *same,
                    None => {
                        let (text, returns) = (expr::text(e, &known), types::text(field.data_type()));
                        fnv(&format!("{text}:{returns} in {:016x}", known.rows))
                    }
                }
            });
            Known { rows: known.rows, columns: columns.collect() }
        }
        Stage::Expand { copies, schema } => {
            let copies: Vec<String> = copies.iter().map(|copy| format!("({})", expr::all(copy, &known))).collect();
            let rows = fnv(&format!("expand {} of {:016x}", copies.join(" "), known.rows));
            Known::fresh(rows, schema.fields().len())
        }
        Stage::Unnest { columns, preserve_nulls, schema } => {
            let kinds = format!("{columns:?} {preserve_nulls}");
            Known::fresh(fnv(&format!("unnest {kinds} of {}", known.text())), schema.fields().len())
        }
    })
}
