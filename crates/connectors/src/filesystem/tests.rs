//! Reading files: every record exactly once however the input is cut, and seeking to every offset.

mod restart;

use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit};
use sloth_types::rng::Rng;
use sloth_types::source::OpenSplit;
use sloth_types::table::MetadataColumn;
use sloth_types::{
    BadRecord, Clock, Connector, Error, ErrorKind, Offset, ReadLimit, ReadOutcome, Readiness, Source, TableSpec, Waker,
};

use super::Filesystem;
use crate::testing::{TempDir, drain, nullable, open, rows, table};

fn spec(path: &str, format: &str, more: &[(&str, &str)]) -> TableSpec {
    let fields = vec![Field::new("id", DataType::Int64, false), nullable("s", DataType::Utf8)];
    let mut table = table("t", fields, &[("connector", "filesystem"), ("path", path), ("format", format)]);
    more.iter().for_each(|(k, v)| table.options.set(*k, *v));
    table
}

fn source(table: &TableSpec) -> Arc<dyn Source> {
    Filesystem.source(table).unwrap()
}

/// All splits one after another.
fn read_all(table: &TableSpec, limit: usize) -> (Vec<RecordBatch>, Vec<BadRecord>) {
    let source = source(table);
    let (mut batches, mut bad) = (Vec::new(), Vec::new());
    for split in source.splits().unwrap() {
        let (b, x, _) = drain(open(&*source, &split, &table.schema, None).as_mut(), rows(limit));
        batches.extend(b);
        bad.extend(x);
    }
    (batches, bad)
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let mut ids: Vec<i64> =
        batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    ids.sort_unstable();
    ids
}

/// Lines with ids from `first` on, of very different lengths.
fn lines(rng: &mut Rng, first: i64, count: i64, last_newline: bool) -> String {
    let mut text = String::new();
    for id in first..first + count {
        let ending = if rng.chance(0.1) { "\r\n" } else { "\n" };
        text.push_str(&format!("{id},{}{ending}", "x".repeat(rng.below(40) as usize)));
        if rng.chance(0.05) {
            text.push('\n');
        }
    }
    if !last_newline {
        text.truncate(text.trim_end().len());
    }
    text
}

#[test]
fn lanes_cover_every_record_once_for_any_block_size() {
    let dir = TempDir::new("lanes");
    for seed in 0..25 {
        let mut rng = Rng::new(seed);
        let counts: Vec<i64> = (0..=rng.below(3)).map(|_| rng.between(0, 60)).collect();
        let total: i64 = counts.iter().sum();
        let _ = std::fs::remove_dir_all(&dir.0);
        let mut first = 0;
        for (file, count) in counts.iter().enumerate() {
            dir.write(&format!("f{file}.csv"), lines(&mut rng, first, *count, file % 2 == 0));
            first += count;
        }
        dir.write("_ignored", "not,for,us");
        let block = rng.between(1, 200).to_string();
        let lanes = rng.between(1, 5).to_string();
        let path = dir.path("");
        let table = spec(&path, "csv", &[("scan.block-size", &block), ("scan.parallelism", &lanes)]);
        let limit = rng.between(1, 50) as usize;
        let (batches, bad) = read_all(&table, limit);
        assert_eq!(bad, [], "seed {seed}");
        assert_eq!(ids(&batches), (0..total).collect::<Vec<_>>(), "seed {seed} block {block} lanes {lanes}");
    }
}

/// Reads each lane record by record, then again from every offset and up to every offset.
fn check_every_offset(table: &TableSpec) {
    let source = source(table);
    for split in source.splits().unwrap() {
        let schema = &table.schema;
        let (batches, _, offsets) = drain(open(&*source, &split, schema, None).as_mut(), rows(1));
        assert!(batches.iter().all(|b| b.num_rows() == 1));
        if batches.is_empty() {
            continue;
        }
        let all = concat_batches(schema, &batches).unwrap();
        for (index, offset) in offsets.iter().enumerate() {
            let (rest, ..) = drain(open(&*source, &split, schema, Some(*offset)).as_mut(), rows(1000));
            let rest = concat_batches(schema, &rest).unwrap();
            assert_eq!(rest, all.slice(index + 1, all.num_rows() - index - 1), "from {offset:?}");
            let mut reader = open(&*source, &split, schema, None);
            let (head, _, _) = drain(reader.as_mut(), ReadLimit { rows: 7, until: Some(*offset) });
            assert_eq!(concat_batches(schema, &head).unwrap(), all.slice(0, index + 1), "until {offset:?}");
            // And on from there.
            let (rest, ..) = drain(reader.as_mut(), rows(1000));
            assert_eq!(rest.iter().map(RecordBatch::num_rows).sum::<usize>(), all.num_rows() - index - 1);
        }
    }
}

