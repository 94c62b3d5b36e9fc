//! WITH RECURSIVE: the tables that the recursion reads are the node's inputs; the terms themselves run as batch plans of
//! DataFusion over what the tables hold.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{Distinct, EmptyRelation, Expr, LogicalPlan, RecursiveQuery, TableScan};
use sloth_plan::recursive::{Fixpoint, Growth, Recursive};
use sloth_plan::{Node, NodeId, NodeKind};
use sloth_types::{ChangelogMode, Error, Result};

use super::relation::{Relation, Role};
use super::{Lowering, internal};
use crate::plan::TableSourceRef;

impl Lowering<'_> {
    pub(super) fn recursive(&mut self, query: &RecursiveQuery) -> Result<Relation> {
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
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let mut sources: Vec<NodeId> = vec![];
        for relation in &inputs {
            let new: Vec<NodeId> = relation.sources.iter().filter(|s| !sources.contains(s)).copied().collect();
            sources.extend(new);
        }
        let terms = Terms {
            name: query.name.clone(),
            first: query.static_term.as_ref().clone(),
            next: query.recursive_term.as_ref().clone(),
            tables_of_first: base_scans(&query.static_term)?.len(),
            distinct: query.is_distinct,
            grows: query.is_distinct && grows(&query.static_term, 0)? && grows(&query.recursive_term, 1)?,
            carried: carried(&query.recursive_term),
            rounds_max: self.plan.settings.recursion_rounds_max,
            schema: Arc::clone(&schema),
            state: self.session.state(),
        };
        let key = query.is_distinct.then(|| (0..schema.fields().len()).collect::<Vec<_>>());
        let node = self.plan.add(Node {
            kind: NodeKind::Recursive(Recursive { name: query.name.clone(), fixpoint: Arc::new(terms) }),
            inputs: inputs.iter().map(|r| r.node).collect(),
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
    /// With more rows in the tables there are never fewer in the result, which is a set.
    grows: bool,
    /// Columns of the result that a round takes over from the row before it: where they are in the new row, and there.
    carried: Vec<(usize, usize)>,
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

    /// The rows among `known` from which one of these rows may come in a round: those that agree with it in the columns that
    /// are taken over.
    fn before(&self, known: &RecordBatch, rows: &RecordBatch) -> Result<RecordBatch> {
        if self.carried.is_empty() {
            return Ok(known.clone());
        }
        let (after, before): (Vec<usize>, Vec<usize>) = self.carried.iter().copied().unzip();
        let (rows, values) = (rows.project(&after)?, known.project(&before)?);
        if rows.schema().fields().iter().zip(values.schema().fields()).any(|(a, b)| a.data_type() != b.data_type()) {
            return Ok(known.clone());
        }
        let mut seen = Seen::new(&rows.schema())?;
        seen.fresh(rows)?;
        Ok(filter_record_batch(known, &seen.met(&values)?)?)
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
        Err(self.endless().1)
    }

    fn growth(&self) -> Option<&dyn Growth> {
        self.grows.then_some(self as &dyn Growth)
    }
}

impl Growth for Terms {
    fn begin(&self, tables: &[RecordBatch], added: &[RecordBatch], known: &RecordBatch) -> Result<RecordBatch> {
        let runtime = runtime()?;
        let nothing = RecordBatch::new_empty(Arc::clone(&self.schema));
        let mut found = vec![];
        // What is new comes of at least one new row: for each table in turn its new rows, and all rows of the others.
        for (at, new) in added.iter().enumerate().filter(|(_, new)| new.num_rows() > 0) {
            let mut tables = tables.to_vec();
            if let Some(table) = tables.get_mut(at) {
                *table = new.clone();
            }
            let (of_first, of_next) = self.split(&tables);
            found.push(match at < self.tables_of_first {
                true => self.run(&runtime, &self.first, of_first, &nothing)?,
                false => self.run(&runtime, &self.next, of_next, known)?,
            });
        }
        Ok(concat_batches(&self.schema, &found)?)
    }

    fn again(&self, tables: &[RecordBatch], known: &RecordBatch, lost: &RecordBatch) -> Result<RecordBatch> {
        let runtime = runtime()?;
        let (of_first, of_next) = self.split(tables);
        let nothing = RecordBatch::new_empty(Arc::clone(&self.schema));
        let first = self.run(&runtime, &self.first, of_first, &nothing)?;
        let next = self.run(&runtime, &self.next, of_next, &self.before(known, lost)?)?;
        Ok(concat_batches(&self.schema, &[first, next])?)
    }

    fn step(&self, tables: &[RecordBatch], work: &RecordBatch) -> Result<RecordBatch> {
        self.run(&runtime()?, &self.next, self.split(tables).1, work)
    }

    fn endless(&self) -> (usize, Error) {
        let what = format!("the recursion of '{}' has not ended after {} rounds", self.name, self.rounds_max);
        let error = Error::data(what).hint(
            "Write UNION instead of UNION ALL, end it by a condition such as WHERE depth < 100, or raise \
             'sloth.recursion.max-rounds'.",
        );
        (self.rounds_max, error)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.map_err(|e| Error::unavailable(format!("a recursion cannot be computed: {e}")))
}

/// The columns of a term that are columns of the recursion: where they are in the term, and there.
fn carried(term: &LogicalPlan) -> Vec<(usize, usize)> {
    (0..term.schema().fields().len()).filter_map(|column| Some((column, origin(term, column)?))).collect()
}

fn origin(plan: &LogicalPlan, column: usize) -> Option<usize> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let read = super::as_column(projection.expr.get(column)?)?;
            origin(&projection.input, projection.input.schema().index_of_column(read).ok()?)
        }
        LogicalPlan::Filter(filter) => origin(&filter.input, column),
        LogicalPlan::SubqueryAlias(alias) => origin(&alias.input, column),
        LogicalPlan::Distinct(Distinct::All(input)) => origin(input, column),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match join.join_type {
                JoinType::Inner if column >= left => origin(&join.right, column - left),
                JoinType::Inner | JoinType::LeftSemi => origin(&join.left, column),
                JoinType::RightSemi => origin(&join.right, column),
                _ => None,
            }
        }
        LogicalPlan::TableScan(scan) if !is_base(scan) => match &scan.projection {
            Some(columns) => columns.get(column).copied(),
            None => Some(column),
        },
        _ => None,
    }
}

