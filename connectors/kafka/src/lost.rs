//! Clients that have lost all brokers though these answer.
//!
//! Brokers that were away for a while, all of them, may say when they come back that there is no broker. The client then
//! lets go of those it knows, and asks nobody ever again
//! ([librdkafka#5301](https://github.com/confluentinc/librdkafka/issues/5301)). What it was asked for waits in silence: the
//! log says so, and whoever started the process starts it again.

use crate::KafkaOptions;
use crate::client::Clients;
use crate::core::Core;
use crate::error::{KafkaBusError, Result};
use crate::positions;
use panorama_api::ErrorClass;
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{Producer as _, PurgeConfig};
use std::cell::OnceCell;
use std::time::{Duration, Instant};

/// How often clients are asked whether they have brokers.
pub(crate) const LOOK: Duration = Duration::from_secs(3);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long one may find none while others do. Longer than its own tries to connect again take.
const LOST_AFTER: Duration = Duration::from_secs(20);
/// How late a stop may be.
const STOP_POLL: Duration = Duration::from_millis(100);

/// Looks at the clients of the log until it is closed, or one of them is lost.
pub(crate) fn serve(core: &Core) {
    let mut clients: [Loneliness; 5] = Default::default();
    let topic = core.full_name(positions::TOPIC);
    let [first, second] = &core.readers;
    let looks: [&dyn Fn() -> bool; 5] = [
        &|| has_no_broker(core.producer.client(), &topic),
        &|| has_no_broker(core.asker.client(), &topic),
        &|| has_no_broker(core.admin.inner(), &topic),
        &|| has_no_broker(first.client(), &topic),
        &|| has_no_broker(second.client(), &topic),
    ];
    while !core.is_stopping() {
        let looked = Instant::now();
        let another = OnceCell::new();
        for (client, has_none) in clients.iter_mut().zip(looks) {
            // Each look may take its time, and whoever stops waits for it.
            if core.is_stopping() {
                return;
            }
            if client.is_lost(has_none(), || {
                *another.get_or_init(|| core.another_finds_brokers())
            }) {
                core.lose();
                return;
            }
        }
        while looked.elapsed() < LOOK && !core.is_stopping() {
            std::thread::sleep(STOP_POLL);
        }
    }
}

/// Waits until the brokers say that there are some: clients that are made while they say that there are none are lost from
/// the beginning. Each try is a new client's, and may take longer than the one before.
///
/// # Errors
/// Why there are none, after a request's time.
pub(crate) fn wait_for_brokers(options: &KafkaOptions) -> Result<()> {
    let clients = Clients::new(options)?;
    let topic = format!("{}{}", options.topic_prefix, positions::TOPIC);
    let deadline = Instant::now() + options.request_timeout;
    let mut wait = ANSWER_MAX;
    loop {
        let asker = clients.asker(options)?;
        let rest = deadline.saturating_duration_since(Instant::now());
        let error = match clients.metadata(&asker, Some(&topic), wait.min(rest).max(STOP_POLL)) {
            Ok(found) if !found.brokers().is_empty() => return Ok(()),
            Ok(_) => KafkaBusError::Unreachable {
                brokers: clients.brokers.clone(),
                reason: "those that answer say that there is none".into(),
            },
            Err(error) if error.class() == ErrorClass::Retry => error,
            Err(error) => return Err(error),
        };
        if rest.is_zero() {
            return Err(error);
        }
        std::thread::sleep(STOP_POLL);
        wait *= 2;
    }
}

/// Whether a client knows of no broker that it could ask. One that has a broker which does not answer is another case.
pub(crate) fn has_no_broker<C: ClientContext>(client: &Client<C>, topic: &str) -> bool {
    let code = client.fetch_metadata(Some(topic), ANSWER_MAX).err();
    code.and_then(|error| error.rdkafka_error_code()) == Some(Code::BrokerTransportFailure)
}

/// Since when a client has had no broker though a new one found some. While brokers are away for all, it is not lost:
/// once they are back it may still wait for its next try.
#[derive(Default)]
pub(crate) struct Loneliness(Option<Instant>);

impl Loneliness {
    /// Whether a client has been alone for long, now that it has no broker or some.
    pub(crate) fn is_lost(&mut self, has_none: bool, another_finds_some: impl FnOnce() -> bool) -> bool {
        if !has_none || !another_finds_some() {
            self.0 = None;
            return false;
        }
        self.0.get_or_insert_with(Instant::now).elapsed() > LOST_AFTER
    }
}

/// Whether a client that is made now finds brokers.
pub(crate) fn another_finds_brokers(clients: &Clients, options: &KafkaOptions, topic: &str) -> bool {
    let another = clients.asker(options).ok();
    let found = another.and_then(|another| another.fetch_metadata(Some(topic), ANSWER_MAX).ok());
    found.is_some_and(|found| !found.brokers().is_empty())
}

impl Core {
    pub(crate) fn another_finds_brokers(&self) -> bool {
        let topic = self.full_name(positions::TOPIC);
        !self.is_stopping() && another_finds_brokers(&self.clients, &self.options, &topic)
    }

    /// Says so to all who ask from now on, and to those who wait for what was sent.
    pub(crate) fn lose(&self) -> KafkaBusError {
        let brokers = self.clients.brokers.clone();
        let error = KafkaBusError::Lost { brokers };
        self.lost.send_replace(Some(error.clone()));
        tracing::error!(%error, "the log cannot go on in this process");
        self.producer.purge(PurgeConfig::default().queue().inflight());
        error
    }

    /// Fails where a client of the log is lost.
    pub(crate) fn is_whole(&self) -> Result<()> {
        self.lost.borrow().clone().map_or(Ok(()), Err)
    }

    /// Returns once a client of the log is lost.
    pub(crate) async fn until_lost(&self) -> KafkaBusError {
        let mut lost = self.lost.subscribe();
        let error = lost.wait_for(Option::is_some).await;
        error
            .ok()
            .and_then(|error| error.clone())
            .unwrap_or(KafkaBusError::Closed)
    }
}
