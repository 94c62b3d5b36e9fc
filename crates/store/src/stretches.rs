//! Stretches of the epoch log that can be made again, each with the plan that has logged it.
//!
//! ```text
//!  plan 1:  epochs 40 … 61       from its checkpoint 52 on
//!  plan 2:  epochs 58 … 90       from its beginning 58 on: the job had crashed, its epochs behind 58 were carried over
//! ```

use std::collections::HashSet;
use std::ops::Range;

use object_store::path::Path;
use sloth_types::journal::Recovered;
use sloth_types::{Error, Result};

use crate::inspect::{Inspection, LogPart, inspect};
use crate::layout;
use crate::manifest::Manifest;
use crate::objects::Objects;
use crate::plans::{self, Plan};
use crate::recover::{Job, recover_before};

/// What a plan has logged, as far as it is still in the log.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Number of the plan.
    pub number: u64,
    /// The plan, or why it is not known.
    pub plan: Result<Plan>,
    /// Its epochs in the log.
    pub logged: Range<u64>,
    /// From this one on they can be made again: there stands its oldest checkpoint, or it begins there. `None` when nothing
    /// of it can be.
    pub kept: Option<u64>,
    /// The segment with which the next plan begins.
    until: Option<u64>,
    /// The job's name.
    job: String,
}

impl Inspection {
    /// What can be made again of the log, in the order in which it was logged.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn stretches(&self, objects: &Objects) -> Result<Vec<Stretch>> {
        let files: HashSet<Path> = objects.list(layout::STATE)?.into_iter().collect();
        let next = self.parts.iter().skip(1).map(|part| Some(part.segment)).chain([None]);
        Ok(self.parts.iter().zip(next).map(|(part, until)| self.stretch(objects, part, until, &files)).collect())
    }

    fn stretch(&self, objects: &Objects, part: &LogPart, until: Option<u64>, files: &HashSet<Path>) -> Stretch {
        let plan = Plan::read(objects, part.plan);
        let plan = plan.and_then(|plan| plan.is_of(&Job { name: self.job.clone() }).map(|()| plan));
        let begin = plan.as_ref().ok().and_then(|plan| plan.begin.as_ref());
        let logged = part.logged.map_or_else(
            || {
                let first = begin.map_or(0, |begin| begin.epoch);
                first..first
            },
            |(first, end)| first..end,
        );
        let is_of = |manifest: &&Manifest| manifest.plan == part.plan;
        let checkpoints = self.checkpoints.iter().filter_map(|(_, m)| m.as_ref().ok()).filter(is_of).map(|m| m.epoch);
        // What a plan began with is kept until it has checkpoints of its own.
        let begins = match &plan {
            Ok(Plan { begin: None, .. }) => Some(0),
            Ok(plan) => begin.filter(|_| plans::named(plan).all(|file| files.contains(&file))).map(|b| b.epoch),
            Err(_) => None,
        };
        let kept = checkpoints.chain(begins).filter(|epoch| logged.contains(epoch)).min();
        Stretch { until, job: self.job.clone(), ..Stretch::new(part.plan, plan, logged, kept) }
    }
}

impl Stretch {
    /// A stretch of a job without a name.
    pub fn new(number: u64, plan: Result<Plan>, logged: Range<u64>, kept: Option<u64>) -> Stretch {
        Stretch { number, plan, logged, kept, until: None, job: String::new() }
    }

    /// What is needed to make its epochs from `first` on again: the newest whole checkpoint at or before it, and the log.
    ///
    /// # Errors
    /// When that is no longer kept, or damaged.
    pub fn before(&self, objects: &Objects, first: u64) -> Result<Recovered> {
        let plan = self.plan.as_ref().map_err(Clone::clone)?;
        if !self.keeps(first) {
            return Err(no_longer_kept(first));
        }
        let found = recover_before(objects, (&self.job, plan), first, self.until);
        found.map(|found| found.recovered).map_err(|error| match self.is_overtaken(objects, first) {
            Ok(true) => {
                no_longer_kept(first).hint("The job runs, and has newer checkpoints now: ask for later epochs.")
            }
            _ => error,
        })
    }

    fn keeps(&self, epoch: u64) -> bool {
        self.logged.contains(&epoch) && self.kept.is_some_and(|kept| kept <= epoch)
    }

    /// True when a job that runs has removed since what was needed for an epoch.
    fn is_overtaken(&self, objects: &Objects, epoch: u64) -> Result<bool> {
        let found = inspect(objects)?;
        // Then it is the damage that is to be told.
        if !found.damaged_log.is_empty() {
            return Ok(false);
        }
        let now = found.stretches(objects)?;
        Ok(now.iter().all(|stretch| stretch.number != self.number || !stretch.keeps(epoch)))
    }
}

fn no_longer_kept(epoch: u64) -> Error {
    Error::invalid(format!("epoch {epoch} cannot be made again: what it needs is no longer kept"))
}
