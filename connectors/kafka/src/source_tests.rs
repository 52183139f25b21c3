//! A topic that somebody else fills, on a real broker: each record once, in the order of its partition.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test's"
)]

use crate::broker::Broker;
use crate::lost;
use crate::topic_reader::{Batch, TopicReader};
use crate::{KafkaBus, KafkaBusError, KafkaOptions, KafkaParams, KafkaSource, OnGap, Start};
use panorama_api::{
    Bus, ClientFigures, ErrorClass, Observer, Partitions, ReadLimits, Shutdown, Source, SourceContext,
};
use panorama_model::{ByteCount, Timestamp};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

const ALL: ReadLimits = ReadLimits {
    records_max: usize::MAX,
    bytes_max: usize::MAX,
};

#[derive(Default)]
pub(crate) struct Counts {
    received: AtomicU64,
    /// What was left in partition 0 when last told; more than can be, where that was not known.
    lag: AtomicU64,
    /// How often the source's client told of itself.
    told: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

impl Observer for Counts {
    fn received(&self, _: &str, count: u64) {
        self.received.fetch_add(count, Ordering::Relaxed);
    }
    fn acknowledged(&self, _: &str, _: &str, _: std::time::Duration) {}
    fn duplicate(&self, _: &str) {}
    fn failed(&self, _: &str, _: ErrorClass) {}
    fn buffered(&self, _: &str, _: u64) {}
    fn lag(&self, _: &str, partition: u32, messages: Option<u64>) {
        if partition == 0 {
            self.lag.store(messages.unwrap_or(UNKNOWN), Ordering::Relaxed);
        }
    }
    fn client(&self, client: &str, figures: &ClientFigures) {
        assert_eq!(client, "source.adt");
        if figures.waiting.bytes.is_some() {
            self.told.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A broker with a topic of theirs, and a log of ours.
struct House {
    broker: Broker,
    theirs: AdminClient<DefaultClientContext>,
    config: ClientConfig,
    bus: Arc<KafkaBus>,
    counts: Arc<Counts>,
}

impl House {
    async fn new() -> Option<Self> {
        let broker =
            Broker::start("log.retention.check.interval.ms=600000\nbroker.session.timeout.ms=60000")?;
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker.address());
        let theirs: AdminClient<DefaultClientContext> = config.create().unwrap();
        let topic = NewTopic::new("adt", 3, TopicReplication::Fixed(1));
        let made = theirs
            .create_topics([&topic], &AdminOptions::new())
            .await
            .unwrap();
        made[0].as_ref().unwrap();
        let options = KafkaOptions {
            brokers: vec![broker.address()],
            topic_prefix: "ours.".into(),
            delivery_timeout: Duration::from_secs(300),
            request_timeout: Duration::from_secs(120),
            ..KafkaOptions::default()
        };
        let bus = Arc::new(KafkaBus::open(options).unwrap());
        bus.ensure_topic("raw.adt", 1).await.unwrap();
        Some(Self {
            theirs,
            config,
            broker,
            bus,
            counts: Arc::default(),
        })
    }

    fn params(&self) -> KafkaParams {
        KafkaParams {
            brokers: vec![self.broker.address()],
            topic: "adt".into(),
            start: Start::Earliest,
            on_gap: OnGap::Stop,
            read_ahead_bytes_max: ByteCount::from_mebibytes(1),
            security: BTreeMap::new(),
        }
    }

    /// A reader of the topic whose batches wait to be taken.
    fn reading(
        &self,
    ) -> (
        watch::Sender<bool>,
        mpsc::Receiver<Batch>,
        JoinHandle<Result<(), KafkaBusError>>,
    ) {
        let (stop, context) = self.context(false);
        let (params, (sender, batches)) = (self.params(), mpsc::channel(1));
        let reading = tokio::task::spawn_blocking(move || {
            TopicReader::open(&params, &context, &[0]).unwrap().run(&sender)
        });
        (stop, batches, reading)
    }

    /// Their systems send messages `<partition>/<number>`; every tenth is a tombstone, which is no message.
    fn send(&self, partition: i32, numbers: std::ops::Range<u32>) {
        // A new one each time, or it would not know of partitions added since.
        let producer: BaseProducer = self.config.create().unwrap();
        for number in numbers {
            let text = format!("{partition}/{number}");
            let record: BaseRecord<'_, str, str> = BaseRecord::to("adt").partition(partition).key("k");
            let record = if number % 10 == 9 {
                record
            } else {
                record.payload(&text)
            };
            producer.send(record).unwrap();
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    }

    fn context(&self, finite: bool) -> (watch::Sender<bool>, SourceContext) {
        let (stop, shutdown) = Shutdown::new();
        let context = SourceContext {
            source: "adt".into(),
            topic: "raw.adt".into(),
            partitions: Partitions::all("raw.adt".into(), 1),
            bus: Arc::clone(&self.bus) as _,
            finite,
            shutdown,
            observer: Arc::clone(&self.counts) as _,
            now: || Timestamp(5),
        };
        (stop, context)
    }

    async fn run(&self, params: KafkaParams) -> panorama_api::Result<()> {
        let (_stop, context) = self.context(true);
        KafkaSource::new(params).run(context).await
    }

    async fn wait_until(&self, what: &str, is_so: impl Fn(&Counts) -> bool) {
        let began = Instant::now();
        while !is_so(&self.counts) {
            assert!(began.elapsed() < Duration::from_secs(120), "{what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until so many messages were received by a run that goes on.
    async fn wait_for(&self, count: u64) {
        let began = Instant::now();
        while self.counts.received.load(Ordering::Relaxed) < count {
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "{} of {count}, {:?}",
                self.counts.received.load(Ordering::Relaxed),
                self.stored()
                    .iter()
                    .map(|(partition, of)| (*partition, of.len()))
                    .collect::<Vec<_>>()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The numbers stored of each partition, in the order of our log.
    fn stored(&self) -> BTreeMap<u32, Vec<u32>> {
        let mut of = BTreeMap::<u32, Vec<u32>>::new();
        let (mut next, end) = self.bus.bounds("raw.adt", 0).unwrap();
        while next < end {
            for record in self.bus.read("raw.adt", 0, next, ALL).unwrap() {
                next = record.offset + 1;
                let text = String::from_utf8(record.payload.to_vec()).unwrap();
                let (partition, number) = text.split_once('/').unwrap();
                let header = |name: &str| {
                    record
                        .headers
                        .iter()
                        .find(|(known, _)| known == name)
                        .unwrap()
                        .1
                        .clone()
                };
                assert_eq!(header("kafka.topic"), b"adt");
                assert_eq!(header("kafka.key"), b"k");
                assert_eq!(header("kafka.partition"), partition.as_bytes());
                of.entry(partition.parse().unwrap())
                    .or_default()
                    .push(number.parse().unwrap());
            }
        }
        of
    }
}

fn messages(until: u32) -> Vec<u32> {
    (0..until).filter(|number| number % 10 != 9).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_once_in_the_order_of_its_partition() {
    let Some(house) = House::new().await else { return };
    house.send(0, 0..2000);
    house.send(1, 0..50);
    house.run(house.params()).await.unwrap();
    assert_eq!(house.stored(), [(0, messages(2000)), (1, messages(50))].into());
    house.run(house.params()).await.unwrap();
    assert_eq!(
        house.stored(),
        [(0, messages(2000)), (1, messages(50))].into(),
        "read again"
    );

    // A service, stopped in the middle; a partition that is added while it runs; then to the end.
    house.send(2, 0..3000);
    house.counts.received.store(0, Ordering::Relaxed);
    let (stop, context) = house.context(false);
    let service = {
        let params = house.params();
        tokio::spawn(async move { KafkaSource::new(params).run(context).await })
    };
    house.wait_for(1).await;
    let more = NewPartitions::new("adt", 4);
    let made = house
        .theirs
        .create_partitions([&more], &AdminOptions::new())
        .await
        .unwrap();
    made[0].as_ref().unwrap();
    house.send(3, 0..20);
    house.wait_for(2718).await;
    house
        .wait_until("the lag is told", |counts| {
            counts.lag.load(Ordering::Relaxed) == 0
        })
        .await;
    stop.send_replace(true);
    service.await.unwrap().unwrap();
    house.run(house.params()).await.unwrap();
    let expected = [
        (0, messages(2000)),
        (1, messages(50)),
        (2, messages(3000)),
        (3, messages(20)),
    ];
    assert_eq!(house.stored(), expected.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_the_first_start_is_read_though_nobody_runs_then() {
    let Some(house) = House::new().await else { return };
    house.send(0, 0..20);
    let latest = || KafkaParams {
        start: Start::Latest,
        ..house.params()
    };
    house.run(latest()).await.unwrap();
    assert_eq!(house.stored(), BTreeMap::new());
    house.send(0, 20..30);
    house.send(1, 0..5);
    house.run(latest()).await.unwrap();
    assert_eq!(
        house.stored(),
        [(0, (20..29).collect()), (1, (0..5).collect())].into()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_gone_are_told_of() {
    let Some(house) = House::new().await else { return };
    house.send(0, 0..100);
    house.run(house.params()).await.unwrap();
    house.send(0, 100..200);
    let mut until = TopicPartitionList::new();
    until
        .add_partition_offset("adt", 0, KafkaOffset::Offset(150))
        .unwrap();
    house
        .theirs
        .delete_records(&until, &AdminOptions::new())
        .await
        .unwrap();
    let error = house.run(house.params()).await.unwrap_err();
    let cause: &KafkaBusError = error.cause.downcast_ref().unwrap();
    assert!(
        matches!(cause, KafkaBusError::Gap { partition: 0, next, oldest: 150 } if (99..=100).contains(next)),
        "{cause}"
    );
    assert_eq!(error.class(), ErrorClass::Fatal);
    let skipping = KafkaParams {
        on_gap: OnGap::Skip,
        ..house.params()
    };
    house.run(skipping).await.unwrap();
    let kept: Vec<u32> = messages(200)
        .into_iter()
        .filter(|number| !(100..150).contains(number))
        .collect();
    assert_eq!(house.stored(), [(0, kept)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_found_by_looking() {
    let Some(house) = House::new().await else { return };
    let look = async |change: &dyn Fn(&mut KafkaParams)| {
        let mut params = house.params();
        change(&mut params);
        let problems = KafkaSource::new(params).check().await;
        problems
            .first()
            .map(|problem| (problem.key, problem.message.clone()))
    };
    assert_eq!(look(&|_| ()).await, None);
    let (key, message) = look(&|params| params.topic = "nowhere".into()).await.unwrap();
    assert!(key == "topic" && message.contains("no such topic"), "{message}");
    let (key, message) = look(&|params| params.brokers = vec!["127.0.0.1:1".into()])
        .await
        .unwrap();
    assert!(key == "brokers" && message.contains("no broker"), "{message}");
}

/// As it is for as long as our own log is away: what the client says would pile up in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_is_heard_while_nobody_takes_records() {
    let Some(house) = House::new().await else { return };
    house.send(0, 0..2000);
    house.send(1, 0..2000);
    let (stop, mut batches, reading) = house.reading();
    house
        .wait_until("told twice", |counts| counts.told.load(Ordering::Relaxed) > 1)
        .await;
    assert_eq!(batches.len(), 1, "nobody took any");
    // None is lost, or comes twice, by what came along meanwhile.
    let mut nexts = BTreeMap::<Vec<u8>, u64>::new();
    let mut seen = 0;
    while seen < messages(2000).len() * 2 {
        let batch = batches.recv().await.unwrap();
        seen += batch.messages.len();
        let before = nexts
            .insert(batch.position_name, batch.position.next)
            .unwrap_or(0);
        assert!(before < batch.position.next || batch.messages.is_empty());
    }
    assert_eq!(seen, messages(2000).len() * 2);
    stop.send_replace(true);
    drop(batches);
    reading.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lag_is_told_where_it_is_not_known() {
    let Some(mut house) = House::new().await else {
        return;
    };
    house.send(0, 0..20);
    let (stop, context) = house.context(false);
    house.counts.lag.store(UNKNOWN, Ordering::Relaxed);
    let params = house.params();
    let service = tokio::spawn(async move { KafkaSource::new(params).run(context).await });
    house
        .wait_until("told", |counts| counts.lag.load(Ordering::Relaxed) == 0)
        .await;
    house.broker.kill();
    house
        .wait_until("told no more", |counts| {
            counts.lag.load(Ordering::Relaxed) == UNKNOWN
        })
        .await;
    stop.send_replace(true);
    service.await.unwrap().unwrap();
}

/// What the client had before it lost the brokers is not read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_were_left_out_are_read_on_from() {
    let Some(mut house) = House::new().await else {
        return;
    };
    house.send(0, 0..20);
    let (stop, mut batches, reading) = house.reading();
    let mut read = Vec::new();
    let mut read_until = async |count: usize| {
        while read.len() < count {
            let batch = batches.recv().await.unwrap();
            let texts = batch.messages.iter().map(|message| message.payload.clone());
            read.extend(texts.map(|text| String::from_utf8(text.to_vec()).unwrap()));
        }
        read.clone()
    };
    read_until(messages(20).len()).await;
    house.broker.leave_out();
    // Theirs are not to be lost, too.
    lost::wait_for_brokers(&house.params().options()).unwrap();
    house.send(0, 20..40);
    let wait = Duration::from_secs(90);
    let all = tokio::time::timeout(wait, read_until(messages(40).len())).await;
    let expected: Vec<String> = messages(40).iter().map(|number| format!("0/{number}")).collect();
    assert_eq!(all.unwrap(), expected);
    stop.send_replace(true);
    drop(batches);
    reading.await.unwrap().unwrap();
}

/// What was read ahead stays, whatever is asked of brokers that do not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_ahead_is_handed_on_though_brokers_fall_silent() {
    const COUNT: u32 = 60_000;
    let Some(house) = House::new().await else { return };
    house.send(0, 0..COUNT);
    let (stop, mut batches, reading) = house.reading();
    let first = batches.recv().await.unwrap();
    let mut read: Vec<_> = first
        .messages
        .into_iter()
        .map(|message| message.payload)
        .collect();
    house.broker.signal("-STOP");
    let since = Instant::now();
    while read.len() < messages(COUNT).len() {
        assert!(
            since.elapsed() < Duration::from_secs(90),
            "{} are read",
            read.len()
        );
        // Slowly, so that the reader looks for new partitions meanwhile.
        let pause = Duration::from_millis(700);
        tokio::time::sleep(pause).await;
        if since.elapsed() > Duration::from_secs(12) {
            house.broker.signal("-CONT");
        }
        if let Ok(batch) = tokio::time::timeout(pause, batches.recv()).await {
            let messages = batch.unwrap().messages.into_iter();
            read.extend(messages.map(|message| message.payload));
        }
    }
    house.broker.signal("-CONT");
    let expected: Vec<String> = messages(COUNT)
        .iter()
        .map(|number| format!("0/{number}"))
        .collect();
    assert!(read == expected, "{} are read", read.len());
    stop.send_replace(true);
    drop(batches);
    reading.await.unwrap().unwrap();
}
