//! The reader: takes raw messages from the bus, a batch at a time, and decodes them while the batch before is applied.

use crate::decode::{DecodedMessage, RawMessage, Said, SourceDecoder, decode};
use crate::meta::Positions;
use panorama_api::{Bus, ConnectorError, ReadLimits, Result, Shutdown};
use panorama_model::{SourceRecord, Text};
use panorama_runtime::{Metrics, RetryPolicy, now, seconds_between, with_retries};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How much one epoch may hold, and how often there is one (INV-9).
#[derive(Clone, Copy, Debug)]
pub(crate) struct EpochLimits {
    pub messages_max: usize,
    pub bytes_max: usize,
    pub interval: Duration,
    pub decode_threads: usize,
}

/// What the reader hands on.
pub(crate) enum Work {
    /// Messages, decoded, and where each topic goes on after them.
    Batch {
        messages: Vec<DecodedMessage>,
        next: Positions,
        /// Much more waits in the log, or the rest of what there will ever be: fresh rows have to wait.
        behind: bool,
    },
    /// Nothing to read at the moment.
    Idle,
    /// All sources have ended and all they brought is read.
    CaughtUp,
}

/// Standardizes and indexes the person of a record. Called on every core.
pub(crate) type Prepare = Arc<dyn Fn(&SourceRecord) -> Option<Said> + Send + Sync>;

pub(crate) struct Reader {
    pub bus: Arc<dyn Bus>,
    /// The partitions of the topics of configured sources, with their decoders.
    pub topics: Vec<(Text, u32, Arc<SourceDecoder>)>,
    pub positions: Positions,
    pub limits: EpochLimits,
    pub prepare: Prepare,
    pub metrics: Arc<Metrics>,
    pub shutdown: Shutdown,
    /// True once no source will bring anything more; a service's never do that.
    pub sources_ended: watch::Receiver<bool>,
    pub runtime: Handle,
}

impl Reader {
    /// Reads until it is stopped, has caught up, or nobody takes its work.
    pub(crate) fn run(mut self, work: &SyncSender<Work>) -> Result<()> {
        let next = |topic: &Text, partition: u32| self.positions.get(&(topic.clone(), partition)).copied();
        let places = self.topics.iter().map(|(topic, partition, _)| {
            let from = next(topic, *partition).unwrap_or(0);
            (topic.clone(), *partition, from)
        });
        let places: Vec<_> = places.collect();
        let prefetch = async || self.bus.prefetch(&places);
        let prefetch = with_retries(RetryPolicy::default(), &self.shutdown, "read", prefetch);
        self.runtime.block_on(prefetch)?;
        while !self.shutdown.is_requested() {
            let began = Instant::now();
            let ended = *self.sources_ended.borrow();
            let (raw, full, left) = self.poll()?;
            if raw.is_empty() {
                let idle = if ended { Work::CaughtUp } else { Work::Idle };
                if work.send(idle).is_err() || ended {
                    return Ok(());
                }
                self.wait_for_messages();
                continue;
            }
            let reading = Instant::now();
            let messages = decode(raw, &self.prepare, self.limits.decode_threads);
            self.metrics.spent("decode", reading);
            if work
                .send(Work::Batch {
                    messages,
                    next: self.positions.clone(),
                    behind: left >= self.limits.messages_max as u64 || ended && left > 0,
                })
                .is_err()
            {
                return Ok(());
            }
            if !full && !ended {
                self.gather(began);
            }
        }
        Ok(())
    }

