//! Damaged files: the fixture with every byte altered, cut at every length, and damaged at random; what is found is one of
//! the histories that were there, or an error that names a file.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use sloth_types::journal::Recovered;
use sloth_types::rng::Rng;
use sloth_types::{Epoch, Error, ErrorKind, JobStore};

use super::{begin, checkpoint, entry, fixture, log, names, objects, plan, recover, wait, worked};
use crate::frame::{self, Kind};
use crate::{Objects, claim, inspect};

/// What may be found in a damaged directory: each checkpoint with its log, the newest first, as they were undamaged.
fn truths(objects: &Objects) -> Vec<Recovered> {
    let found = inspect(objects).unwrap();
    let all = &found.stretches(objects).unwrap()[0];
    let truth = |(epoch, _): &(u64, _)| all.before(objects, *epoch).unwrap();
    found.checkpoints.iter().rev().map(truth).collect()
}

/// How `found` may differ from the truth: not at all, or, when the end of the log is gone, by epochs missing at its end.
fn is_true(found: &Recovered, truths: &[Recovered], end_is_gone: bool) -> bool {
    truths.iter().any(|truth| {
        let log = found.log.len();
        let whole = log == truth.log.len() || end_is_gone && log < truth.log.len();
        found.checkpoint == truth.checkpoint && whole && found.log == truth.log[..log]
    })
}

/// The fixture in memory: there is much to be tried.
struct Patient {
    store: Arc<InMemory>,
    objects: Objects,
    files: Vec<(ObjectPath, Bytes)>,
    runtime: tokio::runtime::Runtime,
}

impl Patient {
    fn new() -> Patient {
        let store = Arc::new(InMemory::new());
        let real = objects(&fixture());
        let names = real.list("").unwrap().into_iter();
        let files: Vec<_> = names.map(|path| (path.clone(), real.read(&path).unwrap())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let shared: Arc<dyn ObjectStore> = store.clone();
        let patient = Patient { store, objects: Objects::new(shared).unwrap(), files, runtime };
        patient.files.iter().for_each(|(path, bytes)| patient.put(path, bytes.clone()));
        patient
    }

    fn put(&self, path: &ObjectPath, bytes: Bytes) {
        self.runtime.block_on(self.store.put(path, bytes.into())).unwrap();
    }

    /// Damages one file; true when it has been removed.
    fn damage(&self, number: usize, rng: &mut Rng) -> bool {
        let (path, bytes) = &self.files[number];
        let at = rng.below(bytes.len() as u64) as usize;
        let mut damaged = bytes.to_vec();
        match rng.below(6) {
            0 => damaged.truncate(at),
            1 => damaged[at] ^= 1 << rng.below(8),
            2 => damaged[at..].fill(0),
            3 => damaged.extend_from_slice(&bytes[at..]),
            // Another file of the same directory.
            4 => damaged = self.files[rng.below(self.files.len() as u64) as usize].1.to_vec(),
            _ => {
                self.objects.remove(path).unwrap();
                return true;
            }
        }
        self.put(path, damaged.into());
        false
    }
}

#[test]
fn no_older_checkpoint_is_taken_while_the_newest_is_refused() {
    let place = tempfile::tempdir().unwrap();
    worked(place.path());
    let newest = names(place.path(), "state").pop().unwrap();
    fs::remove_file(&newest).unwrap();
    assert_eq!(recover(&objects(place.path())).unwrap().0.first_epoch(), Epoch(6));
    // What the system refuses may be whole.
    std::os::unix::fs::symlink(&newest, &newest).unwrap();
    let error = recover(&objects(place.path())).unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.message().contains(&newest), "{error}");
}

#[test]
fn no_damage_makes_another_history() {
    let patient = Patient::new();
    let objects = &patient.objects;
    let truths = truths(objects);
    assert_eq!(truths.len(), 3);
    let last = patient.files.iter().rposition(|(path, _)| path.as_ref().starts_with("log/")).unwrap();
    let (mut same, mut older, mut refused) = (0, 0, 0);
    for case in 0..4_000_u64 {
        let mut rng = Rng::at(0x5107, case);
        let number = case as usize % patient.files.len();
        let removed = patient.damage(number, &mut rng);
        let (path, whole) = &patient.files[number];
        match recover(objects) {
            Ok((found, _)) => {
                assert!(is_true(&found, &truths, removed && number == last), "case {case}: another history ({path})");
                if found.checkpoint == truths[0].checkpoint { same += 1 } else { older += 1 }
            }
            Err(error) => {
                refused += 1;
                assert!(error.message().contains('\''), "case {case} names no file: {error}");
            }
        }
        // What looks at the directory does not panic either.
        if case % 8 == 0
            && let Ok(found) = inspect(objects)
        {
            let _ = found.verify(objects, 11);
            let _ = found.verify_log(objects, &[7]);
        }
        patient.put(path, whole.clone());
    }
    assert!(same > 0 && older > 0 && refused > 0, "{same} {older} {refused}");
}

