//! One message as an offset index over its text: where each segment and each field begins. Nothing is decoded, and every
//! non-blank line is either a segment or on the list of malformed lines (INV-2).

use super::charset::{self, to_text};
use super::delimiters::{Marks, marks, position_of_either};
use super::part::Codec;
use super::segment::{MSH, Segment, code_of, code_of_bytes, is_header};
use super::separators::{Oddity, Separators};
use encoding_rs::{Encoding, UTF_8};
use memchr::memmem::Finder;
use panorama_model::{Issue, Text, Unreadable};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::LazyLock;

/// One message, borrowed from its bytes where they are UTF-8 already.
#[derive(Debug)]
pub struct Message<'a> {
    text: Cow<'a, str>,
    codec: Codec,
    /// For each segment in turn: where it begins, where each field separator is, where it ends.
    bounds: Vec<u32>,
    segments: Vec<Span>,
    malformed: SmallVec<[u32; 2]>,
    header: usize,
    issues: SmallVec<[Issue; 1]>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    first: u32,
    last: u32,
    line: u32,
    code: u32,
}

impl<'a> Message<'a> {
    /// Indexes one message.
    ///
    /// - Shape: lines end at CR, LF or CRLF; blank lines, a byte order mark and control characters before a segment are
    ///   skipped; batch and file headers and trailers around the message are segments like others.
    ///
    /// # Errors
    /// [`Unreadable`] where there is no usable MSH segment.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        match charset::utf16_to_utf8(bytes) {
            Some(text) => Message::of_text(Cow::Owned(text), UTF_8),
            None => Self::of_bytes(bytes),
        }
    }

    fn of_bytes(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let line = msh_line(bytes).ok_or_else(|| no_msh(bytes))?;
        let (separators, oddity) = Separators::of_msh(line).ok_or_else(invalid_msh)?;
        // Most messages are UTF-8 and say so: then the index itself tells what MSH-18 is.
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(mut message) = Message::of_line(Cow::Borrowed(text), UTF_8, separators, oddity)
            && message.header_segment().raw().as_bytes() == line
        {
            let name = first_part(message.header_segment().field(18).raw(), &separators);
            let (encoding, oddity) = charset::declared(name);
            if encoding == UTF_8 {
                message.note(oddity);
                return Ok(message);
            }
        }
        let declared = line.split(|b| *b == separators.field).nth(17).unwrap_or_default();
        let declared = declared
            .split(|b| *b == separators.repetition || *b == separators.component)
            .next();
        let (text, encoding, oddity) = to_text(bytes, declared.unwrap_or_default());
        let mut message = Message::of_text(text, encoding)?;
        message.note(oddity);
        Ok(message)
    }

    fn of_text(text: Cow<'a, str>, charset: &'static Encoding) -> Result<Self, Unreadable> {
        let line = msh_line(text.as_bytes()).ok_or_else(|| no_msh(text.as_bytes()))?;
        let (separators, oddity) = Separators::of_msh(line).ok_or_else(invalid_msh)?;
        Self::of_line(text, charset, separators, oddity)
    }

    /// The message whose MSH line has these separators.
    fn of_line(
        text: Cow<'a, str>,
        charset: &'static Encoding,
        separators: Separators,
        oddity: Oddity,
    ) -> Result<Self, Unreadable> {
        if u32::try_from(text.len()).is_err() {
            return Err(unreadable(
                "message_too_large",
                "a message of 4 GiB or more cannot be read",
            ));
        }
        let mut message = Self {
            codec: Codec::new(separators, charset),
            bounds: Vec::with_capacity(text.len() / 5 + 16),
            segments: Vec::with_capacity(16),
            malformed: SmallVec::new(),
            header: 0,
            issues: SmallVec::new(),
            text,
        };
        message.index();
        message.find_header()?;
        if oddity != Oddity::None {
            message
                .issues
                .push(Issue::warning("encoding_characters_invalid", "MSH-2"));
        }
        Ok(message)
    }

    fn note(&mut self, oddity: charset::Oddity) {
        match oddity {
            charset::Oddity::None => {}
            charset::Oddity::Unknown => self.issues.push(Issue::warning("charset_unknown", "MSH-18")),
            charset::Oddity::Fallback => self.issues.push(Issue::warning("charset_fallback", "MSH-18")),
        }
    }

    /// One pass over the text.
    fn index(&mut self) {
        let bytes = self.text.as_bytes();
        let separator = self.codec.separators.field;
        let mut lines = Lines {
            bytes,
            line: 1,
            start: skip_junk(bytes, 0),
            first: 0,
            bounds: std::mem::take(&mut self.bounds),
            segments: std::mem::take(&mut self.segments),
            malformed: SmallVec::new(),
        };
        lines.bounds.push(lines.start as u32);
        // What is skipped as junk before a segment holds neither a separator nor a line end.
        let (words, tail) = marks(separator, bytes);
        let mut base = 0;
        for word in words {
            lines.take(base, word);
            base += 8;
        }
        lines.take(base, tail);
        lines.close(bytes.len());
        let Lines {
            bounds,
            segments,
            malformed,
            ..
        } = lines;
        (self.bounds, self.segments, self.malformed) = (bounds, segments, malformed);
    }

    fn find_header(&mut self) -> Result<(), Unreadable> {
        let at = self
            .segments
            .iter()
            .position(|s| s.code == MSH)
            .ok_or_else(invalid_msh)?;
        self.header = at;
        let msh = self.header_segment();
        if msh.last_field() < 3 {
            return Err(unreadable(
                "msh_incomplete",
                "the MSH segment ends after its encoding characters; was the message cut off?",
            ));
        }
        let mut codec = self.codec;
        codec.narrow(&self.text, msh.field(2).raw());
        self.codec = codec;
        Ok(())
    }

    /// The segments in the order sent, batch and file headers and trailers among them.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = Segment<'_>> {
        self.segments.iter().map(|span| self.segment(*span))
    }

    /// The first segment of this name.
    pub fn first(&self, name: &str) -> Option<Segment<'_>> {
        let code = code_of(name);
        let found = self.segments.iter().find(|span| span.code == code);
        found.map(|span| self.segment(*span))
    }

    /// The MSH segment.
    pub fn header_segment(&self) -> Segment<'_> {
        let span = self.segments.get(self.header).copied();
        self.segment(span.unwrap_or(Span {
            first: 0,
            last: 0,
            line: 1,
            code: 0,
        }))
    }

    fn segment(&self, span: Span) -> Segment<'_> {
        Segment {
            text: &self.text,
            bounds: self
                .bounds
                .get(span.first as usize..span.last as usize)
                .unwrap_or_default(),
            codec: &self.codec,
            line: span.line,
            code: span.code,
            before: u32::from(is_header(span.code)),
        }
    }

    /// The message's delimiters.
    pub const fn separators(&self) -> &Separators {
        &self.codec.separators
    }

    /// The whole text, as UTF-8.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// Line numbers, from 1, of the non-blank lines that are no segments.
    pub fn malformed_lines(&self) -> &[u32] {
        &self.malformed
    }

    /// How many non-blank lines are accounted for: as a segment, or as malformed.
    pub fn accounted_lines(&self) -> usize {
        self.segments.len() + self.malformed.len()
    }

    /// What was odd about the syntax: delimiters, character set, malformed lines.
    pub fn issues(&self) -> impl Iterator<Item = Issue> {
        let malformed = self
            .malformed
            .iter()
            .map(|line| Issue::error("segment_malformed", Text::from(format!("line {line}"))));
        self.issues.iter().cloned().chain(malformed)
    }

    /// The message with one CR after each segment, from its parts.
    pub fn encode(&self) -> String {
        let mut encoded = String::with_capacity(self.text.len());
        for segment in self.segments() {
            encoded.push_str(segment.raw());
            encoded.push('\r');
        }
        encoded
    }
}

