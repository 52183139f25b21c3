//! Sharing: processes of one pipeline divide the partitions of its topics among them, through a consumer group that reads
//! nothing. The group says whose a partition is; that it holds is the claim's work ([`crate::claims`]).

use crate::bus::KafkaBus;
use crate::client::Context;
use crate::core::Core;
use crate::error::{KafkaBusError, Result};
use crate::lost::{self, Loneliness};
use crate::ownership;
use crate::partition::Partition;
use crate::positions;
use crate::statistics::Queue;
use panorama_api::{Held, Shares, Sharing};
use panorama_model::Text;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{ClientContext, Statistics, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long one look at the group waits: how late a claim may be.
const LOOK: Duration = Duration::from_millis(50);
/// Rest before a claim that did not work is tried again; twice as long after each, up to a bound.
const REST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(30);
/// How long a complaint counts that is not repeated, where partitions are held all the same.
const COMPLAINT_AGE_MAX: Duration = Duration::from_secs(60);
/// Who is kept out again so soon after it came back seems to have a namesake: each would keep out the other.
const BACK_SHORTLY: Duration = Duration::from_secs(60);
/// How long it leaves the group to its namesake then; twice as long each time, up to a bound. Not longer at first: brokers that
/// are slow after an outage may keep out one that has none a second time.
const NAMESAKE_REST: Duration = Duration::from_secs(10);
const NAMESAKE_REST_MAX: Duration = Duration::from_secs(600);

/// A partition as the group names it: the topic with its prefix.
type Place = (String, i32);

/// What the group says to this process, on the thread that looks.
#[derive(Clone)]
struct Member {
    client: Context,
    core: Arc<Core>,
    given: Arc<Mutex<Given>>,
    shares: watch::Sender<Shares>,
}

#[derive(Default)]
struct Given {
    /// Partitions that the group has given to this process.
    places: BTreeSet<Place>,
    /// These are all: it has spoken, and is not about to give others.
    settled: bool,
    /// What was wrong last, and when; until partitions are given again where the group keeps this process out.
    trouble: Option<(KafkaBusError, Option<Instant>)>,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.client.stats(statistics);
    }
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            self.taken(&places(list));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(list) = rebalance else {
            return;
        };
        // Whose a partition is, is all that is wanted of the group.
        if let Err(error) = consumer.pause(list) {
            tracing::debug!(%error, "partitions are read for nothing");
        }
        let mut given = self.given();
        given.places.extend(places(list));
        (given.settled, given.trouble) = (true, None);
    }
}

impl Member {
    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go what the group gives to others. It waits for that.
    fn taken(&self, taken: &[Place]) {
        let held: Vec<Arc<Partition>> = {
            let mut given = self.given();
            given.places.retain(|place| !taken.contains(place));
            // Who loses all is in the middle of being given others, or none.
            given.settled &= !given.places.is_empty();
            taken.iter().filter_map(|place| self.partition(place)).collect()
        };
        self.tell(None);
        ownership::release(&held);
    }

    fn partition(&self, (topic, number): &Place) -> Option<Arc<Partition>> {
        let name = topic.strip_prefix(&self.core.options.topic_prefix)?;
        let topic = self.core.known(name)?;
        topic.partition(u32::try_from(*number).ok()?).ok().cloned()
    }

    /// Claims what was given and is not ours yet.
    fn claim(&self) -> Result<()> {
        let given: Vec<_> = {
            let given = self.given();
            given
                .places
                .iter()
                .filter_map(|place| self.partition(place))
                .collect()
        };
        ownership::claim(&self.core, &given)
    }

