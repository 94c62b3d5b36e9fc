//! Files that a killed run was writing: nobody will ever give them a name.
//!
//! ```text
//!  .part-1795388722982-sloth-83855401-clicks-0-0.7-3.csv.inprogress
//!        start of the run  the writer            its run
//! ```
//!
//! A run removes those of its writers' earlier runs once it is in charge: what they have committed has its name by then, and
//! a commit of theirs would be refused.

use std::fs;
use std::path::Path;

use sloth_types::sink::DurableSink;

/// What stands for the writer in the names of its files.
pub(super) fn name_of(durable: &DurableSink) -> String {
    format!("{}.{}", durable.name, durable.generation)
}

/// The run that has left a hidden file, if it is this writer's.
fn run_of(file: &str, writer: &str) -> Option<u64> {
    let (start, rest) = file.strip_prefix(".part-")?.strip_suffix(".inprogress")?.split_once('-')?;
    start.parse::<i64>().ok()?;
    let (run, _) = rest.strip_prefix(writer)?.strip_prefix('.')?.split_once('-')?;
    run.parse().ok()
}

/// Removes what earlier runs of a writer have left half written, in a directory and those below it. What cannot be removed
/// stays: it is in nobody's way.
pub(super) fn remove(directory: &Path, depth: usize, durable: &DurableSink) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if run_of(name, &durable.name).is_some_and(|run| run < durable.generation) {
            if let Err(error) = fs::remove_file(entry.path()) {
                tracing::warn!("'{}' of an earlier run cannot be removed: {error}", entry.path().display());
            }
        } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path(), depth - 1, durable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_writer_itself_are_known_by_their_names() {
        let of = |name: &str| run_of(name, "sloth-8-t-0-1");
        assert_eq!(of(".part-17-sloth-8-t-0-1.7-3.csv.inprogress"), Some(7));
        for other in [
            "part-17-sloth-8-t-0-1.7-3.csv",
            ".part-17-sloth-8-t-0-12.7-3.csv.inprogress",
            ".part-17-sloth-8-t-0-1-3.csv.inprogress",
            ".part-17-0-3.csv.inprogress",
            ".part-x-sloth-8-t-0-1.7-3.csv.inprogress",
            ".commit-sloth-8-t-0-1-000000000007",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
