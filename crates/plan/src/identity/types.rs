//! Types as text, in words of our own: a newer Arrow must not rename what state is found by.

use arrow::datatypes::{DataType, IntervalUnit, Schema, TimeUnit};

/// A type.
pub(super) fn text(data_type: &DataType) -> String {
    let plain = match data_type {
        DataType::Null => "null",
        DataType::Boolean => "bool",
        DataType::Int8 => "i8",
        DataType::Int16 => "i16",
        DataType::Int32 => "i32",
        DataType::Int64 => "i64",
        DataType::UInt8 => "u8",
        DataType::UInt16 => "u16",
        DataType::UInt32 => "u32",
        DataType::UInt64 => "u64",
        DataType::Float16 => "f16",
        DataType::Float32 => "f32",
        DataType::Float64 => "f64",
        DataType::Date32 => "date",
        DataType::Date64 => "date64",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytes",
        DataType::Interval(IntervalUnit::YearMonth) => "months",
        DataType::Interval(IntervalUnit::DayTime) => "days",
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval",
        DataType::Dictionary(_, value) => return text(value),
        DataType::Timestamp(of, zone) => {
            return format!("timestamp({}{})", unit(of), zone.as_ref().map_or(String::new(), |z| format!(",{z}")));
        }
        DataType::Time32(of) | DataType::Time64(of) => return format!("time({})", unit(of)),
        DataType::Duration(of) => return format!("duration({})", unit(of)),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => return format!("decimal({precision},{scale})"),
        DataType::FixedSizeBinary(size) => return format!("bytes({size})"),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            return format!("list({})", text(item.data_type()));
        }
        DataType::FixedSizeList(item, size) => return format!("list({},{size})", text(item.data_type())),
        DataType::Map(entries, _) => return format!("map({})", text(entries.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|f| format!("{:?} {}", f.name(), text(f.data_type()))).collect();
            return format!("row({})", fields.join(","));
        }
        other => return other.to_string(),
    };
    plain.to_owned()
}

/// The types of all columns.
pub(super) fn all(schema: &Schema) -> String {
    schema.fields().iter().map(|f| text(f.data_type())).collect::<Vec<_>>().join(",")
}

/// The types of some columns.
pub(super) fn some(schema: &Schema, columns: &[usize]) -> String {
    let of = |i: &usize| schema.fields().get(*i).map_or_else(|| "?".to_owned(), |f| text(f.data_type()));
    columns.iter().map(of).collect::<Vec<_>>().join(",")
}

fn unit(unit: &TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}
