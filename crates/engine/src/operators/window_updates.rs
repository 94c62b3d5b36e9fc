//! Window aggregation whose results are told before the window closes, or corrected after it.
//!
//! Each window has its own groups (a row of several windows is added to each): what it tells changes with every row. A
//! window is closed when the watermark passes its end, and gone when it passes the allowed lateness, too. What comes in
//! the epoch that closes a window is part of its first result.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use sloth_plan::Emission;
use sloth_types::Result;

use super::Operator;
use super::pace::Pace;
use super::panes::PaneRule;
use super::touched::{HELD_BACK, HeldBack, Net, Touched};
use super::window::{WindowParts, fit};
use super::window_assign::{millis, repeated_window};
use crate::context::{JobContext, StateGauge};
use crate::epoch::{EpochInfo, TimeDomain};
use crate::message::{Batch, Place};
use crate::state::changed::standing;
use crate::state::groups::{Groups, GroupsSpec};
use crate::state::keys::RowSet;
use crate::state::pane_changes::PaneChanges;
use crate::state::snapshot::{Owner, Section, column_of, number, numbers, table, take_newest_number};

/// Windows of all keys that this worker owns, by their end (no two have the same).
pub(crate) struct WindowUpdatesOperator {
    spec: GroupsSpec,
    rule: PaneRule,
    /// When windows close.
    time: TimeDomain,
    /// When they are gone.
    late: TimeDomain,
    early: Option<Pace>,
    corrections: Pace,
    /// Rows must be in the canonical order before the functions see them: they wait for the epoch's end.
    ordered: bool,
    waiting: Vec<Batch>,
    windows: BTreeMap<i64, Window>,
    /// Ends of the windows with changes that have not been told.
    dirty: BTreeSet<i64>,
    /// Every window that ends at or before this is closed.
    closed: i64,
    schema: SchemaRef,
    /// Keys and results.
    groups_schema: SchemaRef,
    buffer: Vec<u32>,
    /// Since the last checkpoint.
    changed: PaneChanges,
    /// Every window that ends at or before this is gone.
    gone: i64,
    context: Arc<JobContext>,
    gauge: StateGauge,
}

struct Window {
    start: i64,
    groups: Groups,
    touched: Touched,
    held: HeldBack,
}

/// Rows of a batch by the end of the window that takes them.
type ByWindow = BTreeMap<i64, Vec<u32>>;

impl WindowUpdatesOperator {
    /// No windows yet.
    pub(crate) fn new(parts: WindowParts, emission: Emission, context: Arc<JobContext>) -> Self {
        let WindowParts { spec, rule, time, schema } = parts;
        let ordered = spec.calls.iter().any(sloth_plan::AggregateCall::order_sensitive);
        let late = time.behind(emission.lateness_ms);
        // The start travels as the first key where windows come as columns.
        let given = matches!(rule, PaneRule::End { .. }).then(|| schema.field(0).clone());
        let rest = schema.fields().iter().skip(3).map(|f| f.as_ref().clone());
        let groups_schema = Arc::new(Schema::new(given.into_iter().chain(rest).collect::<Vec<Field>>()));
        let gauge = StateGauge::new(Arc::clone(&context));
        WindowUpdatesOperator {
            spec,
            rule,
            time,
            late,
            early: emission.early.map(Pace::new),
            corrections: Pace::new(emission.late),
            ordered,
            waiting: vec![],
            windows: BTreeMap::new(),
            dirty: BTreeSet::new(),
            closed: i64::MIN,
            schema,
            groups_schema,
            buffer: vec![],
            changed: PaneChanges::default(),
            gone: i64::MIN,
            context,
            gauge,
        }
    }

    fn add(&mut self, epoch: &EpochInfo, batch: &Batch) -> Result<()> {
        // Windows that end at or before this take no rows.
        let gone = self.late.late_watermark(epoch).0.saturating_add(1);
        if batch.partial {
            let panes = batch.rows.column(0).as_primitive::<Int64Type>().clone();
            let (by_window, _) = self.windows_of(&panes, gone);
            let partial = self.spec.prepare_partial(&batch.rows)?;
            return self.each(by_window, |groups, set, slots, seen| groups.merge_seen(&partial, set, slots, seen));
        }
        let column = match self.rule {
            PaneRule::Time { column, .. } | PaneRule::End { column } => column,
            PaneRule::Whole => return Ok(()),
        };
        let times = millis(batch.rows.column(column))?;
        let values = Int64Array::new(times.values().clone(), times.nulls().cloned());
        let (by_window, late) = self.windows_of(&values, gone);
        self.context.figures.late_rows.add(late as u64);
        let prepared = self.spec.prepare(&batch.rows, batch.diffs.as_ref())?;
        self.each(by_window, |groups, set, slots, seen| groups.update_seen(&prepared, set, slots, seen))
    }