#[test]
fn every_offset_can_be_sought_in_plain_and_packed_files() {
    let dir = TempDir::new("seek");
    let mut rng = Rng::new(5);
    dir.write("a.csv", lines(&mut rng, 0, 30, false));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(lines(&mut rng, 30, 20, false).as_bytes()).unwrap();
    dir.write("b.csv.gz", gz.finish().unwrap());
    dir.write("c.csv.zst", zstd::encode_all(lines(&mut rng, 50, 10, true).as_bytes(), 1).unwrap());
    dir.write("d.csv", lines(&mut rng, 60, 30, true));
    let table = spec(&dir.path(""), "csv", &[("scan.block-size", "100"), ("scan.parallelism", "3")]);
    assert_eq!(ids(&read_all(&table, 11).0), (0..90).collect::<Vec<_>>());
    check_every_offset(&table);
}

#[test]
fn headers_name_the_columns_of_each_file() {
    let dir = TempDir::new("header");
    dir.write("a.csv", "\u{feff}s,id\r\nx,1\ny,2\nz,3\n");
    dir.write("b.csv", "id,more,\"s\"\n4,?,a\n5,?,b");
    let table =
        spec(&dir.path("*.csv"), "csv", &[("csv.header", "true"), ("scan.block-size", "9"), ("scan.parallelism", "2")]);
    let (batches, bad) = read_all(&table, 10);
    assert_eq!(bad, []);
    assert_eq!(ids(&batches), [1, 2, 3, 4, 5]);
    check_every_offset(&table);
    dir.write("c.csv", "ident,s\n1,2\n");
    let source = source(&table);
    let error = source.splits().unwrap().into_iter().find_map(|split| {
        let schema = table.schema.clone();
        let opening =
            OpenSplit { split, from: None, appeared: false, schema, waker: Waker::noop(), clock: Clock::manual(0) };
        let mut reader = source.open(opening).unwrap();
        loop {
            match reader.read(rows(10)) {
                Ok(ReadOutcome::End) => return None,
                Ok(_) => (),
                Err(error) => return Some(error.to_string()),
            }
        }
    });
    assert!(error.unwrap().contains("c.csv': there is no column 'id'"));
}

#[test]
fn bad_lines_come_with_their_text_and_place() {
    let dir = TempDir::new("bad");
    let path = dir.write("a.csv", "1,a\nx,b\n\n3,c,d\n4,e\n");
    let (batches, bad) = read_all(&spec(&path, "csv", &[]), 100);
    assert_eq!(ids(&batches), [1, 4]);
    let told: Vec<_> = bad.iter().map(|b| (String::from_utf8_lossy(&b.raw).into_owned(), b.place.clone())).collect();
    assert_eq!(told, [("x,b".into(), format!("file {path} byte 4")), ("3,c,d".into(), format!("file {path} byte 9"))]);
    assert_eq!(bad[0].error, "column 'id': 'x' is not a valid BIGINT");
    assert!(bad[1].error.starts_with("the line has 3 fields, but the table has 2"), "{}", bad[1].error);
}

