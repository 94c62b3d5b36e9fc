//! The logical nodes that are our own.

use std::any::Any;

use datafusion::logical_expr::LogicalPlan;
use sloth_types::Result;

use super::Lowering;
use super::relation::Relation;
use crate::plan::{MatchNode, SetOperationNode, SingleRow, Versioned, WindowTvf};

impl Lowering<'_> {
    /// Lowers the extension node of a plan.
    pub(super) fn extension(&mut self, plan: &LogicalPlan, node: &dyn Any) -> Result<Relation> {
        if let Some(window) = node.downcast_ref::<WindowTvf>() {
            let input = self.relation(&window.input)?;
            self.window(input, window)
        } else if let Some(operation) = node.downcast_ref::<SetOperationNode>() {
            self.set_operation(operation)
        } else if let Some(matching) = node.downcast_ref::<MatchNode>() {
            self.match_recognize(matching)
        } else if let Some(single) = node.downcast_ref::<SingleRow>() {
            self.single_row(&single.input)
        } else if node.is::<Versioned>() {
            Err(self.lone_versions())
        } else {
            Err(self.refuse(plan))
        }
    }
}
