//! Savepoints: checkpoints with a name, which are kept until somebody removes them.

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use sloth_types::journal::Checkpoint;
use sloth_types::{Clock, Error, Result};

use crate::frame::{self, Kind};
use crate::layout;
use crate::manifest::Manifest;
use crate::objects::Objects;
use crate::plans::{Plan, current_plan};
use crate::recover::{read_job, read_state};

/// A checkpoint with a name. It needs neither the log nor any other checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Savepoint {
    /// Its name, as in the object's.
    pub name: String,
    /// When it was made (ms).
    pub made: i64,
    /// Why, for people.
    pub why: String,
    /// The job's name.
    pub job: String,
    /// What computed it.
    pub plan: Plan,
    /// The checkpoint.
    pub checkpoint: Manifest,
}

impl Savepoint {
    /// Names a checkpoint. False when there is a savepoint of this name already.
    pub(crate) fn create(objects: &Objects, name: &str, why: &str, checkpoint: &Manifest) -> Result<bool> {
        let job = read_job(objects)?;
        let plan = Plan::read(objects, checkpoint.plan)?;
        let savepoint = Savepoint {
            name: name.to_owned(),
            made: Clock::System.now_ms(),
            why: why.to_owned(),
            job: job.name,
            plan: Plan { begin: None, ..plan },
            checkpoint: checkpoint.clone(),
        };
        let text = serde_json::to_vec_pretty(&savepoint);
        let text = text.map_err(|e| Error::internal(format!("a savepoint cannot be written: {e}")))?;
        let (path, object) = (layout::savepoint(name), frame::wrap(Kind::Savepoint, &text));
        // A run that begins at this moment may remove what is being written, as if a killed one had left it: then once more.
        Ok(objects.create(&path, object.clone())? || (!objects.exists(&path)? && objects.create(&path, object)?))
    }

    pub(crate) fn decode(object: &Bytes, path: &Path) -> Result<Savepoint> {
        let payload = frame::unwrap(Kind::Savepoint, object, path.as_ref())?;
        let found: Savepoint =
            serde_json::from_slice(&payload).map_err(|e| Error::data(format!("'{path}' is damaged: {e}")))?;
        if layout::name_of(path).as_deref() != Some(&found.name) {
            return Err(Error::data(format!("'{path}' is damaged: it is savepoint '{}'", found.name)));
        }
        Ok(found)
    }

    /// Reads it whole, checking every byte.
    ///
    /// # Errors
    /// When a state file is damaged or missing.
    pub fn read(&self, objects: &Objects) -> Result<Checkpoint> {
        self.checkpoint.checkpoint(read_state(objects, &self.checkpoint)?)
    }
}

/// All savepoints, by name; an error where one is damaged.
///
/// # Errors
/// When the store does not answer.
pub fn savepoints(objects: &Objects) -> Result<Vec<(String, Result<Savepoint>)>> {
    let mut found = vec![];
    for path in objects.list(layout::SAVEPOINTS)? {
        if let Some(name) = layout::name_of(&path) {
            found.push((name, objects.read(&path).and_then(|object| Savepoint::decode(&object, &path))));
        }
    }
    Ok(found)
}

/// The savepoint of this name.
///
/// # Errors
/// When there is none, or it is damaged.
pub fn savepoint(objects: &Objects, name: &str) -> Result<Savepoint> {
    let all = savepoints(objects)?;
    let known: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    all.into_iter().find(|(found, _)| found == name).map(|(_, found)| found).unwrap_or_else(|| {
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        Err(Error::invalid(format!("there is no savepoint '{name}'")).hint(format!("Savepoints: {known}.")))
    })
}

/// The savepoint in a file `DIR/savepoints/NAME.json` of another state directory, with the objects of that directory.
///
/// # Errors
/// When it is not such a file, or it is damaged.
pub fn savepoint_at(file: &std::path::Path) -> Result<(Objects, Savepoint)> {
    let other = || {
        Error::invalid(format!("'{}' is not a savepoint of a state directory", file.display()))
            .hint("Give DIR/savepoints/NAME.json, or the name of a savepoint in the directory that --state names.")
    };
    let name = file.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".json")).ok_or_else(other)?;
    let directory = file.parent().filter(|p| p.ends_with(layout::SAVEPOINTS)).and_then(|p| p.parent());
    let directory = directory.filter(|_| file.is_file()).ok_or_else(other)?;
    let here = if directory.as_os_str().is_empty() { std::path::Path::new(".") } else { directory };
    let objects = Objects::at(here)?;
    let found = savepoint(&objects, name)?;
    Ok((objects, found))
}

