//! Window aggregation behind the exchange: keeps panes, fires windows when the watermark passes their end.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use sloth_types::{Result, Watermark};

use super::Operator;
use super::panes::{PaneMap, PaneRule};
use super::window_assign::repeated_window;
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::{Batch, Place};
use crate::state::changed::standing;
use crate::state::groups::{Groups, GroupsSpec};
use crate::state::sliding::SlidingGroups;
use crate::state::snapshot::{Section, number, take_newest_number};

/// Windows of all keys that this worker owns.
pub(crate) struct WindowAggregateOperator {
    spec: GroupsSpec,
    rule: PaneRule,
    time: TimeDomain,
    /// Rows must be in the canonical order before the functions see them: they wait for the epoch's end.
    ordered: bool,
    waiting: Vec<Batch>,
    panes: PaneMap,
    /// Every window that ends at or before this has fired.
    fired: i64,
    /// As the newest checkpoint has it.
    fired_kept: i64,
    schema: SchemaRef,
    buffer: Vec<u32>,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

/// What a window aggregation is made with.
pub(crate) struct WindowParts {
    pub(crate) spec: GroupsSpec,
    pub(crate) rule: PaneRule,
    pub(crate) time: TimeDomain,
    pub(crate) schema: SchemaRef,
}

impl WindowAggregateOperator {
    /// No panes yet.
    pub(crate) fn new(parts: WindowParts, context: Arc<JobContext>) -> Result<Self> {
        let slides = matches!(parts.rule, PaneRule::Time { panes, .. } if !panes.single());
        let sliding = if slides { SlidingGroups::new(&parts.spec)? } else { None };
        let ordered = parts.spec.calls.iter().any(sloth_plan::AggregateCall::order_sensitive);
        let gauge = StateGauge::new(Arc::clone(&context));
        Ok(WindowAggregateOperator {
            spec: parts.spec,
            rule: parts.rule,
            time: parts.time,
            ordered,
            waiting: vec![],
            panes: PaneMap::counting(sliding),
            fired: i64::MIN,
            fired_kept: i64::MIN,
            schema: parts.schema,
            buffer: vec![],
            context,
            gauge,
        })
    }

    fn add(&mut self, epoch: &EpochInfo, batch: &Batch) -> Result<()> {
        if batch.partial {
            return self.panes.merge(&mut self.spec, &batch.rows);
        }
        let watermark = self.time.late_watermark(epoch);
        let late = self.panes.add(&mut self.spec, &self.rule, batch, watermark)?;
        self.context.figures.late_rows.add(late as u64);
        Ok(())
    }

    fn fire(&mut self, watermark: Watermark, out: &mut Vec<Batch>) -> Result<()> {
        // The largest end that is complete.
        let upto = watermark.0.saturating_add(1);
        if upto <= self.fired {
            return Ok(());
        }
        match self.rule {
            PaneRule::Time { panes, .. } if !panes.single() => {
                let mut windows: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
                for pane in self.panes.panes.range(..upto).map(|(pane, _)| *pane) {
                    for (start, end) in panes.windows_of(pane, self.fired, upto) {
                        windows.entry((end, start)).or_default().push(pane);
                    }
                }
                for ((end, start), members) in windows {
                    self.fire_merged(start, end, &members, out)?;
                }
                self.panes.retain(|pane| panes.last_end(pane) > upto)?;
            }
            _ => {
                while let Some(entry) = self.panes.panes.first_entry() {
                    if !self.rule.is_late(*entry.key(), watermark) {
                        break;
                    }
                    let (pane, mut groups) = entry.remove_entry();
                    let (start, end) = match self.rule {
                        PaneRule::Time { panes, .. } => (pane, pane + panes.pane_ms),
                        _ => (0, pane),
                    };
                    out.extend(self.result(start, end, &mut groups, None)?);
                    self.panes.recycle(groups);
                }
            }
        }
        self.fired = upto;
        Ok(())
    }

