//! MLLP frames: `VT content FS CR` (HL7 v2.5 appendix C).
//!
//! Reading resumes where it stopped, so that a message that comes in many small pieces costs its own length once. What
//! real senders do is tolerated: `FS` without `CR`, `LF` after it, NULs or blank lines between frames, frames sent
//! without waiting for answers. A `VT` or a lone `FS` inside a message is content.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

/// Start block.
const VT: u8 = 0x0b;
/// End block; the frame ends if a terminator follows.
const FS: u8 = 0x1c;
/// Enough of a refused frame to answer it: a message header with every field filled stays below this.
const HEAD_BYTES_MAX: usize = 4096;

/// What was found in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The content of a frame, as received.
    Frame(Bytes),
    /// A frame beyond the limit: its beginning, and how long it was. The rest was let go.
    TooLarge {
        /// The beginning.
        head: Bytes,
        /// Content bytes, let go of.
        bytes: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Before a start block.
    Between,
    /// After a start block: `scanned` content bytes were looked at.
    Inside { scanned: usize },
    /// In a frame beyond the limit.
    Discarding { head: Bytes, bytes: u64 },
}

/// Finds frames in a stream of bytes.
///
/// - Shape: however the stream is cut into pieces, the same frames come out.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    state: State,
    frame_bytes_max: usize,
    skipped_bytes: u64,
}

/// Where a frame may end.
enum End {
    /// The end block is at this place.
    At(usize),
    /// An end block is the last byte known: the next one decides.
    Unknown(usize),
    /// Not among the bytes known.
    Beyond,
}

impl FrameReader {
    /// A reader that lets go of frames with more content than this.
    pub fn new(frame_bytes_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            state: State::Between,
            frame_bytes_max,
            skipped_bytes: 0,
        }
    }

    /// Where the stream's next bytes are put.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Bytes held.
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// True where a frame has begun and not ended.
    pub fn is_inside(&self) -> bool {
        self.state != State::Between
    }

    /// Bytes skipped between frames, terminators, blanks and NULs not counted, since this was last asked.
    pub fn take_skipped_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.skipped_bytes)
    }

    /// True where all that is missing is the byte after the end block. Some senders never send it: after a short wait
    /// [`FrameReader::finish`] takes the frame as complete.
    pub fn awaits_terminator(&self) -> bool {
        let from = match self.state {
            State::Between => return false,
            State::Inside { scanned } => scanned,
            State::Discarding { .. } => 0,
        };
        self.buffer.len() == from + 1 && self.buffer.last() == Some(&FS)
    }

    /// The next frame, if it is complete.
    pub fn next_unit(&mut self) -> Option<Unit> {
        self.advance(false)
    }

    /// The frame whose end block was the last byte, taken as complete.
    pub fn finish(&mut self) -> Option<Unit> {
        self.advance(true)
    }

    fn advance(&mut self, terminator_is_missing: bool) -> Option<Unit> {
        if self.state == State::Between {
            self.skip_to_start()?;
        }
        let scanned = match self.state {
            State::Inside { scanned } => scanned,
            _ => 0,
        };
        let end = match find_end(&self.buffer, scanned) {
            End::Unknown(at) if terminator_is_missing => End::At(at),
            other => other,
        };
        match end {
            End::At(at) => Some(self.end_frame(at)),
            End::Unknown(at) => {
                self.hold_or_discard(at);
                None
            }
            End::Beyond => {
                self.hold_or_discard(self.buffer.len());
                None
            }
        }
    }

    fn skip_to_start(&mut self) -> Option<()> {
        let start = memchr(VT, &self.buffer);
        let junk = self
            .buffer
            .get(..start.unwrap_or(self.buffer.len()))
            .unwrap_or(&[]);
        self.skipped_bytes += junk.iter().filter(|b| !is_terminator(**b)).count() as u64;
        match start {
            Some(at) => self.buffer.advance(at + 1),
            None => self.buffer.clear(),
        }
        start?;
        self.state = State::Inside { scanned: 0 };
        Some(())
    }

    fn end_frame(&mut self, at: usize) -> Unit {
        let state = std::mem::replace(&mut self.state, State::Between);
        let content = self.buffer.split_to(at).freeze();
        self.buffer.advance(1);
        match state {
            State::Discarding { head, bytes } => Unit::TooLarge {
                head,
                bytes: bytes + content.len() as u64,
            },
            _ if content.len() > self.frame_bytes_max => Unit::TooLarge {
                bytes: content.len() as u64,
                head: head_of(&content),
            },
            _ => Unit::Frame(content),
        }
    }

    /// Remembers that `scanned` bytes hold no end, or lets go of them where the frame is beyond the limit.
    fn hold_or_discard(&mut self, scanned: usize) {
        match &mut self.state {
            State::Discarding { bytes, .. } => {
                *bytes += scanned as u64;
                self.buffer.advance(scanned);
            }
            State::Inside { .. } if scanned > self.frame_bytes_max => {
                let head = head_of(self.buffer.get(..scanned).unwrap_or(&[]));
                self.buffer.advance(scanned);
                self.state = State::Discarding {
                    head,
                    bytes: scanned as u64,
                };
            }
            State::Inside { scanned: known } => *known = scanned,
            State::Between => {}
        }
    }
}

