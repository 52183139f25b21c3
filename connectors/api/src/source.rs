//! Sources: where messages come from.

use crate::{Bus, ClientFigures, ErrorClass, Held, NewMessage, Partitions, Result, Shutdown, SourcePosition};
use async_trait::async_trait;
use panorama_model::{Text, Timestamp};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rest before an append is tried again; doubles up to the maximum.
const RETRY_BACKOFF_MIN: Duration = Duration::from_millis(100);
const RETRY_BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Rest before a source begins anew whose partition may be another process's.
const ANEW_BACKOFF: Duration = Duration::from_secs(1);
/// How often it does while its partitions stay the same: then it is not that, and the process is to say so.
const ANEW_MAX: u32 = 10;
/// Work that lasted so long had begun well: it is not counted.
const ANEW_FORGOTTEN: Duration = Duration::from_secs(60);
/// How long a run that is to end waits for partitions that others have, once it has read what it was given.
const GROWTH_WAIT: Duration = Duration::from_secs(10);
/// How long a message waits for a partition: shorter than its sender's patience.
const PARTITION_WAIT: Duration = Duration::from_secs(10);

/// Something that is wrong with the environment of a connector, found before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The configuration key it is about, under the connector's own entry: `listen`, `path`.
    pub key: &'static str,
    /// What is wrong, naming the object.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What happens at the edges, told to the metrics. Labels are names, never data (INV-8).
pub trait Observer: Send + Sync {
    /// Messages were received (before they are durable).
    fn received(&self, source: &str, count: u64);
    /// A message was answered, so long after it was received.
    fn acknowledged(&self, source: &str, code: &str, after: Duration);
    /// A message was a copy of one that is stored already.
    fn duplicate(&self, source: &str);
    /// Something failed.
    fn failed(&self, component: &str, class: crate::ErrorClass);
    /// Bytes held in a buffer now.
    fn buffered(&self, buffer: &str, bytes: u64);
    /// Messages of a partition elsewhere that are still to be brought; none where that is not this process's to know.
    fn lag(&self, topic: &str, partition: u32, messages: Option<u64>);
    /// A client of brokers told of itself; where it has ended, of nothing that is now.
    fn client(&self, _client: &str, _figures: &ClientFigures) {}
}

