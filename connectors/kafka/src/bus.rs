//! Opening the log, and the [`Bus`] it is.

use crate::client::patiently;
use crate::core::{Core, Topic};
use crate::cursor::{self, Until};
use crate::error::{KafkaBusError, Result as KafkaResult};
use crate::{KafkaOptions, admin, append, clock, envelope, flush, lost, positions, silent};
use async_trait::async_trait;
use panorama_api::{
    Appended, Bus, ConnectorError, ErrorClass, LogRecord, NewMessage, Offset, ReadLimits, Result,
    SourcePosition,
};
use panorama_model::Text;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a broker may take to say that it is there.
const REACH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an append that failed says something of the brokers, where none came after it.
const REFUSAL_AGE_MAX: Duration = Duration::from_secs(60);

/// The log on Kafka. Clones are handles to the same; the last one closes it.
#[derive(Clone)]
pub struct KafkaBus(Arc<Open>);

/// The open log: ends its threads when the last handle goes.
struct Open {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl KafkaBus {
    /// Connects to the brokers, and finds again what is stored. Blocking.
    ///
    /// - Shape: reads the positions topic, and of each topic what came after its mark; of topics with senders' ids also
    ///   the newest [`KafkaOptions::copies_max`] messages.
    ///
    /// # Errors
    /// [`KafkaBusError`] as the cause, which says what to do about it.
    pub fn open(options: KafkaOptions) -> Result<Self> {
        let object = options.brokers.join(",");
        // A broker that was lost a moment ago still leads some partitions.
        let changing = |error: &KafkaBusError| matches!(error, KafkaBusError::Client { may_pass: true, .. });
        let opened = lost::wait_for_brokers(&options).and_then(|()| {
            patiently(options.request_timeout, changing, || {
                Self::try_open(options.clone())
            })
        });
        opened.map_err(|error| error.at("open the log on", object))
    }

    fn try_open(options: KafkaOptions) -> KafkaResult<Self> {
        let core = Arc::new(Core::connect(options)?);
        let open = Open {
            core: Arc::clone(&core),
            threads: Mutex::default(),
        };
        let bus = Self(Arc::new(open));
        for (name, serve) in [
            ("kafka-reports", flush::serve as fn(&Core)),
            ("kafka-reader", flush::serve_reader),
            ("kafka-silent", silent::serve),
            ("kafka-lost", lost::serve),
        ] {
            let core = Arc::clone(&core);
            bus.keep(name, move || serve(&core))?;
        }
        Ok(bus)
    }

    /// Runs a thread that ends with the log.
    pub(crate) fn keep(&self, name: &str, work: impl FnOnce() + Send + 'static) -> KafkaResult<()> {
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(work)
            .map_err(|error| KafkaBusError::Thread {
                reason: error.to_string(),
            })?;
        let mut threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread);
        Ok(())
    }

    /// Says whether the brokers answer; where the log was opened before, also whether their clocks agree with ours. Blocking.
    ///
    /// # Errors
    /// As [`KafkaBus::open`].
    pub fn check(options: &KafkaOptions) -> Result<()> {
        let at = |error: KafkaBusError| error.at("reach", options.brokers.join(","));
        let clients = crate::client::Clients::new(options).map_err(at)?;
        let consumer = clients.asker(options).map_err(at)?;
        let metadata = clients
            .metadata(&consumer, None, options.request_timeout)
            .map_err(at)?;
        let positions = format!("{}{}", options.topic_prefix, positions::TOPIC);
        if !metadata.topics().iter().any(|topic| topic.name() == positions) {
            return Ok(());
        }
        let producer = clients.producer(options).map_err(at)?;
        clock::check(&clients, options, &producer).map_err(at)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// A topic; the first look at it blocks, on a thread that may.
    async fn topic(&self, topic: &str) -> KafkaResult<Arc<Topic>> {
        if let Some(known) = self.core().known(topic) {
            return Ok(known);
        }
        let (core, topic) = (Arc::clone(self.core()), topic.to_owned());
        blocking(move || core.get(&topic)).await
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> KafkaResult<T> + Send + 'static,
) -> KafkaResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| KafkaBusError::Closed)?
}

impl Drop for Open {
    fn drop(&mut self) {
        self.core.stopping.store(true, Ordering::Release);
        for thread in self
            .threads
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            if thread.join().is_err() {
                tracing::error!("a thread of the log ended in a panic");
            }
        }
    }
}

#[async_trait]
impl Bus for KafkaBus {
    async fn ensure_topic(&self, topic: &str, partitions: u32) -> Result<()> {
        let at = |error: KafkaBusError| error.at("make topic", self.core().full_name(topic));
        if let Some(known) = self.core().known(topic) {
            let existing = u32::try_from(known.partitions.len()).unwrap_or(u32::MAX);
            return if existing == partitions {
                Ok(())
            } else {
                let wanted = partitions;
                Err(at(KafkaBusError::PartitionsDiffer { existing, wanted }))
            };
        }
        let (core, name) = (Arc::clone(self.core()), topic.to_owned());
        let made = blocking(move || {
            admin::ensure(&core, &name, partitions)?;
            // Brokers hear of a topic one after the other.
            let unheard = |error: &KafkaBusError| {
                matches!(
                    error,
                    KafkaBusError::TopicUnknown | KafkaBusError::Client { may_pass: true, .. }
                )
            };
            patiently(core.options.request_timeout, unheard, || core.get(&name)).map(|_| ())
        });
        made.await.map_err(at)
    }

