//! Regular expressions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use arrow::array::{ListBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use regex::{NoExpand, Regex};

use super::args::{Long, Text, array, booleans, borrowed, coerce, has, numbers, strings};
use super::define::Function;

/// Compiled expressions that are kept between batches, at most.
const KEPT: usize = 256;

static COMPILED: Mutex<Option<HashMap<String, Option<Regex>>>> = Mutex::new(None);

/// The compiled expression; `None` when it is not valid, which gives NULL as in Flink.
pub(super) fn compile(text: &str) -> Option<Regex> {
    let mut guard = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = guard.get_or_insert_default();
    if let Some(known) = kept.get(text) {
        return known.clone();
    }
    if kept.len() >= KEPT {
        kept.clear();
    }
    let compiled = Regex::new(text).ok();
    kept.insert(text.to_owned(), compiled.clone());
    compiled
}

/// The expression of each row, compiled once when it does not change.
pub(super) struct Expressions<'a> {
    text: Text<'a>,
    last: Option<(&'a str, Option<Regex>)>,
}

impl<'a> Expressions<'a> {
    pub(super) fn new(args: &'a ScalarFunctionArgs, index: usize) -> Result<Self> {
        Ok(Expressions { text: Text::of(args, index)?, last: None })
    }

    pub(super) fn at(&mut self, row: usize) -> Option<&Regex> {
        let text = self.text.get(row)?;
        if self.last.as_ref().is_none_or(|(known, _)| *known != text) {
            self.last = Some((text, compile(text)));
        }
        self.last.as_ref().and_then(|(_, regex)| regex.as_ref())
    }
}

fn extract(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, mut regex, group) = (Text::of(args, 0)?, Expressions::new(args, 1)?, Long::of(args, 2)?);
    let given = has(args, 2);
    Ok(borrowed(args.number_rows, |row| {
        let text = text.get(row)?;
        let group = if given { usize::try_from(group.get(row)?).ok()? } else { 0 };
        let regex = regex.at(row)?;
        if group == 0 {
            return regex.find(text).map(|m| m.as_str());
        }
        regex.captures(text)?.get(group).map(|m| m.as_str())
    }))
}

fn extract_all(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, mut regex, group) = (Text::of(args, 0)?, Expressions::new(args, 1)?, Long::of(args, 2)?);
    let given = has(args, 2);
    let mut list = ListBuilder::new(StringBuilder::new());
    for row in 0..args.number_rows {
        let group = if given { group.get(row) } else { Some(1) };
        let group = group.and_then(|g| usize::try_from(g).ok());
        match (text.get(row), regex.at(row), group) {
            (Some(text), Some(regex), Some(group)) if group < regex.captures_len() => {
                for found in regex.captures_iter(text) {
                    list.values().append_option(found.get(group).map(|m| m.as_str()));
                }
                list.append(true);
            }
            _ => list.append(false),
        }
    }
    Ok(array(list.finish()))
}

fn matches(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, mut regex) = (Text::of(args, 0)?, Expressions::new(args, 1)?);
    Ok(booleans(args.number_rows, |row| {
        let text = text.get(row)?;
        let given = regex.text.get(row)?;
        // Nothing matches an empty or broken expression, as in Flink.
        Some(!given.is_empty() && regex.at(row).is_some_and(|r| r.is_match(text)))
    }))
}

fn count(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, mut regex) = (Text::of(args, 0)?, Expressions::new(args, 1)?);
    let counts: PrimitiveArray<Int32Type> =
        numbers(args.number_rows, |row| Some(regex.at(row)?.find_iter(text.get(row)?).count() as i32));
    Ok(array(counts))
}

/// Where the first match starts, counting from 1; 0 when there is none.
fn instr(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, mut regex) = (Text::of(args, 0)?, Expressions::new(args, 1)?);
    let found: PrimitiveArray<Int32Type> = numbers(args.number_rows, |row| {
        let text = text.get(row)?;
        let start = regex.at(row)?.find(text).map(|m| m.start());
        Some(start.map_or(0, |s| text.get(..s).map_or(0, |before| before.chars().count() as i32 + 1)))
    });
    Ok(array(found))
}

/// As in Flink, the replacement stands for itself: `$1` is no group.
fn replace(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, mut regex, with) = (Text::of(args, 0)?, Expressions::new(args, 1)?, Text::of(args, 2)?);
    strings(args.number_rows, |row, out| {
        let (Some(text), Some(with)) = (text.get(row), with.get(row)) else { return Ok(false) };
        let Some(regex) = regex.at(row) else { return Ok(false) };
        out.push_str(&regex.replace_all(text, NoExpand(with)));
        Ok(true)
    })
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["regexp_extract"],
        "REGEXP_EXTRACT(text, regex [, group])",
        "The first match, or a group of it; NULL when nothing matches.",
        |types| coerce("ssI", types),
        |_| DataType::Utf8,
        extract,
    ),
    Function::pure(
        &["regexp_substr"],
        "REGEXP_SUBSTR(text, regex)",
        "The first match; NULL when nothing matches.",
        |types| coerce("ss", types),
        |_| DataType::Utf8,
        extract,
    ),
    Function::pure(
        &["regexp_extract_all"],
        "REGEXP_EXTRACT_ALL(text, regex [, group])",
        "A group (default 1) of every match, as an array.",
        |types| coerce("ssI", types),
        |_| DataType::List(std::sync::Arc::new(Field::new("item", DataType::Utf8, true))),
        extract_all,
    ),
    Function::pure(
        &["regexp"],
        "REGEXP(text, regex)",
        "True when a part of the text matches.",
        |types| coerce("ss", types),
        |_| DataType::Boolean,
        matches,
    ),
    Function::pure(
        &["regexp_count"],
        "REGEXP_COUNT(text, regex)",
        "Number of matches.",
        |types| coerce("ss", types),
        |_| DataType::Int32,
        count,
    ),
    Function::pure(
        &["regexp_instr"],
        "REGEXP_INSTR(text, regex)",
        "Where the first match starts, counting from 1; 0 when nothing matches.",
        |types| coerce("ss", types),
        |_| DataType::Int32,
        instr,
    ),
    Function::pure(
        &["regexp_replace"],
        "REGEXP_REPLACE(text, regex, replacement)",
        "Every match replaced; the replacement stands for itself, `$1` is no group.",
        |types| coerce("sss", types),
        |_| DataType::Utf8,
        replace,
    ),
];
