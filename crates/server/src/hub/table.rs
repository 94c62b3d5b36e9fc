//! A table as the screen sees it: rows already encoded as JSON, bounded.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use sloth_types::{ChangeBatch, ChangelogMode, Result};

use super::ScreenTable;
use super::inbox::newest_rows;
use super::json;
use super::multiset::Multiset;

/// The current rows of one table.
pub(crate) struct LiveTable {
    /// The declaration.
    pub(crate) table: Arc<ScreenTable>,
    schema: SchemaRef,
    rows: LiveRows,
}

enum LiveRows {
    /// The newest rows, oldest first.
    Append(VecDeque<Box<str>>),
    /// Rows by key, in key order.
    Keyed(KeyedRows),
    /// Rows without a key.
    Unkeyed(Multiset),
}

struct KeyedRows {
    keys: Keys,
    rows: BTreeMap<Box<[u8]>, Box<str>>,
    /// Changes of keys that were not kept because the table is full.
    overflow: u64,
}

/// Turns the key columns of a batch into comparable bytes.
pub(crate) struct Keys {
    columns: Vec<usize>,
    /// Absent for a table of one row, whose key is empty.
    converter: Option<RowConverter>,
}

/// One change: batch and row.
type Pick = (usize, usize);

impl LiveTable {
    /// An empty table; append-only until it is opened.
    pub(crate) fn declared(table: Arc<ScreenTable>) -> Self {
        LiveTable { schema: Arc::clone(&table.schema), table, rows: LiveRows::Append(VecDeque::new()) }
    }

    /// An empty table of this mode.
    pub(crate) fn opened(table: Arc<ScreenTable>, schema: SchemaRef, mode: &ChangelogMode) -> Result<Self> {
        let rows = match mode {
            ChangelogMode::Append => LiveRows::Append(VecDeque::new()),
            ChangelogMode::Upsert { key } => {
                LiveRows::Keyed(KeyedRows { keys: Keys::new(&schema, key)?, rows: BTreeMap::new(), overflow: 0 })
            }
            ChangelogMode::Retract => LiveRows::Unkeyed(Multiset::new()),
        };
        Ok(LiveTable { table, schema, rows })
    }

    /// Applies changes and appends what differs to `out` as a JSON object. False, with nothing appended, when nothing
    /// differs.
    pub(crate) fn apply(&mut self, changes: Vec<ChangeBatch>, out: &mut String) -> Result<bool> {
        match &mut self.rows {
            LiveRows::Append(rows) => Ok(append(rows, newest_rows(changes, self.table.rows_max), &self.table, out)),
            LiveRows::Keyed(keyed) => keyed.apply(&changes, &self.table, out),
            LiveRows::Unkeyed(rows) => Ok(rows.apply(&changes, &self.table, out)),
        }
    }

    /// Appends the whole table to `out`, in the form of a delta to an empty one.
    pub(crate) fn write_snapshot(&self, out: &mut String) {
        match &self.rows {
            LiveRows::Append(rows) => write_list(out, "append", rows.iter()),
            LiveRows::Keyed(keyed) => write_state(out, keyed.rows.values(), &[], keyed.overflow),
            LiveRows::Unkeyed(unkeyed) => write_state(out, unkeyed.rows.values(), &[], unkeyed.overflow),
        }
    }

    /// Appends name, columns, mode and bounds to `out`.
    pub(crate) fn write_schema(&self, out: &mut String) {
        json::push_string(out, &self.table.name);
        out.push_str(":{\"columns\":[");
        for (index, field) in self.schema.fields().iter().enumerate() {
            comma(out, index);
            out.push_str("{\"name\":");
            json::push_string(out, field.name());
            out.push_str(&format!(",\"type\":\"{}\"}}", json::type_name(field.data_type())));
        }
        match &self.rows {
            LiveRows::Append(_) => out.push_str(&format!("],\"mode\":\"append\",\"rows\":{}}}", self.table.rows_max)),
            LiveRows::Keyed(keyed) => {
                let key: Vec<String> = keyed.keys.columns.iter().map(usize::to_string).collect();
                out.push_str(&format!("],\"mode\":\"upsert\",\"key\":[{}]}}", key.join(",")));
            }
            // The key stands behind the columns.
            LiveRows::Unkeyed(_) => {
                out.push_str(&format!("],\"mode\":\"upsert\",\"key\":[{}]}}", self.schema.fields().len()));
            }
        }
    }
}

fn append(rows: &mut VecDeque<Box<str>>, batches: Vec<ChangeBatch>, table: &ScreenTable, out: &mut String) -> bool {
    let before = rows.len();
    for batch in &batches {
        rows.extend((0..batch.len()).map(|row| json::row(batch.rows.columns(), row)));
    }
    if rows.len() == before {
        return false;
    }
    write_list(out, "append", rows.range(before..));
    rows.drain(..rows.len().saturating_sub(table.rows_max));
    true
}