    fn fire_merged(&mut self, start: i64, end: i64, members: &[i64], out: &mut Vec<Batch>) -> Result<()> {
        if let [only] = members
            && let Some(mut groups) = self.panes.panes.remove(only)
        {
            out.extend(self.result(start, end, &mut groups, None)?);
            self.panes.panes.insert(*only, groups);
            return Ok(());
        }
        self.panes.slide_to(&mut self.spec, members)?;
        let mut merged = self.spec.groups()?;
        for pane in members {
            if let Some(groups) = self.panes.panes.get_mut(pane) {
                merged.absorb(&mut self.spec, groups, self.panes.sliding.as_ref(), &mut self.buffer)?;
            }
        }
        let sliding = self.panes.sliding.take();
        out.extend(self.result(start, end, &mut merged, sliding.as_ref())?);
        self.panes.sliding = sliding;
        Ok(())
    }

    /// window_start, window_end, window_time, keys, results. When the windows came as columns the first key is the start.
    fn result(
        &mut self,
        start: i64,
        end: i64,
        groups: &mut Groups,
        sliding: Option<&SlidingGroups>,
    ) -> Result<Option<Batch>> {
        let slots = groups.alive();
        if slots.is_empty() {
            return Ok(None);
        }
        let time_type = self.schema.field(2).data_type();
        let [starts, ends, times] = repeated_window(start, end, slots.len(), time_type)?;
        let mut results = match sliding {
            Some(sliding) => groups.results_but(&mut self.spec, &slots, sliding)?,
            None => groups.results(&self.spec, &slots)?,
        };
        let starts = if matches!(self.rule, PaneRule::End { .. }) { results.remove(0) } else { starts };
        let mut columns = vec![starts, ends, times];
        columns.append(&mut results);
        Ok(Some(Batch::insert(fit(&self.schema, columns)?, Place::default())))
    }
}

/// A batch of the schema; columns that differ in form only are cast.
pub(crate) fn fit(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let rows = columns.first().map_or(0, |c| c.len());
    fit_rows(schema, columns, rows)
}

/// As [`fit`], for a batch that may be without columns.
pub(crate) fn fit_rows(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let columns = columns
        .into_iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            let wanted: &DataType = field.data_type();
            if column.data_type() == wanted { Ok(column) } else { Ok(cast(&column, wanted)?) }
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

impl Operator for WindowAggregateOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, out: &mut Vec<Batch>) -> Result<()> {
        if self.ordered {
            self.waiting.push(batch);
            return Ok(());
        }
        // Windows that are complete already at the watermark in effect for this epoch take none of its rows, although a
        // row may still count in a later window that shares its pane.
        self.fire(self.time.late_watermark(epoch), out)?;
        self.add(epoch, &batch)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        self.fire(self.time.late_watermark(epoch), out)?;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|b| b.place);
        for batch in waiting {
            self.add(epoch, &batch)?;
        }
        self.fire(self.time.watermark(epoch), out)?;
        self.gauge.set(self.panes.groups(), self.panes.bytes());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        let rows = self.panes.save(&self.spec)?;
        self.fired_kept = self.fired;
        Ok(vec![Section::new("groups", self.spec.owner(), rows), number("fired", self.fired)?])
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let Some(groups) = self.panes.save_changes(&self.spec, "groups")? else { return Ok(None) };
        let mut sections = vec![groups];
        if self.fired != std::mem::replace(&mut self.fired_kept, self.fired) {
            sections.push(number("fired", self.fired)?);
        }
        Ok(Some(sections))
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.panes.go_on(newest);
        self.fired_kept = self.fired;
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        let key: Vec<usize> = (0..=self.spec.keys.len()).collect();
        for rows in standing(&mut state, "groups", &key)? {
            self.panes.merge(&mut self.spec, &rows)?;
        }
        self.fired = take_newest_number(&mut state, "fired")?.unwrap_or(self.fired);
        // Those that have fired since they were written.
        let (rule, fired) = (self.rule, Watermark(self.fired.saturating_sub(1)));
        self.panes.retain(|pane| !rule.is_late(pane, fired))?;
        self.gauge.set(self.panes.groups(), self.panes.bytes());
        Ok(())
    }
}
