//! Where partitions begin and end, as their brokers say: asked about all of them at once, because each answer takes its time.
//!
//! The client's question about many is answered as a whole or not at all. After one that was not, a thread of its own looks
//! who leads, and asks each leader for itself, until it answers: nobody who reads waits for a broker that is away.

use crate::client;
use crate::core::Core;
use crate::cursor;
use crate::error::Result;
use crate::partition::Partition;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::producer::Producer as _;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How old bounds may be. Our own appends are always in them; these are retention's.
const AGE_MAX: Duration = Duration::from_secs(5);
/// How old the end may be of a partition that another process may append to.
const FOLLOWED_AGE_MAX: Duration = Duration::from_millis(100);
/// How long news are waited for: while brokers are away, what is known does.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// How much is done at the same time: topics, and partitions of each of them.
const AT_ONCE: usize = 8;
/// How long silent partitions are left alone: at first, and at most while nobody answers.
const SILENT_REST: Duration = Duration::from_millis(100);
const SILENT_REST_MAX: Duration = Duration::from_secs(1);

/// What the brokers say of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    start: Option<u64>,
    end: Option<u64>,
}

impl Partition {
    /// Whether its end, or its start, is to be asked for by who wants to know it.
    fn is_old(&self) -> (bool, bool) {
        let log = self.log();
        let age_max = if log.is_ours { AGE_MAX } else { FOLLOWED_AGE_MAX };
        (
            !log.is_silent && log.looked_at.elapsed() > age_max,
            log.start_looked_at.elapsed() > AGE_MAX,
        )
    }

    fn learn(&self, news: News) {
        let mut log = self.log();
        // From the answer on: one that takes longer than this may be old would be asked for again at once.
        log.looked_at = Instant::now();
        if let Some(end) = news.end {
            if log.is_ours && log.failure.is_none() && log.outstanding == 0 && end > log.next {
                // Somebody else appends now: it is looked up before our next append.
                log.let_go();
                log.failure = None;
            }
            if !log.is_ours {
                log.follow(end);
            }
        }
        log.is_silent = news.end.is_none();
        drop(log);
        if let Some(start) = news.start {
            self.starts_at(start);
        }
    }

    /// What is before this is deleted.
    pub(crate) fn starts_at(&self, start: u64) {
        let mut log = self.log();
        log.start_looked_at = Instant::now();
        log.start = log.start.max(start.min(log.end));
    }
}

impl Core {
    /// Bounds of a partition: what is durable by our own knowledge, what is kept by the brokers'.
    pub(crate) fn bounds(&self, partition: &Partition) -> (u64, u64) {
        if partition.is_old().0 {
            let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
            // Somebody may have looked while we waited.
            if partition.is_old().0 {
                self.look();
            }
        }
        partition.log().bounds()
    }

    /// Asks for news of all partitions of which they are old.
    fn look(&self) {
        let (mut of_end, mut of_start) = (Vec::new(), Vec::new());
        for partition in self.all_partitions() {
            let (end, start) = partition.is_old();
            if end && start {
                of_start.push(Arc::clone(&partition));
            }
            if end {
                of_end.push(partition);
            }
        }
        self.learn(&of_end, &of_start);
    }

    /// Asks for the ends of partitions, and for the starts of some of them. Whether there was an answer.
    fn learn(&self, partitions: &[Arc<Partition>], of_start: &[Arc<Partition>]) -> bool {
        let mut ends = self.ask_all(partitions, KafkaOffset::End);
        let mut starts = match ends.is_empty() {
            true => HashMap::new(),
            false => self.ask_all(of_start, KafkaOffset::Beginning),
        };
        let is_answered = !ends.is_empty();
        for partition in partitions {
            partition.learn(News {
                start: starts.remove(&key(partition)),
                end: ends.remove(&key(partition)),
            });
        }
        is_answered
    }

    fn all_partitions(&self) -> impl Iterator<Item = Arc<Partition>> {
        let topics = self.all_known().into_iter();
        topics.flat_map(|topic| topic.partitions.clone())
    }

