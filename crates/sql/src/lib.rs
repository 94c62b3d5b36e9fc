//! The SQL front end: Flink-dialect text in, typed statements and optimised logical plans out.
//!
//! [`Session::parse`] cuts a script into statements, [`Session::execute`] runs the DDL on the session's catalog and plans
//! the queries. No I/O happens here. Errors carry a byte range of the script; [`render_error`] draws them.

pub mod catalog;
mod dialect;
pub mod error;
pub mod functions;
pub mod lower;
pub mod optimizer;
pub mod parse;
pub mod plan;
mod rewrite;
pub mod session;
#[cfg(test)]
mod testing;
pub mod text;
pub mod types;

pub use catalog::{Catalog, Column, ColumnKind, Object, Table, View, WatermarkDef};
pub use error::render_error;
pub use lower::lower;
pub use parse::{Statement, StatementKind};
pub use plan::{TableSourceRef, WindowTvf};
pub use rewrite::group_window::WINDOW_MARKERS;
pub use session::{Effect, Query, Session};
pub use text::substitute;
