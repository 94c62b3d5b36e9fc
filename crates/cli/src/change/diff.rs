//! What a change does, told before it happens.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write};

use sloth_plan::{NodeId, NodeKind, SourceNode, SourceOrigin};
use sloth_store::{Plan, PlanOperator, PlanSink};
use sloth_types::Error;

use super::compose::operator_of;
use super::{Begin, Change, Partly, Past};

impl Change {
    /// The change, statement by statement, and of each operator by operator.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let sinks = self.script.0.sink_ids();
        let mut dropped = self.dropped();
        for (id, begin) in sinks.into_iter().zip(&self.begins) {
            let table = self.table(id);
            let (word, what) = match (begin, self.past(*begin)) {
                (Begin::Kept(_), Some((past, sink))) => ("kept", format!("goes on where it is, {}", state(past, sink))),
                (Begin::Restored(_), Some((past, sink))) => {
                    let at = past.at.epoch;
                    ("restored", format!("goes on at epoch {at} of the savepoint, {}", state(past, sink)))
                }
                (Begin::Partly(part), was) => {
                    dropped.retain(|sink| was.is_none_or(|(_, was)| !std::ptr::eq(was, *sink)));
                    (if was.is_some() { "changed" } else { "new" }, partly(part, &table))
                }
                _ if dropped.iter().any(|sink| sink.table == table) => ("rebuilt", self.rebuilt(id)),
                _ => ("new", format!("begins with nothing; {}", self.reads(id))),
            };
            let _ = writeln!(out, "  {word:<9} {table:<20} {what}");
            self.operators(id, *begin, &mut out);
        }
        for sink in dropped {
            if let Some(past) = &self.current {
                let what = "what it has written stays";
                let _ =
                    writeln!(out, "  {:<9} {:<20} {}, is forgotten; {what}", "dropped", sink.table, state(past, sink));
            }
        }
        self.dropped_operators(&mut out);
        out
    }

    /// What becomes of each operator of a statement. Those that go on without a state are not worth a line.
    fn operators(&self, sink: NodeId, begin: Begin, out: &mut String) {
        let (plan, identities) = &self.script;
        let origin = self.origin(begin);
        for id in plan.below(sink).into_iter().filter(|id| *id != sink) {
            let query = identities.get(id).map(|i| format!("{i:016x}")).unwrap_or_default();
            let then = origin.and_then(|(past, instance)| {
                let same = |o: &&PlanOperator| o.query == query && o.instance == instance;
                past.plan.operators.iter().find(same).map(|then| (past, then))
            });
            let was = self.current.iter().flat_map(|past| &past.plan.operators).any(|o| o.query == query);
            let is_source = matches!(plan.nodes.get(id).map(|n| &n.kind), Some(NodeKind::Source(_)));
            let (word, rows) = match then {
                _ if is_source => continue,
                Some(_) if plan.passes_on(id) => continue,
                // It gives others more columns than before.
                None if matches!(begin, Begin::Kept(_) | Begin::Restored(_)) => continue,
                Some((past, then)) => (if matches!(begin, Begin::Restored(_)) { "restored" } else { "kept" }, {
                    format!(", {}", rows_of_state(rows_of(past, then)))
                }),
                None => (if was { "rebuilt" } else { "new" }, String::new()),
            };
            let _ = writeln!(out, "    {word:<9} {}{rows}", plan.headline(id));
        }
    }

    /// Operators with a state that nobody has any more.
    fn dropped_operators(&self, out: &mut String) {
        let Some(past) = &self.current else { return };
        let goes_on = |operator: &PlanOperator| {
            operator.sinks.iter().any(|sink| self.begins.contains(&Begin::Kept(*sink)))
                || self.begins.iter().zip(self.script.0.sink_ids()).any(|(begin, sink)| match begin {
                    Begin::Partly(part) if part.instance == operator.instance => {
                        let has = |id: NodeId| {
                            self.script.1.get(id).map(|i| format!("{i:016x}")) == Some(operator.query.clone())
                        };
                        self.script.0.below(sink).into_iter().any(has)
                    }
                    _ => false,
                })
        };
        for operator in past.plan.operators.iter().filter(|operator| !goes_on(operator)) {
            let rows = rows_of(past, operator);
            if rows > 0 {
                let _ = writeln!(out, "    {:<9} {}, {}", "dropped", operator.about, rows_of_state(rows));
            }
        }
    }

    fn table(&self, id: NodeId) -> String {
        match self.script.0.nodes.get(id).map(|n| &n.kind) {
            Some(NodeKind::Sink(sink)) => sink.table.name.clone(),
            _ => String::new(),
        }
    }

    /// What is said of a statement that has changed.
    fn rebuilt(&self, id: NodeId) -> String {
        let (plan, identities) = &self.script;
        let known = |id: &NodeId| {
            let identity = identities.get(*id).map(|i| format!("{i:016x}"));
            let past = self.current.iter().flat_map(|past| &past.plan.operators);
            identity.is_some_and(|identity| past.into_iter().any(|operator| operator.query == identity))
        };
        let inputs = |id: &NodeId| plan.nodes.get(*id).map_or(vec![], |node| node.inputs.clone());
        let first = plan.below(id).into_iter().find(|id| !known(id) && inputs(id).iter().all(known));
        let differs = first.map_or_else(|| "it".to_owned(), |id| plan.headline(id));
        format!("{differs} is not as it was: begins with nothing; {}; what was written stays", self.reads(id))
    }

    /// Where a statement begins to read.
    fn reads(&self, id: NodeId) -> String {
        let sources = self.script.0.below(id).into_iter().filter_map(|id| match &self.script.0.nodes.get(id)?.kind {
            NodeKind::Source(source) => begins_at(source),
            _ => None,
        });
        let sources: Vec<String> = sources.collect();
        if sources.is_empty() { "reads nothing".to_owned() } else { format!("reads {}", sources.join(", ")) }
    }
}

