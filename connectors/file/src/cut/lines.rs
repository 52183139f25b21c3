//! One message per line, and one message per file.

use super::{Cut, Step, line, whole};
use memchr::memchr;

/// One message per line; blank lines are none.
#[derive(Default)]
pub(crate) struct Lines {
    scanned: usize,
}

impl Cut for Lines {
    fn step(&mut self, bytes: &[u8], is_end: bool) -> Step {
        let found = bytes.get(self.scanned..).and_then(|rest| memchr(b'\n', rest));
        let (end, taken) = match found {
            Some(at) => (self.scanned + at, self.scanned + at + 1),
            None if is_end && !bytes.is_empty() => (bytes.len(), bytes.len()),
            None => {
                self.scanned = bytes.len();
                return Step::More;
            }
        };
        self.scanned = 0;
        line(bytes, end, taken)
    }

    fn force(&mut self, bytes: &[u8]) -> Step {
        self.scanned = 0;
        whole(bytes)
    }
}

/// One message per file.
pub(crate) struct Whole;

impl Cut for Whole {
    fn step(&mut self, bytes: &[u8], is_end: bool) -> Step {
        if is_end && !bytes.is_empty() {
            whole(bytes)
        } else {
            Step::More
        }
    }

    fn force(&mut self, bytes: &[u8]) -> Step {
        whole(bytes)
    }
}
