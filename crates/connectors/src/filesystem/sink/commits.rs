//! Exactly-once files: what a durable job has written appears all at once, once.
//!
//! A commit is a small file `.commit-<writer>-<number>` in the table's directory. It is created only if there is none of
//! its name; it says which finished files get which visible names, and the last epoch in them. Creating it is the commit;
//! giving the names comes after, and is done again after a crash. A new run takes the next number for itself before it
//! writes anything. So an older run that wakes up finds its next number taken, or finds higher ones, and gives no names.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sloth_types::sink::DurableSink;
use sloth_types::{ChangeBatch, Epoch, Error, Result, SinkWriter};

use super::{cannot, leftovers, sync_directory};

/// A finished file: its hidden name and the one that it is to have.
pub(super) type Finished = (PathBuf, PathBuf);

/// A writer whose files appear by commits.
pub(super) trait Gathers: SinkWriter {
    /// Finishes all open files, and gives what has been finished since the last call.
    fn gather(&mut self) -> Result<Vec<Finished>>;
}

/// Makes a writer's files visible by commits.
pub(super) struct Committing<W> {
    inner: W,
    commits: Commits,
}

impl<W: Gathers> Committing<W> {
    /// Takes charge of a table's directory for a writer, whose files lie `depth` directories below it; `inner` opens it.
    ///
    /// # Errors
    /// When the directory cannot be used, or a newer run is in charge.
    pub(super) fn open(
        root: &Path,
        depth: usize,
        durable: &DurableSink,
        inner: impl FnOnce() -> Result<W>,
    ) -> Result<Self> {
        let commits = Commits::claim(root, durable)?;
        leftovers::remove(root, depth, durable);
        Ok(Committing { inner: inner()?, commits })
    }
}

impl<W: Gathers> SinkWriter for Committing<W> {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        self.inner.write(epoch, batch)
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        self.inner.end_epoch(epoch)
    }

    fn committed(&mut self) -> Result<Option<Epoch>> {
        Ok(self.commits.last)
    }

    fn commit(&mut self, epoch: Epoch, now: bool) -> Result<()> {
        // Files appear with checkpoints: otherwise there would be many small ones.
        if !now {
            return Ok(());
        }
        let files = self.inner.gather()?;
        if files.is_empty() { Ok(()) } else { self.commits.commit(epoch, &files) }
    }

    fn close(&mut self) -> Result<()> {
        self.inner.close()
    }
}

/// The commits of one writer.
#[derive(Debug)]
struct Commits {
    root: PathBuf,
    prefix: String,
    number: u64,
    generation: u64,
    last: Option<Epoch>,
}

impl Commits {
    fn claim(root: &Path, durable: &DurableSink) -> Result<Commits> {
        fs::create_dir_all(root).map_err(cannot("created", root))?;
        let prefix = format!(".commit-{}-", durable.name);
        let mut commits =
            Commits { root: root.to_owned(), prefix, number: 0, generation: durable.generation, last: None };
        // An older run may still make a commit, of epochs that are in the log, before it learns that it is not in charge.
        while !commits.take_next()? {}
        Ok(commits)
    }

    /// Reads the last commit, carries it out, and takes the number after it; false when an older run was faster.
    fn take_next(&mut self) -> Result<bool> {
        self.number = self.numbers()?.last().copied().unwrap_or(0);
        if self.number > 0 {
            let path = self.path(self.number);
            let found = match fs::read(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                found => found.map_err(cannot("read", &path))?,
            };
            let found: Value = serde_json::from_slice(&found)
                .map_err(|e| Error::data(format!("'{}' is damaged: {e}", path.display())))?;
            if found["generation"].as_u64() > Some(self.generation) {
                return Err(taken_over());
            }
            self.last = found["epoch"].as_u64().map(Epoch);
            for pair in found["files"].as_array().into_iter().flatten() {
                if let (Some(hidden), Some(visible)) = (pair[0].as_str(), pair[1].as_str()) {
                    show(&self.root.join(hidden), &self.root.join(visible))?;
                }
            }
        }
        Ok(self.create(self.last, &[])? && self.is_last()?)
    }

    /// True when the commit just created is the last one. Otherwise its number was free because it is long gone, and so it is
    /// again.
    fn is_last(&self) -> Result<bool> {
        let is_last = self.numbers()?.last().copied() <= Some(self.number);
        if !is_last {
            let _ = fs::remove_file(self.path(self.number));
        }
        Ok(is_last)
    }

    fn commit(&mut self, epoch: Epoch, files: &[Finished]) -> Result<()> {
        // Files that are promised must be found after a loss of power.
        let directories: BTreeSet<&Path> = files.iter().filter_map(|(hidden, _)| hidden.parent()).collect();
        for directory in directories {
            let upwards = directory.ancestors().take_while(|above| above.starts_with(&self.root));
            upwards.for_each(sync_directory);
        }
        // A run that was stopped for long may have created a number that is long gone: then a higher one is there.
        if !self.create(Some(epoch), files)? || !self.is_last()? {
            return Err(taken_over());
        }
        for (hidden, visible) in files {
            show(hidden, visible)?;
        }
        self.last = Some(epoch);
        Ok(())
    }

    /// Creates the next commit and removes the one before; false when there is one of its number.
    fn create(&mut self, epoch: Option<Epoch>, files: &[Finished]) -> Result<bool> {
        let name = |path: &PathBuf| path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned();
        let files: Vec<Value> = files.iter().map(|(hidden, visible)| json!([name(hidden), name(visible)])).collect();
        let text = json!({ "generation": self.generation, "epoch": epoch.map(|e| e.0), "files": files }).to_string();
        let before = self.number;
        self.number += 1;
        let path = self.path(self.number);
        // Written whole under another name first; a link is refused where the name exists.
        let staged = self.root.join(format!("{}staged-{}", self.prefix, self.generation));
        let written = fs::File::create(&staged).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(cannot("written", &staged))?;
        let linked = fs::hard_link(&staged, &path);
        let _ = fs::remove_file(&staged);
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(cannot("created", &path)(error)),
        }
        sync_directory(&self.root);
        if before > 0 {
            let _ = fs::remove_file(self.path(before));
        }
        Ok(true)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.root.join(format!("{}{number:012}", self.prefix))
    }

    fn numbers(&self) -> Result<Vec<u64>> {
        let mut numbers = vec![];
        let cannot = cannot("read", &self.root);
        for entry in fs::read_dir(&self.root).map_err(&cannot)? {
            let name = entry.map_err(&cannot)?.file_name();
            numbers
                .extend(name.to_str().and_then(|n| n.strip_prefix(&self.prefix)).and_then(|n| n.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// Gives a file its visible name, unless it has had it before: then a reader may have taken the file away since.
fn show(hidden: &Path, visible: &Path) -> Result<()> {
    match fs::rename(hidden, visible) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(cannot("given its name", visible)(error)),
        Ok(()) => {
            visible.parent().into_iter().for_each(sync_directory);
            Ok(())
        }
    }
}

fn taken_over() -> Error {
    Error::invalid("another run of this job writes the table: this one ends")
        .hint("Only one process can run a job. If you did not start another one, look for a supervisor that did.")
}
