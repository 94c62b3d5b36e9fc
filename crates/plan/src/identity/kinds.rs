//! Operators with state as text: all that decides what their state holds, and nothing else.

use arrow::datatypes::Schema;
use sloth_types::ChangelogMode;

use super::expr::{self, flag};
use super::{Known, stages, table, types};
use crate::emission::Emission;
use crate::grouping::{GroupAggregate, SessionAggregate, WindowAggregate, WindowSource};
use crate::lookup::LookupJoin;
use crate::node::{Join, Node, NodeKind, SinkNode, SourceOrigin, TemporalAt};
use crate::over::{Over, OverEmission};
use crate::pattern::{Condition, MatchExpr, MatchRecognize, MatchValue, Pattern};
use crate::rank::{OrderColumn, Rank, Ties};
use crate::recursive::Way;
use crate::window::WindowSpec;

/// What a node does to its inputs.
pub(super) fn text(node: &Node, inputs: &[&Known], schemas: &[&Schema]) -> String {
    let none = (Known::default(), Schema::empty());
    let input = inputs.first().copied().unwrap_or(&none.0);
    let schema = schemas.first().copied().unwrap_or(&none.1);
    // Operators that keep rows keep all columns.
    let whole: Vec<String> =
        inputs.iter().zip(schemas).map(|(known, schema)| format!("{} {}", known.text(), types::all(schema))).collect();
    let whole = whole.join(" and ");
    let of = format!("of {:016x}", input.rows);
    match &node.kind {
        NodeKind::WindowAggregate(window) => format!("{} {of}", window_aggregate(window, input, schema)),
        NodeKind::SessionAggregate(session) => format!("{} {of}", session_aggregate(session, input, schema)),
        NodeKind::GroupAggregate(group) => format!("{} {of}", group_aggregate(group, input, schema)),
        NodeKind::Join(held) => {
            let counts = flag(held.residual.is_none() && held.counts_partners(), " counting partners");
            format!("{}{counts} of {whole}", join(held, inputs))
        }
        NodeKind::WindowJoin(window) => {
            let clock = flag(window.proctime, " by clock");
            let joined = join(&window.join, inputs);
            let told = told(&window.emission);
            format!("window {:?} {:?}{clock}{told} {joined} of {whole}", window.ends, window.cascaded)
        }
        NodeKind::IntervalJoin(interval) => {
            let bounds = (interval.times, interval.lower_ms, interval.upper_ms, interval.cascaded);
            format!("interval {bounds:?} {} of {whole}", join(&interval.join, inputs))
        }
        NodeKind::TemporalJoin(temporal) => {
            let at = match temporal.at {
                TemporalAt::Event { left, right } => format!("event {left} {right}"),
                TemporalAt::Now { hold } => format!("now{}", flag(hold, " hold")),
            };
            format!("temporal {at} {:?} {} of {whole}", temporal.cascaded, join(&temporal.join, inputs))
        }
        NodeKind::LookupJoin(lookup) => format!("{} of {whole}", lookup_join(lookup, inputs)),
        NodeKind::Match(matching) => format!("{} of {whole}", match_rows(matching, input)),
        NodeKind::Over(held) => format!("{} of {whole}", over(held, input)),
        NodeKind::Rank(held) => format!("{} of {whole}", rank(held)),
        NodeKind::SetOperation { operation, .. } => format!("{operation} of {whole}"),
        NodeKind::Recursive(recursive) => match &recursive.way {
            Way::Anew(fixpoint) => format!("recursive {:?} of {whole}", fixpoint.text()),
            Way::Follow(linear) => format!("recursive by changes {:?} of {whole}", linear.text),
        },
        NodeKind::Normalize(normalize) => format!("normalize {:?} of {whole}", normalize.key),
        NodeKind::Materialize(made) => {
            format!("materialize {:?}{} of {whole}", made.key, flag(made.by_content, " by content"))
        }
        NodeKind::SingleRow => format!("single row of {whole}"),
        // How often is a matter of taste.
        NodeKind::Throttle(_) => format!("held changes of {whole}"),
        NodeKind::Sink(written) => format!("{} of {}", sink(written), input.text()),
        // These have no state of their own, or are described elsewhere.
        NodeKind::Source(_)
        | NodeKind::Map(_)
        | NodeKind::Union
        | NodeKind::Arrange(_)
        | NodeKind::MultiJoin(_)
        | NodeKind::WindowAssign(_)
        | NodeKind::LateRows(..)
        | NodeKind::BadRecords => format!("rows of {whole}"),
    }
}

