//! Who told before cannot tell any more, on a real broker.

use crate::broker::Broker;
use crate::tests::options;
use crate::{KafkaBus, KafkaBusError, KafkaOptions};
use panorama_api::{Announcement, Announcer, ErrorClass};
use std::sync::Arc;
use std::time::Duration;

fn word(key: &str, value: &str) -> Arc<[Announcement]> {
    Arc::from([Announcement {
        key: key.into(),
        value: Some(value.to_owned().into()),
    }])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_told_before_cannot_tell_any_more() {
    let Some(broker) = Broker::start("") else { return };
    let former = KafkaBus::open(options(&broker)).unwrap();
    let error = former
        .announce("changes", word("a", "unclaimed"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    former.claim().await.unwrap();
    former.announce("changes", word("a", "one")).await.unwrap();
    let owner = KafkaBus::open(options(&broker)).unwrap();
    owner.claim().await.unwrap();
    for _ in 0..2 {
        let error = former.announce("changes", word("a", "late")).await.unwrap_err();
        let cause = error.cause.downcast_ref::<KafkaBusError>();
        assert!(matches!(cause, Some(KafkaBusError::Fenced { .. })), "{cause:?}");
        assert_eq!(error.class(), ErrorClass::Fatal);
    }
    owner.announce("changes", word("b", "two")).await.unwrap();
    let said: Vec<_> = broker.consume("test.changes");
    let expected = [("a", "one"), ("b", "two")].map(|(key, value)| (key.to_owned(), Some(value.to_owned())));
    // Partitions are read in any order.
    assert_eq!(
        std::collections::BTreeSet::from_iter(said),
        std::collections::BTreeSet::from(expected)
    );
}

/// A lone broker that was set up as one of three.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_without_transactions_are_told_of() {
    let Some(broker) = Broker::start("transaction.state.log.replication.factor=3") else {
        return;
    };
    let bus = KafkaBus::open(KafkaOptions {
        request_timeout: Duration::from_secs(10),
        ..options(&broker)
    });
    let error = bus.unwrap().claim().await.unwrap_err();
    let cause = error.cause.downcast_ref::<KafkaBusError>();
    assert!(
        matches!(cause, Some(KafkaBusError::NoTransactions { .. })),
        "{cause:?}"
    );
    assert!(
        cause
            .unwrap()
            .to_string()
            .contains("transaction.state.log.replication.factor")
    );
}
