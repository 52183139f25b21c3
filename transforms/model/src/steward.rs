//! A data steward's word on two records: it outranks scores and sources until it is taken back.

use crate::{SourceRecordKey, Text, Version};
use serde::{Deserialize, Serialize};

/// What a steward says of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StewardVerdict {
    /// One person.
    Match,
    /// Two people.
    NoMatch,
    /// An earlier word is taken back: scores decide again.
    Withdrawn,
}

/// One decision, with who took it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StewardDecision {
    /// One record.
    pub a: SourceRecordKey,
    /// The other.
    pub b: SourceRecordKey,
    /// What holds between them.
    pub verdict: StewardVerdict,
    /// Who decided.
    pub by: Text,
    /// Why, in the steward's words.
    pub note: Text,
    /// When.
    pub version: Version,
}