/// The first columns of its output are those of its first input, unchanged.
pub(super) fn passes(kind: &NodeKind) -> bool {
    matches!(
        kind,
        NodeKind::Over(_) | NodeKind::Rank(_) | NodeKind::SingleRow | NodeKind::Throttle(_) | NodeKind::LookupJoin(_)
    )
}

fn emission(emission: &Emission) -> String {
    // How often is a matter of taste; whether at all decides what is kept.
    format!("{}lateness {}", flag(emission.early.is_some(), "early "), emission.lateness_ms)
}

/// Nothing where what is told stays: so it was before there was anything else.
fn told(policy: &Emission) -> String {
    if policy.is_final() { String::new() } else { format!(" {}", emission(policy)) }
}

/// Which windows.
pub(super) fn windows(spec: &WindowSpec) -> String {
    match *spec {
        WindowSpec::Tumble { size_ms, offset_ms } => format!("tumble {size_ms} {offset_ms}"),
        WindowSpec::Hop { size_ms, slide_ms, offset_ms } => format!("hop {size_ms} {slide_ms} {offset_ms}"),
        WindowSpec::Cumulate { max_ms, step_ms, offset_ms } => format!("cumulate {max_ms} {step_ms} {offset_ms}"),
        WindowSpec::Session { gap_ms } => format!("session {gap_ms}"),
    }
}

fn window_aggregate(window: &WindowAggregate, input: &Known, schema: &Schema) -> String {
    let source = match &window.source {
        WindowSource::Time { window, column } => format!("{} on {}", windows(window), input.column(*column)),
        WindowSource::Columns { start, end } => format!("given {}", input.columns(&[*start, *end])),
    };
    format!(
        "window aggregate {source} by {} {} calls {} {}{}{}",
        input.columns(&window.keys),
        types::some(schema, &window.keys),
        expr::calls(&window.calls, input),
        emission(&window.emission),
        flag(window.proctime, " by clock"),
        flag(window.cascaded, " cascaded"),
    )
}

fn session_aggregate(session: &SessionAggregate, input: &Known, schema: &Schema) -> String {
    format!(
        "session aggregate {} on {} by {} {} calls {} {}{}{}",
        session.gap_ms,
        input.column(session.time),
        input.columns(&session.keys),
        types::some(schema, &session.keys),
        expr::calls(&session.calls, input),
        emission(&session.emission),
        flag(session.proctime, " by clock"),
        flag(session.cascaded, " cascaded"),
    )
}

fn group_aggregate(group: &GroupAggregate, input: &Known, schema: &Schema) -> String {
    format!(
        "group aggregate by {} {} calls {}{}{}",
        input.columns(&group.keys),
        types::some(schema, &group.keys),
        expr::calls(&group.calls, input),
        flag(group.totals.is_some(), " totals"),
        flag(group.ttl_ms.is_some(), " forgets"),
    )
}

fn join(join: &Join, inputs: &[&Known]) -> String {
    let mut both = Known::default();
    inputs.iter().for_each(|input| both.columns.extend(&input.columns));
    format!(
        "join {:?} on {:?} {:?}{} where {} {:?}{}",
        join.kind,
        join.left_keys,
        join.right_keys,
        flag(join.null_equal, " null equal"),
        join.residual.as_ref().map_or_else(String::new, |residual| expr::text(residual, &both)),
        join.exchange,
        join.ttl_ms.map(|ttl| flag(ttl.is_some(), " forgets")).concat(),
    )
}

fn lookup_join(lookup: &LookupJoin, inputs: &[&Known]) -> String {
    let (asked, read) = table::source(&lookup.table, &ChangelogMode::Append);
    let seen = stages::after(&lookup.stages, table::output(&lookup.table, 0, &read));
    let both: Vec<&Known> = inputs.iter().copied().chain([&seen]).collect();
    let values = matches!(lookup.table.origin, SourceOrigin::Rows(_));
    format!("lookup {asked} by {:?}{} {}", lookup.keys, flag(values, " in values"), join(&lookup.join, &both))
}

fn order(order: &[OrderColumn]) -> String {
    let column =
        |o: &OrderColumn| format!("{}{}{}", o.column, flag(o.descending, " desc"), flag(o.nulls_first, " first"));
    order.iter().map(column).collect::<Vec<_>>().join(",")
}

