//! Savepoints, stopping with and without draining, and changes of the script, with the real binary: what its tables hold must
//! be what an undisturbed run writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../outcome/mod.rs"]
mod outcome;

mod again;
mod changing;
mod files;
mod growing;
mod kafka;
mod keeping;
mod parts;
mod quiet;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use self::outcome::rows_of;
pub(crate) use self::outcome::{assert_same, pause};

/// A directory of one test, removed when the test has passed.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("sloth-savepoint-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    /// Writes a script whose `${DIR}` is the directory `files` here.
    pub(crate) fn script(&self, name: &str, files: &str, sql: &str) -> PathBuf {
        let path = self.0.join(format!("{name}.sql"));
        std::fs::write(&path, sql.replace("${DIR}", self.0.join(files).to_str().unwrap())).unwrap();
        path
    }

    pub(crate) fn state(&self) -> String {
        self.0.join("state").to_str().unwrap().to_owned()
    }

    /// The rows that a table's files tell of: inserts less deletions, with their numbers.
    pub(crate) fn rows(&self, files: &str, table: &str) -> BTreeMap<String, i64> {
        let directory = self.0.join(files).join(table);
        if directory.exists() { rows_of(&directory) } else { BTreeMap::new() }
    }

    pub(crate) fn log(&self, script: &Path) -> String {
        std::fs::read_to_string(script.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// `sloth run` of a script.
pub(crate) fn start(script: &Path, more: &[&str]) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(script.with_extension("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sloth"));
    command.arg("run").arg(script).args(more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.env_remove("RUST_LOG").spawn().unwrap()
}

/// The newest file of a state directory's `log`, `checkpoints`, …; an empty name when there is none.
pub(crate) fn newest(state: &str, of: &str) -> String {
    let entries = std::fs::read_dir(Path::new(state).join(of)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.contains('#')).max().unwrap_or_default()
}

/// Waits until a job has logged so many segments behind this one: its claim is the first.
pub(crate) fn await_segments(state: &str, behind: &str, count: u64) {
    let number = |name: &str| name.parse().map_or(0, |number: u64| number + 1);
    for _ in 0..4000 {
        if number(&newest(state, "log")) >= number(behind) + count {
            return;
        }
        pause(5);
    }
    panic!("the job does not come on");
}

/// Runs a script to its end.
pub(crate) fn finish(script: &Path, more: &[&str]) {
    let status = start(script, more).wait().unwrap();
    assert!(status.success(), "{}", std::fs::read_to_string(script.with_extension("log")).unwrap());
}

pub(crate) fn sloth(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sloth")).args(args).env_remove("RUST_LOG").output().unwrap()
}

/// What a command prints; it must succeed.
pub(crate) fn says(args: &[&str]) -> String {
    said(args, sloth(args))
}

/// What a command has printed; it must have succeeded.
pub(crate) fn said(args: &[&str], output: Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{args:?}: {}{said}", text(&output.stderr));
    said
}

/// A command must fail with exit code 1 and these words.
pub(crate) fn fails(args: &[&str], with: &str) {
    let output = sloth(args);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {errors}");
    assert!(errors.contains(with), "{with:?} is not in:\n{errors}");
}
