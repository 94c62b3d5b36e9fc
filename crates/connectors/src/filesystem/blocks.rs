//! The input cut into blocks, shared by all lanes of a source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_types::{Error, Result, Waker};

use super::ReadOptions;
use super::input::{Block, InputFile};
use super::listing::{FileFound, list};
use super::notes::{Cutting, Note};

/// Inputs below this are read by one lane: more would only cost.
const ONE_LANE_BYTES: u64 = 8 << 20;
const LANES: usize = 8;
/// An error names so many files.
const NAMED_MAX: usize = 3;

/// All blocks known so far.
#[derive(Debug)]
pub(super) struct Blocks {
    options: ReadOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Settled by the first listing, in whichever run that was.
    cutting: Option<Cutting>,
    /// This run has looked for files itself; one that follows another run knows those that it is told of.
    listed: bool,
    /// Files by their numbers, which are never given anew, also not when a file is gone.
    files: Vec<Numbered>,
    /// Their paths.
    known: BTreeSet<PathBuf>,
    /// So many files, and the cutting, have been noted.
    noted: usize,
    cutting_noted: bool,
    wakers: Vec<Waker>,
    /// What the last look for new files ended with.
    failure: Option<Error>,
}

#[derive(Debug)]
struct Numbered {
    file: Arc<InputFile>,
    /// Number of its first block.
    first: u64,
}

impl State {
    fn blocks(&self) -> u64 {
        self.files.last().map_or(0, |last| last.first + last.file.blocks)
    }

    fn push(&mut self, file: InputFile) {
        self.known.insert(file.found.path.clone());
        let first = self.blocks();
        self.files.push(Numbered { file: Arc::new(file), first });
    }

    fn block(&self, index: u64) -> Option<Block> {
        let after = self.files.partition_point(|file| file.first <= index);
        let Numbered { file, first } = self.files.get(after.checked_sub(1)?)?;
        let part = file.part(index - first, self.cutting?.block_bytes)?;
        Some(Block { file: Arc::clone(file), part })
    }
}

impl Blocks {
    pub(super) fn new(options: ReadOptions) -> Self {
        Blocks { options, state: Mutex::default() }
    }

    pub(super) fn options(&self) -> &ReadOptions {
        &self.options
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for files, where that has not happened yet, and gives the number of lanes.
    ///
    /// # Errors
    /// When a file cannot be read, or an input that ends is not what it was in an earlier run.
    pub(super) fn list(&self) -> Result<usize> {
        let mut state = self.state();
        if !state.listed {
            match (self.options.watch, state.cutting) {
                (None, Some(_)) => self.compare(&state)?,
                _ => self.extend(&mut state)?,
            }
            state.listed = true;
            state.wakers.iter().for_each(Waker::wake);
        }
        Ok(self.cutting(&mut state).lanes)
    }

    /// Number of lanes, if an earlier run (or the one that is followed) has told it, or files have been looked for.
    pub(super) fn lanes(&self) -> Option<usize> {
        self.state().cutting.map(|cutting| cutting.lanes)
    }

    /// Block `index`, if it exists yet.
    pub(super) fn get(&self, index: u64) -> Result<Option<Block>> {
        let state = self.state();
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(state.block(index)),
        }
    }

    /// Looks for new files and wakes the readers when there are some (or the look failed).
    pub(super) fn refresh(&self) {
        let mut state = self.state();
        let before = state.blocks();
        if let Err(error) = self.extend(&mut state) {
            state.failure = Some(error);
        }
        if state.blocks() > before || state.failure.is_some() {
            state.wakers.iter().for_each(Waker::wake);
        }
    }

    /// Wakes this reader when there is something new.
    pub(super) fn register(&self, waker: Waker) {
        self.state().wakers.push(waker);
    }

