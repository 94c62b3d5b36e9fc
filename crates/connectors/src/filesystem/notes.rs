//! What a job keeps of the files of a table, so that its offsets, which count blocks, mean the same files after a restart.
//!
//! A note is a line of text:
//!
//! ```text
//!   cut 1 4194304                          lanes, bytes of a block
//!   file 1048 1795360899290 1 in/a.csv     bytes, time (ms), number of blocks, path
//! ```
//!
//! Files stand in the order of their blocks.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use sloth_types::{Error, Result};

use super::listing::FileFound;

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// How the input is cut.
    Cut(Cutting),
    /// A file, and the number of its blocks.
    File(FileFound, u64),
}

/// How the input is cut: decided once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cutting {
    pub(super) lanes: usize,
    /// Text files that are not packed are cut at multiples of it.
    pub(super) block_bytes: u64,
}

impl Note {
    pub(super) fn to_text(&self) -> String {
        match self {
            Note::Cut(Cutting { lanes, block_bytes }) => format!("cut {lanes} {block_bytes}"),
            Note::File(FileFound { path, bytes, modified_ms }, blocks) => {
                format!("file {bytes} {modified_ms} {blocks} {}", escape(path))
            }
        }
    }

    /// The note that a text is.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn of_text(text: &str) -> Result<Note> {
        let note = || {
            let (kind, rest) = text.split_once(' ')?;
            if kind == "cut" {
                let (lanes, block_bytes) = rest.split_once(' ')?;
                let cutting = Cutting { lanes: lanes.parse().ok()?, block_bytes: block_bytes.parse().ok()? };
                return (cutting.lanes > 0 && cutting.block_bytes > 0).then_some(Note::Cut(cutting));
            }
            let mut parts = rest.splitn(4, ' ');
            let (bytes, modified_ms) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let (blocks, path) = (parts.next()?.parse().ok()?, unescape(parts.next()?)?);
            (kind == "file").then_some(Note::File(FileFound { path, bytes, modified_ms }, blocks))
        };
        note().ok_or_else(|| Error::data(format!("the state directory has a note about files that is none: '{text}'")))
    }
}

/// A path as text, whatever its bytes are.
fn escape(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn unescape(text: &str) -> Option<PathBuf> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_as_they_were_written() {
        let odd = OsString::from_vec(b"in/100% \xff\xfe\n b c.csv".to_vec());
        for path in ["/data/a.csv".into(), "ä b.csv".into(), odd] {
            let note = Note::File(FileFound { path: path.into(), bytes: 7, modified_ms: -3 }, 2);
            assert_eq!(Note::of_text(&note.to_text()).unwrap(), note);
        }
        let cut = Note::Cut(Cutting { lanes: 8, block_bytes: u64::MAX });
        assert_eq!(Note::of_text(&cut.to_text()).unwrap(), cut);
        for wrong in ["", "cut", "cut 0 1", "cut 1", "file 1 2 3", "file 1 2 x a", "files 1 2 3 a", "file 1 2 3 %f"] {
            assert!(Note::of_text(wrong).is_err(), "{wrong}");
        }
    }
}
