//! OVER in the order of time, as rows come: a row is given out once, when the watermark has passed it (by processing time
//! at once), and is kept as long as a later row looks at it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use hashbrown::HashMap;
use sloth_plan::{Over, OverEmission, Reach};
use sloth_types::{Result, Watermark};

use super::early::{forgotten_at, looked_at};
use super::frames;
use super::running::{Running, peers};
use super::{result_types, sort_options};
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::Batch;
use crate::operators::Operator;
use crate::operators::sink::by_content;
use crate::operators::window::fit;
use crate::operators::window_assign::millis;
use crate::state::change_log::ChangeLog;
use crate::state::changed::Changed;
use crate::state::ordered::{OrderedRows, Stamp};
use crate::state::snapshot::Section;

mod snapshot;

/// Results in the order of time.
pub(crate) struct TimedOver {
    over: Over,
    rows: OrderedRows,
    /// Time of each row, by slot.
    times: Vec<i64>,
    partitions: HashMap<u32, Part>,
    /// When a partition has rows to be given out, or to be forgotten.
    due: BTreeMap<i64, Vec<u32>>,
    time: TimeDomain,
    types: Vec<DataType>,
    input: SchemaRef,
    schema: SchemaRef,
    arrived: u64,
    gone: Vec<u32>,
    waiting: Vec<Batch>,
    buffer: Vec<u8>,
    /// Rows that have come since the last checkpoint, each with its time.
    came: ChangeLog,
    /// Partitions whose rows have come to something else since then.
    changed: Changed,
    /// What has passed rows: the watermark, or the clock, which does not go back here.
    passed: i64,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

#[derive(Default)]
struct Part {
    /// Rows at its head that have been given out and are looked at by later ones.
    emitted: usize,
    /// For each call, what its rows have come to, where that is kept.
    running: Vec<Option<Running>>,
}

impl TimedOver {
    /// No rows yet.
    pub(crate) fn new(
        over: &Over,
        input: SchemaRef,
        schema: SchemaRef,
        time: TimeDomain,
        context: Arc<JobContext>,
    ) -> Result<Self> {
        let stamp = match over.emission {
            OverEmission::Arrival { .. } => Stamp::Arrival,
            _ => Stamp::Copy,
        };
        Ok(TimedOver {
            rows: OrderedRows::new(&input, &over.partition, &sort_options(&over.order), stamp)?,
            over: over.clone(),
            times: vec![],
            partitions: HashMap::new(),
            due: BTreeMap::new(),
            time,
            types: result_types(&input, &schema),
            input,
            schema,
            arrived: 0,
            gone: vec![],
            waiting: vec![],
            buffer: vec![],
            came: ChangeLog::default(),
            changed: Changed::default(),
            passed: i64::MIN,
            gauge: StateGauge::new(Arc::clone(&context)),
            context,
        })
    }

    fn add(&mut self, epoch: &EpochInfo, batch: &Batch) -> Result<()> {
        let (batch, times) = match self.over.emission {
            OverEmission::Watermark { time, .. } => {
                let watermark = self.time.late_watermark(epoch);
                let times = millis(batch.rows.column(time))?;
                let in_time = |row: usize| times.is_valid(row) && times.value(row) > watermark.0;
                let mask: BooleanArray = (0..times.len()).map(|row| Some(in_time(row))).collect();
                let late = times.len() - mask.true_count();
                self.context.figures.late_rows.add(late as u64);
                let rows = filter_record_batch(&batch.rows, &mask)?;
                let times = millis(rows.column(time))?.values().to_vec();
                (rows, times)
            }
            _ => (batch.rows.clone(), vec![epoch.now_ms.max(self.passed); batch.rows.num_rows()]),
        };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.came.known() {
            self.came.note(&batch, Some(&Int64Array::from(times.clone())), self.rows.len());
        }
        self.take_in(&batch, &times)
    }

    /// Takes in rows with these times.
    fn take_in(&mut self, batch: &RecordBatch, times: &[i64]) -> Result<()> {
        let located = self.rows.locate(batch)?;
        let spelled = self.rows.spell(batch, None)?;
        for (row, (partition, time)) in located.partitions.iter().zip(times.iter().copied()).enumerate() {
            let slot = if let OverEmission::Arrival { .. } = self.over.emission {
                self.arrived += 1;
                self.rows.change((&located, row), (&spelled, row), self.arrived, 1, &mut self.buffer).0
            } else {
                let slot = self.rows.change_copy((&located, row), (&spelled, row), true, &mut self.buffer);
                slot.unwrap_or_default()
            };
            self.set_time(slot, time);
            self.is_due(*partition, time);
        }
        Ok(())
    }

