//! How keys and values lie in the database. All integers in keys are big-endian, so that keys sort as numbers do.

use crate::LogError;
use bytes::Bytes;
use fjall::Slice;
use panorama_api::{DedupeKey, NewMessage, Offset};
use panorama_model::{Headers, Timestamp};
use xxhash_rust::xxh3::Xxh3;

/// Which partition, in all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) topic: u32,
    pub(crate) partition: u32,
}

impl Place {
    fn write(self, key: &mut Vec<u8>) {
        key.extend_from_slice(&self.topic.to_be_bytes());
        key.extend_from_slice(&self.partition.to_be_bytes());
    }

    fn read(key: &[u8]) -> Option<(Self, &[u8])> {
        let (topic, rest) = key.split_first_chunk::<4>()?;
        let (partition, rest) = rest.split_first_chunk::<4>()?;
        let place = Self {
            topic: u32::from_be_bytes(*topic),
            partition: u32::from_be_bytes(*partition),
        };
        Some((place, rest))
    }
}

/// What the catalog keyspace holds, told apart by the first byte of the key.
pub(crate) const TOPIC: u8 = b't';
pub(crate) const END: u8 = b'e';
pub(crate) const SEGMENT: u8 = b's';

/// The longest key the database takes, less room for our own prefixes.
pub(crate) const KEY_BYTES_MAX: usize = 65_000;

/// The largest payload: what a stored value may hold, with room to spare.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// Agrees to a key that the database can hold.
pub(crate) fn check_key(key: &[u8]) -> Result<(), LogError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(LogError::KeyLength);
    }
    Ok(())
}

/// `t` name -> id, partition count.
pub(crate) fn topic_key(name: &str) -> Vec<u8> {
    let mut key = vec![TOPIC];
    key.extend_from_slice(name.as_bytes());
    key
}

pub(crate) fn topic_value(id: u32, partitions: u32) -> [u8; 8] {
    (u64::from(id) << 32 | u64::from(partitions)).to_be_bytes()
}

pub(crate) fn read_topic(key: &[u8], value: &[u8]) -> Result<(String, u32, u32), LogError> {
    let damaged = LogError::Damaged { what: "topic" };
    let name = key.get(1..).and_then(|name| std::str::from_utf8(name).ok());
    let (Some(name), Ok(value)) = (name, <[u8; 8]>::try_from(value)) else {
        return Err(damaged);
    };
    let value = u64::from_be_bytes(value);
    Ok((name.to_owned(), (value >> 32) as u32, value as u32))
}

/// `e` topic partition -> the next offset.
pub(crate) fn end_key(place: Place) -> Vec<u8> {
    let mut key = vec![END];
    place.write(&mut key);
    key
}

pub(crate) fn read_end(key: &[u8], value: &[u8]) -> Result<(Place, Offset), LogError> {
    let damaged = LogError::Damaged { what: "end offset" };
    let place = key.get(1..).and_then(Place::read);
    match (place, <[u8; 8]>::try_from(value)) {
        (Some((place, _)), Ok(end)) => Ok((place, u64::from_be_bytes(end))),
        _ => Err(damaged),
    }
}

/// `s` topic partition first-offset -> nothing.
pub(crate) fn segment_key(place: Place, first: Offset) -> Vec<u8> {
    let mut key = vec![SEGMENT];
    place.write(&mut key);
    key.extend_from_slice(&first.to_be_bytes());
    key
}

pub(crate) fn read_segment(key: &[u8]) -> Result<(Place, Offset), LogError> {
    key.get(1..)
        .and_then(Place::read)
        .and_then(|(place, rest)| Some((place, u64::from_be_bytes(rest.try_into().ok()?))))
        .ok_or(LogError::Damaged { what: "segment" })
}

/// The prefix of all segments' keyspaces.
pub(crate) const SEGMENT_PREFIX: &str = "log.";

/// The keyspace of one segment.
pub(crate) fn segment_name(place: Place, first: Offset) -> String {
    format!("{SEGMENT_PREFIX}{}.{}.{first}", place.topic, place.partition)
}

/// `0` offset -> message, in a segment.
pub(crate) fn message_key(offset: Offset) -> [u8; 9] {
    tagged::<9>(0, &offset.to_be_bytes())
}

pub(crate) fn read_message_key(key: &[u8]) -> Result<Offset, LogError> {
    key.split_first()
        .and_then(|(_, offset)| Some(u64::from_be_bytes(offset.try_into().ok()?)))
        .ok_or(LogError::Damaged { what: "message key" })
}

/// `1` hash -> header set, in a segment: it goes when the segment goes.
pub(crate) fn headers_key(hash: u128) -> [u8; 17] {
    tagged::<17>(1, &hash.to_be_bytes())
}

fn tagged<const N: usize>(tag: u8, rest: &[u8]) -> [u8; N] {
    let mut key = [tag; N];
    for (byte, from) in key.iter_mut().skip(1).zip(rest) {
        *byte = *from;
    }
    key
}

/// topic partition id content -> offset, in the keyspace of copies.
pub(crate) type CopyKey = [u8; 32];

