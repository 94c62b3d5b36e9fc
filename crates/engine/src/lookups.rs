//! Connections to tables that are asked while a job runs: opened before the start, one for each worker.

use std::collections::HashMap;
use std::sync::Arc;

use sloth_plan::{JobPlan, NodeId, NodeKind, SourceOrigin};
use sloth_types::{ConnectorRegistry, Error, LookupCache, LookupReader, Result};

/// A connection, and how its answers may be kept.
pub(crate) type OpenLookup = (Box<dyn LookupReader>, Option<LookupCache>);

/// By node and worker.
pub(crate) type OpenLookups = HashMap<(NodeId, usize), OpenLookup>;

/// Opens all of a plan.
///
/// # Errors
/// When a table does not answer.
pub(crate) fn open(plan: &JobPlan, connectors: &ConnectorRegistry) -> Result<OpenLookups> {
    let mut lookups = OpenLookups::new();
    for (id, node) in plan.nodes.iter().enumerate() {
        let NodeKind::LookupJoin(join) = &node.kind else { continue };
        let SourceOrigin::Table(spec) = &join.table.origin else { continue };
        let named = |e: Error| e.context(format!("table '{}'", spec.name));
        let lookup = connectors.of(spec)?.lookup(spec).map_err(named)?;
        for worker in 0..plan.settings.parallelism {
            let reader = lookup.open(&join.keys, Arc::clone(&join.table.read_schema)).map_err(named)?;
            lookups.insert((id, worker), (reader, lookup.cache()));
        }
    }
    Ok(lookups)
}
