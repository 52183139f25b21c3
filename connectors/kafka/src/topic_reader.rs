//! Reading a topic of somebody else's, those partitions that are this process's to read side by side, each from where it was
//! read to. Blocking.

use crate::client::{self, Clients, Consumer};
use crate::cursor::passes;
use crate::error::{KafkaBusError, Result};
use crate::lost::{self, Loneliness};
use crate::params::{KafkaParams, OnGap, Start};
use crate::statistics::Queue;
use crate::{KafkaOptions, envelope};
use panorama_api::{ErrorClass, NewMessage, SourceContext};
use panorama_model::Text;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long one look for records waits.
const LOOK: Duration = Duration::from_millis(50);
/// A batch is handed on when it holds this much, or when nothing more comes.
const BATCH_MESSAGES: usize = 4096;
const BATCH_BYTES: usize = 4 << 20;
/// How long the first message of a batch waits for company.
const BATCH_WAIT: Duration = Duration::from_millis(100);
/// How long it takes to see that a batch was taken, where one waits for that.
const ROOM_POLL: Duration = Duration::from_millis(5);
/// How often to look for new partitions, and how far behind we are.
const SURVEY_INTERVAL: Duration = Duration::from_secs(5);
/// How long brokers are asked then: a stop waits for it.
const SURVEY_WAIT: Duration = Duration::from_secs(2);

/// How far a partition was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicPosition {
    /// The offset that comes next.
    pub(crate) next: u64,
}

const POSITION_VERSION: u8 = 1;

impl TopicPosition {
    /// The name it is saved under.
    fn name(source: &str, topic: &str, partition: i32) -> Vec<u8> {
        [
            source.as_bytes(),
            b"\0",
            topic.as_bytes(),
            b"\0",
            &partition.to_le_bytes(),
        ]
        .concat()
    }

    /// Where messages go to whose position has a name.
    pub(crate) fn home(name: &[u8], partitions: u32) -> u32 {
        let partition = name.last_chunk().map_or(0, |number| i32::from_le_bytes(*number));
        goes_to(partition, partitions)
    }

    pub(crate) fn encode(self) -> Vec<u8> {
        [[POSITION_VERSION].as_slice(), &self.next.to_le_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let ([POSITION_VERSION], next) = bytes.split_first_chunk::<1>()? else {
            return None;
        };
        Some(Self {
            next: u64::from_le_bytes(next.try_into().ok()?),
        })
    }
}

/// Messages of one partition, in order, and where the next one is.
pub(crate) struct Batch {
    pub(crate) messages: Vec<NewMessage>,
    pub(crate) position_name: Vec<u8>,
    pub(crate) position: TopicPosition,
    /// The partition of our topic that they go to.
    pub(crate) to: u32,
}

/// A partition as it is being read.
struct Stretch {
    next: u64,
    messages: Vec<NewMessage>,
    /// Nothing more was there when the end was last seen.
    at_end: bool,
    /// Where it begins was chosen just now, and is to be saved: chosen anew after a restart it would leave records out.
    is_chosen: bool,
}

/// The reader of one topic.
pub(crate) struct TopicReader<'a> {
    params: &'a KafkaParams,
    options: KafkaOptions,
    context: &'a SourceContext,
    /// The partitions of our own topic that are to be filled here.
    mine: &'a [u32],
    clients: Clients,
    consumer: Consumer,
    stretches: BTreeMap<i32, Stretch>,
    gathered: usize,
    gathered_bytes: usize,
    gathering_since: Option<Instant>,
    surveyed_at: Instant,
    /// The brokers do not answer, and that was said.
    complained: bool,
    alone: Loneliness,
}

impl<'a> TopicReader<'a> {
    /// Whether the topic can be reached.
    pub(crate) fn look(topic: &str, options: &KafkaOptions) -> Result<()> {
        let clients = Clients::new(options)?;
        let consumer = clients.asker(options)?;
        let metadata = clients.metadata(&consumer, Some(topic), options.request_timeout)?;
        partitions(&clients, &metadata, topic).map(|_| ())
    }

    /// Begins in every partition where the last run ended.
    pub(crate) fn open(params: &'a KafkaParams, context: &'a SourceContext, mine: &'a [u32]) -> Result<Self> {
        let options = KafkaOptions {
            observer: Some(Arc::clone(&context.observer)),
            ..params.options()
        };
        let clients = Clients::new(&options)?;
        let consumer = consumer(&clients, &options, context)?;
        let mut reader = Self {
            params,
            options,
            context,
            mine,
            clients,
            consumer,
            stretches: BTreeMap::new(),
            gathered: 0,
            gathered_bytes: 0,
            gathering_since: None,
            surveyed_at: Instant::now(),
            complained: false,
            alone: Loneliness::default(),
        };
        let wait = reader.options.request_timeout;
        let metadata = reader
            .clients
            .metadata(&reader.consumer, Some(&params.topic), wait)?;
        reader.assign(&metadata, params.start)?;
        Ok(reader)
    }

