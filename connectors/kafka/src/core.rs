//! What handles and threads share: the clients, the topics, the positions.

use crate::KafkaOptions;
use crate::announce::Teller;
use crate::append::Delivery;
use crate::bounds::at_once;
use crate::claims::Claims;
use crate::client::{self, Admin, Clients, Consumer, Producer};
use crate::cursor::{self, Until};
use crate::envelope::{Feed, Stored};
use crate::error::{KafkaBusError, Result};
use crate::partition::{Log, Partition, Shared};
use crate::positions::{self, Entry, Home, Mark, Positions};
use crate::statistics::Queue;
use crate::{admin, clock, ownership, recover};
use panorama_api::ReadLimits;
use rdkafka::producer::{BaseRecord, Producer as _};
use std::collections::{HashMap, HashSet};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

/// Places of one partition that are read in turns.
pub(crate) const READERS: usize = 2;
/// Entries of the compacted topic read at a time.
const ENTRIES: ReadLimits = ReadLimits {
    records_max: 10_000,
    bytes_max: 16 << 20,
};

/// One topic.
pub(crate) struct Topic {
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) message_bytes_max: usize,
}

impl Topic {
    pub(crate) fn partition(&self, partition: u32) -> Result<&Arc<Partition>> {
        self.partitions
            .get(partition as usize)
            .ok_or(KafkaBusError::PartitionUnknown {
                partitions: u32::try_from(self.partitions.len()).unwrap_or(u32::MAX),
            })
    }
}

/// The open log.
pub(crate) struct Core {
    pub(crate) options: KafkaOptions,
    pub(crate) clients: Clients,
    pub(crate) producer: Producer,
    /// Asks the brokers. It reads nothing: behind a fetch that waits for news, an answer waits too.
    pub(crate) asker: Consumer,
    /// As many places of a partition can be read in turns: what is new is processed, and what was is published.
    pub(crate) readers: [Arc<Consumer>; READERS],
    pub(crate) admin: Admin,
    pub(crate) shared: Arc<Shared>,
    pub(crate) marks: Mutex<HashMap<Home, Mark>>,
    /// Claims of partitions, as the compacted topic has them.
    pub(crate) claims: Mutex<HashMap<Home, Claims>>,
    /// Keys of the compacted topic by the partition they are about, as they were read: ours too.
    pub(crate) old_keys: Mutex<HashMap<Home, HashSet<String>>>,
    /// Held while the compacted topic is read.
    loading: Mutex<()>,
    /// Held while brokers are asked for bounds.
    pub(crate) looking: Mutex<()>,
    /// Topics that processes share: a partition is ours once it is claimed.
    pub(crate) shared_topics: Mutex<HashSet<String>>,
    pub(crate) stopping: AtomicBool,
    /// Set where a client of the log finds no brokers any more, though others do.
    pub(crate) lost: watch::Sender<Option<KafkaBusError>>,
    topics: RwLock<HashMap<String, Arc<Topic>>>,
    /// When the last append failed, and why, if it did.
    refusal: Mutex<Option<(Instant, KafkaBusError)>>,
    /// Who tells others of changes, once that is this process.
    pub(crate) teller: Mutex<Option<Teller>>,
    /// One for each topic: held while it is looked at for the first time.
    attaching: Mutex<HashMap<String, Arc<Mutex<()>>>>,
    permits: Arc<Semaphore>,
}

