//! What travels with a message in its headers: when it was received, the sender's id, and where in which append it stands.
//!
//! Ours begin with `panorama.`; all others are the source's own. Other teams can read them: all but the position are text.

use crate::error::{KafkaBusError, Result};
use bytes::Bytes;
use panorama_api::{DedupeKey, LogRecord, NewMessage, Offset};
use panorama_model::{Headers as SourceHeaders, Timestamp};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// Decimal microseconds since 1970, UTC.
const RECEIVED_AT: &str = "panorama.received_at";
/// The sender's id, hashed, and the hash of the content: `<32 hex digits>:<16 hex digits>`.
const MESSAGE_ID: &str = "panorama.message_id";
/// Of an append that carries a source's position: `<feed, 32 hex digits>:<index>/<count>`.
const APPEND: &str = "panorama.append";
/// The position itself, on the last message of its append.
const POSITION: &str = "panorama.position";
/// Who appended it, of those that share a topic: 16 hex digits. What stands behind the claim of another one is void.
const WRITER: &str = "panorama.writer";
/// On a record without a value: from here on who is named appends, and nobody else.
const CLAIM: &str = "panorama.claim";
const OURS: &str = "panorama.";

/// Header bytes that Kafka adds to each message, roughly.
pub(crate) const OVERHEAD_BYTES: usize = 256;

/// A source's feed (one file of one source), by the keyed hash of its name.
pub(crate) type Feed = u128;

/// The feed of a position's name. The topic prefix is the key: the same name elsewhere has another hash.
pub(crate) fn feed(topic_prefix: &str, name: &[u8]) -> Feed {
    xxh3_128_with_seed(name, xxh3_64(topic_prefix.as_bytes()))
}

/// One of those that share a topic, while a partition is its: drawn at random with each claim.
pub(crate) type Writer = u64;

/// Where in an append a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) feed: Feed,
    pub(crate) index: u32,
    pub(crate) count: u32,
}

/// A message as it was found, with all that travelled with it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) record: LogRecord,
    pub(crate) dedupe: Option<DedupeKey>,
    pub(crate) place: Option<Place>,
    pub(crate) position: Option<Vec<u8>>,
    pub(crate) writer: Option<Writer>,
    /// It is no message, but says who appends from here on.
    pub(crate) claim: Option<Writer>,
    /// The key; messages have none, entries of compacted topics do.
    pub(crate) key: Option<Vec<u8>>,
}

/// A hash of the bytes, by which a message that is read again is known.
pub(crate) fn content_hash(payload: &[u8]) -> u64 {
    xxh3_64(payload)
}

/// What a message will weigh against the topic's limit.
pub(crate) fn weight(message: &NewMessage) -> usize {
    let headers: usize = message
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 8)
        .sum();
    message.payload.len() + headers + OVERHEAD_BYTES
}

/// The headers of a message to be sent.
pub(crate) fn seal(
    message: &NewMessage,
    place: Option<Place>,
    position: Option<&[u8]>,
    writer: Option<Writer>,
) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(message.headers.len() + 5);
    headers = text(headers, RECEIVED_AT, &message.received_at.0.to_string());
    if let Some(DedupeKey { id, content }) = message.dedupe {
        headers = text(headers, MESSAGE_ID, &format!("{id:032x}:{content:016x}"));
    }
    if let Some(Place { feed, index, count }) = place {
        headers = text(headers, APPEND, &format!("{feed:032x}:{index}/{count}"));
    }
    if let Some(writer) = writer {
        headers = text(headers, WRITER, &format!("{writer:016x}"));
    }
    if let Some(position) = position {
        headers = headers.insert(Header {
            key: POSITION,
            value: Some(position),
        });
    }
    for (name, value) in message.headers.iter() {
        headers = headers.insert(Header {
            key: name,
            value: Some(value.as_slice()),
        });
    }
    headers
}

/// The headers of a claim.
pub(crate) fn claim(writer: Writer) -> OwnedHeaders {
    text(OwnedHeaders::new(), CLAIM, &format!("{writer:016x}"))
}