impl KeyedRows {
    fn apply(&mut self, changes: &[ChangeBatch], table: &ScreenTable, out: &mut String) -> Result<bool> {
        let mut upserts: Vec<Box<str>> = Vec::new();
        let mut deletes: Vec<Box<str>> = Vec::new();
        let overflow_before = self.overflow;
        for ((batch, row), key) in self.keys.pick_newest(changes)? {
            let Some(batch) = changes.get(batch) else { continue };
            if batch.diff(row) < 0 {
                if self.rows.remove(&key).is_some() {
                    deletes.push(json::row(&self.keys.columns_of(&batch.rows), row));
                }
                continue;
            }
            let full = self.rows.len() >= table.keys_max;
            let text = json::row(batch.rows.columns(), row);
            match self.rows.entry(key) {
                Entry::Occupied(old) if *old.get() == text => {}
                Entry::Occupied(mut old) => {
                    old.insert(text.clone());
                    upserts.push(text);
                }
                Entry::Vacant(_) if full => self.overflow += 1,
                Entry::Vacant(new) => {
                    new.insert(text.clone());
                    upserts.push(text);
                }
            }
        }
        if overflow_before == 0 && self.overflow > 0 {
            tracing::warn!(
                table = table.name,
                keys = table.keys_max,
                "screen table '{}' has more than {} keys; further keys are not shown. Set 'screen.max-keys' higher, or \
                 group by fewer values",
                table.name,
                table.keys_max
            );
        }
        Ok(write_changes(out, upserts.iter(), &deletes, self.overflow))
    }
}

impl Keys {
    /// Keys of these columns of `schema`.
    pub(crate) fn new(schema: &SchemaRef, columns: &[usize]) -> Result<Self> {
        let converter = if columns.is_empty() {
            None
        } else {
            let projected = schema.project(columns)?;
            Some(RowConverter::new(projected.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect())?)
        };
        Ok(Keys { columns: columns.to_vec(), converter })
    }

    fn columns_of(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.columns.iter().filter_map(|c| rows.columns().get(*c).cloned()).collect()
    }

    /// The last change of each key, in the order of the changes.
    fn pick_newest(&self, changes: &[ChangeBatch]) -> Result<Vec<(Pick, Box<[u8]>)>> {
        let mut seen: HashSet<Box<[u8]>> = HashSet::new();
        let mut picked = Vec::new();
        for (index, batch) in changes.iter().enumerate().rev() {
            let keys = match &self.converter {
                None => None,
                Some(converter) => Some(converter.convert_columns(&self.columns_of(&batch.rows))?),
            };
            for row in (0..batch.len()).rev() {
                let key = keys.as_ref().map(|k| k.row(row));
                let bytes: &[u8] = key.as_ref().map_or(&[], |k| k.as_ref());
                if !seen.contains(bytes) {
                    seen.insert(bytes.into());
                    picked.push(((index, row), bytes.into()));
                }
            }
        }
        picked.reverse();
        Ok(picked)
    }

    /// One batch with the last change of each key.
    pub(crate) fn newest(&self, changes: &[ChangeBatch]) -> Result<ChangeBatch> {
        let picks: Vec<Pick> = self.pick_newest(changes)?.into_iter().map(|(pick, _)| pick).collect();
        let batches: Vec<&RecordBatch> = changes.iter().map(|c| &c.rows).collect();
        let rows = interleave_record_batch(&batches, &picks)?;
        let diffs = picks.iter().map(|(batch, row)| changes.get(*batch).map_or(1, |c| c.diff(*row)));
        Ok(ChangeBatch::changes(rows, Some(Int64Array::from_iter_values(diffs))))
    }
}

/// Appends the changes of a frame; false, with nothing appended, when there are none.
pub(super) fn write_changes<'a>(
    out: &mut String,
    upserts: impl ExactSizeIterator<Item = &'a Box<str>>,
    deletes: &[Box<str>],
    overflow: u64,
) -> bool {
    if upserts.len() == 0 && deletes.is_empty() {
        return false;
    }
    write_state(out, upserts, deletes, overflow);
    true
}

fn write_state<'a>(out: &mut String, rows: impl Iterator<Item = &'a Box<str>>, deletes: &[Box<str>], overflow: u64) {
    write_list(out, "upsert", rows);
    if !deletes.is_empty() {
        out.pop();
        out.push_str(",\"delete\":[");
        out.push_str(&deletes.join(","));
        out.push_str("]}");
    }
    if overflow > 0 {
        out.pop();
        out.push_str(&format!(",\"overflow\":{overflow}}}"));
    }
}

fn write_list<'a>(out: &mut String, name: &str, rows: impl Iterator<Item = &'a Box<str>>) {
    out.push_str(&format!("{{\"{name}\":["));
    for (index, row) in rows.enumerate() {
        comma(out, index);
        out.push_str(row);
    }
    out.push_str("]}");
}

/// Separates list items.
pub(crate) fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}
