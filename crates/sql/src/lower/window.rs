//! Window table functions.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{Node, NodeKind, Stage, WindowAssign, WindowSpec};
use sloth_types::{Error, Result};

use super::relation::{Pending, Relation, Role};
use super::{Lowering, internal};
use crate::plan::WindowTvf;

impl Lowering<'_> {
    /// A window table function: pending until its columns are needed as values.
    pub(super) fn window(&mut self, input: Relation, window: &WindowTvf) -> Result<Relation> {
        let input = self.materialize(input)?;
        let time = match &window.time {
            Expr::Column(column) => input.schema.index_of_column(column).map_err(internal)?,
            other => return Err(Error::invalid(format!("DESCRIPTOR({other}) must name a column"))),
        };
        let role = input.roles.get(time).copied().unwrap_or(Role::Plain);
        self.check_time(role, input.schema.field(time).name())?;
        self.windows += 1;
        let id = self.windows;
        if role == Role::Proctime {
            self.clocked.insert(id);
        }
        let mut fields: Vec<_> = input.schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        let added = window.schema.iter().skip(window.schema.fields().len().saturating_sub(3));
        fields.extend(added.map(|(q, f)| (q.cloned(), Arc::clone(f))));
        let schema = datafusion::common::DFSchema::new_with_metadata(fields, std::collections::HashMap::new())
            .map_err(internal)?;
        let mut roles = input.roles.clone();
        roles.extend([Role::WindowStart(id), Role::WindowEnd(id), Role::WindowTime(id)]);
        let pending = Pending {
            id,
            spec: window.spec,
            time,
            proctime: role == Role::Proctime,
            partition_by: window.partition_by.clone(),
        };
        // The time column may be dropped by a projection: a copy of it stands behind the visible columns.
        let arrow = self.schema_of(input.node);
        let mut exprs: Vec<Arc<dyn PhysicalExpr>> =
            arrow.fields().iter().enumerate().map(|(i, f)| Arc::new(ColumnExpr::new(f.name(), i)) as _).collect();
        exprs.push(Arc::new(ColumnExpr::new(arrow.field(time).name(), time)));
        let mut columns: Vec<Field> = arrow.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        columns.push(Field::new("$time", arrow.field(time).data_type().clone(), true));
        let out: SchemaRef = Arc::new(Schema::new(columns));
        let pending = Pending { time: arrow.fields().len(), ..pending };
        let node = self.add_stage(&input, Stage::Project { exprs, schema: Arc::clone(&out) }, out);
        // A row may come in several windows.
        let key = None;
        Ok(Relation { node, exclusive: true, schema: Arc::new(schema), roles, pending: Some(pending), key, ..input })
    }

    /// A window's time must be a time attribute.
    pub(super) fn check_time(&self, role: Role, name: &str) -> Result<()> {
        if role.is_time() {
            return Ok(());
        }
        let error = self.refuse_text(
            &format!("column '{name}' is no time attribute, so windows over it would never close"),
            name,
            &format!(
                "Declare WATERMARK FOR {name} AS {name} - INTERVAL '5' SECOND in the table, or use a column AS \
                 PROCTIME(); a column stays a time attribute only while it is passed on unchanged."
            ),
        );
        Err(error)
    }

    /// Carries a pending window out, so that all logical columns are there as values.
    pub(super) fn materialize(&mut self, relation: Relation) -> Result<Relation> {
        let Some(pending) = relation.pending.clone() else { return Ok(relation) };
        if let WindowSpec::Session { .. } = pending.spec {
            return Err(self.refuse_text(
                "a SESSION window can only be used to aggregate",
                "SESSION",
                "Group by window_start and window_end (and the keys).",
            ));
        }
        let stamp = |zone: Option<Arc<str>>| DataType::Timestamp(TimeUnit::Millisecond, zone);
        let input = self.schema_of(relation.node);
        let zone = match input.field(pending.time).data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let mut fields: Vec<Field> = input.fields().iter().map(|f| f.as_ref().clone()).collect();
        let width = fields.len();
        for (name, data_type) in
            [("window_start", stamp(None)), ("window_end", stamp(None)), ("window_time", stamp(zone))]
        {
            fields.push(Field::new(name, data_type, true));
        }
        let assigned: SchemaRef = Arc::new(Schema::new(fields));
        let node = self.plan.add(Node {
            kind: NodeKind::WindowAssign(WindowAssign { window: pending.spec, time: pending.time }),
            inputs: vec![relation.node],
            schema: Arc::clone(&assigned),
            mode: relation.mode.clone(),
            key: None,
            sources: relation.sources.clone(),
        });
        // Bring the columns into their logical order.
        let mut exprs: Vec<Arc<dyn PhysicalExpr>> = vec![];
        let mut columns = vec![];
        let mut physical = 0;
        for (field, role) in relation.schema.fields().iter().zip(&relation.roles) {
            let index = match role {
                role if !relation.is_virtual(*role) => {
                    physical += 1;
                    physical - 1
                }
                Role::WindowStart(_) => width,
                Role::WindowEnd(_) => width + 1,
                _ => width + 2,
            };
            exprs.push(Arc::new(ColumnExpr::new(field.name(), index)));
            columns.push(Field::new(field.name(), assigned.field(index).data_type().clone(), true));
        }
        let out: SchemaRef = Arc::new(Schema::new(columns));
        let relation = Relation { node, exclusive: false, pending: None, lineage: None, ..relation };
        let node = self.add_stage(&relation, Stage::Project { exprs, schema: Arc::clone(&out) }, out);
        Ok(Relation { node, exclusive: true, ..relation })
    }
}
