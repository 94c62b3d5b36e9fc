//! Lowering: optimised logical plans become one streaming plan.
//!
//! Bottom-up. Each logical node gives a [`Relation`]: a node of the streaming plan and what is known of its columns
//! (which carry time, which bound a window). A window table function stays pending until something needs its columns as
//! values; an aggregate that groups by them takes it in and never copies a row per window.

mod aggregate;
mod call;
mod changes;
mod emission;
mod extension;
mod join;
mod lifetime;
mod match_recognize;
mod needs;
mod over;
mod rank;
mod recursive;
mod refuse;
mod relation;
mod route;
mod scan;
mod set_operation;
mod shared;
mod window;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::PhysicalExpr;
use sloth_plan::{Emission, JobPlan, JobSettings, Node, NodeId, NodeKind, SinkNode, SourceOrigin, Stage, UnnestColumn};
use sloth_types::{ChangelogMode, Error, Options, Result, TableSpec};

use crate::session::{Query, Session};
use relation::{Relation, Role};
use scan::Scans;

/// Name of the table that shows the result of a query without INSERT.
pub const RESULT_TABLE: &str = "result";

/// Lowers queries that run together into one job. A table that several of them read is read once.
///
/// # Errors
/// When a query cannot be kept up to date exactly, with the place and what to write instead.
pub fn lower(session: &Session, queries: &[Query]) -> Result<JobPlan> {
    let settings = JobSettings::from_options(session.settings())?;
    let needs = needs::collect(queries);
    let mut lowering = Lowering {
        session,
        plan: JobPlan { nodes: vec![], settings },
        scans: Scans::new(needs),
        late: vec![],
        windows: 0,
        clocked: HashSet::new(),
        growing: HashSet::new(),
        query: None,
        emission: Emission::default(),
        lifetimes: lifetime::Lifetimes::default(),
        hints_used: HashSet::new(),
        shared: shared::Shared::of(queries),
    };
    for query in queries {
        lowering.query = Some(query.clone());
        lowering.emission = query.emission;
        lowering.lifetimes = lifetime::Lifetimes::of(query);
        lowering.hints_used.clear();
        lowering.lower_query(query).map_err(|e| e.at(query.span.clone()))?;
    }
    lowering.query = None;
    route::add_routes(&mut lowering)?;
    changes::keep_versions(&mut lowering.plan);
    fuse_into_sources(&mut lowering.plan);
    Ok(lowering.plan)
}

/// State of one call of [`lower`].
struct Lowering<'s> {
    session: &'s Session,
    plan: JobPlan,
    scans: Scans,
    /// Late-row branches to be joined per table at the end.
    late: Vec<route::LateBranch>,
    /// Number of windows met, to tell them apart.
    windows: usize,
    /// The windows of processing time among them.
    clocked: HashSet<usize>,
    /// Those of which several may have the same start.
    growing: HashSet<usize>,
    query: Option<Query>,
    /// When the results of the query are given out.
    emission: Emission,
    /// How long its state is kept, and the inputs whose hints have been followed.
    lifetimes: lifetime::Lifetimes,
    hints_used: HashSet<String>,
    /// Plans that occur several times: they are carried out once.
    shared: shared::Shared,
}