#[test]
fn records_that_are_too_large_are_bad_and_the_rest_goes_on() {
    let dir = TempDir::new("large");
    let long = "y".repeat(1_500_000);
    let path = dir.write("a.csv", format!("1,a\n2,{long}\n3,c\n4,{}\n5,e", "z".repeat(150)));
    let table = spec(&path, "csv", &[("record.max-bytes", "100")]);
    let (batches, bad) = read_all(&table, 100);
    assert_eq!(ids(&batches), [1, 3, 5]);
    assert_eq!(bad.len(), 2);
    assert_eq!(bad[0].raw.len(), 64 << 10);
    let (batches, bad) = read_all(&spec(&path, "csv", &[("scan.block-size", "1 mb"), ("scan.parallelism", "2")]), 100);
    assert_eq!((ids(&batches), bad.len()), (vec![1, 2, 3, 4, 5], 0));
}

#[test]
fn quoted_newlines_are_read_when_asked_for() {
    let dir = TempDir::new("multiline");
    let path = dir.write("a.csv", "1,\"one\ntwo\"\n2,\"a \"\"b\"\"\n\"\n3,c\n4,\"never closed\n5,e\n");
    let table = spec(&path, "csv", &[("csv.multiline", "true"), ("scan.block-size", "4")]);
    for limit in [1, 2, 100] {
        let (batches, bad) = read_all(&table, limit);
        assert_eq!(ids(&batches), [1, 2, 3, 5]);
        assert_eq!(String::from_utf8_lossy(&bad[0].raw), "4,\"never closed");
        let all = concat_batches(&table.schema, &batches).unwrap();
        let texts: Vec<_> = all.column(1).as_string::<i32>().iter().flatten().collect();
        assert_eq!(texts, ["one\ntwo", "a \"b\"\n", "c", "e"]);
    }
}

#[test]
fn json_and_raw_lines_and_metadata_columns() {
    let dir = TempDir::new("json");
    let path = dir.write("a.json", "{\"id\":1,\"s\":\"a\"}\nbroken\n{\"id\":3}\n");
    let mut json = spec(&path, "json", &[("scan.block-size", "5"), ("scan.parallelism", "4")]);
    check_every_offset(&spec(&dir.write("b.json", "{\"id\":1}\n{\"id\":2}\n\n{\"id\":3}"), "json", &[]));
    let (batches, bad) = read_all(&json, 10);
    assert_eq!((ids(&batches), bad.len()), (vec![1, 3], 1));
    let fields = vec![
        nullable("name", DataType::Utf8),
        Field::new("id", DataType::Int64, false),
        nullable("size", DataType::Int64),
        nullable("at", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
    ];
    json.schema = Arc::new(Schema::new(fields));
    for (column, key) in [("name", "file.name"), ("size", "file.size"), ("at", "file.modification-time")] {
        json.metadata.push(MetadataColumn { column: column.into(), key: key.into(), read_only: true });
    }
    let all = concat_batches(&json.schema, &read_all(&json, 10).0).unwrap();
    assert_eq!(all.column(0).as_string::<i32>().value(1), "a.json");
    assert_eq!(all.column(2).as_primitive::<Int64Type>().value(0), std::fs::metadata(&path).unwrap().len() as i64);
    assert_eq!(all.column(3).null_count(), 0);
    let mut raw = spec(&path, "raw", &[]);
    raw.schema = Arc::new(Schema::new(vec![nullable("line", DataType::Utf8)]));
    let all = concat_batches(&raw.schema, &read_all(&raw, 2).0).unwrap();
    assert_eq!(all.column(0).as_string::<i32>().value(1), "broken");
}

fn write_parquet(path: &str, count: i64) -> SchemaRef {
    let fields = Fields::from(vec![nullable("price", DataType::Int64), nullable("url", DataType::Utf8)]);
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        nullable("bid", DataType::Struct(fields)),
        nullable("ts", DataType::Timestamp(TimeUnit::Microsecond, None)),
        nullable("tags", DataType::List(Arc::new(nullable("item", DataType::Int32)))),
    ]));
    let mut spec = spec("", "json", &[]);
    spec.schema = schema.clone();
    let mut json = crate::format::decoder("json", &spec.options, &spec, schema.clone()).unwrap();
    let text: String = (0..count)
        .map(|id| {
            let bid = if id % 3 == 0 { "null".to_owned() } else { format!("{{\"price\":{id},\"url\":\"u{id}\"}}") };
            format!("{{\"id\":{id},\"bid\":{bid},\"ts\":\"2024-11-11 00:00:00.{id:03}\",\"tags\":[{id}]}}\n")
        })
        .collect();
    let batch = json.decode_block(text.as_bytes()).unwrap().batch;
    let properties =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(17)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, schema.clone(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    schema
}