impl Core {
    /// Connects, and finds again how far sources have read. Blocking.
    pub(crate) fn connect(options: KafkaOptions) -> Result<Self> {
        let clients = Clients::new(&options)?;
        let core = Self {
            producer: clients.producer(&options)?,
            asker: clients.asker(&options)?,
            readers: [
                Arc::new(clients.consumer(&options, "reader-1", Queue::OfPartition)?),
                Arc::new(clients.consumer(&options, "reader-2", Queue::OfPartition)?),
            ],
            admin: clients.admin(&options)?,
            shared: Arc::new(Shared {
                positions: Mutex::new(Positions::default()),
                appended: watch::Sender::new(0),
            }),
            marks: Mutex::default(),
            claims: Mutex::default(),
            old_keys: Mutex::default(),
            loading: Mutex::default(),
            looking: Mutex::default(),
            shared_topics: Mutex::default(),
            stopping: AtomicBool::new(false),
            lost: watch::Sender::new(None),
            topics: RwLock::default(),
            refusal: Mutex::default(),
            teller: Mutex::default(),
            attaching: Mutex::default(),
            permits: Arc::new(Semaphore::new(
                options.queue_bytes_max.clamp(1, Semaphore::MAX_PERMITS),
            )),
            clients,
            options,
        };
        let topics = admin::topics(&core)?;
        if topics.iter().any(|(name, _)| name == positions::TOPIC) {
            core.load_positions()?;
        } else {
            admin::make_positions(&core)?;
        }
        clock::check(&core.clients, &core.options, &core.producer)?;
        let mut homes: Vec<String> = core.marks().keys().map(|home| home.topic.clone()).collect();
        homes.sort();
        homes.dedup();
        core.look_at(&homes)?;
        Ok(core)
    }

    /// Looks at topics.
    fn look_at(&self, topics: &[String]) -> Result<()> {
        at_once(topics, |topic| {
            if self.find(topic)?.is_none() {
                tracing::warn!(
                    topic = self.full_name(topic),
                    "the topic is gone, and its messages with it"
                );
            }
            Ok(())
        })
        .map(drop)
    }

    pub(crate) fn full_name(&self, topic: &str) -> String {
        format!("{}{topic}", self.options.topic_prefix)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn old_keys(&self) -> std::sync::MutexGuard<'_, HashMap<Home, HashSet<String>>> {
        self.old_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared_topics(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.shared_topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a topic's partitions are given to processes by a group that this one takes part in.
    pub(crate) fn is_shared(&self, topic: &str) -> bool {
        self.shared_topics().contains(topic)
    }

    pub(crate) fn claims(&self) -> std::sync::MutexGuard<'_, HashMap<Home, Claims>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn marks(&self) -> std::sync::MutexGuard<'_, HashMap<Home, Mark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn refusal(&self) -> std::sync::MutexGuard<'_, Option<(Instant, KafkaBusError)>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn unreachable(&self) -> KafkaBusError {
        self.clients.unreachable()
    }

    /// Why the producer is of no use any more, if it is not.
    pub(crate) fn fatal(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(_, reason)| reason)
    }

