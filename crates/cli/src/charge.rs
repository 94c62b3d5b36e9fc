//! Who is in charge of a job: its state directory, as the runs of one process take it.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use sloth_engine::Replay;
use sloth_plan::{JobPlan, JobSettings};
use sloth_store::{Claim, Keeper, Objects, Patience, Plan, Turn, current_plan, free_name, inspect, newest_manifest};
use sloth_types::journal::Recovered;
use sloth_types::{Error, JobStore, Result};

use crate::args;
use crate::change::{Change, Origin, Past, confirmed, describe, first_parts, parts_of, settled, tables};
use crate::signal::Interrupts;

/// The state directory of a job.
pub(crate) struct Charge {
    objects: Objects,
    /// Stand by while another process is in charge.
    standby: bool,
    /// What to do when the script has changed.
    wanted: args::Change,
    /// The last run of this process.
    store: Option<Arc<dyn JobStore>>,
}

/// The plan in force, the store that keeps the job, and what earlier runs have left.
type Taken = (Plan, Arc<dyn JobStore>, Recovered);

impl Charge {
    /// The state directory of these settings, if they name one.
    pub(crate) fn of(settings: &JobSettings, standby: bool, wanted: &args::Change) -> Result<Option<Charge>> {
        let Some(directory) = &settings.state_dir else {
            if standby {
                return Err(Error::invalid("--standby needs a state directory that the processes share")
                    .hint("Give it with --state DIR."));
            }
            if wanted.upgrade || wanted.rollback || wanted.from_savepoint.is_some() || !wanted.rebuild.is_empty() {
                return Err(Error::invalid("a job without a state directory has nothing to go on from")
                    .hint("Give the job's directory: --state DIR."));
            }
            return Ok(None);
        };
        let directory = Path::new(directory.strip_prefix("file://").unwrap_or(directory));
        Ok(Some(Charge { objects: Objects::at(directory)?, standby, wanted: wanted.clone(), store: None }))
    }

    /// True when the job has made epochs before.
    pub(crate) fn has_begun(&self) -> Result<bool> {
        sloth_store::has_begun(&self.objects)
    }

    /// True when another process has taken over from the last run of this one.
    pub(crate) fn is_superseded(&self) -> Result<bool> {
        // A run that only stood by had nothing to lose.
        let generation = self.store.as_ref().map(|store| store.generation()).filter(|generation| *generation > 0);
        generation.map_or(Ok(false), |generation| sloth_store::is_superseded(&self.objects, generation))
    }

    /// True when a job that has ended because another process took over goes on by standing by.
    pub(crate) fn yields(&self) -> bool {
        self.standby && self.is_superseded().unwrap_or(false)
    }

    /// Answers those who ask the job while it waits to start again after a failure; true when it is to stop instead. Another
    /// process that has taken over answers for itself.
    pub(crate) fn is_asked_to_stop(&self, failure: &Error) -> bool {
        let asked = self.is_superseded().and_then(|superseded| match superseded {
            true => Ok(false),
            false => sloth_store::refuse_requests(&self.objects, failure),
        });
        asked.unwrap_or(false)
    }

    /// Takes charge of the job and says what is there; or stands by. A run that starts again does not take the job from a
    /// process that has taken over since. Gives the plan of the script with its statements where they stand.
    pub(crate) fn take(&mut self, plan: &JobPlan, text: (&str, &str)) -> Result<(JobPlan, Arc<dyn JobStore>, Replay)> {
        let script = settled(plan)?;
        self.check_rebuild(&script.0)?;
        let follow = self.standby && !self.is_to_change(&script.0)?;
        let (now, store, recovered) = match follow.then(|| self.stand_by(&script.0)).transpose()?.flatten() {
            Some(standing_by) => standing_by,
            None if self.is_superseded()? => {
                return Err(Error::invalid("another run of this job has taken over while this one was failing")
                    .hint("Only one process can run a job. With --standby this one would wait for its turn."));
            }
            None => self.claim(&script, text)?,
        };
        self.store = Some(Arc::clone(&store));
        let (plan, _) = script.0.apart(&parts_of(&now));
        Ok((plan, store, Replay { recovered, then_live: true }))
    }

