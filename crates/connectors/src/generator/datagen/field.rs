//! One column of a `datagen` table: its options, and its values for given row numbers.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, StructArray, new_empty_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef};
use sloth_types::{Error, Options, Result};

use super::super::arrays;
use super::super::draw::Stream;
use super::value::Scalar;

/// A column, or a part of one.
#[derive(Debug)]
pub(super) struct Field {
    name: String,
    data_type: DataType,
    nulls: Stream,
    null_rate: f64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Scalar(Scalar),
    Row(Vec<Field>),
    Array { element: Box<Field>, length: u64 },
    Map { key: Box<Field>, value: Box<Field>, length: u64 },
}

/// The options of one field, by short name.
pub(super) struct FieldOptions<'a> {
    /// Path of the field: `f0`, `f0.element`.
    pub(super) path: &'a str,
    /// All options of the table.
    pub(super) options: &'a Options,
    /// The field's own stream of draws.
    pub(super) draws: Stream,
}

impl FieldOptions<'_> {
    /// The option's full key.
    pub(super) fn key(&self, name: &str) -> String {
        format!("fields.{}.{name}", self.path)
    }
    /// The option parsed, if present.
    pub(super) fn parse<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>> {
        self.options.parse(&self.key(name), what)
    }
    /// Whether `kind` is `sequence`.
    pub(super) fn is_sequence(&self) -> Result<bool> {
        match self.options.get(&self.key("kind")) {
            None | Some("random") => Ok(false),
            Some("sequence") => Ok(true),
            Some(other) => Err(Error::invalid(format!(
                "option '{}' = '{other}': expected 'random' or 'sequence'",
                self.key("kind")
            ))),
        }
    }
}

