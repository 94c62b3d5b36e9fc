//! The nodes of a streaming plan.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::PhysicalExpr;
use sloth_types::{ChangelogMode, Guarantee, TableSpec};

use crate::emission::{Emission, Every};
use crate::grouping::{GroupAggregate, SessionAggregate, WindowAggregate};
use crate::over::Over;
use crate::rank::Rank;
use crate::settings::JobSettings;
use crate::window::WindowSpec;

/// Index of a node in [`JobPlan::nodes`].
pub type NodeId = usize;

/// A whole job: one dataflow.
#[derive(Clone, Debug, Default)]
pub struct JobPlan {
    /// Inputs come before their users.
    pub nodes: Vec<Node>,
    /// How to run it.
    pub settings: JobSettings,
}

/// One operator of the dataflow.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub kind: NodeKind,
    /// Where its changes come from.
    pub inputs: Vec<NodeId>,
    /// Columns of its output.
    pub schema: SchemaRef,
    /// How its output is to be read.
    pub mode: ChangelogMode,
    /// Columns whose values no two rows of the output share at the same time; `None` when none are known. Empty columns
    /// mean that there is one row at most.
    pub key: Option<Vec<usize>>,
    /// The source nodes whose watermarks bound its event times (indexes into [`JobPlan::nodes`]).
    pub sources: Vec<NodeId>,
}

/// What a node does.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// Reads a table.
    Source(Box<SourceNode>),
    /// Filters, projects and expands, stage after stage.
    Map(Vec<Stage>),
    /// All rows of all inputs.
    Union,
    /// Adds `window_start`, `window_end`, `window_time`; a row that is in several windows comes several times.
    WindowAssign(WindowAssign),
    /// Aggregates by window and key, and emits when the window closes.
    WindowAggregate(WindowAggregate),
    /// Aggregates by session window and key.
    SessionAggregate(SessionAggregate),
    /// Aggregates by key without a window, and emits the changed groups of every epoch.
    GroupAggregate(GroupAggregate),
    /// Keeps its input's rows by a key, for several joins, and passes its changes on to them.
    Arrange(crate::arrange::Arrange),
    /// Joins two inputs.
    Join(Box<Join>),
    /// Joins several inputs by one key.
    MultiJoin(Box<crate::multi_join::MultiJoin>),
    /// Finds sequences of rows.
    Match(Box<crate::pattern::MatchRecognize>),
    /// Functions of a row and of those around it.
    Over(Over),
    /// The first rows of each partition.
    Rank(Rank),
    /// INTERSECT or EXCEPT of two inputs.
    SetOperation {
        /// Which one.
        operation: SetOperation,
        /// After so many milliseconds without a change a row is forgotten: what was told of it stays.
        ttl_ms: Option<i64>,
    },
    /// Computes a recursive query.
    Recursive(crate::recursive::Recursive),
    /// Makes exact changes of upserts: keeps the last row of each key.
    Normalize(Normalize),
    /// Makes rows unique by a key: keeps all rows of a key and gives the one that came last.
    Materialize(Materialize),
    /// Joins two windowed inputs, window by window, when the watermark closes them.
    WindowJoin(Box<WindowJoin>),
    /// Joins rows whose event times lie within bounds of each other.
    IntervalJoin(Box<IntervalJoin>),
    /// Joins each row with a table as it was at the row's time, or as it is now.
    TemporalJoin(Box<TemporalJoin>),
    /// Joins each row with the rows that a table outside has for its key.
    LookupJoin(Box<crate::lookup::LookupJoin>),
    /// Holds its input's changes back, and gives what is left of them at some epochs' ends.
    Throttle(Every),
    /// Passes its input on, and fails when that has more than one row at an epoch's end.
    SingleRow,
    /// Passes only the rows that are late for every window they belong to, and by more than the lateness (in
    /// milliseconds) that is allowed.
    LateRows(WindowAssign, i64),
    /// Passes the bad records of the source (columns: raw, split, place, error), whatever its rows.
    BadRecords,
    /// Writes a table.
    Sink(SinkNode),
}

/// Where a source's rows come from.
#[derive(Clone, Debug)]
pub enum SourceOrigin {
    /// A connector.
    Table(TableSpec),
    /// `VALUES`: these rows, once.
    Rows(RecordBatch),
}