fn head_of(content: &[u8]) -> Bytes {
    Bytes::copy_from_slice(content.get(..HEAD_BYTES_MAX).unwrap_or(content))
}

/// The first end block, from `from` on, that a terminator follows.
fn find_end(bytes: &[u8], mut from: usize) -> End {
    while let Some(found) = bytes.get(from..).and_then(|rest| memchr(FS, rest)) {
        let at = from + found;
        match bytes.get(at + 1) {
            None => return End::Unknown(at),
            Some(next) if is_terminator(*next) || *next == VT => return End::At(at),
            Some(_) => from = at + 1,
        }
    }
    End::Beyond
}

/// What may follow an end block, and stand between frames without being counted as junk.
const fn is_terminator(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// Appends `VT content FS CR`.
pub fn encode_frame(content: &[u8], into: &mut Vec<u8>) {
    into.reserve(content.len() + 3);
    into.push(VT);
    into.extend_from_slice(content);
    into.extend_from_slice(&[FS, b'\r']);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]], frame_bytes_max: usize) -> (Vec<Unit>, u64) {
        let mut reader = FrameReader::new(frame_bytes_max);
        let mut units = Vec::new();
        for piece in pieces {
            reader.buffer_mut().extend_from_slice(piece);
            while let Some(unit) = reader.next_unit() {
                units.push(unit);
            }
        }
        if reader.awaits_terminator() {
            units.extend(reader.finish());
        }
        (units, reader.take_skipped_bytes())
    }

    fn show(units: &[Unit]) -> String {
        let parts = units.iter().map(|unit| match unit {
            Unit::Frame(content) => String::from_utf8_lossy(content).into_owned(),
            Unit::TooLarge { head, bytes } => {
                format!(
                    "!{bytes}:{}",
                    String::from_utf8_lossy(head.get(..2).unwrap_or(head))
                )
            }
        });
        parts.collect::<Vec<_>>().join(",")
    }

    #[test]
    fn frames_as_real_senders_send_them() {
        let check = |stream: &str, expected: &str, skipped: u64| {
            let (units, junk) = read(&[stream.as_bytes()], 20);
            assert_eq!((show(&units).as_str(), junk), (expected, skipped), "{stream:?}");
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            let (units, junk) = read(&bytes, 20);
            assert_eq!(
                (show(&units).as_str(), junk),
                (expected, skipped),
                "{stream:?} byte by byte"
            );
        };
        check("\x0bMSH|1\x1c\r", "MSH|1", 0);
        check("\x0ba\x1c\r\x0bb\x1c\r\x0bc\x1c\r", "a,b,c", 0);
        check("\x0ba\x1c\x0bb\x1c", "a,b", 0); // no CR at all
        check("\x0ba\x1c\r\n\x0bb\x1c\n", "a,b", 0); // LF after CR, LF for CR
        check("\0\0\x0ba\x1c\r\0\0\x0bb\x1c\0", "a,b", 0); // NULs between
        check("junk\x0ba\x1c\rGET / HTTP\x0bb\x1c\r", "a,b", 14);
        check("\x1c\r\x0ba\x1c\r", "a", 1); // a stray end block
        check("x\x1c\r\x0bMSH|part", "", 2);
        check("\x0ba\x0bb\x1c\r", "a\x0bb", 0); // a VT inside is content
        check("\x0ba\x1cb\x1c\r", "a\x1cb", 0); // so is an FS that nothing ends
        check("\x0b\x1c\r", "", 0); // an empty frame is a frame
        check("\x0b12345678901234567890\x1c\r", "12345678901234567890", 0);
        check("\x0b123456789012345678901\x1c\r\x0bb\x1c\r", "!21:12,b", 0);
        check(
            "\x0b1234567890123456789012345678901234567890\x1cx\x1c\r\x0bb\x1c\r",
            "!42:12,b",
            0,
        );
    }

    #[test]
    fn an_empty_frame_is_reported() {
        assert_eq!(read(&[b"\x0b\x1c\r"], 20).0, vec![Unit::Frame(Bytes::new())]);
    }

    #[test]
    fn a_frame_in_small_pieces_is_looked_at_once() {
        // Quadratic rescans of 8 MB in 1 KB pieces would look at 32 GB.
        let mut reader = FrameReader::new(16 << 20);
        reader.buffer_mut().extend_from_slice(b"\x0b");
        let piece = [b'x'; 1024];
        for _ in 0..8192 {
            reader.buffer_mut().extend_from_slice(&piece);
            assert_eq!(reader.next_unit(), None);
            assert_eq!(
                reader.state,
                State::Inside {
                    scanned: reader.buffer.len()
                }
            );
        }
        reader.buffer_mut().extend_from_slice(b"\x1c\r");
        assert!(matches!(reader.next_unit(), Some(Unit::Frame(content)) if content.len() == 8 << 20));
    }

    #[test]
    fn a_refused_frame_takes_no_memory() {
        let mut reader = FrameReader::new(10_000);
        reader.buffer_mut().extend_from_slice(b"\x0b");
        for _ in 0..1000 {
            reader.buffer_mut().extend_from_slice(&[b'x'; 1000]);
            assert_eq!(reader.next_unit(), None);
            assert!(reader.buffered_bytes() <= 11_000);
        }
        reader.buffer_mut().extend_from_slice(b"\x1c\r");
        assert!(matches!(
            reader.next_unit(),
            Some(Unit::TooLarge { bytes: 1_000_000, .. })
        ));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            stream in proptest::collection::vec(
                prop_oneof![Just(VT), Just(FS), Just(b'\r'), Just(b'\n'), Just(0u8), Just(b'a'), any::<u8>()], 0..80),
            frame_bytes_max in 0usize..12,
        ) {
            // Heads differ where cuts differ only if they are longer than what was known; lengths and frames do not.
            let whole = read(&[&stream], frame_bytes_max);
            for cut in 0..=stream.len() {
                let (a, b) = stream.split_at(cut);
                let parts = read(&[a, b], frame_bytes_max);
                prop_assert_eq!(parts.1, whole.1);
                prop_assert_eq!(parts.0.len(), whole.0.len());
                for (x, y) in parts.0.iter().zip(&whole.0) {
                    match (x, y) {
                        (Unit::TooLarge { bytes: x, .. }, Unit::TooLarge { bytes: y, .. }) => prop_assert_eq!(x, y),
                        _ => prop_assert_eq!(x, y),
                    }
                }
            }
        }

        #[test]
        fn encoded_frames_come_back(frames in proptest::collection::vec("[ -~\r]{0,40}", 0..8)) {
            let mut stream = Vec::new();
            for frame in &frames {
                encode_frame(frame.as_bytes(), &mut stream);
            }
            let expected: Vec<Unit> = frames.iter().map(|f| Unit::Frame(Bytes::from(f.clone()))).collect();
            prop_assert_eq!(read(&[&stream], 100).0, expected);
        }
    }
}
