//! Joins with tables outside that are asked while the stream goes by.

use crate::node::{JobPlan, Join, NodeId, NodeKind, SourceNode, SourceOrigin, Stage};

/// A join of an append-only input with a table outside: for each row the table is asked for the rows of its key. Inner or
/// left; its output never changes, and is not repeatable, as the table may say something else next time.
#[derive(Clone, Debug)]
pub struct LookupJoin {
    /// The join. Its right keys are places in [`LookupJoin::keys`].
    pub join: Join,
    /// The table; what is asked of it are the columns of `read_schema`.
    pub table: SourceNode,
    /// From the columns asked for to those that the join sees.
    pub stages: Vec<Stage>,
    /// Columns of the table that equal the left keys.
    pub keys: Vec<String>,
}

impl LookupJoin {
    /// The table's name.
    pub fn table_name(&self) -> &str {
        match &self.table.origin {
            SourceOrigin::Table(table) => &table.name,
            SourceOrigin::Rows(_) => "VALUES",
        }
    }
}

impl JobPlan {
    /// The first live lookup among a node and those below it: what it gives may differ in a replay.
    pub fn live_lookup(&self, node: NodeId) -> Option<&LookupJoin> {
        let found = self.nodes.get(node)?;
        match &found.kind {
            NodeKind::LookupJoin(lookup) => Some(lookup),
            _ => found.inputs.iter().find_map(|input| self.live_lookup(*input)),
        }
    }
}
