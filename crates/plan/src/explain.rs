//! EXPLAIN: the plan as text, sinks first, each operator with its exchange, changelog mode, watermark and state.

mod arrange_lines;
mod group_lines;
mod literals;
mod lookup_lines;
mod over_lines;
mod rank_lines;

use std::fmt::Write;

use arrow::datatypes::Schema;
use sloth_types::{ChangelogMode, Guarantee};

use crate::aggregate::AggregateCall;
use crate::emission::{self, Every};
use crate::grouping::WindowSource;
use crate::node::{
    BadRecordPolicy, JobPlan, Join, JoinExchange, Node, NodeId, NodeKind, SinkNode, SourceNode, SourceOrigin, Stage,
    TemporalAt, TemporalJoin, WatermarkRule,
};
use crate::recursive::Way;

/// The plan as an indented tree for each sink. A node that several sinks use is printed once and referred to as `#n`.
pub fn explain(plan: &JobPlan) -> String {
    let plan = &plan.gathered(&|_| crate::multi_join::Kept::Nowhere).arranged(&|_, _| false);
    let mut out = String::new();
    let mut printed = vec![false; plan.nodes.len()];
    for sink in plan.sink_ids() {
        print(plan, sink, 0, &mut printed, &mut out);
    }
    literals::plain(&out)
}

fn print(plan: &JobPlan, id: NodeId, depth: usize, printed: &mut [bool], out: &mut String) {
    let Some(node) = plan.nodes.get(id) else { return };
    // A map without stages stands where its stages were moved into the source.
    if matches!(&node.kind, NodeKind::Map(stages) if stages.is_empty())
        && let [input] = node.inputs.as_slice()
    {
        return print(plan, *input, depth, printed, out);
    }
    let indent = "  ".repeat(depth);
    if printed.get(id).copied().unwrap_or(false) {
        let _ = writeln!(out, "{indent}#{id} (see above)");
        return;
    }
    if let Some(mark) = printed.get_mut(id) {
        *mark = true;
    }
    let input = node.inputs.first().and_then(|i| plan.nodes.get(*i));
    let _ = writeln!(out, "{indent}{} #{id}", headline(node, input));
    for line in details(plan, id, node, input) {
        let _ = writeln!(out, "{indent}    {line}");
    }
    for input in &node.inputs {
        print(plan, *input, depth + 1, printed, out);
    }
}

impl JobPlan {
    /// What a node does, in a few words.
    pub fn headline(&self, id: NodeId) -> String {
        let Some(node) = self.nodes.get(id) else { return String::new() };
        literals::plain(&headline(node, node.inputs.first().and_then(|i| self.nodes.get(*i))))
    }
}

