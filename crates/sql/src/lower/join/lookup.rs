//! Joins with a table outside that is asked for rows by key while the stream goes by.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, TableScan, binary_expr};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use sloth_plan::{
    BadRecordPolicy, Join, JoinExchange, JoinKind, LookupJoin, Node, NodeKind, SourceNode, SourceOrigin, Stage,
};
use sloth_types::{ChangelogMode, Result};

use super::super::needs::{Need, TableNeeds, add, add_expr};
use super::super::relation::{Relation, Role};
use super::super::{Lowering, as_column, internal};
use super::output_fields;
use crate::catalog::{ColumnKind, Table};
use crate::plan::{TableSourceRef, Versioned};

/// Connectors whose tables are asked, not read.
const ASKED: [&str; 2] = ["postgres", "jdbc"];

/// A table to be asked, and which of its columns the join sees.
pub(super) struct Asked {
    table: Arc<Table>,
    /// Names, in the order of the join's right columns.
    columns: Vec<String>,
}

/// What stands on the right side of a lookup join.
pub(super) enum Right {
    /// A table that is read, or a view over such.
    Read,
    /// A table that is asked.
    Asked(Asked),
    /// More than a table that is asked: a filter or a join over one.
    Beyond(String),
}

fn asked(scan: &TableScan) -> Option<Arc<Table>> {
    let table = &scan.source.downcast_ref::<TableSourceRef>()?.0;
    let connector = table.spec.options.get("connector")?;
    ASKED.contains(&connector).then(|| Arc::clone(table))
}

/// The table below renamings and projections of plain columns, with its column for each column of the plan.
fn plain(plan: &LogicalPlan) -> Option<Asked> {
    match plan {
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() => {
            let columns = scan.projected_schema.fields().iter().map(|f| f.name().clone()).collect();
            Some(Asked { table: asked(scan)?, columns })
        }
        LogicalPlan::SubqueryAlias(alias) => plain(&alias.input),
        LogicalPlan::Projection(projection) => {
            let below = plain(&projection.input)?;
            let column = |e: &Expr| {
                let index = projection.input.schema().index_of_column(as_column(e)?).ok()?;
                below.columns.get(index).cloned()
            };
            let columns = projection.expr.iter().map(column).collect::<Option<_>>()?;
            Some(Asked { table: below.table, columns })
        }
        _ => None,
    }
}

fn any_asked(plan: &LogicalPlan) -> Option<String> {
    if let LogicalPlan::TableScan(scan) = plan {
        return asked(scan).map(|table| table.name.clone());
    }
    plan.inputs().into_iter().find_map(any_asked)
}

/// What the right side is. `columns` are those of the node that the join sees.
pub(super) fn right_side(versioned: &Versioned, columns: &[usize]) -> Right {
    let Some(name) = any_asked(&versioned.input) else { return Right::Read };
    let picked = plain(&versioned.input).and_then(|all| {
        let columns = columns.iter().map(|c| all.columns.get(*c).cloned()).collect::<Option<_>>()?;
        Some(Asked { columns, ..all })
    });
    picked.map_or(Right::Beyond(name), Right::Asked)
}

/// A column of the right side, also where the planner has made the number wider: the table compares them as they are.
fn key_column<'e>(expr: &'e Expr, schema: &DFSchema) -> Option<&'e datafusion::common::Column> {
    match expr {
        Expr::Cast(cast) => {
            let column = as_column(&cast.expr)?;
            let from = schema.field_from_column(column).ok()?.data_type().clone();
            let numbers = from.is_integer() && (cast.field.data_type().is_numeric());
            let texts = from == DataType::Utf8 && *cast.field.data_type() == DataType::Utf8;
            (numbers || texts).then_some(column)
        }
        other => as_column(other),
    }
}

