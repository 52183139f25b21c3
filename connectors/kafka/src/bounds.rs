//! Where partitions begin and end, as their brokers say: asked about all of them at once, because each answer takes its time.
//!
//! The client's question about many is answered as a whole or not at all. After one that was not, partitions count as silent,
//! and a thread of its own asks about them (`silent`): nobody who reads waits for a broker that is away.

use crate::core::Core;
use crate::error::Result;
use crate::partition::Partition;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How old bounds may be. Our own appends are always in them; these are retention's.
const AGE_MAX: Duration = Duration::from_secs(5);
/// How old the end may be of a partition that another process may append to.
const FOLLOWED_AGE_MAX: Duration = Duration::from_millis(100);
/// How long news are waited for: while brokers are away, what is known does.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(500);
/// How much is done at the same time: topics, and partitions of each of them.
pub(crate) const AT_ONCE: usize = 8;

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
        if let Err(error) = self.learn(&of_end, &of_start) {
            tracing::debug!(%error, "no news of all bounds at once");
        }
    }

    /// Asks for the ends of partitions, and for the starts of some of them.
    pub(crate) fn learn(
        &self,
        partitions: &[Arc<Partition>],
        of_start: &[Arc<Partition>],
    ) -> KafkaResult<()> {
        let asked = self.ask_all(partitions, KafkaOffset::End);
        // Without them, what is known of the starts holds.
        let mut starts = match asked {
            Ok(_) => self.ask_all(of_start, KafkaOffset::Beginning).unwrap_or_default(),
            Err(_) => HashMap::new(),
        };
        let (mut ends, outcome) = match asked {
            Ok(ends) => (ends, Ok(())),
            Err(error) => (HashMap::new(), Err(error)),
        };
        for partition in partitions {
            partition.learn(News {
                start: starts.remove(&key(partition)),
                end: ends.remove(&key(partition)),
            });
        }
        outcome
    }

    pub(crate) fn all_partitions(&self) -> impl Iterator<Item = Arc<Partition>> {
        let topics = self.all_known().into_iter();
        topics.flat_map(|topic| topic.partitions.clone())
    }

    /// One end of all partitions, in one question to each broker.
    fn ask_all(
        &self,
        partitions: &[Arc<Partition>],
        which: KafkaOffset,
    ) -> KafkaResult<HashMap<(String, i32), u64>> {
        if partitions.is_empty() {
            return Ok(HashMap::new());
        }
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let added = list.add_partition_offset(&partition.topic, partition.number(), which);
            if let Err(error) = added {
                tracing::debug!(topic = %partition.topic, %error, "cannot be asked for");
            }
        }
        let found = self.asker.offsets_for_times(list, WAIT_MAX)?;
        let answers = found.elements().into_iter().filter_map(|one| {
            let KafkaOffset::Offset(offset) = one.offset() else {
                return None;
            };
            let offset = one.error().ok().and_then(|()| u64::try_from(offset).ok())?;
            Some(((one.topic().to_owned(), one.partition()), offset))
        });
        Ok(answers.collect())
    }
}

/// How a partition is spoken of to the client.
pub(crate) fn key(partition: &Partition) -> (String, i32) {
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
