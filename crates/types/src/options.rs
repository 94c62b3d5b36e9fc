//! The `WITH ('key' = 'value')` options of a table, and settings (`SET 'key' = 'value'`), with typed access and good errors.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};

/// Options of one table, or settings. Keys are case-sensitive, as in Flink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pairs: BTreeMap<String, String>,
    word: Word,
}

/// What errors call the pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Word {
    #[default]
    Option,
    Setting,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Word::Setting { "setting" } else { "option" })
    }
}

impl Options {
    /// Options from pairs.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Options { pairs: pairs.into_iter().collect(), word: Word::Option }
    }
    /// Settings from pairs.
    pub fn settings(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Options { word: Word::Setting, ..Options::new(pairs) }
    }
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.get(key).map(String::as_str)
    }
    /// The value of `key`, or an error that names it.
    ///
    /// # Errors
    /// When the option is missing.
    pub fn require(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| {
            Error::invalid(format!("option '{key}' is missing")).hint(format!("Add '{key}' = '…' to the WITH clause."))
        })
    }
    /// The value of `key` parsed, or `default`.
    ///
    /// # Errors
    /// When the value cannot be parsed; `what` says what was expected ("a whole number").
    pub fn parse_or<T: std::str::FromStr>(&self, key: &str, what: &str, default: T) -> Result<T> {
        Ok(self.parse(key, what)?.unwrap_or(default))
    }
    /// The value of `key` parsed, if present.
    ///
    /// # Errors
    /// As [`Options::parse_or`].
    pub fn parse<T: std::str::FromStr>(&self, key: &str, what: &str) -> Result<Option<T>> {
        self.get(key)
            .map(|v| {
                v.trim().parse().map_err(|_| Error::invalid(format!("{} '{key}' = '{v}': expected {what}", self.word)))
            })
            .transpose()
    }
    /// A duration in Flink's notation (`500 ms`, `10 s`, `1 min`, `2 h`, `1 d`; a bare number is milliseconds).
    ///
    /// # Errors
    /// When the value is not a duration.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>> {
        self.get(key)
            .map(|v| {
                parse_duration(v).ok_or_else(|| {
                    Error::invalid(format!(
                        "{} '{key}' = '{v}': expected a duration such as '10 s' or '500 ms'",
                        self.word
                    ))
                })
            })
            .transpose()
    }
    /// A size in Flink's notation (`64 kb`, `128mb`, `1 gb`; a bare number is bytes; units are powers of 1024).
    ///
    /// # Errors
    /// When the value is not a size.
    pub fn bytes(&self, key: &str) -> Result<Option<u64>> {
        self.get(key)
            .map(|v| {
                parse_bytes(v).ok_or_else(|| {
                    Error::invalid(format!("{} '{key}' = '{v}': expected a size such as '64 mb'", self.word))
                })
            })
            .transpose()
    }
    /// The options whose keys start with `prefix`, without it.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs.iter().filter_map(move |(k, v)| Some((k.strip_prefix(prefix)?, v.as_str())))
    }
    /// All pairs in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }
    /// Sets one option.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.pairs.insert(key.into(), value.into());
    }
    /// Fails on a key that is neither in `known` nor starts with one of `prefixes`, and proposes the nearest.
    ///
    /// # Errors
    /// On the first unknown key.
    pub fn check_known(&self, connector: &str, known: &[&str], prefixes: &[&str]) -> Result<()> {
        for key in self.pairs.keys() {
            if known.contains(&key.as_str()) || prefixes.iter().any(|p| key.starts_with(p)) {
                continue;
            }
            let error = Error::invalid(format!("option '{key}' is not known to connector '{connector}'"));
            let near = known.iter().min_by_key(|k| edit_distance(k, key)).filter(|k| edit_distance(k, key) <= 3);
            return Err(match near {
                Some(near) => error.hint(format!("Did you mean '{near}'?")),
                None => error.hint(format!("Known options: {}.", known.join(", "))),
            });
        }
        Ok(())
    }
}

/// Parses `10 s`, `500ms`, `1 min`, …; a bare number is milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    let millis = match unit.as_str() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => number,
        "s" | "sec" | "secs" | "second" | "seconds" => number.checked_mul(1000)?,
        "m" | "min" | "minute" | "minutes" => number.checked_mul(60_000)?,
        "h" | "hour" | "hours" => number.checked_mul(3_600_000)?,
        "d" | "day" | "days" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(millis))
}

fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let shift = match unit.as_str() {
        "" | "b" | "bytes" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn split_number(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text.get(..end)?.parse().ok()?, text.get(end..)?.trim().to_ascii_lowercase()))
}

/// Levenshtein distance, for "did you mean".
pub fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cb, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let cost = if ca == *cb { diagonal } else { 1 + diagonal.min(*above).min(left) };
            diagonal = *above;
            *above = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
