//! Appending: what is there already is found, the rest is sent in order, and the answer waits for the last report.

use crate::KafkaBusError;
use crate::core::{Core, Topic};
use crate::envelope::{self, Place};
use crate::error::Result;
use crate::partition::{Partition, Sent};
use crate::positions::{Entry, Position};
use crate::{ownership, recover};
use panorama_api::{Appended, NewMessage, Offset, SourcePosition};
use rdkafka::Timestamp;
use rdkafka::error::KafkaError;
use rdkafka::producer::BaseRecord;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the client hands back with the report of a message.
pub(crate) enum Delivery {
    /// A source's message.
    Message(Arc<Partition>, Sent),
    /// An entry of a compacted topic.
    Entry(oneshot::Sender<Result<u64>>),
    /// A record that is sent for the time at which it is taken.
    Time(oneshot::Sender<Result<Timestamp>>),
}

impl Delivery {
    pub(crate) fn done(self, result: Result<(i64, Timestamp)>) {
        let offset = |(offset, _)| offset;
        match self {
            Self::Message(partition, sent) => partition.delivered(sent, result.map(offset)),
            // Who does not wait any more needs no answer.
            Self::Entry(answer) => {
                let without = |_| KafkaBusError::Damaged { what: "offset" };
                let offset = result
                    .map(offset)
                    .and_then(|offset| u64::try_from(offset).map_err(without));
                answer.send(offset).unwrap_or_default();
            }
            Self::Time(answer) => answer.send(result.map(|(_, time)| time)).unwrap_or_default(),
        }
    }
}

/// Tries in one append to go on after a failure: more would hide that it does not pass.
const SETTLE_ATTEMPTS_MAX: u32 = 2;

/// Appends messages and their position, and waits until they are durable.
pub(crate) async fn append(
    core: &Arc<Core>,
    topic: &Arc<Topic>,
    partition: u32,
    messages: &[NewMessage],
    position: Option<SourcePosition>,
) -> Result<Vec<Appended>> {
    let partition = topic.partition(partition)?;
    let mut bytes = 0usize;
    for message in messages {
        let weight = envelope::weight(message);
        if weight > topic.message_bytes_max {
            return Err(KafkaBusError::MessageTooLarge {
                bytes: weight,
                bytes_max: topic.message_bytes_max,
            });
        }
        bytes = bytes.saturating_add(weight);
    }
    let _permit = core.admit(bytes).await?;
    let mut attempt = 0;
    let (waiting, answers, rest, claimed_at) = loop {
        if !partition.log().is_ours {
            take_over(core, partition).await?;
        }
        match send(core, partition, messages, position.as_ref()) {
            // Another one claimed it meanwhile: what it appended is looked up, where it is not for others to give.
            Some(Err(KafkaBusError::NotOurs)) if attempt < SETTLE_ATTEMPTS_MAX => attempt += 1,
            Some(sent) => break sent?,
            None if attempt == SETTLE_ATTEMPTS_MAX => {
                return Err(partition.log().failure.clone().unwrap_or(KafkaBusError::Closed));
            }
            None => {
                attempt += 1;
                settle(core, partition).await?;
            }
        }
    };
    #[cfg(feature = "planted-bugs")]
    if panorama_api::is_planted("ack-before-commit") {
        return Ok(answers);
    }
    waiting.await.map_err(|_| KafkaBusError::Closed)??;
    if let Some(entry) = rest {
        let (answer, written) = oneshot::channel();
        core.send_entry(&entry, claimed_at, answer)?;
        written.await.map_err(|_| KafkaBusError::Closed)??;
        if let Entry::Position(feed, position) = entry {
            core.shared.positions().load(feed, position);
        }
    }
    Ok(answers)
}

/// The report to wait for, the answers, a position that no message carries, and the claim under which all of it is.
type SentAppend = (
    oneshot::Receiver<Result<()>>,
    Vec<Appended>,
    Option<Entry>,
    Option<Offset>,
);

/// Hands messages to the client, in order. None where a failure must be looked into first.
fn send(
    core: &Core,
    partition: &Arc<Partition>,
    messages: &[NewMessage],
    position: Option<&SourcePosition>,
) -> Option<Result<SentAppend>> {
    let feed = position.map(|position| envelope::feed(&core.options.topic_prefix, &position.name));
    let mut log = partition.log();
    if log.failure.is_some() {
        return None;
    }
    // Taken away since.
    if !log.is_ours {
        return Some(Err(KafkaBusError::NotOurs));
    }
    let (writer, claimed_at) = log.claimed.unzip();
    if position.is_some_and(|position| position.claim.is_some() && position.claim != claimed_at) {
        // Lost and given back since the source looked up where to go on.
        return Some(Err(KafkaBusError::NotOurs));
    }
    let plan = log.plan(messages, feed, core.options.copies_max);
    let count = u32::try_from(plan.send.len()).unwrap_or(u32::MAX);
    let generation = log.generation;
    for (index, (at, offset)) in (0u32..).zip(&plan.send) {
        let Some(message) = messages.get(*at) else {
            continue;
        };
        let ends_append = index + 1 == count;
        let place = feed.map(|feed| Place { feed, index, count });
        let carried = position
            .filter(|_| ends_append)
            .map(|position| position.value.as_slice());
        let sent = Sent {
            offset: *offset,
            generation,
            ends_append,
        };
        let record: BaseRecord<'_, [u8], [u8], _> = BaseRecord::with_opaque_to(
            &partition.topic,
            Box::new(Delivery::Message(Arc::clone(partition), sent)),
        )
        .partition(partition.number())
        .payload(message.payload.as_ref())
        .headers(envelope::seal(message, place, carried, writer));
        if let Err((error, _)) = core.producer.send(record) {
            let error = refused(core, &error);
            log.outstanding = log.outstanding.saturating_sub((count - index) as usize);
            log.fail(error.clone());
            return Some(Err(error));
        }
    }
    let mut rest = None;
    if let (Some(feed), Some(position)) = (feed, position) {
        match plan.send.last() {
            Some((_, last)) => log.expect(*last, feed, position.value.clone()),
            None => {
                let position = Position {
                    home: partition.home.clone(),
                    as_of: plan.as_of,
                    value: position.value.clone(),
                };
                rest = Some(Entry::Position(feed, position));
            }
        }
    }
    // A position that no message carries stands behind all that were sent before it.
    let until = if rest.is_some() {
        plan.until.max(plan.as_of)
    } else {
        plan.until
    };
    Some(Ok((log.wait(until), plan.answers, rest, claimed_at)))
}

/// Why the client did not even take a message.
pub(crate) fn refused(core: &Core, error: &KafkaError) -> KafkaBusError {
    match core.fatal() {
        Some(reason) => KafkaBusError::Fenced { reason },
        None => core.clients.error(error),
    }
}

/// Looks up what another process may have appended: from now on we do.
async fn take_over(core: &Arc<Core>, partition: &Arc<Partition>) -> Result<()> {
    let (core, partition) = (Arc::clone(core), Arc::clone(partition));
    let taken = tokio::task::spawn_blocking(move || ownership::take_over(&core, &partition));
    taken.await.map_err(|_| KafkaBusError::Closed)?
}

/// Waits for the fate of all that is on its way, and looks up what was stored.
async fn settle(core: &Arc<Core>, partition: &Arc<Partition>) -> Result<()> {
    let (core, partition) = (Arc::clone(core), Arc::clone(partition));
    let settled = tokio::task::spawn_blocking(move || recover::settle(&core, &partition));
    settled.await.map_err(|_| KafkaBusError::Closed)?
}
