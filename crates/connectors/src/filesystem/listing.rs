//! Which files belong to a table.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sloth_types::{Error, Result};

use super::cannot;

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileFound {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// Milliseconds since 1970.
    pub(super) modified_ms: i64,
}

/// How a file's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
    /// Packed in itself.
    Parquet,
}

impl FileFound {
    /// The packing that the file's name tells.
    ///
    /// # Errors
    /// When it is one that is not offered.
    pub(super) fn packing(&self) -> Result<Packing> {
        match self.path.extension().and_then(|e| e.to_str()) {
            Some("gz" | "gzip") => Ok(Packing::Gzip),
            Some("zst" | "zstd") => Ok(Packing::Zstd),
            Some(other @ ("bz2" | "xz" | "deflate" | "lz4" | "br" | "zip")) => Err(Error::unsupported(format!(
                "file '{}': the compression '{other}' is not offered",
                self.path.display()
            ))
            .hint("Use gzip or zstd.")),
            _ => Ok(Packing::Plain),
        }
    }
}

/// All files of `path`, which is a file, a directory (searched recursively) or a glob, sorted by path. Files and
/// directories whose names start with `.` or `_` are left out, unless named.
///
/// # Errors
/// When the path does not exist or cannot be read.
pub(super) fn list(path: &str) -> Result<Vec<FileFound>> {
    let mut found = Vec::new();
    if !Path::new(path).exists() && path.contains(['*', '?', '[']) {
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        let matches = glob::glob_with(path, options)
            .map_err(|e| Error::invalid(format!("option 'path' = '{path}' is not a valid pattern: {e}")))?;
        for matched in matches {
            let matched = matched.map_err(|e| cannot("listed", e.path())(e.into()))?;
            visit(&matched, &mut found)?;
        }
    } else {
        visit(Path::new(path), &mut found)?;
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn visit(path: &Path, found: &mut Vec<FileFound>) -> Result<()> {
    let error = |e: std::io::Error| {
        let error = cannot("read", path)(e);
        if error.hint_text().is_some() { error } else { error.hint("Check the option 'path'.") }
    };
    let metadata = fs::metadata(path).map_err(error)?;
    if !metadata.is_dir() {
        found.push(FileFound { path: path.to_owned(), bytes: metadata.len(), modified_ms: modified_ms(&metadata) });
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(error)? {
        let entry = entry.map_err(error)?;
        let hidden = entry.file_name().as_encoded_bytes().first().is_some_and(|b| matches!(b, b'.' | b'_'));
        if !hidden {
            match visit(&entry.path(), found) {
                // A file may go away between being listed and being looked at.
                Err(_) if !entry.path().exists() => (),
                other => other?,
            }
        }
    }
    Ok(())
}

fn modified_ms(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |d| d.as_millis() as i64)
}
