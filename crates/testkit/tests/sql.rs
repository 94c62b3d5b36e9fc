//! Runs every script of `tests/sql` and the examples of `docs/sql.md`, and compares with the rows written in them.
//!
//! Each script runs at parallelism 1, along the same epoch log at 2 and 3 (where every sink must get the same bytes in the
//! same order), with a checkpoint after every epoch, from two of these checkpoints on at 1 and 3 (the same bytes again), and
//! with epochs cut at random and as a batch at 1 and 3 (where the rows must be the same).
//!
//! `UPDATE_EXPECT=1` writes what came out into the files; `SQL=text` runs only the files whose name contains it;
//! `SEED=n` repeats a random cut.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sloth_plan::JobPlan;
use sloth_testkit::case::{Case, Prepared};
use sloth_testkit::document::Document;
use sloth_testkit::paths;
use sloth_testkit::run::{Outcome, Setup, run};
use sloth_types::rng::Rng;
use sloth_types::{Clock, Epoch};

fn scripts() -> Vec<PathBuf> {
    let wanted = std::env::var("SQL").unwrap_or_default();
    let root = paths::root().join("tests/sql");
    let (mut folders, mut files) = (vec![root.clone()], vec![]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (inner, found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        folders.extend(inner);
        files.extend(found);
    }
    files.retain(|path| path.extension().is_some_and(|e| e == "sql"));
    // The folder is part of the name.
    files.retain(|path| path.strip_prefix(&root).is_ok_and(|name| name.to_string_lossy().contains(&wanted)));
    files.sort();
    files
}

fn seed() -> u64 {
    let given = std::env::var("SEED").ok().map(|s| s.parse().expect("SEED is a number"));
    given.unwrap_or_else(|| Clock::System.now_ms() as u64)
}

#[test]
fn scripts_give_the_rows_written_in_them() {
    let (files, seed) = (scripts(), seed());
    assert!(!files.is_empty(), "no script has that name");
    println!("SEED={seed}");
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(failure) = check(path, seed) {
                        failures.lock().unwrap().push(format!("{}: {failure}", path.display()));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} scripts", files.len());
    assert!(failures.is_empty(), "SEED={seed}, {} failed\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn the_examples_of_the_reference_give_the_rows_written_in_them() {
    let (path, seed) = (paths::root().join("docs/sql.md"), seed());
    let page = std::fs::read_to_string(&path).unwrap();
    let document = Document::parse(&page);
    let scripts = document.scripts();
    assert!(!scripts.is_empty(), "the reference has no examples");
    let run = |(section, script): &(String, String)| check_script(section, script, seed);
    let rendered: Result<Vec<String>, String> = scripts.iter().map(run).collect();
    let rendered = document.render(&rendered.unwrap()).unwrap();
    settle(&path, &page, &rendered).unwrap();
}

fn check(path: &Path, seed: u64) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let rendered = check_script(&name, &text, seed)?;
    settle(path, &text, &rendered)
}

/// Compares a file with what it should be, or makes it so.
fn settle(path: &Path, text: &str, rendered: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return std::fs::write(path, rendered).map_err(|e| e.to_string());
    }
    match rendered == text {
        true => Ok(()),
        false => Err(format!("gives something else\n{}", difference(text, rendered))),
    }
}

/// The script with the rows that it gives, the same in all ways of running it.
fn check_script(name: &str, text: &str, seed: u64) -> Result<String, String> {
    let case = Case::parse(name, text);
    let prepared = case.prepare()?;
    let reference = prepared.plan.as_ref().map(|plan| run(plan, &Setup::workers(1)));
    let rendered = case.render(&prepared, reference.as_ref()).map_err(|e| e.to_string())?;
    if let Some(reference) = reference.filter(|r| r.error.is_none()) {
        check_ways(&case, &prepared, &reference, &rendered, seed)?;
    }
    Ok(rendered)
}

