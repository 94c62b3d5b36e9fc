//! Connectors by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::lookup::Lookup;
use crate::sink::Sink;
use crate::source::Source;
use crate::table::TableSpec;

/// A kind of table: what stands in `'connector' = '…'`.
pub trait Connector: Send + Sync {
    /// The name in the option.
    fn name(&self) -> &'static str;

    /// The table as a source. Checks all options; does not talk to the outside yet.
    ///
    /// # Errors
    /// When an option is wrong, or the connector cannot be read.
    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        Err(Error::invalid(format!("table '{}' cannot be read: '{}' is a sink only", table.name, self.name())))
    }

    /// True when readers of the table have texts as Arrow dictionaries: the schema that a split is opened with may then
    /// have `Dictionary(Int32, Utf8)` where the table has a text column.
    fn gives_dictionaries(&self, table: &TableSpec) -> bool {
        let _ = table;
        false
    }

    /// The table as one that is asked for rows by key. Checks all options; does not talk to the outside yet.
    ///
    /// # Errors
    /// When an option is wrong, or the connector cannot be asked.
    fn lookup(&self, table: &TableSpec) -> Result<Arc<dyn Lookup>> {
        Err(Error::invalid(format!(
            "table '{}' cannot be asked by key: '{}' is none for lookups",
            table.name,
            self.name()
        )))
    }

    /// The table as a sink. Checks all options; does not talk to the outside yet.
    ///
    /// # Errors
    /// When an option is wrong, or the connector cannot be written.
    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        Err(Error::invalid(format!("table '{}' cannot be written: '{}' is a source only", table.name, self.name())))
    }
}

/// The connectors that an installation offers.
#[derive(Clone, Default)]
pub struct ConnectorRegistry(BTreeMap<&'static str, Arc<dyn Connector>>);

impl ConnectorRegistry {
    /// Adds a connector; one with the same name is replaced.
    pub fn register(&mut self, connector: Arc<dyn Connector>) {
        self.0.insert(connector.name(), connector);
    }

    /// The connector of a table.
    ///
    /// # Errors
    /// When `'connector'` is missing or not known.
    pub fn of(&self, table: &TableSpec) -> Result<&Arc<dyn Connector>> {
        let name = table.options.require("connector")?;
        self.0.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().copied().collect();
            Error::invalid(format!("connector '{name}' of table '{}' is not known", table.name))
                .hint(format!("Known connectors: {}.", known.join(", ")))
        })
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}
