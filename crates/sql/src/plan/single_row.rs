//! A check that a subquery used as a value has one row at most.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use datafusion::common::{DFSchemaRef, DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use sloth_types::Error;

/// Passes its input on; more than one row is an error when the job runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SingleRow {
    /// The subquery.
    pub input: LogicalPlan,
}

impl PartialOrd for SingleRow {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for SingleRow {
    fn name(&self) -> &str {
        "SingleRow"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SingleRow")
    }
    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let error = || DataFusionError::External(Box::new(Error::internal("a single row needs its input")));
        inputs.into_iter().next().map(|input| SingleRow { input }).ok_or_else(error)
    }
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.input.schema().fields().iter().map(|f| f.name().clone()).collect()
    }
}
