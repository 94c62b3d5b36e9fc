//! A file of the input, and the pieces that it is cut into.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use sloth_types::{Error, Result};

use super::ReadOptions;
use super::listing::{FileFound, Packing};

/// A file of the input.
#[derive(Debug)]
pub(super) struct InputFile {
    /// As it was when it was found, perhaps by an earlier run.
    pub(super) found: FileFound,
    pub(super) packing: Packing,
    /// Number of its blocks.
    pub(super) blocks: u64,
    /// The footer of a Parquet file, when it has been read.
    parquet: OnceLock<ArrowReaderMetadata>,
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

impl InputFile {
    /// A file that is new. Text that is not packed is cut at multiples of `step`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn found(found: FileFound, options: &ReadOptions, step: u64) -> Result<Self> {
        let mut file = InputFile { found, packing: Packing::Plain, blocks: 0, parquet: OnceLock::new() };
        if options.format == "parquet" {
            file.packing = Packing::Parquet;
            file.blocks = file.footer()?.metadata().num_row_groups() as u64;
            return Ok(file);
        }
        file.packing = file.found.packing()?;
        file.blocks = match file.packing {
            Packing::Plain => file.found.bytes.div_ceil(step),
            _ => 1,
        };
        Ok(file)
    }

    /// A file that an earlier run has found; it need not be there any more when it has been read.
    ///
    /// # Errors
    /// When its packing is not known.
    pub(super) fn remembered(found: FileFound, blocks: u64, options: &ReadOptions) -> Result<Self> {
        let packing = if options.format == "parquet" { Packing::Parquet } else { found.packing()? };
        Ok(InputFile { found, packing, blocks, parquet: OnceLock::new() })
    }

    /// The file, opened.
    ///
    /// # Errors
    /// When it is not there any more, or not what was found.
    pub(super) fn open(&self) -> Result<File> {
        let path = self.found.path.display();
        let unread = "Not all of it has been read: put it back. A file is not to be changed before it has been read.";
        let cannot = |e| {
            let error = Error::of_file(format_args!("file '{path}' cannot be opened"), &e);
            if error.hint_text().is_some() { error } else { error.hint(unread) }
        };
        let file = File::open(&self.found.path).map_err(cannot)?;
        let bytes = file.metadata().map_err(cannot)?.len();
        if bytes < self.found.bytes {
            let had = self.found.bytes;
            return Err(Error::invalid(format!(
                "file '{path}' had {had} bytes when it was found, and now has {bytes}"
            ))
            .hint(unread));
        }
        Ok(file)
    }

    /// The footer of a Parquet file.
    ///
    /// # Errors
    /// When it cannot be read, or is another one than when the file was found.
    pub(super) fn footer(&self) -> Result<&ArrowReaderMetadata> {
        if let Some(footer) = self.parquet.get() {
            return Ok(footer);
        }
        let path = self.found.path.display();
        let bad = |e| Error::data(format!("file '{path}' is no valid Parquet file: {e}"));
        let footer = ArrowReaderMetadata::load(&self.open()?, ArrowReaderOptions::new()).map_err(bad)?;
        Ok(self.parquet.get_or_init(|| footer))
    }

    /// Piece number `index`, if there are so many.
    pub(super) fn part(&self, index: u64, step: u64) -> Option<Part> {
        if index >= self.blocks {
            return None;
        }
        Some(match self.packing {
            Packing::Plain => {
                let start = index.saturating_mul(step);
                Part::Bytes { start, end: start.saturating_add(step).min(self.found.bytes) }
            }
            Packing::Gzip | Packing::Zstd => Part::Whole,
            Packing::Parquet => Part::RowGroup(usize::try_from(index).ok()?),
        })
    }

    /// Bytes that there are to read, about.
    pub(super) fn data_bytes(&self) -> u64 {
        let Some(footer) = self.parquet.get() else { return self.found.bytes };
        let groups = footer.metadata().row_groups().iter();
        groups.map(|group| u64::try_from(group.compressed_size()).unwrap_or(0)).sum()
    }
}
