//! The condition of a join beside its keys, over the few columns that it reads.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::PhysicalExpr;
use sloth_types::{Error, Result};

use super::certain;
use crate::operators::stages::evaluate;

/// A condition on pairs.
pub(in crate::operators) struct Residual {
    expr: Arc<dyn PhysicalExpr>,
    /// The columns of a pair that it reads, and their schema.
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Residual {
    /// `expr` over rows of `paired`.
    pub(in crate::operators) fn new(expr: &Arc<dyn PhysicalExpr>, paired: &SchemaRef) -> Result<Self> {
        let mut columns: Vec<usize> = collect_columns(expr).iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        let narrowed = Arc::clone(expr).transform_down(|part| {
            let Some(column) = part.downcast_ref::<Column>() else { return Ok(Transformed::no(part)) };
            let at = columns.binary_search(&column.index()).unwrap_or_else(|at| at);
            Ok(Transformed::yes(Arc::new(Column::new(column.name(), at)) as Arc<dyn PhysicalExpr>))
        });
        let expr = narrowed.data().map_err(|e| Error::internal(e.strip_backtrace()))?;
        let schema = Arc::new(paired.project(&columns)?);
        Ok(Residual { expr, columns, schema })
    }

    /// Which of some pairs it is true of; `column` gives a column of the pairs.
    pub(in crate::operators) fn mask(
        &self,
        pairs: usize,
        column: impl Fn(usize) -> Result<ArrayRef>,
    ) -> Result<BooleanArray> {
        let columns = self.columns.iter().map(|c| column(*c)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(pairs));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok(certain(evaluate(&self.expr, &rows)?.as_boolean()))
    }
}

/// How the numbers of partners of stored rows have moved, by slot.
#[derive(Default)]
pub(super) struct Moved(hashbrown::HashMap<u32, i64>);

impl Moved {
    pub(super) fn add(&mut self, slot: u32, delta: i64) {
        *self.0.entry(slot).or_default() += delta;
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.0.iter().map(|(slot, delta)| (*slot, *delta))
    }
}
