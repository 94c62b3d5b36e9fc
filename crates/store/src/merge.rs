//! Small files of changes become one: a restore opens each file that a manifest names.

use object_store::path::Path;
use sloth_types::{ErrorKind, Result};

use crate::manifest::StateFile;
use crate::objects::Objects;
use crate::{ahead, recover};

/// A file with less is small.
const SMALL: usize = 1 << 20;
/// So many small files one behind the other become one.
pub(crate) const FILES_MAX: usize = 64;

/// Writes the small files at the end of what is named of an operator on a worker as one, when they are many. The others stay
/// until no checkpoint names them.
///
/// # Errors
/// When the store does not answer; when another run has taken over.
pub(crate) fn small_files(objects: &Objects, files: &mut Vec<StateFile>, path: &Path) -> Result<()> {
    let many = files.iter().rev().take_while(|file| file.bytes < SMALL).count();
    let Some(first) = files.len().checked_sub(many).filter(|_| many >= FILES_MAX) else { return Ok(()) };
    let mut parts = match recover::read_files(objects, files.get(first..).unwrap_or_default()) {
        Ok(parts) => parts,
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Invalid) => return Err(error),
        // The state of this run is whole: what is damaged is found by who needs it.
        Err(error) => {
            tracing::warn!("small files of a checkpoint stay as they are: {error}");
            return Ok(());
        }
    };
    // The state may have begun among them: that is no change.
    let begun = parts.iter().rposition(|part| !part.continues).map_or(0, |last| last + 1);
    let mut changes = parts.drain(begun..);
    let Some(mut all) = changes.next() else { return Ok(()) };
    changes.for_each(|next| all.go_on_with(next));
    files.truncate(first + begun);
    files.push(ahead::create(objects, path, &all)?);
    Ok(())
}
