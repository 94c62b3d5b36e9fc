//! Aggregations: by window, by session, by key.

use arrow::array::RecordBatch;

use crate::aggregate::AggregateCall;
use crate::emission::{Emission, Every};
use crate::window::WindowSpec;

/// Where the windows of a [`WindowAggregate`] come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowSource {
    /// Computed from a timestamp column.
    Time {
        /// Which windows.
        window: WindowSpec,
        /// The column.
        column: usize,
    },
    /// Already columns of the input (a window over a window's result, or an explicit window TVF).
    Columns {
        /// `window_start`.
        start: usize,
        /// `window_end`.
        end: usize,
    },
}

/// Aggregation by window and key. Output columns: window_start, window_end, window_time, keys, results.
#[derive(Clone, Debug)]
pub struct WindowAggregate {
    /// The windows.
    pub source: WindowSource,
    /// Key columns of the input.
    pub keys: Vec<usize>,
    /// The results.
    pub calls: Vec<AggregateCall>,
    /// The time is processing time: windows close by the wall clock, and no row is late.
    pub proctime: bool,
    /// True when the input was made by another window: rows made by the firing of an epoch are judged against the
    /// watermark before it.
    pub cascaded: bool,
    /// When results are told.
    pub emission: Emission,
}

/// Aggregation by session window and key. Output columns as [`WindowAggregate`].
#[derive(Clone, Debug)]
pub struct SessionAggregate {
    /// Timestamp column of the input.
    pub time: usize,
    /// The gap that ends a session.
    pub gap_ms: i64,
    /// Key columns of the input.
    pub keys: Vec<usize>,
    /// The results.
    pub calls: Vec<AggregateCall>,
    /// The time is processing time: windows close by the wall clock, and no row is late.
    pub proctime: bool,
    /// As [`WindowAggregate::cascaded`].
    pub cascaded: bool,
    /// When results are told.
    pub emission: Emission,
}

/// Aggregation by key without a window. Output columns: keys, results.
#[derive(Clone, Debug)]
pub struct GroupAggregate {
    /// Key columns of the input.
    pub keys: Vec<usize>,
    /// The results.
    pub calls: Vec<AggregateCall>,
    /// Keys of the groups that are there without any row: the grand totals of grouping sets. (Without keys the only group
    /// is always there.)
    pub totals: Option<RecordBatch>,
    /// How often it tells what has changed.
    pub every: Every,
    /// After so many milliseconds without a change a group is forgotten: its row stays as it was told.
    pub ttl_ms: Option<i64>,
}
