//! What a frame means to the receiver: injected, so that this crate knows framing only.

use panorama_api::DedupeKey;
use panorama_model::Timestamp;

/// What is known of a frame before it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The sender's own id, where copies are to be known.
    pub dedupe: Option<DedupeKey>,
    /// The frame cannot be read as a message. It is stored all the same (its exact bytes go to quarantine, INV-2), and
    /// answered as unreadable.
    pub unreadable: bool,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Stored,
    /// A copy of a durable message.
    Duplicate,
    /// Not durable; the sender has to send it again. One word of why, without data.
    NotStored(&'static str),
    /// Durable, but not readable as a message.
    Unreadable,
    /// Larger than a frame may be; not stored. The frame given is its beginning only.
    TooLarge,
}

/// One frame to send back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The frame's content.
    pub frame: Vec<u8>,
    /// Its acknowledgement code (MSA-1), for counting.
    pub code: &'static str,
}

/// Gives frames their meaning.
pub trait Acknowledge: Send + Sync {
    /// Looks at a frame before it is stored. Never panics, whatever the bytes.
    fn admit(&self, frame: &[u8]) -> Admission;

    /// The frames to send back, in order, once the outcome is known (`CA` then `AA` in enhanced mode; none where the
    /// sender asked for none).
    fn answer(&self, frame: &[u8], outcome: Outcome, now: Timestamp) -> Vec<Answer>;
}