    /// Tells which partitions are ours, if that is news.
    fn tell(&self, trouble: Option<&KafkaBusError>) {
        let (held, trouble) = {
            let given = self.given();
            let mut held: BTreeMap<Text, Vec<Held>> = BTreeMap::new();
            for partition in given.places.iter().filter_map(|place| self.partition(place)) {
                let log = partition.log();
                if log.is_ours {
                    let of_topic = held.entry(partition.home.topic.as_str().into()).or_default();
                    of_topic.push(Held {
                        partition: partition.home.partition,
                        claim: log.claimed.map(|(_, offset)| offset),
                    });
                }
            }
            // Before all that was given is claimed, or cannot be, nobody is to take the first of it for all.
            let first = self.shares.borrow().held.is_none();
            let whole = given.places.len() == held.values().map(Vec::len).sum::<usize>();
            let held = (given.settled && (whole || !first || trouble.is_some())).then_some(held);
            let counts = |since: &Option<Instant>| {
                held.is_none() || since.is_none_or(|since| since.elapsed() < COMPLAINT_AGE_MAX)
            };
            let of_group = given.trouble.as_ref().filter(|(_, since)| counts(since));
            let trouble = of_group.map(|(error, _)| error).or(trouble);
            let trouble = trouble.map(ToString::to_string);
            (held, trouble)
        };
        self.shares.send_if_modified(|shares| {
            let news = Shares { held, trouble };
            let is_news = *shares != news;
            if is_news && let Some(trouble) = &news.trouble {
                tracing::warn!(trouble, "partitions cannot be shared; trying on");
            }
            *shares = news;
            is_news
        });
    }

    /// Looks at the group, and claims what it gives, until the log is closed; then leaves it.
    fn serve(&self, mut membership: Membership) {
        let mut failed: Option<(KafkaBusError, Instant)> = None;
        let mut rest = REST;
        while !self.core.is_stopping() {
            membership.look(self);
            if failed.as_ref().is_none_or(|(_, since)| since.elapsed() > rest) {
                let before = failed.take();
                failed = self.claim().err().map(|error| (error, Instant::now()));
                rest = match (before, &failed) {
                    (Some(_), Some(_)) => REST_MAX.min(rest * 2),
                    _ => REST,
                };
            }
            self.tell(failed.as_ref().map(|(error, _)| error));
        }
        // Said, and not found out by silence, unless it has a name and may come back: others go on at once.
        drop(membership);
        self.given().places.clear();
        self.tell(None);
    }

    /// Keeps in mind what is wrong, until the group speaks again. That brokers are away is told elsewhere.
    fn complain(&self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        if code == Some(Code::GroupAuthorizationFailed) || !crate::cursor::passes(error) {
            self.given().trouble = Some((self.client.meaning(error), Some(Instant::now())));
        }
    }

    /// Somebody came with our name: what we have is theirs, and nothing more comes to this client.
    fn kept_out(&self, reason: String) {
        let all: Vec<Place> = self.given().places.iter().cloned().collect();
        self.taken(&all);
        self.given().trouble = Some((KafkaBusError::Group { reason }, None));
    }
}

/// A place in the group, and how to get one.
struct Membership {
    config: ClientConfig,
    topics: Vec<String>,
    /// None while it is kept out.
    consumer: Option<BaseConsumer<Member>>,
    /// When it came back last, if ever.
    back_at: Option<Instant>,
    /// How long it stayed out last.
    rest: Duration,
    out_until: Instant,
    /// Whether the client has brokers, and when it was looked at last.
    alone: Loneliness,
    looked_at: Instant,
}

impl Membership {
    fn begin(config: ClientConfig, topics: Vec<String>, member: &Member) -> Result<Self> {
        let mut membership = Self {
            config,
            topics,
            consumer: None,
            back_at: None,
            rest: REST,
            out_until: Instant::now(),
            alone: Loneliness::default(),
            looked_at: Instant::now(),
        };
        membership.consumer = Some(membership.join(member)?);
        Ok(membership)
    }

