//! The SQL/JSON constructors: values become JSON texts. Keys of objects are in alphabetical order, as in Flink.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use base64::Engine as _;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};
use serde_json::Value;

use super::args::{Text, coerce, column, is_text, strings};
use super::define::Function;

/// A column that is written as JSON, value by value.
enum Json {
    /// Texts, to be quoted.
    Text(StringArray),
    /// Texts that are JSON already.
    Plain(StringArray),
    /// BYTES, in base64.
    Bytes(ArrayRef),
    /// Arrays: the column itself, and its elements.
    List(ArrayRef, Box<Json>),
    /// Maps: the column itself, its keys, its values.
    Map(ArrayRef, StringArray, Box<Json>),
    /// Rows: the column itself, and its fields in alphabetical order.
    Row(ArrayRef, Vec<(String, Json)>),
}

fn texts(values: &ArrayRef) -> Result<StringArray> {
    Ok(cast(values, &DataType::Utf8)?.as_string::<i32>().clone())
}

impl Json {
    fn of(values: &ArrayRef) -> Result<Json> {
        Ok(match values.data_type() {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Json::Text(texts(values)?),
            DataType::Float32 => Json::Plain(numbers(&cast(values, &DataType::Float64)?)?),
            DataType::Float64 => Json::Plain(numbers(values)?),
            DataType::Boolean | DataType::Null => Json::Plain(texts(values)?),
            t if t.is_integer() || t.is_decimal() => Json::Plain(texts(values)?),
            DataType::Timestamp(..) => Json::Text(texts(values)?.iter().map(|t| t.map(short_time)).collect()),
            t if t.is_temporal() => Json::Text(texts(values)?),
            DataType::Binary => Json::Bytes(values.clone()),
            DataType::List(_) => Json::List(values.clone(), Box::new(Json::of(values.as_list::<i32>().values())?)),
            DataType::Map(..) => {
                let map = values.as_map();
                Json::Map(values.clone(), texts(map.keys())?, Box::new(Json::of(map.values())?))
            }
            DataType::Struct(fields) => {
                let row = values.as_struct();
                let mut parts = Vec::with_capacity(fields.len());
                for (field, values) in fields.iter().zip(row.columns()) {
                    parts.push((field.name().clone(), Json::of(values)?));
                }
                parts.sort_by(|a, b| a.0.cmp(&b.0));
                Json::Row(values.clone(), parts)
            }
            other => {
                let shown = crate::types::SqlType::from_arrow(other);
                return exec_err!("{shown} cannot become JSON");
            }
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Json::Text(values) | Json::Plain(values) => values.is_null(row),
            Json::Bytes(values) | Json::List(values, _) | Json::Map(values, ..) | Json::Row(values, _) => {
                values.is_null(row)
            }
        }
    }

    fn write(&self, row: usize, out: &mut String) {
        if self.is_null(row) {
            out.push_str("null");
            return;
        }
        match self {
            Json::Text(values) => push_quoted(values.value(row), out),
            Json::Plain(values) => out.push_str(values.value(row)),
            Json::Bytes(values) => {
                let text = base64::engine::general_purpose::STANDARD.encode(values.as_binary::<i32>().value(row));
                push_quoted(&text, out);
            }
            Json::List(lists, elements) => {
                let offsets = lists.as_list::<i32>().value_offsets();
                out.push('[');
                for (n, i) in places(offsets, row).enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    elements.write(i, out);
                }
                out.push(']');
            }
            Json::Map(maps, keys, values) => {
                let mut entries: Vec<usize> = places(maps.as_map().value_offsets(), row).collect();
                entries.sort_by_key(|i| keys.value(*i));
                write_object(entries.into_iter().map(|i| (keys.value(i), values.as_ref(), i)), out);
            }
            Json::Row(_, fields) => {
                write_object(fields.iter().map(|(name, values)| (name.as_str(), values, row)), out);
            }
        }
    }
}

fn places(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |i: usize| offsets.get(i).map_or(0, |o| *o as usize);
    at(row)..at(row + 1)
}

fn write_object<'j>(members: impl Iterator<Item = (&'j str, &'j Json, usize)>, out: &mut String) {
    out.push('{');
    for (n, (key, value, row)) in members.enumerate() {
        out.push_str(if n > 0 { "," } else { "" });
        push_quoted(key, out);
        out.push(':');
        value.write(row, out);
    }
    out.push('}');
}

fn push_quoted(text: &str, out: &mut String) {
    out.push_str(&Value::from(text).to_string());
}

