//! The rules of the house: which crate may use which, how long files are, what stands in them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sloth_testkit::paths::root;

/// Which of our crates a crate may use. `sloth` is the binary: it knows everything.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("sloth-types", &[]),
    ("sloth-plan", &["sloth-types"]),
    ("sloth-sql", &["sloth-types", "sloth-plan"]),
    ("sloth-engine", &["sloth-types", "sloth-plan"]),
    ("sloth-connectors", &["sloth-types"]),
    ("sloth-server", &["sloth-types"]),
    ("sloth-store", &["sloth-types"]),
    (
        "sloth",
        &["sloth-types", "sloth-plan", "sloth-sql", "sloth-engine", "sloth-connectors", "sloth-server", "sloth-store"],
    ),
    ("sloth-testkit", &["sloth-types", "sloth-plan", "sloth-sql", "sloth-engine", "sloth-connectors", "sloth-store"]),
    ("sloth-benches", &["sloth-types", "sloth-plan", "sloth-sql", "sloth-engine", "sloth-connectors", "sloth-server"]),
];

/// Foreign crates that only one of ours may use.
const ONLY_IN: [(&str, &[&str]); 4] = [
    ("timely", &["sloth-engine"]),
    ("rdkafka", &["sloth-connectors"]),
    ("axum", &["sloth-server", "sloth-connectors"]),
    ("clap", &["sloth", "sloth-benches"]),
];

const LINES_MAX: usize = 500;
/// Files that may be longer, and why.
const LONG: [(&str, &str); 0] = [];

/// Everything that is under version control or about to be.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}

fn with_ending(ending: &str) -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| std::fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    files().into_iter().filter(|path| path.to_string_lossy().ends_with(ending)).filter_map(read).collect()
}

fn check(failures: Vec<String>) {
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn crates_use_only_what_lies_below_them() {
    let manifests = with_ending("Cargo.toml");
    let mut failures = vec![];
    let mut seen = 0;
    for (path, text) in &manifests {
        let Some(name) = text.lines().find_map(|l| l.strip_prefix("name = ")) else { continue };
        let name = name.trim_matches('"');
        let Some((_, allowed)) = MAY_USE.iter().find(|(of, _)| *of == name) else {
            failures.push(format!("{}: crate {name} has no place in the layers: add it here", path.display()));
            continue;
        };
        seen += 1;
        for used in dependencies(text) {
            let own = used == "sloth" || used.starts_with("sloth-");
            if own && !allowed.contains(&used.as_str()) {
                failures.push(format!("{}: {name} may not use {used}", path.display()));
            }
            if let Some((_, users)) = ONLY_IN.iter().find(|(of, _)| *of == used)
                && !users.contains(&name)
            {
                failures.push(format!("{}: only {} may use {used}", path.display(), users.join(" and ")));
            }
        }
    }
    assert_eq!(seen, MAY_USE.len(), "a crate of the list is gone");
    check(failures);
}

/// The names under `[dependencies]` of a manifest; build and development dependencies may go further.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = vec![];
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && !line.trim_start().starts_with('#') {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            if !name.is_empty() {
                names.push(name);
            }
        }
    }
    names
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut failures = vec![];
    for (path, text) in with_ending(".rs") {
        let name = path.display().to_string();
        let lines = text.lines().count();
        if lines > LINES_MAX && !LONG.iter().any(|(long, _)| *long == name) {
            failures.push(format!("{name}: {lines} lines, {LINES_MAX} is the limit: take it apart"));
        }
        if !text.starts_with("//! ") {
            failures.push(format!("{name}: does not open with //! and what it is"));
        }
    }
    for (long, _) in LONG {
        assert!(root().join(long).is_file(), "{long} is gone: take it out of LONG");
    }
    check(failures);
}

#[test]
fn nothing_is_left_to_do_and_no_machine_is_named() {
    // Put together here so that this file does not find itself.
    let join = |parts: [&str; 2]| parts.concat();
    let unfinished =
        [["FIX", "ME"], ["XX", "X:"], ["TO", "DO:"], ["to", "do!("], ["unimpl", "emented!("], ["db", "g!("]];
    let unfinished: Vec<String> = unfinished.map(join).into();
    let places: Vec<String> =
        [["/ho", "me/"], ["/ro", "ot/"], ["/wo", "rk/"], ["/tmp/", "wt"], ["/tmp/", "target"]].map(join).into();
    let mut failures = vec![];
    for ending in [".rs", ".toml", ".md", ".sh", ".ts", ".yml", ".yaml", ".sql", ".mjs", ".py"] {
        for (path, text) in with_ending(ending) {
            for (number, line) in text.lines().enumerate() {
                let words = unfinished.iter().filter(|_| matches!(ending, ".rs" | ".ts" | ".mjs" | ".sh" | ".py"));
                for word in words.chain(&places).filter(|w| line.contains(w.as_str())) {
                    failures.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    check(failures);
}

#[test]
fn the_engine_and_the_store_wait_only_where_a_simulation_knows_of_it() {
    let of_the_system = ["std::thread::", "mpsc", "sync::Condvar", "Condvar, Mutex"];
    let mut failures = vec![];
    for (path, text) in with_ending(".rs") {
        let here = ["crates/engine/src", "crates/store/src"].iter().any(|room| path.starts_with(room));
        if !here || path.to_string_lossy().contains("tests") {
            continue;
        }
        let own = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in own.lines().filter(|line| !line.contains("available_parallelism")) {
            let found = of_the_system.iter().filter(|word| line.contains(**word));
            failures.extend(found.map(|word| format!("{}: {word} instead of sloth_types::threads", path.display())));
        }
    }
    check(failures);
}

#[test]
fn names_mean_something() {
    let empty = ["util", "utils", "common", "manager", "helper", "helpers", "misc"];
    let named = |path: &PathBuf| {
        path.iter().any(|part| {
            let part = part.to_string_lossy();
            let stem = part.split('.').next().unwrap_or_default();
            stem.split(['_', '-']).any(|word| empty.contains(&word))
        })
    };
    let ours = files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs" || e == "ts"));
    check(ours.filter(named).map(|path| format!("{}: say what is in it", path.display())).collect());
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut failures = vec![];
    for (path, text) in with_ending(".md") {
        for target in links(&text) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let folder = path.parent().unwrap_or(Path::new(""));
            if !root().join(folder).join(target).exists() {
                failures.push(format!("{}: {target} does not exist", path.display()));
            }
        }
    }
    check(failures);
}

/// What stands in the round brackets of `[text](target)`, outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut out = vec![];
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let after = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            out.extend(after.filter(|target| !target.contains(' ')));
        }
    }
    out
}

#[test]
fn every_script_of_the_tests_is_tidy() {
    let mut names = BTreeMap::new();
    for (path, text) in with_ending(".sql").into_iter().filter(|(path, _)| path.starts_with("tests/sql")) {
        assert!(text.starts_with("-- "), "{}: the first line says what it shows", path.display());
        let title = text.lines().next().unwrap_or_default().to_owned();
        let other = names.insert(title.clone(), path.clone());
        assert!(other.is_none(), "{} and {other:?} both are: {title}", path.display());
    }
    assert!(names.len() > 40, "{} scripts", names.len());
}
