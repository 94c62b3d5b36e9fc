//! Taking rows in over real connections, into real files.

use std::io::Write;
use std::path::Path;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use arrow::ipc::writer::StreamWriter;
use sloth_types::{BadRecord, Offset, ReadLimit, ReadOutcome, Readiness, Waker};

use super::journal::{Post, Writer};
use super::*;
use crate::testing::{nullable, rows, table};

fn source(directory: &Path, more: &[(&str, &str)]) -> HttpSource {
    source_of(directory, vec![nullable("id", DataType::Int64), nullable("name", DataType::Utf8)], more)
}

fn source_of(directory: &Path, fields: Vec<Field>, more: &[(&str, &str)]) -> HttpSource {
    let place = directory.to_str().unwrap();
    let mut options = vec![("connector", "http"), ("listen", "127.0.0.1:0"), ("directory", place)];
    // Servers of one address are shared, and tests run side by side: each has a path of its own.
    options.push(("path", place));
    options.extend_from_slice(more);
    HttpSource::new(&table("orders", fields, &options)).unwrap()
}

fn open(source: &HttpSource, from: Option<u64>) -> Result<Box<dyn SplitReader>> {
    let (split, schema) = (SplitId::new("journal"), source.table.schema.clone());
    let from = from.map(Offset);
    source.open(OpenSplit { split, from, appeared: false, schema, waker: Waker::noop(), clock: Clock::manual(0) })
}