/// JSON knows no infinities: they are texts.
fn numbers(values: &ArrayRef) -> Result<StringArray> {
    let quoted = |t: &str| if t.contains(['N', 'n']) { format!("\"{t}\"") } else { t.to_owned() };
    Ok(texts(values)?.iter().map(|t| t.map(quoted)).collect())
}

/// `2024-11-11T01:02:03.120Z` without the zeros at the end of the fraction.
fn short_time(text: &str) -> String {
    let (time, zone) = text.strip_suffix('Z').map_or((text, ""), |time| (time, "Z"));
    match time.split_once('.') {
        Some((whole, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            format!("{whole}{}{fraction}{zone}", if fraction.is_empty() { "" } else { "." })
        }
        None => text.to_owned(),
    }
}

/// The same JSON with the keys of objects in order.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (n, (key, value)) in members.into_iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                push_quoted(key, out);
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                write_sorted(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// The values from argument `from` on, `step` apart; `flags` says which are JSON already.
fn values(args: &ScalarFunctionArgs, flags: &str, from: usize, step: usize) -> Result<Vec<Json>> {
    let of = |(index, flag): (usize, char)| {
        let values = column(args, index)?;
        if flag == 'j' { Ok(Json::Plain(texts(&values)?)) } else { Json::of(&values) }
    };
    (from..args.args.len()).step_by(step).zip(flags.chars()).map(of).collect()
}

/// Arguments: NULL or ABSENT, flags, key, value, …
fn object(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (on_null, flags) = (Text::of(args, 0)?.get(0).unwrap_or_default(), Text::of(args, 1)?.get(0).unwrap_or(""));
    let keys = (2..args.args.len()).step_by(2).map(|i| Text::of(args, i)).collect::<Result<Vec<_>>>()?;
    let values = values(args, flags, 3, 2)?;
    strings(args.number_rows, |row, out| {
        let mut members: Vec<(&str, &Json, usize)> = Vec::with_capacity(keys.len());
        for (key, value) in keys.iter().zip(&values) {
            let Some(key) = key.get(row) else { return exec_err!("JSON_OBJECT: a key must not be NULL") };
            // The last of equal keys wins.
            members.retain(|(known, ..)| *known != key);
            if on_null == "NULL" || !value.is_null(row) {
                members.push((key, value, row));
            }
        }
        members.sort_by_key(|(key, ..)| *key);
        write_object(members.into_iter(), out);
        Ok(true)
    })
}

/// Arguments: NULL or ABSENT, flags, value, …
fn json_array(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (on_null, flags) = (Text::of(args, 0)?.get(0).unwrap_or_default(), Text::of(args, 1)?.get(0).unwrap_or(""));
    let values = values(args, flags, 2, 1)?;
    strings(args.number_rows, |row, out| {
        out.push('[');
        let kept = values.iter().filter(|v| on_null == "NULL" || !v.is_null(row));
        for (n, value) in kept.enumerate() {
            out.push_str(if n > 0 { "," } else { "" });
            value.write(row, out);
        }
        out.push(']');
        Ok(true)
    })
}

/// Arguments: NULL or ABSENT, flag, value. NULL is left out, or the text `null`.
fn item(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (on_null, flags) = (Text::of(args, 0)?.get(0).unwrap_or_default(), Text::of(args, 1)?.get(0).unwrap_or(""));
    let values = values(args, flags, 2, 1)?;
    strings(args.number_rows, |row, out| match values.first() {
        Some(value) if on_null == "NULL" || !value.is_null(row) => {
            value.write(row, out);
            Ok(true)
        }
        _ => Ok(false),
    })
}

/// Arguments: NULL or ABSENT, flag, key, value. One member of an object, `"key":value`.
fn member(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (on_null, flags) = (Text::of(args, 0)?.get(0).unwrap_or_default(), Text::of(args, 1)?.get(0).unwrap_or(""));
    let (key, values) = (Text::of(args, 2)?, values(args, flags, 3, 1)?);
    strings(args.number_rows, |row, out| {
        let Some(key) = key.get(row) else { return exec_err!("JSON_OBJECTAGG: a key must not be NULL") };
        match values.first() {
            Some(value) if on_null == "NULL" || !value.is_null(row) => {
                push_quoted(key, out);
                out.push(':');
                value.write(row, out);
                Ok(true)
            }
            _ => Ok(false),
        }
    })
}

/// What divides the members that are gathered for an object; no JSON text has it.
pub(crate) const MEMBER_MARK: char = '\u{1e}';

/// Gathered members as an object with its keys in order; each key once.
fn object_of(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let members = Text::of(args, 0)?;
    let broken = || DataFusionError::Execution("JSON_OBJECTAGG: a member is broken".to_owned());
    strings(args.number_rows, |row, out| {
        let mut object: Vec<(String, &str)> = vec![];
        for member in members.get(row).into_iter().flat_map(|m| m.split(MEMBER_MARK)) {
            let mut reader = serde_json::Deserializer::from_str(member).into_iter::<String>();
            let key = reader.next().and_then(std::result::Result::ok).ok_or_else(broken)?;
            object.push((key, member.get(reader.byte_offset()..).ok_or_else(broken)?));
        }
        object.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some([(key, _), _]) = object.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return exec_err!("JSON_OBJECTAGG: key '{key}' is there twice");
        }
        out.push('{');
        for (n, (key, value)) in object.into_iter().enumerate() {
            out.push_str(if n > 0 { "," } else { "" });
            push_quoted(&key, out);
            out.push_str(value);
        }
        out.push('}');
        Ok(true)
    })
}

fn json_string(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let values = Json::of(&column(args, 0)?)?;
    strings(args.number_rows, |row, out| {
        if values.is_null(row) {
            return Ok(false);
        }
        values.write(row, out);
        Ok(true)
    })
}

/// Checks a JSON text, and puts keys in order.
fn json(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    strings(args.number_rows, |row, out| {
        let Some(text) = text.get(row) else { return Ok(false) };
        match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                write_sorted(&value, out);
                Ok(true)
            }
            Err(_) => exec_err!("JSON: '{text}' is no JSON"),
        }
    })
}

