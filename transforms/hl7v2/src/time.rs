//! HL7 times (DTM, TS): every precision and offset, and whose zone serves where none is given.

use panorama_model::{Date, PartialDate, TimeError, Timestamp, Zone};

/// How much of a time was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `YYYY`
    Year,
    /// `YYYYMM`
    Month,
    /// `YYYYMMDD`
    Day,
    /// `YYYYMMDDHH`
    Hour,
    /// `YYYYMMDDHHMM`
    Minute,
    /// `YYYYMMDDHHMMSS`
    Second,
    /// With a fraction of a second.
    Fraction,
}

/// A time as it was written.
///
/// - Units: microseconds, further digits of the fraction are cut.
/// - Nulls: `offset_seconds` is `None` where the time carries no zone.
/// - Spec: HL7 v2.5 2.A.22; also read: ISO 8601 with its hyphens, colons and `T`, and `2400` as the next day's midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hl7Time {
    /// Year, month, day; 1 where not given.
    pub date: (i16, u8, u8),
    /// Hour 0..=24, minute, second 0..=60.
    pub clock: (u8, u8, u8),
    /// Microseconds.
    pub microsecond: u32,
    /// Seconds east of Greenwich.
    pub offset_seconds: Option<i32>,
    /// How much was given.
    pub precision: Precision,
}