    /// Waits, should the script be one that can only be gone on with and not followed, until no other process is in charge.
    /// False when nothing is to be done then: the job was stopped, or this process.
    pub(crate) fn wait_for_turn(&mut self, plan: &JobPlan, interrupts: &Interrupts) -> Result<bool> {
        let script = settled(plan)?.0;
        let Some(why) = Some(()).filter(|()| self.standby).and_then(|()| commits_late(&script)) else {
            return Ok(true);
        };
        let silence = script.settings.heartbeat_timeout;
        let told = Cell::new(false);
        let look = || {
            if !told.replace(true) {
                tracing::info!(
                    "standing by without state: a job that depends on {why} would not make its epochs again the same; \
                     when the process in charge is gone, this one goes on from the newest checkpoint"
                );
            }
            interrupts.requested()
        };
        let turn = sloth_store::wait_for_turn(&self.objects, silence, look)?;
        if told.get() && turn == Turn::Gone {
            tracing::info!("the process in charge is gone: this one goes on");
        }
        if turn == Turn::Stopped {
            tracing::info!("standing by: the job was asked to stop, and has");
        }
        // Whoever took over from the last run of this process is gone, too.
        self.store = None;
        Ok(turn == Turn::Gone)
    }

    /// True when the job is to be given the plan of this script first: until then there is nothing to follow.
    fn is_to_change(&self, script: &JobPlan) -> Result<bool> {
        let origin = &self.wanted.from_savepoint;
        if self.store.is_some() || !(self.wanted.upgrade || self.wanted.rollback || origin.is_some()) {
            return Ok(false);
        }
        let is_other =
            |now: &Plan| now.fingerprint != script.fingerprint() || (origin.is_some() && now.origin != *origin);
        Ok(current_plan(&self.objects)?.as_ref().is_some_and(is_other))
    }

    /// A table that the script does not write cannot be what was meant.
    fn check_rebuild(&self, script: &JobPlan) -> Result<()> {
        let known = tables(script);
        match self.wanted.rebuild.iter().find(|table| !known.contains(&table.as_str())) {
            Some(table) => Err(Error::invalid(format!("--rebuild {table}: the script writes no table '{table}'"))
                .hint(format!("It writes: {}.", known.join(", ")))),
            None => Ok(()),
        }
    }

    fn stand_by(&self, script: &JobPlan) -> Result<Option<Taken>> {
        // Whose turn it is has been waited for.
        if commits_late(script).is_some() {
            return Ok(None);
        }
        let settings = &script.settings;
        let patience = Patience { silence: settings.heartbeat_timeout, retained: settings.checkpoints_retained };
        let found = sloth_store::stand_by(&self.objects, &script.fingerprint(), patience)?;
        Ok(found.map(|(follower, recovered)| {
            let (job, next, plan) = (follower.job(), follower.durable(), follower.plan());
            tracing::info!("standing by: following job {job} at epoch {next}");
            (plan, follower as Arc<dyn JobStore>, recovered)
        }))
    }

    fn claim(&self, script: &(JobPlan, Vec<u64>), text: (&str, &str)) -> Result<Taken> {
        let claim = self.enter(script, text)?;
        if let Some(error) = claim.damaged.first().filter(|_| !script.0.settings.checkpoint_fallback) {
            return Err(error.clone().hint(
                "Restore the file from a copy. Or go on from the checkpoint before, with 'state.checkpoints.fallback' = 'true'.",
            ));
        }
        for error in &claim.damaged {
            tracing::warn!("a checkpoint cannot be used; going on from the one before: {error}");
        }
        let recovered = &claim.recovered;
        let logged = recovered.log.len();
        if let Some(checkpoint) = recovered.checkpoint.as_ref().filter(|c| c.cut.ended && logged == 0) {
            let how = if checkpoint.cut.drained { "it was drained" } else { "its input had ended" };
            tracing::info!(
                "job {} has ended at epoch {}: {how}; there is nothing left to do",
                claim.job,
                checkpoint.cut.epoch
            );
        } else if let Some(checkpoint) = &recovered.checkpoint {
            let batches = checkpoint.state.iter().flat_map(|s| &s.sections).flat_map(|s| &s.rows);
            let rows: usize = batches.map(|b| b.num_rows()).sum();
            tracing::info!(
                "resuming job {} at epoch {}: {rows} rows of state, {logged} epochs to make again",
                claim.job,
                checkpoint.cut.epoch
            );
        } else if logged > 0 {
            tracing::info!("resuming job {}: {logged} epochs to make again", claim.job);
        }
        let now = claim.plan.clone();
        let (keeper, recovered) = Keeper::start(claim, script.0.settings.checkpoints_retained)?;
        Ok((now, keeper as Arc<dyn JobStore>, recovered))
    }

