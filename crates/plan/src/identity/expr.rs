//! Expressions as text.

use std::sync::Arc;

use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal, TryCastExpr};
use datafusion::physical_plan::PhysicalExpr;

use super::{Known, types};
use crate::aggregate::AggregateCall;
use crate::guard::Guard;
use crate::repeated::Repeated;

/// An expression over these columns.
pub(super) fn text(expr: &Arc<dyn PhysicalExpr>, over: &Known) -> String {
    let any: &dyn PhysicalExpr = expr.as_ref();
    if let Some(column) = any.downcast_ref::<Column>() {
        return over.column(column.index());
    }
    if let Some(literal) = any.downcast_ref::<Literal>() {
        let value = literal.value();
        let shown = if value.is_null() { "NULL".to_owned() } else { format!("{:?}", value.to_string()) };
        return format!("{shown}:{}", types::text(&value.data_type()));
    }
    if let Some(repeated) = any.downcast_ref::<Repeated>() {
        return text(repeated.whole(), over);
    }
    let children: Vec<String> = expr.children().into_iter().map(|child| text(child, over)).collect();
    let op = any.downcast_ref::<BinaryExpr>().map(BinaryExpr::op);
    if let Some(op) = op.or_else(|| any.downcast_ref::<Guard>().map(Guard::op)) {
        return format!("({op} {})", children.join(" "));
    }
    if let Some(cast) = any.downcast_ref::<CastExpr>() {
        return format!("cast({} {})", children.join(" "), types::text(cast.cast_type()));
    }
    if let Some(cast) = any.downcast_ref::<TryCastExpr>() {
        return format!("try_cast({} {})", children.join(" "), types::text(cast.cast_type()));
    }
    if let Some(function) = any.downcast_ref::<ScalarFunctionExpr>() {
        let returns = types::text(function.return_type());
        // The session's zone is an argument of every function that knows local times.
        let zone = function.config_options().execution.time_zone.clone().filter(|zone| zone != "UTC");
        return format!("{}({}){returns}{}", function.fun().name(), children.join(" "), zone.unwrap_or_default());
    }
    format!("{}[{}]", shape(expr), children.join(" "))
}

/// What an expression is besides its children.
fn shape(expr: &Arc<dyn PhysicalExpr>) -> String {
    let count = expr.children().len();
    let places = (0..count).map(|i| Arc::new(Column::new("", i)) as Arc<dyn PhysicalExpr>).collect();
    match Arc::clone(expr).with_new_children(places) {
        Ok(shape) if count > 0 => shape.to_string(),
        _ => expr.to_string(),
    }
}

/// Several expressions.
pub(super) fn all<'e>(exprs: impl IntoIterator<Item = &'e Arc<dyn PhysicalExpr>>, over: &Known) -> String {
    exprs.into_iter().map(|e| text(e, over)).collect::<Vec<_>>().join(",")
}

/// A call of an aggregate function.
pub(super) fn call(call: &AggregateCall, over: &Known) -> String {
    let order: Vec<String> = call
        .order
        .iter()
        .map(|o| format!("{}{}{}", over.column(o.column), flag(o.descending, " desc"), flag(o.nulls_first, " first")))
        .collect();
    format!(
        "{}({}){}{}{}{}{} order [{}] looks at [{}]",
        call.function.name(),
        over.columns(&call.args),
        types::text(call.output_type()),
        flag(call.distinct, " distinct"),
        call.filter.map_or(String::new(), |f| format!(" filter {}", over.column(f))),
        flag(call.by_content, " by content"),
        flag(call.ignore_nulls, " ignore nulls"),
        order.join(","),
        all(&call.arg_exprs, over),
    )
}

/// Several calls.
pub(super) fn calls<'c>(calls: impl IntoIterator<Item = &'c AggregateCall>, over: &Known) -> String {
    calls.into_iter().map(|c| call(c, over)).collect::<Vec<_>>().join("; ")
}

/// A word that is there or not.
pub(super) fn flag(is: bool, word: &'static str) -> &'static str {
    if is { word } else { "" }
}
