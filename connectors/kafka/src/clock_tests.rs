//! Clocks that differ are told, by brokers whose clock differs for real: they run with tests/kafka/clock.c before their C library.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test's")]

use super::{Skew, look};
use crate::broker::Broker;
use crate::client::Clients;
use crate::tests::{cause, message, options};
use crate::{KafkaBus, KafkaBusError, KafkaOptions};
use panorama_api::Bus as _;
use std::time::Duration;

#[test]
fn an_answer_that_takes_long_never_makes_more_of_it() {
    let check = |times: (i64, i64, i64), is_behind: bool, by: u64| {
        let found = Skew::of(times.0, times.1, times.2);
        let by = Duration::from_millis(by);
        assert_eq!(found, Skew { is_behind, by }, "{times:?}");
    };
    check((1_000, 1_000, 1_000), false, 0);
    // Half a minute on its way, and nobody knows which half of it.
    check((1_000, 1_000, 31_000), false, 0);
    check((1_000, 31_000, 31_000), false, 0);
    check((1_000, 31_001, 31_000), true, 1);
    check((1_000, 999, 31_000), false, 1);
    check((100_000, 80_000, 100_005), false, 20_000);
    check((100_000, 120_005, 100_005), true, 20_000);
}

/// What opening the log comes to, and what is said of the clocks then.
fn open(options: &KafkaOptions) -> Result<Option<String>, String> {
    let said = |error: &KafkaBusError| {
        assert!(matches!(error, KafkaBusError::Clock { .. }), "{error:?}");
        error.to_string()
    };
    let opened = KafkaBus::open(options.clone()).map(drop);
    let checked = KafkaBus::check(options);
    for outcome in [&opened, &checked] {
        assert_eq!(outcome.is_ok(), opened.is_ok());
    }
    opened.map_err(|error| said(cause(&error)))?;
    let clients = Clients::new(options).unwrap();
    let producer = clients.producer(options).unwrap();
    look(&clients, options, &producer).map_err(|error| said(&error))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ_are_told() {
    for (seconds, words) in [
        (0, None),
        (-120, Some("s ahead of the brokers'")),
        (120, Some("s behind the brokers'")),
    ] {
        let Some(broker) = Broker::start_with_clock(seconds, "") else {
            return;
        };
        let said = open(&options(&broker)).unwrap();
        match words {
            None => assert_eq!(said, None),
            Some(words) => {
                let said = said.unwrap_or_default();
                assert!(said.contains(words) && said.contains("NTP"), "{seconds}: {said}");
                // Less by what the answer took.
                let least = (100..=120).any(|by| said.contains(&format!("at least {by} s")));
                assert!(least, "{seconds}: {said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_brokers_do_not_bear_are_refused() {
    // Two hours; brokers bear one, ahead of them.
    let Some(broker) = Broker::start_with_clock(-7_200, "") else {
        return;
    };
    let refused = open(&options(&broker)).unwrap_err();
    for words in [
        "s ahead of the brokers'",
        "message.timestamp.after.max.ms=3600000",
        "NTP",
    ] {
        assert!(refused.contains(words), "{refused}");
    }
    // Where a topic has our time, brokers say so themselves.
    let theirs = KafkaOptions {
        topic_prefix: "theirs.".into(),
        ..options(&broker)
    };
    broker.make_topic("theirs.positions", 1);
    let refused = open(&theirs).unwrap_err();
    assert!(refused.contains("refuse") && refused.contains("NTP"), "{refused}");
}

/// Brokers that do not tell their time keep nobody from working.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_cannot_be_compared_are_let_be() {
    let Some(broker) = Broker::start_with_clock(-120, "") else {
        return;
    };
    broker.make_topic("test.positions", 1);
    assert_eq!(open(&options(&broker)), Ok(None));
    let bus = KafkaBus::open(options(&broker)).unwrap();
    bus.ensure_topic("clock", 1).await.unwrap();
    bus.append("clock", 0, vec![message("a")], None).await.unwrap();
}
