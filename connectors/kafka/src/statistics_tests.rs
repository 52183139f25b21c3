//! What clients tell becomes figures: totals become what came since, what is unknown is absent; and a real client's are told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test's"
)]

use super::{Before, Queue};
use crate::KafkaBus;
use crate::broker::Broker;
use crate::tests::{message, options, position};
use panorama_api::{Bus as _, ClientFigures, ErrorClass, Observer, ReadLimits, Sharing as _};
use rdkafka::Statistics;
use rdkafka::statistics::{Broker as Handle, ConsumerGroup, Partition, Topic, Window};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A broker's handle as the client tells of it.
fn handle(name: &str, source: &str, broker: &str, requests: u64) -> (String, Handle) {
    let handle = Handle {
        name: name.into(),
        source: source.into(),
        nodename: broker.into(),
        tx: requests,
        txerrs: requests / 10,
        rxerrs: requests / 10,
        connects: Some(1),
        disconnects: Some(-1),
        rtt: Some(Window {
            cnt: i64::try_from(requests).unwrap(),
            p99: 2_000,
            ..Window::default()
        }),
        ..Handle::default()
    };
    (name.to_owned(), handle)
}

fn of(brokers: &[(String, Handle)]) -> Statistics {
    Statistics {
        client_type: "consumer".into(),
        brokers: brokers.iter().cloned().collect(),
        ..Statistics::default()
    }
}

#[test]
fn totals_become_what_came_since() {
    let mut before = Before::default();
    let mut tell = |brokers: &[(String, Handle)]| before.figures(&of(brokers), Queue::Common);
    let first = tell(&[handle("a:1/bootstrap", "configured", "a:1", 10)]);
    let a = first.brokers["a:1"];
    assert_eq!((a.requests, a.errors, a.connects, a.disconnects), (10, 2, 1, 0));
    // The same broker, once its number is known; and another one.
    let second = tell(&[
        handle("a:1/1", "learned", "a:1", 15),
        handle("b:1/2", "learned", "b:1", 3),
    ]);
    assert_eq!(second.brokers["a:1"].requests, 5);
    assert_eq!(second.brokers["b:1"].requests, 3);
    assert_eq!(second.brokers["b:1"].connects, 1);
    // One of them has left.
    let third = tell(&[handle("a:1/1", "learned", "a:1", 15)]);
    assert_eq!(third.brokers["a:1"].requests, 0);
    assert_eq!(third.left.iter().collect::<Vec<_>>(), ["b:1"]);
    assert!(tell(&[handle("a:1/1", "learned", "a:1", 15)]).left.is_empty());
    // A total that falls takes nothing back.
    assert_eq!(
        tell(&[handle("a:1/1", "learned", "a:1", 2)]).brokers["a:1"].requests,
        0
    );
    assert_eq!(
        tell(&[handle("a:1/1", "learned", "a:1", 6)]).brokers["a:1"].requests,
        4
    );
}

#[test]
fn a_role_counts_for_the_broker_that_has_it() {
    let mut before = Before::default();
    let mut tell = |coordinator: &str, requests| {
        before.figures(
            &of(&[
                handle("a:1/1", "learned", "a:1", 10),
                handle("b:1/2", "learned", "b:1", 10),
                handle("GroupCoordinator", "logical", coordinator, requests),
                handle(":0/internal", "internal", ":0", 7),
            ]),
            Queue::Common,
        )
    };
    let requests = |figures: &ClientFigures| -> Vec<(String, u64)> {
        let of = |(name, broker): (&String, &panorama_api::BrokerFigures)| (name.clone(), broker.requests);
        figures.brokers.iter().map(of).collect()
    };
    assert_eq!(
        requests(&tell("a:1", 4)),
        [("a:1".into(), 14), ("b:1".into(), 10)]
    );
    assert_eq!(requests(&tell("", 4)), [("a:1".into(), 0), ("b:1".into(), 0)]);
    assert_eq!(requests(&tell("b:1", 5)), [("a:1".into(), 0), ("b:1".into(), 1)]);
}

#[test]
fn what_is_not_known_is_absent() {
    let mut quiet = handle("a:1/1", "learned", "a:1", 0);
    let mut before = Before::default();
    let mut round_trip = |handle: &(String, Handle)| {
        let figures = before.figures(&of(std::slice::from_ref(handle)), Queue::Common);
        figures.brokers["a:1"].round_trip
    };
    assert_eq!(round_trip(&quiet), None, "nothing was asked");
    assert_eq!(
        round_trip(&handle("a:1/1", "learned", "a:1", 1)),
        Some(Duration::from_millis(2))
    );
    let window = quiet.1.rtt.as_mut().unwrap();
    (window.cnt, window.p99) = (1, -1);
    assert_eq!(round_trip(&quiet), None);
    quiet.1.rtt = None;
    assert_eq!(round_trip(&quiet), None);
}

