//! Where things lie, found from this crate's own place.

use std::path::{Path, PathBuf};

/// The root of the project.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The folder of reference answers that stands beside the project (`SLOTH_SHARED` names another place).
///
/// `None` when `SLOTH_SHARED=skip`: the tests that need it are then left out.
///
/// # Panics
/// When it is not there: a test that silently checks nothing is worse than none.
pub fn shared() -> Option<PathBuf> {
    let place = match std::env::var("SLOTH_SHARED") {
        Ok(value) if value == "skip" => return None,
        Ok(value) => PathBuf::from(value),
        Err(_) => root().join("../shared"),
    };
    assert!(
        place.is_dir(),
        "reference answers are not at {}: set SLOTH_SHARED to their folder, or SLOTH_SHARED=skip to leave them out",
        place.display()
    );
    Some(place)
}