impl Lowering<'_> {
    /// A join with a table that is asked. `residual` is what the join demands besides the equalities.
    pub(super) fn lookup_join(
        &mut self,
        join: &datafusion::logical_expr::Join,
        kind: JoinKind,
        left: Relation,
        asked: &Asked,
        residual: Option<Expr>,
    ) -> Result<Relation> {
        let right_schema = join.right.schema();
        let physical = |name: &str| matches!(asked.table.column(name).map(|c| &c.kind), Some(ColumnKind::Physical));
        let (mut left_on, mut keys, mut rest) = (vec![], vec![], vec![]);
        for (l, r) in &join.on {
            let place = key_column(r, right_schema).and_then(|c| right_schema.index_of_column(c).ok());
            match place.and_then(|p| asked.columns.get(p)).filter(|name| physical(name)) {
                Some(name) => {
                    left_on.push(l.clone());
                    keys.push(name.clone());
                }
                None => rest.push(binary_expr(l.clone(), Operator::Eq, r.clone())),
            }
        }
        if keys.is_empty() {
            return Err(self.refuse_text(
                &format!("table '{}' cannot be asked without a column that equals something", asked.table.name),
                "SYSTEM_TIME",
                "Write ON left.key = right.key with a column of the table itself.",
            ));
        }
        let residual = conjunction(residual.into_iter().chain(rest));
        let left_width = left.schema.fields().len();
        let (left, left_keys) = self.with_keys(left, &left_on, "left")?;
        let (table, stages, right) = self.asked_table(asked)?;
        let residual = match &residual {
            Some(filter) => {
                let both = left.schema.iter().chain(right_schema.iter()).map(|(q, f)| (q.cloned(), Arc::clone(f)));
                let both = DFSchema::new_with_metadata(both.collect(), std::collections::HashMap::new());
                Some(self.session.physical_expr(filter, &both.map_err(internal)?)?)
            }
            None => None,
        };
        let right_keys = (0..keys.len()).collect();
        let once = !asked.table.primary_key.is_empty() && asked.table.primary_key.iter().all(|k| keys.contains(k));
        let key = left.key.clone().filter(|_| once);
        let left_schema = self.schema_of(left.node);
        let second = left_schema.fields().len();
        let schema = Arc::new(Schema::new(output_fields(kind, &left_schema, &right)));
        let join_node = Join {
            kind,
            left_keys,
            right_keys,
            null_equal: false,
            residual,
            exchange: JoinExchange::ByKey,
            ttl_ms: [None; 2],
        };
        let lookup = LookupJoin { join: join_node, table, stages, keys };
        let node = self.plan.add(Node {
            kind: NodeKind::LookupJoin(Box::new(lookup)),
            inputs: vec![left.node],
            schema,
            mode: ChangelogMode::Append,
            key: key.clone(),
            sources: left.sources.clone(),
        });
        let picks: Vec<(usize, Role)> = (0..left_width)
            .map(|c| (c, left.roles.get(c).copied().unwrap_or(Role::Plain)))
            .chain((0..asked.columns.len()).map(|c| (second + c, Role::Plain)))
            .collect();
        let relation = Relation {
            node,
            exclusive: false,
            schema: Arc::clone(&join.schema),
            roles: vec![],
            pending: None,
            key,
            exchanged: true,
            lineage: None,
            ..left
        };
        self.pick(relation, &picks, &join.schema)
    }

    /// The table as a node that is not read, the stages to the columns that the join sees, and those columns.
    fn asked_table(&mut self, asked: &Asked) -> Result<(SourceNode, Vec<Stage>, SchemaRef)> {
        let table = &asked.table;
        let mut needs = TableNeeds::new();
        asked.columns.iter().for_each(|column| add(&mut needs, column, Need::Whole));
        for column in table.columns.iter().rev() {
            if let (ColumnKind::Computed(expr), true) = (&column.kind, needs.contains_key(&column.name)) {
                add_expr(expr, &mut needs);
            }
        }
        let fields = table.spec.schema.fields().iter().filter(|f| needs.contains_key(f.name()));
        let read_schema = Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()));
        let (mut stages, computed) = self.computed_columns(table, &needs, &read_schema)?;
        let mut exprs = vec![];
        let mut fields = vec![];
        for name in &asked.columns {
            let index = computed.index_of(name)?;
            exprs.push(Arc::new(ColumnExpr::new(name, index)) as _);
            fields.push(Field::new(name, computed.field(index).data_type().clone(), true));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        stages.push(Stage::Project { exprs, schema: Arc::clone(&schema) });
        let node = SourceNode {
            origin: SourceOrigin::Table(table.spec.clone()),
            read_schema,
            compute: vec![],
            stages: vec![],
            watermark: None,
            bad_records: BadRecordPolicy::Fail,
            idle_timeout: None,
            instance: 0,
        };
        Ok((node, stages, schema))
    }
}
