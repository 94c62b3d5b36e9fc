//! The plans that a job has had: what each of its statements is, where their sources stand in manifests, and from what they
//! began.
//!
//! A segment of the log says in its first line which plan its epochs are of. So a job changes its plan in the moment in which
//! a segment is created, and a run with another plan finds the name of its next segment taken.

use object_store::path::Path;
use serde::{Deserialize, Serialize};
use sloth_types::{Error, Result};

use crate::frame::{self, Kind};
use crate::manifest::Manifest;
use crate::objects::Objects;
use crate::recover::{Job, last_segment, read_job};
use crate::{layout, log};

/// A plan of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number, from 1; given by [`crate::claim`] and [`crate::change`].
    pub number: u64,
    /// The job's name, given as its number; empty in plans of earlier releases.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
    /// A text that is the same for scripts that compute the same.
    pub fingerprint: String,
    /// The script, for people.
    pub script: String,
    /// Why it was made, for people.
    pub why: String,
    /// The savepoint that it was begun from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The savepoint that was made of the plan before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// It was begun to undo the change before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undone: bool,
    /// The first instance that has not been used.
    pub instances: u32,
    /// Its sources, in the order of the manifests.
    pub sources: Vec<PlanSource>,
    /// Its sinks, in their order.
    pub sinks: Vec<PlanSink>,
    /// Its operators.
    pub operators: Vec<PlanOperator>,
    /// What it began with; `None` for a job that began with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Manifest>,
}

/// A source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSource {
    /// Its identity, whatever its instance.
    pub query: String,
    /// Statements that were added to a job have instances of their sources of their own.
    pub instance: u32,
    /// The table.
    pub table: String,
}

/// A sink, and with it a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSink {
    /// Its identity, whatever the instance of its sources.
    pub query: String,
    /// The instance of its sources.
    pub instance: u32,
    /// The table.
    pub table: String,
    /// Which of the writers of this table it is.
    pub place: usize,
    /// The statement, for people.
    pub statement: String,
}

/// An operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOperator {
    /// Its identity, whatever the instance of its sources.
    pub query: String,
    /// The instance of its sources.
    pub instance: u32,
    /// Its identity, from which the names of its state follow.
    pub identity: String,
    /// What it does, for people.
    pub about: String,
    /// The sinks behind it, by their places in [`Plan::sinks`].
    pub sinks: Vec<usize>,
}

impl Plan {
    /// Writes it under the next free number.
    pub(crate) fn create(mut self, objects: &Objects) -> Result<Plan> {
        self.job = read_job(objects)?.name;
        loop {
            let known = objects.list(layout::PLANS)?;
            self.number = known.iter().filter_map(layout::number_of).max().unwrap_or(0) + 1;
            if let Some(begin) = &mut self.begin {
                begin.plan = self.number;
                begin.job.clone_from(&self.job);
            }
            let text = serde_json::to_vec_pretty(&self);
            let text = text.map_err(|e| Error::internal(format!("a plan cannot be written: {e}")))?;
            if objects.create(&layout::plan(self.number), frame::wrap(Kind::Plan, &text))? {
                return Ok(self);
            }
        }
    }

    /// Checks that it is a plan of this job: transactions of another one must not be taken for its own.
    pub(crate) fn is_of(&self, job: &Job) -> Result<()> {
        if self.job.is_empty() || self.job == job.name {
            return Ok(());
        }
        Err(log::mixed(&job.name, layout::plan(self.number).as_ref(), &self.job))
    }

    pub(crate) fn read(objects: &Objects, number: u64) -> Result<Plan> {
        let path = layout::plan(number);
        let payload = frame::unwrap(Kind::Plan, &objects.read(&path)?, path.as_ref())?;
        let plan: Plan =
            serde_json::from_slice(&payload).map_err(|e| Error::data(format!("'{path}' is damaged: {e}")))?;
        if plan.number != number {
            return Err(Error::data(format!("'{path}' is damaged: it is plan {}", plan.number)));
        }
        Ok(plan)
    }
}

/// The plan that the job has now; `None` when it has not begun.
///
/// # Errors
/// When the store does not answer, or the newest segment of the log or the plan is damaged.
pub fn current_plan(objects: &Objects) -> Result<Option<Plan>> {
    last_segment(objects)?.map(|(_, segment)| Plan::read(objects, segment.plan)).transpose()
}

/// The plan of this number.
///
/// # Errors
/// When it is not there, or damaged.
pub fn plan_of(objects: &Objects, number: u64) -> Result<Plan> {
    Plan::read(objects, number)
}

/// The state files that the plan's beginning names.
pub(crate) fn named(plan: &Plan) -> impl Iterator<Item = Path> + '_ {
    plan.begin.iter().flat_map(|begin| &begin.state).map(|file| Path::from(file.path.as_str()))
}
