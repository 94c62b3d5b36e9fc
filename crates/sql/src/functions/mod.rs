//! Flink's functions: those that DataFusion lacks, and those that it has with another meaning.

mod clock;
mod define;
mod markers;
pub(crate) mod zone;

use datafusion::prelude::SessionContext;

/// Registers all functions over DataFusion's own.
pub(crate) fn register(context: &SessionContext) {
    for function in clock::FUNCTIONS.iter().chain(markers::FUNCTIONS) {
        define::register(context, function);
    }
}

/// Names that the rewriting of the syntax tree replaces, so that no function of the name is registered.
pub(crate) const REWRITTEN: &[&str] =
    &["approx_count_distinct", "grouping_id", "if", "ifnull", "listagg", "mod", "timestampadd", "timestampdiff"];
