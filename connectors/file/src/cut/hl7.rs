//! HL7 v2 messages in a file (v2.5 2.10.3): a message begins at each line that begins with `MSH`.
//!
//! `FHS` and `BHS` lines go with the message after them, `BTS` and `FTS` with the one before. MLLP's start and end blocks
//! are no part of a message. Text before the first message is a message of its own, and so is a file without any: they
//! cannot be read, and go to quarantine as they are.

use super::{Cut, Step, whole};
use memchr::memchr2;

/// MLLP start block.
const VT: u8 = 0x0b;
/// MLLP end block.
const FS: u8 = 0x1c;
/// What tells a line's kind: byte order mark, start block, segment name and field separator.
const LOOK_AHEAD_BYTES: usize = 3 + 1 + 3 + 1;

/// What the bytes not yet taken are, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Blank,
    /// `FHS` or `BHS` lines, waiting for their message.
    Header,
    /// A message.
    Message,
    /// Text that belongs to no message.
    Text,
}

/// Cuts HL7 v2 messages.
#[derive(Default)]
pub(crate) struct Hl7 {
    kind: Kind,
    /// Bytes looked at.
    scanned: usize,
    /// The line that `scanned` is in was met; its end is looked for.
    is_met: bool,
    /// Messages since the last `BHS`.
    batch_count: u64,
    /// The bytes not yet taken hold a `BTS` line.
    has_trailer: bool,
}

/// What a line begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Message,
    FileHeader,
    BatchHeader,
    BatchTrailer,
    Blank,
    Other,
}

fn line_kind(line: &[u8]) -> Line {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.strip_prefix(&[VT]).unwrap_or(line);
    let Some((name, rest)) = line.split_first_chunk::<3>() else {
        return if line.first().is_none_or(|b| is_blank(*b)) {
            Line::Blank
        } else {
            Line::Other
        };
    };
    // A letter or digit after the name makes it a word; a separator makes it a segment.
    let is_segment = rest
        .first()
        .is_none_or(|b| !b.is_ascii_alphanumeric() && !is_blank(*b));
    match name {
        b"MSH" if is_segment => Line::Message,
        b"FHS" if is_segment => Line::FileHeader,
        b"BHS" if is_segment => Line::BatchHeader,
        b"BTS" if is_segment || rest.first().is_some_and(|b| is_blank(*b)) => Line::BatchTrailer,
        [first, ..] if is_blank(*first) => Line::Blank,
        _ => Line::Other,
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0 | FS | 0x1a)
}

fn is_all_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| is_blank(*b) || *b == VT)
}

impl Hl7 {
    /// Looks at one line. True where the bytes before it are to be taken first.
    fn meet(&mut self, line: Line) -> bool {
        let begins = matches!(line, Line::Message | Line::FileHeader | Line::BatchHeader);
        if begins && matches!(self.kind, Kind::Message | Kind::Text) {
            return true;
        }
        match line {
            Line::Message => {
                self.kind = Kind::Message;
                self.batch_count += 1;
            }
            Line::FileHeader => self.kind = Kind::Header,
            Line::BatchHeader => {
                self.kind = Kind::Header;
                self.batch_count = 0;
            }
            Line::BatchTrailer => {
                self.has_trailer = true;
                if self.kind != Kind::Message {
                    self.kind = Kind::Text; // an empty batch
                }
            }
            Line::Other if self.kind == Kind::Blank => self.kind = Kind::Text,
            Line::Blank | Line::Other => {}
        }
        false
    }

    /// Takes the first `taken` bytes.
    fn take(&mut self, bytes: &[u8], taken: usize) -> Step {
        let kind = std::mem::take(&mut self.kind);
        let had_trailer = std::mem::take(&mut self.has_trailer);
        self.scanned = 0;
        self.is_met = false;
        let piece = bytes.get(..taken).unwrap_or(bytes);
        let (start, end) = match kind {
            Kind::Blank if is_all_blank(piece) => return Step::Skip { taken },
            Kind::Message | Kind::Header => trim(piece),
            Kind::Blank | Kind::Text => (0, piece.len()),
        };
        Step::Message {
            start,
            end,
            taken,
            batch_count: had_trailer.then_some(self.batch_count),
        }
    }
}

/// The message without start and end blocks and the blanks around it; its last segment keeps its end.
fn trim(piece: &[u8]) -> (usize, usize) {
    let start = piece.iter().position(|b| !is_blank(*b) && *b != VT).unwrap_or(0);
    let last = piece
        .iter()
        .rposition(|b| !is_blank(*b))
        .map_or(piece.len(), |at| at + 1);
    let end = match piece.get(last..).unwrap_or(&[]) {
        [b'\r', b'\n', ..] => last + 2,
        [b'\r' | b'\n', ..] => last + 1,
        _ => last,
    };
    (start, end)
}

impl Cut for Hl7 {
    fn step(&mut self, bytes: &[u8], is_end: bool) -> Step {
        loop {
            let rest = bytes.get(self.scanned..).unwrap_or(&[]);
            if !self.is_met {
                if rest.is_empty() || !is_end && rest.len() < LOOK_AHEAD_BYTES {
                    break;
                }
                if self.meet(line_kind(rest)) {
                    let taken = self.scanned;
                    return self.take(bytes, taken);
                }
                self.is_met = true;
            }
            let line_end = memchr2(b'\r', b'\n', rest);
            let line = rest.get(..line_end.unwrap_or(rest.len())).unwrap_or(rest);
            if self.kind == Kind::Blank && !is_all_blank(line) {
                self.kind = Kind::Text; // it only began with blanks
            }
            match line_end {
                Some(at) => {
                    self.scanned += at + 1;
                    self.is_met = false;
                }
                None => {
                    self.scanned = bytes.len();
                    break;
                }
            }
        }
        if !is_end || bytes.is_empty() {
            return Step::More;
        }
        self.take(bytes, bytes.len())
    }

    fn force(&mut self, bytes: &[u8]) -> Step {
        self.kind = Kind::Blank;
        self.scanned = 0;
        self.is_met = false;
        whole(bytes)
    }

    fn state(&self) -> u64 {
        self.batch_count
    }

    fn resume(&mut self, state: u64) {
        self.batch_count = state;
    }
}
