//! Streaming answers against batch answers: queries are maintained along the epochs of a test's tables, and after every
//! epoch what they have given must add up to DataFusion's answer over the rows that are there then.
//!
//! Checked as well: an epoch gives each row one net change, nothing comes without an input, and three workers give the
//! same changes in the same order as one.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sloth_plan::JobPlan;
use sloth_sql::{Effect, Query, Session, lower};
use sloth_types::{ChangelogMode, Error, ErrorKind};

use crate::capture::Captured;
use crate::changes::{Kind, Table, Tables};
use crate::run::{Outcome, Setup, run};
use crate::twin::{Planned, Twin, texts};

/// A query: the engine's text and the batch engine's.
#[derive(Clone, Debug)]
pub struct Asked {
    /// For the engine; a statement with its semicolon.
    pub engine: String,
    /// For the batch engine.
    pub batch: String,
    /// The types of the columns.
    pub kinds: Vec<Kind>,
}

/// What came of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The answers are equal after every epoch.
    Right,
    /// The engine does not offer it.
    Refused(String),
    /// DataFusion does not know how.
    NoTwin(String),
    /// The answers differ, or the engine failed.
    Wrong(String),
}

/// How the engine is run.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
    /// The second run has so many workers; the first has one.
    pub workers: usize,
    /// Rows in a batch as it is read.
    pub batch_rows: usize,
}

impl Default for Ways {
    fn default() -> Self {
        Ways { workers: 3, batch_rows: 16_384 }
    }
}

/// The rows of an answer, sorted.
type Answer = Vec<Vec<String>>;

/// A change as it came out: epoch, weight, row.
type Came = (usize, i64, Vec<String>);

/// Maintains the queries as one job, and judges each of them.
///
/// # Panics
/// When the tables themselves are wrong.
pub fn examine(tables: &Arc<Vec<Table>>, asked: &[Asked], ways: Ways) -> Vec<Verdict> {
    let mut session = Session::new();
    for table in tables.iter() {
        let planned = queries(&mut session, &table.ddl());
        assert!(planned.is_ok(), "{:?}: {}", planned.err(), table.ddl());
    }
    let twin = Twin::new(tables);
    let mut verdicts = vec![Verdict::Right; asked.len()];
    let mut taken: Vec<(usize, Query, Planned)> = vec![];
    for (index, one) in asked.iter().enumerate() {
        match accept(&mut session, &twin, one) {
            Ok((query, planned)) => taken.push((index, query, planned)),
            Err(verdict) => verdicts[index] = verdict,
        }
    }
    let expected = match expect(tables, &twin, &mut taken, &mut verdicts) {
        Ok(expected) => expected,
        Err(error) => panic!("a table of the test is wrong: {error}"),
    };
    let mut groups = vec![(0..taken.len()).collect::<Vec<usize>>()];
    while let Some(group) = groups.pop() {
        let members: Vec<Query> = group.iter().map(|i| taken[*i].1.clone()).collect();
        if members.is_empty() {
            continue;
        }
        let judged = match run_ways(&session, tables, &members, ways) {
            Ok(came) => came
                .into_iter()
                .zip(&group)
                .map(|(sinks, i)| judge(&sinks, &expected[*i], &asked[taken[*i].0].kinds))
                .collect::<Vec<_>>(),
            // Somebody has taken the whole job down: who?
            Err(_) if group.len() > 1 => {
                groups.extend(group.iter().map(|i| vec![*i]));
                continue;
            }
            Err(verdict) => vec![verdict],
        };
        for (i, verdict) in group.iter().zip(judged) {
            verdicts[taken[*i].0] = verdict;
        }
    }
    verdicts
}

/// Plans a script; the queries that it wants to run.
fn queries(session: &mut Session, script: &str) -> Result<Vec<Query>, Error> {
    let mut queries = vec![];
    for statement in session.parse(script)? {
        if let Effect::Run(more) = session.execute(&statement)? {
            queries.extend(more);
        }
    }
    Ok(queries)
}

fn verdict_of(error: &Error) -> Verdict {
    match error.kind() {
        ErrorKind::Unsupported => Verdict::Refused(error.message().to_owned()),
        _ => Verdict::Wrong(format!("{error:?}")),
    }
}

fn panicked(payload: &(dyn std::any::Any + Send)) -> Verdict {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("?");
    Verdict::Wrong(format!("panic: {text}"))
}

