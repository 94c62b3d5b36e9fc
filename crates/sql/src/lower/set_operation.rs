//! INTERSECT and EXCEPT.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{Node, NodeId, NodeKind, SetOperation, Stage};
use sloth_types::{ChangelogMode, Result};

use super::Lowering;
use super::relation::{Relation, Role};
use crate::plan::SetOperationNode;

impl Lowering<'_> {
    pub(super) fn set_operation(&mut self, node: &SetOperationNode) -> Result<Relation> {
        let mut inputs = vec![];
        for input in [&node.left, &node.right] {
            let relation = self.relation(input)?;
            inputs.push(self.materialize(relation)?);
        }
        let fields: Vec<Field> =
            node.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let (mut nodes, mut sources): (Vec<NodeId>, Vec<NodeId>) = (vec![], vec![]);
        for relation in &inputs {
            nodes.push(self.under_schema(relation, &schema));
            let new: Vec<NodeId> = relation.sources.iter().filter(|s| !sources.contains(s)).copied().collect();
            sources.extend(new);
        }
        // A row has one lifetime for both sides: what is told of it depends on both.
        let lifetimes: Vec<Option<i64>> = inputs.iter().map(|input| self.lifetime(input)).collect();
        let ttl_ms = lifetimes.into_iter().collect::<Option<Vec<_>>>().and_then(|ttl| ttl.into_iter().max());
        let intersects = matches!(node.operation, SetOperation::Intersect | SetOperation::IntersectAll);
        let distinct = matches!(node.operation, SetOperation::Intersect | SetOperation::Except);
        // More rows give more of an intersection; of a difference they may take away.
        let mode = match intersects && !inputs.iter().any(Relation::changes) {
            true => ChangelogMode::Append,
            false => ChangelogMode::Retract,
        };
        let of_left = inputs.first().and_then(|r| r.key.clone());
        let of_right = inputs.get(1).and_then(|r| r.key.clone()).filter(|_| intersects);
        let key = of_left.or(of_right).or_else(|| distinct.then(|| (0..schema.fields().len()).collect()));
        let roles = (0..schema.fields().len())
            .map(|i| {
                let all = |role: Role| inputs.iter().all(|r| r.roles.get(i) == Some(&role));
                [Role::Rowtime, Role::Proctime].into_iter().find(|r| all(*r)).unwrap_or(Role::Plain)
            })
            .collect();
        let id = self.plan.add(Node {
            kind: NodeKind::SetOperation { operation: node.operation, ttl_ms },
            inputs: nodes,
            schema,
            mode: mode.clone(),
            key: key.clone(),
            sources: sources.clone(),
        });
        Ok(Relation {
            node: id,
            exclusive: false,
            schema: Arc::clone(&node.schema),
            roles,
            pending: None,
            mode,
            key,
            sources,
            exchanged: true,
            cascaded: inputs.iter().any(|r| r.cascaded),
            lineage: None,
        })
    }

    /// A stage that gives the columns the names of `schema`.
    fn under_schema(&mut self, relation: &Relation, schema: &SchemaRef) -> NodeId {
        let old = self.schema_of(relation.node);
        let exprs: Vec<Arc<dyn PhysicalExpr>> =
            old.fields().iter().enumerate().map(|(i, f)| Arc::new(ColumnExpr::new(f.name(), i)) as _).collect();
        self.add_stage(relation, Stage::Project { exprs, schema: Arc::clone(schema) }, Arc::clone(schema))
    }
}
