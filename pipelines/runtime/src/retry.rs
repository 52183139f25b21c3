//! What is done about an error, by its class: the one place that decides.

use panorama_api::{ConnectorError, ErrorClass, Result, Shutdown};
use std::time::Duration;

/// How often and how patiently something is tried again (INV-9).
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Tries in all.
    pub attempts_max: u32,
    /// Wait before the second try; doubles each time.
    pub backoff_first: Duration,
    /// Longest wait.
    pub backoff_max: Duration,
}

impl Default for RetryPolicy {
    /// 8 tries over about half a minute: long enough for a restart of a store, short enough to be told soon.
    fn default() -> Self {
        Self {
            attempts_max: 8,
            backoff_first: Duration::from_millis(200),
            backoff_max: Duration::from_secs(10),
        }
    }
}

/// Runs `work` until it succeeds, fails for good, has used up its tries, or a stop is asked for.
///
/// # Errors
/// The last error.
pub async fn with_retries<T, F, W>(
    policy: RetryPolicy,
    shutdown: &Shutdown,
    what: &str,
    mut work: W,
) -> Result<T>
where
    W: FnMut() -> F,
    F: Future<Output = Result<T>>,
{
    let mut backoff = policy.backoff_first;
    for attempt in 1.. {
        let error = match work().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let last = attempt >= policy.attempts_max || shutdown.is_requested();
        if error.class() != ErrorClass::Retry || last {
            return Err(error);
        }
        tracing::warn!(what, attempt, error = %chain(&error), "failed, will try again");
        let mut stop = shutdown.clone();
        tokio::select! {
            () = tokio::time::sleep(backoff) => {}
            () = stop.requested() => {}
        }
        backoff = (backoff * 2).min(policy.backoff_max);
    }
    unreachable!("the loop above returns")
}

/// An error and its causes, on one line.
fn chain(error: &ConnectorError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