/// A table being read.
#[derive(Clone, Debug)]
pub struct SourceNode {
    /// Where the rows come from.
    pub origin: SourceOrigin,
    /// What the connector is asked for: a pruned projection of the table's physical columns.
    pub read_schema: SchemaRef,
    /// Computed columns and pushed-down filters, applied to each batch as it is read. Watermarks are taken between
    /// `compute` and `stages`.
    pub compute: Vec<Stage>,
    /// Stages after the watermark has been taken.
    pub stages: Vec<Stage>,
    /// How the watermark follows from the rows after `compute`; `None` when the table has none.
    pub watermark: Option<WatermarkRule>,
    /// What to do with records that cannot be decoded.
    pub bad_records: BadRecordPolicy,
    /// Overrides [`JobSettings::idle_timeout`].
    pub idle_timeout: Option<Duration>,
    /// 0 for the source that has been read since the job began. Where statements came later, their sources have a number
    /// of their own, because they stand elsewhere.
    pub instance: u32,
}

/// How a source's watermark follows from its rows.
#[derive(Clone, Debug)]
pub enum WatermarkRule {
    /// `column - delay`: the usual form, computed from the batch's maximum.
    Delay {
        /// Timestamp column after `compute`.
        column: usize,
        /// Milliseconds.
        delay_ms: i64,
    },
    /// Any expression of timestamp type over the rows after `compute`.
    Expr(Arc<dyn PhysicalExpr>),
}

/// What happens to a record that cannot be decoded. They are always counted and shown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum BadRecordPolicy {
    /// The job fails.
    Fail,
    /// Counted, with a warning now and then.
    #[default]
    Skip,
    /// Counted and written to this table.
    DeadLetter(String),
}

/// One step over a batch.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Keeps the rows for which it is true.
    Filter(Arc<dyn PhysicalExpr>),
    /// Computes the output columns.
    Project {
        /// One expression a column.
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        /// Their names and types.
        schema: SchemaRef,
    },
    /// Each row once per list of expressions (grouping sets).
    Expand {
        /// A projection for each copy.
        copies: Vec<Vec<Arc<dyn PhysicalExpr>>>,
        /// Names and types, the same for all.
        schema: SchemaRef,
    },
    /// One row per element of the list columns (side by side, shorter ones padded with NULL); struct columns become
    /// their fields.
    Unnest {
        /// For each input column: pass, explode the list, or spread the struct.
        columns: Vec<UnnestColumn>,
        /// True when a row whose lists are all empty or NULL is kept with NULLs.
        preserve_nulls: bool,
        /// Names and types of the output.
        schema: SchemaRef,
    },
}

/// What `UNNEST` does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnnestColumn {
    /// Repeated for each element.
    Pass,
    /// A list: one row an element.
    List,
    /// A struct: one column a field.
    Struct,
}

/// Assignment of rows to windows.
#[derive(Clone, Debug)]
pub struct WindowAssign {
    /// Which windows (never a session).
    pub window: WindowSpec,
    /// Timestamp column of the input.
    pub time: usize,
}

/// Which rows a [`Join`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs that match.
    Inner,
    /// Pairs, and left rows without a partner, padded with NULL.
    Left,
    /// Pairs, and right rows without a partner, padded with NULL.
    Right,
    /// Pairs, and rows of both sides without a partner.
    Full,
    /// Left rows that have a partner.
    LeftSemi,
    /// Left rows that have none.
    LeftAnti,
    /// Right rows that have a partner.
    RightSemi,
    /// Right rows that have none.
    RightAnti,
    /// Left rows with a boolean column that says whether they have a partner.
    LeftMark,
}

impl JoinKind {
    /// True when the columns of both sides are in the output.
    pub fn pairs(self) -> bool {
        matches!(self, JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full)
    }

    /// True when rows of a side (0: left, 1: right) appear in the output outside of pairs, or not at all for want of one.
    pub fn keeps_alone(self, side: usize) -> bool {
        match self {
            JoinKind::Inner => false,
            JoinKind::Full => true,
            JoinKind::Left | JoinKind::LeftSemi | JoinKind::LeftAnti | JoinKind::LeftMark => side == 0,
            JoinKind::Right | JoinKind::RightSemi | JoinKind::RightAnti => side == 1,
        }
    }
}