    /// The windows of rows with these times, or in these panes, and how many rows have none.
    fn windows_of(&self, times: &Int64Array, gone: i64) -> (ByWindow, usize) {
        let mut by_window = ByWindow::new();
        let mut late = 0;
        let mut last: Option<(i64, Vec<i64>, bool)> = None;
        for (row, time) in times.iter().enumerate() {
            let Some(time) = time else {
                late += 1;
                continue;
            };
            let pane = match self.rule {
                PaneRule::Time { panes, .. } => panes.pane_of(time),
                _ => time,
            };
            if last.as_ref().is_none_or(|(known, ..)| *known != pane) {
                let (windows, gap) = match self.rule {
                    PaneRule::Time { panes, .. } => {
                        let windows = panes.windows_of(pane, gone, i64::MAX).map(|(_, end)| end);
                        (windows.collect(), panes.in_gap(pane))
                    }
                    _ => ((time > gone).then_some(time).into_iter().collect::<Vec<_>>(), false),
                };
                last = Some((pane, windows, gap));
            }
            let Some((_, windows, gap)) = &last else { continue };
            late += usize::from(windows.is_empty() && !gap);
            for window in windows {
                by_window.entry(*window).or_default().push(row as u32);
            }
        }
        (by_window, late)
    }

    /// Adds rows to their windows, noting the results so far of those that have told them.
    fn each(
        &mut self,
        by_window: ByWindow,
        mut add: impl FnMut(
            &mut Groups,
            &RowSet<'_>,
            &mut Vec<u32>,
            &mut dyn FnMut(&mut Groups, &[u32]) -> Result<()>,
        ) -> Result<()>,
    ) -> Result<()> {
        for (end, rows) in by_window {
            let window = window_at(&mut self.windows, &self.spec, &self.rule, end)?;
            let tells = self.early.is_some() || end <= self.closed;
            if tells {
                self.dirty.insert(end);
            }
            let Window { groups, touched, held, .. } = window;
            if self.changed.begun() && !held.begun() {
                held.go_on(0, touched.slots());
            }
            let known = groups.keys.slots();
            let (spec, schema) = (&self.spec, &self.groups_schema);
            let told = |groups: &Groups, slot: u32| (slot as usize) < known && groups.is_alive(slot);
            let mut seen = |groups: &mut Groups, slots: &[u32]| match tells {
                true => {
                    held.note(slots, touched);
                    touched.touch(spec, groups, schema, slots, told)
                }
                false => Ok(()),
            };
            add(groups, &RowSet::List(&rows), &mut self.buffer, &mut seen)?;
            self.changed.note(end, if self.spec.keys.is_empty() { &[] } else { &self.buffer });
        }
        Ok(())
    }

    /// Tells what has changed in a window.
    fn tell(&mut self, end: i64, out: &mut Vec<Batch>) -> Result<()> {
        let Some(Window { start, groups, touched, held }) = self.windows.get_mut(&end) else { return Ok(()) };
        let start = *start;
        let (slots, net) = touched.take(&self.spec, groups, &self.groups_schema, false, Groups::is_alive)?;
        held.note_told(&slots, |told| {
            let ends = column_of(told.iter().map(|_| end));
            Ok(std::iter::once(ends).chain(self.spec.key_columns(&groups.keys, told)?).collect())
        })?;
        if let Some(Net { rows, diffs }) = net {
            let rows = self.framed(start, end, rows.columns().to_vec())?;
            out.push(Batch { diffs, ..Batch::insert(rows, Place::default()) });
        }
        Ok(())
    }

