//! Maps: made of arrays, put together, read from texts.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, MapArray, NullBufferBuilder, StringArray, StringBuilder, StructArray, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::type_coercion::binary::type_union_resolution;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use regex::Regex;

use super::args::{Text, coerce, column};
use super::define::Function;
use super::regex::compile;

/// Builds maps out of columns of keys and values; the last of equal keys wins.
struct Maps {
    entries: Vec<(u32, u32)>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Maps {
    fn new(rows: usize) -> Self {
        Maps { entries: vec![], offsets: vec![0], nulls: NullBufferBuilder::new(rows) }
    }

    /// Adds to the row's map; `same` compares two keys.
    fn put(&mut self, key: usize, value: usize, same: impl Fn(usize, usize) -> bool) {
        let start = self.offsets.last().map_or(0, |o| *o as usize);
        let known = self.entries.get_mut(start..).into_iter().flatten().find(|(k, _)| same(*k as usize, key));
        match known {
            Some((_, known)) => *known = value as u32,
            None => self.entries.push((key as u32, value as u32)),
        }
    }

    /// Ends the row's map.
    fn end(&mut self, valid: bool) {
        self.offsets.push(self.entries.len() as i32);
        self.nulls.append(valid);
    }

    fn finish(mut self, keys: &ArrayRef, values: &ArrayRef, to: &DataType) -> Result<ColumnarValue> {
        let DataType::Map(field, sorted) = to else { return exec_err!("{to} is no map") };
        let DataType::Struct(fields) = field.data_type() else { return exec_err!("a map has entries") };
        let (k, v): (Vec<u32>, Vec<u32>) = self.entries.into_iter().unzip();
        let columns = [take(keys, &UInt32Array::from(k), None)?, take(values, &UInt32Array::from(v), None)?];
        let columns = columns.iter().zip(fields).map(|(c, f)| cast(c, f.data_type()));
        let entries = StructArray::try_new(fields.clone(), columns.collect::<std::result::Result<Vec<_>, _>>()?, None)?;
        let offsets = OffsetBuffer::new(self.offsets.into());
        let map = MapArray::try_new(Arc::clone(field), offsets, entries, self.nulls.finish(), *sorted)?;
        Ok(ColumnarValue::Array(Arc::new(map)))
    }
}

fn map_of(key: &DataType, value: &DataType) -> DataType {
    let sql = |t: &DataType| Box::new(crate::types::SqlType::from_arrow(t));
    crate::types::SqlType::new(crate::types::SqlTypeKind::Map(sql(key), sql(value))).to_arrow()
}

fn places(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |i: usize| offsets.get(i).map_or(0, |o| *o as usize);
    at(row)..at(row + 1)
}

/// Arguments: keys, values.
fn from_arrays(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (keys, values) = (column(args, 0)?, column(args, 1)?);
    let (keys, values) = (keys.as_list::<i32>(), values.as_list::<i32>());
    let rows = RowConverter::new(vec![SortField::new(keys.value_type())])?.convert_columns(&[keys.values().clone()])?;
    let mut maps = Maps::new(args.number_rows);
    for row in 0..args.number_rows {
        let valid = keys.is_valid(row) && values.is_valid(row);
        if valid {
            let (k, v) = (places(keys.value_offsets(), row), places(values.value_offsets(), row));
            if k.len() != v.len() {
                return exec_err!("MAP_FROM_ARRAYS: {} keys and {} values", k.len(), v.len());
            }
            k.zip(v).for_each(|(k, v)| maps.put(k, v, |a, b| rows.row(a) == rows.row(b)));
        }
        maps.end(valid);
    }
    maps.finish(keys.values(), values.values(), args.return_field.data_type())
}

/// Arguments: maps of one type.
fn union(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let columns = (0..args.args.len()).map(|i| column(args, i)).collect::<Result<Vec<_>>>()?;
    let maps: Vec<&MapArray> = columns.iter().map(|c| c.as_map()).collect();
    let keys = concat(&maps.iter().map(|m| m.keys().as_ref()).collect::<Vec<_>>())?;
    let values = concat(&maps.iter().map(|m| m.values().as_ref()).collect::<Vec<_>>())?;
    let rows = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?
        .convert_columns(std::slice::from_ref(&keys))?;
    let mut out = Maps::new(args.number_rows);
    for row in 0..args.number_rows {
        let valid = maps.iter().all(|m| m.is_valid(row));
        let mut start = 0;
        for map in maps.iter().filter(|_| valid) {
            for i in places(map.value_offsets(), row) {
                out.put(start + i, start + i, |a, b| rows.row(a) == rows.row(b));
            }
            start += map.keys().len();
        }
        out.end(valid);
    }
    out.finish(&keys, &values, args.return_field.data_type())
}

fn union_types(types: &[DataType]) -> Option<Vec<DataType>> {
    let parts = types.iter().map(|t| match t {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(f) if f.len() == 2 => Some((f[0].data_type().clone(), f[1].data_type().clone())),
            _ => None,
        },
        _ => None,
    });
    let (keys, values): (Vec<_>, Vec<_>) = parts.collect::<Option<Vec<_>>>()?.into_iter().unzip();
    let common = map_of(&type_union_resolution(&keys)?, &type_union_resolution(&values)?);
    Some(vec![common; types.len()])
}