impl Hl7Time {
    /// Reads a time.
    ///
    /// # Errors
    /// [`TimeError::Malformed`] where it is none, [`TimeError::OutOfRange`] where the calendar or the clock has no such.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Some(time) = Self::of_plain_digits(text.as_bytes()) {
            return time.checked();
        }
        let mut reader = Digits(text.trim().as_bytes());
        let year = reader.number(4).ok_or(TimeError::Malformed)?;
        let mut parts = [1u8, 1, 0, 0, 0];
        let mut precision = Precision::Year;
        let steps = [
            Precision::Month,
            Precision::Day,
            Precision::Hour,
            Precision::Minute,
            Precision::Second,
        ];
        for (part, step) in parts.iter_mut().zip(steps) {
            if !reader.skip_to_digit(step) {
                break;
            }
            *part = reader.number(2).ok_or(TimeError::Malformed)? as u8;
            precision = step;
        }
        let mut microsecond = 0;
        if precision >= Precision::Minute && reader.skip(b'.') {
            microsecond = reader.fraction().ok_or(TimeError::Malformed)?;
            precision = precision.max(if precision == Precision::Second {
                Precision::Fraction
            } else {
                precision
            });
        }
        let offset_seconds = reader.offset()?;
        let [month, day, hour, minute, second] = parts;
        let time = Self {
            date: (
                i16::try_from(year).map_err(|_| TimeError::OutOfRange)?,
                month,
                day,
            ),
            clock: (hour, minute, second),
            microsecond,
            offset_seconds,
            precision,
        };
        time.checked()
    }

    /// The forms that most senders write: the day, the minute or the second, in digits, with `+ZZZZ` or without.
    fn of_plain_digits(text: &[u8]) -> Option<Self> {
        let (text, offset_seconds) = match text.split_last_chunk::<5>() {
            Some((time, [sign @ (b'+' | b'-'), zone @ ..])) => (time, Some(plain_offset(*sign, *zone)?)),
            _ => (text, None),
        };
        let [century, year, month, day] = digit_pairs(*text.first_chunk()?)?;
        let (hour, minute, second, precision) = match text.len() {
            8 => (0, 0, 0, Precision::Day),
            12 => {
                let [.., hour, minute] = digit_pairs(*text.last_chunk()?)?;
                (hour, minute, 0, Precision::Minute)
            }
            14 => {
                let [_, hour, minute, second] = digit_pairs(*text.last_chunk()?)?;
                (hour, minute, second, Precision::Second)
            }
            _ => return None,
        };
        Some(Self {
            date: (i16::from(century) * 100 + i16::from(year), month, day),
            clock: (hour, minute, second),
            microsecond: 0,
            offset_seconds,
            precision,
        })
    }

    fn checked(self) -> Result<Self, TimeError> {
        let (hour, minute, second) = self.clock;
        let midnight = hour == 24 && minute == 0 && second == 0;
        let clock = (hour < 24 || midnight) && minute < 60 && second <= 60;
        if clock && self.has_day() && self.date.0 > 0 {
            Ok(self)
        } else {
            Err(TimeError::OutOfRange)
        }
    }

    /// True where the calendar has the day.
    fn has_day(self) -> bool {
        let (year, month, day) = self.date;
        let length = match month {
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            1..=12 => 31,
            _ => 0,
        };
        (1..=length).contains(&day)
    }

    /// Days since 1970-01-01, if the calendar has the day.
    ///
    /// - Spec: proleptic Gregorian calendar; the arithmetic counts years from March, so that leap days come last.
    fn day(self) -> Option<Date> {
        if !self.has_day() {
            return None;
        }
        let (year, month, day) = self.date;
        let (month, day) = (i32::from(month), i32::from(day));
        let year = i32::from(year) - i32::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Date(era * 146_097 + day_of_era - 719_468))
    }

    /// The instant, the first of its span where the time is not exact; `zone` serves where it carries no offset.
    ///
    /// # Errors
    /// [`TimeError::ZoneMissing`] where neither has a zone, [`TimeError::OutOfRange`] where there is no such instant.
    pub fn instant(self, zone: Option<&Zone>) -> Result<Timestamp, TimeError> {
        let day = self.day().ok_or(TimeError::OutOfRange)?;
        let (hour, minute, second) = self.clock;
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        if let Some(offset) = self.offset_seconds {
            let at = day.at_midnight_utc().plus_seconds(seconds - i64::from(offset));
            return Ok(Timestamp(at.0 + i64::from(self.microsecond)));
        }
        let zone = zone.ok_or(TimeError::ZoneMissing)?;
        let local = day.at_midnight_utc().plus_seconds(seconds);
        if let Some(offset) = zone.steady_offset(local.0 / 1_000_000) {
            let at = local.plus_seconds(-i64::from(offset));
            return Ok(Timestamp(at.0 + i64::from(self.microsecond)));
        }
        // The next day's midnight and leap seconds are no clock times: the calendar gets the nearest before them.
        let (date, hour) = if hour == 24 {
            (Date(day.0 + 1).to_ymd(), 0)
        } else {
            ((self.date.0, self.date.1 as i8, self.date.2 as i8), hour as i8)
        };
        let leap = i64::from(second == 60);
        let clock = (hour, minute as i8, second.min(59) as i8);
        let at = zone.instant(date, clock, i32::try_from(self.microsecond).unwrap_or(0))?;
        Ok(at.plus_seconds(leap))
    }

    /// The calendar day in the sender's own zone, as far as it was given.
    pub fn partial_date(self) -> PartialDate {
        let (year, month, day) = self.date;
        PartialDate {
            year,
            month: if self.precision >= Precision::Month {
                month
            } else {
                0
            },
            day: if self.precision >= Precision::Day { day } else { 0 },
        }
    }
}

/// Eight digits as four numbers of two, all at one time; `None` where one of them is no digit.
#[inline]
fn digit_pairs(text: [u8; 8]) -> Option<[u8; 4]> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let word = u64::from_le_bytes(text);
    // Past 9 the second sum has another high half.
    if word & HIGH != ZEROS || word.wrapping_add(0x0606_0606_0606_0606) & HIGH != ZEROS {
        return None;
    }
    let digits = word & !HIGH;
    let [first, _, second, _, third, _, fourth, _] = (digits * 10 + (digits >> 8)).to_le_bytes();
    Some([first, second, third, fourth])
}

