//! Connectors: how tables meet the outside. One folder or file each; `format` turns bytes into rows and back.

mod alive;
pub mod blackhole;
pub mod filesystem;
pub mod format;
mod generator;
pub mod http;
pub mod kafka;
pub mod memory;
pub mod postgres;
pub mod print;
pub mod socket;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use sloth_types::ConnectorRegistry;

/// All connectors of this installation.
pub fn registry() -> ConnectorRegistry {
    let mut registry = ConnectorRegistry::default();
    registry.register(Arc::new(blackhole::Blackhole));
    registry.register(Arc::new(filesystem::Filesystem));
    registry.register(Arc::new(http::Http));
    registry.register(Arc::new(memory::Memory));
    registry.register(Arc::new(postgres::Jdbc));
    registry.register(Arc::new(postgres::Postgres));
    registry.register(Arc::new(print::Print));
    registry.register(Arc::new(socket::Socket));
    generator::register(&mut registry);
    registry.register(Arc::new(kafka::KafkaConnector));
    registry.register(Arc::new(kafka::UpsertKafkaConnector));
    registry
}
