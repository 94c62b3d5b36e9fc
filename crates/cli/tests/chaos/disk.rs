//! Full disks: a job waits until there is room again, and goes on as if nothing had been. The disks are small file
//! systems in memory; where these may not be mounted the tests say that they were skipped.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{JOB, assert_equals_undisturbed};
use crate::{Place, assert_same, dice, names_below, pause, rows_of, signal, start, wait_until};

/// A disk with little room.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, megabytes: usize) -> Option<SmallDisk> {
        std::fs::create_dir_all(path).unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "sloth-chaos"]).arg(path).output();
        if !mounted.is_ok_and(|done| done.status.success()) {
            println!("skipped: no file system may be mounted here (only root may)");
            return None;
        }
        Some(SmallDisk(path.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes all room.
    fn fill(&self) {
        let zeros = std::fs::File::open("/dev/zero").unwrap();
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        // It ends with an error: no space left.
        let _ = std::io::copy(&mut std::io::BufReader::new(zeros), &mut file);
    }

    /// Gives it back.
    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Runs the job with state and files on a disk each, and fills one or the other again and again.
fn run_on_full_disks(name: &str, state_is_full: bool, kills: bool) {
    let place = Place::new(name);
    let Some(state) = SmallDisk::mount(&place.state(), 48) else { return };
    let Some(files) = SmallDisk::mount(&place.0.join("job"), 256) else { return };
    let script = place.script("job", JOB);
    let full = if state_is_full { &state } else { &files };
    let mut dice = dice(name, 3);
    let mut job = start(&script, Some(&place.state()), 2);
    wait_until("the job has logged something", || !names_below(&place.state().join("log")).is_empty());
    for _ in 0..dice.kills {
        pause(dice.between(300, 1000));
        full.fill();
        pause(dice.between(300, 1000));
        if kills {
            let _ = job.kill();
            job.wait().unwrap();
            // It does not begin without room, and harms nothing by trying.
            let mut hopeless = start(&script, Some(&place.state()), 2);
            pause(dice.between(50, 600));
            let _ = hopeless.kill();
            hopeless.wait().unwrap();
        }
        full.free();
        if kills {
            job = start(&script, Some(&place.state()), 3);
        }
    }
    let status = job.wait().unwrap();
    let said = std::fs::read_to_string(script.with_extension("log")).unwrap();
    assert!(status.success(), "{said}");
    assert!(said.contains("No space left"), "the disk was never full: {said}");
    assert_equals_undisturbed(&place);
}

#[test]
fn a_job_waits_for_room_for_its_state() {
    run_on_full_disks("full-state", true, false);
}

#[test]
fn a_job_waits_for_room_for_its_files() {
    run_on_full_disks("full-files", false, false);
}

#[test]
fn a_job_that_is_killed_on_a_full_disk_goes_on_when_there_is_room() {
    run_on_full_disks("killed-full-state", true, true);
    run_on_full_disks("killed-full-files", false, true);
}

const TAKING_IN: &str = "
CREATE TABLE clicks (id BIGINT) WITH ('connector' = 'http', 'listen' = '${LISTEN}', 'directory' = '${DIR}/journal');
CREATE TABLE kept (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '${KEPT}', 'format' = 'csv');
INSERT INTO kept SELECT id FROM clicks;
";

/// Rows of a request: too many for what is left in the last page of a full disk.
const ROWS: u64 = 4000;

/// What a job that takes rows in answers to one of many requests; `None` when nobody listens.
fn answer(url: &str, request: u64) -> Option<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let rows: String = (request * ROWS..(request + 1) * ROWS).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let mut answer = agent.post(url).header("Idempotency-Key", &format!("request {request}")).send(&rows).ok()?;
    Some((answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default()))
}

/// Nothing is acknowledged that is not on the disk, and what was refused may be sent again.
#[test]
fn rows_for_which_there_is_no_room_are_refused_until_there_is() {
    let place = Place::new("full-journal");
    let Some(disk) = SmallDisk::mount(&place.0.join("job"), 8) else { return };
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let kept = place.0.join("kept");
    let text = TAKING_IN.replace("${LISTEN}", &listen).replace("${KEPT}", kept.to_str().unwrap());
    let script = place.script("job", &text);
    let mut job = start(&script, Some(&place.state()), 1);
    let url = format!("http://{listen}/clicks");
    let said = || std::fs::read_to_string(script.with_extension("log")).unwrap();
    let mut waited = 0;
    while answer(&url, 0).is_none_or(|(status, _)| status != 200) {
        pause(20);
        waited += 1;
        assert!(waited < 1500, "{}", said());
    }
    for round in 1..4 {
        disk.fill();
        for _ in 0..2 {
            let (status, why) = answer(&url, round).unwrap();
            assert_eq!(status, 503, "{why}");
            assert!(why.contains("the rows cannot be written"), "{why}");
        }
        disk.free();
        let (status, said) = answer(&url, round).unwrap();
        assert_eq!((status, said.contains("repeated")), (200, false), "{said}");
        let (status, said) = answer(&url, round).unwrap();
        assert_eq!((status, said.contains("repeated")), (200, true), "{said}");
    }
    pause(500);
    signal(&job, "INT");
    assert!(job.wait().unwrap().success(), "{}", said());
    let expected: BTreeMap<String, i64> = (0..4 * ROWS).map(|id| (id.to_string(), 1)).collect();
    assert_same("kept", &rows_of(&kept), &expected);
}
