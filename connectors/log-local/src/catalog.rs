//! Topics, their partitions and segments: what is in memory of them, and how it is found again at start.
//!
//! Readers see a message once the partition's `end` has passed it, which the writer moves after the commit.

use crate::headers::HeadersCache;
use crate::keys::{self, Place};
use crate::{LocalLogOptions, LogError, tuning};
use fjall::{Database, Keyspace};
use panorama_api::{LogRecord, Offset, ReadLimits};
use panorama_model::{Headers, Text};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Consecutive messages of one partition, in a keyspace of their own that can be dropped whole.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) first: Offset,
    pub(crate) messages: Keyspace,
}

/// One partition.
pub(crate) struct Partition {
    pub(crate) place: Place,
    start: AtomicU64,
    end: AtomicU64,
    segments: RwLock<Vec<Segment>>,
}

impl Partition {
    fn new(place: Place, end: Offset, segments: Vec<Segment>) -> Self {
        let start = segments.first().map_or(end, |segment| segment.first);
        Self {
            place,
            start: AtomicU64::new(start),
            end: AtomicU64::new(end),
            segments: RwLock::new(segments),
        }
    }

    pub(crate) fn bounds(&self) -> (Offset, Offset) {
        (
            self.start.load(Ordering::Acquire),
            self.end.load(Ordering::Acquire),
        )
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Shows readers a segment. It is empty to them until the end moves.
    pub(crate) fn add_segment(&self, segment: Segment) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.push(segment);
    }

    pub(crate) fn advance(&self, end: Offset) {
        self.end.store(end, Ordering::Release);
    }

    /// The segments that hold only messages below `offset`; never the last, which is written to.
    pub(crate) fn segments_below(&self, offset: Offset) -> Vec<Segment> {
        let segments = self.segments();
        let next_first = segments.iter().skip(1).map(|segment| segment.first);
        segments
            .iter()
            .zip(next_first)
            .take_while(|(_, next)| *next <= offset)
            .map(|(segment, _)| segment.clone())
            .collect()
    }

    pub(crate) fn forget_segments(&self, count: usize) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let count = count.min(segments.len());
        segments.drain(..count);
        if let Some(oldest) = segments.first() {
            self.start.store(oldest.first, Ordering::Release);
        }
    }

    /// Reads messages from an offset on, or from the oldest that is kept.
    pub(crate) fn read(
        &self,
        from: Offset,
        limits: ReadLimits,
        cache: &HeadersCache,
    ) -> Result<Vec<LogRecord>, LogError> {
        let segments = self.segments();
        let (_, end) = self.bounds();
        let mut reading = Reading {
            next: from.max(segments.first().map_or(end, |segment| segment.first)),
            end,
            bytes: 0,
            limits,
            records: Vec::new(),
            headers: None,
        };
        let at = segments
            .partition_point(|segment| segment.first <= reading.next)
            .saturating_sub(1);
        for segment in segments.iter().skip(at) {
            if reading.next >= end || !reading.read_segment(segment, cache)? {
                break;
            }
        }
        Ok(reading.records)
    }
}

/// A read on its way through the segments.
struct Reading {
    next: Offset,
    end: Offset,
    bytes: usize,
    limits: ReadLimits,
    records: Vec<LogRecord>,
    /// The header set of the record before: most often the next one's too.
    headers: Option<(u128, Arc<Headers>)>,
}

impl Reading {
    /// Reads on in this segment. False once the limits are reached.
    fn read_segment(&mut self, segment: &Segment, cache: &HeadersCache) -> Result<bool, LogError> {
        let range = keys::message_key(self.next)..keys::message_key(self.end);
        for entry in segment.messages.range(range) {
            if self.records.len() >= self.limits.records_max.max(1) {
                return Ok(false);
            }
            let (key, value) = entry.into_inner()?;
            if keys::read_message_key(&key)? != self.next {
                return Err(LogError::OffsetMissing { offset: self.next });
            }
            let payload_bytes = value.len().saturating_sub(keys::MESSAGE_HEAD);
            let bytes = self.bytes.saturating_add(payload_bytes);
            if bytes > self.limits.bytes_max && !self.records.is_empty() {
                return Ok(false);
            }
            let (received_at, hash, payload) = keys::read_message(value)?;
            let headers = self.headers_of(hash, segment, cache)?;
            self.records.push(LogRecord {
                offset: self.next,
                received_at,
                payload,
                headers,
            });
            self.bytes = bytes;
            self.next += 1;
        }
        Ok(true)
    }

