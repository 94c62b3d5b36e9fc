//! State in a bucket of an S3 store: killed at random, taken over while asleep, looked after from the command line, and
//! with a store that fails, delays, and breaks off.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::files::{JOB, assert_equals_undisturbed};
use crate::proxy::Proxy;
use crate::{Place, command, dice, pause, sleep_through_a_takeover, wait_until};

/// A store and a place in its bucket.
struct Bucket {
    address: String,
    state: String,
}

impl Bucket {
    fn new(test: &str) -> Option<Bucket> {
        let Ok(address) = std::env::var("SLOTH_S3") else {
            println!("skipped: SLOTH_S3 is not set; start a store with scripts/s3 start");
            return None;
        };
        Some(Bucket { address, state: format!("s3://sloth/{test}-{}", std::process::id()) })
    }

    fn reach(&self, command: &mut Command) {
        command.env("AWS_ENDPOINT", format!("http://{}", self.address)).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any");
    }

    fn start(&self, script: &Path, parallelism: usize) -> Child {
        let mut command = command(script, Some(Path::new(&self.state)), parallelism);
        self.reach(&mut command);
        command.spawn().unwrap()
    }

    fn asked(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sloth"));
        self.reach(command.arg("checkpoint").args(words).stdin(Stdio::null()));
        command.output().unwrap()
    }

    fn checkpoint(&self, words: &[&str]) -> String {
        let done = self.asked(words);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn has_checkpoints(&self) -> bool {
        let listed = self.asked(&["ls", &self.state]);
        listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("EPOCH")
    }
}

fn log_of(script: &Path) -> String {
    std::fs::read_to_string(script.with_extension("log")).unwrap()
}

#[test]
fn a_job_with_its_state_in_a_bucket_is_killed_again_and_again() {
    let Some(bucket) = Bucket::new("killed") else { return };
    let place = Place::new("bucket");
    let script = place.script("job", JOB);
    let mut dice = dice("bucket", 5);
    for round in 0..dice.kills {
        let mut job = bucket.start(&script, round % 3 + 1);
        pause(dice.between(50, 2500));
        job.kill().unwrap();
        job.wait().unwrap();
    }
    assert!(bucket.start(&script, 2).wait().unwrap().success(), "{}", log_of(&script));
    assert_equals_undisturbed(&place);
    let verified = bucket.checkpoint(&["verify", &bucket.state]);
    assert!(bucket.checkpoint(&["ls", &bucket.state]).lines().count() > 1 && !verified.is_empty());
}

#[test]
fn a_run_that_sleeps_while_another_takes_the_bucket_over_can_write_no_more() {
    let Some(bucket) = Bucket::new("fenced") else { return };
    let place = Place::new("bucket-fenced");
    let script = place.script("job", JOB);
    let mut old = bucket.start(&script, 2);
    wait_until("a checkpoint stands", || bucket.has_checkpoints());
    let mut new = sleep_through_a_takeover(&old, &script, || bucket.start(&script, 2));
    assert_eq!(old.wait().unwrap().code(), Some(1), "{}", log_of(&script));
    assert!(log_of(&script).contains("another run of this job"), "{}", log_of(&script));
    assert!(new.wait().unwrap().success(), "{}", log_of(&script));
    assert_equals_undisturbed(&place);
}

/// What the log of a job must not tell of: nobody else was there, and no byte was damaged.
const WRONG: [&str; 3] = ["another run of this job", "cannot be used", "panicked"];

#[test]
fn a_store_that_fails_and_delays_harms_nothing() {
    let Some(direct) = Bucket::new("troubled") else { return };
    let place = Place::new("bucket-troubled");
    let script = place.script("job", JOB);
    let mut dice = dice("troubled", 3);
    let proxy = Proxy::start(&direct.address, dice.between(0, u64::MAX));
    let bucket = Bucket { address: proxy.address.clone(), state: direct.state.clone() };
    let mut job = bucket.start(&script, 2);
    // The very first start of a job ends with its first error.
    pause(1000);
    for round in 0..dice.kills {
        proxy.trouble([40, 150, 300][round % 3]);
        pause(dice.between(200, 2500));
        if round % 2 == 1 {
            proxy.outage(dice.between(100, 1500));
            continue;
        }
        let ended = job.try_wait().unwrap();
        assert!(ended.is_none_or(|status| status.success()), "{}", log_of(&script));
        let _ = job.kill();
        job.wait().unwrap();
        job = bucket.start(&script, round % 3 + 1);
    }
    proxy.trouble(100);
    assert!(job.wait().unwrap().success(), "{}", log_of(&script));
    println!("delayed, cut, cut in half, refused: {:?}", proxy.met());
    // Which of them a request meets is chance; on a busy machine there are few requests.
    let met = proxy.met();
    assert!(met.iter().filter(|times| **times > 0).count() > 2, "{met:?}");
    assert_equals_undisturbed(&place);
    let log = log_of(&script);
    assert!(WRONG.iter().all(|word| !log.contains(word)), "{log}");
    assert!(!direct.checkpoint(&["verify", &direct.state]).is_empty());
}