fn accept(session: &mut Session, twin: &Twin, asked: &Asked) -> Result<(Query, Planned), Verdict> {
    // What DataFusion does not know how to plan is not to be held against the engine, which stands on its planner.
    let planned = twin.plan(&asked.batch);
    let query = catch_unwind(AssertUnwindSafe(|| -> Result<Query, Error> {
        let all = queries(session, &asked.engine)?;
        let query = all.into_iter().next_back().ok_or_else(|| Error::internal("no query"))?;
        lower(session, std::slice::from_ref(&query))?;
        Ok(query)
    }))
    .map_err(|payload| panicked(&*payload))?;
    match (query, planned) {
        (Ok(query), Ok(planned)) => Ok((query, planned)),
        (Err(error), Ok(_)) => Err(verdict_of(&error)),
        (_, Err(cannot)) => Err(Verdict::NoTwin(cannot)),
    }
}

/// For each query that was taken its answers after the epochs. Those that the twin fails at get their verdict.
fn expect(
    tables: &[Table],
    twin: &Twin,
    taken: &mut Vec<(usize, Query, Planned)>,
    verdicts: &mut [Verdict],
) -> Result<Vec<Vec<Answer>>, Error> {
    let contents: Vec<_> = tables.iter().map(Table::contents).collect();
    let epochs = contents.iter().map(Vec::len).max().unwrap_or(0);
    let mut answers: Vec<Vec<Answer>> = taken.iter().map(|_| vec![]).collect();
    for epoch in 0..epochs {
        for (index, (table, contents)) in tables.iter().zip(&contents).enumerate() {
            // A table whose changes have ended stays as it is.
            if let Some(rows) = contents.get(epoch) {
                twin.fill(index, table.batch(rows.iter().copied())?);
            }
        }
        for ((index, _, planned), answers) in taken.iter().zip(&mut answers) {
            match twin.answer(planned).or_else(|_| twin.answer_afresh(planned)) {
                Ok(mut rows) => {
                    rows.sort();
                    answers.push(rows);
                }
                Err(cannot) => verdicts[*index] = Verdict::NoTwin(cannot),
            }
        }
    }
    let mut keep = answers.iter().map(|a| a.len() == epochs).collect::<Vec<_>>().into_iter();
    taken.retain(|_| keep.next().unwrap_or(false));
    answers.retain(|a| a.len() == epochs);
    Ok(answers)
}

/// What each sink was given with one worker, and with several.
fn run_ways(
    session: &Session,
    tables: &Arc<Vec<Table>>,
    members: &[Query],
    ways: Ways,
) -> Result<Vec<[Captured; 2]>, Verdict> {
    let lowered = catch_unwind(AssertUnwindSafe(|| lower(session, members)));
    let mut plan: JobPlan = lowered.map_err(|payload| panicked(&*payload))?.map_err(|e| verdict_of(&e))?;
    plan.settings.batch_rows = ways.batch_rows;
    let connector = Tables(Arc::clone(tables));
    let log = connector.log(&plan);
    let run_with = |workers: usize| -> Result<Outcome, Verdict> {
        let setup = Setup { tables: Some(connector.clone()), ..Setup::replay(workers, &log) };
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&plan, &setup))).map_err(|payload| panicked(&*payload))?;
        match &outcome.error {
            Some(error) => Err(verdict_of(error)),
            None => Ok(outcome),
        }
    };
    let (one, several) = (run_with(1)?, run_with(ways.workers)?);
    Ok(one.sinks.into_iter().zip(several.sinks).map(|(a, b)| [a, b]).collect())
}

fn judge(sinks: &[Captured; 2], expected: &[Answer], kinds: &[Kind]) -> Verdict {
    let [one, several] = sinks.each_ref().map(changes);
    let judged = follow(&one, &sinks[0].mode, expected, kinds);
    let judged = judged.and_then(|()| if one == several { Ok(()) } else { Err(difference(&one, &several)) });
    judged.map_or_else(Verdict::Wrong, |()| Verdict::Right)
}

fn changes(sink: &Captured) -> Vec<Came> {
    let rows = |(epoch, batch): &(sloth_types::Epoch, sloth_types::ChangeBatch)| {
        let epoch = epoch.0 as usize;
        let rows = texts(&batch.rows).into_iter().enumerate();
        rows.map(|(row, text)| (epoch, batch.diff(row), text)).collect::<Vec<_>>()
    };
    sink.changes.iter().flat_map(rows).collect()
}

fn difference(one: &[Came], several: &[Came]) -> String {
    let at = one.iter().zip(several).take_while(|(a, b)| a == b).count();
    format!("several workers give other changes: {:?} instead of {:?}", several.get(at), one.get(at))
}

