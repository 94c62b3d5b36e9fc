//! `MATCH_RECOGNIZE`: what conditions and measures take out of rows becomes columns before the operator.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::{CastExpr, Column as ColumnExpr};
use sloth_plan::pattern::{Condition, MatchExpr, MatchRecognize, MatchValue, Measure, Variable};
use sloth_plan::{AggregateCall, Node, NodeKind, Stage};
use sloth_types::{ChangelogMode, Error, Result};

use super::call::Columns;
use super::relation::{Relation, Role};
use super::{Lowering, as_column, internal, strip_alias};
use crate::plan::{MatchNode, Taken, Value};

/// Where an argument of the pattern's expressions stands in the operator's input.
enum Place {
    Column(usize),
    Call(Box<AggregateCall>),
}

impl Lowering<'_> {
    pub(super) fn match_recognize(&mut self, node: &MatchNode) -> Result<Relation> {
        let input = self.settled_relation(&node.input)?;
        let input = self.materialize(input)?;
        if input.changes() {
            return Err(self.refuse_text(
                "MATCH_RECOGNIZE over rows that change",
                "MATCH_RECOGNIZE",
                "Match the rows of an append-only table, or the result of a window.",
            ));
        }
        let index = |e: &Expr| as_column(e).and_then(|c| input.schema.index_of_column(c).ok());
        let column = |e: &Expr| index(e).ok_or_else(|| Error::internal(format!("{e} is no column")));
        let partition = node.partition_by.iter().map(column).collect::<Result<Vec<_>>>()?;
        let order = node.order_by.iter().map(column).collect::<Result<Vec<_>>>()?;
        let (time, order) = order.split_first().ok_or_else(|| Error::internal("a match without an order"))?;
        let role = input.roles.get(*time).copied().unwrap_or(Role::Plain);
        self.check_time(role, input.schema.field(*time).name())?;
        let read = self.schema_of(input.node);
        let mut columns = Columns::default();
        for (i, field) in read.fields().iter().enumerate() {
            columns.exprs.push(Arc::new(ColumnExpr::new(field.name(), i)));
            columns.fields.push(field.as_ref().clone());
        }
        let places = self.places(&input, node, &mut columns)?;
        let variables = node
            .variables
            .iter()
            .zip(&node.conditions)
            .enumerate()
            .map(|(i, (name, condition))| {
                let condition = match condition {
                    None => Condition::Always,
                    Some(taken) => match row_only(node, i, taken)? {
                        Some(condition) => self.row_condition(&input, condition, &mut columns)?,
                        None => {
                            let boolean = Some(&DataType::Boolean);
                            Condition::Computed(self.match_expr(taken, &places, &columns, boolean)?)
                        }
                    },
                };
                Ok(Variable { name: name.clone(), condition })
            })
            .collect::<Result<Vec<_>>>()?;
        let measures = node
            .measures
            .iter()
            .map(|(name, data_type, taken)| {
                let field = Arc::new(Field::new(name, data_type.clone(), true));
                Ok(Measure { field, expr: self.match_expr(taken, &places, &columns, Some(data_type))? })
            })
            .collect::<Result<Vec<_>>>()?;
        let all_rows = node.all_rows.then(|| (0..read.fields().len()).collect());
        let schema: SchemaRef = Arc::new(Schema::new(
            node.schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>(),
        ));
        let arrow: SchemaRef = Arc::new(Schema::new(columns.fields));
        let before = self.add_stage(&input, Stage::Project { exprs: columns.exprs, schema: Arc::clone(&arrow) }, arrow);
        let matching = MatchRecognize {
            partition,
            time: *time,
            order: order.to_vec(),
            proctime: role == Role::Proctime,
            cascaded: input.cascaded,
            pattern: node.pattern.clone(),
            variables,
            measures,
            all_rows,
            skip: node.skip,
            within_ms: node.within_ms,
        };
        let id = self.plan.add(Node {
            kind: NodeKind::Match(Box::new(matching)),
            inputs: vec![before],
            schema,
            mode: ChangelogMode::Append,
            key: None,
            sources: input.sources.clone(),
        });
        Ok(Relation {
            node: id,
            exclusive: false,
            schema: Arc::clone(&node.schema),
            roles: vec![Role::Plain; node.schema.fields().len()],
            pending: None,
            mode: ChangelogMode::Append,
            key: None,
            sources: input.sources,
            exchanged: true,
            cascaded: true,
            lineage: None,
        })
    }

    fn places(&self, input: &Relation, node: &MatchNode, columns: &mut Columns) -> Result<Vec<Place>> {
        let schema = self.schema_of(input.node);
        let mut places = vec![];
        for argument in &node.arguments {
            places.push(match strip_alias(argument) {
                Expr::AggregateFunction(_) => {
                    let data_type = datafusion::logical_expr::ExprSchemable::get_type(argument, &input.schema);
                    let output = Field::new("aggregate", data_type.map_err(internal)?, true);
                    Place::Call(Box::new(self.call(input, argument, &output, columns)?))
                }
                _ => {
                    let compiled = self.compile(input, argument)?;
                    let data_type = compiled.data_type(&schema).map_err(internal)?;
                    Place::Column(columns.add(compiled, data_type))
                }
            });
        }
        Ok(places)
    }

    /// A condition that looks at the row alone is computed before the operator, for whole batches.
    fn row_condition(&self, input: &Relation, condition: Expr, columns: &mut Columns) -> Result<Condition> {
        let condition = self.session.coerce_expr(condition, &input.schema)?;
        let compiled = self.compile(input, &condition)?;
        Ok(Condition::Column(columns.add(compiled, DataType::Boolean)))
    }

    fn match_expr(
        &self,
        taken: &Taken,
        places: &[Place],
        columns: &Columns,
        as_type: Option<&DataType>,
    ) -> Result<MatchExpr> {
        let column = |argument: &usize| match places.get(*argument) {
            Some(Place::Column(column)) => Ok(*column),
            _ => Err(Error::internal("an argument of a match is not a column")),
        };
        let type_of = |column: usize| columns.fields.get(column).map_or(DataType::Null, |f| f.data_type().clone());
        let (mut values, mut fields) = (vec![], vec![]);
        for (value, field) in taken.values.iter().zip(taken.schema.fields()) {
            let (value, data_type) = match value {
                Value::Last { variable, back, before, argument } => {
                    let column = column(argument)?;
                    let value = MatchValue::Last { variable: *variable, back: *back, before: *before, column };
                    (value, type_of(column))
                }
                Value::First { variable, forward, argument } => {
                    let column = column(argument)?;
                    (MatchValue::First { variable: *variable, forward: *forward, column }, type_of(column))
                }
                Value::Aggregate { variable, argument } => match places.get(*argument) {
                    Some(Place::Call(call)) => {
                        let data_type = call.output_type().clone();
                        (MatchValue::Aggregate { variable: *variable, call: call.clone() }, data_type)
                    }
                    _ => return Err(Error::internal("an aggregate of a match is not a call")),
                },
                Value::Classifier => (MatchValue::Classifier, DataType::Utf8),
                Value::MatchNumber => (MatchValue::MatchNumber, DataType::Int64),
            };
            values.push(value);
            fields.push(Field::new(field.name(), data_type, true));
        }
        let qualified = fields.iter().map(|f| (None, Arc::new(f.clone()))).collect();
        let logical = DFSchema::new_with_metadata(qualified, HashMap::new()).map_err(internal)?;
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let expr = self.session.coerce_expr(taken.expr.clone(), &logical)?;
        let mut expr = self.session.physical_expr(&expr, &logical)?;
        if let Some(wanted) = as_type
            && expr.data_type(&schema).map_err(internal)? != *wanted
        {
            expr = Arc::new(CastExpr::new(expr, wanted.clone(), None));
        }
        Ok(MatchExpr { values, schema, expr })
    }
}

/// The condition of a variable as an expression over the input, when it looks at nothing but the row itself.
fn row_only(node: &MatchNode, variable: usize, taken: &Taken) -> Result<Option<Expr>> {
    let own = |value: &Value| match value {
        Value::Last { variable: of, back: 0, before: 0, .. } => of.is_none_or(|v| v == variable),
        _ => false,
    };
    if !taken.values.iter().all(own) {
        return Ok(None);
    }
    let replaced = taken.expr.clone().transform_up(|e| {
        let value = match &e {
            Expr::Column(c) => taken.schema.index_of_column(c).ok().and_then(|i| taken.values.get(i)),
            _ => None,
        };
        Ok(match value {
            Some(Value::Last { argument, .. }) => Transformed::yes(node.arguments.get(*argument).cloned().unwrap_or(e)),
            _ => Transformed::no(e),
        })
    });
    Ok(Some(replaced.map_err(internal)?.data))
}
