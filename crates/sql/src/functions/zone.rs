//! The session's time zone (`SET 'table.local-time-zone'`), which turns instants into local times and back.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::common::config::ConfigOptions;

/// 2020-01-01.
const STEADY_SINCE_MS: i64 = 1_577_836_800_000;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Local time is UTC: nothing to compute.
    Utc,
    /// A zone of the IANA data base.
    Named(Tz),
    /// A fixed offset in milliseconds.
    Fixed(i64),
}

/// The zone that `SET 'table.local-time-zone'` chose; UTC when it was never set.
pub(crate) fn session_zone(config: &ConfigOptions) -> Zone {
    config.execution.time_zone.as_deref().and_then(Zone::parse).unwrap_or(Zone::Utc)
}

impl Zone {
    /// A zone from `UTC`, `Asia/Shanghai`, `+08:00` or `GMT+8`.
    pub(crate) fn parse(name: &str) -> Option<Zone> {
        let name = name.trim();
        if matches!(name, "UTC" | "Z" | "GMT" | "Etc/UTC" | "default") {
            return Some(Zone::Utc);
        }
        if let Ok(zone) = name.parse::<Tz>() {
            return Some(Zone::Named(zone));
        }
        let offset = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
        let (sign, rest) = match offset.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
        let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
        (hours <= 18 && minutes < 60).then_some(Zone::Fixed(sign * (hours * 60 + minutes) * 60_000))
    }

    /// Offset of local time from UTC at an instant, in milliseconds.
    pub(crate) fn offset_ms(self, utc_ms: i64) -> i64 {
        match self {
            Zone::Utc => 0,
            Zone::Fixed(ms) => ms,
            Zone::Named(zone) => match DateTime::from_timestamp_millis(utc_ms) {
                Some(instant) => {
                    i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()) * 1000
                }
                None => 0,
            },
        }
    }

    /// Local time of an instant, as milliseconds since 1970 on the local clock.
    pub(crate) fn to_local_ms(self, utc_ms: i64) -> i64 {
        utc_ms.saturating_add(self.offset_ms(utc_ms))
    }

    /// The offset that windows of these lengths can be aligned by: any one of the zone's, when its changes are multiples
    /// of all lengths; `None` otherwise. Changes before 2020 do not count, so that zones that gave them up are steady.
    pub(crate) fn steady_offset_ms(self, lengths: &[i64]) -> Option<i64> {
        const WEEK_MS: i64 = 7 * 86_400_000;
        let first = self.offset_ms(STEADY_SINCE_MS);
        let fits = |ms: i64| lengths.iter().all(|length| (self.offset_ms(ms) - first) % (*length).max(1) == 0);
        let mut weeks = (0..20 * 53).map(|week| STEADY_SINCE_MS + week * WEEK_MS);
        weeks.all(fits).then_some(first)
    }

    /// The instant of a local time. Where the clock is put back, the earlier one; where it is put forward, local times
    /// that do not exist move on by the gap, as in Java.
    pub(crate) fn to_utc_ms(self, local_ms: i64) -> i64 {
        let Zone::Named(zone) = self else { return local_ms.saturating_sub(self.offset_ms(local_ms)) };
        let Some(local) = DateTime::from_timestamp_millis(local_ms).map(|t| t.naive_utc()) else { return local_ms };
        match resolve(zone, local) {
            Some(seconds) => local_ms - seconds * 1000,
            None => {
                let before = local - chrono::Duration::hours(3);
                local_ms - resolve(zone, before).unwrap_or(0) * 1000
            }
        }
    }
}

/// Offset from UTC in seconds at a local time; `None` in a gap.
fn resolve(zone: Tz, local: NaiveDateTime) -> Option<i64> {
    match zone.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => {
            Some(i64::from(offset.fix().local_minus_utc()))
        }
        LocalResult::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_convert_both_ways_and_across_clock_changes() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let hour = 3_600_000;
        // 2024-03-31 01:00 UTC is when the clock goes from 2 to 3.
        let change = 1_711_846_800_000;
        assert_eq!(berlin.to_local_ms(change - 1), change - 1 + hour);
        assert_eq!(berlin.to_local_ms(change), change + 2 * hour);
        assert_eq!(berlin.to_utc_ms(change + 2 * hour), change);
        // 02:30 does not exist: it is 03:30.
        assert_eq!(berlin.to_utc_ms(change + hour + hour / 2), change + hour / 2);
        assert_eq!(Zone::parse("GMT+08:00"), Some(Zone::Fixed(8 * hour)));
        assert_eq!(berlin.steady_offset_ms(&[hour / 2]), Some(hour));
        assert_eq!(berlin.steady_offset_ms(&[24 * hour]), None);
        assert_eq!(Zone::parse("Asia/Shanghai").unwrap().steady_offset_ms(&[24 * hour]), Some(8 * hour));
        assert_eq!(Zone::parse("nowhere"), None);
    }
}
