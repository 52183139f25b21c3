//! The log passes the conformance suite on a real broker; and what only this log promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "this is a test's"
)]

use crate::broker::Broker;
use crate::client::Clients;
use crate::envelope::{self, Place};
use crate::{KafkaBus, KafkaBusError, KafkaOptions};
use bytes::Bytes;
use panorama_api::conformance;
use panorama_api::{
    Appended, Bus, ConnectorError, DedupeKey, ErrorClass, NewMessage, ReadLimits, SourcePosition,
};
use panorama_model::Timestamp;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer as _;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const ALL: ReadLimits = ReadLimits {
    records_max: usize::MAX,
    bytes_max: usize::MAX,
};

pub(crate) fn options(broker: &Broker) -> KafkaOptions {
    KafkaOptions {
        brokers: vec![broker.address()],
        topic_prefix: "test.".into(),
        // Machines that run tests are busy, or asleep.
        delivery_timeout: Duration::from_secs(300),
        request_timeout: Duration::from_secs(120),
        ..KafkaOptions::default()
    }
}

fn report(outcome: conformance::Outcome) {
    if let Err(violation) = outcome {
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(&violation);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        panic!("{violation}: {causes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bus_conformance() {
    let Some(broker) = Broker::start("") else { return };
    let open = || Ok(Arc::new(KafkaBus::open(options(&broker))?) as Arc<dyn Bus>);
    report(conformance::bus(&open).await);
}

pub(crate) fn message(text: &str) -> NewMessage {
    NewMessage {
        received_at: Timestamp(1),
        payload: Bytes::copy_from_slice(text.as_bytes()),
        headers: Arc::default(),
        dedupe: None,
    }
}

fn keyed(id: u128) -> NewMessage {
    NewMessage {
        dedupe: Some(DedupeKey { id, content: 1 }),
        ..message(&format!("message {id}"))
    }
}

fn messages(texts: &[&str]) -> Vec<NewMessage> {
    texts.iter().map(|text| message(text)).collect()
}

pub(crate) fn position(value: &str) -> Option<SourcePosition> {
    Some(SourcePosition {
        name: b"file".to_vec(),
        value: value.into(),
        claim: None,
    })
}

fn saved(bus: &KafkaBus) -> Option<String> {
    let value = bus.source_position(b"file").unwrap();
    value.map(|value| String::from_utf8(value).unwrap())
}

pub(crate) fn texts(bus: &KafkaBus, topic: &str) -> Vec<String> {
    let end = bus.bounds(topic, 0).unwrap().1;
    let mut all = Vec::new();
    while (all.len() as u64) < end {
        let records = bus.read(topic, 0, all.len() as u64, ALL).unwrap();
        all.extend(
            records
                .iter()
                .map(|r| String::from_utf8(r.payload.to_vec()).unwrap()),
        );
    }
    all
}

pub(crate) fn cause(error: &ConnectorError) -> &KafkaBusError {
    error.cause.downcast_ref().unwrap()
}

/// Somebody else's producer.
fn stranger(broker: &Broker) -> BaseProducer {
    ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .create()
        .unwrap()
}

/// Puts messages there as a process that was killed in the middle of an append had left them.
fn leave(broker: &Broker, topic: &str, texts: &[&str], first: u32, count: u32, position: Option<&str>) {
    let producer = stranger(broker);
    let feed = envelope::feed("test.", b"file");
    for (index, text) in (first..).zip(texts) {
        let place = Place { feed, index, count };
        let carried = position.filter(|_| index + 1 == count).map(str::as_bytes);
        let headers = envelope::seal(&message(text), Some(place), carried, None);
        let topic = format!("test.{topic}");
        let record: BaseRecord<'_, [u8], str> = BaseRecord::to(&topic)
            .partition(0)
            .payload(*text)
            .headers(headers);
        producer.send(record).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_was_cut_short_is_gone_on_with() {
    let Some(broker) = Broker::start("") else { return };
    let open = || KafkaBus::open(options(&broker)).unwrap();
    let bus = open();
    bus.ensure_topic("cut", 1).await.unwrap();
    bus.append("cut", 0, messages(&["a", "b"]), position("2"))
        .await
        .unwrap();
    drop(bus);
    leave(&broker, "cut", &["c", "d", "e"], 0, 5, None);

    // The position is that of what is whole; a message of another feed comes between.
    let bus = open();
    assert_eq!(saved(&bus).as_deref(), Some("2"));
    bus.append("cut", 0, messages(&["other"]), None).await.unwrap();
    // In other chunks than before: the first is there as a whole, the second in part.
    let appended = bus
        .append("cut", 0, messages(&["c", "d"]), position("4"))
        .await
        .unwrap();
    assert_eq!(appended, [Appended::At(2), Appended::At(3)]);
    assert_eq!(saved(&bus).as_deref(), Some("4"));
    drop(bus);
    let bus = open();
    assert_eq!(saved(&bus).as_deref(), Some("4"));
    let appended = bus
        .append("cut", 0, messages(&["e", "f", "g"]), position("7"))
        .await
        .unwrap();
    assert_eq!(appended, [Appended::At(4), Appended::At(6), Appended::At(7)]);
    drop(bus);
    let bus = open();
    assert_eq!(saved(&bus).as_deref(), Some("7"));
    assert_eq!(texts(&bus, "cut"), ["a", "b", "c", "d", "e", "other", "f", "g"]);

    // A feed that goes on with something else: nothing is lost.
    drop(bus);
    leave(&broker, "cut", &["x", "y"], 0, 3, None);
    let bus = open();
    bus.append("cut", 0, messages(&["x", "new"]), position("9"))
        .await
        .unwrap();
    assert_eq!(texts(&bus, "cut")[8..], ["x", "y", "new"]);

    // A position whose append has a hole does not count, though it is there.
    drop(bus);
    leave(&broker, "cut", &["q", "r"], 1, 3, Some("12"));
    let bus = open();
    assert_eq!(saved(&bus).as_deref(), Some("9"));
    bus.append("cut", 0, messages(&["p", "q", "r"]), position("12"))
        .await
        .unwrap();
    assert_eq!(saved(&bus).as_deref(), Some("12"));
    assert!(texts(&bus, "cut").contains(&"p".to_owned()), "nothing is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_writer_is_noticed_and_nothing_is_doubled() {
    let Some(broker) = Broker::start("") else { return };
    let bus = KafkaBus::open(options(&broker)).unwrap();
    bus.ensure_topic("two", 1).await.unwrap();
    bus.append("two", 0, vec![keyed(1)], None).await.unwrap();
    leave(&broker, "two", &["theirs"], 0, 1, None);
    let error = bus.append("two", 0, vec![keyed(2)], None).await.unwrap_err();
    assert!(
        matches!(
            cause(&error),
            KafkaBusError::OtherWriter {
                actual: 2,
                expected: 1
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.class(), ErrorClass::Retry);
    // It was stored after all: the copy that is sent again is known.
    let appended = bus
        .append("two", 0, vec![keyed(2), keyed(3)], None)
        .await
        .unwrap();
    assert_eq!(appended, [Appended::DuplicateOf(2), Appended::At(3)]);
    assert_eq!(
        texts(&bus, "two"),
        ["message 1", "theirs", "message 2", "message 3"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_are_known_within_their_bound() {
    let Some(broker) = Broker::start("") else { return };
    let few = || KafkaOptions {
        copies_max: 10,
        ..options(&broker)
    };
    let bus = KafkaBus::open(few()).unwrap();
    bus.ensure_topic("copies", 1).await.unwrap();
    let all: Vec<NewMessage> = (0..25).map(keyed).collect();
    bus.append("copies", 0, all, None).await.unwrap();
    for reopened in [false, true] {
        let bus = if reopened {
            KafkaBus::open(few()).unwrap()
        } else {
            bus.clone()
        };
        let appended = bus
            .append("copies", 0, vec![keyed(15), keyed(24)], None)
            .await
            .unwrap();
        assert_eq!(
            appended,
            [Appended::DuplicateOf(15), Appended::DuplicateOf(24)],
            "{reopened}"
        );
    }
    let appended = bus.append("copies", 0, vec![keyed(14)], None).await.unwrap();
    assert_eq!(appended, [Appended::At(25)], "older ones are forgotten");
}

/// Older ones are looked for at a start as far as their bytes are not too many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_are_known_again_without_holes() {
    let Some(broker) = Broker::start("") else { return };
    let open = |copies_scan_bytes_max| {
        let options = KafkaOptions {
            copies_scan_bytes_max,
            ..options(&broker)
        };
        KafkaBus::open(options).unwrap()
    };
    let bus = open(u64::MAX);
    bus.ensure_topic("many", 1).await.unwrap();
    let all: Vec<NewMessage> = (0..16_000).map(keyed).collect();
    let bytes: usize = all.iter().map(|message| message.payload.len()).sum();
    bus.append("many", 0, all, None).await.unwrap();
    drop(bus);
    let again = async |bytes_max, ids: &[u128]| {
        let bus = open(bytes_max);
        let messages = ids.iter().map(|id| keyed(*id)).collect();
        bus.append("many", 0, messages, None).await.unwrap()
    };
    let ids: Vec<u128> = (0..16_000).step_by(1_000).collect();
    let known: Vec<Appended> = (0..16_000).step_by(1_000).map(Appended::DuplicateOf).collect();
    assert_eq!(again(bytes as u64, &ids).await, known);
    let few = again(bytes as u64 / 4, &[8_000, 15_999]).await;
    assert_eq!(few, [Appended::At(16_000), Appended::DuplicateOf(15_999)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_name_their_cause_and_a_remedy() {
    let Some(broker) = Broker::start("") else { return };
    let check = |options: KafkaOptions, is: fn(&KafkaBusError) -> bool, words: &str| {
        let options = KafkaOptions {
            request_timeout: Duration::from_secs(5),
            ..options
        };
        let error = KafkaBus::check(&options).unwrap_err();
        let text = cause(&error).to_string();
        assert!(is(cause(&error)) && text.contains(words), "{text}");
    };
    let secure = |settings: &[(&str, &str)]| KafkaOptions {
        security: settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..options(&broker)
    };
    let nobody = KafkaOptions {
        brokers: vec!["127.0.0.1:1".into()],
        ..options(&broker)
    };
    check(
        nobody,
        |e| matches!(e, KafkaBusError::Unreachable { .. }),
        "bus.brokers",
    );
    check(
        secure(&[("security.protocol", "ssl")]),
        |e| matches!(e, KafkaBusError::Tls { .. }),
        "ssl.ca.location",
    );
    check(
        secure(&[("acks", "0")]),
        |e| matches!(e, KafkaBusError::Setting { .. }),
        "acks",
    );
    check(
        secure(&[("security.protocol", "s3cret")]),
        |e| matches!(e, KafkaBusError::Setting { .. }) && !e.to_string().contains("s3cret"),
        "security.protocol",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_topic_cannot_take_is_refused() {
    let Some(broker) = Broker::start("") else { return };
    let bus = KafkaBus::open(KafkaOptions {
        message_bytes_max: 100_000,
        ..options(&broker)
    })
    .unwrap();
    bus.ensure_topic("errors", 2).await.unwrap();
    let big = message(&"x".repeat(100_000));
    let error = bus
        .append("errors", 0, vec![message("small"), big], None)
        .await
        .unwrap_err();
    assert!(
        matches!(cause(&error), KafkaBusError::MessageTooLarge { .. }),
        "{error:?}"
    );
    assert_eq!(error.class(), ErrorClass::Quarantine);
    assert_eq!(bus.bounds("errors", 0).unwrap(), (0, 0));
    let error = bus.append("errors", 2, messages(&["a"]), None).await.unwrap_err();
    assert!(matches!(
        cause(&error),
        KafkaBusError::PartitionUnknown { partitions: 2 }
    ));
    let error = bus.ensure_topic("errors", 3).await.unwrap_err();
    assert!(matches!(
        cause(&error),
        KafkaBusError::PartitionsDiffer {
            existing: 2,
            wanted: 3
        }
    ));
    let strict = KafkaOptions {
        strict: true,
        ..options(&broker)
    };
    let error = KafkaBus::open(strict)
        .unwrap()
        .ensure_topic("safe", 1)
        .await
        .unwrap_err();
    assert!(
        matches!(
            cause(&error),
            KafkaBusError::TopicSetting {
                name: "replication.factor",
                ..
            }
        ),
        "{error:?}"
    );
    let error = bus.ensure_topic("what is this", 1).await.unwrap_err();
    assert!(matches!(cause(&error), KafkaBusError::TopicName), "{error:?}");
    let error = bus
        .append("positions", 0, messages(&["a"]), None)
        .await
        .unwrap_err();
    assert!(
        matches!(cause(&error), KafkaBusError::TopicSetting { .. }),
        "{error:?}"
    );
}

/// A broker that asks who we are, and lets only alice do anything.
pub(crate) const WITH_USERS: &str = "\
listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,CONTROLLER://127.0.0.1:CONTROLLER_PORT,SASL://127.0.0.1:OTHER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,SASL://127.0.0.1:OTHER_PORT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_alice=\"secret\" user_bob=\"secret\" user_carol=\"secret\";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:alice";

pub(crate) fn as_user(broker: &Broker, user: &str, password: &str) -> KafkaOptions {
    let settings = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", user),
        ("sasl.password", password),
    ];
    KafkaOptions {
        brokers: vec![broker.other_address()],
        security: settings.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        request_timeout: Duration::from_secs(10),
        ..options(broker)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_and_who_may_not() {
    let Some(broker) = Broker::start(WITH_USERS) else {
        return;
    };
    let as_user = |user: &str, password: &str| as_user(&broker, user, password);
    let error = KafkaBus::open(as_user("alice", "guessed")).err().unwrap();
    assert!(
        matches!(cause(&error), KafkaBusError::Credentials { .. }),
        "{:?}",
        error.cause
    );
    assert!(!cause(&error).to_string().contains("guessed"));
    let error = KafkaBus::open(as_user("bob", "secret")).err().unwrap();
    assert!(
        matches!(cause(&error), KafkaBusError::Denied { .. }),
        "{:?}",
        error.cause
    );
    let bus = KafkaBus::open(as_user("alice", "secret")).unwrap();
    bus.ensure_topic("users", 1).await.unwrap();
    bus.append("users", 0, messages(&["a"]), position("1"))
        .await
        .unwrap();
    assert_eq!(texts(&bus, "users"), ["a"]);
}

/// A broker that is spoken to in TLS, and asks who we are without hearing the password.
const ENCRYPTED: &str = "\
listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,CONTROLLER://127.0.0.1:CONTROLLER_PORT,SECURE://127.0.0.1:OTHER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,SECURE://127.0.0.1:OTHER_PORT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location=KEYSTORE
ssl.keystore.password=changeit";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_and_known_by_a_secret() {
    let Some(broker) = Broker::start(ENCRYPTED) else {
        return;
    };
    let as_alice = |mechanism: &str, password: &str, authority: Option<String>| {
        let mut settings = vec![
            ("security.protocol", "sasl_ssl".to_owned()),
            ("sasl.mechanism", mechanism.to_owned()),
            ("sasl.username", "alice".to_owned()),
            ("sasl.password", password.to_owned()),
        ];
        settings.extend(authority.map(|file| ("ssl.ca.location", file)));
        KafkaOptions {
            brokers: vec![broker.other_address()],
            security: settings.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            request_timeout: Duration::from_secs(10),
            ..options(&broker)
        }
    };
    let trusted = || Some(broker.certificate());
    let mut expected = Vec::new();
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let bus = KafkaBus::open(as_alice(mechanism, "secret", trusted())).unwrap();
        bus.ensure_topic("secure", 1).await.unwrap();
        bus.append("secure", 0, messages(&[mechanism]), position("1"))
            .await
            .unwrap();
        expected.push(mechanism);
        assert_eq!(texts(&bus, "secure"), expected);
    }
    let error = KafkaBus::open(as_alice("SCRAM-SHA-512", "guessed", trusted()))
        .err()
        .unwrap();
    assert!(
        matches!(cause(&error), KafkaBusError::Credentials { .. }),
        "{:?}",
        error.cause
    );
    assert!(!cause(&error).to_string().contains("guessed"));
    let error = KafkaBus::open(as_alice("SCRAM-SHA-512", "secret", None))
        .err()
        .unwrap();
    assert!(
        matches!(cause(&error), KafkaBusError::Tls { .. })
            && cause(&error).to_string().contains("ssl.ca.location"),
        "{:?}",
        error.cause
    );
}

fn metadata(bus: &KafkaBus, topic: &str) -> crate::error::Result<Metadata> {
    let core = bus.core();
    let name = core.full_name(topic);
    core.clients
        .metadata(&core.asker, Some(&name), Duration::from_secs(10))
}

/// How many brokers have all that a topic's partition has.
fn in_sync(bus: &KafkaBus, topic: &str) -> usize {
    let in_sync = |metadata: &Metadata| metadata.topics()[0].partitions()[0].isr().len();
    metadata(bus, topic).as_ref().map_or(0, in_sync)
}

/// The broker that leads a topic's partition.
fn leader(bus: &KafkaBus, topic: &str) -> usize {
    let leader = metadata(bus, topic).unwrap().topics()[0].partitions()[0].leader();
    usize::try_from(leader).unwrap() - 1
}

/// Sends messages one after the other, and what fails again, as a sender would: with its id, so that it is known if it is
/// there already.
async fn send_until(bus: KafkaBus, topic: &str, mut stopped: watch::Receiver<bool>) -> Vec<String> {
    let mut sent: Vec<String> = Vec::new();
    while !*stopped.borrow_and_update() {
        let text = sent.len().to_string();
        let mut again = message(&text);
        again.dedupe = keyed(sent.len() as u128 + 1).dedupe;
        while let Err(error) = bus.append(topic, 0, vec![again.clone()], None).await {
            assert_eq!(error.class(), ErrorClass::Retry, "{error:?}");
        }
        sent.push(text);
    }
    sent
}

/// Three brokers, three copies, two of them before an answer. Each broker is killed in turn while messages come; then one
/// says nothing any more, and keeps its connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_brokers_any_one_may_be_lost() {
    // The last one is the one that leads.
    const FAULTS: [(Option<usize>, bool); 4] =
        [(Some(0), true), (Some(1), true), (Some(2), true), (None, false)];
    const MESSAGES_MIN: usize = 200;
    let Some(mut brokers) = Broker::start_many(3, "") else {
        return;
    };
    let options = KafkaOptions {
        brokers: brokers.iter().map(Broker::address).collect(),
        strict: true,
        delivery_timeout: Duration::from_secs(30),
        ..options(&brokers[0])
    };
    let open = || Ok(Arc::new(KafkaBus::open(options.clone())?) as Arc<dyn Bus>);
    report(conformance::bus(&open).await);
    let bus = KafkaBus::open(options.clone()).unwrap();
    bus.ensure_topic("three", 1).await.unwrap();
    // One that never writes, and knows who leads, has to find a new leader too.
    let reader = KafkaBus::open(options.clone()).unwrap();
    assert_eq!(reader.bounds("three", 0).unwrap(), (0, 0));
    let (stop, stopped) = watch::channel(false);
    let writer = tokio::spawn(send_until(bus.clone(), "three", stopped));
    let appended = |bus: &KafkaBus| bus.bounds("three", 0).unwrap().1;
    for (at, is_killed) in FAULTS {
        let at = at.unwrap_or_else(|| leader(&bus, "three"));
        let before = appended(&bus);
        let broker = &mut brokers[at];
        match is_killed {
            true => broker.kill(),
            false => broker.signal("-STOP"),
        }
        let began = Instant::now();
        let deadline = began + Duration::from_secs(60);
        let enough = before + MESSAGES_MIN as u64;
        while appended(&bus) < enough || appended(&reader) < enough {
            assert!(
                Instant::now() < deadline,
                "too little is taken or seen without broker {at}: {} and {} of {enough}",
                appended(&bus),
                appended(&reader)
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("without broker {at}: {MESSAGES_MIN} messages came and were seen in {seconds:.1} s");
        match is_killed {
            true => broker.resume(),
            false => broker.signal("-CONT"),
        }
        // All must know it again before the next may go.
        while in_sync(&bus, "three") < brokers.len() {
            assert!(Instant::now() < deadline, "broker {at} stays behind");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    stop.send(true).unwrap();
    let sent = writer.await.unwrap();
    assert!(sent.len() >= MESSAGES_MIN * FAULTS.len());
    assert_eq!(texts(&bus, "three"), sent);
    assert_eq!(texts(&reader, "three"), sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_loses_and_doubles_nothing() {
    let Some(mut broker) = Broker::start("") else {
        return;
    };
    let bus = KafkaBus::open(options(&broker)).unwrap();
    bus.ensure_topic("kill", 1).await.unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (answers, mut answered) = watch::channel(0);
    let mut senders = Vec::new();
    for sender in 0..4u128 {
        let (bus, stop, answers) = (bus.clone(), Arc::clone(&stop), answers.clone());
        senders.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for id in (0..).map(|n| sender << 64 | n) {
                // As a sender does: again until there is an answer.
                while let Err(error) = bus.append("kill", 0, vec![keyed(id)], None).await {
                    assert_eq!(error.class(), ErrorClass::Retry, "{:?}", error.cause);
                }
                acknowledged.push(id);
                answers.send_modify(|count| *count += 1);
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
            }
            acknowledged
        }));
    }
    // A sender that gives up ends the wait for its answers.
    drop(answers);
    // Killed in the middle of work, and once more when work goes on: then it stays away for longer than a client may have no
    // broker while others have some.
    for (until, away) in [(100, 0), (200, 22)] {
        answered.wait_for(|count| *count >= until).await.unwrap();
        broker.kill();
        tokio::time::sleep(Duration::from_secs(away)).await;
        broker.resume();
    }
    answered.wait_for(|count| *count >= 300).await.unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(
            sender
                .await
                .unwrap()
                .into_iter()
                .map(|id| format!("message {id}")),
        );
    }
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    drop(bus);
    let mut stored = texts(&KafkaBus::open(options(&broker)).unwrap(), "kill");
    acknowledged.sort();
    stored.sort();
    assert_eq!(stored, acknowledged);
}

/// Of a cluster that left out all brokers the client loses them for good: the log says so, and a new one goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_were_left_out_are_found_by_a_new_log() {
    let Some(mut broker) = Broker::start("") else {
        return;
    };
    let options = options(&broker);
    let open = || KafkaBus::open(options.clone()).unwrap();
    let (mut bus, mut times_lost) = (open(), 0);
    bus.ensure_topic("left-out", 1).await.unwrap();
    bus.append("left-out", 0, vec![keyed(0)], None).await.unwrap();
    assert!(bus.lost().is_none());
    broker.leave_out();
    let since = Instant::now();
    while let Err(error) = bus.append("left-out", 0, vec![keyed(1)], None).await {
        assert!(since.elapsed() < Duration::from_secs(90), "{:?}", error.cause);
        if error.class() == ErrorClass::Fatal {
            let lost = bus.lost().unwrap();
            for error in [error, lost] {
                let is_lost = matches!(cause(&error), KafkaBusError::Lost { .. });
                assert!(is_lost, "{:?}", error.cause);
            }
            drop(bus);
            bus = open();
            times_lost += 1;
            println!("found again after {:?}", since.elapsed());
        }
    }
    drop(bus);
    assert_eq!(times_lost, 1);
    // Opened while there are none.
    broker.begin_to_leave_out();
    let clients = Clients::new(&options).unwrap();
    let are_there = || {
        let found = clients
            .asker(&options)
            .unwrap()
            .fetch_metadata(None, Duration::from_secs(2));
        !found.unwrap().brokers().is_empty()
    };
    // From the moment on at which they are left out.
    for is_so in [true, false] {
        while are_there() != is_so {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let opening = tokio::task::spawn_blocking({
        let options = options.clone();
        move || KafkaBus::open(options)
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!opening.is_finished());
    broker.kill();
    broker.resume();
    let since = Instant::now();
    let bus = opening.await.unwrap().unwrap();
    println!("opened after {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(60));
    assert_eq!(texts(&bus, "left-out"), ["message 0", "message 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_retention_deletes_meanwhile_is_stepped_over() {
    let Some(broker) = Broker::start("") else { return };
    let open = || KafkaBus::open(options(&broker)).unwrap();
    let (writer, reader) = (open(), open());
    writer.ensure_topic("kept", 1).await.unwrap();
    let all = messages(&["a", "b", "c", "d", "e"]);
    writer.append("kept", 0, all, None).await.unwrap();
    assert_eq!(reader.bounds("kept", 0).unwrap(), (0, 5));
    let name = writer.core().full_name("kept");
    crate::admin::delete_records(writer.core(), &name, 0, 3).unwrap();
    // It knows of the old start still, and finds nothing there.
    let error = reader.read("kept", 0, 0, ALL).unwrap_err();
    assert!(matches!(cause(&error), KafkaBusError::Gone), "{:?}", error.cause);
    assert_eq!(error.class(), ErrorClass::Retry);
    let left = reader.read("kept", 0, 0, ALL).unwrap();
    let offsets: Vec<_> = left.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [3, 4]);
}

#[test]
fn whatever_waits_are_set_the_client_takes_them() {
    let options = KafkaOptions {
        brokers: vec!["127.0.0.1:9".into()],
        message_bytes_max: 900_000_000,
        request_timeout: Duration::from_secs(900),
        ..KafkaOptions::default()
    };
    let clients = Clients::new(&options).unwrap();
    drop(clients.producer(&options).unwrap());
    drop(clients.transactional_producer(&options, "changes").unwrap());
    drop(clients.asker(&options).unwrap());
    drop(clients.admin(&options).unwrap());
}
