//! Who is in charge of a job: its state directory, as the runs of one process take it.

use std::path::Path;
use std::sync::Arc;

use sloth_engine::Replay;
use sloth_plan::{JobPlan, JobSettings};
use sloth_store::{Keeper, Objects, Patience};
use sloth_types::journal::Recovered;
use sloth_types::{Error, JobStore, Result};

/// The state directory of a job.
pub(crate) struct Charge {
    objects: Objects,
    /// Stand by while another process is in charge.
    standby: bool,
    /// The last run of this process.
    store: Option<Arc<dyn JobStore>>,
}

impl Charge {
    /// The state directory of these settings, if they name one.
    pub(crate) fn of(settings: &JobSettings, standby: bool) -> Result<Option<Charge>> {
        let Some(directory) = &settings.state_dir else {
            return match standby {
                true => Err(Error::invalid("--standby needs a state directory that the processes share")
                    .hint("Give it with --state DIR.")),
                false => Ok(None),
            };
        };
        let directory = Path::new(directory.strip_prefix("file://").unwrap_or(directory));
        Ok(Some(Charge { objects: Objects::directory(directory)?, standby, store: None }))
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

    /// Takes charge of the job and says what is there; or stands by. A run that starts again does not take the job from a
    /// process that has taken over since.
    pub(crate) fn take(&mut self, plan: &JobPlan) -> Result<(Arc<dyn JobStore>, Replay)> {
        let (store, recovered) = match self.standby.then(|| self.stand_by(plan)).transpose()?.flatten() {
            Some(standing_by) => standing_by,
            None if self.is_superseded()? => {
                return Err(Error::invalid("another run of this job has taken over while this one was failing")
                    .hint("Only one process can run a job. With --standby this one would wait for its turn."));
            }
            None => self.claim(plan)?,
        };
        self.store = Some(Arc::clone(&store));
        Ok((store, Replay { recovered, then_live: true }))
    }

    fn stand_by(&self, plan: &JobPlan) -> Result<Option<(Arc<dyn JobStore>, Recovered)>> {
        let settings = &plan.settings;
        let patience = Patience { silence: settings.heartbeat_timeout, retained: settings.checkpoints_retained };
        let found = sloth_store::stand_by(&self.objects, &plan.fingerprint(), patience)?;
        Ok(found.map(|(follower, recovered)| {
            let (job, next) = (follower.job(), follower.durable());
            tracing::info!("standing by: following job {job} at epoch {next}");
            (follower as Arc<dyn JobStore>, recovered)
        }))
    }

    fn claim(&self, plan: &JobPlan) -> Result<(Arc<dyn JobStore>, Recovered)> {
        let claim = sloth_store::claim(&self.objects, &plan.fingerprint())?;
        for error in &claim.damaged {
            tracing::warn!("a checkpoint cannot be used; going on from the one before: {error}");
        }
        let recovered = &claim.recovered;
        let logged = recovered.log.len();
        if let Some(checkpoint) = &recovered.checkpoint {
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
        let (keeper, recovered) = Keeper::start(claim, plan.settings.checkpoints_retained)?;
        Ok((keeper as Arc<dyn JobStore>, recovered))
    }
}
