//! The second opinion: DataFusion's batch engine over what the tables hold after an epoch.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::runtime::Runtime;

use crate::changes::Table;

/// A table whose rows can be exchanged between two executions of a plan.
#[derive(Debug)]
struct Slot {
    schema: SchemaRef,
    rows: Mutex<RecordBatch>,
}

impl PartitionStream for Slot {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stream = MemoryStream::try_new(vec![rows], Arc::clone(&self.schema), None);
        Box::pin(stream.unwrap_or_else(|e| panic!("a stream of one batch: {e}")))
    }
}

#[derive(Debug)]
struct Shared(Arc<Slot>);

impl PartitionStream for Shared {
    fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.0.execute(context)
    }
}

/// DataFusion with the tables of a test.
pub struct Twin {
    runtime: Runtime,
    context: SessionContext,
    slots: Vec<Arc<Slot>>,
}

/// A query of the twin: planned once, executed after every epoch.
pub struct Planned {
    sql: String,
    plan: Arc<dyn ExecutionPlan>,
}

/// Why the twin has no answer.
pub type Cannot = String;

fn cannot(error: &DataFusionError) -> Cannot {
    error.strip_backtrace()
}

impl Twin {
    /// Over these tables, which are empty.
    ///
    /// # Panics
    /// When the operating system gives no runtime.
    pub fn new(tables: &[Table]) -> Twin {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|e| panic!("a runtime: {e}"));
        let mut config = SessionConfig::new().with_target_partitions(1);
        // Plans are executed again: a filter that one execution has learnt must not stay for the next.
        let options = &mut config.options_mut().optimizer;
        options.enable_dynamic_filter_pushdown = false;
        options.enable_topk_dynamic_filter_pushdown = false;
        options.enable_join_dynamic_filter_pushdown = false;
        options.enable_aggregate_dynamic_filter_pushdown = false;
        let context = SessionContext::new_with_config(config);
        let mut slots = vec![];
        for table in tables {
            let schema = table.schema();
            let rows = Mutex::new(RecordBatch::new_empty(Arc::clone(&schema)));
            let slot = Arc::new(Slot { schema: Arc::clone(&schema), rows });
            slots.push(Arc::clone(&slot));
            let provider = StreamingTable::try_new(schema, vec![Arc::new(Shared(slot))]);
            let registered = provider.and_then(|p| context.register_table(table.name.as_str(), Arc::new(p)));
            registered.unwrap_or_else(|e| panic!("table {}: {e}", table.name));
        }
        Twin { runtime, context, slots }
    }

    /// Fills the table with this number.
    pub fn fill(&self, table: usize, rows: RecordBatch) {
        if let Some(slot) = self.slots.get(table) {
            *slot.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows;
        }
    }

    /// Plans a query.
    ///
    /// # Errors
    /// When DataFusion does not know how.
    pub fn plan(&self, sql: &str) -> Result<Planned, Cannot> {
        let plan = self.runtime.block_on(async { self.context.sql(sql).await?.create_physical_plan().await });
        Ok(Planned { sql: sql.to_owned(), plan: plan.map_err(|e| cannot(&e))? })
    }

    /// The rows that a query has now, each column as text.
    ///
    /// # Errors
    /// When DataFusion fails.
    pub fn answer(&self, planned: &Planned) -> Result<Vec<Vec<String>>, Cannot> {
        let batches = reset_plan_states(Arc::clone(&planned.plan))
            .and_then(|plan| self.runtime.block_on(collect(plan, self.context.task_ctx())));
        Ok(batches.map_err(|e| cannot(&e))?.iter().flat_map(texts).collect())
    }

    /// As [`Twin::answer`], from the text on: nothing of earlier executions can be in it.
    ///
    /// # Errors
    /// When DataFusion fails.
    pub fn answer_afresh(&self, planned: &Planned) -> Result<Vec<Vec<String>>, Cannot> {
        self.answer(&self.plan(&planned.sql)?)
    }
}

/// The rows of a batch, each column as text.
///
/// # Panics
/// When a column cannot be shown.
pub fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.columns();
    let decimal: Vec<bool> = columns.iter().map(|c| c.data_type().is_decimal()).collect();
    let formatters: Vec<ArrayFormatter<'_>> = columns
        .iter()
        .map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap_or_else(|e| panic!("a printable column: {e}")))
        .collect();
    let cell = |(f, decimal): (&ArrayFormatter<'_>, &bool), row: usize| {
        let text = f.value(row).to_string();
        // How many digits a decimal has is a matter of its type, not of its value.
        match *decimal && text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    };
    (0..batch.num_rows()).map(|row| formatters.iter().zip(&decimal).map(|f| cell(f, row)).collect()).collect()
}