    /// Waits for room on the way to the brokers.
    pub(crate) async fn admit(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let most = self.options.queue_bytes_max.clamp(1, Semaphore::MAX_PERMITS);
        let share = u32::try_from(bytes.clamp(1, most)).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.permits).acquire_many_owned(share).await;
        permits.map_err(|_| KafkaBusError::Closed)
    }

    /// A topic that was looked at before.
    pub(crate) fn known(&self, topic: &str) -> Option<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(topic).cloned()
    }

    /// All topics that were looked at.
    pub(crate) fn all_known(&self) -> Vec<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().cloned().collect()
    }

    /// A topic; none where there is none. Blocking the first time.
    pub(crate) fn find(&self, topic: &str) -> Result<Option<Arc<Topic>>> {
        if let Some(known) = self.known(topic) {
            return Ok(Some(known));
        }
        let attaching = {
            let mut all = self.attaching.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(topic.to_owned()).or_default())
        };
        let _attaching = attaching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known(topic) {
            return Ok(Some(known));
        }
        let Some(found) = recover::attach(self, topic)? else {
            return Ok(None);
        };
        let found = Arc::new(found);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.insert(topic.to_owned(), Arc::clone(&found));
        Ok(Some(found))
    }

    pub(crate) fn get(&self, topic: &str) -> Result<Arc<Topic>> {
        self.find(topic)?.ok_or(KafkaBusError::TopicUnknown)
    }

    /// The first offset that is kept, and the one behind the last, as the brokers say. Blocking.
    ///
    /// Asked over the producer's connections: on a reader's, the broker answers only after the fetch that waits for news there.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> Result<(u64, u64)> {
        self.is_whole()?;
        let client = self.producer.client();
        let found = client::watermarks(client, topic, partition, self.options.request_timeout);
        found.map_err(|error| self.clients.error(&error))
    }

    /// Sends an entry of the compacted topic.
    pub(crate) fn send_entry(
        &self,
        entry: &Entry,
        claimed_at: Option<u64>,
        answer: oneshot::Sender<Result<u64>>,
    ) -> Result<()> {
        self.send_value(&entry.key(claimed_at), Some(&entry.encode()?), answer)
    }

    /// Sends a value of the compacted topic, or that there is none any more.
    pub(crate) fn send_value(
        &self,
        key: &str,
        value: Option<&[u8]>,
        answer: oneshot::Sender<Result<u64>>,
    ) -> Result<()> {
        let topic = self.full_name(positions::TOPIC);
        let record = BaseRecord::with_opaque_to(&topic, Box::new(Delivery::Entry(answer)))
            .partition(0)
            .key(key);
        let record = match value {
            Some(value) => record.payload(value),
            None => record,
        };
        self.producer
            .send(record)
            .map_err(|(error, _)| self.clients.error(&error))
    }

    /// How far a feed has been read. Looks up first what a failure left open. Blocking.
    pub(crate) fn position(&self, feed: Feed) -> Result<Option<Vec<u8>>> {
        for topic in self.all_known() {
            for partition in &topic.partitions {
                recover::settle(self, partition)?;
            }
        }
        let known = || self.shared.positions().get(feed).cloned();
        let Some(position) = known() else { return Ok(None) };
        // Who asks goes on from there: what is only in messages so far is to be written before retention takes them.
        if let Some(topic) = self.find(&position.home.topic)?
            && let Ok(partition) = topic.partition(position.home.partition)
        {
            ownership::take_over(self, partition)?;
        }
        Ok(known().map(|position| position.value))
    }

    /// Reads the compacted topic. Blocking.
    pub(crate) fn load_positions(&self) -> Result<()> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let name = self.full_name(positions::TOPIC);
        let home = Home {
            topic: positions::TOPIC.into(),
            partition: 0,
        };
        let (low, high) = self.watermarks(&name, 0)?;
        if low < high {
            cursor::introduce(self, slice::from_ref(&name));
        }
        let partition = Partition::new(home, name, Arc::clone(&self.shared), Log::new(low, high));
        let mut next = low;
        while next < high {
            let found = cursor::read(self, &partition, next, Until::End, ENTRIES)?;
            if found.records.is_empty() {
                break;
            }
            next = found.next;
            for stored in found.records {
                self.load_entry(stored)?;
            }
        }
        cursor::release(self, &partition);
        Ok(())
    }

    fn load_entry(&self, stored: Stored) -> Result<()> {
        let key = stored.key.and_then(|key| String::from_utf8(key).ok());
        if stored.record.payload.is_empty() {
            // It is no longer used.
            if let Some(key) = key {
                for keys in self.old_keys().values_mut() {
                    keys.remove(&key);
                }
            }
            return Ok(());
        }
        let entry = Entry::decode(&stored.record.payload)?;
        if let Some(key) = key {
            self.old_keys()
                .entry(entry.home().clone())
                .or_default()
                .insert(key);
        }
        match entry {
            Entry::Position(feed, position) => {
                self.shared.positions().load(feed, position);
            }
            Entry::Mark(mark) => {
                let mut marks = self.marks();
                let known = marks.get(&mark.home).map_or(0, |known| known.covered);
                if mark.covered >= known {
                    marks.insert(mark.home.clone(), mark);
                }
            }
            Entry::Claims(home, claimed) => {
                let mut claims = self.claims();
                let known = claims.entry(home).or_default();
                claimed
                    .into_iter()
                    .for_each(|(offset, writer)| known.note(offset, writer));
            }
        }
        Ok(())
    }
}