/// `+ZZZZ` as seconds; `None` where it is no offset.
#[inline]
fn plain_offset(sign: u8, zone: [u8; 4]) -> Option<i32> {
    let [a, b, c, d] = zone;
    let [hours, minutes, ..] = digit_pairs([a, b, c, d, b'0', b'0', b'0', b'0'])?;
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    (hours <= 18 && minutes < 60).then_some(if sign == b'-' { -seconds } else { seconds })
}

/// What is left to read.
struct Digits<'t>(&'t [u8]);

impl Digits<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn advance(&mut self, by: usize) {
        self.0 = self.0.get(by..).unwrap_or_default();
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.advance(usize::from(found));
        found
    }

    /// A number of exactly `count` digits.
    fn number(&mut self, count: usize) -> Option<u32> {
        let digits = self.0.get(..count)?;
        let number = digits.iter().try_fold(0u32, |n, d| {
            d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0'))
        })?;
        self.advance(count);
        Some(number)
    }

    /// True where another part follows, over the separator that ISO 8601 writes before it.
    fn skip_to_digit(&mut self, step: Precision) -> bool {
        let separator = match step {
            Precision::Month | Precision::Day => matches!(self.peek(), Some(b'-')) && !self.is_offset(),
            Precision::Hour => matches!(self.peek(), Some(b'T' | b' ')),
            _ => self.peek() == Some(b':'),
        };
        if separator {
            self.advance(1);
        }
        self.peek().is_some_and(|b| b.is_ascii_digit())
    }

    /// `-0500` after a year or month is an offset, `-05-` or `-05` a month or day.
    fn is_offset(&self) -> bool {
        self.0.len() == 5 && self.0.get(1..).is_some_and(|d| d.iter().all(u8::is_ascii_digit))
    }

    fn fraction(&mut self) -> Option<u32> {
        let length = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let digits = self.0.get(..length).filter(|d| !d.is_empty())?;
        let micro = (0..6).fold(0, |n, at| {
            n * 10 + digits.get(at).map_or(0, |d| u32::from(d - b'0'))
        });
        self.advance(length);
        Some(micro)
    }

    /// `+ZZZZ`, `+ZZ`, `+ZZ:ZZ`, `Z`, or nothing more.
    fn offset(&mut self) -> Result<Option<i32>, TimeError> {
        while self.skip(b' ') {}
        let sign = match self.peek() {
            None => return Ok(None),
            Some(b'Z') if self.0.len() == 1 => return Ok(Some(0)),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return Err(TimeError::Malformed),
        };
        self.advance(1);
        let hours = self.number(2).ok_or(TimeError::Malformed)?;
        self.skip(b':');
        let minutes = if self.0.is_empty() {
            0
        } else {
            self.number(2).ok_or(TimeError::Malformed)?
        };
        if !self.0.is_empty() {
            return Err(TimeError::Malformed);
        }
        if hours > 18 || minutes > 59 {
            return Err(TimeError::OutOfRange);
        }
        Ok(Some(sign * (hours * 3600 + minutes * 60) as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, TimeError>) {
        let chicago = Zone::named("America/Chicago").unwrap();
        let at = Hl7Time::parse(text).and_then(|t| t.instant(Some(&chicago)));
        assert_eq!(at.map(|t| t.to_string()), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn every_precision_and_offset() {
        check("2026", Ok("2026-01-01T06:00:00.000000Z"));
        check("202607", Ok("2026-07-01T05:00:00.000000Z"));
        check("20260704", Ok("2026-07-04T05:00:00.000000Z"));
        check("2026070412", Ok("2026-07-04T17:00:00.000000Z"));
        check("202607041230", Ok("2026-07-04T17:30:00.000000Z"));
        check("20260704123015", Ok("2026-07-04T17:30:15.000000Z"));
        check("20260704123015.1", Ok("2026-07-04T17:30:15.100000Z"));
        check("20260704123015.1234", Ok("2026-07-04T17:30:15.123400Z"));
        check("20260704123015.12345678", Ok("2026-07-04T17:30:15.123456Z"));
        check("20260704123015.123456-0330", Ok("2026-07-04T16:00:15.123456Z"));
        check("20260704123015-0030", Ok("2026-07-04T13:00:15.000000Z"));
        check("202607041230+0545", Ok("2026-07-04T06:45:00.000000Z"));
        check("20260704123015-05", Ok("2026-07-04T17:30:15.000000Z"));
        check("20260704123015+05:30", Ok("2026-07-04T07:00:15.000000Z"));
        check("202607041230-0500", Ok("2026-07-04T17:30:00.000000Z"));
        check("20260704123015+0545", Ok("2026-07-04T06:45:15.000000Z"));
        check("20260704123015+1900", Err(TimeError::OutOfRange));
        check("20260704123015+05x0", Err(TimeError::Malformed));
        check("2026070x123015", Err(TimeError::Malformed));
        check("20260704+0000", Ok("2026-07-04T00:00:00.000000Z"));
        check("2026-0500", Ok("2026-01-01T05:00:00.000000Z"));
        check("20260704123015Z", Ok("2026-07-04T12:30:15.000000Z"));
        check("2026-07-04T12:30:15Z", Ok("2026-07-04T12:30:15.000000Z"));
        check("2026-07-04T12:30:15.5-06:00", Ok("2026-07-04T18:30:15.500000Z"));
        check("2026-07-04 12:30", Ok("2026-07-04T17:30:00.000000Z"));
        check("2026-07", Ok("2026-07-01T05:00:00.000000Z"));
        check(" 20260704 ", Ok("2026-07-04T05:00:00.000000Z"));
    }

    #[test]
    fn odd_clocks() {
        check("202607042400", Ok("2026-07-05T05:00:00.000000Z"));
        check("20261231240000+0000", Ok("2027-01-01T00:00:00.000000Z"));
        check("20261231235960+0000", Ok("2027-01-01T00:00:00.000000Z"));
        check("20261231235960", Ok("2027-01-01T06:00:00.000000Z"));
        // A clock change: in the gap the offset before it serves, in the fold the earlier instant.
        check("202603080230", Ok("2026-03-08T08:30:00.000000Z"));
        check("202611010130", Ok("2026-11-01T06:30:00.000000Z"));
        for bad in [
            "202607042401",
            "202607042500",
            "202607041260",
            "20261301",
            "20260230",
            "0000",
            "00000000",
        ] {
            check(bad, Err(TimeError::OutOfRange));
        }
        for bad in [
            "",
            "abc",
            "20",
            "2026070",
            "20260704123",
            "20260704123015.",
            "20260704x",
            "20260704123015-5",
        ] {
            check(bad, Err(TimeError::Malformed));
        }
        assert_eq!(
            Hl7Time::parse("202607041230").unwrap().instant(None),
            Err(TimeError::ZoneMissing)
        );
    }

    #[test]
    fn days_are_the_calendars() {
        for year in [
            1, 4, 100, 400, 1583, 1899, 1900, 1969, 1970, 2000, 2024, 2026, 2100, 9999,
        ] {
            for month in 0..=13 {
                for day in [0, 1, 28, 29, 30, 31, 32] {
                    let text = format!("{year:04}{month:02}{day:02}");
                    let ours = Hl7Time::parse(&text).ok().and_then(Hl7Time::day);
                    assert_eq!(ours, Date::from_ymd(year, month, day), "{text}");
                }
            }
        }
    }

    #[test]
    fn dates_stay_the_senders() {
        let date = |text: &str| Hl7Time::parse(text).unwrap().partial_date().to_string();
        assert_eq!(date("198808182326-0500"), "1988-08-18");
        assert_eq!(date("1988"), "1988");
        assert_eq!(date("198808"), "1988-08");
    }
}
