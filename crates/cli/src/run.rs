//! `sloth run` and `sloth explain`: a script becomes one job.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use sloth_engine::{Job, JobOptions};
use sloth_plan::JobPlan;
use sloth_plan::explain::explain as explain_plan;
use sloth_server::{ScreenHub, ScreenSpec, Server, ServerConfig, ServerHandle};
use sloth_sql::{Effect, Query, Session, lower, render_error, substitute};
use sloth_types::{ConnectorRegistry, EpochListener, Error};

use crate::args::{Change, Explain, Run, Script};
use crate::charge::Charge;
use crate::signal::Interrupts;
use crate::status;
use crate::supervise::Supervisor;

/// An error as it is shown to the user.
pub(crate) type Shown<T> = Result<T, String>;

/// A script with all files and variables put in.
pub(crate) struct Text {
    name: String,
    sql: String,
    parallelism: Option<usize>,
    settings: Vec<(String, String)>,
}

impl Text {
    /// A script that is part of the binary.
    pub(crate) fn embedded(name: &str, sql: String, parallelism: Option<usize>) -> Self {
        Text { name: name.to_owned(), sql, parallelism, settings: vec![] }
    }

    pub(crate) fn read(script: &Script) -> Shown<Text> {
        let mut sql = String::new();
        for file in &script.files {
            let text =
                std::fs::read_to_string(file).map_err(|e| format!("error: cannot read {}: {e}", file.display()))?;
            sql.push_str(&text);
            sql.push('\n');
        }
        let pair = |text: &String, what: &str| {
            let (key, value) = text.split_once('=').ok_or_else(|| format!("error: {what} {text}: write NAME=VALUE"))?;
            Ok::<_, String>((key.trim().to_owned(), value.to_owned()))
        };
        let vars = script.vars.iter().map(|v| pair(v, "--var")).collect::<Shown<Vec<_>>>()?;
        let settings = script.settings.iter().map(|v| pair(v, "--set")).collect::<Shown<Vec<_>>>()?;
        let name = script.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(" + ");
        let vars: std::collections::BTreeMap<String, String> = vars.into_iter().collect();
        let sql = substitute(&sql, |name| vars.get(name).map(String::as_str));
        Ok(Text { name, sql, parallelism: script.parallelism, settings })
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    pub(crate) fn show(&self, error: &Error) -> String {
        render_error(&self.sql, &self.name, error)
    }
}

/// Runs the statements of a script; what is to run remains.
pub(crate) fn prepare(text: &Text, explain_all: bool) -> sloth_types::Result<Option<Prepared>> {
    let mut session = Session::new();
    if let Some(n) = text.parallelism {
        session.set("parallelism.default", &n.to_string())?;
    }
    for (key, value) in &text.settings {
        session.set(key, value)?;
    }
    let mut queries: Vec<Query> = vec![];
    for statement in session.parse(&text.sql)? {
        match session.execute(&statement)? {
            Effect::Done(what) => tracing::debug!("{what}"),
            Effect::Rows(rows) => print_rows(&rows),
            Effect::Explain(explained) => {
                print!("{}", explained_plan(lower(&session, &explained)?)?);
            }
            Effect::Run(more) => queries.extend(more),
        }
    }
    if queries.is_empty() {
        return Ok(None);
    }
    let plan = lower(&session, &queries)?;
    if explain_all {
        print!("{}", explained_plan(plan)?);
        return Ok(None);
    }
    let tables = session.catalog().tables().map(|t| (t.name.clone(), t.span.clone())).collect();
    Ok(Some(Prepared { plan, tables }))
}

/// The plan as text, with what each sink will be given.
fn explained_plan(mut plan: JobPlan) -> sloth_types::Result<String> {
    sloth_engine::settle(&mut plan, &connectors(&ScreenHub::new()?))?;
    Ok(explain_plan(&plan))
}

/// A job to be started, and where its tables are declared.
pub(crate) struct Prepared {
    pub(crate) plan: JobPlan,
    pub(crate) tables: BTreeMap<String, Range<usize>>,
}

impl Prepared {
    /// Points an error about a table to the table's declaration, and there to the option it speaks of.
    pub(crate) fn locate(&self, sql: &str, error: Error) -> Error {
        let quoted = |after: &str| {
            let (_, rest) = error.message().split_once(after)?;
            rest.split_once('\'').map(|(name, _)| name.to_owned())
        };
        let Some(span) = quoted("table '").and_then(|table| self.tables.get(&table)).cloned() else { return error };
        let option = quoted("option '").and_then(|key| {
            let key = format!("'{key}'");
            let at = span.start + sql.get(span.clone())?.find(&key)?;
            Some(at..at + key.len())
        });
        error.at(option.unwrap_or(span))
    }
}

fn print_rows(rows: &arrow::array::RecordBatch) {
    match arrow::util::pretty::pretty_format_batches(std::slice::from_ref(rows)) {
        Ok(table) => println!("{table}"),
        Err(error) => eprintln!("{error}"),
    }
}

/// `sloth explain`.
pub(crate) fn explain(args: &Explain) -> Shown<()> {
    let text = Text::read(&args.script)?;
    prepare(&text, true).map(|_| ()).map_err(|e| text.show(&e))
}

/// `sloth run`.
pub(crate) fn run(args: &Run) -> Shown<()> {
    let mut text = Text::read(&args.script)?;
    if let Some(directory) = &args.state {
        text.settings.push(("state.checkpoints.dir".to_owned(), directory.display().to_string()));
    }
    let screen = match &args.screen {
        Some(path) => Screen::File(path),
        None => Screen::Automatic,
    };
    let Some(prepared) = prepare(&text, false).map_err(|e| text.show(&e))? else { return Ok(()) };
    let interrupts = Interrupts::listen();
    supervise(&prepared, &text, args, &screen, &interrupts).map_err(|e| text.show(&e))
}

/// Runs a job to its end, and starts it again when an outside system has failed it.
fn supervise(
    prepared: &Prepared,
    text: &Text,
    args: &Run,
    screen: &Screen<'_>,
    interrupts: &Interrupts,
) -> sloth_types::Result<()> {
    let settings = &prepared.plan.settings;
    let mut charge = Charge::of(settings, args.standby, &args.change)?;
    let mut supervisor = charge.is_some().then(|| Supervisor::new(settings.restart));
    let mut http = args.http;
    // The very first start is somebody's who looks on, and wants to know at once what is wrong with it.
    let mut begun = loop {
        match (charge.as_ref().map_or(Ok(false), Charge::has_begun), &mut supervisor) {
            (Ok(begun), _) => break begun,
            (Err(error), Some(supervisor)) => supervisor.wait(error, interrupts, charge.as_ref())?,
            (Err(error), None) => return Err(error),
        }
    };
    loop {
        match charge.as_mut().map_or(Ok(true), |charge| charge.wait_for_turn(&prepared.plan, interrupts)) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => match &mut supervisor {
                Some(supervisor) if begun => {
                    supervisor.wait(error, interrupts, charge.as_ref())?;
                    continue;
                }
                _ => return Err(error),
            },
        }
        let result = match try_start(prepared, text, http, screen, charge.as_mut()) {
            Err(error) if !begun => return Err(error),
            Err(error) => Err(error),
            Ok(running) => {
                if let Some(server) = running.server.as_ref().filter(|server| http != Some(server.addr) || !begun) {
                    eprintln!("screen and metrics: http://{}", server.addr);
                    http = Some(server.addr);
                }
                begun = true;
                running.finish(interrupts)
            }
        };
        match (result, &mut supervisor) {
            (Err(error), _) if !interrupts.requested() && charge.as_ref().is_some_and(Charge::yields) => {
                tracing::info!("standing by from now on: {error}");
            }
            (Err(error), Some(supervisor)) => supervisor.wait(error, interrupts, charge.as_ref())?,
            (result, _) => return result,
        }
    }
}

