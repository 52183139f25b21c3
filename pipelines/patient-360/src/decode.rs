//! The decode step: raw messages in, records and issues out. Pure per message, so it runs on every core at once.

use crate::facts::Position;
use crate::reader::Prepare;
use panorama_api::LogRecord;
use panorama_identity::{Ahead, PreparedPerson};
use panorama_model::{Decode, DecodeContext, Decoded, Reading, Text, Zone};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// How the messages of one source are read.
pub struct SourceDecoder {
    /// The configured source id.
    pub source: Text,
    /// The name of its format.
    pub format: Text,
    /// The site's zone.
    pub zone: Option<Zone>,
    /// Reads one message.
    pub decoder: Box<dyn Decode>,
}

impl SourceDecoder {
    /// The source of the decisions that stewards take through the command line and the console. Every pipeline has it.
    pub fn steward() -> Self {
        Self {
            source: panorama_stewardship::SOURCE.into(),
            format: panorama_stewardship::FORMAT.into(),
            zone: None,
            decoder: Box::new(panorama_stewardship::decode),
        }
    }
}

/// A raw message, the partition it lies in, and how it is read.
pub(crate) type RawMessage = (Arc<SourceDecoder>, u32, LogRecord);

/// A raw message and what came of reading it.
pub(crate) struct DecodedMessage {
    /// Which source's.
    pub source: Arc<SourceDecoder>,
    /// Where it lies.
    pub position: Position,
    /// The message itself; its payload only where it could not be read.
    pub raw: LogRecord,
    /// What tells its copies, where the sender gave it an id.
    pub event: Option<EventId>,
    /// What it says.
    pub reading: Reading,
    /// What each record says of its person, where it speaks of one, in the order of the records.
    pub said: Vec<Option<Said>>,
}

/// The sender's own id of a message, and what it said under it, both hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub id: u128,
    pub content: u64,
}

impl EventId {
    fn of(source: &str, event_key: &str, payload: &[u8]) -> Self {
        let mut id = Xxh3::new();
        id.update(source.as_bytes());
        id.update(&[0x1f]);
        id.update(event_key.as_bytes());
        Self {
            id: id.digest128(),
            content: xxh3_64(payload),
        }
    }
}

/// What a record says of its person.
pub(crate) struct Said {
    /// A hash of it.
    pub content: u128,
    /// The person standardized and indexed; none where the record said the same lately, which is not needed again then.
    pub prepared: Option<Prepared>,
}

/// A record's person, standardized and indexed, with a hash that tells whether that is new.
pub(crate) struct Prepared {
    pub person: PreparedPerson,
    pub hash: u64,
    /// What is known of its pairs ahead.
    pub ahead: Ahead,
}

impl Prepared {
    pub(crate) fn new(person: PreparedPerson) -> Self {
        let mut hasher = Xxh3::new();
        person.person().hash(&mut hasher);
        Self {
            hash: hasher.finish(),
            person,
            ahead: Ahead::default(),
        }
    }
}

/// Reads messages on `threads` threads, keeping their order.
pub(crate) fn decode(messages: Vec<RawMessage>, prepare: &Prepare, threads: usize) -> Vec<DecodedMessage> {
    let share = messages.len().div_ceil(threads.max(1)).max(1);
    let mut shares: Vec<Vec<_>> = Vec::new();
    let mut messages = messages.into_iter();
    loop {
        let part: Vec<_> = messages.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        shares.push(part);
    }
    let read_all = |part: Vec<_>| part.into_iter().map(|m| read(m, prepare)).collect::<Vec<_>>();
    let mut rest = shares.split_off(shares.len().min(1));
    let first = shares.pop().unwrap_or_default();
    std::thread::scope(|scope| {
        let others: Vec<_> = rest
            .drain(..)
            .map(|part| scope.spawn(|| read_all(part)))
            .collect();
        let mut all = read_all(first);
        for other in others {
            match other.join() {
                Ok(part) => all.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

fn read((source, partition, mut raw): RawMessage, prepare: &Prepare) -> DecodedMessage {
    let context = DecodeContext {
        source: &source.source,
        received_at: raw.received_at,
        zone: source.zone.as_ref(),
        headers: &raw.headers,
    };
    let reading = source.decoder.decode(&raw.payload, &context);
    let said = match &reading {
        Reading::Read(Decoded { records, .. }) => records.iter().map(|record| prepare(record)).collect(),
        Reading::Unreadable(_) => Vec::new(),
    };
    let mut event = None;
    if let Reading::Read(decoded) = &reading {
        let key = decoded.event_key.as_deref();
        event = key.map(|key| EventId::of(&source.source, key, &raw.payload));
        // Freed here, on any core, and not held until its epoch is applied.
        drop(std::mem::take(&mut raw.payload));
    }
    DecodedMessage {
        position: Position {
            partition,
            offset: raw.offset,
        },
        source,
        raw,
        event,
        reading,
        said,
    }
}