/// A join. Output columns: left, right (only one side's for semi and anti joins, and the mark behind the left ones).
#[derive(Clone, Debug)]
pub struct Join {
    /// Which rows.
    pub kind: JoinKind,
    /// Columns of the left input that must equal those of `right_keys`. No keys: every pair is tried.
    pub left_keys: Vec<usize>,
    /// Columns of the right input.
    pub right_keys: Vec<usize>,
    /// True when NULL equals NULL among the keys (`IS NOT DISTINCT FROM`, set operations).
    pub null_equal: bool,
    /// What a pair must fulfil besides, over the columns of left and right side by side.
    pub residual: Option<Arc<dyn PhysicalExpr>>,
    /// How the rows of both sides meet.
    pub exchange: JoinExchange,
    /// After so many milliseconds a row of a side is forgotten: what it has given stays.
    pub ttl_ms: [Option<i64>; 2],
}

impl Join {
    /// The partners of each row are counted: a condition decides pair by pair, or partners are forgotten while what they
    /// have given stays.
    pub fn counts_partners(&self) -> bool {
        self.residual.is_some() || (self.kind != JoinKind::Inner && self.ttl_ms != [None; 2])
    }
}

/// How the rows of a [`Join`] come to the same worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinExchange {
    /// By the hash of their keys; on one worker when there are none.
    ByKey,
    /// The left rows are spread, every worker has all right rows.
    CopyRight,
    /// The right rows are spread, every worker has all left rows.
    CopyLeft,
}

/// A join whose keys hold the bounds of a window: nothing is kept of a window that is over. Where the rows of both inputs
/// never change and the emission is final, the rows of a window are joined once, when the watermark has passed its end.
#[derive(Clone, Debug)]
pub struct WindowJoin {
    /// The join of a window's rows; both bounds are among its keys.
    pub join: Join,
    /// Column of the window's end in either input.
    pub ends: [usize; 2],
    /// The time is processing time: windows close by the wall clock, and no row is late.
    pub proctime: bool,
    /// As [`WindowAggregate::cascaded`], for either input.
    pub cascaded: [bool; 2],
    /// When the rows of a window are given out.
    pub emission: Emission,
}

/// A join of two append-only inputs with `lower <= left time - right time <= upper`. A row is kept until the watermark has
/// passed its last possible partner; its output never changes.
#[derive(Clone, Debug)]
pub struct IntervalJoin {
    /// The join; the bounds are part of its residual.
    pub join: Join,
    /// Of either input the time's column, and how far the column is ahead of the time (1 for a window's end).
    pub times: [(usize, i64); 2],
    /// Milliseconds.
    pub lower_ms: i64,
    /// Milliseconds.
    pub upper_ms: i64,
    /// As [`WindowAggregate::cascaded`], for either input.
    pub cascaded: [bool; 2],
}

impl IntervalJoin {
    /// How far behind the watermark a row of the output may be.
    pub fn lag_ms(&self) -> i64 {
        self.upper_ms.max(self.lower_ms.saturating_neg()).max(0)
    }
}

/// A join of an append-only left input with the right one as of some time: inner or left. Its output never changes.
#[derive(Clone, Debug)]
pub struct TemporalJoin {
    /// The join.
    pub join: Join,
    /// As of when.
    pub at: TemporalAt,
    /// As [`WindowAggregate::cascaded`], for either input.
    pub cascaded: [bool; 2],
}

/// The time of a [`TemporalJoin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemporalAt {
    /// The left row's event time.
    Event {
        /// Column of the left row's time.
        left: usize,
        /// Column of the time from which a right row is valid.
        right: usize,
    },
    /// When the left row comes.
    Now {
        /// Left rows wait until the right input has ended (it is read once).
        hold: bool,
    },
}

/// How two inputs with the same columns are put together; the output has the same columns. Rows are compared as a whole,
/// NULL equals NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetOperation {
    /// Rows that are in both, once.
    Intersect,
    /// Rows as often as they are in both.
    IntersectAll,
    /// Rows that are in the left input and not in the right one, once.
    Except,
    /// Rows as often as the left input has them more than the right one.
    ExceptAll,
}

