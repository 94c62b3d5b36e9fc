//! Rows that an exchange copies anyway are not copied before it.

use sloth_plan::{JobPlan, JoinExchange, NodeKind};
use sloth_types::Result;

use crate::dataflow::{Edge, Floor, stateless};
use crate::operators::prune::Prune;
use crate::operators::rank::RankParts;

/// For each node whether all that read it exchange its rows by key first: its filters may then pick rows and leave them
/// where they are.
pub(super) fn picking(plan: &JobPlan) -> Vec<bool> {
    let mut picking = vec![false; plan.nodes.len()];
    for id in (0..plan.nodes.len()).rev() {
        let mut users = plan.nodes.iter().enumerate().filter(|(_, node)| node.inputs.contains(&id)).peekable();
        let any = users.peek().is_some();
        let all = users.all(|(user, node)| match &node.kind {
            NodeKind::Rank(_) | NodeKind::MultiJoin(_) | NodeKind::Arrange(_) => true,
            NodeKind::Join(join) => join.exchange == JoinExchange::ByKey,
            // Its stages are in the source.
            NodeKind::Map(stages) => stages.is_empty() && picking.get(user).copied().unwrap_or(false),
            _ => false,
        });
        if let Some(mark) = picking.get_mut(id) {
            *mark = any && all;
        }
    }
    picking
}

/// Leaves out what cannot come into a ranking, before its rows are exchanged.
pub(super) fn ahead_of_rank<'s>(floor: &Floor<'s>, input: Edge<'s>, parts: &RankParts) -> Result<Edge<'s>> {
    if parts.retracts {
        return Ok(input);
    }
    let Some(mut prune) = Prune::new(&parts.rank, &parts.input)? else { return Ok(input) };
    Ok(stateless(floor, input, "prune", move |_, batch, out| {
        out.push(prune.run(batch)?);
        Ok(())
    }))
}