    /// Tells all of a window for the first time.
    fn tell_all(&mut self, end: i64, out: &mut Vec<Batch>) -> Result<()> {
        let Some(Window { start, groups, .. }) = self.windows.get_mut(&end) else { return Ok(()) };
        let (start, slots) = (*start, groups.alive());
        if slots.is_empty() {
            return Ok(());
        }
        let columns = groups.results(&self.spec, &slots)?;
        out.push(Batch::insert(self.framed(start, end, columns)?, Place::default()));
        Ok(())
    }

    /// What is held back, window by window.
    fn held_back(&mut self) -> Result<Vec<RecordBatch>> {
        let mut touched = vec![];
        for (end, window) in self.windows.iter_mut().filter(|(_, window)| !window.touched.is_empty()) {
            touched.push(window.touched.save(&self.spec, &mut window.groups, &self.groups_schema, *end)?);
        }
        Ok(touched)
    }

    /// What has come to be held back since the last checkpoint, and what has been told. Windows that are gone hold nothing
    /// back.
    fn held_changes(&mut self) -> Result<[Section; 2]> {
        let keys = self.spec.keys.len();
        let owner = |first: usize| Owner::Key((first..first + keys).collect());
        let (mut held, mut told) = (vec![], vec![]);
        for (end, window) in &mut self.windows {
            let new = window.held.take();
            let rows = match new.is_empty() {
                true => table(vec![])?,
                false => {
                    let (groups, schema) = (&mut window.groups, &self.groups_schema);
                    window.touched.save_some(&self.spec, groups, schema, *end, &new)?
                }
            };
            for section in window.held.sections(HELD_BACK, &[], rows, window.touched.slots())? {
                if section.name.ends_with("gone") { &mut told } else { &mut held }.extend(section.rows);
            }
        }
        Ok([Section::new("touched changed", owner(3), held), Section::new("touched gone", owner(2), told)])
    }

    /// The columns that tell what is held back: the window's end, and the key.
    fn held_key(&self) -> Vec<usize> {
        std::iter::once(0).chain(2..2 + self.spec.keys.len()).collect()
    }

    /// How far windows are.
    fn times(&self) -> Result<[Section; 4]> {
        Ok([
            number("closed", self.closed)?,
            number("gone", self.gone)?,
            self.early.unwrap_or(self.corrections).save("early")?,
            self.corrections.save("corrections")?,
        ])
    }

    /// The columns of the key in the rows of groups, behind the window's end.
    fn groups_key(&self) -> Vec<usize> {
        (1..=self.spec.keys.len()).collect()
    }

    /// window_start, window_end, window_time, keys, results.
    fn framed(&self, start: i64, end: i64, mut columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        let rows = columns.first().map_or(0, |c| c.len());
        let [starts, ends, times] = repeated_window(start, end, rows, self.schema.field(2).data_type())?;
        let starts = if matches!(self.rule, PaneRule::End { .. }) { columns.remove(0) } else { starts };
        let all = [starts, ends, times].into_iter().chain(columns);
        fit(&self.schema, all.collect())
    }
}

impl Operator for WindowUpdatesOperator {
    fn on_batch(&mut self, epoch: &EpochInfo, batch: Batch, _: &mut Vec<Batch>) -> Result<()> {
        if self.ordered {
            self.waiting.push(batch);
            return Ok(());
        }
        self.add(epoch, &batch)
    }

