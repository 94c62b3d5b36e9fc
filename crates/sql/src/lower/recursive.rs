//! WITH RECURSIVE. Where each row of a round comes from one row of the round before, changes are followed (`linear`). For
//! all other recursions the tables that they read are the node's inputs, and the terms run as batch plans of DataFusion over
//! what the tables hold.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan, RecursiveQuery, TableScan};
use sloth_plan::recursive::{Fixpoint, Recursive, Way, endless};
use sloth_plan::{Node, NodeId, NodeKind};
use sloth_types::{ChangelogMode, Error, Result};

use super::relation::{Relation, Role};
use super::{Lowering, internal};
use crate::plan::TableSourceRef;

mod linear;

impl Lowering<'_> {
    pub(super) fn recursive(&mut self, query: &RecursiveQuery) -> Result<Relation> {
        let (nodes, inputs, way) = match self.linear(query)? {
            Some((inputs, linear)) => (inputs.iter().map(|input| input.node).collect(), inputs, Way::Follow(linear)),
            None => self.anew(query)?,
        };
        let fields: Vec<Field> =
            query.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let mut sources: Vec<NodeId> = vec![];
        for relation in &inputs {
            let new: Vec<NodeId> = relation.sources.iter().filter(|s| !sources.contains(s)).copied().collect();
            sources.extend(new);
        }
        let key = query.is_distinct.then(|| (0..schema.fields().len()).collect::<Vec<_>>());
        let node = self.plan.add(Node {
            kind: NodeKind::Recursive(Recursive { name: query.name.clone(), way }),
            inputs: nodes,
            schema: Arc::clone(&schema),
            mode: ChangelogMode::Retract,
            key: key.clone(),
            sources: sources.clone(),
        });
        Ok(Relation {
            node,
            exclusive: false,
            roles: vec![Role::Plain; schema.fields().len()],
            schema: Arc::clone(&query.schema),
            pending: None,
            mode: ChangelogMode::Retract,
            key,
            sources,
            exchanged: true,
            cascaded: inputs.iter().any(|r| r.cascaded),
            lineage: None,
        })
    }

    /// A recursion that is computed from all rows of its tables.
    fn anew(&mut self, query: &RecursiveQuery) -> Result<(Vec<NodeId>, Vec<Relation>, Way)> {
        let mut scans: Vec<TableScan> = vec![];
        for term in [&query.static_term, &query.recursive_term] {
            self.check_term(term)?;
            scans.extend(base_scans(term)?);
        }
        let mut inputs = vec![];
        for scan in &scans {
            let relation = self.scan(scan)?;
            inputs.push(self.materialize(relation)?);
        }
        if inputs.is_empty() {
            // Something must tell that the job has begun, and that it ends.
            let schema = Arc::new(datafusion::common::DFSchema::empty());
            inputs.push(self.empty(&EmptyRelation { produce_one_row: false, schema })?);
        }
        let fields: Vec<Field> =
            query.schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect();
        let terms = Terms {
            name: query.name.clone(),
            first: query.static_term.as_ref().clone(),
            next: query.recursive_term.as_ref().clone(),
            tables_of_first: base_scans(&query.static_term)?.len(),
            distinct: query.is_distinct,
            rounds_max: self.plan.settings.recursion_rounds_max,
            schema: Arc::new(Schema::new(fields)),
            state: self.session.state(),
        };
        Ok((inputs.iter().map(|r| r.node).collect(), inputs, Way::Anew(Arc::new(terms))))
    }

    /// Refuses what only streams know.
    fn check_term(&self, term: &LogicalPlan) -> Result<()> {
        let mut refused = None;
        term.apply(|node| {
            refused = match node {
                LogicalPlan::Extension(_) => Some("windows, INTERSECT and EXCEPT inside of a recursive query"),
                LogicalPlan::RecursiveQuery(_) => Some("a recursive query inside of another"),
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            Ok(TreeNodeRecursion::Stop)
        })
        .map_err(internal)?;
        match refused {
            Some(what) => Err(self.refuse_text(what, "RECURSIVE", "Compute it in a view before the recursion.")),
            None => Ok(()),
        }
    }
}

fn is_base(scan: &TableScan) -> bool {
    scan.source.downcast_ref::<TableSourceRef>().is_some()
}

