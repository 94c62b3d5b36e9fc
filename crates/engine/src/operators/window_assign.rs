//! Window arithmetic, and the operator that adds window columns to rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMillisecondArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int64Type, SchemaRef, TimeUnit, TimestampMillisecondType};
use sloth_plan::{WindowAssign, WindowSpec};
use sloth_types::{Error, Result, Watermark};

use super::stages::weights;
use crate::message::Batch;

/// A row's windows share panes: aligned slices such that every window is a whole number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panes {
    /// Length of a pane.
    pub(crate) pane_ms: i64,
    window: WindowSpec,
    offset_ms: i64,
}

impl Panes {
    /// The panes of a window; sessions have none.
    pub(crate) fn new(window: WindowSpec) -> Result<Self> {
        let (pane_ms, offset_ms) = match window {
            WindowSpec::Tumble { size_ms, offset_ms } => (size_ms, offset_ms),
            WindowSpec::Hop { size_ms, slide_ms, offset_ms } => (gcd(size_ms, slide_ms), offset_ms),
            WindowSpec::Cumulate { step_ms, offset_ms, .. } => (step_ms, offset_ms),
            WindowSpec::Session { .. } => return Err(Error::internal("a session has no panes")),
        };
        if pane_ms <= 0 {
            return Err(Error::invalid(format!("the window {window} must be longer than zero")));
        }
        Ok(Panes { pane_ms, window, offset_ms })
    }

    /// Start of the pane that holds a time.
    #[inline(always)]
    pub(crate) fn pane_of(&self, time_ms: i64) -> i64 {
        align(time_ms, self.pane_ms, self.offset_ms)
    }

    /// End of the last window that holds a pane: at this watermark its rows are late for good.
    pub(crate) fn last_end(&self, pane: i64) -> i64 {
        match self.window {
            WindowSpec::Hop { size_ms, slide_ms, offset_ms } => align(pane, slide_ms, offset_ms) + size_ms,
            WindowSpec::Cumulate { max_ms, offset_ms, .. } => align(pane, max_ms, offset_ms) + max_ms,
            _ => pane + self.pane_ms,
        }
    }

    /// Start of the window that ends at a time.
    pub(crate) fn start_of(&self, end: i64) -> i64 {
        match self.window {
            WindowSpec::Hop { size_ms, .. } => end - size_ms,
            WindowSpec::Cumulate { max_ms, offset_ms, .. } => align(end - 1, max_ms, offset_ms),
            _ => end - self.pane_ms,
        }
    }

    /// True when no window at all holds a pane: hops that are further apart than they are long leave gaps.
    pub(crate) fn in_gap(&self, pane: i64) -> bool {
        self.last_end(pane) <= pane
    }

    /// The windows that hold a pane and end after `after` and not after `upto`, by rising end.
    pub(crate) fn windows_of(&self, pane: i64, after: i64, upto: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        // Every kind is: ends `first_end + i * step`, up to `last_end`; the start is fixed or a fixed distance away.
        let (first_end, step, last_end, start) = match self.window {
            WindowSpec::Hop { size_ms, slide_ms, offset_ms } => {
                let first_start = align(pane - size_ms, slide_ms, offset_ms) + slide_ms;
                (first_start + size_ms, slide_ms, align(pane, slide_ms, offset_ms) + size_ms, Err(size_ms))
            }
            WindowSpec::Cumulate { max_ms, step_ms, offset_ms } => {
                let start = align(pane, max_ms, offset_ms);
                (pane + self.pane_ms, step_ms, start + max_ms, Ok(start))
            }
            _ => (pane + self.pane_ms, self.pane_ms, pane + self.pane_ms, Ok(pane)),
        };
        let skipped = if after < first_end { 0 } else { (after - first_end) / step + 1 };
        let limit = last_end.min(upto);
        (skipped..)
            .map(move |i| first_end + i * step)
            .take_while(move |end| *end <= limit)
            .map(move |end| (start.unwrap_or_else(|size| end - size), end))
    }

