//! The input cut into blocks, shared by all lanes of a source.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use sloth_types::{Error, Result, Waker};

use super::ReadOptions;
use super::listing::{FileFound, Packing, list};

/// Inputs below this are read by one lane: more would only cost.
const ONE_LANE_BYTES: u64 = 8 << 20;
const LANES: usize = 8;

/// A file of the input.
#[derive(Debug)]
pub(super) struct InputFile {
    pub(super) found: FileFound,
    pub(super) packing: Packing,
    /// The footer of a Parquet file.
    pub(super) parquet: Option<ArrowReaderMetadata>,
}

impl InputFile {
    /// The file, opened.
    pub(super) fn open(&self) -> Result<File> {
        File::open(&self.found.path)
            .map_err(|e| Error::of_file(format_args!("file '{}' cannot be opened", self.found.path.display()), &e))
    }
}

/// A piece of a file that one lane reads.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) file: Arc<InputFile>,
    pub(super) part: Part,
}

/// Which piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The records that start in these bytes.
    Bytes { start: u64, end: u64 },
    /// All records of a packed file.
    Whole,
    /// A row group of a Parquet file.
    RowGroup(usize),
}

/// All blocks known so far.
#[derive(Debug)]
pub(super) struct Blocks {
    options: ReadOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    listed: bool,
    lanes: usize,
    known: BTreeSet<PathBuf>,
    blocks: Vec<Block>,
    wakers: Vec<Waker>,
    /// What the last look for new files ended with.
    failure: Option<Error>,
}

impl Blocks {
    pub(super) fn new(options: ReadOptions) -> Self {
        Blocks { options, state: Mutex::default() }
    }

    pub(super) fn options(&self) -> &ReadOptions {
        &self.options
    }

    /// The state, after the files were listed once.
    fn listed(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.listed {
            self.extend(&mut state)?;
            let bytes: u64 = state.blocks.iter().map(|b| b.part.bytes(&b.file)).sum();
            // A watched input grows, and the number of lanes must not change when it is opened again.
            let small = bytes < ONE_LANE_BYTES || self.options.watch.is_some();
            let lanes = self.options.lanes.unwrap_or(if small { 1 } else { LANES });
            state.lanes = if self.options.watch.is_some() { lanes } else { lanes.min(state.blocks.len().max(1)) };
            state.listed = true;
        }
        Ok(state)
    }

    /// Number of lanes.
    pub(super) fn lanes(&self) -> Result<usize> {
        Ok(self.listed()?.lanes)
    }

    /// Block `index`, if it exists yet.
    pub(super) fn get(&self, index: u64) -> Result<Option<Block>> {
        let state = self.listed()?;
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(usize::try_from(index).ok().and_then(|index| state.blocks.get(index).cloned())),
        }
    }

    /// Looks for new files and wakes the readers when there are some (or the look failed).
    pub(super) fn refresh(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.blocks.len();
        if let Err(error) = self.extend(&mut state) {
            state.failure = Some(error);
        }
        if state.blocks.len() > before || state.failure.is_some() {
            state.wakers.iter().for_each(Waker::wake);
        }
    }

    /// Wakes this reader when there is something new.
    pub(super) fn register(&self, waker: Waker) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).wakers.push(waker);
    }

    fn extend(&self, state: &mut State) -> Result<()> {
        let mut found = list(&self.options.path)?;
        found.retain(|file| !state.known.contains(&file.path));
        if self.options.watch.is_some() {
            // Old files first, so that those that come later get later numbers, also when all is listed anew.
            found.sort_by(|a, b| (a.modified_ms, &a.path).cmp(&(b.modified_ms, &b.path)));
        }
        for file in found {
            state.known.insert(file.path.clone());
            cut(file, &self.options, &mut state.blocks)?;
        }
        Ok(())
    }
}

impl Part {
    fn bytes(self, file: &InputFile) -> u64 {
        match self {
            Part::Bytes { start, end } => end - start,
            Part::Whole => file.found.bytes,
            Part::RowGroup(index) => {
                let group = file.parquet.as_ref().and_then(|meta| meta.metadata().row_groups().get(index));
                group.map_or(0, |group| u64::try_from(group.compressed_size()).unwrap_or(0))
            }
        }
    }
}

/// Cuts a file into blocks.
fn cut(found: FileFound, options: &ReadOptions, blocks: &mut Vec<Block>) -> Result<()> {
    if options.format == "parquet" {
        let mut file = InputFile { found, packing: Packing::Plain, parquet: None };
        let bad = |e| Error::data(format!("file '{}' is no valid Parquet file: {e}", file.found.path.display()));
        let metadata = ArrowReaderMetadata::load(&file.open()?, ArrowReaderOptions::new()).map_err(bad)?;
        let groups = metadata.metadata().num_row_groups();
        file.parquet = Some(metadata);
        let file = Arc::new(file);
        blocks.extend((0..groups).map(|group| Block { file: file.clone(), part: Part::RowGroup(group) }));
        return Ok(());
    }
    let packing = found.packing()?;
    let bytes = found.bytes;
    let file = Arc::new(InputFile { found, packing, parquet: None });
    if packing != Packing::Plain {
        blocks.push(Block { file, part: Part::Whole });
        return Ok(());
    }
    let step = if options.multiline { bytes.max(1) } else { options.block_bytes };
    let mut start = 0;
    while start < bytes {
        let end = start.saturating_add(step).min(bytes);
        blocks.push(Block { file: file.clone(), part: Part::Bytes { start, end } });
        start = end;
    }
    Ok(())
}
