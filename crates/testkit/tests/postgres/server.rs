//! The server of the tests, and scripts run against it.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use sloth_connectors::postgres::run_sql;
use sloth_plan::JobPlan;
use sloth_sql::{Effect, Session, lower, render_error, substitute};
use sloth_testkit::paths;
use sloth_testkit::run::{Outcome, Setup, run};
use sloth_types::{Clock, Error};

/// Address of the server; `None` (with a word to the reader) when the tests run without one.
pub(crate) fn server() -> Option<Server> {
    match std::env::var("SLOTH_POSTGRES") {
        Ok(url) => Some(Server { url }),
        Err(_) => {
            println!("skipped: SLOTH_POSTGRES is not set; start a server with scripts/postgres start");
            None
        }
    }
}

/// A Postgres.
pub(crate) struct Server {
    pub(crate) url: String,
}

impl Server {
    /// Runs SQL there; rows as `a|b|NULL`.
    pub(crate) fn sql(&self, sql: &str) -> Vec<String> {
        let rows = run_sql(&self.url, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let line = |row: Vec<Option<String>>| {
            row.into_iter().map(|v| v.unwrap_or_else(|| "NULL".to_owned())).collect::<Vec<_>>().join("|")
        };
        rows.into_iter().map(line).collect()
    }

    /// A table of a name that no other test has, with these columns.
    pub(crate) fn table(&self, columns: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{}_{}_{count}", Clock::System.now_ms(), std::process::id());
        self.sql(&format!("CREATE TABLE {name} ({columns})"));
        name
    }

    /// The options of a table of the connector.
    pub(crate) fn with(&self, table: &str, more: &str) -> String {
        format!("WITH ('connector' = 'postgres', 'url' = '{}', 'table-name' = '{table}'{more})", self.url)
    }
}

/// A server of a test's own, which it may stop.
pub(crate) struct OwnServer {
    pub(crate) server: Server,
    dir: std::path::PathBuf,
}

impl OwnServer {
    pub(crate) fn start(name: &str) -> OwnServer {
        OwnServer::start_with(name, &[])
    }

    /// With more words for the script.
    pub(crate) fn start_with(name: &str, more: &[&str]) -> OwnServer {
        let dir = std::env::temp_dir().join(format!("sloth-own-postgres-{name}-{}", std::process::id()));
        let url = script(&[&["start", "--port", "0"], more].concat(), &dir);
        OwnServer { server: Server { url: url.lines().last().unwrap().to_owned() }, dir }
    }

    /// A file of the server's folder.
    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// The end of a server that has not said goodbye, and a new beginning.
    pub(crate) fn kill(&self) {
        script(&["kill"], &self.dir);
    }

    pub(crate) fn start_again(&self) {
        script(&["start"], &self.dir);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        script(&["stop"], &self.dir);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn script(words: &[&str], dir: &std::path::Path) -> String {
    let script = paths::root().join("scripts/postgres");
    let done = Command::new(script).args(words).arg("--dir").arg(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The plan of a script, or what is wrong with it.
pub(crate) fn plan(script: &str) -> Result<JobPlan, String> {
    let text = substitute(script, |_| None);
    let shown = |e: Error| render_error(&text, "script", &e);
    let mut session = Session::new();
    let mut queries = vec![];
    for statement in session.parse(&text).map_err(shown)? {
        if let Effect::Run(more) = session.execute(&statement).map_err(shown)? {
            queries.extend(more);
        }
    }
    lower(&session, &queries).map_err(shown)
}

/// Runs a script with so many workers.
pub(crate) fn execute(script: &str, workers: usize) -> Outcome {
    let plan = plan(script).unwrap_or_else(|e| panic!("{e}"));
    run(&plan, &Setup::workers(workers))
}

/// As [`execute`], and must not fail; the rows of a table.
pub(crate) fn rows(script: &str, table: &str) -> Vec<String> {
    let outcome = execute(script, 2);
    assert!(outcome.error.is_none(), "{}", outcome.error.unwrap());
    let mut rows = outcome.rows(table);
    rows.sort();
    rows
}