/// Where a source takes rows in.
fn url(source: &HttpSource) -> String {
    let ingest = OPEN.lock().unwrap().get(&source.directory).and_then(Weak::upgrade).unwrap();
    loop {
        if let Some(address) = *ingest.served.lock().unwrap() {
            return format!("http://{address}{}", source.path);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = headers.iter().fold(agent.post(url), |request, (name, value)| request.header(*name, *value));
    let mut response = request.send(body).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

fn ids(batch: &RecordBatch) -> Vec<i64> {
    batch.column(0).as_primitive::<Int64Type>().iter().map(|id| id.unwrap_or(-1)).collect()
}

/// All that there is to read just now, at most `limit` records at a time.
fn read(reader: &mut dyn SplitReader, limit: ReadLimit) -> (Vec<i64>, Vec<BadRecord>) {
    let (mut out, mut bad) = (vec![], vec![]);
    loop {
        match reader.read(limit).unwrap() {
            ReadOutcome::Rows(rows) => {
                assert!(rows.batch.num_rows() + rows.bad.len() <= limit.rows);
                out.extend(ids(&rows.batch));
                bad.extend(rows.bad);
            }
            ReadOutcome::Pending(_) => return (out, bad),
            ReadOutcome::End => panic!("it never ends"),
        }
    }
}

#[test]
fn rows_come_in_every_form_and_are_read_from_any_record() {
    let directory = tempfile::tempdir().unwrap();
    let source = source(directory.path(), &[]);
    let mut reader = open(&source, None).unwrap();
    let url = url(&source);
    assert_eq!(
        post(&url, &[], b"{\"id\":0}\n{\"id\":1,\"name\":\"a\"}\n"),
        (200, r#"{"accepted":2,"first":0}"#.into())
    );
    assert_eq!(post(&url, &[], b"[{\"id\":2},\n {\"id\":3}]").0, 200);
    let ids: Vec<i64> = (4..100).collect();
    let ids = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(ids)) as _)]).unwrap();
    let mut stream = StreamWriter::try_new(vec![], ids.schema_ref()).unwrap();
    stream.write(&ids.slice(0, 50)).unwrap();
    stream.write(&ids.slice(50, 46)).unwrap();
    let stream = stream.into_inner().unwrap();
    let arrow = [("content-type", body::ARROW)];
    assert_eq!(post(&url, &arrow, &stream), (200, r#"{"accepted":96,"first":4}"#.into()));
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gzip.write_all(b"{\"id\":100}").unwrap();
    assert_eq!(post(&url, &[("content-encoding", "GZip")], &gzip.finish().unwrap()).0, 200);
    let expected: Vec<i64> = (0..101).collect();
    assert_eq!(read(&mut *reader, rows(7)).0, expected);
    assert_eq!(reader.offset(), Offset(101));
    for from in [0, 1, 3, 4, 60, 99, 100, 101] {
        let mut reader = open(&source, Some(from)).unwrap();
        assert_eq!(read(&mut *reader, rows(64)).0, expected[from as usize..], "from {from}");
    }
    let mut reader = open(&source, Some(1)).unwrap();
    let until = ReadLimit { rows: 64, until: Some(Offset(70)) };
    assert_eq!(read(&mut *reader, until).0, expected[1..70]);
    assert!(open(&source, Some(102)).err().unwrap().to_string().contains("not 102"));
}

#[test]
fn what_cannot_be_taken_is_refused_whole() {
    let directory = tempfile::tempdir().unwrap();
    let options = [("http.token", "secret"), ("http.max-body", "1 kb"), ("backlog.max-rows", "3")];
    let source = source(directory.path(), &options);
    let mut reader = open(&source, None).unwrap();
    let url = url(&source);
    let token = ("authorization", "Bearer secret");
    assert_eq!(post(&url, &[], b"{\"id\":1}").0, 401);
    assert_eq!(post(&url, &[("authorization", "Bearer secreT")], b"{\"id\":1}").0, 401);
    let (status, why) = post(&url, &[token], b"{\"id\":1}\n{\"id\":");
    assert!(status == 400 && why.contains("line 2"), "{why}");
    assert_eq!(post(&url, &[token], &[b' '; 2000]).0, 413);
    assert_eq!(post(&format!("{url}-else"), &[token], b"{}").0, 404);
    let no_id = RecordBatch::try_from_iter([("id", Arc::new(arrow::array::NullArray::new(1)) as _)]).unwrap();
    let odd = RecordBatch::try_from_iter([(
        "id",
        Arc::new(arrow::array::ListArray::new_null(Arc::new(nullable("item", DataType::Int64)), 1)) as _,
    )])
    .unwrap();
    for (batch, expected) in [(no_id, 200), (odd, 400)] {
        let mut stream = StreamWriter::try_new(vec![], batch.schema_ref()).unwrap();
        stream.write(&batch).unwrap();
        let headers = [token, ("content-type", body::ARROW)];
        assert_eq!(post(&url, &headers, &stream.into_inner().unwrap()).0, expected);
    }
    // A record that is JSON and does not fit is a bad record, as everywhere.
    assert_eq!(post(&url, &[token], b"{\"id\":\"x\"}\n{\"id\":5}").0, 200);
    let (status, why) = post(&url, &[token], b"{\"id\":6}");
    assert!(status == 429 && why.contains("waiting to be read"), "{why}");
    let (ids, bad) = read(&mut *reader, rows(64));
    assert_eq!((ids, bad.len(), bad[0].place.as_str()), (vec![-1, 5], 1, "record 1"));
    assert_eq!(post(&url, &[token], b"{\"id\":6}").0, 200);
}

#[test]
fn what_could_not_be_read_later_is_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let fields = vec![Field::new("id", DataType::Int64, false), nullable("name", DataType::Utf8)];
    let source = source_of(directory.path(), fields, &[]);
    let mut reader = open(&source, None).unwrap();
    let url = url(&source);
    let null = Arc::new(Int64Array::from(vec![Some(1), None])) as arrow::array::ArrayRef;
    let text = Arc::new(StringArray::from(vec!["1", "one"])) as _;
    let good = Arc::new(StringArray::from(vec!["1", "2"])) as _;
    for (ids, expected) in [(null, "non-nullable"), (text, "'one'"), (good, "accepted\":2")] {
        let batch = RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap();
        let mut stream = StreamWriter::try_new(vec![], batch.schema_ref()).unwrap();
        stream.write(&batch).unwrap();
        let media = "Application/vnd.apache.Arrow.stream";
        let (status, answer) = post(&url, &[("content-type", media)], &stream.into_inner().unwrap());
        assert!(answer.contains(expected) && (status == 200) == answer.contains("accepted"), "{status} {answer}");
    }
    assert_eq!(read(&mut *reader, rows(9)).0, [1, 2]);
    // A key that cannot be told from others is no reason to take rows twice.
    let (status, why) = post(&url, &[("idempotency-key", "ключ")], b"{\"id\":1}");
    assert!(status == 400 && why.contains("ASCII"), "{status} {why}");
}

#[test]
fn a_key_counts_once_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let source = source(directory.path(), &[]);
    let first = open(&source, None).unwrap();
    let address = url(&source);
    let key = [("idempotency-key", "k1")];
    assert_eq!(post(&address, &key, b"{\"id\":1}").1, r#"{"accepted":1,"first":0}"#);
    assert_eq!(post(&address, &key, b"{\"id\":1}").1, r#"{"accepted":1,"first":0,"repeated":true}"#);
    assert_eq!(post(&address, &key, b"{\"id\":2}").0, 422);
    assert_eq!(post(&address, &[], b"{\"id\":1}").1, r#"{"accepted":1,"first":1}"#);
    drop(first);
    // A frame that was not written whole is no frame.
    let file = directory.path().join(format!("{:020}.journal", 0));
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&whole[..], &whole[..40]].concat()).unwrap();
    let mut reader = open(&source, Some(1)).unwrap();
    let address = url(&source);
    assert_eq!(post(&address, &key, b"{\"id\":1}").1, r#"{"accepted":1,"first":0,"repeated":true}"#);
    assert_eq!(post(&address, &[], b"{\"id\":3}").1, r#"{"accepted":1,"first":2}"#);
    assert_eq!(read(&mut *reader, rows(9)).0, [1, 3]);
}

#[test]
fn acknowledged_rows_behind_damage_are_not_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let source = source(directory.path(), &[]);
    let reader = open(&source, None).unwrap();
    let address = url(&source);
    (1..4).for_each(|id| assert_eq!(post(&address, &[], format!("{{\"id\":{id}}}").as_bytes()).0, 200));
    drop(reader);
    let file = directory.path().join(format!("{:020}.journal", 0));
    let whole = std::fs::read(&file).unwrap();
    let frame = whole.len() / 3;
    for byte in [frame, frame + 7, 2 * frame - 2] {
        let mut damaged = whole.clone();
        damaged[byte] ^= 4;
        std::fs::write(&file, &damaged).unwrap();
        let error = open(&source, Some(1)).err().unwrap().to_string();
        assert!(error.contains(&format!("is damaged at byte {frame}:")), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), damaged);
    }
    // As the hint says. A job that has read more does not take others for these rows.
    std::fs::write(&file, &whole[..frame]).unwrap();
    let mut reader = open(&source, None).unwrap();
    assert_eq!(read(&mut *reader, rows(9)).0, [1]);
    let error = reader.read(ReadLimit { rows: 9, until: Some(Offset(3)) }).err().unwrap().to_string();
    assert!(error.contains("ends at record 1, and the job has read to 3"), "{error}");
}

#[test]
fn who_does_not_write_follows_and_takes_over() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::new(directory.path()).unwrap());
    let keep = Keep { rows: Duration::from_secs(1), keys: 10 };
    let mut other = Writer::claim(&journal, keep, Clock::manual(0)).unwrap().unwrap();
    let give = |writer: &mut Writer, id: i64| {
        let records =
            body::records(format!("{{\"id\":{id}}}").into_bytes(), "", "json", &table("t", vec![], &[]).schema);
        writer.store(vec![Post { records: records.unwrap(), key: String::new(), answer: Box::new(|_| ()) }]).unwrap();
    };
    give(&mut other, 1);
    let source = source(directory.path(), &[]);
    let mut reader = open(&source, None).unwrap();
    assert_eq!(read(&mut *reader, rows(9)).0, [1]);
    assert!(matches!(reader.read(rows(1)).unwrap(), ReadOutcome::Pending(Readiness::At(_))));
    give(&mut other, 2);
    assert_eq!(read(&mut *reader, rows(9)).0, [2]);
    drop(other);
    assert_eq!(post(&url(&source), &[], b"{\"id\":3}").1, r#"{"accepted":1,"first":2}"#);
    assert_eq!(read(&mut *reader, rows(9)).0, [3]);
}