fn headline(node: &Node, input: Option<&Node>) -> String {
    let columns = |indexes: &[usize]| names(input.map(|n| n.schema.as_ref()), indexes);
    match &node.kind {
        NodeKind::Source(source) => match &source.origin {
            SourceOrigin::Table(table) => {
                format!("Source {} ({})", table.name, table.options.get("connector").unwrap_or("?"))
            }
            SourceOrigin::Rows(rows) => format!("Values ({} rows)", rows.num_rows()),
        },
        NodeKind::Map(_) => "Map".to_owned(),
        NodeKind::Union => "Union".to_owned(),
        NodeKind::WindowAssign(w) => format!("WindowAssign {} on {}", w.window, columns(&[w.time])),
        NodeKind::WindowAggregate(w) => match &w.source {
            WindowSource::Time { window, .. } => format!("WindowAggregate {window}{}", by(&columns(&w.keys))),
            WindowSource::Columns { .. } => format!("WindowAggregate given windows{}", by(&columns(&w.keys))),
        },
        NodeKind::SessionAggregate(s) => {
            format!("SessionAggregate {}{}", crate::WindowSpec::Session { gap_ms: s.gap_ms }, by(&columns(&s.keys)))
        }
        NodeKind::GroupAggregate(g) if g.calls.is_empty() => format!("Distinct{}", by(&columns(&g.keys))),
        NodeKind::GroupAggregate(g) => format!("GroupAggregate{}", by(&columns(&g.keys))),
        NodeKind::Arrange(held) => format!("Arrange{}", by(&columns(&held.keys))),
        NodeKind::Join(join) => format!("Join {:?}", join.kind),
        NodeKind::MultiJoin(multi) => format!("MultiJoin of {} inputs", multi.keys.len()),
        NodeKind::Match(m) => format!("MatchRecognize{}", by(&columns(&m.partition))),
        NodeKind::Over(over) => format!("Over{}", by(&columns(&over.partition))),
        NodeKind::Rank(rank) => rank_lines::headline(rank, input.map(|n| n.schema.as_ref())),
        NodeKind::SetOperation { operation, .. } => operation.to_string(),
        NodeKind::Recursive(recursive) => format!("Recursive {}", recursive.name),
        NodeKind::Normalize(n) => format!("Normalize{}", by(&columns(&n.key))),
        NodeKind::Materialize(m) => format!("Materialize{}", by(&columns(&m.key))),
        NodeKind::WindowJoin(window) => format!("WindowJoin {:?}", window.join.kind),
        NodeKind::IntervalJoin(interval) => format!("IntervalJoin {:?}", interval.join.kind),
        NodeKind::TemporalJoin(temporal) => match temporal.at {
            TemporalAt::Event { .. } => format!("TemporalJoin {:?}", temporal.join.kind),
            TemporalAt::Now { .. } => format!("LookupJoin {:?}", temporal.join.kind),
        },
        NodeKind::LookupJoin(lookup) => format!("LookupJoin {:?} with {}", lookup.join.kind, lookup.table_name()),
        NodeKind::SingleRow => "SingleRow".to_owned(),
        NodeKind::Throttle(_) => "Throttle".to_owned(),
        NodeKind::LateRows(w, 0) => format!("LateRows behind {}", w.window),
        NodeKind::LateRows(w, ms) => format!("LateRows behind {} and {} more", w.window, crate::window::Millis(*ms)),
        NodeKind::BadRecords => "BadRecords".to_owned(),
        NodeKind::Sink(sink) => {
            format!("Sink {} ({})", sink.table.name, sink.table.options.get("connector").unwrap_or("?"))
        }
    }
}

fn by(keys: &str) -> String {
    if keys.is_empty() { String::new() } else { format!(" by {keys}") }
}

