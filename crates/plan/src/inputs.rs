//! What an expression reads: columns, and fields of ROWs, taken out of a batch before anything is done with all of its columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

/// An expression that runs.
pub(crate) type Expr = Arc<dyn PhysicalExpr>;

/// Columns and fields of columns, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs(Vec<Expr>);

impl Inputs {
    /// The expression over these inputs instead of the batch; what it reads is added to them.
    pub(crate) fn read_by(&mut self, expr: &Expr) -> Expr {
        let over = Arc::clone(expr).transform_down(|e| {
            if !is_column(&e) {
                return Ok(Transformed::no(e));
            }
            let at = self.0.iter().position(|input| input.eq(&e)).unwrap_or(self.0.len());
            let column: Expr = Arc::new(Column::new(&e.to_string(), at));
            if at == self.0.len() {
                self.0.push(e);
            }
            Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
        });
        // The closure never fails.
        over.map_or_else(|_| Arc::clone(expr), |o| o.data)
    }

    /// Number of inputs.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Their values.
    ///
    /// # Errors
    /// When the batch is not of the schema that the expression was made for.
    pub(crate) fn of(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        evaluate(&self.0, rows)
    }
}

/// The values of expressions, as a batch.
pub(crate) fn evaluate(exprs: &[Expr], rows: &RecordBatch) -> Result<RecordBatch> {
    let columns: Result<Vec<ArrayRef>> = exprs.iter().map(|e| e.evaluate(rows)?.into_array(rows.num_rows())).collect();
    let columns = columns?;
    let named = exprs.iter().zip(&columns);
    let fields: Vec<Field> = named.map(|(e, c)| Field::new(e.to_string(), c.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// A column, or a field of one.
pub fn is_column(expr: &Expr) -> bool {
    if expr.downcast_ref::<Column>().is_some() {
        return true;
    }
    let Some(function) = expr.downcast_ref::<ScalarFunctionExpr>() else { return false };
    function.fun().name() == "get_field" && function.args().first().is_some_and(is_column)
}
