//! The operators: plain structs that know batches and epochs, not timely. [`render`](crate::render) puts them into the
//! dataflow.

pub(crate) mod delta;
pub(crate) mod group;
pub(crate) mod interval_join;
pub(crate) mod join;
pub(crate) mod join_once;
pub(crate) mod local;
pub(crate) mod lookup_join;
pub(crate) mod materialize;
pub(crate) mod normalize;
pub(crate) mod over;
pub(crate) mod panes;
pub(crate) mod pattern;
pub(crate) mod rank;
pub(crate) mod recursive;
pub(crate) mod session;
pub(crate) mod session_changes;
pub(crate) mod set_operation;
pub(crate) mod single_row;
pub(crate) mod sink;
pub(crate) mod stages;
pub(crate) mod temporal_join;
pub(crate) mod unnest;
pub(crate) mod window;
pub(crate) mod window_assign;
pub(crate) mod window_join;

use sloth_types::Result;

use crate::epoch::EpochInfo;
use crate::message::Batch;

/// An operator that keeps state over epochs. It sees epochs one after the other: all batches of an epoch, then its end.
pub(crate) trait Operator {
    /// A batch of the current epoch.
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()>;

    /// The current epoch is complete: no batch of it is missing on this worker.
    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()>;

    /// The job has ended after the last epoch.
    fn on_end(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