    /// True when every window is exactly one pane.
    pub(crate) fn single(&self) -> bool {
        match self.window {
            WindowSpec::Hop { size_ms, slide_ms, .. } => size_ms == slide_ms,
            WindowSpec::Cumulate { max_ms, step_ms, .. } => max_ms == step_ms,
            _ => true,
        }
    }
}

#[inline(always)]
fn align(time_ms: i64, size_ms: i64, offset_ms: i64) -> i64 {
    time_ms - (time_ms - offset_ms).rem_euclid(size_ms)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

/// A timestamp column as milliseconds (rounded down), without a copy when it is in milliseconds already.
pub(crate) fn millis(column: &ArrayRef) -> Result<TimestampMillisecondArray> {
    let DataType::Timestamp(unit, _) = column.data_type() else {
        return Err(Error::internal(format!("a time attribute has type {}", column.data_type())));
    };
    Ok(match unit {
        TimeUnit::Millisecond => column.as_primitive::<TimestampMillisecondType>().clone(),
        _ => {
            let plain = cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
            let nanos = cast(&plain, &DataType::Int64)?;
            nanos.as_primitive::<Int64Type>().unary(|v| v.div_euclid(1_000_000))
        }
    })
}

/// A time column's values, and the list of rows that have one when some are NULL.
pub(crate) fn rows_with_time(times: &TimestampMillisecondArray) -> Option<Vec<u32>> {
    let nulls = times.nulls().filter(|n| n.null_count() > 0)?;
    Some(nulls.valid_indices().map(|row| row as u32).collect())
}

/// Adds window_start, window_end and window_time; rows without a time are dropped and counted by the caller.
pub(crate) fn assign(node: &WindowAssign, batch: &Batch, schema: &SchemaRef) -> Result<(Batch, usize)> {
    let panes = Panes::new(node.window)?;
    let times = millis(batch.rows.column(node.time))?;
    let (mut rows, mut starts, mut ends) = (vec![], vec![], vec![]);
    let mut pane = None;
    let mut windows: Vec<(i64, i64)> = vec![];
    for (row, time) in times.iter().enumerate() {
        let Some(time) = time else { continue };
        let now = panes.pane_of(time);
        if pane != Some(now) {
            pane = Some(now);
            windows = panes.windows_of(now, i64::MIN, i64::MAX).collect::<Vec<_>>();
        }
        for (start, end) in &windows {
            rows.push(row as u32);
            starts.push(*start);
            ends.push(*end);
        }
    }
    let rows = UInt32Array::from(rows);
    let mut columns: Vec<ArrayRef> =
        batch.rows.columns().iter().map(|c| take(c, &rows, None)).collect::<Result<_, _>>()?;
    columns.extend(window_columns(&starts, &ends, schema.field(schema.fields().len() - 1).data_type())?);
    let diffs = match &batch.diffs {
        Some(diffs) => Some(weights(&take(diffs, &rows, None)?)),
        None => None,
    };
    let without_time = times.null_count();
    let rows = RecordBatch::try_new(Arc::clone(schema), columns)?;
    Ok((Batch { rows, diffs, place: batch.place, port: batch.port, partial: false, picked: None }, without_time))
}

/// window_start, window_end, and window_time (the end less one millisecond) in its own type.
pub(crate) fn window_columns(starts: &[i64], ends: &[i64], time_type: &DataType) -> Result<[ArrayRef; 3]> {
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(ends.iter().map(|e| e - 1)));
    let times = if times.data_type() == time_type { times } else { cast(&times, time_type)? };
    Ok([
        Arc::new(TimestampMillisecondArray::from(starts.to_vec())),
        Arc::new(TimestampMillisecondArray::from(ends.to_vec())),
        times,
    ])
}

