//! A look at a job without taking charge of it: what is there, whether it is whole, and the removal of a checkpoint.

use object_store::path::Path;
use sloth_types::journal::Checkpoint;
use sloth_types::{Error, Result};

use crate::layout;
use crate::manifest::Manifest;
use crate::objects::Objects;
use crate::plans::{self, Plan};
use crate::recover::{log_from, no_log, read_checkpoint, read_job, read_manifest, read_segment};
use crate::savepoint;

/// What a state directory holds.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The job's name.
    pub job: String,
    /// What it computes.
    pub plan: Plan,
    /// Why it is not known what it computes.
    pub damaged_plan: Option<Error>,
    /// Number of the last run.
    pub generation: u64,
    /// The manifests, oldest first; an error where one is damaged.
    pub checkpoints: Vec<(u64, Result<Manifest>)>,
    /// Epochs in the log: the first one and the one after the last.
    pub logged: Option<(u64, u64)>,
    /// Segments of the log that cannot be read, and why.
    pub damaged_log: Vec<Error>,
    /// Which parts of the log are of which plan, in their order.
    pub(crate) parts: Vec<LogPart>,
}

/// The part of the log that is of one plan.
#[derive(Clone, Debug)]
pub(crate) struct LogPart {
    /// Number of the plan.
    pub(crate) plan: u64,
    /// The first segment.
    pub(crate) segment: u64,
    /// Its epochs: the first one and the one after the last.
    pub(crate) logged: Option<(u64, u64)>,
}

/// Looks at a job without taking charge of it.
///
/// # Errors
/// When the store does not answer or holds no job.
pub fn inspect(objects: &Objects) -> Result<Inspection> {
    if !objects.exists(&Path::from(layout::JOB))? {
        return Err(Error::invalid(format!("there is no job here: '{}' is missing", layout::JOB))
            .hint("Is this the directory that was given as --state?"));
    }
    let job = read_job(objects)?;
    let checkpoints = look_until_seen(|| manifests(objects, &job.name))?;
    let Log { generation, damaged: damaged_log, parts } = look_until_seen(|| log(objects, &job.name))?;
    let epochs = || parts.iter().filter_map(|part| part.logged);
    let logged = epochs().next().zip(epochs().next_back()).map(|((first, _), (_, end))| (first, end));
    let plan = parts.last().map_or_else(|| Ok(Plan::default()), |part| Plan::read(objects, part.plan));
    let plan = plan.and_then(|plan| plan.is_of(&job).map(|()| plan));
    let (plan, damaged_plan) = plan.map_or_else(|error| (Plan::default(), Some(error)), |plan| (plan, None));
    Ok(Inspection { job: job.name, plan, damaged_plan, generation, checkpoints, logged, damaged_log, parts })
}

/// Looks again when all that was listed has been removed before it was read: the job that runs does so, and has put newer
/// objects in its place.
fn look_until_seen<T>(look: impl Fn() -> Result<Option<T>>) -> Result<T> {
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
    }
}

/// Manifests by epoch, oldest first.
type Manifests = Vec<(u64, Result<Manifest>)>;

/// The manifests; `None` when all of them were removed meanwhile.
fn manifests(objects: &Objects, job: &str) -> Result<Option<Manifests>> {
    let listed = objects.list(layout::CHECKPOINTS)?;
    let mut manifests = vec![];
    for path in &listed {
        let manifest = read_manifest(objects, path, job);
        if manifest.is_ok() || objects.exists(path)? {
            manifests.push((layout::number_of(path).unwrap_or_default(), manifest));
        }
    }
    Ok(Some(manifests).filter(|manifests| !manifests.is_empty() || listed.is_empty()))
}

/// What the log tells.
#[derive(Default)]
struct Log {
    generation: u64,
    damaged: Vec<Error>,
    parts: Vec<LogPart>,
}

/// Reads the log; `None` when all that was listed of it was removed meanwhile.
fn log(objects: &Objects, job: &str) -> Result<Option<Log>> {
    let listed = objects.list(layout::LOG)?;
    let mut log = Log::default();
    for path in &listed {
        let segment = match read_segment(objects, path, job) {
            Ok(segment) => segment,
            Err(_) if !objects.exists(path)? => continue,
            Err(error) => {
                log.damaged.push(error);
                continue;
            }
        };
        log.generation = log.generation.max(segment.generation);
        if log.parts.last().is_none_or(|part| part.plan != segment.plan) {
            let number = layout::number_of(path).unwrap_or_default();
            log.parts.push(LogPart { plan: segment.plan, segment: number, logged: None });
        }
        let ends = segment.entries.first().zip(segment.entries.last());
        if let (Some(part), Some(((first, _), (last, _)))) = (log.parts.last_mut(), ends) {
            part.logged = Some((part.logged.map_or(first.0, |(first, _)| first), last.0 + 1));
        }
    }
    Ok(Some(log).filter(|log| !log.parts.is_empty() || !log.damaged.is_empty() || listed.is_empty()))
}

impl Inspection {
    /// Reads a checkpoint whole, checking every byte.
    ///
    /// # Errors
    /// When it is damaged or missing.
    pub fn verify(&self, objects: &Objects, epoch: u64) -> Result<Checkpoint> {
        self.find(epoch)?;
        read_checkpoint(objects, &layout::manifest(epoch), &self.job)
    }

