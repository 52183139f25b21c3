//! A group: what many callers asked for, as one batch. Either all of it becomes durable or none.

use crate::catalog::{Segment, Topic};
use crate::dedupe::Copies;
use crate::keys::{self, Place};
use crate::log::Core;
use crate::queue::{Append, Commit, Prepared, Request};
use crate::{LogError, tuning};
use fjall::{Keyspace, OwnedWriteBatch, PersistMode};
use panorama_api::{Appended, ConnectorError, Offset, Result, Space};
use panorama_model::Headers;
use std::collections::{HashMap, HashSet};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Header sets remembered per segment as written; past this they are written again, which does no harm.
const HEADERS_KNOWN_MAX: usize = 4096;

/// Where a partition is written to.
pub(crate) struct Tail {
    pub(crate) segment: Segment,
    next: Offset,
    bytes: u64,
    headers: HashSet<u128>,
}

impl Tail {
    fn new(segment: Segment, next: Offset, bytes: u64) -> Self {
        Self {
            segment,
            next,
            bytes,
            headers: HashSet::new(),
        }
    }
}

/// Who is waiting for the group, and for what.
enum Answer {
    Append {
        topic: Arc<Topic>,
        appended: Vec<Appended>,
        reply: oneshot::Sender<Result<Vec<Appended>>>,
        _permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    },
    Commit(SyncSender<Result<()>>),
}

