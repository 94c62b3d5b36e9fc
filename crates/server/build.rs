//! Makes sure that `web/dist` exists, so that the crate compiles before the page has been built (`scripts/web`).

use std::path::Path;

fn main() -> std::io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    std::fs::create_dir_all(&dist)?;
    // A page built later must end up in the binary: file names carry hashes, so the folder itself is what to watch.
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