pub(crate) fn names(schema: Option<&Schema>, indexes: &[usize]) -> String {
    let name =
        |i: &usize| schema.and_then(|s| s.fields().get(*i)).map_or_else(|| format!("${i}"), |f| f.name().clone());
    indexes.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn details(plan: &JobPlan, id: NodeId, node: &Node, input: Option<&Node>) -> Vec<String> {
    let mut lines = vec![];
    match &node.kind {
        NodeKind::Source(source) => source_details(source, &mut lines),
        NodeKind::Map(stages) => lines.extend(stages.iter().map(stage)),
        NodeKind::WindowAggregate(w) => {
            calls(&w.calls, &mut lines);
            exchange(&w.keys, &w.calls, input, plan, &mut lines);
            lines.push(emission::line(&w.emission, "window", &clock(plan, node, w.proctime)));
            let entry = if w.emission.is_final() { "pane" } else { "window" };
            let freed = emission::freed(&w.emission, "window");
            lines.push(format!("state: open windows, one entry per key and {entry}; {freed}"));
        }
        NodeKind::SessionAggregate(s) => {
            calls(&s.calls, &mut lines);
            exchange(&s.keys, &[], input, plan, &mut lines);
            lines.push(emission::line(&s.emission, "session", &clock(plan, node, s.proctime)));
            lines.push(format!("state: open sessions of each key; {}", emission::freed(&s.emission, "session")));
        }
        NodeKind::GroupAggregate(g) => {
            calls(&g.calls, &mut lines);
            exchange(&g.keys, &g.calls, input, plan, &mut lines);
            lines.push(match g.every {
                Every::Epoch => "emits the changed groups of every epoch".to_owned(),
                every => format!("emits the groups that have changed {every}"),
            });
            lines.push(group_lines::state(g, input.is_some_and(|i| i.mode != ChangelogMode::Append)));
        }
        NodeKind::Match(m) => {
            let names: Vec<&str> = m.variables.iter().map(|v| v.name.as_str()).collect();
            lines.push(format!("finds: sequences of {}", names.join(", ")));
            exchange(&m.partition, &[], input, plan, &mut lines);
            lines.push(format!("emits when no later row can change a match; {}", clock(plan, node, m.proctime)));
            lines.push(match m.within_ms {
                Some(ms) => format!("state: rows of the last {ms} ms and those the watermark has not passed"),
                None => {
                    "state: rows from the first that may begin a match (warning: without WITHIN a match that is never \
                         completed keeps them for ever)"
                        .to_owned()
                }
            });
        }
        NodeKind::Recursive(recursive) => {
            exchange(&[], &[], input, plan, &mut lines);
            let (how, kept) = match &recursive.way {
                Way::Anew(_) => ("computed anew from all rows in each epoch that changes them", "its result"),
                Way::Follow(linear) => (
                    "follows each change, round after round, to the rows that come from it",
                    if linear.distinct { "its result" } else { "each of its rounds" },
                ),
            };
            lines.push(how.to_owned());
            lines.push(format!("state: the rows of the tables it reads and of {kept} (warning: grows with them)"));
        }
        NodeKind::SetOperation { ttl_ms, .. } => {
            let all: Vec<usize> = (0..node.schema.fields().len()).collect();
            exchange(&all, &[], input, plan, &mut lines);
            lines.push(format!(
                "state: each row and how often it is on either side, {}",
                match ttl_ms {
                    Some(ms) => format!("forgotten {} after its last change", crate::window::Millis(*ms)),
                    None => "kept for ever (warning: grows with the input; STATE_TTL bounds it)".to_owned(),
                }
            ));
        }
        NodeKind::Normalize(n) => {
            exchange(&n.key, &[], input, plan, &mut lines);
            lines.push(
                "emits exact changes: what a row replaces is taken back; nothing when nothing changes".to_owned(),
            );
            lines.push("state: the last row of each key, kept until it is deleted (grows with the table)".to_owned());
        }
        NodeKind::Materialize(m) => {
            exchange(&m.key, &[], input, plan, &mut lines);
            lines.push("emits one row for each key, the last that came: the query does not prove the key".to_owned());
            lines.push("state: all rows, kept until they are taken back (warning: grows with the input)".to_owned());
        }
        NodeKind::Over(over) => {
            exchange(&over.partition, &[], input, plan, &mut lines);
            over_lines::details(over, input.map(|n| n.schema.as_ref()), clock(plan, node, false), &mut lines);
        }
        NodeKind::Rank(rank) => {
            exchange(&rank.partition, &[], input, plan, &mut lines);
            rank_lines::details(rank, input, clock(plan, node, rank.proctime), &mut lines);
        }
        NodeKind::Arrange(held) => {
            exchange(&held.keys, &[], input, plan, &mut lines);
            arrange_lines::details(plan, id, held, &mut lines);
        }
        NodeKind::Join(join) => {
            join_details(plan, node, join, &mut lines);
            arrange_lines::join_details(plan, id, join, &mut lines);
        }
        NodeKind::MultiJoin(multi) => crate::multi_join::details(plan, node, multi, &mut lines),
        NodeKind::IntervalJoin(interval) => {
            join_details(plan, node, &interval.join, &mut lines);
            lines.push(format!(
                "state: rows whose partners may still come, from {} ms to {} ms apart; freed behind the {}",
                interval.lower_ms,
                interval.upper_ms,
                clock(plan, node, false)
            ));
        }
        NodeKind::TemporalJoin(temporal) => {
            join_details(plan, node, &temporal.join, &mut lines);
            temporal_details(plan, node, temporal, &mut lines);
        }
        NodeKind::LookupJoin(lookup) => {
            lookup_lines::details(lookup, input.map(|n| n.schema.as_ref()), plan, &mut lines);
        }
        NodeKind::WindowJoin(window) => {
            join_details(plan, node, &window.join, &mut lines);
            lines.push(emission::line(&window.emission, "window", &clock(plan, node, window.proctime)));
            let freed = emission::freed(&window.emission, "window");
            lines.push(format!("state: the rows of open windows; {freed}"));
        }
        NodeKind::Sink(_) => lines.extend(node.inputs.first().and_then(|input| lookup_lines::sink_line(plan, *input))),
        NodeKind::SingleRow => lines.push("state: one row".to_owned()),
        NodeKind::Throttle(every) => {
            lines.push(format!("emits what has changed {every}"));
            lines.push("state: the changes since it last did".to_owned());
        }
        _ => {}
    }
    lines.push(format!("changelog: {}", mode(node)));
    if let NodeKind::Sink(SinkNode { guarantee: Some(guarantee), .. }) = &node.kind {
        lines.push(match guarantee {
            Guarantee::ExactlyOnce => "after a crash: each row once, in a job with a state directory".to_owned(),
            Guarantee::AtLeastOnce(why) => format!("after a crash: the last rows perhaps again ({why})"),
            Guarantee::WithTheJob => "after a crash: only what is made from then on".to_owned(),
            Guarantee::Shown(_) => "after a crash: all its rows again, in a job with a state directory".to_owned(),
        });
        lines.extend(plan.commits_late(id).map(|why| format!("commits with checkpoints, because of {why}")));
        lines.extend(plan.below(id).into_iter().filter_map(|id| once_line(plan, id)));
    }
    lines
}

/// What a source that cannot be read again means for the sinks behind it.
fn once_line(plan: &JobPlan, id: NodeId) -> Option<String> {
    let NodeKind::Source(source) = &plan.nodes.get(id)?.kind else { return None };
    let SourceOrigin::Table(table) = &source.origin else { return None };
    let lost = format!("rows of '{}' behind the last checkpoint are lost (a socket cannot be read again)", table.name);
    (table.options.get("connector") == Some("socket")).then(|| format!("after a crash: {lost}"))
}

fn source_details(source: &SourceNode, lines: &mut Vec<String>) {
    let columns: Vec<String> = source.read_schema.fields().iter().map(|f| f.name().clone()).collect();
    lines.push(format!("reads: {}", if columns.is_empty() { "no column".to_owned() } else { columns.join(", ") }));
    lines.extend(source.compute.last().map(|s| format!("computes: {}", stage(s))));
    lines.extend(source.stages.iter().map(stage));
    match &source.watermark {
        Some(WatermarkRule::Delay { column, delay_ms }) => {
            let schema = source.compute.iter().rev().find_map(|s| match s {
                Stage::Project { schema, .. } => Some(schema.as_ref()),
                _ => None,
            });
            let column = names(Some(schema.unwrap_or(source.read_schema.as_ref())), &[*column]);
            lines.push(format!("watermark: {column} - {delay_ms} ms, the minimum over splits that are not idle"));
        }
        Some(WatermarkRule::Expr(expr)) => lines.push(format!("watermark: {expr}")),
        None => lines.push("watermark: none".to_owned()),
    }
    lines.push(match &source.bad_records {
        BadRecordPolicy::Fail => "bad records: the job fails".to_owned(),
        BadRecordPolicy::Skip => "bad records: counted and skipped".to_owned(),
        BadRecordPolicy::DeadLetter(table) => format!("bad records: counted and written to {table}"),
    });
}

fn stage(stage: &Stage) -> String {
    match stage {
        Stage::Filter(predicate) => format!("filter: {predicate}"),
        Stage::Project { exprs, schema } => {
            let column = |(e, f): (
                &std::sync::Arc<dyn datafusion::physical_plan::PhysicalExpr>,
                &arrow::datatypes::FieldRef,
            )| { format!("{} = {e}", f.name()) };
            format!("project: {}", exprs.iter().zip(schema.fields()).map(column).collect::<Vec<_>>().join(", "))
        }
        Stage::Expand { copies, .. } => format!("expand: {} grouping sets", copies.len()),
        Stage::Unnest { .. } => "unnest".to_owned(),
    }
}

fn calls(calls: &[AggregateCall], lines: &mut Vec<String>) {
    if !calls.is_empty() {
        lines.push(format!("computes: {}", calls.iter().map(|c| c.sql.clone()).collect::<Vec<_>>().join(", ")));
    }
}

fn exchange(keys: &[usize], calls: &[AggregateCall], input: Option<&Node>, plan: &JobPlan, lines: &mut Vec<String>) {
    if plan.settings.parallelism == 1 {
        lines.push("exchange: none (one worker)".to_owned());
        return;
    }
    let to = match names(input.map(|n| n.schema.as_ref()), keys) {
        keys if keys.is_empty() => "to one worker".to_owned(),
        keys => format!("by hash of {keys}"),
    };
    let retracts = input.is_some_and(|n| n.mode != sloth_types::ChangelogMode::Append);
    let phases = if !calls.iter().all(|c| c.two_phase(retracts)) || calls.is_empty() {
        ""
    } else {
        ", after a local aggregation"
    };
    lines.push(format!("exchange: {to}{phases}"));
}

fn join_details(plan: &JobPlan, node: &Node, join: &Join, lines: &mut Vec<String>) {
    let side = |index: usize, keys: &[usize]| {
        names(node.inputs.get(index).and_then(|i| plan.nodes.get(*i)).map(|n| n.schema.as_ref()), keys)
    };
    let (left, right) = (side(0, &join.left_keys), side(1, &join.right_keys));
    let single = |side: usize| {
        let key = node.inputs.get(side).and_then(|i| plan.nodes.get(*i)).and_then(|n| n.key.as_ref());
        key.is_some_and(Vec::is_empty)
    };
    match join.left_keys.is_empty() {
        true if single(0) || single(1) => lines.push("on: every row with the single row of the other side".to_owned()),
        true if join.residual.is_none() && !join.kind.pairs() => {
            lines.push("on: whether the other side has a row at all".to_owned());
        }
        true => lines.push("on: every pair (warning: the work grows with the product of both sides)".to_owned()),
        false => {
            lines.push(format!("on: ({left}) = ({right}){}", if join.null_equal { ", NULL equals NULL" } else { "" }))
        }
    }
    lines.extend(join.residual.iter().map(|r| format!("and: {r}")));
    lines.push(match (plan.settings.parallelism, join.exchange) {
        (1, _) => "exchange: none (one worker)".to_owned(),
        (_, JoinExchange::CopyRight) => "exchange: left rows spread, right rows to every worker".to_owned(),
        (_, JoinExchange::CopyLeft) => "exchange: right rows spread, left rows to every worker".to_owned(),
        _ if left.is_empty() => "exchange: to one worker".to_owned(),
        _ => format!("exchange: by hash of {left} and of {right}"),
    });
}

fn lifetime(ttl_ms: Option<i64>) -> String {
    match ttl_ms {
        Some(ms) => format!("forgotten {} after they came", crate::window::Millis(ms)),
        None => "kept for ever (warning: grow with the input)".to_owned(),
    }
}

fn temporal_details(plan: &JobPlan, node: &Node, temporal: &TemporalJoin, lines: &mut Vec<String>) {
    match temporal.at {
        TemporalAt::Event { .. } => {
            lines.push(format!("emits a left row when it is passed by the {}", clock(plan, node, false)));
            let right = node.inputs.get(1).and_then(|input| plan.nodes.get(*input));
            if right.is_some_and(|right| right.mode != ChangelogMode::Append) {
                lines.push("a right row that is taken back is the version of its key until the next one".to_owned());
            }
            lines.push(
                "state: waiting left rows, and the right versions since the watermark with the one before".to_owned(),
            );
        }
        TemporalAt::Now { hold } => {
            let wait = if hold { "; left rows wait until the right side has been read once" } else { "" };
            lines.push(format!("takes the right side as it is when a left row comes: not repeatable{wait}"));
            lines.push("state: the rows of the right side".to_owned());
        }
    }
}

fn clock(plan: &JobPlan, node: &Node, proctime: bool) -> String {
    if proctime {
        return "time: the wall clock".to_owned();
    }
    let tables: Vec<String> = node
        .sources
        .iter()
        .filter_map(|s| plan.nodes.get(*s))
        .filter_map(|n| match &n.kind {
            NodeKind::Source(source) => Some(source),
            _ => None,
        })
        .map(|source| match &source.origin {
            SourceOrigin::Table(table) => table.name.clone(),
            SourceOrigin::Rows(_) => "VALUES".to_owned(),
        })
        .collect();
    format!("watermark of {}", tables.join(", "))
}

fn mode(node: &Node) -> String {
    // A sink says what it gives to the table.
    let mode = if let NodeKind::Sink(sink) = &node.kind { &sink.mode } else { &node.mode };
    match mode {
        ChangelogMode::Append => "append-only".to_owned(),
        ChangelogMode::Upsert { key } if key.is_empty() => "upsert, a single row".to_owned(),
        ChangelogMode::Upsert { key } => format!("upsert by {}", names(Some(node.schema.as_ref()), key)),
        ChangelogMode::Retract => match &node.key {
            Some(key) if key.is_empty() => "retract, a single row".to_owned(),
            Some(key) => format!("retract, one row for each {}", names(Some(node.schema.as_ref()), key)),
            None => "retract".to_owned(),
        },
    }
}
