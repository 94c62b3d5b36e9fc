//! The start of a run: claims the job, so that older runs can write no more, and reads what they left.

use std::fs::{File, TryLockError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use sloth_types::clock::Mono;
use sloth_types::journal::{Checkpoint, OperatorState, Recovered};
use sloth_types::rng::Rng;
use sloth_types::{Clock, Epoch, EpochEntry, Error, ErrorKind, Result, threads};

use crate::frame::{self, Kind};
use crate::keeper::newest_segment;
use crate::log::By;
use crate::manifest::{Manifest, StateFile};
use crate::objects::Objects;
use crate::plans::{Plan, current_plan};
use crate::savepoint::{self, Savepoint};
use crate::{layout, log, state};

/// Who the job is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) name: String,
}

/// A job that this run is in charge of.
pub struct Claim {
    pub(crate) objects: Objects,
    /// The job's name.
    pub job: String,
    /// Number of this run, from 1.
    pub generation: u64,
    /// What the job computes.
    pub plan: Plan,
    /// The next segment of the log.
    pub(crate) segment: u64,
    /// A moment before this run had the job: whoever has claimed it since has claimed it later.
    pub(crate) since: Mono,
    /// Held for as long as the run lives.
    pub(crate) lock: Option<File>,
    /// What earlier runs have left.
    pub recovered: Recovered,
    /// The checkpoint among it, as it is named.
    pub newest: Option<Manifest>,
    /// Checkpoints that could not be used, newest first, and why.
    pub damaged: Vec<Error>,
}

/// How often signs of life are looked for.
const LOOK_FOR_SIGNS_EVERY: Duration = Duration::from_millis(100);
/// How often a claim is tried when others claim at the same time.
const TRIES: usize = 100;

/// For so long no run removes a claim, its own or one before it. A run that has been in charge for sure within half of that
/// need not look for later claims: it would find the name of its next segment taken.
pub(crate) fn claims_stand() -> Duration {
    // Tests do not wait, unless their time is simulated.
    if cfg!(test) && !threads::simulated() { Duration::ZERO } else { Duration::from_secs(10) }
}

/// Takes charge of a job. `plan` is what it computes: one that has begun must have a plan of this fingerprint, as the state of
/// another query is of no use to it.
///
/// # Errors
/// When the store does not answer, belongs to another query, or holds only damaged checkpoints.
pub fn claim(objects: &Objects, plan: &Plan) -> Result<Claim> {
    let job = job_of(objects)?;
    for _ in 0..TRIES {
        let last = last_segment(objects)?;
        let next = last.as_ref().map_or(0, |(number, _)| number + 1);
        let (generation, plan) = match last {
            Some((_, segment)) => {
                let current = Plan::read(objects, segment.plan)?;
                current.is_of(&job)?;
                if current.fingerprint != plan.fingerprint {
                    return Err(changed());
                }
                (segment.generation + 1, current)
            }
            None if objects.list(layout::CHECKPOINTS)?.is_empty() => (1, plan.clone().create(objects)?),
            None => return Err(no_log()),
        };
        let lock = lock_of_run(objects, generation)?;
        let by = By { job: &job.name, generation, plan: plan.number };
        let since = Mono::now();
        if claim_segment(objects, next, by)? == Claimed::Ours {
            objects.tidy();
            objects.local().into_iter().for_each(|directory| directory.remove_locks(generation));
            return recovered(Claim {
                objects: objects.clone(),
                job: job.name,
                generation,
                plan,
                segment: next + 1,
                since,
                lock,
                recovered: Recovered::default(),
                newest: None,
                damaged: vec![],
            });
        }
    }
    Err(Error::unavailable("the job could not be claimed: other runs claim it all the time")
        .hint("Only one process should run a job. Is a supervisor starting several?"))
}

/// What has come of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// This run is in charge.
    Ours,
    /// Another run has this segment.
    Taken,
    /// The number was free again: others have gone on and cleaned up while this process slept.
    Late,
}

/// Claims the job for a run, with the segment of this number.
pub(crate) fn claim_segment(objects: &Objects, number: u64, by: By<'_>) -> Result<Claimed> {
    create_segment(objects, number, log::encode(number, by, &[])?)
}

/// Creates a segment behind which there must be none.
fn create_segment(objects: &Objects, number: u64, segment: Bytes) -> Result<Claimed> {
    if !objects.create(&layout::segment(number), segment)? {
        return Ok(Claimed::Taken);
    }
    if newest_segment(objects)?.is_some_and(|last| last > number) {
        objects.remove(&layout::segment(number))?;
        return Ok(Claimed::Late);
    }
    Ok(Claimed::Ours)
}