    /// Hands on batches until asked to stop or nobody takes them, or, where the run is to end, until the end of every partition was seen.
    pub(crate) fn run(mut self, to: &mpsc::Sender<Batch>) -> Result<()> {
        while !self.context.shutdown.is_requested() && !to.is_closed() {
            let idle = !self.take_one(LOOK)?;
            let waited = self.gathering_since.is_some_and(|at| at.elapsed() > BATCH_WAIT);
            let full = self.gathered >= BATCH_MESSAGES || self.gathered_bytes >= BATCH_BYTES;
            if (idle || full || waited) && !self.hand_on_all(to)? {
                return Ok(());
            }
            if self.context.finite && self.stretches.values().all(|stretch| stretch.at_end) {
                self.hand_on_all(to)?;
                return Ok(());
            }
            if self.surveyed_at.elapsed() > SURVEY_INTERVAL {
                self.survey()?;
            }
        }
        Ok(())
    }

    /// Takes over the next record, if one comes.
    fn take_one(&mut self, wait: Duration) -> Result<bool> {
        let Some(polled) = self.consumer.poll(wait) else {
            return Ok(false);
        };
        let message = match polled {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(partition)) => {
                if let Some(stretch) = self.stretches.get_mut(&partition) {
                    stretch.at_end = true;
                }
                return Ok(false);
            }
            // The client gets another token when it can.
            Err(error)
                if passes(&error) || matches!(self.clients.error(&error), KafkaBusError::Token { .. }) =>
            {
                if !self.complained {
                    self.complained = true;
                    let reason = self.clients.context.said().unwrap_or_else(|| error.to_string());
                    tracing::warn!(source = %self.context.source, topic = self.params.topic, reason, "the brokers do not answer; trying on");
                    self.context.observer.failed("kafka", ErrorClass::Retry);
                }
                return Ok(false);
            }
            Err(error) if error.rdkafka_error_code() == Some(Code::AutoOffsetReset) => {
                drop(error);
                return self.over_the_gap().map(|()| false);
            }
            Err(error) => return Err(self.clients.error(&error)),
        };
        let (partition, offset) = (message.partition(), message.offset());
        let Some(stretch) = self.stretches.get_mut(&partition) else {
            return Ok(false);
        };
        let Ok(offset) = u64::try_from(offset) else {
            return Ok(false);
        };
        self.complained = false;
        stretch.at_end = false;
        if offset < stretch.next {
            return Ok(true);
        }
        stretch.next = offset + 1;
        // A tombstone says that a key is gone. It carries no message; the position of the next one covers it.
        if let Some(new) = taken_over(&message, self.context) {
            self.gathered += 1;
            self.gathered_bytes += new.payload.len();
            self.gathering_since.get_or_insert_with(Instant::now);
            stretch.messages.push(new);
        }
        Ok(true)
    }

    fn hand_on_all(&mut self, to: &mpsc::Sender<Batch>) -> Result<bool> {
        let partitions: Vec<i32> = self.stretches.keys().copied().collect();
        for partition in partitions {
            let has_news = |stretch: &Stretch| !stretch.messages.is_empty() || stretch.is_chosen;
            if !self.stretches.get(&partition).is_some_and(has_news) {
                continue;
            }
            self.wait_for_room(to)?;
            let Some(stretch) = self.stretches.get_mut(&partition) else {
                continue;
            };
            stretch.is_chosen = false;
            let (source, topic) = (&self.context.source, &self.params.topic);
            let batch = Batch {
                messages: std::mem::take(&mut stretch.messages),
                position_name: TopicPosition::name(source, topic, partition),
                position: TopicPosition { next: stretch.next },
                to: goes_to(partition, self.context.partitions.count()),
            };
            if to.blocking_send(batch).is_err() {
                return Ok(false);
            }
        }
        self.gathered = 0;
        self.gathered_bytes = 0;
        self.gathering_since = None;
        Ok(true)
    }

    /// Waits until a batch is taken, or nobody takes any more. Now and then it hears what the client says of itself: for as long
    /// as our own log is away, that would pile up in the client. It stands before all records there, so few of those come along.
    fn wait_for_room(&mut self, to: &mpsc::Sender<Batch>) -> Result<()> {
        let mut heard_at = Instant::now();
        while to.capacity() == 0 && !to.is_closed() {
            std::thread::sleep(ROOM_POLL);
            if heard_at.elapsed() > self.options.statistics_interval {
                self.take_one(Duration::ZERO)?;
                heard_at = Instant::now();
            }
        }
        Ok(())
    }

    /// Begins to read the partitions that are not read yet.
    fn assign(&mut self, metadata: &Metadata, start: Start) -> Result<()> {
        let found = partitions(&self.clients, metadata, &self.params.topic)?;
        let mut list = TopicPartitionList::new();
        for partition in found {
            let is_mine = self
                .mine
                .contains(&goes_to(partition, self.context.partitions.count()));
            if !is_mine || self.stretches.contains_key(&partition) {
                continue;
            }
            let (next, is_chosen) = self.begin(partition, start)?;
            let offset = KafkaOffset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
            list.add_partition_offset(&self.params.topic, partition, offset)
                .map_err(|error| self.clients.error(&error))?;
            self.stretches.insert(
                partition,
                Stretch {
                    next,
                    messages: Vec::new(),
                    at_end: false,
                    is_chosen,
                },
            );
        }
        if list.count() > 0 {
            self.consumer
                .incremental_assign(&list)
                .map_err(|error| self.clients.error(&error))?;
        }
        Ok(())
    }

    /// Where to begin in a partition, and whether that was chosen here, where nothing is saved.
    fn begin(&self, partition: i32, start: Start) -> Result<(u64, bool)> {
        let (low, high) = self.watermarks(partition)?;
        let name = TopicPosition::name(&self.context.source, &self.params.topic, partition);
        let saved = self.context.bus.source_position(&name);
        let saved = saved.map_err(|error| KafkaBusError::Position {
            reason: format!("{error}: {}", error.cause),
            may_pass: error.class() == ErrorClass::Retry,
        })?;
        let Some(position) = saved.as_deref().and_then(TopicPosition::decode) else {
            return Ok((if start == Start::Earliest { low } else { high }, true));
        };
        let next = position.next;
        if next > high {
            return Err(KafkaBusError::Shrunk { end: high, next });
        }
        if next < low {
            Ok((self.gap(partition, next, low)?, true))
        } else {
            Ok((next, false))
        }
    }

    /// Goes on behind records that were deleted, if that is wanted.
    fn gap(&self, partition: i32, next: u64, oldest: u64) -> Result<u64> {
        let gap = KafkaBusError::Gap {
            partition,
            next,
            oldest,
        };
        match self.params.on_gap {
            OnGap::Stop => Err(gap),
            OnGap::Skip => {
                tracing::error!(source = %self.context.source, topic = self.params.topic, error = %gap, "going on behind the gap");
                self.context.observer.failed("kafka", ErrorClass::Fatal);
                Ok(oldest)
            }
        }
    }

    /// Finds which partition's next record is gone, and goes on where that is wanted.
    fn over_the_gap(&mut self) -> Result<()> {
        let nexts: Vec<(i32, u64)> = self.stretches.iter().map(|(p, s)| (*p, s.next)).collect();
        for (partition, next) in nexts {
            let (low, high) = self.watermarks(partition)?;
            if next > high {
                return Err(KafkaBusError::Shrunk { end: high, next });
            }
            if next < low {
                let to = self.gap(partition, next, low)?;
                let offset = KafkaOffset::Offset(i64::try_from(to).unwrap_or(i64::MAX));
                self.consumer
                    .seek(
                        &self.params.topic,
                        partition,
                        offset,
                        self.options.request_timeout,
                    )
                    .map_err(|error| self.clients.error(&error))?;
                if let Some(stretch) = self.stretches.get_mut(&partition) {
                    stretch.next = to;
                }
            }
        }
        Ok(())
    }

    /// Goes on with another client where this one was asked.
    fn renew(&mut self) -> Result<()> {
        tracing::warn!(source = %self.context.source, topic = self.params.topic, "the client has lost the brokers; another one reads on");
        let consumer = consumer(&self.clients, &self.options, self.context)?;
        let mut list = TopicPartitionList::new();
        for (partition, stretch) in &self.stretches {
            let next = KafkaOffset::Offset(i64::try_from(stretch.next).unwrap_or(i64::MAX));
            list.add_partition_offset(&self.params.topic, *partition, next)
                .map_err(|error| self.clients.error(&error))?;
        }
        let assigned = consumer.incremental_assign(&list);
        assigned.map_err(|error| self.clients.error(&error))?;
        self.consumer = consumer;
        Ok(())
    }

    /// Looks for new partitions, and tells how far behind the known ones are. Brokers that are away are not asked for long.
    fn survey(&mut self) -> Result<()> {
        let topic = &self.params.topic;
        let has_none = lost::has_no_broker(self.consumer.client(), topic);
        let finds_some = || lost::another_finds_brokers(&self.clients, &self.options, topic);
        if self.alone.is_lost(has_none, finds_some) {
            self.renew()?;
            self.alone = Loneliness::default();
        }
        for (partition, stretch) in &self.stretches {
            let Ok(number) = u32::try_from(*partition) else {
                continue;
            };
            // What it was before is not what it is.
            let is_asked = !has_none && !self.context.shutdown.is_requested();
            let found = is_asked
                .then(|| self.ask(*partition, LOOK * 10))
                .and_then(|found| found.ok());
            let behind = found.map(|(_, high)| high.saturating_sub(stretch.next));
            self.context.observer.lag(&self.params.topic, number, behind);
        }
        let outcome = if has_none || self.context.shutdown.is_requested() {
            Ok(())
        } else {
            self.look_for_partitions()
        };
        self.surveyed_at = Instant::now();
        outcome
    }

    fn look_for_partitions(&mut self) -> Result<()> {
        // Not by polling for the reason where there is no answer: what is read ahead would come along and be lost.
        let metadata = self
            .consumer
            .fetch_metadata(Some(&self.params.topic), SURVEY_WAIT)
            .map_err(|error| self.clients.error(&error));
        match metadata.and_then(|metadata| self.assign(&metadata, Start::Earliest)) {
            Err(error) if error.class() == ErrorClass::Retry => Ok(()),
            outcome => outcome,
        }
    }

    fn ask(&self, partition: i32, wait: Duration) -> KafkaResult<(u64, u64)> {
        client::watermarks(self.consumer.client(), &self.params.topic, partition, wait)
    }

    fn watermarks(&self, partition: i32) -> Result<(u64, u64)> {
        let found = self.ask(partition, self.options.request_timeout);
        found.map_err(|error| self.clients.error(&error))
    }
}

