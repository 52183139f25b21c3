//! One partition as its only writer knows it: which offsets come next, which are durable, who waits for them.
//!
//! Offsets are known before messages are sent, because nobody else appends. A delivery report that says otherwise, or
//! says that a message did not arrive, is a failure: all who wait are told, and the next append first looks up what is
//! there ([`crate::recover`]).

use crate::KafkaBusError;
use crate::claims::Claims;
use crate::copies::Copies;
use crate::core::READERS;
use crate::cursor::Cursor;
use crate::envelope::{Feed, Stored, Writer, content_hash};
use crate::error::Result;
use crate::positions::{Home, Position, Positions};
use panorama_api::{Appended, NewMessage, Offset};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{oneshot, watch};

/// The beginning of an append that was cut short: hashes of its messages, and where they lie.
pub(crate) type Beginning = VecDeque<(u64, Offset)>;

/// What all partitions share.
pub(crate) struct Shared {
    pub(crate) positions: Mutex<Positions>,
    pub(crate) appended: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn positions(&self) -> MutexGuard<'_, Positions> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One partition.
pub(crate) struct Partition {
    pub(crate) home: Home,
    /// The topic's name with its prefix.
    pub(crate) topic: String,
    pub(crate) shared: Arc<Shared>,
    log: Mutex<Log>,
    /// Held while what is stored is looked up after a failure.
    pub(crate) settling: Mutex<()>,
    /// One of each reader.
    pub(crate) cursors: [Mutex<Option<Cursor>>; READERS],
}

/// Someone who waits for all offsets below one to be durable.
struct Waiter {
    until: Offset,
    answer: oneshot::Sender<Result<()>>,
}

/// What is known of a partition.
pub(crate) struct Log {
    pub(crate) start: Offset,
    /// The offset behind the last durable message.
    pub(crate) end: Offset,
    /// The offset that the next message will get.
    pub(crate) next: Offset,
    /// Behind the last append that is durable as a whole.
    pub(crate) boundary: Offset,
    /// Up to where positions are in the compacted topic.
    pub(crate) covered: Offset,
    pub(crate) has_ids: bool,
    pub(crate) copies: Copies,
    pub(crate) unfinished: HashMap<Feed, Beginning>,
    pub(crate) failure: Option<KafkaBusError>,
    /// Messages whose fate is not known yet.
    pub(crate) outstanding: usize,
    /// Rises with each failure: reports of what was sent before do not count any more.
    pub(crate) generation: u32,
    /// When its end was asked for.
    pub(crate) looked_at: Instant,
    /// When its start was.
    pub(crate) start_looked_at: Instant,
    /// It did not answer with the others when all were asked.
    pub(crate) is_silent: bool,
    /// This process has appended to it: from then on its end is our own knowledge, and its positions are ours to write.
    /// Before, another process may be the one that appends.
    pub(crate) is_ours: bool,
    /// Up to where positions and senders' ids in messages are known.
    pub(crate) looked_up: Offset,
    /// Who claimed it, where processes share it.
    pub(crate) claims: Claims,
    /// What was written of it last to the compacted topic by us: up to where, whether with ids, under which claim.
    pub(crate) marked: Option<(Offset, bool, Option<Offset>)>,
    /// As whom we append, and since when, if we have claimed it.
    pub(crate) claimed: Option<(Writer, Offset)>,
    waiters: VecDeque<Waiter>,
    coming: VecDeque<(Offset, Feed, Vec<u8>)>,
}

/// What an append comes to.
pub(crate) struct Plan {
    pub(crate) answers: Vec<Appended>,
    /// Which messages are sent, and the offsets they get.
    pub(crate) send: Vec<(usize, Offset)>,
    /// All offsets below this must be durable before the answer.
    pub(crate) until: Offset,
    /// Behind the last message that a position without messages of its own stands for.
    pub(crate) as_of: Offset,
}

impl Log {
    pub(crate) fn new(start: Offset, end: Offset) -> Self {
        Self {
            start,
            end,
            next: end,
            boundary: end,
            covered: start,
            has_ids: false,
            copies: Copies::default(),
            unfinished: HashMap::new(),
            failure: None,
            outstanding: 0,
            generation: 0,
            looked_at: Instant::now(),
            start_looked_at: Instant::now(),
            is_silent: false,
            is_ours: false,
            looked_up: end,
            claims: Claims::default(),
            marked: None,
            claimed: None,
            waiters: VecDeque::new(),
            coming: VecDeque::new(),
        }
    }

    /// All between these is known now.
    pub(crate) fn stands(&mut self, start: Offset, end: Offset) {
        self.start = start;
        (self.end, self.next, self.boundary, self.looked_up) = (end, end, end, end);
    }

    /// Whether a record that was read is a claim, or void.
    pub(crate) fn is_no_message(&mut self, stored: &Stored) -> bool {
        let offset = stored.record.offset;
        if let Some(writer) = stored.claim {
            self.claims.note(offset, writer);
            return true;
        }
        let void = self.claims.is_void(offset, stored.writer);
        if void && self.claims.skip(offset) {
            tracing::warn!(
                offset,
                "a message counts for nothing: whoever appended it had lost the partition, or never claimed it"
            );
        }
        void
    }

    /// Whether another one has claimed it since we did, or at all.
    pub(crate) fn is_lost(&self) -> bool {
        self.claims.last() != self.claimed.map(|(writer, _)| writer)
    }

    /// It is another one's to append to. What is on its way fails.
    pub(crate) fn let_go(&mut self) {
        (self.is_ours, self.claimed) = (false, None);
        self.fail(KafkaBusError::NotOurs);
    }

    /// The first message that is kept, and the place behind the last, as readers see it.
    pub(crate) fn bounds(&self) -> (Offset, Offset) {
        (self.start, self.claims.before(self.end).max(self.start))
    }

