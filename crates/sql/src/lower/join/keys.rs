//! Columns to find rows by: columns that are there, or computed ones, which are added behind the others.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::PhysicalExpr;
use sloth_types::Result;

use crate::lower::{as_column, internal};

/// Where the key's columns are, and how the computed ones among them come to be.
pub(in crate::lower) struct Keys {
    pub(in crate::lower) columns: Vec<usize>,
    /// All columns with those that are computed; `None` when none is.
    pub(in crate::lower) computed: Option<Computed>,
}

/// Rows with more columns.
pub(in crate::lower) struct Computed {
    pub(in crate::lower) exprs: Vec<Arc<dyn PhysicalExpr>>,
    pub(in crate::lower) types: SchemaRef,
    pub(in crate::lower) schema: DFSchemaRef,
}

/// The columns of rows, as expressions.
pub(in crate::lower) fn columns_of(types: &Schema) -> Vec<Arc<dyn PhysicalExpr>> {
    let column = |(i, f): (usize, &Arc<Field>)| Arc::new(ColumnExpr::new(f.name(), i)) as _;
    types.fields().iter().enumerate().map(column).collect()
}

/// The key of rows of `types` that are known as `schema`; computed columns get names that begin with `name`.
pub(in crate::lower) fn keys(
    (types, schema): (&SchemaRef, &DFSchema),
    on: &[Expr],
    name: &str,
    compile: impl Fn(&Expr) -> Result<Arc<dyn PhysicalExpr>>,
) -> Result<Keys> {
    let mut exprs = columns_of(types);
    let mut fields: Vec<Field> = types.fields().iter().map(|f| f.as_ref().clone()).collect();
    let mut logical: Vec<_> = schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
    let mut columns = vec![];
    for expr in on {
        let plain = as_column(expr).and_then(|c| schema.index_of_column(c).ok());
        columns.push(match plain {
            Some(column) => column,
            None => {
                let compiled = compile(expr)?;
                let data_type = compiled.data_type(types).map_err(internal)?;
                let field = Field::new(format!("${name}{}", exprs.len()), data_type, true);
                logical.push((None, Arc::new(field.clone())));
                fields.push(field);
                exprs.push(compiled);
                exprs.len() - 1
            }
        });
    }
    if exprs.len() == types.fields().len() {
        return Ok(Keys { columns, computed: None });
    }
    let schema = Arc::new(DFSchema::new_with_metadata(logical, HashMap::new()).map_err(internal)?);
    Ok(Keys { columns, computed: Some(Computed { exprs, types: Arc::new(Schema::new(fields)), schema }) })
}
