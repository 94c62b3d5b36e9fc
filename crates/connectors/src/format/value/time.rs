//! Dates, times and timestamps from fixed-width bytes and back: `yyyy-MM-dd`, `HH:mm:ss[.fffffffff]`.

use arrow::datatypes::TimeUnit;

/// Microseconds would lose Flink's TIMESTAMP(9); nanoseconds of a day fit 64 bits easily.
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// What a timestamp text said about its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Zone {
    /// Nothing: local time.
    Local,
    /// `Z`.
    Utc,
    /// `+08:00`, in seconds east of UTC.
    Offset(i32),
}

/// A timestamp cut into its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct Parts {
    /// Days since 1970-01-01.
    pub(in crate::format) days: i32,
    /// Nanoseconds since midnight.
    pub(in crate::format) nanos: i64,
    /// The zone, if one was written.
    pub(in crate::format) zone: Zone,
}

/// Parses timestamps of one column; remembers the last date and the last second, because neighbours mostly share them.
#[derive(Debug)]
pub(in crate::format) struct TimestampParser {
    date: [u8; 10],
    days: i32,
    /// `yyyy-MM-dd HH:mm:ss`, and its seconds since midnight.
    second: [u8; 19],
    seconds: u32,
}

impl Default for TimestampParser {
    fn default() -> Self {
        TimestampParser { date: *b"1970-01-01", days: 0, second: *b"1970-01-01 00:00:00", seconds: 0 }
    }
}

impl TimestampParser {
    /// `yyyy-MM-dd[( |T)HH:mm[:ss[.f…]]][Z|±hh:mm]`.
    #[inline]
    pub(in crate::format) fn parse(&mut self, text: &[u8]) -> Option<Parts> {
        match text.split_first_chunk::<19>() {
            Some((second, rest)) if *second == self.second => self.parse_rest(rest),
            _ => self.parse_other(text),
        }
    }

    /// A timestamp in the last second, with milliseconds or no fraction, up to the quote behind it; and its length with the quote.
    /// `None` for any other, which may be one still.
    #[inline(always)]
    pub(in crate::format) fn quoted(&self, text: &[u8]) -> Option<(Parts, usize)> {
        let (second, rest) = text.split_first_chunk::<19>()?;
        if *second != self.second {
            return None;
        }
        let (fraction, length) = match rest {
            [b'.', a, b, c, b'"', ..] => {
                let digits = [a, b, c].map(|byte| byte.wrapping_sub(b'0'));
                let millis = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(*digit));
                (digits.iter().all(|digit| *digit <= 9).then_some(millis * 1_000_000)?, 24)
            }
            [b'"', ..] => (0, 20),
            _ => return None,
        };
        let nanos = i64::from(self.seconds) * 1_000_000_000 + fraction;
        Some((Parts { days: self.days, nanos, zone: Zone::Local }, length))
    }

    /// What follows the last second.
    #[inline]
    fn parse_rest(&self, text: &[u8]) -> Option<Parts> {
        let (fraction, rest) = parse_fraction(text)?;
        let zone = if rest.is_empty() { Zone::Local } else { parse_zone(rest)? };
        Some(Parts { days: self.days, nanos: i64::from(self.seconds) * 1_000_000_000 + fraction, zone })
    }

    /// Another second than the last one.
    fn parse_other(&mut self, text: &[u8]) -> Option<Parts> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        if *date != self.date {
            self.days = parse_date(date)?;
            self.date = *date;
            // The remembered second was one of another day.
            self.second = [0; 19];
        }
        let days = self.days;
        let Some((separator, time)) = rest.split_first() else {
            return Some(Parts { days, nanos: 0, zone: Zone::Local });
        };
        if *separator != b' ' && *separator != b'T' {
            return None;
        }
        let Some((clock, rest)) = time.split_first_chunk::<8>() else { return parse_short(days, time) };
        let Some(seconds) = parse_clock(*clock) else { return parse_short(days, time) };
        if let Some(second) = text.first_chunk() {
            (self.second, self.seconds) = (*second, seconds);
        }
        self.parse_rest(rest)
    }
}

/// `HH:mm` with an optional zone.
#[cold]
fn parse_short(days: i32, time: &[u8]) -> Option<Parts> {
    let (clock, rest) = time.split_first_chunk::<5>()?;
    let [a, b, c, d, e] = *clock;
    let seconds = parse_clock([a, b, c, d, e, b':', b'0', b'0'])?;
    let zone = if rest.is_empty() { Zone::Local } else { parse_zone(rest)? };
    Some(Parts { days, nanos: i64::from(seconds) * 1_000_000_000, zone })
}

