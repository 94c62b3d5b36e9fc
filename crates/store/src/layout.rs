//! The names of all objects.

use object_store::path::Path;

/// The job's identity.
pub(crate) const JOB: &str = "job.json";
/// Prefix of log segments.
pub(crate) const LOG: &str = "log";
/// Prefix of manifests.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// Prefix of state files.
pub(crate) const STATE: &str = "state";
/// Prefix of plans.
pub(crate) const PLANS: &str = "plans";
/// Prefix of savepoints.
pub(crate) const SAVEPOINTS: &str = "savepoints";
/// Prefix of what a running job is asked for.
pub(crate) const REQUESTS: &str = "requests";
/// Prefix of what it has answered.
pub(crate) const ANSWERS: &str = "answers";

/// Prefix of the locks of runs; not objects, but files where there is a directory.
pub(crate) const LOCKS: &str = "lock";
/// What a run writes again and again while it has nothing to log; the only object that changes.
pub(crate) const ALIVE: &str = "alive";

/// The lock that a run holds for as long as it lives.
pub(crate) fn lock(generation: u64) -> String {
    format!("{LOCKS}/{generation:010}")
}

/// The segment with this number. Digits are padded, so that names sort as numbers do.
pub(crate) fn segment(number: u64) -> Path {
    Path::from(format!("{LOG}/{number:020}"))
}

/// The manifest of the checkpoint before this epoch.
pub(crate) fn manifest(epoch: u64) -> Path {
    Path::from(format!("{CHECKPOINTS}/{epoch:020}.json"))
}

/// A state file of a checkpoint. The generation keeps a stale run from writing over the files of the one in charge.
pub(crate) fn state(generation: u64, epoch: u64, number: usize) -> Path {
    Path::from(format!("{STATE}/{generation:010}/{epoch:020}/{number:05}.state"))
}

/// A state file of a checkpoint behind this epoch, whose own is not known yet.
pub(crate) fn state_ahead(generation: u64, since: u64, number: u64) -> Path {
    Path::from(format!("{STATE}/{generation:010}/{since:020}/a{number:05}.state"))
}

/// A state file of a checkpoint in which files of earlier ones are put together.
pub(crate) fn state_merged(generation: u64, epoch: u64, number: usize) -> Path {
    Path::from(format!("{STATE}/{generation:010}/{epoch:020}/m{number:05}.state"))
}

/// The plan with this number.
pub(crate) fn plan(number: u64) -> Path {
    Path::from(format!("{PLANS}/{number:010}.json"))
}

/// The savepoint of this name.
pub(crate) fn savepoint(name: &str) -> Path {
    Path::from(format!("{SAVEPOINTS}/{name}.json"))
}

/// A request.
pub(crate) fn request(id: &str) -> Path {
    Path::from(format!("{REQUESTS}/{id}.json"))
}

/// The answer to a request.
pub(crate) fn answer(id: &str) -> Path {
    Path::from(format!("{ANSWERS}/{id}.json"))
}

/// The name in an object's name that ends in `.json`.
pub(crate) fn name_of(path: &Path) -> Option<String> {
    path.filename()?.strip_suffix(".json").map(str::to_owned)
}

/// True for the objects of a job that has begun.
pub(crate) fn is_ours(path: &Path) -> bool {
    let top = path.parts().next();
    top.is_some_and(|top| [LOG, CHECKPOINTS, STATE, SAVEPOINTS, PLANS].contains(&top.as_ref()))
}

/// The generation in the name of a state file, and the epoch of the first checkpoint that may name it.
pub(crate) fn place_of(path: &Path) -> Option<(u64, u64)> {
    let mut parts = path.parts().skip(1);
    let (generation, epoch) = (parts.next()?.as_ref().parse().ok()?, parts.next()?.as_ref().parse::<u64>().ok()?);
    // What was written ahead belongs to a later checkpoint than the one in its name.
    let ahead = path.filename().is_some_and(|name| name.starts_with('a'));
    Some((generation, epoch.saturating_add(u64::from(ahead))))
}

/// True for a name that an object can have. What else lies in the directories of numbered objects has no meaning.
pub(crate) fn is_proper(path: &Path) -> bool {
    let top = path.parts().next().map(|top| top.as_ref().to_owned());
    let is = |name: fn(u64) -> Path| number_of(path).is_some_and(|number| name(number) == *path);
    match top.as_deref() {
        Some(LOG) => is(segment),
        Some(CHECKPOINTS) => is(manifest),
        Some(PLANS) => is(plan),
        _ => true,
    }
}

/// The number in an object's name.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    let name = path.filename()?;
    name.strip_suffix(".json").unwrap_or(name).parse().ok()
}
