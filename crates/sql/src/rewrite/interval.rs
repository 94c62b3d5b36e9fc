//! `INTERVAL` literals as milliseconds.

use datafusion::sql::sqlparser::ast::{DateTimeField, Expr, Interval, UnaryOperator, Value};
use sloth_types::{Error, Result};

/// A number of months and milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) months: i64,
    pub(crate) millis: i64,
}

/// The length of an interval literal in milliseconds.
///
/// # Errors
/// When the expression is not an interval literal, or has months.
pub(crate) fn interval_ms(expr: &Expr) -> Result<i64> {
    match expr {
        Expr::Interval(interval) => match interval_length(interval)? {
            Length { months: 0, millis } => Ok(millis),
            Length { .. } => Err(Error::invalid(format!("'{expr}': months and years have no fixed length"))
                .hint("Use days, hours, minutes or seconds.")),
        },
        Expr::Nested(inner) => interval_ms(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => Ok(-interval_ms(expr)?),
        other => Err(Error::invalid(format!("'{other}' is not an interval"))
            .hint("Write an interval literal such as INTERVAL '10' SECOND.")),
    }
}

/// The length of an interval literal: `'10' SECOND`, `'1:30' MINUTE TO SECOND`, `'2-6' YEAR TO MONTH`, `'5 minutes'`.
pub(crate) fn interval_length(interval: &Interval) -> Result<Length> {
    let bad = || {
        Error::invalid(format!("'{interval}' is not an interval literal"))
            .hint("Write an interval literal such as INTERVAL '10' SECOND.")
    };
    let text = match interval.value.as_ref() {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => text.trim(),
            _ => return Err(bad()),
        },
        _ => return Err(bad()),
    };
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let length = match (&interval.leading_field, &interval.last_field) {
        (None, _) => postgres(text),
        (Some(unit), None) => unit_length(unit, text),
        (Some(from), Some(to)) => range_length(from, to, text),
    };
    let Length { months, millis } = length.ok_or_else(bad)?;
    Ok(if negative { Length { months: -months, millis: -millis } } else { Length { months, millis } })
}

fn months(months: i64) -> Option<Length> {
    Some(Length { months, millis: 0 })
}

fn unit_length(unit: &DateTimeField, text: &str) -> Option<Length> {
    use DateTimeField as F;
    match unit {
        F::Year | F::Years => months(text.parse::<i64>().ok()?.checked_mul(12)?),
        F::Quarter => months(text.parse::<i64>().ok()?.checked_mul(3)?),
        F::Month | F::Months => months(text.parse().ok()?),
        _ => scaled(text, unit_ms(unit)?),
    }
}

/// Milliseconds of a unit of fixed length.
pub(crate) fn unit_ms(unit: &DateTimeField) -> Option<i64> {
    use DateTimeField as F;
    Some(match unit {
        F::Week(_) | F::Weeks => 7 * 86_400_000,
        F::Day | F::Days => 86_400_000,
        F::Hour | F::Hours => 3_600_000,
        F::Minute | F::Minutes => 60_000,
        F::Second | F::Seconds => 1_000,
        F::Millisecond | F::Milliseconds => 1,
        F::Custom(ident) if ident.value.eq_ignore_ascii_case("milliseconds") => 1,
        _ => return None,
    })
}

/// `1.5` units, to the millisecond.
fn scaled(text: &str, unit_ms: i64) -> Option<Length> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut millis = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.checked_mul(unit_ms)? };
    if !fraction.is_empty() {
        let digits = fraction.len().min(9) as u32;
        let number = fraction.get(..digits as usize)?.parse::<i64>().ok()?;
        millis += (i128::from(number) * i128::from(unit_ms) / i128::from(10_i64.pow(digits))) as i64;
    }
    Some(Length { months: 0, millis })
}

/// `DAY TO SECOND` and its parts.
fn range_length(from: &DateTimeField, to: &DateTimeField, text: &str) -> Option<Length> {
    use DateTimeField as F;
    if matches!(from, F::Year) && matches!(to, F::Month) {
        let (years, rest) = text.split_once('-')?;
        return months(years.parse::<i64>().ok()?.checked_mul(12)?.checked_add(rest.parse().ok()?)?);
    }
    let (days, time) = match from {
        F::Day => text.split_once(' ')?,
        _ => ("0", text),
    };
    let mut millis = days.parse::<i64>().ok()?.checked_mul(86_400_000)?;
    let first = match from {
        F::Day | F::Hour => 0,
        F::Minute => 1,
        _ => return None,
    };
    let units = [3_600_000, 60_000, 1_000];
    let parts: Vec<&str> = time.split(':').collect();
    let last = match to {
        F::Hour => 0,
        F::Minute => 1,
        F::Second => 2,
        _ => return None,
    };
    if first + parts.len() != last + 1 {
        return None;
    }
    for (part, unit) in parts.iter().zip(units.iter().skip(first)) {
        millis = millis.checked_add(scaled(part, *unit)?.millis)?;
    }
    Some(Length { months: 0, millis })
}

/// `5 minutes`, `1 day 2 hours`: the unit inside the string.
fn postgres(text: &str) -> Option<Length> {
    let mut total = Length { months: 0, millis: 0 };
    let mut words = text.split_whitespace();
    while let Some(number) = words.next() {
        let unit = words.next()?.to_ascii_lowercase();
        let one = match unit.trim_end_matches('s') {
            "year" => months(12 * number.parse::<i64>().ok()?),
            "month" | "mon" => months(number.parse().ok()?),
            "week" => scaled(number, 7 * 86_400_000),
            "day" => scaled(number, 86_400_000),
            "hour" | "h" => scaled(number, 3_600_000),
            "minute" | "min" => scaled(number, 60_000),
            "second" | "sec" => scaled(number, 1_000),
            "millisecond" | "m" if unit != "m" => scaled(number, 1),
            _ => return None,
        }?;
        total = Length { months: total.months + one.months, millis: total.millis + one.millis };
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;
    use crate::dialect::FlinkDialect;

    fn length(text: &str) -> Result<Length> {
        match Parser::new(&FlinkDialect).try_with_sql(text).unwrap().parse_expr().unwrap() {
            Expr::Interval(interval) => interval_length(&interval),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_form_of_literal_has_its_length() {
        for (text, months, millis) in [
            ("INTERVAL '10' SECOND", 0, 10_000),
            ("INTERVAL '1.5' SECOND", 0, 1_500),
            ("INTERVAL '0.001' SECOND", 0, 1),
            ("INTERVAL '5' MINUTES", 0, 300_000),
            ("INTERVAL '1' DAY", 0, 86_400_000),
            ("INTERVAL '1' WEEK", 0, 604_800_000),
            ("INTERVAL '-2' HOUR", 0, -7_200_000),
            ("INTERVAL '1:30' MINUTE TO SECOND", 0, 90_000),
            ("INTERVAL '1 02:03:04.5' DAY TO SECOND", 0, 93_784_500),
            ("INTERVAL '10:20' HOUR TO MINUTE", 0, 37_200_000),
            ("INTERVAL '2-6' YEAR TO MONTH", 30, 0),
            ("INTERVAL '3' MONTH", 3, 0),
            ("INTERVAL '5 minutes'", 0, 300_000),
            ("INTERVAL '1 day 2 hours'", 0, 93_600_000),
        ] {
            assert_eq!(length(text).unwrap(), Length { months, millis }, "{text}");
        }
        assert!(length("INTERVAL 'x' SECOND").is_err());
    }
}