impl Lowering<'_> {
    fn lower_query(&mut self, query: &Query) -> Result<()> {
        let relation = self.relation(&query.plan).and_then(|relation| self.materialize(relation))?;
        self.check_emission(query, &relation)?;
        self.check_hints(query)?;
        let relation = self.throttled(relation);
        self.refuse_intervals(&relation)?;
        let table = match &query.sink {
            Some(table) => strip_own_options(&table.spec),
            None => relation.shown(self.session.time_zone()),
        };
        let relation = match &query.sink {
            Some(sink) => {
                // The sink sees its own column names.
                let names: Vec<String> = sink.writable().map(|c| c.name.clone()).collect();
                self.rename(relation, &names)?
            }
            None => relation,
        };
        self.add_sink(relation, table);
        Ok(())
    }

    fn add_sink(&mut self, relation: Relation, table: TableSpec) {
        let schema = self.schema_of(relation.node);
        self.plan.add(Node {
            kind: NodeKind::Sink(SinkNode {
                span: self.query.as_ref().map(|query| query.span.clone()),
                ..SinkNode::new(table, relation.mode.clone(), relation.exchanged)
            }),
            inputs: vec![relation.node],
            schema,
            mode: relation.mode,
            key: relation.key,
            sources: relation.sources,
        });
    }

    fn relation(&mut self, plan: &LogicalPlan) -> Result<Relation> {
        let way = (self.emission, self.lifetimes.clone());
        if let Some((found, hints)) = self.shared.get(plan, &way) {
            self.hints_used.extend(hints);
            return Ok(found);
        }
        let relation = self.fresh_relation(plan)?;
        Ok(self.shared.keep(plan, way, &self.hints_used, relation))
    }

    fn fresh_relation(&mut self, plan: &LogicalPlan) -> Result<Relation> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => {
                let input = self.relation(&alias.input)?;
                let schema = requalify(&input.schema, &alias.alias)?;
                Ok(Relation { schema, ..input })
            }
            LogicalPlan::Projection(projection) => {
                let input = self.below(&projection.input, projection.expr.iter())?;
                self.project(input, &projection.expr, &projection.schema)
            }
            LogicalPlan::Filter(filter) => match self.ranked(filter, None)? {
                Some(relation) => Ok(relation),
                None => {
                    let input = self.relation(&filter.input)?;
                    self.filter(input, &filter.predicate)
                }
            },
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Window(window) => self.over(window),
            LogicalPlan::Aggregate(aggregate) => {
                let exprs = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
                let input = self.below(&aggregate.input, exprs)?;
                self.aggregate(input, aggregate)
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::EmptyRelation(empty) => self.empty(empty),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query),
            LogicalPlan::Extension(extension) => self.extension(plan, extension.node.as_any()),
            other => Err(self.refuse(other)),
        }
    }

    fn schema_of(&self, node: NodeId) -> SchemaRef {
        self.plan.nodes.get(node).map_or_else(|| Arc::new(Schema::empty()), |n| Arc::clone(&n.schema))
    }

    /// Adds a stage behind a relation's node.
    fn add_stage(&mut self, relation: &Relation, stage: Stage, schema: SchemaRef) -> NodeId {
        let sources = relation.sources.clone();
        if let Some(Node { kind: NodeKind::Map(stages), schema: out, mode, key, .. }) =
            self.plan.nodes.get_mut(relation.node)
            && relation.exclusive
        {
            stages.push(stage);
            *out = schema;
            *mode = relation.mode.clone();
            key.clone_from(&relation.key);
            return relation.node;
        }
        let kind = NodeKind::Map(vec![stage]);
        let (mode, key) = (relation.mode.clone(), relation.key.clone());
        self.plan.add(Node { kind, inputs: vec![relation.node], schema, mode, key, sources })
    }

    fn compile(&self, relation: &Relation, expr: &Expr) -> Result<Arc<dyn PhysicalExpr>> {
        let subquery = |e: &Expr| Ok(matches!(e, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)));
        if expr.exists(subquery).map_err(internal)? {
            return Err(self.refuse_text(
                "a subquery as a value needs retraction",
                "(SELECT",
                "Write the value as a constant; subqueries come with exact incremental SQL.",
            ));
        }
        self.session.physical_expr(expr, &relation.physical_schema()?)
    }

    fn filter(&mut self, input: Relation, predicate: &Expr) -> Result<Relation> {
        if input.pending.as_ref().is_some_and(|p| matches!(p.spec, sloth_plan::WindowSpec::Session { .. })) {
            // The filter would be carried out before the sessions are formed, and so change them.
            return Err(self.refuse_text(
                "WHERE over a SESSION table function is not offered",
                "WHERE",
                "Filter its input instead, SESSION((SELECT … WHERE …), …), or filter each aggregate with FILTER (WHERE …).",
            ));
        }
        let input = if input.touches_virtual(predicate) { self.materialize(input)? } else { input };
        let compiled = self.compile(&input, predicate)?;
        let schema = self.schema_of(input.node);
        let mut lineage = input.lineage.clone();
        if let Some(lineage) = &mut lineage {
            lineage.filters.push(Arc::clone(&compiled));
        }
        let node = self.add_stage(&input, Stage::Filter(compiled), schema);
        // A filter over anything but the source's own columns cannot be repeated beside the source.
        let lineage = lineage.filter(|l| l.direct);
        Ok(Relation { node, exclusive: true, lineage, ..input })
    }

    fn project(&mut self, input: Relation, exprs: &[Expr], schema: &DFSchema) -> Result<Relation> {
        let plain = |e: &Expr| as_column(e).cloned();
        let computes_on_window = exprs.iter().any(|e| plain(e).is_none() && input.touches_virtual(e));
        let input = if computes_on_window { self.materialize(input)? } else { input };
        let mut roles = Vec::with_capacity(exprs.len());
        let mut compiled = vec![];
        let mut fields = vec![];
        let mut from: Vec<Option<usize>> = vec![];
        for (expr, field) in exprs.iter().zip(schema.fields()) {
            let column = plain(expr).and_then(|c| input.schema.index_of_column(&c).ok());
            let clock = matches!(strip_alias(expr), Expr::ScalarFunction(f) if f.name() == "proctime");
            let plain_role = if clock { Role::Proctime } else { Role::Plain };
            let role = column.and_then(|c| input.roles.get(c).copied()).unwrap_or(plain_role);
            roles.push(role);
            if input.is_virtual(role) {
                continue;
            }
            let physical = self.compile(&input, expr)?;
            let data_type =
                physical.data_type(self.schema_of(input.node).as_ref()).unwrap_or_else(|_| field.data_type().clone());
            compiled.push(physical);
            fields.push(Field::new(field.name(), data_type, true));
            from.push(column);
        }
        let place = |column: usize| from.iter().position(|f| *f == Some(column));
        let key = input.key.as_ref().and_then(|key| {
            let kept = |k: &usize| place(*k).or_else(|| self.other_bounds(&input, *k).into_iter().find_map(place));
            let mut kept = key.iter().map(kept).collect::<Option<Vec<usize>>>()?;
            let mut seen = HashSet::new();
            kept.retain(|column| seen.insert(*column));
            Some(kept)
        });
        let mut pending = input.pending.clone();
        if let Some(pending) = &mut pending {
            // The time column rides along behind the visible ones until the window is taken.
            let time: Arc<dyn PhysicalExpr> =
                Arc::new(datafusion::physical_expr::expressions::Column::new("$time", pending.time));
            let data_type = self.schema_of(input.node).field(pending.time).data_type().clone();
            pending.time = compiled.len();
            compiled.push(time);
            fields.push(Field::new("$time", data_type, true));
        }
        let arrow: SchemaRef = Arc::new(Schema::new(fields));
        let logical = retyped(schema, &arrow, &roles, pending.is_some())?;
        let stage = Stage::Project { exprs: compiled, schema: Arc::clone(&arrow) };
        let relation = Relation { key, ..input };
        let node = self.add_stage(&relation, stage, arrow);
        let lineage = relation.lineage.clone().map(|l| route::Lineage { direct: false, ..l });
        Ok(Relation { node, exclusive: true, schema: Arc::new(logical), roles, pending, lineage, ..relation })
    }

    /// Gives the columns other names.
    fn rename(&mut self, input: Relation, names: &[String]) -> Result<Relation> {
        let old = self.schema_of(input.node);
        if old.fields().iter().map(|f| f.name()).eq(names.iter()) {
            return Ok(input);
        }
        let exprs: Vec<Arc<dyn PhysicalExpr>> = old
            .fields()
            .iter()
            .enumerate()
            .map(|(i, f)| Arc::new(datafusion::physical_expr::expressions::Column::new(f.name(), i)) as _)
            .collect();
        let fields: Vec<Field> =
            old.fields().iter().zip(names).map(|(f, n)| Field::new(n, f.data_type().clone(), true)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let node = self.add_stage(&input, Stage::Project { exprs, schema: Arc::clone(&schema) }, Arc::clone(&schema));
        let logical = DFSchema::try_from(schema.as_ref().clone()).map_err(internal)?;
        Ok(Relation { node, exclusive: true, schema: Arc::new(logical), ..input })
    }

    fn union(&mut self, union: &datafusion::logical_expr::Union) -> Result<Relation> {
        let mut inputs = vec![];
        for input in &union.inputs {
            let relation = self.relation(input)?;
            let relation = self.materialize(relation)?;
            inputs.push(Relation { key: None, ..relation });
        }
        let fields: Vec<Field> =
            union.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let mut nodes = vec![];
        let mut sources: Vec<NodeId> = vec![];
        for relation in &inputs {
            let old = self.schema_of(relation.node);
            let exprs: Vec<Arc<dyn PhysicalExpr>> = old
                .fields()
                .iter()
                .enumerate()
                .map(|(i, f)| Arc::new(datafusion::physical_expr::expressions::Column::new(f.name(), i)) as _)
                .collect();
            let stage = Stage::Project { exprs, schema: Arc::clone(&schema) };
            nodes.push(self.add_stage(relation, stage, Arc::clone(&schema)));
            sources.extend(relation.sources.iter().filter(|s| !sources.contains(s)).copied().collect::<Vec<_>>());
        }
        let roles = (0..schema.fields().len())
            .map(|i| {
                let all = |role: Role| inputs.iter().all(|r| r.roles.get(i) == Some(&role));
                [Role::Rowtime, Role::Proctime].into_iter().find(|r| all(*r)).unwrap_or(Role::Plain)
            })
            .collect();
        let mode = match inputs.iter().any(Relation::changes) {
            true => ChangelogMode::Retract,
            false => ChangelogMode::Append,
        };
        let exchanged = inputs.iter().any(|r| r.exchanged);
        let cascaded = inputs.iter().any(|r| r.cascaded);
        let node = self.plan.add(Node {
            kind: NodeKind::Union,
            inputs: nodes,
            schema,
            mode: mode.clone(),
            key: None,
            sources: sources.clone(),
        });
        Ok(Relation {
            node,
            exclusive: false,
            schema: Arc::clone(&union.schema),
            roles,
            pending: None,
            mode,
            key: None,
            sources,
            exchanged,
            cascaded,
            lineage: None,
        })
    }

    fn unnest(&mut self, unnest: &datafusion::logical_expr::Unnest) -> Result<Relation> {
        let input = self.relation(&unnest.input)?;
        let input = self.materialize(input)?;
        if unnest.list_type_columns.iter().any(|(_, list)| list.depth > 1) {
            return Err(
                Error::unsupported("UNNEST of nested lists in one step").hint("Unnest one level in a view first.")
            );
        }
        let columns: Vec<UnnestColumn> = (0..input.schema.fields().len())
            .map(|i| {
                if unnest.list_type_columns.iter().any(|(c, _)| *c == i) {
                    UnnestColumn::List
                } else if unnest.struct_type_columns.contains(&i) {
                    UnnestColumn::Struct
                } else {
                    UnnestColumn::Pass
                }
            })
            .collect();
        let fields: Vec<Field> =
            unnest.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let preserve_nulls = unnest.options.preserve_nulls();
        let stage = Stage::Unnest { columns, preserve_nulls, schema: Arc::clone(&schema) };
        let node = self.add_stage(&input, stage, schema);
        let roles = unnest
            .dependency_indices
            .iter()
            .map(|i| match input.roles.get(*i) {
                Some(role @ (Role::Rowtime | Role::Proctime)) => *role,
                _ => Role::Plain,
            })
            .collect();
        Ok(Relation {
            node,
            exclusive: true,
            schema: Arc::clone(&unnest.schema),
            roles,
            lineage: None,
            key: None,
            ..input
        })
    }
}

