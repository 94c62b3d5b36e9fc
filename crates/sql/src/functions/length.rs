//! Strings by length and place: padding, cutting, `CAST(… AS VARCHAR(n))`.

use std::sync::Arc;

use arrow::array::{AsArray, BinaryBuilder};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};
use memchr::memmem::Finder;

use super::args::{Long, Text, borrowed, coerce, column, has, is_text, strings};
use super::define::Function;

/// The byte at which character `n` (from 0) starts, or the text's end.
fn byte_of(text: &str, n: usize) -> usize {
    if text.is_ascii() {
        return n.min(text.len());
    }
    text.char_indices().nth(n).map_or(text.len(), |(i, _)| i)
}

fn head(text: &str, chars: usize) -> &str {
    text.get(..byte_of(text, chars)).unwrap_or(text)
}

fn length_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// The longest text that a function may make of one row.
const CHARS_MAX: i64 = 1 << 26;

/// Writes `count` characters of `pad`, again and again.
fn fill(out: &mut String, pad: &str, count: usize) {
    out.extend(pad.chars().cycle().take(count));
}

fn pad(args: &ScalarFunctionArgs, left: bool) -> Result<ColumnarValue> {
    let (text, length, with) = (Text::of(args, 0)?, Long::of(args, 1)?, Text::of(args, 2)?);
    let given = has(args, 2);
    strings(args.number_rows, |row, out| {
        let with = if given { with.get(row) } else { Some(" ") };
        let (Some(text), Some(length), Some(with)) = (text.get(row), length.get(row), with) else { return Ok(false) };
        if !(0..=CHARS_MAX).contains(&length) || with.is_empty() {
            return Ok(false);
        }
        let length = length as usize;
        let missing = length.saturating_sub(length_of(text));
        if left {
            fill(out, with, missing);
        }
        out.push_str(head(text, length));
        if !left {
            fill(out, with, missing);
        }
        Ok(true)
    })
}

fn left(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, count) = (Text::of(args, 0)?, Long::of(args, 1)?);
    Ok(borrowed(args.number_rows, |row| Some(head(text.get(row)?, count.get(row)?.max(0) as usize))))
}

fn right(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, count) = (Text::of(args, 0)?, Long::of(args, 1)?);
    Ok(borrowed(args.number_rows, |row| {
        let (text, count) = (text.get(row)?, count.get(row)?.max(0) as usize);
        text.get(byte_of(text, length_of(text).saturating_sub(count))..)
    }))
}

fn repeat(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, count) = (Text::of(args, 0)?, Long::of(args, 1)?);
    strings(args.number_rows, |row, out| {
        let (Some(text), Some(count)) = (text.get(row), count.get(row)) else { return Ok(false) };
        let most = CHARS_MAX / (text.len().max(1) as i64);
        (0..count.min(most)).for_each(|_| out.push_str(text));
        Ok(true)
    })
}

fn chr(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let code = Long::of(args, 0)?;
    strings(args.number_rows, |row, out| {
        let Some(code) = code.get(row) else { return Ok(false) };
        if code >= 0 {
            out.push(char::from((code & 0xFF) as u8));
        }
        Ok(true)
    })
}

/// Arguments: text, new part, from [, length].
fn overlay(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, part) = (Text::of(args, 0)?, Text::of(args, 1)?);
    let (from, length) = (Long::of(args, 2)?, Long::of(args, 3)?);
    let given = has(args, 3);
    strings(args.number_rows, |row, out| {
        let (Some(text), Some(part), Some(from)) = (text.get(row), part.get(row), from.get(row)) else {
            return Ok(false);
        };
        let length = if given { length.get(row) } else { Some(length_of(part) as i64) };
        let Some(length) = length else { return Ok(false) };
        let chars = length_of(text) as i64;
        if from <= 0 || from > chars {
            out.push_str(text);
            return Ok(true);
        }
        out.push_str(head(text, from as usize - 1));
        out.push_str(part);
        // As in Flink, a length below 1 drops the rest.
        if length > 0 && from.saturating_add(length) <= chars {
            out.push_str(text.get(byte_of(text, (from - 1 + length) as usize)..).unwrap_or_default());
        }
        Ok(true)
    })
}

/// Each character of `from` becomes the one at its place in `to`, or nothing.
fn translate(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, from, to) = (Text::of(args, 0)?, Text::of(args, 1)?, Text::of(args, 2)?);
    strings(args.number_rows, |row, out| {
        let (Some(text), Some(from)) = (text.get(row), from.get(row)) else { return Ok(false) };
        let to = to.get(row).unwrap_or_default();
        for c in text.chars() {
            match from.chars().position(|f| f == c) {
                Some(place) => out.extend(to.chars().nth(place)),
                None => out.push(c),
            }
        }
        Ok(true)
    })
}

fn replace(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, part, with) = (Text::of(args, 0)?, Text::of(args, 1)?, Text::of(args, 2)?);
    // The frequent case: one part for all rows. An empty one is at every place.
    let finder = part.constant().flatten().filter(|part| !part.is_empty()).map(Finder::new);
    strings(args.number_rows, |row, out| {
        let (Some(text), Some(part), Some(with)) = (text.get(row), part.get(row), with.get(row)) else {
            return Ok(false);
        };
        let mut end = 0;
        let mut put = |at: usize| {
            out.push_str(text.get(end..at).unwrap_or_default());
            out.push_str(with);
            end = at + part.len();
        };
        match &finder {
            Some(finder) => finder.find_iter(text.as_bytes()).for_each(&mut put),
            None => text.match_indices(part).for_each(|(at, _)| put(at)),
        }
        out.push_str(text.get(end..).unwrap_or_default());
        Ok(true)
    })
}