impl Field {
    /// The column `path` of this type.
    pub(super) fn new(path: &str, data_type: &DataType, options: &Options, seed: u64) -> Result<Field> {
        let own = FieldOptions { path, options, draws: Stream::new(seed, path) };
        let null_rate = own.parse("null-rate", "a number from 0 to 1")?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&null_rate) {
            return Err(Error::invalid(format!("option '{}': expected a number from 0 to 1", own.key("null-rate"))));
        }
        let child = |name: &str, of: &FieldRef| Field::new(&format!("{path}.{name}"), of.data_type(), options, seed);
        let length = || -> Result<u64> { Ok(own.parse("length", "a whole number")?.unwrap_or(3)) };
        let kind = match data_type {
            DataType::Struct(children) => {
                Kind::Row(children.iter().map(|c| child(c.name(), c)).collect::<Result<_>>()?)
            }
            DataType::List(element) => Kind::Array { element: Box::new(child("element", element)?), length: length()? },
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 => {
                    let (key, value) = (child("key", &pair[0])?, child("value", &pair[1])?);
                    Kind::Map { key: Box::new(key), value: Box::new(value), length: length()? }
                }
                other => return Err(Error::internal(format!("a map's entries are {other}"))),
            },
            scalar => Kind::Scalar(Scalar::new(scalar, &own)?),
        };
        if !matches!(kind, Kind::Scalar(_)) && own.is_sequence()? {
            return Err(Error::invalid(format!("'{path}' cannot be a sequence: its type is {data_type}"))
                .hint("Only numbers and strings can."));
        }
        let nulls = Stream::new(seed, &format!("{path}#null"));
        Ok(Field { name: path.to_owned(), data_type: data_type.clone(), nulls, null_rate, kind })
    }

    /// The column's path.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Length of the column when it is a sequence: the table ends there.
    pub(super) fn rows_max(&self) -> Option<u64> {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.rows_max(),
            Kind::Row(children) => children.iter().filter_map(Field::rows_max).min(),
            Kind::Array { .. } | Kind::Map { .. } => None,
        }
    }

    /// True when a value depends on the row's time.
    pub(super) fn needs_time(&self) -> bool {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.needs_time(),
            Kind::Row(children) => children.iter().any(Field::needs_time),
            Kind::Array { element, .. } => element.needs_time(),
            Kind::Map { key, value, .. } => key.needs_time() || value.needs_time(),
        }
    }

    /// The values of rows `numbers`. `times_ms` is as long, or empty when no column needs it.
    pub(super) fn values(&self, numbers: &[u64], times_ms: &[i64]) -> Result<ArrayRef> {
        let nulls = self.nulls_of(numbers);
        match &self.kind {
            Kind::Scalar(scalar) => scalar.values(numbers, times_ms, nulls, &self.data_type),
            Kind::Row(children) => {
                let DataType::Struct(fields) = &self.data_type else {
                    return Err(Error::internal("a ROW is not a struct"));
                };
                let values = children.iter().map(|c| c.values(numbers, times_ms)).collect::<Result<_>>()?;
                Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), values, nulls, numbers.len())?))
            }
            Kind::Array { element, length } => {
                let DataType::List(field) = &self.data_type else {
                    return Err(Error::internal("an ARRAY is not a list"));
                };
                let (numbers_of, times_of) = repeat(numbers, times_ms, *length);
                let values = element.values(&numbers_of, &times_of)?;
                let offsets = OffsetBuffer::from_repeated_length(*length as usize, numbers.len());
                Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
            }
            Kind::Map { key, value, length } => self.map_values((key, value, *length), numbers, times_ms, nulls),
        }
    }

    /// Keys of one map must differ: entries whose key has come before in the same row are left out, as in a hash map.
    fn map_values(
        &self,
        (key, value, length): (&Field, &Field, u64),
        numbers: &[u64],
        times_ms: &[i64],
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let DataType::Map(entries, sorted) = &self.data_type else {
            return Err(Error::internal("a MAP is not a map"));
        };
        let DataType::Struct(pair) = entries.data_type() else {
            return Err(Error::internal("a map's entries are not a struct"));
        };
        let (numbers_of, times_of) = repeat(numbers, times_ms, length);
        let keys = key.values(&numbers_of, &times_of)?;
        let values = value.values(&numbers_of, &times_of)?;
        let (kept, lengths) = distinct_keys(&keys, numbers.len(), length as usize)?;
        let of = |array: &ArrayRef| arrow::compute::take(array, &kept, None);
        let columns = if kept.is_empty() {
            pair.iter().map(|f| new_empty_array(f.data_type())).collect()
        } else {
            vec![of(&keys)?, of(&values)?]
        };
        let rows = StructArray::try_new(pair.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        let map = MapArray::try_new(Arc::clone(entries), offsets, rows, nulls, *sorted)?;
        arrays::fit(Arc::new(map), &self.data_type)
    }

    fn nulls_of(&self, numbers: &[u64]) -> Option<NullBuffer> {
        (self.null_rate > 0.0)
            .then(|| numbers.iter().map(|n| self.nulls.unit(*n) >= self.null_rate).collect::<NullBuffer>())
    }
}

/// Numbers (and times) of the elements of collections of `length`: element `j` of row `n` has number `n * length + j`.
fn repeat(numbers: &[u64], times_ms: &[i64], length: u64) -> (Vec<u64>, Vec<i64>) {
    let of_row = |n: &u64| {
        let first = n.wrapping_mul(length);
        (0..length).map(move |j| first.wrapping_add(j))
    };
    let times = times_ms.iter().flat_map(|t| std::iter::repeat_n(*t, length as usize));
    (numbers.iter().flat_map(of_row).collect(), times.collect())
}

/// Indexes of the entries to keep, and how many each row keeps.
fn distinct_keys(keys: &ArrayRef, rows: usize, length: usize) -> Result<(arrow::array::UInt32Array, Vec<usize>)> {
    let converter = arrow::row::RowConverter::new(vec![arrow::row::SortField::new(keys.data_type().clone())])?;
    let compared = converter.convert_columns(&[Arc::clone(keys)])?;
    let mut kept = Vec::with_capacity(rows * length);
    let mut lengths = Vec::with_capacity(rows);
    for row in 0..rows {
        let entries = row * length..(row + 1) * length;
        let before = kept.len();
        for i in entries.clone() {
            let repeated = (entries.start..i).any(|j| compared.row(i) == compared.row(j));
            if !repeated && keys.is_valid(i) {
                kept.push(i as u32);
            }
        }
        lengths.push(kept.len() - before);
    }
    Ok((kept.into(), lengths))
}
