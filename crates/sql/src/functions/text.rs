//! Strings.

use std::sync::Arc;

use arrow::array::{Array, AsArray, ListBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use wide::u8x16;

use super::args::{Long, Text, array, booleans, borrowed, coerce, column, has, is_text, numbers, strings};
use super::define::Function;

/// Strings as they are, other values as their text.
fn texts(types: &[DataType]) -> Option<Vec<DataType>> {
    let is_scalar = |t: &DataType| is_text(t) || t.is_primitive() || *t == DataType::Boolean;
    (!types.is_empty() && types.iter().all(is_scalar)).then(|| vec![DataType::Utf8; types.len()])
}

fn concat(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let parts = (0..args.args.len()).map(|i| Text::of(args, i)).collect::<Result<Vec<_>>>()?;
    strings(args.number_rows, |row, out| {
        for part in &parts {
            match part.get(row) {
                Some(text) => out.push_str(text),
                None => return Ok(false),
            }
        }
        Ok(true)
    })
}

fn split_index(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, separator, index) = (Text::of(args, 0)?, Text::of(args, 1)?, Long::of(args, 2)?);
    Ok(borrowed(args.number_rows, |row| {
        let (text, separator, index) = (text.get(row)?, separator.get(row)?, index.get(row)?);
        let index = usize::try_from(index).ok()?;
        if text.is_empty() {
            return None;
        }
        if separator.is_empty() {
            // As in Flink, blanks divide then.
            return text.split(char::is_whitespace).nth(index);
        }
        match separator.as_bytes() {
            // One byte: the frequent case.
            [byte] => nth_part(text, *byte, index),
            _ => text.split(separator).nth(index),
        }
    }))
}

/// The part of `text` after `index` separators.
fn nth_part(text: &str, separator: u8, index: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let start = match index.checked_sub(1) {
        None => 0,
        Some(before) => nth_place(bytes, 0, separator, before)? + 1,
    };
    text.get(start..nth_place(bytes, start, separator, 0).unwrap_or(bytes.len()))
}

/// Where the separator with number `index` from place `at` on stands: sixteen bytes at a time, because parts are short.
fn nth_place(text: &[u8], mut at: usize, separator: u8, index: usize) -> Option<usize> {
    let wanted = u8x16::splat(separator);
    let mut left = index;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let mut hits = u8x16::new(*chunk).simd_eq(wanted).to_bitmask();
        let count = hits.count_ones() as usize;
        if left < count {
            (0..left).for_each(|_| hits &= hits - 1);
            return Some(at + hits.trailing_zeros() as usize);
        }
        left -= count;
        at += 16;
    }
    let mut rest = text.get(at..).unwrap_or_default().iter().enumerate().filter(|(_, byte)| **byte == separator);
    rest.nth(left).map(|(place, _)| at + place)
}

/// `SUBSTR(s, from [, length])`: positions count from 1, negative ones from the end.
fn substr(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, from, length) = (Text::of(args, 0)?, Long::of(args, 1)?, Long::of(args, 2)?);
    let limited = has(args, 2);
    Ok(borrowed(args.number_rows, |row| {
        let (text, from) = (text.get(row)?, from.get(row)?);
        let length = if limited { length.get(row)? } else { i64::MAX };
        let chars = || if text.is_ascii() { text.len() } else { text.chars().count() };
        let start = match from {
            0 => 0,
            f if f > 0 => f - 1,
            f => chars() as i64 + f,
        };
        if length < 0 {
            return None;
        }
        if length == 0 || start < 0 {
            return Some("");
        }
        let byte = |n: i64| {
            if text.is_ascii() {
                return (n as usize).min(text.len());
            }
            text.char_indices().nth(n as usize).map_or(text.len(), |(i, _)| i)
        };
        text.get(byte(start)..byte(start.saturating_add(length).min(i64::from(i32::MAX))))
    }))
}

fn locate(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (needle, text, from) = (Text::of(args, 0)?, Text::of(args, 1)?, Long::of(args, 2)?);
    let given = has(args, 2);
    let found: PrimitiveArray<Int32Type> = numbers(args.number_rows, |row| {
        let (needle, text) = (needle.get(row)?, text.get(row)?);
        let from = if given { from.get(row)?.max(1) - 1 } else { 0 };
        let start = text.char_indices().nth(from as usize).map_or(text.len(), |(i, _)| i);
        let at = text.get(start..)?.find(needle);
        Some(at.map_or(0, |at| text.get(..start + at).map_or(0, |before| before.chars().count() as i32 + 1)))
    });
    Ok(array(found))
}

