//! OVER: functions of a row and of those around it.

use std::sync::Arc;

use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_plan::PhysicalExpr;

use crate::rank::OrderColumn;

mod scope;

pub use scope::Scope;

/// Functions over partitions in order. Output columns: those of the input, and one for each call.
#[derive(Clone, Debug)]
pub struct Over {
    /// Columns of the partition.
    pub partition: Vec<usize>,
    /// The order. Rows that it leaves equal stand by their content, or by arrival.
    pub order: Vec<OrderColumn>,
    /// The functions, over the columns of the input.
    pub calls: Vec<OverCall>,
    /// When results are given out.
    pub emission: OverEmission,
}

/// A function over a frame.
#[derive(Clone, Debug)]
pub struct OverCall {
    /// The function, its arguments and its frame.
    pub expr: Arc<dyn WindowExpr>,
    /// Rows for which it is not true do not count.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// Each frame is computed for itself, because what leaves it cannot be taken out of the function's state exactly.
    pub fresh: bool,
    /// How far it looks.
    pub reach: Reach,
    /// As EXPLAIN shows it.
    pub sql: String,
}

/// How far a function looks from a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// So many rows before and after.
    Rows {
        /// Before.
        before: u64,
        /// After.
        after: u64,
    },
    /// Rows that are at most so many milliseconds older.
    Millis(i64),
    /// All rows before: what they come to is kept, not the rows.
    Running,
    /// All rows before.
    Back,
    /// The whole partition.
    Partition,
}

/// When the results of an [`Over`] are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverEmission {
    /// At once, and corrected when they change.
    Changes,
    /// Once, when the watermark has passed the row.
    Watermark {
        /// The first order column: event time, ascending.
        time: usize,
        /// As [`WindowAggregate::cascaded`](crate::WindowAggregate::cascaded).
        cascaded: bool,
    },
    /// At once, and corrected until the watermark has passed the row.
    Early {
        /// The first order column: event time, ascending.
        time: usize,
        /// As [`WindowAggregate::cascaded`](crate::WindowAggregate::cascaded).
        cascaded: bool,
    },
    /// Once and at once: the order is by processing time.
    Arrival {
        /// Rows have gone through an exchange: those of an epoch come by their content.
        by_content: bool,
    },
}

impl Reach {
    /// True when a later row never changes the result.
    pub fn looks_back(self) -> bool {
        !matches!(self, Reach::Partition | Reach::Rows { after: 1.., .. })
    }

    /// True when it looks at few rows, or needs only what they have come to.
    pub fn is_bounded(self) -> bool {
        matches!(self, Reach::Rows { after: 0, .. } | Reach::Millis(_) | Reach::Running)
    }
}
