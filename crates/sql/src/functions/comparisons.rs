//! Comparisons where Arrow's kernels say something else than SQL: zero has a sign for them, and an interval is compared by its
//! months first, then its days, then the rest.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, Operator, lit};

const DAY_MS: i64 = 86_400_000;

/// A comparison of doubles for which -0 is 0; `None` when it is that already. Types are coerced.
pub(super) fn without_sign_of_zero(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    if expr.contains_outer() {
        // Becomes the key of a join, for which -0 is 0 anyway; the planner wants it plain.
        return Ok(None);
    }
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            if !is_double(left, schema)? || !is_double(right, schema)? || is_plain(left) || is_plain(right) {
                return Ok(None);
            }
            let (left, right) = (Box::new(unsigned(left, schema)?), Box::new(unsigned(right, schema)?));
            Some(Expr::BinaryExpr(BinaryExpr::new(left, *op, right)))
        }
        Expr::Between(Between { expr: value, negated, low, high }) if is_double(value, schema)? => {
            if is_plain(value) || (is_plain(low) && is_plain(high)) {
                return Ok(None);
            }
            let [value, low, high] = [unsigned(value, schema)?, unsigned(low, schema)?, unsigned(high, schema)?];
            Some(Expr::Between(Between::new(Box::new(value), *negated, Box::new(low), Box::new(high))))
        }
        Expr::InList(InList { expr: value, list, negated }) if is_double(value, schema)? => {
            if is_plain(value) || list.iter().all(is_plain) {
                return Ok(None);
            }
            let list = list.iter().map(|e| unsigned(e, schema)).collect::<Result<Vec<_>>>()?;
            Some(Expr::InList(InList::new(Box::new(unsigned(value, schema)?), list, *negated)))
        }
        _ => None,
    })
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn is_double(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(matches!(expr.get_type(schema)?, DataType::Float32 | DataType::Float64))
}

/// True for what is no zero, or has no sign any more.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => *value != 0.0,
        Expr::Literal(ScalarValue::Float32(Some(value)), _) => *value != 0.0,
        Expr::BinaryExpr(BinaryExpr { op: Operator::Plus, right, .. }) => is_zero(right),
        _ => false,
    }
}

fn is_zero(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => value.to_bits() == 0,
        Expr::Literal(ScalarValue::Float32(Some(value)), _) => value.to_bits() == 0,
        _ => false,
    }
}

/// `expr + 0`, which makes 0 of -0 and leaves everything else.
fn unsigned(expr: &Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(match expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => lit(value + 0.0),
        Expr::Literal(ScalarValue::Float32(Some(value)), _) => lit(value + 0.0),
        Expr::Literal(..) => expr.clone(),
        other if is_plain(other) => other.clone(),
        other => {
            let zero = if other.get_type(schema)? == DataType::Float32 { lit(0.0_f32) } else { lit(0.0_f64) };
            Expr::BinaryExpr(BinaryExpr::new(Box::new(other.clone()), Operator::Plus, Box::new(zero)))
        }
    })
}

/// A comparison of the difference of two times with an interval of days and less, as one of milliseconds; `None` for other
/// expressions. Types are not coerced yet.
pub(super) fn of_times(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let is_difference = |e: &Expr| matches!(e.get_type(schema), Ok(DataType::Duration(_)));
    let unit = |e: &Expr| match e.get_type(schema) {
        Ok(DataType::Duration(unit)) => Some(unit),
        _ => None,
    };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            let (left, right) = match (unit(left), unit(right)) {
                (Some(unit), None) => (left.as_ref().clone(), length(right, unit)?),
                (None, Some(unit)) => (length(left, unit)?, right.as_ref().clone()),
                _ => return None,
            };
            Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), *op, Box::new(right))))
        }
        Expr::Between(Between { expr: value, negated, low, high }) if is_difference(value) => {
            let unit = unit(value)?;
            let (low, high) = (Box::new(length(low, unit)?), Box::new(length(high, unit)?));
            Some(Expr::Between(Between::new(value.clone(), *negated, low, high)))
        }
        _ => None,
    }
}

/// An interval literal without months as a length of time.
fn length(interval: &Expr, unit: TimeUnit) -> Option<Expr> {
    let millis = match interval {
        Expr::Negative(inner) => match length(inner, TimeUnit::Millisecond)? {
            Expr::Literal(ScalarValue::DurationMillisecond(Some(ms)), _) => -ms,
            _ => return None,
        },
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(v)), _) if v.months == 0 => {
            i64::from(v.days) * DAY_MS + v.nanoseconds / 1_000_000
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(v)), _) => {
            i64::from(v.days) * DAY_MS + i64::from(v.milliseconds)
        }
        _ => return None,
    };
    let value = match unit {
        TimeUnit::Second => ScalarValue::DurationSecond(Some(millis.div_euclid(1000))),
        TimeUnit::Millisecond => ScalarValue::DurationMillisecond(Some(millis)),
        TimeUnit::Microsecond => ScalarValue::DurationMicrosecond(Some(millis.checked_mul(1000)?)),
        TimeUnit::Nanosecond => ScalarValue::DurationNanosecond(Some(millis.checked_mul(1_000_000)?)),
    };
    Some(Expr::Literal(value, None))
}
