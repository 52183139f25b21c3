//! Where partitions begin and end, as their brokers say: asked about all of them at once, because each answer takes its time.

use crate::client;
use crate::core::Core;
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

/// What the brokers say of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    start: Option<u64>,
    end: Option<u64>,
}

impl Partition {
    /// Whether its end, or its start, is to be asked for.
    fn is_old(&self) -> (bool, bool) {
        let log = self.log();
        let age_max = if log.is_ours { AGE_MAX } else { FOLLOWED_AGE_MAX };
        (
            log.looked_at.elapsed() > age_max,
            log.start_looked_at.elapsed() > AGE_MAX,
        )
    }

    fn learn(&self, news: News) {
        let mut log = self.log();
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
        if let Some(start) = news.start {
            log.start_looked_at = log.looked_at;
            log.start = log.start.max(start.min(log.end));
        }
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
        for topic in self.all_known() {
            for partition in &topic.partitions {
                let (end, start) = partition.is_old();
                if end {
                    of_end.push(Arc::clone(partition));
                }
                if end && start {
                    of_start.push(Arc::clone(partition));
                }
            }
        }
        let mut ends = self.ask_all(&of_end, KafkaOffset::End);
        let mut starts = self.ask_all(&of_start, KafkaOffset::Beginning);
        let silent = |partition: &&Arc<Partition>| !ends.contains_key(&key(partition));
        let silent: Vec<_> = of_end.iter().filter(silent).cloned().collect();
        // One broker that is away must not keep us from what the others have.
        let asked = at_once(&silent, |partition| {
            self.ask(&partition.topic, partition.number(), WAIT_MAX)
        });
        for (partition, found) in silent.iter().zip(asked) {
            match found {
                Ok((start, end)) => {
                    starts.insert(key(partition), start);
                    ends.insert(key(partition), end);
                }
                // What is known still holds; a read or an append will say what is wrong.
                Err(error) => tracing::debug!(topic = %partition.topic, %error, "no news of the bounds"),
            }
        }
        for partition in &of_end {
            partition.learn(News {
                start: starts.remove(&key(partition)),
                end: ends.remove(&key(partition)),
            });
        }
    }

    /// One end of partitions, of as many as answer, in one question to each broker.
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
}

fn key(partition: &Partition) -> (String, i32) {
    (partition.topic.clone(), partition.number())
}

/// Does something with each, with some at the same time: each is a few questions, and answers take their time.
pub(crate) fn at_once<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut done = Vec::with_capacity(all.len());
    for few in all.chunks(AT_ONCE) {
        let work = &work;
        std::thread::scope(|scope| {
            let working: Vec<_> = few.iter().map(|one| scope.spawn(move || work(one))).collect();
            done.extend(working.into_iter().map(|one| match one.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            }));
        });
    }
    done
}
