//! What a connector is told about a table.

use arrow::datatypes::SchemaRef;

use crate::options::Options;

/// A column whose value comes from the record's envelope (`METADATA` in the DDL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataColumn {
    /// The column's name in [`TableSpec::schema`].
    pub column: String,
    /// The connector's name for the value: `timestamp`, `offset`, `partition`, `topic`, `key`, `headers`, `file.path`, …
    pub key: String,
    /// True when a sink ignores the column.
    pub read_only: bool,
}

/// A table as a connector sees it: physical and metadata columns (computed columns are the engine's), options, key.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// The table's name, for messages.
    pub name: String,
    /// Physical and metadata columns in declared order.
    pub schema: SchemaRef,
    /// Which of the columns are metadata.
    pub metadata: Vec<MetadataColumn>,
    /// `PRIMARY KEY` columns by name; empty when there is none.
    pub primary_key: Vec<String>,
    /// `PARTITIONED BY` columns by name; empty when there is none.
    pub partition_by: Vec<String>,
    /// The `WITH` options, `connector` included.
    pub options: Options,
    /// `table.local-time-zone`, an IANA name, for formats that must read or write local times.
    pub time_zone: String,
}