    /// Claims the job: as it is, or with the plan changed to that of the script. `text` is the script's name and its SQL.
    fn enter(&self, script: &(JobPlan, Vec<u64>), text: (&str, &str)) -> Result<Claim> {
        let current = current_plan(&self.objects)?;
        let origin = &self.wanted.from_savepoint;
        match (current, origin) {
            (Some(now), _)
                if now.fingerprint == script.0.fingerprint() && (origin.is_none() || now.origin == *origin) =>
            {
                // Once undone, the same command goes on.
                if self.wanted.rollback && !now.undone {
                    return Err(self.not_the_script_before(&now));
                }
                sloth_store::claim(&self.objects, &now)
            }
            (current, Some(savepoint)) => self.go_back(script, current, savepoint, text),
            (None, None) if self.wanted.rollback => Err(nothing_to_undo(None)),
            (None, None) => sloth_store::claim(&self.objects, &first_plan(&script.0, text)),
            (Some(now), None) => self.change(script, now, text),
        }
    }

    /// Changes the plan of a job to that of another script.
    fn change(&self, script: &(JobPlan, Vec<u64>), now: Plan, text: (&str, &str)) -> Result<Claim> {
        let savepoint = match &now.before {
            _ if !self.wanted.rollback => None,
            None => return Err(nothing_to_undo(Some(&now))),
            Some(name) => {
                let kept = sloth_store::savepoint(&self.objects, name)?;
                if !has_statements(script, &kept.plan) {
                    return Err(self.not_the_script_before(&now));
                }
                Some(Past { plan: kept.plan, at: kept.checkpoint })
            }
        };
        let at = newest_manifest(&self.objects)?.unwrap_or_default();
        let logged = inspect(&self.objects)?.logged.map_or(0, |(_, end)| end);
        let (epoch, drained) = (at.epoch, at.drained);
        let (current, rebuild) = (Some(Past { plan: now.clone(), at }), self.wanted.rebuild.clone());
        let from = Origin { current, savepoint, used: now.instances, rebuild };
        let mut change = Change::new(script.clone(), from)?;
        let crashed = logged > epoch;
        // Before the claim: a job that runs is not to be ended by an attempt that comes to nothing. One without epochs behind
        // its checkpoint may run, too, and have nothing to do.
        if sloth_store::is_alive(&self.objects, script.0.settings.heartbeat_timeout)? {
            return Err(not_stopped());
        }
        let heading = match crashed {
            true => {
                change.shun_places();
                let again = logged - epoch;
                format!(
                    "the script has changed since epoch {epoch}, and the job was not stopped; {again} epochs are made again:"
                )
            }
            false => format!("the script has changed since epoch {epoch}:"),
        };
        if !change.keeps_all() {
            confirmed(&heading, &change, self.wanted.upgrade || self.wanted.rollback)?;
        }
        if drained && change.keeps_some() {
            return Err(Error::invalid("the job was drained: its statements cannot go on")
                .hint("Go back to a savepoint from before, or begin anew with another state directory."));
        }
        let claim = sloth_store::claim(&self.objects, &now)?;
        let (first, log) = (claim.recovered.first_epoch().0, &claim.recovered.log);
        // What was told above is of another state.
        if first != epoch || first + log.len() as u64 != logged.max(epoch) {
            return Err(claim.damaged.into_iter().next().unwrap_or_else(not_stopped));
        }
        let plan = change.plan(epoch, claim.generation, text.1);
        let carried = change.carried(&plan, epoch, log);
        // What a dropped statement has told behind the checkpoint cannot be taken back, so its state of then is of no use.
        let undoable = claim.newest.is_some() && (log.is_empty() || change.drops_none());
        // Statements in another order are no change: what was changed before can be undone still.
        let (before, undone) = match change.keeps_all() {
            true => (now.before.clone(), now.undone),
            false => (undoable.then(|| free_name(&self.objects, "before-change")).transpose()?, self.wanted.rollback),
        };
        let why = if self.wanted.rollback { "a change was undone" } else { "the script was changed" };
        let script = text.0.to_owned();
        sloth_store::change(claim, Plan { why: why.to_owned(), script, before, undone, ..plan }, &carried)
    }