/// What a source works with.
#[derive(Clone)]
pub struct SourceContext {
    /// The configured source id.
    pub source: Text,
    /// The topic its messages go to, `raw.<source>`.
    pub topic: Text,
    /// The partitions of the topic that they may go to.
    pub partitions: Partitions,
    /// Where messages go.
    pub bus: Arc<dyn Bus>,
    /// End when everything that is there is read, instead of waiting for more (`--until-caught-up`).
    pub finite: bool,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Who counts.
    pub observer: Arc<dyn Observer>,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl SourceContext {
    /// Does the work that a source has with the partitions that are this process's. Where that changes, it is asked to
    /// stop, and begins anew with what it has then. Ends with the work, or when asked to stop.
    ///
    /// - Shape: `part` says what of the partitions matters to the source; none where there is nothing to do.
    ///
    /// # Errors
    /// The work's own, unless it may have failed because its partitions were taken away.
    pub async fn with_partitions<P: Clone + PartialEq, W: Future<Output = Result<()>>>(
        &self,
        part: impl Fn(&[Held]) -> Option<P>,
        work: impl Fn(Self, P) -> W,
    ) -> Result<()> {
        let mut partitions = self.partitions.clone();
        let mut shutdown = self.shutdown.clone();
        let mut anew = 0;
        while !shutdown.is_requested() {
            let held = partitions.now();
            let mine = held.as_deref().map(&part);
            let (stop, inner) = shutdown.part();
            let context = Self {
                shutdown: inner,
                partitions: partitions.begun_with(held.unwrap_or_default()),
                ..self.clone()
            };
            let began = Instant::now();
            let work = async {
                match &mine {
                    Some(Some(part)) => work(context, part.clone()).await,
                    // Others bring what there is.
                    Some(None) if self.finite => Ok(()),
                    _ => stopped(context.shutdown).await,
                }
            };
            let mut work = std::pin::pin!(work);
            // Work that ends because it sees a stop is not to be taken for work that fails.
            let ended = tokio::select! {
                biased;
                () = shutdown.requested() => None,
                () = partitions.until(|now| now.as_deref().map(&part) != mine) => None,
                ended = &mut work => Some(ended),
            };
            match ended {
                // It may be given more, which others have to let go first.
                Some(Ok(())) if self.finite && partitions.may_grow() => {
                    let more = partitions.until(|now| now.as_deref().map(&part) != mine);
                    tokio::select! {
                        () = more => {}
                        () = shutdown.requested() => return Ok(()),
                        () = tokio::time::sleep(GROWTH_WAIT) => return Ok(()),
                    }
                }
                Some(Err(error))
                    if partitions.are_shared() && error.class() == ErrorClass::Retry && anew < ANEW_MAX =>
                {
                    // They may be another process's now: that will be told.
                    anew = if began.elapsed() > ANEW_FORGOTTEN {
                        1
                    } else {
                        anew + 1
                    };
                    tracing::warn!(source = %self.source, %error, cause = %error.cause, "beginning anew");
                    self.observer.failed("source", error.class());
                    tokio::select! {
                        () = shutdown.requested() => {}
                        () = tokio::time::sleep(ANEW_BACKOFF) => {}
                    }
                }
                Some(ended) => return ended,
                None => {
                    anew = 0;
                    stop.send_replace(true);
                    if let Err(error) = work.await
                        && error.class() != ErrorClass::Retry
                    {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// A partition to append to, the same for the same number while nothing changes. Waits a while where there is none
    /// at the moment.
    pub async fn place(&self, number: u64) -> Option<u32> {
        let mut partitions = self.partitions.clone();
        let some = partitions.until(|now| now.is_some_and(|now| !now.is_empty()));
        tokio::time::timeout(PARTITION_WAIT, some).await.ok()?;
        self.partitions.pick(number)
    }

    /// Appends messages to a partition together with the source's position behind them, again and again until they are
    /// durable, once. False where asked to stop before that: then they may be there or not, and the saved position tells.
    ///
    /// # Errors
    /// Where trying again is of no use.
    pub async fn store(
        &self,
        component: &'static str,
        partition: u32,
        messages: Vec<NewMessage>,
        mut position: SourcePosition,
    ) -> Result<bool> {
        position.claim = self.partitions.claim_of(partition);
        let mut backoff = RETRY_BACKOFF_MIN;
        loop {
            let appended = self
                .bus
                .append(&self.topic, partition, messages.clone(), Some(position.clone()))
                .await;
            let error = match appended {
                Ok(_) => return Ok(true),
                Err(error) if error.class() != ErrorClass::Retry => return Err(error),
                Err(error) => error,
            };
            tracing::warn!(source = %self.source, %error, cause = %error.cause, "messages could not be stored; trying again");
            self.observer.failed(component, error.class());
            let mut shutdown = self.shutdown.clone();
            tokio::select! {
                () = shutdown.requested() => return Ok(false),
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(RETRY_BACKOFF_MAX);
            // The append may have been done although it failed: its position, saved with it, tells.
            match self.bus.source_position(&position.name) {
                Ok(saved) if saved.as_ref() == Some(&position.value) => return Ok(true),
                Err(error) if error.class() != ErrorClass::Retry => return Err(error),
                _ => {}
            }
        }
    }
}

/// Nothing to do, until asked to stop.
async fn stopped(mut shutdown: Shutdown) -> Result<()> {
    shutdown.requested().await;
    Ok(())
}

/// Somewhere messages come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// True where the source can end by itself (files), false where it serves until stopped (listeners).
    fn is_finite(&self) -> bool;

    /// Looks for what would keep it from running: paths, ports, credentials.
    async fn check(&self) -> Vec<Problem>;

    /// The partition of our topic that a position belongs to, by the position's name.
    fn partition_of(&self, _position: &[u8], _partitions: u32) -> u32 {
        0
    }

    /// Brings messages to the bus until it is asked to stop, or, if the context is finite, until all is read.
    async fn run(&self, context: SourceContext) -> Result<()>;
}
