//! Requests from stdin, figures to stdout, a line each.

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use crate::Outcome;
use crate::meter::Cost;
use crate::tally::Tally;

/// Answers requests until stdin ends.
pub(crate) fn serve(mut answer: impl FnMut(&Value) -> Outcome<Value>) -> Outcome<()> {
    say(&json!({ "ready": true }))?;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let reply = answer(&request).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        say(&reply)?;
    }
    Ok(())
}

fn say(value: &Value) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

/// Figures of one run.
pub(crate) fn figures(cost: Cost, tally: Tally) -> Value {
    json!({ "wall": cost.wall, "cpu": cost.cpu, "memory": cost.memory, "rows": tally.rows, "sum": tally.sum })
}

/// The text under a key of a request.
pub(crate) fn text<'v>(request: &'v Value, key: &str) -> Outcome<&'v str> {
    request.get(key).and_then(Value::as_str).ok_or_else(|| format!("the request has no '{key}'").into())
}
