//! Joins, and what the optimiser makes of subqueries (semi, anti and mark joins).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{Join, JoinKind, Node, NodeKind, Stage};
use sloth_types::{ChangelogMode, Error, Result};

use super::relation::{Relation, Role};
use super::{Lowering, as_column, internal};

impl Lowering<'_> {
    pub(super) fn join(&mut self, join: &datafusion::logical_expr::Join) -> Result<Relation> {
        let kind = self.kind_of(join)?;
        let left = self.relation(&join.left)?;
        let left = self.materialize(left)?;
        let right = self.relation(&join.right)?;
        let right = self.materialize(right)?;
        let (left_on, right_on): (Vec<&Expr>, Vec<&Expr>) = join.on.iter().map(|(l, r)| (l, r)).unzip();
        let (left_width, right_width) = (left.schema.fields().len(), right.schema.fields().len());
        let (left, left_keys) = self.with_keys(left, &left_on)?;
        let (right, right_keys) = self.with_keys(right, &right_on)?;
        let (left_schema, right_schema) = (self.schema_of(left.node), self.schema_of(right.node));
        let residual = match &join.filter {
            Some(filter) => Some(self.residual(&left, &right, filter)?),
            None => None,
        };
        let node = Join {
            kind,
            left_keys,
            right_keys,
            null_equal: join.null_equality == NullEquality::NullEqualsNull,
            residual,
            null_aware: join.null_aware,
        };
        let appends = !left.changes() && !right.changes();
        let mode = match kind {
            JoinKind::Inner | JoinKind::LeftSemi | JoinKind::RightSemi if appends => ChangelogMode::Append,
            _ => ChangelogMode::Retract,
        };
        let key = unique_key(&node, &left, &right, left_schema.fields().len());
        let fields: Vec<Field> = output_fields(kind, &left_schema, &right_schema);
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let mut sources = left.sources.clone();
        sources.extend(right.sources.iter().filter(|s| !left.sources.contains(s)));
        let id = self.plan.add(Node {
            kind: NodeKind::Join(Box::new(node)),
            inputs: vec![left.node, right.node],
            schema,
            mode: mode.clone(),
            key: key.clone(),
            sources: sources.clone(),
        });
        let relation = Relation {
            node: id,
            exclusive: false,
            schema: Arc::clone(&join.schema),
            roles: vec![],
            pending: None,
            mode,
            key,
            sources,
            exchanged: true,
            cascaded: left.cascaded || right.cascaded,
            lineage: None,
        };
        // The visible columns: computed keys stand behind each side's own.
        let columns: Vec<usize> = match kind {
            JoinKind::LeftSemi | JoinKind::LeftAnti => (0..left_width).collect(),
            JoinKind::RightSemi | JoinKind::RightAnti => (0..right_width).collect(),
            JoinKind::LeftMark => (0..left_width).chain([left_schema.fields().len()]).collect(),
            _ => {
                let second = left_schema.fields().len();
                (0..left_width).chain(second..second + right_width).collect()
            }
        };
        let picks: Vec<(usize, Role)> = columns.into_iter().map(|c| (c, Role::Plain)).collect();
        self.pick(relation, &picks, &join.schema)
    }

    fn kind_of(&self, join: &datafusion::logical_expr::Join) -> Result<JoinKind> {
        Ok(match join.join_type {
            JoinType::Inner => JoinKind::Inner,
            JoinType::Left => JoinKind::Left,
            JoinType::Right => JoinKind::Right,
            JoinType::Full => JoinKind::Full,
            JoinType::LeftSemi => JoinKind::LeftSemi,
            JoinType::LeftAnti if join.null_aware => {
                return Err(self.refuse_text(
                    "NOT IN with a subquery is not offered yet",
                    "NOT IN",
                    "Write NOT EXISTS (SELECT … WHERE …).",
                ));
            }
            JoinType::LeftAnti => JoinKind::LeftAnti,
            JoinType::RightSemi => JoinKind::RightSemi,
            JoinType::RightAnti => JoinKind::RightAnti,
            JoinType::LeftMark => JoinKind::LeftMark,
            JoinType::RightMark => return Err(Error::internal("a mark join of the right side")),
        })
    }

    /// The columns to join on; those that are computed are added behind the others.
    pub(super) fn with_keys(&mut self, input: Relation, on: &[&Expr]) -> Result<(Relation, Vec<usize>)> {
        let schema = self.schema_of(input.node);
        let mut exprs: Vec<Arc<dyn PhysicalExpr>> =
            schema.fields().iter().enumerate().map(|(i, f)| Arc::new(ColumnExpr::new(f.name(), i)) as _).collect();
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut logical: Vec<_> = input.schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        let mut keys = vec![];
        for expr in on {
            let plain = as_column(expr).and_then(|c| input.schema.index_of_column(c).ok());
            keys.push(match plain {
                Some(column) => column,
                None => {
                    let compiled = self.compile(&input, expr)?;
                    let data_type: DataType = compiled.data_type(&schema).map_err(internal)?;
                    let field = Field::new(format!("$key{}", exprs.len()), data_type, true);
                    logical.push((None, Arc::new(field.clone())));
                    fields.push(field);
                    exprs.push(compiled);
                    exprs.len() - 1
                }
            });
        }
        if exprs.len() == schema.fields().len() {
            return Ok((input, keys));
        }
        let arrow: SchemaRef = Arc::new(Schema::new(fields));
        let node = self.add_stage(&input, Stage::Project { exprs, schema: Arc::clone(&arrow) }, arrow);
        let logical = DFSchema::new_with_metadata(logical, std::collections::HashMap::new()).map_err(internal)?;
        let mut roles = input.roles.clone();
        roles.resize(logical.fields().len(), Role::Plain);
        Ok((Relation { node, exclusive: true, schema: Arc::new(logical), roles, ..input }, keys))
    }

    fn residual(&self, left: &Relation, right: &Relation, filter: &Expr) -> Result<Arc<dyn PhysicalExpr>> {
        let fields = left.schema.iter().chain(right.schema.iter()).map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        let both = DFSchema::new_with_metadata(fields, std::collections::HashMap::new()).map_err(internal)?;
        self.session.physical_expr(filter, &both)
    }
}

