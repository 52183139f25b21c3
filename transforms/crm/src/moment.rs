//! Dates and times as the list writes them.

use crate::MappingError;
use jiff::civil;
use jiff::fmt::strtime;
use panorama_model::{PartialDate, TimeError, Timestamp, Zone};

/// How birth dates are written.
#[derive(Debug)]
pub(crate) enum BirthDateFormat {
    /// ISO 8601 or `YYYYMMDD`, also partial.
    Iso,
    /// `MM/DD/YYYY`.
    Us,
    /// Any other strftime pattern.
    Pattern(String),
}

impl BirthDateFormat {
    pub(crate) fn new(pattern: Option<&str>) -> Result<Self, MappingError> {
        match pattern {
            None | Some("%Y%m%d" | "%Y-%m-%d") => Ok(Self::Iso),
            Some("%m/%d/%Y") => Ok(Self::Us),
            Some(pattern) => {
                let date = civil::date(2001, 2, 28);
                let bad = || MappingError::Pattern {
                    option: "birth_date_format",
                    pattern: pattern.to_owned(),
                };
                let text = strtime::format(pattern, date).map_err(|_| bad())?;
                match civil::Date::strptime(pattern, text) {
                    Ok(read) if read == date => Ok(Self::Pattern(pattern.to_owned())),
                    _ => Err(bad()),
                }
            }
        }
    }

    pub(crate) fn read(&self, text: &str) -> Option<PartialDate> {
        match self {
            Self::Iso => PartialDate::parse(text),
            Self::Us => PartialDate::parse_us(text),
            Self::Pattern(pattern) => {
                let date = civil::Date::strptime(pattern, text).ok()?;
                PartialDate::from_ymd(
                    date.year(),
                    u8::try_from(date.month()).ok()?,
                    u8::try_from(date.day()).ok()?,
                )
            }
        }
    }
}

/// How times are written.
#[derive(Debug)]
pub(crate) enum TimeFormat {
    /// ISO 8601, or seconds or milliseconds since the epoch.
    Iso,
    /// A strftime pattern.
    Pattern(String),
}

impl TimeFormat {
    pub(crate) fn new(pattern: Option<&str>) -> Result<Self, MappingError> {
        let Some(pattern) = pattern else {
            return Ok(Self::Iso);
        };
        let bad = || MappingError::Pattern {
            option: "time_format",
            pattern: pattern.to_owned(),
        };
        let date = civil::date(2001, 2, 28);
        let moment = date
            .at(0, 0, 0, 0)
            .to_zoned_datetime(jiff::tz::TimeZone::UTC)
            .map_err(|_| bad())?;
        let text = strtime::format(pattern, &moment).map_err(|_| bad())?;
        let read = strtime::parse(pattern, text).map_err(|_| bad())?;
        match read.to_date() {
            Ok(read) if read == date => Ok(Self::Pattern(pattern.to_owned())),
            _ => Err(bad()),
        }
    }

    pub(crate) fn read(&self, text: &str, zone: Option<&Zone>) -> Result<Timestamp, TimeError> {
        match self {
            Self::Iso => match epoch(text) {
                Some(instant) => Ok(instant),
                None => Timestamp::parse_iso(text, zone),
            },
            Self::Pattern(pattern) => {
                let read = strtime::parse(pattern, text).map_err(|_| TimeError::Malformed)?;
                if let Ok(instant) = read.to_timestamp() {
                    return Ok(Timestamp(instant.as_microsecond()));
                }
                let midnight = || read.to_date().map(|date| date.at(0, 0, 0, 0));
                let local = read
                    .to_datetime()
                    .or_else(|_| midnight())
                    .map_err(|_| TimeError::Malformed)?;
                zone.ok_or(TimeError::ZoneMissing)?.to_utc(local)
            }
        }
    }
}

/// Ten digits are seconds since the epoch, thirteen are milliseconds.
fn epoch(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        10 => text.parse().ok().map(Timestamp::from_seconds),
        13 => text.parse().ok().map(Timestamp::from_milliseconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn birth_dates() {
        let check = |pattern: Option<&str>, text: &str, expected: Option<&str>| {
            let read = BirthDateFormat::new(pattern).unwrap().read(text);
            assert_eq!(
                read.map(|d| d.to_string()).as_deref(),
                expected,
                "{pattern:?} {text}"
            );
        };
        check(None, "1980-02-29", Some("1980-02-29"));
        check(None, "1980", Some("1980"));
        check(Some("%Y%m%d"), "19800229", Some("1980-02-29"));
        check(Some("%Y%m%d"), "19810229", None);
        check(Some("%m/%d/%Y"), "02/29/1980", Some("1980-02-29"));
        check(Some("%d.%m.%Y"), "29.02.1980", Some("1980-02-29"));
        check(Some("%d-%b-%Y"), "29-Feb-1980", Some("1980-02-29"));
        check(Some("%d.%m.%Y"), "1980-02-29", None);
        assert!(BirthDateFormat::new(Some("%Y")).is_err());
        assert!(BirthDateFormat::new(Some("%Q")).is_err());
    }

    #[test]
    fn times() {
        let chicago = Zone::named("America/Chicago").unwrap();
        let check = |pattern: Option<&str>, text: &str, expected: &str| {
            let read = TimeFormat::new(pattern)
                .unwrap()
                .read(text, Some(&chicago))
                .unwrap();
            assert_eq!(read.to_string(), expected, "{pattern:?} {text}");
        };
        check(None, "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000Z");
        check(None, "2026-03-01 10:00:00", "2026-03-01T16:00:00.000000Z");
        check(None, "2026-03-01", "2026-03-01T06:00:00.000000Z");
        check(None, "1772360000", "2026-03-01T10:13:20.000000Z");
        check(None, "1772360000500", "2026-03-01T10:13:20.500000Z");
        check(
            Some("%m/%d/%Y %H:%M"),
            "03/01/2026 10:00",
            "2026-03-01T16:00:00.000000Z",
        );
        check(Some("%m/%d/%Y"), "03/01/2026", "2026-03-01T06:00:00.000000Z");
        check(
            Some("%Y-%m-%d %H:%M:%S %z"),
            "2026-03-01 10:00:00 +0000",
            "2026-03-01T10:00:00.000000Z",
        );
        let zoneless = TimeFormat::new(None).unwrap().read("2026-03-01 10:00:00", None);
        assert_eq!(zoneless, Err(TimeError::ZoneMissing));
    }
}
