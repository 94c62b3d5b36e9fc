//! Expressions: Flink's special forms and names become plain calls.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, BinaryOperator, CaseWhen, CeilFloorKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, Interval, ObjectName, TypedString, Value,
};
use sloth_types::{Error, Result};

use super::interval::interval_length;
use super::{Places, args, call, function_name, group_window, like, string, symmetric};
use crate::functions::{DAY_MS, MEMBER_MARK, Unit};
use crate::types::{SqlTypeKind, parse_type_text};

/// Rewrites one expression whose children are done.
pub(super) fn rewrite(expr: &mut Expr, places: &Places<'_>) -> Result<()> {
    let new = match expr {
        Expr::Function(f) => rewrite_function(f)?,
        Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(unit) } if !is_no_unit(unit) => {
            Some(call("$ceil_to", vec![(**expr).clone(), string(unit_name(unit))]))
        }
        Expr::Floor { expr, field: CeilFloorKind::DateTimeField(unit) } if !is_no_unit(unit) => {
            Some(call("$floor_to", vec![(**expr).clone(), string(unit_name(unit))]))
        }
        Expr::Extract { field, expr, .. } => Some(call("$extract", vec![string(unit_name(field)), (**expr).clone()])),
        Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
            let length = substring_for.iter().map(|e| (**e).clone());
            Some(call("substr", [(**expr).clone(), (**from).clone()].into_iter().chain(length).collect()))
        }
        Expr::Interval(interval) => normal_interval(interval)?.map(Expr::Interval),
        // A number with an exponent is a DOUBLE; only plain decimals are DECIMAL.
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) if text.contains(['e', 'E']) => Some(cast(string(text.clone()), "DOUBLE")),
            _ => None,
        },
        Expr::TypedString(typed) => typed_string(typed),
        Expr::Like { .. } | Expr::ILike { .. } | Expr::SimilarTo { .. } => like::rewrite(expr, places)?,
        Expr::Cast { data_type, .. } => {
            fitted(data_type).map(|(name, argument)| call(name, vec![expr.clone(), argument]))
        }
        Expr::Between { .. } => symmetric::rewrite(expr),
        Expr::BinaryOp { left, op: BinaryOperator::Overlaps, right } => Some(overlaps(left, right)?),
        Expr::BinaryOp { left, op: BinaryOperator::Multiply, right } => match (left.as_ref(), right.as_ref()) {
            (length @ Expr::Interval(_), times) | (times, length @ Expr::Interval(_)) => {
                Some(call("$interval_times", vec![length.clone(), times.clone()]))
            }
            _ => None,
        },
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            let length = overlay_for.iter().map(|e| (**e).clone());
            let parts = [(**expr).clone(), (**overlay_what).clone(), (**overlay_from).clone()];
            Some(call("overlay", parts.into_iter().chain(length).collect()))
        }
        Expr::CompoundFieldAccess { access_chain, .. } => {
            access_chain.iter_mut().for_each(field_by_name);
            None
        }
        _ => None,
    };
    if let Some(new) = new {
        *expr = new;
    }
    Ok(())
}

/// `(…).price` and `bids[1].price`: the planner takes names of fields as texts.
fn field_by_name(access: &mut AccessExpr) {
    if let AccessExpr::Dot(Expr::Identifier(name)) = access {
        *access = AccessExpr::Dot(string(name.value.clone()));
    }
}