/// Arguments: index, text, …
fn elt(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let index = Long::of(args, 0)?;
    let texts = (1..args.args.len()).map(|i| Text::of(args, i)).collect::<Result<Vec<_>>>()?;
    Ok(borrowed(args.number_rows, |row| {
        let index = usize::try_from(index.get(row)?).ok()?.checked_sub(1)?;
        texts.get(index)?.get(row)
    }))
}

/// `CAST(… AS VARCHAR(n))` cuts; `CAST(… AS CHAR(n))` fills up too. Arguments: value, length.
fn fit(args: &ScalarFunctionArgs, fills: bool) -> Result<ColumnarValue> {
    let length = Long::of(args, 1)?.get(0).unwrap_or(i64::MAX).max(0) as usize;
    if let [DataType::Binary, _] = args.arg_fields.iter().map(|f| f.data_type()).collect::<Vec<_>>().as_slice() {
        return fit_bytes(args, length, fills);
    }
    let text = Text::of(args, 0)?;
    if !fills {
        return Ok(borrowed(args.number_rows, |row| text.get(row).map(|t| head(t, length))));
    }
    strings(args.number_rows, |row, out| {
        let Some(text) = text.get(row) else { return Ok(false) };
        out.push_str(head(text, length));
        fill(out, " ", length.saturating_sub(length_of(text)));
        Ok(true)
    })
}

fn fit_bytes(args: &ScalarFunctionArgs, length: usize, fills: bool) -> Result<ColumnarValue> {
    let values = column(args, 0)?;
    let mut out = BinaryBuilder::new();
    for value in values.as_binary::<i32>() {
        let cut = value.map(|v| v.get(..length).unwrap_or(v));
        match cut {
            Some(cut) if fills && cut.len() < length => {
                let mut filled = cut.to_vec();
                filled.resize(length, 0);
                out.append_value(filled);
            }
            cut => out.append_option(cut),
        }
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

fn fit_types(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [DataType::Binary, length] if length.is_integer() => Some(vec![DataType::Binary, DataType::Int64]),
        _ => coerce("si", types),
    }
}

macro_rules! length_function {
    ($names:expr, $usage:expr, $about:expr, $coerce:expr, $invoke:expr) => {
        Function {
            names: $names,
            usage: $usage,
            about: $about,
            volatility: Volatility::Immutable,
            coerce: $coerce,
            returns: |types| match types.first() {
                Some(DataType::Binary) => DataType::Binary,
                _ => DataType::Utf8,
            },
            invoke: $invoke,
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    length_function!(
        &["lpad"],
        "LPAD(text, length, pad)",
        "Filled up from the left, or cut, to a length; NULL for a negative length or an empty pad.",
        |types| coerce("siS", types),
        |args| pad(args, true)
    ),
    length_function!(
        &["rpad"],
        "RPAD(text, length, pad)",
        "Filled up from the right, or cut, to a length; NULL for a negative length or an empty pad.",
        |types| coerce("siS", types),
        |args| pad(args, false)
    ),
    length_function!(
        &["left"],
        "LEFT(text, count)",
        "The first characters; empty when `count` is negative.",
        |types| coerce("si", types),
        left
    ),
    length_function!(
        &["right"],
        "RIGHT(text, count)",
        "The last characters; empty when `count` is negative.",
        |types| coerce("si", types),
        right
    ),
    length_function!(
        &["repeat"],
        "REPEAT(text, count)",
        "The text several times; empty when `count` is not positive.",
        |types| coerce("si", types),
        repeat
    ),
    length_function!(&["chr"], "CHR(number)", "The character of a code, modulo 256.", |types| coerce("i", types), chr),
    length_function!(
        &["overlay"],
        "OVERLAY(text PLACING part FROM from [FOR length])",
        "A part replaced by another; the text as it is when `from` lies outside.",
        |types| coerce("ssiI", types),
        overlay
    ),
    length_function!(
        &["translate", "translate3"],
        "TRANSLATE(text, from, to)",
        "Each character of `from` becomes the one at its place in `to`, or nothing.",
        |types| coerce("sss", types),
        translate
    ),
    length_function!(
        &["replace"],
        "REPLACE(text, part, new)",
        "Every occurrence of a part replaced; an empty part is at every place.",
        |types| coerce("sss", types),
        replace
    ),
    length_function!(
        &["elt"],
        "ELT(index, text, …)",
        "The text at `index`, counting from 1; NULL when there is none.",
        |types| {
            let (index, texts) = types.split_first()?;
            let fits =
                (index.is_integer() || *index == DataType::Null) && !texts.is_empty() && texts.iter().all(is_text);
            fits.then(|| [DataType::Int64].into_iter().chain(texts.iter().map(|_| DataType::Utf8)).collect())
        },
        elt
    ),
    length_function!(
        &["$varchar"],
        "CAST(value AS VARCHAR(n)), CAST(value AS VARBINARY(n))",
        "Cut to a length.",
        fit_types,
        |args| fit(args, false)
    ),
    length_function!(
        &["$char"],
        "CAST(value AS CHAR(n)), CAST(value AS BINARY(n))",
        "Cut, or filled up with blanks (bytes of zero), to a length.",
        fit_types,
        |args| fit(args, true)
    ),
];
