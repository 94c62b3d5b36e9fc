//! From the AST to DataFusion's logical plans: names, types, window table functions.

mod match_recognize;
mod provider;
mod types;
mod unnest;
mod window;

pub use match_recognize::{MatchNode, Taken, Value};
pub use provider::TableSourceRef;
pub(crate) use provider::{Names, with_options};
pub(crate) use types::FlinkTypes;
pub(crate) use unnest::is_unnest;
pub(crate) use window::WindowPlanner;
pub use window::WindowTvf;