    /// One end of all partitions, in one question to each broker; nothing if one of them does not answer.
    fn ask_all(&self, partitions: &[Arc<Partition>], which: KafkaOffset) -> HashMap<(String, i32), u64> {
        if partitions.is_empty() {
            return HashMap::new();
        }
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let added = list.add_partition_offset(&partition.topic, partition.number(), which);
            if let Err(error) = added {
                tracing::debug!(topic = %partition.topic, %error, "cannot be asked for");
            }
        }
        let found = match self.asker.offsets_for_times(list, WAIT_MAX) {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "no news of all bounds at once");
                return HashMap::new();
            }
        };
        let answers = found.elements().into_iter().filter_map(|one| {
            let KafkaOffset::Offset(offset) = one.offset() else {
                return None;
            };
            let offset = one.error().ok().and_then(|()| u64::try_from(offset).ok())?;
            Some(((one.topic().to_owned(), one.partition()), offset))
        });
        answers.collect()
    }

    /// Asked over the producer's connections: on a reader's, the broker answers only after the fetch that waits for news there.
    pub(crate) fn ask(&self, topic: &str, partition: i32, wait: Duration) -> KafkaResult<(u64, u64)> {
        client::watermarks(self.producer.client(), topic, partition, wait)
    }

    /// Asks each leader about those of its partitions that did not answer with the others. Whether one did now; none if
    /// all had before.
    fn ask_silent(&self) -> Option<bool> {
        let is_silent = |partition: &Arc<Partition>| partition.log().is_silent;
        let silent: Vec<_> = self.all_partitions().filter(is_silent).collect();
        if silent.is_empty() {
            return None;
        }
        let leaders = self.leaders(&silent);
        let mut led: HashMap<i32, Vec<Arc<Partition>>> = HashMap::new();
        for partition in silent {
            if let Some(leader) = leaders.get(&key(&partition)) {
                led.entry(*leader).or_default().push(partition);
            }
        }
        let led: Vec<_> = led.into_values().collect();
        let asked = at_once(&led, |partitions| Ok(self.learn(partitions, partitions)));
        let is_answered = asked.is_ok_and(|answered| answered.contains(&true));
        if is_answered {
            // They may be led by another one now, of which readers would hear once the old one is taken for lost.
            let back = led.iter().flatten().filter(|partition| !is_silent(partition));
            cursor::introduce(self, &topics(back));
        }
        Some(is_answered)
    }

    /// The broker that leads, of each partition that one does. Looking tells the client, too, which knows of no other way
    /// that the leader of a topic has changed of which it reads nothing.
    fn leaders(&self, partitions: &[Arc<Partition>]) -> HashMap<(String, i32), i32> {
        let looked = at_once(&topics(partitions), |topic| {
            if self.is_stopping() {
                return Ok(Vec::new());
            }
            // What is known still holds; a read or an append will say what is wrong.
            let looked = self.asker.fetch_metadata(Some(topic), WAIT_MAX);
            let Ok(metadata) =
                looked.inspect_err(|error| tracing::debug!(topic, %error, "who leads is not known"))
            else {
                return Ok(Vec::new());
            };
            let found = metadata.topics().iter().flat_map(|found| {
                let partitions = found.partitions().iter();
                let led = partitions.filter(|partition| partition.leader() >= 0);
                led.map(|partition| ((found.name().to_owned(), partition.id()), partition.leader()))
            });
            Ok(found.collect())
        });
        looked.unwrap_or_default().into_iter().flatten().collect()
    }
}

/// Asks about silent partitions until the log is closed.
pub(crate) fn serve(core: &Core) {
    let mut rest = SILENT_REST;
    while !core.is_stopping() {
        std::thread::sleep(rest);
        rest = match core.ask_silent() {
            // A broker that is away, or a topic that is gone, may be so for long.
            Some(false) => SILENT_REST_MAX.min(rest * 2),
            Some(true) | None => SILENT_REST,
        };
    }
}

fn topics<'a>(partitions: impl IntoIterator<Item = &'a Arc<Partition>>) -> Vec<&'a str> {
    let topics = partitions.into_iter().map(|partition| partition.topic.as_str());
    let mut topics: Vec<&str> = topics.collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

fn key(partition: &Partition) -> (String, i32) {
    (partition.topic.clone(), partition.number())
}

/// Does something with each, with some at the same time: each is a few questions, and answers take their time. Begins no more
/// once one has failed.
pub(crate) fn at_once<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let mut done = Vec::with_capacity(all.len());
    for few in all.chunks(AT_ONCE) {
        let work = &work;
        std::thread::scope(|scope| {
            let working: Vec<_> = few.iter().map(|one| scope.spawn(move || work(one))).collect();
            let worked = working.into_iter().map(|one| match one.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            done.extend(worked.collect::<Result<Vec<_>>>()?);
            Ok(())
        })?;
    }
    Ok(done)
}
