//! Chaos: the real binary is killed with SIGKILL at random instants, stopped until others have taken over, and given
//! damaged files, full disks, an object store that fails, and brokers and databases that crash; what it has written must
//! be what an undisturbed run writes: no row lost, none twice, none wrong.
//!
//! `SEED` chooses the instants (printed; another one with every run), `KILLS` how often each job is killed, and
//! `SLOTH_SOAK=1` kills fifty times more. `SLOTH_BINARY` is another binary than the one just built.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../outcome/mod.rs"]
mod outcome;

mod bucket;
mod disk;
mod files;
mod ingest;
mod kafka;
mod postgres;
mod proxy;
mod random;
mod screen;
mod servers;
mod standby;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sloth_types::Clock;
use sloth_types::rng::Rng;

pub(crate) use self::outcome::{assert_same, pause, rows_of};

/// A directory of one test, removed when the test has passed.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("sloth-chaos-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    /// Writes a script whose `${DIR}` is a directory here.
    pub(crate) fn script(&self, name: &str, sql: &str) -> PathBuf {
        let path = self.0.join(format!("{name}.sql"));
        std::fs::write(&path, sql.replace("${DIR}", self.0.join(name).to_str().unwrap())).unwrap();
        path
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("state")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// `sloth run` of a script, with a state directory if given.
pub(crate) fn start(script: &Path, state: Option<&Path>, parallelism: usize) -> Child {
    command(script, state, parallelism).spawn().unwrap()
}

/// As [`start`], for more arguments.
pub(crate) fn command(script: &Path, state: Option<&Path>, parallelism: usize) -> Command {
    let binary = std::env::var_os("SLOTH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_sloth").into());
    let mut command = Command::new(binary);
    command.arg("run").arg(script).args(["--parallelism", &parallelism.to_string()]);
    if let Some(state) = state {
        command.arg("--state").arg(state);
    }
    let log = std::fs::File::options().create(true).append(true).open(script.with_extension("log")).unwrap();
    command.stdout(Stdio::null()).stderr(log).env_remove("RUST_LOG");
    command
}

/// Runs a script to its end.
pub(crate) fn finish(script: &Path, state: Option<&Path>) {
    let status = start(script, state, 2).wait().unwrap();
    assert!(status.success(), "{}", std::fs::read_to_string(script.with_extension("log")).unwrap());
}

pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// What the runs of a script have said.
pub(crate) fn told(script: &Path) -> String {
    std::fs::read_to_string(script.with_extension("log")).unwrap_or_default()
}

/// Waits until something is so: a busy machine takes its time.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        outcome::pause(20);
    }
    panic!("it has taken more than a minute: {what}");
}

/// Stops a run that is in charge until another one, which is started then, has taken over.
pub(crate) fn sleep_through_a_takeover(old: &Child, script: &Path, start: impl FnOnce() -> Child) -> Child {
    signal(old, "STOP");
    let resumed = || told(script).matches("resuming job").count();
    let before = resumed();
    let new = start();
    wait_until("another run takes over", || resumed() > before);
    outcome::pause(500);
    signal(old, "CONT");
    new
}

/// The instants of a test.
pub(crate) struct Dice {
    rng: Rng,
    pub(crate) kills: usize,
}

pub(crate) fn dice(test: &str, kills: usize) -> Dice {
    let of = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seed = of("SEED").unwrap_or_else(|| Clock::System.now_ms() as u64);
    let soak = std::env::var_os("SLOTH_SOAK").map_or(1, |_| 50);
    println!("{test}: SEED={seed}");
    Dice { rng: Rng::at(seed, 0), kills: of("KILLS").map_or(kills * soak, |n| n as usize) }
}

impl Dice {
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.rng.below(high - low)
    }

    /// Starts the job again and again, with another number of workers each time, and kills it. Gives how many times it
    /// was still running when it was killed.
    pub(crate) fn kill_again_and_again(&mut self, script: &Path, state: &Path) -> usize {
        let mut killed = 0;
        for round in 0..self.kills {
            let moment = Moment::watch(script, state);
            let mut job = start(script, Some(state), round % 3 + 1);
            match round % 2 {
                // Sometimes in the middle of the restore, sometimes of a checkpoint, sometimes later.
                0 => pause(self.between(50, 1500)),
                _ => moment.wait(self, &mut job),
            }
            match job.try_wait().unwrap() {
                None => killed += 1,
                Some(status) => {
                    assert!(status.success(), "{}", std::fs::read_to_string(script.with_extension("log")).unwrap());
                }
            }
            let _ = job.kill();
            job.wait().unwrap();
        }
        killed
    }
}

/// A moment at which files appear: a claim, a state file being uploaded, a manifest, a commit, a file that is shown.
struct Moment {
    directories: Vec<PathBuf>,
    before: Vec<BTreeSet<PathBuf>>,
}

impl Moment {
    /// The moments of a job that is about to be started.
    fn watch(script: &Path, state: &Path) -> Moment {
        let of_state = ["log", "state", "checkpoints"].map(|name| state.join(name));
        let directories: Vec<PathBuf> = of_state.into_iter().chain([script.with_extension("")]).collect();
        let before = directories.iter().map(|d| names_below(d)).collect();
        Moment { directories, before }
    }

    /// Waits for one of the first new files in one of the directories, and up to 3 ms more.
    fn wait(&self, dice: &mut Dice, job: &mut Child) {
        let which = dice.between(0, self.directories.len() as u64) as usize;
        let number = dice.between(1, 6) as usize;
        for _ in 0..4000 {
            let new = names_below(&self.directories[which]).difference(&self.before[which]).count();
            if new >= number || job.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_micros(dice.between(0, 3000)));
    }
}

/// The files in a directory and below, those that are being written too.
fn names_below(directory: &Path) -> BTreeSet<PathBuf> {
    let (mut names, mut open) = (BTreeSet::new(), vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                _ => _ = names.insert(entry.path()),
            }
        }
    }
    names
}
