//! What every pipeline needs to run: state with epochs, metrics, health, retries.
//!
//! Nothing here knows what a message means. The runtime is also the only place that acts on an error's class.

mod cache;
mod clock;
mod filter;
mod health;
mod held;
mod metrics;
mod numbered;
mod postings;
mod retry;
#[cfg(test)]
mod stored;

pub use cache::{StateKey, TypedSpace};
pub use clock::{now, seconds_between};
pub use health::{Health, Readiness};
pub use metrics::Metrics;
pub use numbered::{each_numbered, numbered};
pub use postings::{Changed, PostingIndex, PostingLimits};
pub use retry::{RetryPolicy, with_retries};
