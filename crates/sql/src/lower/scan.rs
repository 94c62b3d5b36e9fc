//! Tables and rows as sources.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{EmptyRelation, Expr, Operator, TableScan, Values};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use sloth_plan::{BadRecordPolicy, Node, NodeId, NodeKind, SourceNode, SourceOrigin, Stage, WatermarkRule};
use sloth_types::{ChangelogMode, Error, Result};

use super::changes::{self, Changes, changes_of, key_of};
use super::needs::{Need, TableNeeds, add, add_expr};
use super::relation::{Relation, Role};
use super::route::Lineage;
use super::{Lowering, internal};
use crate::catalog::{ColumnKind, Table};
use crate::plan::TableSourceRef;

/// Source nodes by table, made when first met.
pub(super) struct Scans {
    needs: BTreeMap<String, TableNeeds>,
    pub(super) sources: BTreeMap<String, (NodeId, Arc<Table>)>,
    /// What makes the upserts of a source exact, by source.
    pub(super) normalized: BTreeMap<NodeId, NodeId>,
}

impl Scans {
    pub(super) fn new(needs: BTreeMap<String, TableNeeds>) -> Self {
        Scans { needs, sources: BTreeMap::new(), normalized: BTreeMap::new() }
    }
}

fn table_of(scan: &TableScan) -> Option<&Arc<Table>> {
    scan.source.downcast_ref::<TableSourceRef>().map(|s| &s.0)
}

/// Tells source tables apart: the same table with other hinted options is another source.
pub(super) fn table_key(scan: &TableScan) -> String {
    match table_of(scan) {
        Some(table) => format!("{} {:?}", table.name, table.spec.options),
        None => scan.table_name.to_string(),
    }
}

