//! Late rows and bad records: side branches into tables of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::physical_expr::expressions::{CastExpr, Column as ColumnExpr};
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{
    BadRecordPolicy, Node, NodeId, NodeKind, SinkNode, Stage, WindowAssign, WindowSpec, bad_record_schema,
};
use sloth_types::{ChangelogMode, Error, Result};

use super::{Lowering, strip_own_options};
use crate::catalog::Table;

/// The way from a source to a relation, as far as late rows need it.
#[derive(Clone, Debug)]
pub(super) struct Lineage {
    /// The source node.
    pub(super) source: NodeId,
    /// Its event-time column.
    pub(super) time: usize,
    /// Filters passed so far, over the source's columns.
    pub(super) filters: Vec<Arc<dyn PhysicalExpr>>,
    /// The relation's columns are still the source's own, so that its expressions hold for the source too.
    pub(super) direct: bool,
}

/// Late rows of one window operator.
pub(super) struct LateBranch {
    lineage: Lineage,
    window: WindowSpec,
    lateness_ms: i64,
    table: String,
}

impl Lowering<'_> {
    /// The columns of a table that its late-rows table wants.
    pub(super) fn late_columns(&self, table: &Table) -> Vec<String> {
        let late = table.spec.options.get("late-rows").and_then(|name| self.session.catalog().table(name));
        let names = late.map(|late| late.writable().map(|c| c.name.clone()).collect::<Vec<_>>()).unwrap_or_default();
        names.into_iter().filter(|name| table.column(name).is_some()).collect()
    }

    /// Notes that a window operator over this lineage has late rows to route, if its table asks for it.
    pub(super) fn note_late(
        &mut self,
        lineage: Option<&Lineage>,
        sources: &[NodeId],
        window: WindowSpec,
        lateness_ms: i64,
    ) -> Result<()> {
        for source in sources {
            let Some((_, table)) = self.scans.sources.values().find(|(node, _)| node == source) else { continue };
            let Some(to) = table.spec.options.get("late-rows").map(str::to_owned) else { continue };
            if matches!(window, WindowSpec::Session { .. }) {
                return Err(Error::unsupported(format!(
                    "'late-rows' of table '{}' under a SESSION window",
                    table.name
                ))
                .hint("Leave 'late-rows' out: late rows of sessions are counted in the metrics."));
            }
            let Some(lineage) = lineage else {
                return Err(Error::unsupported(format!(
                    "'late-rows' of table '{}': the query filters computed values before the window",
                    table.name
                ))
                .hint(
                    "Filter on the table's own columns, or leave 'late-rows' out (late rows are counted all the same).",
                ));
            };
            self.late.push(LateBranch { lineage: lineage.clone(), window, lateness_ms, table: to });
        }
        Ok(())
    }
}

/// Adds the branches of late rows and bad records.
pub(super) fn add_routes(lowering: &mut Lowering<'_>) -> Result<()> {
    let mut inputs: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
    for branch in std::mem::take(&mut lowering.late) {
        let node = late_branch(lowering, &branch)?;
        inputs.entry(branch.table).or_default().push(node);
    }
    for source in lowering.plan.source_ids() {
        let Some(Node { kind: NodeKind::Source(node), .. }) = lowering.plan.nodes.get(source) else { continue };
        if let BadRecordPolicy::DeadLetter(table) = node.bad_records.clone() {
            let bad = lowering.plan.add(Node {
                kind: NodeKind::BadRecords,
                inputs: vec![source],
                schema: bad_record_schema(),
                mode: ChangelogMode::Append,
                key: None,
                sources: vec![source],
            });
            let node = fit_to_table(lowering, bad, &table)?;
            inputs.entry(table).or_default().push(node);
        }
    }
    for (table, nodes) in inputs {
        add_side_sink(lowering, &table, nodes)?;
    }
    Ok(())
}

