//! Which rows' results a change can touch.

use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, StandardWindowExpr};
use datafusion::physical_plan::windows::WindowUDFExpr;
use datafusion::scalar::ScalarValue;

use super::{OverCall, Reach};

/// Aggregates whose state is small, whatever the number of rows, and goes on exactly when it is taken up again.
const GO_ON: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
    "var",
    "var_pop",
    "stddev",
    "stddev_pop",
    "covar_samp",
    "covar_pop",
    "corr",
];

/// Where the results stand that a changed row can touch.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// So many rows around it; and so far those look, too.
    Rows {
        /// How many rows before it a row looks at.
        before: usize,
        /// How many rows behind it.
        after: usize,
    },
    /// Rows whose only order column is at most so far from its own.
    Values {
        /// How far before itself a row looks.
        before: Option<ScalarValue>,
        /// How far behind.
        after: Option<ScalarValue>,
    },
    /// So many groups of rows that the order leaves equal, around its own.
    Groups {
        /// How many groups before its own a row looks at.
        before: usize,
        /// How many behind.
        after: usize,
    },
    /// All rows from it on, as far as what the rows have come to differs.
    On {
        /// Rows that the order leaves equal have one result.
        peers: bool,
    },
    /// The whole partition.
    Partition,
}

impl OverCall {
    /// Which results a changed row can touch.
    pub fn scope(&self) -> Scope {
        match self.reach {
            Reach::Rows { before, after } => Scope::Rows { before: place(before), after: place(after) },
            Reach::Running => self.going_on(),
            _ if self.follows_frame() => self.frame_scope(),
            _ => Scope::Partition,
        }
    }

    fn going_on(&self) -> Scope {
        let Some(aggregate) = self.expr.as_any().downcast_ref::<PlainAggregateWindowExpr>() else {
            return Scope::On { peers: false };
        };
        let aggregate = aggregate.get_aggregate_expr();
        match !aggregate.is_distinct() && GO_ON.contains(&aggregate.fun().name()) {
            true => Scope::On { peers: self.expr.get_window_frame().units != WindowFrameUnits::Rows },
            false => Scope::Partition,
        }
    }

    /// Aggregates do, and the functions that pick a row of their frame.
    fn follows_frame(&self) -> bool {
        let Some(standard) = self.expr.as_any().downcast_ref::<StandardWindowExpr>() else { return true };
        let function = standard.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>();
        function.is_some_and(|f| matches!(f.fun().name(), "first_value" | "last_value" | "nth_value"))
    }

    fn frame_scope(&self) -> Scope {
        let frame = self.expr.get_window_frame();
        let before = match &frame.start_bound {
            WindowFrameBound::Preceding(by) if by.is_null() => return Scope::Partition,
            WindowFrameBound::Preceding(by) => Some(by),
            _ => None,
        };
        let after = match &frame.end_bound {
            WindowFrameBound::Following(by) if by.is_null() => return Scope::Partition,
            WindowFrameBound::Following(by) => Some(by),
            _ => None,
        };
        let number = |by: Option<&ScalarValue>| match by.map(|by| by.cast_to(&arrow::datatypes::DataType::UInt64)) {
            None => Some(0),
            Some(Ok(ScalarValue::UInt64(Some(by)))) => Some(place(by)),
            _ => None,
        };
        match frame.units {
            WindowFrameUnits::Range if before.is_none() && after.is_none() => Scope::Groups { before: 0, after: 0 },
            WindowFrameUnits::Range => match [before, after].into_iter().flatten().all(is_exact) {
                true => Scope::Values { before: before.map(widened), after: after.map(widened) },
                false => Scope::Partition,
            },
            WindowFrameUnits::Groups => match (number(before), number(after)) {
                (Some(before), Some(after)) => Scope::Groups { before, after },
                _ => Scope::Partition,
            },
            WindowFrameUnits::Rows => match (number(before), number(after)) {
                (Some(before), Some(after)) => Scope::Rows { before, after },
                _ => Scope::Partition,
            },
        }
    }
}

fn place(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// Distances that are not rounded.
fn is_exact(by: &ScalarValue) -> bool {
    !by.data_type().is_floating()
}

/// A distance in time that is not shorter than this one, wherever it is counted from: months and days have no fixed length.
fn widened(by: &ScalarValue) -> ScalarValue {
    match by {
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months != 0 || v.days != 0 => {
            let days = v.months.saturating_mul(31).saturating_add(v.days).saturating_add(1);
            ScalarValue::new_interval_mdn(0, days, v.nanoseconds)
        }
        ScalarValue::IntervalYearMonth(Some(months)) => {
            ScalarValue::new_interval_mdn(0, months.saturating_mul(31).saturating_add(1), 0)
        }
        ScalarValue::IntervalDayTime(Some(v)) if v.days != 0 => {
            ScalarValue::new_interval_dt(v.days.saturating_add(1), v.milliseconds)
        }
        other => other.clone(),
    }
}
