//! The SQL/JSON functions: a path picks values out of a JSON text.

use std::fmt::Write as _;

use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use serde_json::Value;

use super::args::{Text, booleans, coerce, has, strings};
use super::define::Function;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    All,
}

/// A compiled path such as `$.a['b'][0]` or `$.items[*].price`.
#[derive(Clone, Debug)]
struct Path {
    steps: Vec<Step>,
    strict: bool,
}

impl Path {
    fn compile(text: &str) -> Option<Path> {
        let text = text.trim();
        let (strict, text) = match (text.strip_prefix("strict "), text.strip_prefix("lax ")) {
            (Some(rest), _) => (true, rest.trim()),
            (_, Some(rest)) => (false, rest.trim()),
            _ => (false, text),
        };
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix('.') {
                if let Some(tail) = tail.strip_prefix('*') {
                    steps.push(Step::All);
                    rest = tail;
                    continue;
                }
                let end = tail.find(['.', '[']).unwrap_or(tail.len());
                let (key, after) = tail.split_at(end);
                if key.is_empty() {
                    return None;
                }
                steps.push(Step::Key(key.trim_matches('"').to_owned()));
                rest = after;
            } else {
                let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
                let inner = inner.trim();
                steps.push(match inner.strip_prefix(['\'', '"']) {
                    Some(key) => Step::Key(key.strip_suffix(['\'', '"'])?.to_owned()),
                    None if inner == "*" => Step::All,
                    None => Step::Index(inner.parse().ok()?),
                });
                rest = after;
            }
        }
        Some(Path { steps, strict })
    }

    /// The values that the path picks; `None` when a strict path meets something that is not there.
    fn pick<'v>(&self, root: &'v Value) -> Option<Vec<&'v Value>> {
        let mut current = vec![root];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in current {
                let before = next.len();
                take(step, value, self.strict, &mut next);
                if self.strict && next.len() == before {
                    return None;
                }
            }
            current = next;
        }
        Some(current)
    }
}

fn take<'v>(step: &Step, value: &'v Value, strict: bool, out: &mut Vec<&'v Value>) {
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => out.extend(map.get(key)),
        // A lax path looks into arrays, and takes a single value for an array of one.
        (Step::Key(_), Value::Array(items)) if !strict => {
            items.iter().filter(|i| i.is_object()).for_each(|item| take(step, item, strict, out));
        }
        (Step::Index(index), Value::Array(items)) => out.extend(items.get(*index)),
        (Step::Index(0), _) if !strict => out.push(value),
        (Step::All, Value::Array(items)) => out.extend(items),
        (Step::All, Value::Object(map)) => out.extend(map.values()),
        _ => {}
    }
}

/// JSON texts and a path, compiled once when it does not change.
struct Queries<'a> {
    json: Text<'a>,
    path: Text<'a>,
    last: Option<(&'a str, Option<Path>)>,
}

/// What a query found.
enum Found {
    /// The JSON or the path was NULL.
    Null,
    /// The JSON or the path is broken, or a strict path met nothing.
    Error,
    /// Some values, perhaps none.
    Values(Vec<Value>),
}

impl<'a> Queries<'a> {
    fn new(args: &'a ScalarFunctionArgs) -> Result<Self> {
        Ok(Queries { json: Text::of(args, 0)?, path: Text::of(args, 1)?, last: None })
    }

    fn at(&mut self, row: usize) -> Found {
        let (Some(json), Some(path)) = (self.json.get(row), self.path.get(row)) else { return Found::Null };
        if self.last.as_ref().is_none_or(|(known, _)| *known != path) {
            self.last = Some((path, Path::compile(path)));
        }
        let Some((_, Some(path))) = &self.last else { return Found::Error };
        let Ok(root) = serde_json::from_str::<Value>(json) else { return Found::Error };
        match path.pick(&root) {
            Some(values) => Found::Values(values.into_iter().cloned().collect()),
            None => Found::Error,
        }
    }
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
            Found::Values(values) => match values.as_slice() {
                [] => 0,
                [Value::Null] => return Ok(false),
                [Value::String(text)] => {
                    out.push_str(text);
                    return Ok(true);
                }
                [value @ (Value::Bool(_) | Value::Number(_))] => {
                    out.push_str(&value.to_string());
                    return Ok(true);
                }
                // A path must pick one scalar.
                _ => 1,
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
            Found::Values(values) if values.is_empty() => 0,
            Found::Values(mut values) => {
                let single = values.len() == 1 && values.first().is_some_and(|v| v.is_array() || v.is_object());
                let wrap = match wrapper {
                    "UNCONDITIONAL" => true,
                    "CONDITIONAL" => !single,
                    _ => false,
                };
                if wrap || single {
                    let value = if wrap { Value::Array(values) } else { values.swap_remove(0) };
                    out.push_str(&value.to_string());
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
        Found::Values(values) => Some(values.iter().any(|v| !v.is_null())),
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
        &["json_quote"],
        "JSON_QUOTE(text)",
        "The text as a JSON string.",
        |types| coerce("s", types),
        |_| DataType::Utf8,
        json_quote,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(path: &str, json: &str) -> Option<String> {
        let root: Value = serde_json::from_str(json).unwrap();
        Path::compile(path)?.pick(&root).map(|v| v.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn paths_pick_as_the_standard_says() {
        let json = r#"{"a": {"b c": [1, {"d": 2}]}, "e": [{"d": 3}, {"d": 4}]}"#;
        assert_eq!(pick("$.a['b c'][1].d", json).as_deref(), Some("2"));
        assert_eq!(pick("lax $.e[*].d", json).as_deref(), Some("3 4"));
        assert_eq!(pick("$.e.d", json).as_deref(), Some("3 4"));
        assert_eq!(pick("$.x", json).as_deref(), Some(""));
        assert_eq!(pick("strict $.x", json), None);
        assert!(Path::compile("a.b").is_none());
    }
}
