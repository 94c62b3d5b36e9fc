//! Joins within windows: rows of windows that are over come no more and are forgotten, and nothing is told before a window
//! closes unless it is to be told early.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use sloth_plan::WindowJoin;
use sloth_types::Result;

use super::{Held, JoinOperator, Side, owners, pick};
use crate::context::JobContext;
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::operators::stages;
use crate::operators::window_assign::millis;
use crate::state::ages::Ages;
use crate::state::arrangement::Arrangement;
use crate::state::snapshot::{Section, number, take_newest_number};
use crate::state::timed::TimedRows;

/// Changes of either side that wait for their window to close.
const HELD: [&str; 2] = ["left held", "right held"];

/// The windows of a join.
pub(super) struct Windows {
    /// Column of the window's end, by side.
    pub(super) ends: [usize; 2],
    /// When windows close, and when they are over, by side.
    times: [[TimeDomain; 2]; 2],
    /// Changes (with their weight as the last column) that wait for their window to close, by side; `None` when they are
    /// told early.
    held: Option<[TimedRows; 2]>,
    /// Windows that end by then are over, and their rows are forgotten.
    over: i64,
    context: Arc<JobContext>,
}

/// See [`Windows::over`].
const OVER: &str = "over";

impl Side {
    /// Notes until when rows are kept: the end of their window.
    pub(super) fn stamp_ends(&mut self, slots: &[u32], rows: &RecordBatch, column: usize) -> Result<()> {
        let Some(ages) = &mut self.ages else { return Ok(()) };
        let ends = millis(rows.column(column))?;
        for (slot, end) in slots.iter().zip(ends.values()) {
            match self.arrangement.read().weight(*slot) {
                0 => ages.forget(*slot),
                _ => ages.touch(*slot, *end),
            }
        }
        Ok(())
    }
}

impl JoinOperator {
    /// The join within windows. `times` are those of either side.
    pub(crate) fn within_windows(
        mut self,
        window: &WindowJoin,
        times: [TimeDomain; 2],
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let behind = window.cascaded != [false; 2];
        let times = times.map(|time| time.of_windows(window.emission.lateness_ms, behind));
        let mut held = vec![];
        for side in &mut self.sides {
            // All rows are kept, to be found when they are to be forgotten.
            let retracts = side.arrangement.read().retracts();
            side.arrangement = Held::own(Arrangement::new(&side.schema, &side.keys, retracts)?);
            side.ages = Some(Ages::new(0));
            let mut fields: Vec<Field> = side.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
            fields.push(Field::new("$weight", DataType::Int64, true));
            held.push(TimedRows::new(&Arc::new(Schema::new(fields)))?);
        }
        let held = <[TimedRows; 2]>::try_from(held).ok().filter(|_| window.emission.early.is_none());
        self.windows = Some(Windows { ends: window.ends, times, held, over: i64::MIN, context });
        Ok(self)
    }

    /// The changes of a batch whose windows are not over; `None` when they wait for the windows to close.
    pub(super) fn in_time(&mut self, epoch: &EpochInfo, batch: Batch) -> Result<Option<Batch>> {
        let side = usize::from(batch.port);
        let Some(windows) = &mut self.windows else { return Ok(Some(batch)) };
        let (Some(column), Some([_, over])) = (windows.ends.get(side), windows.times.get(side)) else {
            return Ok(Some(batch));
        };
        let watermark = over.late_watermark(epoch);
        let ends = millis(batch.rows.column(*column))?;
        let in_time: BooleanArray =
            (0..ends.len()).map(|row| Some(ends.is_valid(row) && !watermark.completes(ends.value(row)))).collect();
        let late = ends.len() - in_time.true_count();
        let batch = match late {
            0 => batch,
            _ => pick(&batch, &in_time)?,
        };
        windows.context.figures.late_rows.add(late as u64);
        let Some(held) = windows.held.as_mut().and_then(|held| held.get_mut(side)) else { return Ok(Some(batch)) };
        let rows = batch.rows.num_rows();
        let ends = millis(batch.rows.column(*column))?;
        let weights = batch.diffs.unwrap_or_else(|| Int64Array::from(vec![1; rows]));
        let columns = batch.rows.columns().iter().cloned().chain([Arc::new(weights) as ArrayRef]);
        let which: Vec<u32> = (0..rows as u32).collect();
        held.add(&crate::state::snapshot::table(columns.collect())?, &which, ends.values())?;
        Ok(None)
    }