/// The column that an expression is, under any aliases.
fn as_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => as_column(&alias.expr),
        _ => None,
    }
}

fn strip_alias(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => strip_alias(&alias.expr),
        other => other,
    }
}

fn requalify(schema: &DFSchema, alias: &TableReference) -> Result<Arc<DFSchema>> {
    let fields = schema.fields().iter().map(|f| (Some(alias.clone()), Arc::clone(f))).collect();
    DFSchema::new_with_metadata(fields, HashMap::new()).map(Arc::new).map_err(internal)
}

/// A logical schema with the types that the physical columns really have (pruned structs).
fn retyped(schema: &DFSchema, arrow: &Schema, roles: &[Role], pending: bool) -> Result<DFSchema> {
    let mut physical = arrow.fields().iter();
    let fields = schema
        .iter()
        .zip(roles)
        .map(|((qualifier, field), role)| {
            let data_type: DataType = if pending && role.is_window() {
                field.data_type().clone()
            } else {
                physical.next().map_or_else(|| field.data_type().clone(), |f| f.data_type().clone())
            };
            (qualifier.cloned(), Arc::new(Field::new(field.name(), data_type, true)))
        })
        .collect();
    DFSchema::new_with_metadata(fields, HashMap::new()).map_err(internal)
}

fn internal(error: datafusion::error::DataFusionError) -> Error {
    Error::internal(error.strip_backtrace())
}

