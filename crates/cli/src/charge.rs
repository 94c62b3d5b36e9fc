//! Who is in charge of a job: its state directory, as the runs of one process take it.

use std::path::Path;
use std::sync::Arc;

use sloth_engine::Replay;
use sloth_plan::{JobPlan, JobSettings};
use sloth_store::{Keeper, Objects};
use sloth_types::{Error, JobStore, Result};

/// The state directory of a job.
pub(crate) struct Charge {
    objects: Objects,
    /// The last run of this process.
    generation: Option<u64>,
}

impl Charge {
    /// The state directory of these settings, if they name one.
    pub(crate) fn of(settings: &JobSettings) -> Result<Option<Charge>> {
        let Some(directory) = &settings.state_dir else { return Ok(None) };
        let directory = Path::new(directory.strip_prefix("file://").unwrap_or(directory));
        Ok(Some(Charge { objects: Objects::directory(directory)?, generation: None }))
    }

    /// True when the job has made epochs before.
    pub(crate) fn has_begun(&self) -> Result<bool> {
        sloth_store::has_begun(&self.objects)
    }

    /// Takes charge of the job and says what is there. A run that starts again does not take it from a process that has
    /// taken over since.
    pub(crate) fn take(&mut self, plan: &JobPlan) -> Result<(Arc<dyn JobStore>, Replay)> {
        if let Some(generation) = self.generation
            && sloth_store::is_superseded(&self.objects, generation)?
        {
            return Err(Error::invalid("another run of this job has taken over while this one was failing: it ends")
                .hint("Only one process can run a job."));
        }
        let claim = sloth_store::claim(&self.objects, &plan.fingerprint())?;
        self.generation = Some(claim.generation);
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
        Ok((keeper as Arc<dyn JobStore>, Replay { recovered, then_live: true }))
    }
}