fn rank(rank: &Rank) -> String {
    let ties = match rank.ties {
        Ties::Content => "content".to_owned(),
        Ties::Earliest { by_content } => format!("earliest{}", flag(by_content, " by content")),
        Ties::Latest { by_content } => format!("latest{}", flag(by_content, " by content")),
    };
    format!(
        "{} {} to {} by {:?} order {} ties {ties}{}{}{}{}{}{}",
        rank.function,
        rank.from,
        rank.to,
        rank.partition,
        order(&rank.order),
        flag(rank.output, " told"),
        rank.window_end.map_or(String::new(), |end| format!(" until {end}")),
        flag(rank.proctime, " by clock"),
        flag(rank.cascaded, " cascaded"),
        flag(rank.ttl_ms.is_some(), " forgets"),
        told(&rank.emission),
    )
}

fn over(over: &Over, input: &Known) -> String {
    let calls: Vec<String> = over
        .calls
        .iter()
        .map(|call| {
            let filter = call.filter.as_ref().map_or(String::new(), |f| format!(" filter {}", expr::text(f, input)));
            let args = expr::all(&call.expr.expressions(), input);
            format!("{:?} of {args}{filter}{} {:?}", call.sql, flag(call.fresh, " fresh"), call.reach)
        })
        .collect();
    let emission = match over.emission {
        OverEmission::Changes => "changes".to_owned(),
        OverEmission::Watermark { time, cascaded } => format!("watermark {time}{}", flag(cascaded, " cascaded")),
        OverEmission::Early { time, cascaded } => format!("early {time}{}", flag(cascaded, " cascaded")),
        OverEmission::Arrival { by_content } => format!("arrival{}", flag(by_content, " by content")),
    };
    format!("over by {:?} order {} calls {} {emission}", over.partition, order(&over.order), calls.join("; "))
}

fn match_rows(matching: &MatchRecognize, input: &Known) -> String {
    let variables: Vec<String> = matching
        .variables
        .iter()
        .map(|variable| match &variable.condition {
            Condition::Always => "always".to_owned(),
            Condition::Column(column) => input.column(*column),
            Condition::Computed(computed) => match_expr(computed, input),
        })
        .collect();
    let measures: Vec<String> = matching.measures.iter().map(|measure| match_expr(&measure.expr, input)).collect();
    format!(
        "match {} by {:?} time {} order {:?}{}{} variables {} measures {} rows {:?} skip {:?} within {:?}",
        pattern(&matching.pattern),
        matching.partition,
        matching.time,
        matching.order,
        flag(matching.proctime, " by clock"),
        flag(matching.cascaded, " cascaded"),
        variables.join("; "),
        measures.join("; "),
        matching.all_rows,
        matching.skip,
        matching.within_ms,
    )
}

fn pattern(of: &Pattern) -> String {
    let all = |parts: &[Pattern], between: &str| parts.iter().map(pattern).collect::<Vec<_>>().join(between);
    match of {
        Pattern::Variable { variable, excluded } => format!("{variable}{}", flag(*excluded, "-")),
        Pattern::Sequence(parts) => format!("({})", all(parts, " ")),
        Pattern::Alternation(parts) => format!("({})", all(parts, "|")),
        Pattern::Repetition { of, min, max, greedy } => {
            let max = max.map_or_else(String::new, |max| max.to_string());
            format!("{}{{{min},{max}}}{}", pattern(of), flag(!greedy, "?"))
        }
    }
}

fn match_expr(computed: &MatchExpr, input: &Known) -> String {
    let values: Vec<String> = computed
        .values
        .iter()
        .map(|value| match value {
            MatchValue::Last { variable, back, before, column } => {
                format!("last {variable:?} {back} {before} {}", input.column(*column))
            }
            MatchValue::First { variable, forward, column } => {
                format!("first {variable:?} {forward} {}", input.column(*column))
            }
            MatchValue::Aggregate { variable, call } => format!("{} of {variable:?}", expr::call(call, input)),
            MatchValue::Classifier => "classifier".to_owned(),
            MatchValue::MatchNumber => "number".to_owned(),
        })
        .collect();
    let places = Known::fresh(0, values.len());
    format!("{} with {}", expr::text(&computed.expr, &places), values.join(","))
}

fn sink(sink: &SinkNode) -> String {
    let mode = match &sink.mode {
        ChangelogMode::Append => "append".to_owned(),
        ChangelogMode::Upsert { key } => format!("upsert {key:?}"),
        ChangelogMode::Retract => "retract".to_owned(),
    };
    format!("sink {} {mode}", table::text(&sink.table))
}
