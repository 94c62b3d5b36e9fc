//! For tests: runs queries on DataFusion's batch engine, without a runtime.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::collect;

use crate::{Effect, Query, Session, render_error};

/// A plan over one partition never waits, so polling is enough.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the plan waits for something");
}

/// Runs a script's statements; the last must be one query, which is planned.
pub(crate) fn plan(session: &mut Session, script: &str) -> Query {
    let statements = session.parse(script).unwrap_or_else(|e| panic!("{}", render_error(script, "test.sql", &e)));
    let mut last = None;
    for statement in &statements {
        match session.execute(statement).unwrap_or_else(|e| panic!("{}", render_error(script, "test.sql", &e))) {
            Effect::Run(queries) | Effect::Explain(queries) => last = queries.into_iter().next(),
            _ => last = None,
        }
    }
    last.expect("the last statement is a query")
}

/// The optimised plan as text.
pub(crate) fn plan_text(session: &mut Session, script: &str) -> String {
    plan(session, script).plan.display_indent().to_string()
}

/// The error of a script, drawn.
pub(crate) fn failure(script: &str) -> String {
    failure_in(&mut Session::new(), script)
}

/// The error of a script in a session, drawn.
pub(crate) fn failure_in(session: &mut Session, script: &str) -> String {
    let error = match session.parse(script) {
        Err(error) => error,
        Ok(statements) => match statements.iter().find_map(|s| session.execute(s).err()) {
            Some(error) => error,
            None => panic!("no error in: {script}"),
        },
    };
    render_error(script, "test.sql", &error)
}

/// The rows of a query over VALUES.
pub(crate) fn batches(session: &mut Session, script: &str) -> Vec<RecordBatch> {
    let query = plan(session, script);
    let state = session.state();
    let physical = block_on(state.create_physical_plan(&query.plan)).expect("the plan is physical");
    block_on(collect(physical, state.task_ctx())).unwrap_or_else(|e| panic!("{script}: {e}"))
}

/// The rows of a query as text, columns separated by `|`.
pub(crate) fn rows(session: &mut Session, script: &str) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches(session, script) {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).expect("shown")).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

/// The value of an expression without columns.
pub(crate) fn value(expr: &str) -> String {
    rows(&mut Session::new(), &format!("SELECT {expr}")).join("\n")
}