fn json_unquote(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    strings(args.number_rows, |row, out| {
        let Some(text) = text.get(row) else { return Ok(false) };
        match serde_json::from_str::<Value>(text) {
            Ok(Value::String(inner)) => out.push_str(&inner),
            _ => out.push_str(text),
        }
        Ok(true)
    })
}

/// Texts first, then values of any type; keys are texts too.
fn built(types: &[DataType], texts: &[usize], keys: bool) -> Option<Vec<DataType>> {
    let is_key = |i: usize| texts.contains(&i) || (keys && i >= 2 && i.is_multiple_of(2));
    let coerced = types.iter().enumerate().map(|(i, t)| match (is_key(i), t) {
        (true, t) => is_text(t).then_some(DataType::Utf8),
        (false, DataType::Utf8View | DataType::LargeUtf8) => Some(DataType::Utf8),
        (false, DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)) => Some(DataType::Binary),
        (false, t) => Some(t.clone()),
    });
    coerced.collect::<Option<Vec<_>>>().filter(|t| !t.is_empty())
}

macro_rules! build_function {
    ($names:expr, $usage:expr, $about:expr, $coerce:expr, $invoke:expr) => {
        Function {
            names: $names,
            usage: $usage,
            about: $about,
            volatility: Volatility::Immutable,
            coerce: $coerce,
            returns: |_| DataType::Utf8,
            invoke: $invoke,
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    build_function!(
        &["$json_object"],
        "JSON_OBJECT([[KEY] key VALUE value, …] [NULL | ABSENT ON NULL])",
        "A JSON object, its keys in alphabetical order; results of JSON constructors and JSON(…) are put in as they are.",
        |types| built(types, &[0, 1], true),
        object
    ),
    build_function!(
        &["$json_array"],
        "JSON_ARRAY([value, …] [NULL | ABSENT ON NULL])",
        "A JSON array; NULL is left out unless NULL ON NULL is said.",
        |types| built(types, &[0, 1], false),
        json_array
    ),
    build_function!(&["$json_item"], "JSON_ARRAYAGG(value)", "An item; internal.", |t| built(t, &[0, 1], false), item),
    build_function!(
        &["$json_member"],
        "JSON_OBJECTAGG([KEY] key VALUE value)",
        "A member; internal.",
        |types| built(types, &[0, 1], true),
        member
    ),
    build_function!(
        &["$json_object_of"],
        "JSON_OBJECTAGG([KEY] key VALUE value)",
        "Members put together; internal.",
        |types| coerce("s", types),
        object_of
    ),
    build_function!(
        &["json_string"],
        "JSON_STRING(value)",
        "A value as JSON.",
        |types| if types.len() == 1 { built(types, &[], false) } else { None },
        json_string
    ),
    build_function!(
        &["json"],
        "JSON(text)",
        "A JSON text, checked, for JSON_OBJECT and JSON_ARRAY.",
        |t| coerce("s", t),
        json
    ),
    build_function!(
        &["json_unquote"],
        "JSON_UNQUOTE(text)",
        "The text that a JSON string stands for; other texts as they are.",
        |types| coerce("s", types),
        json_unquote
    ),
];