    fn join(&self, member: &Member) -> Result<BaseConsumer<Member>> {
        let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let core = &member.core;
        let mut config = self.config.clone();
        let member = Member {
            client: core
                .clients
                .telling(&mut config, &core.options, "group", Queue::Common),
            ..member.clone()
        };
        BaseConsumer::from_config_and_context(&config, member.clone())
            .and_then(|consumer: BaseConsumer<Member>| consumer.subscribe(&names).map(|()| consumer))
            .map_err(|error| member.client.meaning(&error))
    }

    /// Hears what the group says. One that it keeps out comes back under its name: mostly that was its own, from before
    /// brokers that were away for longer than a session ([librdkafka#3437](https://github.com/confluentinc/librdkafka/issues/3437)).
    fn look(&mut self, member: &Member) {
        let Some(consumer) = &self.consumer else {
            return self.come_back(member);
        };
        let heard = consumer.poll(LOOK);
        // First of all: other complaints may stand before it in the client's queue.
        if let Some((_, reason)) = consumer.client().fatal_error() {
            member.kept_out(reason);
            self.consumer = None;
            self.stay_out();
        } else if let Some(Err(error)) = heard {
            member.complain(&error);
        }
        if self.looked_at.elapsed() > lost::LOOK
            && let Some(consumer) = &self.consumer
        {
            let core = &member.core;
            let has_none = lost::has_no_broker(consumer.client(), &core.full_name(positions::TOPIC));
            if self.alone.is_lost(has_none, || core.another_finds_brokers()) {
                tracing::warn!("the client of the group has lost the brokers; another one joins");
                self.consumer = None;
            }
            self.looked_at = Instant::now();
        }
    }

    fn stay_out(&mut self) {
        let has_namesake = self.back_at.is_some_and(|at| at.elapsed() < BACK_SHORTLY);
        self.rest = if has_namesake {
            NAMESAKE_REST_MAX.min(NAMESAKE_REST.max(self.rest * 2))
        } else {
            REST
        };
        let seconds = self.rest.as_secs();
        tracing::warn!(seconds, "kept out of the group under its own name; joins again");
        self.out_until = Instant::now() + self.rest;
    }

    fn come_back(&mut self, member: &Member) {
        if Instant::now() < self.out_until {
            return std::thread::sleep(LOOK);
        }
        match self.join(member) {
            Ok(consumer) => {
                tracing::info!("joins those who share the topics again");
                (self.consumer, self.back_at) = (Some(consumer), Some(Instant::now()));
                (self.alone, self.looked_at) = (Loneliness::default(), Instant::now());
            }
            Err(error) => {
                tracing::warn!(%error, "those who share the topics cannot be joined; trying on");
                self.out_until = Instant::now() + REST_MAX;
            }
        }
    }
}

fn places(list: &TopicPartitionList) -> Vec<Place> {
    let elements = list.elements();
    elements
        .iter()
        .map(|e| (e.topic().to_owned(), e.partition()))
        .collect()
}

impl Sharing for KafkaBus {
    fn share(&self, topics: &[Text], name: Option<&str>) -> panorama_api::Result<watch::Receiver<Shares>> {
        let group = format!("{}ingest", self.core().options.topic_prefix);
        let joined = join(self, topics, &group, name);
        joined.map_err(|error| error.at("join the group", group))
    }
}

fn join(bus: &KafkaBus, topics: &[Text], group: &str, name: Option<&str>) -> Result<watch::Receiver<Shares>> {
    let core = bus.core();
    let (shares, told) = watch::channel(Shares::default());
    for topic in topics {
        core.get(topic)?;
        core.shared_topics().insert(topic.to_string());
    }
    let member = Member {
        client: core.clients.context.clone(),
        core: Arc::clone(core),
        given: Arc::default(),
        shares,
    };
    let config = core.clients.sharing(&core.options, group, name);
    let names = topics.iter().map(|topic| core.full_name(topic)).collect();
    let membership = Membership::begin(config, names, &member)?;
    bus.keep("kafka-group", move || member.serve(membership))?;
    Ok(told)
}
