//! What would come out otherwise when epochs are made again: answers from outside the epoch log, and what is random.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_plan::PhysicalExpr;

use sloth_types::Guarantee;

use crate::node::{JobPlan, NodeId, NodeKind, SinkNode, Stage};

/// Functions that are not the same at another parallelism. (The clock is the epoch's, and stands in the log.)
const RANDOM: [&str; 4] = ["rand", "rand_integer", "uuid", "random"];

impl JobPlan {
    /// What among a node and those below it may come out otherwise in a replay; `None` when nothing does.
    pub fn unrepeatable(&self, node: NodeId) -> Option<String> {
        if let Some(lookup) = self.live_lookup(node) {
            return Some(format!("the live lookup in table {}", lookup.table_name()));
        }
        self.random(node).map(|name| format!("{}()", name.to_uppercase()))
    }

    /// Why a sink, in a job that can be resumed, writes rows only when a checkpoint has them: they would not be made again the
    /// same, and the sink tells the outside which it has.
    pub fn commits_late(&self, sink: NodeId) -> Option<String> {
        let exact = matches!(
            self.nodes.get(sink).map(|n| &n.kind),
            Some(NodeKind::Sink(SinkNode { guarantee: Some(Guarantee::ExactlyOnce), .. }))
        );
        self.unrepeatable(sink).filter(|_| exact)
    }

    fn random(&self, node: NodeId) -> Option<String> {
        let found = self.nodes.get(node)?;
        let own = match &found.kind {
            NodeKind::Map(stages) => random_stage(stages),
            NodeKind::Source(source) => random_stage(&source.compute).or_else(|| random_stage(&source.stages)),
            NodeKind::Join(join) => join.residual.iter().find_map(random),
            _ => None,
        };
        own.or_else(|| found.inputs.iter().find_map(|input| self.random(*input)))
    }
}

fn random_stage(stages: &[Stage]) -> Option<String> {
    stages.iter().find_map(|stage| match stage {
        Stage::Filter(predicate) => random(predicate),
        Stage::Project { exprs, .. } => exprs.iter().find_map(random),
        Stage::Expand { copies, .. } => copies.iter().flatten().find_map(random),
        Stage::Unnest { .. } => None,
    })
}

fn random(expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
    let mut found = None;
    let visited = expr.apply(|part| {
        if let Some(function) = part.downcast_ref::<ScalarFunctionExpr>()
            && RANDOM.contains(&function.name())
        {
            found = Some(function.name().to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.ok().and(found)
}
