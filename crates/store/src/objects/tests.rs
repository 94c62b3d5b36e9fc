//! What stores answer, and what is made of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use object_store::memory::InMemory;

use super::*;

#[test]
fn large_objects_are_read_in_parts() {
    let objects = Objects::new(Arc::new(InMemory::new())).unwrap();
    for size in [0, 1, LARGE_BYTES, LARGE_BYTES + 1, 2 * LARGE_BYTES, 2 * LARGE_BYTES + 77] {
        let object: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let (path, pieces) =
            (Path::from(format!("state/{size}")), [&object[..object.len() / 3], &object[object.len() / 3..]]);
        assert!(objects.create_from(&path, pieces.map(Bytes::copy_from_slice).to_vec()).unwrap());
        assert!(objects.read(&path).unwrap() == object, "{size}");
    }
}

#[test]
fn of_many_objects_those_that_are_gone_are_no_matter() {
    let place = tempfile::tempdir().unwrap();
    for objects in [Objects::new(Arc::new(InMemory::new())).unwrap(), Objects::directory(place.path()).unwrap()] {
        let paths: Vec<Path> = (0..5).map(layout::segment).collect();
        let created = |at: usize| objects.create(&paths[at], Bytes::from_static(b"text")).unwrap();
        assert!([0, 2, 3, 4].into_iter().all(created));
        objects.remove_all(&paths[..4]).unwrap();
        objects.remove_all(&[]).unwrap();
        assert_eq!(objects.list(layout::LOG).unwrap(), paths[4..]);
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_no_matter_of_time() {
    let directory = tempfile::tempdir().unwrap();
    let objects = Objects::directory(directory.path()).unwrap();
    std::fs::write(directory.path().join("log"), "a file").unwrap();
    let (segment, name) = (layout::segment(0), directory.path().canonicalize().unwrap().join(layout::LOG));
    let long = Path::from("x".repeat(300));
    let errors = [
        objects.create(&segment, Bytes::from_static(b"text")).err(),
        objects.find(&segment).err(),
        objects.exists(&segment).err(),
        objects.remove(&segment).err(),
        objects.create(&long, Bytes::from_static(b"text")).err(),
        Objects::directory(&directory.path().join("log/below")).err(),
        Objects::directory(&directory.path().join("log")).err(),
    ];
    for (number, error) in errors.into_iter().enumerate() {
        let error = error.unwrap();
        assert!(error.kind() == sloth_types::ErrorKind::Invalid && error.hint_text().is_some(), "{number}: {error}");
        assert!(error.message().contains(name.parent().unwrap().to_str().unwrap()), "{number}: {error}");
    }
}

#[test]
fn only_what_is_lost_is_damage() {
    use sloth_types::ErrorKind::{Data, Invalid, Unavailable};
    let of = |code: i32| unreadable(&layout::segment(0), "/place/log", &io::Error::from_raw_os_error(code)).kind();
    // ENOENT, EIO, ENOTDIR, EISDIR; EINTR, ENOMEM, ENFILE, EMFILE, ESTALE; EPERM, EACCES.
    assert!([2, 5, 20, 21].into_iter().all(|code| of(code) == Data));
    assert!([4, 12, 23, 24, 116].into_iter().all(|code| of(code) == Unavailable));
    assert!([1, 13].into_iter().all(|code| of(code) == Invalid));
}

#[test]
fn places_are_directories_or_buckets() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}/state", directory.path().display());
    assert!(Objects::at(std::path::Path::new(&url)).is_ok() && directory.path().join("state").is_dir());
    for place in ["hdfs://host/state", "gs://bucket/state"] {
        let error = Objects::at(std::path::Path::new(place)).err().unwrap();
        assert!(error.message().contains("is not known"), "{error}");
    }
}

#[test]
fn a_request_has_time_in_proportion_to_what_it_carries() {
    assert_eq!(time_for(100), REQUEST_TIME);
    assert_eq!(time_for(1 << 30), REQUEST_TIME + Duration::from_secs(8192));
}

/// A store with the interface of S3 that answers the next requests to write with these codes, and carries out those behind.
fn s3_that_refuses(codes: &'static [u16]) -> Objects {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut codes, mut object) = (codes.iter(), None::<Vec<u8>>);
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut line) = (String::new(), String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                head.push_str(&std::mem::take(&mut line).to_lowercase());
            }
            let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut body).unwrap();
            let (code, answer) = match (head.starts_with("put"), codes.len(), &object) {
                (true, 1.., _) => (*codes.next().unwrap(), vec![]),
                (true, 0, Some(_)) => (412, vec![]),
                (true, 0, None) => {
                    object = Some(body);
                    (200, vec![])
                }
                (false, _, None) => (404, vec![]),
                (false, _, Some(object)) => (200, object.clone()),
            };
            let length = answer.len();
            let head = format!(
                "HTTP/1.1 {code} so\r\nETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let stream = stream.get_mut();
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer)).unwrap();
        }
    });
    let builder = AmazonS3Builder::new().with_endpoint(place).with_allow_http(true).with_region("here");
    let builder = builder.with_bucket_name("bucket").with_access_key_id("key").with_secret_access_key("secret");
    let store = Arc::new(builder.clone().build().unwrap());
    Objects { tries: TRIES, patient: Some(Arc::new(builder)), ..Objects::new(store).unwrap() }
}

#[test]
fn a_conflict_of_two_requests_is_no_other_object() {
    let (path, object) = (layout::segment(0), Bytes::from_static(b"this one"));
    let objects = s3_that_refuses(&[409, 409]);
    assert!(objects.create(&path, object.clone()).unwrap());
    assert!(objects.create(&path, object.clone()).unwrap(), "an answer that was lost");
    assert!(!objects.create(&path, Bytes::from_static(b"another one")).unwrap());
    let error = s3_that_refuses(&[409; 4]).create(&path, object.clone()).unwrap_err();
    assert_eq!(error.kind(), sloth_types::ErrorKind::Unavailable, "{error}");
    // Somebody has heard it at once, and removed it.
    assert!(!s3_that_refuses(&[412]).create(&path, object).unwrap());
}