/// Takes the lock of a run that is about to claim the job. Whoever stands by waits for it.
pub(crate) fn lock_of_run(objects: &Objects, generation: u64) -> Result<Option<File>> {
    let Some(directory) = objects.local() else { return Ok(None) };
    directory.lock(generation).map_err(|e| {
        let name = directory.whole_name(&layout::lock(generation));
        Error::of_file(format_args!("the lock '{name}' cannot be taken"), &e)
            .hint("The state directory must be on a disk that you may write to.")
    })
}

/// A claim with what earlier runs have left.
fn recovered(claim: Claim) -> Result<Claim> {
    let objects = &claim.objects;
    let found = loop {
        let checkpoints = objects.list(layout::CHECKPOINTS)?;
        let found = recover_newest(objects);
        let is_whole = found.as_ref().is_ok_and(|found| found.damaged.is_empty());
        if is_whole && claim.since.elapsed() < claims_stand() / 2 {
            break found?;
        }
        // What is removed meanwhile is removed by a run that has taken over: this one has slept. What is whole may be that
        // run's then.
        if is_superseded(objects, claim.generation)? {
            return Err(crate::keeper::fenced());
        }
        // Or by the run before, which has still published a checkpoint.
        if is_whole || objects.list(layout::CHECKPOINTS)? == checkpoints {
            break found?;
        }
    };
    Ok(Claim { recovered: found.recovered, newest: found.newest, damaged: found.damaged, ..claim })
}

/// Gives a claimed job another plan, which begins with [`Plan::begin`]; the epochs behind that which the old plan has logged
/// are `carried` over: as the new plan's sources see them. Before that its newest checkpoint gets the name [`Plan::before`],
/// unless that is the old plan's. All of it happens, or nothing.
///
/// # Errors
/// When another run has taken over, or the store does not answer.
pub fn change(claim: Claim, plan: Plan, carried: &[(Epoch, EpochEntry)]) -> Result<Claim> {
    if let (Some(name), Some(newest)) = (&plan.before, &claim.newest)
        && plan.before != claim.plan.before
        && !Savepoint::create(&claim.objects, name, "before the script was changed", newest)?
    {
        return Err(savepoint::taken(name));
    }
    let plan = plan.create(&claim.objects)?;
    let by = By { job: &claim.job, generation: claim.generation, plan: plan.number };
    let head = log::encode(claim.segment, by, carried)?;
    let since = Mono::now();
    // This is the moment.
    if create_segment(&claim.objects, claim.segment, head)? != Claimed::Ours {
        return Err(crate::keeper::fenced());
    }
    recovered(Claim { plan, segment: claim.segment + 1, since, ..claim })
}

pub(crate) fn no_log() -> Error {
    Error::data("the epoch log is missing in a state directory that has checkpoints")
        .hint("Restore the directory 'log' from a copy.")
}

pub(crate) fn changed() -> Error {
    Error::invalid("the state belongs to another query: the script has changed since the job began").hint(
        "`sloth run --upgrade` shows what can be kept, and goes on with it. Or run the script that the state was made with, \
         or begin anew with another state directory.",
    )
}

