//! LIKE's escapes, and SIMILAR TO as an anchored regular expression.

use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};

use arrow::datatypes::DataType;

use super::args::{Text, booleans, coerce, has, strings};
use super::define::Function;
use super::regex::Expressions;

/// What is wrong with a pattern, and at which of its characters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPattern {
    pub(crate) message: String,
    pub(crate) at: usize,
    pub(crate) length: usize,
}

fn bad<T>(message: impl Into<String>, at: usize, length: usize) -> std::result::Result<T, BadPattern> {
    Err(BadPattern { message: message.into(), at, length })
}

/// The one character of an ESCAPE clause.
pub(crate) fn escape_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// A LIKE pattern with the escape character that the evaluation knows, the backslash. Without `escape` nothing is
/// escaped: a backslash stands for itself.
pub(crate) fn like_pattern(pattern: &str, escape: Option<char>) -> std::result::Result<String, BadPattern> {
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut chars = pattern.chars().enumerate();
    while let Some((at, c)) = chars.next() {
        if Some(c) != escape {
            if c == '\\' {
                out.push(c);
            }
            out.push(c);
            continue;
        }
        match chars.next() {
            Some((_, next)) if next == '%' || next == '_' || next == c => {
                if matches!(next, '%' | '_' | '\\') {
                    out.push('\\');
                }
                out.push(next);
            }
            next => {
                let message = format!("the escape character '{c}' must stand before '%', '_' or itself");
                return bad(message, at, 1 + usize::from(next.is_some()));
            }
        }
    }
    Ok(out)
}

const SIMILAR_SPECIALS: &str = "[]()|^-+*_%?{}";
const REGEX_SPECIALS: &str = "[]()|^-+*?{}$\\.&~#";

/// A SIMILAR TO pattern as a regular expression over the whole text.
pub(crate) fn similar_regex(pattern: &str, escape: Option<char>) -> std::result::Result<String, BadPattern> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 16);
    out.push_str(r"\A(?:");
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if Some(c) == escape {
            push_escaped(&chars, at, c, &mut out)?;
            at += 2;
            continue;
        }
        match c {
            '_' => out.push('.'),
            '%' => out.push_str("(?s:.*)"),
            '[' => {
                at = enumeration(&chars, at, escape, &mut out)?;
                continue;
            }
            ']' => return bad("']' closes nothing", at, 1),
            '\\' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        at += 1;
    }
    out.push_str(r")\z");
    match regex::Regex::new(&out) {
        Ok(_) => Ok(out),
        Err(regex::Error::Syntax(text)) => {
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            bad(reason, 0, chars.len())
        }
        Err(other) => bad(other.to_string(), 0, chars.len()),
    }
}

fn push_escaped(chars: &[char], at: usize, escape: char, out: &mut String) -> std::result::Result<(), BadPattern> {
    match chars.get(at + 1) {
        Some(&next) if next == escape || SIMILAR_SPECIALS.contains(next) => {
            if REGEX_SPECIALS.contains(next) {
                out.push('\\');
            }
            out.push(next);
            Ok(())
        }
        next => {
            let message = format!("the escape character '{escape}' must stand before a special character or itself");
            bad(message, at, 1 + usize::from(next.is_some()))
        }
    }
}

