//! Sources: where messages come from.

use crate::{Bus, ErrorClass, NewMessage, Result, SourcePosition};
use async_trait::async_trait;
use panorama_model::{Text, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Rest before an append is tried again; doubles up to the maximum.
const RETRY_BACKOFF_MIN: Duration = Duration::from_millis(100);
const RETRY_BACKOFF_MAX: Duration = Duration::from_secs(5);

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

/// A request to stop, seen by every part of the process.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A request not yet made, and the way to make it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// True once the request is made.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves once the request is made, or nobody is left to make it.
    pub async fn requested(&mut self) {
        while !*self.0.borrow_and_update() {
            if self.0.changed().await.is_err() {
                return;
            }
        }
    }
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
    /// Messages of a partition elsewhere that are still to be brought.
    fn lag(&self, topic: &str, partition: u32, messages: u64);
}

/// What a source works with.
#[derive(Clone)]
pub struct SourceContext {
    /// The configured source id.
    pub source: Text,
    /// The topic its messages go to, `raw.<source>`; partition 0 unless it has a reason.
    pub topic: Text,
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
    /// Appends messages together with the source's position behind them, again and again until they are durable, once.
    /// False where asked to stop before that: then they may be there or not, and the saved position tells.
    ///
    /// # Errors
    /// Where trying again is of no use.
    pub async fn store(
        &self,
        component: &'static str,
        messages: Vec<NewMessage>,
        position: SourcePosition,
    ) -> Result<bool> {
        let mut backoff = RETRY_BACKOFF_MIN;
        loop {
            let appended = self
                .bus
                .append(&self.topic, 0, messages.clone(), Some(position.clone()))
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
            if self.bus.source_position(&position.name)?.as_ref() == Some(&position.value) {
                return Ok(true);
            }
        }
    }
}

/// Somewhere messages come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// True where the source can end by itself (files), false where it serves until stopped (listeners).
    fn is_finite(&self) -> bool;

    /// Looks for what would keep it from running: paths, ports, credentials.
    async fn check(&self) -> Vec<Problem>;

    /// Brings messages to the bus until it is asked to stop, or, if the context is finite, until all is read.
    async fn run(&self, context: SourceContext) -> Result<()>;
}
