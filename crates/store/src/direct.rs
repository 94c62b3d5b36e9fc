//! Large files, past the system's cache of files: their bytes go from memory to the disk without being copied page by page.
//!
//! State files are written all the time and read once in a while. Through the cache each of their pages is allotted, copied,
//! entered, and written back, which takes more processor time than all else that a checkpoint does.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use bytes::Bytes;

/// Files smaller than this are written through the cache.
const LARGE_BYTES: usize = 1 << 20;
/// Bytes of one write.
const BLOCK: usize = 1 << 20;
/// Where blocks begin, in memory and in the file: enough for any disk.
const ALIGN: usize = 1 << 12;

/// A block of memory that begins where disks want it.
struct Block {
    memory: Vec<u8>,
    begin: usize,
    filled: usize,
}

impl Block {
    fn new() -> Option<Block> {
        let memory = vec![0; BLOCK + ALIGN];
        let begin = memory.as_ptr().align_offset(ALIGN);
        (begin <= ALIGN).then_some(Block { memory, begin, filled: 0 })
    }

    /// Takes the first bytes of a piece, as many as there is room for; gives how many.
    fn take(&mut self, piece: &[u8]) -> usize {
        let room = self.memory.get_mut(self.begin + self.filled..self.begin + BLOCK).unwrap_or_default();
        let count = room.len().min(piece.len());
        let (from, to) = (piece.get(..count).unwrap_or_default(), room.get_mut(..count).unwrap_or_default());
        to.copy_from_slice(from);
        self.filled += count;
        count
    }

    fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.memory.get(self.begin + range.start..self.begin + range.end).unwrap_or_default()
    }
}

/// Writes the pieces of a large file, which has been created; false when that is not done here and nothing is written: the
/// file is small.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn write(path: &Path, file: &File, pieces: &[Bytes]) -> Result<bool> {
    if pieces.iter().map(Bytes::len).sum::<usize>() < LARGE_BYTES {
        return Ok(false);
    }
    let Some(mut out) = Blocks::new(path, 0)? else { return Ok(false) };
    pieces.iter().try_for_each(|piece| out.write(file, piece))?;
    out.finish(file)?;
    Ok(true)
}

/// What is written of a file, block by block, past the cache where its file system allows it.
pub(crate) struct Blocks {
    direct: Option<File>,
    block: Block,
    at: u64,
}

impl Blocks {
    /// Of a file that has been created; its first bytes, whole disk blocks (see [`aligned`]), are left out.
    pub(crate) fn new(path: &Path, at: u64) -> Result<Option<Blocks>> {
        let direct = open(path)?;
        Ok(Block::new().map(|block| Blocks { direct, block, at }))
    }

    /// Writes bytes behind those before.
    pub(crate) fn write(&mut self, file: &File, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.block.take(rest);
            rest = rest.get(taken..).unwrap_or_default();
            if self.block.filled == BLOCK {
                self.flush(file)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, file: &File) -> Result<()> {
        let bytes = self.block.bytes(0..self.block.filled);
        let past = match &self.direct {
            Some(direct) => direct.write_all_at(bytes, self.at),
            None => file.write_all_at(bytes, self.at),
        };
        match past {
            // It has been opened so, and cannot be written so.
            Err(error) if error.kind() == ErrorKind::InvalidInput && self.direct.take().is_some() => {
                file.write_all_at(bytes, self.at)?;
            }
            written => written?,
        }
        (self.at, self.block.filled) = (self.at + self.block.filled as u64, 0);
        Ok(())
    }

    /// Writes the rest, which is no whole number of the disk's blocks.
    pub(crate) fn finish(mut self, file: &File) -> Result<()> {
        self.direct = None;
        self.flush(file)
    }
}

/// The next number of bytes that are whole blocks of any disk.
pub(crate) fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

/// Opens a file for writes past the cache; `None` where there are none.
fn open(path: &Path) -> Result<Option<File>> {
    let Some(flag) = FLAG else { return Ok(None) };
    match OpenOptions::new().write(true).custom_flags(flag).open(path) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
        file => file.map(Some),
    }
}

/// Linux' `O_DIRECT`, as far as its value is known here.
const FLAG: Option<i32> = match () {
    () if cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "riscv64"))) => Some(0o40_000),
    () if cfg!(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "arm"))) => Some(0o200_000),
    () => None,
};

#[cfg(test)]
mod tests {
    use sloth_types::rng::Rng;

    use super::*;

    /// Pieces of all sizes come to the disk as they are, whatever is left over at the end.
    #[test]
    fn pieces_are_written_one_behind_the_other() {
        // On a disk: temporary directories may lie in memory, which has no such writes.
        let test = std::env::current_exe().unwrap();
        let directory = tempfile::tempdir_in(test.parent().unwrap()).unwrap();
        let mut rng = Rng::new(1);
        for (number, size) in [LARGE_BYTES, LARGE_BYTES + 1, 3 * BLOCK, 3 * BLOCK + 4095, 5_000_011].iter().enumerate()
        {
            let all: Vec<u8> = (0..*size).map(|i| (i * 31 + i / 251) as u8).collect();
            let (mut pieces, mut from) = (vec![], 0);
            while from < *size {
                let most = if rng.chance(0.9) { 3000 } else { 2_000_000 };
                let to = *size.min(&(from + 1 + rng.below(most) as usize));
                pieces.push(Bytes::copy_from_slice(&all[from..to]));
                from = to;
            }
            let path = directory.path().join(number.to_string());
            let file = File::create_new(&path).unwrap();
            if write(&path, &file, &pieces).unwrap() {
                assert!(std::fs::read(&path).unwrap() == all, "{size} bytes");
            } else {
                assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
            }
        }
    }

    #[test]
    fn small_files_are_left_to_the_cache() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("small");
        let file = File::create_new(&path).unwrap();
        assert!(!write(&path, &file, &[Bytes::from_static(b"little")]).unwrap());
    }
}
