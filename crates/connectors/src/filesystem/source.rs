//! The source: lanes over blocks.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use sloth_types::source::OpenSplit;
use sloth_types::{
    Error, Offset, ReadLimit, ReadOutcome, Readiness, Result, Rows, Source, SplitId, SplitReader, TableSpec,
};

use super::ReadOptions;
use super::blocks::Blocks;
use super::columns::Columns;
use super::input::{Block, Part};
use super::parquet_block::ParquetBlock;
use super::text_block::{TextBlock, TextReader};
use crate::format::{self, physical_columns};

/// Bits of an offset that count the position in a block: files up to 1 TiB.
const POSITION_BITS: u32 = 40;
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;

/// A table of files.
#[derive(Debug)]
pub(super) struct FileSource {
    table: TableSpec,
    blocks: Arc<Blocks>,
    watching: OnceLock<()>,
}

impl FileSource {
    /// Checks the options; looks at no file yet.
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options = ReadOptions::new(table)?;
        if options.format != "parquet" {
            // Options of the format are wrong now or never.
            format::decoder(&options.format, &table.options, table, physical_columns(table))?;
        }
        Ok(FileSource { table: table.clone(), blocks: Arc::new(Blocks::new(options)), watching: OnceLock::new() })
    }
}

impl Source for FileSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        let lanes = self.blocks.list()?;
        if let Some(interval) = self.blocks.options().watch {
            self.watching.get_or_init(|| watch(Arc::downgrade(&self.blocks), interval));
        }
        Ok((0..lanes).map(|lane| SplitId::new(format!("lane-{lane}"))).collect())
    }

    fn new_notes(&self) -> Vec<String> {
        self.blocks.new_notes()
    }

    fn recall(&self, notes: &[String]) -> Result<()> {
        self.blocks.recall(notes)
    }

    fn bounded(&self) -> bool {
        self.blocks.options().watch.is_none()
    }

    fn open(&self, split: OpenSplit) -> Result<Box<dyn SplitReader>> {
        let lanes = match self.blocks.lanes() {
            Some(lanes) => lanes,
            // Which files an offset has behind it cannot be found out.
            None if split.from.is_some() && !self.bounded() => {
                return Err(Error::invalid(format!(
                    "the state of table '{}' is of an earlier release, which did not note the files of a watched directory",
                    self.table.name
                ))
                .hint("Begin anew in another state directory; rows that were written before will be written again."));
            }
            None => self.blocks.list()?,
        } as u64;
        let lane = split.split.0.strip_prefix("lane-").and_then(|n| n.parse::<u64>().ok()).filter(|n| *n < lanes);
        let lane = lane.ok_or_else(|| {
            Error::invalid(format!("table '{}' has no split '{}'", self.table.name, split.split))
                .hint("The input or 'scan.parallelism' has changed since the offsets were written.")
        })?;
        self.blocks.register(split.waker);
        let options = self.blocks.options();
        let columns = Columns::new(&self.table, split.schema)?;
        let text = if options.format == "parquet" {
            None
        } else {
            let decoder = format::decoder(&options.format, &self.table.options, &self.table, columns.physical.clone())?;
            Some(TextReader::new(decoder, options.record_bytes_max))
        };
        let at = split.from.map_or(lane << POSITION_BITS, |offset| offset.0);
        let (block, position) = (at >> POSITION_BITS, at & POSITION_MASK);
        let blocks = self.blocks.clone();
        Ok(Box::new(LaneReader { blocks, lanes, columns, text, block, position, open: None }))
    }
}

/// Looks for new files in a thread of its own, as long as anyone holds the blocks.
fn watch(blocks: Weak<Blocks>, interval: Duration) {
    let look = move || {
        loop {
            std::thread::park_timeout(interval);
            match blocks.upgrade() {
                Some(blocks) => blocks.refresh(),
                None => return,
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("file-watch".into()).spawn(look) {
        tracing::error!(%error, "the thread that looks for new files cannot be started");
    }
}

/// The block being read.
enum Open {
    Text(TextBlock),
    Parquet(Box<ParquetBlock>),
}

/// Reads every L-th block.
struct LaneReader {
    blocks: Arc<Blocks>,
    lanes: u64,
    columns: Columns,
    text: Option<TextReader>,
    block: u64,
    position: u64,
    open: Option<(Block, Open)>,
}

impl LaneReader {
    fn open_block(&mut self, block: Block) -> Result<()> {
        let opened = match (block.part, &mut self.text) {
            (Part::RowGroup(group), _) => {
                Open::Parquet(Box::new(ParquetBlock::open(&block.file, group, &self.columns.physical, self.position)?))
            }
            (part, Some(text)) => Open::Text(text.open(&block.file, part, self.position)?),
            (_, None) => return Err(Error::internal("a text block without a decoder")),
        };
        self.open = Some((block, opened));
        Ok(())
    }

    fn next_block(&mut self) {
        self.open = None;
        self.block += self.lanes;
        self.position = 0;
    }
}

impl SplitReader for LaneReader {
    fn read(&mut self, limit: ReadLimit) -> Result<ReadOutcome> {
        loop {
            // Where this block's reading must stop.
            let stop = match limit.until.map(|u| (u.0 >> POSITION_BITS, u.0 & POSITION_MASK)) {
                Some((block, position)) if block < self.block || (block == self.block && position <= self.position) => {
                    return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
                }
                Some((block, position)) if block == self.block => Some(position),
                _ => None,
            };
            if self.open.is_none() {
                match self.blocks.get(self.block)? {
                    Some(block) => self.open_block(block)?,
                    None if self.blocks.options().watch.is_some() => {
                        return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: true }));
                    }
                    None => return Ok(ReadOutcome::End),
                }
            }
            let Some((block, open)) = &mut self.open else { continue };
            let (read, position, finished) = match (open, &mut self.text) {
                (Open::Text(open), Some(text)) => {
                    let read = text.read(open, limit.rows, stop)?;
                    (read, open.position(), open.is_finished())
                }
                (Open::Parquet(open), _) => {
                    let read = open.read(limit.rows, stop)?;
                    (read, open.position(), open.is_finished())
                }
                (Open::Text(_), None) => return Err(Error::internal("a text block without a decoder")),
            };
            let file = block.file.clone();
            let passed = position - self.position;
            self.position = position;
            if finished {
                self.next_block();
            }
            if let Some(rows) = read {
                let bytes = if self.text.is_some() { passed } else { rows.batch.get_array_memory_size() as u64 };
                let batch = self.columns.assemble(rows.batch, &file.found)?;
                return Ok(ReadOutcome::Rows(Rows { batch, bytes, ..rows }));
            }
            if !finished && stop.is_some() {
                return Ok(ReadOutcome::Pending(Readiness::OnWake { caught_up: false }));
            }
        }
    }

    fn offset(&self) -> Offset {
        Offset((self.block << POSITION_BITS) | self.position)
    }
}