    /// True when a checkpoint that was there has been removed since: the job that runs keeps a few.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn is_removed(&self, objects: &Objects, epoch: u64) -> Result<bool> {
        objects.exists(&layout::manifest(epoch)).map(|exists| !exists)
    }

    /// Reads the log that follows these checkpoints, or the oldest one when none of them is left, or the whole log when there
    /// is none, and checks that no epoch is missing.
    /// Gives the first epoch, and how many there are.
    ///
    /// # Errors
    /// When a segment is damaged or missing.
    pub fn verify_log(&self, objects: &Objects, checkpoints: &[u64]) -> Result<(u64, usize)> {
        let oldest = |prefix: &str| Ok::<_, Error>(objects.list(prefix)?.into_iter().next());
        loop {
            let before = oldest(layout::LOG)?;
            if before.is_none() && !checkpoints.is_empty() {
                return Err(no_log());
            }
            let mut from = None;
            for epoch in checkpoints {
                if from.is_none() && !self.is_removed(objects, *epoch)? {
                    from = Some(*epoch);
                }
            }
            let from = match from {
                None => oldest(layout::CHECKPOINTS)?.and_then(|path| layout::number_of(&path)),
                from => from,
            };
            // No run goes on from what other plans have logged before, and it may stand there twice.
            let begin = self.plan.begin.as_ref().map_or(0, |begin| begin.epoch);
            let from = from.unwrap_or(0).max(begin);
            match log_from(objects, &self.job, from, None) {
                // The job that runs has removed what lies before its oldest checkpoint.
                Err(_) if oldest(layout::LOG)? != before => {}
                log => return log.map(|log| (from, log.len())),
            }
        }
    }

    /// Removes a checkpoint and the state files that no other one names. The last one that is whole and the newest, whose
    /// files a running job continues, are removed only by `force`. Gives the number of state files removed.
    ///
    /// # Errors
    /// When there is no such checkpoint, it is the last whole one or the newest, or the store does not answer.
    pub fn remove(&self, objects: &Objects, epoch: u64, force: bool) -> Result<usize> {
        self.find(epoch)?;
        let whole = |epoch: u64| read_checkpoint(objects, &layout::manifest(epoch), &self.job).is_ok();
        let others = || self.checkpoints.iter().map(|(other, _)| *other).filter(|other| *other != epoch);
        if !force && whole(epoch) && !others().any(whole) {
            return Err(Error::invalid(format!("checkpoint {epoch} is the only one that is whole")).hint(
                "Without it the job must be made again from the beginning of its log, if that is still there. \
                       --force removes it all the same.",
            ));
        }
        if !force && self.checkpoints.last().is_some_and(|(newest, _)| *newest == epoch) {
            return Err(Error::invalid(format!("checkpoint {epoch} is the newest: a running job continues its files"))
                .hint("When no job runs on the directory, --force removes it."));
        }
        objects.remove(&layout::manifest(epoch))?;
        let newest = self.checkpoints.iter().map(|(other, _)| *other).max().unwrap_or(epoch);
        self.remove_unnamed(objects, Some(epoch), newest)
    }

    /// Removes a savepoint and the state files that nothing else names. Gives their number.
    ///
    /// # Errors
    /// When there is no such savepoint, or the store does not answer.
    pub fn remove_savepoint(&self, objects: &Objects, name: &str) -> Result<usize> {
        let path = layout::savepoint(name);
        if !objects.exists(&path)? {
            savepoint::savepoint(objects, name)?;
        }
        objects.remove(&path)?;
        // What is newer than the newest checkpoint is being written by a run.
        let newest = self.checkpoints.iter().map(|(epoch, _)| *epoch).max();
        newest.map_or(Ok(0), |newest| self.remove_unnamed(objects, None, newest))
    }

    /// Removes the state files of checkpoints up to `newest` that neither a savepoint nor a checkpoint other than `gone`
    /// names.
    fn remove_unnamed(&self, objects: &Objects, gone: Option<u64>, newest: u64) -> Result<usize> {
        let mut named = savepoint::named(objects)?;
        named.extend(plans::named(&self.plan));
        for (_, manifest) in self.checkpoints.iter().filter(|(epoch, _)| Some(*epoch) != gone) {
            match manifest {
                Ok(manifest) => named.extend(manifest.state.iter().map(|file| Path::from(file.path.as_str()))),
                // While a manifest cannot be read, what it names is not known: then none go.
                Err(_) => return Ok(0),
            }
        }
        let mut removed = 0;
        for path in objects.list(layout::STATE)? {
            let Some((_, made_at)) = layout::place_of(&path) else { continue };
            if made_at <= newest && !named.contains(&path) {
                objects.remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The manifest of a checkpoint.
    ///
    /// # Errors
    /// When there is none for this epoch, or it is damaged.
    pub fn manifest(&self, epoch: u64) -> Result<&Manifest> {
        self.find(epoch)?.as_ref().map_err(Clone::clone)
    }

    fn find(&self, epoch: u64) -> Result<&Result<Manifest>> {
        let found = self.checkpoints.iter().find(|(number, _)| *number == epoch).map(|(_, manifest)| manifest);
        found.ok_or_else(|| {
            let known: Vec<String> = self.checkpoints.iter().map(|(epoch, _)| epoch.to_string()).collect();
            let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
            Error::invalid(format!("there is no checkpoint {epoch}")).hint(format!("Checkpoints: {known}."))
        })
    }
}
