//! Expressions: Flink's special forms and names become plain calls.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, CaseWhen, CeilFloorKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, Interval, ObjectName, TypedString, Value,
};
use sloth_types::{Error, Result};

use super::interval::interval_length;
use super::{args, call, function_name, group_window, string};

/// Rewrites one expression whose children are done.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    let new = match expr {
        Expr::Function(f) => rewrite_function(f)?,
        Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(unit) } if !is_no_unit(unit) => {
            Some(call("$ceil_to", vec![(**expr).clone(), string(unit_name(unit))]))
        }
        Expr::Floor { expr, field: CeilFloorKind::DateTimeField(unit) } if !is_no_unit(unit) => {
            Some(call("$floor_to", vec![(**expr).clone(), string(unit_name(unit))]))
        }
        Expr::Extract { field, expr, .. } => Some(call("$extract", vec![string(unit_name(field)), (**expr).clone()])),
        Expr::Interval(interval) => normal_interval(interval)?.map(Expr::Interval),
        // A number with an exponent is a DOUBLE; only plain decimals are DECIMAL.
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) if text.contains(['e', 'E']) => Some(cast(string(text.clone()), "DOUBLE")),
            _ => None,
        },
        Expr::TypedString(typed) => typed_string(typed),
        _ => None,
    };
    if let Some(new) = new {
        *expr = new;
    }
    Ok(())
}

fn is_no_unit(unit: &DateTimeField) -> bool {
    matches!(unit, DateTimeField::NoDateTime)
}

fn unit_name(unit: &DateTimeField) -> String {
    let name = unit.to_string().to_ascii_uppercase();
    match name.as_str() {
        "YEARS" | "MONTHS" | "WEEKS" | "DAYS" | "HOURS" | "MINUTES" | "SECONDS" | "MILLISECONDS" => {
            name.trim_end_matches('S').to_owned()
        }
        _ => name,
    }
}

/// `CAST(expr AS type)`; the type is written as one quoted word, which the type planner reads.
fn cast(expr: Expr, sql_type: &str) -> Expr {
    Expr::Cast {
        kind: ast::CastKind::Cast,
        expr: Box::new(expr),
        data_type: custom_type(sql_type),
        array: false,
        format: None,
    }
}

fn custom_type(sql_type: &str) -> DataType {
    DataType::Custom(ObjectName::from(vec![Ident::with_quote('`', sql_type)]), vec![])
}

/// `TIMESTAMP '…'` has as many digits as are written, at least three.
fn typed_string(typed: &TypedString) -> Option<Expr> {
    let text = typed.value.value.clone().into_string()?;
    let digits = text.rsplit_once('.').map_or(0, |(_, fraction)| fraction.trim_end().len());
    let precision = match digits {
        0..=3 => 3,
        4..=6 => 6,
        _ => 9,
    };
    match &typed.data_type {
        DataType::Timestamp(None, ast::TimezoneInfo::None) => {
            Some(cast(string(text), &format!("TIMESTAMP({precision})")))
        }
        DataType::Time(None, ast::TimezoneInfo::None) => Some(cast(string(text), "TIME")),
        _ => None,
    }
}

/// Ranges such as `DAY TO SECOND`, which DataFusion does not plan.
fn normal_interval(interval: &Interval) -> Result<Option<Interval>> {
    if interval.last_field.is_none() && interval.leading_precision.is_none() {
        return Ok(None);
    }
    let plain = Interval { leading_precision: None, fractional_seconds_precision: None, ..interval.clone() };
    let length = interval_length(&plain)?;
    let (count, unit) = match length.months {
        0 => (length.millis, DateTimeField::Millisecond),
        months => (months, DateTimeField::Month),
    };
    Ok(Some(Interval {
        value: Box::new(string(count.to_string())),
        leading_field: Some(unit),
        last_field: None,
        ..plain
    }))
}

fn rewrite_function(f: &mut Function) -> Result<Option<Expr>> {
    if let Some(marker) = group_window::auxiliary(f) {
        return marker.map(Some);
    }
    let Some(name) = function_name(f) else { return Ok(None) };
    let given: Vec<Expr> = args(f).into_iter().cloned().collect();
    Ok(match (name.as_str(), given.as_slice()) {
        ("MOD", [a, b]) => Some(Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(a.clone()))),
            op: BinaryOperator::Modulo,
            right: Box::new(Expr::Nested(Box::new(b.clone()))),
        }))),
        ("IF", [condition, yes, no]) => Some(Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand: None,
            conditions: vec![CaseWhen { condition: condition.clone(), result: yes.clone() }],
            else_result: Some(Box::new(no.clone())),
        }),
        ("IF", _) => return Err(Error::invalid("IF takes three arguments").hint("Write IF(condition, then, else).")),
        ("IFNULL", _) => rename(f, "coalesce"),
        ("TIMESTAMPDIFF" | "TIMESTAMPADD", [unit, ..]) => {
            let unit = match unit {
                Expr::Identifier(ident) => ident.value.to_ascii_uppercase(),
                other => other.to_string().trim_matches('\'').to_ascii_uppercase(),
            };
            replace_first(f, string(unit))
        }
        ("LISTAGG", [_]) => {
            push(f, string(","));
            rename(f, "string_agg")
        }
        ("LISTAGG", _) => rename(f, "string_agg"),
        ("APPROX_COUNT_DISTINCT", _) => rename(f, "approx_distinct"),
        ("GROUPING_ID", _) => rename(f, "grouping"),
        _ => None,
    })
}

fn rename(f: &mut Function, name: &str) -> Option<Expr> {
    let span = f.name.0.first().and_then(|part| part.as_ident()).map(|i| i.span);
    let mut ident = Ident::new(name);
    ident.span = span.unwrap_or(ident.span);
    f.name = ObjectName::from(vec![ident]);
    None
}

fn replace_first(f: &mut Function, value: Expr) -> Option<Expr> {
    if let FunctionArguments::List(list) = &mut f.args
        && let Some(first) = list.args.first_mut()
    {
        *first = FunctionArg::Unnamed(FunctionArgExpr::Expr(value));
    }
    None
}

fn push(f: &mut Function, value: Expr) {
    if let FunctionArguments::List(list) = &mut f.args {
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(value)));
    }
}