/// Runs the plan in other ways, which must give the same.
fn check_ways(case: &Case, prepared: &Prepared, reference: &Outcome, rendered: &str, seed: u64) -> Result<(), String> {
    let Some(plan) = &prepared.plan else { return Ok(()) };
    for workers in [2, 3] {
        let replayed = run(plan, &Setup::replay(workers, &reference.log));
        same_sequences(reference, &replayed).map_err(|e| format!("replayed at parallelism {workers}: {e}"))?;
    }
    let mut rng = Rng::new(seed);
    if case.fixed_epochs {
        return check_restart(plan, reference, &mut rng);
    }
    // Many small epochs, so that there is a middle to go on from.
    check_restart(plan, &run(plan, &Setup::cut(1, 1 + rng.below(4) as usize, rng.next_u64())), &mut rng)?;
    let cut = |workers| (Setup::cut(workers, 1 + rng.below(6) as usize, rng.next_u64()), "cut at random");
    let ways: Vec<(Setup, &str)> = [1, 3].map(cut).into_iter().collect();
    let batch = [1, 3].map(|workers| (Setup::batch(workers), "as a batch"));
    let batch = batch.into_iter().filter(|_| !case.time_passes);
    for (setup, how) in ways.into_iter().chain(batch) {
        let other = run(plan, &setup);
        let again = case.render(prepared, Some(&other)).map_err(|e| e.to_string())?;
        if again != rendered {
            let (difference, workers) = (difference(rendered, &again), setup.parallelism);
            return Err(format!("{how} at parallelism {workers} it gives something else\n{difference}"));
        }
    }
    Ok(())
}

/// Makes checkpoints all the way, and goes on from some of them with other numbers of workers: what comes out from there on
/// must be the same. With as many workers as before, checkpoints go on with the files of the one that was taken up.
fn check_restart(plan: &JobPlan, reference: &Outcome, rng: &mut Rng) -> Result<(), String> {
    let whole = run(plan, &Setup { checkpoints: true, ..Setup::replay(2, &reference.log) });
    same_sequences(reference, &whole).map_err(|e| format!("with checkpoints: {e}"))?;
    let mut checkpoints = whole.checkpoints;
    for workers in [1, 2, 3] {
        let Some(count) = checkpoints.len().checked_sub(1) else { return Err("no checkpoint was made".into()) };
        let checkpoint = checkpoints[rng.below(count as u64 + 1) as usize].clone();
        let epoch = checkpoint.cut.epoch;
        let log = reference.log.get(epoch.0 as usize..).unwrap_or_default();
        let setup = Setup { from: Some(checkpoint), checkpoints: workers == 2, ..Setup::replay(workers, log) };
        let mut rest = run(plan, &setup);
        if !rest.checkpoints.is_empty() {
            checkpoints = std::mem::take(&mut rest.checkpoints);
        }
        let mut expected = after(reference, epoch);
        (expected.late_rows, expected.bad_rows) = (0, 0);
        (rest.late_rows, rest.bad_rows) = (0, 0);
        same_sequences(&expected, &rest).map_err(|e| format!("restored at epoch {epoch} by {workers} workers: {e}"))?;
    }
    Ok(())
}

/// What was written from an epoch on.
fn after(outcome: &Outcome, epoch: Epoch) -> Outcome {
    let mut sinks = outcome.sinks.clone();
    for sink in &mut sinks {
        sink.changes.retain(|(e, _)| *e >= epoch);
    }
    Outcome { sinks, late_rows: 0, bad_rows: 0, state_bytes: 0, log: vec![], checkpoints: vec![], error: None }
}

fn same_sequences(expected: &Outcome, actual: &Outcome) -> Result<(), String> {
    if let Some(error) = &actual.error {
        return Err(error.to_string());
    }
    if expected.sinks.len() != actual.sinks.len() {
        return Err("another number of sinks".to_owned());
    }
    for (one, other) in expected.sinks.iter().zip(&actual.sinks) {
        let (left, right) = (one.sequence(), other.sequence());
        let (left, right) = (left.map_err(|e| e.to_string())?, right.map_err(|e| e.to_string())?);
        let lines =
            |s: &[(sloth_types::Epoch, String)]| s.iter().map(|(e, l)| format!("epoch {e} {l}\n")).collect::<String>();
        if left != right {
            let difference = difference(&lines(&left), &lines(&right));
            return Err(format!("table '{}' is not byte-identical\n{difference}", one.table.name));
        }
    }
    if (expected.late_rows, expected.bad_rows) != (actual.late_rows, actual.bad_rows) {
        return Err(format!("{} late rows instead of {}", actual.late_rows, expected.late_rows));
    }
    Ok(())
}

/// The lines that differ, in the order of the texts.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same_start = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let same_end =
        expected[same_start..].iter().rev().zip(actual[same_start..].iter().rev()).take_while(|(a, b)| a == b);
    let same_end = same_end.count();
    let mut out = format!("  at line {}\n", same_start + 1);
    for line in expected[same_start..expected.len() - same_end].iter().take(40) {
        out.push_str(&format!("  - {line}\n"));
    }
    for line in actual[same_start..actual.len() - same_end].iter().take(40) {
        out.push_str(&format!("  + {line}\n"));
    }
    out
}
