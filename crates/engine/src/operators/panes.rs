//! Groups by pane: the state of window aggregation before and after the exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMillisecondArray};
use arrow::datatypes::Int64Type;
use sloth_types::{Result, Watermark};

use super::window_assign::{Panes, millis, rows_with_time};
use crate::message::Batch;
use crate::state::groups::{Groups, GroupsSpec, Prepared, all_slots};
use crate::state::keys::RowSet;
use crate::state::pane_changes::PaneChanges;
use crate::state::sliding::SlidingGroups;
use crate::state::snapshot::Section;

/// How a row finds its pane.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PaneRule {
    /// By a time column.
    Time { panes: Panes, column: usize },
    /// The window's end is a column already; it is the pane's number.
    End { column: usize },
    /// One pane for everything (no windows).
    Whole,
}

impl PaneRule {
    fn pane_of(&self, value: i64) -> i64 {
        match self {
            PaneRule::Time { panes, .. } => panes.pane_of(value),
            PaneRule::End { .. } => value,
            PaneRule::Whole => 0,
        }
    }

    /// The values at and after which a pane does not hold, given that it starts at or before.
    fn pane_end(&self, pane: i64) -> i64 {
        match self {
            PaneRule::Time { panes, .. } => pane + panes.pane_ms,
            PaneRule::End { .. } => pane + 1,
            PaneRule::Whole => i64::MAX,
        }
    }

    /// True when no window ever takes a row of the pane, whatever the watermark.
    fn in_gap(&self, pane: i64) -> bool {
        matches!(self, PaneRule::Time { panes, .. } if panes.in_gap(pane))
    }

    /// True when no window can take a row of the pane any more.
    pub(crate) fn is_late(&self, pane: i64, watermark: Watermark) -> bool {
        match self {
            PaneRule::Time { panes, .. } => watermark.completes(panes.last_end(pane)),
            PaneRule::End { .. } => watermark.completes(pane),
            PaneRule::Whole => false,
        }
    }
}

/// A batch on its way into the panes.
struct Feed<'a> {
    spec: &'a GroupsSpec,
    rule: &'a PaneRule,
    prepared: &'a Prepared,
    watermark: Watermark,
}

/// Groups by pane.
#[derive(Default)]
pub(crate) struct PaneMap {
    pub(crate) panes: BTreeMap<i64, Groups>,
    /// Emptied groups of a pane that is gone: the next pane takes their room, which the system would have to clear again.
    spare: Option<Groups>,
    /// What is counted over several panes, for windows that slide.
    pub(crate) sliding: Option<SlidingGroups>,
    /// Since the last checkpoint.
    changed: PaneChanges,
    slots: Vec<u32>,
}

/// Runs shorter than this on average are gathered by pane first.
const RUN_ROWS_MIN: usize = 64;

impl PaneMap {
    /// No panes; `sliding` counts over those that come.
    pub(crate) fn counting(sliding: Option<SlidingGroups>) -> Self {
        PaneMap { sliding, ..PaneMap::default() }
    }

