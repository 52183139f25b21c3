//! What clients tell shows in the metrics: counters go on where a client is made again, and nothing is shown that is not known.

use super::Metrics;
use panorama_api::{BrokerFigures, ClientFigures, Observer as _, Waiting};
use std::time::Duration;

fn told(broker: BrokerFigures, waiting: Waiting) -> ClientFigures {
    ClientFigures {
        brokers: [("a:9092".to_owned(), broker)].into(),
        waiting,
        rebalances: 1,
        ..ClientFigures::default()
    }
}

#[test]
fn a_client_shows_until_it_ends_and_its_broker_until_it_leaves() {
    let metrics = Metrics::default();
    let check = |line: &str, there: bool| {
        let text = metrics.expose();
        assert_eq!(text.lines().any(|found| found == line), there, "{line}\n{text}");
    };
    let broker = BrokerFigures {
        requests: 5,
        timeouts: 2,
        round_trip: Some(Duration::from_millis(1500)),
        ..BrokerFigures::default()
    };
    let waiting = Waiting {
        messages: Some(3),
        bytes: Some(300),
    };
    let round_trip = "panorama_kafka_round_trip_p99_seconds{client=\"group\",broker=\"a:9092\"} 1.5";
    let bytes = "panorama_kafka_waiting_bytes{client=\"group\"} 300";
    let requests =
        |n: u32| format!("panorama_kafka_requests_total{{client=\"group\",broker=\"a:9092\"}} {n}");
    let failures =
        "panorama_kafka_request_failures_total{client=\"group\",broker=\"a:9092\",reason=\"timeout\"} 2";
    metrics.client("group", &told(broker, waiting));
    check(round_trip, true);
    check(bytes, true);
    check(&requests(5), true);
    check(failures, true);
    // It ends, and another one comes in its place.
    metrics.client("group", &told(BrokerFigures::default(), Waiting::default()));
    check(round_trip, false);
    check(bytes, false);
    check(&requests(5), true);
    metrics.client("group", &told(broker, waiting));
    check(&requests(10), true);
    check("panorama_kafka_rebalances_total 3", true);
    let gone = ClientFigures {
        left: ["a:9092".to_owned()].into(),
        ..ClientFigures::default()
    };
    metrics.client("group", &gone);
    assert!(!metrics.expose().contains("a:9092"), "{}", metrics.expose());
}
