//! Flink's SQL types: parsed from tokens, mapped to Arrow, and shown again for `DESCRIBE`.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

pub use parse::{parse_type, parse_type_text};
pub(crate) use parse::{parse_words, word_is};

/// A Flink SQL type as written in a DDL or a CAST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlType {
    /// The type.
    pub kind: SqlTypeKind,
    /// False for `NOT NULL`.
    pub nullable: bool,
}

/// The types that Flink SQL knows, each with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum SqlTypeKind {
    Char(u32),
    /// `None` is `STRING`.
    Varchar(Option<u32>),
    Boolean,
    Binary(u32),
    /// `None` is `BYTES`.
    Varbinary(Option<u32>),
    Decimal(u8, i8),
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    Date,
    Time(u8),
    Timestamp(u8),
    TimestampLtz(u8),
    Array(Box<SqlType>),
    Map(Box<SqlType>, Box<SqlType>),
    Row(Vec<(String, SqlType)>),
}

impl SqlType {
    /// A nullable type.
    pub fn new(kind: SqlTypeKind) -> Self {
        SqlType { kind, nullable: true }
    }

    /// The Arrow type that carries the values.
    pub fn to_arrow(&self) -> DataType {
        match &self.kind {
            SqlTypeKind::Char(_) | SqlTypeKind::Varchar(_) => DataType::Utf8,
            SqlTypeKind::Boolean => DataType::Boolean,
            SqlTypeKind::Binary(_) | SqlTypeKind::Varbinary(_) => DataType::Binary,
            SqlTypeKind::Decimal(p, s) => DataType::Decimal128(*p, *s),
            SqlTypeKind::TinyInt => DataType::Int8,
            SqlTypeKind::SmallInt => DataType::Int16,
            SqlTypeKind::Int => DataType::Int32,
            SqlTypeKind::BigInt => DataType::Int64,
            SqlTypeKind::Float => DataType::Float32,
            SqlTypeKind::Double => DataType::Float64,
            SqlTypeKind::Date => DataType::Date32,
            SqlTypeKind::Time(_) => DataType::Time32(TimeUnit::Millisecond),
            SqlTypeKind::Timestamp(p) => DataType::Timestamp(timestamp_unit(*p), None),
            SqlTypeKind::TimestampLtz(p) => DataType::Timestamp(timestamp_unit(*p), Some("UTC".into())),
            SqlTypeKind::Array(element) => {
                DataType::List(Arc::new(Field::new("item", element.to_arrow(), element.nullable)))
            }
            SqlTypeKind::Map(key, value) => {
                let entry = Fields::from(vec![
                    Field::new("key", key.to_arrow(), false),
                    Field::new("value", value.to_arrow(), value.nullable),
                ]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
            }
            SqlTypeKind::Row(fields) => DataType::Struct(
                fields.iter().map(|(name, t)| Field::new(name, t.to_arrow(), t.nullable)).collect::<Vec<_>>().into(),
            ),
        }
    }

    /// The SQL type that shows an Arrow type; what SQL has no name for is shown as its nearest relative.
    pub fn from_arrow(data_type: &DataType) -> Self {
        let kind = match data_type {
            DataType::Boolean => SqlTypeKind::Boolean,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => SqlTypeKind::Varbinary(None),
            DataType::FixedSizeBinary(n) => SqlTypeKind::Binary(n.unsigned_abs()),
            DataType::Decimal32(p, s)
            | DataType::Decimal64(p, s)
            | DataType::Decimal128(p, s)
            | DataType::Decimal256(p, s) => SqlTypeKind::Decimal(*p, *s),
            DataType::Int8 => SqlTypeKind::TinyInt,
            DataType::Int16 | DataType::UInt8 => SqlTypeKind::SmallInt,
            DataType::Int32 | DataType::UInt16 => SqlTypeKind::Int,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => SqlTypeKind::BigInt,
            DataType::Float16 | DataType::Float32 => SqlTypeKind::Float,
            DataType::Float64 => SqlTypeKind::Double,
            DataType::Date32 | DataType::Date64 => SqlTypeKind::Date,
            DataType::Time32(_) | DataType::Time64(_) => SqlTypeKind::Time(3),
            DataType::Timestamp(unit, None) => SqlTypeKind::Timestamp(unit_precision(*unit)),
            DataType::Timestamp(unit, Some(_)) => SqlTypeKind::TimestampLtz(unit_precision(*unit)),
            DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => {
                SqlTypeKind::Array(Box::new(SqlType::of_field(f)))
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(f) if f.len() == 2 => {
                    SqlTypeKind::Map(Box::new(SqlType::of_field(&f[0])), Box::new(SqlType::of_field(&f[1])))
                }
                _ => SqlTypeKind::Varchar(None),
            },
            DataType::Struct(fields) => {
                SqlTypeKind::Row(fields.iter().map(|f| (f.name().clone(), SqlType::of_field(f))).collect())
            }
            _ => SqlTypeKind::Varchar(None),
        };
        SqlType::new(kind)
    }

    /// As [`SqlType::from_arrow`], with the field's nullability.
    pub fn of_field(field: &Field) -> Self {
        SqlType { nullable: field.is_nullable(), ..SqlType::from_arrow(field.data_type()) }
    }
}

/// The Arrow unit that holds `precision` digits of a second.
pub fn timestamp_unit(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn unit_precision(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SqlTypeKind::Char(n) => write!(f, "CHAR({n})"),
            SqlTypeKind::Varchar(None) => f.write_str("STRING"),
            SqlTypeKind::Varchar(Some(n)) => write!(f, "VARCHAR({n})"),
            SqlTypeKind::Boolean => f.write_str("BOOLEAN"),
            SqlTypeKind::Binary(n) => write!(f, "BINARY({n})"),
            SqlTypeKind::Varbinary(None) => f.write_str("BYTES"),
            SqlTypeKind::Varbinary(Some(n)) => write!(f, "VARBINARY({n})"),
            SqlTypeKind::Decimal(p, s) => write!(f, "DECIMAL({p}, {s})"),
            SqlTypeKind::TinyInt => f.write_str("TINYINT"),
            SqlTypeKind::SmallInt => f.write_str("SMALLINT"),
            SqlTypeKind::Int => f.write_str("INT"),
            SqlTypeKind::BigInt => f.write_str("BIGINT"),
            SqlTypeKind::Float => f.write_str("FLOAT"),
            SqlTypeKind::Double => f.write_str("DOUBLE"),
            SqlTypeKind::Date => f.write_str("DATE"),
            SqlTypeKind::Time(p) => write!(f, "TIME({p})"),
            SqlTypeKind::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            SqlTypeKind::TimestampLtz(p) => write!(f, "TIMESTAMP_LTZ({p})"),
            SqlTypeKind::Array(element) => write!(f, "ARRAY<{element}>"),
            SqlTypeKind::Map(key, value) => {
                // A key is never null, so saying so is noise.
                let key = SqlType { nullable: true, ..(**key).clone() };
                write!(f, "MAP<{key}, {value}>")
            }
            SqlTypeKind::Row(fields) => {
                f.write_str("ROW<")?;
                for (i, (name, t)) in fields.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}`{}` {t}", name.replace('`', "``"))?;
                }
                f.write_str(">")
            }
        }?;
        f.write_str(if self.nullable { "" } else { " NOT NULL" })
    }
}