    async fn append(
        &self,
        topic: &str,
        partition: u32,
        messages: Vec<NewMessage>,
        position: Option<SourcePosition>,
    ) -> Result<Vec<Appended>> {
        let at = |error: KafkaBusError| error.at("append to", self.core().full_name(topic));
        self.core().is_whole().map_err(at)?;
        let found = self.topic(topic).await.map_err(at)?;
        // Some of what it waits for is asked of clients that may be lost; what was sent may be let go of first.
        let appended = tokio::select! {
            appended = append::append(self.core(), &found, partition, &messages, position) => appended,
            lost = self.core().until_lost() => Err(lost),
        };
        let appended = appended.map_err(|error| self.core().is_whole().err().unwrap_or(error));
        *self.core().refusal() = match &appended {
            // Who else appends says nothing of the brokers.
            Err(KafkaBusError::OtherWriter { .. } | KafkaBusError::NotOurs) => None,
            Err(error) if error.class() == ErrorClass::Retry => Some((Instant::now(), error.clone())),
            _ => None,
        };
        appended.map_err(at)
    }

    fn read(&self, topic: &str, partition: u32, from: Offset, limits: ReadLimits) -> Result<Vec<LogRecord>> {
        let core = self.core();
        let at =
            |error: KafkaBusError| error.at("read", format!("{}/{partition}@{from}", core.full_name(topic)));
        core.is_whole().map_err(at)?;
        let found = core.get(topic).map_err(at)?;
        let partition = found.partition(partition).map_err(at)?;
        let (start, end) = core.bounds(partition);
        let from = partition.log().claims.over(from.max(start));
        if from >= end {
            return Ok(Vec::new());
        }
        let found = cursor::read(core, partition, from, Until::Offset(end), limits).map_err(at)?;
        Ok(found.records.into_iter().map(|stored| stored.record).collect())
    }

    fn prefetch(&self, places: &[(Text, u32, Offset)]) -> Result<()> {
        let core = self.core();
        let mut there = Vec::with_capacity(places.len());
        for (topic, partition, from) in places {
            let at = |error: KafkaBusError| error.at("read", core.full_name(topic));
            let found = core.get(topic).map_err(at)?;
            let partition = found.partition(*partition).map_err(at)?;
            let (start, end) = core.bounds(partition);
            let from = partition.log().claims.over((*from).max(start));
            if from < end {
                there.push((Arc::clone(partition), from));
            }
        }
        let begun = cursor::prefetch(core, &there);
        begun.map_err(|error| error.at("read", core.clients.brokers.clone()))
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<(Offset, Offset)> {
        let core = self.core();
        let at = |error: KafkaBusError| error.at("find", format!("{}/{partition}", core.full_name(topic)));
        core.is_whole().map_err(at)?;
        let found = core.get(topic).map_err(at)?;
        Ok(core.bounds(found.partition(partition).map_err(at)?))
    }

    fn topics(&self) -> Result<Vec<(Text, u32)>> {
        let core = self.core();
        let found = admin::topics(core);
        let mut topics: Vec<(Text, u32)> = found
            .map_err(|error| error.at("list topics of", core.clients.brokers.clone()))?
            .into_iter()
            .filter(|(name, _)| name != positions::TOPIC)
            .map(|(name, count)| (name.into(), count))
            .collect();
        topics.sort();
        Ok(topics)
    }

    fn source_position(&self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let core = self.core();
        let position = core.position(envelope::feed(&core.options.topic_prefix, name));
        position.map_err(|error| error.at("read", "source position"))
    }

    // Written out, because an `async fn` would begin to listen only when it is first polled, not when it is called.
    fn appended<'a, 'b>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let mut appended = self.core().shared.appended.subscribe();
        Box::pin(async move {
            // An error means that the log is closing: nothing more will come, and the reader is not to hang.
            appended.changed().await.ok();
        })
    }

    fn reach(&self) -> Result<()> {
        let core = self.core();
        core.is_whole()
            .map_err(|error| error.at("reach", core.clients.brokers.clone()))?;
        let topic = core.full_name(positions::TOPIC);
        let found = core.clients.metadata(&core.asker, Some(&topic), REACH_TIMEOUT);
        found.map_err(|error| error.at("reach", core.clients.brokers.clone()))?;
        // Brokers may answer and take nothing: too few of them are left to make the copies asked for.
        match core.refusal().as_ref() {
            Some((at, error)) if at.elapsed() < REFUSAL_AGE_MAX => {
                Err(error.clone().at("append to", core.clients.brokers.clone()))
            }
            _ => Ok(()),
        }
    }

    fn lost(&self) -> Option<ConnectorError> {
        let core = self.core();
        let lost = core.is_whole().err()?;
        Some(lost.at("go on with the log on", core.clients.brokers.clone()))
    }

    fn trim(&self, topic: &str, partition: u32, offset: Offset) -> Result<()> {
        let core = self.core();
        let at = |error: KafkaBusError| error.at("trim", format!("{}/{partition}", core.full_name(topic)));
        let found = core.get(topic).map_err(at)?;
        let partition = found.partition(partition).map_err(at)?;
        // Nothing goes before its position is written elsewhere.
        let (start, below) = {
            let log = partition.log();
            (log.start, offset.min(log.covered))
        };
        if below <= start {
            return Ok(());
        }
        let first = admin::delete_records(core, &partition.topic, partition.number(), below).map_err(at)?;
        let mut log = partition.log();
        log.start = log.start.max(first.min(log.end));
        Ok(())
    }
}