    /// What has become known since the last call.
    pub(super) fn new_notes(&self) -> Vec<String> {
        let mut state = self.state();
        let mut notes = vec![];
        if let Some(cutting) = state.cutting.filter(|_| !state.cutting_noted) {
            state.cutting_noted = true;
            notes.push(Note::Cut(cutting).to_text());
        }
        let new = state.files.iter().skip(state.noted);
        notes.extend(new.map(|Numbered { file, .. }| Note::File(file.found.clone(), file.blocks).to_text()));
        state.noted = state.files.len();
        notes
    }

    /// Takes up what earlier runs have noted, or the run that is followed. What is known already is passed over.
    ///
    /// # Errors
    /// When a note cannot be understood.
    pub(super) fn recall(&self, notes: &[String]) -> Result<()> {
        let mut state = self.state();
        for note in notes {
            match Note::of_text(note)? {
                Note::Cut(cutting) => {
                    state.cutting.get_or_insert(cutting);
                    state.cutting_noted = true;
                }
                Note::File(found, blocks) => {
                    if !state.known.contains(&found.path) {
                        state.push(InputFile::remembered(found, blocks, &self.options)?);
                    }
                }
            }
        }
        state.noted = state.files.len();
        state.wakers.iter().for_each(Waker::wake);
        Ok(())
    }

    /// The cutting, settled when it is not yet.
    fn cutting(&self, state: &mut State) -> Cutting {
        let bytes: u64 = state.files.iter().map(|file| file.file.data_bytes()).sum();
        let blocks = usize::try_from(state.blocks()).unwrap_or(usize::MAX);
        *state.cutting.get_or_insert_with(|| {
            // A watched input grows, and the number of lanes stays.
            let small = bytes < ONE_LANE_BYTES || self.options.watch.is_some();
            let lanes = self.options.lanes.unwrap_or(if small { 1 } else { LANES });
            let lanes = if self.options.watch.is_some() { lanes } else { lanes.min(blocks.max(1)) };
            Cutting { lanes, block_bytes: self.options.step() }
        })
    }

    fn extend(&self, state: &mut State) -> Result<()> {
        let mut found = list(&self.options.path)?;
        found.retain(|file| !state.known.contains(&file.path));
        if self.options.watch.is_some() {
            // Old files first: events come in the order of their times as far as files do.
            found.sort_by(|a, b| (a.modified_ms, &a.path).cmp(&(b.modified_ms, &b.path)));
        }
        let step = state.cutting.map_or(self.options.step(), |cutting| cutting.block_bytes);
        for file in found {
            state.push(InputFile::found(file, &self.options, step)?);
        }
        Ok(())
    }

    /// Whether the files of an input that ends are those that the job has begun with. Only names and sizes count: files that
    /// were copied back have other times.
    fn compare(&self, state: &State) -> Result<()> {
        let now: BTreeMap<PathBuf, FileFound> =
            list(&self.options.path)?.into_iter().map(|file| (file.path.clone(), file)).collect();
        let mut changes: Vec<String> = vec![];
        for Numbered { file, .. } in &state.files {
            let FileFound { path, bytes, .. } = &file.found;
            match now.get(path) {
                None => changes.push(format!("'{}' is gone", path.display())),
                Some(now) if now.bytes != *bytes => {
                    changes.push(format!("'{}' had {bytes} bytes and has {}", path.display(), now.bytes));
                }
                Some(_) => (),
            }
        }
        let new = now.keys().filter(|path| !state.known.contains(*path));
        changes.extend(new.map(|path| format!("'{}' is new", path.display())));
        if changes.is_empty() {
            return Ok(());
        }
        let more = changes.len().saturating_sub(NAMED_MAX);
        changes.truncate(NAMED_MAX);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        Err(Error::invalid(format!("the input has changed since the job began: {}{more}", changes.join(", "))).hint(
            "Put the files back as they were; or begin anew in another state directory. Set 'source.monitor-interval' for \
             a directory that is given new files.",
        ))
    }
}