/// Java's `String.hashCode`, over UTF-16 units.
fn hash_code(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    let hashes: PrimitiveArray<Int32Type> = numbers(args.number_rows, |row| {
        Some(text.get(row)?.encode_utf16().fold(0_i32, |h, c| h.wrapping_mul(31).wrapping_add(i32::from(c))))
    });
    Ok(array(hashes))
}

/// How often a character occurs: the user-defined function of the public Nexmark queries.
fn count_char(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, wanted) = (Text::of(args, 0)?, Text::of(args, 1)?);
    let counts: PrimitiveArray<Int64Type> = numbers(args.number_rows, |row| {
        let (Some(text), Some(wanted)) = (text.get(row), wanted.get(row)) else { return Some(0) };
        Some(match wanted.as_bytes() {
            [byte] => text.bytes().filter(|b| b == byte).count() as i64,
            _ => wanted.chars().next().map_or(0, |c| text.matches(c).count() as i64),
        })
    });
    Ok(array(counts))
}

/// `PARSE_URL(url, 'HOST' | 'PATH' | 'QUERY' | 'REF' | 'PROTOCOL' | 'AUTHORITY' | 'FILE' | 'USERINFO' [, key])`.
fn parse_url(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (url, part, key) = (Text::of(args, 0)?, Text::of(args, 1)?, Text::of(args, 2)?);
    let keyed = has(args, 2);
    Ok(borrowed(args.number_rows, |row| {
        let found = url_part(url.get(row)?, part.get(row)?)?;
        if !keyed {
            return Some(found);
        }
        let key = key.get(row).filter(|_| part.get(row) == Some("QUERY"))?;
        found.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }))
}

fn url_part<'u>(url: &'u str, part: &str) -> Option<&'u str> {
    let (protocol, rest) = url.split_once("://")?;
    let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(r, f)| (r, Some(f)));
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, file) = rest.split_at(at);
    let (path, query) = file.split_once('?').map_or((file, None), |(p, q)| (p, Some(q)));
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match part {
        "PROTOCOL" => Some(protocol),
        "AUTHORITY" => Some(authority),
        "HOST" => Some(host.split_once(':').map_or(host, |(host, _)| host)),
        "USERINFO" => user,
        "PATH" => Some(path),
        "FILE" => Some(file),
        "QUERY" => query,
        "REF" => fragment,
        _ => None,
    }
}

/// `SPLIT(s, delimiter)`.
fn split(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, delimiter) = (Text::of(args, 0)?, Text::of(args, 1)?);
    let mut list = ListBuilder::new(StringBuilder::new());
    for row in 0..args.number_rows {
        match (text.get(row), delimiter.get(row)) {
            (Some(""), Some(_)) => list.append(true),
            (Some(text), Some("")) => {
                text.chars().for_each(|c| list.values().append_value(c.to_string()));
                list.append(true);
            }
            (Some(text), Some(delimiter)) => {
                text.split(delimiter).for_each(|part| list.values().append_value(part));
                list.append(true);
            }
            _ => list.append(false),
        }
    }
    Ok(array(list.finish()))
}

fn hex(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    use std::fmt::Write as _;
    let values = column(args, 0)?;
    if let Some(longs) = values.as_primitive_opt::<Int64Type>() {
        return strings(args.number_rows, |row, out| {
            let _ = write!(out, "{:X}", if longs.is_valid(row) { longs.value(row) } else { 0 });
            Ok(longs.is_valid(row))
        });
    }
    let bytes = arrow::compute::cast(&values, &DataType::Binary)?;
    let bytes = bytes.as_binary::<i32>();
    strings(args.number_rows, |row, out| {
        if bytes.is_null(row) {
            return Ok(false);
        }
        for byte in bytes.value(row) {
            let _ = write!(out, "{byte:02X}");
        }
        Ok(true)
    })
}

fn typeof_(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let shown = args.arg_fields.first().map(|f| crate::types::SqlType::of_field(f).to_string());
    Ok(ColumnarValue::Scalar(ScalarValue::Utf8(shown)))
}

/// Texts, or numbers, which are decimals, and digits only when they are whole.
fn texts_or_numbers(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [t] if t.is_numeric() => Some(vec![t.clone()]),
        _ => coerce("s", types),
    }
}

