//! The client's settings, and what it tells us while it works: its log, its last complaint, what became of a message.

use crate::KafkaOptions;
use crate::append::Delivery;
use crate::error::{KafkaBusError, Result};
use crate::statistics::{Queue, Told};
use panorama_api::Observer;
use rdkafka::admin::AdminClient;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseProducer, ProducerContext};
use rdkafka::{ClientContext, Statistics};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Settings that may be given: the others are ours, because promises rest on them.
const SECURITY: [&str; 6] = [
    "security.",
    "ssl.",
    "sasl.",
    "enable.ssl.",
    "enable.sasl.oauthbearer.",
    "https.",
];

/// Complaints of the client looked at for a reason, and how long each is waited for.
const COMPLAINTS_MAX: usize = 20;
const COMPLAINT_WAIT: Duration = Duration::from_millis(50);

/// Older complaints are not the reason of what goes wrong now.
const COMPLAINT_AGE_MAX: Duration = Duration::from_secs(120);

/// How long a broker that has taken a request may be silent before it is left: longer than brokers take to leave one of them
/// out of their cluster. The client's own minute would hold up all that stands behind the request.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The longest that the client can be told to wait.
const CLIENT_WAIT_MAX: Duration = Duration::from_secs(300);
/// How slow a line to the brokers may be at least: a request that carries a large message takes its time, too.
const LINE_BYTES_PER_SECOND: u64 = 1 << 20;
/// How long brokers wait for copies of a message before they say so: they answer before they are left.
const COPIES_WAIT: Duration = Duration::from_secs(8);
/// How much longer than a session may last the brokers may take to give out partitions.
const SHARING_GRACE: Duration = Duration::from_secs(3);

/// How long a request may take that carries messages, or asks for some.
fn carried_within(options: &KafkaOptions) -> Duration {
    let bytes = u64::try_from(options.message_bytes_max).unwrap_or(u64::MAX);
    ANSWER_MAX.max(Duration::from_secs(bytes.div_ceil(LINE_BYTES_PER_SECOND)))
}

fn answer_within(config: &mut ClientConfig, most: Duration) {
    config.set(
        "socket.timeout.ms",
        most.min(CLIENT_WAIT_MAX).as_millis().to_string(),
    );
}

/// What all clients of one log share; and who is told of this one.
#[derive(Clone)]
pub(crate) struct Context {
    said: Arc<Mutex<Option<(Instant, String)>>>,
    brokers: Arc<str>,
    is_known_by_token: bool,
    told: Option<Arc<Told>>,
}

impl Context {
    /// What an error of the client means.
    pub(crate) fn meaning(&self, error: &KafkaError) -> KafkaBusError {
        self.to_us(KafkaBusError::from_client(error, &self.brokers, self.said()))
    }

    /// Nobody answered.
    fn unreachable(&self) -> KafkaBusError {
        let code = Code::OperationTimedOut;
        self.to_us(KafkaBusError::of(code, &self.brokers, self.said()))
    }

    fn to_us(&self, error: KafkaBusError) -> KafkaBusError {
        if self.is_known_by_token {
            error.by_token()
        } else {
            error
        }
    }

    /// What the client complained of last: the reason behind a bare time-out.
    pub(crate) fn said(&self) -> Option<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, reason) = said.as_ref()?;
        (at.elapsed() < COMPLAINT_AGE_MAX).then(|| reason.clone())
    }

    fn say(&self, reason: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        *said = Some((Instant::now(), reason.to_owned()));
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as Level;
        match level {
            Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
                // The text behind the client's own name and the broker's is the reason.
                self.say(message.rsplit_once("]: ").map_or(message, |(_, reason)| reason));
                tracing::warn!(target: "librdkafka", facility, "{message}");
            }
            Level::Warning | Level::Notice => tracing::info!(target: "librdkafka", facility, "{message}"),
            Level::Info | Level::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is no complaint, and that all brokers are down follows a better reason.
        if !matches!(
            error.rdkafka_error_code(),
            Some(Code::PartitionEOF | Code::AllBrokersDown)
        ) {
            self.say(reason);
        }
        tracing::debug!(target: "librdkafka", %error, reason, "the client reports");
    }

    fn stats(&self, statistics: Statistics) {
        if let Some(told) = &self.told {
            told.tell(&statistics);
        }
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Self::DeliveryOpaque) {
        delivery.done(match result {
            Ok(message) => Ok((message.offset(), message.timestamp())),
            Err((error, _)) => Err(self.meaning(error)),
        });
    }
}