/// `yyyy-MM-dd` as days since 1970-01-01; proleptic Gregorian, year 0 to 9999.
#[inline]
pub(in crate::format) fn parse_date(text: &[u8; 10]) -> Option<i32> {
    let [y0, y1, y2, y3, '-', m0, m1, '-', d0, d1] = text.map(char::from) else { return None };
    let digit = |c: char| c.to_digit(10);
    let year = digit(y0)? * 1000 + digit(y1)? * 100 + digit(y2)? * 10 + digit(y3)?;
    let month = digit(m0)? * 10 + digit(m1)?;
    let day = digit(d0)? * 10 + digit(d1)?;
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(year as i32, month as i32, day as i32))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Howard Hinnant's days_from_civil.
fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `HH:mm:ss` as seconds since midnight, eight bytes at once.
#[inline]
fn parse_clock(text: [u8; 8]) -> Option<u32> {
    // XOR with the pattern `00:00:00` turns digits into 0..=9 and colons into 0; every byte must then be at most 9.
    const PATTERN: u64 = u64::from_le_bytes(*b"00:00:00");
    let digits = u64::from_le_bytes(text) ^ PATTERN;
    let over = (digits.wrapping_add(0x7676_7f76_767f_7676) | digits) & 0x8080_8080_8080_8080;
    if over != 0 {
        return None;
    }
    let pair = |shift: u32| ((digits >> shift) & 0xf) as u32 * 10 + ((digits >> (shift + 8)) & 0xf) as u32;
    let (hours, minutes, seconds) = (pair(0), pair(24), pair(48));
    (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// `.f` to `.fffffffff` as nanoseconds, and what follows. No point is no fraction.
#[inline]
fn parse_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    // The frequent case: milliseconds, and nothing behind them.
    if let [b'.', a, b, c] = text {
        let digits = [a, b, c].map(|byte| byte.wrapping_sub(b'0'));
        if digits.iter().all(|digit| *digit <= 9) {
            let millis = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(*digit));
            return Some((millis * 1_000_000, &[]));
        }
    }
    let Some((b'.', digits)) = text.split_first() else { return Some((0, text)) };
    let mut nanos = 0i64;
    let mut count = 0usize;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        count += 1;
        nanos = nanos * 10 + i64::from(digit);
        if count == 9 {
            break;
        }
    }
    const SCALE: [i64; 10] = [0, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let scale = *SCALE.get(count)?;
    if scale == 0 {
        return None;
    }
    Some((nanos * scale, digits.get(count..)?))
}

#[cold]
fn parse_zone(text: &[u8]) -> Option<Zone> {
    if matches!(text, b"Z" | b"z") {
        return Some(Zone::Utc);
    }
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let two = |a: &u8, b: &u8| Some((char::from(*a).to_digit(10)? * 10 + char::from(*b).to_digit(10)?) as i32);
    let (hours, minutes) = match rest {
        [a, b] => (two(a, b)?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (two(a, b)?, two(c, d)?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(Zone::Offset(sign * (hours * 3600 + minutes * 60)))
}

/// `HH:mm[:ss[.f…]]` as nanoseconds since midnight.
pub(in crate::format) fn parse_time(text: &[u8]) -> Option<i64> {
    let parts = match text.split_first_chunk::<8>() {
        Some((clock, rest)) => {
            let (fraction, rest) = parse_fraction(rest)?;
            let rest = rest.strip_suffix(b"Z").unwrap_or(rest);
            if !rest.is_empty() {
                return None;
            }
            return Some(i64::from(parse_clock(*clock)?) * 1_000_000_000 + fraction);
        }
        None => parse_short(0, text)?,
    };
    (parts.zone == Zone::Local).then_some(parts.nanos)
}

impl Parts {
    /// The wall-clock reading as a count of `unit` since 1970, the zone left aside. Digits finer than the unit are cut.
    #[inline(always)]
    pub(in crate::format) fn to_unit(self, unit: TimeUnit) -> Option<i64> {
        let per_second = units_per_second(unit);
        let nanos_per_unit = 1_000_000_000 / per_second;
        i64::from(self.days).checked_mul(86_400 * per_second)?.checked_add(self.nanos / nanos_per_unit)
    }
}

/// How many of `unit` make a second.
#[inline(always)]
pub(in crate::format) fn units_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Writes days since 1970 as `yyyy-MM-dd`.
pub(in crate::format) fn write_date(out: &mut Vec<u8>, days: i64) {
    use std::io::Write;
    // Howard Hinnant's civil_from_days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if (0..=9999).contains(&year) {
        let two = |n: i64| [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        out.extend_from_slice(&two(year / 100));
        out.extend_from_slice(&two(year % 100));
        out.push(b'-');
        out.extend_from_slice(&two(month));
        out.push(b'-');
        out.extend_from_slice(&two(day));
    } else {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{year:+05}-{month:02}-{day:02}");
    }
}

/// Writes nanoseconds since midnight as `HH:mm:ss` with a fraction that has no trailing zeros (none when zero).
pub(in crate::format) fn write_time(out: &mut Vec<u8>, nanos: i64) {
    let seconds = nanos / 1_000_000_000;
    let two = |n: i64| [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
    out.extend_from_slice(&two(seconds / 3600));
    out.push(b':');
    out.extend_from_slice(&two(seconds / 60 % 60));
    out.push(b':');
    out.extend_from_slice(&two(seconds % 60));
    let mut fraction = nanos % 1_000_000_000;
    if fraction > 0 {
        out.push(b'.');
        let mut unit = 100_000_000;
        while fraction > 0 {
            out.push(b'0' + (fraction / unit) as u8);
            fraction %= unit;
            unit /= 10;
        }
    }
}

/// Writes a timestamp counted in `unit`, with `separator` between date and time.
pub(in crate::format) fn write_timestamp(out: &mut Vec<u8>, value: i64, unit: TimeUnit, separator: u8) {
    let per_second = units_per_second(unit);
    let per_day = 86_400 * per_second;
    write_date(out, value.div_euclid(per_day));
    out.push(separator);
    write_time(out, value.rem_euclid(per_day) * (NANOS_PER_DAY / per_day));
}
