//! The SQL/JSON functions: a path picks values out of a JSON text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use serde_json::Value;
use serde_json::value::RawValue;

use super::args::{Text, array, booleans, coerce, has, strings};
use super::define::Function;
use super::json_path::{Path, push_dense};

/// JSON texts and a path, compiled once when it does not change.
struct Queries<'a> {
    json: Text<'a>,
    path: Text<'a>,
    last: Option<(&'a str, Option<Path>)>,
}

/// What a query found.
enum Found<'a> {
    /// The JSON or the path was NULL.
    Null,
    /// The JSON or the path is broken, or a strict path met nothing.
    Error,
    /// The path leads nowhere.
    Nothing,
    /// JSON as it is written.
    Json(Cow<'a, str>),
}

impl<'a> Queries<'a> {
    fn new(args: &'a ScalarFunctionArgs) -> Result<Self> {
        Ok(Queries { json: Text::of(args, 0)?, path: Text::of(args, 1)?, last: None })
    }

    /// True when the last path is one to one place.
    fn leads_to_one(&self) -> bool {
        matches!(&self.last, Some((_, Some(path))) if path.is_single())
    }

    fn at(&mut self, row: usize) -> Found<'a> {
        let (Some(json), Some(path)) = (self.json.get(row), self.path.get(row)) else { return Found::Null };
        if self.last.as_ref().is_none_or(|(known, _)| *known != path) {
            self.last = Some((path, Path::compile(path)));
        }
        let Some((_, Some(path))) = &self.last else { return Found::Error };
        match path.find(json) {
            Ok(Some(found)) => Found::Json(found),
            Ok(None) if !path.is_strict() => Found::Nothing,
            _ => Found::Error,
        }
    }
}

/// The text that a JSON string stands for.
fn unquoted(json: &str) -> Result<String> {
    serde_json::from_str(json).map_err(|e| DataFusionError::External(Box::new(e)))
}

/// Arguments: json, path [, on empty, default, on error, default].
fn json_value(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let mut queries = Queries::new(args)?;
    let behaviours = [behaviour(args, 2)?, behaviour(args, 4)?];
    let defaults = [Text::of(args, 3)?, Text::of(args, 5)?];
    strings(args.number_rows, |row, out| {
        let failed = match queries.at(row) {
            Found::Null => return Ok(false),
            Found::Error => 1,
            Found::Nothing => 0,
            Found::Json(json) => match json.as_bytes().first() {
                Some(b'n') => return Ok(false),
                Some(b'"') => {
                    out.push_str(&unquoted(&json)?);
                    return Ok(true);
                }
                // A path must pick one scalar.
                Some(b'{' | b'[') | None => 1,
                Some(_) => {
                    out.push_str(&json);
                    return Ok(true);
                }
            },
        };
        match (behaviours[failed], failed) {
            ("ERROR", 0) => exec_err!("JSON_VALUE found nothing"),
            ("ERROR", _) => exec_err!("JSON_VALUE found no single scalar, or the JSON is broken"),
            ("DEFAULT", _) => Ok(defaults[failed].get(row).is_some_and(|text| {
                out.push_str(text);
                true
            })),
            _ => Ok(false),
        }
    })
}

fn behaviour(args: &ScalarFunctionArgs, index: usize) -> Result<&str> {
    Ok(if has(args, index) { Text::of(args, index)?.get(0).unwrap_or("NULL") } else { "NULL" })
}

/// Arguments: json, path [, wrapper, on empty, on error].
fn json_query(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let mut queries = Queries::new(args)?;
    let wrapper = if has(args, 2) { behaviour(args, 2)? } else { "WITHOUT" };
    let behaviours = [behaviour(args, 3)?, behaviour(args, 4)?];
    strings(args.number_rows, |row, out| {
        let failed = match queries.at(row) {
            Found::Null => return Ok(false),
            Found::Error => 1,
            Found::Nothing => 0,
            Found::Json(json) => {
                let whole = json.starts_with(['{', '[']);
                let wrap = match wrapper {
                    "UNCONDITIONAL" => true,
                    "CONDITIONAL" => !whole,
                    _ => false,
                };
                if wrap || whole {
                    out.push_str(if wrap { "[" } else { "" });
                    push_dense(&json, out);
                    out.push_str(if wrap { "]" } else { "" });
                    return Ok(true);
                }
                1
            }
        };
        match behaviours[failed] {
            "ERROR" => return exec_err!("JSON_QUERY found no array or object"),
            "EMPTY ARRAY" => out.push_str("[]"),
            "EMPTY OBJECT" => out.push_str("{}"),
            _ => return Ok(false),
        }
        Ok(true)
    })
}

