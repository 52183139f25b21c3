//! Whether this machine's clock and the brokers' agree, looked at when the log is opened and by `panorama validate`.
//!
//! When a message was received is ours to say, how long it is kept and whether its time is taken is the brokers': with clocks that
//! differ, lag and freshness are wrong, and messages may be refused.
//!
//! No question of the protocol asks for the time. But where a topic has LogAppendTime, the answer to an append tells when the broker
//! took it, and that was between our sending it and our hearing of it. By as much as its time lies before the one or behind the
//! other, the clocks differ at least: an answer that takes long makes it less, never more.

use crate::append::Delivery;
use crate::client::{Clients, Producer};
use crate::error::{KafkaBusError, Result};
use crate::{KafkaOptions, admin, positions};
use rdkafka::Timestamp;
use rdkafka::producer::BaseRecord;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// What clocks may differ by. Those that are set by NTP differ by less than a tenth of a second; more than this shows in lag and
/// freshness.
const SKEW_MAX: Duration = Duration::from_secs(10);
/// How long an answer is waited for: whoever cannot be asked for the time is not kept from working.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The key of the record that is appended. It has no value, so compaction leaves nothing of it.
const KEY: &str = "clock";
/// Topic settings that say which times brokers refuse, and whether of messages from their past.
const REFUSED: [(&str, bool); 2] = [
    ("message.timestamp.after.max.ms", false),
    ("message.timestamp.before.max.ms", true),
];

/// By how much clocks differ, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Skew {
    is_behind: bool,
    by: Duration,
}

impl Skew {
    /// What the broker's time says that lies between two of ours, all in milliseconds.
    const fn of(sent_at: i64, taken_at: i64, heard_at: i64) -> Self {
        let (is_behind, by) = if taken_at < sent_at {
            (false, sent_at.abs_diff(taken_at))
        } else if taken_at > heard_at {
            (true, taken_at.abs_diff(heard_at))
        } else {
            (false, 0)
        };
        Self {
            is_behind,
            by: Duration::from_millis(by),
        }
    }

    fn tell(self) -> String {
        let way = if self.is_behind { "behind" } else { "ahead of" };
        format!(
            "this machine's clock is at least {} s {way} the brokers'",
            self.by.as_secs()
        )
    }
}

/// Warns of clocks that differ, where the topic of positions is there to tell. Blocking, for a few seconds at most.
///
/// # Errors
/// [`KafkaBusError::Clock`] where they differ by so much that brokers refuse the times of messages. Not where it cannot be found
/// out.
pub(crate) fn check(clients: &Clients, options: &KafkaOptions, producer: &Producer) -> Result<()> {
    match look(clients, options, producer) {
        Ok(Some(warning)) => tracing::warn!("{warning}"),
        Ok(None) => {}
        Err(error @ KafkaBusError::Clock { .. }) => return Err(error),
        Err(error) => tracing::debug!(%error, "the brokers' clocks cannot be looked at"),
    }
    Ok(())
}

/// What is to be said of the clocks, if anything is.
fn look(clients: &Clients, options: &KafkaOptions, producer: &Producer) -> Result<Option<String>> {
    let topic = format!("{}{}", options.topic_prefix, positions::TOPIC);
    let skew = compare(producer, clients, &topic)?;
    let Some(skew) = skew.filter(|skew| skew.by >= SKEW_MAX) else {
        return Ok(None);
    };
    match refusal(clients, options, &topic, skew) {
        Some(limit) => Err(KafkaBusError::Clock {
            reason: format!("{}, and they take no message beyond {limit}", skew.tell()),
        }),
        None => Ok(Some(format!(
            "{}: lag and freshness are wrong by as much, and what has our time is kept too long or too short; set this machine's clock \
             and the brokers' by NTP (chrony)",
            skew.tell()
        ))),
    }
}

/// Appends a record and compares its times; none where the topic has CreateTime, which is ours.
fn compare(producer: &Producer, clients: &Clients, topic: &str) -> Result<Option<Skew>> {
    let (answer, mut answered) = oneshot::channel();
    let record: BaseRecord<'_, str, [u8], _> =
        BaseRecord::with_opaque_to(topic, Box::new(Delivery::Time(answer)))
            .partition(0)
            .key(KEY);
    let (sent_at, deadline) = (now(), Instant::now() + ANSWER_MAX);
    producer
        .send(record)
        .map_err(|(error, _)| clients.error(&error))?;
    while Instant::now() < deadline {
        producer.poll(Duration::from_millis(1));
        match answered.try_recv() {
            Ok(Ok(Timestamp::LogAppendTime(taken_at))) => {
                return Ok(Some(Skew::of(sent_at, taken_at, now())));
            }
            Ok(Ok(_)) => return Ok(None),
            Ok(Err(error)) => return Err(error),
            Err(oneshot::error::TryRecvError::Empty) => {}
            Err(oneshot::error::TryRecvError::Closed) => return Err(KafkaBusError::Closed),
        }
    }
    tracing::debug!(topic, "no answer tells the brokers' time");
    Ok(None)
}

/// The setting by which brokers refuse a message with such a time, if they do.
fn refusal(clients: &Clients, options: &KafkaOptions, topic: &str, skew: Skew) -> Option<String> {
    let asker = clients.admin(options).ok()?;
    let settings = admin::describe(&asker, clients, topic, ANSWER_MAX);
    let settings =
        settings.inspect_err(|error| tracing::debug!(%error, "which times are refused is not known"));
    let settings = settings.ok()?;
    let (name, _) = REFUSED.iter().find(|(_, is_past)| *is_past == skew.is_behind)?;
    let limit = settings.get(name)?.value.as_ref()?.parse().ok()?;
    (skew.by > Duration::from_millis(limit)).then(|| format!("{name}={limit}"))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
