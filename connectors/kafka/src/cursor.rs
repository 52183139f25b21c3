//! Reading a partition from an offset on, without a group: each partition has a queue of its own, filled ahead.

use crate::bounds::at_once;
use crate::client::Consumer;
use crate::core::Core;
use crate::envelope::{self, Stored};
use crate::error::{KafkaBusError, Result};
use crate::partition::Partition;
use panorama_api::{Offset, ReadLimits};
use panorama_model::Headers;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::producer::Producer as _;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How long one look at the queue waits.
const LOOK: Duration = Duration::from_millis(50);
/// Looks after which a read that has something does not wait for more. The rest follows in the next read.
const LOOKS_FOR_MORE: u128 = 20;
/// How long it may take to tell a client of a topic: as long as readers would take without.
const INTRODUCTION_MAX: Duration = Duration::from_secs(1);

/// A place in a partition, and what was read ahead from there.
pub(crate) struct Cursor {
    queue: PartitionQueue<crate::client::Context>,
    /// The offset of the next record that a read returns.
    next: Offset,
    /// A record that did not fit in the read before.
    pending: Option<Stored>,
    headers: Option<Arc<Headers>>,
    used_at: Instant,
}

/// What a look at the queue found.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; a box would be an allocation for each record"
)]
enum Look {
    Record(Stored),
    End,
    Nothing,
}

/// What a read found, and where the next one goes on: behind records that are no messages too.
pub(crate) struct Found {
    pub(crate) records: Vec<Stored>,
    pub(crate) next: Offset,
}

/// Where a read ends besides its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Before this offset, which is known to be the end.
    Offset(Offset),
    /// Where the brokers say that nothing more is there.
    End,
}

/// Reads records from an offset on. Blocking.
///
/// # Errors
/// [`KafkaBusError::Unreachable`] if nothing comes in time, though there is something. [`KafkaBusError::Gone`] if retention has
/// just deleted what is there: from then on the partition's start is known.
pub(crate) fn read(
    core: &Core,
    partition: &Partition,
    from: Offset,
    until: Until,
    limits: ReadLimits,
) -> Result<Found> {
    let (reader, mut slot) = slot_for(core, partition, from);
    let outcome = match slot.take() {
        Some(cursor) if cursor.next == from => Ok(cursor),
        Some(cursor) => cursor.moved(reader, core, partition, from),
        None => Cursor::new(reader, core, partition, from),
    }
    .and_then(|mut cursor| {
        let records = cursor.read(core, partition, until, limits)?;
        Ok((cursor, records))
    });
    match outcome {
        Ok((cursor, records)) => {
            let next = cursor.next;
            *slot = Some(cursor);
            Ok(Found { records, next })
        }
        Err(error) => {
            // The next read begins anew.
            give_up(reader, partition);
            if matches!(error, KafkaBusError::Gone) {
                let (start, end) = core.watermarks(&partition.topic, partition.number())?;
                if from > end {
                    return Err(KafkaBusError::Shrunk { end, next: from });
                }
                partition.starts_at(start);
            }
            Err(error)
        }
    }
}

type Slot<'a> = MutexGuard<'a, Option<Cursor>>;

