//! What appending and reading cost against the plain client with the same settings, on the same bytes. A measurement, not a
//! test: `PANORAMA_KAFKA_MESSAGES=400000 ./test -p panorama-kafka --features client -- plain_client --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test's")]

use crate::KafkaBus;
use crate::broker::Broker;
use crate::tests::{message, options, position};
use panorama_api::{Bus as _, ReadLimits};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Messages in one append, as a source of files has them.
const AT_ONCE: usize = 1_024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn against_the_plain_client() {
    let asked = std::env::var("PANORAMA_KAFKA_MESSAGES").ok();
    let Some(count) = asked.map(|count| count.parse::<usize>().unwrap()) else {
        println!("not measured: PANORAMA_KAFKA_MESSAGES says no number");
        return;
    };
    let Some(broker) = Broker::start("") else { return };
    let bus = KafkaBus::open(options(&broker)).unwrap();
    for topic in ["ours", "plain"] {
        bus.ensure_topic(topic, 1).await.unwrap();
    }
    let (ours_in, ours_out) = (append(&bus, count).await, read(&bus, count));
    let (plain_in, plain_out) = (produce(&broker, count), consume(&broker, count));
    let both = |a: f64, b: f64| 1.0 / (1.0 / a + 1.0 / b);
    println!(
        "in {:.2}x, out {:.2}x, both {:.2}x of the plain client",
        ours_in / plain_in,
        ours_out / plain_out,
        both(ours_in, ours_out) / both(plain_in, plain_out)
    );
}

/// Half a kilobyte that is seldom the same twice, as an ADT message is.
fn text(n: usize) -> String {
    let fields = format!("{:x}|", n * 2_654_435_761).repeat(40);
    format!("MSH|^~\\&|{n:0>8}|{fields}")
}

fn rate(what: &str, count: usize, began: Instant) -> f64 {
    let per_second = f64::from(u32::try_from(count).unwrap()) / began.elapsed().as_secs_f64();
    println!("{what:<12} {per_second:>9.0} messages/s");
    per_second
}

async fn append(bus: &KafkaBus, count: usize) -> f64 {
    let began = Instant::now();
    let mut last = None;
    for from in (0..count).step_by(AT_ONCE) {
        let some = (from..count.min(from + AT_ONCE))
            .map(|n| message(&text(n)))
            .collect();
        let (sent, bus) = (from.to_string(), bus.clone());
        let append = tokio::spawn(async move { bus.append("ours", 0, some, position(&sent)).await.unwrap() });
        // One ahead, as a source has.
        if let Some(before) = last.replace(append) {
            before.await.unwrap();
        }
    }
    last.unwrap().await.unwrap();
    rate("ours, in", count, began)
}

fn read(bus: &KafkaBus, count: usize) -> f64 {
    let began = Instant::now();
    let mut next = 0;
    while next < count as u64 {
        let limits = ReadLimits {
            records_max: 4_096,
            bytes_max: 8 << 20,
        };
        next += bus.read("ours", 0, next, limits).unwrap().len() as u64;
    }
    rate("ours, out", count, began)
}

fn produce(broker: &Broker, count: usize) -> f64 {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("linger.ms", "1")
        .create()
        .unwrap();
    let began = Instant::now();
    for n in 0..count {
        let text = text(n);
        let mut record: BaseRecord<'_, [u8], str> = BaseRecord::to("test.plain").partition(0).payload(&text);
        while let Err((_, refused)) = producer.send(record) {
            producer.poll(Duration::from_millis(1));
            record = refused;
        }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    rate("plain, in", count, began)
}

fn consume(broker: &Broker, count: usize) -> f64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("group.id", "plain")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("test.plain", 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
    let began = Instant::now();
    let mut seen = 0;
    while seen < count {
        if let Some(message) = consumer.poll(Duration::from_secs(30)) {
            message.unwrap();
            seen += 1;
        }
    }
    rate("plain, out", count, began)
}