/// A name that can be an object's, and is not taken.
///
/// # Errors
/// When it is not such a name.
pub fn check_name(objects: &Objects, name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 100 || !name.chars().all(plain) || name.starts_with(['.', '-']) {
        return Err(Error::invalid(format!("'{name}' cannot be the name of a savepoint"))
            .hint("Use letters, digits, '_', and behind the first one '-' and '.', for example 'before-sale'."));
    }
    if objects.exists(&layout::savepoint(name))? {
        return Err(taken(name));
    }
    Ok(())
}

pub(crate) fn taken(name: &str) -> Error {
    Error::invalid(format!("there is a savepoint '{name}' already"))
        .hint("Take another name, or remove it with `sloth savepoint rm`.")
}

/// The first name of the form `<word>-<number>` that is not taken.
///
/// # Errors
/// When the store does not answer.
pub fn free_name(objects: &Objects, word: &str) -> Result<String> {
    let taken: Vec<String> = objects.list(layout::SAVEPOINTS)?.iter().filter_map(layout::name_of).collect();
    let mut numbers = 1_usize..;
    let free = numbers.find_map(|n| Some(format!("{word}-{n}")).filter(|name| !taken.contains(name)));
    Ok(free.unwrap_or_else(|| word.to_owned()))
}

/// Names the newest checkpoint of a job that does not run.
///
/// # Errors
/// When there is no checkpoint, the newest is damaged, or the name is taken.
pub fn name_newest(objects: &Objects, name: &str, why: &str) -> Result<Savepoint> {
    let Some(manifest) = newest_manifest(objects)? else {
        return Err(Error::invalid("there is no checkpoint that could become a savepoint").hint(
            "A job makes its first checkpoint after 'execution.checkpointing.interval' (10 s), and when it stops.",
        ));
    };
    read_state(objects, &manifest)?;
    if !Savepoint::create(objects, name, why, &manifest)? {
        return Err(taken(name));
    }
    // A run that began meanwhile may have removed what it did not know to be named.
    for file in &manifest.state {
        if !objects.exists(&Path::from(file.path.as_str()))? {
            objects.remove(&layout::savepoint(name))?;
            return Err(Error::unavailable("a job has begun to run on the directory: the savepoint was not made")
                .hint("Take it again."));
        }
    }
    savepoint(objects, name)
}

/// The newest checkpoint of the job's plan: what it began with when it has made none itself.
///
/// # Errors
/// When it, or the plan, is damaged.
pub fn newest_manifest(objects: &Objects) -> Result<Option<Manifest>> {
    let Some(plan) = current_plan(objects)? else { return Ok(None) };
    let newest = match objects.list(layout::CHECKPOINTS)?.pop() {
        Some(path) => Some(Manifest::decode(&objects.read(&path)?, path.as_ref())?),
        None => None,
    };
    Ok(newest.filter(|manifest| manifest.plan == plan.number).or(plan.begin))
}

/// The state files that savepoints name.
///
/// # Errors
/// When a savepoint cannot be read: then what it names is not known.
pub(crate) fn named(objects: &Objects) -> Result<Vec<Path>> {
    let mut named = vec![];
    for (_, found) in savepoints(objects)? {
        named.extend(found?.checkpoint.state.iter().map(|file| Path::from(file.path.as_str())));
    }
    Ok(named)
}

/// Copies the state that a manifest names from one directory to another; gives the manifest with the names it has there.
///
/// # Errors
/// When a file is damaged or missing, or cannot be written.
pub fn copy_state(from: &Objects, to: &Objects, manifest: &Manifest, generation: u64) -> Result<Manifest> {
    let mut copied = manifest.clone();
    read_state(from, manifest)?;
    for (number, file) in copied.state.iter_mut().enumerate() {
        let path = layout::state(generation, manifest.epoch, number);
        let object = from.read(&Path::from(file.path.as_str()))?;
        if !to.create(&path, object)? {
            return Err(Error::internal(format!("'{path}' is there already")));
        }
        file.path = path.to_string();
    }
    Ok(copied)
}
