//! The order of statements about one thing, independent of the order of their arrival (INV-6).

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// When a source said something, with a total order that no arrival order can change.
///
/// Two statements of one instant are told apart by the source's own sequence, and then by their content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The source's time of the statement (HL7 EVN-2 or MSH-7, FHIR `meta.lastUpdated`, an event's own time).
    pub at: Timestamp,
    /// The source's order within one instant (HL7 MSH-13, or the digits of MSH-10; 0 where it has none).
    pub sequence: u64,
    /// A hash of the statement's bytes: an arbitrary but fixed order for what cannot be told apart.
    pub content: u64,
}

impl Version {
    /// A version of a statement made at `at`, with `bytes` to break ties.
    pub fn new(at: Timestamp, sequence: u64, bytes: &[u8]) -> Self {
        Self {
            at,
            sequence,
            content: xxhash_rust::xxh3::xxh3_64(bytes),
        }
    }
}
