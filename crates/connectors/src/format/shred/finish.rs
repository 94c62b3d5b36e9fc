//! From token columns to a record batch: nested arrays, and taking out the rows that turned out bad.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, GenericListArray, MapArray, OffsetSizeTrait, RecordBatch, RecordBatchOptions,
    StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use sloth_types::{Error, Result};

use super::convert::{Column, Fault};
use super::token::Text;
use super::{Child, Node, ValueStyle};
use crate::format::Decoded;

/// What a scanner made of some records.
pub(in crate::format) struct Rows<'a> {
    /// The columns of the schema, all of the same length.
    pub(in crate::format) columns: &'a [Child],
    /// Number of rows (there may be no columns).
    pub(in crate::format) count: usize,
    /// Record of each row; empty when record i gave row i.
    pub(in crate::format) record_of_row: Vec<u32>,
    /// Records that broke in the scanner, in order.
    pub(in crate::format) bad: Vec<(u32, String)>,
}

/// Makes the batch; rows with a wrong value leave it and their records become bad.
pub(in crate::format) fn finish_rows(
    rows: Rows<'_>,
    text: Text<'_>,
    schema: &SchemaRef,
    style: &ValueStyle,
) -> Result<Decoded> {
    let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
    let mut arrays = Vec::with_capacity(rows.columns.len());
    let shared = Shared { text, style };
    for child in rows.columns {
        let mut faults = Vec::new();
        arrays.push(shared.finish(&child.field, &child.node, None, &mut faults)?);
        for (row, why) in faults {
            wrong.entry(row).or_insert_with(|| format!("column '{}", why));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.count));
    let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?;
    if wrong.is_empty() {
        let record_of_row = (!rows.record_of_row.is_empty()).then_some(rows.record_of_row);
        return Ok(Decoded { batch, diffs: None, record_of_row, bad: rows.bad });
    }
    let record = |row: usize| rows.record_of_row.get(row).copied().unwrap_or(row as u32);
    let mut bad = rows.bad.clone();
    bad.extend(wrong.iter().map(|(row, why)| (record(*row), why.clone())));
    bad.sort_by_key(|(record, _)| *record);
    // A record of several rows is bad as a whole.
    bad.dedup_by_key(|(record, _)| *record);
    let is_bad = |row: usize| bad.binary_search_by_key(&record(row), |(record, _)| *record).is_ok();
    let keep: Vec<bool> = (0..rows.count).map(|row| !is_bad(row)).collect();
    let record_of_row = (0..rows.count).filter(|row| !is_bad(*row)).map(record).collect();
    let batch = filter_record_batch(&batch, &BooleanArray::from(keep))?;
    Ok(Decoded { batch, diffs: None, record_of_row: Some(record_of_row), bad })
}

/// What all columns of a batch share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    text: Text<'a>,
    style: &'a ValueStyle,
}