impl Lowering<'_> {
    pub(super) fn scan(&mut self, scan: &TableScan) -> Result<Relation> {
        let Some(table) = table_of(scan).map(Arc::clone) else {
            let name = scan.table_name.table();
            return Err(self.refuse_text(
                &format!("'{name}' reads itself in a subquery only"),
                "RECURSIVE",
                &format!("Join with it: … FROM {name} JOIN … ON …."),
            ));
        };
        let key = table_key(scan);
        let changes = changes_of(&table)?;
        let source = match self.scans.sources.get(&key) {
            Some((node, _)) => *node,
            None => {
                let needs = self.scans.needs.get(&key).cloned().unwrap_or_default();
                let node = self.add_source(&table, changes, needs)?;
                self.scans.sources.insert(key, (node, Arc::clone(&table)));
                node
            }
        };
        let node = if changes == Changes::Upsert { self.normalized(source, &table)? } else { source };
        let arrow = self.schema_of(node);
        let roles: Vec<Role> = arrow.fields().iter().map(|f| role(&table, f.name())).collect();
        let fields = arrow.fields().iter().map(|f| (Some(scan.table_name.clone()), Arc::clone(f))).collect();
        let schema = DFSchema::new_with_metadata(fields, HashMap::new()).map_err(internal)?;
        let time = roles.iter().position(|r| *r == Role::Rowtime);
        let mut relation = Relation {
            node,
            exclusive: false,
            schema: Arc::new(schema),
            roles,
            pending: None,
            mode: if changes == Changes::Append { ChangelogMode::Append } else { ChangelogMode::Retract },
            key: key_of(&table, changes, &arrow),
            sources: vec![source],
            exchanged: changes == Changes::Upsert,
            cascaded: false,
            lineage: time.filter(|_| changes != Changes::Upsert).map(|time| Lineage {
                source,
                time,
                filters: vec![],
                direct: true,
            }),
        };
        for filter in &scan.filters {
            relation = self.filter(relation, filter)?;
        }
        // Parents expect exactly the scan's columns.
        let wanted: Vec<Expr> = scan.projected_schema.columns().into_iter().map(Expr::Column).collect();
        let have: Vec<&String> = relation.schema.fields().iter().map(|f| f.name()).collect();
        let want: Vec<&String> = scan.projected_schema.fields().iter().map(|f| f.name()).collect();
        if have == want {
            return Ok(relation);
        }
        let direct = relation.lineage.clone();
        let mut projected = self.project(relation, &wanted, &scan.projected_schema)?;
        // A projection that only picks columns keeps filters above it expressible, by name, over the source.
        projected.lineage = direct.map(|l| Lineage { direct: false, ..l });
        Ok(projected)
    }

    fn add_source(&mut self, table: &Arc<Table>, changes: Changes, mut needs: TableNeeds) -> Result<NodeId> {
        if changes == Changes::Upsert {
            table.primary_key.iter().for_each(|column| add(&mut needs, column, Need::Whole));
        }
        if let Some(watermark) = &table.watermark {
            add_expr(&watermark.expr, &mut needs);
            add(&mut needs, &watermark.column, Need::Whole);
        }
        for column in self.late_columns(table) {
            add(&mut needs, &column, Need::Whole);
        }
        // A computed column may use others: to a fixed point, in at most as many rounds as there are columns.
        for _ in 0..table.columns.len() {
            for column in &table.columns {
                if let (ColumnKind::Computed(expr), true) = (&column.kind, needs.contains_key(&column.name)) {
                    add_expr(expr, &mut needs);
                }
            }
        }
        changes::check(table, changes, &needs)?;
        let fields: Vec<_> =
            table.spec.schema.fields().iter().filter_map(|f| needs.get(f.name()).map(|n| n.prune(f))).collect();
        let read_schema = changes::read_schema(table, changes, Schema::new(fields));
        let (compute, schema) = self.computed_columns(table, &needs, &read_schema)?;
        let options = &table.spec.options;
        let watermark = match &table.watermark {
            Some(definition) => Some(self.watermark(&definition.expr, &schema)?),
            None => None,
        };
        let node = SourceNode {
            origin: SourceOrigin::Table(changes::spec_of(table, changes)),
            read_schema,
            compute,
            stages: vec![],
            watermark,
            bad_records: bad_records(table)?,
            idle_timeout: options.duration("scan.watermark.idle-timeout")?,
            instance: 0,
        };
        let id = self.plan.nodes.len();
        let key = key_of(table, changes, &schema);
        let mode = match (changes, &key) {
            (Changes::Append, _) => ChangelogMode::Append,
            (Changes::Upsert, Some(key)) => ChangelogMode::Upsert { key: key.clone() },
            _ => ChangelogMode::Retract,
        };
        Ok(self.plan.add(Node {
            kind: NodeKind::Source(Box::new(node)),
            inputs: vec![],
            schema,
            mode,
            key,
            sources: vec![id],
        }))
    }

    /// A stage for each computed column that is needed, in declared order.
    pub(super) fn computed_columns(
        &self,
        table: &Table,
        needs: &TableNeeds,
        read_schema: &SchemaRef,
    ) -> Result<(Vec<Stage>, SchemaRef)> {
        let mut schema = Arc::clone(read_schema);
        let mut stages = vec![];
        for column in &table.columns {
            let (ColumnKind::Computed(expr), true) = (&column.kind, needs.contains_key(&column.name)) else { continue };
            let logical = DFSchema::try_from(schema.as_ref().clone()).map_err(internal)?;
            let compiled = self.session.physical_expr(&unqualified(expr)?, &logical)?;
            let mut exprs: Vec<Arc<dyn PhysicalExpr>> = schema
                .fields()
                .iter()
                .enumerate()
                .map(|(i, f)| Arc::new(datafusion::physical_expr::expressions::Column::new(f.name(), i)) as _)
                .collect();
            let mut fields: Vec<Field> =
                schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
            exprs.push(compiled);
            fields.push(Field::new(&column.name, column.data_type(), true));
            schema = Arc::new(Schema::new(fields));
            stages.push(Stage::Project { exprs, schema: Arc::clone(&schema) });
        }
        Ok((stages, schema))
    }

    fn watermark(&self, expr: &Expr, schema: &SchemaRef) -> Result<WatermarkRule> {
        let delay = match expr {
            Expr::Column(column) => Some((column, 0)),
            Expr::BinaryExpr(binary) if binary.op == Operator::Minus => match (&*binary.left, &*binary.right) {
                (Expr::Column(column), Expr::Literal(delay, _)) => interval_ms(delay).map(|d| (column, d)),
                _ => None,
            },
            _ => None,
        };
        if let Some((column, delay_ms)) = delay
            && let Ok(index) = schema.index_of(&column.name)
        {
            return Ok(WatermarkRule::Delay { column: index, delay_ms });
        }
        let logical = DFSchema::try_from(schema.as_ref().clone()).map_err(internal)?;
        Ok(WatermarkRule::Expr(self.session.physical_expr(&unqualified(expr)?, &logical)?))
    }

    pub(super) fn values(&mut self, values: &Values) -> Result<Relation> {
        let one = RecordBatch::try_new_with_options(
            Arc::new(Schema::empty()),
            vec![],
            &RecordBatchOptions::new().with_row_count(Some(1)),
        )?;
        let empty = DFSchema::empty();
        let mut columns: Vec<Vec<ScalarValue>> = vec![vec![]; values.schema.fields().len()];
        for row in &values.values {
            for (column, expr) in columns.iter_mut().zip(row) {
                let array = self
                    .session
                    .physical_expr(expr, &empty)?
                    .evaluate(&one)
                    .and_then(|v| v.into_array(1))
                    .map_err(internal)?;
                column.push(ScalarValue::try_from_array(&array, 0).map_err(internal)?);
            }
        }
        let arrays: Vec<ArrayRef> = columns
            .into_iter()
            .zip(values.schema.fields())
            .map(|(column, field)| {
                let array = ScalarValue::iter_to_array(column).map_err(internal)?;
                Ok(arrow::compute::cast(&array, field.data_type())?)
            })
            .collect::<Result<_>>()?;
        let fields: Vec<Field> =
            values.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        self.rows(rows, &values.schema)
    }

    pub(super) fn empty(&mut self, empty: &EmptyRelation) -> Result<Relation> {
        let count = usize::from(empty.produce_one_row);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let rows = if empty.schema.fields().is_empty() {
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?
        } else {
            RecordBatch::new_empty(Arc::clone(empty.schema.inner()))
        };
        self.rows(rows, &empty.schema)
    }

    fn rows(&mut self, rows: RecordBatch, schema: &Arc<DFSchema>) -> Result<Relation> {
        let id = self.plan.nodes.len();
        let arrow = rows.schema();
        let node = SourceNode {
            origin: SourceOrigin::Rows(rows),
            read_schema: Arc::clone(&arrow),
            compute: vec![],
            stages: vec![],
            watermark: None,
            bad_records: BadRecordPolicy::Fail,
            idle_timeout: None,
            instance: 0,
        };
        let kind = NodeKind::Source(Box::new(node));
        self.plan.add(Node {
            kind,
            inputs: vec![],
            schema: arrow,
            mode: ChangelogMode::Append,
            key: None,
            sources: vec![id],
        });
        Ok(Relation {
            node: id,
            exclusive: false,
            roles: vec![Role::Plain; schema.fields().len()],
            schema: Arc::clone(schema),
            pending: None,
            mode: ChangelogMode::Append,
            key: None,
            sources: vec![id],
            exchanged: false,
            cascaded: false,
            lineage: None,
        })
    }
}