/// What stands before the first component or repetition separator.
fn first_part<'t>(field: &'t str, separators: &Separators) -> &'t [u8] {
    let bytes = field.as_bytes();
    let end = position_of_either([separators.repetition, separators.component], bytes);
    bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default()
}

/// The index while it is made, and the line being indexed.
struct Lines<'t> {
    bytes: &'t [u8],
    line: u32,
    start: usize,
    /// Where the line's bounds begin.
    first: usize,
    bounds: Vec<u32>,
    segments: Vec<Span>,
    malformed: SmallVec<[u32; 2]>,
}

impl Lines<'_> {
    /// The marks of the eight bytes from `base` on.
    #[inline(always)]
    fn take(&mut self, base: usize, marks: Marks) {
        let mut separators = marks.separators;
        if marks.controls != 0 {
            separators = self.take_controls(base, marks);
        }
        self.separators(base, separators);
    }

    /// Ends lines; what is left are the separators after the last of the control characters.
    #[inline(never)]
    fn take_controls(&mut self, base: usize, marks: Marks) -> u64 {
        let Marks {
            mut separators,
            mut controls,
        } = marks;
        while controls != 0 {
            // Those before the line's end are the line's.
            let before = (controls & controls.wrapping_neg()) - 1;
            self.separators(base, separators & before);
            separators &= !before;
            self.control(base + (controls.trailing_zeros() / 8) as usize);
            controls &= controls - 1;
        }
        separators
    }

    #[inline(always)]
    fn separators(&mut self, base: usize, mut found: u64) {
        while found != 0 {
            self.bounds
                .push((base + (found.trailing_zeros() / 8) as usize) as u32);
            found &= found - 1;
        }
    }

    /// A control character: the line's end, or nothing.
    fn control(&mut self, at: usize) {
        let next = self.bytes.get(at + 1).copied();
        let crlf = match self.bytes.get(at) {
            Some(b'\r') => next == Some(b'\n'),
            Some(b'\n') => false,
            _ => return,
        };
        if at >= self.start {
            self.close(at);
            self.start = skip_blanks(self.bytes, at + 1);
            self.bounds.push(self.start as u32);
        }
        self.line += u32::from(!crlf);
    }

    /// Ends the line at `end`: a segment, a malformed line, or a blank one.
    fn close(&mut self, end: usize) {
        let name_end = self.bounds.get(self.first + 1).map_or(end, |at| *at as usize);
        let has_fields = self.bounds.len() > self.first + 1;
        let name = self.bytes.get(self.start..name_end).unwrap_or_default();
        let trimmed = name.trim_ascii_end();
        if is_name(trimmed, has_fields) {
            self.bounds.push(end as u32);
            self.segments.push(Span {
                code: code_of_bytes(trimmed),
                first: self.first as u32,
                last: self.bounds.len() as u32,
                line: self.line,
            });
        } else {
            if self.start < end && (has_fields || !name.iter().all(|b| is_junk(*b))) {
                self.malformed.push(self.line);
            }
            self.bounds.truncate(self.first);
        }
        self.first = self.bounds.len();
    }
}

