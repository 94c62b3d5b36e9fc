//! What each sink is given, and which operators need not say what they replace.
//!
//! Inside a plan every edge that is not append-only carries retractions: exact changes, which any operator can take in. A
//! sink may want another form. [`settle`] asks it, upserts by key first, and then spares the retractions of an aggregation
//! or a ranking whose only reader is a sink that replaces rows by the same key. Where a table declares a key that the query does not
//! prove, a node is put in that keeps all rows of a key and shows the last one.

use std::sync::Arc;

use arrow::datatypes::Schema;
use sloth_types::{ChangelogMode, Error, Result, TableSpec};

use crate::node::{JobPlan, Materialize, Node, NodeId, NodeKind, SinkNode, Stage};

/// Chooses the mode of every sink, and of the edges that lead to it alone. `accepts` answers for a sink's connector; sinks
/// are counted in the order of the plan.
///
/// # Errors
/// When a table takes no form of the changes that the query gives it.
pub fn settle(plan: &mut JobPlan, accepts: &dyn Fn(usize, &ChangelogMode) -> bool) -> Result<()> {
    for ordinal in 0..plan.sink_ids().len() {
        // Ids move when a node is put in.
        if let Some(id) = plan.sink_ids().get(ordinal).copied() {
            settle_sink(plan, id, &|mode| accepts(ordinal, mode))?;
        }
    }
    Ok(())
}

fn settle_sink(plan: &mut JobPlan, id: NodeId, accepts: &dyn Fn(&ChangelogMode) -> bool) -> Result<()> {
    let Some(node) = plan.nodes.get(id) else { return Ok(()) };
    let NodeKind::Sink(sink) = &node.kind else { return Ok(()) };
    let (given, known) = (node.mode.clone(), node.key.clone());
    let primary = primary_key(&sink.table, &node.schema)?;
    // What says least is enough for a sink that takes it.
    let by_key = primary.clone().or_else(|| known.clone()).map(|key| ChangelogMode::Upsert { key });
    let wishes = match &given {
        ChangelogMode::Append => vec![ChangelogMode::Append],
        _ => by_key.into_iter().chain([ChangelogMode::Retract]).collect(),
    };
    let Some(mode) = wishes.into_iter().find(|wish| accepts(wish)) else {
        return Err(refused(&sink.table, &given));
    };
    let proven = |key: &Vec<usize>| known.as_ref().is_some_and(|known| known.iter().all(|k| key.contains(k)));
    let mut sink_id = id;
    if given != ChangelogMode::Append
        && let Some(key) = primary.filter(|key| !proven(key))
    {
        sink_id = materialize(plan, id, key);
    }
    let Some(node) = plan.nodes.get_mut(sink_id) else { return Ok(()) };
    let NodeKind::Sink(sink) = &mut node.kind else { return Ok(()) };
    sink.mode = mode.clone();
    let input = node.inputs.first().copied();
    if let (ChangelogMode::Upsert { key }, Some(input)) = (&mode, input)
        && given == ChangelogMode::Retract
        && node.key.as_ref().is_some_and(|known| same_columns(known, key))
    {
        spare(plan, sink_id, input);
    }
    Ok(())
}

/// The table's key as columns of what it is given.
fn primary_key(table: &TableSpec, schema: &Schema) -> Result<Option<Vec<usize>>> {
    if table.primary_key.is_empty() {
        return Ok(None);
    }
    let place = |name: &String| {
        schema.index_of(name).map_err(|_| {
            Error::invalid(format!("table '{}': nothing fills the key column '{name}'", table.name))
                .hint("Write all columns of the PRIMARY KEY.")
        })
    };
    table.primary_key.iter().map(place).collect::<Result<_>>().map(Some)
}

/// Puts a node before a sink that makes its rows unique by `key`; returns the sink's new id.
fn materialize(plan: &mut JobPlan, sink: NodeId, key: Vec<usize>) -> NodeId {
    let Some(node) = plan.nodes.get(sink) else { return sink };
    let NodeKind::Sink(SinkNode { by_content, .. }) = node.kind else { return sink };
    let node = Node {
        kind: NodeKind::Materialize(Materialize { key: key.clone(), by_content }),
        inputs: node.inputs.clone(),
        schema: Arc::clone(&node.schema),
        mode: ChangelogMode::Retract,
        key: Some(key.clone()),
        sources: node.sources.clone(),
    };
    let made = plan.insert(sink, node);
    if let Some(node) = plan.nodes.get_mut(made + 1) {
        node.inputs = vec![made];
        node.key = Some(key);
    }
    made + 1
}

fn same_columns(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.contains(c))
}

/// Turns the edges from a sink back to an aggregation or a ranking into upserts, when nobody else reads them and nothing
/// between may drop a row.
fn spare(plan: &mut JobPlan, sink: NodeId, input: NodeId) {
    let readers = |plan: &JobPlan, id: NodeId| plan.nodes.iter().filter(|n| n.inputs.contains(&id)).count();
    let mut way = vec![sink];
    let mut at = input;
    loop {
        let Some(node) = plan.nodes.get(at) else { return };
        if readers(plan, at) != 1 {
            return;
        }
        way.push(at);
        match (&node.kind, node.inputs.as_slice()) {
            (NodeKind::GroupAggregate(_), _) => break,
            (NodeKind::Rank(rank), _) if rank.one_row_a_key() => break,
            (NodeKind::Map(stages), [input]) if stages.iter().all(|s| matches!(s, Stage::Project { .. })) => {
                at = *input
            }
            _ => return,
        }
    }
    for id in way {
        if let Some(node) = plan.nodes.get_mut(id)
            && let Some(key) = node.key.clone()
        {
            node.mode = ChangelogMode::Upsert { key };
        }
    }
}

fn refused(table: &TableSpec, mode: &ChangelogMode) -> Error {
    let connector = table.options.get("connector").unwrap_or("?");
    let (what, hint) = match mode {
        ChangelogMode::Append => ("inserts", "Write to a table that can be written, such as 'print' or 'kafka'."),
        _ if matches!(connector, "postgres" | "jdbc") => (
            "updates and deletes",
            "Declare its key, by which rows are updated and deleted: PRIMARY KEY (…) NOT ENFORCED.",
        ),
        _ => (
            "updates and deletes",
            "Aggregate in a window (its result does not change), or write to a table that takes updates ('print', \
             'upsert-kafka', 'screen').",
        ),
    };
    Error::unsupported(format!("table '{}' ('{connector}') does not take {what}, which the query gives it", table.name))
        .hint(hint)
}
