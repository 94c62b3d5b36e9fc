//! The `inline` connector: a file system table whose files stand in the DDL, so that a test shows its data.
//!
//! `'connector' = 'inline', 'format' = 'csv', 'data' = '1,a'` reads one split; `'data.2'`, `'data.3'`, … are more splits.
//! All other options are those of `filesystem`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sloth_connectors::filesystem::Filesystem;
use sloth_types::{Connector, Options, Result, Source, TableSpec};

/// The connector. Its files live as long as it does.
#[derive(Debug)]
pub struct Inline {
    directory: PathBuf,
    tables: AtomicU64,
}

static DIRECTORIES: AtomicU64 = AtomicU64::new(0);

/// A printed line or message without the place of the files, which is another in every run.
pub fn without_place(line: &str) -> String {
    let place = std::env::temp_dir().join("sloth-inline-").display().to_string();
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(&place) {
        out.push_str(before);
        rest = after.split_once("/part").map_or(after, |(_, file)| file);
        out.push_str("data");
    }
    out + rest
}

impl Default for Inline {
    fn default() -> Self {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("sloth-inline-{}-{number}", std::process::id()));
        Inline { directory, tables: AtomicU64::new(0) }
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        // It does not exist when no table was read.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Connector for Inline {
    fn name(&self) -> &'static str {
        "inline"
    }

    fn source(&self, table: &TableSpec) -> Result<Arc<dyn Source>> {
        let number = self.tables.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(number.to_string());
        std::fs::create_dir_all(&directory)?;
        let mut options = Options::default();
        let mut files = 0;
        for (key, value) in table.options.iter() {
            match key.strip_prefix("data") {
                Some(rest) if rest.is_empty() || rest.starts_with('.') => {
                    files += 1;
                    let mut text = value.trim_start_matches('\n').to_owned();
                    if !text.ends_with('\n') {
                        text.push('\n');
                    }
                    std::fs::write(directory.join(format!("part{rest}")), text)?;
                }
                _ => options.set(key, value),
            }
        }
        options.set("connector", "filesystem");
        options.set("path", directory.display().to_string());
        options.set("scan.parallelism", files.to_string());
        Filesystem.source(&TableSpec { options, ..table.clone() })
    }
}
