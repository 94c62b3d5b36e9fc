//! The engine: runs a streaming plan as a timely dataflow. The only crate that knows timely.
//!
//! ```text
//!  coordinator ──tick──▶ sources ──▶ map ──▶ local aggregate ──exchange──▶ aggregate ──▶ sink ──▶ end
//!      ▲  (worker 0)      (all workers, each its splits)                                           │
//!      └────────────── reports on the board ◀── epochs completed ◀─────────────────────────────────┘
//! ```
//!
//! An epoch is opened by the coordinator's tick, read by the sources, and complete when timely's frontier has passed it
//! behind every sink. Operators are plain structs over batches and epochs (`operators/`); `render` wires them.

mod aggregate;
mod checkpoint;
mod completion;
mod context;
mod coordinator;
mod dataflow;
mod dictionaries;
mod discovery;
mod durable;
mod epoch;
mod failure;
mod fields;
mod hash;
mod io;
mod job;
mod lookups;
mod message;
mod notes;
mod operators;
mod pact;
mod render;
mod replay;
mod sinks;
mod state;

pub use dataflow::operator_id;
pub use epoch::{EpochInfo, EpochLog};
pub use job::{Job, JobOptions, Stopper, settle};
pub use render::MULTI_JOIN;
pub use replay::Replay;
pub use sloth_types::EpochEntry;
