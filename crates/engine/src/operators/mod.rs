//! The operators: plain structs that know batches and epochs, not timely. [`render`](crate::render) puts them into the
//! dataflow.

pub(crate) mod arrange;
pub(crate) mod batch_join;
pub(crate) mod delta;
pub(crate) mod group;
pub(crate) mod interval_join;
pub(crate) mod join;
pub(crate) mod join_once;
pub(crate) mod linear_recursion;
pub(crate) mod live_lookup;
pub(crate) mod local;
pub(crate) mod lookup_join;
pub(crate) mod materialize;
pub(crate) mod multi_join;
pub(crate) mod normalize;
pub(crate) mod over;
pub(crate) mod pace;
pub(crate) mod panes;
pub(crate) mod pattern;
pub(crate) mod prune;
pub(crate) mod rank;
pub(crate) mod recursive;
pub(crate) mod session;
pub(crate) mod session_changes;
pub(crate) mod session_updates;
pub(crate) mod set_operation;
pub(crate) mod single_row;
pub(crate) mod sink;
pub(crate) mod stages;
pub(crate) mod temporal_join;
pub(crate) mod throttle;
pub(crate) mod touched;
pub(crate) mod unnest;
pub(crate) mod window;
pub(crate) mod window_assign;
pub(crate) mod window_join;
pub(crate) mod window_updates;

use sloth_types::Result;

use crate::epoch::EpochInfo;
use crate::message::Batch;
use crate::state::snapshot::Section;

/// An operator that keeps state over epochs. It sees epochs one after the other: all batches of an epoch, then its end.
pub(crate) trait Operator {
    /// A batch of the current epoch.
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()>;

    /// The current epoch is complete: no batch of it is missing on this worker.
    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()>;

    /// The whole state between two epochs, as rows from which [`Operator::restore`] makes it again.
    ///
    /// # Errors
    /// When rows cannot be copied.
    fn save(&mut self) -> Result<Vec<Section>>;

    /// What has changed since the last call of this or of [`Operator::save`], as further sections: they follow those of
    /// that call when the state is taken up. `None` when the operator does not know: then the whole state is kept again.
    ///
    /// # Errors
    /// As [`Operator::save`].
    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        Ok(None)
    }

    /// Asked of an operator without state, before the first epoch: begins to note what changes, as [`Operator::save`] does,
    /// and gives the same. `None` when it does not give changes ahead: then its first checkpoint has its whole state.
    ///
    /// # Errors
    /// As [`Operator::save`].
    fn begin_changes(&mut self) -> Result<Option<Vec<Section>>> {
        Ok(None)
    }

    /// Asked of an operator that has taken up its state, before the first epoch: the last checkpoint has that state as it is.
    /// Begins to note what changes, as [`Operator::save`] does. Where changes have numbers, `newest` is the highest one there.
    /// False when the operator does not know what changes: then the next checkpoint has its whole state.
    fn resume_changes(&mut self, newest: i64) -> bool {
        let _ = newest;
        false
    }

    /// A first part of what [`Operator::save_changes`] would give, which gives the rest then: asked at the end of each epoch
    /// without a checkpoint, so that nothing piles up until there is one.
    ///
    /// # Errors
    /// As [`Operator::save`].
    fn save_ahead(&mut self) -> Result<Vec<Section>> {
        Ok(vec![])
    }

    /// Rows in all that a checkpoint keeps with the next changes, and rows that there are: when the first are far more, it
    /// is better to keep the whole state again. `None` when the operator does not count them.
    fn kept_rows(&self) -> Option<(usize, usize)> {
        None
    }

    /// Takes up the state that [`Operator::save`] gave, before the first epoch: this worker's share of it, whatever the
    /// number of workers then and now (see [`share_of`](crate::state::snapshot::share_of)).
    ///
    /// # Errors
    /// When the rows are not those of such an operator.
    fn restore(&mut self, state: Vec<Section>) -> Result<()>;

    /// All rows that the output consists of, for operators that are new and have not been told them. Asked before the first
    /// epoch, when the state has been taken up. `None` when they are not known: what was told is gone.
    ///
    /// # Errors
    /// When rows cannot be copied.
    fn tell_all(&mut self) -> Result<Option<Vec<Batch>>> {
        Ok(None)
    }

    /// The job has ended after the last epoch.
    fn on_end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// An operator that asks the outside and hands an epoch's rows out when the answers have come. It is given batches of
/// several epochs side by side, and keeps nothing over an epoch that a checkpoint would need.
pub(crate) trait Deferred {
    /// A batch; what can be said at once goes to `out`.
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()>;

    /// Takes what has come from outside: rows with their epochs.
    fn poll(&mut self, out: &mut Vec<(u64, Batch)>) -> Result<()>;

    /// True while rows of the epoch wait for an answer.
    fn waits(&self, epoch: u64) -> bool;
}

#[cfg(test)]
pub(crate) mod restart;
#[cfg(test)]
mod tests;