#[test]
fn parquet_row_groups_are_blocks_and_leaves_are_pruned() {
    let dir = TempDir::new("parquet");
    let path = dir.path("a.parquet");
    let schema = write_parquet(&path, 50);
    let mut table = spec(&dir.path(""), "parquet", &[("scan.parallelism", "2")]);
    table.schema = schema;
    check_every_offset(&table);
    assert_eq!(ids(&read_all(&table, 1000).0), (0..50).collect::<Vec<_>>());
    let row =
        DataType::Struct(Fields::from(vec![nullable("url", DataType::Utf8View), nullable("new", DataType::Int32)]));
    table.schema = Arc::new(Schema::new(vec![
        nullable("bid", row),
        nullable("ts", DataType::Timestamp(TimeUnit::Millisecond, None)),
        nullable("absent", DataType::Utf8),
    ]));
    let batches = read_all(&table, 1000).0;
    let all = concat_batches(&table.schema, &batches).unwrap();
    assert_eq!(all.num_rows(), 50);
    assert_eq!(all.column(0).as_struct().column(0).as_string_view().value(1), "u1");
    assert_eq!(all.column(0).null_count(), 17);
    table.schema = Arc::new(Schema::empty());
    assert_eq!(read_all(&table, 1000).0.iter().map(RecordBatch::num_rows).sum::<usize>(), 50);
    dir.write("b.parquet", "PAR1 no");
    assert!(source(&table).splits().is_err());
}

#[test]
fn parquet_gives_texts_as_dictionaries_when_asked() {
    let dir = TempDir::new("dictionaries");
    let names: Vec<Option<String>> = (0..60).map(|i| (i % 7 != 0).then(|| format!("name {}", i % 5))).collect();
    let texts: ArrayRef = Arc::new(StringArray::from(names));
    // Once with a dictionary in the file, once without.
    for dictionary in [true, false] {
        let path = dir.path(&format!("{dictionary}.parquet"));
        let batch = RecordBatch::try_from_iter(vec![("name", texts.clone()), ("same", texts.clone())]).unwrap();
        let properties =
            parquet::file::properties::WriterProperties::builder().set_dictionary_enabled(dictionary).build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let mut table = spec(&path, "parquet", &[]);
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        table.schema = Arc::new(Schema::new(vec![nullable("name", coded.clone()), nullable("same", DataType::Utf8)]));
        let (mut entries, mut rows_read) = (0, 0);
        for batch in read_all(&table, 25).0 {
            let column = batch.column(0).as_dictionary::<Int32Type>();
            entries = entries.max(column.values().len());
            assert_eq!(cast(column, &DataType::Utf8).unwrap().as_ref(), batch.column(1).as_ref());
            assert_eq!(batch.column(1).as_ref(), texts.slice(rows_read, batch.num_rows()).as_ref());
            rows_read += batch.num_rows();
        }
        assert_eq!((entries, rows_read), (if dictionary { 5 } else { 60 }, 60));
    }
}