impl Shared<'_> {
    /// The array of one column. `within` is false where an outer ROW is NULL: the node has no value there. A fault's text
    /// starts with the column's path and a quote: `bid.price' …`.
    fn finish(
        self,
        field: &FieldRef,
        node: &Node,
        within: Option<&[bool]>,
        faults: &mut Vec<Fault>,
    ) -> Result<ArrayRef> {
        let mut own = Vec::new();
        let mut inner = Vec::new();
        let array = match node {
            Node::Struct { valid, children } => {
                let valid = spread(valid, within);
                check_nulls(field, &valid, within, &mut own);
                let (DataType::Struct(fields), all) = (field.data_type(), valid.iter().all(|v| *v)) else {
                    return Err(Error::internal("a struct node for another type"));
                };
                let within = if all { None } else { Some(valid.as_ref()) };
                let arrays: Result<Vec<ArrayRef>> =
                    children.iter().map(|child| self.finish(&child.field, &child.node, within, &mut inner)).collect();
                let nulls = nulls_of(field, &valid);
                Arc::new(StructArray::try_new_with_length(fields.clone(), arrays?, nulls, valid.len())?)
            }
            Node::List { valid, ends, item, .. } => {
                let (valid, ends) = (spread(valid, within), spread_ends(ends, within));
                check_nulls(field, &valid, within, &mut own);
                let array = self.lists(field, nulls_of(field, &valid), &ends, item, &mut inner)?;
                for (index, _) in &mut inner {
                    *index = ends.partition_point(|end| *end as usize <= *index);
                }
                array
            }
            Node::Leaf(tokens) => {
                let Shared { text, style } = self;
                let column = Column { tokens, text, nullable: field.is_nullable(), within, style };
                column.convert(field.data_type(), &mut own)?
            }
        };
        let name = field.name();
        faults.extend(own.into_iter().map(|(row, why)| (row, format!("{name}': {why}"))));
        faults.extend(inner.into_iter().map(|(row, why)| (row, format!("{name}.{why}"))));
        Ok(array)
    }

    fn lists(
        self,
        field: &FieldRef,
        nulls: Option<NullBuffer>,
        ends: &[u32],
        item: &Node,
        faults: &mut Vec<Fault>,
    ) -> Result<ArrayRef> {
        Ok(match field.data_type() {
            DataType::List(inner) => {
                let values = self.finish(inner, item, None, faults)?;
                Arc::new(GenericListArray::<i32>::try_new(inner.clone(), offsets(ends)?, values, nulls)?)
            }
            DataType::LargeList(inner) => {
                let values = self.finish(inner, item, None, faults)?;
                Arc::new(GenericListArray::<i64>::try_new(inner.clone(), offsets(ends)?, values, nulls)?)
            }
            DataType::Map(entries, sorted) => {
                let values = self.finish(entries, item, None, faults)?.as_struct().clone();
                Arc::new(MapArray::try_new(entries.clone(), offsets(ends)?, values, nulls, *sorted)?)
            }
            other => return Err(Error::internal(format!("a list node for {other}"))),
        })
    }
}

/// Validity of all rows, false where an outer ROW is NULL.
fn spread<'v>(valid: &'v [bool], within: Option<&[bool]>) -> Cow<'v, [bool]> {
    let Some(within) = within else { return Cow::Borrowed(valid) };
    let mut valid = valid.iter().copied();
    Cow::Owned(within.iter().map(|there| *there && valid.next().unwrap_or(false)).collect())
}

/// Where the ARRAYs of all rows end; those that are not there end where the one before does.
fn spread_ends<'v>(ends: &'v [u32], within: Option<&[bool]>) -> Cow<'v, [u32]> {
    let Some(within) = within else { return Cow::Borrowed(ends) };
    let (mut ends, mut last) = (ends.iter().copied(), 0);
    let end = |there: &bool| {
        if *there {
            last = ends.next().unwrap_or(last);
        }
        last
    };
    Cow::Owned(within.iter().map(end).collect())
}

fn check_nulls(field: &FieldRef, valid: &[bool], within: Option<&[bool]>, faults: &mut Vec<Fault>) {
    if field.is_nullable() {
        return;
    }
    for (row, valid) in valid.iter().enumerate() {
        if !valid && within.is_none_or(|w| w.get(row).copied().unwrap_or(true)) {
            faults.push((row, "is missing or NULL, but declared NOT NULL".into()));
        }
    }
}

fn nulls_of(field: &FieldRef, valid: &[bool]) -> Option<NullBuffer> {
    (field.is_nullable() && valid.iter().any(|v| !v)).then(|| NullBuffer::from(valid))
}

fn offsets<O: OffsetSizeTrait>(ends: &[u32]) -> Result<OffsetBuffer<O>> {
    let too_many = || Error::internal("more than 2 billion elements in one batch");
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(O::usize_as(0));
    for end in ends {
        offsets.push(O::from_usize(*end as usize).ok_or_else(too_many)?);
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
}