/// Arguments: json, path [, on error].
fn json_exists(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let mut queries = Queries::new(args)?;
    let on_error = if has(args, 2) { behaviour(args, 2)? } else { "FALSE" };
    let mut failed = false;
    let found = booleans(args.number_rows, |row| match queries.at(row) {
        Found::Null => None,
        // As in Flink, a null is nothing.
        Found::Json(json) => Some(json != "null" && (json != "[]" || queries.leads_to_one())),
        Found::Nothing => Some(false),
        Found::Error => match on_error {
            "TRUE" => Some(true),
            "UNKNOWN" => None,
            "ERROR" => {
                failed = true;
                None
            }
            _ => Some(false),
        },
    });
    if failed { exec_err!("JSON_EXISTS: the JSON or the path is broken") } else { Ok(found) }
}

/// Arguments: json, kind.
fn is_json(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (json, kind) = (Text::of(args, 0)?, Text::of(args, 1)?);
    let kind = kind.get(0).unwrap_or("VALUE");
    Ok(booleans(args.number_rows, |row| {
        // NULL is no JSON: the answer is false, not unknown.
        let parsed = json.get(row).map(serde_json::from_str::<Value>);
        Some(parsed.is_some_and(|parsed| {
            parsed.is_ok_and(|value| match kind {
                "OBJECT" => value.is_object(),
                "ARRAY" => value.is_array(),
                "SCALAR" => !value.is_object() && !value.is_array(),
                _ => true,
            })
        }))
    }))
}

/// The items of a JSON array: texts as they are, everything else as JSON.
fn json_items(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let json = Text::of(args, 0)?;
    let mut items = ListBuilder::new(StringBuilder::new());
    for row in 0..args.number_rows {
        let Some(Ok(values)) = json.get(row).map(serde_json::from_str::<Vec<&RawValue>>) else {
            items.append_null();
            continue;
        };
        for value in values {
            match value.get() {
                "null" => items.values().append_null(),
                text if text.starts_with('"') => items.values().append_value(unquoted(text)?),
                json => items.values().append_value(json),
            }
        }
        items.append(true);
    }
    Ok(array(items.finish()))
}

fn json_quote(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    strings(args.number_rows, |row, out| {
        let Some(text) = text.get(row) else { return Ok(false) };
        // As in Flink, what is not ASCII is written as \uXXXX.
        for c in Value::from(text).to_string().chars() {
            match c.is_ascii() {
                true => out.push(c),
                false => c.encode_utf16(&mut [0; 2]).iter().for_each(|u| {
                    let _ = write!(out, "\\u{u:04x}");
                }),
            }
        }
        Ok(true)
    })
}

/// A default may be of any scalar type: it is read as text and cast with the result.
fn value_types(types: &[DataType]) -> Option<Vec<DataType>> {
    match types.len() {
        2 => coerce("ss", types),
        6 => Some(vec![DataType::Utf8; 6]),
        _ => None,
    }
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["json_value", "$json_value"],
        "JSON_VALUE(json, '$.path' [RETURNING type] [NULL | ERROR | DEFAULT value ON EMPTY] [… ON ERROR])",
        "A scalar out of a JSON text, as STRING unless RETURNING says otherwise.",
        value_types,
        |_| DataType::Utf8,
        json_value,
    ),
    Function::pure(
        &["json_query", "$json_query"],
        "JSON_QUERY(json, '$.path' [WITH WRAPPER] [… ON EMPTY] [… ON ERROR])",
        "An array or object out of a JSON text.",
        |types| coerce("ssSSS", types),
        |_| DataType::Utf8,
        json_query,
    ),
    Function::pure(
        &["json_exists", "$json_exists"],
        "JSON_EXISTS(json, '$.path' [TRUE | FALSE | UNKNOWN | ERROR ON ERROR])",
        "True when the path picks something.",
        |types| coerce("ssS", types),
        |_| DataType::Boolean,
        json_exists,
    ),
    Function::pure(
        &["$is_json"],
        "text IS JSON [VALUE | OBJECT | ARRAY | SCALAR]",
        "True when the text is JSON.",
        |types| coerce("ss", types),
        |_| DataType::Boolean,
        is_json,
    ),
    Function::pure(
        &["$json_items"],
        "JSON_QUERY(json, '$.path' RETURNING ARRAY<STRING>)",
        "The items of a JSON array.",
        |types| coerce("s", types),
        |_| DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        json_items,
    ),
    Function::pure(
        &["json_quote"],
        "JSON_QUOTE(text)",
        "The text as a JSON string.",
        |types| coerce("s", types),
        |_| DataType::Utf8,
        json_quote,
    ),
];