impl std::fmt::Display for SetOperation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SetOperation::Intersect => "Intersect",
            SetOperation::IntersectAll => "IntersectAll",
            SetOperation::Except => "Except",
            SetOperation::ExceptAll => "ExceptAll",
        })
    }
}

/// Upserts made exact. In: +1 replaces the row of its key, -1 deletes it (whatever its other columns hold). Out: changes
/// that take back exactly what was given before.
#[derive(Clone, Debug)]
pub struct Normalize {
    /// Columns that identify a row.
    pub key: Vec<usize>,
    /// A row that another one has followed within the epoch comes and goes in it: who reads asks for versions.
    pub versions: bool,
}

/// Rows made unique by a key.
#[derive(Clone, Debug)]
pub struct Materialize {
    /// Columns that shall identify a row.
    pub key: Vec<usize>,
    /// As [`SinkNode::by_content`]: in which order the rows of an epoch have come.
    pub by_content: bool,
}

/// A table being written.
#[derive(Clone, Debug)]
pub struct SinkNode {
    /// The table.
    pub table: TableSpec,
    /// What the table is given: chosen by [`settle`](crate::changelog::settle) from what it accepts.
    pub mode: ChangelogMode,
    /// True when rows of an epoch are ordered by their content (they went through an exchange), false when by their
    /// place in the sources.
    pub by_content: bool,
    /// What the outside sees of its rows when the job is killed; known once the plan is settled.
    pub guarantee: Option<Guarantee>,
    /// Which of the job's writers of this table it is; `None`: by its order among them.
    pub place: Option<usize>,
    /// Where its statement stands in the script, in bytes; `None` for tables of late rows and bad records.
    pub span: Option<std::ops::Range<usize>>,
}

impl SinkNode {
    /// A sink that is given changes of this mode, not settled yet.
    pub fn new(table: TableSpec, mode: ChangelogMode, by_content: bool) -> Self {
        SinkNode { table, mode, by_content, guarantee: None, place: None, span: None }
    }
}

impl JobPlan {
    /// Adds a node and returns its id.
    pub fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Puts a node at the place `at`; the ids from there on move up by one. Its inputs must stand before it.
    pub fn insert(&mut self, at: NodeId, node: Node) -> NodeId {
        for node in &mut self.nodes {
            for id in node.inputs.iter_mut().chain(&mut node.sources).filter(|id| **id >= at) {
                *id += 1;
            }
        }
        self.nodes.insert(at, node);
        at
    }

    /// How far behind the watermark of its sources the rows of a node may be.
    pub fn lag_ms(&self, node: NodeId) -> i64 {
        let Some(node) = self.nodes.get(node) else { return 0 };
        let own = match &node.kind {
            NodeKind::IntervalJoin(interval) => interval.lag_ms(),
            // Closed windows are corrected.
            NodeKind::WindowAggregate(window) => window.emission.lateness_ms,
            NodeKind::SessionAggregate(session) => session.emission.lateness_ms,
            // Those that other windows make are behind already.
            NodeKind::Rank(rank) if rank.window_end.is_some() && !rank.cascaded => rank.emission.lateness_ms,
            NodeKind::WindowJoin(window) if window.cascaded == [false; 2] => window.emission.lateness_ms,
            _ => 0,
        };
        own + node.inputs.iter().map(|input| self.lag_ms(*input)).max().unwrap_or(0)
    }

    /// Ids of the source nodes, in order.
    pub fn source_ids(&self) -> Vec<NodeId> {
        (0..self.nodes.len())
            .filter(|i| matches!(self.nodes.get(*i).map(|n| &n.kind), Some(NodeKind::Source(_))))
            .collect()
    }

    /// Ids of the sink nodes, in order.
    pub fn sink_ids(&self) -> Vec<NodeId> {
        (0..self.nodes.len())
            .filter(|i| matches!(self.nodes.get(*i).map(|n| &n.kind), Some(NodeKind::Sink(_))))
            .collect()
    }
}

/// Columns of a dead-letter record.
pub fn bad_record_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("raw", DataType::Binary, true),
        Field::new("split", DataType::Utf8, true),
        Field::new("place", DataType::Utf8, true),
        Field::new("error", DataType::Utf8, true),
    ]))
}
