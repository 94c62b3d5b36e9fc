//! Tables whose rows are updated and deleted: how the changes of a source are to be read.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use sloth_plan::{JobPlan, Node, NodeId, NodeKind, Normalize, TemporalAt};
use sloth_types::{ChangelogMode, Error, Result, TableSpec};

use super::needs::TableNeeds;
use super::{Lowering, strip_own_options};
use crate::catalog::Table;

/// What a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// Inserts.
    Append,
    /// Exact changes: old rows are taken back as they were.
    Retract,
    /// The new row of a key, or that it is gone: what it replaces has to be found out.
    Upsert,
}

/// What the source of a table gives, by its connector and format. A table of change events that declares a key is read as
/// upserts: so events may come twice, without old images, or from the middle of a topic. `'scan.changelog' = 'retract'`
/// trusts the old images instead, and saves the state.
///
/// # Errors
/// When the option is wrong.
pub(super) fn changes_of(table: &Table) -> Result<Changes> {
    let options = &table.spec.options;
    let format = options.get("format").or(options.get("value.format"));
    let events = matches!(format, Some("debezium-json" | "canal-json" | "maxwell-json"));
    let keyed = !table.primary_key.is_empty();
    match options.get("scan.changelog") {
        Some("retract") => Ok(Changes::Retract),
        Some("upsert") if keyed => Ok(Changes::Upsert),
        Some("upsert") => {
            Err(Error::invalid(format!("table '{}': 'scan.changelog' = 'upsert' needs a PRIMARY KEY", table.name))
                .hint("Add PRIMARY KEY (…) NOT ENFORCED."))
        }
        Some(other) => Err(Error::invalid(format!("table '{}': 'scan.changelog' = '{other}'", table.name))
            .hint("Use 'retract' or 'upsert'.")),
        // Without a key the connector itself says what is missing.
        None if options.get("connector") == Some("upsert-kafka") && keyed => Ok(Changes::Upsert),
        None if events && keyed => Ok(Changes::Upsert),
        None if events => Ok(Changes::Retract),
        None => Ok(Changes::Append),
    }
}

/// The columns to read: of a deleted row only its key may be known.
pub(super) fn read_schema(table: &Table, changes: Changes, schema: Schema) -> SchemaRef {
    if changes != Changes::Upsert {
        return Arc::new(schema);
    }
    let fields = schema.fields().iter().map(|field| {
        let of_key = table.primary_key.contains(field.name());
        field.as_ref().clone().with_nullable(field.is_nullable() || !of_key)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The table as its connector sees it: a key that is not used is not told.
pub(super) fn spec_of(table: &Table, changes: Changes) -> TableSpec {
    let spec = strip_own_options(&table.spec);
    match changes {
        Changes::Retract => TableSpec { primary_key: vec![], ..spec },
        _ => spec,
    }
}

/// Refuses what cannot be told exactly of a table whose rows are taken back.
///
/// # Errors
/// When the queries need metadata of rows without a key, or late rows are wanted in a table.
pub(super) fn check(table: &Table, changes: Changes, needs: &TableNeeds) -> Result<()> {
    if changes == Changes::Append {
        return Ok(());
    }
    if changes == Changes::Upsert && table.spec.options.get("late-rows").is_some() {
        // They are told beside the source, where upserts are not exact yet.
        return Err(Error::unsupported(format!("'late-rows' of table '{}', whose rows are upserts", table.name))
            .hint("Leave 'late-rows' out: late rows are counted in the metrics all the same."));
    }
    match table.spec.metadata.iter().find(|m| needs.contains_key(&m.column)) {
        Some(used) if changes == Changes::Retract => Err(Error::unsupported(format!(
            "column '{}' of table '{}' tells of an event, so a row cannot be taken back with the value it came with",
            used.column, table.name
        ))
        .hint("Declare the PRIMARY KEY of the table: then the last row of each key is kept.")),
        _ => Ok(()),
    }
}

/// The places of the table's key among the columns read.
pub(super) fn key_of(table: &Table, changes: Changes, schema: &Schema) -> Option<Vec<usize>> {
    if changes == Changes::Append || table.primary_key.is_empty() {
        return None;
    }
    table.primary_key.iter().map(|name| schema.index_of(name).ok()).collect()
}

/// Tables of upserts whose versions are asked for give all of them, however many an epoch brings.
pub(super) fn keep_versions(plan: &mut JobPlan) {
    let asked = plan.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::TemporalJoin(join) if matches!(join.at, TemporalAt::Event { .. }) => node.inputs.get(1).copied(),
        _ => None,
    });
    for id in asked.collect::<Vec<_>>() {
        let mut at = Some(id);
        while let Some(Node { kind, inputs, .. }) = at.and_then(|id| plan.nodes.get_mut(id)) {
            at = match kind {
                NodeKind::Normalize(normalize) => {
                    normalize.versions = true;
                    None
                }
                NodeKind::Map(_) => inputs.first().copied(),
                _ => None,
            };
        }
    }
}

impl Lowering<'_> {
    /// Exact changes of a source of upserts; made once for all that read it.
    pub(super) fn normalized(&mut self, source: NodeId, table: &Table) -> Result<NodeId> {
        if let Some(node) = self.scans.normalized.get(&source) {
            return Ok(*node);
        }
        let schema = self.schema_of(source);
        let key = key_of(table, Changes::Upsert, &schema)
            .ok_or_else(|| Error::internal(format!("the key of table '{}' is not read", table.name)))?;
        let node = self.plan.add(Node {
            kind: NodeKind::Normalize(Normalize { key: key.clone(), versions: false }),
            inputs: vec![source],
            schema,
            mode: ChangelogMode::Retract,
            key: Some(key),
            sources: vec![source],
        });
        self.scans.normalized.insert(source, node);
        Ok(node)
    }
}