#[test]
fn segments_follow_each_other_and_old_ones_go() {
    let directory = tempfile::tempdir().unwrap();
    let text = source_of(directory.path(), vec![nullable("line", DataType::Utf8)], &[("format", "raw")]);
    let clock = Clock::manual(0);
    let journal = Arc::new(Journal::new(directory.path()).unwrap());
    let keep = Keep { rows: Duration::from_secs(1), keys: 10 };
    let mut writer = Writer::claim(&journal, keep, clock.clone()).unwrap().unwrap();
    for number in 0..6 {
        let records = body::Records { kind: frame::Kind::Whole, count: 1, bytes: vec![b'a' + number; 40 << 20] };
        writer.store(vec![Post { records, key: String::new(), answer: Box::new(|_| ()) }]).unwrap();
        clock.set(clock.now_ms() + 500);
    }
    drop(writer);
    // Two records a segment; the last ones are younger than a second.
    assert_eq!(journal.segments().unwrap(), [2, 4, 6]);
    let mut reader = open(&text, None).unwrap();
    let mut seen = String::new();
    while let ReadOutcome::Rows(rows) = reader.read(rows(1)).unwrap() {
        let lines: &StringArray = rows.batch.column(0).as_string();
        seen.extend(lines.iter().map(|line| line.unwrap().chars().next().unwrap()));
    }
    assert_eq!(seen, "cdef");
}