/// `(a, b) OVERLAPS (c, d)`: the ends may come in any order, and a second one may be a length.
fn overlaps(left: &Expr, right: &Expr) -> Result<Expr> {
    let usage = "Write (from, to) OVERLAPS (from, to), or an interval in the place of `to`.";
    let ends = |period: &Expr| match period {
        Expr::Tuple(ends) => match ends.as_slice() {
            [from, to @ Expr::Interval(_)] => {
                Ok([from.clone(), binary(from.clone(), BinaryOperator::Plus, to.clone())])
            }
            [from, to] => Ok([from.clone(), to.clone()]),
            _ => Err(Error::invalid("OVERLAPS compares two periods").hint(usage)),
        },
        _ => Err(Error::invalid("OVERLAPS compares two periods").hint(usage)),
    };
    let (left, right) = (ends(left)?, ends(right)?);
    let (first, last) = (|of: &[Expr; 2]| call("least", of.to_vec()), |of: &[Expr; 2]| call("greatest", of.to_vec()));
    let one = binary(last(&left), BinaryOperator::GtEq, first(&right));
    let other = binary(last(&right), BinaryOperator::GtEq, first(&left));
    Ok(Expr::Nested(Box::new(binary(one, BinaryOperator::And, other))))
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
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

/// The function that brings a text or BYTES to the length of a type, or a time to whole seconds, and its second argument.
fn fitted(data_type: &DataType) -> Option<(&'static str, Expr)> {
    let text = match data_type {
        DataType::Custom(name, _) => match name.0.as_slice() {
            [part] => part.as_ident().map_or_else(|| data_type.to_string(), |i| i.value.clone()),
            _ => return None,
        },
        other => other.to_string(),
    };
    let (name, length) = match parse_type_text(&text).ok()?.kind {
        SqlTypeKind::Char(n) | SqlTypeKind::Binary(n) => ("$char", n),
        SqlTypeKind::Varchar(Some(n)) | SqlTypeKind::Varbinary(Some(n)) => ("$varchar", n),
        SqlTypeKind::Timestamp(0) | SqlTypeKind::TimestampLtz(0) => return Some(("$floor_to", string("SECOND"))),
        _ => return None,
    };
    Some((name, number(i64::from(length))))
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
        ("IF", [condition, yes, no]) => Some(case(condition.clone(), yes.clone(), no.clone())),
        ("IF", _) => return Err(Error::invalid("IF takes three arguments").hint("Write IF(condition, then, else).")),
        ("IFNULL", _) => rename(f, "coalesce"),
        ("TIMESTAMPDIFF" | "TIMESTAMPADD", [unit, rest @ ..]) if rest.len() == 2 => {
            let unit = unit.to_string().trim_matches(['\'', '`']).to_ascii_uppercase();
            let name = match (name.as_str(), Unit::parse(&unit)) {
                (_, None) => {
                    return Err(Error::invalid(format!("'{unit}' is no unit of time"))
                        .hint("Use SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR."));
                }
                ("TIMESTAMPDIFF", _) => "$timestampdiff",
                (_, Some(Unit::Fixed(ms))) if ms < DAY_MS => "$timestampadd_time",
                _ => "$timestampadd",
            };
            Some(call(name, std::iter::once(string(unit)).chain(rest.iter().cloned()).collect()))
        }
        ("TIMESTAMPDIFF" | "TIMESTAMPADD", _) => {
            return Err(
                Error::invalid(format!("{name} takes three arguments")).hint(format!("Write {name}(unit, a, b)."))
            );
        }
        (
            "YEAR" | "QUARTER" | "MONTH" | "WEEK" | "DAYOFYEAR" | "DAYOFMONTH" | "DAYOFWEEK" | "HOUR" | "MINUTE"
            | "SECOND",
            [time],
        ) => Some(call("$extract", vec![string(name), time.clone()])),
        ("UNIX_TIMESTAMP", []) => Some(call("$now_seconds", vec![])),
        ("LOG", [x]) => Some(call("ln", vec![x.clone()])),
        ("ROUND" | "TRUNCATE" | "TRUNC", [value, digits @ ..]) => {
            let digits = match digits {
                [] => Some(number(0)),
                [digits] if is_number(digits) => Some(digits.clone()),
                _ => None,
            };
            let name = if name == "ROUND" { "$round" } else { "$truncate" };
            digits.map(|digits| call(name, vec![value.clone(), digits]))
        }
        ("GREATEST" | "LEAST", [_, _, ..]) => {
            let null_if_any = given.iter().cloned().map(|e| Expr::IsNull(Box::new(e)));
            let any = null_if_any.reduce(|a, b| Expr::BinaryOp {
                left: Box::new(a),
                op: BinaryOperator::Or,
                right: Box::new(b),
            });
            any.map(|any| case(any, Expr::Value(Value::Null.into()), Expr::Function(f.clone())))
        }
        ("CARDINALITY", [_]) => Some(cast(Expr::Function(f.clone()), "INT")),
        ("STARTSWITH", [_, _]) => rename(f, "starts_with"),
        ("ENDSWITH", [_, _]) => rename(f, "ends_with"),
        ("TO_BASE64", [x]) => Some(call("encode", vec![x.clone(), string("base64pad")])),
        ("FROM_BASE64", [x]) => Some(cast(call("decode", vec![x.clone(), string("base64pad")]), "STRING")),
        ("SHA224" | "SHA256" | "SHA384" | "SHA512", [x]) => {
            Some(call("encode", vec![call(&name.to_ascii_lowercase(), vec![x.clone()]), string("hex")]))
        }
        ("SHA2", [x, bits]) => {
            let bits = bits.to_string();
            if !matches!(bits.as_str(), "224" | "256" | "384" | "512") {
                return Err(Error::invalid("SHA2 takes 224, 256, 384 or 512 bits"));
            }
            Some(call("encode", vec![call(&format!("sha{bits}"), vec![x.clone()]), string("hex")]))
        }
        ("ENCODE" | "DECODE", [value, set]) if is_charset(set) => {
            Some(call(&format!("${}", name.to_ascii_lowercase()), vec![value.clone(), set.clone()]))
        }
        ("CURRENT_DATABASE", []) => Some(string("default_database")),
        ("CURRENT_CATALOG", []) => Some(string("default_catalog")),
        ("VARIANCE", [_]) => rename(f, "var_samp"),
        ("$JSON_ARRAYAGG", _) => {
            let items = gathered(f, "$json_item", ",");
            let items = call("coalesce", vec![items, string("")]);
            Some(call("concat", vec![string("["), items, string("]")]))
        }
        ("$JSON_OBJECTAGG", _) => {
            let members = gathered(f, "$json_member", &MEMBER_MARK.to_string());
            Some(call("$json_object_of", vec![members]))
        }
        ("ROW", [_, ..]) => rename(f, "struct"),
        ("LISTAGG", [_]) => {
            push(f, string(","));
            order_inside(f);
            rename(f, "string_agg")
        }
        ("LISTAGG" | "STRING_AGG", _) => {
            order_inside(f);
            rename(f, "string_agg")
        }
        ("EVERY", [_]) => rename(f, "bool_and"),
        ("APPROX_COUNT_DISTINCT", _) => rename(f, "approx_distinct"),
        ("GROUPING_ID", _) => rename(f, "grouping"),
        _ => None,
    })
}

