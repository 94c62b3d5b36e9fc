//! What a connector implements whose tables are asked for rows by key while a stream goes by.

use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;

use crate::error::Result;

/// How answers are kept. Times are by the epochs' wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupCache {
    /// Keep about so many rows at most (keys without a row count as one); no bound when absent.
    pub rows_max: Option<usize>,
    /// Ask again so long after an answer came.
    pub after_write: Option<Duration>,
    /// Forget what was not used for so long.
    pub after_access: Option<Duration>,
    /// Also keep that a key has no row.
    pub missing: bool,
}

/// A table that can be asked for rows by key.
pub trait Lookup: Send + Sync {
    /// How answers may be kept; `None` asks every time.
    fn cache(&self) -> Option<LookupCache>;

    /// Opens a connection. `keys` are the columns that a request gives values of, `schema` the columns wanted.
    ///
    /// # Errors
    /// When the table does not answer.
    fn open(&self, keys: &[String], schema: SchemaRef) -> Result<Box<dyn LookupReader>>;
}

/// The answer to a request.
#[derive(Debug)]
pub struct Found {
    /// The rows, in the schema asked for.
    pub rows: RecordBatch,
    /// For each row which key (its index in the request) it belongs to; ascending.
    pub of: Vec<u32>,
}

/// A connection to a table. It lives on a thread of its own and may block.
pub trait LookupReader: Send {
    /// The rows of all the keys: `keys` has a column for each key column. No key comes twice.
    ///
    /// # Errors
    /// When the table does not answer, also after the tries its options allow.
    fn look_up(&mut self, keys: &[ArrayRef]) -> Result<Found>;
}
