//! Arrays with Flink's rules: order is kept, NULL elements are equal, and a NULL array gives NULL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Int32Builder, ListArray, NullBufferBuilder, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::type_coercion::binary::type_union_resolution;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::args::{Long, array, column, has, is_text, strings};
use super::define::Function;

/// The elements of several arguments in one column, comparable by row.
pub(super) struct Elements {
    values: ArrayRef,
    rows: Rows,
    /// For each argument: where its elements start, and its offsets; `None` for an argument that is an element itself.
    parts: Vec<(usize, Option<ListArray>)>,
}

impl Elements {
    /// The arguments at `indexes`, lists or elements.
    fn new(args: &ScalarFunctionArgs, indexes: &[usize]) -> Result<Self> {
        let (mut parts, mut columns, mut start) = (vec![], vec![], 0);
        for index in indexes {
            let argument = column(args, *index)?;
            let list = argument.as_list_opt::<i32>().cloned();
            let values = list.as_ref().map_or(argument, |l| Arc::clone(l.values()));
            parts.push((start, list));
            start += values.len();
            columns.push(values);
        }
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        let values = concat(&columns)?;
        let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
        let rows = converter.convert_columns(&[Arc::clone(&values)])?;
        Ok(Elements { values, rows, parts })
    }

    /// The places of an argument's elements in a row; `None` for a NULL array.
    fn at(&self, part: usize, row: usize) -> Option<std::ops::Range<usize>> {
        let (start, list) = self.parts.get(part)?;
        let Some(list) = list else { return Some(start + row..start + row + 1) };
        if list.is_null(row) {
            return None;
        }
        let offsets = list.value_offsets();
        let at = |i: usize| offsets.get(i).map_or(0, |o| *o as usize);
        Some(start + at(row)..start + at(row + 1))
    }

    fn same(&self, a: usize, b: usize) -> bool {
        self.rows.row(a) == self.rows.row(b)
    }

    fn holds(&self, among: &[u32], element: usize) -> bool {
        among.iter().any(|a| self.same(*a as usize, element))
    }

    /// Lists made of elements, one a row; `pick` returns false for NULL.
    fn lists(
        &self,
        rows: usize,
        element: &Field,
        mut pick: impl FnMut(&Elements, usize, &mut Vec<u32>) -> bool,
    ) -> Result<ColumnarValue> {
        let (mut places, mut offsets, mut nulls) = (vec![], vec![0_i32], NullBufferBuilder::new(rows));
        let mut of_row = vec![];
        for row in 0..rows {
            of_row.clear();
            let valid = pick(self, row, &mut of_row);
            if valid {
                places.extend_from_slice(&of_row);
            }
            nulls.append(valid);
            offsets.push(places.len() as i32);
        }
        let values = take(&self.values, &UInt32Array::from(places), None)?;
        let list = ListArray::try_new(
            Arc::new(element.clone()),
            OffsetBuffer::new(offsets.into()),
            cast(&values, element.data_type())?,
            nulls.finish(),
        )?;
        Ok(array(list))
    }
}

fn element_of(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => Some(f.data_type()),
        DataType::Null => Some(list),
        _ => None,
    }
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", element, true)))
}

/// Coerces by letters: `l` a list, `e` an element of the list's type, `i` a whole number, `b` a boolean; upper case ones
/// may be missing; the last may repeat when it is `L`.
fn coerce(letters: &str, types: &[DataType]) -> Option<Vec<DataType>> {
    let many = letters.ends_with('L');
    let required = letters.chars().filter(|c| !c.is_ascii_uppercase()).count();
    if types.len() < required || (types.len() > letters.len() && !many) {
        return None;
    }
    let letter = |i: usize| letters.chars().nth(i.min(letters.len() - 1)).map(|c| c.to_ascii_lowercase());
    let elements = types.iter().enumerate().filter_map(|(i, t)| match letter(i)? {
        'l' => Some(element_of(t).cloned()),
        'e' => Some(Some(t.clone())),
        _ => None,
    });
    let elements = elements.collect::<Option<Vec<_>>>()?;
    let element = match type_union_resolution(&elements) {
        Some(common) => common,
        None => elements.iter().all(|e| Some(e) == elements.first()).then(|| elements.first().cloned())??,
    };
    let coerced = types.iter().enumerate().map(|(i, t)| match letter(i)? {
        'l' => Some(list_of(element.clone())),
        'e' => Some(element.clone()),
        'i' => (t.is_integer() || *t == DataType::Null).then_some(DataType::Int64),
        'b' => matches!(t, DataType::Boolean | DataType::Null).then_some(DataType::Boolean),
        _ => None,
    });
    coerced.collect()
}

