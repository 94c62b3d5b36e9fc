//! Sloth's side: a script becomes a job, the result is tallied.

use std::sync::Arc;

use serde_json::{Value, json};
use sloth_engine::{Job, JobOptions};
use sloth_sql::{Effect, Session, lower, render_error};
use sloth_types::ConnectorRegistry;

use crate::meter::{self, Meter};
use crate::serve::{figures, serve as serve_requests, text};
use crate::tally::TallyTable;
use crate::{Outcome, orders};

/// Splits of the table in memory.
const SPLITS: usize = 2;

/// Serves requests `{"run": SQL}`.
pub(crate) fn serve(memory: Option<&str>) -> Outcome<()> {
    if let Some(path) = memory {
        sloth_connectors::memory::publish("orders", orders::load(path, SPLITS)?.1);
        meter::loaded();
    }
    let tally = TallyTable::default();
    let mut connectors = sloth_connectors::registry();
    connectors.register(Arc::new(tally.clone()));
    serve_requests(|request| run(text(request, "run")?, &connectors, &tally))
}

/// Runs a script; its figures.
pub(crate) fn run(sql: &str, connectors: &ConnectorRegistry, tally: &TallyTable) -> Outcome<Value> {
    let show = |error: sloth_types::Error| render_error(sql, "request", &error);
    tally.take();
    let meter = Meter::start();
    let (job, planning) = start(sql, connectors, &meter)?;
    let job_figures = job.figures();
    job.wait().map_err(show)?;
    let mut reply = figures(meter.stop(), tally.take());
    let read: u64 = job_figures.sources.iter().map(|s| s.rows.get()).sum();
    let bad: u64 = job_figures.sources.iter().map(|s| s.bad_rows.get()).sum();
    if let Some(reply) = reply.as_object_mut() {
        reply.insert("planning".into(), json!(planning));
        reply.insert("read".into(), json!(read));
        reply.insert("late".into(), json!(job_figures.late_rows.get()));
        reply.insert("bad".into(), json!(bad));
        reply.insert("state_rows".into(), json!(job_figures.state_rows.get()));
        reply.insert("state_bytes".into(), json!(job_figures.state_bytes.get()));
        reply.insert("epochs".into(), json!(job_figures.epochs.get()));
    }
    Ok(reply)
}

/// Starts the job of a script. Also when its plan was made.
pub(crate) fn start(sql: &str, connectors: &ConnectorRegistry, meter: &Meter) -> Outcome<(Job, f64)> {
    let show = |error: sloth_types::Error| render_error(sql, "request", &error);
    let mut session = Session::new();
    let mut queries = vec![];
    for statement in session.parse(sql).map_err(show)? {
        if let Effect::Run(more) = session.execute(&statement).map_err(show)? {
            queries.extend(more);
        }
    }
    let plan = lower(&session, &queries).map_err(show)?;
    let planning = meter.elapsed();
    Ok((Job::start(plan, connectors, JobOptions::default()).map_err(show)?, planning))
}
