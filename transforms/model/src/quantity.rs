//! Quantities as people write them in a configuration: `10s`, `16 MiB`.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A length of time, written as a number and its unit: `250ms`, `10s`, `5m`, `1.5h`, `7d`.
///
/// - Units: ms, s, m (or min), h, d. A bare number is refused: nobody can tell what it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// A number of bytes, written bare or with its unit: `65536`, `64KiB`, `16 MiB`, `1GB`.
///
/// - Units: B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(pub u64);

impl Period {
    /// Whole seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Reads the written form.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = number_and_unit(text)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(number * seconds).ok().map(Self)
    }
}

impl ByteCount {
    /// Mebibytes.
    pub const fn from_mebibytes(count: u64) -> Self {
        Self(count << 20)
    }

    /// Reads the written form.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = number_and_unit(text)?;
        let scale: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return None,
        };
        let bytes = number * scale as f64;
        (bytes < u64::MAX as f64).then_some(Self(bytes as u64))
    }
}

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    Some((number.parse().ok()?, unit.trim()))
}

impl fmt::Display for Period {
    /// In the largest unit that needs no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        for (unit, scale) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            if milliseconds > 0 && milliseconds.is_multiple_of(scale) {
                return write!(f, "{}{unit}", milliseconds / scale);
            }
        }
        write!(f, "{milliseconds}ms")
    }
}

impl fmt::Display for ByteCount {
    /// In the largest unit that needs no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if self.0 > 0 && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for ByteCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Written<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
    number: fn(u64) -> Option<T>,
}

impl<T> Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::custom(format_args!("expected {}", self.expected)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        (self.number)(number).ok_or_else(|| E::custom(format_args!("expected {}", self.expected)))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            expected: "a length of time with its unit, such as `10s`, `5m`, `250ms`",
            parse: Self::parse,
            number: |_| None,
        })
    }
}

impl<'de> Deserialize<'de> for ByteCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            expected: "a number of bytes, such as `64KiB`, `16MiB`, `65536`",
            parse: Self::parse,
            number: |n| Some(Self(n)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_and_byte_counts_read_and_print() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                Period::parse(text).map(|p| p.to_string()).as_deref(),
                expected,
                "{text}"
            );
        };
        check("10s", Some("10s"));
        check("1.5h", Some("90m"));
        check(" 250 ms", Some("250ms"));
        check("7d", Some("7d"));
        check("10", None);
        check("-1s", None);
        check("1y", None);
        check("s", None);
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(ByteCount::parse(text).map(|b| b.0), expected, "{text}");
        };
        check("65536", Some(65_536));
        check("16 MiB", Some(16 << 20));
        check("1kb", Some(1000));
        check("99999999999TiB", None);
        check("MiB", None);
        check("-1B", None);
        assert_eq!(
            serde_json::from_str::<Period>("\"5m\"").unwrap(),
            Period::from_seconds(300)
        );
        assert!(serde_json::from_str::<Period>("5").is_err());
        assert_eq!(serde_json::from_str::<ByteCount>("5").unwrap(), ByteCount(5));
    }
}