    /// Adds rows; returns how many were late (or had no time) and left out.
    pub(crate) fn add(
        &mut self,
        spec: &mut GroupsSpec,
        rule: &PaneRule,
        batch: &Batch,
        watermark: Watermark,
    ) -> Result<usize> {
        let rows = &batch.rows;
        let prepared = spec.prepare(rows, batch.diffs.as_ref())?;
        let feed = Feed { spec, rule, prepared: &prepared, watermark };
        let total = rows.num_rows();
        let column = match rule {
            PaneRule::Whole => {
                self.add_set(&feed, 0, &RowSet::Range(0..total))?;
                return Ok(0);
            }
            PaneRule::Time { column, .. } | PaneRule::End { column } => *column,
        };
        let times = millis(rows.column(column))?;
        if let Some(valid) = rows_with_time(&times) {
            let late = self.add_scattered(&feed, &times, valid.into_iter())?;
            return Ok(late + times.null_count());
        }
        let values = times.values();
        let (low, high) = values.iter().fold((i64::MAX, i64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        if low <= high && rule.pane_of(low) == rule.pane_of(high) {
            return self.add_set(&feed, rule.pane_of(low), &RowSet::Range(0..total));
        }
        let runs = runs_of(rule, values);
        if runs.len() * RUN_ROWS_MIN > total {
            return self.add_scattered(&feed, &times, 0..total as u32);
        }
        let mut late = 0;
        for (pane, range) in runs {
            late += self.add_set(&feed, pane, &RowSet::Range(range))?;
        }
        Ok(late)
    }

    fn add_scattered(
        &mut self,
        feed: &Feed<'_>,
        times: &TimestampMillisecondArray,
        rows: impl Iterator<Item = u32>,
    ) -> Result<usize> {
        let rule = feed.rule;
        let mut by_pane: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        let values = times.values();
        let mut last: Option<(i64, i64)> = None;
        for row in rows {
            let value = values[row as usize];
            let pane = match last {
                Some((pane, end)) if value >= pane && value < end => pane,
                _ => rule.pane_of(value),
            };
            last = Some((pane, rule.pane_end(pane)));
            by_pane.entry(pane).or_default().push(row);
        }
        let mut late = 0;
        for (pane, list) in by_pane {
            late += self.add_set(feed, pane, &RowSet::List(&list))?;
        }
        Ok(late)
    }

    fn add_set(&mut self, feed: &Feed<'_>, pane: i64, rows: &RowSet<'_>) -> Result<usize> {
        if feed.rule.is_late(pane, feed.watermark) {
            return Ok(if feed.rule.in_gap(pane) { 0 } else { rows.len() });
        }
        let mut slots = std::mem::take(&mut self.slots);
        let result = self.pane(feed.spec, pane)?.update(feed.prepared, rows, &mut slots);
        if rows.len() > 0 {
            self.changed.note(pane, &slots);
        }
        self.slots = slots;
        result.map(|()| 0)
    }

    fn pane(&mut self, spec: &GroupsSpec, pane: i64) -> Result<&mut Groups> {
        use std::collections::btree_map::Entry;
        Ok(match self.panes.entry(pane) {
            Entry::Occupied(entry) => {
                let groups = entry.into_mut();
                if let Some(sliding) = self.sliding.as_mut().filter(|sliding| sliding.has(pane)) {
                    // It is about to change: it comes again as it will be.
                    sliding.take_back(pane, groups)?;
                }
                groups
            }
            Entry::Vacant(entry) => entry.insert(match self.spare.take() {
                Some(groups) => groups,
                None => spec.groups()?,
            }),
        })
    }

    /// Brings what is counted over several panes to these panes.
    pub(crate) fn slide_to(&mut self, spec: &mut GroupsSpec, members: &[i64]) -> Result<()> {
        let Some(sliding) = &mut self.sliding else { return Ok(()) };
        let gone: Vec<i64> = sliding.panes().into_iter().filter(|pane| !members.contains(pane)).collect();
        if gone.len() >= members.len() {
            // A window that has little in common with the one before is cheaper from the beginning.
            self.sliding = SlidingGroups::new(spec)?;
        }
        let Some(sliding) = &mut self.sliding else { return Ok(()) };
        for pane in gone {
            if let Some(groups) = self.panes.get_mut(&pane).filter(|_| sliding.has(pane)) {
                sliding.take_back(pane, groups)?;
            }
        }
        for pane in members {
            if let Some(groups) = self.panes.get_mut(pane).filter(|_| !sliding.has(*pane)) {
                sliding.add(spec, *pane, groups)?;
            }
        }
        Ok(())
    }

    /// Removes the panes that are no longer needed.
    pub(crate) fn retain(&mut self, needed: impl Fn(i64) -> bool) -> Result<()> {
        for (pane, groups) in self.panes.extract_if(.., |pane, _| !needed(*pane)) {
            let mut groups = groups;
            if let Some(sliding) = &mut self.sliding {
                sliding.take_back(pane, &mut groups)?;
            }
        }
        Ok(())
    }

    /// Takes back the groups of a pane that is gone.
    pub(crate) fn recycle(&mut self, mut groups: Groups) {
        if self.spare.is_none() && groups.empty() {
            self.spare = Some(groups);
        }
    }

    /// Adds partials (columns of the spec's partial schema).
    pub(crate) fn merge(&mut self, spec: &mut GroupsSpec, rows: &RecordBatch) -> Result<()> {
        let partial = spec.prepare_partial(rows)?;
        let panes = rows.column(0).as_primitive::<Int64Type>().values().clone();
        let mut slots = std::mem::take(&mut self.slots);
        let mut start = 0;
        while start < panes.len() {
            let pane = panes[start];
            let end = start + panes[start..].iter().take_while(|p| **p == pane).count();
            self.pane(spec, pane)?.merge(&partial, start..end, &mut slots)?;
            self.changed.note(pane, if spec.keys.is_empty() { &[] } else { &slots });
            start = end;
        }
        self.slots = slots;
        Ok(())
    }

    /// All groups as partial batches, one a pane; the map is empty afterwards.
    pub(crate) fn drain_partials(&mut self, spec: &GroupsSpec) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::with_capacity(self.panes.len());
        for (pane, mut groups) in std::mem::take(&mut self.panes) {
            let slots = all_slots(groups.keys.slots());
            let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![pane; slots.len()]))];
            columns.extend(groups.partials(spec, &slots)?);
            out.push(RecordBatch::try_new(Arc::clone(&spec.partial_schema), columns)?);
            self.recycle(groups);
        }
        Ok(out)
    }

    /// All groups as partial batches for a checkpoint. From now on changes are noted.
    pub(crate) fn save(&mut self, spec: &GroupsSpec) -> Result<Vec<RecordBatch>> {
        self.changed.begin();
        let mut out = vec![];
        for (pane, groups) in &mut self.panes {
            out.extend(groups.save(spec, *pane, &all_slots(groups.keys.slots()))?);
        }
        Ok(out)
    }

    /// As [`PaneChanges::go_on`].
    pub(crate) fn go_on(&mut self, newest: i64) {
        self.changed.go_on(newest);
    }

    /// The groups that have changed since the last checkpoint; `None` when that is not known, or when they are many.
    pub(crate) fn save_changes(&mut self, spec: &GroupsSpec, name: &str) -> Result<Option<Section>> {
        let (most, panes) = (self.groups() / 2, &self.panes);
        let Some(changed) = self.changed.take(most, |pane| panes.contains_key(&pane)) else { return Ok(None) };
        let mut rows = vec![];
        for (pane, slots) in changed {
            if let Some(groups) = self.panes.get_mut(&pane) {
                rows.extend(groups.save(spec, pane, &slots)?);
            }
        }
        // A pane is on all workers: the key alone says whose a group is.
        let key: Vec<usize> = (1..=spec.keys.len()).collect();
        self.changed.rows(name, &key, rows).map(Some)
    }

    /// Number of groups in all panes.
    pub(crate) fn groups(&self) -> usize {
        self.panes.values().map(|g| g.keys.len()).sum()
    }

    /// About how many rows the partials of all panes hold.
    pub(crate) fn spread(&self) -> usize {
        self.panes.values().map(Groups::spread).sum()
    }

    /// Estimated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.panes.values().map(Groups::bytes).sum::<usize>() + self.sliding.as_ref().map_or(0, SlidingGroups::bytes)
    }
}

/// Runs of rows in the same pane.
fn runs_of(rule: &PaneRule, values: &[i64]) -> Vec<(i64, std::ops::Range<usize>)> {
    let mut runs = vec![];
    let mut start = 0;
    while let Some(value) = values.get(start) {
        let pane = rule.pane_of(*value);
        let end = rule.pane_end(pane);
        let len = values[start..].iter().take_while(|v| **v >= pane && **v < end).count();
        runs.push((pane, start..start + len));
        start += len;
    }
    runs
}