fn role(table: &Table, name: &str) -> Role {
    if table.watermark.as_ref().is_some_and(|w| w.column == name) {
        return Role::Rowtime;
    }
    match table.column(name).map(|c| &c.kind) {
        Some(ColumnKind::Computed(Expr::ScalarFunction(f))) if f.name() == "proctime" => Role::Proctime,
        _ => Role::Plain,
    }
}

fn bad_records(table: &Table) -> Result<BadRecordPolicy> {
    let options = &table.spec.options;
    match (options.get("bad-records"), options.get("bad-records.table")) {
        (None | Some("skip"), None) => Ok(BadRecordPolicy::Skip),
        (Some("fail"), None) => Ok(BadRecordPolicy::Fail),
        (None | Some("dead-letter"), Some(to)) => Ok(BadRecordPolicy::DeadLetter(to.to_owned())),
        (Some("dead-letter"), None) => Err(Error::invalid(format!(
            "table '{}': 'bad-records' = 'dead-letter' needs 'bad-records.table'",
            table.name
        ))
        .hint("Add 'bad-records.table' = 'a table with any of the columns raw, split, place, error'.")),
        (Some(other), _) => Err(Error::invalid(format!("table '{}': 'bad-records' = '{other}'", table.name))
            .hint("Use 'fail', 'skip', or 'dead-letter' together with 'bad-records.table'.")),
    }
}

/// A literal interval in milliseconds, when it has no months.
fn interval_ms(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::IntervalDayTime(Some(v)) => Some(i64::from(v.days) * 86_400_000 + i64::from(v.milliseconds)),
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months == 0 && v.nanoseconds % 1_000_000 == 0 => {
            Some(i64::from(v.days) * 86_400_000 + v.nanoseconds / 1_000_000)
        }
        ScalarValue::DurationMillisecond(Some(v)) => Some(*v),
        _ => None,
    }
}

/// The expression with plain column names.
fn unqualified(expr: &Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    expr.clone()
        .transform(|e| {
            Ok(match e {
                Expr::Column(c) if c.relation.is_some() => {
                    Transformed::yes(Expr::Column(datafusion::common::Column::from_name(c.name)))
                }
                other => Transformed::no(other),
            })
        })
        .map(|t| t.data)
        .map_err(internal)
}
