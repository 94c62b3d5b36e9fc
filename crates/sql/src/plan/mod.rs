//! From the AST to DataFusion's logical plans: names, types, window table functions.

mod dependent;
mod distinct_on;
mod local_windows;
mod match_recognize;
mod match_values;
mod provider;
mod set_operation;
mod single_row;
mod subquery_arguments;
mod types;
mod unnest;
mod versioned;
mod window;

pub(crate) use dependent::{Functions, with_dependent_joins};
pub(crate) use distinct_on::with_rankings;
pub(crate) use local_windows::localize;
pub use match_recognize::{MatchNode, Taken, Value};
pub use provider::TableSourceRef;
pub(crate) use provider::{Names, with_options};
pub use set_operation::SetOperationNode;
pub(crate) use set_operation::with_set_operations;
pub use single_row::SingleRow;
pub(crate) use subquery_arguments::with_subquery_columns;
pub(crate) use types::FlinkTypes;
pub(crate) use unnest::is_unnest;
pub use versioned::Versioned;
pub use window::WindowTvf;
pub(crate) use window::{WindowPlanner, check_group_windows};
