//! The wall clock, read here and handed on as an argument (INV-1).

use panorama_model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The present instant.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Seconds from `earlier` to `later`, never negative: clocks may step back.
pub fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of a delay fit a double's 53 bits"
    )]
    let micros = later.0.saturating_sub(earlier.0).max(0) as f64;
    micros / 1e6
}