/// Which description a screen has.
pub(crate) enum Screen<'a> {
    /// A file.
    File(&'a Path),
    /// Text that is part of the binary.
    Embedded(&'a str),
    /// Made from the tables.
    Automatic,
}

/// A job and what is served beside it.
pub(crate) struct Running {
    job: Job,
    pub(crate) server: Option<ServerHandle>,
}

impl Running {
    /// Waits for the end with a status line, and stops the job on Ctrl-C.
    pub(crate) fn finish(self, interrupts: &Interrupts) -> sloth_types::Result<()> {
        interrupts.attach(self.job.stopper());
        let status = status::start(self.job.figures());
        let result = self.job.wait();
        status.finish();
        if let Some(server) = self.server {
            server.shutdown();
        }
        result
    }

    /// Asks the job to stop.
    pub(crate) fn stopper(&self) -> sloth_engine::Stopper {
        self.job.stopper()
    }

    /// Waits for the end without saying anything.
    pub(crate) fn wait(self, text: &Text) -> Shown<()> {
        self.job.wait().map_err(|e| text.show(&e))
    }
}

/// Starts the job of a script; `None` when there is nothing to run.
pub(crate) fn start(text: &Text, http: Option<SocketAddr>, screen: &Screen<'_>) -> Shown<Option<Running>> {
    let started = || -> sloth_types::Result<Option<Running>> {
        let Some(prepared) = prepare(text, false)? else { return Ok(None) };
        let mut charge = Charge::of(&prepared.plan.settings, false, &Change::default())?;
        try_start(&prepared, text, http, screen, charge.as_mut()).map(Some)
    };
    started().map_err(|e| text.show(&e))
}

fn try_start(
    prepared: &Prepared,
    text: &Text,
    http: Option<SocketAddr>,
    screen: &Screen<'_>,
    charge: Option<&mut Charge>,
) -> sloth_types::Result<Running> {
    let hub = ScreenHub::new()?;
    let connectors = connectors(&hub);
    let listener: Arc<dyn EpochListener> = Arc::new(hub.clone());
    let (plan, store, replay) = match charge {
        Some(charge) => {
            let (plan, store, replay) = charge.take(&prepared.plan, (&text.name, &text.sql))?;
            (plan, Some(store), Some(replay))
        }
        None => (prepared.plan.clone(), None, None),
    };
    let options = JobOptions { listeners: vec![listener], store, replay, ..JobOptions::default() };
    let job = Job::start(plan, &connectors, options).map_err(|e| prepared.locate(&text.sql, e))?;
    let tables = hub.tables();
    let wanted = http.or_else(|| (!tables.is_empty()).then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))));
    let serve = |addr| -> sloth_types::Result<ServerHandle> {
        let spec = match *screen {
            Screen::File(path) => ScreenSpec::read(path, &tables)?,
            Screen::Embedded(spec) => ScreenSpec::parse(spec, &tables)?,
            Screen::Automatic => ScreenSpec::automatic(&tables),
        };
        Server::start(ServerConfig { addr, screen: Some(spec), hub: hub.clone(), figures: job.figures() })
    };
    match wanted.map(serve).transpose() {
        Ok(server) => Ok(Running { job, server }),
        Err(error) => {
            job.stopper().stop();
            let _ = job.wait();
            Err(error)
        }
    }
}

pub(crate) fn connectors(hub: &ScreenHub) -> ConnectorRegistry {
    let mut connectors = sloth_connectors::registry();
    connectors.register(Arc::new(hub.clone()));
    connectors
}
