//! Fields of ROWs are taken out of them before a `CASE` looks at them.
//!
//! `CASE` evaluates each branch for its own rows only, and picks these rows from every column that the expression reads. For
//! `CASE kind WHEN 1 THEN bid.time …` that is a copy of whole ROWs, with texts that nobody asked for. Taking a field out
//! costs next to nothing, so it is done first, and `CASE` picks from that.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::{CaseExpr, Column};
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::inputs::is_column;
use sloth_plan::{SourceNode, Stage};

type Expr = Arc<dyn PhysicalExpr>;

/// Adds the stages that take fields out to what a source does with its rows.
pub(crate) fn take_out_of(source: &mut SourceNode) {
    let schema = take_out(&mut source.compute, Arc::clone(&source.read_schema));
    take_out(&mut source.stages, schema);
}

/// Adds the stages that take fields out to stages over rows of `schema`; gives the schema behind them.
pub(crate) fn take_out(stages: &mut Vec<Stage>, mut schema: SchemaRef) -> SchemaRef {
    let mut all = Vec::with_capacity(stages.len());
    for mut stage in std::mem::take(stages) {
        if let Stage::Project { exprs, .. } = &mut stage {
            all.extend(before(exprs, &schema));
        }
        schema = match &stage {
            Stage::Filter(_) => schema,
            Stage::Project { schema, .. } | Stage::Expand { schema, .. } | Stage::Unnest { schema, .. } => {
                Arc::clone(schema)
            }
        };
        all.push(stage);
    }
    *stages = all;
    schema
}

/// The projection that has the fields which the `CASE`s among `exprs` read, behind all columns; they then read these.
fn before(exprs: &mut [Expr], schema: &SchemaRef) -> Option<Stage> {
    let mut taken = Taken { first: schema.fields().len(), fields: vec![] };
    let changed: Option<Vec<Expr>> = exprs.iter().map(|expr| taken.outside(expr)).collect();
    let changed = changed.filter(|_| !taken.fields.is_empty())?;
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    for field in &taken.fields {
        fields.push(Field::new(field.to_string(), field.data_type(schema).ok()?, true));
    }
    let columns = schema.fields().iter().enumerate().map(|(at, field)| Arc::new(Column::new(field.name(), at)) as Expr);
    let before = columns.chain(taken.fields).collect();
    exprs.clone_from_slice(&changed);
    Some(Stage::Project { exprs: before, schema: Arc::new(Schema::new(fields)) })
}

/// Fields that are columns of their own from place `first` on.
struct Taken {
    first: usize,
    fields: Vec<Expr>,
}

impl Taken {
    /// An expression whose `CASE`s read the columns.
    fn outside(&mut self, expr: &Expr) -> Option<Expr> {
        let rewritten = Arc::clone(expr).transform_down(|inner| {
            if inner.downcast_ref::<CaseExpr>().is_none() {
                return Ok(Transformed::no(inner));
            }
            let inside = inner.transform_down(|e| Ok(self.inside(e)))?;
            Ok(Transformed::new(inside.data, inside.transformed, TreeNodeRecursion::Jump))
        });
        rewritten.ok().map(|r| r.data)
    }

    fn inside(&mut self, expr: Expr) -> Transformed<Expr> {
        if !is_field(&expr) {
            return Transformed::no(expr);
        }
        let name = expr.to_string();
        let known = self.fields.iter().position(|field| field.eq(&expr));
        let at = known.unwrap_or(self.fields.len());
        if known.is_none() {
            self.fields.push(expr);
        }
        Transformed::new(Arc::new(Column::new(&name, self.first + at)), true, TreeNodeRecursion::Jump)
    }
}

/// A field of a column, or of a field of one.
fn is_field(expr: &Expr) -> bool {
    is_column(expr) && expr.downcast_ref::<Column>().is_none()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StructArray};
    use arrow::datatypes::{DataType, Field, Int64Type};
    use datafusion::common::DFSchema;
    use datafusion::functions::core::expr_fn::get_field;
    use datafusion::logical_expr::{Expr as Logical, case, col, lit};
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::message::Batch;
    use crate::operators::stages;

    fn rows() -> RecordBatch {
        let inner = Field::new("price", DataType::Int64, true);
        let prices: ArrayRef = Arc::new(Int64Array::from(vec![Some(10), None, None]));
        let valid = arrow::buffer::NullBuffer::from(vec![true, true, false]);
        let bid: ArrayRef = Arc::new(StructArray::new(vec![inner].into(), vec![prices], Some(valid)));
        let kind: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 2]));
        RecordBatch::try_from_iter_with_nullable([("kind", kind, true), ("bid", bid, true)]).unwrap()
    }

    fn project(schema: &SchemaRef, expr: &Logical) -> Stage {
        let logical = DFSchema::try_from(schema.as_ref().clone()).unwrap();
        let expr = SessionContext::new().create_physical_expr(expr.clone(), &logical).unwrap();
        let out = Field::new("x", expr.data_type(schema).unwrap(), true);
        Stage::Project { exprs: vec![expr], schema: Arc::new(Schema::new(vec![out])) }
    }

    #[test]
    fn a_case_reads_fields_that_were_taken_out_once() {
        let rows = rows();
        let price = || get_field(col("bid"), "price");
        let choice = case(col("kind")).when(lit(1i64), price()).otherwise(price() + lit(7i64)).unwrap();
        let plain = vec![project(&rows.schema(), &(choice + lit(1i64)))];
        let mut taken = plain.clone();
        take_out(&mut taken, rows.schema());
        let Some(Stage::Project { exprs, .. }) = taken.first() else { panic!("no projection") };
        assert_eq!((taken.len(), exprs.len()), (2, 3), "one field, once");
        for list in [plain, taken] {
            let mut out = vec![];
            stages::run(&list, Batch::changes(rows.clone(), None), &mut out).unwrap();
            let values = out[0].rows.column(0).as_primitive::<Int64Type>();
            assert_eq!(values.iter().collect::<Vec<_>>(), [Some(11), None, None]);
        }
    }

    #[test]
    fn what_has_no_case_stays_as_it_is() {
        let rows = rows();
        let mut list = vec![project(&rows.schema(), &get_field(col("bid"), "price"))];
        take_out(&mut list, rows.schema());
        assert_eq!(list.len(), 1);
    }
}
