//! Java's date patterns (`yyyy-MM-dd HH:mm:ss.SSS`): compiled once, then used to write and to read.

use std::fmt::Write as _;

use super::civil::{Civil, DAY_MS, days_in_month, days_of};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Literal(String),
    /// A field letter and how often it was written.
    Field(char, usize),
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    items: Vec<Item>,
}

impl Pattern {
    /// Compiles a pattern; `None` when it has a letter that is no field.
    pub(crate) fn compile(text: &str) -> Option<Pattern> {
        let mut items: Vec<Item> = Vec::new();
        let literal = |items: &mut Vec<Item>, c: char| match items.last_mut() {
            Some(Item::Literal(text)) => text.push(c),
            _ => items.push(Item::Literal(c.to_string())),
        };
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => loop {
                    match chars.next() {
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            literal(&mut items, '\'');
                        }
                        Some('\'') => break,
                        Some(inner) => literal(&mut items, inner),
                        None => return None,
                    }
                },
                c if c.is_ascii_alphabetic() => {
                    if !"yuMLdDEaHhKkmsSQwzZXx".contains(c) {
                        return None;
                    }
                    let mut count = 1;
                    while chars.peek() == Some(&c) {
                        chars.next();
                        count += 1;
                    }
                    items.push(Item::Field(c, count));
                }
                // Optional sections: written, and skipped in reading when absent only at the end.
                '[' | ']' => {}
                c => literal(&mut items, c),
            }
        }
        Some(Pattern { items })
    }

    /// True when texts of the pattern say their time zone.
    pub(crate) fn reads_zone(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Field('z' | 'Z' | 'X' | 'x', _)))
    }

    /// The longest span of milliseconds, aligned to 1970, in which the output does not change.
    pub(crate) fn granularity_ms(&self) -> i64 {
        let of = |item: &Item| match item {
            Item::Literal(_) => DAY_MS,
            Item::Field('S', _) => 1,
            Item::Field('s', _) => 1_000,
            Item::Field('m', _) => 60_000,
            // Time zones have offsets of quarter hours.
            Item::Field('z' | 'Z' | 'X' | 'x', _) => 900_000,
            Item::Field('H' | 'h' | 'K' | 'k', _) => 3_600_000,
            Item::Field('a', _) => 12 * 3_600_000,
            Item::Field(..) => DAY_MS,
        };
        self.items.iter().map(of).min().unwrap_or(DAY_MS)
    }

    /// Writes local time `ms`; `offset_ms` is its distance from UTC.
    pub(crate) fn write(&self, ms: i64, offset_ms: i64, out: &mut String) {
        self.write_fine(ms, ms.rem_euclid(1_000) * 1_000_000, offset_ms, out);
    }

    /// The same of a time with more digits: `nanos` are those since the last whole second.
    pub(crate) fn write_fine(&self, ms: i64, nanos: i64, offset_ms: i64, out: &mut String) {
        let at = Civil::of(ms);
        for item in &self.items {
            match item {
                Item::Literal(text) => out.push_str(text),
                Item::Field('S', count) => {
                    let from = out.len();
                    let _ = write!(out, "{nanos:09}");
                    out.extend(std::iter::repeat_n('0', count.saturating_sub(9)));
                    out.truncate(from + count);
                }
                Item::Field(letter, count) => write_field(&at, offset_ms, *letter, *count, out),
            }
        }
    }

    /// Reads local time in milliseconds; `None` when the text does not match.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        let mut fields = Fields { month: 1, day: 1, ..Fields::default() };
        let mut rest = text.trim();
        for (index, item) in self.items.iter().enumerate() {
            match item {
                Item::Literal(expected) => rest = rest.strip_prefix(expected.as_str())?,
                Item::Field(letter, count) => {
                    // Digits that touch the next field are cut by the pattern's own width.
                    let adjacent =
                        matches!(self.items.get(index + 1), Some(Item::Field(next, _)) if next.is_ascii_alphabetic());
                    rest = fields.take(*letter, *count, adjacent, rest)?;
                }
            }
        }
        if rest.is_empty() { fields.to_ms() } else { None }
    }
}

fn pad(value: i64, width: usize, out: &mut String) {
    // Two digits are by far the most frequent.
    if width == 2 && (0..100).contains(&value) {
        out.push(char::from(b'0' + (value / 10) as u8));
        out.push(char::from(b'0' + (value % 10) as u8));
    } else {
        let _ = write!(out, "{value:0width$}");
    }
}

fn write_field(at: &Civil, offset_ms: i64, letter: char, count: usize, out: &mut String) {
    let hour = at.time_ms / 3_600_000;
    match letter {
        'y' | 'u' if count == 2 => pad(at.year.rem_euclid(100), 2, out),
        'y' | 'u' => pad(at.year, count, out),
        'M' | 'L' if count >= 3 => {
            let name = MONTHS.get(at.month as usize - 1).copied().unwrap_or_default();
            out.push_str(if count == 3 { name.get(..3).unwrap_or(name) } else { name });
        }
        'M' | 'L' => pad(at.month, count, out),
        'd' => pad(at.day, count, out),
        'D' => pad(at.day_of_year(), count, out),
        'E' => {
            let name = DAYS.get(at.iso_weekday() as usize - 1).copied().unwrap_or_default();
            out.push_str(if count <= 3 { name.get(..3).unwrap_or(name) } else { name });
        }
        'a' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'H' => pad(hour, count, out),
        'h' => pad((hour + 11) % 12 + 1, count, out),
        'K' => pad(hour % 12, count, out),
        'k' => pad((hour + 23) % 24 + 1, count, out),
        'm' => pad(at.time_ms / 60_000 % 60, count, out),
        's' => pad(at.time_ms / 1_000 % 60, count, out),
        'Q' => pad((at.month + 2) / 3, count, out),
        'w' => pad(at.iso_week().1, count, out),
        _ => {
            let minutes = offset_ms / 60_000;
            if minutes == 0 && matches!(letter, 'X' | 'z') {
                out.push_str(if letter == 'X' { "Z" } else { "UTC" });
                return;
            }
            let colon = if count >= 3 || letter == 'z' { ":" } else { "" };
            let sign = if minutes < 0 { '-' } else { '+' };
            let _ = write!(out, "{sign}{:02}{colon}{:02}", minutes.abs() / 60, minutes.abs() % 60);
        }
    }
}