/// The partition of our topic that a partition of theirs goes to: always the same, so that it has one writer, and the
/// position beside its messages.
fn goes_to(partition: i32, partitions: u32) -> u32 {
    u32::try_from(partition).unwrap_or(0) % partitions.max(1)
}

/// What is another process's to read now has no lag here.
impl Drop for TopicReader<'_> {
    fn drop(&mut self) {
        for partition in self
            .stretches
            .keys()
            .filter_map(|partition| u32::try_from(*partition).ok())
        {
            self.context.observer.lag(&self.params.topic, partition, None);
        }
    }
}

/// One that reads what a source brings in.
fn consumer(clients: &Clients, options: &KafkaOptions, context: &SourceContext) -> Result<Consumer> {
    clients.consumer(options, &format!("source.{}", context.source), Queue::Common)
}

/// The partitions of a topic that must be there.
fn partitions(clients: &Clients, metadata: &Metadata, topic: &str) -> Result<Vec<i32>> {
    let found = metadata.topics().iter().find(|t| t.name() == topic);
    let found = found.ok_or(KafkaBusError::TopicUnknown)?;
    if let Some(error) = found.error() {
        let code = Code::from(error);
        return Err(KafkaBusError::of(code, &clients.brokers, None));
    }
    let mut numbers: Vec<i32> = found.partitions().iter().map(|p| p.id()).collect();
    numbers.sort_unstable();
    if numbers.is_empty() {
        return Err(KafkaBusError::TopicUnknown);
    }
    Ok(numbers)
}

/// A record as a message, with its own headers and with where it comes from. None for a tombstone.
fn taken_over(message: &BorrowedMessage<'_>, context: &SourceContext) -> Option<NewMessage> {
    let payload = message.payload()?;
    let mut headers = envelope::foreign_headers(message);
    let place = [
        ("kafka.topic", message.topic().to_owned()),
        ("kafka.partition", message.partition().to_string()),
        ("kafka.offset", message.offset().to_string()),
    ];
    headers.extend(place.map(|(name, value)| (Text::from(name), value.into_bytes())));
    headers.extend(message.key().map(|key| (Text::from("kafka.key"), key.to_vec())));
    Some(NewMessage {
        received_at: (context.now)(),
        payload: bytes::Bytes::copy_from_slice(payload),
        headers: Arc::new(headers),
        dedupe: None,
    })
}
