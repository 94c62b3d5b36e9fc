//! The streaming plan: what the SQL front end hands to the engine. Pure data; no I/O, no timely, no SQL text.
//!
//! A [`JobPlan`] is a list of [`Node`]s, inputs before users. The engine renders each node as one operator; what a node
//! costs in exchange and state is derived from it and printed by [`explain`].

pub mod aggregate;
mod apart;
pub mod arrange;
pub mod changelog;
pub mod emission;
pub mod explain;
pub mod grouping;
pub mod guard;
mod identity;
pub mod inputs;
pub mod lookup;
pub mod multi_join;
pub mod node;
pub mod over;
pub mod pattern;
pub mod rank;
pub mod recursive;
mod repeatable;
pub mod repeated;
mod retelling;
pub mod settings;
pub mod window;

pub use aggregate::{AggregateCall, CallOrder};
pub use apart::SinkPart;
pub use arrange::{Arrange, Arranged};
pub use emission::{Emission, Every};
pub use grouping::{GroupAggregate, SessionAggregate, WindowAggregate, WindowSource};
pub use lookup::LookupJoin;
pub use multi_join::{Gathering, Kept, MultiJoin};
pub use node::{
    BadRecordPolicy, IntervalJoin, JobPlan, Join, JoinExchange, JoinKind, Materialize, Node, NodeId, NodeKind,
    Normalize, SetOperation, SinkNode, SourceNode, SourceOrigin, Stage, TemporalAt, TemporalJoin, UnnestColumn,
    WatermarkRule, WindowAssign, WindowJoin, bad_record_schema,
};
pub use over::{Over, OverCall, OverEmission, Reach, Scope};
pub use rank::{OrderColumn, Rank, RankFunction, Ties};
pub use settings::{JobSettings, RestartPolicy};
pub use window::WindowSpec;
