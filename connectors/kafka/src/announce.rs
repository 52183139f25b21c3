//! Telling others of changes: compacted topics, spread over partitions by key as Kafka's own clients do it.
//!
//! Changes are told in transactions of one name, so that the brokers refuse whoever told before: a process that slept
//! while another one took over cannot tell what is no more so.

use crate::append::Delivery;
use crate::bus::{KafkaBus, blocking};
use crate::client::Producer;
use crate::core::Core;
use crate::error::{KafkaBusError, Result};
use crate::lost::{self, Loneliness};
use crate::{admin, envelope};
use async_trait::async_trait;
use panorama_api::{Announcement, Announcer, ErrorClass};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _};
use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Partitions of topics that are made: so many readers of one group can share the work.
const PARTITIONS: u32 = 6;
/// How long it is waited for an answer that tells brokers that are away from those that serve no transactions.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What transactions are called, behind the prefix.
const TRANSACTIONS: &str = "changes";

/// The one who tells.
pub(crate) struct Teller {
    producer: Producer,
    left: Left,
    alone: Loneliness,
    /// Topics that were made or checked.
    topics: HashSet<String>,
}

/// What a transaction that failed has left behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// Messages that are not to count.
    Open,
    /// A commit whose outcome is unknown.
    Committing,
}

#[async_trait]
impl Announcer for KafkaBus {
    async fn claim(&self) -> panorama_api::Result<()> {
        let core = Arc::clone(self.core());
        let claimed = blocking(move || {
            let teller = Teller::claim(&core)?;
            *locked(&core) = Some(teller);
            Ok(())
        });
        let name = self.core().full_name(TRANSACTIONS);
        claimed
            .await
            .map_err(|error| error.at("claim the transactions", name))
    }

    async fn announce(&self, topic: &str, changes: Arc<[Announcement]>) -> panorama_api::Result<()> {
        let (core, name) = (Arc::clone(self.core()), topic.to_owned());
        let at = |error: KafkaBusError| error.at("tell changes to", core.full_name(topic));
        let bytes_max = core.options.message_bytes_max;
        if let Some(bytes) = changes.iter().map(weight).find(|bytes| *bytes > bytes_max) {
            return Err(at(KafkaBusError::MessageTooLarge { bytes, bytes_max }));
        }
        let permit = core.admit(changes.iter().map(weight).sum()).await.map_err(at)?;
        let teller = Arc::clone(&core);
        let told = blocking(move || {
            let told = match &mut *locked(&teller) {
                Some(telling) => telling.tell(&teller, &name, &changes),
                None => Err(KafkaBusError::Closed),
            };
            drop(permit);
            told
        });
        told.await.map_err(at)
    }
}

fn locked(core: &Core) -> MutexGuard<'_, Option<Teller>> {
    core.teller.lock().unwrap_or_else(PoisonError::into_inner)
}

fn weight(change: &Announcement) -> usize {
    change.key.len() + change.value.as_ref().map_or(0, bytes::Bytes::len) + envelope::OVERHEAD_BYTES
}

impl Teller {
    /// Becomes the one who tells. Blocking.
    fn claim(core: &Core) -> Result<Self> {
        let name = core.full_name(TRANSACTIONS);
        let producer = core.clients.transactional_producer(&core.options, &name)?;
        let claimed = producer.init_transactions(core.options.request_timeout);
        claimed.map_err(|error| {
            let meaning = core.clients.error(&error);
            let answers = || core.clients.metadata(&core.asker, None, ANSWER_MAX).is_ok();
            if meaning.class() == ErrorClass::Retry && answers() {
                let reason = error.to_string();
                KafkaBusError::NoTransactions { reason }
            } else {
                meaning
            }
        })?;
        Ok(Self {
            producer,
            left: Left::Nothing,
            alone: Loneliness::default(),
            topics: HashSet::new(),
        })
    }

    /// Tells changes in one transaction. Blocking.
    fn tell(&mut self, core: &Core, topic: &str, changes: &[Announcement]) -> Result<()> {
        if !self.topics.contains(topic) {
            admin::ensure_changes(core, topic, PARTITIONS)?;
            self.topics.insert(topic.to_owned());
        }
        let Err(error) = self.transact(core, topic, changes) else {
            self.alone = Loneliness::default();
            return Ok(());
        };
        if let Some((_, reason)) = self.producer.client().fatal_error() {
            return Err(KafkaBusError::Fenced { reason });
        }
        // Not made again here: under its name that would keep out whoever has taken over meanwhile.
        let has_none = lost::has_no_broker(self.producer.client(), &core.full_name(topic));
        if self.alone.is_lost(has_none, || core.another_finds_brokers()) {
            return Err(core.lose());
        }
        Err(core.clients.error(&error))
    }

    fn transact(
        &mut self,
        core: &Core,
        topic: &str,
        changes: &[Announcement],
    ) -> std::result::Result<(), KafkaError> {
        let (topic, wait) = (core.full_name(topic), core.options.request_timeout);
        match self.left {
            Left::Nothing => {}
            Left::Open => self.producer.abort_transaction(wait)?,
            Left::Committing => self.producer.commit_transaction(wait)?,
        }
        self.left = Left::Nothing;
        self.producer.begin_transaction()?;
        self.left = Left::Open;
        for change in changes {
            // What became of each is what becomes of the transaction.
            let (answer, _) = oneshot::channel();
            let mut record: BaseRecord<'_, str, [u8], _> =
                BaseRecord::with_opaque_to(&topic, Box::new(Delivery::Entry(answer)))
                    .key(change.key.as_str());
            if let Some(value) = &change.value {
                record = record.payload(value.as_ref());
            }
            self.producer.send(record).map_err(|(error, _)| error)?;
        }
        self.wait_for_answers(wait);
        let committed = self.producer.commit_transaction(wait);
        self.left = match &committed {
            Ok(()) => Left::Nothing,
            Err(KafkaError::Transaction(error)) if error.is_retriable() => Left::Committing,
            Err(_) => Left::Open,
        };
        committed
    }

    /// Waits until the brokers have answered for all messages. Committing waits for that too, but looks ten times a second.
    fn wait_for_answers(&self, wait: Duration) {
        let began = Instant::now();
        while self.producer.in_flight_count() > 0 && began.elapsed() < wait {
            self.producer.poll(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
#[path = "announce_tests.rs"]
mod tests;
