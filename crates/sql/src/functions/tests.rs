//! Every function with values: what Flink's documentation says, on literals and on columns.

mod aggregates;
mod json;
mod listing;
mod numbers;
mod text;
mod times;

use crate::Session;
use crate::testing::{rows, value};

/// Checks expressions, each with its expected text.
fn check(cases: &[(&str, &str)]) {
    for (expr, expected) in cases {
        assert_eq!(value(expr), *expected, "{expr}");
    }
}

/// Checks an expression over a column `x`.
fn over(values: &str, expr: &str, expected: &[&str]) {
    let script = format!("SELECT {expr} FROM (VALUES {values}) AS t(x)");
    assert_eq!(rows(&mut Session::new(), &script), expected, "{expr}");
}