/// What is said of a statement of which a part goes on.
fn partly(part: &Partly, table: &str) -> String {
    match part.told {
        true => format!(
            "begins with what is kept: in the first epoch '{table}' is given all rows that stand; what was written stays"
        ),
        false => format!(
            "goes on with what is kept: '{table}' is given new rows only; what was written stays (`--rebuild {table}` \
             begins anew)"
        ),
    }
}

/// Where a source begins.
fn begins_at(source: &SourceNode) -> Option<String> {
    let SourceOrigin::Table(table) = &source.origin else { return None };
    let mode = table.options.get("scan.startup.mode");
    let at = match (table.options.get("connector"), mode) {
        (Some("kafka"), Some("earliest-offset")) | (Some("upsert-kafka"), _) => "from its first record".to_owned(),
        (Some("kafka"), mode) => format!("from where 'scan.startup.mode' = '{}' says", mode.unwrap_or("group-offsets")),
        (Some("socket"), _) => "from now on (a socket cannot be read again)".to_owned(),
        _ => "from its beginning".to_owned(),
    };
    Some(format!("'{}' {at}", table.name))
}

/// The state of a statement, in a few words.
fn state(past: &Past, sink: &PlanSink) -> String {
    let number = past.plan.sinks.iter().position(|s| s == sink);
    let own = |plan: &Plan, file: &sloth_store::StateFile| {
        operator_of(plan, file).is_some_and(|operator| number.is_some_and(|n| operator.sinks.contains(&n)))
    };
    rows_of_state(past.at.state.iter().filter(|file| own(&past.plan, file)).map(|file| file.rows).sum())
}

/// Rows of an operator's state.
fn rows_of(past: &Past, operator: &PlanOperator) -> usize {
    let own = |file: &&sloth_store::StateFile| {
        operator_of(&past.plan, file).is_some_and(|of| of.identity == operator.identity)
    };
    past.at.state.iter().filter(own).map(|file| file.rows).sum()
}

fn rows_of_state(rows: usize) -> String {
    match rows {
        0 => "without state".to_owned(),
        1 => "1 row of state".to_owned(),
        rows => format!("{rows} rows of state"),
    }
}

/// Tells the change, and asks on a terminal whether it is wanted, unless that is said already.
pub(crate) fn confirmed(heading: &str, change: &Change, wanted: bool) -> Result<(), Error> {
    let text = change.text();
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "{heading}\n{text}");
    if wanted {
        return Ok(());
    }
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        let _ = write!(out, "Go on? [y/N] ");
        let _ = out.flush();
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
    }
    Err(Error::invalid("the script has changed since the job began: nothing was done").hint(
        "`--upgrade` goes on as told above, and keeps the state before as a savepoint (`--rollback` undoes it). Or run the \
         script that the state was made with, or begin anew with another state directory.",
    ))
}
