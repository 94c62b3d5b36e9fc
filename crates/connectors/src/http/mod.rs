//! The `http` connector. Writing, a webhook: rows are POSTed to a URL. Reading, the other way round: a table takes in the
//! rows that are POSTed to it.

mod ingest;
mod sink;

use std::sync::Arc;

use sloth_types::{Connector, Result, Sink, Source, TableSpec};

/// The connector.
#[derive(Debug)]
pub struct Http;

impl Connector for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(ingest::HttpSource::new(table)?))
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(sink::HttpSink::new(table)?))
    }
}
