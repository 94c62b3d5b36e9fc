//! A job that goes on finds the files that its offsets mean, or says why it cannot.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use sloth_types::source::OpenSplit;
use sloth_types::{Clock, Error, ErrorKind, Offset, ReadOutcome, SplitId, TableSpec, Waker};

use super::{source, spec, write_parquet};
use crate::testing::{TempDir, rows};

/// A run that has been told `notes`, and stands at `from` in its only split.
fn go_on(table: &TableSpec, notes: &[String], from: Option<Offset>) -> Result<(Vec<i64>, Vec<String>), Error> {
    let source = source(table);
    source.recall(notes)?;
    let split = SplitId::new("lane-0");
    let opening = |split| {
        let (schema, waker) = (table.schema.clone(), Waker::noop());
        source.open(OpenSplit { split, from, appeared: false, schema, waker, clock: Clock::manual(0) })
    };
    let resumed = from.map(|_| opening(split.clone())).transpose()?;
    assert_eq!(source.splits()?, std::slice::from_ref(&split));
    let mut reader = resumed.map_or_else(|| opening(split), Ok)?;
    let mut ids = vec![];
    while let ReadOutcome::Rows(read) = reader.read(rows(1))? {
        ids.extend(read.batch.column(0).as_primitive::<Int64Type>().values());
    }
    Ok((ids, source.new_notes()))
}

fn set_time(path: &str, seconds: u64) {
    let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
    std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn files_keep_their_numbers_whatever_happens_to_a_watched_directory() {
    let dir = TempDir::new("numbers");
    let table = spec(&dir.path(""), "csv", &[("source.monitor-interval", "1 h"), ("scan.block-size", "4")]);
    set_time(&dir.write("y.csv", "1,y\n2,y\n"), 200);
    let (ids, mut notes) = go_on(&table, &[], None).unwrap();
    assert_eq!(ids, [1, 2]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    // It comes later, and is older; the size of blocks stays.
    set_time(&dir.write("x.csv", "3,x\n"), 100);
    let mut smaller = table.clone();
    smaller.options.set("scan.block-size", "2");
    let (ids, more) = go_on(&smaller, &notes, Some(Offset(2 << 40))).unwrap();
    assert_eq!((ids, more.len()), (vec![3], 1));
    notes.extend(more);
    // Notes may come twice.
    notes.extend(notes.clone());
    assert_eq!(go_on(&table, &notes, Some(Offset(3 << 40))).unwrap(), (vec![], vec![]));
    // Touched and grown, after it was read.
    set_time(&dir.write("y.csv", "1,y\n2,y\n5,y\n"), 300);
    assert_eq!(go_on(&table, &notes, Some(Offset(3 << 40))).unwrap().0, [0_i64; 0]);
    assert_eq!(go_on(&table, &notes, Some(Offset(1 << 40))).unwrap().0, [2, 3]);
    std::fs::remove_file(dir.path("y.csv")).unwrap();
    dir.write("a.csv", "4,a\n");
    assert_eq!(go_on(&table, &notes, Some(Offset(2 << 40))).unwrap().0, [3, 4]);
    // What has been read in part must be there.
    let gone = go_on(&table, &notes, Some(Offset(1 << 40))).unwrap_err();
    assert!(gone.message().contains("y.csv' cannot be opened"), "{gone}");
    dir.write("y.csv", "2\n");
    let shorter = go_on(&table, &notes, Some(Offset(1 << 40))).unwrap_err();
    assert!(shorter.message().contains("y.csv' had 8 bytes when it was found, and now has 2"), "{shorter}");
    // Offsets without notes mean nothing.
    let before = go_on(&table, &[], Some(Offset(1 << 40))).unwrap_err();
    assert!(before.kind() == ErrorKind::Invalid && before.message().contains("earlier release"), "{before}");
}

#[test]
fn parquet_files_that_were_read_may_go() {
    let dir = TempDir::new("parquet-gone");
    let one = dir.path("1.parquet");
    let mut table = spec(&dir.path(""), "parquet", &[("source.monitor-interval", "1 h")]);
    table.schema = write_parquet(&one, 50);
    let (ids, notes) = go_on(&table, &[], None).unwrap();
    assert_eq!((ids.len(), notes.len()), (50, 2));
    // Three row groups.
    write_parquet(&one, 10);
    let other = go_on(&table, &notes, Some(Offset(2 << 40))).unwrap_err().to_string();
    assert!(other.contains("1.parquet' had ") && other.contains("now has"), "{other}");
    std::fs::remove_file(&one).unwrap();
    write_parquet(&dir.path("0.parquet"), 5);
    assert_eq!(go_on(&table, &notes, Some(Offset(3 << 40))).unwrap().0, [0, 1, 2, 3, 4]);
}

#[test]
fn an_input_that_ends_must_be_what_it_was() {
    let dir = TempDir::new("same");
    let (a, table) = (dir.write("a.csv", "1,a\n"), spec(&dir.path(""), "csv", &[]));
    dir.write("b.csv", "2,b\n");
    let (ids, notes) = go_on(&table, &[], None).unwrap();
    assert_eq!((ids, notes.len()), (vec![1, 2], 3));
    set_time(&a, 1000);
    assert_eq!(go_on(&table, &notes, Some(Offset(1 << 40))).unwrap().0, [2]);
    dir.write("0.csv", "3,0\n");
    dir.write("b.csv", "2,bb\n");
    std::fs::remove_file(a).unwrap();
    let error = go_on(&table, &notes, Some(Offset(1 << 40))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for part in ["a.csv' is gone, ", "b.csv' had 4 bytes and has 5, ", "0.csv' is new"] {
        assert!(error.message().contains(part), "{error}");
    }
    // A job of an earlier release goes on as it did.
    assert_eq!(go_on(&table, &[], Some(Offset(1 << 40))).unwrap().0, [2]);
}
