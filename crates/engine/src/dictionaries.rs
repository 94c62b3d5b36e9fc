//! Text columns that a query only groups by are read as Arrow dictionaries where a connector has them as such (Parquet):
//! their texts are then neither decoded nor hashed row by row, but once for each entry of the dictionary.
//!
//! The column keeps its place; only its type changes, on the way from the source to the aggregation. A column that anything
//! else looks at on this way (an expression, a join, a sink) stays plain text, so a dictionary never leaks out.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{AggregateCall, JobPlan, NodeId, NodeKind, SourceOrigin, Stage, WatermarkRule, WindowSource};
use sloth_types::ConnectorRegistry;

/// Changes the types of the columns that may come as dictionaries.
pub(crate) fn mark(plan: &mut JobPlan, connectors: &ConnectorRegistry) {
    for source in plan.source_ids() {
        for column in candidates(plan, source, connectors) {
            // The change is made on a copy, because only its end tells whether it may be made.
            let mut changed = plan.clone();
            if mark_source(&mut changed, source, column).is_some() {
                *plan = changed;
            }
        }
    }
}

/// The text columns of a source whose connector has dictionaries.
fn candidates(plan: &JobPlan, source: NodeId, connectors: &ConnectorRegistry) -> Vec<usize> {
    let Some(NodeKind::Source(node)) = plan.nodes.get(source).map(|n| &n.kind) else { return vec![] };
    let SourceOrigin::Table(table) = &node.origin else { return vec![] };
    if !connectors.of(table).is_ok_and(|connector| connector.gives_dictionaries(table)) {
        return vec![];
    }
    let fields = node.read_schema.fields().iter().enumerate();
    fields.filter(|(_, field)| *field.data_type() == DataType::Utf8).map(|(column, _)| column).collect()
}

/// Marks a column from the source on. `None` when something needs it as text, or nothing gains.
fn mark_source(plan: &mut JobPlan, source: NodeId, column: usize) -> Option<()> {
    let node = plan.nodes.get_mut(source)?;
    let NodeKind::Source(reading) = &mut node.kind else { return None };
    mark_fields(&mut reading.read_schema, &[column]);
    let computed = through(&mut reading.compute, vec![column])?;
    match &reading.watermark {
        Some(WatermarkRule::Expr(expr)) if looks_at(expr, &computed) => return None,
        Some(WatermarkRule::Delay { column, .. }) if computed.contains(column) => return None,
        _ => {}
    }
    let columns = through(&mut reading.stages, computed)?;
    mark_fields(&mut node.schema, &columns);
    mark_users(plan, source, &columns)
}

/// Follows the columns of a node into all nodes that read it.
fn mark_users(plan: &mut JobPlan, id: NodeId, columns: &[usize]) -> Option<()> {
    let users: Vec<NodeId> = (0..plan.nodes.len())
        .filter(|user| plan.nodes.get(*user).is_some_and(|node| node.inputs.contains(&id)))
        .collect();
    for user in users {
        let node = plan.nodes.get_mut(user)?;
        match &mut node.kind {
            NodeKind::Map(stages) => {
                let columns = through(stages, columns.to_vec())?;
                mark_fields(&mut node.schema, &columns);
                mark_users(plan, user, &columns)?;
            }
            NodeKind::WindowAggregate(window) => {
                let WindowSource::Time { column, .. } = &window.source else { return None };
                groups_by(columns, &window.keys, &window.calls).filter(|()| !columns.contains(column))?;
            }
            NodeKind::GroupAggregate(group) => groups_by(columns, &group.keys, &group.calls)?,
            // They come from the source beside its rows.
            NodeKind::BadRecords => {}
            _ => return None,
        }
    }
    Some(())
}

/// The columns are the one key, and nothing but the key.
fn groups_by(columns: &[usize], keys: &[usize], calls: &[AggregateCall]) -> Option<()> {
    let [key] = keys else { return None };
    let looked_at = |call: &AggregateCall| {
        call.args.contains(key)
            || call.filter.as_ref() == Some(key)
            || call.order.iter().any(|order| order.column == *key)
            || call.arg_exprs.iter().any(|expr| looks_at(expr, columns))
    };
    (columns == [*key] && !calls.iter().any(looked_at)).then_some(())
}

/// Where the columns are behind the stages.
fn through(stages: &mut [Stage], mut columns: Vec<usize>) -> Option<Vec<usize>> {
    for stage in stages {
        match stage {
            Stage::Filter(predicate) => {
                if looks_at(predicate, &columns) {
                    return None;
                }
            }
            Stage::Project { exprs, schema } => {
                let mut places = vec![];
                for (place, expr) in exprs.iter().enumerate() {
                    match expr.downcast_ref::<Column>() {
                        Some(column) if columns.contains(&column.index()) => places.push(place),
                        _ if looks_at(expr, &columns) => return None,
                        _ => {}
                    }
                }
                mark_fields(schema, &places);
                columns = places;
            }
            Stage::Expand { .. } | Stage::Unnest { .. } => return None,
        }
    }
    // A column that ends here would gain nothing.
    (!columns.is_empty()).then_some(columns)
}

fn looks_at(expr: &Arc<dyn PhysicalExpr>, columns: &[usize]) -> bool {
    collect_columns(expr).iter().any(|column| columns.contains(&column.index()))
}

fn mark_fields(schema: &mut SchemaRef, columns: &[usize]) {
    let coded = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = schema.fields().iter().enumerate().map(|(place, field)| {
        if columns.contains(&place) {
            Arc::new(field.as_ref().clone().with_data_type(coded()))
        } else {
            Arc::clone(field)
        }
    });
    *schema = Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()));
}