/// How long the first question for watermarks waits, and one for the leader; each after it twice as long, up to a bound.
const LEADER_WAIT: Duration = Duration::from_secs(1);
const LEADER_WAIT_MAX: Duration = Duration::from_secs(8);

/// Whether the leader that the client knows is away, is none any more, or it knows of none.
fn leader_is_away(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::OperationTimedOut
                | Code::TimedOutQueue
                | Code::AllBrokersDown
                | Code::BrokerTransportFailure
                // Its handle is given up once the cluster leaves it out; then partitions lead to no broker.
                | Code::DestroyBroker
                | Code::UnknownPartition
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::ReplicaNotAvailable
                | Code::KafkaStorageError
                | Code::OffsetNotAvailable
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
        )
    )
}

/// Whether brokers say that there is no such topic.
fn is_absent(metadata: &Metadata) -> bool {
    let absent = |code| {
        matches!(
            Code::from(code),
            Code::UnknownTopicOrPartition | Code::UnknownTopic
        )
    };
    metadata
        .topics()
        .iter()
        .any(|topic| topic.error().is_some_and(absent))
}

/// The first offset that is kept and the one behind the last, as the partition's leader says. Blocking.
///
/// The client asks the leader it knows. Of a topic that it neither reads nor writes nothing tells it of another one: where
/// that one is away, it is asked who leads now.
pub(crate) fn watermarks<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: i32,
    wait: Duration,
) -> KafkaResult<(u64, u64)> {
    let deadline = Instant::now() + wait;
    let rest = || deadline.saturating_duration_since(Instant::now());
    let mut patience = LEADER_WAIT;
    loop {
        let asked = client.fetch_watermarks(topic, partition, patience.min(rest()));
        let error = match asked {
            Ok((low, high)) => {
                let unsigned = |offset| u64::try_from(offset).unwrap_or(0);
                return Ok((unsigned(low), unsigned(high)));
            }
            Err(error) if !leader_is_away(&error) => return Err(error),
            Err(error) => error,
        };
        // At least once, however short the wait.
        match client.fetch_metadata(Some(topic), patience.min(rest()).max(LEADER_WAIT.min(wait))) {
            Ok(metadata) if is_absent(&metadata) => return Err(error),
            Ok(_) => {}
            Err(error) => tracing::debug!(topic, %error, "who leads is not known"),
        }
        if rest().is_zero() {
            return Err(error);
        }
        // Both answers may come at once, and be the same for as long as a leader is elected.
        std::thread::sleep(PASSES_POLL.min(rest()));
        patience = LEADER_WAIT_MAX.min(patience * 2);
    }
}

pub(crate) type Producer = BaseProducer<Context>;
pub(crate) type Consumer = BaseConsumer<Context>;
pub(crate) type Admin = AdminClient<Context>;

/// How often what passes by itself is tried again.
const PASSES_POLL: Duration = Duration::from_millis(100);

/// Does something again while it fails for a reason that passes by itself, and not longer than `patience`. Blocking.
pub(crate) fn patiently<T>(
    patience: Duration,
    passes: impl Fn(&KafkaBusError) -> bool,
    mut work: impl FnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match work() {
            Err(error) if passes(&error) && Instant::now() < deadline => std::thread::sleep(PASSES_POLL),
            done => return done,
        }
    }
}

fn is_known_by_token(options: &KafkaOptions) -> bool {
    let mechanism = ["sasl.mechanism", "sasl.mechanisms"].map(|key| options.security.get(key));
    mechanism.into_iter().flatten().any(|name| name == "OAUTHBEARER")
}

