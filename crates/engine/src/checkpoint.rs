//! The making of checkpoints, as the coordinator sees it: when one is due, and what becomes of it.
//!
//! ```text
//!  due ─▶ the tick says so ─▶ all sources read: the cut is known ─▶ the dataflow has finished the epoch: the state of all
//!  operators is there ─▶ upload ─▶ all sinks have committed the epoch ─▶ publish
//! ```

use std::sync::Arc;
use std::time::Duration;

use sloth_types::clock::Mono;
use sloth_types::journal::{Asked, Checkpoint, Cut};
use sloth_types::{Epoch, JobStore, Result};

use crate::completion::Completion;
use crate::durable::Durable;
use crate::epoch::EpochInfo;

/// The coordinator's side of a durable job.
pub(crate) struct Durability {
    pub(crate) store: Arc<dyn JobStore>,
    shared: Arc<Durable>,
    interval: Duration,
    last: Mono,
    /// The checkpoint being made.
    making: Option<Making>,
}

struct Making {
    /// The epoch it ends.
    epoch: Epoch,
    cut: Option<Cut>,
    uploaded: bool,
    publishing: bool,
}

impl Durability {
    pub(crate) fn new(shared: Arc<Durable>, interval: Duration) -> Self {
        Durability { store: Arc::clone(&shared.store), shared, interval, last: Mono::now(), making: None }
    }

    /// Whether the next epoch ends in a checkpoint: the last one of a job does.
    pub(crate) fn is_due(&self, ended: bool) -> bool {
        self.making.is_none() && (ended || self.last.elapsed() >= self.interval || self.store.asked().checkpoint)
    }

    /// How long until there is to be a checkpoint of the epochs before `next`, also when nothing more comes; `None` when
    /// the last one has them, or one is being made.
    pub(crate) fn due_in(&self, next: Epoch) -> Option<Duration> {
        let new = self.making.is_none() && self.store.published() < next;
        new.then(|| self.interval.saturating_sub(self.last.elapsed()))
    }

    /// What somebody outside has asked for.
    pub(crate) fn asked(&self) -> Asked {
        self.store.asked()
    }

    /// The next checkpoint is due a whole interval from now.
    pub(crate) fn postpone(&mut self) {
        self.last = Mono::now();
    }

    /// An epoch that ends in a checkpoint has been opened.
    pub(crate) fn begin(&mut self, epoch: Epoch) {
        self.making = Some(Making { epoch, cut: None, uploaded: false, publishing: false });
        self.store.answer_with(Epoch(epoch.0 + 1));
        self.last = Mono::now();
    }

    /// An epoch has been read by all; `cut` is where the job stands after it.
    pub(crate) fn note(&mut self, info: &EpochInfo, cut: Cut) {
        if let Some(making) = self.making.as_mut().filter(|m| m.epoch == info.epoch) {
            making.cut = Some(cut);
        }
    }

    /// Brings the checkpoint on.
    pub(crate) fn step(&mut self, completion: &Completion) -> Result<()> {
        self.shared.look()?;
        let Some(making) = &mut self.making else { return Ok(()) };
        let after = making.epoch.0 + 1;
        if !making.uploaded
            && completion.epochs() >= after
            && let Some(cut) = making.cut.take()
        {
            self.store.upload(Checkpoint { cut, state: self.shared.take_parts(), ..Checkpoint::default() });
            making.uploaded = true;
        }
        if making.uploaded && !making.publishing && completion.committed() >= after {
            self.store.publish(Epoch(after));
            making.publishing = true;
        }
        if making.publishing && self.store.published() >= Epoch(after) {
            self.making = None;
        }
        Ok(())
    }

    /// A checkpoint is being made.
    pub(crate) fn is_busy(&self) -> bool {
        self.making.is_some()
    }

    /// True when the newest checkpoint is the one before epoch `next`.
    pub(crate) fn published(&self, next: Epoch) -> bool {
        self.making.is_none() && self.store.published() >= next
    }
}