/// True when a term only ever gives more rows for more rows, one by one, and reads the recursion so many times.
fn grows(term: &LogicalPlan, times: usize) -> Result<bool> {
    let (mut grows, mut read) = (true, 0);
    term.apply_with_subqueries(|node| {
        grows &= match node {
            LogicalPlan::TableScan(scan) => {
                read += usize::from(!is_base(scan));
                true
            }
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Distinct(Distinct::All(_))
            | LogicalPlan::Values(_)
            | LogicalPlan::EmptyRelation(_) => true,
            LogicalPlan::Join(join) => {
                matches!(join.join_type, JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi)
            }
            _ => false,
        };
        let odd = |e: &Expr| {
            let asks = |e: &Expr| Ok(matches!(e, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_)));
            e.is_volatile() || e.exists(asks).unwrap_or(true)
        };
        grows &= !node.expressions().iter().any(odd);
        Ok(if grows { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })
    .map_err(internal)?;
    Ok(grows && read == times)
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

    /// Whether rows have been met.
    fn met(&self, rows: &RecordBatch) -> Result<BooleanArray> {
        let encoded = self.converter.convert_columns(rows.columns())?;
        Ok(encoded.iter().map(|row| Some(self.rows.contains(row.as_ref()))).collect())
    }

    /// The rows that are met for the first time.
    fn fresh(&mut self, rows: RecordBatch) -> Result<RecordBatch> {
        let encoded = self.converter.convert_columns(rows.columns())?;
        let new: BooleanArray = encoded.iter().map(|row| Some(self.rows.insert(row.as_ref().into()))).collect();
        Ok(filter_record_batch(&rows, &new)?)
    }
}
