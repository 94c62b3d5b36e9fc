//! Joins whose condition bounds the distance of two event times.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator};
use sloth_plan::{IntervalJoin, Join, JoinKind, NodeKind};
use sloth_types::{ChangelogMode, Result};

use super::super::Lowering;
use super::super::relation::{Relation, Role};
use super::Inputs;

/// A time of one side: `column + ms`.
struct Term {
    side: usize,
    column: usize,
    ms: i64,
}

/// What is known of the distance `left time - right time` of two columns.
#[derive(Clone, Copy, Default)]
struct Bounds {
    lower: Option<i64>,
    upper: Option<i64>,
}

impl Bounds {
    fn at_least(&mut self, ms: i64) {
        self.lower = Some(self.lower.map_or(ms, |known| known.max(ms)));
    }

    fn at_most(&mut self, ms: i64) {
        self.upper = Some(self.upper.map_or(ms, |known| known.min(ms)));
    }
}

/// How far a column is ahead of the event time that it stands for; `None` when it stands for none.
fn ahead(role: Role) -> Option<i64> {
    match role {
        Role::Rowtime | Role::WindowTime(_) => Some(0),
        // Rows of a window come when the watermark passes the last instant before its end.
        Role::WindowEnd(_) => Some(1),
        _ => None,
    }
}

/// Reads `column`, `column + INTERVAL`, and casts of such to a finer timestamp.
fn term(expr: &Expr, inputs: &Inputs) -> Option<Term> {
    match expr {
        Expr::Alias(alias) => term(&alias.expr, inputs),
        Expr::Column(column) => [&inputs.left, &inputs.right].iter().enumerate().find_map(|(side, input)| {
            let index = input.schema.index_of_column(column).ok()?;
            let ms = input.roles.get(index).copied().and_then(ahead)?;
            Some(Term { side, column: index, ms })
        }),
        Expr::Cast(Cast { expr, field, .. }) => {
            let fine = matches!(field.data_type(), DataType::Timestamp(unit, _)
                if *unit != arrow::datatypes::TimeUnit::Second);
            term(expr, inputs).filter(|_| fine)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus, right }) => {
            let (inner, ms) = match (interval_ms(left), interval_ms(right)) {
                (None, Some(ms)) => (left, ms),
                (Some(ms), None) => (right, ms),
                _ => return None,
            };
            term(inner, inputs).map(|t| Term { ms: t.ms + ms, ..t })
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
            let ms = interval_ms(right)?;
            term(left, inputs).map(|t| Term { ms: t.ms - ms, ..t })
        }
        _ => None,
    }
}

/// A literal length of time in whole milliseconds; months have none.
fn interval_ms(expr: &Expr) -> Option<i64> {
    let Expr::Literal(value, _) = expr else { return None };
    match value {
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months == 0 && v.nanoseconds % 1_000_000 == 0 => {
            Some(i64::from(v.days) * 86_400_000 + v.nanoseconds / 1_000_000)
        }
        ScalarValue::IntervalDayTime(Some(v)) => Some(i64::from(v.days) * 86_400_000 + i64::from(v.milliseconds)),
        ScalarValue::DurationMillisecond(Some(ms)) => Some(*ms),
        _ => None,
    }
}

/// Notes what a comparison says of the distance of two times.
fn note(condition: &Expr, inputs: &Inputs, known: &mut BTreeMap<(usize, usize), Bounds>) {
    if let Expr::Between(between) = condition {
        if !between.negated {
            let compare =
                |op, bound: &Expr| Expr::BinaryExpr(BinaryExpr::new(between.expr.clone(), op, Box::new(bound.clone())));
            note(&compare(Operator::GtEq, &between.low), inputs, known);
            note(&compare(Operator::LtEq, &between.high), inputs, known);
        }
        return;
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return };
    let (Some(a), Some(b)) = (term(left, inputs), term(right, inputs)) else { return };
    let (a, op, b) = match (a.side, b.side, op.swap()) {
        (0, 1, _) => (a, *op, b),
        (1, 0, Some(swapped)) => (b, swapped, a),
        _ => return,
    };
    let bounds = known.entry((a.column, b.column)).or_default();
    // left + a op right + b is: left - right op b - a.
    let distance = b.ms - a.ms;
    match op {
        Operator::Lt => bounds.at_most(distance - 1),
        Operator::LtEq => bounds.at_most(distance),
        Operator::Gt => bounds.at_least(distance + 1),
        Operator::GtEq => bounds.at_least(distance),
        Operator::Eq => {
            bounds.at_least(distance);
            bounds.at_most(distance);
        }
        _ => {}
    }
}

impl Lowering<'_> {
    /// The bounds that a join's condition sets to the distance of two event times, when no row is ever taken back.
    pub(super) fn interval(&self, join: &Join, residual: Option<&Expr>, inputs: &Inputs) -> Option<IntervalJoin> {
        if inputs.left.changes() || inputs.right.changes() {
            return None;
        }
        let mut known: BTreeMap<(usize, usize), Bounds> = BTreeMap::new();
        for condition in residual.map(split_conjunction).unwrap_or_default() {
            note(condition, inputs, &mut known);
        }
        let ahead_of = |side: usize, column: usize| {
            let roles = if side == 0 { &inputs.left.roles } else { &inputs.right.roles };
            roles.get(column).copied().and_then(ahead)
        };
        for (left, right) in join.left_keys.iter().zip(&join.right_keys) {
            if let (Some(a), Some(b)) = (ahead_of(0, *left), ahead_of(1, *right)) {
                let bounds = known.entry((*left, *right)).or_default();
                bounds.at_least(b - a);
                bounds.at_most(b - a);
            }
        }
        known.into_iter().find_map(|((left, right), bounds)| {
            Some(IntervalJoin {
                join: join.clone(),
                times: [(left, ahead_of(0, left)?), (right, ahead_of(1, right)?)],
                lower_ms: bounds.lower?,
                upper_ms: bounds.upper?,
                cascaded: [inputs.left.cascaded, inputs.right.cascaded],
            })
        })
    }

    pub(super) fn interval_join(
        &mut self,
        interval: IntervalJoin,
        inputs: Inputs,
        schema: &Arc<DFSchema>,
    ) -> Result<Relation> {
        // Times stay time attributes where they are never padded with NULL; the watermark is held back for them.
        let kept = match interval.join.kind {
            JoinKind::Inner => [true, true],
            JoinKind::Left | JoinKind::LeftSemi | JoinKind::LeftAnti | JoinKind::LeftMark => [true, false],
            JoinKind::Right | JoinKind::RightSemi | JoinKind::RightAnti => [false, true],
            JoinKind::Full => [false, false],
        };
        let times = interval.times;
        let of_side = [inputs.left.roles.clone(), inputs.right.roles.clone()];
        let roles = move |side: usize, column: usize| {
            let role = of_side[side].get(column).copied().unwrap_or(Role::Plain);
            match role {
                Role::Rowtime | Role::WindowTime(_) if kept[side] && times[side].0 == column => Role::Rowtime,
                _ => Role::Plain,
            }
        };
        let join = interval.join.clone();
        let kind = NodeKind::IntervalJoin(Box::new(interval));
        let relation = self.add_join(kind, &join, inputs, ChangelogMode::Append, schema, roles)?;
        Ok(Relation { cascaded: true, ..relation })
    }
}
