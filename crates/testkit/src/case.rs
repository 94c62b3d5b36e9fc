//! A test script: SQL with the expected rows written into it.
//!
//! Paragraphs of SQL are divided by empty lines; the lines `--| …` below a paragraph are what it gives: errors, the rows
//! of a query, the rows of a table under its name. The rows of all paragraphs come from one job, as in `sloth run`.
//!
//! The first line may set options in brackets, as in `-- late rows [fixed-epochs]`:
//! `fixed-epochs`: the result depends on how the input is cut (late rows), so no other cuts are tried.
//! `time-passes`: the result depends on when rows come (lines `@ 10 s` of the data), so it is not compared with a batch.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sloth_plan::explain::explain;
use sloth_plan::{JobPlan, JobSettings};
use sloth_sql::lower::RESULT_TABLE;
use sloth_sql::{Effect, Query, Session, lower, render_error, substitute};

use crate::capture::Capture;
use crate::inline::without_place;
use crate::paths;
use crate::run::{Outcome, connectors};

/// What marks a line of expectation.
const MARK: &str = "--|";

/// A script taken apart.
#[derive(Debug)]
pub struct Case {
    /// The file's name.
    pub name: String,
    /// The result depends on how the input is cut.
    pub fixed_epochs: bool,
    /// The result depends on when rows come, by the clock.
    pub time_passes: bool,
    paragraphs: Vec<String>,
}

/// A case ready to run.
#[derive(Debug)]
pub struct Prepared {
    /// All queries as one job; `None` when there are none.
    pub plan: Option<JobPlan>,
    /// What each paragraph said before anything ran, and which sinks show its rows.
    said: Vec<(String, Vec<usize>)>,
    sinks: usize,
}

impl Case {
    /// Takes the text of a file apart; what it expects is left out.
    pub fn parse(name: &str, text: &str) -> Case {
        let first = text.lines().next().unwrap_or_default();
        let mut paragraphs = vec![];
        let mut paragraph = String::new();
        for line in text.lines().chain([""]) {
            if line.trim().is_empty() {
                if !paragraph.is_empty() {
                    paragraphs.push(std::mem::take(&mut paragraph));
                }
            } else if !line.starts_with(MARK) {
                paragraph.push_str(line);
                paragraph.push('\n');
            }
        }
        let [fixed_epochs, time_passes] = ["[fixed-epochs]", "[time-passes]"].map(|option| first.contains(option));
        Case { name: name.to_owned(), fixed_epochs, time_passes, paragraphs }
    }

    /// Number of paragraphs of SQL.
    pub fn paragraph_count(&self) -> usize {
        self.paragraphs.len()
    }

    /// Executes all statements; errors become part of what is said, and the rest goes on.
    ///
    /// # Errors
    /// When the queries cannot be lowered into one job although each can alone.
    pub fn prepare(&self) -> Result<Prepared, String> {
        let data = paths::root().join("tests/data").display().to_string();
        let variables: BTreeMap<&str, &str> = [("DATA", data.as_str())].into();
        let mut session = Session::new();
        let mut queries: Vec<Query> = vec![];
        let mut prepared = Prepared { plan: None, said: vec![], sinks: 0 };
        for paragraph in &self.paragraphs {
            let text = substitute(paragraph, |name| variables.get(name).copied());
            let (mut said, mut sinks) = (String::new(), vec![]);
            match session.parse(&text) {
                Err(error) => said = render_error(&text, &self.name, &error),
                Ok(statements) => {
                    for statement in &statements {
                        match execute(&mut session, statement) {
                            Ok((shown, new)) => {
                                said.push_str(&shown);
                                sinks.extend(queries.len()..queries.len() + new.len());
                                queries.extend(new);
                            }
                            Err(error) => writeln!(said, "{}", render_error(&text, &self.name, &error))
                                .map_err(|e| e.to_string())?,
                        }
                    }
                }
            }
            prepared.said.push((said, sinks));
        }
        prepared.sinks = queries.len();
        if !queries.is_empty() {
            let mut plan = lower(&session, &queries).map_err(|e| format!("{}: {e}", self.name))?;
            let machine = JobSettings { parallelism: 1, ..plan.settings.clone() };
            plan.settings = machine;
            prepared.plan = Some(plan);
        }
        Ok(prepared)
    }

    /// The file as it should be, given what a run gave.
    ///
    /// # Errors
    /// When a result cannot be printed.
    pub fn render(&self, prepared: &Prepared, outcome: Option<&Outcome>) -> sloth_types::Result<String> {
        let mut out = String::new();
        let expect = |out: &mut String, text: &str| {
            for line in text.lines() {
                out.push_str(format!("{MARK} {line}").trim_end());
                out.push('\n');
            }
        };
        let sinks = outcome.map(|o| o.sinks.as_slice()).unwrap_or_default();
        for (paragraph, (said, of)) in self.paragraphs.iter().zip(&prepared.said) {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(paragraph);
            expect(&mut out, said);
            for sink in of.iter().filter_map(|index| sinks.get(*index)) {
                if sink.table.name != RESULT_TABLE {
                    expect(&mut out, &format!("{}:", sink.table.name));
                }
                expect(&mut out, &sink.rows()?.join("\n"));
            }
        }
        let Some(outcome) = outcome else { return Ok(out) };
        let mut last = String::new();
        for sink in sinks.iter().skip(prepared.sinks) {
            last.push_str(&format!("{}:\n{}\n", sink.table.name, sink.rows()?.join("\n")));
        }
        for (what, count) in [("late rows", outcome.late_rows), ("bad records", outcome.bad_rows)] {
            if count > 0 {
                last.push_str(&format!("{what}: {count}\n"));
            }
        }
        if let Some(error) = &outcome.error {
            last.push_str(&without_place(&format!("the job fails: {error}\n")));
        }
        if !last.is_empty() {
            out.push('\n');
            expect(&mut out, &last);
        }
        Ok(out)
    }
}

/// What a statement shows at once, and the queries it wants to run.
fn execute(session: &mut Session, statement: &sloth_sql::Statement) -> sloth_types::Result<(String, Vec<Query>)> {
    Ok(match session.execute(statement)? {
        Effect::Done(_) => (String::new(), vec![]),
        Effect::Rows(rows) => {
            let table = arrow::util::pretty::pretty_format_batches(&[rows])?.to_string();
            (table + "\n", vec![])
        }
        Effect::Explain(queries) => {
            let mut plan = lower(session, &queries)?;
            sloth_engine::settle(&mut plan, &connectors(&Capture::default()))?;
            (explain(&plan), vec![])
        }
        Effect::Run(queries) => {
            // Refused here, it does not take the other paragraphs down.
            lower(session, &queries)?;
            (String::new(), queries)
        }
    })
}
