//! `MATCH_RECOGNIZE` as data: a regular expression over rows, and expressions over the rows that it has matched.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::physical_plan::PhysicalExpr;

use crate::aggregate::AggregateCall;

/// Finds sequences of rows. Output columns: the partition columns and the measures (one row a match), or all `passed`
/// columns and the measures (a row for each matched row).
#[derive(Clone, Debug)]
pub struct MatchRecognize {
    /// Columns of the input that divide the rows.
    pub partition: Vec<usize>,
    /// The time attribute that orders the rows.
    pub time: usize,
    /// Columns that order rows of the same time; then their content does.
    pub order: Vec<usize>,
    /// The time is processing time: rows come in their order of arrival.
    pub proctime: bool,
    /// As [`WindowAggregate::cascaded`](crate::WindowAggregate::cascaded).
    pub cascaded: bool,
    /// What is looked for.
    pub pattern: Pattern,
    /// The pattern's variables, by number.
    pub variables: Vec<Variable>,
    /// What is computed of a match.
    pub measures: Vec<Measure>,
    /// For `ALL ROWS PER MATCH`: the input's columns that are given out. `None` for one row a match.
    pub all_rows: Option<Vec<usize>>,
    /// Where to go on after a match.
    pub skip: Skip,
    /// First and last row of a match are less than this apart.
    pub within_ms: Option<i64>,
}

/// A regular expression over rows; earlier alternatives are preferred.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// A row that is mapped to a variable. `excluded` rows are not given out by `ALL ROWS PER MATCH`.
    Variable {
        /// Number of the variable.
        variable: usize,
        /// Written `{- A -}`.
        excluded: bool,
    },
    /// One after the other.
    Sequence(Vec<Pattern>),
    /// One of them.
    Alternation(Vec<Pattern>),
    /// Several times.
    Repetition {
        /// What.
        of: Box<Pattern>,
        /// At least so often.
        min: u32,
        /// At most so often; `None` for any number.
        max: Option<u32>,
        /// As often as possible rather than as seldom.
        greedy: bool,
    },
}

impl Pattern {
    /// True when no row at all matches too.
    pub fn matches_nothing(&self) -> bool {
        match self {
            Pattern::Variable { .. } => false,
            Pattern::Sequence(parts) => parts.iter().all(Pattern::matches_nothing),
            Pattern::Alternation(parts) => parts.iter().any(Pattern::matches_nothing),
            Pattern::Repetition { of, min, .. } => *min == 0 || of.matches_nothing(),
        }
    }
}

/// A variable of a pattern.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Which rows it takes.
    pub condition: Condition,
}

/// When a row may be mapped to a variable.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Always.
    Always,
    /// When this boolean column of the input is true: the condition looks at the row alone.
    Column(usize),
    /// When this is true, given the rows matched so far.
    Computed(MatchExpr),
}

/// An expression over the rows of a match: some values are taken out of the match, then an expression over them is
/// evaluated.
#[derive(Clone, Debug)]
pub struct MatchExpr {
    /// The values, columns of `schema`.
    pub values: Vec<MatchValue>,
    /// Their names and types.
    pub schema: SchemaRef,
    /// What is computed of them.
    pub expr: Arc<dyn PhysicalExpr>,
}

/// A value out of a match. `variable: None` means rows of any variable.
#[derive(Clone, Debug)]
pub enum MatchValue {
    /// `LAST(A.x, back)`, then `PREV(…, before)`: `before` rows before that row.
    Last {
        /// Rows of this variable.
        variable: Option<usize>,
        /// So many rows of the variable before the last.
        back: usize,
        /// So many rows of the partition before that.
        before: usize,
        /// Column of the input.
        column: usize,
    },
    /// `FIRST(A.x, forward)`.
    First {
        /// Rows of this variable.
        variable: Option<usize>,
        /// So many rows of the variable after the first.
        forward: usize,
        /// Column of the input.
        column: usize,
    },
    /// An aggregate over the rows of a variable; its arguments are columns of the input.
    Aggregate {
        /// Rows of this variable.
        variable: Option<usize>,
        /// The function.
        call: Box<AggregateCall>,
    },
    /// Name of the variable that the row is mapped to.
    Classifier,
    /// Number of the match within its partition, from 1.
    MatchNumber,
}

/// A computed output column.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Name and type.
    pub field: FieldRef,
    /// How it is computed.
    pub expr: MatchExpr,
}

/// Where to look for the next match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// Behind the match's last row.
    PastLastRow,
    /// At the row behind its first one.
    ToNextRow,
    /// At the first row of a variable.
    ToFirst(usize),
    /// At the last row of a variable.
    ToLast(usize),
}
