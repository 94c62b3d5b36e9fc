//! Waits, without following the log, until the run in charge is gone: for jobs whose epochs cannot be made again the same.

use std::time::Duration;

use object_store::path::Path;
use sloth_types::clock::Mono;
use sloth_types::{Result, threads};

use crate::layout;
use crate::objects::Objects;
use crate::recover::last_segment;

/// How often is looked, where objects are files, and elsewhere.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(200)];

/// How waiting has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is nobody to wait for.
    Gone,
    /// The job was asked to stop, and has.
    Stopped,
    /// Whoever waited does not want to any more.
    GivenUp,
}

/// Waits until no run is in charge: until its process has ended or it has been silent for `silence`, as for
/// [`stand_by`](crate::stand_by).
///
/// # Errors
/// When the store does not answer, or the newest part of the log is damaged.
pub fn wait_for_turn(objects: &Objects, silence: Duration, given_up: impl Fn() -> bool) -> Result<Turn> {
    let (mut sign, mut heard, mut waited) = (None, Mono::now(), false);
    loop {
        let Some((number, segment)) = last_segment(objects)? else { return Ok(Turn::Gone) };
        if segment.stopped {
            return Ok(if waited { Turn::Stopped } else { Turn::Gone });
        }
        let now = Some((number, objects.find(&Path::from(layout::ALIVE))?));
        if now != sign {
            (sign, heard) = (now, Mono::now());
        }
        let lock = objects.local().and_then(|directory| directory.lock_of(segment.generation));
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) || heard.elapsed() >= silence {
            return Ok(Turn::Gone);
        }
        if given_up() {
            return Ok(Turn::GivenUp);
        }
        waited = true;
        threads::sleep(LOOK_EVERY[usize::from(objects.local().is_none())]);
    }
}
