//! Legacy group windows: `GROUP BY TUMBLE(t, i)` becomes three marker expressions that the planner carries along, and
//! `TUMBLE_START(t, i)` and its relatives become the same markers, so that the aggregate recognises them.

use datafusion::sql::sqlparser::ast::{Expr, Function, GroupByExpr, Select, Value};
use sloth_types::{Error, Result};

use super::interval::interval_ms;
use super::{args, call, function_name, string};

/// Names of the markers, in the order in which GROUP BY gets them.
pub const WINDOW_MARKERS: [&str; 3] = ["$window_start", "$window_end", "$window_time"];

/// Replaces the group windows of a SELECT.
pub(super) fn rewrite_group_by(select: &mut Select) -> Result<()> {
    let GroupByExpr::Expressions(exprs, _) = &mut select.group_by else { return Ok(()) };
    let mut rewritten = Vec::with_capacity(exprs.len() + 2);
    let mut windows = 0;
    for expr in std::mem::take(exprs) {
        match &expr {
            Expr::Function(f) if group_window_kind(f).is_some() => {
                windows += 1;
                for marker in WINDOW_MARKERS {
                    rewritten.push(marker_call(marker, &group_window_kind(f).unwrap_or_default(), f)?);
                }
            }
            _ => rewritten.push(expr),
        }
    }
    *exprs = rewritten;
    if windows > 1 {
        return Err(Error::invalid("a query can group by one window only")
            .hint("Aggregate by the smaller window in a view and by the larger one over the view."));
    }
    Ok(())
}

fn group_window_kind(f: &Function) -> Option<String> {
    let name = function_name(f)?;
    matches!(name.as_str(), "TUMBLE" | "HOP" | "SESSION").then_some(name)
}

/// The marker call for `TUMBLE_START(…)` and its relatives; `None` for another function.
pub(super) fn auxiliary(f: &Function) -> Option<Result<Expr>> {
    let name = function_name(f)?;
    let (kind, part) = name.split_once('_')?;
    if !matches!(kind, "TUMBLE" | "HOP" | "SESSION") {
        return None;
    }
    let marker = match part {
        "START" => WINDOW_MARKERS[0],
        "END" => WINDOW_MARKERS[1],
        "ROWTIME" | "PROCTIME" => WINDOW_MARKERS[2],
        _ => return None,
    };
    Some(marker_call(marker, kind, f))
}

fn marker_call(marker: &str, kind: &str, f: &Function) -> Result<Expr> {
    let given = args(f);
    let intervals = match kind {
        "HOP" => 2,
        _ => 1,
    };
    let offset = usize::from(kind != "SESSION");
    let Some((time, lengths)) =
        given.split_first().filter(|(_, rest)| (intervals..=intervals + offset).contains(&rest.len()))
    else {
        let usage = match kind {
            "HOP" => "HOP(time, INTERVAL slide, INTERVAL size)",
            "SESSION" => "SESSION(time, INTERVAL gap)",
            _ => "TUMBLE(time, INTERVAL size)",
        };
        return Err(
            Error::invalid(format!("{} has the wrong number of arguments", f.name)).hint(format!("Write {usage}."))
        );
    };
    let mut out = vec![string(kind), (*time).clone()];
    for (index, length) in lengths.iter().enumerate() {
        let ms = interval_ms(length)?;
        if ms <= 0 && index < intervals {
            return Err(Error::invalid(format!("{}: the interval must be longer than zero", f.name)));
        }
        out.push(Expr::Value(Value::Number(ms.to_string(), false).into()));
    }
    Ok(call(marker, out))
}
