//! A table read as of some time: `FOR SYSTEM_TIME AS OF`.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use datafusion::common::{DFSchemaRef, DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use sloth_types::Error;

/// All versions of the rows of its input; the join above it picks those of an instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Versioned {
    /// The table or view.
    pub input: LogicalPlan,
}

impl Versioned {
    /// The node below projections of plain columns and aliases, with the node's column for each column of the plan.
    pub fn below(plan: &LogicalPlan) -> Option<(&Versioned, Vec<usize>)> {
        match plan {
            LogicalPlan::Extension(extension) => {
                let versioned = extension.node.as_any().downcast_ref::<Versioned>()?;
                Some((versioned, (0..versioned.input.schema().fields().len()).collect()))
            }
            LogicalPlan::SubqueryAlias(alias) => Versioned::below(&alias.input),
            LogicalPlan::Projection(projection) => {
                let (versioned, columns) = Versioned::below(&projection.input)?;
                let plain = projection.expr.iter().map(|e| match e {
                    Expr::Column(column) => {
                        columns.get(projection.input.schema().index_of_column(column).ok()?).copied()
                    }
                    _ => None,
                });
                Some((versioned, plain.collect::<Option<_>>()?))
            }
            _ => None,
        }
    }
}

impl PartialOrd for Versioned {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Versioned {
    fn name(&self) -> &str {
        "Versioned"
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
        write!(f, "Versioned")
    }
    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let error = || DataFusionError::External(Box::new(Error::internal("versions need their input")));
        inputs.into_iter().next().map(|input| Versioned { input }).ok_or_else(error)
    }
    /// All columns: the time of the versions is among them, whether the query names it or not.
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.input.schema().fields().len()).collect()])
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.input.schema().fields().iter().map(|f| f.name().clone()).collect()
    }
}