/// The tables that a term reads, in the order of [`bind`].
fn base_scans(term: &LogicalPlan) -> Result<Vec<TableScan>> {
    let mut scans = vec![];
    term.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && is_base(scan)
        {
            scans.push(scan.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(internal)?;
    Ok(scans)
}

/// Puts rows in the place of the tables: `tables` of the base tables in order, `work` of the recursion itself.
fn bind(term: &LogicalPlan, tables: &[RecordBatch], work: &RecordBatch) -> Result<LogicalPlan> {
    let mut next = tables.iter();
    let bound = term.clone().transform_down(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        let (rows, projection) = match is_base(&scan) {
            // The filters and the columns of the scan have been applied.
            true => (next.next().unwrap_or(work), None),
            false => (work, scan.projection.clone()),
        };
        let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
        let source = provider_as_source(Arc::new(table));
        let scan = TableScanBuilder::new(scan.table_name.clone(), source).with_projection(projection).build()?;
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    });
    bound.map(|t| t.data).map_err(internal)
}

/// The terms of a recursion.
#[derive(Debug)]
struct Terms {
    name: String,
    first: LogicalPlan,
    next: LogicalPlan,
    tables_of_first: usize,
    distinct: bool,
    /// A recursion with more rounds is taken for one that does not end.
    rounds_max: usize,
    schema: SchemaRef,
    state: SessionState,
}

impl Terms {
    /// The tables of the first term, and those of the next one.
    fn split<'t>(&self, tables: &'t [RecordBatch]) -> (&'t [RecordBatch], &'t [RecordBatch]) {
        tables.split_at_checked(self.tables_of_first).unwrap_or((tables, &[]))
    }

    /// Runs a term over these rows.
    fn run(
        &self,
        runtime: &tokio::runtime::Runtime,
        term: &LogicalPlan,
        tables: &[RecordBatch],
        work: &RecordBatch,
    ) -> Result<RecordBatch> {
        let plan = bind(term, tables, work)?;
        let rows = runtime.block_on(async {
            let plan = self.state.query_planner().create_physical_plan(&plan, &self.state).await?;
            datafusion::physical_plan::collect(plan, self.state.task_ctx()).await
        });
        let rows =
            rows.map_err(|e| Error::data(e.strip_backtrace()).context(format_args!("recursion '{}'", self.name)))?;
        let batches = rows.iter().map(|batch| self.fit(batch)).collect::<Result<Vec<_>>>()?;
        Ok(concat_batches(&self.schema, &batches)?)
    }

    /// The columns under the names and types of the result.
    fn fit(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(c, f)| Ok(cast(c, f.data_type())?)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

impl Fixpoint for Terms {
    fn text(&self) -> String {
        let union = if self.distinct { "UNION" } else { "UNION ALL" };
        format!("{} {union} {}", self.first.display_indent(), self.next.display_indent())
    }

    fn compute(&self, tables: &[RecordBatch]) -> Result<RecordBatch> {
        let runtime = runtime()?;
        let (of_first, of_next) = self.split(tables);
        let mut seen = if self.distinct { Some(Seen::new(&self.schema)?) } else { None };
        let mut fresh = |rows: RecordBatch| match &mut seen {
            Some(seen) => seen.fresh(rows),
            None => Ok(rows),
        };
        let nothing = RecordBatch::new_empty(Arc::clone(&self.schema));
        let mut work = fresh(self.run(&runtime, &self.first, of_first, &nothing)?)?;
        let mut all = vec![];
        for _ in 0..self.rounds_max {
            if work.num_rows() == 0 {
                return Ok(concat_batches(&self.schema, &all)?);
            }
            let more = fresh(self.run(&runtime, &self.next, of_next, &work)?)?;
            all.push(std::mem::replace(&mut work, more));
        }
        Err(endless(&self.name, self.rounds_max))
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.map_err(|e| Error::unavailable(format!("a recursion cannot be computed: {e}")))
}

/// Rows that were met.
struct Seen {
    converter: RowConverter,
    rows: HashSet<Box<[u8]>>,
}

impl Seen {
    fn new(schema: &Schema) -> Result<Self> {
        let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect();
        Ok(Seen { converter: RowConverter::new(fields)?, rows: HashSet::new() })
    }

    /// The rows that are met for the first time.
    fn fresh(&mut self, rows: RecordBatch) -> Result<RecordBatch> {
        let encoded = self.converter.convert_columns(rows.columns())?;
        let new: BooleanArray = encoded.iter().map(|row| Some(self.rows.insert(row.as_ref().into()))).collect();
        Ok(filter_record_batch(&rows, &new)?)
    }
}
