//! Writing text fast: one growing buffer, small verbs for the forms the feeds need.

use crate::calendar::{Civil, civil_from_days};
use std::fmt::{self, Write};

/// Appends formatted text.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => { $out.format(format_args!($($arg)*)) };
}
pub(crate) use put;

/// A growing text. JSON verbs set their own commas by looking at what stands before them.
#[derive(Debug, Default)]
pub(crate) struct Page(pub(crate) String);

impl Page {
    pub(crate) fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    pub(crate) fn format(&mut self, arguments: fmt::Arguments<'_>) {
        let written = self.0.write_fmt(arguments);
        debug_assert!(written.is_ok(), "a String takes all text");
    }

    /// One JSON string with its quotes.
    pub(crate) fn quoted(&mut self, text: &str) {
        self.0.push('"');
        if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
            self.0.push_str(text);
        } else {
            for c in text.chars() {
                match c {
                    '"' => self.0.push_str("\\\""),
                    '\\' => self.0.push_str("\\\\"),
                    c if c < ' ' => put!(self, "\\u{:04x}", c as u32),
                    c => self.0.push(c),
                }
            }
        }
        self.0.push('"');
    }

    fn comma(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.0.push(',');
        }
    }

    pub(crate) fn key(&mut self, key: &str) {
        self.comma();
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    /// Opens an object as the next value.
    pub(crate) fn object(&mut self) {
        self.comma();
        self.0.push('{');
    }

    pub(crate) fn close(&mut self) {
        self.0.push('}');
    }

    pub(crate) fn key_object(&mut self, key: &str) {
        self.key(key);
        self.0.push('{');
    }

    pub(crate) fn key_array(&mut self, key: &str) {
        self.key(key);
        self.0.push('[');
    }

    pub(crate) fn close_array(&mut self) {
        self.0.push(']');
    }

    pub(crate) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    /// A member whose value is a string made of formatted text that needs no escape.
    pub(crate) fn formatted(&mut self, key: &str, value: fmt::Arguments<'_>) {
        self.key(key);
        self.0.push('"');
        self.format(value);
        self.0.push('"');
    }

    /// A number, boolean or null.
    pub(crate) fn plain(&mut self, key: &str, value: impl fmt::Display) {
        self.key(key);
        put!(self, "{value}");
    }

    /// An RFC 3339 instant in UTC with milliseconds.
    pub(crate) fn instant(&mut self, key: &str, seconds: i64) {
        let c = Civil::utc(seconds);
        self.formatted(
            key,
            format_args!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
                c.year, c.month, c.day, c.hour, c.minute, c.second
            ),
        );
    }

    /// A CSV cell, after a comma unless it is the first of its line.
    pub(crate) fn cell(&mut self, value: &str) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'\n')) {
            self.0.push(',');
        }
        if value.is_empty() && matches!(self.0.as_bytes().last(), None | Some(b'\n'))
            || value.contains([',', '"', '\n'])
        {
            self.0.push('"');
            self.0.push_str(&value.replace('"', "\"\""));
            self.0.push('"');
        } else {
            self.0.push_str(value);
        }
    }
}

/// An HL7 timestamp (`YYYYMMDDHHMMSS`) on the wall clock of Chicago, without an offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hl7Time(pub(crate) i64);

impl fmt::Display for Hl7Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = Civil::chicago(self.0);
        write!(
            f,
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        )
    }
}

/// A day in three spellings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Day {
    /// `YYYYMMDD`
    Compact(i32),
    /// `YYYY-MM-DD`
    Iso(i32),
    /// `MM/DD/YYYY`
    Us(i32),
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Compact(days) | Self::Iso(days) | Self::Us(days)) = *self;
        let (year, month, day) = civil_from_days(i64::from(days));
        match self {
            Self::Compact(_) => write!(f, "{year:04}{month:02}{day:02}"),
            Self::Iso(_) => write!(f, "{year:04}-{month:02}-{day:02}"),
            Self::Us(_) => write!(f, "{month:02}/{day:02}/{year:04}"),
        }
    }
}

/// A UUID made of two numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uuid(pub(crate) u64, pub(crate) u64);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = (self.0, self.1);
        write!(
            f,
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            (low >> 48) & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_commas_and_escapes() {
        let mut page = Page::default();
        page.object();
        page.string("a", "x\"\\\u{1}é");
        page.key_array("b");
        page.object();
        page.plain("c", 1);
        page.close();
        page.object();
        page.close();
        page.close_array();
        page.instant("t", 0);
        page.close();
        let value: serde_json::Value = serde_json::from_str(&page.0).unwrap();
        assert_eq!(value["a"], "x\"\\\u{1}é");
        assert_eq!(value["b"][0]["c"], 1);
        assert_eq!(value["t"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn csv_cells() {
        let mut page = Page::default();
        for cell in ["", "a", "b,c", "d\"e", ""] {
            page.cell(cell);
        }
        assert_eq!(page.0, "\"\",a,\"b,c\",\"d\"\"e\",");
    }
}