fn text(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

/// Opens a message that was read. Messages of one feed have the same headers: those of the one before are shared.
///
/// A message somebody else put there has none of ours; its time of receipt is Kafka's.
pub(crate) fn open(message: &impl Message, before: Option<&Arc<SourceHeaders>>) -> Result<Stored> {
    let damaged = |what| KafkaBusError::Damaged { what };
    let mut stored = Stored {
        record: LogRecord {
            offset: Offset::try_from(message.offset()).map_err(|_| damaged("offset"))?,
            received_at: Timestamp(message.timestamp().to_millis().unwrap_or(0).saturating_mul(1000)),
            payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
            headers: Arc::default(),
        },
        dedupe: None,
        place: None,
        position: None,
        writer: None,
        claim: None,
        key: message.key().map(<[u8]>::to_vec),
    };
    let mut own = SourceHeaders::new();
    for header in message.headers().into_iter().flat_map(Headers::iter) {
        let value = header.value.unwrap_or_default();
        if !header.key.starts_with(OURS) {
            own.push((header.key.into(), value.to_vec()));
            continue;
        }
        let text = || std::str::from_utf8(value).ok();
        match header.key {
            RECEIVED_AT => {
                let at = text()
                    .and_then(|t| t.parse().ok())
                    .ok_or(damaged("time of receipt"))?;
                stored.record.received_at = Timestamp(at);
            }
            MESSAGE_ID => {
                stored.dedupe = Some(text().and_then(message_id).ok_or(damaged("message id"))?);
            }
            APPEND => stored.place = Some(text().and_then(place).ok_or(damaged("place in an append"))?),
            POSITION => stored.position = Some(value.to_vec()),
            WRITER => stored.writer = Some(text().and_then(writer).ok_or(damaged("writer"))?),
            CLAIM => stored.claim = Some(text().and_then(writer).ok_or(damaged("claim"))?),
            _ => {}
        }
    }
    stored.record.headers = match before {
        Some(before) if **before == own => Arc::clone(before),
        _ => Arc::new(own),
    };
    Ok(stored)
}

/// The headers of a record that somebody else made.
pub(crate) fn foreign_headers(message: &impl Message) -> SourceHeaders {
    let all = message.headers().into_iter().flat_map(Headers::iter);
    all.filter(|header| !header.key.starts_with(OURS))
        .map(|header| (header.key.into(), header.value.unwrap_or_default().to_vec()))
        .collect()
}

fn message_id(text: &str) -> Option<DedupeKey> {
    let (id, content) = text.split_once(':')?;
    Some(DedupeKey {
        id: u128::from_str_radix(id, 16).ok()?,
        content: u64::from_str_radix(content, 16).ok()?,
    })
}

fn writer(text: &str) -> Option<Writer> {
    Writer::from_str_radix(text, 16).ok()
}

fn place(text: &str) -> Option<Place> {
    let (feed, rest) = text.split_once(':')?;
    let (index, count) = rest.split_once('/')?;
    Some(Place {
        feed: Feed::from_str_radix(feed, 16).ok()?,
        index: index.parse().ok()?,
        count: count.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::Timestamp as KafkaTime;
    use rdkafka::message::OwnedMessage;

    fn sent(headers: OwnedHeaders) -> OwnedMessage {
        let time = KafkaTime::LogAppendTime(1234);
        OwnedMessage::new(
            Some(b"payload".to_vec()),
            None,
            "t".into(),
            time,
            0,
            7,
            Some(headers),
        )
    }

    #[test]
    fn what_is_sealed_is_opened() {
        let message = NewMessage {
            received_at: Timestamp(-5),
            payload: Bytes::from_static(b"payload"),
            headers: Arc::new(vec![
                ("peer".into(), Vec::new()),
                ("csv.header".into(), vec![0, 255]),
            ]),
            dedupe: Some(DedupeKey {
                id: u128::MAX - 1,
                content: 3,
            }),
        };
        let place = Place {
            feed: feed("p.", b"name"),
            index: 4,
            count: 5,
        };
        let stored = open(
            &sent(seal(&message, Some(place), Some(b"\x00pos"), Some(9))),
            None,
        )
        .unwrap();
        assert_eq!(stored.record.offset, 7);
        assert_eq!(stored.record.received_at, message.received_at);
        assert_eq!(stored.record.headers, message.headers);
        assert_eq!(stored.dedupe, message.dedupe);
        assert_eq!(stored.place, Some(place));
        assert_eq!(stored.position.as_deref(), Some(&b"\x00pos"[..]));
        assert_eq!((stored.writer, stored.claim), (Some(9), None));
        assert_eq!(open(&sent(claim(8)), None).unwrap().claim, Some(8));
    }

    #[test]
    fn a_message_of_somebody_else_has_the_time_of_the_broker() {
        let theirs = OwnedHeaders::new().insert(Header {
            key: "trace",
            value: Some("x"),
        });
        let stored = open(&sent(theirs), None).unwrap();
        assert_eq!(stored.record.received_at, Timestamp(1_234_000));
        assert_eq!(stored.record.headers.len(), 1);
        assert_eq!((stored.dedupe, stored.place), (None, None));
    }

    #[test]
    fn a_header_of_ours_that_makes_no_sense_is_damage() {
        for (key, value) in [
            (RECEIVED_AT, "soon"),
            (MESSAGE_ID, "12"),
            (APPEND, "0:1"),
            (WRITER, "x"),
            (CLAIM, ""),
        ] {
            let headers = OwnedHeaders::new().insert(Header {
                key,
                value: Some(value),
            });
            assert!(matches!(
                open(&sent(headers), None),
                Err(KafkaBusError::Damaged { .. })
            ));
        }
    }

    #[test]
    fn names_are_hashed_with_the_prefix_as_key() {
        assert_ne!(feed("a.", b"name"), feed("b.", b"name"));
    }
}