    fn set_time(&mut self, slot: u32, time: i64) {
        if self.times.len() <= slot as usize {
            self.times.resize(slot as usize + 1, 0);
        }
        self.times[slot as usize] = time;
    }

    /// A partition is to be looked at when the watermark comes to a time.
    fn is_due(&mut self, partition: u32, time: i64) {
        let due = self.due.entry(time).or_default();
        if due.last() != Some(&partition) {
            due.push(partition);
        }
    }

    /// Gives the results of rows that a watermark has passed, and forgets what is not looked at any more. With no place for
    /// results, they have been given.
    fn fire(&mut self, watermark: Watermark, mut out: Option<&mut Vec<Batch>>) -> Result<()> {
        self.passed = self.passed.max(watermark.0);
        let mut ripe = vec![];
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() > watermark.0 {
                break;
            }
            ripe.append(&mut entry.remove());
        }
        ripe.sort_unstable();
        ripe.dedup();
        self.changed.note(&ripe);
        for partition in ripe {
            let mut part = self.partitions.remove(&partition).unwrap_or_default();
            let slots: Vec<u32> =
                self.rows.rows_of(partition).take_while(|slot| self.times[*slot as usize] <= watermark.0).collect();
            if let Some(out) = out.as_mut().filter(|_| part.emitted < slots.len()) {
                out.push(self.give(partition, &mut part, &slots)?);
            }
            let kept = looked_at(&self.over, |slot| self.times[slot as usize], &slots, watermark);
            self.rows.drop_first(partition, slots.len() - kept, &mut self.gone);
            part.emitted = kept;
            let first = slots.get(slots.len() - kept).map(|slot| self.times[*slot as usize]);
            if let Some(time) = first.and_then(|first| forgotten_at(&self.over, first, kept)) {
                self.is_due(partition, time);
            }
            match part.running.iter().any(Option::is_some) || self.rows.len_of(partition) > 0 {
                true => drop(self.partitions.insert(partition, part)),
                false => self.rows.forget(partition),
            }
        }
        Ok(())
    }

    /// The results of the rows of a partition that have not been given out.
    fn give(&self, partition: u32, part: &mut Part, slots: &[u32]) -> Result<Batch> {
        let fresh = part.emitted..slots.len();
        // Rows given out before are read again only if a call looks at them.
        let start = match self.over.calls.iter().all(|c| c.reach == Reach::Running) {
            true => fresh.start,
            false => 0,
        };
        let read = &slots[start..];
        let rows = fit(&self.input, self.rows.decode(read, &vec![partition; read.len()])?)?;
        let new = rows.slice(fresh.start - start, fresh.len());
        let peers = peers(&self.rows, &slots[fresh.clone()]);
        part.running.resize_with(self.over.calls.len(), || None);
        let mut columns = new.columns().to_vec();
        for ((call, data_type), state) in self.over.calls.iter().zip(&self.types).zip(&mut part.running) {
            let result: ArrayRef = if call.reach == Reach::Running {
                let mut running = match state.take() {
                    Some(running) => running,
                    None => Running::new(call)?,
                };
                let result = running.advance(call, &new, &peers, data_type)?;
                *state = Some(running);
                result
            } else {
                frames::evaluate(call, &rows, data_type)?.slice(fresh.start - start, fresh.len())
            };
            columns.push(result);
        }
        Ok(Batch::changes(fit(&self.schema, columns)?, None))
    }
}

impl Operator for TimedOver {
    fn on_batch(&mut self, _: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        self.waiting.push(batch);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        match self.over.emission {
            OverEmission::Arrival { by_content: true } => waiting = by_content(&waiting)?.into_iter().collect(),
            _ => waiting.sort_by_key(|b| b.place),
        }
        for batch in waiting {
            self.add(epoch, &batch)?;
        }
        let watermark = match self.over.emission {
            OverEmission::Arrival { .. } => Watermark(epoch.now_ms.max(self.passed)),
            _ => self.time.watermark(epoch),
        };
        self.fire(watermark, Some(out))?;
        self.rows.free(&mut self.gone);
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.times.capacity() * 8);
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        self.save_whole()
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        self.save_changed()
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.came.begin(self.rows.len());
        self.changed.go_on(newest);
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        self.restore_rows(&mut state)?;
        self.restore_running(&mut state)?;
        self.restore_passed(&mut state)?;
        self.gauge.set(self.rows.len(), self.rows.bytes() + self.times.capacity() * 8);
        Ok(())
    }
}