fn first(types: &[DataType]) -> DataType {
    types.first().cloned().unwrap_or(DataType::Null)
}

/// A function that makes a list of the elements of its arguments, none of whose lists is NULL.
fn combine(
    args: &ScalarFunctionArgs,
    pick: fn(&Elements, &[std::ops::Range<usize>], &mut Vec<u32>),
) -> Result<ColumnarValue> {
    let element = match args.return_field.data_type() {
        DataType::List(field) => field.as_ref().clone(),
        other => return exec_err!("{other} is no array"),
    };
    let indexes: Vec<usize> = (0..args.args.len()).collect();
    let elements = Elements::new(args, &indexes)?;
    elements.lists(args.number_rows, &element, |all, row, out| {
        let parts: Option<Vec<_>> = indexes.iter().map(|i| all.at(*i, row)).collect();
        match parts {
            Some(parts) => {
                pick(all, &parts, out);
                true
            }
            None => false,
        }
    })
}

fn concatenated(_: &Elements, parts: &[std::ops::Range<usize>], out: &mut Vec<u32>) {
    parts.iter().cloned().flatten().for_each(|i| out.push(i as u32));
}

fn prepended(_: &Elements, parts: &[std::ops::Range<usize>], out: &mut Vec<u32>) {
    parts.iter().rev().cloned().flatten().for_each(|i| out.push(i as u32));
}

/// Each element once.
fn union(all: &Elements, parts: &[std::ops::Range<usize>], out: &mut Vec<u32>) {
    for element in parts.iter().cloned().flatten() {
        if !all.holds(out, element) {
            out.push(element as u32);
        }
    }
}

/// The first list's elements, each once, for which `keep` holds of being in the second.
fn among(all: &Elements, parts: &[std::ops::Range<usize>], out: &mut Vec<u32>, keep: bool) {
    let [left, right] = parts else { return };
    for element in left.clone() {
        let inside = right.clone().any(|other| all.same(element, other));
        if inside == keep && !all.holds(out, element) {
            out.push(element as u32);
        }
    }
}

fn removed(all: &Elements, parts: &[std::ops::Range<usize>], out: &mut Vec<u32>) {
    let [list, unwanted] = parts else { return };
    out.extend(list.clone().filter(|i| !all.same(*i, unwanted.start)).map(|i| i as u32));
}

fn contains(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let elements = Elements::new(args, &[0, 1])?;
    let mut out = BooleanBuilder::with_capacity(args.number_rows);
    for row in 0..args.number_rows {
        let pair = elements.at(0, row).zip(elements.at(1, row));
        out.append_option(pair.map(|(list, wanted)| list.into_iter().any(|i| elements.same(i, wanted.start))));
    }
    Ok(array(out.finish()))
}

fn position(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let elements = Elements::new(args, &[0, 1])?;
    let mut out = Int32Builder::with_capacity(args.number_rows);
    for row in 0..args.number_rows {
        let pair = elements.at(0, row).zip(elements.at(1, row));
        let pair = pair.filter(|(_, wanted)| elements.values.is_valid(wanted.start));
        out.append_option(pair.map(|(mut list, wanted)| {
            list.position(|i| elements.same(i, wanted.start)).map_or(0, |place| place as i32 + 1)
        }));
    }
    Ok(array(out.finish()))
}

/// The places of a slice: from 1, negative ones from the end, both included.
fn slice_range(length: i64, from: i64, to: i64) -> std::ops::Range<usize> {
    let place = |p: i64| if p < 0 { length + p + 1 } else { p };
    let from = place(from).max(1) - 1;
    let to = if to == 0 { 1 } else { place(to) }.min(length);
    if from >= to { 0..0 } else { from as usize..to as usize }
}