#[test]
fn a_watched_directory_gives_new_files_and_says_when_it_is_caught_up() {
    let dir = TempDir::new("watch");
    dir.write("a.csv", "1,a\n");
    let table = spec(&dir.path(""), "csv", &[("source.monitor-interval", "20 ms")]);
    let source = source(&table);
    assert!(!source.bounded());
    let split = source.splits().unwrap().remove(0);
    let woken = Arc::new(AtomicUsize::new(0));
    let count = woken.clone();
    let waker = Waker::new(move || count.store(1, Ordering::SeqCst));
    let schema = table.schema.clone();
    let mut reader =
        source.open(OpenSplit { split, from: None, appeared: false, schema, waker, clock: Clock::manual(0) }).unwrap();
    assert!(matches!(reader.read(rows(10)).unwrap(), ReadOutcome::Rows(_)));
    let caught_up = |outcome| matches!(outcome, ReadOutcome::Pending(Readiness::OnWake { caught_up: true }));
    assert!(caught_up(reader.read(rows(10)).unwrap()));
    assert_eq!(reader.offset(), Offset(1 << 40));
    // A file that is being written has a hidden name.
    dir.write(".b.csv", "2,b\n");
    std::fs::rename(dir.path(".b.csv"), dir.path("b.csv")).unwrap();
    for _ in 0..500 {
        if woken.load(Ordering::SeqCst) > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let ReadOutcome::Rows(read) = reader.read(rows(10)).unwrap() else { panic!("no rows") };
    assert_eq!(ids(&[read.batch]), [2]);
    assert!(caught_up(reader.read(rows(10)).unwrap()));
}

#[test]
fn only_what_may_come_back_by_itself_is_worth_another_try() {
    let dir = TempDir::new("through");
    dir.write("real/day/a.csv", "1,a\n");
    symlink(dir.path("real"), dir.path("files")).unwrap();
    let refused = |error: Error, what: &str| {
        assert!(error.kind() == ErrorKind::Invalid && error.hint_text().is_some(), "{error}");
        assert!(error.message().contains(&dir.path(what)), "{error}");
    };
    let splits = |path: &str| source(&spec(&dir.path(path), "csv", &[])).splits();
    refused(splits("files/day/a.csv/below").unwrap_err(), "files/day/a.csv/below");
    refused(splits(&"x".repeat(300)).unwrap_err(), "xxx");
    assert_eq!(splits("files/night").unwrap_err().kind(), ErrorKind::Unavailable);
    // So it is while a job looks for new files.
    let table = spec(&dir.path("files/day"), "csv", &[("source.monitor-interval", "5 ms")]);
    let source = source(&table);
    let split = source.splits().unwrap().remove(0);
    let mut reader = open(&*source, &split, &table.schema, None);
    assert!(matches!(reader.read(rows(10)).unwrap(), ReadOutcome::Rows(_)));
    // At once, as it is another matter when there is nothing.
    symlink(dir.write("file", "text"), dir.path("next")).unwrap();
    std::fs::rename(dir.path("next"), dir.path("files")).unwrap();
    let found = (0..1000).find_map(|_| {
        std::thread::sleep(Duration::from_millis(5));
        reader.read(rows(10)).err()
    });
    refused(found.unwrap(), "files/day");
}

#[test]
fn wrong_options_are_refused_at_once() {
    let dir = TempDir::new("options");
    let error = |table: &TableSpec| Filesystem.source(table).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error(&spec("s3://bucket/x", "csv", &[])).contains("the scheme 's3' is not offered"));
    assert!(error(&spec("/x", "orc", &[])).contains("format 'orc' is not known"));
    assert!(error(&spec("/x", "csv", &[("csv.field-delimeter", ";")])).contains("csv.field-delimiter"));
    assert!(error(&spec("/x", "csv", &[("scan.parallelism", "0")])).contains("above 0"));
    let missing = source(&spec(&dir.path("none.csv"), "csv", &[])).splits();
    assert!(missing.unwrap_err().to_string().contains("none.csv"));
}

#[test]
fn offsets_do_not_depend_on_how_reads_were_cut() {
    let dir = TempDir::new("cuts");
    let mut rng = Rng::new(8);
    for file in 0..3 {
        // Empty lines go with the record before or after them.
        let text = lines(&mut rng, file * 40, 40, file != 1).replace("\n\n", "\n").replace("\n\n", "\n");
        dir.write(&format!("{file}.csv.zst"), zstd::encode_all(text.as_bytes(), 1).unwrap());
        dir.write(&format!("{file}.csv"), text);
    }
    let table = spec(&dir.path(""), "csv", &[("scan.block-size", "300"), ("scan.parallelism", "2")]);
    let source = source(&table);
    for split in source.splits().unwrap() {
        let offsets = |limit| drain(open(&*source, &split, &table.schema, None).as_mut(), rows(limit)).2;
        let fine = offsets(1);
        for limit in [2, 3, 7, 1000] {
            assert!(offsets(limit).iter().all(|offset| fine.contains(offset)), "{limit} rows a read");
        }
    }
}
