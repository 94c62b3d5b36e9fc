//! Which groups of which panes have changed since the last checkpoint: what [`Changed`] is for one key table, for many that
//! come and go.
//!
//! A pane that has gone is not told of: whoever takes the panes up knows by the watermark which of them stand.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use sloth_types::Result;

use super::changed::Changed;
use super::snapshot::Section;

/// The changed groups by pane.
#[derive(Debug, Default)]
pub(crate) struct PaneChanges {
    /// Counts the checkpoints of all panes.
    all: Changed,
    panes: BTreeMap<i64, Changed>,
}

impl PaneChanges {
    /// Everything is being written: from now on changes are noted.
    pub(crate) fn begin(&mut self) {
        self.go_on(0);
    }

    /// As [`Changed::go_on`].
    pub(crate) fn go_on(&mut self, newest: i64) {
        self.all.go_on(newest);
        self.panes.clear();
    }

    /// True when changes are noted.
    pub(crate) fn begun(&self) -> bool {
        self.all.begun()
    }

    /// Some groups of a pane have changed; without slots its only one.
    pub(crate) fn note(&mut self, pane: i64, slots: &[u32]) {
        if !self.all.begun() {
            return;
        }
        let changed = self.panes.entry(pane).or_insert_with(|| {
            let mut changed = Changed::default();
            changed.begin();
            changed
        });
        changed.note(if slots.is_empty() { &[0] } else { slots });
    }

    /// The groups that have changed in those panes that stand; `None` when `most` of them would be too many, or nothing was
    /// noted: then everything must be written again.
    pub(crate) fn take(&mut self, most: usize, stands: impl Fn(i64) -> bool) -> Option<Vec<(i64, Vec<u32>)>> {
        self.panes.retain(|pane, _| stands(*pane));
        if self.panes.values().map(Changed::len).sum::<usize>() > most {
            return None;
        }
        self.all.take(usize::MAX)?;
        let panes = std::mem::take(&mut self.panes);
        Some(panes.into_iter().filter_map(|(pane, mut changed)| Some((pane, changed.take(usize::MAX)?))).collect())
    }

    /// What has changed, as a section: see [`Changed::rows`].
    ///
    /// # Errors
    /// As there.
    pub(crate) fn rows(&self, name: &str, key: &[usize], rows: Vec<RecordBatch>) -> Result<Section> {
        self.all.rows(name, key, rows)
    }
}
