//! Objects as files: created whole, and for good, or not at all.
//!
//! ```text
//!  write  log/…14#1   ─▶  sync it  ─▶  link it as  log/…14  (refused where the name exists)  ─▶  remove …#1, sync the directory
//! ```
//!
//! The order matters when the power fails: a name never stands for bytes that are not on the disk.

use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, ErrorKind, Result, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path as ObjectName;
use sloth_types::threads;

use crate::{direct, layout};

/// How often a lock is tried that somebody else has for a moment.
const LOCK_TRIES: usize = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// How often a directory is made again that somebody else removes.
const STAGE_TRIES: usize = 20;
/// Nobody takes longer to write a request or an answer.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// Pieces smaller than this are written together.
const TOGETHER_BYTES: usize = 1 << 16;

/// The directory of a job's objects.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Directory(path)
    }

    /// The name of a file as errors tell it.
    pub(crate) fn whole_name(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> Result<Bytes> {
        fs::read(self.0.join(name)).map(Bytes::from)
    }

    /// The names of the files below a directory, in no order, and none where it does not exist.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<ObjectName>> {
        let mut names = vec![];
        let mut open = vec![self.0.join(name)];
        while let Some(directory) = open.pop() {
            let entries = match fs::read_dir(&directory) {
                // Removed meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type().is_ok_and(|of| of.is_dir() || of.is_symlink() && path.is_dir()) {
                    open.push(path);
                    continue;
                }
                let below = path.strip_prefix(&self.0).ok().and_then(Path::to_str).filter(|_| !is_staged(&path));
                names.extend(below.and_then(|below| ObjectName::parse(below).ok()));
            }
        }
        Ok(names)
    }

    /// Creates a file from its pieces; false when there is one of this name already, or when somebody else has removed it at once.
    pub(crate) fn create(&self, name: &str, pieces: &[Bytes]) -> Result<bool> {
        let path = self.0.join(name);
        let (staged, file) = self.stage(&path)?;
        let written = write(&staged, &file, pieces);
        settle(&path, &staged, written.and_then(|()| file.sync_all()))
    }

    /// A new file beside `path`. Who removes the last file of a directory at the same time removes the directory, too.
    fn stage(&self, path: &Path) -> Result<(PathBuf, File)> {
        let mut tries = 0;
        loop {
            tries += 1;
            make_directories(path.parent().unwrap_or(&self.0))?;
            match stage(path) {
                Err(error) if error.kind() == ErrorKind::NotFound && tries < STAGE_TRIES => {}
                staged => return staged,
            }
        }
    }

    /// Begins a file that is written bit by bit, and its first bytes at the end: `head` of them.
    pub(crate) fn grow(&self, name: &str, head: usize) -> Result<Growing> {
        let path = self.0.join(name);
        let (staged, file) = self.stage(&path)?;
        let head = direct::aligned(head);
        match direct::Blocks::new(&staged, head as u64) {
            Ok(Some(blocks)) => Ok(Growing { path, staged, file, blocks: Some(blocks), head }),
            other => {
                let _ = fs::remove_file(&staged);
                other.and(Err(ErrorKind::OutOfMemory.into()))
            }
        }
    }

    /// Takes the lock of a run, which the system gives back when the process ends, however it ends. `None` when somebody
    /// else has it who claims the same number: only one of the two will get it.
    pub(crate) fn lock(&self, generation: u64) -> Result<Option<File>> {
        let path = self.0.join(layout::lock(generation));
        path.parent().map_or(Ok(()), make_directories)?;
        let file = File::create(path)?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) => threads::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The lock of another run, to wait for; `None` when that run has none here.
    pub(crate) fn lock_of(&self, generation: u64) -> Option<File> {
        File::open(self.0.join(layout::lock(generation))).ok()
    }

    /// Removes the locks of runs before this one.
    pub(crate) fn remove_locks(&self, before: u64) {
        for entry in fs::read_dir(self.0.join(layout::LOCKS)).into_iter().flatten().flatten() {
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
            if number.is_some_and(|number| number < before) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Writes a file anew; nobody relies on it after a crash.
    pub(crate) fn overwrite(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.0.join(name), text)
    }

    /// Removes what was staged and is not there under a name of its own; of what processes tell each other, which may be
    /// written at this moment, only what is old.
    pub(crate) fn tidy(&self) {
        let mut open = vec![self.0.clone()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if is_staged(&path) && !(is_told(&directory) && is_young(&path)) {
                    let _ = fs::remove_file(&path);
                }
            }
        }
    }
}

/// Requests and answers are written while other runs begin.
fn is_told(directory: &Path) -> bool {
    [layout::REQUESTS, layout::ANSWERS].iter().any(|told| directory.ends_with(told))
}

fn is_young(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|data| data.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age < TOLD_WITHIN))
}

/// A file that is being written. It is gone when it is not finished.
pub(crate) struct Growing {
    path: PathBuf,
    staged: PathBuf,
    file: File,
    blocks: Option<direct::Blocks>,
    head: usize,
}

impl Growing {
    /// How many bytes its head has.
    pub(crate) fn head(&self) -> usize {
        self.head
    }

    /// Writes more behind the head.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.blocks.as_mut().map_or(Ok(()), |blocks| blocks.write(&self.file, bytes))
    }

    /// Writes the head and gives the file its name; false as in [`Directory::create`].
    pub(crate) fn finish(mut self, head: &[u8]) -> Result<bool> {
        let rest = self.blocks.take().map_or(Ok(()), |blocks| blocks.finish(&self.file));
        let written = rest.and_then(|()| self.file.write_all_at(head, 0)).and_then(|()| self.file.sync_all());
        settle(&self.path, &self.staged, written)
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.staged);
    }
}

/// Gives a staged file that has been written its name, for good; false when there is one of this name, or when somebody
/// else has removed it at once.
fn settle(path: &Path, staged: &Path, written: Result<()>) -> Result<bool> {
    let linked = written.and_then(|()| fs::hard_link(staged, path));
    // What is left here has no meaning; the next run removes it.
    let _ = fs::remove_file(staged);
    match linked {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => return Ok(false),
        Err(error) => return Err(error),
    }
    match path.parent().map_or(Ok(()), sync) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        synced => synced.map(|()| path.exists()),
    }
}

/// Writes pieces, many of which may be small.
fn write(path: &Path, file: &File, pieces: &[Bytes]) -> Result<()> {
    if direct::write(path, file, pieces)? {
        return Ok(());
    }
    let mut out = BufWriter::with_capacity(TOGETHER_BYTES, file);
    pieces.iter().try_for_each(|piece| out.write_all(piece))?;
    out.flush()
}

/// A new file beside `path`; listings of the object store leave out names of this form.
fn stage(path: &Path) -> Result<(PathBuf, File)> {
    let mut number = u64::from(std::process::id());
    loop {
        let mut staged = path.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        match File::create_new(&staged) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            file => return file.map(|file| (staged.into(), file)),
        }
    }
}

fn is_staged(path: &Path) -> bool {
    let number = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.rsplit_once('#')).map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Makes a directory and those above it, each for good.
fn make_directories(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent();
    parent.map_or(Ok(()), make_directories)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    parent.map_or(Ok(()), sync)
}

fn sync(directory: &Path) -> Result<()> {
    File::open(directory)?.sync_all()
}
