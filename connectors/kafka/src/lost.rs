//! Clients that have lost all brokers though these answer.
//!
//! Brokers that were away for a while, all of them, may say when they come back that there is no broker. The client then lets go of
//! those it knows, and asks nobody ever again ([librdkafka#5301](https://github.com/confluentinc/librdkafka/issues/5301)). What it
//! was asked for waits in silence: the log says so, and whoever started the process starts it again.

use crate::core::Core;
use crate::error::{KafkaBusError, Result};
use crate::positions;
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{Producer as _, PurgeConfig};
use std::time::{Duration, Instant};

/// How often clients are asked whether they have brokers.
pub(crate) const LOOK: Duration = Duration::from_secs(3);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long one may find none while others do. Longer than its own tries to connect again take.
const LOST_AFTER: Duration = Duration::from_secs(12);
/// How late a stop may be.
const STOP_POLL: Duration = Duration::from_millis(100);

/// Looks at the clients of the log until it is closed, or one of them is lost.
pub(crate) fn serve(core: &Core) {
    let mut clients: [Loneliness; 4] = Default::default();
    while !core.is_stopping() {
        let looked = Instant::now();
        let [first, second] = &core.readers;
        let alone = [
            has_no_broker(core, core.producer.client()),
            has_no_broker(core, core.asker.client()),
            has_no_broker(core, first.client()),
            has_no_broker(core, second.client()),
        ];
        for (client, is_alone) in clients.iter_mut().zip(alone) {
            if client.is_lost(core, is_alone) {
                let error = core.lose();
                tracing::error!(%error, "the log cannot go on in this process");
                return;
            }
        }
        while looked.elapsed() < LOOK && !core.is_stopping() {
            std::thread::sleep(STOP_POLL);
        }
    }
}

/// Whether a client knows of no broker that it could ask. One that has a broker which does not answer is another case.
pub(crate) fn has_no_broker<C: ClientContext>(core: &Core, client: &Client<C>) -> bool {
    let topic = core.full_name(positions::TOPIC);
    let code = client.fetch_metadata(Some(&topic), ANSWER_MAX).err();
    code.and_then(|error| error.rdkafka_error_code()) == Some(Code::BrokerTransportFailure)
}

/// Since when a client has had no broker though a new one found some. While brokers are away for all, it is not lost: once
/// they are back it may still wait for its next try.
#[derive(Default)]
pub(crate) struct Loneliness(Option<Instant>);

impl Loneliness {
    /// Whether a client has been alone for long, now that it is or is not.
    pub(crate) fn is_lost(&mut self, core: &Core, is_alone: bool) -> bool {
        if !is_alone || core.is_stopping() || !another_finds_some(core) {
            self.0 = None;
            return false;
        }
        self.0.get_or_insert_with(Instant::now).elapsed() > LOST_AFTER
    }
}

fn another_finds_some(core: &Core) -> bool {
    let topic = core.full_name(positions::TOPIC);
    let another = core.clients.asker(&core.options).ok();
    let found = another.and_then(|another| another.fetch_metadata(Some(&topic), ANSWER_MAX).ok());
    found.is_some_and(|found| !found.brokers().is_empty())
}

impl Core {
    /// Says so to all who ask from now on, and to those who wait for what was sent.
    fn lose(&self) -> KafkaBusError {
        let brokers = self.clients.brokers.clone();
        let error = self.lost.get_or_init(|| KafkaBusError::Lost { brokers }).clone();
        self.producer.purge(PurgeConfig::default().queue().inflight());
        error
    }

    /// Fails where a client of the log is lost.
    pub(crate) fn is_whole(&self) -> Result<()> {
        self.lost.get().map_or(Ok(()), |error| Err(error.clone()))
    }
}
