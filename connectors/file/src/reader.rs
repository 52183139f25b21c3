//! Reads one file into batches of messages, each with the position it stands for. Blocking.

use crate::cut::{Cut, FileHeaders, Step, cutter};
use crate::open::{Opened, open, open_at};
use crate::paths::Found;
use crate::position::{PRINT_BYTES, Position, microseconds, print_of};
use bytes::{Bytes, BytesMut};
use panorama_api::NewMessage;
use panorama_model::{Framing, Headers, Text, Timestamp};
use std::io::{self, Read};

/// Messages of one append. More makes the log's commits longer, fewer makes them many.
const BATCH_MESSAGES_MAX: usize = 1000;
/// Payload bytes of one append, unless one message is larger.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;

/// Messages, and the position once they are durable.
pub(crate) struct Batch {
    pub(crate) messages: Vec<NewMessage>,
    pub(crate) position: Position,
    pub(crate) bytes: usize,
}

/// How reading a file ended.
#[derive(Debug)]
pub(crate) enum End {
    /// All of it was read.
    Done,
    /// A record at its end may still grow.
    Waiting,
    /// It cannot be decoded beyond a place; all that could be was read.
    Broken(io::Error),
    /// Nobody takes the batches.
    Stopped,
}

/// What to read, and how.
pub(crate) struct Plan {
    pub(crate) found: Found,
    pub(crate) framing: Framing,
    pub(crate) record_bytes_max: usize,
    /// A record at the end that nothing ends is complete.
    pub(crate) takes_rest: bool,
    /// How far it was read before.
    pub(crate) saved: Option<Position>,
    pub(crate) now: fn() -> Timestamp,
}