fn check(args: &ScalarFunctionArgs, holds: fn(&str) -> bool) -> Result<ColumnarValue> {
    let values = column(args, 0)?;
    if values.data_type().is_numeric() {
        let sample = if values.data_type().is_integer() { "1" } else { "1.5" };
        return Ok(booleans(args.number_rows, |row| Some(values.is_valid(row) && holds(sample))));
    }
    let text = Text::of(args, 0)?;
    Ok(booleans(args.number_rows, |row| Some(text.get(row).is_some_and(holds))))
}

fn string_type(_: &[DataType]) -> DataType {
    DataType::Utf8
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["concat"],
        "CONCAT(a, b, …)",
        "The strings one after the other; NULL when one is NULL.",
        texts,
        string_type,
        concat,
    ),
    Function::pure(
        &["split_index"],
        "SPLIT_INDEX(text, separator, index)",
        "The part at `index`, counting from 0; NULL when there is none.",
        |types| coerce("ssi", types),
        string_type,
        split_index,
    ),
    Function::pure(
        &["substr", "substring"],
        "SUBSTRING(text, from [, length])",
        "A part of a string; a negative `from` counts from the end.",
        |types| coerce("siI", types),
        string_type,
        substr,
    ),
    Function::pure(
        &["locate"],
        "LOCATE(part, text [, from])",
        "Position of the first occurrence, counting from 1; 0 when there is none.",
        |types| coerce("ssI", types),
        |_| DataType::Int32,
        locate,
    ),
    Function::pure(
        &["hash_code"],
        "HASH_CODE(text)",
        "Java's hash of a string.",
        |types| coerce("s", types),
        |_| DataType::Int32,
        hash_code,
    ),
    Function::pure(
        &["count_char"],
        "COUNT_CHAR(text, char)",
        "How often a character occurs; the UDF of the public Nexmark queries.",
        |types| coerce("ss", types),
        |_| DataType::Int64,
        count_char,
    ),
    Function::pure(
        &["parse_url"],
        "PARSE_URL(url, 'HOST' [, key])",
        "A part of a URL, or a parameter of its query.",
        |types| coerce("ssS", types),
        string_type,
        parse_url,
    ),
    Function::pure(
        &["split"],
        "SPLIT(text, delimiter)",
        "An array of the parts.",
        |types| coerce("ss", types),
        |_| DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
        split,
    ),
    Function::pure(
        &["hex"],
        "HEX(number, text or bytes)",
        "Upper-case hexadecimal digits.",
        |types| match types {
            [t @ (DataType::Binary | DataType::FixedSizeBinary(_))] => Some(vec![t.clone()]),
            _ => coerce("i", types).or_else(|| coerce("s", types)),
        },
        string_type,
        hex,
    ),
    Function::pure(
        &["typeof"],
        "TYPEOF(value)",
        "The SQL type of an expression.",
        |types| (types.len() == 1).then(|| types.to_vec()),
        string_type,
        typeof_,
    ),
    Function::pure(
        &["is_alpha"],
        "IS_ALPHA(text)",
        "True when there are letters only.",
        |types| coerce("s", types),
        |_| DataType::Boolean,
        |args| check(args, |t| !t.is_empty() && t.chars().all(char::is_alphabetic)),
    ),
    Function::pure(
        &["is_digit"],
        "IS_DIGIT(text)",
        "True when there are digits only.",
        texts_or_numbers,
        |_| DataType::Boolean,
        |args| check(args, |t| !t.is_empty() && t.chars().all(char::is_numeric)),
    ),
    Function::pure(
        &["is_decimal"],
        "IS_DECIMAL(text)",
        "True when the text is a number.",
        texts_or_numbers,
        |_| DataType::Boolean,
        |args| check(args, |t| t.parse::<f64>().is_ok_and(f64::is_finite)),
    ),
];

#[cfg(test)]
mod tests {
    use sloth_types::rng::Rng;

    use super::nth_part;

    #[test]
    fn parts_are_those_of_a_split() {
        let mut rng = Rng::new(3);
        for _ in 0..5_000 {
            let text: String = (0..rng.below(60))
                .map(|_| if rng.below(6) == 0 { '/' } else { ['a', 'é', '漢'][rng.below(3) as usize] })
                .collect();
            for index in 0..8 {
                assert_eq!(nth_part(&text, b'/', index), text.split('/').nth(index), "{text} {index}");
            }
        }
    }
}
