//! Unify: many source records of one person become one 360-degree record and one journey.
//!
//! Each source record brings its own [`Summary`]; summaries combine in any order and any grouping (a commutative,
//! idempotent monoid, INV-6). The golden record and the journey are pure functions of the combined summary and `now`, so
//! late data, merges and unmerges all cost the same: recombine.

mod engagement;
mod evidence;
mod golden;
mod journey;
mod summary;

pub use engagement::{EngagementCounts, engagement};
pub use evidence::{Evidence, EvidenceKind};
pub use golden::{GoldenRecord, golden_record, record_name};
pub use journey::{JOURNEY_RULE_VERSION, JourneyInterval, Phase, journey};
pub use summary::{MemberSummary, Summary};
