//! Full disks: a job waits until there is room again, and goes on as if nothing had been. The disks are small file
//! systems in memory; where these may not be mounted the tests say that they were skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{JOB, assert_equals_undisturbed};
use crate::{Place, dice, pause, start};

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
