//! Files that fill up and roll over: the bounded memory of the generator is one file per feed.

use crate::text::Page;

/// Takes the files of the synthetic health system.
///
/// - Shape: pieces of one file arrive in order; a file that grows is written to again under the same name.
pub trait FeedSink {
    /// Why a piece could not be taken.
    type Error;

    /// Appends `bytes` to the file of this relative path (`hl7/hospital-0001.hl7`).
    ///
    /// # Errors
    /// Whatever keeps the sink from taking it; generation ends with it.
    fn write(&mut self, file: &str, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// A numbered series of files.
#[derive(Debug)]
pub(crate) struct Rolling {
    stem: &'static str,
    extension: &'static str,
    /// Messages in one file; 0: the file never rolls over, only its pieces do.
    per_file: u32,
    number: u32,
    held: u32,
    /// Messages so far.
    pub(crate) messages: u64,
    /// Bytes handed to the sink so far.
    pub(crate) bytes: u64,
    /// The file being filled.
    pub(crate) page: Page,
}

/// A growing file is handed over in pieces of about this size: smaller ones cost calls, larger ones memory.
const PIECE_BYTES: usize = 1 << 20;

impl Rolling {
    /// Files `stem0001.extension`, each of so many messages.
    pub(crate) fn numbered(stem: &'static str, extension: &'static str, per_file: u32) -> Self {
        Self {
            stem,
            extension,
            per_file,
            number: 1,
            held: 0,
            messages: 0,
            bytes: 0,
            page: Page::default(),
        }
    }

    /// One file of this name, handed over piece by piece.
    pub(crate) fn single(stem: &'static str, extension: &'static str) -> Self {
        Self::numbered(stem, extension, 0)
    }

    /// A message is complete; hands the file over when it is full.
    pub(crate) fn end_message<S: FeedSink + ?Sized>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        self.messages += 1;
        self.held += 1;
        let full = match self.per_file {
            0 => self.page.0.len() >= PIECE_BYTES,
            per_file => self.held >= per_file,
        };
        if full { self.hand_over(sink) } else { Ok(()) }
    }

    /// Hands over what is held, if anything.
    pub(crate) fn hand_over<S: FeedSink + ?Sized>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        if self.page.0.is_empty() {
            return Ok(());
        }
        let name = match self.per_file {
            0 => format!("{}{}", self.stem, self.extension),
            _ => format!("{}{:04}{}", self.stem, self.number, self.extension),
        };
        sink.write(&name, self.page.0.as_bytes())?;
        self.bytes += self.page.0.len() as u64;
        self.page.0.clear();
        self.number += 1;
        self.held = 0;
        Ok(())
    }
}