/// Makes clients of one set of brokers.
pub(crate) struct Clients {
    base: ClientConfig,
    pub(crate) context: Context,
    pub(crate) brokers: String,
    observer: Option<Arc<dyn Observer>>,
}

impl Clients {
    pub(crate) fn new(options: &KafkaOptions) -> Result<Self> {
        let brokers = options.brokers.join(",");
        let mut base = ClientConfig::new();
        base.set("bootstrap.servers", &brokers)
            .set("client.id", format!("panorama-{}", std::process::id()))
            .set("broker.address.family", "any")
            // A machine that moved has a new address: do not wait the client's default of a minute for it.
            .set("broker.address.ttl", "5000")
            .set("reconnect.backoff.max.ms", "2000")
            // A connection that was begun while packets were dropped is not waited for much longer than that lasted.
            .set("socket.connection.setup.timeout.ms", "10000")
            .set("socket.keepalive.enable", "true")
            .set("allow.auto.create.topics", "false");
        for (key, value) in &options.security {
            if !SECURITY.iter().any(|prefix| key.starts_with(prefix)) {
                return Err(KafkaBusError::Setting {
                    key: key.clone(),
                    reason: "only settings that begin with security., sasl., ssl. or https. are taken here"
                        .into(),
                });
            }
            base.set(key, value);
        }
        base.set_log_level(RDKafkaLogLevel::Notice);
        answer_within(&mut base, ANSWER_MAX);
        Ok(Self {
            base,
            context: Context {
                said: Arc::default(),
                brokers: brokers.as_str().into(),
                is_known_by_token: is_known_by_token(options),
                told: None,
            },
            brokers,
            observer: options.observer.clone(),
        })
    }

    pub(crate) fn producer(&self, options: &KafkaOptions) -> Result<Producer> {
        self.make_told(self.producing(options), options, "producer", Queue::Common)
    }

    /// One whose messages come in transactions of a name, and keep out who made transactions of that name before.
    pub(crate) fn transactional_producer(&self, options: &KafkaOptions, name: &str) -> Result<Producer> {
        let mut config = self.producing(options);
        // Not shorter than a message may be on its way.
        let timeout = options.delivery_timeout + options.request_timeout;
        config
            .set("transactional.id", name)
            .set("transaction.timeout.ms", timeout.as_millis().to_string());
        answer_within(&mut config, carried_within(options).min(timeout));
        self.make(&config)
    }

    fn producing(&self, options: &KafkaOptions) -> ClientConfig {
        let mut config = self.base.clone();
        answer_within(&mut config, carried_within(options));
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("request.timeout.ms", COPIES_WAIT.as_millis().to_string())
            .set("compression.type", "lz4")
            // Messages with a key and no partition lie where Kafka's own clients would put them.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", options.linger.as_millis().to_string())
            .set(
                "message.timeout.ms",
                options.delivery_timeout.as_millis().to_string(),
            )
            // What waits is bounded by bytes where appenders are admitted; a second bound here would only break order.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", "2147483647")
            // Sizes are checked against the topic's own limit, with a better answer.
            .set("message.max.bytes", "1000000000");
        config
    }

    /// One that reads nothing: it asks.
    pub(crate) fn asker(&self, options: &KafkaOptions) -> Result<Consumer> {
        let mut config = self.reading(options);
        answer_within(&mut config, ANSWER_MAX);
        self.make(&config)
    }

    /// One that reads, under the name that it has in the metrics.
    pub(crate) fn consumer(&self, options: &KafkaOptions, name: &str, queue: Queue) -> Result<Consumer> {
        self.make_told(self.reading(options), options, name, queue)
    }