/// The reader that stands at an offset; else one that stands nowhere; else the one that was used longest ago.
fn slot_for<'a>(core: &'a Core, partition: &'a Partition, from: Offset) -> (&'a Arc<Consumer>, Slot<'a>) {
    let mut best: Option<(u8, Option<Instant>, &Arc<Consumer>, Slot<'_>)> = None;
    for (reader, slot) in core.readers.iter().zip(&partition.cursors) {
        let slot = match slot.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => continue,
        };
        let (rank, used_at) = match &*slot {
            Some(cursor) if cursor.next == from => (0, None),
            None => (1, None),
            Some(cursor) => (2, Some(cursor.used_at)),
        };
        if best
            .as_ref()
            .is_none_or(|(r, u, _, _)| (rank, used_at) < (*r, *u))
        {
            best = Some((rank, used_at, reader, slot));
        }
    }
    match best {
        Some((_, _, reader, slot)) => (reader, slot),
        // All are reading: wait for the first.
        None => {
            let ([reader, ..], [slot, ..]) = (&core.readers, &partition.cursors);
            (reader, slot.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

/// Tells the clients that read and write who leads the partitions of topics; returns those of which not all could be told. Of a
/// topic that is new to them readers would find out only at the client's next round, a second later; and the producer, once it has
/// given up a silent broker, would wait as long for the new one. Blocking.
pub(crate) fn introduce(core: &Core, topics: &[String]) -> Vec<String> {
    let told = at_once(topics, |topic| {
        let [first, second] = &core.readers;
        let clients = [first.client(), second.client(), core.producer.client()];
        Ok(at_once(&clients, |client| {
            let told = client.fetch_metadata(Some(topic), INTRODUCTION_MAX);
            if let Err(error) = &told {
                tracing::debug!(topic, %error, "who leads is not known yet");
            }
            Ok(told.is_ok())
        })?
        .into_iter()
        .all(|told| told))
    });
    let told = told
        .unwrap_or_default()
        .into_iter()
        .chain(std::iter::repeat(false));
    let untold = topics.iter().zip(told).filter(|(_, told)| !told);
    untold.map(|(topic, _)| topic.clone()).collect()
}

/// Begins to read ahead from places where nobody reads yet: at all of them at once, because each would have to wait for the
/// fetch before it that waits for news. What cannot be begun so is begun when it is read.
pub(crate) fn prefetch(core: &Core, places: &[(Arc<Partition>, Offset)]) -> Result<()> {
    let mut begun: Vec<Begun<'_>> = core.readers.iter().map(|_| Begun::default()).collect();
    for (partition, from) in places {
        let Some((at, slot)) = free_slot(partition, *from) else {
            continue;
        };
        let (Some(reader), Some(begun)) = (core.readers.get(at), begun.get_mut(at)) else {
            continue;
        };
        begun
            .list
            .add_partition_offset(&partition.topic, partition.number(), kafka_offset(*from))
            .map_err(|error| core.clients.error(&error))?;
        let cursor = Cursor::waiting(reader, partition, *from)?;
        begun.cursors.push((slot, cursor));
    }
    for (reader, begun) in core.readers.iter().zip(begun) {
        if begun.cursors.is_empty() {
            continue;
        }
        if let Err(error) = reader.incremental_assign(&begun.list) {
            tracing::debug!(%error, "nothing is read ahead");
            continue;
        }
        for (mut slot, cursor) in begun.cursors {
            *slot = Some(cursor);
        }
    }
    Ok(())
}

/// What one reader begins to read.
#[derive(Default)]
struct Begun<'a> {
    list: TopicPartitionList,
    cursors: Vec<(Slot<'a>, Cursor)>,
}

/// The first reader that stands nowhere in a partition, if none stands at an offset. Waits for nobody.
fn free_slot(partition: &Partition, from: Offset) -> Option<(usize, Slot<'_>)> {
    let mut free = None;
    for (at, slot) in partition.cursors.iter().enumerate() {
        let Ok(slot) = slot.try_lock() else { continue };
        match &*slot {
            Some(cursor) if cursor.next == from => return None,
            None if free.is_none() => free = Some((at, slot)),
            _ => {}
        }
    }
    free
}

/// Gives up reading ahead of a partition.
pub(crate) fn release(core: &Core, partition: &Partition) {
    for (reader, slot) in core.readers.iter().zip(&partition.cursors) {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.take().is_some() {
            give_up(reader, partition);
        }
    }
}

fn give_up(reader: &Consumer, partition: &Partition) {
    let mut list = TopicPartitionList::new();
    list.add_partition(&partition.topic, partition.number());
    if let Err(error) = reader.incremental_unassign(&list) {
        tracing::debug!(topic = %partition.topic, %error, "was not being read");
    }
}

impl Cursor {
    fn new(reader: &Arc<Consumer>, core: &Core, partition: &Partition, from: Offset) -> Result<Self> {
        let cursor = Self::waiting(reader, partition, from)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.number(), kafka_offset(from))
            .and_then(|()| reader.incremental_assign(&list))
            .map_err(|error| core.clients.error(&error))?;
        Ok(cursor)
    }

    /// One whose partition is not assigned yet: nothing of it goes to the common queue then.
    fn waiting(reader: &Arc<Consumer>, partition: &Partition, from: Offset) -> Result<Self> {
        let queue = reader
            .split_partition_queue(&partition.topic, partition.number())
            .ok_or(KafkaBusError::Closed)?;
        Ok(Self {
            queue,
            next: from,
            pending: None,
            headers: None,
            used_at: Instant::now(),
        })
    }

    /// Goes to another offset.
    fn moved(mut self, reader: &Consumer, core: &Core, partition: &Partition, to: Offset) -> Result<Self> {
        let deadline = Instant::now() + core.options.request_timeout;
        loop {
            let sought = reader.seek(
                &partition.topic,
                partition.number(),
                kafka_offset(to),
                core.options.request_timeout,
            );
            match sought {
                Ok(()) => break,
                // Just assigned: it cannot be moved yet.
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(core.clients.error(&error)),
            }
        }
        self.next = to;
        self.pending = None;
        Ok(self)
    }

    fn read(
        &mut self,
        core: &Core,
        partition: &Partition,
        until: Until,
        limits: ReadLimits,
    ) -> Result<Vec<Stored>> {
        self.used_at = Instant::now();
        let end = match until {
            Until::Offset(end) => end,
            Until::End => Offset::MAX,
        };
        let mut records: Vec<Stored> = Vec::new();
        let mut bytes = 0usize;
        // Looks are counted instead of the clock: a machine that slept has not waited.
        let mut looks_left = core.options.request_timeout.as_millis() / LOOK.as_millis();
        while records.len() < limits.records_max.max(1) && self.next < end {
            let record = match self.look(core)? {
                Look::Record(record) => record,
                Look::End if until == Until::End => break,
                Look::End => continue,
                Look::Nothing if looks_left > 0 => {
                    looks_left -= 1;
                    continue;
                }
                Look::Nothing if !records.is_empty() => break,
                Look::Nothing => return Err(core.unreachable()),
            };
            if record.record.offset < self.next {
                continue;
            }
            if partition.log().is_no_message(&record) {
                self.next = record.record.offset + 1;
                continue;
            }
            bytes = bytes.saturating_add(record.record.payload.len());
            if bytes > limits.bytes_max && !records.is_empty() {
                self.pending = Some(record);
                break;
            }
            self.next = record.record.offset + 1;
            looks_left = LOOKS_FOR_MORE;
            records.push(record);
        }
        Ok(records)
    }

    fn look(&mut self, core: &Core) -> Result<Look> {
        if let Some(record) = self.pending.take() {
            return Ok(Look::Record(record));
        }
        match self.queue.poll(LOOK) {
            None => Ok(Look::Nothing),
            Some(Ok(message)) if message.offset() < 0 => Ok(Look::Nothing),
            Some(Ok(message)) => {
                let record = envelope::open(&message, self.headers.as_ref())?;
                self.headers = Some(Arc::clone(&record.record.headers));
                Ok(Look::Record(record))
            }
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Look::End),
            Some(Err(error)) if passes(&error) => {
                tracing::debug!(%error, "reading goes on");
                Ok(Look::Nothing)
            }
            Some(Err(error)) => Err(core.clients.error(&error)),
        }
    }
}

/// Errors that the client deals with itself: the read's own deadline says when that takes too long.
pub(crate) fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::RequestTimedOut
                | Code::OperationTimedOut
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::OffsetNotAvailable
                | Code::GroupAuthorizationFailed
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
        )
    )
}

fn kafka_offset(offset: Offset) -> KafkaOffset {
    KafkaOffset::Offset(i64::try_from(offset).unwrap_or(i64::MAX))
}
