//! Instants, dates and site time zones. UTC microseconds everywhere inside.

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Why a time could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// Not a time in the expected form.
    Malformed,
    /// The time carries no zone and the source has none configured.
    ZoneMissing,
    /// No such instant (month 13, hour 25, a year out of range).
    OutOfRange,
}

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// From milliseconds since the epoch.
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(1_000))
    }

    /// Reads RFC 3339 / ISO 8601; `zone` serves where the text has no offset.
    ///
    /// # Errors
    /// [`TimeError`] where the text is no time, or has no zone and none is given.
    pub fn parse_iso(text: &str, zone: Option<&Zone>) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(instant.as_microsecond()));
        }
        let local: civil::DateTime = text.parse().map_err(|_| TimeError::Malformed)?;
        zone.ok_or(TimeError::ZoneMissing)?.to_utc(local)
    }

    /// The UTC calendar day.
    pub fn date(self) -> Date {
        let days = self.0.div_euclid(86_400_000_000);
        Date(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// This instant plus `seconds`.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// This instant plus `days` of 24 hours.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(86_400))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with microseconds, `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A calendar day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Date(pub i32);

const EPOCH: civil::Date = civil::date(1970, 1, 1);

impl Date {
    /// The day, if the calendar has it.
    pub fn from_ymd(year: i16, month: i8, day: i8) -> Option<Self> {
        let date = civil::Date::new(year, month, day).ok()?;
        Some(Self((date - EPOCH).get_days()))
    }

    /// Year, month, day.
    pub fn to_ymd(self) -> (i16, i8, i8) {
        let date = EPOCH
            .checked_add(jiff::Span::new().try_days(self.0).unwrap_or_default())
            .unwrap_or(EPOCH);
        (date.year(), date.month(), date.day())
    }

    /// The first day of this day's month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        let (year, month, _) = self.to_ymd();
        Self::from_ymd(year, month, 1).unwrap_or(self)
    }

    /// Midnight UTC of this day.
    pub const fn at_midnight_utc(self) -> Timestamp {
        Timestamp(self.0 as i64 * 86_400_000_000)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.to_ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A date that may lack its day, or its month and day (0 stands for unknown).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartialDate {
    /// Year, 1..=9999.
    pub year: i16,
    /// Month 1..=12, 0 unknown.
    pub month: u8,
    /// Day 1..=31, 0 unknown.
    pub day: u8,
}

impl PartialDate {
    /// A whole date, if the calendar has it.
    pub fn from_ymd(year: i16, month: u8, day: u8) -> Option<Self> {
        Date::from_ymd(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?)?;
        Some(Self { year, month, day })
    }

    /// Reads `YYYY`, `YYYYMM`, `YYYYMMDD` and the same with hyphens; a time after the date is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let date = text.split(['T', ' ']).next().unwrap_or(text);
        let mut digits = [0u8; 8];
        let mut count = 0;
        for byte in date.bytes().filter(|b| *b != b'-') {
            if !byte.is_ascii_digit() || count == 8 && text.len() < 12 {
                return None;
            }
            if count < 8 {
                *digits.get_mut(count)? = byte - b'0';
                count += 1;
            }
        }
        let number = |range: std::ops::Range<usize>| {
            digits
                .get(range)
                .unwrap_or(&[])
                .iter()
                .fold(0i16, |n, d| n * 10 + i16::from(*d))
        };
        let (year, month, day) = (number(0..4), number(4..6), number(6..8));
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        match count {
            4 if year > 0 => Some(Self {
                year,
                month: 0,
                day: 0,
            }),
            6 if year > 0 && (1..=12).contains(&month) => Some(Self { year, month, day: 0 }),
            8 if year > 0 => Self::from_ymd(year, month, day),
            _ => None,
        }
    }

    /// Reads `MM/DD/YYYY`, as US registries and forms write it.
    pub fn parse_us(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('/');
        let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 {
            return None;
        }
        Self::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// Reads what [`PartialDate::parse`] or [`PartialDate::parse_us`] reads.
    pub fn parse_any(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::parse_us(text))
    }

    /// The whole date, if day and month are known.
    pub fn to_date(self) -> Option<Date> {
        Date::from_ymd(
            self.year,
            i8::try_from(self.month).ok()?,
            i8::try_from(self.day).ok()?,
        )
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if self.month > 0 {
            write!(f, "-{:02}", self.month)?;
        }
        if self.day > 0 {
            write!(f, "-{:02}", self.day)?;
        }
        Ok(())
    }
}

/// A site's time zone: an IANA name from the bundled database, or a fixed offset.
#[derive(Clone, Debug)]
pub struct Zone {
    rules: TimeZone,
    /// Ascending and apart.
    steady: Cow<'static, [Steady]>,
}

/// A span of local time that no clock change is near: one offset serves it all.
#[derive(Clone, Copy, Debug)]
struct Steady {
    /// First second of local time, counted as if it were UTC.
    from: i64,
    /// The second after the last.
    to: i64,
    /// Seconds east of Greenwich.
    offset: i32,
}

/// The years whose clock changes are looked up ahead. Times before and after are rare; each year costs two spans.
const STEADY_YEARS: std::ops::Range<i16> = 1970..2060;

/// No offset is as large, so that this long after a change and before the next the clock can only show one time.
const OFFSET_SECONDS_MAX: i64 = 26 * 3600;

impl Zone {
    /// The zone of this IANA name (`America/Chicago`), or a fixed offset (`+05:30`, `-0600`, `Z`).
    pub fn named(name: &str) -> Option<Self> {
        if let Some(offset) = fixed_offset_seconds(name) {
            return jiff::tz::Offset::from_seconds(offset)
                .ok()
                .map(|o| Self::of_rules(o.to_time_zone()));
        }
        TimeZone::get(name).ok().map(Self::of_rules)
    }

    /// UTC.
    pub const fn utc() -> Self {
        const ALWAYS: &[Steady] = &[Steady {
            from: i64::MIN,
            to: i64::MAX,
            offset: 0,
        }];
        Self {
            rules: TimeZone::UTC,
            steady: Cow::Borrowed(ALWAYS),
        }
    }

    fn of_rules(rules: TimeZone) -> Self {
        let [first, last] = [STEADY_YEARS.start, STEADY_YEARS.end].map(|year| {
            let midnight = Date::from_ymd(year, 1, 1).unwrap_or_default().at_midnight_utc();
            jiff::Timestamp::from_microsecond(midnight.0).unwrap_or_default()
        });
        let mut steady = Vec::new();
        let mut add = |from: jiff::Timestamp, to: jiff::Timestamp, offset: i32| {
            let span = Steady {
                from: from.as_second() + OFFSET_SECONDS_MAX,
                to: to.as_second() - OFFSET_SECONDS_MAX,
                offset,
            };
            steady.extend((span.from < span.to).then_some(span));
        };
        let (mut from, mut offset) = (first, rules.to_offset(first).seconds());
        for change in rules
            .following(first)
            .take_while(|change| change.timestamp() < last)
        {
            add(from, change.timestamp(), offset);
            (from, offset) = (change.timestamp(), change.offset().seconds());
        }
        add(from, last, offset);
        Self {
            rules,
            steady: steady.into(),
        }
    }

    /// The offset of a local time, in seconds east of Greenwich, where no clock change is near it; `local` is in seconds
    /// since 1970-01-01T00:00:00 of the same clock. `None` says nothing: [`Zone::to_utc`] knows all times.
    pub fn steady_offset(&self, local: i64) -> Option<i32> {
        let after = self.steady.partition_point(|span| span.from <= local);
        let span = self.steady.get(after.checked_sub(1)?)?;
        (local < span.to).then_some(span.offset)
    }

    /// The instant of a local time. In a gap the offset before it serves, in a fold the earlier instant.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] where the instant cannot be told.
    pub fn to_utc(&self, local: civil::DateTime) -> Result<Timestamp, TimeError> {
        let instant = self
            .rules
            .to_timestamp(local)
            .map_err(|_| TimeError::OutOfRange)?;
        Ok(Timestamp(instant.as_microsecond()))
    }

    /// The instant of a local time given by its parts.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] where the calendar has no such time.
    pub fn instant(
        &self,
        (year, month, day): (i16, i8, i8),
        (hour, minute, second): (i8, i8, i8),
        microsecond: i32,
    ) -> Result<Timestamp, TimeError> {
        let local = civil::DateTime::new(
            year,
            month,
            day,
            hour,
            minute,
            second,
            microsecond.saturating_mul(1000),
        )
        .map_err(|_| TimeError::OutOfRange)?;
        self.to_utc(local)
    }
}

fn fixed_offset_seconds(name: &str) -> Option<i32> {
    if name == "Z" {
        return Some(0);
    }
    let (sign, rest) = match name.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let number: i32 = (digits.len() == 4).then(|| digits.parse().ok()).flatten()?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_dates_read_every_precision() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                PartialDate::parse(text).map(|d| d.to_string()).as_deref(),
                expected,
                "{text}"
            );
        };
        check("1980", Some("1980"));
        check("198002", Some("1980-02"));
        check("1980-02-29", Some("1980-02-29"));
        check("19800229", Some("1980-02-29"));
        check("198002291230", Some("1980-02-29"));
        check("1980-02-29T10:00:00Z", Some("1980-02-29"));
        check("19810229", None);
        check("198013", None);
        check("80", None);
        check("born 1980", None);
        assert_eq!(PartialDate::parse_us("2/29/1980"), PartialDate::parse("19800229"));
        assert_eq!(PartialDate::parse_us("13/01/1980"), None);
        assert_eq!(PartialDate::parse_us("1/1/80"), None);
    }

    #[test]
    fn steady_offsets_are_the_calendars() {
        for name in [
            "America/Chicago",
            "America/Phoenix",
            "Europe/London",
            "Africa/Casablanca",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Antarctica/Troll",
            "-0330",
            "Z",
        ] {
            let zone = Zone::named(name).unwrap();
            let (mut told, mut asked) = (0, 0);
            // From before the first span to after the last, at every hour of the day in turn.
            for hour in (-20_000..850_000i64).step_by(7) {
                let local = hour * 3600 + 1799;
                let at = jiff::Timestamp::from_second(local).unwrap();
                let at = TimeZone::UTC.to_datetime(at);
                asked += 1;
                if let Some(offset) = zone.steady_offset(local) {
                    told += 1;
                    let expected = Timestamp::from_seconds(local - i64::from(offset));
                    assert_eq!(zone.to_utc(at), Ok(expected), "{name} {at}");
                    let unambiguous = zone.rules.to_ambiguous_timestamp(at).is_ambiguous();
                    assert!(!unambiguous, "{name} {at}");
                }
            }
            assert!(told * 10 > asked * 8, "{name}: {told} of {asked}");
        }
    }

    #[test]
    fn zones_and_instants() {
        let chicago = Zone::named("America/Chicago").unwrap();
        assert_eq!(
            Timestamp::parse_iso("2026-07-01T12:00:00", Some(&chicago))
                .unwrap()
                .to_string(),
            "2026-07-01T17:00:00.000000Z"
        );
        assert_eq!(
            Timestamp::parse_iso("2026-07-01T12:00:00", None),
            Err(TimeError::ZoneMissing)
        );
        assert_eq!(
            Zone::named("+0530")
                .unwrap()
                .instant((2026, 1, 1), (5, 30, 0), 0)
                .unwrap()
                .to_string(),
            "2026-01-01T00:00:00.000000Z"
        );
        assert!(Zone::named("Mars/Olympus").is_none());
        assert_eq!(Date::from_ymd(2026, 11, 23).unwrap().to_string(), "2026-11-23");
        assert_eq!(Timestamp(-1).date().to_string(), "1969-12-31");
    }
}