    /// Somebody else has appended up to here.
    pub(crate) fn follow(&mut self, end: Offset) {
        let end = end.max(self.end);
        (self.end, self.next, self.boundary) = (end, end, end);
    }

    /// Finds what of an append is there already, and gives the rest its offsets.
    ///
    /// - Shape: messages that begin where an earlier append of the same feed was cut short are answered with the offsets
    ///   they have.
    pub(crate) fn plan(&mut self, messages: &[NewMessage], feed: Option<Feed>, copies_max: usize) -> Plan {
        let mut plan = Plan {
            answers: Vec::with_capacity(messages.len()),
            send: Vec::with_capacity(messages.len()),
            until: 0,
            as_of: self.next,
        };
        let mut beginning = feed
            .and_then(|feed| self.unfinished.remove(&feed))
            .unwrap_or_default();
        for (at, message) in messages.iter().enumerate() {
            let stored = beginning.front().copied();
            let (answer, offset) = match (stored, message.dedupe.and_then(|key| self.copies.find(key))) {
                (Some((hash, offset)), _) if hash == content_hash(&message.payload) => {
                    beginning.pop_front();
                    plan.as_of = offset + 1;
                    (Appended::At(offset), offset)
                }
                (_, Some(offset)) => (Appended::DuplicateOf(offset), offset),
                _ => {
                    let offset = self.next;
                    self.next += 1;
                    if let Some(key) = message.dedupe {
                        self.copies.remember(key, offset, copies_max);
                        self.has_ids = true;
                    }
                    plan.send.push((at, offset));
                    (Appended::At(offset), offset)
                }
            };
            plan.answers.push(answer);
            plan.until = plan.until.max(offset + 1);
        }
        if let Some(feed) = feed
            && plan.send.is_empty()
            && !beginning.is_empty()
        {
            self.unfinished.insert(feed, beginning);
        }
        self.outstanding += plan.send.len();
        plan
    }

    /// Notes a position that counts once this offset is durable.
    pub(crate) fn expect(&mut self, offset: Offset, feed: Feed, value: Vec<u8>) {
        self.coming.push_back((offset, feed, value));
    }

    /// An answer to come once all offsets below one are durable.
    pub(crate) fn wait(&mut self, until: Offset) -> oneshot::Receiver<Result<()>> {
        let (answer, waiting) = oneshot::channel();
        if let Some(failure) = &self.failure {
            answer.send(Err(failure.clone())).unwrap_or_default();
        } else if until <= self.end {
            answer.send(Ok(())).unwrap_or_default();
        } else {
            self.waiters.push_back(Waiter { until, answer });
        }
        waiting
    }

    /// Where the compacted topic may say that all positions before are in it.
    pub(crate) fn coverable(&mut self, unfinished_max: usize) -> Offset {
        let oldest = self.next.saturating_sub(unfinished_max as u64);
        // A feed that never goes on must not make every start read everything.
        self.unfinished
            .retain(|_, beginning| beginning.front().is_some_and(|(_, first)| *first >= oldest));
        let firsts = self
            .unfinished
            .values()
            .filter_map(|b| b.front())
            .map(|(_, first)| *first);
        firsts.min().unwrap_or(self.boundary).min(self.boundary)
    }

    /// Fails everything that is on its way.
    pub(crate) fn fail(&mut self, error: KafkaBusError) {
        for waiter in self.waiters.drain(..) {
            // Who does not wait any more needs no answer.
            waiter.answer.send(Err(error.clone())).unwrap_or_default();
        }
        self.coming.clear();
        self.generation += 1;
        self.failure = Some(error);
    }
}

impl Partition {
    pub(crate) fn new(home: Home, topic: String, shared: Arc<Shared>, log: Log) -> Self {
        Self {
            home,
            topic,
            shared,
            log: Mutex::new(log),
            settling: Mutex::new(()),
            cursors: std::array::from_fn(|_| Mutex::new(None)),
        }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kafka's number of the partition.
    pub(crate) fn number(&self) -> i32 {
        i32::try_from(self.home.partition).unwrap_or(i32::MAX)
    }

    /// Takes the report of a message.
    pub(crate) fn delivered(&self, sent: Sent, result: Result<i64>) {
        let mut log = self.log();
        log.outstanding = log.outstanding.saturating_sub(1);
        if log.generation != sent.generation {
            return;
        }
        let actual = match result {
            Ok(actual) => u64::try_from(actual).unwrap_or(0),
            Err(error) => {
                tracing::warn!(topic = %self.topic, partition = self.home.partition, %error, "messages were not stored");
                return log.fail(error);
            }
        };
        if actual != sent.offset {
            let error = KafkaBusError::OtherWriter {
                actual,
                expected: sent.offset,
            };
            tracing::error!(topic = %self.topic, partition = self.home.partition, %error, "somebody else appends");
            return log.fail(error);
        }
        log.end = sent.offset + 1;
        if !sent.ends_append {
            return;
        }
        log.boundary = log.end;
        while let Some((offset, feed, value)) =
            log.coming.pop_front_if(|(offset, ..)| *offset < sent.offset + 1)
        {
            let position = Position {
                home: self.home.clone(),
                as_of: offset + 1,
                value,
            };
            self.shared.positions().advance(feed, position);
        }
        let end = log.end;
        while let Some(waiter) = log.waiters.pop_front_if(|waiter| waiter.until <= end) {
            waiter.answer.send(Ok(())).unwrap_or_default();
        }
        drop(log);
        self.shared.appended.send_modify(|count| *count += 1);
    }
}

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) offset: Offset,
    pub(crate) generation: u32,
    /// Whether it is the last of its append.
    pub(crate) ends_append: bool,
}