/// Reads a file from where it was read to before; `emit` is false where nobody takes the batches.
pub(crate) fn read(plan: &Plan, emit: &mut dyn FnMut(Batch) -> bool) -> io::Result<End> {
    let (mut opened, mut reader) = Reader::start(plan)?;
    let mut chunk = vec![0; READ_BYTES];
    loop {
        match opened.bytes.read(&mut chunk) {
            Ok(0) => return reader.end(emit, plan.takes_rest, None),
            Ok(count) => {
                reader.buffer.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
                if !reader.cut(emit, false) {
                    return Ok(End::Stopped);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if opened.is_compressed => return reader.end(emit, plan.takes_rest, Some(e)),
            Err(e) => return Err(e),
        }
    }
}

struct Reader<'a> {
    plan: &'a Plan,
    cutter: Box<dyn Cut>,
    headers: FileHeaders,
    buffer: BytesMut,
    /// The last bytes taken, [`PRINT_BYTES`] of them at least, where there were as many.
    tail: Vec<u8>,
    position: Position,
    saved_offset: u64,
    batch: Vec<NewMessage>,
    batch_bytes: usize,
}

impl<'a> Reader<'a> {
    fn start(plan: &'a Plan) -> io::Result<(Opened, Self)> {
        let path = &plan.found.path;
        let resumed = match &plan.saved {
            Some(saved) if saved.offset > 0 => {
                open_at(path, saved)?.map(|(opened, tail)| (opened, tail, *saved))
            }
            _ => None,
        };
        let mut headers = FileHeaders::new(base_headers(plan));
        let mut cutter = cutter(plan.framing, &plan.found.name);
        let (opened, tail, from) = match resumed {
            Some((opened, tail, saved)) => {
                if cutter.has_header() {
                    read_header_record(plan, &mut headers)?;
                }
                cutter.resume(saved.state);
                (opened, tail, saved)
            }
            None => (open(path)?, Vec::new(), Position::default()),
        };
        let position = Position {
            is_done: false,
            file_bytes: plan.found.bytes,
            modified: microseconds(plan.found.modified),
            head_bytes: opened.head_bytes,
            head: opened.head,
            ..from
        };
        let reader = Self {
            plan,
            cutter,
            headers,
            buffer: BytesMut::with_capacity(2 * READ_BYTES),
            tail,
            position,
            saved_offset: from.offset,
            batch: Vec::new(),
            batch_bytes: 0,
        };
        Ok((opened, reader))
    }

    /// Cuts what is known. False where nobody takes the batches.
    fn cut(&mut self, emit: &mut dyn FnMut(Batch) -> bool, is_end: bool) -> bool {
        loop {
            let step = match self.cutter.step(&self.buffer, is_end) {
                Step::More if self.buffer.len() > self.plan.record_bytes_max => {
                    self.cutter.force(&self.buffer)
                }
                step => step,
            };
            match step {
                Step::More => return true,
                Step::Skip { taken } => drop(self.take(taken)),
                Step::Header { start, end, taken } => {
                    let piece = self.take(taken);
                    self.headers
                        .set_header_record(piece.get(start..end).unwrap_or(&[]));
                }
                Step::Message {
                    start,
                    end,
                    taken,
                    batch_count,
                } => {
                    let piece = self.take(taken);
                    let end = end.min(piece.len());
                    self.add(piece.slice(start.min(end)..end), batch_count);
                    let is_full =
                        self.batch.len() >= BATCH_MESSAGES_MAX || self.batch_bytes >= BATCH_BYTES_MAX;
                    if is_full && !self.flush(emit) {
                        return false;
                    }
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Bytes {
        let piece = self.buffer.split_to(count.min(self.buffer.len())).freeze();
        self.position.offset += piece.len() as u64;
        self.position.state = self.cutter.state();
        let last = piece
            .get(piece.len().saturating_sub(PRINT_BYTES)..)
            .unwrap_or(&piece);
        if last.len() == PRINT_BYTES || self.tail.len() > 16 * PRINT_BYTES {
            let surplus = (self.tail.len() + last.len()).saturating_sub(PRINT_BYTES);
            self.tail.drain(..surplus.min(self.tail.len()));
        }
        self.tail.extend_from_slice(last);
        piece
    }

    fn add(&mut self, payload: Bytes, batch_count: Option<u64>) {
        self.batch_bytes += payload.len();
        self.batch.push(NewMessage {
            received_at: (self.plan.now)(),
            payload,
            headers: self.headers.of(batch_count),
            dedupe: None,
        });
    }

    fn flush(&mut self, emit: &mut dyn FnMut(Batch) -> bool) -> bool {
        let from = self.tail.len().saturating_sub(PRINT_BYTES);
        self.position.tail = print_of(self.tail.get(from..).unwrap_or(&[]));
        self.saved_offset = self.position.offset;
        emit(Batch {
            messages: std::mem::take(&mut self.batch),
            position: self.position,
            bytes: std::mem::take(&mut self.batch_bytes),
        })
    }

    /// No more bytes come, for now or because of an error.
    fn end(
        mut self,
        emit: &mut dyn FnMut(Batch) -> bool,
        takes_rest: bool,
        error: Option<io::Error>,
    ) -> io::Result<End> {
        if takes_rest && !self.cut(emit, true) {
            return Ok(End::Stopped);
        }
        let is_waiting = !takes_rest && (error.is_some() || !self.buffer.is_empty());
        self.position.is_done = !is_waiting;
        let has_news = self.position.is_done || self.position.offset > self.saved_offset;
        if has_news && !self.flush(emit) {
            return Ok(End::Stopped);
        }
        Ok(match error {
            _ if is_waiting => End::Waiting,
            Some(error) => End::Broken(error),
            None => End::Done,
        })
    }
}

fn base_headers(plan: &Plan) -> Headers {
    let modified = i64::try_from(microseconds(plan.found.modified)).unwrap_or(i64::MAX);
    let framing = match plan.framing {
        Framing::Hl7 => "hl7",
        Framing::Json => "json",
        Framing::Lines => "lines",
        Framing::Csv => "csv",
        Framing::Whole => "whole",
    };
    vec![
        (
            Text::new_static("file.name"),
            plan.found.name.clone().into_bytes(),
        ),
        (
            Text::new_static("file.modified"),
            Timestamp(modified).to_string().into_bytes(),
        ),
        (Text::new_static("framing"), framing.as_bytes().to_vec()),
    ]
}

/// Reads the header record from the start of a file whose later records are read.
fn read_header_record(plan: &Plan, headers: &mut FileHeaders) -> io::Result<()> {
    let mut bytes = open(&plan.found.path)?.bytes;
    let mut cutter = cutter(plan.framing, &plan.found.name);
    let (mut known, mut chunk) = (Vec::new(), vec![0; READ_BYTES]);
    loop {
        let count = bytes.read(&mut chunk)?;
        known.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
        loop {
            match cutter.step(&known, count == 0) {
                Step::Header { start, end, .. } => {
                    headers.set_header_record(known.get(start..end).unwrap_or(&[]));
                    return Ok(());
                }
                Step::Skip { taken } => drop(known.drain(..taken.min(known.len()))),
                Step::More if count > 0 && known.len() <= plan.record_bytes_max => break,
                Step::More | Step::Message { .. } => return Ok(()),
            }
        }
    }
}
