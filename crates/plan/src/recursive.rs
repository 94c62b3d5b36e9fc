//! Recursion: a result that is computed from itself.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use sloth_types::Result;

/// Computes the fixpoint of a recursion over whole tables.
pub trait Fixpoint: fmt::Debug + Send + Sync {
    /// All rows of the result, in any order. `tables` are all rows of the node's inputs, in their order.
    ///
    /// # Errors
    /// When the recursion does not end, or a value cannot be computed.
    fn compute(&self, tables: &[RecordBatch]) -> Result<RecordBatch>;

    /// What is computed: the same text for the same recursion.
    fn text(&self) -> String;
}

/// A recursive query.
#[derive(Clone, Debug)]
pub struct Recursive {
    /// Its name in the query.
    pub name: String,
    /// How it is computed.
    pub fixpoint: Arc<dyn Fixpoint>,
}
