//! Recursion: a result that is computed from itself.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use sloth_types::{Error, Result};

/// Computes the fixpoint of a recursion over whole tables.
pub trait Fixpoint: fmt::Debug + Send + Sync {
    /// All rows of the result, in any order. `tables` are all rows of the node's inputs, in their order.
    ///
    /// # Errors
    /// When the recursion does not end, or a value cannot be computed.
    fn compute(&self, tables: &[RecordBatch]) -> Result<RecordBatch>;

    /// How the result goes on when the tables change, where it can: the result is then a set that only grows with them.
    fn growth(&self) -> Option<&dyn Growth> {
        None
    }

    /// What is computed: the same text for the same recursion.
    fn text(&self) -> String;
}

/// A recursion whose result only grows with its tables.
pub trait Growth {
    /// Rows of the result that follow from new rows of the tables and from the result so far, among others.
    ///
    /// `tables` are all rows of the node's inputs, `added` those among them that are new, `known` is the result so far.
    ///
    /// # Errors
    /// When a value cannot be computed.
    fn begin(&self, tables: &[RecordBatch], added: &[RecordBatch], known: &RecordBatch) -> Result<RecordBatch>;

    /// All rows of the result that follow in one round from the tables and from `known`, a part of the result, and are among
    /// `lost`; others that follow may be there, too.
    ///
    /// # Errors
    /// When a value cannot be computed.
    fn again(&self, tables: &[RecordBatch], known: &RecordBatch, lost: &RecordBatch) -> Result<RecordBatch>;

    /// Rows that follow from new rows of the result in one round.
    ///
    /// # Errors
    /// When a value cannot be computed.
    fn step(&self, tables: &[RecordBatch], work: &RecordBatch) -> Result<RecordBatch>;

    /// The error for a recursion with more rounds than this number, which is taken for one that does not end.
    fn endless(&self) -> (usize, Error);
}

/// A recursive query.
#[derive(Clone, Debug)]
pub struct Recursive {
    /// Its name in the query.
    pub name: String,
    /// How it is computed.
    pub fixpoint: Arc<dyn Fixpoint>,
}
