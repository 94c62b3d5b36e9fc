//! Recursion: a result that is computed from itself.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use sloth_types::{Error, Result};

use crate::node::Stage;

/// A recursive query.
#[derive(Clone, Debug)]
pub struct Recursive {
    /// Its name in the query.
    pub name: String,
    /// How it is computed.
    pub way: Way,
}

/// How a recursion is kept up to date.
#[derive(Clone, Debug)]
pub enum Way {
    /// Computed from all rows of the tables in each epoch that changes them.
    Anew(Arc<dyn Fixpoint>),
    /// Changes are followed, round after round.
    Follow(Linear),
}

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

/// A recursion in which each row of a round comes from one row of the round before: rows run through chains of stages and
/// joins with tables. The node's first input are the rows that it begins with, the others are the tables.
#[derive(Clone, Debug)]
pub struct Linear {
    /// A row is in the result once, whatever the number of ways to it (`UNION`); else once for each way (`UNION ALL`).
    pub distinct: bool,
    /// A round gives what all of them give.
    pub chains: Vec<Chain>,
    /// For each input behind the first one how it is met.
    pub tables: Vec<Met>,
    /// A recursion with more rounds is taken for one that does not end.
    pub rounds_max: usize,
    /// What is computed: the same text for the same recursion.
    pub text: String,
}

/// The way of a row of the result to rows of the next round. Behind the columns of a row stands a number, which every stage
/// hands on.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The joins, in their order.
    pub hops: Vec<Hop>,
    /// Behind the last join: to the columns of the result, and the number.
    pub stages: Vec<Stage>,
}

/// An inner join on the way of a row.
#[derive(Clone, Debug)]
pub struct Hop {
    /// What happens to a row before.
    pub stages: Vec<Stage>,
    /// Columns of the rows that meet the table; the last one is the number.
    pub schema: SchemaRef,
    /// Those of them that must equal the table's, in the order of [`Linear::tables`].
    pub keys: Vec<usize>,
    /// Which of [`Linear::tables`].
    pub table: usize,
    /// The table's columns stand before those of the row.
    pub table_first: bool,
}

/// A table that rows meet.
#[derive(Clone, Debug)]
pub struct Met {
    /// By these columns.
    pub keys: Vec<usize>,
    /// NULL equals NULL among them.
    pub null_equal: bool,
}

impl Linear {
    /// The error for the recursion `name`, when it has more rounds than it may have.
    pub fn endless(&self, name: &str) -> Error {
        endless(name, self.rounds_max)
    }
}

/// The error for a recursion that is taken for one that does not end.
pub fn endless(name: &str, rounds_max: usize) -> Error {
    Error::data(format!("the recursion of '{name}' has not ended after {rounds_max} rounds")).hint(
        "Write UNION instead of UNION ALL, end it by a condition such as WHERE depth < 100, or raise \
         'sloth.recursion.max-rounds'.",
    )
}