/// `STRING_AGG(inner(arguments), mark)` with the FILTER and the like of the call.
fn gathered(f: &Function, inner: &str, mark: &str) -> Expr {
    let arguments = args(f).into_iter().cloned().collect();
    let mut gathered = f.clone();
    gathered.args = FunctionArguments::List(ast::FunctionArgumentList {
        duplicate_treatment: None,
        args: [call(inner, arguments), string(mark)]
            .into_iter()
            .map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e)))
            .collect(),
        clauses: vec![],
    });
    rename(&mut gathered, "string_agg");
    Expr::Function(gathered)
}

/// True for `2` and `-2`.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => is_number(expr),
        _ => false,
    }
}

/// True for the name of a character set; ENCODE and DECODE know others, such as 'base64'.
fn is_charset(set: &Expr) -> bool {
    let Expr::Value(value) = set else { return false };
    let Value::SingleQuotedString(name) = &value.value else { return false };
    let name = name.to_ascii_uppercase();
    name.starts_with("UTF-") || name.starts_with("ISO-") || name.starts_with("US-")
}

/// `WITHIN GROUP (ORDER BY …)` as `ORDER BY` among the arguments, which takes several columns.
fn order_inside(f: &mut Function) {
    let order = std::mem::take(&mut f.within_group);
    match &mut f.args {
        FunctionArguments::List(list) if !order.is_empty() => list.clauses.push(FunctionArgumentClause::OrderBy(order)),
        _ => f.within_group = order,
    }
}

fn rename(f: &mut Function, name: &str) -> Option<Expr> {
    let span = f.name.0.first().and_then(|part| part.as_ident()).map(|i| i.span);
    let mut ident = Ident::new(name);
    ident.span = span.unwrap_or(ident.span);
    f.name = ObjectName::from(vec![ident]);
    None
}

fn case(condition: Expr, yes: Expr, no: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: yes }],
        else_result: Some(Box::new(no)),
    }
}

fn number(value: i64) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

fn push(f: &mut Function, value: Expr) {
    if let FunctionArguments::List(list) = &mut f.args {
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(value)));
    }
}
