//! `docs/sql-functions.md` lists every function: run with UPDATE_EXPECT=1 to write it.

use std::fmt::Write as _;

use crate::Session;
use crate::functions::documentation;

const HEAD: &str = "# SQL functions

Checked by a test of `crates/sql`; `UPDATE_EXPECT=1 cargo test -p sloth-sql` writes it anew.

Names are case-insensitive. All scalar, aggregate and window functions of DataFusion are there; the functions of the first
table are Sloth's own and behave as in Flink, also where DataFusion has one of the same name.

## Where results differ from DataFusion

- `SUM` of whole numbers keeps the type and wraps on overflow; `AVG` of whole numbers is a whole number, cut towards zero.
  `SUM(DECIMAL(p, s))` is `DECIMAL(38, s)`, `AVG` of it `DECIMAL(38, max(6, s))`.
- `a / b` of decimals has Flink's precision and scale. Whole numbers divide to whole numbers.
- Literals such as `1.5` are DECIMAL, such as `1.5e0` DOUBLE.
- `CONCAT`, `GREATEST` and `LEAST` are NULL when an argument is NULL. `LOG(x)` is the natural logarithm.
- `CAST(time AS STRING)` gives `2024-01-31 10:20:30.000`, of booleans `TRUE` and `FALSE`, of DOUBLE what Java writes (`1.0E10`), of a
  ROW `(1, a)`, of a MAP `{a=1}`, of an ARRAY `[1, NULL]`. `CAST('4.7' AS INT)` is 4.
- NULL is the smallest value in `ORDER BY`.
- `NOW()`, `PROCTIME()`, `CURRENT_DATE` and the like read the clock of the epoch, so that a replay sees the same.

## Where results differ from Flink

- Whole-number literals are BIGINT, also where they would fit INT.
- `FIRST_VALUE` and `LAST_VALUE` take NULL for a value, as the standard says; with `IGNORE NULLS` they leave it out.
- Regular expressions have Rust's syntax: no look-around and no back references inside the expression.
- `TIMESTAMP` literals have at least three digits. Date functions compute in milliseconds.
- The default time zone is UTC, not the machine's; `SET 'table.local-time-zone'` changes it.
- Windows over TIMESTAMP_LTZ begin with the hours and days of the session's time zone and show its local time. Where its
  clock goes forward and back, windows whose length does not divide the change (days) are refused, the hour that the clock
  repeats has windows of its own, and a window's end shows the local time of its instant.
- One script has one time zone: `SET 'table.local-time-zone'` stands before its first query.
- `EXTRACT(MILLISECOND FROM t)` is within the second. `EXTRACT(EPOCH FROM t)` of a TIMESTAMP_LTZ counts from 1970 in UTC.
  `TYPEOF` shows Sloth's type.
- Regular expressions that are broken give NULL, as in Flink; patterns of `LIKE` and `SIMILAR TO` that are broken are errors.
- `JSON_OBJECT` takes DATE and TIME too. A multiset, the result of `COLLECT`, is a `MAP<value, INT>`.
- Casts of numbers that do not fit are errors (NULL with `TRY_CAST`); Flink's wrap around.
- `JSON_EXISTS` is false when a filter or a slice finds nothing. JSON paths have no functions (`$.a.length()`).
- `CURRENT_WATERMARK`, `PRINTF`, `PARSE_JSON` and Java functions are not there.

";

#[test]
fn the_list_of_functions_is_up_to_date() {
    let mut text = HEAD.to_owned();
    text.push_str("## Functions with Flink's meaning\n\n| call | result |\n|---|---|\n");
    for (_, usage, about) in documentation() {
        let _ = writeln!(text, "| `{}` | {} |", usage.replace('|', "\\|"), about.replace('|', "\\|"));
    }
    text.push_str("\n## All names\n\n");
    let names = Session::new().function_names();
    assert!(names.windows(2).all(|w| w[0] < w[1]));
    for line in names.chunks(8) {
        let _ = writeln!(text, "{}", line.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql-functions.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "docs/sql-functions.md is out of date: run UPDATE_EXPECT=1 cargo test -p sloth-sql");
}