/// As [`window_columns`], with one window for `rows` rows.
pub(crate) fn repeated_window(start: i64, end: i64, rows: usize, time_type: &DataType) -> Result<[ArrayRef; 3]> {
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_value(end - 1, rows));
    let times = if times.data_type() == time_type { times } else { cast(&times, time_type)? };
    Ok([
        Arc::new(TimestampMillisecondArray::from_value(start, rows)),
        Arc::new(TimestampMillisecondArray::from_value(end, rows)),
        times,
    ])
}

/// The rows of a batch that are late for every window they belong to.
pub(crate) fn late_rows(node: &WindowAssign, batch: &Batch, watermark: Watermark) -> Result<Option<Batch>> {
    let panes = Panes::new(node.window)?;
    let times = millis(batch.rows.column(node.time))?;
    let late: Vec<u32> = times
        .iter()
        .enumerate()
        .filter(|(_, time)| {
            time.is_none_or(|t| {
                let pane = panes.pane_of(t);
                watermark.completes(panes.last_end(pane)) && !panes.in_gap(pane)
            })
        })
        .map(|(row, _)| row as u32)
        .collect();
    if late.is_empty() {
        return Ok(None);
    }
    let late = UInt32Array::from(late);
    let rows = arrow::compute::take_record_batch(&batch.rows, &late)?;
    let diffs = match &batch.diffs {
        Some(diffs) => Some(weights(&take(diffs, &late, None)?)),
        None => None,
    };
    Ok(Some(Batch { rows, diffs, place: batch.place, port: batch.port, partial: false, picked: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop() -> Panes {
        Panes::new(WindowSpec::Hop { size_ms: 10, slide_ms: 4, offset_ms: 1 }).unwrap()
    }

    #[test]
    fn windows_of_a_pane_hold_it_and_nothing_is_missing() {
        let specs = [
            WindowSpec::Tumble { size_ms: 7, offset_ms: 3 },
            WindowSpec::Hop { size_ms: 10, slide_ms: 4, offset_ms: 1 },
            WindowSpec::Hop { size_ms: 4, slide_ms: 10, offset_ms: 0 },
            WindowSpec::Cumulate { max_ms: 12, step_ms: 3, offset_ms: 0 },
        ];
        for spec in specs {
            let panes = Panes::new(spec).unwrap();
            for time in -50..50 {
                let mut naive: Vec<(i64, i64)> = vec![];
                for start in -80i64..80 {
                    let fits = |size: i64, end: i64| (start..end).contains(&time) && size > 0;
                    match spec {
                        WindowSpec::Tumble { size_ms, offset_ms } if (start - offset_ms).rem_euclid(size_ms) == 0 => {
                            naive.extend(fits(size_ms, start + size_ms).then_some((start, start + size_ms)));
                        }
                        WindowSpec::Hop { size_ms, slide_ms, offset_ms }
                            if (start - offset_ms).rem_euclid(slide_ms) == 0 =>
                        {
                            naive.extend(fits(size_ms, start + size_ms).then_some((start, start + size_ms)));
                        }
                        WindowSpec::Cumulate { max_ms, step_ms, .. } if start.rem_euclid(max_ms) == 0 => {
                            let ends = (1..=max_ms / step_ms).map(|k| start + k * step_ms);
                            naive.extend(ends.filter(|e| fits(1, *e)).map(|e| (start, e)));
                        }
                        _ => {}
                    }
                }
                naive.sort_by_key(|w| w.1);
                let pane = panes.pane_of(time);
                let all: Vec<_> = panes.windows_of(pane, i64::MIN, i64::MAX).collect();
                assert_eq!(all, naive, "{spec} {time}");
                assert!(all.iter().all(|(start, end)| panes.start_of(*end) == *start), "{spec} {time}");
                let some: Vec<_> = panes.windows_of(pane, time, time + 5).collect();
                naive.retain(|w| w.1 > time && w.1 <= time + 5);
                assert_eq!(some, naive, "{spec} {time}");
                naive = all;
                if let Some(last) = naive.last() {
                    assert_eq!(panes.last_end(panes.pane_of(time)), last.1);
                }
            }
        }
        assert_eq!(hop().pane_ms, 2);
    }
}