    /// Takes in what has waited for windows that close in this epoch.
    pub(super) fn release(&mut self, epoch: &EpochInfo) -> Result<()> {
        let Some(Windows { times: [[complete, _], _], held: Some(held), .. }) = &mut self.windows else {
            return Ok(());
        };
        let upto = complete.watermark(epoch).0.saturating_add(1);
        for (side, held) in self.sides.iter_mut().zip(held) {
            let Some(rows) = held.take(upto)? else { continue };
            let width = side.schema.fields().len();
            let weights = stages::weights(rows.column(width));
            let diffs = weights.values().iter().any(|weight| *weight != 1).then_some(weights);
            let columns = rows.columns().iter().take(width).cloned().collect();
            let rows = RecordBatch::try_new(Arc::clone(&side.schema), columns)?;
            side.waiting.push(Batch::changes(rows, diffs));
        }
        Ok(())
    }

    /// Forgets the rows of windows that are over; says how many.
    pub(super) fn forget_windows(&mut self, epoch: &EpochInfo) -> usize {
        let Some(windows) = &mut self.windows else { return 0 };
        let [[_, over], _] = &windows.times;
        let until = over.watermark(epoch).0.saturating_add(1);
        windows.over = windows.over.max(until);
        self.sides.iter_mut().map(|side| side.forget(until)).sum()
    }

    /// Rows and bytes of what waits.
    pub(super) fn held_size(&self) -> (usize, usize) {
        let held = self.windows.iter().filter_map(|windows| windows.held.as_ref()).flatten();
        held.fold((0, 0), |(rows, bytes), held| (rows + held.len(), bytes + held.bytes()))
    }

    pub(super) fn save_held(&mut self, sections: &mut Vec<Section>) -> Result<()> {
        let Some(windows) = &mut self.windows else { return Ok(()) };
        sections.push(number(OVER, windows.over)?);
        let owners = owners(&self.join, self.sides.each_ref().map(|side| side.schema.fields().len()));
        for ((name, owner), held) in HELD.into_iter().zip(owners).zip(windows.held.iter_mut().flatten()) {
            sections.extend(held.save_whole(name, &owner)?);
        }
        Ok(())
    }

    /// From now on what comes to wait is noted.
    pub(super) fn note_held(&mut self) {
        let held = self.windows.iter_mut().filter_map(|windows| windows.held.as_mut()).flatten();
        held.for_each(TimedRows::begin_changes);
    }

    /// True when what has come to wait is known.
    pub(super) fn knows_held(&self) -> bool {
        let mut held = self.windows.iter().filter_map(|windows| windows.held.as_ref()).flatten();
        held.all(TimedRows::knows_changes)
    }

    pub(super) fn save_held_changes(&mut self, sections: &mut Vec<Section>) -> Result<()> {
        let Some(windows) = &mut self.windows else { return Ok(()) };
        sections.push(number(OVER, windows.over)?);
        let owners = owners(&self.join, self.sides.each_ref().map(|side| side.schema.fields().len()));
        for ((name, owner), held) in HELD.into_iter().zip(owners).zip(windows.held.iter_mut().flatten()) {
            sections.extend(held.save_changes(name, &owner)?);
        }
        Ok(())
    }

    pub(super) fn restore_held(&mut self, state: &mut [Section]) -> Result<()> {
        let Some(windows) = &mut self.windows else { return Ok(()) };
        for (name, held) in HELD.into_iter().zip(windows.held.iter_mut().flatten()) {
            held.restore_all(state, name)?;
        }
        if let Some(over) = take_newest_number(state, OVER)? {
            windows.over = over;
            self.sides.iter_mut().for_each(|side| _ = side.forget(over));
        }
        Ok(())
    }
}
