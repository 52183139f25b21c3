//! The decode step's contract: bytes and their context in; records and issues, or "cannot be read", out (INV-1, INV-2).

use crate::{IdentityEvent, Issue, SourceRecord, StewardDecision, Text, Timestamp, Zone};
use std::borrow::Cow;

/// What travelled with a message: `csv.header`, `file.name`, `peer`. Small, in arrival order.
pub type Headers = Vec<(Text, Vec<u8>)>;

/// What a decoder may know besides the bytes.
#[derive(Clone, Copy, Debug)]
pub struct DecodeContext<'a> {
    /// The configured source id.
    pub source: &'a str,
    /// When the message was received.
    pub received_at: Timestamp,
    /// The site's zone, for times that carry none.
    pub zone: Option<&'a Zone>,
    /// What travelled with the message.
    pub headers: &'a [(Text, Vec<u8>)],
}

impl DecodeContext<'_> {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_slice())
    }
}

/// A message that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The message's type in the format's own words: `ADT^A01`, `Bundle`, `delivered`. A metric label: never patient data.
    pub kind: Text,
    /// What it says, per source record.
    pub records: Vec<SourceRecord>,
    /// What it says of identities.
    pub identity_events: Vec<IdentityEvent>,
    /// What stewards decided.
    pub decisions: Vec<StewardDecision>,
    /// What was odd.
    pub issues: Vec<Issue>,
    /// The sender's own id of this message, where a copy with the same id is a duplicate (MSH-3/4/10, `sg_event_id`).
    pub event_key: Option<Text>,
}

/// A message that cannot be read at all: its exact bytes go to quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Stable, snake_case reason for counting.
    pub code: &'static str,
    /// The place, in the format's own words.
    pub location: Text,
    /// One sentence for a person, with a hint. Never patient data.
    pub reason: Cow<'static, str>,
}

/// What came of reading a message. There is no third way (INV-2).
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Read, with what was odd.
    Read(Decoded),
    /// Not readable.
    Unreadable(Unreadable),
}

impl Reading {
    /// A message that cannot be read.
    pub fn unreadable(
        code: &'static str,
        location: impl Into<Text>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Unreadable(Unreadable {
            code,
            location: location.into(),
            reason: reason.into(),
        })
    }
}

/// Reads the messages of one format.
pub trait Decode: Send + Sync {
    /// Reads one message. Never panics, whatever the bytes.
    fn decode(&self, payload: &[u8], context: &DecodeContext<'_>) -> Reading;
}

impl<F> Decode for F
where
    F: Fn(&[u8], &DecodeContext<'_>) -> Reading + Send + Sync,
{
    fn decode(&self, payload: &[u8], context: &DecodeContext<'_>) -> Reading {
        self(payload, context)
    }
}