    fn headers_of(
        &mut self,
        hash: u128,
        segment: &Segment,
        cache: &HeadersCache,
    ) -> Result<Arc<Headers>, LogError> {
        if let Some((last, headers)) = &self.headers
            && *last == hash
        {
            return Ok(Arc::clone(headers));
        }
        let headers = load_headers(hash, segment, cache)?;
        self.headers = Some((hash, Arc::clone(&headers)));
        Ok(headers)
    }
}

fn load_headers(hash: u128, segment: &Segment, cache: &HeadersCache) -> Result<Arc<Headers>, LogError> {
    if hash == 0 {
        return Ok(Arc::default());
    }
    if let Some(headers) = cache.get(hash) {
        return Ok(headers);
    }
    let damaged = || LogError::Damaged { what: "header set" };
    let stored = segment
        .messages
        .get(keys::headers_key(hash))?
        .ok_or_else(damaged)?;
    let headers: Headers = postcard::from_bytes(&stored).map_err(|_| damaged())?;
    let headers = Arc::new(headers);
    cache.insert(hash, &headers);
    Ok(headers)
}

/// One topic.
pub(crate) struct Topic {
    pub(crate) name: Text,
    pub(crate) partitions: Vec<Partition>,
}

impl Topic {
    pub(crate) fn partition(&self, partition: u32) -> Result<&Partition, LogError> {
        self.partitions
            .get(partition as usize)
            .ok_or(LogError::PartitionUnknown {
                partitions: self.partitions.len() as u32,
            })
    }
}

/// All topics.
#[derive(Default)]
pub(crate) struct Catalog {
    topics: RwLock<HashMap<Text, Arc<Topic>>>,
}

impl Catalog {
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        self.find(name).ok_or(LogError::TopicUnknown)
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = topics.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Adds an empty topic.
    pub(crate) fn add(&self, name: &str, id: u32, partitions: u32) {
        self.insert(name, id, partitions, &mut HashMap::new(), &mut HashMap::new());
    }

    fn insert(
        &self,
        name: &str,
        id: u32,
        partitions: u32,
        ends: &mut HashMap<Place, Offset>,
        segments: &mut HashMap<Place, Vec<Segment>>,
    ) {
        let partitions = (0..partitions)
            .map(|partition| {
                let place = Place { topic: id, partition };
                let end = ends.remove(&place).unwrap_or(0);
                Partition::new(place, end, segments.remove(&place).unwrap_or_default())
            })
            .collect();
        let topic = Topic {
            name: name.into(),
            partitions,
        };
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.insert(name.into(), Arc::new(topic));
    }

    /// Finds the topics again, and drops segments whose removal was cut short.
    pub(crate) fn recover(
        database: &Database,
        catalog: &Keyspace,
        options: &LocalLogOptions,
    ) -> Result<Self, LogError> {
        let mut topics = Vec::new();
        let mut ends = HashMap::new();
        let mut segments: HashMap<Place, Vec<Segment>> = HashMap::new();
        let mut known = HashSet::new();
        for entry in catalog.iter() {
            let (key, value) = entry.into_inner()?;
            match key.first() {
                Some(&keys::TOPIC) => topics.push(keys::read_topic(&key, &value)?),
                Some(&keys::END) => {
                    let (place, end) = keys::read_end(&key, &value)?;
                    ends.insert(place, end);
                }
                Some(&keys::SEGMENT) => {
                    let (place, first) = keys::read_segment(&key)?;
                    let name = keys::segment_name(place, first);
                    if !database.keyspace_exists(&name) {
                        return Err(LogError::Damaged { what: "segment list" });
                    }
                    let messages = database.keyspace(&name, || tuning::segment(options))?;
                    // Keys sort by first offset, so the list of each partition does.
                    segments
                        .entry(place)
                        .or_default()
                        .push(Segment { first, messages });
                    known.insert(name);
                }
                _ => return Err(LogError::Damaged { what: "catalog" }),
            }
        }
        drop_orphans(database, &known, options)?;
        let recovered = Self::default();
        for (name, id, partitions) in topics {
            recovered.insert(&name, id, partitions, &mut ends, &mut segments);
        }
        Ok(recovered)
    }
}

/// Drops segments no catalog entry speaks of: made just before a crash, or trimmed just before one.
fn drop_orphans(
    database: &Database,
    known: &HashSet<String>,
    options: &LocalLogOptions,
) -> Result<(), LogError> {
    for name in database.list_keyspace_names() {
        if name.starts_with(keys::SEGMENT_PREFIX) && !known.contains(&*name) {
            let orphan = database.keyspace(&name, || tuning::segment(options))?;
            database.delete_keyspace(orphan)?;
        }
    }
    Ok(())
}
