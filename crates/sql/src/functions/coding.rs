//! Encodings: URLs, character sets, hexadecimal digits, SHA-1.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use sha1::{Digest, Sha1};

use super::args::{Text, coerce, column, strings};
use super::define::Function;

/// `application/x-www-form-urlencoded`, as Java's URLEncoder writes it.
fn url_encode(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    strings(args.number_rows, |row, out| {
        let Some(text) = text.get(row) else { return Ok(false) };
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
                b' ' => out.push('+'),
                _ => {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        }
        Ok(true)
    })
}

/// `None` when a `%` is not followed by two digits.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [a, b, after @ ..]) => {
                let digit = |d: &u8| char::from(*d).to_digit(16);
                bytes.push((digit(a)? * 16 + digit(b)?) as u8);
                after
            }
            (b'%', _) => return None,
            (b'+', after) => {
                bytes.push(b' ');
                after
            }
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn url_decode(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    strings(args.number_rows, |row, out| match text.get(row).and_then(decoded) {
        Some(text) => {
            out.push_str(&text);
            Ok(true)
        }
        None => Ok(false),
    })
}

/// A character set of `ENCODE` and `DECODE`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    /// Big-endian; with a byte order mark.
    Utf16 {
        big: bool,
        mark: bool,
    },
}

impl Charset {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_uppercase().as_str() {
            "US-ASCII" => Charset::Ascii,
            "ISO-8859-1" => Charset::Latin1,
            "UTF-8" => Charset::Utf8,
            "UTF-16BE" => Charset::Utf16 { big: true, mark: false },
            "UTF-16LE" => Charset::Utf16 { big: false, mark: false },
            "UTF-16" => Charset::Utf16 { big: true, mark: true },
            _ => {
                return exec_err!(
                    "'{name}' is no character set: use US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16"
                );
            }
        })
    }

    fn encode(self, text: &str) -> Vec<u8> {
        let narrow = |limit: u32| text.chars().map(|c| if u32::from(c) < limit { c as u8 } else { b'?' }).collect();
        match self {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Ascii => narrow(0x80),
            Charset::Latin1 => narrow(0x100),
            Charset::Utf16 { big, mark } => {
                let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
                units.flat_map(|u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
            }
        }
    }

    fn decode(self, bytes: &[u8], out: &mut String) {
        match self {
            Charset::Utf8 => out.push_str(&String::from_utf8_lossy(bytes)),
            Charset::Latin1 => out.extend(bytes.iter().map(|b| char::from(*b))),
            Charset::Ascii => {
                out.extend(
                    bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER }),
                );
            }
            Charset::Utf16 { big, mark } => {
                let (bytes, big) = match bytes {
                    [0xFE, 0xFF, rest @ ..] if mark => (rest, true),
                    [0xFF, 0xFE, rest @ ..] if mark => (rest, false),
                    _ => (bytes, big),
                };
                let units = bytes.chunks(2).map(|pair| match pair {
                    [a, b] if big => u16::from_be_bytes([*a, *b]),
                    [a, b] => u16::from_le_bytes([*a, *b]),
                    _ => 0xFFFD,
                });
                out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
        }
    }
}

fn encode(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, charset) = (Text::of(args, 0)?, Text::of(args, 1)?);
    let mut out = BinaryBuilder::new();
    for row in 0..args.number_rows {
        match (text.get(row), charset.get(row)) {
            (Some(text), Some(charset)) => out.append_value(Charset::parse(charset)?.encode(text)),
            _ => out.append_null(),
        }
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

fn decode(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (bytes, charset) = (column(args, 0)?, Text::of(args, 1)?);
    let bytes = bytes.as_binary::<i32>();
    strings(args.number_rows, |row, out| match charset.get(row) {
        Some(charset) if bytes.is_valid(row) => {
            Charset::parse(charset)?.decode(bytes.value(row), out);
            Ok(true)
        }
        _ => Ok(false),
    })
}

/// Bytes of hexadecimal digits; NULL when there is another character.
fn unhex(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    let mut out = BinaryBuilder::new();
    for row in 0..args.number_rows {
        let digits = text.get(row).and_then(|t| t.chars().map(|c| c.to_digit(16)).collect::<Option<Vec<u32>>>());
        out.append_option(digits.map(|digits| {
            // As in Flink, one digit too few is a byte of zero.
            let odd = digits.len() % 2;
            let pairs = digits.get(odd..).unwrap_or_default().chunks(2);
            let bytes = pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit) as u8);
            std::iter::repeat_n(0, odd).chain(bytes).collect::<Vec<u8>>()
        }));
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

fn sha1(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let text = Text::of(args, 0)?;
    strings(args.number_rows, |row, out| {
        let Some(text) = text.get(row) else { return Ok(false) };
        for byte in Sha1::digest(text.as_bytes()) {
            let _ = write!(out, "{byte:02x}");
        }
        Ok(true)
    })
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::pure(
        &["url_encode"],
        "URL_ENCODE(text)",
        "The text as part of a URL (form encoding).",
        |types| coerce("s", types),
        |_| DataType::Utf8,
        url_encode,
    ),
    Function::pure(
        &["url_decode"],
        "URL_DECODE(text)",
        "The text of a part of a URL; NULL when it is not well-formed.",
        |types| coerce("s", types),
        |_| DataType::Utf8,
        url_decode,
    ),
    Function::pure(
        &["$encode"],
        "ENCODE(text, 'UTF-8' | 'UTF-16' | 'UTF-16BE' | 'UTF-16LE' | 'ISO-8859-1' | 'US-ASCII')",
        "The text as BYTES of a character set.",
        |types| coerce("ss", types),
        |_| DataType::Binary,
        encode,
    ),
    Function::pure(
        &["$decode"],
        "DECODE(bytes, 'UTF-8' | …)",
        "BYTES of a character set as text.",
        |types| match types {
            [
                DataType::Binary | DataType::Utf8 | DataType::BinaryView | DataType::LargeBinary | DataType::Null,
                set,
            ] => super::args::is_text(set).then(|| vec![DataType::Binary, DataType::Utf8]),
            _ => None,
        },
        |_| DataType::Utf8,
        decode,
    ),
    Function::pure(
        &["unhex"],
        "UNHEX(text)",
        "BYTES of hexadecimal digits; NULL when there is another character.",
        |types| coerce("s", types),
        |_| DataType::Binary,
        unhex,
    ),
    Function::pure(
        &["sha1"],
        "SHA1(text)",
        "The SHA-1 hash as hexadecimal digits.",
        |types| coerce("s", types),
        |_| DataType::Utf8,
        sha1,
    ),
];