fn output_fields(kind: JoinKind, left: &Schema, right: &Schema) -> Vec<Field> {
    let of = |schema: &Schema| -> Vec<Field> {
        schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect()
    };
    match kind {
        JoinKind::LeftSemi | JoinKind::LeftAnti => of(left),
        JoinKind::RightSemi | JoinKind::RightAnti => of(right),
        JoinKind::LeftMark => {
            let mut fields = of(left);
            fields.push(Field::new("mark", DataType::Boolean, true));
            fields
        }
        _ => [of(left), of(right)].concat(),
    }
}

/// Columns that tell the rows of a join apart: a side's own key where each of its rows meets one row at most, else both.
fn unique_key(join: &Join, left: &Relation, right: &Relation, left_width: usize) -> Option<Vec<usize>> {
    let once = |side: &Relation, keys: &[usize]| {
        side.key.as_ref().is_some_and(|key| !keys.is_empty() && key.iter().all(|k| keys.contains(k)))
    };
    match join.kind {
        JoinKind::LeftSemi | JoinKind::LeftAnti | JoinKind::LeftMark => left.key.clone(),
        JoinKind::RightSemi | JoinKind::RightAnti => right.key.clone(),
        JoinKind::Inner | JoinKind::Left if once(right, &join.right_keys) => left.key.clone(),
        JoinKind::Inner => {
            let (left, right) = (left.key.as_ref()?, right.key.as_ref()?);
            Some(left.iter().copied().chain(right.iter().map(|k| k + left_width)).collect())
        }
        _ => None,
    }
}
