//! Holds changes back and gives what is left of them now and then: `EMIT EVERY` for queries whose last step is no aggregation.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::SchemaRef;
use sloth_plan::Every;
use sloth_types::{Result, Watermark};

use super::Operator;
use super::pace::Pace;
use super::window::fit;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::state::changed::{Changed, standing};
use crate::state::snapshot::{Owner, Section};
use crate::state::tally::Tally;

/// The rows whose hash this worker owns.
pub(crate) struct ThrottleOperator {
    /// The changes that are held back: how much more often a row is there than was told, as the first count.
    held: Tally,
    /// Rows whose count has changed since the last checkpoint.
    changed: Changed,
    pace: Pace,
    /// When the input has ended.
    time: TimeDomain,
    schema: SchemaRef,
    gauge: StateGauge,
}

impl ThrottleOperator {
    /// Nothing held back yet.
    pub(crate) fn new(schema: SchemaRef, every: Every, time: TimeDomain, context: Arc<JobContext>) -> Result<Self> {
        let (held, gauge) = (Tally::new(&schema)?, StateGauge::new(context));
        Ok(ThrottleOperator { held, changed: Changed::default(), pace: Pace::new(every), time, schema, gauge })
    }

    /// All columns tell who owns a row.
    fn row(&self) -> Vec<usize> {
        (0..self.schema.fields().len()).collect()
    }
}

impl Operator for ThrottleOperator {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        let mut slots = vec![];
        let notes = self.changed.begun();
        self.held.add(&batch.rows, batch.diffs.as_ref(), 0, |slot, _| slots.extend(notes.then_some(slot)))?;
        self.changed.note(&slots);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let due = self.pace.due(epoch) || self.time.watermark(epoch) == Watermark::END;
        if self.held.len() == 0 {
            return Ok(());
        }
        if due {
            let changes = |slot: &u32| self.held.counts(*slot)[0] != 0;
            let slots: Vec<u32> = self.held.live().into_iter().filter(changes).collect();
            if !slots.is_empty() {
                let diffs: Int64Array = slots.iter().map(|slot| Some(self.held.counts(*slot)[0])).collect();
                let rows = fit(&self.schema, self.held.gather(&slots)?)?;
                out.push(Batch::changes(rows, Some(diffs)));
            }
            // The room is not needed until there are changes again.
            self.held = Tally::new(&self.schema)?;
            // Nothing stands of what the last checkpoint has.
            self.changed = Changed::default();
        }
        self.gauge.set(self.held.len(), self.held.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        Ok(vec![Section::new("held", Owner::Key(self.row()), self.held.save(|_| vec![])?), self.pace.save("pace")?])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let Some(slots) = self.changed.take(self.held.len() / 2) else { return Ok(None) };
        let rows = self.held.save_some(&slots, |_| vec![])?;
        let mut sections = self.changed.sections("held", &self.row(), rows)?;
        sections.push(self.pace.save("pace")?);
        Ok(Some(sections))
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        let knows = !self.schema.fields().is_empty();
        if knows {
            self.changed.go_on(newest);
        }
        knows
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        for rows in standing(&mut state, "held", &self.row())? {
            self.held.restore(&rows)?;
        }
        self.pace.restore(&mut state, "pace")?;
        self.gauge.set(self.held.len(), self.held.bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use sloth_types::rng::Rng;
    use std::collections::BTreeMap;

    use super::*;
    use crate::operators::restart::Restarting;
    use crate::pact::Route;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
    }

    fn time() -> TimeDomain {
        TimeDomain { sources: vec![0], clock: false, cascaded: false, lag_ms: 0 }
    }

    #[test]
    fn a_checkpoint_has_what_has_come_since_the_last_one() {
        let every = Every::Millis(60_000);
        let mut operator = ThrottleOperator::new(schema(), every, time(), JobContext::alone()).unwrap();
        let epoch = |operator: &mut ThrottleOperator, now_ms: i64, numbers: std::ops::Range<i64>| {
            let info = EpochInfo { now_ms, watermarks: vec![Watermark(0)], ..EpochInfo::alone(0) };
            let rows = RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from_iter_values(numbers))]).unwrap();
            operator.on_batch(&info, Batch::changes(rows, None), &mut vec![]).unwrap();
            operator.on_epoch_end(&info, &mut vec![]).unwrap();
        };
        let rows = |sections: &[Section], name: &str| {
            let section = sections.iter().find(|s| s.name == name).unwrap();
            section.rows.iter().map(|rows| rows.num_rows()).sum::<usize>()
        };
        epoch(&mut operator, 0, 0..1000);
        assert_eq!(rows(&operator.save().unwrap(), "held"), 1000);
        epoch(&mut operator, 1000, 998..1003);
        assert_eq!(rows(&operator.save_changes().unwrap().unwrap(), "held changed"), 5);
        epoch(&mut operator, 60_000, 0..1);
        assert!(operator.save_changes().unwrap().is_none(), "nothing stands of what was held back");
        assert_eq!(rows(&operator.save().unwrap(), "held"), 0);
    }

    /// Whatever comes in, at the end of each period all that came in is out, as one net change a row.
    #[test]
    fn what_is_held_back_comes_out_as_net_changes() {
        for seed in 0..40 {
            let mut rng = Rng::new(seed);
            let mut operator = Restarting::new(seed, vec![Route::Key(vec![0])], move |_| {
                let every = Every::Millis(1000);
                ThrottleOperator::new(schema(), every, time(), JobContext::alone()).unwrap()
            });
            let (mut there, mut told): (BTreeMap<i64, i64>, BTreeMap<i64, i64>) = Default::default();
            let mut clock = 500;
            for epoch in 0..30 {
                let before = clock / 1000;
                clock += rng.between(0, 700);
                let changes: Vec<(i64, i64)> =
                    (0..rng.below(6)).map(|_| (rng.between(0, 4), rng.between(-1, 2))).collect();
                let numbers: Int64Array = changes.iter().map(|c| Some(c.0)).collect();
                let rows = RecordBatch::try_new(schema(), vec![Arc::new(numbers)]).unwrap();
                let batch = Batch::changes(rows, Some(changes.iter().map(|c| Some(c.1)).collect()));
                changes.iter().for_each(|(row, diff)| *there.entry(*row).or_default() += diff);
                let info = EpochInfo { now_ms: clock, watermarks: vec![Watermark(clock)], ..EpochInfo::alone(epoch) };
                let mut out = vec![];
                operator.on_batch(&info, batch, &mut out).unwrap();
                operator.on_epoch_end(&info, &mut out).unwrap();
                let due = epoch > 0 && clock / 1000 > before;
                assert!(due || out.is_empty(), "seed {seed}: speaks too early");
                for batch in &out {
                    let rows = batch.rows.column(0).as_primitive::<Int64Type>();
                    for (row, diff) in rows.values().iter().zip(batch.diffs.as_ref().unwrap().values()) {
                        assert_ne!(*diff, 0);
                        *told.entry(*row).or_default() += diff;
                    }
                }
                if due {
                    there.retain(|_, n| *n != 0);
                    told.retain(|_, n| *n != 0);
                    assert_eq!(there, told, "seed {seed}, epoch {epoch}");
                }
            }
        }
        assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
    }
}