fn late_branch(lowering: &mut Lowering<'_>, branch: &LateBranch) -> Result<NodeId> {
    let Lineage { source, time, filters, .. } = &branch.lineage;
    let schema = lowering.schema_of(*source);
    let stages: Vec<Stage> = filters.iter().map(|f| Stage::Filter(Arc::clone(f))).collect();
    let add = |lowering: &mut Lowering<'_>, kind, input| {
        let (schema, mode) = (Arc::clone(&schema), mode_of(lowering, *source));
        lowering.plan.add(Node { kind, inputs: vec![input], schema, mode, key: None, sources: vec![*source] })
    };
    let filtered = add(lowering, NodeKind::Map(stages), *source);
    let assign = WindowAssign { window: branch.window, time: *time };
    let late = add(lowering, NodeKind::LateRows(assign, branch.lateness_ms), filtered);
    fit_to_table(lowering, late, &branch.table)
}

fn mode_of(lowering: &Lowering<'_>, node: NodeId) -> ChangelogMode {
    lowering.plan.nodes.get(node).map_or(ChangelogMode::Append, |n| n.mode.clone())
}

fn side_table(lowering: &Lowering<'_>, name: &str) -> Result<Arc<Table>> {
    lowering.session.catalog().table(name).cloned().ok_or_else(|| lowering.session.catalog().not_found(name))
}

/// Projects a node to the columns of a table, by name.
fn fit_to_table(lowering: &mut Lowering<'_>, node: NodeId, table: &str) -> Result<NodeId> {
    let table = side_table(lowering, table)?;
    let input = lowering.schema_of(node);
    let mut exprs: Vec<Arc<dyn PhysicalExpr>> = vec![];
    let mut fields = vec![];
    for column in table.writable() {
        let index = input.index_of(&column.name).map_err(|_| {
            let known: Vec<&str> = input.fields().iter().map(|f| f.name().as_str()).collect();
            Error::invalid(format!("table '{}' has a column '{}' that nothing fills", table.name, column.name))
                .hint(format!("Available: {}.", known.join(", ")))
        })?;
        let plain: Arc<dyn PhysicalExpr> = Arc::new(ColumnExpr::new(&column.name, index));
        let data_type = column.data_type();
        exprs.push(if input.field(index).data_type() == &data_type {
            plain
        } else {
            Arc::new(CastExpr::new(plain, data_type.clone(), None))
        });
        fields.push(Field::new(&column.name, data_type, true));
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let sources = lowering.plan.nodes.get(node).map(|n| n.sources.clone()).unwrap_or_default();
    let stage = Stage::Project { exprs, schema: Arc::clone(&schema) };
    let mode = mode_of(lowering, node);
    Ok(lowering.plan.add(Node {
        kind: NodeKind::Map(vec![stage]),
        inputs: vec![node],
        schema,
        mode,
        key: None,
        sources,
    }))
}

fn add_side_sink(lowering: &mut Lowering<'_>, name: &str, nodes: Vec<NodeId>) -> Result<()> {
    let table = side_table(lowering, name)?;
    let Some(first) = nodes.first().copied() else { return Ok(()) };
    let schema = lowering.schema_of(first);
    let sources: Vec<NodeId> =
        nodes.iter().filter_map(|n| lowering.plan.nodes.get(*n)).flat_map(|n| n.sources.clone()).collect();
    // Late retractions are late rows, too.
    let mode = match nodes.iter().all(|n| mode_of(lowering, *n) == ChangelogMode::Append) {
        true => ChangelogMode::Append,
        false => ChangelogMode::Retract,
    };
    let input = if nodes.len() == 1 {
        first
    } else {
        let (schema, sources) = (Arc::clone(&schema), sources.clone());
        lowering.plan.add(Node { kind: NodeKind::Union, inputs: nodes, schema, mode: mode.clone(), key: None, sources })
    };
    let kind = NodeKind::Sink(SinkNode::new(strip_own_options(&table.spec), mode.clone(), false));
    lowering.plan.add(Node { kind, inputs: vec![input], schema, mode, key: None, sources });
    Ok(())
}
