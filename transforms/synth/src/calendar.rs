//! Seconds, days and the wall clock of US Central time, without a time zone database.

/// Seconds in a day.
pub(crate) const DAY: i64 = 86_400;
/// Seconds in an hour.
pub(crate) const HOUR: i64 = 3_600;

/// A wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Civil {
    /// The UTC wall clock at these seconds since the epoch.
    pub(crate) fn utc(seconds: i64) -> Self {
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
        let rest = seconds.rem_euclid(DAY);
        Self {
            year,
            month,
            day,
            hour: rest / HOUR,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// The wall clock of America/Chicago, by the rule in force since 2007.
    pub(crate) fn chicago(seconds: i64) -> Self {
        Self::utc(seconds + chicago_offset(seconds))
    }
}

/// Seconds to add to UTC for America/Chicago: summer time from the second Sunday of March to the first of November,
/// both at 2:00 local.
pub(crate) fn chicago_offset(seconds: i64) -> i64 {
    let (year, _, _) = civil_from_days(seconds.div_euclid(DAY));
    let begins = first_sunday(year, 3).saturating_add(7) * DAY + 8 * HOUR;
    let ends = first_sunday(year, 11) * DAY + 7 * HOUR;
    if (begins..ends).contains(&seconds) {
        -5 * HOUR
    } else {
        -6 * HOUR
    }
}

/// The first Sunday of a month, in days since the epoch.
fn first_sunday(year: i64, month: i64) -> i64 {
    let first = days_from_civil(year, month, 1);
    // 1970-01-01 was a Thursday, four days after a Sunday.
    let weekday = (first + 4).rem_euclid(7);
    first + (7 - weekday) % 7
}

/// Days since 1970-01-01 of a proleptic Gregorian date.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month, day of days since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The same day at an hour when offices are open (8:00 to 16:45 in Chicago), on a weekday, on a quarter hour.
pub(crate) fn office_hour(seconds: i64, quarter: i64) -> i64 {
    let day = seconds.div_euclid(DAY);
    let weekend = match (day + 4).rem_euclid(7) {
        0 => 1,
        6 => 2,
        _ => 0,
    };
    let local = (day + weekend) * DAY + 8 * HOUR + quarter.rem_euclid(36) * 900;
    local - chicago_offset(local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_model::{Date, Zone};

    #[test]
    fn days_agree_with_the_model() {
        for days in (-40_000..40_000).step_by(37) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            let date = Date::from_ymd(year as i16, month as i8, day as i8).unwrap();
            assert_eq!(i64::from(date.0), days);
        }
    }

    #[test]
    fn chicago_agrees_with_the_zone_database() {
        let zone = Zone::named("America/Chicago").unwrap();
        let start = days_from_civil(2024, 1, 1) * DAY;
        for hours in 0..(3 * 8766) {
            let seconds = start + hours * HOUR + 1234;
            let c = Civil::chicago(seconds);
            let date = (c.year as i16, c.month as i8, c.day as i8);
            let time = (c.hour as i8, c.minute as i8, c.second as i8);
            let back = zone.instant(date, time, 0).unwrap().0 / 1_000_000;
            // The repeated hour of November reads as its first pass.
            assert!(
                back == seconds || back == seconds - HOUR && c.month == 11,
                "{seconds}"
            );
        }
    }

    #[test]
    fn offices_open_on_weekdays() {
        for days in 20_000..20_030 {
            let seconds = office_hour(days * DAY + 5, days);
            assert!((1..=5).contains(&(seconds.div_euclid(DAY) + 4).rem_euclid(7)));
            assert!((8..17).contains(&Civil::chicago(seconds).hour));
        }
    }
}
