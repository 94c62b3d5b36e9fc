//! Rolling files: whole, complete, and readable by the source.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use sloth_types::{ChangeBatch, ChangelogMode, Connector, Epoch, OpenSink, TableSpec};

use super::super::Filesystem;
use crate::testing::{TempDir, drain, nullable, open, rows, table};

fn spec(dir: &TempDir, format: &str, more: &[(&str, &str)]) -> TableSpec {
    let fields = vec![Field::new("id", DataType::Int64, false), nullable("s", DataType::Utf8)];
    let path = dir.path("out");
    let mut table = table("t", fields, &[("connector", "filesystem"), ("path", &path), ("format", format)]);
    more.iter().for_each(|(k, v)| table.options.set(*k, *v));
    table
}

fn batch(table: &TableSpec, ids: std::ops::Range<i64>) -> ChangeBatch {
    let texts: StringArray = ids.clone().map(|id| (id % 7 != 0).then(|| format!("text, \"{id}\""))).collect();
    let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(ids)), Arc::new(texts)];
    ChangeBatch::append(RecordBatch::try_new(table.schema.clone(), columns).unwrap())
}

fn files(dir: &TempDir) -> (Vec<PathBuf>, usize) {
    let all: Vec<PathBuf> = std::fs::read_dir(dir.0.join("out")).unwrap().map(|e| e.unwrap().path()).collect();
    let hidden = |p: &PathBuf| p.file_name().unwrap().to_str().unwrap().starts_with('.');
    let count = all.iter().filter(|p| hidden(p)).count();
    (all.into_iter().filter(|p| !hidden(p)).collect(), count)
}

fn read_back(table: &TableSpec) -> Vec<i64> {
    let source = Filesystem.source(table).unwrap();
    let mut ids = Vec::new();
    for split in source.splits().unwrap() {
        let (batches, bad, _) = drain(open(&*source, &split, &table.schema, None).as_mut(), rows(1000));
        assert_eq!(bad, []);
        ids.extend(batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()));
    }
    ids.sort_unstable();
    ids
}

#[test]
fn files_roll_by_size_appear_whole_and_read_back() {
    for (format, more) in [
        ("csv", vec![("csv.header", "true")]),
        ("json", vec![]),
        ("parquet", vec![("sink.parquet.compression", "zstd")]),
    ] {
        let dir = TempDir::new(&format!("roll-{format}"));
        let mut options = vec![("sink.rolling-policy.file-size", "2 kb")];
        options.extend(more);
        let table = spec(&dir, format, &options);
        let sink = Filesystem.sink(&table).unwrap();
        assert!(sink.accepts(&ChangelogMode::Append) && !sink.accepts(&ChangelogMode::Retract));
        let mut writer = sink.open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).unwrap();
        writer.end_epoch(Epoch(0)).unwrap();
        assert_eq!(files(&dir), (vec![], 0), "an epoch without rows makes no file");
        writer.write(Epoch(1), &batch(&table, 0..10)).unwrap();
        writer.end_epoch(Epoch(1)).unwrap();
        assert_eq!(files(&dir), (vec![], 1), "a file is hidden until it is finished");
        for epoch in 1..20 {
            let first = epoch * 10;
            writer.write(Epoch(epoch as u64 + 1), &batch(&table, first..first + 10)).unwrap();
            writer.end_epoch(Epoch(epoch as u64 + 1)).unwrap();
        }
        writer.close().unwrap();
        let (visible, hidden) = files(&dir);
        assert!(visible.len() > 1, "{format}: {visible:?}");
        assert_eq!(hidden, 0);
        assert_eq!(read_back(&table), (0..200).collect::<Vec<_>>(), "{format}");
    }
}

#[test]
fn files_roll_by_age() {
    let dir = TempDir::new("age");
    let options = [("sink.rolling-policy.rollover-interval", "0 s"), ("sink.rolling-policy.check-interval", "0 s")];
    let table = spec(&dir, "json", &options);
    let sink = Filesystem.sink(&table).unwrap();
    let mut writer = sink.open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).unwrap();
    for epoch in 0..3 {
        writer.write(Epoch(epoch), &batch(&table, 0..1)).unwrap();
        writer.end_epoch(Epoch(epoch)).unwrap();
    }
    assert_eq!(files(&dir).0.len(), 3);
    // Another run writes beside the files of the first.
    let mut again = sink.open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).unwrap();
    again.write(Epoch(9), &batch(&table, 0..1)).unwrap();
    again.close().unwrap();
    assert_eq!(files(&dir).0.len(), 4);
}