/// Options that the engine reads itself; connectors never see them.
pub const ENGINE_OPTIONS: &[&str] =
    &["late-rows", "bad-records", "bad-records.table", "scan.watermark.idle-timeout", "scan.changelog"];

/// The table without the engine's own options.
fn strip_own_options(spec: &TableSpec) -> TableSpec {
    let options = spec.options.iter().filter(|(k, _)| !ENGINE_OPTIONS.contains(k));
    let options = Options::new(options.map(|(k, v)| (k.to_owned(), v.to_owned())));
    TableSpec { options, ..spec.clone() }
}

/// Moves the stages of a map into the source before it when nobody else reads the source: one operator less.
fn fuse_into_sources(plan: &mut JobPlan) {
    for id in 0..plan.nodes.len() {
        let Some(Node { kind: NodeKind::Map(stages), inputs, schema, .. }) = plan.nodes.get(id) else { continue };
        let (stages, schema) = (stages.clone(), Arc::clone(schema));
        let [source] = inputs.as_slice() else { continue };
        let source = *source;
        let readers = plan.nodes.iter().filter(|n| n.inputs.contains(&source)).count();
        let is_rows = |n: &Node| matches!(&n.kind, NodeKind::Source(s) if matches!(s.origin, SourceOrigin::Table(_)));
        if readers != 1 || !plan.nodes.get(source).is_some_and(is_rows) {
            continue;
        }
        if let Some(Node { kind: NodeKind::Source(node), schema: out, .. }) = plan.nodes.get_mut(source) {
            node.stages.extend(stages);
            *out = schema;
        }
        // The map stays as an empty one, so that ids keep their meaning; the engine passes batches through it.
        if let Some(node) = plan.nodes.get_mut(id) {
            node.kind = NodeKind::Map(vec![]);
        }
    }
}
