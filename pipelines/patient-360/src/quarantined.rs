//! Quarantine: messages that cannot be read, with their exact bytes, and the way back (INV-2).

use crate::current::RowKey;
use crate::decode::DecodedMessage;
use crate::render::headers_map;
use crate::{table_number, topic_of};
use panorama_api::NewMessage;
use panorama_model::{Row, Text, Timestamp, Unreadable, Value};
use panorama_tables::table::quarantine as column;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// The header that names the entry a message is a replay of.
const REPLAY_OF: &str = "replay.of";
/// The header that says under which day that entry is filed.
const REPLAY_DAY: &str = "replay.day";

/// A message's entry: its place and its row.
pub(crate) fn entry(message: &DecodedMessage, unreadable: &Unreadable, now: Timestamp) -> (RowKey, Row) {
    let topic = topic_of(&message.source.source);
    let id = message_hash(&topic, message);
    let mut row = Row::new();
    row.set(column::QUARANTINE_ID, format!("{id:032x}"));
    row.set(column::SOURCE, message.source.source.clone());
    row.set(column::TOPIC, topic);
    row.set(column::PARTITION, i64::from(message.position.partition));
    row.set(
        column::OFFSET,
        i64::try_from(message.position.offset).unwrap_or(i64::MAX),
    );
    row.set(column::RECEIVED_AT, message.raw.received_at);
    row.set(column::FORMAT, message.source.format.clone());
    row.set(column::REASON_CODE, unreadable.code);
    row.set(column::REASON, unreadable.reason.as_ref());
    row.set(column::LOCATION, unreadable.location.clone());
    row.set(column::PAYLOAD, Value::Bytes(&message.raw.payload));
    row.set(column::HEADERS, Value::Map(&headers_map(&message.raw.headers)));
    row.set(column::QUARANTINED_AT, now);
    row.set(column::STATUS, "open");
    let day = message.raw.received_at.date().0;
    ((table_number::QUARANTINE, (day, id)), row)
}

/// 128 bits that stand for a message's place in the log.
pub(crate) fn message_hash(topic: &str, message: &DecodedMessage) -> u128 {
    let mut bytes = topic.as_bytes().to_vec();
    bytes.extend_from_slice(&message.position.partition.to_be_bytes());
    bytes.extend_from_slice(&message.position.offset.to_be_bytes());
    xxh3_128(&bytes)
}

/// The entry a message is a replay of.
pub(crate) fn replayed_entry(message: &DecodedMessage) -> Option<RowKey> {
    let header = |name: &str| {
        let found = message.raw.headers.iter().find(|(n, _)| n == name)?;
        std::str::from_utf8(&found.1).ok()
    };
    let id = u128::from_str_radix(header(REPLAY_OF)?, 16).ok()?;
    Some((table_number::QUARANTINE, (header(REPLAY_DAY)?.parse().ok()?, id)))
}

/// The message that brings an entry's bytes back to its topic.
pub(crate) fn replay(row: &Row, now: Timestamp) -> Option<NewMessage> {
    let Some(Value::Bytes(payload)) = row.get(column::PAYLOAD) else {
        return None;
    };
    let mut headers: Vec<(Text, Vec<u8>)> = match row.get(column::HEADERS) {
        Some(Value::Map(map)) => map
            .iter()
            .map(|(name, value)| (name.clone(), value.as_bytes().to_vec()))
            .collect(),
        _ => Vec::new(),
    };
    headers.retain(|(name, _)| name != REPLAY_OF && name != REPLAY_DAY);
    headers.push((
        REPLAY_OF.into(),
        row.text(column::QUARANTINE_ID)?.as_bytes().to_vec(),
    ));
    let day = row.time(column::RECEIVED_AT)?.date().0;
    headers.push((REPLAY_DAY.into(), day.to_string().into_bytes()));
    Some(NewMessage {
        received_at: now,
        payload: payload.to_vec().into(),
        headers: Arc::new(headers),
        dedupe: None,
    })
}