#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    half: Option<i64>,
    pm: Option<bool>,
    minute: i64,
    second: i64,
    millis: i64,
    offset_ms: i64,
}

impl Fields {
    /// Takes one field from the start of `text` and returns what is left.
    fn take<'t>(&mut self, letter: char, count: usize, adjacent: bool, text: &'t str) -> Option<&'t str> {
        match letter {
            'M' | 'L' if count >= 3 => {
                let name = |(i, m): (usize, &&'static str)| Some((i, prefix_of(text, m, count == 3)?));
                let (index, used) = MONTHS.iter().enumerate().find_map(name)?;
                self.month = index as i64 + 1;
                return text.get(used..);
            }
            'E' => {
                let used = DAYS.iter().find_map(|d| prefix_of(text, d, count <= 3))?;
                return text.get(used..);
            }
            'a' => {
                self.pm = Some(match text.get(..2)? {
                    t if t.eq_ignore_ascii_case("AM") => false,
                    t if t.eq_ignore_ascii_case("PM") => true,
                    _ => return None,
                });
                return text.get(2..);
            }
            'z' | 'Z' | 'X' | 'x' => return self.take_zone(text),
            _ => {}
        }
        let most = match letter {
            'S' => 9,
            'y' | 'u' if count != 2 && !adjacent => 9,
            _ if adjacent => count,
            'y' | 'u' => count,
            'D' => 3,
            _ => 2,
        };
        let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let value: i64 = text.get(..digits)?.parse().ok()?;
        match letter {
            'y' | 'u' => self.year = Some(if count == 2 { 2000 + value } else { value }),
            'M' | 'L' => self.month = value,
            'd' => self.day = value,
            'D' => self.day_of_year = Some(value),
            'H' => self.hour = value,
            'k' => self.hour = value % 24,
            'h' => self.half = Some(value % 12),
            'K' => self.half = Some(value),
            'm' => self.minute = value,
            's' => self.second = value,
            'S' => self.millis = (value as f64 / 10_f64.powi(digits as i32 - 3)) as i64,
            _ => {}
        }
        text.get(digits..)
    }

    fn take_zone<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z').or_else(|| text.strip_prefix("UTC")) {
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let digits = text.get(1..)?;
        let hours: i64 = digits.get(..2)?.parse().ok()?;
        let rest = digits.get(2..)?.strip_prefix(':').unwrap_or(digits.get(2..)?);
        let minutes: i64 = rest.get(..2).unwrap_or("00").parse().ok()?;
        self.offset_ms = sign * (hours * 60 + minutes) * 60_000;
        rest.get(2.min(rest.len())..)
    }

    fn to_ms(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let hour = match (self.half, self.pm) {
            (Some(half), pm) => half + if pm == Some(true) { 12 } else { 0 },
            (None, _) => self.hour,
        };
        let valid = (1..=12).contains(&self.month)
            && self.day >= 1
            && self.day <= days_in_month(year, self.month)
            && hour < 24
            && self.minute < 60
            && self.second < 60;
        let days = match self.day_of_year {
            Some(day) => days_of(year, 1, 1) + day - 1,
            None => days_of(year, self.month, self.day),
        };
        let time = ((hour * 60 + self.minute) * 60 + self.second) * 1_000 + self.millis;
        valid.then_some(days * DAY_MS + time - self.offset_ms)
    }
}

fn prefix_of(text: &str, name: &str, short: bool) -> Option<usize> {
    let name = if short { name.get(..3)? } else { name };
    text.get(..name.len()).filter(|t| t.eq_ignore_ascii_case(name)).map(str::len)
}

/// Reads `2024-01-31`, `2024-01-31 10:20:30`, `2024-01-31T10:20:30.123Z`: what Flink's casts accept.
pub(crate) fn read_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, time) = match text.find([' ', 'T']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.trim()),
        None => (text, ""),
    };
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let mut fields = Fields { year: Some(year), month, day, ..Fields::default() };
    let time = time.strip_suffix('Z').unwrap_or(time);
    if !time.is_empty() {
        let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
        let mut parts = clock.splitn(3, ':');
        fields.hour = parts.next()?.parse().ok()?;
        fields.minute = parts.next()?.parse().ok()?;
        fields.second = parts.next().unwrap_or("0").parse().ok()?;
        if !fraction.is_empty() {
            fields.millis = format!("{:0<3}", fraction.get(..3.min(fraction.len()))?).parse().ok()?;
        }
    }
    fields.to_ms()
}
