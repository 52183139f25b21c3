//! JSON values: NDJSON (one value per line) or values of any layout, one after the other.
//!
//! Which of them a file is, its content tells: if its first line is a complete value, the file is NDJSON, and from then on
//! lines are messages whatever they hold, so that one broken line costs one message. Otherwise brackets and strings are
//! followed - nothing else is looked at - and each complete value is a message.

use super::{Cut, Step, line, whole};
use memchr::{memchr, memchr2};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// One value per line.
    Lines,
    /// Values of any layout.
    Values,
    /// A value was cut at the limit: what is left cannot be told apart.
    Rest,
}

/// Cuts JSON values.
#[derive(Default)]
pub(crate) struct Json {
    mode: Mode,
    scanned: usize,
    depth: usize,
    is_string: bool,
    /// Something was taken: a byte order mark here is no mark any more.
    has_taken: bool,
}

const MARK: &[u8] = b"\xef\xbb\xbf";
const HAS_TAKEN: u64 = 4;

/// The end of a value, as far as it is known.
enum Value {
    Ends(usize),
    Open,
    /// It begins with no bracket, or closes one that was not opened.
    Other,
}

impl Json {
    pub(crate) fn for_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let mode = if [".ndjson", ".jsonl"].iter().any(|e| name.contains(e)) {
            Mode::Lines
        } else {
            Mode::Unknown
        };
        Self {
            mode,
            ..Self::default()
        }
    }

    /// Follows brackets and strings from `scanned` on; `start` is where the value begins.
    fn follow(&mut self, bytes: &[u8], start: usize) -> Value {
        let mut at = self.scanned.max(start);
        loop {
            if self.is_string {
                let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) else {
                    self.scanned = bytes.len();
                    return Value::Open;
                };
                at += found;
                if bytes.get(at) == Some(&b'\\') {
                    if at + 1 >= bytes.len() {
                        self.scanned = at;
                        return Value::Open;
                    }
                    at += 2;
                    continue;
                }
                self.is_string = false;
                at += 1;
            }
            let rest = bytes.get(at..).unwrap_or(&[]);
            let Some(found) = rest
                .iter()
                .position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']'))
            else {
                self.scanned = bytes.len();
                return if self.depth == 0 {
                    Value::Other
                } else {
                    Value::Open
                };
            };
            at += found;
            match bytes.get(at) {
                Some(b'{' | b'[') => self.depth += 1,
                Some(b'"') if self.depth > 0 => self.is_string = true,
                Some(b'}' | b']') if self.depth > 0 => self.depth -= 1,
                _ => return Value::Other,
            }
            at += 1;
            if self.depth == 0 {
                return Value::Ends(at);
            }
        }
    }

    fn take(&mut self, start: usize, end: usize, taken: usize) -> Step {
        self.reset();
        Step::Message {
            start,
            end,
            taken,
            batch_count: None,
        }
    }

    const fn reset(&mut self) {
        self.scanned = 0;
        self.depth = 0;
        self.is_string = false;
    }

    fn line(&mut self, bytes: &[u8], is_end: bool) -> Step {
        let found = bytes.get(self.scanned..).and_then(|rest| memchr(b'\n', rest));
        let (end, taken) = match found {
            Some(at) => (self.scanned + at, self.scanned + at + 1),
            None if is_end && !bytes.is_empty() => (bytes.len(), bytes.len()),
            None => {
                self.scanned = bytes.len();
                return Step::More;
            }
        };
        self.reset();
        line(bytes, end, taken)
    }

    fn value(&mut self, bytes: &[u8], is_end: bool) -> Step {
        let mark = if !self.has_taken && bytes.starts_with(MARK) {
            MARK.len()
        } else {
            0
        };
        let start = mark + blank_prefix(bytes.get(mark..).unwrap_or(&[]));
        match bytes.get(start) {
            Some(_) if !self.has_taken && !is_end && bytes.len() < MARK.len() && MARK.starts_with(bytes) => {
                return Step::More;
            }
            None if start == 0 || !is_end && self.mode == Mode::Unknown => return Step::More,
            None => return Step::Skip { taken: start },
            Some(b'{' | b'[') => {}
            Some(_) if mark == 0 && start > 0 => return Step::Skip { taken: start },
            // A comma or text between values, a bare number: a message up to the end of its line.
            Some(_) => return self.line(bytes, is_end),
        }
        match self.follow(bytes, start) {
            Value::Ends(end) => self.ended(bytes, (mark, start), end, is_end),
            Value::Open if !is_end => Step::More,
            Value::Open => self.take(if mark > 0 { 0 } else { start }, bytes.len(), bytes.len()),
            Value::Other => {
                self.reset();
                self.line(bytes, is_end)
            }
        }
    }

    /// A value ends; what follows the first one tells what the file is.
    fn ended(&mut self, bytes: &[u8], (mark, start): (usize, usize), end: usize, is_end: bool) -> Step {
        if self.mode == Mode::Unknown {
            let after = bytes.get(end..).unwrap_or(&[]);
            let next = after.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r'));
            let value = bytes.get(start..end).unwrap_or(&[]);
            self.mode = match next {
                None if !is_end => {
                    // The value is looked at again when more is known: once, and only for the first value.
                    self.reset();
                    return Step::More;
                }
                Some(b'\n') | None if memchr(b'\n', value).is_none() => Mode::Lines,
                _ => Mode::Values,
            };
        }
        self.take(if mark > 0 { 0 } else { start }, end, end)
    }
}

/// Blank bytes at the beginning.
fn blank_prefix(bytes: &[u8]) -> usize {
    let first = bytes.iter().position(|b| !b.is_ascii_whitespace());
    first.unwrap_or(bytes.len())
}

impl Cut for Json {
    fn step(&mut self, bytes: &[u8], is_end: bool) -> Step {
        let step = match self.mode {
            Mode::Lines => self.line(bytes, is_end),
            Mode::Rest if is_end && !bytes.is_empty() => whole(bytes),
            Mode::Rest => Step::More,
            Mode::Unknown | Mode::Values => self.value(bytes, is_end),
        };
        self.has_taken |= step != Step::More;
        step
    }

    fn force(&mut self, bytes: &[u8]) -> Step {
        if self.mode != Mode::Lines {
            self.mode = Mode::Rest;
        }
        self.reset();
        self.has_taken = true;
        whole(bytes)
    }

    fn state(&self) -> u64 {
        self.mode as u64 + u64::from(self.has_taken) * HAS_TAKEN
    }

    fn resume(&mut self, state: u64) {
        self.has_taken = state & HAS_TAKEN != 0;
        self.mode = match state & !HAS_TAKEN {
            1 => Mode::Lines,
            2 => Mode::Values,
            3 => Mode::Rest,
            _ => self.mode,
        };
    }
}