    /// `--rollback` with another script than the one from before the change.
    fn not_the_script_before(&self, now: &Plan) -> Error {
        let before = now.before.as_ref().and_then(|name| sloth_store::savepoint(&self.objects, name).ok());
        match before {
            Some(before) => Error::invalid("this is not the script from before the last change: nothing was done")
                .hint(format!(
                    "`--rollback` undoes the change when it is given that one: it was {}.",
                    before.plan.script
                )),
            None => nothing_to_undo(Some(now)),
        }
    }

    /// Begins with a savepoint, in whatever state the job is.
    fn go_back(
        &self,
        script: &(JobPlan, Vec<u64>),
        current: Option<Plan>,
        name: &str,
        text: (&str, &str),
    ) -> Result<Claim> {
        let elsewhere = name.contains('/').then(|| sloth_store::savepoint_at(Path::new(name))).transpose()?;
        let kept = match &elsewhere {
            Some((_, kept)) => kept.clone(),
            None => sloth_store::savepoint(&self.objects, name)?,
        };
        if kept.checkpoint.drained {
            return Err(Error::invalid(format!("savepoint '{name}' is of a drained job: nothing can go on from it"))
                .hint("Take a savepoint before you drain a job."));
        }
        let used = current.as_ref().map_or(0, |now| now.instances);
        let from = |at| {
            let savepoint = Some(Past { plan: kept.plan.clone(), at });
            Origin { savepoint, used, ..Origin::default() }
        };
        let change = Change::new(script.clone(), from(kept.checkpoint.clone()))?;
        confirmed(&format!("from savepoint '{name}':"), &change, self.wanted.upgrade || !change.has_new())?;
        let claim = match &current {
            Some(now) => sloth_store::claim(&self.objects, now)?,
            None => sloth_store::claim(&self.objects, &first_plan(&script.0, text))?,
        };
        let logged = claim.recovered.first_epoch().0 + claim.recovered.log.len() as u64;
        let change = match &elsewhere {
            Some((other, _)) => {
                let at = sloth_store::copy_state(other, &self.objects, &kept.checkpoint, claim.generation)?;
                Change::new(script.clone(), from(at))?
            }
            None => change,
        };
        let plan = change.plan(logged.max(kept.checkpoint.epoch), claim.generation, text.1);
        let before = claim.newest.is_some().then(|| free_name(&self.objects, "before-change")).transpose()?;
        let (why, script) = (format!("from savepoint '{name}'"), text.0.to_owned());
        sloth_store::change(claim, Plan { why, script, before, origin: Some(name.to_owned()), ..plan }, &[])
    }
}

/// What makes some rows of a job be committed with checkpoints.
fn commits_late(script: &JobPlan) -> Option<String> {
    script.sink_ids().into_iter().find_map(|sink| script.commits_late(sink))
}

/// The plan of a job that begins.
fn first_plan(script: &JobPlan, (name, sql): (&str, &str)) -> Plan {
    let plan = describe(script, &first_parts(script), 1, sql);
    Plan { why: "the first".to_owned(), script: name.to_owned(), ..plan }
}

/// True when a script has the statements of a plan, in whatever order.
fn has_statements((script, identities): &(JobPlan, Vec<u64>), plan: &Plan) -> bool {
    let sorted = |mut queries: Vec<String>| {
        queries.sort();
        queries
    };
    let found = script.sink_ids().into_iter().filter_map(|id| identities.get(id)).map(|i| format!("{i:016x}"));
    sorted(found.collect()) == sorted(plan.sinks.iter().map(|sink| sink.query.clone()).collect())
}

/// `now` is the plan in force, if there is one.
fn nothing_to_undo(now: Option<&Plan>) -> Error {
    let why = match now.is_some_and(|now| now.begin.is_some()) {
        true => {
            "the last change of the job's script cannot be undone: the job had crashed before it, or had no checkpoint"
        }
        false => "the job's script has not been changed: there is nothing to undo",
    };
    Error::invalid(why).hint("`sloth savepoint ls` shows the states that --from-savepoint can go back to.")
}

fn not_stopped() -> Error {
    Error::invalid("the job runs: its script cannot be changed meanwhile").hint("Stop it with `sloth stop DIR`.")
}
