//! What a join asks of its rows, sorted: what one side decides alone is done before the join.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Join, lit, when};
use sloth_plan::JoinKind;
use sloth_types::Result;

use super::super::internal;

/// The conditions of a join.
pub(in super::super) struct Conditions {
    /// Filters of the left input.
    pub(in super::super) left: Vec<Expr>,
    /// Filters of the right input.
    pub(in super::super) right: Vec<Expr>,
    pub(in super::super) left_keys: Vec<Expr>,
    pub(in super::super) right_keys: Vec<Expr>,
    /// What needs a pair to decide.
    pub(in super::super) residual: Option<Expr>,
    /// True when the query gives keys to join on.
    pub(in super::super) keyed: bool,
}

/// What becomes of a condition on one side alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OneSided {
    /// Rows that do not fulfil it are dropped: they would never come out.
    Filter,
    /// Rows that do not fulfil it come out without a partner: their key is made NULL, which equals nothing.
    Hide,
}

impl Conditions {
    pub(in super::super) fn of(join: &Join, kind: JoinKind) -> Result<Conditions> {
        let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
        let keyed = !left_keys.is_empty();
        let mut conditions = Conditions { left: vec![], right: vec![], left_keys, right_keys, residual: None, keyed };
        let mut hidden: [Vec<Expr>; 2] = [vec![], vec![]];
        let mut residual = vec![];
        for condition in join.filter.as_ref().map(split_conjunction).unwrap_or_default() {
            if matches!(condition, Expr::Literal(ScalarValue::Boolean(Some(true)), _)) {
                continue;
            }
            let columns = condition.column_refs();
            let of = |side: usize| {
                let schema = if side == 0 { join.left.schema() } else { join.right.schema() };
                !columns.is_empty() && columns.iter().all(|c| schema.has_column(c))
            };
            match (0..2).find(|side| of(*side) && !condition.is_volatile()) {
                None => residual.push(condition.clone()),
                Some(side) => match (one_sided(kind, side), side) {
                    (OneSided::Filter, 0) => conditions.left.push(condition.clone()),
                    (OneSided::Filter, _) => conditions.right.push(condition.clone()),
                    (OneSided::Hide, _) => hidden[side].push(condition.clone()),
                },
            }
        }
        for (side, hidden) in hidden.into_iter().enumerate() {
            if let Some(condition) = conjunction(hidden) {
                conditions.hide(side, condition)?;
            }
        }
        conditions.residual = conjunction(residual);
        Ok(conditions)
    }

    /// Adds a key that is NULL where the condition is not fulfilled.
    fn hide(&mut self, side: usize, condition: Expr) -> Result<()> {
        let shown = when(condition, lit(true)).end().map_err(internal)?;
        let (own, other) = match side {
            0 => (&mut self.left_keys, &mut self.right_keys),
            _ => (&mut self.right_keys, &mut self.left_keys),
        };
        own.push(shown);
        other.push(lit(true));
        Ok(())
    }
}

fn one_sided(kind: JoinKind, side: usize) -> OneSided {
    let comes_out_alone = match kind {
        JoinKind::Inner | JoinKind::LeftSemi | JoinKind::RightSemi => [false, false],
        JoinKind::Left | JoinKind::LeftAnti | JoinKind::LeftMark => [true, false],
        JoinKind::Right | JoinKind::RightAnti => [false, true],
        JoinKind::Full => [true, true],
    };
    if comes_out_alone[side] { OneSided::Hide } else { OneSided::Filter }
}