    fn on_epoch_end(&mut self, epoch: &EpochInfo, out: &mut Vec<Batch>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|b| b.place);
        for batch in waiting {
            self.add(epoch, &batch)?;
        }
        let complete = self.time.watermark(epoch).0.saturating_add(1);
        let gone = self.late.watermark(epoch).0.saturating_add(1);
        let early_due = self.early.as_mut().is_some_and(|pace| pace.due(epoch));
        let correction_due = self.corrections.due(epoch);
        for end in std::mem::take(&mut self.dirty) {
            let closes = end <= complete && end > self.closed;
            let due = if end <= self.closed { correction_due || end <= gone } else { closes || early_due };
            match due {
                true => self.tell(end, out)?,
                false => {
                    self.dirty.insert(end);
                }
            }
        }
        if complete > self.closed {
            if self.early.is_none() {
                let closing = self.windows.range(self.closed.saturating_add(1)..=complete);
                for end in closing.map(|(end, _)| *end).collect::<Vec<_>>() {
                    self.tell_all(end, out)?;
                }
            }
            self.closed = complete;
        }
        self.gone = self.gone.max(gone);
        while self.windows.first_key_value().is_some_and(|(end, _)| *end <= gone) {
            self.windows.pop_first();
        }
        let groups = self.windows.values().map(|w| w.groups.keys.len()).sum();
        self.gauge.set(groups, self.windows.values().map(|w| w.groups.bytes() + w.touched.bytes()).sum());
        Ok(())
    }

    fn save(&mut self) -> Result<Vec<Section>> {
        self.resume_changes(0);
        let mut groups = vec![];
        for (end, window) in &mut self.windows {
            let slots = window.groups.keys.live();
            groups.extend(window.groups.save(&self.spec, *end, &slots)?);
        }
        let mut sections = vec![
            Section::new("groups", self.spec.owner(), groups),
            Section::new(HELD_BACK, Touched::owner(&self.spec), self.held_back()?),
        ];
        sections.extend(self.times()?);
        Ok(sections)
    }

    fn save_changes(&mut self) -> Result<Option<Vec<Section>>> {
        let most = self.windows.values().map(|w| w.groups.keys.len()).sum::<usize>() / 2;
        let windows = &self.windows;
        let Some(changed) = self.changed.take(most, |end| windows.contains_key(&end)) else { return Ok(None) };
        let mut groups = vec![];
        for (end, slots) in changed {
            if let Some(window) = self.windows.get_mut(&end) {
                groups.extend(window.groups.save(&self.spec, end, &slots)?);
            }
        }
        let mut sections = vec![self.changed.rows("groups", &self.groups_key(), groups)?];
        sections.extend(self.held_changes()?);
        sections.extend(self.times()?);
        Ok(Some(sections))
    }

    fn resume_changes(&mut self, newest: i64) -> bool {
        self.changed.go_on(newest);
        self.windows.values_mut().for_each(|window| window.held.go_on(newest, window.touched.slots()));
        true
    }

    fn restore(&mut self, mut state: Vec<Section>) -> Result<()> {
        self.gone = take_newest_number(&mut state, "gone")?.unwrap_or(self.gone);
        let key: Vec<usize> = (0..=self.spec.keys.len()).collect();
        for rows in standing(&mut state, "groups", &key)? {
            let partial = self.spec.prepare_partial(&rows)?;
            for range in runs(numbers(&rows, 0)?) {
                let end = numbers(&rows, 0)?.value(range.start);
                let groups = &mut window_at(&mut self.windows, &self.spec, &self.rule, end)?.groups;
                groups.merge(&partial, range, &mut self.buffer)?;
            }
        }
        self.windows = self.windows.split_off(&self.gone.saturating_add(1));
        for rows in standing(&mut state, HELD_BACK, &self.held_key())? {
            for range in runs(numbers(&rows, 0)?) {
                let end = numbers(&rows, 0)?.value(range.start);
                if end <= self.gone {
                    continue;
                }
                let Window { groups, touched, .. } = window_at(&mut self.windows, &self.spec, &self.rule, end)?;
                let part = rows.slice(range.start, range.len());
                touched.restore(&mut self.spec, groups, &self.groups_schema, &part)?;
                self.dirty.insert(end);
            }
        }
        self.closed = take_newest_number(&mut state, "closed")?.unwrap_or(self.closed);
        if let Some(early) = &mut self.early {
            early.restore(&mut state, "early")?;
        }
        self.corrections.restore(&mut state, "corrections")
    }
}

/// The window that ends at a time, made when it is not there.
fn window_at<'w>(
    windows: &'w mut BTreeMap<i64, Window>,
    spec: &GroupsSpec,
    rule: &PaneRule,
    end: i64,
) -> Result<&'w mut Window> {
    Ok(match windows.entry(end) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => {
            let start = if let PaneRule::Time { panes, .. } = rule { panes.start_of(end) } else { 0 };
            let (groups, touched, held) = (spec.groups()?, Touched::default(), HeldBack::default());
            entry.insert(Window { start, groups, touched, held })
        }
    })
}

/// Ranges of equal numbers.
fn runs(numbers: &Int64Array) -> Vec<std::ops::Range<usize>> {
    let mut start = 0;
    let runs = numbers.values().chunk_by(|a, b| a == b).map(|run| {
        start += run.len();
        start - run.len()..start
    });
    runs.collect()
}
