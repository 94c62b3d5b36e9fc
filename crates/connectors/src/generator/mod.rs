//! Generators: tables whose rows are a function of their number.
//!
//! Event `n` belongs to split `n mod splits`, and every value of a row depends only on the seed, the column and `n`
//! ([`draw`]). So a reader can stand at any event at once, a projection gives the same values as the whole row, and a
//! replay gives the same rows. How many events are due at which time is the [`schedule`]'s affair; [`lane`] reads one
//! split at that pace; the connectors only turn event numbers into Arrow arrays.

mod arrays;
mod datagen;
mod draw;
mod lane;
mod nexmark;
mod orders;
mod schedule;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sloth_types::ConnectorRegistry;

/// Adds `datagen`, `nexmark` and `orders`.
pub(crate) fn register(registry: &mut ConnectorRegistry) {
    registry.register(Arc::new(datagen::Datagen));
    registry.register(Arc::new(nexmark::Nexmark));
    registry.register(Arc::new(orders::Orders));
}