/// What has come of damages.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    older: usize,
    refused: usize,
}

impl Tally {
    /// A file is as it should not be: nothing else than one of the histories that were there may be found.
    fn look(&mut self, patient: &Patient, truths: &[Recovered], what: &str) {
        match recover(&patient.objects) {
            Ok((found, _)) => {
                assert!(is_true(&found, truths, false), "{what}: another history");
                if found.checkpoint == truths[0].checkpoint { self.same += 1 } else { self.older += 1 }
            }
            Err(error) => {
                self.refused += 1;
                assert!(error.message().contains('\''), "{what} names no file: {error}");
            }
        }
    }
}

/// Not some damages but all of their kind: every byte altered and every cut made of every file that a recovery reads.
#[test]
fn no_altered_byte_and_no_cut_makes_another_history() {
    let of_some = |part: usize, parts: usize| {
        let patient = Patient::new();
        let truths = truths(&patient.objects);
        let newest = &inspect(&patient.objects).unwrap().checkpoints.last().unwrap().1.clone().unwrap();
        let reads = |path: &ObjectPath| {
            !path.as_ref().starts_with("state/") || newest.state.iter().any(|file| file.path == path.as_ref())
        };
        let mut tally = Tally::default();
        for (path, whole) in patient.files.iter().filter(|(path, _)| reads(path)).skip(part).step_by(parts) {
            let head = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
            for at in 0..whole.len() {
                // Where words and numbers stand each bit may make another one; what stands behind the head has a checksum.
                let bits = if at < head { 0..8 } else { at % 8..at % 8 + 1 };
                for bit in bits {
                    let mut altered = whole.to_vec();
                    altered[at] ^= 1 << bit;
                    patient.put(path, altered.into());
                    tally.look(&patient, &truths, &format!("bit {bit} of byte {at} of {path}"));
                }
                patient.put(path, whole.slice(..at));
                tally.look(&patient, &truths, &format!("{path} cut to {at} bytes"));
            }
            patient.put(path, whole.clone());
        }
        tally
    };
    std::thread::scope(|scope| {
        let parts = 4;
        for tally in (0..parts).map(|part| scope.spawn(move || of_some(part, parts))).collect::<Vec<_>>() {
            let tally = tally.join().unwrap();
            println!("{tally:?}");
            assert!(tally.older + tally.refused > tally.same, "{tally:?}");
        }
    });
}

