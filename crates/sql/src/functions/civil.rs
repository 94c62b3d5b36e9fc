//! Calendar arithmetic on milliseconds, without allocation. Algorithms: Hinnant, "chrono-compatible low-level date
//! algorithms" (2021).

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// A date and time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    /// Milliseconds since midnight.
    pub(crate) time_ms: i64,
}

/// The date of a day number (days since 1970-01-01).
pub(crate) fn date_of(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The day number of a date; the month may be any number (13 is January of the next year).
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (month + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Number of days of a month.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    days_of(year, month + 1, 1) - days_of(year, month, 1)
}

impl Civil {
    /// The date and time of local milliseconds.
    pub(crate) fn of(ms: i64) -> Self {
        let (year, month, day) = date_of(ms.div_euclid(DAY_MS));
        Civil { year, month, day, time_ms: ms.rem_euclid(DAY_MS) }
    }

    pub(crate) fn day_of_year(&self) -> i64 {
        days_of(self.year, self.month, self.day) - days_of(self.year, 1, 1) + 1
    }

    /// Monday is 1.
    pub(crate) fn iso_weekday(&self) -> i64 {
        (days_of(self.year, self.month, self.day) + 3).rem_euclid(7) + 1
    }

    /// ISO week and the year it belongs to.
    pub(crate) fn iso_week(&self) -> (i64, i64) {
        let thursday = days_of(self.year, self.month, self.day) + 4 - self.iso_weekday();
        let (year, _, _) = date_of(thursday);
        (year, (thursday - days_of(year, 1, 1)) / 7 + 1)
    }
}

/// Adds months; the day is cut to the month's last.
pub(crate) fn add_months(ms: i64, months: i64) -> i64 {
    let at = Civil::of(ms);
    let index = at.year * 12 + at.month - 1 + months;
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
    days_of(year, month, at.day.min(days_in_month(year, month))) * DAY_MS + at.time_ms
}

/// Whole months from `from` to `to`: as many as can be added to the earlier time (see [`add_months`]) without passing the
/// later one. So a month after the 31st of January is over on the last of February, as in Flink.
pub(crate) fn months_between(from: i64, to: i64) -> i64 {
    if to < from {
        return -months_between(to, from);
    }
    let (a, b) = (Civil::of(from), Civil::of(to));
    let months = (b.year - a.year) * 12 + b.month - a.month;
    if add_months(from, months) > to { months - 1 } else { months }
}

/// A calendar unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A fixed number of milliseconds.
    Fixed(i64),
    /// A week that starts on Monday.
    Week,
    /// A number of months.
    Months(i64),
}

impl Unit {
    /// A unit by its SQL name, upper case.
    pub(crate) fn parse(name: &str) -> Option<Unit> {
        Some(match name.trim_start_matches("SQL_TSI_") {
            "MILLISECOND" | "MILLISECONDS" => Unit::Fixed(1),
            "SECOND" | "SECONDS" => Unit::Fixed(1_000),
            "MINUTE" | "MINUTES" => Unit::Fixed(60_000),
            "HOUR" | "HOURS" => Unit::Fixed(3_600_000),
            "DAY" | "DAYS" => Unit::Fixed(DAY_MS),
            "WEEK" | "WEEKS" => Unit::Week,
            "MONTH" | "MONTHS" => Unit::Months(1),
            "QUARTER" | "QUARTERS" => Unit::Months(3),
            "YEAR" | "YEARS" => Unit::Months(12),
            "DECADE" => Unit::Months(120),
            "CENTURY" => Unit::Months(1_200),
            _ => return None,
        })
    }

    /// The latest start of a unit at or before local time `ms`.
    pub(crate) fn floor(self, ms: i64) -> i64 {
        match self {
            Unit::Fixed(size) => ms.div_euclid(size) * size,
            // 1970-01-01 was a Thursday; weeks start on Sunday in Flink's FLOOR … TO WEEK.
            Unit::Week => (ms + 4 * DAY_MS).div_euclid(7 * DAY_MS) * 7 * DAY_MS - 4 * DAY_MS,
            Unit::Months(n) => {
                let at = Civil::of(ms);
                let index = (at.year * 12 + at.month - 1).div_euclid(n) * n;
                days_of(index.div_euclid(12), index.rem_euclid(12) + 1, 1) * DAY_MS
            }
        }
    }

    /// The earliest start of a unit at or after local time `ms`.
    pub(crate) fn ceil(self, ms: i64) -> i64 {
        let floor = self.floor(ms);
        if floor == ms { ms } else { self.add(floor, 1) }
    }

    /// `ms` moved on by `n` units.
    pub(crate) fn add(self, ms: i64, n: i64) -> i64 {
        match self {
            Unit::Fixed(size) => ms.saturating_add(n.saturating_mul(size)),
            Unit::Week => ms.saturating_add(n.saturating_mul(7 * DAY_MS)),
            Unit::Months(m) => add_months(ms, n.saturating_mul(m)),
        }
    }

    /// Whole units from `from` to `to`, truncated towards zero.
    pub(crate) fn between(self, from: i64, to: i64) -> i64 {
        match self {
            Unit::Fixed(size) => to.saturating_sub(from) / size,
            Unit::Week => to.saturating_sub(from) / (7 * DAY_MS),
            Unit::Months(m) => months_between(from, to) / m,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_day_numbers_agree_over_eight_centuries() {
        for days in (-146_097..146_097).step_by(17) {
            let (y, m, d) = date_of(days);
            assert_eq!(days_of(y, m, d), days);
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(days_of(2024, 2, 29), 19_782);
    }

    #[test]
    fn iso_weeks_cross_the_year() {
        let at = |y, m, d| Civil::of(days_of(y, m, d) * DAY_MS);
        assert_eq!(at(2021, 1, 3).iso_week(), (2020, 53));
        assert_eq!(at(2024, 12, 30).iso_week(), (2025, 1));
        assert_eq!(at(2024, 2, 29).iso_weekday(), 4);
    }
}