/// True when some run has logged an epoch here, and the log still has it.
///
/// # Errors
/// When the store does not answer or the newest part of the log is damaged.
pub fn has_begun(objects: &Objects) -> Result<bool> {
    let Some((last, segment)) = last_segment(objects)? else { return Ok(false) };
    if !segment.entries.is_empty() {
        return Ok(true);
    }
    let job = read_job(objects)?;
    for path in objects.list(layout::LOG)?.iter().rev() {
        match read_segment(objects, path, &job.name) {
            Ok(segment) if segment.entries.is_empty() => {}
            Ok(_) => return Ok(true),
            // Removed meanwhile, by a run that has logged and cleaned up.
            Err(_) if newest_segment(objects)? > Some(last) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// True when a newer run than this one has claimed the job.
///
/// # Errors
/// As [`has_begun`].
pub fn is_superseded(objects: &Objects, generation: u64) -> Result<bool> {
    Ok(last_segment(objects)?.is_some_and(|(_, segment)| segment.generation > generation))
}

/// True when a run of this job lives: when it holds its lock, or, where locks do not tell, has given a sign of life within
/// `silence`.
///
/// # Errors
/// As [`has_begun`].
pub fn is_alive(objects: &Objects, silence: Duration) -> Result<bool> {
    let Some((_, log::Segment { generation, stopped: false, .. })) = last_segment(objects)? else { return Ok(false) };
    if let Some(lock) = objects.local().and_then(|directory| directory.lock_of(generation)) {
        return match lock.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error.into()),
        };
    }
    let signs = || Ok::<_, Error>((newest_segment(objects)?, objects.find(&Path::from(layout::ALIVE))?));
    let (before, begun) = (signs()?, Mono::now());
    while begun.elapsed() < silence {
        threads::sleep(LOOK_FOR_SIGNS_EVERY);
        if signs()? != before {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The job's identity, made at the first start.
pub(crate) fn job_of(objects: &Objects) -> Result<Job> {
    let path = Path::from(layout::JOB);
    let all = objects.list("")?;
    if all.iter().all(|p| *p != path) {
        if all.iter().any(layout::is_ours) {
            return Err(no_job());
        }
        // Two jobs with the same names of tables must not take each other's transactions.
        let seed = threads::draw(u64::MAX)
            .unwrap_or_else(|| Clock::System.now_ms() as u64 ^ (u64::from(std::process::id()) << 40));
        let job = Job { name: format!("sloth-{:08x}", Rng::at(seed, 0).below(1 << 32)) };
        let text = serde_json::to_vec(&job).map_err(|e| Error::internal(e.to_string()))?;
        objects.create(&path, frame::wrap(Kind::Job, &text))?;
    }
    read_job(objects)
}

fn no_job() -> Error {
    Error::data(format!("'{}' is missing in a state directory that has other files", layout::JOB))
        .hint("Restore it from a copy: without it the job does not know which transactions are its own.")
}

pub(crate) fn read_job(objects: &Objects) -> Result<Job> {
    let object = objects.find(&Path::from(layout::JOB))?.ok_or_else(no_job)?;
    let payload = frame::unwrap(Kind::Job, &object, layout::JOB)?;
    serde_json::from_slice(&payload).map_err(|e| Error::data(format!("'{}' is damaged: {e}", layout::JOB)))
}

pub(crate) fn read_segment(objects: &Objects, path: &Path, job: &str) -> Result<log::Segment> {
    log::decode(&objects.read(path)?, path, job)
}

/// The last segment of the log, and its number. The run in charge may remove it before it is read: then there is a later one.
pub(crate) fn last_segment(objects: &Objects) -> Result<Option<(u64, log::Segment)>> {
    let mut last = newest_segment(objects)?;
    let Some(job) = last.map(|_| read_job(objects)).transpose()? else { return Ok(None) };
    while let Some(number) = last {
        let read = read_segment(objects, &layout::segment(number), &job.name);
        let now = if read.is_err() { newest_segment(objects)? } else { last };
        if now == last {
            return read.map(|segment| Some((number, segment)));
        }
        last = now;
    }
    Ok(None)
}

/// What is there to go on from.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) recovered: Recovered,
    pub(crate) newest: Option<Manifest>,
    pub(crate) damaged: Vec<Error>,
}

/// The newest checkpoint of the job's plan that is whole, and the log after it.
pub(crate) fn recover_newest(objects: &Objects) -> Result<Found> {
    let plan = current_plan(objects)?.unwrap_or_default();
    recover_before(objects, (&read_job(objects)?.name, &plan), u64::MAX, None)
}

/// The newest checkpoint of a job's plan that is whole and contains no epoch from `first` on, and the log after it: up to segment
/// `until`, with which another plan begins.
pub(crate) fn recover_before(
    objects: &Objects,
    (job, plan): (&str, &Plan),
    first: u64,
    until: Option<u64>,
) -> Result<Found> {
    let mut damaged = vec![];
    let mut newest = None;
    let candidates = objects.list(layout::CHECKPOINTS)?;
    for path in candidates.iter().rev() {
        if layout::number_of(path).is_some_and(|epoch| epoch > first) {
            continue;
        }
        let manifest = match read_manifest(objects, path, job) {
            // Those of the plans behind it come first, then those of the plan, then the rest.
            Ok(manifest) if manifest.plan > plan.number => continue,
            Ok(manifest) if manifest.plan < plan.number => break,
            manifest => manifest,
        };
        match manifest.and_then(|m| Ok((read_whole(objects, &m)?, m))) {
            Ok(found) => {
                newest = Some(found);
                break;
            }
            // Whether it is whole is not known: an older one is not for now.
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Invalid) => return Err(error),
            Err(error) => damaged.push(error),
        }
    }
    if let (None, Some(begin)) = (&newest, &plan.begin) {
        newest = Some((read_whole(objects, begin)?, begin.clone()));
    }
    let (checkpoint, newest) = newest.unzip();
    let from = checkpoint.as_ref().map_or(0, |c: &Checkpoint| c.cut.epoch.0);
    match log_from(objects, job, from, until) {
        Ok(log) => Ok(Found { recovered: Recovered { checkpoint, log }, newest, damaged }),
        // Without the log behind it an older checkpoint is worth nothing: say what is wrong with the newest.
        Err(error) => Err(damaged.into_iter().next().unwrap_or(error)),
    }
}

/// A manifest of this job.
pub(crate) fn read_manifest(objects: &Objects, path: &Path, job: &str) -> Result<Manifest> {
    let manifest = Manifest::decode(&objects.read(path)?, path.as_ref())?;
    if !manifest.job.is_empty() && manifest.job != job {
        return Err(Error::data(format!("'{path}' is damaged: it is of another job, {}", manifest.job)));
    }
    if layout::number_of(path) != Some(manifest.epoch) {
        return Err(Error::data(format!("'{path}' is damaged: it is the manifest of epoch {}", manifest.epoch)));
    }
    Ok(manifest)
}

pub(crate) fn read_checkpoint(objects: &Objects, path: &Path, job: &str) -> Result<Checkpoint> {
    read_whole(objects, &read_manifest(objects, path, job)?)
}

fn read_whole(objects: &Objects, manifest: &Manifest) -> Result<Checkpoint> {
    manifest.checkpoint(read_state(objects, manifest)?)
}

/// The state that a manifest names, every byte of it checked. Files are read side by side.
pub(crate) fn read_state(objects: &Objects, manifest: &Manifest) -> Result<Vec<OperatorState>> {
    read_files(objects, &manifest.state)
}

/// As [`read_state`], of some files.
pub(crate) fn read_files(objects: &Objects, files: &[StateFile]) -> Result<Vec<OperatorState>> {
    let next = AtomicUsize::new(0);
    let read = || {
        let mut parts = vec![];
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(number) else { return parts };
            parts.push((number, read_part(objects, file)));
        }
    };
    let readers = std::thread::available_parallelism().map_or(1, |n| n.get()).min(files.len()).max(1);
    let parts = threads::side_by_side((0..readers).collect(), |_| read());
    let parts = parts.map_err(|_| Error::internal("reading a checkpoint has panicked"))?;
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.sort_by_key(|(number, _)| *number);
    parts.into_iter().map(|(_, part)| part).collect()
}

fn read_part(objects: &Objects, file: &StateFile) -> Result<OperatorState> {
    let object = objects.read(&Path::from(file.path.as_str()))?;
    if object.len() != file.bytes || frame::sum_of(&object) != file.crc32 {
        let text = format!("'{}' is damaged: it has another size or checksum than its manifest says", file.path);
        return Err(Error::data(text));
    }
    let mut part = state::decode(&object, &file.path)?;
    // After a change of the script an operator may go by another name.
    part.operator = u64::from_str_radix(&file.operator, 16)
        .map_err(|e| Error::data(format!("the operator of '{}': {e}", file.path)))?;
    Ok(part)
}

/// The entries of all epochs from `first` on; `until`: of those in the segments before this one.
pub(crate) fn log_from(objects: &Objects, job: &str, first: u64, until: Option<u64>) -> Result<Vec<EpochEntry>> {
    let mut log: Vec<EpochEntry> = vec![];
    let mut segments = vec![];
    let listed: Vec<u64> = objects.list(layout::LOG)?.iter().filter_map(layout::number_of).collect();
    let last = listed.iter().rev().find(|number| until.is_none_or(|until| **number < until));
    let all = listed.first().zip(last).map(|(first, last)| *first..=*last);
    // Backwards, until one begins early enough: what lies before may be damaged without harm. By number: of what comes and
    // goes a listing may leave out any.
    for number in all.into_iter().flatten().rev() {
        let path = layout::segment(number);
        let segment = match read_segment(objects, &path, job) {
            Err(_) if !objects.exists(&path)? => {
                return Err(Error::data(format!("the epoch log has a gap: '{path}' is missing"))
                    .hint("Segments of the log are missing: restore them from a copy."));
            }
            segment => segment?,
        };
        let begins = segment.entries.first().map(|(epoch, _)| epoch.0);
        segments.push(segment);
        if begins.is_some_and(|epoch| epoch <= first) {
            break;
        }
    }
    for (epoch, entry) in segments.into_iter().rev().flat_map(|s| s.entries) {
        if epoch.0 < first {
            continue;
        }
        let expected = first + log.len() as u64;
        if epoch.0 != expected {
            return Err(Error::data(format!("the epoch log goes on with epoch {epoch} where {expected} is expected"))
                .hint("Segments of the log are missing: restore them from a copy."));
        }
        log.push(entry);
    }
    Ok(log)
}
