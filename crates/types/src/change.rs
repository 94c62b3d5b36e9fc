//! A batch of changes: Arrow rows, each with an optional weight.

use arrow::array::{Int64Array, RecordBatch};
use arrow::buffer::BooleanBuffer;

/// How the changes of an edge are to be read. Derived by the planner for every edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangelogMode {
    /// Every change is an insert; `diffs` is absent.
    Append,
    /// A change with diff +1 replaces the row with the same key, -1 deletes it. `key` are column indexes; an empty key
    /// means that there is one row at most.
    Upsert {
        /// Columns that identify a row.
        key: Vec<usize>,
    },
    /// A change with diff -1 takes back one equal row that was inserted before.
    Retract,
}

/// Rows and their weights. `diffs` absent means that every row is an insert (+1): the fast path.
#[derive(Clone, Debug)]
pub struct ChangeBatch {
    /// The rows.
    pub rows: RecordBatch,
    /// One weight a row (+1 or -1), or none.
    pub diffs: Option<Int64Array>,
    /// For a sink that takes retractions of rows with a known key: which rows are halves of an update. The old image (-1)
    /// stands directly before the new one (+1).
    pub updates: Option<BooleanBuffer>,
}

impl ChangeBatch {
    /// A batch of inserts.
    pub fn append(rows: RecordBatch) -> Self {
        ChangeBatch { rows, diffs: None, updates: None }
    }

    /// A batch of weighted rows, none of which is told to be half of an update.
    pub fn changes(rows: RecordBatch, diffs: Option<Int64Array>) -> Self {
        ChangeBatch { rows, diffs, updates: None }
    }

    /// True when row `index` is the old or the new image of an updated row.
    pub fn is_update(&self, index: usize) -> bool {
        self.updates.as_ref().is_some_and(|u| index < u.len() && u.value(index))
    }

    /// The weight of row `index`.
    pub fn diff(&self, index: usize) -> i64 {
        self.diffs.as_ref().map_or(1, |d| d.value(index))
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// True when there is no change.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