/// What divides a text: characters, or a regular expression.
enum Divider {
    Plain(String),
    Regex(Regex),
}

impl Divider {
    fn new(text: &str) -> Option<Divider> {
        let plain = !text.contains(['<', '(', '[', '{', '\\', '^', '$', '|', ')', '?', '*', '+', '.', ']', '}']);
        if plain { Some(Divider::Plain(text.to_owned())) } else { compile(text).map(Divider::Regex) }
    }

    fn split<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut parts: Vec<&str> = match self {
            Divider::Plain(d) => text.split(d.as_str()).collect(),
            Divider::Regex(r) => r.split(text).collect(),
        };
        // Java leaves empty parts at the end out.
        while parts.last().is_some_and(|p| p.is_empty()) {
            parts.pop();
        }
        parts
    }

    fn split_once<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        match self {
            Divider::Plain(d) => text.split_once(d.as_str()),
            Divider::Regex(r) => {
                let found = r.find(text)?;
                Some((text.get(..found.start())?, text.get(found.end()..)?))
            }
        }
    }
}

fn str_to_map(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, pairs, values) = (Text::of(args, 0)?, Text::of(args, 1)?, Text::of(args, 2)?);
    let (mut keys, mut map_values) = (StringBuilder::new(), StringBuilder::new());
    let mut maps = Maps::new(args.number_rows);
    let mut known: Option<(String, String, Divider, Divider)> = None;
    let mut texts: Vec<String> = vec![];
    for row in 0..args.number_rows {
        let (p, v) = (pairs.get(row).unwrap_or(","), values.get(row).unwrap_or("="));
        if known.as_ref().is_none_or(|(a, b, ..)| a != p || b != v) {
            known = Divider::new(p).zip(Divider::new(v)).map(|(a, b)| (p.to_owned(), v.to_owned(), a, b));
        }
        let (Some(text), Some((_, _, pairs, values))) = (text.get(row), &known) else {
            maps.end(false);
            continue;
        };
        for pair in pairs.split(text) {
            let (key, value) = values.split_once(pair).map_or((pair, None), |(k, v)| (k, Some(v)));
            keys.append_value(key);
            map_values.append_option(value);
            let at = texts.len();
            texts.push(key.to_owned());
            maps.put(at, at, |a, b| texts.get(a) == texts.get(b));
        }
        maps.end(true);
    }
    let (keys, map_values): (StringArray, StringArray) = (keys.finish(), map_values.finish());
    let (keys, values): (ArrayRef, ArrayRef) = (Arc::new(keys), Arc::new(map_values));
    maps.finish(&keys, &values, args.return_field.data_type())
}

fn list_types(types: &[DataType]) -> Option<Vec<DataType>> {
    let list = |t: &DataType| match t {
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => {
            Some(DataType::List(Arc::new(Field::new("item", f.data_type().clone(), true))))
        }
        _ => None,
    };
    if types.len() == 2 { types.iter().map(list).collect() } else { None }
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["map_from_arrays"],
        "MAP_FROM_ARRAYS(keys, values)",
        "A map of two arrays of one length.",
        list_types,
        |types| match types {
            [DataType::List(k), DataType::List(v)] => map_of(k.data_type(), v.data_type()),
            _ => DataType::Null,
        },
        from_arrays,
    ),
    Function::pure(
        &["map_union"],
        "MAP_UNION(map, map, …)",
        "The entries of all maps; of equal keys the last wins.",
        union_types,
        |types| types.first().cloned().unwrap_or(DataType::Null),
        union,
    ),
    Function::pure(
        &["str_to_map"],
        "STR_TO_MAP(text [, ',' [, '=']])",
        "A map from `k=v,k=v`; the delimiters are regular expressions.",
        |types| coerce("sSS", types),
        |_| map_of(&DataType::Utf8, &DataType::Utf8),
        str_to_map,
    ),
];
