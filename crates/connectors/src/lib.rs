//! Connectors: how tables meet the outside. One folder or file each; `format` turns bytes into rows and back.

pub mod format;

use sloth_types::ConnectorRegistry;

/// All connectors of this installation.
pub fn registry() -> ConnectorRegistry {
    ConnectorRegistry::default()
}