    /// The next messages of every partition, fairly; true if there may be more at once; and how many are left in the log.
    fn poll(&mut self) -> Result<(Vec<RawMessage>, bool, u64)> {
        let began = Instant::now();
        let mut raw = Vec::new();
        let (mut bytes, mut full) = (0, false);
        let share = (self.limits.messages_max / self.topics.len().max(1)).max(1);
        let bytes_share = (self.limits.bytes_max / self.topics.len().max(1)).max(1);
        let mut rooms: Vec<usize> = (0..self.topics.len()).collect();
        // The first round gives every partition its share; what is left goes to those that have more.
        for records_max in [share, self.limits.messages_max] {
            let mut with_more = Vec::new();
            for at in rooms {
                let Some((topic, partition, decoder)) = self.topics.get(at) else {
                    continue;
                };
                let room = self.limits.messages_max.saturating_sub(raw.len());
                let bytes_room = self.limits.bytes_max.saturating_sub(bytes);
                if room == 0 || bytes_room == 0 {
                    full = true;
                    break;
                }
                let limits = ReadLimits {
                    records_max: records_max.min(room),
                    bytes_max: bytes_share.min(bytes_room),
                };
                let next = self.positions.entry((topic.clone(), *partition)).or_insert(0);
                let from = *next;
                let read = async || self.bus.read(topic, *partition, from, limits);
                let read = with_retries(RetryPolicy::default(), &self.shutdown, "read", read);
                let records = self.runtime.block_on(read)?;
                let taken = records.len();
                for record in records {
                    *next = record.offset + 1;
                    bytes += record.payload.len();
                    raw.push((Arc::clone(decoder), *partition, record));
                }
                if taken > 0 {
                    with_more.push(at);
                }
            }
            rooms = with_more;
        }
        let left = self.report_lag(&raw)?;
        self.metrics.spent("read", began);
        Ok((raw, full, left))
    }

    /// Compares where processing goes on with what the log has: a log that was made anew must not look like one at rest.
    ///
    /// # Errors
    /// If the log ends before that.
    pub(crate) fn check_positions(&self) -> Result<()> {
        for ((topic, partition), next) in &self.positions {
            if !self.topics.iter().any(|(configured, ..)| configured == topic) {
                continue;
            }
            let (start, end) = self.bus.bounds(topic, *partition)?;
            if *next > end {
                let cause = format!(
                    "it ends at {end}, but {next} messages of it are processed: it was deleted or made anew, or data_dir \
                     belongs to another log. Use the log that belongs to this data_dir, or an empty data_dir and tables"
                );
                return Err(ConnectorError::fatal("go on reading", topic.as_str(), cause));
            }
            if *next < start {
                tracing::error!(%topic, next, start, "messages were deleted from the log before they were processed");
            }
        }
        Ok(())
    }

    /// Tells how far behind each topic is; returns how many messages are left in all.
    fn report_lag(&self, raw: &[RawMessage]) -> Result<u64> {
        let mut left = 0;
        for (topic, partition, decoder) in &self.topics {
            let (_, end) = self.bus.bounds(topic, *partition)?;
            let place = (topic.clone(), *partition);
            let next = self.positions.get(&place).copied().unwrap_or(0);
            let lag = end.saturating_sub(next);
            left += lag;
            let lag = i64::try_from(lag).unwrap_or(i64::MAX);
            let label = Metrics::labels("topic", topic, "partition", &partition.to_string());
            self.metrics.lag_records.get_or_create(&label).set(lag);
            let oldest = raw
                .iter()
                .find(|(of, _, _)| Arc::ptr_eq(of, decoder))
                .map(|(_, _, r)| r.received_at);
            let age = oldest.map_or(0.0, |at| seconds_between(at, now()));
            self.metrics
                .lag_seconds
                .get_or_create(&Metrics::label("source", &decoder.source))
                .set(age);
        }
        Ok(left)
    }

    /// Lets messages gather until the epoch's interval is over: each epoch costs one flush of the disk.
    fn gather(&mut self, began: Instant) {
        let rest = self.limits.interval.saturating_sub(began.elapsed());
        let mut stop = self.shutdown.clone();
        self.runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = stop.requested() => {}
            }
        });
    }

    fn wait_for_messages(&mut self) {
        let mut stop = self.shutdown.clone();
        let ended = &mut self.sources_ended;
        let bus = &self.bus;
        self.runtime.block_on(async {
            tokio::select! {
                () = bus.appended() => {}
                () = stop.requested() => {}
                _ = ended.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        });
    }
}
