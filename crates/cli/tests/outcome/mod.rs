//! What jobs have written, read from their files, and compared. Shared by the tests that start the real binary.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// The rows that the visible files of a directory tell of: inserts less deletions, with their numbers.
pub(crate) fn rows_of(directory: &Path) -> BTreeMap<String, i64> {
    let mut rows: BTreeMap<String, i64> = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("part-") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(change @ Value::Object(_)) => {
                    for (image, weight) in [("before", -1), ("after", 1)] {
                        if !change[image].is_null() {
                            *rows.entry(change[image].to_string()).or_default() += weight;
                        }
                    }
                }
                _ => *rows.entry(line.to_owned()).or_default() += 1,
            }
        }
    }
    rows.retain(|_, weight| *weight != 0);
    rows
}

/// Fails with the first differences.
pub(crate) fn assert_same(what: &str, found: &BTreeMap<String, i64>, expected: &BTreeMap<String, i64>) {
    let missing: Vec<_> = expected.iter().filter(|(row, n)| found.get(*row) != Some(n)).take(3).collect();
    let wrong: Vec<_> = found.iter().filter(|(row, n)| expected.get(*row) != Some(n)).take(3).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "{what}: missing {missing:?}, wrong {wrong:?}");
    assert!(!found.is_empty(), "{what} is empty");
}

pub(crate) fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
