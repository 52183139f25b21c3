//! CSV records (RFC 4180): a line break inside quotes is content.
//!
//! A quote opens only where a field begins, so that a stray one (`5" pipe`) does no harm. A quote that nothing closes
//! would swallow the rest of the file: then its line is a record of its own, and quotes count no more for this file.

use super::{Cut, Step, line, whole};
use memchr::{memchr, memchr2};

/// Cuts CSV records; the first is the header record.
#[derive(Default)]
pub(crate) struct Csv {
    scanned: usize,
    is_quoted: bool,
    has_header: bool,
    ignores_quotes: bool,
}

const HEADER_READ: u64 = 1;
const QUOTES_IGNORED: u64 = 2;

impl Csv {
    /// The line feed that ends the record, if it is known.
    fn find_end(&mut self, bytes: &[u8], is_end: bool) -> Option<usize> {
        let mut at = self.scanned;
        loop {
            let rest = bytes.get(at..).unwrap_or(&[]);
            if self.ignores_quotes {
                return memchr(b'\n', rest).map(|found| at + found);
            }
            let found = if self.is_quoted {
                memchr(b'"', rest)
            } else {
                memchr2(b'"', b'\n', rest)
            };
            let Some(found) = found.map(|found| at + found) else {
                self.scanned = bytes.len();
                return None;
            };
            if bytes.get(found) == Some(&b'\n') {
                return Some(found);
            }
            if !self.is_quoted {
                self.is_quoted = begins_field(bytes, found);
                at = found + 1;
            } else {
                match bytes.get(found + 1) {
                    Some(b'"') => at = found + 2,
                    None if !is_end => {
                        self.scanned = found;
                        return None;
                    }
                    _ => {
                        self.is_quoted = false;
                        at = found + 1;
                    }
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8], end: usize, taken: usize) -> Step {
        self.scanned = 0;
        self.is_quoted = false;
        match line(bytes, end, taken) {
            Step::Message {
                start, end, taken, ..
            } if !self.has_header => {
                self.has_header = true;
                Step::Header { start, end, taken }
            }
            step => step,
        }
    }
}

/// True where a quote at this place opens a quoted field.
fn begins_field(bytes: &[u8], at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| bytes.get(before)) {
        None => true,
        Some(before) => {
            matches!(before, b',' | b';' | b'\t' | b'|' | b'\n') || bytes.get(..at) == Some(b"\xef\xbb\xbf")
        }
    }
}

impl Cut for Csv {
    fn step(&mut self, bytes: &[u8], is_end: bool) -> Step {
        if let Some(end) = self.find_end(bytes, is_end) {
            return self.take(bytes, end, end + 1);
        }
        if !is_end || bytes.is_empty() {
            return Step::More;
        }
        if self.is_quoted && !self.ignores_quotes {
            return self.force(bytes);
        }
        self.take(bytes, bytes.len(), bytes.len())
    }

    fn force(&mut self, bytes: &[u8]) -> Step {
        self.ignores_quotes = true;
        match memchr(b'\n', bytes) {
            Some(end) => self.take(bytes, end, end + 1),
            None => {
                self.scanned = 0;
                whole(bytes)
            }
        }
    }

    fn state(&self) -> u64 {
        u64::from(self.has_header) * HEADER_READ + u64::from(self.ignores_quotes) * QUOTES_IGNORED
    }

    fn resume(&mut self, state: u64) {
        self.has_header = state & HEADER_READ != 0;
        self.ignores_quotes = state & QUOTES_IGNORED != 0;
    }

    fn has_header(&self) -> bool {
        true
    }
}
