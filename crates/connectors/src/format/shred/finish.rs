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

use super::convert::{Column, Fault, Within};
use super::leaf::Leaf;
use super::token::Text;
use super::{Child, Node, ValueStyle, Values, direct};
use crate::format::Decoded;

/// Rows found so far.
#[derive(Debug, Default)]
pub(in crate::format) struct Found {
    /// Number of rows (there may be no columns).
    pub(in crate::format) count: usize,
    /// Record of each row; empty as long as record i gives row i.
    record_of_row: Vec<u32>,
    /// Records that broke in the scanner, in order.
    bad: Vec<(u32, String)>,
}

impl Found {
    /// A record gave some rows.
    #[inline]
    pub(in crate::format) fn good(&mut self, record: u32, rows: usize) {
        if record as usize != self.count || rows != 1 || !self.record_of_row.is_empty() {
            if self.record_of_row.is_empty() {
                self.record_of_row.extend(0..self.count as u32);
            }
            self.record_of_row.extend(std::iter::repeat_n(record, rows));
        }
        self.count += rows;
    }

    /// A record gave none.
    pub(in crate::format) fn bad(&mut self, record: u32, why: String) {
        self.bad.push((record, why));
    }
}

/// Makes the batch; rows with a wrong value leave it and their records become bad.
///
/// Values that are known are taken from `values`; the tokens stay.
pub(in crate::format) fn finish_rows(
    rows: Found,
    (columns, values): (&[Child], &mut Values),
    text: Text<'_>,
    schema: &SchemaRef,
    style: &ValueStyle,
) -> Result<Decoded> {
    let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
    let mut arrays = Vec::with_capacity(columns.len());
    let Values { leaves, flags, ends } = values;
    let mut finisher = Finisher { text, style, leaves, flags, ends };
    for child in columns {
        let mut faults = Vec::new();
        arrays.push(finisher.finish(&child.field, &child.node, None, &mut faults)?);
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
struct Finisher<'a> {
    text: Text<'a>,
    style: &'a ValueStyle,
    leaves: &'a mut [Leaf],
    flags: &'a [Vec<bool>],
    ends: &'a [Vec<u32>],
}

impl<'a> Finisher<'a> {
    fn flags(&self, valid: usize) -> &'a [bool] {
        let flags: &'a [Vec<bool>] = self.flags;
        flags.get(valid).map_or(&[], Vec::as_slice)
    }

    /// The array of one column. `within` is false where an outer ROW is NULL: the node has no value there. A fault's text
    /// starts with the column's path and a quote: `bid.price' …`.
    fn finish(
        &mut self,
        field: &FieldRef,
        node: &Node,
        within: Option<Within<'_>>,
        faults: &mut Vec<Fault>,
    ) -> Result<ArrayRef> {
        let mut own = Vec::new();
        let mut inner = Vec::new();
        let array = match node {
            Node::Struct { valid, children } => {
                let valid = spread(self.flags(*valid), within);
                check_nulls(field, &valid, within, &mut own);
                let (DataType::Struct(fields), all) = (field.data_type(), valid.iter().all(|v| *v)) else {
                    return Err(Error::internal("a struct node for another type"));
                };
                let bits = NullBuffer::from(valid.as_ref());
                let within = if all { None } else { Some(Within { there: &valid, bits: &bits }) };
                let arrays: Result<Vec<ArrayRef>> =
                    children.iter().map(|child| self.finish(&child.field, &child.node, within, &mut inner)).collect();
                let nulls = (field.is_nullable() && !all).then(|| bits.clone());
                Arc::new(StructArray::try_new_with_length(fields.clone(), arrays?, nulls, valid.len())?)
            }
            Node::List { valid, ends, item, .. } => {
                let ends = self.ends.get(*ends).map_or(&[][..], Vec::as_slice);
                let (valid, ends) = (spread(self.flags(*valid), within), spread_ends(ends, within));
                check_nulls(field, &valid, within, &mut own);
                let array = self.lists(field, nulls_of(field, &valid), &ends, item, &mut inner)?;
                for (index, _) in &mut inner {
                    *index = ends.partition_point(|end| *end as usize <= *index);
                }
                array
            }
            Node::Leaf(leaf) => self.scalar(*leaf, field, within, &mut own)?,
        };
        let name = field.name();
        faults.extend(own.into_iter().map(|(row, why)| (row, format!("{name}': {why}"))));
        faults.extend(inner.into_iter().map(|(row, why)| (row, format!("{name}.{why}"))));
        Ok(array)
    }

    fn scalar(
        &mut self,
        leaf: usize,
        field: &FieldRef,
        within: Option<Within<'_>>,
        faults: &mut Vec<Fault>,
    ) -> Result<ArrayRef> {
        let leaf = self.leaves.get_mut(leaf).ok_or_else(|| Error::internal("a leaf without values"))?;
        let (text, style, nullable, count) = (self.text, self.style, field.is_nullable(), leaf.len());
        let column = Column { tokens: &[], count, text, nullable, within, style };
        match leaf {
            Leaf::Tokens(tokens) => Column { tokens, ..column }.convert(field.data_type(), faults),
            Leaf::Texts(texts) => direct::texts(&column, texts, faults),
            Leaf::Numbers(numbers) => direct::numbers(&column, numbers, field.data_type(), faults),
            Leaf::Times(times) => direct::times(&column, &times.numbers, field.data_type(), faults),
        }
    }

    fn lists(
        &mut self,
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
fn spread<'v>(valid: &'v [bool], within: Option<Within<'_>>) -> Cow<'v, [bool]> {
    let Some(within) = within else { return Cow::Borrowed(valid) };
    let mut valid = valid.iter().copied();
    Cow::Owned(within.there.iter().map(|there| *there && valid.next().unwrap_or(false)).collect())
}

/// Where the ARRAYs of all rows end; those that are not there end where the one before does.
fn spread_ends<'v>(ends: &'v [u32], within: Option<Within<'_>>) -> Cow<'v, [u32]> {
    let Some(within) = within else { return Cow::Borrowed(ends) };
    let (mut ends, mut last) = (ends.iter().copied(), 0);
    let end = |there: &bool| {
        if *there {
            last = ends.next().unwrap_or(last);
        }
        last
    };
    Cow::Owned(within.there.iter().map(end).collect())
}

fn check_nulls(field: &FieldRef, valid: &[bool], within: Option<Within<'_>>, faults: &mut Vec<Fault>) {
    if field.is_nullable() {
        return;
    }
    for (row, valid) in valid.iter().enumerate() {
        if !valid && within.is_none_or(|w| w.there.get(row).copied().unwrap_or(true)) {
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
