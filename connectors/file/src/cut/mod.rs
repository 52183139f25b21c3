//! Cuts a stream of bytes into messages. Each kind of framing has one cutter; none of them parses.
//!
//! A cutter sees the bytes not yet taken and says what to take next. It remembers how far it looked, so that no byte is
//! looked at twice, however the stream arrives. Every byte ends in a message, or is blank, or is a header record (INV-2).

mod csv;
mod hl7;
mod json;
mod lines;

use bytes::Bytes;
use panorama_model::{Framing, Headers, Text};
use std::sync::Arc;

/// What to take next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `start..end` is a message; `taken` bytes are done with.
    Message {
        start: usize,
        end: usize,
        taken: usize,
        /// The message carries a batch trailer: how many messages the batch had.
        batch_count: Option<u64>,
    },
    /// `start..end` is the header record, which travels with each message.
    Header { start: usize, end: usize, taken: usize },
    /// These bytes are blank.
    Skip { taken: usize },
    /// More bytes are needed; at the end of the stream: nothing is left.
    More,
}

/// Finds messages of one framing.
pub(crate) trait Cut: Send {
    /// Looks at the bytes not yet taken. `is_end`: no more will come, so that what is left is taken as it is.
    fn step(&mut self, bytes: &[u8], is_end: bool) -> Step;

    /// The record is beyond the limit: all bytes known are taken as a message; the cutter finds its feet again.
    fn force(&mut self, bytes: &[u8]) -> Step;

    /// What a later cutter must know to go on after what was taken; 0 at the start.
    fn state(&self) -> u64 {
        0
    }

    /// Goes on where another cutter was.
    fn resume(&mut self, _state: u64) {}

    /// True where the first record is no message but travels with each of them.
    fn has_header(&self) -> bool {
        false
    }
}

/// The cutter of a framing, for a file of this name.
pub(crate) fn cutter(framing: Framing, name: &str) -> Box<dyn Cut> {
    match framing {
        Framing::Hl7 => Box::new(hl7::Hl7::default()),
        Framing::Json => Box::new(json::Json::for_name(name)),
        Framing::Lines => Box::new(lines::Lines::default()),
        Framing::Csv => Box::new(csv::Csv::default()),
        Framing::Whole => Box::new(lines::Whole),
    }
}

/// Takes everything as one message.
const fn whole(bytes: &[u8]) -> Step {
    Step::Message {
        start: 0,
        end: bytes.len(),
        taken: bytes.len(),
        batch_count: None,
    }
}

/// Takes a line that ends before `line_end` (a line feed, or the end of the stream).
fn line(bytes: &[u8], line_end: usize, taken: usize) -> Step {
    let content = bytes.get(..line_end).unwrap_or(bytes);
    let end = content.len() - usize::from(content.last() == Some(&b'\r'));
    if content.iter().all(u8::is_ascii_whitespace) {
        return Step::Skip { taken };
    }
    Step::Message {
        start: 0,
        end,
        taken,
        batch_count: None,
    }
}

/// The headers of one file's messages.
pub(crate) struct FileHeaders {
    base: Headers,
    shared: Arc<Headers>,
}

impl FileHeaders {
    pub(crate) fn new(base: Headers) -> Self {
        let shared = Arc::new(base.clone());
        Self { base, shared }
    }

    /// The header record was found.
    pub(crate) fn set_header_record(&mut self, record: &[u8]) {
        // A byte order mark is no part of the first column's name.
        let record = record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record);
        self.base.retain(|(name, _)| name != "csv.header");
        self.base.push((Text::new_static("csv.header"), record.to_vec()));
        self.shared = Arc::new(self.base.clone());
    }

    /// The headers of a message.
    pub(crate) fn of(&self, batch_count: Option<u64>) -> Arc<Headers> {
        let Some(count) = batch_count else {
            return self.shared.clone();
        };
        let mut headers = self.base.clone();
        headers.push((Text::new_static("batch.count"), count.to_string().into_bytes()));
        Arc::new(headers)
    }
}

/// Cuts bytes in memory into messages with their headers, as the file of this name would be.
///
/// - Shape: bytes -> messages in order; every byte is in one of them, or blank, or the header record.
pub fn split(framing: Framing, name: &str, bytes: &Bytes) -> Vec<(Bytes, Arc<Headers>)> {
    let mut cutter = cutter(framing, name);
    let mut headers = FileHeaders::new(vec![(Text::new_static("file.name"), name.as_bytes().to_vec())]);
    let mut rest = bytes.clone();
    let mut messages = Vec::new();
    loop {
        match cutter.step(&rest, true) {
            Step::More => return messages,
            Step::Skip { taken } => drop(rest.split_to(taken.min(rest.len()))),
            Step::Header { start, end, taken } => {
                headers.set_header_record(rest.get(start..end).unwrap_or(&[]));
                drop(rest.split_to(taken.min(rest.len())));
            }
            Step::Message {
                start,
                end,
                taken,
                batch_count,
            } => {
                let piece = rest.split_to(taken.min(rest.len()));
                let end = end.min(piece.len());
                messages.push((piece.slice(start.min(end)..end), headers.of(batch_count)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