/// Text that is wrong and has the right checksum all the same: read as what it says, or refused, but never a panic. Every
/// byte is left out, made another one, and the text is cut there.
#[test]
fn what_was_written_wrong_is_an_error() {
    let patient = Patient::new();
    let (mut read, mut refused) = (0, 0);
    let mut seen = std::collections::HashSet::new();
    for (path, whole) in patient.files.iter().rev() {
        let kind = match path.as_ref().split('/').next() {
            Some("log") => Kind::Log,
            Some("checkpoints") => Kind::Manifest,
            Some("job.json") => Kind::Job,
            Some("plans") => Kind::Plan,
            _ => continue,
        };
        // The newest of each kind.
        if !seen.insert(kind.name()) {
            continue;
        }
        let payload = frame::unwrap(kind, whole, path.as_ref()).unwrap();
        for at in 0..payload.len() {
            let (before, after) = (&payload[..at], &payload[at + 1..]);
            let byte = payload[at];
            let others: [&[u8]; 5] = [&[], &[byte ^ 1], b"-", b"99999999999999999999", b"\""];
            let wrong = others.map(|other| [before, other, after].concat()).into_iter().chain([before.to_vec()]);
            for wrong in wrong {
                patient.put(path, frame::wrap(kind, &wrong));
                match recover(&patient.objects) {
                    Ok(_) => read += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        patient.put(path, whole.clone());
    }
    println!("{read} read, {refused} refused");
    assert!(read > 0 && refused > 0, "{read} {refused}");
}

/// What other jobs have left may come into a directory with a copy: it is never taken for the job's own.
#[test]
fn files_of_another_job_are_refused() {
    let directory = |epochs: u64| {
        let directory = tempfile::tempdir().unwrap();
        let (keeper, _) = begin(directory.path());
        (0..epochs).for_each(|epoch| keeper.append(Epoch(epoch), entry(epoch)));
        wait("the log", || keeper.durable() == Epoch(epochs));
        checkpoint(&keeper, epochs);
        keeper.close().unwrap();
        directory
    };
    let (one, other) = (directory(3), directory(3));
    let take = |name: &str| fs::copy(other.path().join(name), one.path().join(name)).unwrap();
    let message = |error: Error| error.message().to_owned();
    // A file that is no object is none of a job.
    for name in ["log/notes.txt", "checkpoints/.DS_Store", "checkpoints/old.json", "checkpoints/3.json", "plans/x.json"]
    {
        fs::write(one.path().join(name), "notes").unwrap();
    }
    let found = inspect(&objects(one.path())).unwrap();
    assert!(found.checkpoints.len() == 1 && found.damaged_log.is_empty(), "{found:?}");
    // A checkpoint of another job with all of its state.
    let state = fs::read_dir(other.path().join("state/0000000001/00000000000000000003")).unwrap();
    for file in state.map(|entry| entry.unwrap().file_name()) {
        take(&format!("state/0000000001/00000000000000000003/{}", file.to_str().unwrap()));
    }
    take("checkpoints/00000000000000000003.json");
    let damaged = recover(&objects(one.path())).unwrap().1;
    assert!(damaged.iter().any(|error| error.message().contains("it is of another job")), "{damaged:?}");
    // Its plan, which says where the sources stand.
    let path = one.path().join("plans/0000000001.json");
    let own = fs::read(&path).unwrap();
    take("plans/0000000001.json");
    let error = claim(&objects(one.path()), &plan("a plan")).err().map(message).unwrap();
    assert!(error.contains("'plans/0000000001.json' is of job"), "{error}");
    assert!(inspect(&objects(one.path())).unwrap().damaged_plan.is_some());
    fs::write(path, own).unwrap();
    // Its name: with it the job would take the other's transactions for its own.
    take("job.json");
    let error = claim(&objects(one.path()), &plan("a plan")).err().map(message).unwrap();
    assert!(error.contains("'job.json' is of job") && error.contains("'log/0000"), "{error}");
    // Without its log nothing is whole.
    let found = inspect(&objects(other.path())).unwrap();
    assert_eq!(found.verify_log(&objects(other.path()), &[3]).unwrap(), (3, 0));
    fs::remove_dir_all(other.path().join("log")).unwrap();
    let error = found.verify_log(&objects(other.path()), &[3]).err().map(message).unwrap();
    assert!(error.contains("the epoch log is missing"), "{error}");
}

/// The whole log of another job fits together as well as the own one, and may tell of more epochs.
#[test]
fn the_log_of_another_job_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for directory in [&one, &other] {
        let (keeper, _) = begin(directory.path());
        (0..5).for_each(|epoch| log(&keeper, epoch));
        checkpoint(&keeper, 2);
        keeper.close().unwrap();
    }
    let logs = [&one, &other].map(|directory| directory.path().join("log"));
    fs::remove_dir_all(&logs[0]).unwrap();
    fs::rename(&logs[1], &logs[0]).unwrap();
    let before = names(one.path(), "log");
    let objects = objects(one.path());
    let refused = |error: Option<Error>| {
        let error = error.unwrap();
        assert!(error.kind() == ErrorKind::Data && error.message().contains("' is of job sloth-"), "{error}");
    };
    refused(claim(&objects, &plan("a plan")).err());
    refused(recover(&objects).err());
    refused(crate::current_plan(&objects).err());
    refused(crate::newest_manifest(&objects).err());
    let patience = crate::Patience { silence: Duration::ZERO, retained: 2 };
    refused(crate::stand_by(&objects, "a plan", patience).err());
    let found = inspect(&objects).unwrap();
    refused(found.damaged_log.first().cloned());
    refused(found.verify_log(&objects, &[2]).err());
    assert_eq!(found.logged, None);
    assert_eq!(names(one.path(), "log"), before, "it has been claimed");
    // A part of it does no better.
    fs::remove_file(before.last().unwrap()).unwrap();
    refused(claim(&objects, &plan("a plan")).err());
}
