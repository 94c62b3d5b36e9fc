//! Ranking: the first rows of each partition.

use std::fmt;

use crate::emission::Emission;

/// What a rank counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankFunction {
    /// Rows: every row has a number of its own. Rows that the order leaves equal are numbered by their content.
    RowNumber,
    /// Rows before the first of those that the order leaves equal, plus one.
    Rank,
    /// Different places in the order.
    DenseRank,
}

/// A column that orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderColumn {
    /// Column of the input.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
    /// NULL comes before all values.
    pub nulls_first: bool,
}

/// What comes first among rows that are equal in the order columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// The row with the smaller columns, from the first column on.
    Content,
    /// The row that came first (the order is by processing time). `by_content` tells that the rows of an epoch have no
    /// order of their own any more, so that they come by their content.
    Earliest {
        /// Rows have gone through an exchange.
        by_content: bool,
    },
    /// The row that came last.
    Latest {
        /// As above.
        by_content: bool,
    },
}

/// The rows of each partition whose rank is in a range. Output columns: those of the input, and the rank if wanted.
#[derive(Clone, Debug)]
pub struct Rank {
    /// Columns whose values share a ranking; none: one ranking of all rows.
    pub partition: Vec<usize>,
    /// The order.
    pub order: Vec<OrderColumn>,
    /// What decides between equals.
    pub ties: Ties,
    /// What is counted.
    pub function: RankFunction,
    /// The smallest rank that is wanted (from 1).
    pub from: u64,
    /// The largest rank that is wanted.
    pub to: u64,
    /// The rank is the last column of the output.
    pub output: bool,
    /// The partition is within a window, whose end is this column: nothing is kept once the window is over.
    pub window_end: Option<usize>,
    /// When the rows of a window are given out.
    pub emission: Emission,
    /// The window is one of processing time: it closes by the wall clock.
    pub proctime: bool,
    /// As [`WindowAggregate::cascaded`](crate::WindowAggregate::cascaded).
    pub cascaded: bool,
    /// After so many milliseconds without a change the rows of a partition are forgotten: what was told of them stays.
    pub ttl_ms: Option<i64>,
}

impl fmt::Display for RankFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RankFunction::RowNumber => "ROW_NUMBER",
            RankFunction::Rank => "RANK",
            RankFunction::DenseRank => "DENSE_RANK",
        })
    }
}

/// Batches tell little of rankings of more rows.
const TOLD_MAX: u64 = 1000;

impl Rank {
    /// True when there is one row at most in each partition.
    pub fn single(&self) -> bool {
        self.function == RankFunction::RowNumber && self.from >= self.to
    }

    /// True when, of rows that are never taken back, a batch alone tells which can never be given: those that as many of its
    /// rows are before as are given.
    pub fn batches_tell(&self) -> bool {
        // Rows that are late are counted where they are ranked; DENSE_RANK counts values, not rows.
        let counts_rows = self.window_end.is_none() && self.function != RankFunction::DenseRank;
        let orders = self.order.iter().any(|o| !self.partition.contains(&o.column));
        counts_rows && orders && (1..=TOLD_MAX).contains(&self.to)
    }

    /// True when the rows of a window are given out once, when it closes.
    pub fn told_once(&self) -> bool {
        self.window_end.is_some() && self.emission.is_final()
    }

    /// True when the key of the output is the partition and the rank: another row of the key takes the place of the last.
    pub fn one_row_a_key(&self) -> bool {
        self.function == RankFunction::RowNumber && (self.output || self.single()) && self.window_end.is_none()
    }

    /// True when the first rows to come are the first rows for ever.
    pub fn keeps_first(&self) -> bool {
        matches!(self.ties, Ties::Earliest { .. }) && self.function == RankFunction::RowNumber && self.order.len() == 1
    }
}
