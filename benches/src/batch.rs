//! DataFusion's side: the same question as a batch query, with as many partitions as the machine has cores.

use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::prelude::{CsvReadOptions, JsonReadOptions, ParquetReadOptions, SessionConfig, SessionContext};
use serde_json::{Value, json};
use tokio_stream::StreamExt;

use crate::meter::{self, Meter};
use crate::serve::{figures, serve as serve_requests, text};
use crate::tally::Tally;
use crate::{Outcome, orders};

/// Serves requests `{"table": NAME, "format": csv|json|parquet, "path": FILE}` and `{"run": SQL}`.
pub(crate) fn serve(memory: Option<&str>) -> Outcome<()> {
    let cores = std::thread::available_parallelism()?.get();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(cores).enable_all().build()?;
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(cores));
    if let Some(path) = memory {
        let (schema, partitions) = orders::load(path, cores)?;
        context.register_table("orders", Arc::new(MemTable::try_new(schema, partitions)?))?;
        meter::loaded();
    }
    serve_requests(|request| match request.get("table") {
        Some(_) => runtime.block_on(register(&context, request)),
        None => runtime.block_on(run(&context, text(request, "run")?)),
    })
}

async fn register(context: &SessionContext, request: &Value) -> Outcome<Value> {
    let (name, path) = (text(request, "table")?, text(request, "path")?);
    let schema = orders::schema();
    context.deregister_table(name)?;
    match text(request, "format")? {
        "csv" => {
            let options = CsvReadOptions::new().has_header(false).schema(&schema);
            context.register_csv(name, path, options).await?;
        }
        "json" => {
            let options = JsonReadOptions::default().schema(&schema).file_extension("");
            context.register_json(name, path, options).await?;
        }
        _ => context.register_parquet(name, path, ParquetReadOptions::default()).await?,
    }
    Ok(json!({}))
}

async fn run(context: &SessionContext, sql: &str) -> Outcome<Value> {
    let meter = Meter::start();
    let mut tally = Tally::default();
    let mut stream = context.sql(sql).await?.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        tally.add(&batch?);
    }
    Ok(figures(meter.stop(), tally))
}