/// Adds the changes up and compares with the answer behind every epoch.
fn follow(came: &[Came], mode: &ChangelogMode, expected: &[Answer], kinds: &[Kind]) -> Result<(), String> {
    let mut there: BTreeMap<&[String], i64> = BTreeMap::new();
    let mut by_key: BTreeMap<Vec<&String>, &[String]> = BTreeMap::new();
    let mut rest = came;
    for (epoch, answer) in expected.iter().enumerate() {
        let (now, later) = rest.split_at(rest.iter().take_while(|c| c.0 <= epoch).count());
        rest = later;
        let at = |e: String| format!("after epoch {epoch}: {e}");
        let actual: Answer = match mode {
            ChangelogMode::Upsert { key } => {
                replace(&mut by_key, now, key).map_err(at)?;
                let mut rows: Answer = by_key.values().map(|row| row.to_vec()).collect();
                rows.sort();
                rows
            }
            _ => {
                add(&mut there, now).map_err(at)?;
                let times = |(row, n): (&&[String], &i64)| {
                    let n = usize::try_from(*n).unwrap_or_default();
                    std::iter::repeat_n(row.to_vec(), n)
                };
                there.iter().flat_map(times).collect()
            }
        };
        same(answer, &actual, kinds).map_err(at)?;
    }
    match rest.first() {
        Some(change) => Err(format!("{change:?} comes when nothing has changed any more")),
        None => Ok(()),
    }
}

fn add<'a>(there: &mut BTreeMap<&'a [String], i64>, now: &'a [Came]) -> Result<(), String> {
    let mut signs: BTreeMap<&[String], i64> = BTreeMap::new();
    for (_, diff, row) in now {
        if *diff == 0 {
            return Err(format!("{row:?} comes with weight 0"));
        }
        if signs.insert(row, diff.signum()).is_some_and(|before| before != diff.signum()) {
            return Err(format!("{row:?} comes and goes in one epoch"));
        }
        *there.entry(row).or_default() += diff;
    }
    for row in signs.keys() {
        match there.get(row) {
            Some(0) => {
                there.remove(row);
            }
            Some(n) if *n < 0 => return Err(format!("{row:?} is taken back {} times too often", -n)),
            _ => {}
        }
    }
    Ok(())
}

fn replace<'a>(
    by_key: &mut BTreeMap<Vec<&'a String>, &'a [String]>,
    now: &'a [Came],
    key: &[usize],
) -> Result<(), String> {
    let mut seen: BTreeMap<Vec<&String>, ()> = BTreeMap::new();
    for (_, diff, row) in now {
        let of: Vec<&String> = key.iter().filter_map(|k| row.get(*k)).collect();
        if seen.insert(of.clone(), ()).is_some() {
            return Err(format!("key {of:?} has two changes in one epoch"));
        }
        let before = if *diff > 0 { by_key.insert(of, row) } else { by_key.remove(&of) };
        match before {
            None if *diff < 0 => return Err(format!("{row:?} is deleted and was never there")),
            Some(before) if *diff > 0 && before == row.as_slice() => {
                return Err(format!("{row:?} comes again without a change"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Equal as multisets; columns of [`Kind::Approx`] up to the last digits (of quotients of decimals, the dialects keep six).
fn same(expected: &Answer, actual: &Answer, kinds: &[Kind]) -> Result<(), String> {
    if expected == actual {
        return Ok(());
    }
    let show = |rows: &Answer| rows.iter().take(12).map(|r| format!("    {}\n", r.join(" | "))).collect::<String>();
    let wrong = || {
        let missing: Answer = expected.iter().filter(|r| !actual.contains(r)).cloned().collect();
        let extra: Answer = actual.iter().filter(|r| !expected.contains(r)).cloned().collect();
        format!(
            "{} rows instead of {}\n  missing:\n{}  too much:\n{}",
            actual.len(),
            expected.len(),
            show(&missing),
            show(&extra)
        )
    };
    if !kinds.contains(&Kind::Approx) || expected.len() != actual.len() {
        return Err(wrong());
    }
    let approx = |i: usize| kinds.get(i) == Some(&Kind::Approx);
    let ordered = |rows: &Answer| {
        let mut rows = rows.clone();
        rows.sort_by_cached_key(|r| {
            let (near, exact): (Vec<_>, Vec<_>) = r.iter().cloned().enumerate().partition(|(i, _)| approx(*i));
            (exact, near)
        });
        rows
    };
    let close = |(e, a): (&String, &String)| match (e.parse::<f64>(), a.parse::<f64>()) {
        (Ok(e), Ok(a)) => (e - a).abs() <= 1e-9 * e.abs() + 1.01e-6,
        _ => e == a,
    };
    let equal = ordered(expected).iter().zip(&ordered(actual)).all(|(e, a)| {
        e.len() == a.len() && e.iter().zip(a).enumerate().all(|(i, (e, a))| e == a || (approx(i) && close((e, a))))
    });
    if equal { Ok(()) } else { Err(wrong()) }
}
