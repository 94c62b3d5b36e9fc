//! Where the dataflow meets the connectors: splits being read, writers being fed.

pub(crate) mod board;
pub(crate) mod reader;
pub(crate) mod rows;
pub(crate) mod writer;