#[test]
fn files_roll_when_no_rows_come() {
    let dir = TempDir::new("idle");
    let options = [("sink.rolling-policy.inactivity-interval", "0 s"), ("sink.rolling-policy.check-interval", "0 s")];
    let table = spec(&dir, "json", &options);
    let mut writer =
        Filesystem.sink(&table).unwrap().open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).unwrap();
    writer.write(Epoch(0), &batch(&table, 0..1)).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    writer.end_epoch(Epoch(1)).unwrap();
    assert_eq!(files(&dir), (files(&dir).0, 0));
    assert_eq!(files(&dir).0.len(), 1);
}

#[test]
fn wrong_options_are_refused_before_anything_is_written() {
    let dir = TempDir::new("sink-options");
    let error = |table: &TableSpec| Filesystem.sink(table).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error(&spec(&dir, "parquet", &[("sink.parquet.compression", "rar")])).contains("expected none, snappy"));
    assert!(error(&spec(&dir, "csv", &[("auto-compaction", "true")])).contains("not compacted"));
    assert!(error(&spec(&dir, "xml", &[])).contains("format 'xml' is not known"));
    dir.write("out", "a file");
    assert!(error(&spec(&dir, "csv", &[])).contains("is a file"));
    let missing = spec(&TempDir::new("sink-unwritable"), "csv", &[("path", "/proc/none/out")]);
    let sink = Filesystem.sink(&missing).unwrap();
    let error = sink.open(OpenSink::plain(missing.schema.clone(), ChangelogMode::Append)).err().unwrap();
    assert!(error.to_string().contains("/proc/none/out"), "{error}");
}

#[test]
fn a_partitioned_table_has_a_directory_for_each_combination() {
    let dir = TempDir::new("partitions");
    let mut table = spec(&dir, "csv", &[("sink.partition-commit.policy.kind", "success-file")]);
    table.partition_by = vec!["s".to_owned()];
    let sink = Filesystem.sink(&table).unwrap();
    let mut writer = sink.open(OpenSink::plain(table.schema.clone(), ChangelogMode::Append)).unwrap();
    let columns: Vec<arrow::array::ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
        Arc::new(StringArray::from(vec![Some("00:05"), None, Some("00:05"), Some("a/b")])),
    ];
    let batch = ChangeBatch::append(RecordBatch::try_new(table.schema.clone(), columns).unwrap());
    writer.write(Epoch(0), &batch).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    writer.close().unwrap();
    for (directory, lines) in [("s=00:05", "1\n3\n"), ("s=__HIVE_DEFAULT_PARTITION__", "2\n"), ("s=a%2Fb", "4\n")] {
        let path = dir.0.join("out").join(directory);
        let mut names: Vec<String> =
            std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!((names.len(), names[0].as_str()), (2, "_SUCCESS"), "{directory}");
        assert_eq!(std::fs::read_to_string(path.join(&names[1])).unwrap(), lines, "{directory}");
    }
}