    fn reading(&self, options: &KafkaOptions) -> ClientConfig {
        let ahead = options.read_ahead_bytes_max;
        let mut config = self.base.clone();
        answer_within(&mut config, carried_within(options));
        config
            // The client assigns no partitions without a group's name. Nobody joins it, nothing is committed to it.
            .set("group.id", format!("{}reader", options.topic_prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "50")
            // How long nothing is fetched once enough is read ahead. The client's second would be the time of each few MiB.
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.max.messages.kbytes", (ahead / 1024).max(1).to_string())
            .set("max.partition.fetch.bytes", ahead.max(1).to_string())
            .set(
                "fetch.max.bytes",
                (4 * ahead).max(options.message_bytes_max).to_string(),
            )
            .set("receive.message.max.bytes", "1000000000");
        config
    }

    /// How a member of a group is set that is given partitions and reads nothing of them.
    pub(crate) fn sharing(&self, options: &KafkaOptions, group: &str, name: Option<&str>) -> ClientConfig {
        let mut config = self.base.clone();
        let strategy = if options.eager_rebalance {
            "range"
        } else {
            "cooperative-sticky"
        };
        answer_within(
            &mut config,
            ANSWER_MAX.max(options.session_timeout + SHARING_GRACE),
        );
        let session = options.session_timeout.as_millis();
        // Not shorter than the session: the client would refuse it. Its own default otherwise.
        let poll_interval = session.max(300_000);
        config
            .set("group.id", group)
            .set("partition.assignment.strategy", strategy)
            .set("session.timeout.ms", session.to_string())
            .set("max.poll.interval.ms", poll_interval.to_string())
            .set("heartbeat.interval.ms", (session / 5).max(1).to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest")
            .set("queued.min.messages", "1")
            .set("fetch.message.max.bytes", "1024");
        if let Some(name) = name {
            config.set("group.instance.id", name);
        }
        config
    }

    pub(crate) fn admin(&self, options: &KafkaOptions) -> Result<Admin> {
        let mut config = self.base.clone();
        // What is to be made or deleted may take as long as it is waited for.
        answer_within(&mut config, options.request_timeout);
        self.make(&config)
    }

    fn make<T: FromClientConfigAndContext<Context>>(&self, config: &ClientConfig) -> Result<T> {
        T::from_config_and_context(config, self.context.clone()).map_err(|error| self.error(&error))
    }

    /// Makes one that is polled all the time: it tells of itself, if somebody wants to know.
    fn make_told<T: FromClientConfigAndContext<Context>>(
        &self,
        mut config: ClientConfig,
        options: &KafkaOptions,
        name: &str,
        queue: Queue,
    ) -> Result<T> {
        let context = self.telling(&mut config, options, name, queue);
        T::from_config_and_context(&config, context).map_err(|error| self.error(&error))
    }

    /// Lets a client tell of itself from time to time under a name. Nobody but the client is to keep the context.
    pub(crate) fn telling(
        &self,
        config: &mut ClientConfig,
        options: &KafkaOptions,
        name: &str,
        queue: Queue,
    ) -> Context {
        let told = self.observer.as_ref().map(|observer| {
            let interval = options.statistics_interval.as_millis();
            config.set("statistics.interval.ms", interval.to_string());
            Arc::new(Told::new(name, queue, observer))
        });
        Context {
            told,
            ..self.context.clone()
        }
    }

    /// What an error of the client means.
    pub(crate) fn error(&self, error: &KafkaError) -> KafkaBusError {
        self.context.meaning(error)
    }

    /// Nobody answered.
    pub(crate) fn unreachable(&self) -> KafkaBusError {
        self.context.unreachable()
    }

    /// Asks for a topic, or for all. Blocking.
    pub(crate) fn metadata(
        &self,
        consumer: &Consumer,
        topic: Option<&str>,
        timeout: Duration,
    ) -> Result<Metadata> {
        consumer.fetch_metadata(topic, timeout).map_err(|error| {
            // Why it failed waits in the client's queue, which nobody may be serving yet.
            for _ in 0..COMPLAINTS_MAX {
                if consumer.poll(COMPLAINT_WAIT).is_none() {
                    break;
                }
            }
            self.error(&error)
        })
    }
}