pub(crate) fn copy_key(place: Place, key: DedupeKey) -> CopyKey {
    let mut bytes = Vec::with_capacity(32);
    place.write(&mut bytes);
    bytes.extend_from_slice(&key.id.to_be_bytes());
    bytes.extend_from_slice(&key.content.to_be_bytes());
    bytes.try_into().unwrap_or([0; 32])
}

/// received-at copy-key -> nothing: the copies by age.
pub(crate) fn age_key(received_at: i64, copy: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + copy.len());
    key.extend_from_slice(&age_bound(received_at));
    key.extend_from_slice(copy);
    key
}

/// The first key of this age. The sign bit is flipped, so that times before 1970 sort first.
pub(crate) fn age_bound(received_at: i64) -> [u8; 8] {
    (received_at as u64 ^ 1 << 63).to_be_bytes()
}

pub(crate) fn read_age(key: &[u8]) -> Result<(i64, &[u8]), LogError> {
    key.split_first_chunk::<8>()
        .map(|(age, copy)| ((u64::from_be_bytes(*age) ^ 1 << 63) as i64, copy))
        .ok_or(LogError::Damaged {
            what: "age of a copy",
        })
}

/// Bytes of a stored message before its payload: received-at (8), hash of its headers (16).
pub(crate) const MESSAGE_HEAD: usize = 24;

/// A stored message. Made by the appending task, so that the writer only moves it.
pub(crate) fn message_value(message: &NewMessage, headers: u128) -> Slice {
    let mut value = Vec::with_capacity(MESSAGE_HEAD + message.payload.len());
    value.extend_from_slice(&message.received_at.0.to_be_bytes());
    value.extend_from_slice(&headers.to_be_bytes());
    value.extend_from_slice(&message.payload);
    Slice::from(value)
}

/// Payloads up to this size are copied out of their block; a larger one is shared, as holding its block costs little more.
const COPY_BYTES_MAX: usize = 4096;

pub(crate) fn read_message(value: Slice) -> Result<(Timestamp, u128, Bytes), LogError> {
    let damaged = LogError::Damaged { what: "message" };
    let Some((received_at, rest)) = value.split_first_chunk::<8>() else {
        return Err(damaged);
    };
    let Some((hash, payload)) = rest.split_first_chunk::<16>() else {
        return Err(damaged);
    };
    let (received_at, hash) = (i64::from_be_bytes(*received_at), u128::from_be_bytes(*hash));
    let payload = if payload.len() <= COPY_BYTES_MAX {
        Bytes::copy_from_slice(payload)
    } else {
        Bytes::from_owner(value).slice(MESSAGE_HEAD..)
    };
    Ok((Timestamp(received_at), hash, payload))
}

/// 128 bits that stand for a header set; 0 is the empty one.
pub(crate) fn headers_hash(headers: &Headers) -> u128 {
    if headers.is_empty() {
        return 0;
    }
    let mut hasher = Xxh3::new();
    for (name, value) in headers {
        hasher.update(&(name.len() as u64).to_be_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&(value.len() as u64).to_be_bytes());
        hasher.update(value);
    }
    hasher.digest128().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        topic: 7,
        partition: 3,
    };

    #[test]
    fn keys_read_back() {
        assert_eq!(
            read_topic(&topic_key("raw.adt"), &topic_value(9, 4)).unwrap(),
            ("raw.adt".into(), 9, 4)
        );
        assert_eq!(
            read_end(&end_key(PLACE), &5u64.to_be_bytes()).unwrap(),
            (PLACE, 5)
        );
        assert_eq!(
            read_segment(&segment_key(PLACE, 1 << 40)).unwrap(),
            (PLACE, 1 << 40)
        );
        assert_eq!(read_message_key(&message_key(77)).unwrap(), 77);
        let copy = copy_key(PLACE, DedupeKey { id: 1, content: 2 });
        assert_eq!(read_age(&age_key(-5, &copy)).unwrap(), (-5, copy.as_slice()));
    }

    #[test]
    fn keys_sort_as_numbers() {
        assert!(message_key(255) < message_key(256));
        assert!(message_key(u64::MAX).as_slice() < headers_key(0).as_slice());
        assert!(age_key(-1, &[]) < age_key(0, &[]));
        assert!(age_key(0, &[]) < age_key(1, &[]));
    }

    #[test]
    fn damage_is_an_error() {
        assert!(read_topic(b"t\xff", &[0; 8]).is_err());
        assert!(read_end(b"e", &[0; 8]).is_err());
        assert!(read_segment(b"s1234").is_err());
        assert!(read_message_key(b"").is_err());
        assert!(read_age(b"123").is_err());
        assert!(read_message(Slice::from([0u8; 20])).is_err());
    }

    #[test]
    fn header_sets_are_told_apart() {
        let set = |pairs: &[(&str, &str)]| -> u128 {
            headers_hash(
                &pairs
                    .iter()
                    .map(|(n, v)| ((*n).into(), v.as_bytes().to_vec()))
                    .collect(),
            )
        };
        assert_eq!(set(&[]), 0);
        assert_ne!(set(&[("ab", "c")]), set(&[("a", "bc")]));
        assert_ne!(set(&[("a", "")]), set(&[("a", ""), ("a", "")]));
        assert_eq!(set(&[("a", "b")]), set(&[("a", "b")]));
    }
}