#[test]
fn writers_that_begin_at_the_same_time_do_not_take_each_others_names() {
    let dir = TempDir::new("names");
    let files = || super::Files { directory: dir.0.clone(), start_ms: 1, writer: "0".to_owned(), next: 0 };
    let (mut one, mut other) = (files(), files());
    let mut names = vec![];
    for _ in 0..3 {
        for files in [&mut one, &mut other] {
            let next = files.next("csv").unwrap();
            names.push(next.visible.clone());
            // Some have become visible in between.
            if names.len() % 2 == 0 {
                std::fs::rename(next.hidden, next.visible).unwrap();
            }
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 6);
}

#[test]
fn files_that_a_reader_has_taken_away_do_not_hold_the_next_run_up() {
    let dir = TempDir::new("taken");
    let table = spec(&dir, "json", &[]);
    let open = |generation| {
        let durable = Some(sloth_types::sink::DurableSink { name: "job-t-0-0".into(), generation });
        let open = OpenSink { durable, ..OpenSink::plain(table.schema.clone(), ChangelogMode::Append) };
        Filesystem.sink(&table).unwrap().open(open).unwrap()
    };
    let mut writer = open(1);
    writer.write(Epoch(0), &batch(&table, 0..10)).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    writer.commit(Epoch(0), true).unwrap();
    drop(writer);
    let (visible, _) = files(&dir);
    let taken: Vec<_> = visible.into_iter().filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    assert_eq!(taken.len(), 1);
    std::fs::remove_file(&taken[0]).unwrap();
    assert_eq!(open(2).committed().unwrap(), Some(Epoch(0)));
}

/// Two runs at once: one of them takes over while the other still commits. Nobody ends but the older one, and each row is
/// there once.
#[test]
fn a_run_takes_over_while_the_older_one_commits() {
    let dir = TempDir::new("racing");
    let table = spec(&dir, "json", &[]);
    let open = |generation| {
        let durable = Some(sloth_types::sink::DurableSink { name: "job-t-0-0".into(), generation });
        let open = OpenSink { durable, ..OpenSink::plain(table.schema.clone(), ChangelogMode::Append) };
        Filesystem.sink(&table).unwrap().open(open).unwrap()
    };
    let mut old = open(1);
    let committed = std::thread::scope(|scope| {
        let commits = scope.spawn(|| {
            let mut last = None;
            for epoch in 0..2000 {
                let row = epoch as i64;
                old.write(Epoch(epoch), &batch(&table, row..row + 1)).unwrap();
                old.end_epoch(Epoch(epoch)).unwrap();
                match old.commit(Epoch(epoch), true) {
                    Ok(()) => last = Some(Epoch(epoch)),
                    Err(error) => {
                        assert!(error.to_string().contains("another run of this job"), "{error}");
                        break;
                    }
                }
            }
            last
        });
        std::thread::sleep(std::time::Duration::from_millis(30));
        let found = open(2).committed().unwrap();
        (found, commits.join().unwrap())
    });
    let (found, told) = committed;
    // The older one may learn of the other one's commit right after its own.
    assert!(found == told || found.map(|e| e.0) == Some(told.map_or(0, |e| e.0 + 1)), "{found:?}, {told:?}");
    let visible = files(&dir).0.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json"));
    let rows: usize = visible.map(|path| std::fs::read_to_string(path).unwrap().lines().count()).sum();
    assert_eq!(rows as u64, found.map_or(0, |e| e.0 + 1));
}

#[test]
fn what_a_killed_run_has_left_half_written_goes_with_the_next_run() {
    for partitioned in [false, true] {
        let dir = TempDir::new(if partitioned { "leftover-partitions" } else { "leftovers" });
        let mut table = spec(&dir, "csv", &[]);
        if partitioned {
            table.partition_by = vec!["s".to_owned()];
        }
        let open = |name: &str, generation| {
            let durable = Some(sloth_types::sink::DurableSink { name: name.into(), generation });
            let open = OpenSink { durable, ..OpenSink::plain(table.schema.clone(), ChangelogMode::Append) };
            Filesystem.sink(&table).unwrap().open(open).unwrap()
        };
        let half_written = || {
            let mut open = vec![dir.0.join("out")];
            let mut names = vec![];
            while let Some(directory) = open.pop() {
                for entry in std::fs::read_dir(directory).unwrap().map(|e| e.unwrap()) {
                    match entry.file_type().unwrap().is_dir() {
                        true => open.push(entry.path()),
                        false => names.push(entry.file_name().into_string().unwrap()),
                    }
                }
            }
            names.retain(|name| name.ends_with(".inprogress"));
            names
        };
        let mut writer = open("job-t-0-0", 3);
        writer.write(Epoch(0), &batch(&table, 0..3)).unwrap();
        writer.end_epoch(Epoch(0)).unwrap();
        let mut other = open("job-t-0-1", 3);
        other.write(Epoch(0), &batch(&table, 3..6)).unwrap();
        other.end_epoch(Epoch(0)).unwrap();
        let before = half_written().len();
        assert!(before >= 2, "{:?}", half_written());
        // As a process that is killed: nothing is closed. The other writer is of another run, or is still to come.
        std::mem::forget((writer, other));
        drop(open("job-t-0-0", 4));
        let left = half_written();
        assert!(left.len() < before && left.iter().all(|name| name.contains("job-t-0-1.3-")), "{left:?}");
        drop(open("job-t-0-1", 4));
        assert_eq!(half_written(), Vec::<String>::new());
    }
}