#[test]
fn what_waits_is_counted_once() {
    let partition = |fetchq_cnt, fetchq_size| Partition {
        fetchq_cnt,
        fetchq_size,
        ..Partition::default()
    };
    let topic = Topic {
        partitions: [
            (0, partition(3, 30)),
            (1, partition(4, 50)),
            (-1, partition(-1, 0)),
        ]
        .into(),
        ..Topic::default()
    };
    let mut told = Statistics {
        topics: [("t".to_owned(), topic)].into(),
        cgrp: Some(ConsumerGroup {
            rebalance_cnt: 2,
            ..ConsumerGroup::default()
        }),
        msg_cnt: 8,
        msg_size: 80,
        ..of(&[])
    };
    let mut before = Before::default();
    let mut tell = |told: &Statistics, queue| {
        let figures = before.figures(told, queue);
        let waiting = figures.waiting;
        (waiting.messages, waiting.bytes, figures.rebalances)
    };
    assert_eq!(tell(&told, Queue::OfPartition), (Some(7), Some(80), 2));
    assert_eq!(tell(&told, Queue::Common), (Some(4), Some(50), 0));
    told.client_type = "producer".into();
    assert_eq!(tell(&told, Queue::Common), (Some(8), Some(80), 0));
}

/// Keeps what was told: the last of each client, and the sums.
#[derive(Default)]
struct Heard(Mutex<BTreeMap<String, (u32, ClientFigures)>>);

impl Heard {
    fn wait_for(&self, client: &str, is: impl Fn(u32, &ClientFigures) -> bool) {
        let began = Instant::now();
        loop {
            let heard = self.0.lock().unwrap().get(client).cloned();
            if heard.as_ref().is_some_and(|(times, figures)| is(*times, figures)) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{client}: {heard:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Observer for Heard {
    fn received(&self, _: &str, _: u64) {}
    fn acknowledged(&self, _: &str, _: &str, _: Duration) {}
    fn duplicate(&self, _: &str) {}
    fn failed(&self, _: &str, _: ErrorClass) {}
    fn buffered(&self, _: &str, _: u64) {}
    fn lag(&self, _: &str, _: u32, _: Option<u64>) {}
    fn client(&self, client: &str, figures: &ClientFigures) {
        let mut all = self.0.lock().unwrap();
        let (times, sum) = all.entry(client.to_owned()).or_default();
        *times += 1;
        let mut now = figures.clone();
        now.rebalances += sum.rebalances;
        for (broker, figures) in &mut now.brokers {
            let before = sum.brokers.get(broker).copied().unwrap_or_default();
            figures.requests += before.requests;
            figures.sent_bytes += before.sent_bytes;
            figures.received_bytes += before.received_bytes;
            figures.disconnects += before.disconnects;
        }
        *sum = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_tell_of_a_real_broker() {
    let Some(mut broker) = Broker::start("") else {
        return;
    };
    let heard = Arc::new(Heard::default());
    let mut asked = options(&broker);
    asked.observer = Some(Arc::clone(&heard) as _);
    asked.statistics_interval = Duration::from_millis(100);
    let bus = KafkaBus::open(asked).unwrap();
    bus.ensure_topic("told", 1).await.unwrap();
    let text = "x".repeat(20_000);
    for n in ["1", "2"] {
        let few = vec![message(&text); 3];
        bus.append("told", 0, few, position(n)).await.unwrap();
    }
    let limits = ReadLimits {
        records_max: 1,
        bytes_max: 1,
    };
    bus.read("told", 0, 0, limits).unwrap();
    let name = broker.address();
    let of = |figures: &ClientFigures| figures.brokers.get(&name).copied().unwrap_or_default();
    heard.wait_for("producer", |_, figures| {
        of(figures).requests > 2 && of(figures).sent_bytes > 400 && figures.waiting.bytes == Some(0)
    });
    // One record was taken, the others wait: lz4 makes little of them on their way, here they are whole.
    heard.wait_for("reader-1", |_, figures| {
        of(figures).requests > 0 && figures.waiting.bytes.is_some_and(|bytes| bytes > 60_000)
    });
    heard.wait_for("reader-1", |_, figures| {
        let took = of(figures).round_trip;
        took.is_some_and(|took| took > Duration::ZERO && took < Duration::from_secs(10))
    });
    let names = |heard: &Heard| heard.0.lock().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&heard),
        ["producer", "reader-1", "reader-2"],
        "those that are polled all the time"
    );
    let shares = bus.share(&["told".into()], None).unwrap();
    heard.wait_for("group", |_, figures| {
        figures.rebalances == 1 && of(figures).requests > 2
    });
    drop(shares);
    // Brokers that are away answer nothing.
    broker.kill();
    heard.wait_for("producer", |_, figures| {
        of(figures).disconnects > 0 && of(figures).round_trip.is_none()
    });
    let times = |client: &str| heard.0.lock().unwrap()[client].0;
    let before = times("reader-1");
    heard.wait_for("reader-1", |times, _| times > before + 3);
    drop(bus);
    heard.wait_for("reader-1", |_, figures| figures.waiting.bytes.is_none());
    heard.wait_for("producer", |_, figures| {
        figures.waiting.messages.is_none() && of(figures).round_trip.is_none() && of(figures).requests > 2
    });
}