fn slice(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (from, to) = (Long::of(args, 1)?, Long::of(args, 2)?);
    let limited = has(args, 2);
    let element = match args.return_field.data_type() {
        DataType::List(field) => field.as_ref().clone(),
        other => return exec_err!("{other} is no array"),
    };
    Elements::new(args, &[0])?.lists(args.number_rows, &element, |all, row, out| {
        let end = if limited { to.get(row) } else { Some(i64::MAX) };
        let (Some(list), Some(from), Some(end)) = (all.at(0, row), from.get(row), end) else { return false };
        let range = slice_range(list.len() as i64, from, end);
        out.extend(range.map(|i| (list.start + i) as u32));
        true
    })
}

/// Arguments: array [, ascending [, nulls first]]; NULL is the smallest unless said otherwise.
fn sort(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let flag = |index: usize| -> Result<Option<BooleanArray>> {
        Ok(if has(args, index) { Some(column(args, index)?.as_boolean().clone()) } else { None })
    };
    let (ascending, nulls_first) = (flag(1)?, flag(2)?);
    let element = match args.return_field.data_type() {
        DataType::List(field) => field.as_ref().clone(),
        other => return exec_err!("{other} is no array"),
    };
    Elements::new(args, &[0])?.lists(args.number_rows, &element, |all, row, out| {
        let Some(list) = all.at(0, row) else { return false };
        if [&ascending, &nulls_first].into_iter().flatten().any(|f| f.is_null(row)) {
            return false;
        }
        let up = ascending.as_ref().is_none_or(|a| a.value(row));
        let nulls_first = nulls_first.as_ref().map_or(up, |n| n.value(row));
        let (mut valid, nulls): (Vec<u32>, Vec<u32>) =
            list.map(|i| i as u32).partition(|i| all.values.is_valid(*i as usize));
        valid.sort_by(|a, b| {
            let order = all.rows.row(*a as usize).cmp(&all.rows.row(*b as usize));
            if up { order } else { order.reverse() }
        });
        let (head, tail) = if nulls_first { (nulls, valid) } else { (valid, nulls) };
        out.extend(head.into_iter().chain(tail));
        true
    })
}

/// The only element.
fn element(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let lists = column(args, 0)?;
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("ELEMENT takes an array") };
    let mut places = vec![];
    for row in 0..lists.len() {
        let length = if lists.is_valid(row) { lists.value_length(row) } else { 0 };
        places.push(match length {
            0 => None,
            1 => lists.value_offsets().get(row).map(|o| *o as u32),
            _ => return exec_err!("ELEMENT: the array has more than one element"),
        });
    }
    Ok(ColumnarValue::Array(take(lists.values(), &UInt32Array::from(places), None)?))
}

/// Arguments: array, delimiter [, what stands for NULL].
fn join(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let lists = column(args, 0)?;
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("ARRAY_JOIN takes an array") };
    let texts = cast(lists.values(), &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let (delimiter, null) = (super::args::Text::of(args, 1)?, super::args::Text::of(args, 2)?);
    let with_null = has(args, 2);
    strings(args.number_rows, |row, out| {
        let Some(delimiter) = delimiter.get(row).filter(|_| lists.is_valid(row)) else { return Ok(false) };
        if with_null && null.get(row).is_none() {
            return Ok(false);
        }
        let at = |i: usize| lists.value_offsets().get(i).map_or(0, |o| *o as usize);
        let mut first = true;
        for i in at(row)..at(row + 1) {
            let Some(text) = texts.is_valid(i).then(|| texts.value(i)).or(null.get(row)) else { continue };
            out.push_str(if first { "" } else { delimiter });
            out.push_str(text);
            first = false;
        }
        Ok(true)
    })
}