/// The group in the making.
pub(crate) struct Group<'a> {
    core: &'a Core,
    tails: &'a mut HashMap<Place, Tail>,
    copies: &'a mut Copies,
    batch: OwnedWriteBatch,
    ends: HashMap<Place, (Arc<Topic>, Offset)>,
    segments: Vec<(Arc<Topic>, Place, Segment)>,
    positions: HashMap<Vec<u8>, Vec<u8>>,
    answers: Vec<Answer>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(
        core: &'a Core,
        tails: &'a mut HashMap<Place, Tail>,
        copies: &'a mut Copies,
        items: usize,
    ) -> Self {
        let batch = OwnedWriteBatch::with_capacity(core.database.clone(), items);
        Self {
            core,
            tails,
            copies,
            batch: batch.durability(Some(PersistMode::SyncData)),
            ends: HashMap::new(),
            segments: Vec::new(),
            positions: HashMap::new(),
            answers: Vec::new(),
        }
    }

    /// Brings the group to disk, shows it to readers, answers everyone. After an error nothing of it was acknowledged.
    pub(crate) fn run(mut self, requests: Vec<Request>) -> std::result::Result<(), Arc<LogError>> {
        let outcome = self.fill_and_commit(requests).map_err(Arc::new);
        if outcome.is_ok() {
            self.publish();
        }
        for answer in self.answers {
            answer.give(outcome.as_ref().err());
        }
        outcome
    }

    fn fill_and_commit(&mut self, requests: Vec<Request>) -> std::result::Result<(), LogError> {
        let mut failed = None;
        for request in requests {
            let added = match request {
                Request::Append(append) => self.add_append(append, failed.is_some()),
                Request::Commit(commit) => self.add_commit(commit, failed.is_some()),
                Request::Control(_) => Ok(()),
            };
            failed = failed.or(added.err());
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.finish_batch()?;
        let batch = std::mem::replace(&mut self.batch, self.core.database.batch());
        #[cfg(feature = "planted-bugs")]
        self.answer_too_early();
        // A snapshot must not be opened while the batch is being applied: flushes move the visible sequence number past it.
        let _applying = self.core.applying.write().unwrap_or_else(PoisonError::into_inner);
        Ok(batch.commit()?)
    }

    /// A planted bug: answers before anything is durable, and takes its time.
    #[cfg(feature = "planted-bugs")]
    fn answer_too_early(&mut self) {
        if !panorama_api::is_planted("ack-before-commit") {
            return;
        }
        for answer in std::mem::take(&mut self.answers) {
            match answer {
                Answer::Append { .. } => answer.give(None),
                commit @ Answer::Commit(_) => self.answers.push(commit),
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    fn add_append(&mut self, append: Append, skip: bool) -> std::result::Result<(), LogError> {
        let mut appended = Vec::with_capacity(append.messages.len());
        let added = if skip {
            Ok(())
        } else {
            self.add_messages(
                &append.topic,
                append.partition,
                append.messages,
                &append.headers,
                &mut appended,
            )
        };
        if let Some(position) = append.position {
            self.positions.insert(position.name, position.value);
        }
        self.answers.push(Answer::Append {
            topic: append.topic,
            appended,
            reply: append.reply,
            _permits: append.permits,
        });
        added
    }

    fn add_messages(
        &mut self,
        topic: &Arc<Topic>,
        partition: u32,
        messages: Vec<Prepared>,
        headers: &[(u128, Arc<Headers>)],
        appended: &mut Vec<Appended>,
    ) -> std::result::Result<(), LogError> {
        if messages.is_empty() {
            return Ok(());
        }
        let partition = topic.partition(partition)?;
        let place = partition.place;
        let mut tail = match self.tails.remove(&place) {
            Some(tail) => tail,
            None => match partition.segments().pop() {
                Some(last) => {
                    let bytes = last.messages.disk_space();
                    Tail::new(last, partition.bounds().1, bytes)
                }
                None => self.make_segment(topic, place, partition.bounds().1)?,
            },
        };
        for message in messages {
            let copy = message.dedupe.map(|key| keys::copy_key(place, key));
            if let Some(copy) = copy {
                if let Some(offset) = self.copies.find(&copy)? {
                    appended.push(Appended::DuplicateOf(offset));
                    continue;
                }
                self.copies
                    .remember(&mut self.batch, copy, tail.next, message.received_at);
            }
            if self.is_full(&tail) {
                tail = self.make_segment(topic, place, tail.next)?;
            }
            appended.push(Appended::At(tail.next));
            self.add_message(&mut tail, message, headers)?;
        }
        self.ends.insert(place, (Arc::clone(topic), tail.next));
        self.tails.insert(place, tail);
        Ok(())
    }

    fn add_message(
        &mut self,
        tail: &mut Tail,
        message: Prepared,
        headers: &[(u128, Arc<Headers>)],
    ) -> std::result::Result<(), LogError> {
        let segment = &tail.segment.messages;
        if let Some((hash, headers)) = headers.get(message.headers)
            && *hash != 0
        {
            if tail.headers.len() >= HEADERS_KNOWN_MAX {
                tail.headers.clear();
            }
            if tail.headers.insert(*hash) {
                let stored =
                    postcard::to_stdvec(&**headers).map_err(|_| LogError::Damaged { what: "header set" })?;
                self.batch.insert(segment, keys::headers_key(*hash), stored);
            }
        }
        tail.bytes = tail.bytes.saturating_add(message.value.len() as u64);
        self.batch
            .insert(segment, keys::message_key(tail.next), message.value);
        tail.next += 1;
        Ok(())
    }

    fn is_full(&self, tail: &Tail) -> bool {
        let count = tail.next.saturating_sub(tail.segment.first);
        count > 0
            && (count >= self.core.options.segment_messages_max
                || tail.bytes >= self.core.options.segment_bytes_max)
    }

    fn make_segment(
        &mut self,
        topic: &Arc<Topic>,
        place: Place,
        first: Offset,
    ) -> std::result::Result<Tail, LogError> {
        let name = keys::segment_name(place, first);
        let messages = self
            .core
            .database
            .keyspace(&name, || tuning::segment(&self.core.options))?;
        self.batch
            .insert(&self.core.catalog_keyspace, keys::segment_key(place, first), []);
        let segment = Segment { first, messages };
        self.segments.push((Arc::clone(topic), place, segment.clone()));
        Ok(Tail::new(segment, first, 0))
    }

    fn add_commit(&mut self, commit: Commit, skip: bool) -> std::result::Result<(), LogError> {
        self.answers.push(Answer::Commit(commit.reply));
        if skip {
            return Ok(());
        }
        // Changes stand in the order of their spaces.
        let mut found: Option<(Space, &Keyspace)> = None;
        for (space, key, value) in commit.batch.iter() {
            let keyspace = match found.filter(|(last, _)| *last == space) {
                Some((_, keyspace)) => keyspace,
                None => self.core.spaces.get(&space).ok_or(LogError::SpaceUnknown)?,
            };
            found = Some((space, keyspace));
            match value {
                Some(value) => self.batch.insert(keyspace, key, value),
                None => self.batch.remove(keyspace, key),
            }
        }
        Ok(())
    }

    /// Adds what is written once per group. A key must not appear twice in a batch: both would have one sequence number.
    fn finish_batch(&mut self) -> std::result::Result<(), LogError> {
        self.copies.finish(&mut self.batch)?;
        for (place, (_, end)) in &self.ends {
            self.batch.insert(
                &self.core.catalog_keyspace,
                keys::end_key(*place),
                end.to_be_bytes(),
            );
        }
        for (name, value) in std::mem::take(&mut self.positions) {
            self.batch.insert(&self.core.positions, name, value);
        }
        Ok(())
    }

    fn publish(&mut self) {
        for (topic, place, segment) in self.segments.drain(..) {
            if let Ok(partition) = topic.partition(place.partition) {
                partition.add_segment(segment);
            }
        }
        if self.ends.is_empty() {
            return;
        }
        for (place, (topic, end)) in self.ends.drain() {
            if let Ok(partition) = topic.partition(place.partition) {
                partition.advance(end);
            }
        }
        self.core
            .appended
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Answer {
    /// Tells the caller. One who has gone away does not mind.
    fn give(self, error: Option<&Arc<LogError>>) {
        match self {
            Self::Append {
                topic,
                appended,
                reply,
                ..
            } => {
                let outcome = match error {
                    Some(error) => Err(shared("append to", topic.name.as_str(), error)),
                    None => Ok(appended),
                };
                reply.send(outcome).ok();
            }
            Self::Commit(reply) => {
                let outcome = match error {
                    Some(error) => Err(shared("commit", "state", error)),
                    None => Ok(()),
                };
                reply.send(outcome).ok();
            }
        }
    }
}

/// Answers requests that were not tried at all.
pub(crate) fn refuse(requests: Vec<Request>, error: LogError) {
    let error = Arc::new(error);
    for request in requests {
        let answer = match request {
            Request::Append(append) => Answer::Append {
                topic: append.topic,
                appended: Vec::new(),
                reply: append.reply,
                _permits: append.permits,
            },
            Request::Commit(commit) => Answer::Commit(commit.reply),
            Request::Control(_) => continue,
        };
        answer.give(Some(&error));
    }
}

fn shared(action: &'static str, object: &str, error: &Arc<LogError>) -> ConnectorError {
    ConnectorError::new(action, object, error.class(), Arc::clone(error))
}
