//! Rows that several joins find by the same key: which they are, and who reads them.
//!
//! [`JobPlan::arranged`] puts the nodes into a plan. A join whose input is such a node, or a selection of its columns, reads
//! the rows there instead of keeping them.

use datafusion::physical_expr::expressions::Column;

use crate::node::{JobPlan, Join, NodeId, NodeKind, Stage};

/// Rows held once, by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrange {
    /// Key columns of the input.
    pub keys: Vec<usize>,
    /// Rows with a NULL key are kept, too.
    pub null_equal: bool,
    /// All readers only ask whether a key is there: no rows are kept.
    pub weights: bool,
    /// What the columns of the input are: in a state that was written with more columns these are found.
    pub columns: Vec<u64>,
    /// Which rows by which key.
    pub identity: u64,
}

/// A side of a join that could read its rows from an arrangement, or does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arranged {
    /// The join's node.
    pub join: NodeId,
    /// 0: left, 1: right.
    pub side: usize,
    /// Which rows by which key.
    pub identity: u64,
    /// What the columns of the side are.
    pub columns: Vec<u64>,
}

impl Join {
    /// Columns of a side (0: left, 1: right) that must equal those of the other one.
    pub fn keys(&self, side: usize) -> &[usize] {
        if side == 0 { &self.left_keys } else { &self.right_keys }
    }

    /// True when of a side's rows only the weights of their keys are needed.
    pub fn weighs(&self, side: usize) -> bool {
        !self.counts_partners() && !self.kind.pairs() && !self.kind.keeps_alone(side)
    }
}

impl JobPlan {
    /// The arrangement that a side of a join reads, and which of its columns; `None` for all of them as they are.
    pub fn reads(&self, join: NodeId, side: usize) -> Option<(NodeId, Option<Vec<usize>>)> {
        let input = *self.nodes.get(join)?.inputs.get(side)?;
        let node = self.nodes.get(input)?;
        match &node.kind {
            NodeKind::Arrange(_) => Some((input, None)),
            NodeKind::Map(stages) => {
                let ([below], [Stage::Project { exprs, .. }]) = (node.inputs.as_slice(), stages.as_slice()) else {
                    return None;
                };
                if !matches!(self.nodes.get(*below)?.kind, NodeKind::Arrange(_)) {
                    return None;
                }
                let columns = exprs.iter().map(|e| e.downcast_ref::<Column>().map(Column::index));
                let columns: Option<Vec<usize>> = columns.collect();
                columns.map(|columns| (*below, Some(columns)))
            }
            _ => None,
        }
    }

    /// The joins that read an arrangement, each with how often.
    pub fn readers(&self, arrangement: NodeId) -> Vec<NodeId> {
        let joins = self.nodes.iter().enumerate().filter(|(_, n)| matches!(n.kind, NodeKind::Join(_)));
        joins
            .flat_map(|(id, _)| [(id, 0), (id, 1)])
            .filter(|(id, side)| self.reads(*id, *side).is_some_and(|(read, _)| read == arrangement))
            .map(|(id, _)| id)
            .collect()
    }
}
