//! What one message says of one source record.

use crate::{Fact, Person, SourceRecordKey, Version};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What one message says of one source record: demographics, if it speaks of them, and facts.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Whose record.
    pub key: SourceRecordKey,
    /// When it was said.
    pub version: Version,
    /// Demographics and identifiers, if the message speaks of them.
    pub person: Option<Person>,
    /// The demographics are all there is: what they do not speak of is none (FHIR, CSV). HL7 v2 says parts.
    pub complete: bool,
    /// Facts that hang on this record.
    pub facts: Vec<Fact>,
}

impl SourceRecord {
    /// A record that says nothing yet.
    pub const fn new(key: SourceRecordKey, version: Version) -> Self {
        Self {
            key,
            version,
            person: None,
            complete: false,
            facts: Vec::new(),
        }
    }
}

impl fmt::Debug for SourceRecord {
    /// Shape only (INV-8).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceRecord")
            .field("key", &self.key)
            .field("person", &self.person.is_some())
            .field("facts", &self.facts.len())
            .finish_non_exhaustive()
    }
}