/// Three letters or digits, a letter first. Lower case only where fields follow: else it is a line of running text.
fn is_name(name: &[u8], has_fields: bool) -> bool {
    let [first, second, third] = *name else {
        return false;
    };
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || (has_fields && b.is_ascii_lowercase());
    first.is_ascii_alphabetic() && fits(first) && fits(second) && fits(third)
}

/// White space, control characters (MLLP's VT and FS, NUL), that may stand before a segment.
pub(crate) const fn is_junk(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// Skips junk and byte order marks, over line ends too.
fn skip_junk(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(byte) if is_junk(*byte) && !matches!(byte, b'\r' | b'\n') => at += 1,
            Some(0xef) if bytes.get(at..at + 3) == Some(b"\xef\xbb\xbf") => at += 3,
            _ => return at,
        }
    }
}

/// As [`skip_junk`]; most lines have none.
#[inline]
fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(byte) if byte.is_ascii_alphanumeric() => at,
        _ => skip_junk(bytes, at),
    }
}

/// The first line that starts with `MSH`, to its end.
pub(super) fn msh_line(bytes: &[u8]) -> Option<&[u8]> {
    let start = match bytes {
        // As most messages begin.
        [b'M', b'S', b'H', b'|', ..] => 0,
        _ => msh_starts(bytes).next()?,
    };
    let rest = bytes.get(start..)?;
    let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
    rest.get(..end)
}

static MSH_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"MSH"));

/// Where the lines that start with `MSH` and a delimiter begin.
fn msh_starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    MSH_FINDER.find_iter(bytes).filter(|at| {
        let before = bytes.get(..*at).unwrap_or_default();
        let blank = before
            .iter()
            .rposition(|b| !is_junk(*b) || matches!(b, b'\r' | b'\n'))
            .and_then(|last| before.get(last));
        let after_bom = before.ends_with(b"\xef\xbb\xbf");
        let delimited = bytes.get(at + 3).is_none_or(|b| !b.is_ascii_alphanumeric());
        delimited && (after_bom || blank.is_none_or(|b| matches!(b, b'\r' | b'\n')))
    })
}

/// The messages of a payload: each from its MSH line, the first with what stands before it, to before the next MSH line.
/// File and batch headers go with the message after them.
pub(crate) fn messages(bytes: &[u8]) -> SmallVec<[(&[u8], u32); 1]> {
    let mut found = SmallVec::new();
    let (mut from, mut lines) = (0, 0);
    for to in msh_starts(bytes).skip(1) {
        let chunk = bytes.get(from..to).unwrap_or_default();
        found.push((chunk, lines));
        lines += line_ends(chunk);
        from = to;
    }
    found.push((bytes.get(from..).unwrap_or_default(), lines));
    found
}

fn line_ends(bytes: &[u8]) -> u32 {
    let ends = memchr::memchr2_iter(b'\r', b'\n', bytes).filter(|at| {
        let crlf = bytes.get(*at) == Some(&b'\r') && bytes.get(at + 1) == Some(&b'\n');
        !crlf
    });
    u32::try_from(ends.count()).unwrap_or(u32::MAX)
}

fn unreadable(code: &'static str, reason: &'static str) -> Unreadable {
    Unreadable {
        code,
        location: Text::new_static("MSH"),
        reason: Cow::Borrowed(reason),
    }
}

fn no_msh(bytes: &[u8]) -> Unreadable {
    if bytes.iter().all(|b| is_junk(*b)) {
        return unreadable("empty", "the message is empty");
    }
    unreadable(
        "msh_missing",
        "no line starts with MSH: this is no HL7 v2 message",
    )
}

fn invalid_msh() -> Unreadable {
    unreadable(
        "msh_invalid",
        "the MSH segment has no usable field separator or encoding characters",
    )
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
