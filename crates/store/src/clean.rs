//! What nobody needs any more is removed: old checkpoints, state files that nothing names, and the log before the oldest
//! checkpoint.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use object_store::path::Path;
use sloth_types::Result;
use sloth_types::clock::Mono;

use crate::ahead::Ahead;
use crate::manifest::Manifest;
use crate::objects::Objects;
use crate::plans::{self, Plan};
use crate::recover::{claims_stand, is_superseded};
use crate::{layout, log, savepoint};

/// The cleaning of a run.
pub(crate) struct Cleaning<'a> {
    pub(crate) objects: &'a Objects,
    pub(crate) job: &'a str,
    pub(crate) generation: u64,
    pub(crate) plan: &'a Plan,
    /// Since when the run's claim stands, at least.
    pub(crate) begun: Mono,
    /// How many checkpoints are kept.
    pub(crate) retained: usize,
    pub(crate) begins: &'a Begins,
}

/// With which epoch segments of the log begin that have been written or read; nothing is known of the others.
#[derive(Default)]
pub(crate) struct Begins(Mutex<BTreeMap<u64, Option<u64>>>);

impl Begins {
    /// A segment has been written, or read.
    pub(crate) fn note(&self, segment: u64, begins: Option<u64>) {
        self.lock().insert(segment, begins);
    }

    fn of(&self, segment: u64) -> Option<Option<u64>> {
        self.lock().get(&segment).copied()
    }

    /// Segments before this one are gone.
    fn forget(&self, before: u64) {
        let mut known = self.lock();
        *known = known.split_off(&before);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Option<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be kept.
struct Kept {
    /// State files that something names.
    named: Vec<Path>,
    /// The oldest checkpoint that the log is needed for.
    oldest: u64,
}

impl Cleaning<'_> {
    /// Removes old checkpoints, state files that no manifest names and that are not `ahead` of the next one, and the log
    /// before the oldest checkpoint.
    ///
    /// # Errors
    /// When the store does not answer, or what it names cannot be read.
    pub(crate) fn clean(&self, ahead: &Ahead) -> Result<()> {
        // A run that has claimed the job before this checkpoint stood may go on with the files of another one.
        if is_superseded(self.objects, self.generation)? {
            return Ok(());
        }
        let Kept { named, oldest } = self.remove_checkpoints()?;
        let named: HashSet<&Path> = named.iter().collect();
        let mut unnamed = self.objects.list(layout::STATE)?;
        unnamed.retain(|path| {
            // What a newer run has uploaded and not published yet is not ours to judge.
            let newer = layout::place_of(path).is_none_or(|(generation, _)| generation > self.generation);
            !newer && !named.contains(path) && !ahead.has(path)
        });
        self.objects.remove_all(&unnamed)?;
        self.remove_segments(oldest)
    }

    /// Removes the manifests of old checkpoints.
    fn remove_checkpoints(&self) -> Result<Kept> {
        let manifests = self.objects.list(layout::CHECKPOINTS)?;
        let (old, kept) = manifests.split_at(manifests.len().saturating_sub(self.retained));
        self.objects.remove_all(old)?;
        let (mut named, of_plan) = self.named_by(kept)?;
        let oldest = kept.first().and_then(layout::number_of).unwrap_or(0);
        // What the plan began with counts as a checkpoint of it.
        let Some(begin) = self.plan.begin.as_ref().filter(|_| of_plan < self.retained) else {
            return Ok(Kept { named, oldest });
        };
        named.extend(plans::named(self.plan));
        Ok(Kept { named, oldest: begin.epoch.min(oldest) })
    }

    /// The state files that savepoints and these manifests name, and how many of the manifests are of the plan.
    fn named_by(&self, manifests: &[Path]) -> Result<(Vec<Path>, usize)> {
        let mut named: Vec<Path> = savepoint::named(self.objects)?;
        let mut of_plan = 0;
        for path in manifests {
            let manifest = Manifest::decode(&self.objects.read(path)?, path.as_ref())?;
            of_plan += usize::from(manifest.plan == self.plan.number);
            named.extend(manifest.state.iter().map(|file| Path::from(file.path.as_str())));
        }
        Ok((named, of_plan))
    }

    /// Removes the segments that lie before the last one that begins no later than the oldest checkpoint.
    fn remove_segments(&self, oldest: u64) -> Result<()> {
        // Who was in charge before must find the claim of this run, or that of one between the two: all of them are older.
        if self.begun.elapsed() < claims_stand() {
            return Ok(());
        }
        let segments = self.objects.list(layout::LOG)?;
        let mut superfluous = 0;
        for (place, path) in segments.iter().enumerate() {
            match self.first_epoch(path)? {
                Some(epoch) if epoch > oldest => break,
                Some(_) => superfluous = place,
                None => {}
            }
        }
        let (superfluous, kept) = segments.split_at(superfluous);
        self.objects.remove_all(superfluous)?;
        self.begins.forget(kept.first().and_then(layout::number_of).unwrap_or(0));
        Ok(())
    }

    /// With which epoch a segment begins, if it has any. Each is read once at most: in a bucket that is one request.
    fn first_epoch(&self, path: &Path) -> Result<Option<u64>> {
        let number = layout::number_of(path).unwrap_or_default();
        if let Some(known) = self.begins.of(number) {
            return Ok(known);
        }
        let segment = log::decode(&self.objects.read(path)?, path, self.job)?;
        let begins = segment.entries.first().map(|(epoch, _)| epoch.0);
        self.begins.note(number, begins);
        Ok(begins)
    }

    /// Removes what this run has written and nothing names, when it ends before the checkpoint that would have named it. The
    /// next checkpoint would do so, too; but on a full disk there is none, nor a next run, until there is room.
    ///
    /// # Errors
    /// As [`Cleaning::clean`].
    pub(crate) fn remove_unfinished(&self) -> Result<()> {
        if self.objects.local().is_none() {
            return Ok(());
        }
        let mut own = self.objects.list(layout::STATE)?;
        own.retain(|path| layout::place_of(path).is_some_and(|(generation, _)| generation == self.generation));
        let (mut named, _) = self.named_by(&self.objects.list(layout::CHECKPOINTS)?)?;
        named.extend(plans::named(self.plan));
        // Asked last: as long as no other run is there none of the manifests has been removed, and there are no others.
        if is_superseded(self.objects, self.generation)? {
            return Ok(());
        }
        own.retain(|path| !named.contains(path));
        self.objects.remove_all(&own)
    }
}
