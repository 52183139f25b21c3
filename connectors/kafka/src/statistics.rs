//! What clients tell of themselves from time to time, made into figures for the metrics.
//!
//! Only clients that are polled all the time are asked to: what nobody takes out of a client's queue piles up in it.

use panorama_api::{BrokerFigures, ClientFigures, Observer, Waiting};
use rdkafka::Statistics;
use rdkafka::statistics::Broker;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The client's own handle for work that is no broker's.
const INTERNAL: &str = "internal";
/// Its handle for a role that one broker has after the other: who coordinates a group.
const LOGICAL: &str = "logical";

/// Where a consumer's records wait for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// A queue for each partition.
    OfPartition,
    /// One for all: the client says of each partition what is in it.
    Common,
}

/// Tells the metrics of one client, from its making to its end.
pub(crate) struct Told {
    client: String,
    queue: Queue,
    observer: Arc<dyn Observer>,
    before: Mutex<Before>,
}

/// What a client had told before. Its totals begin at zero with it, and so do these.
#[derive(Default)]
struct Before {
    /// By the client's handle.
    totals: HashMap<String, BrokerFigures>,
    rebalances: u64,
    brokers: BTreeSet<String>,
}

impl Told {
    pub(crate) fn new(client: &str, queue: Queue, observer: &Arc<dyn Observer>) -> Self {
        Self {
            client: client.to_owned(),
            queue,
            observer: Arc::clone(observer),
            before: Mutex::default(),
        }
    }

    pub(crate) fn tell(&self, statistics: &Statistics) {
        let figures = self.before().figures(statistics, self.queue);
        self.observer.client(&self.client, &figures);
    }

    fn before(&self) -> MutexGuard<'_, Before> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client that is gone had waiting, and how quick its brokers were, is nothing that is.
impl Drop for Told {
    fn drop(&mut self) {
        let brokers = std::mem::take(&mut self.before().brokers);
        let figures = ClientFigures {
            brokers: brokers
                .into_iter()
                .map(|broker| (broker, BrokerFigures::default()))
                .collect(),
            ..ClientFigures::default()
        };
        self.observer.client(&self.client, &figures);
    }
}

impl Before {
    fn figures(&mut self, statistics: &Statistics, queue: Queue) -> ClientFigures {
        let mut figures = ClientFigures {
            waiting: waiting(statistics, queue),
            ..ClientFigures::default()
        };
        let mut totals = HashMap::new();
        for broker in statistics.brokers.values() {
            if broker.source == INTERNAL {
                continue;
            }
            // A broker is named anew once its number is known; who has a role changes under the role's name.
            let handle = if broker.source == LOGICAL {
                &broker.name
            } else {
                &broker.nodename
            };
            let before = self.totals.get(handle).copied().unwrap_or_default();
            if broker.nodename.is_empty() {
                // Nobody has the role just now: what came meanwhile counts for the next one.
                totals.insert(handle.clone(), before);
                continue;
            }
            let total = total(broker);
            totals.insert(handle.clone(), total);
            let of_broker = figures.brokers.entry(broker.nodename.clone()).or_default();
            *of_broker = sum(*of_broker, since(before, total));
        }
        let brokers: BTreeSet<String> = figures.brokers.keys().cloned().collect();
        figures.left = self.brokers.difference(&brokers).cloned().collect();
        let rebalances = statistics
            .cgrp
            .as_ref()
            .map_or(0, |group| known(group.rebalance_cnt));
        figures.rebalances = rebalances.saturating_sub(self.rebalances);
        *self = Self {
            totals,
            rebalances,
            brokers,
        };
        figures
    }
}

/// A figure that the client may not know: then it says -1.
fn known(figure: i64) -> u64 {
    u64::try_from(figure).unwrap_or(0)
}

fn total(broker: &Broker) -> BrokerFigures {
    // Without an answer the window is empty, and its figures are zeros.
    let window = broker.rtt.as_ref().filter(|window| window.cnt > 0);
    let microseconds = window.and_then(|window| u64::try_from(window.p99).ok());
    BrokerFigures {
        requests: broker.tx,
        sent_bytes: broker.txbytes,
        received_bytes: broker.rxbytes,
        errors: broker.txerrs + broker.rxerrs,
        timeouts: broker.req_timeouts,
        retries: broker.txretries,
        connects: broker.connects.map_or(0, known),
        disconnects: broker.disconnects.map_or(0, known),
        round_trip: microseconds.map(Duration::from_micros),
    }
}

/// What came to a total since. One that is smaller than before is another one's.
fn since(before: BrokerFigures, now: BrokerFigures) -> BrokerFigures {
    both(now, before, u64::saturating_sub)
}

fn sum(one: BrokerFigures, other: BrokerFigures) -> BrokerFigures {
    BrokerFigures {
        // The slower one: a broker may be spoken with over two connections.
        round_trip: one.round_trip.max(other.round_trip),
        ..both(one, other, u64::saturating_add)
    }
}

/// Takes two together; how long answers took is the first one's.
fn both(one: BrokerFigures, other: BrokerFigures, with: fn(u64, u64) -> u64) -> BrokerFigures {
    BrokerFigures {
        requests: with(one.requests, other.requests),
        sent_bytes: with(one.sent_bytes, other.sent_bytes),
        received_bytes: with(one.received_bytes, other.received_bytes),
        errors: with(one.errors, other.errors),
        timeouts: with(one.timeouts, other.timeouts),
        retries: with(one.retries, other.retries),
        connects: with(one.connects, other.connects),
        disconnects: with(one.disconnects, other.disconnects),
        round_trip: one.round_trip,
    }
}

/// What a producer has not sent yet, or what a consumer has fetched and nobody has read.
fn waiting(statistics: &Statistics, queue: Queue) -> Waiting {
    let together = match queue {
        Queue::OfPartition => u64::saturating_add,
        Queue::Common => u64::max,
    };
    let (messages, bytes) = if statistics.client_type == "producer" {
        (statistics.msg_cnt, statistics.msg_size)
    } else {
        let topics = statistics.topics.values();
        let partitions = topics.flat_map(|topic| topic.partitions.values());
        partitions.fold((0, 0), |(messages, bytes), partition| {
            (
                together(messages, known(partition.fetchq_cnt)),
                together(bytes, partition.fetchq_size),
            )
        })
    };
    Waiting {
        messages: Some(messages),
        bytes: Some(bytes),
    }
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