/// `[a-z]`, `[^0-9]`, `[[:ALPHA:]_]`; returns the place behind.
fn enumeration(
    chars: &[char],
    start: usize,
    escape: Option<char>,
    out: &mut String,
) -> std::result::Result<usize, BadPattern> {
    out.push('[');
    let mut at = start + 1;
    while let Some(&c) = chars.get(at) {
        if c == ']' {
            out.push(']');
            return Ok(at + 1);
        }
        if Some(c) == escape {
            push_escaped(chars, at, c, out)?;
            at += 2;
            continue;
        }
        if c == '[' && chars.get(at + 1) == Some(&':') {
            let end = chars.windows(2).enumerate().skip(at + 2).find(|(_, w)| w == &[':', ']']).map(|(i, _)| i);
            let name: String = chars.get(at + 2..end.unwrap_or(at)).unwrap_or_default().iter().collect();
            let length = end.map_or(2, |end| end + 2 - at);
            out.push_str(match name.to_ascii_uppercase().as_str() {
                "ALPHA" => "[:alpha:]",
                "UPPER" => "[:upper:]",
                "LOWER" => "[:lower:]",
                "DIGIT" => r"\d",
                "SPACE" => " ",
                "WHITESPACE" => r"\s",
                "ALNUM" => "[:alnum:]",
                _ => return bad(format!("'[:{name}:]' is no class of characters"), at, length),
            });
            at += length;
            continue;
        }
        match c {
            '-' | '^' => out.push(c),
            c if SIMILAR_SPECIALS.contains(c) => return bad(format!("'{c}' must be escaped inside [ ]"), at, 1),
            c if REGEX_SPECIALS.contains(c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        at += 1;
    }
    bad("'[' is never closed", start, 1)
}

/// Patterns that are not known before the rows are; arguments: pattern [, escape].
fn translated(
    args: &ScalarFunctionArgs,
    translate: fn(&str, Option<char>) -> std::result::Result<String, BadPattern>,
) -> Result<ColumnarValue> {
    let (pattern, escape) = (Text::of(args, 0)?, Text::of(args, 1)?);
    let escaped = has(args, 1);
    let fail = |message: String| DataFusionError::Execution(message);
    strings(args.number_rows, |row, out| {
        let Some(pattern) = pattern.get(row) else { return Ok(false) };
        let escape = match (escaped, escape.get(row)) {
            (false, _) => None,
            (true, None) => return Ok(false),
            (true, Some(text)) => {
                let c = escape_char(text);
                Some(c.ok_or_else(|| fail(format!("'{text}' is no escape character: it must be one character")))?)
            }
        };
        let text = translate(pattern, escape).map_err(|e| fail(format!("pattern '{pattern}': {}", e.message)))?;
        out.push_str(&text);
        Ok(true)
    })
}

fn similar_to(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (text, mut regex) = (Text::of(args, 0)?, Expressions::new(args, 1)?);
    Ok(booleans(args.number_rows, |row| {
        let text = text.get(row)?;
        Some(regex.at(row)?.is_match(text))
    }))
}

const ABOUT: &str = "A pattern translated; internal.";

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        names: &["$similar_to"],
        usage: "text [NOT] SIMILAR TO pattern [ESCAPE char]",
        about: "True when the whole text matches a regular expression of SQL.",
        volatility: Volatility::Immutable,
        coerce: |types| coerce("ss", types),
        returns: |_| DataType::Boolean,
        invoke: similar_to,
    },
    Function {
        names: &["$similar_regex"],
        usage: "text SIMILAR TO pattern ESCAPE char",
        about: ABOUT,
        volatility: Volatility::Immutable,
        coerce: |types| coerce("sS", types),
        returns: |_| DataType::Utf8,
        invoke: |args| translated(args, similar_regex),
    },
    Function {
        names: &["$like_pattern"],
        usage: "text LIKE pattern ESCAPE char",
        about: ABOUT,
        volatility: Volatility::Immutable,
        coerce: |types| coerce("sS", types),
        returns: |_| DataType::Utf8,
        invoke: |args| translated(args, like_pattern),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_patterns_get_the_backslash_as_escape() {
        assert_eq!(like_pattern("a!_b!!%", Some('!')).unwrap(), r"a\_b!%");
        assert_eq!(like_pattern(r"50\%", None).unwrap(), r"50\\%");
        assert_eq!(like_pattern(r"50\%\\", Some('\\')).unwrap(), r"50\%\\");
        let error = like_pattern("ab!c", Some('!')).unwrap_err();
        assert_eq!((error.at, error.length), (2, 2));
    }

    #[test]
    fn similar_patterns_become_anchored_expressions() {
        assert_eq!(similar_regex("a%(b|c)_", None).unwrap(), r"\A(?:a(?s:.*)(b|c).)\z");
        assert_eq!(similar_regex("[[:DIGIT:]x]!%", Some('!')).unwrap(), r"\A(?:[\dx]%)\z");
        assert_eq!(similar_regex("x[[:NOPE:]]", None).unwrap_err().at, 2);
        assert_eq!(similar_regex("ab]", None).unwrap_err().at, 2);
        assert!(similar_regex("(x", None).is_err());
    }
}