fn join_types(types: &[DataType]) -> Option<Vec<DataType>> {
    let fits = matches!(types.len(), 2 | 3) && types.iter().skip(1).all(is_text);
    let element = element_of(types.first()?)?;
    fits.then(|| {
        let list = if *element == DataType::Null { DataType::Utf8 } else { element.clone() };
        [list_of(list)].into_iter().chain(types.iter().skip(1).map(|_| DataType::Utf8)).collect()
    })
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["array_append"],
        "ARRAY_APPEND(array, element)",
        "The array with an element behind it.",
        |types| coerce("le", types),
        first,
        |args| combine(args, concatenated),
    ),
    Function::pure(
        &["array_prepend"],
        "ARRAY_PREPEND(array, element)",
        "The array with an element before it.",
        |types| coerce("le", types),
        first,
        |args| combine(args, prepended),
    ),
    Function::pure(
        &["array_concat"],
        "ARRAY_CONCAT(array, …)",
        "Arrays one after the other.",
        |types| coerce("lL", types),
        first,
        |args| combine(args, concatenated),
    ),
    Function::pure(
        &["array_union"],
        "ARRAY_UNION(array, array)",
        "The elements of both, each once.",
        |types| coerce("ll", types),
        first,
        |args| combine(args, union),
    ),
    Function::pure(
        &["array_distinct"],
        "ARRAY_DISTINCT(array)",
        "Each element once, in the order of their first places.",
        |types| coerce("l", types),
        first,
        |args| combine(args, union),
    ),
    Function::pure(
        &["array_except"],
        "ARRAY_EXCEPT(array, array)",
        "The first array's elements that are not in the second, each once.",
        |types| coerce("ll", types),
        first,
        |args| combine(args, |all, parts, out| among(all, parts, out, false)),
    ),
    Function::pure(
        &["array_intersect"],
        "ARRAY_INTERSECT(array, array)",
        "The first array's elements that are in the second too, each once.",
        |types| coerce("ll", types),
        first,
        |args| combine(args, |all, parts, out| among(all, parts, out, true)),
    ),
    Function::pure(
        &["array_remove"],
        "ARRAY_REMOVE(array, element)",
        "The array without the elements that are equal to the given one.",
        |types| coerce("le", types),
        first,
        |args| combine(args, removed),
    ),
    Function::pure(
        &["array_contains"],
        "ARRAY_CONTAINS(array, element)",
        "True when the array has the element; a NULL element can be looked for too.",
        |types| coerce("le", types),
        |_| DataType::Boolean,
        contains,
    ),
    Function::pure(
        &["array_position"],
        "ARRAY_POSITION(array, element)",
        "The element's first place, counting from 1; 0 when it is not there.",
        |types| coerce("le", types),
        |_| DataType::Int32,
        position,
    ),
    Function::pure(
        &["array_slice"],
        "ARRAY_SLICE(array, from [, to])",
        "The elements from one place to another, counting from 1; negative places count from the end.",
        |types| coerce("liI", types),
        first,
        slice,
    ),
    Function::pure(
        &["array_sort"],
        "ARRAY_SORT(array [, ascending [, nulls_first]])",
        "The array in order; NULL is the smallest unless `nulls_first` says otherwise.",
        |types| coerce("lBB", types),
        first,
        sort,
    ),
    Function::pure(
        &["array_join"],
        "ARRAY_JOIN(array, delimiter [, null_text])",
        "The elements as one text; NULL elements are left out, or shown as `null_text`.",
        join_types,
        |_| DataType::Utf8,
        join,
    ),
    Function::pure(
        &["element"],
        "ELEMENT(array)",
        "The only element; NULL when there is none, an error when there are several.",
        |types| coerce("l", types),
        |types| types.first().and_then(element_of).cloned().unwrap_or(DataType::Null),
        element,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_count_from_one_and_from_the_end() {
        let cases =
            [(5, 2, 4, 1..4), (5, -3, -2, 2..4), (3, 0, 2, 0..2), (3, 3, 2, 0..0), (3, 2, 9, 1..3), (3, -9, 2, 0..2)];
        for (length, from, to, range) in cases {
            assert_eq!(slice_range(length, from, to), range, "{length} {from} {to}");
        }
        assert_eq!(slice_range(3, 2, 0), 0..0);
    }
}
