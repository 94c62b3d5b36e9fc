//! What each sink is given, and which operators need not say what they replace.
//!
//! Inside a plan every edge that is not append-only carries retractions: exact changes, which any operator can take in. A
//! sink may want another form. [`settle`] asks it, in the order of what tells most, and then spares the retractions of an
//! aggregation whose only reader is a sink that replaces rows by the same key.

use sloth_types::{ChangelogMode, Error, Result, TableSpec};

use crate::node::{JobPlan, NodeId, NodeKind, Stage};

/// Chooses the mode of every sink, and of the edges that lead to it alone. `accepts` answers for a sink's connector.
///
/// # Errors
/// When a table takes no form of the changes that the query gives it.
pub fn settle(plan: &mut JobPlan, accepts: &dyn Fn(&TableSpec, &ChangelogMode) -> Result<bool>) -> Result<()> {
    for id in plan.sink_ids() {
        let Some(node) = plan.nodes.get(id) else { continue };
        let NodeKind::Sink(sink) = &node.kind else { continue };
        let given = node.mode.clone();
        let table = sink.table.clone();
        let names: Vec<&str> = node.schema.fields().iter().map(|f| f.name().as_str()).collect();
        let primary: Option<Vec<usize>> = (!table.primary_key.is_empty())
            .then(|| table.primary_key.iter().filter_map(|k| names.iter().position(|n| n == k)).collect());
        let wishes = match (&given, primary) {
            (ChangelogMode::Append, _) => vec![ChangelogMode::Append],
            // Rows that share the table's key would replace each other: only where there are none.
            (_, Some(key)) if node.key.as_ref().is_some_and(|known| known.iter().all(|k| key.contains(k))) => {
                vec![ChangelogMode::Upsert { key }, ChangelogMode::Retract]
            }
            (_, Some(_)) => {
                let have = node.key.as_ref().map(|key| key.iter().filter_map(|k| names.get(*k).copied()).collect());
                return Err(wrong_key(&table, have));
            }
            (_, None) => {
                let by_key = node.key.clone().map(|key| ChangelogMode::Upsert { key });
                std::iter::once(ChangelogMode::Retract).chain(by_key).collect()
            }
        };
        let mut chosen = None;
        for wish in wishes {
            if chosen.is_none() && accepts(&table, &wish)? {
                chosen = Some(wish);
            }
        }
        let Some(mode) = chosen else { return Err(refused(&table, &given)) };
        let (input, known) = (node.inputs.first().copied(), node.key.clone());
        if let Some(node) = plan.nodes.get_mut(id)
            && let NodeKind::Sink(sink) = &mut node.kind
        {
            sink.mode = mode.clone();
        }
        if let (ChangelogMode::Upsert { key }, Some(input)) = (&mode, input)
            && given == ChangelogMode::Retract
            && known.is_some_and(|known| same_columns(&known, key))
        {
            spare(plan, id, input);
        }
    }
    Ok(())
}

fn same_columns(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.contains(c))
}

/// Turns the edges from a sink back to an aggregation into upserts, when nobody else reads them and nothing between may
/// drop a row.
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

fn wrong_key(table: &TableSpec, have: Option<Vec<&str>>) -> Error {
    let want = table.primary_key.join(", ");
    let have = match have {
        Some(have) => format!("keeps one row per ({})", have.join(", ")),
        None => "may keep several rows with equal values of all columns".to_owned(),
    };
    Error::unsupported(format!("table '{}' is keyed by ({want}), but the query {have}", table.name))
        .hint("Group by columns of the table's PRIMARY KEY, or change the key.")
}

fn refused(table: &TableSpec, mode: &ChangelogMode) -> Error {
    let connector = table.options.get("connector").unwrap_or("?");
    let (what, hint) = match mode {
        ChangelogMode::Append => ("inserts", "Write to a table that can be written, such as 'print' or 'kafka'."),
        _ => (
            "updates and deletes",
            "Aggregate in a window (its result does not change), or write to a table that takes updates ('print', \
             'upsert-kafka', 'screen').",
        ),
    };
    Error::unsupported(format!("table '{}' ('{connector}') does not take {what}, which the query gives it", table.name))
        .hint(hint)
}
